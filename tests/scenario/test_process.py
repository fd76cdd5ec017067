#!/usr/bin/python3
"""What a container's first process is and finds, asked from inside: as the OCI runtime specification and the
policy say, whoever the user is, and nothing more."""
import hashlib
import io
import json
import os
import tarfile
import tempfile

from lib import images, policies, tap
from lib.hostile import HostileCase
from lib.workload import Workload

IDENTITY = """
sed -n 's/^\\(Umask\\|Uid\\|Gid\\|Groups\\|NSpid\\|SigBlk\\|SigIgn\\|CapInh\\|CapPrm\\|CapEff\\|CapBnd\\|CapAmb\\|NoNewPrivs\\):[\\t ]*/\\1 /p' \
    /proc/self/status | tr '\\t' ' ' | sed 's/ *$//'
"""
# Bits of the fourteen capabilities that generated policies name (linux/capability.h).
DEFAULT = "00000000a80425fb"
NONE = "0" * 16

MOUNTS = [
    "/ rw,relatime overlay", "/proc rw,nosuid,nodev,noexec,relatime proc", "/dev rw,nosuid tmpfs",
    "/dev/pts rw,nosuid,noexec,relatime devpts", "/dev/shm rw,nosuid,nodev,noexec,relatime tmpfs",
    "/dev/mqueue rw,nosuid,nodev,noexec,relatime mqueue", "/sys ro,nosuid,nodev,noexec,relatime sysfs",
    "/sys/fs/cgroup ro,nosuid,nodev,noexec,relatime cgroup2",
]  # fmt: skip
HIDDEN = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/bus", "/proc/fs", "/proc/irq",
          "/proc/sys", "/proc/sysrq-trigger"]  # fmt: skip
DEVICES = ["core", "fd", "full 1 7", "mqueue", "null 1 3", "ptmx", "pts", "random 1 8", "shm", "stderr", "stdin", "stdout",
           "tty 5 0", "urandom 1 9", "zero 1 5"]  # fmt: skip


# In the order in which it is hashed. The C library of the image makes folders by either call.
PROFILE = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
    {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_NE"}]}]}  # fmt: skip


def profile_digest(profile):
    return hashlib.sha256(json.dumps(profile, separators=(",", ":")).encode()).hexdigest()


class Process(HostileCase):
    def lines_of(self, script, policy=None, code=0, **process):
        """What the script prints, as the container's only process under a policy that allows it."""
        workload = Workload("busybox", ["/bin/sh", "-c", script], **(policy or {}))
        with workload.boot() as machine:
            workload.mount(machine.channel)
            event, output, errors = workload.run(machine.channel, **process)
            self.assertEqual((event["code"], errors.decode()), (code, ""))
            return output.decode().splitlines()

    def refused_start(self, workload, because, **process):
        """The machine says why, and serves on."""
        with workload.boot() as machine:
            workload.mount(machine.channel)
            refusal = self.refused(machine.channel, "create_container", "failed", **workload.process(**process))
            self.assertIn(because, refusal.reason)
            self.nothing_ran(machine.channel)
            self.assertGreater(machine.channel.call("get_statistics")["memory_total"], 0)

    def test_root_has_the_policys_capabilities_and_no_more(self):
        found = dict(line.split(" ", 1) for line in self.lines_of(IDENTITY) if " " in line)
        self.assertEqual({name: found[name] for name in ("Umask", "Uid", "Gid", "SigBlk", "SigIgn", "NoNewPrivs")},
                         {"Umask": "0022", "Uid": "0 0 0 0", "Gid": "0 0 0 0", "SigBlk": NONE, "SigIgn": NONE, "NoNewPrivs": "0"})
        self.assertEqual([found["Cap" + name] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")], [NONE, DEFAULT, DEFAULT, DEFAULT, NONE])

    def test_user_has_no_capabilities_and_no_way_to_more(self):
        found = dict(line.split(" ", 1) for line in
                     self.lines_of(IDENTITY, {"no_new_privileges": True}, user="1000:7", no_new_privileges=True) if " " in line)
        self.assertEqual((found["Uid"], found["Gid"], found["NoNewPrivs"]), ("1000 " * 3 + "1000", "7 7 7 7", "1"))
        self.assertEqual([found["Cap" + name] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")], [NONE, NONE, NONE, DEFAULT, NONE])

    def test_ambient_capabilities_reach_a_users_program(self):
        one = ["CAP_NET_BIND_SERVICE"]
        capabilities = {name: one for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}
        found = dict(line.split(" ", 1) for line in
                     self.lines_of(IDENTITY, {"capabilities": capabilities}, user="1000", capabilities=capabilities) if " " in line)
        self.assertEqual([found["Cap" + name] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")], ["0000000000000400"] * 5)

    def test_finds_these_mounts_and_no_others(self):
        found = self.lines_of("cut -d' ' -f5,6,9 /proc/self/mountinfo")
        self.assertEqual(found[:len(MOUNTS)], MOUNTS)
        covered = [line.split()[0] for line in found[len(MOUNTS):]]
        self.assertTrue(set(HIDDEN) <= set(covered), covered)
        for line in found[len(MOUNTS):]:
            self.assertTrue(line.split()[1].startswith("ro,"), line)
            self.assertRegex(line.split()[0], "^/(proc|sys)/")

    def test_privileged_container_finds_nothing_hidden_but_the_console(self):
        capabilities = policies.capabilities(policies.CAPABILITIES + ["CAP_SYS_ADMIN"])
        rules = {"allow_elevated": True, "capabilities": capabilities}
        script = """
        cut -d' ' -f5,6 /proc/self/mountinfo | tail -n +2 | grep -v '^/dev'
        [ -s /proc/kcore ] && echo kcore
        mknod /dev/x c 5 1 2>/dev/null && (: </dev/x) 2>/dev/null && echo console
        mknod /dev/disk b $(tr : ' ' </sys/block/vda/dev) && (: </dev/disk) && echo disk
        """
        harmless = "rw,nosuid,nodev,noexec,relatime"
        self.assertEqual(self.lines_of(script, rules, privileged=True, capabilities=capabilities),
                         [f"/proc {harmless}", f"/sys {harmless}", f"/sys/fs/cgroup {harmless}", "kcore", "disk"])

    def test_finds_these_devices(self):
        found = self.lines_of("cd /dev; for f in *; do if [ -c $f ] && [ ! -L $f ]; then "
                              "stat -c '%n %t %T' $f; else echo $f; fi; done; stat -c %a null tty pts shm pts/ptmx")
        self.assertEqual(found, DEVICES + ["666", "666", "755", "1777", "666"])

    def test_has_three_descriptors_and_a_session(self):
        found = self.lines_of("echo /proc/self/fd/*; cut -d' ' -f1,5,6 /proc/self/stat; cat /proc/self/cgroup; ulimit -n; "
                              "cat /proc/sys/kernel/hostname", hostname="mine")
        # The glob has a descriptor of its own open while it reads the folder.
        self.assertIn(found[0], ("/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2",
                                 "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3"))
        self.assertEqual(found[1].split()[1:], ["1", "1"])
        self.assertEqual(found[2:], ["0::/", "1048576", "mine"])

    def test_user_may_open_its_streams_again(self):
        self.assertEqual(self.lines_of("echo again >/dev/stdout; echo ok", user="1000"), ["again", "ok"])

    def test_home_is_of_the_images_users(self):
        env = ["PATH=/bin"]
        workload = Workload("busybox", ["/bin/sh", "-c", "echo $HOME"], env=env)
        for user, home in (("0", "/"), ("4711", "/")):
            with self.subTest(user), workload.boot() as machine:
                workload.mount(machine.channel)
                _, output, _ = workload.run(machine.channel, user=user)
                self.assertEqual(output.decode(), home + "\n")

    def test_works_in_a_folder_that_is_made_for_it(self):
        found = self.lines_of("pwd; stat -c '%u %a' . ..; touch x 2>/dev/null || echo read-only", {"cwd": "/new/deep"},
                              cwd="/new/deep", read_only_root=True)
        self.assertEqual(found, ["/new/deep", "0 755", "0 755", "read-only"])

    def test_mounts_on_a_link_that_points_to_nothing(self):
        """As images have that once ran systemd: the file is made where the link leads, within the container."""
        mount = {"destination": "/etc/link", "options": ["rbind", "rshared", "ro"],
                 "source": "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/resolvconf/resolv.conf", "type": "bind"}
        rule = dict(mount, source="sandbox:///tmp/atlas/resolvconf/.+")
        found = self.lines_of("cat /etc/link; grep -c ' /etc/link ro' /proc/self/mountinfo", {"mounts": [rule]}, mounts=[mount])
        self.assertEqual(found, ["1"])

    def test_finds_a_tmpfs_with_its_options(self):
        mount = {"destination": "/cache", "options": ["nosuid", "noexec", "size=1m", "mode=700"], "source": "tmpfs", "type": "tmpfs"}
        found = self.lines_of("stat -c %a /cache; grep ' /cache ' /proc/self/mountinfo | cut -d' ' -f6; "
                              "dd if=/dev/zero of=/cache/x bs=2M count=1 2>/dev/null || echo full",
                              {"mounts": [mount]}, mounts=[mount])
        self.assertEqual(found, ["700", "rw,nosuid,noexec,relatime", "full"])

    def test_has_all_that_confines_it_and_no_other(self):
        """One machine: what differs from the policy is refused, and then the container has everything at once."""
        rlimits = ["nofile=64:2048", "core=0:0"]
        sysctls = ["net.core.somaxconn=321", "kernel.shmmni=77", "kernel.sem=250 32000 32 99", "fs.mqueue.queues_max=9"]
        tmpfs = {"destination": "/cache", "options": ["nosuid", "size=1m"], "source": "tmpfs", "type": "tmpfs"}
        shm = {"destination": "/dev/shm", "options": ["nosuid", "nodev", "noexec", "mode=1777", "size=2m"], "source": "shm", "type": "tmpfs"}
        some = policies.capabilities(["CAP_CHOWN", "CAP_SYS_ADMIN"])
        user = {"user_idname": {"pattern": "1000", "strategy": "id"}, "umask": "0027", "group_idnames": [{"pattern": i, "strategy": "id"} for i in ("7", "9")]}
        script = IDENTITY + """
        grep ^Seccomp: /proc/self/status | tr '\\t' ' '
        mkdir /tmp/x
        ulimit -c; ulimit -n; ulimit -Hn
        cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmni /proc/sys/kernel/sem /proc/sys/fs/mqueue/queues_max | tr '\\t' ' '
        df -k /cache /dev/shm | awk '{print $2}' | tail -n 2
        touch /x 2>/dev/null || echo read-only
        """
        workload = Workload("busybox", ["/bin/sh", "-c", script], user=user, mounts=[tmpfs, shm], capabilities=some,
                            seccomp_profile_sha256=profile_digest(PROFILE), caisson_rlimits=rlimits, caisson_sysctls=sysctls, caisson_read_only_root=True)  # fmt: skip
        given = {"user": "1000:7", "groups": ["9", "7"], "umask": 0o27, "mounts": [tmpfs, shm], "capabilities": some, "seccomp": PROFILE, "read_only_root": True,
                 "rlimits": rlimits[::-1], "sysctls": sysctls[::-1]}  # fmt: skip
        with workload.boot() as machine:
            workload.mount(machine.channel)
            for code, change in (
                ("denied", {"seccomp": dict(PROFILE, defaultAction="SCMP_ACT_LOG")}), ("denied", {"seccomp": {}}),
                ("denied", {"seccomp": dict(PROFILE, syscalls=PROFILE["syscalls"][:1])}), ("invalid", {"seccomp": json.dumps(PROFILE)}),
                ("denied", {"seccomp": dict(PROFILE, syscalls=PROFILE["syscalls"][::-1])}), ("invalid", {"seccomp": None}),
                ("denied", {"umask": 0o22}), ("denied", {"user": "1000:8"}), ("denied", {"groups": ["8"]}), ("denied", {"groups": ["9", "0"]}),
                ("failed", {"groups": ["nogroup"]}), ("invalid", {"groups": "9"}), ("invalid", {"groups": [str(i) for i in range(33)]}), ("denied", {"mounts": [dict(shm, options=["size=2m"])]}),
                ("denied", {"rlimits": ["nofile=4:4", "core=0:0"]}), ("denied", {"rlimits": rlimits[:1]}), ("denied", {"rlimits": [*rlimits, "fsize=0:0"]}),
                ("denied", {"rlimits": []}), ("denied", {"rlimits": sysctls}), ("invalid", {"rlimits": ["core=0:0"] * 33}), ("invalid", {"rlimits": {"nofile": [64, 2048]}}),
                ("denied", {"sysctls": []}), ("denied", {"sysctls": sysctls[1:]}), ("denied", {"sysctls": [*sysctls, "kernel.core_pattern=1"]}),
                ("denied", {"sysctls": ["net.core.somaxconn=322", *sysctls[1:]]}), ("invalid", {"sysctls": ["net.core.somaxconn", 321]}), ("denied", {"read_only_root": False}),
            ):  # fmt: skip
                with self.subTest(change):
                    self.refused(machine.channel, "create_container", code, **workload.process(**dict(given, **change)))
            without = {key: value for key, value in given.items() if key != "seccomp"}
            self.refused(machine.channel, "create_container", "denied", **workload.process(**without))
            self.nothing_ran(machine.channel)
            event, output, errors = workload.run(machine.channel, **given)
            self.assertEqual((event["code"], errors.decode()), (0, "mkdir: can't create directory '/tmp/x': No space left on device\n"))
            found = output.decode().splitlines()
            status = dict(line.split(" ", 1) for line in found if " " in line and not line[0].isdigit())
            self.assertEqual({name: status[name] for name in ("Umask", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp:")},
                             {"Umask": "0027", "Uid": "1000 " * 3 + "1000", "Gid": "7 7 7 7", "Groups": "9", "NoNewPrivs": "0", "Seccomp:": "2"})
            # CAP_SYS_ADMIN, by which the filter was installed, is in none of the sets of what runs; bits 0 and 21 are the policy's.
            self.assertEqual([status["Cap" + name] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")], [NONE, NONE, NONE, "0000000000200001", NONE])
            self.assertEqual(found[-10:], ["0", "64", "2048", "321", "77", "250 32000 32 99", "9", "1024", "2048", "read-only"])
            # Keys that are in no digest say nothing that the guest would not understand.
            machine.channel.call("mount_overlay", id="d", layers=workload.targets())
            odd = dict(given, id="d", seccomp=dict(PROFILE, comment="same digest"))
            refusal = self.refused(machine.channel, "create_container", "failed", **workload.process(**odd))
            self.assertIn('seccomp: key "comment" is unknown', refusal.reason)

    def test_root_installs_a_profile_and_gets_no_more_capabilities_by_it(self):
        """Also where the profile allows nothing of what precedes the program."""
        rules = [{"names": ["capset", "setresuid", "setresgid", "setgroups", "seccomp"], "action": "SCMP_ACT_KILL_PROCESS"}]
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
        for no_new_privileges in (False, True):
            with self.subTest(no_new_privileges=no_new_privileges):
                found = dict(line.split(" ", 1) for line in self.lines_of(
                    IDENTITY, {"seccomp_profile_sha256": profile_digest(profile), "no_new_privileges": no_new_privileges},
                    seccomp=profile, no_new_privileges=no_new_privileges) if " " in line)  # fmt: skip
                self.assertEqual([found["Cap" + name] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")], [NONE, DEFAULT, DEFAULT, DEFAULT, NONE])

    def test_a_policy_sets_nothing_that_is_the_machines(self):
        workload = Workload("busybox", ["/bin/true"], caisson_sysctls=["kernel.core_pattern=1"])
        self.refused_start(workload, 'not a container\'s to set: sysctl "kernel.core_pattern=1"', sysctls=["kernel.core_pattern=1"])

    def test_refuses_to_start_what_is_no_program(self):
        for command, because in ((["nosuch"], "nosuch is in no folder of the container's PATH"), (["/nosuch"], "/nosuch: No such file"),
                                 (["/etc"], "/etc: Permission denied"), (["/etc/passwd"], "/etc/passwd: Permission denied")):
            with self.subTest(command):
                self.refused_start(Workload("busybox", command), because)

    def test_refuses_to_work_in_what_is_no_folder(self):
        self.refused_start(Workload("busybox", ["/bin/true"], cwd="/bin/busybox"), "/bin/busybox: Not a directory",
                           cwd="/bin/busybox")

    def test_starts_no_shell_for_a_file_of_no_format(self):
        """execvp(3) would: that is another program than the policy names."""
        workload = Workload("busybox", ["odd"])
        with tempfile.TemporaryDirectory() as folder:
            layer = os.path.join(folder, "layer.tar")
            with tarfile.open(layer, "w") as tar:
                entry = tarfile.TarInfo("bin/odd")
                entry.mode, data = 0o755, b"echo a shell\n"
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            workload.disks.append(images.disk(layer, "process-odd"))
        workload.container = policies.container([root for _, root in workload.disks], ["odd"], workload.env)
        self.refused_start(workload, "Exec format error")


if __name__ == "__main__":
    tap.main()
