#!/usr/bin/python3
"""caisson-attestd as its clients see it: evidence in, tokens out, and every decision in the audit log.

The evidence is a simulated machine's that never ran (make_evidence); where the shared vectors are there,
a real container group's too.
"""
import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lib import paths, tap
from lib.service import ATTEST, ATTESTD, ServiceTestCase, b64url, policy_jws, routes, unb64url
from lib.signer import Signer

# Of the routes that take more than a GET: how their paths go on, and those that take any bytes or none.
PATHS = {"/api/lint/": ["SevSnpVm"], "/attest/": ["SevSnpVm", "SgxEnclave", "OpenEnclave", "TdxVm", "AzureGuest"],
         "/policies/": ["SevSnpVm", "SevSnpVm:reset"], "/keys/": ["db", "db/create", "db/release", "db/fly"],
         "/deletedkeys/": ["db", "db/recover"], "/kbs/v0/resource/": ["a/b/c"], "/kbs/v0/resource-rule/": ["a/b/c"]}  # fmt: skip
VERBS = {"POST /policies/": "SevSnpVm:reset", "POST /keys/": "db/create", "POST /deletedkeys/": "db/recover"}
# What anybody may ask: evidence and tokens say who it is.
PUBLIC = {"GET /healthz", "GET /metrics", "GET /", "GET /page.css", "GET /page.js", "GET /certs", "GET /certificates",
          "GET /.well-known/openid-configuration", "GET /policies/", "POST /attest/", "POST /api/session", "DELETE /api/session",
          "POST /kbs/v0/auth", "POST /kbs/v0/attest", "GET /kbs/v0/resource/"}  # fmt: skip
ANY_BODY = {"POST /api/code", "POST /api/lint/", "DELETE /api/session", "POST /kbs/v0/resource/", "POST /kbs/v0/resource-policy",
            "POST /kbs/v0/attestation-policy"}  # fmt: skip
NO_REQUESTS = (b"", b"null", b"[]", b"[" * 100000, b'{"a":' * 50000, b'{"a":1}{"a":1}', b'{"a":', b"1e999", b'{"report":"\xff\xfe"}',
               b'{"report":"a\0b"}', b'{"target":"\\ud800","code":"\\ud800"}', b'{"version":"\\u0000"}',
               b'{"claims":' + b'{"a":' * 200 + b"1" + b"}" * 201, b'{"kty":"RSA","key_size":99999999999999999999999}',
               b'{"report":"YQ","report":"YQ","target":"a","target":"a","kty":"oct","kty":"oct"}')  # fmt: skip

VECTORS = os.environ.get("CAISSON_VECTORS", os.path.join(paths.SOURCE, "../shared/vectors"))


class ServiceTest(ServiceTestCase):
    def check_token(self, token, keys):
        """Verifies a token as a stranger does, by the numbers and by the certificate; gives its claims."""
        header, payload, signature = token.split(".")
        head = json.loads(unb64url(header))
        self.assertEqual((head["alg"], head["typ"]), ("RS256", "JWT"))
        key = next(key for key in keys["keys"] if key["kid"] == head["kid"])
        n, e = (int.from_bytes(unb64url(key[name]), "big") for name in "ne")
        signed = f"{header}.{payload}".encode()
        public = rsa.RSAPublicNumbers(e, n).public_key()
        public.verify(unb64url(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        certificate = x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0]))
        self.assertEqual(certificate.public_key().public_numbers(), public.public_numbers())
        certificate.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
                                        certificate.signature_hash_algorithm)  # fmt: skip
        return head, json.loads(unb64url(payload))

    def test_evidence_becomes_a_token_that_strangers_can_verify(self):
        with self.service() as service:
            status, answer = service.ask("POST", ATTEST, self.body(nonce=3413764049005270139))
            self.assertEqual(status, 200, answer)
            self.assertEqual(list(answer), ["token"])
            _, keys = service.ask("GET", "/certs")
            head, claims = self.check_token(answer["token"], keys)
            self.assertEqual(head["jku"], "https://acme.example/certs")
            self.assertEqual(claims["iss"], "https://acme.example")
            self.assertEqual(claims["exp"], claims["iat"] + 28800)
            self.assertEqual(claims["nbf"], claims["iat"])
            self.assertEqual(claims["x-ms-ver"], "1.0")
            self.assertEqual(claims["x-ms-attestation-type"], "sevsnpvm")
            self.assertEqual(claims["x-ms-sevsnpvm-hostdata"], hashlib.sha256(self.policy).hexdigest())
            self.assertEqual(claims["x-ms-sevsnpvm-reportdata"], hashlib.sha256(self.runtime).hexdigest() + "00" * 32)
            self.assertEqual(claims["x-ms-sevsnpvm-launchmeasurement"], self.report[0x90:0xC0].hex())
            self.assertEqual(claims["x-ms-runtime"], json.loads(self.runtime))
            self.assertEqual(claims["nonce"], 3413764049005270139)
            self.assertIs(claims["caisson-simulated"], True)
            self.assertIs(claims["x-ms-sevsnpvm-is-debuggable"], False)
            self.assertNotIn("x-ms-compliance-status", claims)
            self.assertNotIn("x-ms-inittime", claims)
            _, configuration = service.ask("GET", "/.well-known/openid-configuration")
            self.assertEqual(configuration["issuer"], "https://acme.example")
            self.assertEqual(configuration["jwks_uri"], "https://acme.example/certs")
            self.assertIn("RS256", configuration["id_token_signing_alg_values_supported"])

    def test_each_tenant_has_its_own_issuer_and_log(self):
        with self.service() as service:
            status, answer = service.ask("POST", ATTEST, self.body(), host="other.example:443")
            self.assertEqual(status, 200, answer)
            _, keys = service.ask("GET", "/certs")
            self.assertEqual(self.check_token(answer["token"], keys)[1]["iss"], "https://other.example")
            self.assertEqual((len(service.entries("acme")), len(service.entries("other"))), (0, 1))

    def test_one_bit_of_anything_is_refused_and_noted(self):
        flipped = bytearray(self.report)
        flipped[0xC0] ^= 1
        cases = [(dict(report=bytes(flipped)), "signature"), (dict(runtime=self.runtime + b" "), "report_data"),
                 (dict(policy=b"package policy2\n"), "host_data")]  # fmt: skip
        with self.service() as service:
            for change, reason in cases:
                status, answer = service.ask("POST", ATTEST, self.body(**change))
                self.assertEqual((status, answer["error"]["code"]), (400, "AttestationFailed"))
                self.assertIn(reason, answer["error"]["message"])
            entries = [json.loads(entry) for entry in service.entries()]
            self.assertEqual([entry["allowed"] for entry in entries], [False] * 3)
            for entry, (_, reason) in zip(entries, cases):
                self.assertIn(reason, entry["detail"]["reason"])

    def test_a_simulated_root_that_nobody_named_is_refused(self):
        with self.service(trust=False) as service:
            status, answer = service.ask("POST", ATTEST, self.body())
            self.assertEqual((status, answer["error"]["code"]), (400, "AttestationFailed"))

    def test_a_policy_decides_and_names_its_rule(self):
        deny = 'version=1.0; authorizationrules { [type=="x-ms-sevsnpvm-vmpl", value==0] => deny(); => permit(); };'
        issue = ('version=1.0; authorizationrules { [type=="x-ms-sevsnpvm-is-debuggable", value==false] => permit(); };'
                 'issuancerules { c:[type=="x-ms-sevsnpvm-guestsvn"] => issue(type="svn", value=c.value);'
                 '=> issue(type="iss", value="evil"); };')  # fmt: skip
        with self.service() as service:
            status, answer = service.ask("POST", ATTEST, self.body(draftPolicyForAttestation=deny))
            self.assertEqual((status, answer["error"]["code"]), (400, "PolicyEvaluationError"))
            self.assertIn("line 1", answer["error"]["message"])
            status, answer = service.ask("POST", ATTEST, self.body(draftPolicyForAttestation="version=1.0; nonsense"))
            self.assertEqual((status, answer["error"]["code"]), (400, "PolicyEvaluationError"))
            status, answer = service.ask("POST", ATTEST, self.body(draftPolicyForAttestation=issue))
            self.assertEqual(status, 200, answer)
            header, payload, signature = answer["token"].split(".")
            self.assertEqual((json.loads(unb64url(header))["alg"], signature), ("none", ""))
            claims = json.loads(unb64url(payload))
            self.assertEqual((claims["svn"], claims["iss"]), (0, "https://acme.example"))
            text = b64url(hashlib.sha256(b64url(issue.encode()).encode()).digest())
            self.assertEqual(claims["x-ms-policy-hash"], text)

    def test_an_administrator_sets_the_policy_that_decides(self):
        deny = 'version=1.0; authorizationrules { [type=="x-ms-sevsnpvm-vmpl", value==0] => deny(); };'
        path = "/policies/SevSnpVm?api-version=2022-08-01"
        reset = "/policies/SevSnpVm:reset?api-version=2022-08-01"
        with self.service(administrators=True) as service:
            def ask(client, method, where, body=None):
                return service.ask(method, where, body, service.connect(client))

            def stored():
                token = service.ask("GET", path)[1]["token"]
                return self.check_token(token, service.ask("GET", "/certs")[1])[1]["x-ms-policy"]

            default = stored()
            self.assertEqual(ask(None, "PUT", path, policy_jws(deny))[0], 401)
            self.assertEqual(ask("other", "PUT", path, policy_jws(deny))[0], 403)
            self.assertEqual(service.ask("PUT", path, policy_jws(deny), service.connect("admin"), "other.example")[0], 403)
            for wrong in ("", "a.b.c", policy_jws("version=1.0; nonsense"), policy_jws(deny) + "AAAA"):
                status, answer = ask("admin", "PUT", path, wrong)
                self.assertEqual((status, answer["error"]["code"]), (400, "InvalidPolicy"))
            self.assertEqual(stored(), default)
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)

            status, answer = ask("admin", "PUT", path, policy_jws(deny))
            self.assertEqual(status, 200, answer)
            result = self.check_token(answer["token"], service.ask("GET", "/certs")[1])[1]
            self.assertEqual(result["x-ms-policy-result"], "Updated")
            digest = b64url(hashlib.sha256(policy_jws(deny).encode()).digest())
            self.assertEqual(result["x-ms-policy-token-hash"], digest)
            self.assertEqual(stored(), policy_jws(deny))
            status, answer = service.ask("POST", ATTEST, self.body())
            self.assertEqual((status, answer["error"]["code"]), (400, "PolicyEvaluationError"))
            self.assertEqual(service.ask("POST", ATTEST, self.body(), host="other.example")[0], 200)
            self.assertEqual(service.stop(signal.SIGKILL), -signal.SIGKILL)

            service.start()
            self.assertEqual(stored(), policy_jws(deny))
            self.assertEqual(ask("admin", "POST", "/policies/SevSnpVm?api-version=2022-08-01", "")[0], 404)
            self.assertEqual(ask("other", "POST", reset, "")[0], 403)
            self.assertEqual(ask("admin", "POST", reset, "")[0], 200)
            self.assertEqual(stored(), default)
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            events = [(entry["event"], entry["allowed"]) for entry in map(json.loads, service.entries())]
            self.assertEqual(events, [("policy-set", False)] * 4 + [("attest", True), ("policy-set", True), ("attest", False),
                                      ("policy-reset", True), ("attest", True)])  # fmt: skip

    def test_a_page_of_another_origin_changes_nothing(self):
        reset = "/policies/SevSnpVm:reset?api-version=2022-08-01"
        with self.service(administrators=True) as service:
            own = f"https://localhost:{service.port}"
            cases = [({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Origin": own + "0"}, 403),
                     ({"Origin": own.replace("https", "http")}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
                     ({"Sec-Fetch-Site": "same-site"}, 403), ({"Origin": own, "Sec-Fetch-Site": "cross-site"}, 403),
                     ({"Origin": own, "Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "none"}, 200)]  # fmt: skip
            for headers, status in cases:
                with self.subTest(headers):
                    got, answer = service.ask("POST", reset, "", service.connect("admin"), more=headers)
                    self.assertEqual(got, status, answer)
            self.assertEqual(len(service.entries()), 2)

    def test_odd_requests_get_clear_answers(self):
        big = json.dumps({"report": "A" * (2 << 20)})
        cases = [("GET", "/page", None, 404), ("POST", "/", "", 405), ("GET", "/attest/SevSnpVm", None, 405), ("POST", "/certs", "{}", 405),
                 ("POST", "/attest/SevSnpVm", self.body(), 400),
                 ("POST", "/attest/SevSnpVm?api-version=2019-01-01", self.body(), 400),
                 ("POST", "/attest/SevSnpVm?api-version=2022-08-01&api-version=2022-08-01", self.body(), 400),
                 ("POST", "/attest/Nitro?api-version=2022-08-01", self.body(), 404),
                 ("POST", ATTEST, "", 400), ("POST", ATTEST, "[]", 400), ("POST", ATTEST, b"\xff\xfe", 400),
                 ("POST", ATTEST, "[" * 100000, 400), ("POST", ATTEST, '{"report":"YQ","report":"YQ"}', 400),
                 ("POST", ATTEST, big, 413), ("POST", "/attest/sevsnpVM?api-version=2025-06-01", self.body(), 200),
                 ("GET", "/healthz", None, 200)]  # fmt: skip
        with self.service() as service:
            for method, path, body, wanted in cases:
                status, answer = service.ask(method, path, body)
                self.assertEqual(status, wanted, (method, path, answer))
                if wanted >= 400:
                    self.assertTrue(answer["error"]["message"], path)
            _, metrics = service.ask("GET", "/metrics")
            self.assertIn("caisson_attestations_total 1\n", metrics)

    def test_each_route_refuses_what_is_no_request(self):
        """Whoever asks is an administrator; policies want a signer, whom nobody has here."""
        service = self.service(administrators=True, tenant=", policy_signers: signers.pem")
        with open(os.path.join(service.folder, "signers.pem"), "wb") as file:
            file.write(Signer("First").pem)
        with service:
            for route in sorted(each for each in routes() - ANY_BODY if not each.startswith("GET ")):
                method, path = route.split()
                connection = service.connect("admin")
                for rest in PATHS.get(path, [""]):
                    where = f"{path}{rest}?api-version={'7.4' if 'keys' in path else '2022-08-01'}"
                    for body in NO_REQUESTS:
                        status, answer = service.ask(method, where, body, connection)
                        self.assertIn(status, range(400, 500), (route, rest, body[:60], answer))
                        self.assertTrue(answer["detail"] if path.startswith("/kbs/") else answer["error"]["message"])
                connection.close()
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            self.assertEqual([entry for entry in map(json.loads, service.entries()) if entry["allowed"]][:-1], [])

    def test_each_route_that_is_not_everybodys_is_an_administrators(self):
        """A release is everybody's who has a token. Strangers, who have a certificate or none, and administrators of another
        tenant are refused, whatever they ask."""
        with self.service(administrators=True) as service:
            asked = 0
            for route in sorted(routes() - PUBLIC):
                method, path = route.split()
                rest = VERBS.get(route, PATHS.get(path, [""])[0])
                where = f"{path}{rest}?api-version={'7.4' if 'keys' in path else '2022-08-01'}"
                for client, host, wanted in ((None, None, 401), ("other", None, 403), ("admin", "other.example", 403)):
                    with contextlib.closing(service.connect(client)) as connection:
                        status, answer = service.ask(method, where, None if method == "GET" else "{}", connection, host)
                    self.assertEqual(status, wanted, (route, client, host, answer))
                asked += 1
            self.assertGreaterEqual(asked, 30)
            self.assertEqual([entry for entry in map(json.loads, service.entries()) if entry["allowed"]], [])

    def test_the_log_verifies_and_its_changes_are_found(self):
        service = self.service()
        with service:
            for _ in range(3):
                self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            audit = [paths.CAISSON, "audit", "verify", service.store]
            done = subprocess.run(audit, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            head = re.fullmatch(r"acme: 3 entries, head (3:[0-9a-f]{64})\n", done.stdout).group(1)
            previous = "00" * 32
            for entry in service.entries():
                self.assertEqual(json.loads(entry)["previous"], previous)
                previous = hashlib.sha256(entry).hexdigest()
            self.assertEqual(head, f"3:{previous}")
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            self.assertEqual(service.stop(), 0)

        def verify(*options):
            return subprocess.run([*audit, "--tenant", "acme", *options], capture_output=True, text=True, timeout=60,
                                  check=False)  # fmt: skip

        self.assertEqual(verify("--head", head).returncode, 0)
        for wrong in ("3:" + "00" * 32, "5:" + "00" * 32):
            self.assertEqual(verify("--head", wrong).returncode, 1)
        self.assertEqual(verify("--head", "x").returncode, 2)
        with contextlib.closing(sqlite3.connect(service.store)) as store:
            with self.assertRaises(sqlite3.Error):
                store.execute("UPDATE log SET bytes = bytes")
            store.execute("DROP TRIGGER log_stays")
            store.execute("UPDATE log SET bytes = CAST(replace(CAST(bytes AS TEXT), 'true', 'false') AS BLOB)"
                          " WHERE number = 2")  # fmt: skip
            store.commit()
        done = verify()
        self.assertEqual(done.returncode, 1)
        self.assertIn("entry 3", done.stderr)

    def test_a_backup_that_was_taken_while_it_ran_is_a_store(self):
        service = self.service()
        copy = os.path.join(service.folder, "backup")
        with service:
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            keys = service.ask("GET", "/certs")
            with contextlib.closing(sqlite3.connect(service.store)) as store:
                store.execute("VACUUM INTO ?", [copy])
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            self.assertEqual(service.stop(), 0)
        for name in ("store", "store-wal", "store-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(service.folder, "state", name))
        os.rename(copy, service.store)
        with service:
            self.assertEqual(service.ask("GET", "/certs"), keys)
            self.assertEqual(len(service.entries()), 1)

    def test_two_services_on_one_store_are_refused(self):
        with self.service() as service:
            done = subprocess.run([ATTESTD, "--config", service.config], capture_output=True, text=True, timeout=60,
                                  check=False)  # fmt: skip
            self.assertEqual(done.returncode, 1)
            self.assertIn("open in another process", done.stderr)

    def test_tls_is_what_it_speaks_and_a_new_certificate_is_read_while_it_runs(self):
        with self.service() as service:
            with socket.create_connection(("127.0.0.1", service.port), 60) as plain:
                plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
                with contextlib.suppress(ConnectionResetError):
                    self.assertNotIn(b"HTTP", plain.recv(100))
            with self.assertRaises(ssl.SSLError):
                with socket.create_connection(("127.0.0.1", service.port), 60) as raw:
                    ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")
            old = service.trust
            os.unlink(os.path.join(service.folder, "state/development.pem"))
            service.reload("", "")
            service.trust = ssl.create_default_context(cafile=os.path.join(service.folder, "state/development.pem"))
            self.assertEqual(service.ask("GET", "/healthz")[0], 200)
            service.trust = old
            with self.assertRaises(ssl.SSLError):
                service.ask("GET", "/healthz")

    def test_a_reload_changes_what_can_change(self):
        with self.service() as service:
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            self.assertEqual(service.ask("GET", "/certs")[0], 200)
            service.reload("name: acme,", "name: acme, hosts: [acme.example],")
            self.assertEqual(service.ask("GET", "/certs")[0], 404)
            self.assertEqual(service.ask("GET", "/certs", host="acme.example")[0], 200)
            service.reload("- {name: other, issuer: 'https://other.example', hosts: [other.example]}\n",
                           "- {name: more, issuer: 'https://more.example', token_algorithm: ES384, hosts: [more.example]}\n")
            self.assertEqual(service.ask("GET", "/certs", host="other.example")[0], 404)
            status, answer = service.ask("POST", ATTEST, self.body(), host="more.example")
            self.assertEqual(status, 200, answer)
            header, claims = (json.loads(unb64url(part)) for part in answer["token"].split(".")[:2])
            self.assertEqual((header["alg"], claims["iss"]), ("ES384", "https://more.example"))
            service.reload("trust: {simulated: psp}\n", "")
            status, answer = service.ask("POST", ATTEST, self.body(), host="more.example")
            self.assertEqual(status, 400)
            self.assertIn("root", json.dumps(answer))
            service.reload("state: state\n", "state: state\ntrust: {simulated: psp}\n", "SIMULATED")
            service.wait_said("read the configuration again")
            self.assertEqual(service.ask("POST", ATTEST, self.body(), host="more.example")[0], 200)
            service.reload("{requests_a_second: 100000}", "{requests_a_second: 100000, body_bytes: 1024}")
            self.assertEqual(service.ask("POST", ATTEST, self.body(), host="more.example")[0], 413)
            service.reload(", body_bytes: 1024", "")
            self.assertEqual(service.ask("POST", ATTEST, self.body(), host="more.example")[0], 200)
            self.assertEqual(service.stop(), 0)
            self.assertEqual(len(service.entries("more")), 4)

    def test_a_reload_that_cannot_be_leaves_all_as_it_was(self):
        with self.service() as service:
            with open(service.config, encoding="utf-8") as file:
                good = file.read()
            added = "- {name: new, issuer: 'https://new.example', hosts: [new.example]}\n"
            stays = "the configuration stays as it is"
            for old, new, said in (("listen: 127.0.0.1:0", "listen: 127.0.0.1:1", "listen cannot change"),
                                   ("listen:", "workers: 3\nlisten:", "workers cannot change"),
                                   ("state: state", "state: other", "state cannot change"),
                                   ("state: state", "state: state\nmaster: {file: elsewhere}", "master cannot change"),
                                   ("state: state", "state: state\nmaster_before: {file: elsewhere}", "master_before cannot"),
                                   ("state: state", "state: state\ntls: {plain_http: true}", "plain_http cannot"),
                                   ("state: state", "state: state\nevidence: {url: 'http://127.0.0.1:9'}", "evidence.url cannot"),
                                   ("simulated: psp", "simulated: nowhere", "nowhere"),
                                   ("simulated: psp", "simulated: psp, collateral: nowhere", "nowhere"),
                                   ("state: state", "state: state\ntls: {certificate: none.pem, key: none.pem}", "none.pem"),
                                   ("name: acme,", "name: acme, policy_signers: none.pem,", "none.pem"),
                                   ("name: acme,", "name: acme, authorities: [{issuer: i, keys: none.json}],", "none.json"),
                                   ("listen:", "lisen:", "lisen"), ("tenants:", "tenants: {", "attestd.yaml")):  # fmt: skip
                with open(service.config, "w", encoding="utf-8") as file:
                    file.write(good + added)
                self.assertIn(said, service.reload(old, new, stays))
                self.assertEqual(service.ask("GET", "/certs", host="new.example")[1]["keys"],
                                 service.ask("GET", "/certs")[1]["keys"])  # acme's: "new" is nobody yet
                _, found = service.ask("GET", "/.well-known/openid-configuration", host="new.example")
                self.assertEqual(found["issuer"], "https://acme.example")
            os.unlink(service.config)
            begin = len(service.said)
            service.process.send_signal(signal.SIGHUP)
            self.assertIn("attestd.yaml", service.wait_said(stays, begin))
            self.assertEqual(service.ask("POST", ATTEST, self.body())[0], 200)
            with open(service.config, "w", encoding="utf-8") as file:
                file.write(good + added)
            service.reload("", "")
            _, found = service.ask("GET", "/.well-known/openid-configuration", host="new.example")
            self.assertEqual(found["issuer"], "https://new.example")

    def test_no_request_is_lost_while_it_reloads(self):
        with self.service() as service:
            done = threading.Event()
            answers = []

            def client():
                connection = service.connect()
                while not done.is_set():
                    answers.append(service.ask("POST", ATTEST, self.body(), connection=connection)[0])
                connection.close()

            clients = [threading.Thread(target=client) for _ in range(3)]
            for each in clients:
                each.start()
            for _ in range(10):
                service.reload("name: acme,", "name: acme, hosts: [localhost],")
                service.reload(" hosts: [localhost],", "")
            done.set()
            for each in clients:
                each.join()
            self.assertGreater(len(answers), 20)
            self.assertEqual(set(answers), {200})
            self.assertEqual(service.stop(), 0)
            self.assertEqual(len(service.entries()), len(answers))

    def test_the_state_is_its_owners_alone_and_the_logs_hold_no_secret(self):
        with self.service() as service:
            self.assertEqual(service.ask("POST", ATTEST + "&secret=hidden", self.body())[0], 200)
            self.assertEqual(service.stop(), 0)
            state = os.path.join(service.folder, "state")
            self.assertEqual(os.stat(state).st_mode & 0o777, 0o700)
            for name in ("store", "master.key", "development.key"):
                self.assertEqual(os.stat(os.path.join(state, name)).st_mode & 0o777, 0o600, name)
            said = "".join(service.said)
            self.assertNotIn("hidden", said)
            line = next(line for line in service.said if "/attest/SevSnpVm" in line)
            self.assertEqual(json.loads(line[line.index("{"):])["status"], 200)

    def test_a_wrong_configuration_is_named(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        path = os.path.join(folder, "c.yaml")
        tenants = "tenants: [{name: a, issuer: 'https://a'}]\n"
        cases = [("", "one mapping", 2), (f"state: s\n{tenants}listn: x\n", "listn", 2),
                 (f"state: s\nlisten: 0.0.0.0:1\ntls: {{plain_http: true}}\n{tenants}", "loopback", 2)]  # fmt: skip
        for text, said, _ in cases:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([paths.CAISSON, "serve", "--check", "--config", path], capture_output=True, text=True,
                                  timeout=60, check=False)  # fmt: skip
            self.assertNotEqual(done.returncode, 0, text)
            self.assertIn(said, done.stderr)
        self.assertEqual(os.listdir(folder), ["c.yaml"])

    @unittest.skipUnless(os.path.exists(os.path.join(VECTORS, "aci/attest_test_data")), "no shared vectors")
    def test_a_real_groups_evidence_is_compliant(self):
        def read(name):
            with open(os.path.join(VECTORS, "aci/attest_test_data", name), "rb") as file:
                return file.read()

        evidence = {"SnpReport": b64url(read("snp_report.bin")),
                    "VcekCertChain": b64url(read("uvm_host_amd_certificate.pem")),
                    "Endorsements": b64url(json.dumps({"Uvm": [b64url(read("body.uvm_reference_info.bin"))]}).encode())}
        body = {"report": b64url(json.dumps(evidence).encode()) + "==",
                "runtimeData": {"data": b64url(read("runtimedata.json")), "dataType": "JSON"},
                "initTimeData": {"data": b64url(base64.b64decode(read("uvm_security_policy.base64"))),
                                 "dataType": "Binary"}}  # fmt: skip
        with self.service(trust=False) as service:
            status, answer = service.ask("POST", ATTEST, json.dumps(body))
            self.assertEqual(status, 200, answer)
            claims = self.check_token(answer["token"], service.ask("GET", "/certs")[1])[1]
            self.assertEqual(claims["x-ms-compliance-status"], "azure-compliant-uvm")
            self.assertEqual(claims["x-ms-runtime"], {"akey": "avalue"})
            self.assertNotIn("caisson-simulated", claims)


if __name__ == "__main__":
    tap.main()
