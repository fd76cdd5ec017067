#!/usr/bin/python3
"""`caisson measure` against the same rules written down a second time: hashlib, zlib and openssl.

CAISSON names the program. No vectors are needed: images, streams and keys are made here.
"""
import base64
import hashlib
import json
import os
import re
import struct
import subprocess
import tempfile
import unittest
import uuid
import zlib

from lib import tap

CAISSON = os.path.abspath(os.environ["CAISSON"])
PAGE = 4096
VMSA_GPA = 0xFFFFFFFFF000
MILAN = 0xA00F11


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, **options)


def caisson(*arguments):
    result = run(CAISSON, "measure", *arguments)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def guid(text):
    return uuid.UUID(text).bytes_le


def sha384(data):
    return hashlib.sha384(data).digest()


class Chain:
    """SEV-SNP's launch digest."""

    def __init__(self):
        self.digest = bytes(48)

    def add(self, kind, gpa, contents=bytes(48)):
        self.digest = sha384(self.digest + contents + struct.pack("<HBB4xQ", 0x70, kind, 0, gpa))

    def add_content(self, gpa, data, kind=1):
        for at in range(0, len(data), PAGE):
            self.add(kind, gpa + at, sha384(data[at:at + PAGE]))

    def add_blank(self, kind, gpa, size):
        for at in range(0, size, PAGE):
            self.add(kind, gpa + at)


SECTIONS = ((0x800000, 0x9000, 1), (0x80A000, 0x3000, 1), (0x80D000, 0x1000, 2), (0x80E000, 0x1000, 3),
            (0x80F000, 0x1000, 4), (0x810000, 0x1000, 0x10))  # fmt: skip
RESET_EIP = 0x80B004
HASH_TABLE = 0x810C00


def entry(name, data):
    return data + struct.pack("<H", len(data) + 18) + guid(name)


def make_image(pages, entries, sections, seed):
    """An image whose last page holds the tables, as OVMF has them."""
    metadata = b"ASEV" + struct.pack("<III", 16 + 12 * len(sections), 1, len(sections))
    metadata += b"".join(struct.pack("<III", *section) for section in sections)
    table = entry("dc886566-984a-4798-a75e-5585a7bf67cc", struct.pack("<I", PAGE))
    for name, value in entries:
        table = entry(name, struct.pack("<I", value)) + table
    table += struct.pack("<H", len(table) + 18) + guid("96b582de-1fb2-45f7-baea-a366c55a082d")
    head = b"".join(hashlib.sha512(seed + struct.pack("<I", i)).digest() for i in range((pages - 1) * PAGE // 64))
    last = metadata.ljust(PAGE - 32 - len(table), b"\xee") + table + bytes(range(32))
    return head + last


def make_ovmf():
    return make_image(9, (("00f771de-1a7e-4fcb-890e-68c77e2fb44e", RESET_EIP),
                          ("7255371f-3a3b-4b04-927b-1da6efa8d454", HASH_TABLE)), SECTIONS, b"ovmf")  # fmt: skip


def hash_table(kernel, initrd, cmdline):
    def part(name, data):
        return guid(name) + struct.pack("<H", 50) + hashlib.sha256(data).digest()

    table = guid("9438d606-4f22-4cc9-b479-a793d411fd21") + struct.pack("<H", 168)
    table += part("97d02dd8-bd20-4c94-aa78-e7714d36ab2a", cmdline + b"\0")
    table += part("44baf731-3a2f-4bd7-9af1-41e29169781d", initrd)
    table += part("4de79437-abd2-427f-b835-d5b172d2045b", kernel)
    return table.ljust(176, b"\0")


def segment(selector, attributes, limit=0xFFFF, base=0):
    return struct.pack("<HHIQ", selector, attributes, limit, base)


def save_area(vmm, eip, features, signature=MILAN, svsm=False):
    page = bytearray(PAGE)

    def put(at, data):
        page[at:at + len(data)] = data

    def put64(at, value):
        put(at, struct.pack("<Q", value))

    boot = eip == 0xFFFFFFF0
    data = segment(16, 0xC93, 0xFFFFFFFF) if svsm else segment(0, 0x93)
    code = segment(8, 0xC9B, 0xFFFFFFFF) if svsm else (
        segment(0xF000, 0x9A if vmm == "ec2" and boot else 0x9B, base=eip & 0xFFFF0000))
    stack = data if svsm else segment(0, 0x92 if vmm == "ec2" else 0x93)
    put(0, data + code + stack + data + data + segment(0, 0x93))
    put(0x60, segment(0, 0) + segment(0, 0x82) + segment(0, 0) + segment(0, 0x83 if vmm == "ec2" else 0x8B))
    for at, value in ((0xD0, 0x1000), (0x148, 0x40), (0x158, 0x11 if svsm else 0x10), (0x160, 0x400),
                      (0x168, 0xFFFF0FF0), (0x170, 2), (0x178, eip if svsm else eip & 0xFFFF),
                      (0x268, 0x70106 if vmm == "gce" else 0x7040600070406),
                      (0x310, signature if vmm == "qemu" else 0x600), (0x3B0, features), (0x3E8, 1)):  # fmt: skip
        put64(at, value)
    if vmm == "qemu":
        put(0x408, struct.pack("<I", 0x1F80))
        put(0x410, struct.pack("<H", 0 if svsm else 0x37F))
    return bytes(page)


def snp_digests(image, vmm, count, features=1, table=None):
    """The launch digests of machines with 1 to `count` processors."""
    chain = Chain()
    chain.add_content(2**32 - len(image), image)
    late = [section for section in SECTIONS if vmm == "ec2" and section[2] == 3]
    for gpa, size, kind in [section for section in SECTIONS if section not in late] + late:
        if kind == 0x10 and table:
            chain.add_content(gpa, bytes(HASH_TABLE % PAGE) + table + bytes(PAGE - HASH_TABLE % PAGE - len(table)))
        else:
            page = {1: 4 if vmm == "gce" else 3, 2: 5, 3: 6, 4: 3, 0x10: 3}[kind]
            chain.add_blank(page, gpa, size)
    found = []
    for number in range(count):
        chain.add_content(VMSA_GPA, save_area(vmm, RESET_EIP if number else 0xFFFFFFF0, features), kind=2)
        found.append(chain.digest.hex())
    return found


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(os.chdir, "/")
        os.chdir(self.folder.name)

    def refuse(self, status, words, *arguments):
        result = run(CAISSON, "measure", *arguments)
        text = result.stderr.decode()
        self.assertEqual(result.returncode, status, text)
        self.assertIn(words, text)
        self.assertEqual(result.stdout, b"", "a refusal prints no digest")


class Snp(Folder):
    def setUp(self):
        super().setUp()
        self.image = make_ovmf()
        write("ovmf.fd", self.image)
        write("kernel", b"kernel" * 5000)
        write("initrd", b"initrd" * 300)
        self.table = hash_table(b"kernel" * 5000, b"initrd" * 300, b"console=ttyS0 quiet")

    def measure(self, *arguments):
        return caisson("snp", "--firmware", "ovmf.fd", *arguments)

    def test_agrees_for_each_monitor(self):
        for vmm in ("qemu", "ec2", "gce"):
            for features in (1, 0x21):
                with self.subTest(vmm=vmm, features=features):
                    kind = ("--vcpu-type", "EPYC-Milan-v2") if vmm == "qemu" else ()
                    text = self.measure("--vmm", vmm, "--vcpus", "3", "--guest-features", hex(features), *kind)
                    self.assertEqual(text, snp_digests(self.image, vmm, 3, features)[2] + "\n")

    def test_prints_a_table_for_each_number_of_processors(self):
        expected = snp_digests(self.image, "qemu", 64)
        lines = self.measure("--vcpus", "1-64", "--vcpu-type", "EPYC-Milan").splitlines()
        self.assertEqual([line.split() for line in lines[1:]], [[str(i + 1), d] for i, d in enumerate(expected)])
        document = json.loads(self.measure("--vcpus", "3-5", "--vcpu-sig", hex(MILAN), "--json"))
        self.assertEqual(document["measurements"],
                         [{"vcpus": i, "digest": expected[i - 1]} for i in (3, 4, 5)])  # fmt: skip

    def test_measures_what_is_booted(self):
        boot = ("--kernel", "kernel", "--initrd", "initrd", "--append", "console=ttyS0 quiet")
        text = self.measure("--vcpus", "2", "--vcpu-sig", str(MILAN), *boot)
        self.assertEqual(text.strip(), snp_digests(self.image, "qemu", 2, table=self.table)[1])
        text = self.measure("--vcpus", "1", "--vcpu-type", "EPYC-Milan", "--kernel", "kernel")
        table = hash_table(b"kernel" * 5000, b"", b"")
        self.assertEqual(text.strip(), snp_digests(self.image, "qemu", 1, table=table)[0])

    def test_measures_sev_and_sev_es(self):
        boot = ("--kernel", "kernel", "--initrd", "initrd", "--append", "console=ttyS0 quiet")
        plain = hashlib.sha256(self.image + self.table)
        self.assertEqual(self.measure("--mode", "sev", *boot).strip(), plain.hexdigest())
        lines = self.measure("--mode", "es", "--vcpus", "1-3", "--vcpu-type", "EPYC-Milan", *boot).splitlines()[1:]
        for number, line in enumerate(lines):
            plain.update(save_area("qemu", RESET_EIP if number else 0xFFFFFFF0, 0))
            self.assertEqual(line.split(), [str(number + 1), plain.hexdigest()])
        self.assertEqual(len(lines), 3)

    def test_measures_an_svsm(self):
        sections = ((0x806000, 0x1000, 2), (0x807000, 0x1000, 3), (0x808000, 0x2000, 1))
        svsm = make_image(6, (("a789a612-0597-4c4b-a49f-cbb1fe9d1ddd", 0x120),), sections, b"svsm")
        write("svsm.bin", svsm)
        gpa = 2**32 - len(self.image) - 0x5000 - len(svsm)
        chain = Chain()
        chain.add_content(2**32 - len(self.image), self.image)
        chain.add_content(gpa, svsm)
        for at, size, kind in sections:
            chain.add_blank({1: 3, 2: 5, 3: 6}[kind], at, size)
        for _ in range(4):
            chain.add_content(VMSA_GPA, save_area("qemu", gpa + 0x120, 1, svsm=True), kind=2)
        text = self.measure("--mode", "svsm", "--svsm", "svsm.bin", "--vars-size", "0x5000", "--vcpus", "4",
                            "--vcpu-type", "EPYC-Milan")  # fmt: skip
        self.assertEqual(text.strip(), chain.digest.hex())
        self.refuse(1, "SVSM", "snp", "--firmware", "ovmf.fd", "--mode", "svsm", "--svsm", "ovmf.fd", "--vcpus", "1",
                    "--vcpu-type", "EPYC-Milan")  # fmt: skip

    def test_refuses_a_kernel_that_would_not_be_checked(self):
        write("plain.fd", make_image(2, (("00f771de-1a7e-4fcb-890e-68c77e2fb44e", RESET_EIP),), SECTIONS[:2], b"x"))
        for mode in ("snp", "es", "sev"):
            self.refuse(1, "unmeasured", "snp", "--firmware", "plain.fd", "--mode", mode, "--kernel", "kernel",
                        *(() if mode == "sev" else ("--vcpus", "1", "--vcpu-type", "EPYC-Milan")))  # fmt: skip

    def test_refuses_what_is_no_firmware(self):
        write("zeros", bytes(PAGE))
        self.refuse(1, "OVMF", "snp", "--firmware", "zeros", "--vcpus", "1", "--vcpu-type", "EPYC")
        write("odd", self.image[1:])
        self.refuse(1, "whole pages", "snp", "--firmware", "odd", "--vcpus", "1", "--vcpu-type", "EPYC")
        self.refuse(3, "none", "snp", "--firmware", "none", "--vcpus", "1", "--vcpu-type", "EPYC")

    def test_refuses_words_that_make_no_machine(self):
        good = ("snp", "--firmware", "ovmf.fd")
        cpu = ("--vcpu-type", "EPYC-Milan")
        for words, arguments in (
            ("--vcpus", (*good, *cpu)),
            ("--vcpus 0", (*good, *cpu, "--vcpus", "0")),
            ("--vcpus 5-4", (*good, *cpu, "--vcpus", "5-4")),
            ("--vcpus 1-513", (*good, *cpu, "--vcpus", "1-513")),
            ("--vcpus 1-", (*good, *cpu, "--vcpus", "1-")),
            ("--vcpu-type", (*good, "--vcpus", "1")),
            ("EPYC-Naples", (*good, "--vcpus", "1", "--vcpu-type", "EPYC-Naples")),
            ("not both", (*good, "--vcpus", "1", *cpu, "--vcpu-sig", "1")),
            ("--vcpu-sig 0x", (*good, "--vcpus", "1", "--vcpu-sig", "0x")),
            ("--vcpu-sig 0x100000000", (*good, "--vcpus", "1", "--vcpu-sig", "0x100000000")),
            ("--vmm hyperv", (*good, *cpu, "--vcpus", "1", "--vmm", "hyperv")),
            ("--mode tdx", (*good, *cpu, "--vcpus", "1", "--mode", "tdx")),
            ("want a --kernel", (*good, *cpu, "--vcpus", "1", "--append", "quiet")),
            ("--mode svsm", (*good, *cpu, "--vcpus", "1", "--svsm", "ovmf.fd")),
            ("--svsm is missing", (*good, *cpu, "--vcpus", "1", "--mode", "svsm")),
            ("fixed", (*good, "--mode", "sev", "--guest-features", "1")),
            ("--firmware is missing", ("snp", *cpu, "--vcpus", "1")),
            ("options alone", (*good, *cpu, "--vcpus", "1", "ovmf.fd")),
        ):
            with self.subTest(words=words):
                self.refuse(2, words, *arguments)


def header(kind, content):
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def igvm_file(make_headers, data, version=1):
    """`make_headers` takes the file offset of the data."""
    size = 24 if version == 1 else 32
    headers = make_headers(size + len(make_headers(0)))
    tail = b"" if version == 1 else struct.pack("<II", 0, PAGE)

    def fixed(crc):
        total = size + len(headers) + len(data)
        return b"IGVM" + struct.pack("<IIIII", version, size, len(headers), total, crc) + tail

    return fixed(zlib.crc32(fixed(0) + headers)) + headers + data


def igvm_headers(offset):
    return (header(1, struct.pack("<IBBHQ", 1, 0, 2, 1, 0))
            + header(1, struct.pack("<IBBHQ", 2, 0, 3, 1, 0))
            + header(0x101, struct.pack("<QII", 0x30000, 1, 0))
            + header(0x301, struct.pack("<QII", 2 * PAGE, 7, 0))
            + header(0x302, struct.pack("<QIIIHH", 0x1000, 1, offset, 0, 0, 0))
            + header(0x302, struct.pack("<QIIIHH", 0x2000, 2, offset, 0, 0, 0))
            + header(0x302, struct.pack("<QIIIHH", 0x3000, 1, 0, 0, 0, 0))
            + header(0x302, struct.pack("<QIIIHH", 0x4000, 1, 0, 0, 1, 0))
            + header(0x302, struct.pack("<QIIIHH", 0x5000, 3, 0, 0, 2, 0))
            + header(0x302, struct.pack("<QIIIHH", 0x8000, 1, 0, 2, 0, 0))
            + header(0x303, struct.pack("<QII", 0x6000, 1, 7))
            + header(0x304, struct.pack("<QIIHH", VMSA_GPA, 1, offset + PAGE, 0, 0)))  # fmt: skip


class Igvm(Folder):
    def setUp(self):
        super().setUp()
        self.data = b"\x90" * PAGE + save_area("qemu", 0xFFFFFFF0, 1)

    def digest(self, native):
        chain = Chain()
        chain.add_content(0x1000, self.data[:PAGE])
        if native:
            chain.add_blank(3, 0x3000, PAGE)
        else:
            chain.add_content(0x3000, bytes(PAGE))
        for kind, gpa, size in ((5, 0x4000, PAGE), (6, 0x5000, PAGE), (4, 0x8000, PAGE), (4, 0x6000, 2 * PAGE)):
            chain.add_blank(kind, gpa, size)
        chain.add_content(VMSA_GPA, self.data[PAGE:], kind=2)
        return chain.digest.hex()

    def test_agrees_in_both_versions(self):
        for version in (1, 2):
            write("file.igvm", igvm_file(igvm_headers, self.data, version))
            document = json.loads(caisson("igvm", "file.igvm", "--json"))
            self.assertEqual(document["digest"], self.digest(True))
            self.assertEqual((document["pages"], document["save_areas"]), (7, 1))
            self.assertEqual((document["policy"], document["kvm_agrees"]), ("0x30000", True))
            self.assertIn(self.digest(False), caisson("igvm", "file.igvm", "--zeros-as-data"))

    def test_refuses_a_changed_byte_and_a_cut(self):
        whole = igvm_file(igvm_headers, self.data)
        for at in range(0, len(whole) - len(self.data), 3):
            write("file.igvm", whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1:])
            self.refuse(1, "file.igvm", "igvm", "file.igvm")
        write("file.igvm", whole[:-1])
        self.refuse(1, "says that it has", "igvm", "file.igvm")

    def test_refuses_an_id_block_for_another_digest(self):
        def with_block(offset):
            block = struct.pack("<IB3x", 1, 0) + bytes(80) + struct.pack("<II", 1, 0) + struct.pack("<II", 1, 1)
            key = struct.pack("<II", 2, 0) + bytes(144)
            return igvm_headers(offset) + header(0x30B, block + bytes(144) + key + bytes(296))

        write("file.igvm", igvm_file(with_block, self.data))
        self.refuse(1, self.digest(True), "igvm", "file.igvm")


def openssl(*arguments, **options):
    result = run("openssl", *arguments, **options)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def der_integer(number):
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(data)]) + data


def signature_to_der(data):
    r, s = (int.from_bytes(data[at:at + 72], "little") for at in (0, 72))
    body = der_integer(r) + der_integer(s)
    return b"\x30" + bytes([len(body)]) + body


def der_to_signature(der):
    size = der[3]
    r, s = der[4:4 + size], der[6 + size:6 + size + der[5 + size]]
    return b"".join(int.from_bytes(number, "big").to_bytes(72, "little") for number in (r, s)).ljust(512, b"\0")


def key_structure(path):
    """Curve and coordinates of a key file, as the ID authentication has them."""
    text = openssl("ec", "-in", path, "-noout", "-text").decode()
    hexes = re.search(r"pub:\s*((?:[0-9a-f]{2}:?\s*)+)", text).group(1)
    point = bytes.fromhex(re.sub(r"[^0-9a-f]", "", hexes))
    assert point[0] == 4 and len(point) == 97
    return (struct.pack("<I", 2) + point[1:49][::-1].ljust(72, b"\0") + point[49:][::-1].ljust(72, b"\0")).ljust(
        0x404, b"\0")


class IdBlock(Folder):
    def setUp(self):
        super().setUp()
        for name in ("id", "author"):
            openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", f"{name}.pem")
            openssl("ec", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub")
        self.digest = "ab" * 48

    def make(self, *arguments):
        return caisson("id-block", "--digest", self.digest, "--id-key", "id.pem", "--block", "block", "--auth", "auth",
                       *arguments)  # fmt: skip

    def check(self, *arguments):
        return caisson("id-block", "--block", "block", "--auth", "auth", *arguments)

    def verify(self, name, data, signature):
        write("data", data)
        write("signature", signature_to_der(signature))
        openssl("dgst", "-sha384", "-verify", f"{name}.pub", "-signature", "signature", "data")

    def read(self, name):
        with open(name, "rb") as file:
            return file.read()

    def test_openssl_verifies_what_it_makes(self):
        document = json.loads(self.make("--author-key", "author.pem", "--svn", "9", "--policy", "0xb0000",
                                        "--family-id", "11" * 16, "--image-id", "22" * 16, "--json"))  # fmt: skip
        block, auth = self.read("block"), self.read("auth")
        self.assertEqual(block, bytes.fromhex(self.digest) + b"\x11" * 16 + b"\x22" * 16
                         + struct.pack("<IIQ", 1, 9, 0xB0000))  # fmt: skip
        self.assertEqual(len(auth), PAGE)
        self.verify("id", block, auth[0x40:0xD0])
        self.verify("author", auth[0x240:0x644], auth[0x680:0x710])
        self.assertEqual(auth[0x240:0x644], key_structure("id.pem"))
        self.assertEqual(auth[0x880:0xC84], key_structure("author.pem"))
        self.assertEqual(document["id_key_digest"], sha384(key_structure("id.pem")).hex())
        self.assertEqual(document["author_key_digest"], sha384(key_structure("author.pem")).hex())
        self.assertEqual(base64.b64decode(document["id_block"]), block)
        self.assertEqual(base64.b64decode(document["id_auth"]), auth)

    def test_accepts_what_openssl_signed(self):
        block = bytes.fromhex(self.digest) + bytes(32) + struct.pack("<IIQ", 1, 0, 0x30000)
        write("block", block)
        signature = der_to_signature(openssl("dgst", "-sha384", "-sign", "id.pem", "block"))
        key = key_structure("id.pem")
        auth = (struct.pack("<II", 1, 1) + bytes(56) + signature + key).ljust(PAGE, b"\0")
        write("auth", auth)
        self.assertIn("the signature holds", self.check("--digest", self.digest))
        self.refuse(1, self.digest, "id-block", "--block", "block", "--auth", "auth", "--digest", "cd" * 48)
        write("auth", base64.b64encode(auth) + b"\n")
        self.assertIn(sha384(key).hex(), self.check())

    def test_refuses_changed_ones(self):
        self.make("--author-key", "author.pem")
        self.assertIn("both signatures hold", self.check())
        for name, places in (("block", range(0, 96, 7)), ("auth", (0, 4, 8, 0x40, 0x88, 0x240, 0x244, 0x300, 0x650,
                                                                   0x680, 0x884, 0xFFF))):  # fmt: skip
            good = self.read(name)
            for at in places:
                write(name, good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
                result = run(CAISSON, "measure", "id-block", "--block", "block", "--auth", "auth")
                self.assertEqual((result.returncode, result.stdout), (1, b""), f"{name} at {at}")
            write(name, good)
        self.assertIn("both signatures hold", self.check())

    def test_refuses_other_keys_and_words(self):
        openssl("genpkey", "-algorithm", "RSA", "-out", "rsa.pem")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "p256.pem")
        good = ("id-block", "--digest", self.digest)
        self.refuse(1, "P-384", *good, "--id-key", "rsa.pem")
        self.refuse(1, "P-384", *good, "--id-key", "p256.pem")
        self.refuse(1, "private key", *good, "--id-key", "id.pub")
        self.refuse(1, "bit 17", *good, "--id-key", "id.pem", "--policy", "0x10000")
        self.refuse(2, "hex digits", "id-block", "--digest", "ab", "--id-key", "id.pem")
        self.refuse(2, "--digest is missing", "id-block", "--id-key", "id.pem")
        self.refuse(2, "to make one", "id-block")
        self.refuse(2, "--auth is missing", "id-block", "--block", "id.pem")
        write("block", bytes(95))
        write("auth", bytes(PAGE))
        self.refuse(1, "neither 96 bytes", "id-block", "--block", "block", "--auth", "auth")


def make_stream():
    stream = b"ECREATE\0" + struct.pack("<IQ", 1, 0x10000) + bytes(44)
    for offset, flags, fill in ((0, 0x100, 1), (0x1000, 0x205, 2)):
        stream += b"EADD\0\0\0\0" + struct.pack("<QQ", offset, flags) + bytes(40)
        for at in range(0, PAGE, 256):
            stream += b"EEXTEND\0" + struct.pack("<Q", offset + at) + bytes(48) + bytes([fill]) * 256
    return stream


def make_sigstruct(mrenclave):
    """Signed by a key of its own, with Python's integers."""
    text = openssl("rsa", "-noout", "-text", input=openssl("genrsa", "-3", "3072")).decode()

    def number(name):
        return int(re.sub(r"[\s:]", "", re.search(name + r":\s*\n((?:\s+[0-9a-f:]+\n)+)", text).group(1)), 16)

    n, d = number("modulus"), number("privateExponent")
    head = (bytes.fromhex("06000000E10000000000010000000000") + struct.pack("<II", 0, 0x20260131)
            + bytes.fromhex("01010000600000006000000001000000") + bytes(88))  # fmt: skip
    body = (bytes(28) + struct.pack("<QQQQ", 4, 3, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF) + mrenclave
            + bytes(32) + struct.pack("<HH", 7, 3))  # fmt: skip
    digest = hashlib.sha256(head + body).digest()
    message = (b"\0\1" + b"\xff" * 330 + b"\0" + bytes.fromhex("3031300d060960864801650304020105000420") + digest)
    s = pow(int.from_bytes(message, "big"), d, n)
    q1 = s * s // n
    q2 = (s**3 - q1 * s * n) // n
    n, s, q1, q2 = (value.to_bytes(384, "little") for value in (n, s, q1, q2))
    return head + n + struct.pack("<I", 3) + s + body + bytes(12) + q1 + q2


class Sgx(Folder):
    def test_mrenclave_is_the_streams_digest(self):
        stream = make_stream()
        write("enclave.sgxs", stream)
        self.assertIn(hashlib.sha256(stream).hexdigest(), caisson("sgxs", "enclave.sgxs"))
        write("enclave.sgxs", stream + b"UNMEASRD" + struct.pack("<Q", 0x1000) + bytes(48 + 256))
        self.refuse(1, "there already", "sgxs", "enclave.sgxs")
        page = b"EADD\0\0\0\0" + struct.pack("<QQ", 0x2000, 0x203) + bytes(40)
        write("enclave.sgxs", stream + page + b"UNMEASRD" + struct.pack("<Q", 0x2000) + bytes(48) + b"\7" * 256)
        document = json.loads(caisson("sgxs", "enclave.sgxs", "--json"))
        self.assertEqual(document["mrenclave"], hashlib.sha256(stream + page).hexdigest())
        self.assertEqual((document["pages"], document["partly_measured"]), (3, 1))

    def test_a_sigstruct_and_its_stream(self):
        stream = make_stream()
        write("enclave.sgxs", stream)
        good = make_sigstruct(hashlib.sha256(stream).digest())
        write("enclave.sig", good)
        self.assertEqual(len(good), 1808)
        text = caisson("sigstruct", "enclave.sig", "--sgxs", "enclave.sgxs")
        self.assertIn("the stream has this MRENCLAVE", text)
        self.assertIn("ruled out", text)
        document = json.loads(caisson("sigstruct", "enclave.sig", "--json"))
        self.assertEqual(document["mrsigner"], hashlib.sha256(good[128:512]).hexdigest())
        self.assertEqual((document["isv_prod_id"], document["isv_svn"], document["date"]), (7, 3, "20260131"))
        write("other.sgxs", stream[:-1] + b"\3")
        self.refuse(1, "not what the SIGSTRUCT signs", "sigstruct", "enclave.sig", "--sgxs", "other.sgxs")
        for at in (0, 30, 60, 130, 512, 600, 960, 1024, 1030, 1100, 1500, 1807):
            write("enclave.sig", good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1:])
            self.refuse(1, "SIGSTRUCT", "sigstruct", "enclave.sig")
        write("enclave.sig", good + b"\0")
        self.refuse(1, "1809 bytes", "sigstruct", "enclave.sig")


if __name__ == "__main__":
    tap.main()
