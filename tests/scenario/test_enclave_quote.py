#!/usr/bin/python3
"""From an enclave's report to a verified quote: by the simulated platform, and by an aesmd that is played.

CAISSON names the program, ENCLAVE_PROBE the enclave that makes the report, MAKE_REPORT what runs it in the model.
"""
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import threading
import unittest

from lib import evidence, tap

CAISSON = os.path.abspath(os.environ["CAISSON"])
PROBE = os.path.abspath(os.environ["ENCLAVE_PROBE"])
MAKE_REPORT = os.path.abspath(os.environ["MAKE_REPORT"])
NONCE = "0123456789abcdef" * 2
POLICY = b"package policy\n\nthis is what the enclave is bound to\n"


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(member, value):
    return varint(member << 3) + varint(value)


def data(member, value):
    return varint(member << 3 | 2) + varint(len(value)) + value


def members(message):
    """{number: value} of a message that has each once."""
    found = {}
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = read()
        value = read()
        if key & 7 == 2:
            value, at = message[at:at + value], at + value
        assert key >> 3 not in found
        found[key >> 3] = value
    return found


class Aesmd:
    """Plays aesmd: one request a connection. `answers` are functions of (kind, request) that give the bytes to send."""

    def __init__(self, path, answer):
        self.answer = answer
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.path = path
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)

    @staticmethod
    def receive(connection, size):
        got = b""
        while len(got) < size:
            part = connection.recv(size - len(got))
            if not part:
                return None
            got += part
        return got

    def serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection:
                (size,) = struct.unpack("<I", self.receive(connection, 4))
                ((kind, body),) = members(self.receive(connection, size)).items()
                request = members(body)
                self.requests.append((kind, request))
                try:
                    connection.sendall(self.answer(kind, request))
                except (BrokenPipeError, ConnectionResetError):
                    pass


def framed(message):
    return struct.pack("<I", len(message)) + message


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="caisson-enclave-quote-")
        cls.addClassCleanup(cls.folder.cleanup)
        os.chdir(cls.folder.name)
        cls.addClassCleanup(os.chdir, "/")
        subprocess.run(["openssl", "genrsa", "-3", "-out", "key.pem", "3072"], check=True, capture_output=True)
        evidence.write("policy", POLICY)
        cls.run_caisson("enclave", "sign", PROBE, "--key", "key.pem", "--date", "20260131", "-o", "probe.sig")
        cls.run_caisson("enclave", "target", "--simulated", "sgx", "-o", "target")
        cls.report("policy", "report")
        cls.run_caisson("enclave", "quote", "--simulated", "sgx", "--report", "report", "-o", "quote")

    @staticmethod
    def run_caisson(*words):
        result = subprocess.run([CAISSON, *words], capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    @staticmethod
    def report(policy, output, target="target", platform="sgx", image=PROBE):
        subprocess.run([MAKE_REPORT, image, "probe.sig", platform, policy, target, NONCE.ljust(128, "0"), output], check=True,
                       timeout=60)

    def caisson(self, *words, status=0, says=""):
        result = subprocess.run([CAISSON, *words], capture_output=True, text=True, timeout=100, check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertIn(says, result.stdout + result.stderr)
        return result.stdout

    def verify(self, *words, quote="quote", trust=("--trust-simulated", "sgx"), status=0, says=""):
        return self.caisson("verify", "sgx", "--quote", quote, "--collateral", "sgx/collateral.json", *trust, *words,
                            status=status, says=says)


class Simulated(Base):
    def test_verifies_the_enclave_its_policy_and_the_nonce(self):
        wanted = ("--enclave", PROBE, "--policy", "policy", "--nonce", NONCE)
        text = self.verify(*wanted, says="SIMULATED")
        for check in ("mrenclave", "configid", "report_data"):
            self.assertRegex(text, rf"pass +{check} ")
        self.assertNotIn("not compared: mrenclave", text)
        self.verify(*wanted, trust=("--root", "sgx/root.pem"), says="SIMULATED")
        document = json.loads(self.verify(*wanted, "--json"))
        self.assertTrue(document["simulated"])
        info = json.loads(self.caisson("enclave", "info", PROBE, "--policy", "policy", "--json"))
        self.assertEqual(document["quote"]["mrenclave"], info["mrenclave"])
        self.assertEqual(document["quote"]["configid"], info["configid"])
        self.assertEqual(document["quote"]["configsvn"], 1)

    def test_is_refused_where_nobody_named_its_root(self):
        self.verify(trust=(), status=1, says="refused by collateral_root")
        self.caisson("enclave", "target", "--simulated", "other", "-o", "other-target")
        self.verify(trust=("--trust-simulated", "other"), status=1, says="refused by collateral_root")
        self.caisson("verify", "sgx", "--quote", "quote", "--collateral", "other/collateral.json", "--trust-simulated", "other",
                     status=1, says="refused by")

    def test_another_policy_image_or_nonce_is_refused_by_its_name(self):
        evidence.write("other-policy", POLICY + b"\n")
        shutil.copy(PROBE, "other.img")
        with open("other.img", "r+b") as file: # a byte of the note: another heap
            at = evidence.read(PROBE).index(b"Caisson\0") + 8 + 20 + 9
            file.seek(at)
            file.write(b"\x10")
        self.verify("--policy", "other-policy", status=1, says="refused by configid")
        self.verify("--enclave", "other.img", status=1, says="refused by mrenclave")
        self.verify("--nonce", NONCE[:-2] + "00", status=1, says="refused by report_data")
        self.verify("--nonce", NONCE + "00", says="accepted") # filled up by zeros
        self.verify("--nonce", NONCE + "01", status=1, says="refused by report_data")

    def test_wrong_usage(self):
        evidence.write("want.json", json.dumps({"dcap_appraisal": 1, "configid": "00" * 64}).encode())
        self.verify("--policy", "policy", "--appraise", "want.json", status=2, says="only one can say it")
        for nonce in ("", "0", "zz", "00" * 65):
            self.verify("--nonce", nonce, status=2, says="--nonce wants")
        self.verify("--enclave", "policy", status=1, says="ELF")
        self.verify("--policy", "missing", status=3, says="missing")
        self.caisson("verify", "tdx", "--quote", "quote", "--collateral", "sgx/collateral.json", "--policy", "policy", status=2)
        self.caisson("enclave", "quote", "--simulated", "sgx", "--aesm", "x", "--report", "report", "-o", "no", status=2,
                     says="at most")
        self.caisson("enclave", "quote", "--simulated", "sgx", "-o", "no", status=2, says="--report")
        self.caisson("enclave", "target", "--simulated", "sgx", status=2, says="-o FILE")
        for size in (0, 431, 433):
            evidence.write("sized", bytes(size))
            self.caisson("enclave", "quote", "--simulated", "sgx", "--report", "sized", "-o", "no", status=1, says="432")
        self.assertFalse(os.path.exists("no"))

    def test_quotes_its_own_reports_alone(self):
        report = evidence.read("report")
        for at in (0, 64, 200, 383, 384, 415, 416, 431):
            evidence.write("changed", report[:at] + bytes([report[at] ^ 1]) + report[at + 1:])
            self.caisson("enclave", "quote", "--simulated", "sgx", "--report", "changed", "-o", "no", status=1,
                         says="SIMULATED SGX: the report was not made on this (simulated) processor")
        self.caisson("enclave", "quote", "--simulated", "other", "--report", "report", "-o", "no", status=1, says="not made on this")
        self.assertFalse(os.path.exists("no"))

    def test_the_platform_is_private_and_stays_the_same(self):
        self.assertEqual(stat.S_IMODE(os.stat("sgx").st_mode), 0o700)
        for name in os.listdir("sgx"):
            self.assertEqual(stat.S_IMODE(os.stat(f"sgx/{name}").st_mode), 0o600, name)
        self.caisson("enclave", "quote", "--simulated", "sgx", "--report", "report", "-o", "again", says="SIMULATED SGX")
        self.verify("--policy", "policy", quote="again")
        self.caisson("enclave", "target", "--simulated", "sgx", "-o", "target-again", says="SIMULATED SGX: this proves nothing")
        self.assertEqual(evidence.read("target-again"), evidence.read("target"))
        shutil.copytree("sgx", "open")
        os.chmod("open/fuse.key", 0o644)
        self.caisson("enclave", "target", "--simulated", "open", "-o", "no", status=1, says="0600")


class Aesm(Base):
    """The quote is the simulated platform's: the client does not care whose signatures it fetches."""

    def good(self, kind, _):
        quote = evidence.read("quote")
        if kind == 15:
            return framed(data(15, number(1, 0) + data(2, evidence.read("target")) + number(3, 32) + data(4, bytes(32))))
        if kind == 16:
            return framed(data(16, number(1, 0) + number(2, len(quote) + 512)))
        return framed(data(17, number(1, 0) + data(2, quote + bytes(512))))

    def fetch(self, answer, status=0, says="", verb="quote"):
        words = ("enclave", verb, "--aesm", "aesm.socket", "-o", "fetched") + (("--report", "report") if verb == "quote" else ())
        with Aesmd("aesm.socket", answer) as aesmd:
            self.caisson(*words, status=status, says=says)
        self.assertEqual(os.path.exists("fetched"), status == 0)
        if status == 0:
            os.rename("fetched", "taken")
        return aesmd.requests

    def test_asks_for_what_the_ecdsa_quote_needs(self):
        key = bytes(4) + struct.pack("<H", 32) + bytes.fromhex("8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff")
        key = (key.ljust(54, b"\0") + struct.pack("<I", 1)).ljust(154, b"\0") + struct.pack("<I", 2)
        key = key.ljust(256, b"\0")
        ((kind, request),) = self.fetch(self.good, verb="target")
        self.assertEqual((kind, request), (15, {1: key, 3: 1, 4: 32, 9: 30000000}))
        self.assertEqual(evidence.read("taken"), evidence.read("target"))
        requests = self.fetch(self.good)
        size = len(evidence.read("quote")) + 512
        self.assertEqual(requests, [(16, {1: key, 9: 30000000}),
                                    (17, {1: evidence.read("report"), 2: key, 4: size, 9: 30000000})])
        self.assertEqual(evidence.read("taken"), evidence.read("quote"))  # without what pads it
        self.verify("--policy", "policy", quote="taken", says="SIMULATED")

    def test_has_the_key_made_anew_once(self):
        seen = []

        def forgetful(kind, request):
            seen.append(kind)
            return self.good(kind, request) if 15 in seen else framed(data(kind, number(1, 42)))

        self.assertEqual([kind for kind, _ in self.fetch(forgetful)], [16, 15, 16, 17])
        requests = self.fetch(lambda kind, request: self.good(kind, request) if kind == 15 else framed(data(kind, number(1, 42))),
                              status=3, says="no attestation key")
        self.assertEqual([kind for kind, _ in requests], [16, 15, 16])

    def test_tells_why_aesmd_refuses(self):
        for status, says in ((44, "PCK certificate"), (24, "/dev/sgx_enclave"), (47, "make it anew"), (9999, "status 9999")):
            for kind in (16, 17):
                self.fetch(lambda k, request, s=status, at=kind: framed(data(k, number(1, s))) if k == at else self.good(k, request),
                           status=3, says=says)
        self.fetch(lambda kind, _: framed(data(kind, number(1, 30))), status=3, says="quoting service", verb="target")

    def test_refuses_answers_that_are_wrong(self):
        quote = evidence.read("quote")
        other = bytearray(quote)
        other[48 + 64] ^= 1
        good = self.good

        def at(kind, message):
            return lambda k, request: message if k == kind else good(k, request)

        size = good(16, {})
        whole = good(17, {})
        for says, answer in (
            ("ends after 0 of 4", at(16, b"")),
            ("ends after 3 of 4", at(16, size[:3])),
            ("ends after", at(16, size[:-1])),
            ("ends after", at(17, whole[:-1])),
            ("no message", at(16, framed(b""))),
            ("no message", at(16, framed(size[4:-1]))),
            ("no message", at(16, framed(number(16, 1)))),
            ("something follows", at(16, framed(size[4:] + b"\0"))),
            ("announces an answer of 4294967295 bytes", at(16, b"\xff" * 4)),
            ("answers request 17, not 16", at(16, whole)),
            ("answers request 16, not 17", at(17, size)),
            ("no status", at(16, framed(data(16, number(2, 4600))))),
            ("has nothing", at(16, framed(data(16, number(1, 0))))),
            ("has nothing", at(17, framed(data(17, number(1, 0))))),
            ("unknown, or there twice", at(16, framed(data(16, number(1, 0) + number(1, 0))))),
            ("unknown, or there twice", at(16, framed(data(16, number(1, 0) + number(5, 0))))),
            ("unknown, or there twice", at(16, framed(data(16, number(1, 0) + number(0, 0))))),
            ("another form", at(16, framed(data(16, data(1, b"\0") + number(2, 4600))))),
            ("another form", at(16, framed(data(16, number(1, 0) + data(2, b"\0"))))),
            ("another form", at(16, framed(data(16, number(1, 0) + number(2, 1 << 32))))),
            ("another form", at(17, framed(data(17, number(1, 0) + number(2, 4600))))),
            ("cut short", at(16, framed(data(16, number(1, 0) + b"\x15\0\0\0\0")))),
            ("cut short", at(16, framed(data(16, number(1, 0) + b"\x10" + b"\xff" * 9 + b"\x02")))),
            ("cut short", at(17, framed(data(17, number(1, 0) + b"\x12\x7fxx")))),
            ("quotes of 435 bytes", at(16, framed(data(16, number(1, 0) + number(2, 435))))),
            ("quotes of 65537 bytes", at(16, framed(data(16, number(1, 0) + number(2, 65537))))),
            ("aesmd's quote", at(17, framed(data(17, number(1, 0) + data(2, quote[:-1]))))),
            ("aesmd's quote", at(17, framed(data(17, number(1, 0) + data(2, bytes(4600)))))),
            ("of another report", at(17, framed(data(17, number(1, 0) + data(2, bytes(other)))))),
            ("zeros after it", at(17, framed(data(17, number(1, 0) + data(2, quote + b"\0\1"))))),
        ):  # fmt: skip
            with self.subTest(says=says):
                self.fetch(answer, status=3, says=says)
        for wrong in (511, 513, 0):
            self.fetch(lambda kind, _, n=wrong: framed(data(15, number(1, 0) + data(2, bytes(n)))), status=3, says="TARGETINFO of",
                       verb="target")

    def test_nobody_answers(self):
        self.caisson("enclave", "target", "--aesm", "nowhere", "-o", "no", status=3, says="no aesmd answers")
        self.caisson("enclave", "target", "--aesm", "x" * 200, "-o", "no", status=1, says="too long")


if __name__ == "__main__":
    tap.main()
