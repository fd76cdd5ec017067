#!/usr/bin/python3
"""Tokens as a relying party takes them who knows nothing of Caisson: python3-jwt finds the key by the service's own
OpenID configuration, over TLS under the service's certificate, and verifies issuer, times and signature."""
import json
import ssl
import urllib.error
import urllib.request

import jwt

from lib import tap
from lib.service import ATTEST, ServiceTestCase, b64url, unb64url

ISSUER = "https://acme.example"
ALGORITHMS = ("RS256", "ES256", "ES384")


class Client(jwt.PyJWKClient):
    """PyJWKClient of this version has no way to say which authorities to trust: only how it fetches is changed."""

    def __init__(self, url, trust):
        super().__init__(url)
        self.trust = trust

    def fetch_data(self):
        with urllib.request.urlopen(self.uri, timeout=60, context=self.trust) as answer:
            return json.load(answer)


class PyJwtTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.running = cls(methodName="run").service().start()
        cls.url = f"https://localhost:{cls.running.port}"

    @classmethod
    def tearDownClass(cls):
        cls.running.stop()
        super().tearDownClass()

    def token(self, algorithm="RS256", host=None):
        status, answer = self.running.ask("POST", ATTEST, self.body(), host=host, more={"Caisson-Token-Algorithm": algorithm})
        self.assertEqual(status, 200, answer)
        return answer["token"]

    def verify(self, token, **more):
        key = Client(f"{self.url}/certs", self.running.trust).get_signing_key_from_jwt(token)
        return jwt.decode(token, key.key, **{"algorithms": ALGORITHMS, "issuer": ISSUER, "options": {"require": ["exp", "nbf", "iat"]},
                                             **more})  # fmt: skip

    def test_each_algorithm_verifies_by_the_published_keys(self):
        for algorithm in ALGORITHMS:
            token = self.token(algorithm)
            self.assertEqual(jwt.get_unverified_header(token)["alg"], algorithm)
            claims = self.verify(token, algorithms=[algorithm])
            self.assertEqual(claims["iss"], ISSUER)
            self.assertEqual(claims["x-ms-sevsnpvm-launchmeasurement"], self.report[0x90:0xC0].hex())
            for other in ALGORITHMS:
                if other != algorithm:
                    with self.assertRaises(jwt.InvalidAlgorithmError):
                        self.verify(token, algorithms=[other])

    def test_the_configuration_leads_to_the_keys(self):
        with urllib.request.urlopen(f"{self.url}/.well-known/openid-configuration", timeout=60, context=self.running.trust) as answer:
            found = json.load(answer)
        self.assertEqual(found["issuer"], ISSUER)
        self.assertEqual(found["jwks_uri"], ISSUER + "/certs")
        self.assertLessEqual(set(ALGORITHMS), set(found["id_token_signing_alg_values_supported"]))
        header = jwt.get_unverified_header(self.token())
        self.assertEqual(header["jku"], found["jwks_uri"])
        keys = Client(f"{self.url}/certs", self.running.trust).get_signing_keys()
        self.assertIn(header["kid"], [key.key_id for key in keys])

    def test_what_is_not_the_services_token_is_refused(self):
        token = self.token()
        header, payload, signature = token.split(".")
        claims = json.loads(unb64url(payload))
        changed = b64url(json.dumps({**claims, "x-ms-sevsnpvm-is-debuggable": True}).encode())
        flipped = signature[:8] + ("A" if signature[8] != "A" else "B") + signature[9:]
        for wrong in (f"{header}.{changed}.{signature}", f"{header}.{payload}.{flipped}"):
            with self.assertRaises(jwt.InvalidSignatureError):
                self.verify(wrong)
        unsigned = b64url(json.dumps({"alg": "none", "kid": jwt.get_unverified_header(token)["kid"]}).encode())
        with self.assertRaises(jwt.InvalidTokenError):
            self.verify(f"{unsigned}.{payload}.")
        for unknown in ({"alg": "RS256", "kid": "another"}, {"alg": "RS256"}):
            with self.assertRaises((jwt.PyJWKClientError, jwt.InvalidTokenError, KeyError)):
                self.verify(f"{b64url(json.dumps(unknown).encode())}.{payload}.{signature}")
        with self.assertRaises(jwt.InvalidIssuerError):
            self.verify(token, issuer="https://other.example")
        with self.assertRaises(jwt.InvalidIssuerError):
            self.verify(self.token(host="other.example"))

    def test_who_does_not_trust_the_services_certificate_gets_no_keys(self):
        with self.assertRaises(urllib.error.URLError):
            Client(f"{self.url}/certs", ssl.create_default_context()).get_signing_key_from_jwt(self.token())


if __name__ == "__main__":
    tap.main()
