#!/usr/bin/python3
"""The guest is built twice, and is the same; what is in it is what the manifest says."""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from lib import paths, tap

SCRIPT = os.path.join(paths.SOURCE, "scripts/build-guest")
AGENT = os.path.join(paths.BUILD, "caisson-guest")
PROGRAMS = [os.path.join(paths.BUILD, f"caisson-{name}") for name in ("fragment-check", "attestation-agent")]
FILES = ("vmlinux", "bzImage", "initrd", "parts", "cmdline", "cmdline.simulated", "manifest.json")
CACHE = os.environ.get("CAISSON_CACHE") or os.path.join(paths.BUILD, "cache")


def build(folder, cache=CACHE):
    os.makedirs(folder)
    shutil.copy(AGENT, folder)
    for program in PROGRAMS:
        shutil.copy(program, folder)
    return subprocess.run([SCRIPT, "--offline", "--build", folder], env=dict(os.environ, CAISSON_CACHE=cache),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)


def read(*parts):
    with open(os.path.join(*parts), "rb") as file:
        return file.read()


def entries_of(archive):
    """The entries of a newc archive: name to (header's numbers, bytes)."""
    at, found = 0, {}
    while True:
        numbers = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        size, name_size = numbers[6], numbers[11]
        name = archive[at + 110:at + 110 + name_size - 1].decode()
        start = at + (110 + name_size + 3 & ~3)
        if name == "TRAILER!!!":
            return found
        found[name] = numbers, archive[start:start + size]
        at = start + (size + 3 & ~3)


def parts_of(disk):
    """The parts on their disk (src/guest/parts.h): name to bytes."""
    at, found = 0, {}
    while at + 32 <= len(disk) and disk[at]:
        name, size = struct.unpack_from("<28sI", disk, at)
        found[name.rstrip(b"\0").decode()] = disk[at + 32:at + 32 + size]
        at += 32 + size
    return found


def unpack_template(template, path):
    """Writes the file system that the template stands for."""
    at = 0
    with open(path, "wb") as file:
        file.truncate(128 << 20)
        while at < len(template):
            offset, head, tail = struct.unpack_from("<QII", template, at)
            file.seek(offset)
            file.write(template[at + 16:at + 16 + head] + bytes(16384 - head - tail))
            file.write(template[at + 16 + head:at + 16 + head + tail])
            at += 16 + head + tail


@unittest.skipUnless(os.path.exists(AGENT), f"{AGENT} is not built")
@unittest.skipUnless(os.path.exists(os.path.join(CACHE, "packages.json")), f"no packages in {CACHE}; make guest fetches them")
class GuestBuild(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        for name in ("first", "second"):
            done = build(os.path.join(cls.folder, name))
            if done.returncode:
                raise AssertionError(done.stderr)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_builds_the_same_bytes_twice(self):
        for name in FILES:
            with self.subTest(name):
                self.assertEqual(read(self.folder, "first/guest", name), read(self.folder, "second/guest", name))

    def test_leaves_these_files_and_no_others(self):
        for folder in ("first", "second"):
            self.assertEqual(sorted(os.listdir(os.path.join(self.folder, folder, "guest"))), sorted(FILES))

    def test_initrd_holds_the_digest_of_the_parts(self):
        disk = read(self.folder, "first/guest/parts")
        _, digest = entries_of(read(self.folder, "first/guest/initrd"))["modules/parts.sha256"]
        self.assertEqual(digest, struct.pack("<Q", len(disk)) + hashlib.sha256(disk).digest())
        self.assertEqual(len(disk) % 4096, 0)

    def test_scratch_begins_as_a_whole_file_system(self):
        parts = parts_of(read(self.folder, "first/guest/parts"))
        self.assertEqual(list(parts)[-4:], ["btrfs", "template", "fragment-check", "attestation-agent"])
        self.assertTrue(parts["fragment-check"].startswith(b"\x7fELF"))
        image = os.path.join(self.folder, "image")
        unpack_template(parts["template"], image)
        checked = subprocess.run(["btrfs", "check", "--readonly", image], capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("no error found", checked.stdout)

    def test_manifest_lists_packages_by_version_and_digest(self):
        packages = json.loads(read(self.folder, "first/guest/manifest.json"))["packages"]
        self.assertEqual([each["name"][:16] for each in packages], ["linux-image-6.12"])
        for each in packages:
            with self.subTest(each["name"]):
                self.assertEqual(set(each), {"name", "version", "sha256"})
                file = f'{each["name"]}_{each["version"].replace(":", "%3a")}_amd64.deb'
                self.assertEqual(hashlib.sha256(read(CACHE, file)).hexdigest(), each["sha256"])

    def test_manifest_names_every_file(self):
        manifest = json.loads(read(self.folder, "first/guest/manifest.json"))
        for name, entry in manifest["files"].items():
            data = read(self.folder, "first/guest", name)
            self.assertEqual(entry, {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}, name)
        found = entries_of(read(self.folder, "first/guest/initrd"))
        files = {name: data for name, (numbers, data) in found.items() if numbers[1] & 0o170000 == 0o100000}
        self.assertEqual(set(files), set(manifest["initrd"]))
        for name, data in files.items():
            self.assertEqual(hashlib.sha256(data).hexdigest(), manifest["initrd"][name]["sha256"], name)

    def test_initrd_holds_nothing_of_this_machine(self):
        for name, (numbers, _) in entries_of(read(self.folder, "first/guest/initrd")).items():
            self.assertEqual(numbers[2:4] + numbers[5:6], [0, 0, 0], f"{name}: owner and time")

    def test_agent_is_static_and_small(self):
        agent = entries_of(read(self.folder, "first/guest/initrd"))["init"][1]
        self.assertLessEqual(len(agent), 3 << 20)
        self.assertNotIn(b"/lib64/ld-linux-x86-64.so.2", agent)

    def test_holds_the_agent_and_modules_and_nothing_else(self):
        found = entries_of(read(self.folder, "first/guest/initrd"))
        for name, (numbers, _) in found.items():
            if numbers[1] & 0o170000 == 0o100000:
                self.assertTrue(name == "init" or name.startswith("modules/"), name)

    def test_modules_have_nothing_for_tracers(self):
        for name, (_, data) in entries_of(read(self.folder, "first/guest/initrd")).items():
            if name.endswith(".ko"):
                for word in (b"__fentry__", b"__mcount_loc", b"_ftrace_events", b"__versions", b"~Module signature appended~"):
                    self.assertNotIn(word, data, name)

    def test_modules_have_nothing_to_patch_and_nothing_for_people(self):
        for name, (_, data) in entries_of(read(self.folder, "first/guest/initrd")).items():
            if name.endswith(".ko"):
                for word in (b".static_call_sites", b".smp_locks", b"\0author=", b"\0alias=", b"\0parm="):
                    self.assertNotIn(word, data, name)
                self.assertEqual(data.count(b"vermagic="), 1, name)

    def test_refuses_damaged_package(self):
        cache = os.path.join(self.folder, "cache")
        shutil.copytree(CACHE, cache)
        name = next(each for each in os.listdir(cache) if each.startswith("linux-image-6.12") and each.endswith(".deb"))
        data = bytearray(read(cache, name))
        data[-1] ^= 1
        with open(os.path.join(cache, name), "wb") as file:
            file.write(data)
        done = build(os.path.join(self.folder, "damaged"), cache)
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "damaged/guest/initrd")))


if __name__ == "__main__":
    tap.main()
