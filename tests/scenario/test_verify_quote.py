#!/usr/bin/python3
"""`caisson verify sgx` and `verify tdx` as a user runs them, on quotes of platforms that never were and on real ones."""
import json
import os
import subprocess
import tempfile
import unittest

from lib import evidence, paths, tap

VECTORS = evidence.vectors()
SGX = {"mrenclave": "11" * 32, "mrsigner": "22" * 32, "isvprodid": 3, "isvsvn": 7, "configid": "00" * 64, "report_data": "77" * 64}
TDX = {"mrtd": "11" * 48, "rtmr0": "00" * 48, "rtmr3": "00" * 48, "mrconfigid": "00" * 48, "report_data": "77" * 64}


def caisson(*words):
    return subprocess.run([paths.CAISSON, *words], capture_output=True, text=True, timeout=60, check=False)


def appraisal(**wishes):
    evidence.write("want.json", json.dumps({"dcap_appraisal": 1, **wishes}).encode())
    return ("--appraise", "want.json")


class Base(unittest.TestCase):
    def accepted(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"(?m)^accepted")
        self.assertNotIn("FAIL", result.stdout)

    def refused(self, result, check):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(f"refused by {check} ", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^  remedy    \S")
        self.assertNotRegex(result.stdout, r"(?m)^accepted")

    def wrong(self, result, status, words):
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(result.stdout, "")


class Made(Base):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="caisson-verify-quote-")
        cls.addClassCleanup(cls.folder.cleanup)
        os.chdir(cls.folder.name)
        cls.addClassCleanup(os.chdir, "/")
        os.mkdir("others")
        for folder in (".", "others"):  # each with keys of its own
            subprocess.run([os.environ["MAKE_QUOTES"], folder], check=True)

    def verify(self, case, *words, tee=None, quote=None, collateral=None, trust=None, at=evidence.NOW):
        tee = tee or ("tdx" if "td" in case or case == "revoked" else "sgx")
        trust = ("--root", f"{case}/root.pem") if trust is None else trust
        return caisson("verify", tee, "--quote", quote or f"{case}/quote", "--collateral", collateral or f"{case}/collateral.json",
                       "--at", at, *trust, *words)

    def changed(self, case, key, change):
        """The case's collateral with one value changed, in a file."""
        document = json.loads(evidence.read(f"{case}/collateral.json"))
        document[key] = change(document[key])
        evidence.write("changed.json", json.dumps(document).encode())
        return "changed.json"

    # what holds

    def test_accepts_what_is_whole(self):
        for case in ("sgx", "td10", "td15"):
            with self.subTest(case=case):
                result = self.verify(case)
                self.accepted(result)
                self.assertIn("TCB: UpToDate", result.stdout)
                self.assertRegex(result.stdout, "not compared: report_data +7777")
                self.assertNotIn("SIMULATED", result.stdout)

    def test_accepts_what_is_as_asked(self):
        result = self.verify("sgx", *appraisal(tee="sgx", minimum_isvsvn=7, **SGX))
        self.accepted(result)
        self.assertNotIn("not compared", result.stdout)
        self.assertRegex(result.stdout, "pass +mrenclave +1111")
        self.accepted(self.verify("td15", *appraisal(tee="tdx", **TDX)))
        self.accepted(self.verify("td10", *appraisal(mrtd=["00" * 48, "11" * 48])))

    def test_zeros_after_the_quote_are_padding(self):
        evidence.write("padded", evidence.read("sgx/quote") + bytes(100))
        self.accepted(self.verify("sgx", quote="padded"))
        evidence.write("followed", evidence.read("sgx/quote") + b"\0x")
        self.refused(self.verify("sgx", quote="followed"), "trailing_bytes")
        self.accepted(self.verify("sgx", *appraisal(allow_trailing_bytes=True), quote="followed"))

    # what was asked for

    def test_refuses_each_mismatch_by_its_check(self):
        for case, wishes in (("sgx", SGX), ("td10", TDX)):
            for key, value in wishes.items():
                with self.subTest(key=key):
                    other = value + 1 if isinstance(value, int) else ("f" if value[0] == "0" else "0") + value[1:]
                    self.refused(self.verify(case, *appraisal(**{key: other})), key)
        self.refused(self.verify("sgx", *appraisal(mrtd="11" * 48)), "mrtd")
        self.refused(self.verify("td15", *appraisal(mrenclave="11" * 32)), "mrenclave")
        self.refused(self.verify("sgx", *appraisal(minimum_isvsvn=8)), "minimum_isvsvn")
        self.refused(self.verify("sgx", *appraisal(minimum_tcb_evaluation_data_number=18)), "tcb_evaluation")

    def test_refuses_the_other_tee(self):
        for case, other, name in (("sgx", "tdx", "an SGX quote"), ("td10", "sgx", "a TDX quote"), ("td15", "sgx", "a TDX quote")):
            result = self.verify(case, tee=other)
            self.refused(result, "tee")
            self.assertIn(f"  found     {name}", result.stdout)

    def test_refuses_debugging_unless_it_is_allowed(self):
        for case in ("debug", "debug-td"):
            result = self.verify(case)
            self.refused(result, "debug")
            self.assertIn("under debugging", result.stdout)
            self.accepted(self.verify(case, *appraisal(allow_debug=True)))

    def test_refuses_what_intel_calls_old_or_revoked(self):
        result = self.verify("old")
        self.refused(result, "tcb_status")
        self.assertIn("advisories: INTEL-SA-00001, INTEL-SA-00002", result.stdout)
        self.accepted(self.verify("old", *appraisal(accepted_statuses=["OutOfDate"])))
        self.refused(self.verify("old", *appraisal(accepted_statuses=["SWHardeningNeeded", "ConfigurationNeeded"])), "tcb_status")
        self.accepted(self.verify("old", *appraisal(out_of_date_grace_days=3650)))
        self.refused(self.verify("old", *appraisal(out_of_date_grace_days=30)), "tcb_status")
        self.refused(self.verify("revoked", *appraisal(accepted_statuses=["OutOfDate"])), "platform_tcb")
        self.refused(self.verify("withdrawn"), "pck_revocation")
        self.refused(self.verify("chainless"), "pck_certificates")

    # whom to believe, and when

    def test_refuses_roots_that_nobody_named(self):
        self.refused(self.verify("sgx", trust=()), "collateral_root")
        self.refused(self.verify("sgx", trust=("--root", "td10/root.pem")), "collateral_root")
        self.refused(self.verify("sgx", quote="others/sgx/quote"), "pck_chain")
        self.refused(self.verify("sgx", collateral="others/sgx/collateral.json"), "collateral_root")

    def test_simulated_roots_count_when_named_and_say_so(self):
        result = self.verify("simulated", trust=("--trust-simulated", "simulated"))
        self.accepted(result)
        self.assertGreaterEqual(result.stdout.count("SIMULATED"), 3)
        self.assertIn("SIMULATED", self.verify("simulated").stdout)
        self.refused(self.verify("simulated", trust=()), "collateral_root")
        self.wrong(self.verify("sgx", trust=("--trust-simulated", "sgx")), 1, "not the one root certificate of a simulated")
        self.wrong(self.verify("sgx", trust=("--trust-simulated", "absent")), 3, "absent/root.pem")
        document = json.loads(self.verify("simulated", "--json", trust=("--trust-simulated", "simulated")).stdout)
        self.assertTrue(document["simulated"])
        self.assertIn("SIMULATED", document["warning"])

    def test_refuses_other_times(self):
        self.refused(self.verify("sgx", at="2026-06-19T00:00:01Z"), "root_ca_crl")
        self.refused(self.verify("sgx", at="2026-05-20T23:59:59Z"), "root_ca_crl")
        self.refused(self.verify("sgx", at="2027-06-01T00:00:00Z"), "collateral_validity")
        self.refused(self.verify("sgx", at="2020-01-01T00:00:00Z"), "collateral_validity")
        self.wrong(self.verify("sgx", at="yesterday"), 2, "--at")

    # what was tampered with

    def test_refuses_changed_quotes(self):
        for case, length in (("sgx", 384), ("td10", 584)):
            quote = evidence.read(f"{case}/quote")
            signature = 48 + length + 4
            places = {48 + 64: "quote_signature", 48 + length - 1: "quote_signature", signature: "quote_signature",
                      12: "qe_vendor", 0: "quote_format", 2: "quote_format", 4: "quote_format"}
            for at, check in places.items():
                with self.subTest(case=case, at=at):
                    changed = bytearray(quote)
                    changed[at] ^= 64
                    evidence.write("changed", bytes(changed))
                    self.refused(self.verify(case, quote="changed"), check)

    def test_refuses_truncated_quotes(self):
        quote = evidence.read("td15/quote")
        for size in (0, 1, 47, 48, 500, len(quote) // 2, len(quote) - 1):
            evidence.write("short", quote[:size])
            self.refused(self.verify("td15", quote="short"), "quote_format")
        evidence.write("long", quote + bytes(200000))
        self.wrong(self.verify("td15", quote="long"), 1, "long")

    def test_refuses_changed_collateral(self):
        def flip(text):
            return text[:-1] + ("0" if text[-1] != "0" else "1")
        for key, change, check in (
                ("tcb_info", lambda text: text.replace('"tcbEvaluationDataNumber":17', '"tcbEvaluationDataNumber":18'), "tcb_info_signature"),
                ("tcb_info", lambda text: text.replace(",", ", ", 1), "tcb_info_signature"),
                ("tcb_info", lambda text: "{}", "tcb_info"),
                ("qe_identity", lambda text: text.replace('"isvsvn":8', '"isvsvn":7'), "qe_identity_signature"),
                ("qe_identity", lambda text: text[:-1], "qe_identity"),
                ("tcb_info_signature", flip, "tcb_info_signature"),
                ("qe_identity_signature", flip, "qe_identity_signature"),
                ("root_ca_crl", flip, "root_ca_crl"), ("pck_crl", flip, "pck_crl"),
                ("root_ca_crl", lambda text: text[:-2], "root_ca_crl"), ("pck_crl", lambda text: "00", "pck_crl"),
                ("pck_crl_issuer_chain", lambda text: text + text, "pck_crl_issuer_chain"),
                ("tcb_info_issuer_chain", lambda text: "", "tcb_info_issuer_chain"),
                ("qe_identity_issuer_chain", lambda text: text[:-40], "qe_identity_issuer_chain")):
            with self.subTest(key=key, check=check):
                self.refused(self.verify("sgx", collateral=self.changed("sgx", key, change)), check)
        swapped = json.loads(evidence.read("td15/collateral.json"))["tcb_info"]
        self.refused(self.verify("sgx", collateral=self.changed("sgx", "tcb_info", lambda _: swapped)), "tcb_info_signature")

    def test_says_what_is_wrong_with_a_collateral_file(self):
        document = json.loads(evidence.read("sgx/collateral.json"))
        text = json.dumps(document)
        for data, words in ((b"", "is empty"), (b"{", "broken.json"), (b"[]", "broken.json"), (b"{}", "broken.json"), (text[:-1].encode(), "broken.json"),
                            (text.encode() + b"x", "broken.json"), (text.replace("{", '{"more": 1, ', 1).encode(), "more"),
                            (text.replace("{", '{"pck_crl": "00", ', 1).encode(), "pck_crl"), (b"\xff" + text.encode(), "broken.json")):
            evidence.write("broken.json", data)
            self.wrong(self.verify("sgx", collateral="broken.json"), 1, words)
        for key in document:
            evidence.write("broken.json", json.dumps({name: value for name, value in document.items() if name != key}).encode())
            self.wrong(self.verify("sgx", collateral="broken.json"), 1, key)
            self.wrong(self.verify("sgx", collateral=self.changed("sgx", key, lambda _: 1)), 1, key)
        for key in ("root_ca_crl", "pck_crl", "tcb_info_signature", "qe_identity_signature"):
            for value in ("", "0", "zz"):
                self.wrong(self.verify("sgx", collateral=self.changed("sgx", key, lambda _, value=value: value)), 1, key)

    # the command line

    def test_usage(self):
        for tee in ("sgx", "tdx"):
            for words in ((), ("--quote", "sgx/quote"), ("--collateral", "sgx/collateral.json"),
                          ("--quote", "sgx/quote", "--collateral", "sgx/collateral.json", "more")):
                self.wrong(caisson("verify", tee, *words), 2, f"verify {tee} wants --quote FILE and --collateral FILE")
        self.wrong(self.verify("sgx", "--quote", "td10/quote"), 2, "--quote is given twice")
        self.wrong(self.verify("sgx", "--collateral", "x"), 2, "--collateral is given twice")
        self.wrong(self.verify("sgx", "--crl", "x"), 2, "unknown option --crl")
        self.wrong(self.verify("sgx", "--guest"), 2, "unknown option --guest")
        self.wrong(self.verify("sgx", "--html"), 2, "--html needs a value")
        self.assertIn("--collateral FILE", caisson("verify", "tdx", "--help").stdout)

    def test_files_that_are_not_there_or_not_right(self):
        self.wrong(self.verify("sgx", quote="absent"), 3, "absent")
        self.wrong(self.verify("sgx", collateral="absent"), 3, "absent")
        self.wrong(self.verify("sgx", trust=("--root", "absent")), 3, "absent")
        self.wrong(self.verify("sgx", "--appraise", "absent"), 3, "absent")
        self.wrong(self.verify("sgx", trust=("--root", "sgx/quote")), 1, "sgx/quote")
        self.wrong(self.verify("sgx", "--html", "absent/page"), 3, "absent")

    def test_appraisals_that_are_not_right(self):
        for data, words in ((b"", "want.json"), (b"{}", "dcap_appraisal"), (b'{"dcap_appraisal": 2}', "dcap_appraisal"),
                            (b'{"dcap_appraisal": 1, "mrenclave": "00"}', "mrenclave"), (b'{"snp_appraisal": 1}', "snp_appraisal"),
                            (b'{"dcap_appraisal": 1, "mrtd": []}', "mrtd"), (b'{"dcap_appraisal": 1, "tee": "snp"}', "tee"),
                            (b'{"dcap_appraisal": 1, "accepted_statuses": ["Revoked"]}', "Revoked"),
                            (b'{"dcap_appraisal": 1, "allow_debug": true, "allow_debug": true}', "allow_debug")):
            evidence.write("want.json", data)
            self.wrong(self.verify("sgx", "--appraise", "want.json"), 1, words)
        self.wrong(self.verify("sgx", *appraisal(tee="tdx")), 2, "use verify tdx")
        self.wrong(self.verify("td10", *appraisal(tee="sgx")), 2, "use verify sgx")

    def test_claims_for_programs(self):
        document = json.loads(self.verify("sgx", "--json").stdout)
        self.assertEqual((document["verdict"], document["kind"], document["tee"], document["simulated"]), ("accepted", "SGX quote", "sgx", False))
        self.assertEqual({key: document["quote"][key] for key in SGX}, SGX)
        self.assertEqual((document["quote"]["version"], document["quote"]["debug"]), (3, False))
        self.assertEqual(document["platform"]["fmspc"], "00a067110000")
        self.assertEqual(document["tcb"], {"status": "UpToDate", "platform_status": "UpToDate", "module_status": None, "qe_status": "UpToDate",
                                           "date": "2026-01-01T00:00:00Z", "evaluation": 17, "qe_evaluation": 17, "advisories": []})
        document = json.loads(self.verify("td15", "--json").stdout)
        self.assertEqual({key: document["quote"][key] for key in TDX}, TDX)
        self.assertEqual((document["tee"], document["tcb"]["module_status"]), ("tdx", "UpToDate"))
        self.assertIn("mrservicetd", document["quote"])
        document = json.loads(self.verify("debug-td", "--json").stdout)
        self.assertEqual((document["verdict"], document["refused_by"], document["quote"]["debug"]), ("refused", "debug", True))
        document = json.loads(self.verify("sgx", "--json", quote="sgx/root.pem").stdout)
        self.assertEqual((document["kind"], document["refused_by"]), ("quote", "quote_format"))
        self.assertFalse({"tee", "quote", "platform", "tcb"} & set(document))

    def test_pages(self):
        self.accepted(self.verify("td10", "--html", "page.html"))
        page = evidence.read("page.html").decode()
        for words in ("Verdict on this TDX quote", "Root of trust", "Quoting enclave", "What runs", "11" * 48):
            self.assertIn(words, page)
        self.assertEqual(page.count("<li class=passed>"), 6)
        self.refused(self.verify("debug", "--html", "page.html"), "debug")
        self.assertEqual(evidence.read("page.html").decode().count("<li class=failed>"), 1)

    # verify, which looks for itself

    def test_verify_takes_a_quote_with_its_collateral(self):
        plain = ("verify", "simulated/quote", "simulated/collateral.json", "--at", evidence.NOW)
        self.accepted(caisson(*plain, "--trust-simulated", "simulated"))
        self.refused(caisson(*plain), "collateral_root")
        self.refused(caisson("verify", "td10/quote", "td10/collateral.json", "--at", evidence.NOW), "collateral_root")
        for case, tee in (("sgx", "sgx"), ("td10", "tdx"), ("td15", "tdx")):
            self.wrong(caisson("verify", f"{case}/quote"), 2, f"caisson verify {tee} --quote FILE --collateral FILE")
            self.wrong(caisson("verify", f"{case}/quote", "a", "b"), 2, "one file with its collateral")
            self.wrong(caisson("verify", f"{case}/quote", "a", "--nonce", "00"), 2, f"caisson verify {tee} --appraise")
        self.wrong(caisson("verify", "sgx/quote", "sgx/root.pem"), 1, "sgx/root.pem")


class Real(Base):
    def vector(self, name):
        path = os.path.join(os.path.dirname(VECTORS), name) if VECTORS else "(no vectors)"
        if not os.path.exists(path):
            self.skipTest(f"no {path} (set CAISSON_VECTORS to have it tested)")
        return path

    def verify(self, tee, quote, *words, at="2025-06-25T00:00:00Z"):
        return caisson("verify", tee, "--quote", self.vector(quote), "--collateral", self.vector("attest/dcap/sgx-v3.collateral.json"), "--at", at, *words)

    def test_a_real_enclave(self):
        with tempfile.TemporaryDirectory(prefix="caisson-quote-") as folder:
            want = os.path.join(folder, "want.json")
            wishes = {"dcap_appraisal": 1, "accepted_statuses": ["ConfigurationAndSWHardeningNeeded"],
                      "mrenclave": "33d8736db756ed4997e04ba358d27833188f1932ff7b1d156904d3f560452fbb"}
            evidence.write(want, json.dumps(wishes).encode())
            quote = "attest/dcap/sgx-v3.quote.bin"
            self.refused(self.verify("sgx", quote), "tcb_status")
            result = self.verify("sgx", quote, "--appraise", want)
            self.accepted(result)
            self.assertIn("INTEL-SA-00289, INTEL-SA-00615", result.stdout)
            self.refused(self.verify("sgx", quote, "--appraise", want, at="2025-08-01T00:00:00Z"), "pck_crl")
            evidence.write(want, json.dumps({**wishes, "mrenclave": "00" * 32}).encode())
            self.refused(self.verify("sgx", quote, "--appraise", want), "mrenclave")

    def collateral_of_2023(self, quote):
        """What others keep in files, as one: the signed texts byte for byte, and the PCK CA's chain out of the quote."""
        def signed(name):
            text = evidence.read(self.vector(name)).decode()
            start = text.index("{", 1)
            return text[start:text.index(',"signature"')], json.loads(text)["signature"]
        chain = "".join(json.loads(evidence.read(self.vector("sgx/fortanix_pcs_00906ea10000.tcb")))["ca_chain"])
        pem = evidence.read(quote).decode("latin-1")
        second = pem.index("-----BEGIN", pem.index("-----BEGIN") + 1)
        document = {"pck_crl_issuer_chain": pem[second:pem.rindex("-----") + 5], "tcb_info_issuer_chain": chain, "qe_identity_issuer_chain": chain,
                    "root_ca_crl": evidence.read(self.vector("attest/dcap/rootcrl.der")).hex(),
                    "pck_crl": evidence.read(self.vector("attest/dcap/spr.pckcrl.der")).hex()}
        document["tcb_info"], document["tcb_info_signature"] = signed("attest/dcap/spr.tcbinfo.json")
        document["qe_identity"], document["qe_identity_signature"] = signed("attest/dcap/spr.qeidentity.json")
        return json.dumps(document).encode()

    def test_a_real_trust_domain(self):
        quote = self.vector("attest/dcap/trustee-tdx-v4.quote.bin")
        with tempfile.TemporaryDirectory(prefix="caisson-quote-") as folder:
            want, collateral = (os.path.join(folder, name) for name in ("want.json", "collateral.json"))
            evidence.write(collateral, self.collateral_of_2023(quote))
            words = ("verify", "tdx", "--quote", quote, "--collateral", collateral, "--at", "2023-06-25T00:00:00Z")
            result = caisson(*words)
            self.refused(result, "debug")
            self.assertIn("TCB: UpToDate", result.stdout)
            evidence.write(want, b'{"dcap_appraisal": 1, "allow_debug": true}')
            self.accepted(caisson(*words, "--appraise", want))
            self.refused(caisson(*words[:-1], "2023-09-25T00:00:00Z", "--appraise", want), "pck_crl")
            evidence.write(want, json.dumps({"dcap_appraisal": 1, "allow_debug": True, "rtmr0": "00" * 48}).encode())
            self.refused(caisson(*words, "--appraise", want), "rtmr0")

    def test_quotes_of_other_platforms(self):
        self.refused(self.verify("sgx", "attest/dcap/occlum-sgx-v3.quote.bin"), "pck_revocation")
        self.refused(self.verify("sgx", "sgx/fortanix_quote_pck_cert_chain_corrupted.bin"), "quote_signature")
        self.refused(self.verify("sgx", "sgx/fortanix_quote_raw_tcb.bin"), "pck_certificates")
        for name in ("tdx-v4-spr", "trustee-tdx-v4", "tdx-v5-sample"):
            self.refused(self.verify("sgx", f"attest/dcap/{name}.quote.bin"), "tee" if name != "tdx-v4-spr" else "trailing_bytes")
            self.refused(self.verify("tdx", f"attest/dcap/{name}.quote.bin"), "collateral_kind" if name != "tdx-v4-spr" else "trailing_bytes")


if __name__ == "__main__":
    tap.main()
