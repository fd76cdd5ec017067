#!/usr/bin/python3
"""kill -9 at any moment takes back nothing that was acknowledged: of each route of the service that keeps something.

Clients ask side by side, each for its own things, one after the other, until the service is killed. Each knows what was
acknowledged last and what may have been under way; after the next start everything must be the one or the other.
The routes are the service's own table, so that a new one has its place here, too.
"""
import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
import time

from cryptography.hazmat.primitives.asymmetric import rsa

from lib import paths, tap
from lib.kbs import Guest, Processor
from lib.service import ATTEST, MAKE_EVIDENCE, ServiceTestCase, b64url, routes, unb64url
from lib.signer import Signer

ISSUER = "https://acme.example"
MAA, VAULT = "?api-version=2022-08-01", "?api-version=7.4"
RULE = json.dumps({"version": "1.0.0", "anyOf": [
    {"authority": ISSUER, "allOf": [{"claim": "x-ms-sevsnpvm-is-debuggable", "equals": False}]}]})  # fmt: skip
# Routes that keep something, and the event of each in the audit log.
KEEPS = {
    "POST /attest/": "attest", "POST /api/session": "sign-in",
    "PUT /policies/": "policy-set", "POST /policies/": "policy-reset",
    "POST /certificates:add": "policy-signer-add", "POST /certificates:remove": "policy-signer-remove",
    "PUT /keys/": "key-import", "POST /keys/": "key-create release", "PATCH /keys/": "key-update", "DELETE /keys/": "key-delete",
    "POST /deletedkeys/": "key-recover", "DELETE /deletedkeys/": "key-purge",
    "POST /kbs/v0/attest": "kbs-attest", "GET /kbs/v0/resource/": "resource",
    "POST /kbs/v0/resource/": "resource-set", "DELETE /kbs/v0/resource/": "resource-remove",
    "PUT /kbs/v0/resource-rule/": "resource-rule-set",
}  # fmt: skip
# And those that keep nothing but in memory: sessions, codes and nonces end with the service.
KEEPS_NOTHING = {
    "GET /healthz", "GET /metrics", "GET /", "GET /page.css", "GET /page.js", "POST /api/code", "GET /api/session",
    "DELETE /api/session", "GET /api/log", "GET /api/attestations/", "GET /api/policies", "POST /api/lint/", "POST /api/what-if",
    "GET /api/secrets", "GET /certs", "GET /.well-known/openid-configuration", "GET /policies/", "GET /certificates",
    "GET /keys", "GET /keys/", "POST /keys:check", "GET /deletedkeys", "GET /deletedkeys/", "POST /kbs/v0/auth",
    "GET /kbs/v0/resources", "GET /kbs/v0/resource-rule/", "POST /kbs/v0/resource-policy", "POST /kbs/v0/attestation-policy",
}  # fmt: skip
KILLS = (1, 10, 40, 80, 120, 160)  # changes acknowledged since the start: then it is killed


class Ledger:
    """What clients were told. `states` holds by name what was acknowledged last and what may have come after it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.begun, self.done, self.used, self.states, self.tokens = {}, {}, {}, {}, set()
        self.problems = []

    def begin(self, event, name, state):
        with self.lock:
            self.begun[event] = self.begun.get(event, 0) + 1
            if name:
                self.states[name] = (self.states.get(name, (None, None))[0], state)

    def changes(self):
        """How many were acknowledged; attestations are many, and each the same."""
        return sum(count for event, count in self.done.items() if event not in (None, "attest"))

    def end(self, event, route, name, state):
        with self.lock:
            self.done[event] = self.done.get(event, 0) + 1
            self.used[route] = self.used.get(route, 0) + 1
            if name:
                self.states[name] = (state, state)


class KillTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
        jwk = {"kty": "RSA", "kid": "guest", "key_ops": ["encrypt"], "n": b64url(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
        cls.runtime = json.dumps({"keys": [jwk]}).encode()
        with open(os.path.join(cls.folder, "runtime.json"), "wb") as file:
            file.write(cls.runtime)
        made = subprocess.run([MAKE_EVIDENCE, "psp", "guest/manifest.json", "policy", "@runtime.json", "2"], cwd=cls.folder,
                              stdout=subprocess.PIPE, check=True, timeout=120)  # fmt: skip
        cls.report = base64.b64decode(json.loads(made.stdout)["report"])
        cls.processor = Processor(os.path.join(cls.folder, "psp"), cls.report, cls.bundle["certificates"])

    def setUp(self):
        self.service_under_test = self.service(administrators=True, tenant=", policy_signers: signers.pem")
        self.first, self.second = Signer("First"), Signer("Second")
        with open(os.path.join(self.service_under_test.folder, "signers.pem"), "wb") as file:
            file.write(self.first.pem)
        self.ledger = Ledger()

    # --- the clients ------------------------------------------------------------------------------

    def asker(self, client="admin"):
        """A function that asks over a connection of its own, and keeps the ledger."""
        service, ledger, connection = self.service_under_test, self.ledger, self.service_under_test.connect(client)

        def ask(route, path, body=None, event=None, name=None, state=None):
            event = event or KEEPS[route]
            ledger.begin(event, name, state)
            status, answer = service.ask(route.split()[0], path, body, connection)
            if status not in (200, 204):
                raise AssertionError((route, path, answer))
            ledger.end(event, route, name, state)
            return answer

        return ask

    def attest(self, _):
        ask = self.asker(None)
        while True:
            token = ask("POST /attest/", ATTEST, self.body())["token"]
            self.token = token
            with self.ledger.lock:
                self.ledger.tokens.add(json.loads(unb64url(token.split(".")[1]))["jti"])

    def sign_in(self, _):
        ask, connection = self.asker(), self.service_under_test.connect("admin")
        while True:
            _, answer = self.service_under_test.ask("POST", "/api/code", "", connection)
            ask("POST /api/session", "/api/session", json.dumps({"code": answer["code"]}))

    def policies(self, turn, kind):
        """The policy of a kind, set and reset by its signer."""
        ask, where, number = self.asker(), f"/policies/{kind}", 0
        while True:
            number += 1
            policy = self.first.policy("version=1.0; authorizationrules { => permit(); }; issuancerules "
                                       f'{{ => issue(type="n", value="{turn}-{number}"); }};')  # fmt: skip
            ask("PUT /policies/", where + MAA, policy, name=where, state=policy)
            ask("POST /policies/", f"{where}:reset{MAA}", self.first.sign({}), name=where, state=self.defaults[kind])

    def signers(self, _):
        ask, vouched = self.asker(), self.first.vouch(self.second)
        while True:
            for what, state in (("add", [self.first.x5c, self.second.x5c]), ("remove", [self.first.x5c])):
                ask(f"POST /certificates:{what}", f"/certificates:{what}{MAA}", vouched, name="/certificates", state=state)

    def keys(self, turn):
        ask, number = self.asker(), 0
        exportable = {"attributes": {"exportable": True}, "release_policy": {"data": b64url(RULE.encode())}}
        while True:
            number += 1
            where = f"/keys/key-{turn}-{number}"
            gone = where.replace("keys", "deletedkeys")
            ask("POST /keys/", f"{where}/create{VAULT}", json.dumps({"kty": "oct", "tags": {"n": "1"}, **exportable}), "key-create",
                where, {"n": "1"})  # fmt: skip
            if self.token:
                ask("POST /keys/", f"{where}/release{VAULT}", json.dumps({"target": self.token}), "release")
            ask("PATCH /keys/", where + VAULT, json.dumps({"tags": {"n": "2"}}), name=where, state={"n": "2"})
            ask("DELETE /keys/", where + VAULT, name=where, state="deleted")
            ask("POST /deletedkeys/", f"{gone}/recover{VAULT}", "", name=where, state={"n": "2"})
            ask("DELETE /keys/", where + VAULT, name=where, state="deleted")
            ask("DELETE /deletedkeys/", gone + VAULT, name=where, state="absent")
            ask("PUT /keys/", where + VAULT, json.dumps({"key": {"kty": "oct", "k": "A" * 43}, "tags": {"n": "3"}}), name=where,
                state={"n": "3"})  # fmt: skip
            if number % 2:
                ask("DELETE /keys/", where + VAULT, name=where, state="deleted")

    def resources(self, turn):
        """A resource and its rule, and a guest that gets it; each second one is removed."""
        ask, guest, number = self.asker(), Guest(self.service_under_test, self.processor), 0
        while True:
            number += 1
            name = f"default/kill/{turn}-{number}"
            where, rule = f"/kbs/v0/resource/{name}", f"/kbs/v0/resource-rule/{name}"
            ask("PUT /kbs/v0/resource-rule/", rule, RULE, name=rule, state=RULE)
            ask("POST /kbs/v0/resource/", where, "secret", name=where, state="there")
            self.broker(guest, name)
            if number % 2:
                self.ledger.begin(None, rule, None)  # goes with its resource
                ask("DELETE /kbs/v0/resource/", where, name=where, state="absent")
                self.ledger.end(None, None, rule, None)

    def broker(self, guest, name):
        for event, route, do, want in (("kbs-attest", "POST /kbs/v0/attest", guest.attest, None),
                                       ("resource", "GET /kbs/v0/resource/", lambda: guest.resource(name), b"secret")):  # fmt: skip
            self.ledger.begin(event, None, None)
            status, answer = do()
            if status != 200 or want not in (None, answer):
                raise AssertionError(answer)
            self.ledger.end(event, route, None, None)

    def ask_on(self, client, *args):
        try:
            client(*args)
        except (OSError, http.client.HTTPException):
            pass  # it is gone
        except Exception as problem:  # pylint: disable=broad-exception-caught
            self.ledger.problems.append(repr(problem))

    # --- what is there ----------------------------------------------------------------------------

    def claims(self, path, connection):
        status, answer = self.service_under_test.ask("GET", path + MAA, None, connection)
        self.assertEqual(status, 200, answer)
        return json.loads(unb64url(answer["token"].split(".")[1]))

    def state_of(self, name, connection):
        ask = self.service_under_test.ask
        if name.startswith("/policies"):
            return self.claims(name, connection)["x-ms-policy"]
        if name == "/certificates":
            return [key["x5c"] for key in self.claims(name, connection)["x-ms-policy-certificates"]["keys"]]
        if name.startswith("/keys"):
            status, answer = ask("GET", name + VAULT, None, connection)
            if status == 404:
                gone = ask("GET", name.replace("keys", "deletedkeys") + VAULT, None, connection)[0]
                return {200: "deleted", 404: "absent"}[gone]
            return answer["tags"]
        if name.startswith("/kbs/v0/resource-rule"):
            status, answer = ask("GET", name, None, connection)
            return json.dumps(answer) if status == 200 else None
        return "there" if name.removeprefix("/kbs/v0/resource/") in self.listed(connection) else "absent"

    def listed(self, connection):
        names, after = [], ""
        while after is not None:
            status, answer = self.service_under_test.ask("GET", "/kbs/v0/resources" + after, None, connection)
            self.assertEqual(status, 200, answer)
            names += answer["resources"]
            after = f"?after={answer['next']}" if "next" in answer else None
        return names

    def check(self):
        """Everything is what was acknowledged last, or what was under way; from now on it is what it is."""
        service, ledger = self.service_under_test, self.ledger
        connection = service.connect("admin")
        for name, states in ledger.states.items():
            state = self.state_of(name, connection)
            if states[0] is None and states[1] is not None:
                states = ("absent" if name.startswith(("/keys", "/kbs/v0/resource/")) else self.begins.get(name), states[1])
            self.assertIn(state, states, name)
            ledger.states[name] = (state, state)
        connection.close()
        entries = [json.loads(entry) for entry in service.entries()]
        self.assertEqual([entry for entry in entries if not entry["allowed"]], [])
        self.assertEqual(ledger.tokens - {entry["detail"].get("token") for entry in entries}, set())
        for event, begun in ledger.begun.items():
            count = sum(entry["event"] == event for entry in entries)
            if event:  # with None a record goes beside another's
                self.assertTrue(ledger.done.get(event, 0) <= count <= begun, (event, count, begun))
        done = subprocess.run([paths.CAISSON, "audit", "verify", service.store], capture_output=True, text=True, timeout=60,
                              check=False)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_each_route_of_the_service_is_known_here(self):
        self.assertEqual(routes(), set(KEEPS) | KEEPS_NOTHING)

    def test_a_kill_takes_nothing_that_was_acknowledged(self):
        service, ledger, published = self.service_under_test, self.ledger, []
        self.token = None
        service.start()
        self.addCleanup(service.__exit__)
        kinds = ("SevSnpVm", "TdxVm")
        with contextlib.closing(service.connect("admin")) as connection:
            self.begins = {f"/policies/{kind}": self.state_of(f"/policies/{kind}", connection) for kind in kinds}
            self.begins["/certificates"] = self.state_of("/certificates", connection)
        self.defaults = {kind: self.begins[f"/policies/{kind}"] for kind in kinds}
        for turn, after in enumerate(KILLS):
            self.assertLessEqual(set(published), {key["kid"] for key in service.ask("GET", "/certs")[1]["keys"]})
            published = [key["kid"] for key in service.ask("GET", "/certs")[1]["keys"]]
            wanted, last = ledger.changes() + after, turn == len(KILLS) - 1
            clients = [*3 * [(self.attest, turn)], (self.sign_in, turn), (self.signers, turn), (self.keys, turn), (self.resources, turn)]
            clients += [(self.policies, turn, kind) for kind in kinds]
            threads = [threading.Thread(target=self.ask_on, args=each) for each in clients]
            for thread in threads:
                thread.start()
            end = time.monotonic() + 120
            while not ledger.problems and time.monotonic() < end and (
                    ledger.changes() < wanted or (last and set(KEEPS) - set(ledger.used))):  # fmt: skip
                threads[0].join(0.002)
            service.stop(signal.SIGKILL)
            for thread in threads:
                thread.join(60)
            self.assertEqual(ledger.problems, [])
            service.start()
            self.check()
        self.assertEqual(set(KEEPS) - set(ledger.used), set())
        events = {event for events in KEEPS.values() for event in events.split()}
        self.assertEqual(events - set(ledger.done), set())


if __name__ == "__main__":
    tap.main()
