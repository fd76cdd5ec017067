#!/usr/bin/python3
"""Quotes of trust domains and enclaves at the service, end to end: a platform that never was (make_quotes) signs for what
the client says, and whoever is judged by its collateral gets a token, or a resource from the key broker."""
import base64
import hashlib
import json
import os
import struct
import subprocess

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from lib import paths, tap
from lib.kbs import HASHES, Guest, canonical
from lib.service import ServiceTestCase, b64url, curl_post, unb64url

MAKE_QUOTES = os.environ.get("MAKE_QUOTES", os.path.join(paths.BUILD, "tests/scenario/make_quotes"))
API = "?api-version=2022-08-01"
NAME = "default/key/td"
HEADER = 48
# Intel TDX DCAP Quoting Library API, appendix 3: in version 5 six bytes of the body's type and size go before it.
TD15 = {"body": HEADER + 6, "size": 648, "report_data": 520, "config": 184, "attributes": 120}
SGX = {"body": HEADER, "size": 384, "report_data": 320, "config": 192, "attributes": 48}


class Platform:
    """Signs quotes anew for whatever is changed in them."""

    def __init__(self, folder, layout):
        self.layout = layout
        with open(os.path.join(folder, "quote"), "rb") as file:
            self.quote = file.read()
        with open(os.path.join(folder, "attestation.key"), "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), None)

    def sign(self, **fields):
        raw = bytearray(self.quote)
        end = self.layout["body"] + self.layout["size"]
        for name, value in fields.items():
            at = self.layout["body"] + self.layout[name]
            raw[at:at + len(value)] = value
        r, s = utils.decode_dss_signature(self.key.sign(bytes(raw[:end]), ec.ECDSA(hashes.SHA256())))
        raw[end + 4:end + 68] = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return bytes(raw)


class Domain(Guest):
    """A client of the key broker in a trust domain."""

    tee = "tdx"
    log = {"cc_eventlog": None}

    def __init__(self, service, platform):
        super().__init__(service, None)
        self.platform = platform

    def attest(self, init=None, tamper=lambda quote: quote, nonce=None, **fields):
        status, challenge = self.auth(tee=self.tee)
        assert status == 200, challenge
        bound = {"additional-evidence": "", "nonce": nonce or challenge["nonce"], "tee-pubkey": self.pubkey}
        quote = tamper(self.platform.sign(report_data=HASHES["sha384"](canonical(bound)).digest().ljust(64, b"\0"), **fields))
        body = {"init-data": init, "runtime-data": {"nonce": challenge["nonce"], "tee-pubkey": self.pubkey},
                "tee-evidence": {"primary_evidence": {"quote": base64.b64encode(quote).decode(), **self.log},
                                 "additional_evidence": ""}}  # fmt: skip
        status, answer = self.ask("POST", "/kbs/v0/attest", body)
        self.token = answer.get("token")
        return status, answer


class Enclave(Domain):
    """The same in an enclave."""

    tee = "sgx"
    log = {}


def claims_of(token):
    return json.loads(unb64url(token.split(".")[1]))


class QuotesTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        made = os.path.join(cls.folder, "quotes")
        os.mkdir(made)
        subprocess.run([MAKE_QUOTES, made, "now"], check=True, timeout=60)
        cls.domain = Platform(os.path.join(made, "simulated-td"), TD15)
        cls.enclave = Platform(os.path.join(made, "simulated"), SGX)
        cls.services = {}
        case = cls(methodName="run")
        for name in ("simulated-td", "simulated"):  # each platform has a root of its own
            service = case.service(administrators=True)
            os.unlink(os.path.join(service.folder, "psp"))
            for folder, files in (("psp", ["root.pem"]), ("collateral", ["collateral.json"])):
                os.mkdir(os.path.join(service.folder, folder))
                for file in files:
                    os.symlink(os.path.join(made, name, file), os.path.join(service.folder, folder, file))
            with open(service.config, encoding="utf-8") as file:
                text = file.read()
            with open(service.config, "w", encoding="utf-8") as file:
                file.write(text.replace("simulated: psp", "simulated: psp, collateral: collateral"))
            cls.services[name] = service.start()

    @classmethod
    def tearDownClass(cls):
        for service in cls.services.values():
            service.stop()
        super().tearDownClass()

    def ask(self, kind, quote, runtime, name="simulated-td"):
        body = {"quote": b64url(quote), "runtimeData": {"data": b64url(runtime), "dataType": "Binary"}}
        return self.services[name].ask("POST", f"/attest/{kind}{API}", json.dumps(body))

    def test_a_domain_gets_a_token_by_its_quote(self):
        runtime = os.urandom(20)
        bound = hashlib.sha256(runtime).digest().ljust(64, b"\0")
        status, answer = self.ask("TdxVm", self.domain.sign(report_data=bound), runtime)
        self.assertEqual(status, 200, answer)
        claims = claims_of(answer["token"])
        self.assertEqual((claims["x-ms-attestation-type"], claims["tdx_report_data"]), ("tdxvm", bound.hex()))
        self.assertEqual((claims["dbgstat"], claims["attester_tcb_status"]), ("disabled", "UpToDate"))
        self.assertIs(claims["caisson-simulated"], True)
        status, answer = self.ask("TdxVm", self.domain.sign(report_data=bound, attributes=b"\x01"), runtime)
        self.assertEqual(status, 200, answer)
        self.assertEqual(claims_of(answer["token"])["dbgstat"], "enabled")

    def test_an_enclave_gets_a_token_by_its_quote(self):
        runtime = os.urandom(20)
        bound = hashlib.sha256(runtime).digest().ljust(64, b"\0")
        quote = self.enclave.sign(report_data=bound)
        status, answer = self.services["simulated"].ask("POST", f"/attest/SgxEnclave{API}", json.dumps(
            {"quote": b64url(quote), "runtimeData": {"data": b64url(runtime), "dataType": "Binary"}}))  # fmt: skip
        self.assertEqual(status, 200, answer)
        claims = claims_of(answer["token"])
        self.assertEqual((claims["x-ms-attestation-type"], claims["x-ms-sgx-is-debuggable"]), ("sgx", False))
        self.assertEqual(claims["x-ms-sgx-mrenclave"], quote[HEADER + 64:HEADER + 96].hex())

    def test_curl_sends_quotes_as_microsofts_documentation_has_it(self):
        runtime = b"\x01\x02\x03 public key"
        bound = hashlib.sha256(runtime).digest().ljust(64, b"\0")
        enclave, domain = self.enclave.sign(report_data=bound), self.domain.sign(report_data=bound)
        framed = struct.pack("<IIQ", 1, 2, len(enclave)) + enclave
        for kind, member, sent, name, told in (("SgxEnclave", "quote", enclave, "simulated", "sgx"), ("TdxVm", "quote", domain, "simulated-td", "tdxvm"),
                                               ("OpenEnclave", "report", framed, "simulated", "sgx")):  # fmt: skip
            body = {member: b64url(sent), "runtimeData": {"data": b64url(runtime), "dataType": "Binary"}}
            answer = curl_post(self.services[name], f"/attest/{kind}{API}", body)
            self.assertEqual(claims_of(answer["token"])["x-ms-attestation-type"], told)
            body["runtimeData"]["data"] = b64url(runtime + b".")
            answer = curl_post(self.services[name], f"/attest/{kind}{API}", body)
            self.assertIn("report_data", answer["error"]["message"])
            del body[member]
            self.assertEqual(curl_post(self.services[name], f"/attest/{kind}{API}", body)["error"]["code"], "InvalidParameter")

    def test_what_does_not_hold_is_refused_with_the_check(self):
        runtime = b"runtime"
        good = self.domain.sign(report_data=hashlib.sha256(runtime).digest().ljust(64, b"\0"))
        end = TD15["body"] + TD15["size"]
        body, signature = bytearray(good), bytearray(good)
        body[TD15["body"] + 300] ^= 1
        signature[end + 10] ^= 1
        self.assertEqual(self.ask("TdxVm", good, runtime)[0], 200)
        for quote, sent, said in ((good, b"other", "report_data"), (bytes(body), runtime, "signature"),
                                  (bytes(signature), runtime, "signature"), (good[:-1], runtime, "quote"),
                                  (good[:700], runtime, "quote"), (self.enclave.quote, runtime, "quote")):  # fmt: skip
            status, answer = self.ask("TdxVm", quote, sent)
            self.assertEqual((status, said in answer["error"]["message"]), (400, True), answer)
        status, answer = self.ask("TdxVm", good, runtime, "simulated")  # another platform's collateral and root
        self.assertNotEqual(status, 200, answer)
        entry = json.loads(self.services["simulated"].entries()[-1])
        self.assertEqual((entry["event"], entry["allowed"]), ("attest", False))

    def test_the_key_broker_gives_a_domain_its_resource(self):
        service = self.services["simulated-td"]
        rule = {"version": "1.0.0", "anyOf": [{"authority": "https://acme.example", "allOf": [
            {"claim": "tdx_td_attributes_debug", "equals": False}, {"claim": "attester_tcb_status", "equals": "UpToDate"}]}]}  # fmt: skip
        for method, path, body in (("PUT", f"/kbs/v0/resource-rule/{NAME}", json.dumps(rule)), ("POST", f"/kbs/v0/resource/{NAME}", b"secret")):
            status, answer = service.ask(method, path, body, service.connect("admin"))
            self.assertEqual(status, 200, answer)
        guest = Domain(service, self.domain)
        status, answer = guest.attest()
        self.assertEqual(status, 200, answer)
        self.assertEqual(guest.resource(NAME), (200, b"secret"))
        self.assertEqual(guest.resource(NAME, bearer=True), (200, b"secret"))
        debugged = Domain(service, self.domain)
        self.assertEqual(debugged.attest(attributes=b"\x01")[0], 200)
        status, answer = debugged.resource(NAME)
        self.assertEqual((status, "tdx_td_attributes_debug" in answer["detail"]), (403, True), answer)

    def test_the_key_broker_gives_an_enclave_its_resource(self):
        service = self.services["simulated"]
        config = hashlib.sha256(b"policy").digest().ljust(64, b"\0")
        rule = {"version": "1.0.0", "anyOf": [{"authority": "https://acme.example", "allOf": [
            {"claim": "x-ms-sgx-is-debuggable", "equals": False}, {"claim": "x-ms-sgx-config-id", "equals": config.hex()}]}]}  # fmt: skip
        for method, path, body in (("PUT", f"/kbs/v0/resource-rule/{NAME}", json.dumps(rule)), ("POST", f"/kbs/v0/resource/{NAME}", b"secret")):
            status, answer = service.ask(method, path, body, service.connect("admin"))
            self.assertEqual(status, 200, answer)
        kss = {"config": config, "attributes": b"\x85"}  # INIT, MODE64BIT, KSS
        guest = Enclave(service, self.enclave)
        status, answer = guest.attest(**kss)
        self.assertEqual(status, 200, answer)
        self.assertEqual(guest.resource(NAME), (200, b"secret"))
        self.assertEqual(json.loads(service.entries()[-2])["detail"]["x-ms-sgx-config-id"], config.hex())
        for said, options in (("x-ms-sgx-config-id", {"attributes": b"\x85"}), ("x-ms-sgx-config-id", {"config": config, "attributes": b"\x05"}),
                              ("x-ms-sgx-is-debuggable", {**kss, "attributes": b"\x87"})):  # fmt: skip
            other = Enclave(service, self.enclave)
            self.assertEqual(other.attest(**options)[0], 200)
            status, answer = other.resource(NAME)
            self.assertEqual((status, said in answer["detail"]), (403, True), answer)
        for said, options in (("report_data", {"nonce": "another"}), ("quote", {"tamper": lambda quote: quote[:430]}),
                              ("signature", {"tamper": lambda quote: quote[:100] + bytes([quote[100] ^ 1]) + quote[101:]})):  # fmt: skip
            status, answer = Enclave(service, self.enclave).attest(**kss, **options)
            self.assertEqual((status, said in answer["detail"]), (401, True), (said, answer))

    def test_the_key_broker_refuses_a_domain_that_proves_something_else(self):
        service = self.services["simulated-td"]
        init = {"format": "toml", "body": 'version = "0.1.0"\nalgorithm = "sha-256"\n[data]\n'}
        digest = hashlib.sha256(init["body"].encode()).digest()
        self.assertEqual(Domain(service, self.domain).attest(init=init, config=digest.ljust(48, b"\0"))[0], 200)

        def flip(quote):
            changed = bytearray(quote)
            changed[TD15["body"] + 140] ^= 1
            return bytes(changed)

        for said, options in (("init-data", {"init": init}), ("init-data", {"init": init, "config": digest[::-1].ljust(48, b"\0")}),
                              ("signature", {"tamper": flip}), ("report_data", {"nonce": "another"}),
                              ("quote", {"tamper": lambda quote: quote[:600]}), ("quote", {"tamper": lambda _: b""})):  # fmt: skip
            guest = Domain(service, self.domain)
            status, answer = guest.attest(**options)
            self.assertEqual((status, said in answer["detail"]), (401, True), (said, answer))
            self.assertEqual(guest.resource(NAME)[0], 401)


if __name__ == "__main__":
    tap.main()
