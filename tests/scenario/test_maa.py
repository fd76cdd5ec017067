#!/usr/bin/python3
"""The attestation service as clients of Microsoft Azure Attestation use it: curl as its documentation has it, tokens
verified by another's library against the published keys, and policies that only trusted signers may set."""
import base64
import hashlib
import json
import os

from cryptography.hazmat.primitives.asymmetric import ec
from jwcrypto import jwk, jwt

from lib import tap
from lib.service import ATTEST, ServiceTestCase, b64url, curl, curl_post, policy_jws
from lib.signer import Signer

VERSION = "api-version=2022-08-01"
DENY = "version=1.0;authorizationrules{=> deny();};issuancerules{};"
PERMIT = "version=1.0;authorizationrules{=> permit();};issuancerules{};"


def claims_of(token, keys, algorithm="RS256"):
    """What the token says, verified by jwcrypto: signature, algorithm, time."""
    key_set = jwk.JWKSet.from_json(json.dumps(keys))
    head = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    verified = jwt.JWT(jwt=token, key=key_set.get_key(head["kid"]), algs=[algorithm], check_claims={"iss": None, "exp": None})
    return json.loads(verified.claims)


class MaaTest(ServiceTestCase):
    def test_curl_attests_and_jwcrypto_verifies(self):
        with self.service() as service:
            base = f"https://localhost:{service.port}"
            configuration = curl(service, f"{base}/.well-known/openid-configuration")
            self.assertEqual(configuration["jwks_uri"], "https://acme.example/certs")
            keys = curl(service, f"{base}/certs")
            for version in ("2020-10-01", "2022-08-01", "2025-06-01"):
                answer = curl_post(service, f"/attest/SevSnpVM?api-version={version}", self.body())
                claims = claims_of(answer["token"], keys)
                self.assertEqual(claims["x-ms-attestation-type"], "sevsnpvm")
                self.assertEqual(claims["iss"], configuration["issuer"])
            policy = curl(service, f"{base}/policies/SevSnpVm?{VERSION}")
            text = claims_of(policy["token"], keys)["x-ms-policy"]
            self.assertIn("AttestationPolicy", base64.urlsafe_b64decode(text.split(".")[1] + "==").decode())

    def test_curl_sets_and_resets_policies(self):
        with self.service(administrators=True) as service:
            path = f"https://localhost:{service.port}/policies/SevSnpVm"
            admin = ("--cert", service.clients.path("admin"))
            _, keys = service.ask("GET", "/certs")
            for text, permitted in ((DENY, False), (PERMIT, True), (DENY, False)):
                told = claims_of(curl(service, *admin, "-X", "PUT", f"{path}?{VERSION}", "-H", "Content-Type: text/plain", "--data-binary",
                                      "@-", data=policy_jws(text).encode())["token"], keys)  # fmt: skip
                hashed = b64url(hashlib.sha256(policy_jws(text).encode()).digest())
                self.assertEqual((told["x-ms-policy-result"], told["x-ms-policy-token-hash"]), ("Updated", hashed), told)
                self.assertEqual("token" in curl_post(service, ATTEST, self.body()), permitted)
                shown = claims_of(curl(service, f"{path}?{VERSION}")["token"], keys)["x-ms-policy"]
                self.assertEqual(shown, policy_jws(text))
            told = claims_of(curl(service, *admin, "-X", "POST", f"{path}:reset?{VERSION}", "-d", "")["token"], keys)
            self.assertEqual(told["x-ms-policy-result"], "Removed", told)
            self.assertIn("token", curl_post(service, ATTEST, self.body()))
            for method, action in (("PUT", ""), ("POST", ":reset")):  # without a certificate
                answer = curl(service, "-X", method, f"{path}{action}?{VERSION}", "-d", policy_jws(DENY))
                self.assertEqual(answer["error"]["code"], "Unauthorized", answer)

    def test_the_algorithm_is_the_clients_or_the_tenants(self):
        with self.service(tenant=", token_algorithm: ES384") as service:
            _, keys = service.ask("GET", "/certs")
            for algorithm, more in (("ES384", {}), ("RS256", {"Caisson-Token-Algorithm": "RS256"}),
                                    ("ES256", {"Caisson-Token-Algorithm": "ES256"})):  # fmt: skip
                status, answer = service.ask("POST", ATTEST, self.body(), more=more)
                self.assertEqual(status, 200, answer)
                self.assertIn("x-ms-policy-hash", claims_of(answer["token"], keys, algorithm))
            for wrong in ("none", "HS256", "RS512", ""):
                status, answer = service.ask("POST", ATTEST, self.body(), more={"Caisson-Token-Algorithm": wrong})
                self.assertEqual(status, 400, answer)

    def test_refusals_of_one_client_do_not_fill_the_log(self):
        with self.service() as service:
            connection = service.connect()
            for _ in range(150):
                self.assertEqual(service.ask("POST", ATTEST, self.body(runtime=b"{}"), connection)[0], 400)
            self.assertEqual(service.ask("POST", ATTEST, self.body(), connection)[0], 200)
            connection.close()
            service.stop()  # what was counted is written at the end
            entries = [json.loads(entry) for entry in service.entries()]
            refused = [entry["detail"] for entry in entries if not entry["allowed"]]
            counted = sum(detail.get("more", 0) for detail in refused)
            self.assertEqual(len([detail for detail in refused if "reason" in detail]) + counted, 150)
            self.assertLessEqual(len(refused), 121)  # a minute may end meanwhile
            self.assertEqual(len(entries) - len(refused), 1)

    def change(self, service, path, body, method="PUT"):
        connection = service.connect("admin")
        try:
            return service.ask(method, f"{path}?{VERSION}", body, connection)
        finally:
            connection.close()

    def start_isolated(self):
        service = self.service(administrators=True, tenant=", policy_signers: signers.pem")
        self.first, self.second, self.stranger = (Signer(name) for name in ("First", "Second", "Stranger"))
        with open(os.path.join(service.folder, "signers.pem"), "wb") as file:
            file.write(self.first.pem)
        return service

    def certificates(self, service):
        _, keys = service.ask("GET", "/certs")
        status, answer = service.ask("GET", f"/certificates?{VERSION}")
        self.assertEqual(status, 200, answer)
        return [key["x5c"] for key in claims_of(answer["token"], keys)["x-ms-policy-certificates"]["keys"]]

    def test_only_a_trusted_signers_policy_is_set(self):
        with self.start_isolated() as service:
            self.assertEqual(self.certificates(service), [self.first.x5c])
            for refused in (policy_jws(DENY), self.stranger.policy(DENY), self.first.policy(DENY)[:-8] + "AAAAAAAA"):
                status, answer = self.change(service, "/policies/SevSnpVm", refused)
                self.assertEqual((status, answer["error"]["code"]), (400, "InvalidPolicy"), answer)
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            status, answer = self.change(service, "/policies/SevSnpVm", self.first.policy(DENY))
            self.assertEqual(status, 200, answer)
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 400)
            for refused in ("", policy_jws(PERMIT), self.stranger.sign({})):
                self.assertEqual(self.change(service, "/policies/SevSnpVm:reset", refused, "POST")[0], 400)
            self.assertEqual(self.change(service, "/policies/SevSnpVm:reset", self.first.sign({}), "POST")[0], 200)
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            refusals = [json.loads(entry) for entry in service.entries() if b'"policy-set"' in entry]
            self.assertEqual([entry["allowed"] for entry in refusals], [False, False, False, True])

    def test_a_token_names_who_signed_its_policy(self):
        with self.start_isolated() as service:
            self.assertEqual(self.change(service, "/policies/SevSnpVm", self.first.policy(PERMIT))[0], 200)
            _, answer = service.ask("POST", ATTEST, self.body())
            _, keys = service.ask("GET", "/certs")
            self.assertEqual(claims_of(answer["token"], keys)["x-ms-policy-signer"]["jwk"]["x5c"], self.first.x5c)

    def test_signers_add_and_remove_signers(self):
        with self.start_isolated() as service:
            for refused in (self.stranger.vouch(self.second), self.second.vouch(self.second), self.first.sign({}), "x", ""):
                status, answer = self.change(service, "/certificates:add", refused, "POST")
                self.assertEqual((status, answer["error"]["code"]), (400, "InvalidCertificate"), answer)
            curve = Signer("Curve", ec.generate_private_key(ec.SECP256R1()))
            self.assertEqual(self.change(service, "/certificates:add", self.first.vouch(curve), "POST")[0], 400)
            self.assertEqual(service.ask("POST", f"/certificates:add?{VERSION}", self.first.vouch(self.second))[0], 401)
            quoted = json.dumps(self.first.vouch(self.second))  # as the SDKs send it
            status, answer = self.change(service, "/certificates:add", quoted, "POST")
            self.assertEqual(status, 200, answer)
            _, keys = service.ask("GET", "/certs")
            result = claims_of(answer["token"], keys)
            self.assertEqual(result["x-ms-policycertificates-result"], "IsPresent")
            self.assertEqual(self.certificates(service), [self.first.x5c, self.second.x5c])
            self.assertEqual(self.change(service, "/certificates:remove", self.second.vouch(self.first), "POST")[0], 200)
            self.assertEqual(self.certificates(service), [self.second.x5c])
            self.assertEqual(self.change(service, "/policies/SevSnpVm", self.first.policy(DENY))[0], 400)
            status, answer = self.change(service, "/certificates:remove", self.second.vouch(self.second), "POST")
            self.assertEqual(status, 400, answer)
            service.stop()
            service.start()  # the store has them, whatever the configuration names
            self.assertEqual(self.certificates(service), [self.second.x5c])

    def test_without_signers_nobody_becomes_one(self):
        with self.service(administrators=True) as service:
            self.assertEqual(self.certificates(service), [])
            signer = Signer("Signer")
            status, answer = self.change(service, "/certificates:add", signer.vouch(signer), "POST")
            self.assertEqual(status, 400, answer)
            self.assertIn("configuration", answer["error"]["message"])


if __name__ == "__main__":
    tap.main()
