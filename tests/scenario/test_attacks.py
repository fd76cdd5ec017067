#!/usr/bin/python3
"""What other gates of this kind have been broken by, against this one: each attack that is known from the field by its
own name. One machine takes them all, and still runs what its policy describes.

And what confines a container: a host that changes any of it is refused, and what is left to it only takes away."""
import hashlib
import json

from lib import execs, policies, tap
from lib.channel import Refused
from lib.hostile import HostileCase
from lib.workload import TARGET, Workload

COMMAND = ["/bin/sh", "-c", "env; echo end; exec sleep 1000"]
OTHER = "0123456789abcdef" * 4
PROBE = ["/bin/busybox", "true"]
RESOLV = {"destination": "/etc/resolv.conf", "type": "bind", "options": ["rbind", "rshared", "rw"],
          "source": "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/resolvconf/resolv.conf"}


class Attacks(HostileCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.workload = Workload("busybox", COMMAND, signals=[9], exec_processes=[{"command": PROBE, "signals": []}])
        cls.machine = cls.workload.boot()
        cls.channel = cls.machine.channel

    @classmethod
    def tearDownClass(cls):
        cls.machine.stop()

    def create(self, code=("denied", "invalid"), **changes):
        return self.refused(self.channel, "create_container", code, **self.workload.process(**changes))

    # The order of the names is that of a machine's life.

    def test_1_calls_before_the_policy(self):
        for op, args in (("mount_device", {"lun": 0, "root_hash": self.workload.disks[0][1], "target": TARGET.format(0)}),
                         ("mount_overlay", {"id": "c", "layers": [TARGET.format(0)]}),
                         ("create_container", self.workload.process()), ("exec_in_container", {}),
                         ("load_fragment", {"stream": 0, "size": 1}), ("scratch_mount", {"lun": 0})):
            with self.subTest(op=op):
                self.refused(self.channel, op, ("order", "invalid"), **args)

    def test_2_an_old_policy_and_a_second_one(self):
        old = Workload("busybox", ["/bin/sh", "-c", "echo last year's"]).policy()
        with self.assertRaises(Refused) as caught:
            self.channel.set_policy(old)
        self.assertIn("HOST_DATA", caught.exception.reason)
        self.channel.set_policy(self.workload.policy())
        for text in (old, self.workload.policy()):
            self.refused(self.channel, "set_policy", "order", stream=self.channel.open().number, size=len(text))

    def test_3_an_image_of_the_hosts_choice(self):
        """A name is not asked for anywhere: only the digest of what is mounted."""
        self.refused(self.channel, "mount_device", "denied", "mount_device", lun=0, root_hash=OTHER, target=TARGET.format(0))
        self.refused(self.channel, "mount_device", "invalid", lun=0, root_hash=self.workload.disks[0][1],
                     target=TARGET.format(0), image="busybox")
        self.workload.mount_devices(self.channel)

    def test_4_one_place_for_two_devices(self):
        for lun, (_, root) in enumerate(self.workload.disks):
            self.refused(self.channel, "mount_device", "denied", "mount_device", lun=lun, root_hash=root,
                         target=TARGET.format(0))

    def test_5_ids_that_climb(self):
        for name in ("../c", "c/..", "c/../../etc", "..", ".c", "", "c\n", "c/d", "%2e%2e", "C" * 65):
            with self.subTest(id=name):
                self.refused(self.channel, "mount_overlay", ("invalid", "denied"), id=name, layers=self.workload.targets())

    def test_6_a_root_that_no_container_declares(self):
        targets = self.workload.targets()
        for layers in (targets + targets[:1], [targets[0]] * len(targets) + targets[:1], targets[1:], [TARGET.format(77)]):
            with self.subTest(layers=layers):
                self.refused(self.channel, "mount_overlay", ("invalid", "denied"), id="extra", layers=layers)
        self.channel.call("mount_overlay", id="c", layers=targets)
        self.create("order", id="extra")

    def test_7_specifications_of_the_hosts(self):
        for name, more in {"another root": {"root": {"path": "/run/mounts/scsi/m0"}}, "a bound root": {"rootfs": "/"},
                           "the sandbox": {"sandbox": True}, "a type": {"annotations": {"container-type": "sandbox"}},
                           "devices": {"devices": ["/dev/sda"]}, "hooks": {"hooks": {"prestart": []}},
                           "namespaces": {"namespaces": []}}.items():
            with self.subTest(of=name):
                self.create("invalid", **more)

    def test_8_mounts(self):
        other = dict(RESOLV, source=RESOLV["source"].replace("resolv.conf", "other"))
        for name, mounts in {"two on one place": [RESOLV, other], "an option more": [dict(RESOLV, options=RESOLV["options"] + ["suid"])],
                             "an option twice": [dict(RESOLV, options=["rbind", "rbind", "rw"])],
                             "another place": [dict(RESOLV, destination="/bin")],
                             "a place spelt otherwise": [dict(RESOLV, destination="/etc/../bin")],
                             "the machine's own": [dict(RESOLV, source="/etc/resolv.conf")],
                             "a source that climbs": [dict(RESOLV, source=RESOLV["source"] + "/../../../../../../../../bin")],
                             "a file system": [dict(RESOLV, type="overlay", source="overlay")]}.items():
            with self.subTest(mounts=name):
                self.create(mounts=mounts)

    def test_9_variables(self):
        """Names are told apart by case; of one name there is one value. What no rule knows is dropped here: nothing of it
        may reach the process."""
        env = self.workload.env + ["path=/evil", "Path=/evil", "LD_PRELOAD=/evil.so", "PATH=/evil"]
        _, output, _ = self.workload.start(self.channel, env=env)
        self.channel.wait(lambda: output.data.endswith(b"end\n"), 60, "all of the variables")
        lines = output.data.decode().splitlines()
        self.assertIn(self.workload.env[0], lines)
        names = [line.split("=")[0] for line in lines]
        self.assertEqual([names.count(name) for name in ("PATH", "path", "Path", "LD_PRELOAD")], [1, 0, 0, 0])

    def test_a_programs_beside_the_described_one(self):
        """By another path to the same file, by a relative one, or with other words."""
        for args in (["/bin/true"], ["busybox", "true"], ["/bin/../bin/busybox", "true"], ["/bin/busybox"],
                     ["/bin/busybox", "true", ""], ["/proc/self/root/bin/busybox", "true"], ["/bin/busybox", "sh"]):
            with self.subTest(args=args):
                self.refused(self.channel, "exec_in_container", "denied", "exec_in_container",
                             **execs.request(self.workload, args))
        self.refused(self.channel, "exec_external", ("denied", "invalid"), args=["/bin/sh"])

    def test_b_layers_and_roots_in_use(self):
        for lun in range(len(self.workload.disks)):
            self.refused(self.channel, "unmount_device", "denied", "unmount_device", target=TARGET.format(lun))
        self.refused(self.channel, "unmount_overlay", ("order", "denied"), id="c")
        self.refused(self.channel, "create_container", ("order", "denied"), **self.workload.process())
        self.refused(self.channel, "mount_overlay", ("order", "denied"), id="c", layers=self.workload.targets())

    def test_c_unmounts_that_fail_change_nothing(self):
        for target in (TARGET.format(99), "/run/mounts/scsi", "/", "/run/mounts/scsi/m0/../m0"):
            self.refused(self.channel, "unmount_device", ("denied", "invalid"), target=target)
        self.refused(self.channel, "unmount_overlay", ("order", "denied", "invalid"), id="extra")
        # All is where it was: a process can be started in the container, and its root read.
        self.assertEqual(execs.Exec(self.channel, self.workload, PROBE).wait()[0]["code"], 0)

    def test_d_files_in_and_out(self):
        """There is no call that copies a file: no link in a root can lead one astray."""
        for op in ("copy_file", "cp", "put_file", "read_file", "modify", "rpc_CopyFileRequest"):
            self.refused(self.channel, op, "invalid", id="c", path="/etc/link/file")

    def test_e_an_id_again(self):
        self.channel.call("signal_container_process", id="c", signal=9)
        self.assertEqual(self.channel.event("exited", 60, id="c", process=0)["signal"], 9)
        self.create(("order", "denied"))
        self.refused(self.channel, "mount_overlay", ("order", "denied"), id="c", layers=self.workload.targets())
        self.assertEqual(self.channel.violations, [])


PROFILE = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
           "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ERRNO"}]}  # fmt: skip
USER = {"user_idname": {"pattern": "1000", "strategy": "id"}, "group_idnames": [{"pattern": "7", "strategy": "id"}], "umask": "0027"}
CACHE = {"destination": "/cache", "options": ["nosuid", "noexec", "size=1m"], "source": "tmpfs", "type": "tmpfs"}
SOME = policies.capabilities(["CAP_CHOWN", "CAP_KILL"])


class Confined(Workload):
    """Nothing of its own may be left out; what is asked for is all of what its policy says."""

    def policy(self):
        return super().policy().replace(b"_dropping := true", b"_dropping := false")

    def process(self, **changes):
        return super().process(**{**self.given(), **changes})

    @staticmethod
    def given():
        return {"user": "1000:7", "umask": 0o27, "capabilities": SOME, "no_new_privileges": True, "seccomp": PROFILE, "mounts": [CACHE],
                "rlimits": ["nofile=64:64", "core=0:0"], "sysctls": ["net.core.somaxconn=77"], "read_only_root": True}  # fmt: skip


def changed(capabilities, **sets):
    return {"capabilities": dict(capabilities, **sets)}


# By what a host would change: what it asks for instead.
CHANGES = {
    "users": [{"user": "0:7"}, {"user": ""}, {"user": "1001:7"}, {"user": "1000:8"}, {"groups": ["8"]}, {"groups": ["7", "0"]}],
    "capabilities": [{"capabilities": policies.capabilities()}, {"capabilities": policies.capabilities(["CAP_CHOWN"])},
                     changed(SOME, ambient=["CAP_CHOWN"]), changed(SOME, inheritable=["CAP_KILL"]),
                     changed(SOME, bounding=["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"])],
    "privileges": [{"privileged": True}, {"no_new_privileges": False}],
    "seccomp": [{"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}, {"seccomp": dict(PROFILE, syscalls=[])},
                {"seccomp": dict(PROFILE, architectures=[])}],
    "umask": [{"umask": 0}, {"umask": 0o777}],
    "ulimits": [{"rlimits": []}, {"rlimits": ["nofile=64:64"]}, {"rlimits": ["nofile=64:65", "core=0:0"]},
                {"rlimits": ["nofile=64:64", "core=0:0", "fsize=0:0"]}, {"rlimits": ["nofile=064:64", "core=0:0"]}],
    "read-only root": [{"read_only_root": False}],
    "tmpfs": [{"mounts": [dict(CACHE, **change)]} for change in (
        {"options": ["nosuid", "noexec", "size=9m"]}, {"options": ["nosuid", "noexec"]}, {"options": ["nosuid", "size=1m", "exec"]},
        {"options": [*CACHE["options"], "mode=777"]}, {"destination": "/bin"}, {"type": "proc"}, {"source": "none"})],
    "sysctls": [{"sysctls": []}, {"sysctls": ["net.core.somaxconn=78"]}, {"sysctls": ["net.core.somaxconn=77", "kernel.sem=1"]},
                {"sysctls": ["net.ipv4.ip_forward=1"]}],
    "devices": [{"mounts": [CACHE, {"destination": "/dev/sda", "type": "bind", "source": "/dev/sda", "options": ["rbind", "rw"]}]},
                {"mounts": [CACHE, {"destination": "/dev", "type": "devtmpfs", "source": "devtmpfs", "options": []}]}],
    "masked paths": [{"mounts": [CACHE, {"destination": at, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]}]}
                     for at in ("/proc", "/proc/sys", "/proc/kcore", "/sys/firmware")],
}  # fmt: skip
# Words that a request does not have: there is no way to ask.
UNKNOWN = ["devices", "masked_paths", "readonly_paths", "maskedPaths", "hooks", "apparmor", "oom_score_adj", "annotations"]


class Confinement(HostileCase):
    """No request with one thing changed starts anything; the whole one does, and then binds what is run beside it."""

    def test_what_confines_a_container_is_the_policys(self):
        digest = hashlib.sha256(json.dumps(PROFILE, separators=(",", ":")).encode()).hexdigest()
        rules = {"user": USER, "capabilities": SOME, "no_new_privileges": True, "seccomp_profile_sha256": digest, "mounts": [CACHE],
                 "caisson_rlimits": ["core=0:0", "nofile=64:64"], "caisson_sysctls": ["net.core.somaxconn=77"],
                 "caisson_read_only_root": True, "exec_processes": [{"command": PROBE, "signals": []}], "signals": [9]}  # fmt: skip
        workload = Confined("busybox", ["/bin/sleep", "1000"], **rules)
        with workload.boot() as machine:
            workload.mount(machine.channel)
            for what, attempts in CHANGES.items():
                for attempt in attempts:
                    with self.subTest(what, attempt=attempt):
                        self.refused(machine.channel, "create_container", "denied", "create_container", **workload.process(**attempt))
            with self.subTest("no seccomp profile"):
                bare = {key: value for key, value in workload.process().items() if key != "seccomp"}
                self.refused(machine.channel, "create_container", "denied", "create_container", **bare)
            for name in UNKNOWN:
                with self.subTest(unknown=name):
                    self.refused(machine.channel, "create_container", "invalid", **workload.process(), **{name: []})
            self.nothing_ran(machine.channel)
            workload.start(machine.channel)
            self.beside(workload, machine.channel)

    def beside(self, workload, channel):
        whole = {"user": "1000:7", "umask": 0o27, "capabilities": SOME, "no_new_privileges": True}
        for key in ("users", "capabilities", "umask"):
            for attempt in CHANGES[key]:
                with self.subTest("beside", attempt=attempt):
                    self.refused(channel, "exec_in_container", "denied", "exec_in_container",
                                 **self.exec_request(workload, **{**whole, **attempt}))
        self.refused(channel, "exec_in_container", "denied", "exec_in_container",
                     **self.exec_request(workload, **dict(whole, no_new_privileges=False)))
        for key in ("seccomp", "rlimits", "sysctls", "read_only_root", "mounts"):
            self.refused(channel, "exec_in_container", "invalid", **self.exec_request(workload, **whole), **{key: workload.given()[key]})
        number = channel.request("exec_in_container", **self.exec_request(workload, **whole))
        channel.answer(number, 60)
        self.assertEqual(channel.event("exited", 60, id=workload.name, process=number)["code"], 0)

    @staticmethod
    def exec_request(workload, **changes):
        value = execs.request(workload, PROBE, **changes)
        return {key: each for key, each in value.items() if key in changes or key not in workload.given() or key == "user"}


# What a process can do and find, a line each: a host's choice may make the list shorter, never longer.
ABILITIES = """
for d in /dev/*; do [ -c $d ] && (: <$d) 2>/dev/null && echo opens $d; done
for f in / /run /dev/shm /dev /etc /data /proc/sys /sys; do (: >$f/w) 2>/dev/null && echo writes below $f; done
for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware /proc/scsi; do [ -s $f -a -f $f ] && echo reads $f; ls -A $f/ 2>/dev/null | sed s,^,finds,; done
sed -n 's/^\\(Uid\\|Gid\\|Groups\\|CapBnd\\|CapEff\\|CapAmb\\|CapInh\\|Umask\\|Seccomp\\):/is &/p' /proc/self/status
grep -q 'NoNewPrivs.*0' /proc/self/status && echo may gain privileges
env | sed 's/^/has /'
for f in pids.max memory.max cpu.max; do grep -q ^max /sys/fs/cgroup/$f && echo has all of $f; done
echo limits $(ulimit -n) $(ulimit -c) $(ulimit -s)
echo a queue of $(cat /proc/sys/net/core/somaxconn)
cut -d' ' -f5 /proc/self/mountinfo | grep -v '^/run$' | sort -u | sed 's/^/finds a mount on /'
exit 0
"""
DATA = {"destination": "/data", "type": "bind", "options": ["rbind", "rshared", "rw"],
        "source": "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/emptydir/data"}  # fmt: skip
RUN = {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}
SHM = {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]}
DEV = {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}


class LeftToTheHost(HostileCase):
    """docs/threat-model.md, "What the policy does not decide": each choice takes away, or changes nothing. Only an image
    without /run gains by one: the empty folder that the host may put there."""

    def abilities(self, name, **changes):
        self.channel.call("mount_overlay", id=name, layers=self.workload.targets())
        _, output, errors = self.workload.start(self.channel, **dict({"mounts": [DATA]}, id=name, **changes))
        self.assertEqual(self.channel.event("exited", 120, id=name)["code"], 0, bytes(errors.data))
        return set(self.channel.read_all(output).decode().splitlines())

    def test_what_the_host_may_choose_only_takes_away(self):
        self.workload = Workload("busybox", ["/bin/sh", "-c", ABILITIES.replace("\\\\", "\\")], env=["PATH=/bin", "MODE=safe"],
                                 mounts=[dict(DATA, source="sandbox:///tmp/atlas/emptydir/.+")])
        with self.workload.boot() as machine:
            self.channel = machine.channel
            self.channel.set_policy(self.workload.policy())
            self.workload.mount_devices(self.channel)
            all_of_it = self.abilities("all")
            for name, (changes, gone) in self.choices().items():
                with self.subTest(name):
                    found = self.abilities(name, **changes)
                    self.assertEqual(found - all_of_it, {"writes below /run"} if RUN in changes.get("mounts", ()) else set())
                    self.assertEqual(all_of_it - found, gone)
            # Over the machine's own /dev there is nothing to cover what is hidden with: it does not start.
            self.channel.call("mount_overlay", id="dev", layers=self.workload.targets())
            self.refused(self.channel, "create_container", "failed", **self.workload.process(id="dev", mounts=[DEV]))

    @staticmethod
    def choices():
        data, found = "writes below /data", "finds a mount on /data"
        return {
            "no-mounts": ({"mounts": []}, {data, found}),
            "no-variable": ({"env": ["PATH=/bin"]}, {"has MODE=safe"}),
            "a-smaller-group": ({"limits": {"memory": 64 << 20, "cpu": 500, "count": 50}},
                                {f"has all of {each}.max" for each in ("pids", "memory", "cpu")}),
            "an-empty-run": ({"mounts": [DATA, RUN]}, set()),
            "an-empty-shm": ({"mounts": [DATA, SHM]}, set()),
            "no-new-privileges": ({"no_new_privileges": True}, {"may gain privileges"}),
            "a-root-to-read": ({"read_only_root": True}, {"writes below /", "writes below /etc"}),
            "all-at-once": ({"mounts": [SHM], "no_new_privileges": True, "read_only_root": True, "env": ["PATH=/bin"]},
                            {data, found, "has MODE=safe", "may gain privileges", "writes below /", "writes below /etc"}),
        }  # fmt: skip


if __name__ == "__main__":
    tap.main()
