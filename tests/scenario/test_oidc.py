#!/usr/bin/python3
"""Administrators by a bearer token of an OpenID Connect issuer: who the configuration's claims name may change things,
whatever else a token says or lacks is refused with the reason. Tokens are python3-jwcrypto's."""
import http.server
import json
import os
import subprocess
import threading
import time

from jwcrypto import jwk, jws

from lib import paths, tap
from lib.service import ServiceTestCase, b64url

ISSUER = "https://idp.example"
PATH = "/kbs/v0/resources"


def key_of(kind, kid, **more):
    options = {"RSA": {"size": 2048}, "EC": {"crv": "P-256"}}[kind]
    return jwk.JWK.generate(kty=kind, kid=kid, **options, **more)


def set_of(*keys):
    return json.dumps({"keys": [key.export_public(as_dict=True) for key in keys]})


class Issuer(http.server.BaseHTTPRequestHandler):
    """Serves what `text` holds, and counts."""

    text = ""
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        data = type(self).text.encode()
        self.send_response(200 if data else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class OidcTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rsa, cls.ec = key_of("RSA", "r"), key_of("EC", "e", alg="ES256")
        cls.server = http.server.HTTPServer(("127.0.0.1", 0), Issuer)
        cls.thread = threading.Thread(target=cls.server.serve_forever)
        cls.thread.start()
        url = f"http://127.0.0.1:{cls.server.server_port}/jwks"
        tenant = (f", oidc: [{{issuer: '{ISSUER}', audience: attest, keys: jwks.json, administrators: [{{sub: alice}}, "
                  f"{{groups: admins, tid: t1}}]}}, {{issuer: 'https://far.example', audience: attest, keys: '{url}', "
                  "administrators: [{sub: bob}]}]")  # fmt: skip
        case = cls(methodName="run")
        cls.running = case.service(tenant=tenant)
        with open(os.path.join(cls.running.folder, "jwks.json"), "w", encoding="utf-8") as file:
            file.write(set_of(cls.rsa, cls.ec))
        cls.running.start()

    @classmethod
    def tearDownClass(cls):
        cls.running.stop()
        cls.server.shutdown()
        cls.thread.join()
        cls.server.server_close()
        super().tearDownClass()

    def claims(self, **more):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "attest", "sub": "alice", "iat": now, "exp": now + 600}
        claims.update(more)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key=None, alg=None, header=None, **claims):
        key = key or self.ec
        alg = alg or ("ES256" if key["kty"] == "EC" else "RS256")
        message = jws.JWS(json.dumps(self.claims(**claims)))
        message.allowed_algs = [alg]
        message.add_signature(key, alg, json.dumps({"alg": alg, "kid": key["kid"], **(header or {})}))
        return message.serialize(compact=True)

    def ask(self, token, host=None, scheme="Bearer"):
        more = {"Authorization": f"{scheme} {token}"} if token is not None else {}
        status, answer = self.running.ask("GET", PATH, host=host, more=more)
        return status, answer.get("error", {}).get("message", "")

    def test_a_token_opens_a_session_of_the_page(self):
        for token, wanted in ((self.token(sub="mallory"), 401), (self.token(aud="other"), 401), ("a.b.c", 401), (self.token(), 200)):
            status, answer = self.running.ask("POST", "/api/code", "", more={"Authorization": f"Bearer {token}"})
            self.assertEqual(status, wanted, answer)
        connection = self.running.connect()
        connection.request("POST", "/api/session", body=json.dumps({"code": answer["code"]}))
        opened = connection.getresponse()
        opened.read()
        connection.close()
        self.assertEqual(opened.status, 200)
        cookie = {"Cookie": opened.headers["Set-Cookie"].split(";")[0]}
        status, who = self.running.ask("GET", "/api/session", more=cookie)
        self.assertEqual((status, who["session"]), (200, True))
        self.assertIn("alice", who["name"])
        self.assertEqual(self.running.ask("GET", "/api/log", more=cookie)[0], 200)
        self.assertEqual(self.running.ask("GET", "/api/session", more=cookie, host="other.example")[0], 401)
        self.running.reload("", "")  # the issuer may be gone with it
        self.assertEqual(self.running.ask("GET", "/api/log", more=cookie)[0], 401)

    def test_claims_name_the_administrators(self):
        for token in (self.token(), self.token(key=self.rsa), self.token(aud=["x", "attest"]), self.token(header={"typ": "at+jwt"}),
                      self.token(key=self.rsa, alg="PS256"), self.token(sub="carol", groups=["x", "admins"], tid="t1"),
                      self.token(sub="carol", groups="admins", tid="t1")):  # fmt: skip
            self.assertEqual(self.ask(token), (200, ""))
        self.assertEqual(self.ask(self.token(), scheme="bearer"), (200, ""))
        for claims in ({"sub": "carol"}, {"sub": ["alice2"]}, {"sub": None}, {"sub": "carol", "groups": ["admins"]},
                       {"sub": "carol", "groups": ["admins"], "tid": "t2"}, {"sub": 7}, {"sub": "Alice"}):  # fmt: skip
            status, said = self.ask(self.token(**claims))
            self.assertEqual((status, "no administrator" in said), (401, True), (claims, said))

    def test_the_command_line_takes_a_token(self):
        folder = self.running.folder
        for name, token in (("good", self.token()), ("other", self.token(sub="carol")), ("none", "a b\tc")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(token + "\n")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAISSON_")}
        environment.update(HOME=folder, XDG_CONFIG_HOME=folder, CAISSON_SERVICE=f"https://localhost:{self.running.port}",
                           CAISSON_TLS_CA=os.path.join(folder, "state/development.pem"))  # fmt: skip

        def keys(*words, **variables):
            done = subprocess.run([paths.CAISSON, "keys", *words], cwd=folder, capture_output=True, text=True,
                                  env={**environment, **variables}, timeout=60, check=False)  # fmt: skip
            return done.returncode, done.stdout + done.stderr

        code, said = keys("create", "by-token", "--type", "EC", "--token", "good")
        self.assertEqual(code, 0, said)
        self.assertEqual(keys("list", CAISSON_TOKEN="good")[0], 0)
        self.assertIn("by-token", keys("list", CAISSON_TOKEN="good")[1])
        entry = json.loads(self.running.entries()[-1])
        self.assertEqual((entry["event"], entry["allowed"]), ("key-create", True), entry)
        self.assertEqual(entry["detail"]["administrator"], f"alice of {ISSUER}")
        for words, wanted, said in ((("list", "--token", "other"), 1, "no administrator"), (("list",), 1, "client certificate"),
                                    (("list", "--token", "none"), 1, "no token"), (("list", "--token", "absent"), 3, "absent"),
                                    (("list", "--token", "other", "--service", "http://attest.example"), 2, "https")):  # fmt: skip
            code, answer = keys(*words)
            self.assertEqual((code, said in answer), (wanted, True), (words, answer))
        self.assertNotIn(self.token().split(".")[0], keys("list", "--token", "other")[1])

    def test_what_is_no_valid_token_is_refused(self):
        now = int(time.time())
        for claims, said in (({"exp": now - 120}, "expired"), ({"exp": None}, "exp"), ({"exp": "never"}, "exp"),
                             ({"nbf": now + 600}, ""), ({"aud": "other"}, "not for"), ({"aud": None}, ""),
                             ({"iss": "https://evil.example"}, "issuer"), ({"iss": None}, "iss"),
                             ({"iss": ISSUER + "/"}, "issuer")):  # fmt: skip
            status, message = self.ask(self.token(**claims))
            self.assertEqual(status, 401, claims)
            self.assertIn(said, message, claims)
        stranger = key_of("EC", "e")
        unknown = key_of("EC", "new")
        payload = b64url(json.dumps(self.claims()).encode())
        secret = jwk.JWK(kty="oct", k=b64url(self.rsa.export_to_pem()))
        hmac = jws.JWS(json.dumps(self.claims()))
        hmac.add_signature(secret, "HS256", json.dumps({"alg": "HS256", "kid": "r"}))
        good = self.token()
        for token, said in ((b64url(b'{"alg":"none","kid":"e"}') + f".{payload}.", "none"), (hmac.serialize(compact=True), "HS256"),
                            (self.token(key=stranger), ""), (self.token(key=unknown), "new"),
                            (b64url(b'{"alg":"ES256","kid":"e","crit":["x"],"x":1}') + f".{payload}." + good.split(".")[2],
                             "crit"),
                            (good[:-8] + "AAAAAAAA", ""), ("", "certificate"), ("x", ""), ("a.b.c", ""), (good + ".x", ""),
                            (b64url(b'{"alg":"ES256"}') + f".{payload}." + good.split(".")[2], "kid"), ("A" * 15000, "")):  # fmt: skip
            status, message = self.ask(token)
            self.assertEqual(status, 401, (token[:60], message))
            self.assertIn(said, message)
        self.assertEqual(self.ask(None)[0], 401)
        self.assertEqual(self.ask(good, scheme="Basic")[0], 401)
        self.assertEqual(self.ask(good, host="other.example")[0], 401)
        self.assertNotIn(good.split(".")[2], "".join(self.running.said))

    def test_keys_at_a_url_are_fetched_and_fetched_again(self):
        def far(key):
            return self.ask(self.token(key=key, iss="https://far.example", sub="bob"))

        def wait_for(key):
            end = time.monotonic() + 60
            while far(key)[0] != 200:
                self.assertLess(time.monotonic(), end, far(key))
                threading.Event().wait(0.2)

        first, second = key_of("EC", "one"), key_of("RSA", "two")
        self.assertEqual(far(first)[0], 401)
        Issuer.text = set_of(first)
        wait_for(first)
        self.assertEqual(far(second)[0], 401)
        Issuer.text = set_of(second)
        wait_for(second)
        self.assertEqual(far(first)[0], 401)
        Issuer.text = ""
        self.assertEqual(far(second)[0], 200)
        self.assertEqual(self.ask(self.token(key=second))[0], 401)
        asked, begun = Issuer.asked, time.monotonic()
        for _ in range(50):
            far(first)
        self.assertLessEqual(Issuer.asked, asked + 2 + (time.monotonic() - begun) // 10)  # every ten seconds at most


if __name__ == "__main__":
    tap.main()
