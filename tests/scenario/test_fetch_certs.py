#!/usr/bin/python3
"""`caisson fetch-certs` against a service that speaks AMD's paths, and that fails in every way."""
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from lib import amd, kds, paths, registry, tap

MILAN_CHIP = bytes(range(64))
TURIN_CHIP = bytes((0x02, 1, 2, 3, 4, 5, 6, 7))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory(prefix="caisson-kds-")
        cls.addClassCleanup(cls.made.cleanup)
        milan = cls.milan = amd.Authority(os.path.join(cls.made.name, "milan"))
        turin = cls.turin = amd.Authority(os.path.join(cls.made.name, "turin"), "Turin", milan.key)
        leaf = milan.leaf("vcek", amd.leaf_extensions("Milan", amd.MILAN_TCB, MILAN_CHIP))
        cls.documents = kds.kds_documents(milan, leaf, MILAN_CHIP, amd.MILAN_TCB)
        leaf = turin.leaf("vcek", amd.leaf_extensions("Turin", amd.TURIN_TCB, TURIN_CHIP))
        cls.documents.update(kds.kds_documents(turin, leaf, TURIN_CHIP, amd.TURIN_TCB))
        cls.leaf_path = f"/vcek/v1/Milan/{MILAN_CHIP.hex()}"
        cls.chain_path = "/vcek/v1/Milan/cert_chain"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-fetch-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.service = self.serve()
        self.report = self.write("report", self.milan.sign(amd.report(chip_id=MILAN_CHIP)))
        self.cache = os.path.join(self.folder, "cache")
        self.output = os.path.join(self.folder, "chain.pem")

    def serve(self, **options):
        service = kds.Service(self.documents, **options)
        self.addCleanup(service.close)
        return service

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def run_caisson(self, *words, **environment):
        clean = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        return subprocess.run([paths.CAISSON, *words], env=dict(clean, HOME=self.folder, **environment), capture_output=True,
                              text=True, timeout=100, check=False)

    def fetch(self, *words, report=None, url=None):
        return self.run_caisson("fetch-certs", "--report", report or self.report, "--url", url or self.service.url, "--cache",
                                self.cache, "-o", self.output, *words)

    def ok(self, *words, **options):
        result = self.fetch(*words, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def refused(self, *words, because, status, **options):
        result = self.fetch(*words, **options)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(because, result.stderr)
        self.assertFalse(os.path.exists(self.output), "what was refused must not be written")
        self.assertEqual(self.kept(), [], "what was refused must not be kept")

    def kept(self):
        return sorted(os.listdir(self.cache)) if os.path.isdir(self.cache) else []

    def verify(self, authority=None, report=None, *words):
        return self.run_caisson("verify", "snp", "--report", report or self.report, "--certs", self.output, "--root",
                                (authority or self.milan).path("ark.pem"), *words)


class Fetching(Case):
    def test_what_it_gets_verifies_the_report(self):
        crl = os.path.join(self.folder, "crl.der")
        self.ok("--crl", crl)
        result = self.verify(None, None, "--crl", crl, "--require-crl")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("not revoked", result.stdout)
        with open(self.output, encoding="ascii") as file:
            self.assertEqual(file.read().count("BEGIN CERTIFICATE"), 3)

    def test_asks_a_turin_by_eight_bytes_and_its_fmc(self):
        report = self.write("turin", self.turin.sign(amd.report("Turin", version=5, chip_id=TURIN_CHIP)))
        self.ok(report=report)
        asked = self.service.log[0][0]
        self.assertEqual(asked, f"/vcek/v1/Turin/{TURIN_CHIP.hex()}?fmcSPL=02&blSPL=03&teeSPL=01&snpSPL=05&ucodeSPL=72")
        self.assertEqual(self.verify(self.turin, report).returncode, 0)

    def test_asks_by_the_reported_tcb_not_the_current_one(self):
        report = amd.report(chip_id=MILAN_CHIP)
        report[0x38:0x40] = bytes((9, 0, 0, 0, 0, 0, 30, 0xFF))  # CURRENT_TCB
        self.ok(report=self.write("newer", self.milan.sign(report)))
        self.assertIn("?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219", self.service.log[0][0])

    def test_a_version_2_report_needs_its_product_named(self):
        report = self.write("v2", self.milan.sign(amd.report(version=2, chip_id=MILAN_CHIP)))
        self.refused(report=report, because="--product", status=3)
        self.refused("--product", "Naples", report=report, because="Naples", status=2)
        self.ok("--product", "Milan", report=report)
        self.assertEqual(self.verify(None, report).returncode, 0)
        turin = amd.report("Turin", version=2, chip_id=TURIN_CHIP)  # shows by its chip id
        self.ok(report=self.write("v2-turin", self.turin.sign(turin)))

    def test_the_second_time_nobody_is_asked(self):
        self.ok()
        before = len(self.service.log)
        self.assertEqual(before, 2)
        os.unlink(self.output)
        self.ok()
        self.ok("--offline")
        self.assertEqual(len(self.service.log), before)
        self.assertEqual(self.verify().returncode, 0)
        self.assertEqual(len(self.kept()), 2)
        self.assertEqual(stat.S_IMODE(os.stat(self.cache).st_mode), 0o700)
        for name in self.kept():
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.cache, name)).st_mode), 0o644)

    def test_offline_without_anything_kept(self):
        self.refused("--offline", because="is not kept", status=3)
        self.assertEqual(self.service.log, [])

    def test_what_was_damaged_on_disk_is_fetched_anew(self):
        self.ok()
        for name in self.kept():
            path = os.path.join(self.cache, name)
            with open(path, "rb") as file:
                data = bytearray(file.read())
            for damaged in (data[:-1], data[:40], b"", data[:-1] + bytes((data[-1] ^ 1,))):
                with open(path, "wb") as file:
                    file.write(damaged)
                before = len(self.service.log)
                self.ok()
                self.assertEqual(len(self.service.log), before + 1)
                self.assertEqual(self.verify().returncode, 0)

    def test_what_somebody_put_into_the_cache_is_not_believed(self):
        self.ok()
        other = self.milan.leaf("other", amd.leaf_extensions("Milan", amd.MILAN_TCB, bytes(64)))
        for name in self.kept():  # the digest is sound, and the leaf another chip's
            with open(os.path.join(self.cache, name), "wb") as file:
                file.write(hashlib.sha256(other).hexdigest().encode() + b"\n" + other)
        result = self.ok()
        self.assertIn("all is fetched anew", result.stderr)
        self.assertEqual(self.verify().returncode, 0)

    def test_the_list_is_asked_for_each_time_and_kept_for_need(self):
        crl = os.path.join(self.folder, "crl.der")
        self.ok("--crl", crl)
        self.ok("--crl", crl)
        self.assertEqual(self.service.count("/vcek/v1/Milan/crl"), 2)
        self.service.fault("/vcek/v1/Milan/crl", registry.status(404))
        result = self.ok("--crl", crl)
        self.assertIn("that is kept is taken", result.stderr)
        self.ok("--crl", crl, "--offline")

    def test_to_the_output_and_below_caisson_home(self):
        home = os.path.join(self.folder, "home")
        result = self.run_caisson("fetch-certs", "--report", self.report, "--url", self.service.url + "/", CAISSON_HOME=home)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.count("BEGIN CERTIFICATE"), 3)
        self.assertEqual(len(os.listdir(os.path.join(home, "certificates"))), 2)


class Failing(Case):
    def test_404_is_told_and_not_repeated(self):
        report = amd.report(chip_id=bytes(range(1, 65)))
        self.refused(report=self.write("unknown", self.milan.sign(report)), because="there is no such document", status=3)
        self.assertEqual(len(self.service.log), 1)

    def test_waits_as_long_as_the_service_says(self):
        self.service.fault(self.leaf_path, registry.status(429, {"Retry-After": "2"}), registry.status(503))
        self.ok()
        times = self.service.times(self.leaf_path)
        self.assertEqual(len(times), 3)
        self.assertGreaterEqual(times[1] - times[0], 2.0)
        self.assertGreaterEqual(times[2] - times[1], 0.5)  # backs off by itself

    def test_gives_up_in_the_end(self):
        self.service.fault(self.chain_path, *[registry.status(503)] * 9)
        self.refused(because="gave up after 5 tries", status=3)
        self.assertEqual(self.service.count(self.chain_path), 5)

    def test_other_statuses_are_final(self):
        for code in (400, 401, 403, 301, 302, 204):
            self.service.fault(self.leaf_path, registry.status(code, {"Location": self.service.url + self.chain_path}, b""))
            before = len(self.service.log)
            self.refused(because=f"status {code}", status=3)
            self.assertEqual(len(self.service.log), before + 1)

    def test_takes_a_document_whole_after_one_that_broke_off(self):
        document = next(body for path, (_, body) in self.documents.items() if path.startswith(self.leaf_path))
        self.service.fault(self.leaf_path, registry.cut(document, 100), registry.cut(document, len(document) - 1))
        self.ok()
        self.assertEqual(self.verify().returncode, 0)

    def test_a_slow_service_is_left(self):
        self.service.fault(self.leaf_path, kds.slow(3))
        self.ok("--timeout", "1")
        self.assertEqual(self.service.count(self.leaf_path), 2)

    def test_refuses_documents_that_are_not_the_reports(self):
        leaf_url = next(path for path in self.documents if path.startswith(self.leaf_path))
        milan, chain = self.milan, self.documents[self.chain_path]
        other_chip = milan.leaf("other-chip", amd.leaf_extensions("Milan", amd.MILAN_TCB, bytes(64)))
        other_tcb = milan.leaf("other-tcb", amd.leaf_extensions("Milan", bytes(7) + b"\1", MILAN_CHIP))
        vlek = milan.leaf("vlek", amd.leaf_extensions("Milan", amd.MILAN_TCB, None), "SEV-VLEK", "asvk")
        good = self.documents[leaf_url][1]
        flipped = bytearray(good)
        flipped[-1] ^= 1
        for path, body, because in (
                (leaf_url, other_chip, "another chip"), (leaf_url, other_tcb, "another TCB"), (leaf_url, vlek, "ASK or ASVK"),
                (leaf_url, b"<html>sorry</html>", "neither PEM"), (leaf_url, b"", "certificate"), (leaf_url, good[:-1], "neither PEM"),
                (leaf_url, bytes(flipped), "leaf_signature"), (leaf_url, bytes(30000), "limit"), (leaf_url, chain[1], "SEV-VCEK"),
                (self.chain_path, good, "ASK"), (self.chain_path, milan.read("ark.pem"), "ASK"),
                (self.chain_path, milan.read("ask.pem"), "ARK"), (self.chain_path, self.turin.read("ask.pem"), "ASK"),
                (self.chain_path, chain[1] + b"x", "BEGIN CERTIFICATE"), (self.chain_path, b"{}", "vcekCert")):
            with self.subTest(path=path[:24], because=because):
                self.service.documents = dict(self.documents, **{path: ("application/octet-stream", body)})
                self.refused(because=because, status=1)

    def test_refuses_a_list_that_another_root_signed(self):
        crl = os.path.join(self.folder, "crl.der")
        for body in (self.documents["/vcek/v1/Turin/crl"][1], b"", b"x", self.milan.der("ark")):
            self.service.documents["/vcek/v1/Milan/crl"] = ("application/pkix-crl", body)
            result = self.fetch("--crl", crl)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertFalse(os.path.exists(crl))

    def test_refuses_reports_for_which_there_is_nothing(self):
        venice = amd.report("Turin", version=5, chip_id=TURIN_CHIP)
        venice[0x189] = 0x50
        vlek = amd.report(chip_id=MILAN_CHIP, signing_key=1)
        masked = amd.report()
        masked[0x1A0:0x1E0] = bytes(64)
        for data, because in ((venice, "Venice"), (vlek, "VLEK"), (masked, "masks CHIP_ID"), (bytes(1184), "version 0"),
                              (bytes(10), "10 bytes")):
            self.refused(report=self.write("bad", bytes(data)), because=because, status=1)
        self.assertEqual(self.service.log, [])

    def test_speaks_plain_http_to_this_machine_only(self):
        for url in ("http://kdsintf.amd.com", "http://10.1.2.3:8080", "http://169.254.169.254", "ftp://localhost", "localhost",
                    "http://user@127.0.0.1", "file:///etc/passwd", "http://", "http://127.0.0.1.example.org"):
            with self.subTest(url=url):
                self.refused(url=url, because="", status=2)

    def test_nobody_there(self):
        self.refused(url=f"http://127.0.0.1:{registry.free_port()}", because="", status=3)

    def test_https_wants_an_authority_that_is_trusted(self):
        authority, *tls = registry.make_certificates(self.folder)
        service = self.serve(tls=tls)
        self.refused(url=service.url, because="not trusted", status=1)
        self.ok("--tls-ca", authority, url=service.url)
        self.assertEqual(self.verify().returncode, 0)

    def test_usage(self):
        for words in ((), ("--report",), ("report",), ("--thim", "--offline"), ("--thim", "--crl", "x"),
                      ("--report", self.report, "--timeout", "0"), ("--report", self.report, "--timeout", "soon")):
            self.assertEqual(self.run_caisson("fetch-certs", *words).returncode, 2, words)
        self.assertEqual(self.run_caisson("fetch-certs", "--report", "missing", "--cache", self.cache).returncode, 3)


class Thim(Case):
    def setUp(self):
        super().setUp()
        self.document = kds.thim_document(self.milan, self.milan.read("vcek.pem"), amd.MILAN_TCB)
        self.service.documents[kds.THIM] = ("application/json", self.document)

    def thim(self, *words):
        return self.run_caisson("fetch-certs", "--thim", "--url", self.service.url, "-o", self.output, *words)

    def test_gets_the_chain_of_this_machine(self):
        result = self.thim()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.verify().returncode, 0)
        self.assertEqual(self.thim("--report", self.report).returncode, 0)
        self.assertEqual(self.service.count(kds.THIM), 2, "the endpoint's words change with the firmware: none are kept")

    def test_compares_with_the_report(self):
        other = amd.report(chip_id=bytes(range(1, 65)))
        result = self.thim("--report", self.write("other", self.milan.sign(other)))
        self.assertEqual(result.returncode, 1)
        self.assertIn("another chip", result.stderr)

    def test_refuses_other_documents(self):
        for body in (b"", b"{}", b"[]", b'{"vcekCert": "x", "certificateChain": "y"}', self.document[:-1],
                     self.document.replace(b'"certificateChain"', b'"chain"'), self.document.replace(b"BEGIN", b"BEGUN"),
                     b'{"vcekCert": 1, "certificateChain": 2}', self.milan.read("vcek.pem")):
            self.service.documents[kds.THIM] = ("application/json", body)
            result = self.thim()
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertFalse(os.path.exists(self.output))

    def test_tries_again_when_told_so(self):
        self.service.fault(kds.THIM, registry.status(429, {"Retry-After": "1"}))
        self.assertEqual(self.thim().returncode, 0)


if __name__ == "__main__":
    tap.main()
