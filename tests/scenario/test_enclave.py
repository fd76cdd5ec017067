#!/usr/bin/python3
"""`caisson enclave` and what builds an image, against the same rules written down a second time.

CAISSON names the program, ENCLAVE_PROBE the enclave that the unit tests enter.
"""
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

from lib import paths, tap

CAISSON = os.path.abspath(os.environ["CAISSON"])
PROBE = os.path.abspath(os.environ["ENCLAVE_PROBE"])
REAL = os.path.join(paths.BUILD, "caisson-enclave")
PAGE = 4096
BUILD = os.path.join(paths.SOURCE, "scripts", "build-enclave")
LINT = os.path.join(paths.SOURCE, "scripts", "lint-enclave")
MINIMAL = """
#include "enclave/inside/enclave.h"
ENCLAVE_NOTE(1, 1, 2, 0x1000, 0);
bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{ (void)state; (void)fault; return false; }
uint64_t enclave_main(const uint64_t arguments[4])
{ BODY return arguments[0]; }
"""


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def pages_up(value):
    return (value + PAGE - 1) // PAGE * PAGE


class Records:
    """MRENCLAVE: a digest of what is done, in the order in which it is done."""

    def __init__(self, frame, size):
        self.digest = hashlib.sha256(b"ECREATE\0" + struct.pack("<IQ44x", frame, size))

    def add(self, offset, flags, data, measured=True):
        assert len(data) % PAGE == 0
        for at in range(0, len(data), PAGE):
            self.digest.update(b"EADD\0\0\0\0" + struct.pack("<QQ40x", offset + at, flags))
            for chunk in range(at, at + PAGE, 256) if measured else ():
                self.digest.update(b"EEXTEND\0" + struct.pack("<Q48x", offset + chunk) + data[chunk:chunk + 256])


def headers(image):
    (entry, table) = struct.unpack_from("<QQ", image, 24)
    (count,) = struct.unpack_from("<H", image, 56)
    programs = [struct.unpack_from("<IIQQQQQQ", image, table + 56 * i) for i in range(count)]
    return entry, programs


def mrenclave(image):
    """docs/sgx.md, "The image"."""
    entry, programs = headers(image)
    (note,) = [image[p[2]:p[2] + p[5]] for p in programs if p[0] == 4]
    _, threads, added, frames, frame, stack, heap = struct.unpack_from("<IIIIIQQ", note, 20)
    loads = [p for p in programs if p[0] == 1]
    first = pages_up(loads[-1][3] + loads[-1][6]) + PAGE
    each = PAGE * (4 + frames * frame) + stack
    heap_at = first + threads * each
    size = 2 * PAGE
    while size < heap_at + heap:
        size *= 2
    records = Records(frame, size)
    for _, flags, offset, address, _, file_size, memory, _ in loads:
        before = address % PAGE
        data = bytes(before) + image[offset:offset + file_size]
        access = bool(flags & 4) | bool(flags & 2) << 1 | (flags & 1) << 2
        measured = pages_up(len(data) if access & 2 else before + memory)
        data = data.ljust(pages_up(before + memory), b"\0")
        records.add(address - before, 0x200 | access, data[:measured])
        records.add(address - before + measured, 0x200 | access, data[measured:], measured=False)
    for i in range(threads - added, threads):
        tcs = first + i * each
        ssa = tcs + 2 * PAGE
        block = tcs + PAGE
        stack_at = ssa + frames * frame * PAGE + PAGE
        page = struct.pack("<QQQIIQQQQII", 0, 0, ssa, 0, frames, entry, 0, block, block, 0xFFFFFFFF, 0xFFFFFFFF)
        records.add(tcs, 0x100, page.ljust(PAGE, b"\0"))
        page = struct.pack("<12Q", block, i, threads, tcs, ssa, frame * PAGE, frames, stack_at + stack, stack, heap_at, heap, size)
        records.add(block, 0x203, page.ljust(PAGE, b"\0"))
        records.add(ssa, 0x203, bytes(frames * frame * PAGE), measured=False)
        records.add(stack_at, 0x203, bytes(stack), measured=False)
    records.add(heap_at, 0x203, bytes(heap), measured=False)
    return records.digest.hexdigest(), threads, added


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="caisson-enclave-")
        cls.addClassCleanup(cls.folder.cleanup)
        os.chdir(cls.folder.name)
        cls.addClassCleanup(os.chdir, "/")
        subprocess.run(["openssl", "genrsa", "-3", "-out", "key.pem", "3072"], check=True, capture_output=True)

    def caisson(self, *arguments, status=0, words=""):
        result = run(CAISSON, *arguments)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertIn(words, result.stderr)
        return result.stdout

    def build(self, body, output, *options, root=paths.SOURCE):
        with open("minimal.c", "w", encoding="utf-8") as file:
            file.write(MINIMAL.replace("BODY", body))
        subprocess.run([os.path.join(root, "scripts", "build-enclave"), *options, output, "minimal.c"], check=True)


class Image(Folder):
    def test_mrenclave_is_that_of_the_rule(self):
        self.build("", "minimal.img")
        self.build("", "higher.img", "--at", "0x10000000")
        for path in ("minimal.img", "higher.img", PROBE, *([REAL] if os.path.exists(REAL) else [])):
            with open(path, "rb") as file:
                expected, threads, added = mrenclave(file.read())
            self.assertIn(expected, self.caisson("enclave", "info", path))
            document = json.loads(self.caisson("enclave", "info", path, "--sgxs", "out.sgxs", "--mrenclave", "out", "--json"))
            with open("out", encoding="ascii") as file:
                self.assertEqual(file.read(), expected + "\n")
            self.assertEqual(document["mrenclave"], expected)
            self.assertEqual((document["threads"], document["threads_added"]), (threads, added))
            self.assertEqual(json.loads(self.caisson("measure", "sgxs", "out.sgxs", "--json"))["mrenclave"], expected)

    def test_what_is_signed_is_what_is_measured(self):
        self.caisson("enclave", "info", PROBE, "--sgxs", "probe.sgxs")
        self.caisson("enclave", "sign", PROBE, "--key", "key.pem", "--date", "20260131", "--product", "7", "--svn", "0x3", "-o", "a.sig")
        text = self.caisson("measure", "sigstruct", "a.sig", "--sgxs", "probe.sgxs")
        for words in ("product 7, SVN 3, signed on 20260131", "ruled out", "the stream has this MRENCLAVE"):
            self.assertIn(words, text)
        self.caisson("enclave", "sign", PROBE, "--key", "key.pem", "--date", "20260131", "--product", "7", "--svn", "3", "-o", "b.sig")
        with open("a.sig", "rb") as a, open("b.sig", "rb") as b:
            self.assertEqual(a.read(), b.read())
        self.caisson("enclave", "sign", PROBE, "--key", "key.pem", "--date", "20260131", "--debug", "-o", "c.sig")
        self.assertIn("ADMITTED", self.caisson("measure", "sigstruct", "c.sig"))

    def test_refuses_to_sign(self):
        sign = ("enclave", "sign", PROBE)
        good = ("--key", "key.pem", "--date", "20260131", "-o", "no.sig")
        subprocess.run(["openssl", "genrsa", "-out", "other.pem", "3072"], check=True, capture_output=True)
        shutil.copy(PROBE, "cut.img")
        os.truncate("cut.img", 0x1000)
        for status, words, command in (
            (2, "--date", sign + good[:2] + good[4:]),
            (2, "YYYYMMDD", sign + ("--date", "2026-1-1") + good[:2] + good[4:]),
            (2, "YYYYMMDD", sign + ("--date", "2026013") + good[:2] + good[4:]),
            (2, "-o FILE", sign + good[:4]),
            (2, "--key", sign + good[2:]),
            (1, "exponent 3", sign + ("--key", "other.pem") + good[2:]),
            (1, "beyond its end", ("enclave", "sign", "cut.img") + good),
            (1, "ELF", ("enclave", "sign", "key.pem") + good),
            (2, "--product", sign + ("--product", "65536") + good),
        ):  # fmt: skip
            with self.subTest(words=words):
                self.caisson(*command, status=status, words=words)
                self.assertFalse(os.path.exists("no.sig"))


class Build(Folder):
    def test_the_same_bytes_from_another_place(self):
        for part in ("scripts", "src"):
            shutil.copytree(os.path.join(paths.SOURCE, part), os.path.join("elsewhere", part))
        self.build("", "here.img")
        self.build("", "there.img", root=os.path.abspath("elsewhere"))
        with open("here.img", "rb") as a, open("there.img", "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_an_image_is_clean(self):
        self.build("", "minimal.img")
        result = run(LINT, "minimal.img")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_lint_finds_what_no_image_may_have(self):
        for code, words in (
            ("syscall", "syscall at"), ("cpuid", "cpuid at"), ("rdtsc", "rdtsc at"), ("rdtscp", "rdtscp at"),
            ("rdtsc; shl $32, %%rdx; or %%rdx, %%rax; ret", None), (".rept 2; rdtsc; shl $32, %%rdx; or %%rdx, %%rax; ret; .endr", "rdtsc at"),
            ("sysenter", "sysenter at"), ("jmp 1f; .byte 0x0f, 0x34; 1:", "sysenter at"), ("in $3, %%al", "in     $0x3,%al at"), ("insl", "insl   "),
            ("hlt", "hlt at"), ("rdpmc", "rdpmc at"), ("wrpkru", "wrpkru: not for an image"),
            (".rept 8; xrstor64 (%%rsp); .endr", "more XRSTOR"),
            ("int $0x80", "int"), ("out %%al, $3", "out"), ("wrgsbase %%rax", "not for an image"), ("wrfsbase %%rax; wrfsbase %%rax", "more WRFSBASE"),
            ("jmp 1f; .byte 0x0f, 0x05; 1:", "syscall at"),
            ("mov $0x050f, %%eax", None),
            (".rept 6; .byte 0x0f, 0x01, 0xd7; .endr", "more ENCLU"),
        ):  # fmt: skip
            with self.subTest(code=code):
                self.build(f'__asm__ volatile("{code}" ::: "rax", "rbx", "rcx", "rdx", "memory");', "bad.img")
                result = run(LINT, "bad.img")
                self.assertEqual(result.returncode, 1 if words else 0, result.stdout + result.stderr)
                self.assertIn(words or "", result.stdout)

    def test_the_lint_finds_a_relocation_that_nobody_makes(self):
        self.build("static const char *const words[] = {\"a\", \"b\"}; arguments = arguments + words[arguments[0] & 1][0];", "relocated.img")
        self.assertEqual(run(LINT, "relocated.img").stdout, "")
        with open("relocated.img", "rb") as file:
            image = file.read()
        at = re.search(rb"[^\0]..\0{5}(\x08\0{7})", image, re.S).start(1)  # r_info: R_X86_64_RELATIVE
        for kind, name in ((1, "R_X86_64_64"), (6, "R_X86_64_GLOB_DAT"), (37, "R_X86_64_IRELATIVE")):
            with open("bad.img", "wb") as file:
                file.write(image[:at] + bytes([kind]) + image[at + 1 :])
            self.assertIn("a relocation " + name, run(LINT, "bad.img").stdout)

    def test_the_lint_finds_writable_code(self):
        self.build("", "minimal.img")
        with open("minimal.img", "rb") as file:
            image = bytearray(file.read())
        _, programs = headers(image)
        (at,) = [i for i, p in enumerate(programs) if p[0] == 1 and p[1] & 1]
        image[64 + 56 * at + 4] |= 2
        with open("writable.img", "wb") as file:
            file.write(image)
        self.assertIn("writable and executable", run(LINT, "writable.img").stdout)
        self.caisson("enclave", "info", "writable.img", status=1, words="writable and executable")


if __name__ == "__main__":
    tap.main()
