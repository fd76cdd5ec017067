#!/usr/bin/python3
"""Evidence of machines that run: asked for with a fresh nonce, judged by `caisson verify`."""
import json
import os
import re
import secrets
import shutil
import subprocess

from lib import paths, tap
from lib.cli import CliCase

SLEEP = ["/bin/sleep", "1000"]


class Attest(CliCase):
    def setUp(self):
        super().setUp()
        self.policy = os.path.join(self.folder, "policy.rego")
        self.evidence = os.path.join(self.folder, "evidence.json")
        self.manifest = os.path.join(paths.GUEST, "manifest.json")
        self.processor = os.path.join(self.home, "simulated")

    def start(self, *options):
        with open(self.policy, "wb") as file:
            file.write(self.caisson("policy", "generate", self.image("busybox"), "--", *SLEEP).stdout)
        return self.start_image("busybox", *SLEEP, options=["--policy", self.policy, *options])

    def attest(self, name):
        nonce = secrets.token_hex(32)
        self.caisson("attest", name, "--nonce", nonce, "-o", self.evidence)
        return nonce

    def verify(self, nonce, *extra, policy=None, manifest=None, trust=True):
        trusted = ["--trust-simulated", self.processor] if trust else []
        return self.caisson("verify", self.evidence, "--nonce", nonce, "--policy", policy or self.policy, "--guest",
                            manifest or self.manifest, *trusted, *extra, check=False)

    def accepted(self, result):
        self.assertEqual(result.returncode, 0, result.stdout.decode() + result.stderr.decode())
        self.assertIn(b"SIMULATED", result.stdout)

    def refused(self, result):
        """The name of the check that refuses."""
        self.assertEqual(result.returncode, 1, result.stdout.decode() + result.stderr.decode())
        found = re.search(r"refused by (\S+)", result.stdout.decode())
        self.assertTrue(found, result.stdout.decode() + result.stderr.decode())
        return found.group(1)

    def test_evidence_of_a_machine_is_accepted_for_what_it_is_alone(self):
        name = self.start()
        old = self.attest(name)
        self.accepted(self.verify(old))
        nonce = self.attest(name)
        self.accepted(self.verify(nonce))
        self.assertIn("SIMULATED", json.dumps(json.loads(self.verify(nonce, "--json").stdout)))
        other = os.path.join(self.folder, "other.rego")
        with open(self.policy, "rb") as file:
            text = file.read()
        with open(other, "wb") as file:
            file.write(text.replace(b"1000", b"1001", 1))
        reasons = {
            "nonce": self.refused(self.verify(old)),
            "policy": self.refused(self.verify(nonce, policy=other)),
            "root": self.refused(self.verify(nonce, trust=False)),
        }
        self.assertEqual(len(set(reasons.values())), 3, reasons)

    def test_the_number_of_processors_is_measured(self):
        name = self.start("--cpus", "2")
        nonce = self.attest(name)
        self.accepted(self.verify(nonce))
        with open(self.evidence, encoding="utf-8") as file:
            bundle = json.load(file)
        bundle["guest"]["vcpus"] = 1  # a host may say so: the measurement says more
        with open(self.evidence, "w", encoding="utf-8") as file:
            json.dump(bundle, file)
        result = self.verify(nonce)
        self.accepted(result)
        self.assertIn(b"simulated, 2 CPUs", result.stdout)

    def test_what_is_measured_is_what_was_launched(self):
        guest = os.path.join(self.folder, "guest")
        shutil.copytree(paths.GUEST, guest)
        with open(os.path.join(guest, "initrd"), "ab") as file:
            file.write(bytes(512))  # the kernel skips zeros between archives
        name = self.start("--guest", guest)
        nonce = self.attest(name)
        self.refused(self.verify(nonce))

    def test_a_file_that_is_swapped_after_the_start_is_not_what_was_launched(self):
        guest = os.path.join(self.folder, "guest")
        shutil.copytree(paths.GUEST, guest)
        name = self.start("--guest", guest)
        with open(os.path.join(guest, "new"), "wb") as file:
            file.write(b"another initrd")
        os.rename(os.path.join(guest, "new"), os.path.join(guest, "initrd"))
        self.accepted(self.verify(self.attest(name)))

    def test_a_machine_that_has_ended_gives_no_evidence(self):
        name = self.start()
        self.caisson("stop", "-t", "0", name)
        result = self.caisson("attest", name, "--nonce", "00", "-o", self.evidence, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(b"does not run", result.stderr)
        self.assertFalse(os.path.exists(self.evidence))

    def test_refuses_nonces_that_are_none(self):
        for nonce in ("", "0", "zz", "00" * 65, "0x00"):
            result = self.caisson("attest", "x", "--nonce", nonce, check=False)
            self.assertEqual(result.returncode, 2, nonce)
            self.assertIn(b"1 to 64 bytes in hex", result.stderr)

    def test_evidence_that_cannot_be_written_is_an_error(self):
        name = self.start()
        for where, status in (("/nowhere/evidence", 3), (self.folder, 1)):  # a folder is not replaced by a file
            result = self.caisson("attest", name, "--nonce", "00", "-o", where, check=False)
            self.assertEqual(result.returncode, status, result.stderr)
        with open("/dev/full", "wb") as full:
            result = subprocess.run([paths.CAISSON, "attest", name, "--nonce", "00"], env=self.environment, stdout=full,
                                    stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertEqual(result.returncode, 3, result.stderr)


if __name__ == "__main__":
    tap.main()
