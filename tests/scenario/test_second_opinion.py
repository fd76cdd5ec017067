#!/usr/bin/python3
"""Caisson and an independent verifier (lib/second.py) on the same evidence: where they differ, this file says why."""
import hashlib
import json
import os
import random
import subprocess
import tempfile
import unittest

from lib import amd, evidence, paths, second, tap

VECTORS = evidence.vectors()

# Cases on which the two differ, and why that is right. A case that stops to differ must leave this list.
EXPLAINED = {
    "bad-reported-gt-current":
        "AMD's text lets nobody report more than runs; it does not tell a verifier to compare. Caisson compares, since no "
        "genuine firmware makes such a report; the second verifier reads what a report must be like, and no more",
}


def judge_second(case):
    try:
        second.verify(case["report"], case["ders"], case["when"], case.get("root"), case.get("crl"))
        return True, "accepted"
    except second.Refused as refusal:
        return False, str(refusal)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="caisson-second-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.counts = [0, 0]

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        evidence.write(path, data)
        return path

    def judge_caisson(self, case):
        words = ["--report", self.file("report", case["report"]), "--at", case["when"], "--json"]
        for name, der in zip(("leaf", "intermediate"), case["ders"]):
            words += ["--" + name, self.file(name, der)]
        words += ["--root" if case.get("root") else "--certs", self.file("root", case["ders"][2])]
        words += ["--crl", self.file("crl", case["crl"])] if case.get("crl") else []
        result = subprocess.run([paths.CAISSON, "verify", "snp", *words], capture_output=True, text=True, timeout=60, check=False)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        if not result.stdout:
            return False, result.stderr.strip()
        document = json.loads(result.stdout)
        return result.returncode == 0, document.get("refused_by", "accepted")

    def compare(self, case):
        """Both verdicts agree, unless the case is explained; returns the verdict of Caisson."""
        (ours, our_reason), (theirs, their_reason) = self.judge_caisson(case), judge_second(case)
        differ = case["name"] in EXPLAINED
        if (ours != theirs) != differ:
            self.fail(f"{case['name']}: Caisson says {our_reason}, the second verifier {their_reason}"
                      + (", and that was to differ" if differ else ""))
        if differ:
            self.assertFalse(ours, f"{case['name']}: only a stricter Caisson is explained")
        self.counts[ours] += 1
        return ours


@unittest.skipUnless(VECTORS, "no vectors of real machines (set CAISSON_VECTORS)")
class Vectors(Case):
    def real(self, name, report=None, leaf=None, chain="milan", middle="ask", when=evidence.NOW):
        return {"name": report or name, "when": when, "report": evidence.read(f"{VECTORS}/snp/{report or name + '.report.bin'}"),
                "ders": [evidence.read(f"{VECTORS}/{path}") for path in (
                    f"snp/{leaf or name + '.vcek'}.der", f"roots/{chain}_{middle}.der", f"roots/{chain}_ark.der")]}

    def test_real_reports(self):
        old = "2024-06-01T00:00:00Z"
        self.assertTrue(self.compare(self.real("milan-v3")))
        self.assertTrue(self.compare(self.real("genoa-v3", chain="genoa")))
        self.assertTrue(self.compare(self.real("milan-v2-aci", when=old)))
        self.assertFalse(self.compare(self.real("milan-v2-debug", when=old)))
        self.assertFalse(self.compare(self.real("milan-v3-vlek-a", leaf="milan-v3-vlek-a.vlek", middle="asvk", when="2025-06-01T00:00:00Z")))
        self.assertFalse(self.compare(self.real("milan-v3", leaf="turin-vcek-only", chain="turin")))
        self.assertFalse(self.compare(self.real("milan-v3", when="2020-01-01T00:00:00Z")))
        self.assertFalse(self.compare(self.real("milan-v3", leaf="genoa-v3.vcek", chain="genoa")))
        self.assertFalse(self.compare(self.real("milan-v3", middle="asvk")))

    def test_tampered_reports(self):
        names = sorted(os.listdir(f"{VECTORS}/snp/tampered"))
        self.assertGreaterEqual(len(names), 20)
        for name in names:
            with self.subTest(name=name):
                accepted = self.compare(self.real("milan-v3", report=f"tampered/{name}"))
                # (r, n - s) is as good a signature as (r, s), to both.
                self.assertEqual(accepted, name == "milan-v3.sig-s-neg.bin")

    def test_synthetic_cases(self):
        folder = f"{VECTORS}/snp-synth"
        with open(f"{folder}/cases.json", encoding="utf-8") as file:
            cases = json.load(file)["cases"]
        for case in cases:
            ders = [evidence.read(f"{folder}/{case[key]}") for key in ("leaf", "intermediate", "root")]
            with self.subTest(case=case["name"]):
                self.compare({"name": case["name"], "when": case["now"], "report": evidence.read(f"{folder}/{case['report']}"),
                              "ders": ders, "root": hashlib.sha256(ders[2]).hexdigest(),
                              "crl": evidence.read(f"{folder}/{case['crl']}") if case["crl"] else None})
        self.assertGreaterEqual(self.counts[True], 5)
        self.assertGreaterEqual(self.counts[False], 30)


class OwnEvidence(Case):
    """Evidence under a root of the tests', changed at random and signed again: the signature decides nothing then."""

    @classmethod
    def setUpClass(cls):
        made = tempfile.TemporaryDirectory(prefix="caisson-second-keys-")
        cls.addClassCleanup(made.cleanup)
        milan = amd.Authority(os.path.join(made.name, "milan"))
        cls.authorities = {"Milan": milan}
        for product in ("Genoa", "Turin"):
            cls.authorities[product] = amd.Authority(os.path.join(made.name, product), product, milan.key)
        cls.chips = {"Milan": bytes(range(64)), "Genoa": bytes(range(1, 65)), "Turin": bytes(range(2, 10))}
        cls.tcbs = {"Milan": amd.MILAN_TCB, "Genoa": amd.MILAN_TCB, "Turin": amd.TURIN_TCB}
        cls.ders = {(product, name): authority.der(name) for product, authority in cls.authorities.items()
                    for name in ("ask", "asvk", "ark")}
        # Validity begins when openssl was called: verify a day later.
        cls.when = subprocess.run(["date", "-u", "-d", "+1 day", "+%Y-%m-%dT%H:%M:%SZ"], check=True, capture_output=True,
                                  text=True).stdout.strip()

    def leaf(self, product, name="vcek", change=None, subject="SEV-VCEK", issuer="ask", chip=True):
        extensions = amd.leaf_extensions(product, self.tcbs[product], self.chips[product] if chip else None)
        if change:
            change(extensions)
        return self.authorities[product].leaf(name, extensions, subject, issuer)

    def case(self, product, name, report, leaf, middle="ask", crl=None):
        authority = self.authorities[product]
        ders = [leaf, self.ders[product, middle], self.ders[product, "ark"]]
        return {"name": name, "when": self.when, "report": authority.sign(report), "ders": ders,
                "root": hashlib.sha256(ders[2]).hexdigest(), "crl": crl}

    def report(self, product, version=None, **options):
        return amd.report(product, version or (5 if product == "Turin" else 3), self.chips[product], self.tcbs[product], **options)

    def test_every_product_and_version(self):
        for product in self.authorities:
            leaf = self.leaf(product)
            for version in range(1, 7):
                with self.subTest(product=product, version=version):
                    accepted = self.compare(self.case(product, "plain", self.report(product, version), leaf))
                    self.assertEqual(accepted, 2 <= version <= 5)
        vlek = self.leaf("Milan", "vlek", None, "SEV-VLEK", "asvk", False)
        self.assertTrue(self.compare(self.case("Milan", "vlek", self.report("Milan", signing_key=1), vlek, "asvk")))
        self.assertFalse(self.compare(self.case("Milan", "vlek as vcek", self.report("Milan"), vlek, "asvk")))

    def test_every_extension_of_a_leaf(self):
        for product in ("Milan", "Turin"):
            for oid in amd.leaf_extensions(product, self.tcbs[product], self.chips[product]):
                for what, change in (("missing", lambda extensions, oid=oid: extensions.pop(oid)),
                                     ("other", lambda extensions, oid=oid: extensions.update({oid: "DER:020111"})),
                                     ("empty", lambda extensions, oid=oid: extensions.update({oid: "DER:0500"}))):
                    with self.subTest(product=product, oid=oid, what=what):
                        leaf = self.leaf(product, "changed", change)
                        self.assertFalse(self.compare(self.case(product, what, self.report(product), leaf)))

    def test_revocation_lists(self):
        crl, other = self.authorities["Milan"].crl(), self.authorities["Genoa"].crl()
        leaf = self.leaf("Milan")
        self.assertTrue(self.compare(self.case("Milan", "list", self.report("Milan"), leaf, crl=crl)))
        self.assertFalse(self.compare(self.case("Milan", "other list", self.report("Milan"), leaf, crl=other)))
        self.assertFalse(self.compare(self.case("Milan", "no list", self.report("Milan"), leaf, crl=crl[:-1])))

    def test_random_reports_signed_anew(self):
        rng = random.Random(20260601)
        leaves = {product: self.leaf(product) for product in self.authorities}
        # Fields in which a change may matter, and two in which none does by default.
        fields = ((0, 1), (8, 4), (0x30, 1), (0x34, 1), (0x38, 8), (0x48, 1), (0x4C, 4), (0x180, 8), (0x188, 3), (0x18B, 21),
                  (0x1A0, 64), (0x1E0, 8), (0x1EB, 1), (0x1F0, 8), (0x1F8, 168), (0x40, 8), (0x50, 0xF0))  # fmt: skip
        for number in range(250):
            product = rng.choice(sorted(self.authorities))
            report = self.report(product, rng.choice((2, 3, 4, 5)))
            start, size = rng.choice(fields)
            at = start + rng.randrange(size)
            report[at] ^= 1 << rng.randrange(8)
            case = self.case(product, f"random {number}", report, leaves[product])
            if raises_current(report):
                continue
            with self.subTest(number=number, product=product, at=hex(at)):
                self.compare(case)
        self.assertGreater(self.counts[True], 20)
        self.assertGreater(self.counts[False], 100)


def raises_current(report):
    """What EXPLAINED tells of: a TCB that is reported or committed above the current one."""
    current, reported, committed = (report[at:at + 8] for at in (0x38, 0x180, 0x1E0))
    return any(a < b for a, b in zip(current, reported)) or any(a < b for a, b in zip(current, committed))


if __name__ == "__main__":
    tap.main()
