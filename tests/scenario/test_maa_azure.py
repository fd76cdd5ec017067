#!/usr/bin/python3
"""Evidence of Azure's confidential machines at the attestation service: the simulated processor vouches for the key of a
virtual TPM that is this test's own, and the TPM quotes for the caller's data."""
import hashlib
import json
import os
import ssl
import struct
import subprocess
import unittest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lib import paths, tap
from lib.service import MAKE_EVIDENCE, ServiceTestCase, b64url, curl_post, policy_jws, unb64url

ATTEST = "/attest/AzureGuest?api-version=2022-08-01"
RUNTIME = b'{"keys":[],"nonce":"7"}'
VECTORS = os.environ.get("CAISSON_VECTORS") or os.path.join(paths.SOURCE, "../shared/vectors")
TRUSTEE = f"{VECTORS}/attest/hcl/trustee-evidence-v1.json"
AMD_CHAIN = [f"{VECTORS}/attest/roots/milan_{name}.der" for name in ("ask", "ark")]
PCRS = bytes(range(32)) + bytes(32)  # of 0 and 7


class Tpm:
    """A virtual TPM's attestation key, its quotes, and the report's claims that name it."""

    def __init__(self):
        self.key = rsa.generate_private_key(65537, 2048)
        modulus = self.key.public_key().public_numbers().n.to_bytes(256, "big")
        self.claims = json.dumps({"keys": [{"kid": "HCLAkPub", "kty": "RSA", "e": "AQAB", "n": b64url(modulus)}],
                                  "vm-configuration": {"secure-boot": True, "vmUniqueId": "0011-2233"}}).encode()  # fmt: skip

    def quote(self, runtime, pcrs=PCRS, nonce=None):
        nonce, digest = nonce or hashlib.sha256(runtime).digest(), hashlib.sha256(pcrs).digest()
        quote = (struct.pack(">IHHH", 0xFF544347, 0x8018, 0, len(nonce)) + nonce + struct.pack(">QIIBQ", 1, 2, 3, 1, 4) +
                 struct.pack(">IHB", 1, 0x0B, 3) + bytes([0x81, 0, 0]) + struct.pack(">H", len(digest)) + digest)  # fmt: skip
        return quote, self.key.sign(quote, padding.PKCS1v15(), hashes.SHA256())


def frame(report, claims):
    size = 20 + len(claims)
    return (b"HCLA" + struct.pack("<III", 2, 1216 + size, 2) + bytes(16) + report + struct.pack("<IIIII", size, 1, 2, 1, len(claims))
            + claims)  # fmt: skip


class AzureTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tpm, cls.other = Tpm(), Tpm()
        with open(os.path.join(cls.folder, "claims"), "wb") as file:
            file.write(cls.tpm.claims)
        made = subprocess.run([MAKE_EVIDENCE, "psp", "guest/manifest.json", "policy", "@claims", "1"], cwd=cls.folder,
                              stdout=subprocess.PIPE, check=True, timeout=120)  # fmt: skip
        cls.azure_report = unb64url(json.loads(made.stdout)["report"].replace("+", "-").replace("/", "_").rstrip("="))

    def sent(self, tpm=None, signer=None, runtime=RUNTIME, bound=RUNTIME, **changed):
        quote, signature = (signer or tpm or self.tpm).quote(bound)
        parts = {"HclReport": frame(self.azure_report, (tpm or self.tpm).claims), "VcekCertChain": self.chain,
                 "TpmQuote": quote, "TpmSignature": signature, "Pcrs": PCRS, **changed}  # fmt: skip
        data = {name: b64url(value) for name, value in parts.items() if value is not None}
        body = {"data": b64url(json.dumps(data).encode())}
        if runtime is not None:
            body["runtimeData"] = {"data": b64url(runtime), "dataType": "JSON"}
        return json.dumps(body)

    def test_a_machine_gets_a_token(self):
        with self.service() as service:
            answer = curl_post(service, ATTEST, self.sent())
            claims = json.loads(unb64url(answer["token"].split(".")[1]))
            self.assertEqual(claims["x-ms-attestation-type"], "azurevm")
            self.assertEqual(claims["x-ms-isolation-tee"]["x-ms-attestation-type"], "sevsnpvm")
            self.assertEqual(claims["x-ms-isolation-tee"]["x-ms-runtime"], json.loads(self.tpm.claims))
            self.assertEqual(claims["x-ms-runtime"], json.loads(RUNTIME))
            self.assertEqual((claims["secureboot"], claims["x-ms-azurevm-vmid"]), (True, "0011-2233"))
            self.assertEqual(claims["caisson-tpm-pcrs"], {"0": PCRS[:32].hex(), "7": PCRS[32:].hex()})
            self.assertIs(claims["caisson-simulated"], True)
            self.assertTrue(json.loads(service.entries()[-1])["allowed"])

    def test_each_binding_that_does_not_hold_is_named(self):
        quote, _ = self.tpm.quote(RUNTIME)
        wrong = bytearray(self.azure_report)
        wrong[0x90] ^= 1  # MEASUREMENT
        cases = {"hcl_claims_hash": {"tpm": self.other},
                 "tpm_quote_signature": {"signer": self.other},
                 "tpm_quote_nonce": {"bound": b"{}"},
                 "tpm_pcr_digest": {"Pcrs": PCRS[::-1]},
                 "signature": {"HclReport": frame(bytes(wrong), self.tpm.claims)},
                 "hcl_format": {"HclReport": b"HCLA"},
                 "tpm_quote_format": {"TpmQuote": quote[:40]},
                 "TpmSignature": {"TpmSignature": None},
                 "TpmQuote": {"TpmQuote": None},
                 "runtimeData": {"runtime": None}}  # fmt: skip
        with self.service() as service:
            connection = service.connect()
            for name, changed in cases.items():
                status, answer = service.ask("POST", ATTEST, self.sent(**changed), connection)
                self.assertEqual(status, 400, (name, answer))
                self.assertIn(name, answer["error"]["message"])
            status, answer = service.ask("POST", ATTEST, json.dumps({"data": "e30"}), connection)
            self.assertEqual(status, 400, answer)
            connection.close()
        with self.service(trust=False) as service:  # a simulated processor proves nothing
            status, answer = service.ask("POST", ATTEST, self.sent())
            self.assertEqual((status, "root" in answer["error"]["message"]), (400, True), answer)

    def test_a_quote_binds_a_hash_and_no_bare_text(self):
        """What a client of the key broker quotes is a hash, too; text as it stands is no nonce, however it is sent."""
        with self.service() as service:
            connection = service.connect()
            for nonce in (b"challenge", RUNTIME, hashlib.sha384(RUNTIME).digest(), hashlib.sha256(RUNTIME).digest() + bytes(32)):
                quote, signature = self.tpm.quote(RUNTIME, nonce=nonce)
                for runtime in (RUNTIME, nonce):
                    sent = json.loads(self.sent(runtime=runtime, TpmQuote=quote, TpmSignature=signature))
                    sent["runtimeData"]["dataType"] = "Binary"
                    status, answer = service.ask("POST", ATTEST, json.dumps(sent), connection)
                    self.assertEqual((status, "tpm_quote_nonce" in answer["error"]["message"]), (400, True), (nonce, answer))
            hello = {"version": "0.4.0", "tee": "az-snp-vtpm", "extra-params": ""}
            status, answer = service.ask("POST", "/kbs/v0/auth", json.dumps(hello), connection)
            self.assertEqual((status, "az-snp-vtpm" in answer["detail"]), (501, True), answer)
            connection.close()

    @unittest.skipUnless(os.path.exists(TRUSTEE), f"no vectors at {VECTORS} (set CAISSON_VECTORS)")
    def test_trustees_evidence_is_refused_by_its_nonce(self):
        """Real evidence, made for the text "challenge": whoever has the file could show it for ever."""
        with open(TRUSTEE, encoding="ascii") as file:
            given = json.load(file)
        with open(AMD_CHAIN[0], "rb") as ask, open(AMD_CHAIN[1], "rb") as ark:
            chain = [unb64url(given["vcek"]), ask.read(), ark.read()]
        pem = "".join(ssl.DER_cert_to_PEM_cert(der) for der in chain).encode()
        quote = given["tpm_quote"]
        parts = {"HclReport": unb64url(given["hcl_report"]), "VcekCertChain": pem,
                 "TpmQuote": bytes.fromhex(quote["message"]), "TpmSignature": bytes.fromhex(quote["signature"]),
                 "Pcrs": bytes.fromhex("".join(quote["pcrs"]))}  # fmt: skip
        body = {"data": b64url(json.dumps({name: b64url(value) for name, value in parts.items()}).encode()),
                "runtimeData": {"data": b64url(b"challenge"), "dataType": "Binary"}}  # fmt: skip
        with self.service() as service:
            status, answer = service.ask("POST", ATTEST, json.dumps(body))
            self.assertEqual((status, answer["error"]["message"].split(":")[0]), (400, "tpm_quote_nonce"), answer)

    def test_its_own_policy_decides(self):
        text = 'version=1.0;authorizationrules{[type=="secureboot", value==false] => permit();};issuancerules{};'
        with self.service(administrators=True) as service:
            admin = service.connect("admin")
            status, answer = service.ask("PUT", "/policies/AzureGuest?api-version=2022-08-01", policy_jws(text), admin)
            self.assertEqual(status, 200, answer)
            admin.close()
            status, answer = service.ask("POST", ATTEST, self.sent())
            self.assertEqual((status, answer["error"]["code"]), (400, "PolicyEvaluationError"), answer)


if __name__ == "__main__":
    tap.main()
