#!/usr/bin/python3
"""What other gates of this kind have been broken by, against this one: each attack that is known from the field by its
own name. One machine takes them all, and still runs what its policy describes."""
from lib import execs, tap
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


if __name__ == "__main__":
    tap.main()
