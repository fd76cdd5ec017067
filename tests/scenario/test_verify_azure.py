#!/usr/bin/python3
"""`caisson verify uvm`, `verify aci` and `verify hcl` as a user runs them, on evidence of machines that never ran."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import evidence, paths, tap

VECTORS = evidence.vectors()
NONCE = b"nonce".hex()


def caisson(*words):
    return subprocess.run([paths.CAISSON, *words], capture_output=True, text=True, timeout=60, check=False)


class Base(unittest.TestCase):
    def accepted(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"(?m)^accepted")

    def refused(self, result, check):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(f"refused by {check} ", result.stdout)
        self.assertIn("remedy", result.stdout)

    def wrong(self, result, status, words):
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(result.stdout, "")


class Made(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="caisson-verify-azure-")
        cls.addClassCleanup(cls.folder.cleanup)
        os.chdir(cls.folder.name)
        cls.addClassCleanup(os.chdir, "/")
        subprocess.run([os.environ["MAKE_AZURE"], "psp", "."], check=True)
        cls.issuer = evidence.read("issuer").decode()

    def uvm(self, *words, cose="aci/reference-info-base64", issuer=None, feed="MadeFeed", at=evidence.NOW):
        return caisson("verify", "uvm", "--cose", cose, "--issuer", issuer or self.issuer, "--feed", feed, "--at", at, *words)

    def aci(self, *words, folder="aci", trust=("--trust-simulated", "psp"), issuer=None):
        return caisson("verify", "aci", folder, "--issuer", issuer or self.issuer, "--feed", "MadeFeed",
                       "--at", evidence.NOW, *trust, *words)

    def hcl(self, *words, report="hcl.bin", trust=("--trust-simulated", "psp"), certs=("--certs", "chain.pem")):
        return caisson("verify", "hcl", "--report", report, *certs, "--at", evidence.NOW, *trust, *words)

    def quote(self, *words, nonce=NONCE, quote="quote.bin", signature="quote.sig", **named):
        return self.hcl("--quote", quote, "--signature", signature, "--nonce", nonce, *words, **named)

    # verify uvm

    def test_uvm_accepts_message_and_base64(self):
        self.accepted(self.uvm())
        raw = base64.b64decode(evidence.read("aci/reference-info-base64"))
        evidence.write("info.cose", raw)
        self.accepted(self.uvm(cose="info.cose"))
        evidence.write("info.txt", base64.b64encode(raw) + b"\r\n")
        self.accepted(self.uvm("--minimum-svn", "7", cose="info.txt"))
        self.accepted(self.uvm("--measurement", "010203" + "00" * 45))

    def test_uvm_refuses(self):
        self.refused(self.uvm(issuer=self.issuer.replace("1.2", "1.3")), "uvm_identity")
        self.refused(self.uvm(feed="Other"), "uvm_feed")
        self.refused(self.uvm("--minimum-svn", "8"), "uvm_svn")
        self.refused(self.uvm("--measurement", "00" * 48), "uvm_measurement")
        self.refused(self.uvm(at="2027-06-01T00:00:00Z"), "uvm_validity")
        self.refused(self.uvm("--endorsed-at", "2027-06-01T00:00:00Z"), "uvm_validity")
        self.refused(caisson("verify", "uvm", "--cose", "aci/reference-info-base64", "--at", evidence.NOW), "uvm_identity")
        raw = bytearray(base64.b64decode(evidence.read("aci/reference-info-base64")))
        raw[-1] ^= 1
        evidence.write("changed.cose", bytes(raw))
        self.refused(self.uvm(cose="changed.cose"), "uvm_signature")
        evidence.write("short.cose", bytes(raw[:-1]))
        self.refused(self.uvm(cose="short.cose"), "uvm_format")

    def test_uvm_takes_the_signers_word_only_where_asked(self):
        result = self.uvm("--endorsed-at", "signed", at="2027-06-01T00:00:00Z")
        self.accepted(result)
        self.assertIn("when it says that it signed", result.stdout)

    def test_uvm_usage(self):
        self.wrong(caisson("verify", "uvm"), 2, "--cose")
        self.wrong(caisson("verify", "uvm", "--cose", "x", "y"), 2, "no operand")
        self.wrong(self.uvm("--minimum-svn", "-1"), 2, "--minimum-svn")
        self.wrong(self.uvm("--endorsed-at", "now"), 2, "--endorsed-at")
        self.wrong(self.uvm("--measurement", "00"), 2, "--measurement")
        self.wrong(self.uvm(cose="absent"), 3, "absent")
        self.wrong(self.uvm(cose="chain.pem"), 1, "neither COSE_Sign1 nor its base64")

    def test_uvm_json_and_page(self):
        result = self.uvm("--json", "--html", "page.html")
        document = json.loads(result.stdout)
        self.assertEqual(document["verdict"], "accepted")
        self.assertEqual(document["endorsement"]["svn"], 7)
        self.assertEqual(document["endorsement"]["issuer"], self.issuer)
        self.assertIn("MadeFeed", evidence.read("page.html").decode())
        refused = json.loads(self.uvm("--json", "--minimum-svn", "8").stdout)
        self.assertEqual(refused["refused_by"], "uvm_svn")

    # verify aci

    def test_aci_accepts_what_belongs_together(self):
        result = self.aci("--policy", "policy", "--runtime-data", "runtime.json")
        self.accepted(result)
        self.assertGreaterEqual(result.stdout.count("SIMULATED"), 3)
        self.assertNotIn("FAIL", result.stdout)

    def test_aci_says_what_was_not_compared(self):
        result = self.aci()
        self.accepted(result)
        self.assertRegex(result.stdout, "skip +expected_policy .*not known")
        self.assertRegex(result.stdout, "skip +runtime_data .*not known")

    def test_aci_refuses_what_does_not(self):
        evidence.write("other", b"package policy \n")
        self.refused(self.aci("--policy", "other"), "expected_policy")
        self.refused(self.aci("--runtime-data", "other"), "runtime_data")
        self.refused(self.aci("--minimum-svn", "8"), "uvm_svn")
        self.refused(self.aci("--endorsed-at", "2027-06-01T00:00:00Z"), "uvm_validity")
        self.refused(self.aci("--require-crl"), "revocation")
        self.refused(self.aci(trust=()), "root")
        self.refused(self.aci(issuer="did:x509:0:sha256:AAAA::eku:1.2"), "uvm_identity")
        report = bytearray(evidence.read("aci/report"))
        report[0x90] ^= 1
        evidence.write("report.bin", bytes(report))
        self.refused(self.aci("--report", "report.bin"), "signature")

    def test_aci_refuses_each_file_swapped_or_missing(self):
        swapped = {"security-policy-base64": "policy", "reference-info-base64": "uvm_format",
                   "host-amd-cert-base64": "host_certificates", "report": "report_format"}
        for name, check in swapped.items():
            with self.subTest(name=name):
                shutil.rmtree("copy", ignore_errors=True)
                shutil.copytree("aci", "copy")
                self.accepted(self.aci(folder="copy"))
                evidence.write("copy/" + name, base64.b64encode(b"something else"))
                self.refused(self.aci(folder="copy"), check)
                evidence.write("copy/" + name, b"not base64!")
                self.wrong(self.aci(folder="copy"), 1, "copy/" + name)
                os.unlink("copy/" + name)
                self.wrong(self.aci(folder="copy"), 3, "copy/" + name)

    def test_aci_takes_the_report_in_base64(self):
        evidence.write("report.txt", base64.b64encode(evidence.read("aci/report")) + b"\n")
        self.accepted(self.aci("--report", "report.txt"))

    def test_aci_usage_and_json(self):
        self.wrong(caisson("verify", "aci"), 2, "one security-context directory")
        self.wrong(self.aci("aci"), 2, "one security-context directory")
        evidence.write("empty", b"")
        self.wrong(self.aci("--policy", "empty"), 1, "is empty")
        document = json.loads(self.aci("--json", "--policy", "policy").stdout)
        self.assertEqual((document["verdict"], document["simulated"]), ("accepted", True))
        self.assertEqual(document["endorsement"]["feed"], "MadeFeed")
        self.assertEqual(document["report"]["measurement"], document["endorsement"]["measurement"])

    # verify hcl

    def test_hcl_accepts_and_says_what_is_open(self):
        result = self.hcl()
        self.accepted(result)
        self.assertRegex(result.stdout, "skip +tpm_quote .*not known")
        self.assertIn("00112233-4455", result.stdout)

    def test_hcl_accepts_a_quote(self):
        pcr = evidence.read("pcrs.bin")
        self.accepted(self.quote())
        result = self.quote("--pcrs", "pcrs.bin", "--pcr", "0=" + pcr[:32].hex(), "--pcr", "7=" + pcr[32:].hex())
        self.accepted(result)
        self.assertRegex(result.stdout, "pass +tpm_pcrs")

    def test_hcl_refuses_quotes_of_others(self):
        self.refused(self.quote(nonce="00"), "tpm_quote_nonce")
        self.refused(self.quote(signature="pcrs.bin"), "tpm_quote_signature")
        self.refused(self.quote(quote="pcrs.bin"), "tpm_quote_format")
        changed = bytearray(evidence.read("quote.bin"))
        changed[-1] ^= 1
        evidence.write("changed.bin", bytes(changed))
        self.refused(self.quote(quote="changed.bin"), "tpm_quote_signature")
        evidence.write("others.bin", bytes(64))
        self.refused(self.quote("--pcrs", "others.bin"), "tpm_pcr_digest")
        self.refused(self.quote("--pcrs", "pcrs.bin", "--pcr", "0=" + "00" * 32), "tpm_pcrs")
        self.refused(self.quote("--pcrs", "pcrs.bin", "--pcr", "4=" + "00" * 32), "tpm_pcrs")

    def test_hcl_refuses_other_frames(self):
        frame = evidence.read("hcl.bin")
        evidence.write("changed.bin", frame.replace(b"00112233-4455", b"00112233-4456"))
        self.refused(self.hcl(report="changed.bin"), "hcl_claims_hash")
        evidence.write("changed.bin", b"x" + frame)
        self.refused(self.hcl(report="changed.bin"), "hcl_format")
        self.refused(self.hcl(trust=()), "root")
        self.refused(self.hcl(certs=()), "certificates")

    def test_hcl_refuses_a_tdreport_without_intels_quote(self):
        for words in ((), ("--certs", "chain.pem")):
            result = self.hcl(report="hcl-td.bin", certs=words)
            self.refused(result, "td_quote")
            self.assertRegex(result.stdout, "pass +hcl_claims_hash")
        self.refused(self.quote(report="hcl-td.bin", certs=()), "td_quote")

    def td(self, *words, case="td", root="td", report="hcl-td.bin"):
        trust = ("--root", f"{root}/root.pem") if root else ()
        return self.hcl("--td-quote", f"{case}/quote", "--collateral", f"{case}/collateral.json", *words, report=report, trust=trust, certs=())

    def want(self, **wishes):
        evidence.write("want.json", json.dumps({"dcap_appraisal": 1, **wishes}).encode())
        return ("--appraise", "want.json")

    def test_hcl_accepts_a_tdreport_with_intels_quote(self):
        result = self.td()
        self.accepted(result)
        for words in ("pass +td_quote", "pass +tdreport", "pass +quote_signature", "skip +tpm_quote", "not compared: rtmr0"):
            self.assertRegex(result.stdout, words)
        self.accepted(self.td("--quote", "quote.bin", "--signature", "quote.sig", "--nonce", NONCE))
        self.accepted(self.td(*self.want(rtmr0="00" * 48)))
        document = json.loads(self.td("--json", "--html", "page.html").stdout)
        self.assertEqual((document["verdict"], document["hardware"], document["tee"]), ("accepted", "tdx", "tdx"))
        self.assertEqual((document["tcb"]["status"], document["vm_id"]), ("UpToDate", "00112233-4455"))
        self.assertIn("Quoting enclave", evidence.read("page.html").decode())

    def test_hcl_refuses_quotes_that_are_not_this_trust_domains(self):
        self.refused(self.td(case="td-other", root="td-other"), "td_quote")
        self.refused(self.td(case="td-debug", root="td-debug"), "debug")
        self.refused(self.td(case="td-sgx", root="td-sgx"), "tee")
        self.refused(self.td(root=None), "collateral_root")
        self.refused(self.td(*self.want(rtmr0="11" * 48)), "rtmr0")
        self.refused(self.td("--quote", "quote.bin", "--signature", "quote.sig", "--nonce", "00"), "tpm_quote_nonce")
        quote = bytearray(evidence.read("td/quote"))
        quote[60] ^= 1
        os.makedirs("td-changed", exist_ok=True)
        shutil.copy("td/collateral.json", "td-changed")
        evidence.write("td-changed/quote", bytes(quote))
        self.refused(self.td(case="td-changed"), "quote_signature")
        frame = evidence.read("hcl-td.bin")
        evidence.write("changed.bin", frame.replace(b"00112233-4455", b"00112233-4456"))
        self.refused(self.td(report="changed.bin"), "hcl_claims_hash")
        evidence.write("changed.bin", b"x" + frame)
        self.refused(self.td(report="changed.bin"), "hcl_format")

    def test_hcl_td_usage(self):
        self.wrong(self.hcl("--td-quote", "td/quote", report="hcl-td.bin"), 2, "--td-quote and --collateral go together")
        self.wrong(self.hcl("--collateral", "td/collateral.json", report="hcl-td.bin"), 2, "go together")
        self.wrong(self.td(report="hcl.bin", root=None), 2, "--td-quote is for TDX")
        evidence.write("snp.json", b'{"snp_appraisal": 1}')
        self.wrong(self.td("--appraise", "snp.json"), 1, "snp_appraisal")
        self.wrong(self.hcl(*self.want()), 1, "dcap_appraisal")
        self.wrong(self.hcl("--td-quote", "absent", "--collateral", "x", report="hcl-td.bin"), 3, "absent")
        self.wrong(self.hcl("--td-quote", "td/quote", "--collateral", "absent", report="hcl-td.bin"), 3, "absent")
        self.wrong(self.hcl("--td-quote", "td/quote", "--collateral", "policy", report="hcl-td.bin"), 1, "policy")

    def test_hcl_usage_and_json(self):
        self.wrong(caisson("verify", "hcl"), 2, "--report")
        self.wrong(self.hcl("--quote", "quote.bin"), 2, "go together")
        self.wrong(self.hcl("--nonce", NONCE), 2, "go together")
        self.wrong(self.hcl("--pcrs", "pcrs.bin"), 2, "give --quote")
        self.wrong(self.quote(nonce="0"), 2, "--nonce")
        self.wrong(self.quote(nonce="00" * 65), 2, "--nonce")
        for pcr in ("", "0", "=", "24=" + "00" * 32, "00=" + "00" * 32, "0=00", "-1=" + "00" * 32, "1000=" + "00" * 32):
            self.wrong(self.quote("--pcr", pcr), 2, "--pcr")
        document = json.loads(self.quote("--json").stdout)
        self.assertEqual((document["verdict"], document["hardware"], document["quoted"]), ("accepted", "sev-snp", True))
        self.assertEqual(document["pcrs"], 0x81)
        self.assertEqual(bytes.fromhex(document["report"]["chip_id"]), evidence.read("hcl.bin")[32 + 0x1A0:32 + 0x1E0])
        other = json.loads(self.quote("--json", report="pcrs.bin").stdout)
        self.assertEqual((other["verdict"], other["hardware"], other["report"]), ("refused", None, None))

    def test_verify_names_the_command_for_each(self):
        raw = base64.b64decode(evidence.read("aci/reference-info-base64"))
        evidence.write("info.cose", raw)
        for name, command in (("hcl.bin", "caisson verify hcl"), ("info.cose", "caisson verify uvm")):
            self.wrong(caisson("verify", name), 2, command)


class Real(Base):
    def vector(self, name):
        path = os.path.join(os.path.dirname(VECTORS), name) if VECTORS else "(no vectors)"
        if not os.path.exists(path):
            self.skipTest(f"no {path} (set CAISSON_VECTORS to have it tested)")
        return path

    def test_a_real_security_context(self):
        data = self.vector("aci/attest_test_data")
        at = ("--at", evidence.NOW)
        with tempfile.TemporaryDirectory(prefix="caisson-aci-") as folder:
            def encode(name, source):
                evidence.write(os.path.join(folder, name), base64.b64encode(evidence.read(os.path.join(data, source))))
            encode("host-amd-cert-base64", "uvm_host_amd_certificate.json")
            encode("reference-info-base64", "body.uvm_reference_info.bin")
            shutil.copy(os.path.join(data, "snp_report.bin"), os.path.join(folder, "report"))
            shutil.copy(os.path.join(data, "uvm_security_policy.base64"), os.path.join(folder, "security-policy-base64"))
            runtime = ("--runtime-data", os.path.join(data, "runtimedata.json"))
            result = caisson("verify", "aci", folder, *runtime, *at, "--endorsed-at", "signed", "--minimum-svn", "22")
            self.accepted(result)
            self.assertNotIn("SIMULATED", result.stdout)
            self.refused(caisson("verify", "aci", folder, *runtime, *at), "uvm_validity")
            other = ("--endorsed-at", "signed")
            shutil.copy(self.vector("aci/security-context-test/reference-info-base64"), folder)
            self.refused(caisson("verify", "aci", folder, *at, *other), "uvm_measurement")
            shutil.copy(self.vector("aci/security-context-test/host-amd-cert-base64"), folder)
            self.refused(caisson("verify", "aci", folder, *at, *other), "signature")

    def test_a_context_without_its_report_is_not_judged(self):
        folder = self.vector("aci/security-context-test")
        self.wrong(caisson("verify", "aci", folder), 3, "--report")

    def test_real_endorsements(self):
        for name in ("esrp_transparent_hash_envelop.cose", "esrp_with_grafted_receipt.cose"):
            path = self.vector("cose/" + name)
            self.accepted(caisson("verify", "uvm", "--cose", path, "--endorsed-at", "signed", "--minimum-svn", "104"))
            self.accepted(caisson("verify", "uvm", "--cose", path, "--at", "2026-04-01T00:00:00Z"))
            self.refused(caisson("verify", "uvm", "--cose", path, "--at", evidence.NOW), "uvm_validity")
        self.refused(caisson("verify", "uvm", "--cose", self.vector("cose/esrp.test.cose"), "--endorsed-at", "signed"),
                     "uvm_identity")


if __name__ == "__main__":
    tap.main()
