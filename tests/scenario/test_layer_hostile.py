#!/usr/bin/python3
"""Layers that are made to hurt: each is refused in words, quickly, and leaves no file, or is taken for what it can only mean.

The archives of the reference's vectors are tried too, where they can be had.
"""
import gzip
import os
import resource
import subprocess
import tarfile
import tempfile
import time
import unittest
import zlib

from lib import paths, tap

VECTORS = os.environ.get("CAISSON_VECTORS") or os.path.join(paths.SOURCE, "../shared/vectors")
MIB = 1 << 20


def header(name, size=0, kind=tarfile.REGTYPE, link="", **fields):
    """A header whose size field says what it likes."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    for field, value in fields.items():
        setattr(info, field, value)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def file(name, data=b"x"):
    return header(name, len(data)) + data + b"\0" * (-len(data) % 512)


def pax(**records):
    text = b""
    for key, value in records.items():
        body = f" {key.replace('__', '.')}={value}\n".encode()
        size = len(body) + len(str(len(body) + 2))
        text += str(size).encode() + body
    return header("PaxHeaders/x", len(text), b"x") + text + b"\0" * (-len(text) % 512)


def checksum_off(block):
    return block[:148] + b"0000000\0" + block[156:]


END = b"\0" * 1024
WHOLE = file("a") + file("b/c", b"y" * 3000) + END


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


# What is refused, and a word of the reason.
REFUSED = {
    "truncated in a header": (WHOLE[:700], "truncated"),
    "truncated in contents": (file("b", b"y" * 3000)[:2000], "truncated"),
    "truncated behind an extended header": (pax(path="a"), "extended header"),
    "a bad checksum": (checksum_off(file("a")) + END, "checksum"),
    "a bad checksum in the middle": (file("a") + checksum_off(file("b")) + END, "checksum"),
    "no tar at all": (b"#!/bin/sh\nexit 0\n" * 100, "checksum"),
    "a header behind a block of zeros": (file("a") + b"\0" * 512 + file("b") + END, "block of zeros"),
    "a size that is negative": (header("a", -512) + END, "negative"),
    "a size beyond all disks": (header("a", 1 << 62) + END, "a file of"),
    "a PAX size beyond all disks": (pax(size=1 << 62) + file("a") + END, "a file of"),
    "a PAX size beyond all numbers": (pax(size=1 << 64) + file("a") + END, "malformed number"),
    "a file of one terabyte of holes": (
        pax(GNU__sparse__major=0, GNU__sparse__minor=1, GNU__sparse__size=1 << 40, GNU__sparse__numblocks=0) +
        header("a") + END, "a file of"),
    "a sparse map that overlaps": (
        pax(GNU__sparse__major=0, GNU__sparse__minor=1, GNU__sparse__size=100, GNU__sparse__numblocks=2,
            GNU__sparse__map="0,10,5,10") + file("a", b"x" * 20) + END, "overlaps"),
    "an extended header of a gigabyte": (header("x", 1 << 30, b"x") + END, "extended header of"),
    "a name of a gigabyte": (header("x", 1 << 30, b"L") + END, "extended header of"),
    "a name with a zero byte": (pax(path="a\0b") + file("a") + END, "zero byte"),
    "a name that is too long": (pax(path="n" * 256) + file("a") + END, "255"),
    "a PAX record that lies about its size": (
        header("x", 12, b"x") + b"99 path=abc\n".ljust(512, b"\0") + file("a") + END, "malformed record"),
    "a link to itself": (header("a", 0, tarfile.LNKTYPE, "a") + END, "no earlier entry"),
    "two links in a circle": (
        header("a", 0, tarfile.LNKTYPE, "b") + header("b", 0, tarfile.LNKTYPE, "a") + END, "no earlier entry"),
    "a path through a symbolic link": (header("l", 0, tarfile.SYMTYPE, "/etc") + file("l/passwd") + END, "no directory"),
    "a path through a link to itself": (header("l", 0, tarfile.SYMTYPE, "l") + file("l/l/l") + END, "no directory"),
    "a hard link out of the layer": (header("a", 0, tarfile.LNKTYPE, "../../etc/passwd") + END, "no such path"),
    "a hard link to a folder": (
        header("d", 0, tarfile.DIRTYPE) + header("a", 0, tarfile.LNKTYPE, "d") + END, "to a directory"),
    "a file where a folder was": (header("d", 0, tarfile.DIRTYPE) + file("d") + END, "replaced by a file"),
    "gzip that is cut": (gzip.compress(WHOLE)[:-9], "truncated"),
    "gzip with a flipped bit": (flip(gzip.compress(os.urandom(5000) + WHOLE), 3000), ""),
    "gzip with a wrong length": (flip(gzip.compress(WHOLE), len(gzip.compress(WHOLE)) - 2), "checksum"),
    "gzip with something behind it": (gzip.compress(WHOLE) + b"junk", "no gzip member"),
    "gzip of an unknown method": (b"\x1f\x8b\x07" + b"\0" * 100, "header"),
    "raw zlib": (zlib.compress(os.urandom(2000)), "checksum"),
    "zstd that is cut": (zstd(WHOLE)[:-5], "truncated"),
    "zstd with a flipped bit": (flip(zstd(os.urandom(5000) + WHOLE), 3000), ""),
    "zstd that wants a window of 2 GiB": (b"\x28\xb5\x2f\xfd\x00\xa8" + b"\0" * 100, "zstd"),
}

# Names that mean to leave, and where they come to lie instead.
INSIDE = ["../escaped", "../../../../../../escaped", "/escaped", "//escaped", "a/../../escaped", "./.././escaped", "/../escaped"]


class Hostile(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="caisson-hostile-")
        self.addCleanup(scratch.cleanup)
        self.top = scratch.name
        self.folder = os.path.join(scratch.name, "here")
        os.mkdir(self.folder)

    def layer(self, data):
        path = os.path.join(self.top, "layer")
        with open(path, "wb") as out:
            out.write(data)
        return path

    def caisson(self, *words, **options):
        return subprocess.run([paths.CAISSON, "layer", *words], cwd=self.folder, capture_output=True, timeout=60, check=False,
                              **options)

    def build(self, path):
        return self.caisson("build", path, "-o", "disk")

    def check_refused(self, path, words):
        """Refused by both commands, in one line, and nothing is left."""
        before = sorted(os.listdir(self.top))
        for result in (self.build(path), self.caisson("hash", path)):
            text = result.stderr.decode()
            self.assertEqual(result.returncode, 1, text)
            self.assertIn(words, text)
            self.assertTrue(text.startswith(f"caisson: {path}: ") and text.count("\n") == 1, text)
            self.assertEqual(result.stdout, b"")
        self.assertEqual((os.listdir(self.folder), sorted(os.listdir(self.top))), ([], before))

    def test_refuses_in_words_and_leaves_nothing(self):
        for what, (data, words) in REFUSED.items():
            with self.subTest(what=what):
                begin = time.monotonic()
                self.check_refused(self.layer(data), words)
                self.assertLess(time.monotonic() - begin, 10)

    def test_keeps_an_older_disk_when_it_refuses(self):
        old = os.path.join(self.folder, "disk")
        with open(old, "wb") as out:
            out.write(b"old")
        self.assertEqual(self.build(self.layer(WHOLE[:700])).returncode, 1)
        with open(old, "rb") as kept:
            self.assertEqual(kept.read(), b"old")
        self.assertEqual(self.build(self.layer(WHOLE)).returncode, 0)
        self.assertGreater(os.path.getsize(old), 4096)
        self.assertEqual(os.listdir(self.folder), ["disk"])

    def test_names_that_mean_to_leave_stay_inside(self):
        inside = self.caisson("hash", self.layer(file("escaped") + END)).stdout
        for name in INSIDE:
            with self.subTest(name=name):
                result = self.caisson("hash", self.layer(file(name) + END))
                self.assertEqual((result.returncode, result.stdout), (0, inside), result.stderr)
                self.assertEqual(self.build(self.layer(file(name) + END)).returncode, 0)
        self.assertEqual((sorted(os.listdir(self.top)), os.listdir(self.folder)), (["here", "layer"], ["disk"]))

    def test_truncation_anywhere_is_refused(self):
        packed = gzip.compress(WHOLE, mtime=0)
        for size in range(1, len(packed)):
            result = self.caisson("hash", "-", input=packed[:size])
            self.assertEqual(result.returncode, 1, f"{size} of {len(packed)} bytes: {result.stdout}")

    def test_a_bomb_is_bounded_in_memory_and_on_the_disk(self):
        """A gigabyte of zeros behind the archive's end, and one inside it, from a megabyte each."""
        zeros = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = [zeros.compress(file("a") + END)] + [zeros.compress(bytes(MIB)) for _ in range(1024)] + [zeros.flush()]
        inside = zlib.compressobj(9, zlib.DEFLATED, 31)
        full = [inside.compress(header("zeros", 1 << 30))] + [inside.compress(bytes(MIB)) for _ in range(1024)]
        full += [inside.compress(END), inside.flush()]
        for data in (b"".join(bomb), b"".join(full)):
            path = self.layer(data)
            process = subprocess.Popen([paths.CAISSON, "layer", "build", path, "-o", "disk"], cwd=self.folder,
                                       stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
            self.assertEqual(status, 0)
            self.assertLess(usage.ru_maxrss << 10, 64 * MIB)
            self.assertLess(os.stat(os.path.join(self.folder, "disk")).st_blocks * 512, 32 * MIB)

    def test_more_files_than_memory_is_allowed_are_refused(self):
        """Names alone: memory stays below the limit of 512 MiB for them, and what comes with it."""
        process = subprocess.Popen([paths.CAISSON, "layer", "hash", "-"], cwd=self.folder, stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            for start in range(0, 9000000, 1000):
                process.stdin.write(self.many(start, 1000))
        except BrokenPipeError:
            pass
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        self.assertIn(b"too many files", process.stderr.read())
        process.stderr.close()
        self.assertEqual(os.waitstatus_to_exitcode(status), 1)
        self.assertLess(usage.ru_maxrss << 10, 640 * MIB)

    @staticmethod
    def many(start, count):
        """Headers of files with long names that end in numbers; the checksums by adding up, since tarfile takes long."""
        block = bytearray(header("n" * 93 + "0000000"))
        block[257:265], block[345:465] = b"ustar\x0000", b"p" * 120
        block[148:156] = b" " * 8
        base = sum(block)
        out = bytearray()
        for number in range(start, start + count):
            digits = f"{number:07}".encode()
            block[93:100] = digits
            block[148:156] = f"{base + sum(digits) - 7 * 48:06o}\0 ".encode()
            out += block
        return bytes(out)

    def test_hashes_without_any_room_to_write(self):
        def no_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        path = self.layer(gzip.compress(file("a", os.urandom(MIB)) + END))
        result = self.caisson("hash", path, preexec_fn=no_room, env={"TMPDIR": "/nowhere"})
        self.assertEqual((result.returncode, len(result.stdout)), (0, 65), result.stderr)

    def test_a_full_disk_leaves_nothing(self):
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("unshare -rm is not possible here")
        path = self.layer(file("a", os.urandom(2 * MIB)) + END)
        script = 'mount -t tmpfs -o size=1m none .; cd "$PWD"; "$@" || status=$?; ls -A; exit $status'
        result = subprocess.run(["unshare", "-rm", "sh", "-ec", script, "sh", paths.CAISSON, "layer", "build", path, "-o", "disk"],
                                cwd=self.folder, capture_output=True, timeout=60, check=False)
        self.assertEqual((result.returncode, result.stdout), (3, b""), result.stderr)
        self.assertIn(b"No space left on device", result.stderr)

    def test_says_what_is_wrong_with_a_name(self):
        path = self.layer(WHOLE)
        for words, because, status in [
                (("build", path), "--output", 2), (("build", "-o", "disk"), "name one layer", 2), (("hash",), "name one layer", 2),
                (("hash", path, path), "name one layer", 2), (("hash", "/nowhere"), "cannot open", 3),
                (("hash", self.folder), "directory", 3), (("build", path, "-o", "/nowhere/disk"), "/nowhere", 3),
                (("build", path, "-o", self.folder), "is a folder", 1), (("build", path, "-o", "/dev/null"), "no regular file", 1),
                (("build", path, "-o", ""), "names no file", 2), (("build", "/nowhere", "-o", "disk"), "cannot open", 3)]:
            with self.subTest(words=words):
                result = self.caisson(*words)
                self.assertIn(because, result.stderr.decode())
                self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_no_refused_vector_leaves_a_file(self):
        lists = [os.path.join(VECTORS, name, "ROOTHASHES.txt") for name in ("layers", "layers/more")]
        if not all(os.path.exists(name) for name in lists):
            self.skipTest(f"no layers in {VECTORS}")
        refused = built = 0
        for name in lists:
            with open(name, encoding="utf-8") as lines:
                for words in (line.split() for line in lines if len(line.split()) >= 2):
                    expected, which = (words[1], words[0]) if words[1] == "ERROR" else (words[0], words[1].rstrip(":"))
                    path = os.path.join(os.path.dirname(name), which)
                    if not os.path.exists(path) or os.path.getsize(path) > 8 * MIB:
                        continue
                    result = self.build(path)
                    left = os.listdir(self.folder)
                    with self.subTest(which=which):
                        if result.returncode == 0:
                            self.assertEqual(expected, result.stdout.decode().strip())
                            self.assertEqual(left, ["disk"])
                            os.unlink(os.path.join(self.folder, "disk"))
                            built += 1
                        else:
                            self.assertEqual((result.returncode, left), (1, []), result.stderr)
                            refused += 1
        print(f"# {built} built, {refused} refused")
        self.assertGreater(refused, 40)
        self.assertGreater(built, 80)


if __name__ == "__main__":
    tap.main()
