#!/usr/bin/python3
"""Caisson and an independent verifier (lib/second_quote.py) on the same quotes of SGX and TDX: they agree."""
import hashlib
import json
import os
import random
import subprocess
import tempfile
import unittest

from lib import evidence, paths, second_quote, tap

VECTORS = evidence.vectors()
CASES = ("sgx", "td10", "td15", "debug", "debug-td", "old", "revoked", "withdrawn", "chainless")


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="caisson-second-quote-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.counts = [0, 0]

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        evidence.write(path, data)
        return path

    def judge_caisson(self, quote, collateral, when, root):
        """(accepted, status, advisories, why): the status only where nothing but it and the report decide."""
        tee = "tdx" if quote[4:8] == b"\x81\0\0\0" else "sgx"
        words = ["--quote", self.file("quote", quote), "--collateral", self.file("collateral", json.dumps(collateral).encode()), "--at", when]
        words += ["--root", root] if root else []
        result = subprocess.run([paths.CAISSON, "verify", tee, *words, "--json"], capture_output=True, text=True, timeout=60, check=False)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        if not result.stdout:
            return False, None, None, result.stderr.strip()
        document = json.loads(result.stdout)
        failed = [check["name"] for check in document["checks"] if check["result"] == "failed"]
        tcb = document.get("tcb") or {}
        return result.returncode == 0, tcb.get("status"), set(tcb.get("advisories") or []), " ".join(failed) or "accepted"

    def judge_second(self, quote, collateral, when, root):
        digest = second_quote.INTEL_ROOT
        if root:
            pem = second_quote.x509.load_pem_x509_certificate(evidence.read(root))
            digest = hashlib.sha256(pem.public_bytes(second_quote.serialization.Encoding.DER)).hexdigest()
        try:
            status, advisories, lacks = second_quote.verify(quote, collateral, when, digest)
        except second_quote.Refused as refusal:
            return False, None, None, str(refusal)
        return status == "UpToDate" and not lacks, status, advisories, lacks or status

    def compare(self, name, quote, collateral, when, root=None):
        """Both say the same, of the status and the advisories too where both come to them; returns the status."""
        ours, status, advisories, our_reason = self.judge_caisson(quote, collateral, when, root)
        theirs, second_status, second_advisories, their_reason = self.judge_second(quote, collateral, when, root)
        self.assertEqual(ours, theirs, f"{name}: Caisson says {our_reason}, the second verifier {their_reason}")
        if second_status:
            self.assertEqual((status, advisories), (second_status, second_advisories), name)
        self.counts[ours] += 1
        return second_status


class Made(Case):
    """Of platforms that never were."""

    @classmethod
    def setUpClass(cls):
        made = tempfile.TemporaryDirectory(prefix="caisson-second-quote-made-")
        cls.addClassCleanup(made.cleanup)
        cls.made = made.name
        subprocess.run([os.environ["MAKE_QUOTES"], cls.made], check=True)

    def parts(self, case):
        folder = os.path.join(self.made, case)
        return (evidence.read(folder + "/quote"), json.loads(evidence.read(folder + "/collateral.json")), folder + "/root.pem")

    def test_every_case(self):
        found = {}
        for case in CASES:
            quote, collateral, root = self.parts(case)
            with self.subTest(case=case):
                found[case] = self.compare(case, quote, collateral, evidence.NOW, root)
                self.compare(case + " under Intel's root", quote, collateral, evidence.NOW)
        self.assertEqual(self.counts[True], 3)
        self.assertEqual({case: found[case] for case in ("sgx", "td15", "revoked")}, {"sgx": "UpToDate", "td15": "UpToDate", "revoked": "Revoked"})

    def test_times(self):
        quote, collateral, root = self.parts("td15")
        for when in ("2020-01-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", "2027-06-01T00:00:00Z", "2060-01-01T00:00:00Z"):
            with self.subTest(when=when):
                self.compare(when, quote, collateral, when, root)

    def test_another_platforms_collateral(self):
        for case, other in (("sgx", "td10"), ("td10", "td15"), ("td15", "sgx"), ("sgx", "withdrawn"), ("sgx", "simulated")):
            quote, _, root = self.parts(case)
            with self.subTest(case=case, other=other):
                self.compare(f"{case} by {other}'s", quote, self.parts(other)[1], evidence.NOW, root)

    def test_random_bits_of_quotes(self):
        rng = random.Random(20260602)
        for number in range(120):
            quote, collateral, root = self.parts(rng.choice(("sgx", "td10", "td15")))
            at = rng.randrange(min(len(quote), 1400))
            changed = bytearray(quote)
            changed[at] ^= 1 << rng.randrange(8)
            with self.subTest(number=number, at=at):
                self.compare(f"bit at {at}", bytes(changed), collateral, evidence.NOW, root)
        self.assertGreater(self.counts[False], 100)

    def test_random_changes_of_collateral(self):
        rng = random.Random(20260603)
        for number in range(80):
            quote, collateral, root = self.parts(rng.choice(("sgx", "td10", "td15")))
            key = rng.choice(sorted(collateral))
            text = collateral[key]
            at = rng.randrange(len(text))
            collateral[key] = text[:at] + rng.choice("0123456789abcdefABCDEF") + text[at + 1:]
            with self.subTest(number=number, key=key, at=at):
                self.compare(f"{key} at {at}", quote, collateral, evidence.NOW, root)


@unittest.skipUnless(VECTORS, "no vectors of real machines (set CAISSON_VECTORS)")
class Vectors(Case):
    def test_real_enclaves(self):
        folder = os.path.join(os.path.dirname(VECTORS), "sgx")
        quote = evidence.read(f"{folder}/dcapqvl_sgx_quote.bin")
        collateral = json.loads(evidence.read(f"{folder}/dcapqvl_sgx_quote_collateral.json"))
        self.assertEqual(self.compare("real", quote, collateral, "2025-06-20T00:00:00Z"), "ConfigurationAndSWHardeningNeeded")
        for when in ("2025-06-18T00:00:00Z", "2025-07-20T00:00:00Z", "2040-01-01T00:00:00Z"):
            self.assertIsNone(self.compare(when, quote, collateral, when))
        for name in ("openenclave_sgx_quote.bin", "trustee_occlum_quote.dat", "fortanix_pcs_quote.bin", "intelqvl_quote.dat"):
            with self.subTest(name=name):
                self.compare(name, evidence.read(f"{folder}/{name}"), collateral, "2025-06-20T00:00:00Z")


if __name__ == "__main__":
    tap.main()
