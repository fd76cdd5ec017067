#!/usr/bin/python3
"""`caisson verify snp`, and `caisson verify` on reports and on what is none, as a user runs them."""
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import uuid

from lib import evidence, paths, tap

TABLE = {"leaf": "63da758d-e664-4564-adc5-f4b93be8accd", "middle": "4ab7b379-bbac-4fe4-a02f-05aef327c782",
         "root": "c0b406a4-a803-4952-9743-3fb6014cd0ae"}  # fmt: skip
VECTORS = evidence.vectors()


def caisson(*words):
    return subprocess.run([paths.CAISSON, *words], capture_output=True, text=True, timeout=60, check=False)


class Simulated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="caisson-verify-snp-")
        cls.addClassCleanup(cls.folder.cleanup)
        os.chdir(cls.folder.name)
        cls.addClassCleanup(os.chdir, "/")
        evidence.make(".")
        pems = {name: evidence.read(name + ".pem") for name in TABLE}
        cls.ders = {name: evidence.der_of(pem) for name, pem in pems.items()}
        for name, der in cls.ders.items():
            evidence.write(name + ".der", der)
        evidence.write("chain.pem", pems["root"] + pems["leaf"] + pems["middle"])
        evidence.write("two.pem", pems["leaf"] + pems["middle"])

    def verify(self, *words, report="report.bin", certificates=("--certs", "chain.pem"), trust=("--trust-simulated", "psp"),
               at=evidence.NOW):
        return caisson("verify", "snp", "--report", report, *certificates, *trust, "--at", at, *words)

    def accepted(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("accepted (SIMULATED)", result.stdout)
        self.assertGreaterEqual(result.stdout.count("SIMULATED"), 3)

    def refused(self, result, check):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(f"refused by {check} ", result.stdout)
        self.assertIn("remedy", result.stdout)
        marks = re.findall(r"^  (FAIL|pass|skip)  \S", result.stdout, re.MULTILINE)
        self.assertEqual(marks, sorted(marks, key=lambda mark: mark != "FAIL"), "what failed stands first")
        self.assertEqual(result.stdout.count("remedy: "), marks.count("FAIL"))

    def test_accepts_every_form_of_the_chain(self):
        for certificates in (("--certs", "chain.pem"), ("--certs", "two.pem", "--certs", "root.der"),
                             ("--leaf", "leaf.der", "--intermediate", "middle.pem", "--certs", "root.pem"),
                             ("--certs", "root.der", "--certs", "middle.der", "--certs", "leaf.pem")):
            with self.subTest(certificates=certificates):
                self.accepted(self.verify(certificates=certificates))
        self.accepted(self.verify(certificates=("--certs", "two.pem"), trust=("--root", "root.pem")))
        self.accepted(self.verify(certificates=("--certs", "two.pem"), trust=("--root", "root.der")))

    def test_accepts_a_hosts_certificate_table(self):
        entries, bodies, offset = b"", b"", 24 * 4
        for name, guid in TABLE.items():
            entries += uuid.UUID(guid).bytes_le + struct.pack("<II", offset + len(bodies), len(self.ders[name]))
            bodies += self.ders[name]
        evidence.write("table.bin", entries + bytes(24) + bodies)
        self.accepted(self.verify(certificates=("--certs", "table.bin")))
        evidence.write("table.bin", entries + bytes(24) + bodies[:-1])
        result = self.verify(certificates=("--certs", "table.bin"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("leads outside itself", result.stderr)

    def test_accepts_what_thim_says(self):
        pems = {name: evidence.read(name + ".pem").decode() for name in TABLE}
        document = {"vcekCert": pems["leaf"], "certificateChain": pems["middle"] + pems["root"], "cacheControl": "86400"}
        evidence.write("thim.json", json.dumps(document).encode())
        self.accepted(self.verify(certificates=("--certs", "thim.json")))
        for key in ("vcekCert", "certificateChain"):
            evidence.write("thim.json", json.dumps({name: text for name, text in document.items() if name != key}).encode())
            result = self.verify(certificates=("--certs", "thim.json"))
            self.assertEqual(result.returncode, 1)
            self.assertIn(key, result.stderr)

    def test_refuses_a_root_that_nobody_named(self):
        result = self.verify(trust=())
        self.refused(result, "root")
        self.assertNotIn("accepted", result.stdout)

    def test_says_which_certificate_is_missing(self):
        for names, word in (({"middle", "root"}, "SEV-VLEK"), ({"leaf", "root"}, "ASK"), ({"leaf", "middle"}, "ARK")):
            words = [word for name in sorted(names) for word in ("--certs", name + ".pem")]
            result = self.verify(certificates=words)
            self.assertEqual(result.returncode, 1)
            self.assertIn(word, result.stderr)
            self.assertIn("fetch-certs", result.stderr)

    def test_judges_the_time_that_is_given(self):
        self.refused(self.verify(at="2001-01-01T00:00:00Z"), "validity")
        self.assertEqual(self.verify(at="now").returncode, 2)

    def test_refuses_changed_reports(self):
        report = evidence.read("report.bin")
        for offset, check in ((0x90, "signature"), (0x1A0, "signature"), (0x2A0, "signature"), (0x2D0, "reserved_fields"),
                              (0x34, "signature_algorithm"), (0x48, "signing_key")):
            changed = bytearray(report)
            changed[offset] ^= 4
            evidence.write("changed.bin", changed)
            result = self.verify(report="changed.bin")
            self.assertEqual(result.returncode, 1, result.stdout)
            self.assertIn(check, result.stdout)
        for data in (report[:-1], report + b"\0", b"", bytes(1184)):
            evidence.write("changed.bin", data)
            self.refused(self.verify(report="changed.bin"), "report_format")

    def test_a_revocation_list_must_be_the_roots(self):
        self.refused(self.verify("--require-crl"), "revocation")
        for data in (b"x", self.ders["root"]):
            evidence.write("crl.der", data)
            self.refused(self.verify("--crl", "crl.der"), "revocation")
        evidence.write("crl.der", b"")
        self.assertEqual(self.verify("--crl", "crl.der").returncode, 1)

    def appraise(self, **keys):
        evidence.write("appraise.json", json.dumps({"snp_appraisal": 1, **keys}).encode())
        return self.verify("--appraise", "appraise.json")

    def test_appraises_by_a_file(self):
        claims = json.loads(self.verify("--json").stdout)["report"]
        host_data = hashlib.sha256(evidence.read("policy")).hexdigest()
        self.assertEqual(claims["host_data"], host_data)
        good = {"host_data": host_data, "measurements": ["00" * 48, claims["measurement"]], "report_data": claims["report_data"],
                "chip_ids": [claims["chip_id"]], "policy_required": [], "policy_forbidden": ["migrate_ma", "debug"],
                "minimum_reported_tcb": {"snp": 0}, "report_id": claims["report_id"]}
        result = self.appraise(**good)
        self.accepted(result)
        self.assertNotIn("not compared", result.stdout)
        for key, value, check in (("host_data", "00" * 32, "host_data"), ("measurements", ["00" * 48], "measurement"),
                                  ("report_data", "11" * 64, "report_data"), ("chip_ids", ["00" * 64], "allowed_chip_id"),
                                  ("policy_required", ["single_socket"], "policy_bits"),
                                  ("minimum_reported_tcb", {"snp": 255}, "minimum_reported_tcb"),
                                  ("minimum_launch_tcb", {"fmc": 1}, "minimum_launch_tcb"),
                                  ("current_mitigations", [0], "current_mitigations"),
                                  ("id_key_digest", "01" * 48, "id_key_digest")):
            with self.subTest(key=key):
                self.refused(self.appraise(**dict(good, **{key: value})), check)

    def test_refuses_an_appraisal_that_it_does_not_understand(self):
        for keys in ({"measurement": "00"}, {"measurements": []}, {"host_data": "00"}, {"vmpl_max": 9}):
            result = self.appraise(**keys)
            self.assertEqual(result.returncode, 1)
            self.assertIn("appraise.json", result.stderr)
            self.assertEqual(result.stdout, "")
        evidence.write("appraise.json", b'{"snp_appraisal": 1, "allow_debug": true, "allow_debug": false}')
        self.assertEqual(self.verify("--appraise", "appraise.json").returncode, 1)

    def test_json_has_the_claims_and_the_checks(self):
        document = json.loads(self.verify("--json").stdout)
        self.assertEqual((document["verdict"], document["simulated"], document["product"]), ("accepted", True, "Milan"))
        report = evidence.read("report.bin")
        self.assertEqual(document["report"]["measurement"], report[0x90:0xC0].hex())
        self.assertEqual(document["report"]["report_data"], report[0x50:0x90].hex())
        self.assertEqual(int(document["report"]["policy"], 16), struct.unpack_from("<Q", report, 8)[0])
        self.assertEqual(document["report"]["signing_key"], "VCEK")
        refused = json.loads(self.verify("--json", trust=()).stdout)
        self.assertEqual((refused["verdict"], refused["refused_by"]), ("refused", "root"))

    def test_says_what_it_did_not_compare(self):
        result = self.verify()
        for name in ("measurement", "host_data", "report_data"):
            self.assertIn(f"not compared: {name}", result.stdout)

    def test_the_commands_of_the_page(self):
        """docs/verify.md, block by block, as a newcomer types it; a line that begins with `!` must be refused."""
        page = evidence.read(os.path.join(paths.SOURCE, "docs/verify.md")).decode()
        blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        self.assertGreaterEqual(len(blocks), 5)
        os.makedirs("page", exist_ok=True)
        for name, place in (("bundle.json", "evidence.json"), ("policy", "policy.rego"), ("manifest.json", "manifest.json"),
                            ("psp/ark.pem", "psp/ark.pem")):
            os.makedirs(os.path.dirname("page/" + place), exist_ok=True)
            shutil.copy(name, "page/" + place)
        script = f"set -eu -o pipefail\nnonce={evidence.NONCE}\n" + "".join(
            re.sub(r"^! (.*)$", r"if \1; then exit 9; else test $? = 1; fi", block, flags=re.MULTILINE) for block in blocks)
        environment = dict(os.environ, PATH=os.path.dirname(paths.CAISSON) + ":" + os.environ["PATH"])
        result = subprocess.run(["bash", "-c", script], cwd="page", env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout[-2000:] + result.stderr)
        self.assertEqual(result.stdout.count("accepted (SIMULATED)"), 3)
        self.assertEqual(result.stdout.count("refused by root "), 1)
        self.assertEqual(result.stdout.count("refused by host_data "), 1)

    def test_usage(self):
        for words in ((), ("--report", "report.bin"), ("--certs", "chain.pem"), ("report.bin", "--report", "report.bin", "--leaf", "x"),
                      ("--report", "report.bin", "--certs", "chain.pem", "--frobnicate")):
            self.assertEqual(caisson("verify", "snp", *words).returncode, 2, words)
        self.assertEqual(self.verify(report="missing.bin").returncode, 3)
        self.assertEqual(self.verify(certificates=("--certs", "missing.pem")).returncode, 3)
        self.assertEqual(self.verify(certificates=("--certs", "report.bin")).returncode, 1)
        self.assertIn("verify snp", caisson("verify", "snp", "--help").stdout)

    def test_verify_takes_a_report_with_its_certificates(self):
        plain = ("verify", "report.bin", "--at", evidence.NOW)
        self.accepted(caisson(*plain, "chain.pem", "--trust-simulated", "psp"))
        self.accepted(caisson("verify", "report.bin", "leaf.der", "root.pem", "middle.der", "--at", evidence.NOW,
                              "--trust-simulated", "psp"))
        self.refused(caisson(*plain, "chain.pem"), "root")
        alone = caisson(*plain)
        self.assertEqual(alone.returncode, 2)
        self.assertIn("verify snp", alone.stderr)
        asked = caisson(*plain, "chain.pem", "--nonce", "00")
        self.assertEqual(asked.returncode, 2)
        self.assertIn("--nonce can't be compared", asked.stderr)

    def test_verify_names_the_command_for_other_kinds(self):
        for data, word in ((b"HCLA" + bytes(2600), "verify hcl"), (b"\xd2\x84\x43" + bytes(50), "verify uvm"),
                           (evidence.read("chain.pem"), "verify snp"), (b"\x03\0\x02\0" + bytes(600), "verify sgx"),
                           (b"\x04\0\x02\0\x81\0\0\0" + bytes(600), "verify tdx")):
            evidence.write("other", data)
            result = caisson("verify", "other")
            self.assertEqual(result.returncode, 2)
            self.assertIn(word, result.stderr)
        for data in (b"", b"hello\n", bytes(1184), evidence.read("report.bin")[:-1]):
            evidence.write("other", data)
            self.assertEqual(caisson("verify", "other").returncode, 1)


@unittest.skipUnless(VECTORS, "no vectors of real machines (set CAISSON_VECTORS)")
class Real(unittest.TestCase):
    def verify(self, name, *words, leaf=None, middle="milan_ask", root="milan_ark"):
        return caisson("verify", "snp", "--report", f"{VECTORS}/snp/{name}.report.bin", "--leaf", f"{VECTORS}/snp/{leaf or name + '.vcek'}.der",
                       "--intermediate", f"{VECTORS}/roots/{middle}.der", "--certs", f"{VECTORS}/roots/{root}.der", *words)

    def test_accepts_real_reports_under_amds_roots(self):
        for words in (["milan-v3"], ["genoa-v3"]):
            middle = "genoa" if "genoa" in words[0] else "milan"
            result = self.verify(*words, "--at", evidence.NOW, middle=middle + "_ask", root=middle + "_ark")
            self.assertEqual(result.returncode, 0, result.stdout)
            self.assertNotIn("SIMULATED", result.stdout)

    def test_refuses_a_real_report_under_another_product(self):
        result = self.verify("milan-v3", "--at", evidence.NOW, middle="genoa_ask", root="genoa_ark")
        self.assertEqual(result.returncode, 1)
        self.assertIn("ASK", result.stderr)

    def test_appraises_a_vlek_of_aws(self):
        words = ("milan-v3-vlek-a", "--at", "2025-06-01T00:00:00Z")
        chain = {"leaf": "milan-v3-vlek-a.vlek", "middle": "milan_asvk"}
        result = self.verify(*words, **chain)
        self.assertEqual(result.returncode, 1)
        self.assertIn("refused by vmpl", result.stdout)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"snp_appraisal": 1, "vmpl_max": 1, "allow_provisional_firmware": True}, file)
            file.flush()
            result = self.verify(*words, "--appraise", file.name, **chain)
            self.assertEqual(result.returncode, 0, result.stdout)

    def test_answers_the_synthetic_cases(self):
        folder = f"{VECTORS}/snp-synth"
        with open(f"{folder}/cases.json", encoding="utf-8") as file:
            cases = json.load(file)["cases"]
        self.assertGreater(len(cases), 30)
        for case in cases:
            words = ["--report", f"{folder}/{case['report']}", "--leaf", f"{folder}/{case['leaf']}",
                     "--intermediate", f"{folder}/{case['intermediate']}", "--root", f"{folder}/{case['root']}",
                     "--at", case["now"]]
            words += ["--crl", f"{folder}/{case['crl']}"] if case["crl"] else []
            result = caisson("verify", "snp", *words)
            with self.subTest(case=case["name"]):
                self.assertEqual(result.returncode, 0 if case["default_policy"] == "accept" else 1, result.stdout + result.stderr)


if __name__ == "__main__":
    tap.main()
