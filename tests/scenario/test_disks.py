#!/usr/bin/python3
"""A hostile host against the disks: swapped, reordered, cut, doubled, with flipped bits.

What a container reads is what its policy's root hashes stand for, or the machine ends; never anything else, not
even an error.
"""
import os
import shutil
import tempfile

from lib import tap
from lib.channel import Dead, Refused
from lib.hostile import SCRIPT, HostileCase
from lib.images import BLOCK, Parts
from lib.workload import TARGET, Workload

COMMAND = ["/bin/sh", "-c", SCRIPT]
REFUSED = ("failed", "denied", "order")


def flip(path, offset, mask=1):
    with open(path, "r+b") as file:
        file.seek(offset)
        value = file.read(1)[0] ^ mask
        file.seek(offset)
        file.write(bytes([value]))


class Disks(HostileCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-disks-")
        self.addCleanup(shutil.rmtree, self.folder)

    def copy(self, path, name):
        target = os.path.join(self.folder, name)
        shutil.copyfile(path, target)
        return target

    def damaged(self, path):
        """{what was done: (path, whether the mount itself must be refused)}"""
        parts = Parts(path)
        size = parts.size
        cases = {}

        def case(name, must_fail, change):
            target = self.copy(path, name.replace(" ", "-"))
            change(target)
            cases[name] = (target, must_fail)

        case("a bit of the file system's superblock", True, lambda p: flip(p, 1024 + 0x38))
        case("a bit of the first block's padding", True, lambda p: flip(p, 0))
        case("a bit of the tree's root", True, lambda p: flip(p, parts.tree))
        case("a bit of the tree's root's padding", True, lambda p: flip(p, parts.tree + BLOCK - 1))
        case("a bit of the tree's leaves", True, lambda p: flip(p, parts.tree + BLOCK))
        case("the verity signature", False, lambda p: flip(p, parts.superblock))
        case("the verity superblock's count of blocks", False, lambda p: flip(p, parts.superblock + 40))
        case("the verity superblock's algorithm", False, lambda p: flip(p, parts.superblock + 32))
        case("the verity superblock's salt", False, lambda p: flip(p, parts.superblock + 88))
        case("cut in the tree", True, lambda p: os.truncate(p, parts.tree + BLOCK // 2 // 512 * 512))
        case("cut before the tree", True, lambda p: os.truncate(p, parts.tree))
        case("cut in the data", True, lambda p: os.truncate(p, parts.superblock // 2 // BLOCK * BLOCK))
        case("cut to one block", True, lambda p: os.truncate(p, BLOCK))
        case("zeros", True, lambda p: (os.truncate(p, 0), os.truncate(p, size)))
        case("doubled", False, lambda p: self.append(p, path))
        case("two blocks changed over", True, lambda p: self.change_over(p, 0, 1))
        return cases

    @staticmethod
    def append(target, source):
        with open(target, "ab") as out, open(source, "rb") as file:
            shutil.copyfileobj(file, out)

    @staticmethod
    def change_over(path, first, second):
        with open(path, "r+b") as file:
            blocks = []
            for number in (first, second):
                file.seek(number * BLOCK)
                blocks.append(file.read(BLOCK))
            for number, block in zip((first, second), reversed(blocks)):
                file.seek(number * BLOCK)
                file.write(block)

    def test_refuses_damaged_disks(self):
        workload = Workload("busybox", COMMAND)
        path, root = workload.disks[0]
        cases = self.damaged(path)
        disks = [path] + [each for each, _ in cases.values()]
        with workload.boot(disks=disks) as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            for lun, (name, (_, must_fail)) in enumerate(cases.items(), 1):
                with self.subTest(damage=name):
                    if must_fail:
                        self.refused(channel, "mount_device", "failed", lun=lun, root_hash=root, target=TARGET.format(lun))
                    else:
                        # What only the superblock says need not matter; if it does, it is refused by name.
                        try:
                            channel.call("mount_device", lun=lun, root_hash=root, target=TARGET.format(lun))
                        except Refused as refusal:
                            self.assertIn(refusal.code, REFUSED)
            self.nothing_ran(channel)
            self.assertEqual(channel.violations, [])

    def test_refuses_damage_and_then_runs_from_the_good_disk(self):
        workload = Workload("busybox", COMMAND)
        path, root = workload.disks[0]
        bad = self.copy(path, "bad")
        flip(bad, 1024 + 0x38)
        with workload.boot(disks=[bad, path]) as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            self.refused(channel, "mount_device", "failed", lun=0, root_hash=root, target=TARGET.format(0))
            self.refused(channel, "mount_overlay", REFUSED, id="c", layers=[TARGET.format(0)])
            channel.call("mount_device", lun=1, root_hash=root, target=TARGET.format(0))
            channel.call("mount_overlay", id="c", layers=[TARGET.format(0)])
            self.runs_as_described(workload, channel)

    def ends(self, machine, word):
        """The machine is dead, and its console says why. Nothing of the container's came out."""
        self.assertTrue(machine.wait_ended(30), "the machine lives on")
        self.assertIn(word, machine.log())
        self.nothing_ran(machine.channel)

    def test_damage_of_the_file_system_itself_ends_the_machine(self):
        """What ext4 reads when it is mounted, behind the block that is checked before."""
        workload = Workload("busybox", COMMAND)
        path, _ = workload.disks[0]
        bad = self.copy(path, "bad")
        flip(bad, BLOCK)
        with workload.boot(disks=[bad]) as machine:
            with self.assertRaises(Dead):
                workload.mount(machine.channel)
            self.ends(machine, "dm-verity device corrupted")

    def test_a_flipped_block_of_a_program_ends_the_machine(self):
        workload = Workload("busybox", COMMAND)
        path, _ = workload.disks[0]
        bad = self.copy(path, "bad")
        for offset in self.program(path):
            flip(bad, offset + 64, 0xFF)
        with workload.boot(disks=[bad]) as machine:
            workload.mount(machine.channel)
            with self.assertRaises(Dead):
                workload.run(machine.channel)
            self.ends(machine, "dm-verity device corrupted")

    @staticmethod
    def program(path):
        """The places of the first 256 blocks of the image's one program."""
        with open(path, "rb") as file:
            start = file.read().index(b"\x7fELF")
        return range(start, start + 256 * BLOCK, BLOCK)

    def test_a_disk_that_changes_once_it_is_mounted_ends_the_machine(self):
        """The host puts another program into the disk that the guest has checked already."""
        workload = Workload("busybox", COMMAND)
        path, _ = workload.disks[0]
        changing = self.copy(path, "changing")
        with workload.boot(disks=[changing]) as machine:
            workload.mount(machine.channel)
            with open(changing, "r+b") as file:
                for offset in self.program(path):
                    file.seek(offset)
                    file.write(bytes(BLOCK))
            with self.assertRaises(Dead):
                workload.run(machine.channel)
            self.ends(machine, "dm-verity device corrupted")

    def test_a_disk_that_fails_once_it_is_mounted_ends_the_machine(self):
        """A host that fails one read at will would take away a single file, as a missing configuration is:
        that is more than denial of service."""
        workload = Workload("busybox", COMMAND)
        path, _ = workload.disks[0]
        rules = os.path.join(self.folder, "rules")
        with open(rules, "w", encoding="ascii") as file:
            for offset in self.program(path):
                file.write(f'[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "{offset // 512}"\n')
        with workload.boot(disks=[f"blkdebug:{rules}:{path}"]) as machine:
            workload.mount(machine.channel)
            with self.assertRaises(Dead):
                workload.run(machine.channel)
            self.ends(machine, "dm-verity device has I/O error")

    def test_refuses_disks_in_each_others_place(self):
        workload = Workload("bash", ["/bin/bash", "-c", SCRIPT])
        other = Workload("busybox", COMMAND)
        path, root = workload.disks[0]
        strange, strange_root = other.disks[0]
        with workload.boot(disks=[strange, path, None, path]) as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            with self.subTest("another disk under a good hash"):
                self.refused(channel, "mount_device", "failed", lun=0, root_hash=root, target=TARGET.format(0))
            with self.subTest("a good disk whose hash the policy does not have"):
                self.refused(channel, "mount_device", "denied", "mount_device", lun=0, root_hash=strange_root,
                             target=TARGET.format(0))
            with self.subTest("no disk there"):
                self.refused(channel, "mount_device", "failed", timeout=60, lun=2, root_hash=root, target=TARGET.format(0))
                self.refused(channel, "mount_device", "failed", timeout=60, lun=255, root_hash=root,
                             target=TARGET.format(0))
            channel.call("mount_device", lun=1, root_hash=root, target=TARGET.format(0))
            with self.subTest("another disk where one is mounted"):
                self.refused(channel, "mount_device", REFUSED, lun=3, root_hash=root, target=TARGET.format(0))
            with self.subTest("a device mounted twice"):
                # The policy allows one layer at two targets, as the reference does; both are checked by the
                # same hash. They must not make up for layers that a container does not have.
                channel.call("mount_device", lun=1, root_hash=root, target=TARGET.format(1))
                self.refused(channel, "mount_overlay", REFUSED, id="c", layers=[TARGET.format(0), TARGET.format(1)])
            channel.call("mount_overlay", id="c", layers=[TARGET.format(0)])
            with self.subTest("an overlay twice"):
                self.refused(channel, "mount_overlay", REFUSED, id="c", layers=[TARGET.format(0)])
            with self.subTest("a second root that the policy does not have"):
                self.refused(channel, "mount_overlay", REFUSED, id="d", layers=[TARGET.format(0), TARGET.format(0)])
            self.nothing_ran(channel)
            self.runs_as_described(workload, channel)

    def test_refuses_layers_in_another_order_or_number(self):
        workload = Workload("layers", ["/bin/sh", "-c", SCRIPT])
        with workload.boot() as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            workload.mount_devices(channel)
            targets = workload.targets()
            swapped = [targets[1], targets[0], *targets[2:]]
            attempts = {"base first": targets[::-1], "two changed over": swapped, "without the base": targets[:-1],
                        "without the top": targets[1:], "the base alone": targets[-1:], "one twice": [targets[0], *targets],
                        "one instead of another": [targets[0], targets[0], *targets[2:]],
                        "one that is not mounted": [TARGET.format(200), *targets[1:]]}
            for name, layers in attempts.items():
                with self.subTest(layers=name):
                    self.refused(channel, "mount_overlay", REFUSED, id="c", layers=layers)
            self.nothing_ran(channel)
            channel.call("mount_overlay", id="c", layers=targets)
            self.runs_as_described(workload, channel)


if __name__ == "__main__":
    tap.main()
