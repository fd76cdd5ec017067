#!/usr/bin/python3
"""The encrypted scratch disk against its host, which holds the file behind it and changes what it likes: what a
container reads is what it wrote, or an I/O error."""
import json
import os
import random
import tempfile

from lib import hostile, paths, policies, scratch, tap
from lib.channel import Refused, load_fragment
from lib.workload import Workload

BLOCK = 4096
BLOCKS = 128  # of the file on the disk
MARKER = "caisson keeps this block to itself. "
CAPABILITIES = policies.CAPABILITIES + ["CAP_SYS_ADMIN"]


class Shell:
    """A shell in a privileged container, which may drop the machine's caches."""

    def __init__(self, workload, channel):
        self.channel = channel
        self.input, self.output, self.errors = workload.start(
            channel, stdin=True, privileged=True, capabilities=policies.capabilities(CAPABILITIES))
        self.count = 0

    def run(self, command, timeout=120):
        """The command's output and status."""
        self.count += 1
        end = f"\n=={self.count} ".encode()
        start = len(self.output.data)
        self.channel.write(self.input, f"({command}) 2>&1; r=$?; echo; echo =={self.count} $r\n".encode())
        self.channel.wait(lambda: self.output.data.find(end, start) >= 0 and self.output.data.endswith(b"\n"), timeout,
                          f"end of {command}")
        text, status = bytes(self.output.data[start:]).rsplit(end, 1)
        return text, int(status)

    def ask(self, command, timeout=120):
        text, status = self.run(command, timeout)
        if status:
            raise AssertionError(f"{command}: status {status}: {text!r}")
        return text.decode().rstrip("\n")

    def forget(self):
        """Writes all that is dirty and drops every cache, so that the next read comes from the disk."""
        self.ask("sync; echo 3 >/proc/sys/vm/drop_caches; echo 3 >/proc/sys/vm/drop_caches")

    def write(self, name, text, blocks):
        """A file of so many blocks, each of them its number and the text over and over."""
        line = text * (BLOCK // len(text) + 1)
        self.ask(f"i=0; while [ $i -lt {blocks} ]; do printf '%08d%s' $i '{line[:BLOCK - 8]}'; i=$((i + 1)); done >{name}; sync")
        return [b"%08d" % number + line[:BLOCK - 8].encode() for number in range(blocks)]

    def read(self, name, blocks):
        """The file's blocks, read one by one; None for each that is an I/O error."""
        loop = (f"i=0; while [ $i -lt {blocks} ]; do dd if={name} bs={BLOCK} count=1 skip=$i 2>/dev/shm/why || "
                f"{{ grep -q 'Input/output error' /dev/shm/why && printf %0{BLOCK}d 0; }} || exit 1; i=$((i + 1)); done")
        text, status = self.run(loop)
        if status or len(text) != blocks * BLOCK:
            raise AssertionError(f"status {status}, {len(text)} bytes: " + self.ask("cat /dev/shm/why"))
        pieces = [text[at:at + BLOCK] for at in range(0, len(text), BLOCK)]
        return [None if piece == b"0" * BLOCK else piece for piece in pieces]


class Disk:
    """The file behind the disk, as its host sees it: dm-integrity's layout, which is no secret. After superblock and
    journal, areas: the tags of 16 MiB, then those 16 MiB."""

    FIRST, TAGS, DATA, TAG = 0x22000, 0x20000, 16 << 20, 32

    def __init__(self, path):
        self.path = path

    def read(self, offset=0, size=-1):
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def write(self, offset, data):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def tag(self, offset):
        """Where the tag and nonce of the block at this offset are."""
        area = self.FIRST + (offset - self.FIRST) // (self.TAGS + self.DATA) * (self.TAGS + self.DATA)
        return area + (offset - area - self.TAGS) // BLOCK * self.TAG

    def blocks(self):
        """The offsets of all blocks that are data."""
        for area in range(self.FIRST, os.path.getsize(self.path), self.TAGS + self.DATA):
            yield from range(area + self.TAGS, min(area + self.TAGS + self.DATA, os.path.getsize(self.path)), BLOCK)

    def places(self, offset):
        """The two places of a block: (offset, size)."""
        return [(offset, BLOCK), (self.tag(offset), self.TAG)]


def longest_run(before, after):
    """The offsets of the longest run of blocks that differ."""
    best, start = range(0), None
    for offset in range(0, len(after) + BLOCK, BLOCK):
        if before[offset:offset + BLOCK] != after[offset:offset + BLOCK]:
            start = offset if start is None else start
            continue
        if start is not None and (offset - start) // BLOCK > len(best):
            best = range(start, offset, BLOCK)
        start = None
    return best


class Scratch(hostile.HostileCase):
    """One machine with a disk, and one file on it whose blocks the host has found."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.TemporaryDirectory()
        cls.disk = Disk(scratch.make_disk(os.path.join(cls.folder.name, "disk"), scratch.SIZE_MIN))
        workload = Workload("busybox", ["/bin/sh"], allow_elevated=True,
                            capabilities=policies.capabilities(CAPABILITIES))
        cls.machine = workload.boot(extra=scratch.devices(cls.disk.path))
        channel = cls.machine.channel
        channel.set_policy(workload.policy())
        scratch.mount(channel)
        workload.mount_devices(channel)
        channel.call("mount_overlay", id=workload.name, layers=workload.targets())
        cls.shell = Shell(workload, channel)
        # Else dm-integrity keeps some tags in memory, and sees what only the file system is to see.
        cls.shell.ask("echo 0 >/sys/module/dm_bufio/parameters/retain_bytes")
        before = cls.disk.read()
        cls.blocks = cls.shell.write("/file", MARKER, BLOCKS)
        cls.found = longest_run(before, cls.disk.read())

    @classmethod
    def tearDownClass(cls):
        cls.machine.stop()
        cls.folder.cleanup()

    def check(self, name, blocks):
        """Reads all blocks from the disk, of which none may be another than was written; returns how many could not
        be read."""
        self.shell.forget()
        read = self.shell.read(name, len(blocks))
        for number, (got, block) in enumerate(zip(read, blocks)):
            self.assertIn(got, (None, block), f"block {number}")
        return read.count(None)

    def survives(self, name, blocks, saved):
        """With its own bytes back, the disk is good again."""
        for offset, data in saved:
            self.disk.write(offset, data)
        self.assertEqual(self.check(name, blocks), 0)

    def noticed(self):
        """How many blocks btrfs has seen whose tags were good, and which were still not what was written."""
        text = self.shell.ask("cat /sys/fs/btrfs/*-*/devinfo/1/error_stats")
        numbers = dict(line.split() for line in text.splitlines())
        return int(numbers["corruption_errs"]) + int(numbers["generation_errs"])

    def test_1_gives_back_what_was_written(self):
        self.assertGreaterEqual(len(self.found), BLOCKS // 2, "the file's blocks were not found on the disk")
        self.assertEqual(self.check("/file", self.blocks), 0)

    def test_1_the_processor_has_the_cipher(self):
        """Its AES instructions, which the machine's processor has, and not portable code."""
        kinds = [dict(line.split(":", 1) for line in kind.replace(" ", "").splitlines())
                 for kind in self.shell.ask("cat /proc/crypto").split("\n\n") if kind]
        users = {kind["driver"]: int(kind["refcnt"]) for kind in kinds if "aegis128" in kind["name"]}
        self.assertGreater(max(users[driver] for driver in users if "aesni" in driver), 1, users)
        self.assertLessEqual(users.get("aegis128-generic", 0), 1, users)

    def test_2_shows_the_host_no_plain_byte(self):
        image = self.disk.read()
        for text in (MARKER.encode(), b"_BHRfS_M", b"overlay-c"):
            self.assertNotIn(text, image)

    def test_3_flipped_bits_are_errors(self):
        before = self.noticed()
        saved = []
        for number, offset in enumerate(self.found[::8]):
            place = self.disk.places(offset)[number % 2][0] + number % 29
            saved.append((place, self.disk.read(place, 1)))
            self.disk.write(place, bytes([saved[-1][1][0] ^ 1 << number % 8]))
        self.assertGreaterEqual(self.check("/file", self.blocks), len(saved))
        self.assertEqual(self.noticed(), before)
        self.survives("/file", self.blocks, saved)

    def test_4_blocks_in_each_others_place_are_errors(self):
        before = self.noticed()
        saved = []
        for one, other in zip(self.found[0:16:2], self.found[1:16:2]):
            for (here, size), (there, _) in zip(self.disk.places(one), self.disk.places(other)):
                saved += [(here, self.disk.read(here, size)), (there, self.disk.read(there, size))]
                self.disk.write(here, saved[-1][1])
                self.disk.write(there, saved[-2][1])
        self.assertGreaterEqual(self.check("/file", self.blocks), 16)
        self.assertEqual(self.noticed(), before)
        self.survives("/file", self.blocks, saved)

    def test_5_old_blocks_with_their_old_tags_are_errors(self):
        old = self.disk.read()
        self.shell.ask("rm /file; sync; sync")
        blocks = self.shell.write("/other", MARKER.upper(), BLOCKS)
        self.shell.forget()
        replayed = [offset for offset in self.found if self.disk.read(offset, BLOCK) != old[offset:offset + BLOCK]][:16]
        before = self.noticed()
        self.assertEqual(len(replayed), 16, "the new file lies elsewhere; nothing can be replayed")
        places = [place for offset in replayed for place in self.disk.places(offset)]
        saved = [(at, self.disk.read(at, size)) for at, size in places]
        for at, size in places:
            self.disk.write(at, old[at:at + size])
        self.assertGreaterEqual(self.check("/other", blocks), len(replayed))
        self.assertGreaterEqual(self.noticed(), before + len(replayed))
        self.survives("/other", blocks, saved)
        type(self).blocks = blocks

    def test_6_a_whole_disk_of_yesterday_is_an_error(self):
        old = self.disk.read()
        blocks = self.shell.write("/other", MARKER.lower(), BLOCKS)
        self.shell.forget()
        new = self.disk.read()
        self.disk.write(0, old)
        self.assertEqual(self.check("/other", blocks), BLOCKS)
        self.survives("/other", blocks, [(0, new)])
        self.patch(old, new)
        self.assertGreater(self.check("/other", blocks), 0)
        self.survives("/other", blocks, [(0, new)])
        type(self).blocks = blocks

    def patch(self, old, new):
        """Puts half of all blocks that have changed back, the file system's own among them, with their tags."""
        draw = random.Random(7)
        changed = [offset for offset in self.disk.blocks() if old[offset:offset + BLOCK] != new[offset:offset + BLOCK]]
        self.assertGreater(len(changed), BLOCKS)
        for offset in draw.sample(changed, len(changed) // 2):
            for at, size in self.disk.places(offset):
                self.disk.write(at, old[at:at + size])

    def test_7_a_shortened_disk_is_an_error(self):
        os.truncate(self.disk.path, 4 << 20)
        self.assertEqual(self.check("/other", self.blocks), BLOCKS)


class Refusals(hostile.HostileCase):
    def test_mounts_one_good_disk_alone(self):
        workload = Workload("busybox", ["/bin/true"])
        with tempfile.TemporaryDirectory() as folder:
            small = scratch.make_disk(os.path.join(folder, "small"), scratch.SIZE_MIN - 4096)
            good = scratch.make_disk(os.path.join(folder, "good"), scratch.SIZE_MIN)
            kept = scratch.make_disk(os.path.join(folder, "kept"), scratch.SIZE_MIN)
            extra = scratch.devices(good) + scratch.writable(small, 2)
            with workload.boot(extra=extra, disks=[workload.disks[0][0], kept]) as machine:
                self.refuses(machine.channel, workload)

    def test_takes_no_other_parts_than_it_was_built_with(self):
        """A byte of them changed, and none at all: for scratch and for fragments."""
        workload = Workload("busybox", ["/bin/true"])
        with open(os.path.join(paths.GUEST, "parts"), "rb") as file:
            parts = bytearray(file.read())
        parts[len(parts) // 2] ^= 1
        with tempfile.TemporaryDirectory() as folder:
            good = scratch.make_disk(os.path.join(folder, "good"), scratch.SIZE_MIN)
            wrong = os.path.join(folder, "wrong")
            with open(wrong, "wb") as file:
                file.write(parts)
            for extra, said in ((scratch.devices(good, path=wrong), "does not hold what this guest was built with"),
                                (scratch.writable(good), "there is no such disk")):
                with self.subTest(said), workload.boot(extra=extra) as machine:
                    channel = machine.channel
                    channel.set_policy(workload.policy())
                    refusal = self.refused(channel, "scratch_mount", "failed", timeout=60, lun=scratch.DISK_LUN)
                    self.assertIn(said, refusal.reason)
                    with self.assertRaises(Refused) as caught:
                        load_fragment(channel, b"any")
                    self.assertEqual(caught.exception.code, "failed")
                    self.assertIn(said, caught.exception.reason)
                    workload.mount_devices(channel)
                    channel.call("mount_overlay", id=workload.name, layers=workload.targets())
                    self.runs_as_described(workload, channel, b"")

    def refuses(self, channel, workload):
        good = {"lun": scratch.DISK_LUN}
        self.refused(channel, "scratch_mount", "order", **good)
        channel.set_policy(workload.policy())
        for wrong in ({}, {"lun": 256}, {"lun": -1}, {"lun": "1"}, {**good, "encrypted": False}):
            self.refused(channel, "scratch_mount", "invalid", **wrong)
        for text, lun in {"needs": 2, "not permitted": 1, "no such disk": 9}.items():
            self.assertIn(text, self.refused(channel, "scratch_mount", "failed", timeout=60, lun=lun).reason)
        scratch.mount(channel)
        self.refused(channel, "scratch_mount", "order", **good)
        workload.mount_devices(channel)
        channel.call("mount_overlay", id=workload.name, layers=workload.targets())
        self.runs_as_described(workload, channel, b"")

    def test_a_removed_container_leaves_its_space(self):
        """Two containers, each with more than half of the disk: the second has to wait until the kernel has cleared up."""
        script = ("n=0; until fallocate -l 180m /file 2>/dev/null; do rm -f /file; sync; n=$((n + 1)); "
                  "[ $n -lt 60 ] || exit 1; sleep 1; done; echo written")
        workload = Workload("busybox", ["/bin/sh", "-c", script])
        with tempfile.TemporaryDirectory() as folder:
            disk = scratch.make_disk(os.path.join(folder, "disk"))
            with workload.boot(extra=scratch.devices(disk)) as machine:
                channel = machine.channel
                channel.set_policy(workload.policy())
                scratch.mount(channel)
                workload.mount_devices(channel)
                for workload.name in ("one", "two"):
                    channel.call("mount_overlay", id=workload.name, layers=workload.targets())
                    self.runs_as_described(workload, channel, b"written\n")
                    channel.call("shutdown_container", id=workload.name)
                    channel.call("unmount_overlay", id=workload.name)


class Sandbox(hostile.HostileCase):
    """What the containers of a group share is made before the first of them, whole or not at all."""

    def test_what_could_not_be_made_whole_stays_refused(self):
        twice = [{"name": "twice", "memory": False, "size": 0}] * 2  # one folder of a name is there already
        group = {"init": [], "containers": [0], "restart": "Always", "shared_ipc": True, "shared_pid": True, "empty_dirs": twice}
        workload = Workload("busybox", ["/bin/sh", "-c", "true"])
        policy = workload.policy().replace(b"fragments := []", b"fragments := []\ncaisson_group := " + json.dumps(group).encode())
        with tempfile.TemporaryDirectory() as folder:
            disk = scratch.make_disk(os.path.join(folder, "disk"))
            with workload.boot(policy, extra=scratch.devices(disk)) as machine:
                machine.channel.set_policy(policy)
                scratch.mount(machine.channel)
                workload.mount_devices(machine.channel)
                for name, reason in (("a", "emptydir-twice: File exists"), ("b", "what the containers share could not be made"),
                                     ("c", "what the containers share could not be made")):
                    machine.channel.call("mount_overlay", id=name, layers=workload.targets())
                    refusal = self.refused(machine.channel, "create_container", "failed", **workload.process(id=name))
                    self.assertIn(reason, refusal.reason)
                self.nothing_ran(machine.channel)


if __name__ == "__main__":
    tap.main()
