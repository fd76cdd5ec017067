#!/usr/bin/python3
"""The key broker's protocol as Confidential Containers' clients speak it, from the nonce to the opened resource; what
is not bound, not signed, not permitted or not the first of its kind is refused. Tokens and sealed answers are checked
by python3-jwcrypto."""
import hashlib
import json
import os

from jwcrypto import jwk, jws

from lib import tap
from lib.kbs import Guest, Processor
from lib.service import ATTEST, ServiceTestCase, b64url, policy_jws, unb64url

NAME = "default/key/1"
SECRET = b"\x00the secret\xff" * 40


def rule(**claims):
    return json.dumps({"version": "1.0.0", "anyOf": [
        {"authority": "https://acme.example", "allOf": [{"claim": name, "equals": value} for name, value in
                                                        claims.items()]}]})  # fmt: skip


class KbsTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.processor = Processor(os.path.join(cls.folder, "psp"), cls.report, cls.bundle["certificates"])
        cls.host_data = hashlib.sha256(cls.policy).digest()
        cls.rule = rule(**{"x-ms-sevsnpvm-hostdata": cls.host_data.hex(), "x-ms-sevsnpvm-is-debuggable": False})
        cls.running = cls(methodName="run").service(administrators=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.running.stop()
        super().tearDownClass()

    def guest(self, **options):
        return Guest(self.running, self.processor, **options)

    def admin(self, method, path, body=None, client="admin", host=None):
        return self.running.ask(method, path, body, self.running.connect(client), host)

    def put(self, name, wanted=None, secret=SECRET):
        status, answer = self.admin("PUT", f"/kbs/v0/resource-rule/{name}", wanted or self.rule)
        self.assertEqual(status, 200, answer)
        status, answer = self.admin("POST", f"/kbs/v0/resource/{name}", secret)
        self.assertEqual(status, 200, answer)

    def entries(self):
        return [json.loads(entry) for entry in self.running.entries()]

    def test_a_resource_is_sealed_for_the_key_that_was_attested(self):
        self.put(NAME)
        for kind in ("EC", "RSA"):
            guest = self.guest(kind=kind)
            status, answer = guest.attest()
            self.assertEqual(status, 200, answer)
            self.assertEqual(guest.resource(NAME), (200, SECRET))
            self.assertEqual(guest.resource(NAME, bearer=True), (200, SECRET))
        events = [(entry["event"], entry["allowed"]) for entry in self.entries()[-6:]]
        self.assertEqual(events, [("kbs-attest", True), ("resource", True), ("resource", True)] * 2)
        self.assertNotIn(SECRET[:10], open(self.running.store, "rb").read())
        self.assertNotIn("the secret", "".join(self.running.said))

    def test_each_hash_that_a_client_knows(self):
        for known, chosen in ((["sha256", "sha384", "sha512"], "sha384"), (["sha256"], "sha256"), (["sha512"], "sha512"),
                              (["sha256", "sha512"], "sha256"), (["md5", "sha384"], "sha384")):  # fmt: skip
            guest = self.guest()
            status, challenge = guest.auth(**{"extra-params": {"supported-hash-algorithms": known}})
            self.assertEqual(status, 200, challenge)
            self.assertEqual(len(challenge["nonce"]), 44)
            wanted = "" if chosen == "sha384" else {"selected-hash-algorithm": chosen}
            self.assertEqual(challenge["extra-params"], wanted)
            wrong = guest.attestation(challenge["nonce"], hashed="sha512" if chosen == "sha256" else "sha256")
            body = guest.attestation(challenge["nonce"], hashed=chosen)
            self.assertEqual(guest.ask("POST", "/kbs/v0/attest", body)[0], 200)
            guest.auth(**{"extra-params": {"supported-hash-algorithms": known}})
            self.assertEqual(guest.ask("POST", "/kbs/v0/attest", wrong)[0], 401)

    def test_the_token_is_an_attestation_result(self):
        guest = self.guest()
        status, answer = guest.attest()
        self.assertEqual(status, 200, answer)
        keys = jwk.JWKSet.from_json(json.dumps(self.running.ask("GET", "/certs")[1]))
        token = jws.JWS()
        token.deserialize(answer["token"])
        header = token.jose_header
        self.assertEqual(header["alg"], "ES256")
        token.verify(keys.get_key(header["kid"]))
        again = jws.JWS()
        again.deserialize(answer["token"], jwk.JWK(**header["jwk"]))
        self.assertEqual({name: header["jwk"][name] for name in ("kty", "crv")}, {"kty": "EC", "crv": "P-256"})
        self.assertNotIn("d", header["jwk"])
        claims = json.loads(token.payload)
        self.assertEqual(claims["iss"], "https://acme.example")
        self.assertEqual(claims["exp"], claims["iat"] + 300)
        self.assertEqual(claims["eat_profile"], "tag:github.com,2024:confidential-containers/Trustee")
        self.assertEqual(set(claims["ear.verifier-id"]), {"developer", "build"})
        self.assertIs(claims["caisson-simulated"], True)
        module = claims["submods"]["cpu0"]
        self.assertEqual(module["ear.status"], "contraindicated")
        vector = module["ear.trustworthiness-vector"]
        self.assertEqual(set(vector), {"instance-identity", "configuration", "executables", "file-system", "hardware",
                                       "runtime-opaque", "storage-opaque", "sourced-data"})  # fmt: skip
        self.assertEqual((vector["hardware"], vector["configuration"], vector["executables"]), (97, 2, 33))
        self.assertEqual(len(unb64url(module["ear.appraisal-policy-id"])), 32)
        evidence = module["ear.veraison.annotated-evidence"]
        self.assertEqual(evidence["init_data"], self.host_data.hex())
        self.assertEqual(evidence["runtime_data_claims"]["tee-pubkey"], guest.pubkey)
        self.assertEqual(evidence["snp"]["measurement"], self.report[0x90:0xC0].hex())
        self.assertEqual(evidence["snp"]["chip_id"], self.report[0x1A0:0x1E0].hex())
        self.assertEqual(evidence["snp"]["policy_abi_major"], self.report[0x09])
        self.assertIs(evidence["snp"]["policy_debug_allowed"], False)
        self.assertEqual(claims["x-ms-sevsnpvm-hostdata"], self.host_data.hex())

    def test_what_is_not_bound_or_not_signed_is_refused(self):
        def not_the_key(body):
            body["runtime-data"]["tee-pubkey"] = self.guest().pubkey

        def not_the_nonce(body):
            body["runtime-data"]["nonce"] = "A" * 43 + "="

        def one_more_member(body):
            body["runtime-data"]["tee-pubkey"]["use"] = "enc"

        def other_measurement(body):
            body["tee-evidence"]["primary_evidence"]["attestation_report"]["measurement"][0] ^= 1

        def other_signature(body):
            body["tee-evidence"]["primary_evidence"]["attestation_report"]["signature"]["s"][3] ^= 1

        def no_chain(body):
            body["tee-evidence"]["primary_evidence"]["cert_chain"] = None

        def no_leaf(body):
            del body["tee-evidence"]["primary_evidence"]["cert_chain"][0]

        def devices(body):
            body["tee-evidence"]["additional_evidence"] = '{"nvidia":{}}'

        def not_a_byte(body):
            body["tee-evidence"]["primary_evidence"]["attestation_report"]["chip_id"][9] = 256

        def weak_sealing(body):
            body["runtime-data"]["tee-pubkey"]["alg"] = "RSA1_5"

        def init_data(body):
            body["init-data"] = {"format": "toml", "body": 'algorithm = "sha-256"\nversion = "0.1.0"\n[data]\n'}

        cases = [(not_the_key, "report_data"), (not_the_nonce, "nonce"), (one_more_member, "report_data"),
                 (other_measurement, "signature"), (other_signature, "signature"), (no_chain, "cert_chain"),
                 (no_leaf, "cert_chain"), (devices, "devices"), (not_a_byte, "no byte"), (weak_sealing, "RSA1_5"),
                 (init_data, "host_data")]  # fmt: skip
        for change, reason in cases:
            guest = self.guest()
            body = guest.attestation(guest.auth()[1]["nonce"])
            change(body)
            status, answer = guest.ask("POST", "/kbs/v0/attest", body)
            self.assertEqual(status, 401, (change.__name__, answer))
            self.assertTrue(answer["type"].startswith("https://github.com/confidential-containers/kbs/errors/"), answer)
            self.assertIn(reason, answer["detail"], change.__name__)
            self.assertEqual(guest.resource(NAME)[0], 401)

    def test_a_machine_that_is_not_what_it_must_be_is_refused(self):
        def other_vmpl(raw):
            raw[0x30] = 2

        status, answer = self.guest().attest(edit=other_vmpl)
        self.assertEqual(status, 401)
        self.assertIn("vmpl", answer["detail"])

        def debug(raw):
            raw[0x0A] |= 0x08

        guest = self.guest()
        self.put("default/key/debug")
        status, answer = guest.attest(edit=debug)
        self.assertEqual(status, 200, answer)
        status, answer = guest.resource("default/key/debug")
        self.assertEqual(status, 403)
        self.assertIn("is-debuggable", answer["detail"])

    def test_certificates_that_the_host_did_not_give_are_the_services_own(self):
        with self.service(more="") as service:
            vceks = os.path.join(service.folder, "collateral")
            os.mkdir(vceks)
            service.reload("{simulated: psp}", "{simulated: psp, collateral: collateral}")
            status, answer = Guest(service, self.processor).attest(chain=False)
            self.assertEqual(status, 401)
            self.assertIn(f"no certificate of chip {self.report[0x1A0:0x1E0].hex()}", answer["detail"])
            with open(os.path.join(vceks, "chip.pem"), "w", encoding="utf-8") as file:
                file.writelines(self.bundle["certificates"])
            service.reload("", "")
            status, answer = Guest(service, self.processor).attest(chain=False)
            self.assertEqual(status, 200, answer)

            def other_tcb(raw):
                raw[0x180] ^= 1

            status, answer = Guest(service, self.processor).attest(chain=False, edit=other_tcb)
            self.assertEqual(status, 401)
            self.assertIn("REPORTED_TCB", answer["detail"])
            with open(os.path.join(vceks, "bad.pem"), "w", encoding="utf-8") as file:
                file.write("no chain")
            self.assertIn("bad.pem", service.reload("", "", "the configuration stays as it is"))
            self.assertEqual(Guest(service, self.processor).attest(chain=False)[0], 200)

    def test_a_nonce_is_good_for_one_attempt(self):
        guest = self.guest()
        nonce = guest.auth()[1]["nonce"]
        body = guest.attestation(nonce)
        self.assertEqual(guest.ask("POST", "/kbs/v0/attest", body)[0], 200)
        self.assertEqual(guest.ask("POST", "/kbs/v0/attest", body)[0], 401)

        guest = self.guest()
        body = guest.attestation(guest.auth()[1]["nonce"])
        self.assertEqual(guest.ask("POST", "/kbs/v0/attest", "{}")[0], 401)
        self.assertEqual(guest.ask("POST", "/kbs/v0/attest", body)[0], 401)

        first, second = self.guest(), self.guest()
        body = first.attestation(first.auth()[1]["nonce"])
        second.auth()
        self.assertEqual(second.ask("POST", "/kbs/v0/attest", body)[0], 401)
        for cookie in (None, "0" * 32, "x"):
            second.cookie = cookie
            self.assertEqual(second.ask("POST", "/kbs/v0/attest", body)[0], 401)

    def test_init_data_is_bound_by_host_data(self):
        texts = {"toml": 'algorithm = "{0}" # a comment\nversion = "0.1.0"\n\n[data]\n"a" = \'\'\'\nalgorithm = "md5"\n\'\'\'\n',
                 "json": '{{"version": "0.1.0", "algorithm": "{0}", "data": {{"a": "b"}}}}'}  # fmt: skip
        for kind, template in texts.items():
            for name in ("sha-256", "sha384", "sha-512"):
                text = template.format(name)
                digest = hashlib.new(name.replace("-", ""), text.encode()).digest()[:32]
                init = {"format": kind, "body": text}
                self.assertEqual(self.guest().attest(host_data=digest, **{"init-data": init})[0], 200, (kind, name))
                init["body"] += " "
                status, answer = self.guest().attest(host_data=digest, **{"init-data": init})
                self.assertEqual(status, 401, (kind, name))
        for init in ({"format": "yaml", "body": "a: b"}, {"format": "toml", "body": 'version = "0.1.0"'}, 7,
                     {"format": "toml", "body": 'algorithm = "md5"\nversion = "0.1.0"\n'},
                     {"format": "json", "body": '{"version":"0.2.0","algorithm":"sha-256"}'}):  # fmt: skip
            status, answer = self.guest().attest(**{"init-data": init})
            self.assertEqual((status, "init-data" in answer["detail"]), (401, True), (init, answer))

    def test_who_is_greeted_otherwise_is_refused(self):
        for hello, status in (({"version": "0.3.0"}, 401), ({"version": "0.4.00"}, 401), ({"tee": "sample"}, 401),
                              ({"tee": "se"}, 501), ({"tee": "x" * 200}, 401), ({"tee": 7}, 401),
                              ({"extra-params": {"supported-hash-algorithms": ["md5"]}}, 401)):  # fmt: skip
            got, answer = self.guest().auth(**hello)
            self.assertEqual(got, status, (hello, answer))
            self.assertTrue(answer["detail"])
        guest = self.guest()
        for body in ("", "[]", '{"version":"0.4.0","version":"0.4.0","tee":"snp"}', "[" * 40 + "]" * 40,
                     b'{"version":"\xff","tee":"snp"}'):  # fmt: skip
            self.assertIn(guest.ask("POST", "/kbs/v0/auth", body)[0], (401, 413), body)

    def test_one_processors_evidence_is_not_anothers(self):
        for evidence in (None, {"quote": "AAAA"}, {"cc_eventlog": None}, {"quote": 7}):
            guest = self.guest()
            status, challenge = guest.auth(tee="tdx")
            self.assertEqual((status, len(challenge["nonce"])), (200, 44), challenge)
            body = guest.attestation(challenge["nonce"])
            if evidence:
                body["tee-evidence"]["primary_evidence"] = evidence
            status, answer = guest.ask("POST", "/kbs/v0/attest", body)
            self.assertEqual(status, 401, (evidence, answer))
            entry = self.entries()[-1]
            self.assertEqual((entry["event"], entry["allowed"], entry["detail"]["tee"]), ("kbs-attest", False, "tdx"))

    def test_a_rule_decides_and_names_its_condition(self):
        self.put("default/key/other", rule(**{"x-ms-sevsnpvm-hostdata": "00" * 32}))
        guest = self.guest()
        self.assertEqual(guest.attest()[0], 200)
        status, answer = guest.resource("default/key/other")
        self.assertEqual((status, answer["type"].rsplit("/", 1)[1]), (403, "PolicyDeny"))
        self.assertIn("x-ms-sevsnpvm-hostdata", answer["detail"])
        entry = self.entries()[-1]
        self.assertEqual((entry["event"], entry["allowed"], entry["detail"]["resource"]),
                         ("resource", False, "default/key/other"))  # fmt: skip
        status, answer = self.admin("POST", "/kbs/v0/resource/default/key/none", b"nobody's")
        self.assertEqual(status, 200, answer)
        status, answer = guest.resource("default/key/none")
        self.assertEqual((status, "no rule" in answer["detail"]), (403, True))
        self.put("default/key/ear", rule(**{"submods.cpu0.ear.status": "affirming"}))
        self.assertEqual(guest.resource("default/key/ear")[0], 403)
        self.put("default/key/ear", rule(**{"submods.cpu0.ear.status": "contraindicated"}))
        self.assertEqual(guest.resource("default/key/ear"), (200, SECRET))

    def test_a_token_must_be_of_this_service_and_tenant(self):
        self.put(NAME)
        guest = self.guest()
        guest.attest()
        header, payload, signature = guest.token.split(".")
        forged = jwk.JWK.generate(kty="EC", crv="P-256")
        own = jws.JWS(unb64url(payload))
        own.add_signature(forged, "ES256", json.dumps({"alg": "ES256", "jwk": forged.export_public(as_dict=True),
                                                       "kid": json.loads(unb64url(header))["kid"]}))  # fmt: skip
        none = b64url(b'{"alg":"none"}')
        for token in ("x", "a.b.c", f"{header}.{payload}.", f"{none}.{payload}.", f"{none}.{payload}.{signature}",
                      own.serialize(compact=True), guest.token[:-4] + "AAAA"):  # fmt: skip
            status, answer = guest.ask("GET", f"/kbs/v0/resource/{NAME}", bearer=token)
            self.assertEqual((status, answer["type"].rsplit("/", 1)[1]), (401, "TokenNotFound"), token)
        status, _ = self.running.ask("GET", f"/kbs/v0/resource/{NAME}", host="other.example",
                                     more={"Authorization": f"Bearer {guest.token}"})  # fmt: skip
        self.assertEqual(status, 401)
        status, _ = self.running.ask("GET", f"/kbs/v0/resource/{NAME}", host="other.example",
                                     more={"Cookie": f"kbs-session-id={guest.cookie}"})  # fmt: skip
        self.assertEqual(status, 401)

    def test_the_tenants_policy_decides_first(self):
        path = "/policies/SevSnpVm?api-version=2022-08-01"
        deny = 'version=1.0; authorizationrules { [type=="x-ms-sevsnpvm-vmpl", value==0] => deny(); };'
        self.assertEqual(self.admin("PUT", path, policy_jws(deny))[0], 200)
        try:
            status, answer = self.guest().attest()
            self.assertEqual((status, "line 1" in answer["detail"]), (401, True), answer)
        finally:
            self.assertEqual(self.admin("POST", "/policies/SevSnpVm:reset?api-version=2022-08-01")[0], 200)
        self.assertEqual(self.guest().attest()[0], 200)

    def test_administrators_keep_resources_and_nobody_else(self):
        name = "team-1/file_2/v1.0"
        guest = self.guest()
        guest.attest()
        for method, path in (("POST", f"/kbs/v0/resource/{name}"), ("DELETE", f"/kbs/v0/resource/{name}"),
                             ("PUT", f"/kbs/v0/resource-rule/{name}"), ("GET", f"/kbs/v0/resource-rule/{name}"),
                             ("GET", "/kbs/v0/resources"), ("POST", "/kbs/v0/resource-policy")):  # fmt: skip
            self.assertEqual(self.admin(method, path, "x", client=None)[0], 401, path)
            self.assertEqual(self.admin(method, path, "x", client="other")[0], 403, path)
            self.assertEqual(self.admin(method, path, "x", host="other.example")[0], 403, path)
        self.assertEqual(self.admin("DELETE", f"/kbs/v0/resource/{name}")[0], 404)
        self.assertEqual(self.admin("GET", f"/kbs/v0/resource-rule/{name}")[0], 404)
        for wrong in ("a/b", "a/b/c/d", "a//c", "a/b/.c", "a/b/c%20d", "a/b/" + "c" * 300, "a/b/%C3%BC"):
            self.assertIn(self.admin("POST", f"/kbs/v0/resource/{wrong}", b"x")[0], (400, 404), wrong)
            self.assertIn(guest.ask("GET", f"/kbs/v0/resource/{wrong}")[0], (400, 404), wrong)
        for wrong in ("", "{}", "[]", self.rule + "x", rule(), '{"version":"2.0","anyOf":[]}'):
            self.assertEqual(self.admin("PUT", f"/kbs/v0/resource-rule/{name}", wrong)[0], 400, wrong)
        self.assertEqual(self.admin("POST", f"/kbs/v0/resource/{name}", b"")[0], 413)
        self.assertEqual(self.admin("POST", f"/kbs/v0/resource/{name}", b"x" * (513 << 10))[0], 413)
        self.put(name)
        self.assertEqual(json.dumps(self.admin("GET", f"/kbs/v0/resource-rule/{name}")[1]), self.rule)
        self.assertIn(name, self.admin("GET", "/kbs/v0/resources")[1]["resources"])
        self.assertNotIn(name, self.admin("GET", "/kbs/v0/resources?after=u")[1]["resources"])
        self.assertEqual(guest.resource(name), (200, SECRET))
        self.put(name, secret=b"another")
        self.assertEqual(guest.resource(name), (200, b"another"))
        self.assertEqual(self.admin("DELETE", f"/kbs/v0/resource/{name}")[0], 200)
        self.assertEqual(guest.resource(name)[0], 403)
        status, answer = self.admin("POST", "/kbs/v0/resource-policy", '{"policy":"cGFja2FnZQ"}')
        self.assertEqual((status, "Rego" in answer["detail"]), (501, True))


    def test_who_accepts_a_result_gets_one_for_evidence_in_the_other_interface_too(self):
        accept = {"Accept": "application/eat+jwt"}
        status, token = self.running.ask("POST", ATTEST, self.body(), more=accept)
        self.assertEqual(status, 200, token)
        result = jws.JWS()
        result.deserialize(token)
        result.verify(jwk.JWKSet.from_json(json.dumps(self.running.ask("GET", "/certs")[1])).get_key(result.jose_header["kid"]))
        claims = json.loads(result.payload)
        self.assertEqual((result.jose_header["alg"], claims["exp"]), ("ES256", claims["iat"] + 28800))
        evidence = claims["submods"]["cpu0"]["ear.veraison.annotated-evidence"]
        self.assertEqual(evidence["runtime_data_claims"], json.loads(self.runtime))
        self.assertEqual(evidence["snp"]["measurement"], self.report[0x90:0xC0].hex())
        self.assertEqual(claims["submods"]["cpu0"]["ear.status"], "contraindicated")
        status, answer = self.running.ask("POST", ATTEST, self.body(runtime=b"{}"), more=accept)
        self.assertEqual((status, answer["error"]["code"]), (400, "AttestationFailed"))
        status, _ = self.running.ask("GET", f"/kbs/v0/resource/{NAME}", more={"Authorization": f"Bearer {token}"})
        self.assertEqual(status, 403, "the token holds no key of this protocol")

    def test_latencies_are_counted_by_route(self):
        self.assertEqual(self.guest().attest()[0], 200)
        self.running.ask("GET", "/nowhere/<script>")
        _, text = self.running.ask("GET", "/metrics")
        name = "caisson_request_duration_seconds"
        self.assertRegex(text, name + r'_bucket\{method="POST",route="/kbs/v0/attest",le="\+Inf"\} [1-9]')
        self.assertRegex(text, name + r'_count\{method="",route="other"\} [1-9]')
        self.assertNotIn("nowhere", text)


if __name__ == "__main__":
    tap.main()
