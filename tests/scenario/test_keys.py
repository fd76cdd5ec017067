#!/usr/bin/python3
"""Keys and their release, as clients of Azure Key Vault's interface see them: made by administrators, given to whom a
token proves to be the one that the rule wants, wrapped for its key.

Tokens are the service's own, of a simulated machine's evidence, and those of another authority, which is played here.
"""
import base64
import json
import os
import subprocess
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from lib import paths, tap
from lib.service import ATTEST, MAKE_EVIDENCE, ServiceTestCase, b64url, unb64url

ACME = "https://acme.example"
OTHER = "https://attest.elsewhere"
HASHES = {"CKM_RSA_AES_KEY_WRAP": hashes.SHA1, "RSA_AES_KEY_WRAP_256": hashes.SHA256,
          "RSA_AES_KEY_WRAP_384": hashes.SHA384}  # fmt: skip


def path(name, verb="", version="", api="7.4", root="keys"):
    return "/" + "/".join(part for part in (root, name, version, verb) if part) + f"?api-version={api}"


def number(value):
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key, **more):
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **more}


def private_rsa_jwk(key):
    numbers = key.private_numbers()
    names = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return rsa_jwk(key, **{name: number(value) for name, value in names.items()})


def rule(*conditions, authority=OTHER):
    text = {"version": "1.0.0", "anyOf": [{"authority": authority, "allOf": list(conditions)}]}
    return {"contentType": "application/json; charset=utf-8", "data": b64url(json.dumps(text).encode())}


RULE = rule({"claim": "x-ms-sevsnpvm-hostdata", "equals": "aa"}, {"claim": "x-ms-sevsnpvm-vmpl", "lessOrEquals": 1})
EXPORTABLE = {"exportable": True}
CLAIMS = {"x-ms-sevsnpvm-hostdata": "aa", "x-ms-sevsnpvm-vmpl": 0, "jti": "one"}


class Authority:
    """Another attestation service: its keys in a file, and its tokens."""

    def __init__(self, folder, kid="first"):
        self.key = rsa.generate_private_key(65537, 2048)
        self.kid = kid
        keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "unknown"}, rsa_jwk(self.key, kid=kid, use="sig")]}
        with open(os.path.join(folder, "elsewhere.json"), "w", encoding="utf-8") as file:
            json.dump(keys, file)

    def token(self, claims, **header):
        header = {"alg": "RS256", "kid": self.kid, "typ": "JWT", **header}
        signed = ".".join(b64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{b64url(signature)}"


class KeysTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = rsa.generate_private_key(65537, 2048)
        cls.jwk = rsa_jwk(cls.guest, kid="guest", key_ops=["encrypt"])
        cls.authority = Authority(cls.folder)

    def keys_service(self):
        service = self.service(administrators=True,
                               tenant=f", authorities: [{{issuer: '{OTHER}', keys: ../elsewhere.json}}]")  # fmt: skip
        service.admin = lambda method, where, body=None, **more: service.ask(
            method, where, None if body is None else json.dumps(body), service.connect("admin"), **more)  # fmt: skip
        return service

    def claims(self, **more):
        now = int(time.time())
        return {"iss": OTHER, "iat": now - 10, "nbf": now - 10, "exp": now + 3600, "x-ms-runtime": {"keys": [self.jwk]},
                **CLAIMS, **more}  # fmt: skip

    def token(self, **more):
        return self.authority.token({key: value for key, value in self.claims(**more).items() if value is not None})

    def release(self, service, name, token=None, version="", api="7.4", **more):
        body = {"target": token or self.token(), **more}
        return service.ask("POST", path(name, "release", version, api), json.dumps(body))

    def unwrap(self, answer, keys):
        """Verifies the answer as a stranger does; gives its payload and the secret."""
        self.assertEqual(list(answer), ["value"])
        header, payload, signature = answer["value"].split(".")
        head, body = json.loads(unb64url(header)), json.loads(unb64url(payload))
        self.assertEqual(head["alg"], "RS256")
        leaf = x509.load_der_x509_certificate(base64.b64decode(head["x5c"][0]))
        leaf.public_key().verify(unb64url(signature), f"{header}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
        self.assertIn(head["x5c"], [key["x5c"] for key in keys["keys"]])
        wrapped = json.loads(unb64url(body["response"]["key"]["key"]["key_hsm"]))
        hash_of = HASHES[body["request"]["enc"]]
        self.assertEqual(wrapped["header"], {"kid": "guest", "alg": "dir", "enc": body["request"]["enc"]})
        cipher = unb64url(wrapped["ciphertext"])
        oaep = padding.OAEP(padding.MGF1(hash_of()), hash_of(), None)
        kek = self.guest.decrypt(cipher[:256], oaep)
        self.assertEqual(len(kek), 32)
        return body, keywrap.aes_key_unwrap_with_padding(kek, cipher[256:])

    def create(self, service, name, **body):
        status, answer = service.admin("POST", path(name, "create"), {"kty": "oct-HSM", **body})
        self.assertEqual(status, 200, answer)
        return answer

    def releasable(self, service, name, **body):
        return self.create(service, name, attributes=EXPORTABLE, release_policy=RULE, **body)

    # --- release ----------------------------------------------------------------------------------

    def test_a_secret_comes_to_whom_the_rule_names_by_each_wrap(self):
        secret = os.urandom(32)
        with self.keys_service() as service:
            body = {"key": {"kty": "oct-HSM", "k": b64url(secret)}, "attributes": EXPORTABLE, "release_policy": RULE}
            status, made = service.admin("PUT", path("db"), body)
            self.assertEqual(status, 200, made)
            self.assertNotIn("k", made["key"])
            _, keys = service.ask("GET", "/certs")
            for wrap in HASHES:
                status, answer = self.release(service, "db", enc=wrap, nonce="n-1", api="7.5")
                self.assertEqual(status, 200, answer)
                got, given = self.unwrap(answer, keys)
                self.assertEqual(given, secret)
                self.assertEqual(got["request"], {"api-version": "7.5", "enc": wrap, "kid": made["key"]["kid"], "nonce": "n-1"})
                self.assertEqual(got["response"]["key"]["attributes"], made["attributes"])
                self.assertEqual(got["response"]["key"]["release_policy"], made["release_policy"])
            said = [json.loads(line) for line in service.entries()]
            self.assertEqual([entry["event"] for entry in said], ["key-import"] + 3 * ["release"])
            self.assertEqual(said[1]["detail"]["claims"]["jti"], "one")
            self.assertEqual(said[1]["detail"]["key"], made["key"]["kid"])
            self.assertEqual(service.stop(), 0)
            with open(service.store, "rb") as store:
                kept = store.read()
            for text in (secret, b64url(secret).encode(), b"x-ms-sevsnpvm-vmpl"):
                self.assertNotIn(text, kept)
            self.assertNotIn(b64url(secret), "".join(service.said))

    def test_rsa_and_ec_keys_come_as_pkcs8(self):
        own = rsa.generate_private_key(65537, 2048)
        point = ec.generate_private_key(ec.SECP384R1())
        numbers = point.private_numbers()
        fixed = {"x": numbers.public_numbers.x, "y": numbers.public_numbers.y, "d": numbers.private_value}
        point_jwk = {"kty": "EC", "crv": "P-384", **{name: b64url(value.to_bytes(48, "big")) for name, value in fixed.items()}}
        with self.keys_service() as service:
            _, keys = service.ask("GET", "/certs")
            for name, jwk, key in (("rsa", private_rsa_jwk(own), own), ("ec", point_jwk, point)):
                body = {"key": jwk, "hsm": True, "attributes": EXPORTABLE, "release_policy": RULE}
                status, made = service.admin("PUT", path(name), body)
                self.assertEqual(status, 200, made)
                self.assertEqual(made["key"]["kty"], jwk["kty"] + "-HSM")
                self.assertFalse(set(made["key"]) & {"d", "p", "q", "dp", "dq", "qi"})
                _, given = self.unwrap(self.release(service, name)[1], keys)
                self.assertEqual(load_der_private_key(given, None).private_numbers(), key.private_numbers())
            for name, body in (("made-rsa", {"kty": "RSA", "key_size": 3072}), ("made-ec", {"kty": "EC", "crv": "P-521"})):
                made = self.releasable(service, name, **body)
                _, given = self.unwrap(self.release(service, name)[1], keys)
                private = load_der_private_key(given, None)
                self.assertIn(private.key_size, (3072, 521))
                member = "n" if body["kty"] == "RSA" else "x"
                value = getattr(private.public_key().public_numbers(), member)
                self.assertEqual(int.from_bytes(unb64url(made["key"][member]), "big"), value)

    def test_a_denial_names_the_condition_and_is_noted(self):
        past, later = int(time.time()) - 1000, int(time.time()) + 1000
        small = rsa_jwk(rsa.generate_private_key(65537, 1024), kid="small")
        signing = {**self.jwk, "key_ops": ["sign"]}
        point = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
        stranger = Authority(self.service(administrators=True).folder)
        good = self.token()
        head, payload, signature = good.split(".")
        nothing = b64url(json.dumps({"alg": "none"}).encode())
        by_secret = b64url(json.dumps({"alg": "HS256", "kid": "first"}).encode())
        cases = [({"x-ms-sevsnpvm-hostdata": "bb"}, 403, 'claim x-ms-sevsnpvm-hostdata is "bb"; the policy wants equals "aa"'),
                 ({"x-ms-sevsnpvm-hostdata": None}, 403, "hostdata is not there"),
                 ({"x-ms-sevsnpvm-vmpl": 2}, 403, "lessOrEquals 1"), ({"x-ms-sevsnpvm-vmpl": [0]}, 403, "an array"),
                 ({"x-ms-runtime": None}, 403, "no RSA key to wrap for"), ({"x-ms-runtime": {"keys": []}}, 403, "no RSA key"),
                 ({"x-ms-runtime": {"keys": [small]}}, 403, "no RSA key"), ({"x-ms-runtime": {"keys": [signing, point]}}, 403, "RSA"),
                 ({"x-ms-runtime": {"keys": "x"}}, 403, "no RSA key"), ({"iss": ACME}, 401, "none of this service"),
                 ({"iss": "https://nobody"}, 401, "neither this service nor"), ({"iss": None}, 401, "iss"), ({"iss": 1}, 401, "iss"),
                 ({"exp": past}, 401, "expired"), ({"exp": None}, 401, "exp"), ({"nbf": later}, 401, "nbf"),
                 ({"aud": "https://others"}, 401, "not for"), ({"aud": ["https://others"]}, 401, "not for")]  # fmt: skip
        tokens = [(f"{head}.{payload}.{signature[:-4]}AAAA", "does not hold"), (f"{nothing}.{payload}.", "kid"),
                  (f"{by_secret}.{payload}.{signature}", "HS256"), (f"{head}.{payload[:-4]}AAAA.{signature}", ""),
                  (stranger.token(self.claims()), "does not hold"), (self.authority.token(self.claims(), kid="second"), "second"),
                  (self.authority.token(self.claims(), crit=["exp"]), "crit"), ("a.b.c", "JWS"), ("x", "JWS"), ("", "JWS")]
        with self.keys_service() as service:
            self.releasable(service, "db")
            self.assertEqual(self.release(service, "db", good)[0], 200)
            self.assertEqual(self.release(service, "db", self.token(aud=ACME))[0], 200)
            denied = 0
            for change, wanted, said in cases:
                status, answer = self.release(service, "db", self.token(**change))
                self.assertEqual(status, wanted, (change, answer))
                self.assertIn(said, answer["error"]["message"])
                denied += 1
            for token, said in tokens:
                status, answer = service.ask("POST", path("db", "release"), json.dumps({"target": token}))
                self.assertEqual(status, 401, (token, answer))
                self.assertIn(said, answer["error"]["message"])
                denied += 1
            self.assertEqual(self.release(service, "nothing")[0], 404)
            self.assertEqual(self.release(service, "db", version="0" * 32)[0], 404)
            entries = [json.loads(entry) for entry in service.entries()]
            self.assertEqual(sum(entry["event"] == "release" and not entry["allowed"] for entry in entries), denied + 2)
            self.assertIn('"bb"', entries[3]["detail"]["reason"])
            _, metrics = service.ask("GET", "/metrics")
            self.assertIn("caisson_key_releases_total 2\n", metrics)
            self.assertIn(f"caisson_key_releases_denied_total {denied + 2}\n", metrics)

    def test_keys_that_may_not_be_used_stay(self):
        now = int(time.time())
        with self.keys_service() as service:
            def change(**attributes):
                status, answer = service.admin("PATCH", path("db"), {"attributes": attributes})
                self.assertEqual(status, 200, answer)

            def refused(words, name="db"):
                status, answer = self.release(service, name)
                self.assertEqual(status, 403, answer)
                self.assertIn(words, answer["error"]["message"])

            self.releasable(service, "db")
            self.create(service, "kept")
            refused("not exportable", "kept")
            change(enabled=False)
            refused("disabled")
            change(enabled=True, exp=now - 5)
            refused("expired at")
            change(exp=None, nbf=now + 5000)
            refused("not valid before")
            change(nbf=now - 5, exp=now + 5000)
            self.assertEqual(self.release(service, "db")[0], 200)

    def test_the_services_own_token_releases_by_evidence(self):
        runtime = json.dumps({"keys": [self.jwk]}).encode()
        with open(os.path.join(self.folder, "runtime.json"), "wb") as file:
            file.write(runtime)
        made = subprocess.run([MAKE_EVIDENCE, "psp", "guest/manifest.json", "policy", "@runtime.json", "2"], cwd=self.folder,
                              stdout=subprocess.PIPE, check=True, timeout=120)  # fmt: skip
        report = base64.b64decode(json.loads(made.stdout)["report"])
        with self.keys_service() as service:
            def token(host=None):
                status, answer = service.ask("POST", ATTEST, self.body(report=report, runtime=runtime), host=host)
                self.assertEqual(status, 200, answer)
                return answer["token"]

            claims = json.loads(unb64url(token().split(".")[1]))
            wanted = [{"claim": "x-ms-sevsnpvm-hostdata", "equals": claims["x-ms-sevsnpvm-hostdata"]},
                      {"claim": "x-ms-sevsnpvm-is-debuggable", "equals": "false"}]  # fmt: skip
            self.create(service, "own", attributes=EXPORTABLE, release_policy=rule(*wanted, authority=ACME + "/"))
            real = rule(*wanted, {"claim": "caisson-simulated", "exists": False}, authority=ACME)
            self.create(service, "real", attributes=EXPORTABLE, release_policy=real)
            _, keys = service.ask("GET", "/certs")
            status, answer = self.release(service, "own", token())
            self.assertEqual(status, 200, answer)
            self.assertEqual(len(self.unwrap(answer, keys)[1]), 32)
            self.assertIn("caisson-simulated", self.release(service, "real", token())[1]["error"]["message"])
            # Another tenant's token is another issuer's; a policy's token is no evidence; a draft's is not signed.
            status, answer = self.release(service, "own", token("other.example"))
            self.assertEqual((status, "https://other.example" in answer["error"]["message"]), (403, True), answer)
            policy = service.ask("GET", "/policies/SevSnpVm?api-version=2022-08-01")[1]["token"]
            self.assertEqual(self.release(service, "own", policy)[0], 403)
            draft = self.body(report=report, runtime=runtime, draftPolicyForAttestation="version=1.0; authorizationrules { => permit(); };")
            self.assertEqual(self.release(service, "own", service.ask("POST", ATTEST, draft)[1]["token"])[0], 401)
            # What would this token get?
            status, answer = service.admin("POST", "/keys:check?api-version=7.4", {"target": token()})
            self.assertEqual(status, 200, answer)
            self.assertEqual([(key["name"], key["released"]) for key in answer["keys"]], [("own", True), ("real", False)])
            self.assertIn("caisson-simulated", answer["keys"][1]["reason"])
            hoped = {"claims": {"x-ms-sevsnpvm-hostdata": claims["x-ms-sevsnpvm-hostdata"], "x-ms-sevsnpvm-is-debuggable": False}}
            status, answer = service.admin("POST", "/keys:check?api-version=7.4", hoped)
            self.assertEqual([key["released"] for key in answer["keys"]], [True, True], answer)
            self.assertEqual(service.ask("POST", "/keys:check?api-version=7.4", json.dumps(hoped))[0], 401)

    # --- keys -------------------------------------------------------------------------------------

    def test_versions_are_listed_page_by_page_and_the_newest_is_the_key(self):
        with self.keys_service() as service:
            made = [self.create(service, "db", tags={"n": str(i)})["key"]["kid"] for i in range(7)]
            self.releasable(service, "another")
            seen, where = [], path("db", "versions") + "&maxresults=3"
            while where:
                status, answer = service.admin("GET", where)
                self.assertEqual(status, 200, answer)
                seen += [item["kid"] for item in answer["value"]]
                where = answer["nextLink"] and answer["nextLink"].removeprefix(ACME)
            self.assertEqual(seen, made)
            status, answer = service.admin("GET", path("db"))
            self.assertEqual((answer["key"]["kid"], answer["tags"]), (made[-1], {"n": "6"}))
            self.assertEqual(answer["attributes"]["recoveryLevel"], "Recoverable+Purgeable")
            first = made[0].rsplit("/", 1)[1]
            self.assertEqual(service.admin("GET", path("db", "", first))[1]["tags"], {"n": "0"})
            status, answer = service.admin("PATCH", path("db", "", first), {"attributes": {"enabled": False}, "tags": {}})
            self.assertEqual((status, answer["attributes"]["enabled"]), (200, False))
            self.assertTrue(service.admin("GET", path("db"))[1]["attributes"]["enabled"])
            status, answer = service.admin("GET", "/keys?api-version=7.4&maxresults=1")
            self.assertEqual([item["kid"].split("/")[-2] for item in answer["value"]], ["another"])
            status, answer = service.admin("GET", answer["nextLink"].removeprefix(ACME))
            self.assertEqual(([item["kid"] for item in answer["value"]], answer["nextLink"]), ([made[-1]], None))
            for wrong in ("maxresults=0", "maxresults=26", "maxresults=x", "maxresults=1&maxresults=1"):
                self.assertEqual(service.admin("GET", f"/keys?api-version=7.4&{wrong}")[0], 400, wrong)

    def test_a_rule_changes_until_it_is_immutable(self):
        other = rule({"claim": "x", "exists": True})
        with self.keys_service() as service:
            self.releasable(service, "db")
            self.assertEqual(service.admin("PATCH", path("db"), {"release_policy": other})[0], 200)
            self.assertEqual(self.release(service, "db")[0], 403)
            self.assertEqual(self.release(service, "db", self.token(x=1))[0], 200)
            self.assertEqual(service.admin("PATCH", path("db"), {"release_policy": {"immutable": True}})[0], 200)
            for change in ({"release_policy": RULE}, {"release_policy": {"immutable": False}},
                           {"release_policy": {**RULE, "immutable": True}}, {"attributes": {"exportable": False}}):  # fmt: skip
                status, answer = service.admin("PATCH", path("db"), change)
                self.assertEqual((status, answer["error"]["code"]), (409, "Conflict"), change)
            self.assertEqual(service.admin("PATCH", path("db"), {"release_policy": other})[0], 200)
            self.assertEqual(self.release(service, "db")[0], 403)

    def test_a_deleted_key_releases_nothing_comes_back_and_goes(self):
        def deleted(verb=""):
            return path("db", verb, root="deletedkeys")

        with self.keys_service() as service:
            made = self.releasable(service, "db")
            self.assertEqual(service.admin("GET", deleted())[0], 404)
            self.assertEqual(service.admin("DELETE", deleted())[0], 404)
            status, answer = service.admin("DELETE", path("db"))
            self.assertEqual((status, answer["recoveryId"]), (200, ACME + "/deletedkeys/db"), answer)
            self.assertEqual(self.release(service, "db")[0], 404)
            for method, where in (("GET", path("db")), ("DELETE", path("db")), ("GET", path("db", "versions"))):
                self.assertEqual(service.admin(method, where)[0], 404)
            self.assertEqual(service.admin("PATCH", path("db"), {})[0], 404)
            self.assertEqual(service.admin("POST", path("db", "create"), {"kty": "oct"})[0], 409)
            self.assertEqual(service.admin("GET", "/keys?api-version=7.4")[1]["value"], [])
            self.assertEqual(len(service.admin("GET", "/deletedkeys?api-version=7.4")[1]["value"]), 1)
            self.assertEqual(service.admin("GET", deleted())[1]["key"], made["key"])
            self.assertEqual(service.admin("POST", deleted("recover"), {})[0], 200)
            self.assertEqual(self.release(service, "db")[0], 200)
            self.assertEqual(service.admin("DELETE", path("db"))[0], 200)
            self.assertEqual(service.admin("DELETE", deleted())[0], 204)
            self.assertEqual(service.admin("POST", deleted("recover"), {})[0], 404)
            again = self.create(service, "db")
            self.assertNotEqual(again["key"]["kid"], made["key"]["kid"])
            events = [json.loads(entry)["event"] for entry in service.entries()]
            for event in ("key-create", "key-delete", "key-recover", "key-purge", "key-update"):
                self.assertIn(event, events)

    def test_nobody_but_an_administrator_of_the_tenant(self):
        calls = [("GET", "/keys?api-version=7.4"), ("GET", path("db")), ("GET", path("db", "versions")), ("PUT", path("db")),
                 ("POST", path("db", "create")), ("PATCH", path("db")), ("DELETE", path("db")), ("POST", "/keys:check?api-version=7.4"),
                 ("GET", "/deletedkeys?api-version=7.4"), ("GET", path("db", root="deletedkeys")),
                 ("POST", path("db", "recover", root="deletedkeys")), ("DELETE", path("db", root="deletedkeys"))]  # fmt: skip
        with self.keys_service() as service:
            self.releasable(service, "db")
            for method, where in calls:
                self.assertEqual(service.ask(method, where, "{}")[0], 401, (method, where))
                self.assertEqual(service.ask(method, where, "{}", service.connect("other"))[0], 403, (method, where))
                status = service.ask(method, where, "{}", service.connect("admin"), "other.example")[0]
                self.assertEqual(status, 403, (method, where))
            # Tenants are apart: the other one has no such key, and does not know this one's authority.
            status, answer = service.ask("POST", path("db", "release"), json.dumps({"target": self.token()}), host="other.example")
            self.assertEqual(status, 401, answer)
            self.assertEqual(len(service.entries()), 1)

    def test_odd_requests_get_clear_answers(self):
        jwk = private_rsa_jwk(rsa.generate_private_key(65537, 2048))
        bad_rule = {"data": b64url(b'{"version":"1.0.0"}')}
        creates = [{}, {"kty": "OKP"}, {"kty": "RSA", "key_size": 1024}, {"kty": "RSA", "key_size": "2048"}, {"kty": "oct", "key_size": 512},
                   {"kty": "EC", "crv": "P-256K"}, {"kty": "EC", "key_size": 256}, {"kty": "oct", "crv": "P-256"}, {"kty": "oct", "keysize": 1},
                   {"kty": "oct", "key_ops": ["fly"]}, {"kty": "oct", "key_ops": ["sign", "sign"]}, {"kty": "oct", "attributes": []},
                   {"kty": "oct", "attributes": {"enabled": 1}}, {"kty": "oct", "attributes": {"exp": -1}}, {"kty": "oct", "attributes": {"exp": 0}},
                   {"kty": "oct", "attributes": {"exp": 5, "nbf": 5}}, {"kty": "oct", "attributes": {"expires": 5}},
                   {"kty": "oct", "attributes": EXPORTABLE}, {"kty": "oct", "release_policy": RULE},
                   {"kty": "oct", "attributes": EXPORTABLE, "release_policy": bad_rule},
                   {"kty": "oct", "attributes": EXPORTABLE, "release_policy": {"data": "!"}},
                   {"kty": "oct", "attributes": EXPORTABLE, "release_policy": {"immutable": True}},
                   {"kty": "oct", "attributes": EXPORTABLE, "release_policy": {**RULE, "contentType": "text/plain"}},
                   {"kty": "RSA", "public_exponent": 3}, {"kty": "oct", "tags": {"a": 1}},
                   {"kty": "oct", "tags": {str(i): "" for i in range(16)}}]  # fmt: skip
        imports = [{}, {"key": {}}, {"key": {"kty": "oct"}}, {"key": {"kty": "oct", "k": ""}}, {"key": {"kty": "oct", "k": "A" * 4000}},
                   {"key": {name: jwk[name] for name in ("kty", "n", "e")}}, {"key": {**jwk, "d": jwk["e"]}},
                   {"key": {"kty": "RSA-HSM", "key_hsm": "AAAA"}}, {"key": jwk, "attributes": EXPORTABLE}]  # fmt: skip
        releases = [{}, {"target": 1}, {"target": "", "enc": "none"}, {"target": "a", "enc": 1}, {"target": "a", "nonce": "n" * 2000},
                    {"target": "a", "key": "b"}]  # fmt: skip
        with self.keys_service() as service:
            for method, where, bodies in (("POST", path("db", "create"), creates), ("PUT", path("db"), imports)):
                for body in bodies:
                    status, answer = service.admin(method, where, body)
                    self.assertEqual(status, 400, (body, answer))
                    self.assertTrue(answer["error"]["message"])
            self.assertEqual(service.admin("GET", "/keys?api-version=7.4")[1]["value"], [])
            for body in releases:
                self.assertEqual(service.ask("POST", path("db", "release"), json.dumps(body))[0], 400, body)
            for text in ("", "[]", "{", '{"target":"a","target":"a"}', "[" * 5000, '{"target":"\\ud800"}', b"\xff"):
                self.assertEqual(service.ask("POST", path("db", "release"), text)[0], 400, text)
            long = "n" * 128
            for method, where, wanted in (("GET", path(long), 404), ("GET", path("a_b"), 404), ("GET", path("db", "x"), 404),
                                          ("GET", "/keys/db/" + "0" * 32 + "/x/y?api-version=7.4", 404), ("GET", "/keys/db", 400),
                                          ("GET", path("db", api="7.0"), 400), ("POST", path("db", "fly"), 404),
                                          ("PUT", path("db", "", "0" * 32), 404), ("DELETE", path("db", "", "0" * 32), 404),
                                          ("POST", "/keys?api-version=7.4", 405), ("GET", path("db"), 404)):  # fmt: skip
                status, answer = service.admin(method, where, {})
                self.assertEqual(status, wanted, (method, where, answer))
            status, answer = service.admin("POST", "/keys:check?api-version=7.4", {"target": "x", "claims": {}})
            self.assertEqual(status, 400)

    # --- the command line -------------------------------------------------------------------------

    def test_the_command_line_does_what_an_administrator_needs(self):
        secret = os.urandom(48)
        point = ec.generate_private_key(ec.SECP384R1())
        files = {"rule.json": unb64url(RULE["data"]), "other.json": unb64url(rule({"claim": "x", "exists": True})["data"]),
                 "bad.json": b'{"version":"1.0.0"}', "secret": secret,
                 "key.pem": point.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
                 "key.jwk": json.dumps(private_rsa_jwk(rsa.generate_private_key(65537, 2048))).encode(),
                 "token": self.token().encode() + b"\n", "claims.json": json.dumps(CLAIMS).encode()}  # fmt: skip
        with self.keys_service() as service:
            for name, data in files.items():
                with open(os.path.join(service.folder, name), "wb") as file:
                    file.write(data)
            environment = {**os.environ, "CAISSON_SERVICE": f"https://localhost:{service.port}/",
                           "CAISSON_CLIENT": service.clients.path("admin"), "CAISSON_TLS_CA": "state/development.pem"}

            def keys(*words, code=0, **variables):
                done = subprocess.run([paths.CAISSON, "keys", *words], cwd=service.folder, capture_output=True, text=True,
                                      env={**environment, **variables}, timeout=60, check=False)  # fmt: skip
                self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
                return done.stdout if code == 0 else done.stderr + done.stdout

            kid = keys("create", "db", "--type", "RSA", "--size", "2048", "--rule", "rule.json", "--tag", "a=b",
                       "--expires", "2999-01-01T00:00:00Z").strip()  # fmt: skip
            self.assertTrue(kid.startswith(ACME + "/keys/db/"))
            entry = json.loads(service.entries()[-1])
            self.assertEqual(entry["detail"]["administrator"], "certificate " + service.clients.digests["admin"][:16])
            shown = keys("show", "db")
            for words in (kid, "2999-01-01T00:00:00Z", '"lessOrEquals": 1', "enabled     yes"):
                self.assertIn(words, shown)
            self.assertEqual(json.loads(keys("show", "db", "--json"))["tags"], {"a": "b"})
            _, public = service.ask("GET", "/certs")
            keys("import", "bytes", "--secret", "secret", "--rule", "rule.json")
            self.assertEqual(self.unwrap(self.release(service, "bytes")[1], public)[1], secret)
            keys("import", "point", "--pem", "key.pem", "--rule", "rule.json")
            given = load_der_private_key(self.unwrap(self.release(service, "point")[1], public)[1], None)
            self.assertEqual(given.private_numbers(), point.private_numbers())
            keys("import", "kept", "--jwk", "key.jwk")
            listed = keys("list").splitlines()
            states = {line.split()[2].split("/")[-2]: line.split()[:2] for line in listed}
            self.assertEqual(states, {"db": ["enabled", "released"], "bytes": ["enabled", "released"],
                                      "kept": ["enabled", "kept"], "point": ["enabled", "released"]})  # fmt: skip
            self.assertIn("released  " + kid, keys("release-check", "token"))
            self.assertIn("released  " + kid, keys("release-check", "--claims", "--issuer", OTHER, "claims.json"))
            keys("disable", "db")
            self.assertEqual(self.release(service, "db")[0], 403)
            keys("enable", "db", "--version", kid.rsplit("/", 1)[1])
            self.assertEqual(self.release(service, "db")[0], 200)
            keys("rule", "db", "other.json", "--immutable")
            self.assertIn("claim x is not there", keys("release-check", "token"))
            self.assertIn("immutable", keys("rule", "db", "rule.json", code=1))
            keys("delete", "db")
            self.assertIn(kid, keys("list", "--deleted"))
            keys("recover", "db")
            keys("delete", "db")
            keys("purge", "db")
            self.assertIn("there is no key", keys("show", "db", code=3))
            self.assertIn("release policy", keys("create", "x", "--rule", "bad.json", code=1))
            self.assertIn("no name of a key", keys("create", "a/b", code=2))
            self.assertIn("--tag", keys("create", "x", "--tag", "a", code=2))
            self.assertIn("--expires", keys("create", "x", "--expires", "tomorrow", code=2))
            self.assertIn("one of --jwk", keys("import", "x", "--jwk", "key.jwk", "--pem", "key.pem", code=2))
            self.assertIn("key_size", keys("create", "x", "--size", "100", code=1))
            self.assertIn("no administrator", keys("list", code=1, CAISSON_CLIENT=service.clients.path("other")))
            self.assertIn("client certificate", keys("list", code=1, CAISSON_CLIENT=""))
            self.assertIn("not trusted", keys("list", code=1, CAISSON_TLS_CA=""))
            self.assertIn("http", keys("list", code=2, CAISSON_SERVICE="http://attest.example"))
            self.assertIn("--service", keys("list", code=2, CAISSON_SERVICE=""))
            self.assertNotIn(b64url(secret), "".join(service.said))


if __name__ == "__main__":
    tap.main()
