#!/usr/bin/python3
"""The attestation agent by itself, among hostile services and hostile containers. No machine is started."""
import base64
import concurrent.futures
import contextlib
import glob
import hashlib
import http.client
import json
import select
import shutil
import socket
import struct
import tempfile
import threading
import unittest
import uuid

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lib import tap
from lib.broker import Broker, make_certificate, unb64url
from lib.starter import Agent

# Of VCEK, ASK and ARK, in a certificate table (AMD 56421, GHCB specification, section 4.1.8.1).
GUIDS = ("63da758d-e664-4564-adc5-f4b93be8accd", "4ab7b379-bbac-4fe4-a02f-05aef327c782",
         "c0b406a4-a803-4952-9743-3fb6014cd0ae")  # fmt: skip
WORKERS = 16  # src/agent/api.h: also the places at services, which these share
RESOURCES = {"default/secret/db": b"swordfish\n", "app/key/one": bytes(range(256)), "a/b/big": bytes(70000)}


def certificate_table(*certificates):
    at, entries = 24 * (len(certificates) + 1), b""
    for guid, each in zip(GUIDS, certificates):
        entries += uuid.UUID(guid).bytes_le + struct.pack("<II", at, len(each))
        at += len(each)
    return entries + bytes(24) + b"".join(certificates)


class AgentCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-agent-")
        self.addCleanup(shutil.rmtree, self.folder)

    def broker(self, **options):
        broker = Broker(self.folder, RESOURCES, **options)
        self.addCleanup(broker.close)
        return broker

    def agent(self, *args, **options):
        agent = Agent(*args, **options)
        self.addCleanup(agent.close)
        return agent

    @staticmethod
    def service(broker, url=None, pem=None):
        with open(pem or broker.pem, "rb") as file:
            return (url or broker.url, "127.0.0.1", file.read())

    def fetch(self, broker, *names, **options):
        """What comes: secrets as bytes, or the reason as text."""
        agent = self.agent([self.service(broker, **options)], [(0, name) for name in names])
        messages, status = agent.wait()
        if status == 0:
            self.assertTrue(all(each[:1] == b"S" for each in messages))
            return [each[1:] for each in messages]
        self.assertEqual((status, messages[-1][:1]), (1, b"F"))
        return messages[-1][1:].decode()


class Fetches(AgentCase):
    def test_brings_what_was_asked_for_and_proves_itself_once(self):
        broker = self.broker()
        self.assertEqual(self.fetch(broker, "default/secret/db", "app/key/one"), list(RESOURCES.values())[:2])
        self.assertEqual(broker.requests, ["/kbs/v0/auth", "/kbs/v0/attest", "/kbs/v0/resource/default/secret/db",
                                           "/kbs/v0/resource/app/key/one"])
        self.assertEqual(broker.problems, [])

    def test_a_refusal_is_told_in_the_services_words_made_printable(self):
        reason = self.fetch(self.broker(mode="refuses"), "default/secret/db")
        self.assertIn("the service refuses with 401: host_data is not what rule 7 wants?[31m", reason)

    def test_a_resource_that_is_not_there(self):
        self.assertIn("404: no resource a/b/c", self.fetch(self.broker(), "a/b/c"))

    def test_hostile_answers_end_it(self):
        for mode, word in {"oversized": "bytes", "a nonce that is none": "nonce", "sealed for another": "JWE",
                           "cut short": "the connection ended"}.items():  # fmt: skip
            with self.subTest(mode):
                reason = self.fetch(self.broker(mode=mode), "default/secret/db")
                self.assertIsInstance(reason, str)
                self.assertIn(word, reason)

    def test_an_answer_that_comes_byte_by_byte(self):
        self.assertEqual(self.fetch(self.broker(mode="byte by byte"), "default/secret/db"), [b"swordfish\n"])

    def test_a_nonce_that_comes_again_is_for_another_key(self):
        """What a service recorded of one session says nothing of the next, even where the service plays it again."""
        broker = self.broker(mode="the same nonce again")
        for _ in range(2):
            self.assertEqual(self.fetch(broker, "default/secret/db"), [b"swordfish\n"])
        keys = {session["key"]["x"] for session in broker.sessions.values()}
        self.assertEqual((len(broker.sessions), len(keys)), (2, 2))
        data = {bytes(each["attestation_report"]["report_data"]) for each in broker.evidence}
        self.assertEqual(len(data), 2)

    def test_what_was_sealed_in_an_earlier_session_is_no_secret_in_this_one(self):
        broker = self.broker(mode="what it sealed first")
        self.assertEqual(self.fetch(broker, "default/secret/db"), [b"swordfish\n"])
        reason = self.fetch(broker, "default/secret/db")
        self.assertIsInstance(reason, str)
        self.assertIn("JWE", reason)
        self.assertNotIn("swordfish", reason)

    def test_a_secret_of_more_than_64_kib(self):
        self.assertIsInstance(self.fetch(self.broker(), "a/b/big"), str)

    def test_only_a_server_under_the_roots_and_of_the_name_is_believed(self):
        broker = self.broker()
        other, _ = make_certificate(self.folder)
        for options in ({"pem": other}, {"url": broker.url.replace("localhost", "kbs.example")}):
            with self.subTest(options):
                self.assertIn("not believed", self.fetch(broker, "default/secret/db", **options))
        self.assertEqual(broker.requests, [])

    def test_a_certificates_dates_are_not_looked_at(self):
        self.assertEqual(self.fetch(self.broker(days=(-9, -3)), "default/secret/db"), [b"swordfish\n"])

    def test_who_does_not_speak_tls(self):
        silent = socket.socket()
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        def speak():
            sock, _ = silent.accept()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            sock.close()
        threading.Thread(target=speak, daemon=True).start()
        url = f"https://localhost:{silent.getsockname()[1]}"
        self.assertIn("does not speak TLS", self.fetch(self.broker(), "a/b/c", url=url))

    def context(self, name, **options):
        """A resource that is no service's: nobody is asked for it."""
        broker = self.broker()
        agent = self.agent([self.service(broker)], [(0, f"caisson/security-context/{name}")], **options)
        messages, status = agent.wait()
        self.assertEqual((broker.requests, len(messages), status), ([], 1, messages[0][:1] != b"S"))
        return messages[0][1:]

    def test_the_security_context_is_the_machines_own(self):
        self.assertEqual(base64.b64decode(self.context("security-policy-base64", policy=b"package policy")), b"package policy")
        self.assertEqual(self.context("security-context-a.b"), b"/security-context-a.b")
        text = base64.b64decode(self.context("host-amd-cert-base64", table=certificate_table(b"leaf", b"middle", b"root")))
        document = json.loads(text)
        self.assertEqual(sorted(document), ["cacheControl", "certificateChain", "tcbm", "vcekCert"])
        self.assertIn(base64.b64encode(b"leaf").decode(), document["vcekCert"])
        self.assertEqual(document["certificateChain"].count("BEGIN CERTIFICATE"), 2)
        self.assertRegex(document["tcbm"], "^[0-9a-f]{16}$")
        self.assertEqual(self.context("host-amd-cert-base64"), b"")

    def test_security_contexts_that_cannot_be_had(self):
        self.assertIn(b"more than the 47104 bytes", self.context("security-policy-base64"))
        self.assertIn(b"there is no reference-info-base64", self.context("reference-info-base64"))
        for table in (b"x", certificate_table(b"leaf")[:-5], certificate_table(b"a" * 40000)):
            with self.subTest(len(table)):
                self.assertIn(b"security context", self.context("host-amd-cert-base64", table=table))

    def test_a_url_that_is_none_and_an_address_that_is_missing(self):
        broker = self.broker()
        for url in ("http://localhost", "https://", "https://localhost:0", "https://localhost:99999", "https://a/b"):
            with self.subTest(url):
                self.assertIn("is not https://NAME", self.fetch(broker, "a/b/c", url=url))
        agent = self.agent([(broker.url, "", b"x")], [(0, "a/b/c")])
        self.assertIn(b"no address", agent.wait()[0][-1])


class Serves(AgentCase):
    def setUp(self):
        super().setUp()
        self.kbs = self.broker()
        self.served = self.agent([self.service(self.kbs)], serves=True)

    def ask(self, method, path, body=None, port=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.served.sidecar, timeout=30)
        self.addCleanup(connection.close)
        connection.request(method, path, body if isinstance(body, (bytes, type(None))) else json.dumps(body),
                           headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def test_the_sidecars_status_and_reports(self):
        self.assertEqual(self.ask("GET", "/status"), (200, b'{"message":"STATUS OK"}'))
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            data = b"\xfb\xff some data"
            status, body = self.ask("POST", "/attest/raw", {"runtime_data": encode(data).decode()})
            self.assertEqual(status, 200, body)
            report = bytes.fromhex(json.loads(body)["report"])
            self.assertEqual(report[0x50:0x90], hashlib.sha256(data).digest() + bytes(32))
        status, body = self.ask("POST", "/attest/combined", {"runtime_data": "YQ=="})
        self.assertEqual(sorted(json.loads(body)), ["endorsed_tcb", "endorsements", "evidence", "uvm_endorsements"])

    def test_the_brokers_endpoints(self):
        port = self.served.broker
        self.assertEqual(self.ask("GET", "/cdh/resource/default/secret/db", port=port), (200, b"swordfish\n"))
        status, body = self.ask("GET", "/aa/token?token_type=kbs", port=port)
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body)["token"], "e30.e30.e30")
        self.assertIn("PRIVATE KEY", json.loads(body)["tee_keypair"])
        status, body = self.ask("GET", "/aa/evidence?runtime_data=a%20b", port=port)
        data = bytes(json.loads(body)["attestation_report"]["report_data"])
        self.assertEqual(data, hashlib.sha384(b"a b").digest() + bytes(16))

    def release(self, kid, **more):
        return self.ask("POST", "/key/release", {"maa_endpoint": self.kbs.url, "kid": kid,
                                                 "akv_endpoint": self.kbs.url.removeprefix("https://"), **more})

    def test_tokens_and_released_keys(self):
        status, body = self.ask("POST", "/attest/maa", {"maa_endpoint": self.kbs.url, "runtime_data": "eyJhIjoxfQ=="})
        self.assertEqual(status, 200, body)
        claims = json.loads(body)["token"].split(".")[1]
        self.assertEqual(json.loads(unb64url(claims)), {"x-ms-runtime": {"a": 1}})
        made = ec.generate_private_key(ec.SECP256R1())
        pkcs8 = made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self.kbs.keys = {"sym/1": ("oct-HSM", b"k" * 32), "curve": ("EC-HSM", pkcs8)}
        status, body = self.release("sym/1", access_token="a.b-c")
        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(json.loads(body)["key"]), {"kty": "oct", "k": "a2tr" * 10 + "a2s"})
        status, body = self.release("curve")
        key = json.loads(json.loads(body)["key"])
        self.assertEqual(unb64url(key["d"]), made.private_numbers().private_value.to_bytes(32, "big"))

    def test_releases_that_fail(self):
        self.kbs.keys = {"sym": ("oct", b"k" * 32)}
        self.assertIn(b"404: no key other", self.release("other")[1])
        for kid, token in (("a?b", "x"), ("a/../b\r\n", "x"), ("", "x"), ("sym", "a\r\nHost: other"), ("sym", "a b")):
            with self.subTest(kid=kid, token=token):
                self.assertEqual(self.release(kid, access_token=token)[0], 400)
        for mode in ("wrapped for another", "another wrap"):
            self.kbs.mode = mode
            status, body = self.release("sym")
            self.assertEqual(status, 403, body)

    def test_no_report_stands_for_caissons_own_evidence(self):
        """The starter refuses; here it is the test, so that what is asked for is seen."""
        own = b'{"caisson":"evidence-2","nonce":"00"}'
        self.ask("POST", "/attest/raw", {"runtime_data": base64.b64encode(own).decode()})
        self.assertEqual(self.served.runtime, [own])

    def test_refusals(self):
        port = self.served.broker
        cases = [
            (404, ("GET", "/other")), (404, ("POST", "/attest/none", {})), (404, ("PUT", "/status")),
            (400, ("POST", "/attest/raw", b"{")), (400, ("POST", "/attest/raw", {})),
            (400, ("POST", "/attest/raw", {"runtime_data": 1})), (400, ("POST", "/attest/raw", {"runtime_data": "*"})),
            (400, ("POST", "/attest/raw", {"runtime_data": base64.b64encode(bytes(17000)).decode()})),
            (400, ("POST", "/attest/raw", b'{"runtime_data":"YQ","runtime_data":"YQ"}')),
            (403, ("POST", "/attest/maa", {"maa_endpoint": "other.example", "runtime_data": "YQ"})),
            (400, ("POST", "/attest/maa", {"maa_endpoint": "http://x", "runtime_data": "YQ"})),
            (403, ("POST", "/key/release", {"maa_endpoint": self.kbs.url, "akv_endpoint": "other", "kid": "a"})),
            (413, ("POST", "/attest/raw", bytes(70000))),
            (501, ("POST", "/attest/raw", b"0\r\n\r\n", None, {"Transfer-Encoding": "chunked"})),
            (431, ("GET", "/" + "a" * 9000)),
            (405, ("POST", "/aa/token", {}, port)), (404, ("GET", "/cdh/other", None, port)),
            (400, ("GET", "/cdh/resource/a/b", None, port)), (400, ("GET", "/cdh/resource/a/../c", None, port)),
            (400, ("GET", "/cdh/resource/a//c", None, port)), (400, ("GET", "/cdh/resource/a/b/%41", None, port)),
            (403, ("GET", "/cdh/resource/no/such/one", None, port)),
            (404, ("GET", "/aa/token", None, port)), (400, ("GET", "/aa/token?token_type=other", None, port)),
            (404, ("GET", "/aa/evidence", None, port)), (400, ("GET", "/aa/evidence?runtime_data=%zz", None, port)),
        ]  # fmt: skip
        for expected, question in cases:
            with self.subTest(question[:2]):
                status, body = self.ask(*question)
                self.assertEqual(status, expected, body)
                self.assertIn("error", json.loads(body))
        self.assertIsNone(self.served.process.poll())

    def ask_silent(self, served, url, path="/attest/maa", body=None):
        """A question that takes an answer of the service's; nobody waits for it here."""
        body = json.dumps(body or {"maa_endpoint": url, "runtime_data": "YQ=="}).encode()
        sock = socket.create_connection(("127.0.0.1", served.sidecar), timeout=90)
        self.addCleanup(sock.close)
        sock.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
        return sock

    def silent(self):
        """A service that takes connections, and says nothing; and its URL."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        listener.settimeout(60)
        return listener, f"https://localhost:{listener.getsockname()[1]}"

    def accept(self, listener, count):
        for _ in range(count):
            self.addCleanup(listener.accept()[0].close)

    def told(self, sock):
        """The status and the body of the answer to a question of ask_silent()."""
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        return answer.status, json.loads(answer.read())

    def test_a_service_that_says_nothing_holds_nobody_up_and_ends_by_its_time(self):
        """Its connections are taken, and nobody answers. As many hang as it has places, and one more is told; what takes
        no service is answered meanwhile, and so is what takes another."""
        silent, url = self.silent()
        served = self.agent([self.service(self.kbs), self.service(self.kbs, url=url)], serves=True)
        hanging = [self.ask_silent(served, url) for _ in range(WORKERS // 2)]
        self.accept(silent, len(hanging))
        raw = ("POST", "/attest/raw", {"runtime_data": "YQ=="})
        self.assertEqual(self.ask(*raw, port=served.sidecar)[0], 200)
        self.assertEqual(self.ask("GET", "/status", port=served.sidecar)[0], 200)
        self.assertEqual(self.ask("GET", "/aa/evidence?runtime_data=a", port=served.broker)[0], 200)
        for _ in range(2 * WORKERS):  # more than there are threads: none of them stays
            status, body = self.told(self.ask_silent(served, url))
            self.assertEqual(status, 503)
            self.assertIn(f"8 requests ask {url} already; ask again later", body["error"])
        secret = ("GET", "/cdh/resource/default/secret/db")
        with concurrent.futures.ThreadPoolExecutor(WORKERS // 2) as pool:
            answers = list(pool.map(lambda _: self.ask(*secret, port=served.broker), range(WORKERS)))
        self.assertEqual(answers, [(200, b"swordfish\n")] * WORKERS)
        for sock in hanging:
            self.assertEqual(select.select([sock], [], [], 0)[0], [])
        status, body = self.told(hanging[0])
        self.assertEqual((status, list(body)), (500, ["error"]))
        self.assertIsNone(served.process.poll())
        again = self.ask_silent(served, url)  # its place is free again
        self.accept(silent, 1)
        self.assertEqual(select.select([again], [], [], 0)[0], [])

    def test_a_silent_vault_holds_up_nobody_who_asks_the_attester(self):
        """A release takes a place at one service at a time. Four services, two of them silent, with all of their places taken."""
        (vault, vault_url), (silent, url) = self.silent(), self.silent()
        services = [self.service(self.kbs), *(self.service(self.kbs, url=each) for each in (vault_url, url, "https://other.example"))]
        served = self.agent(services, serves=True)
        body = {"maa_endpoint": self.kbs.url, "akv_endpoint": vault_url, "kid": "sym/1"}
        releases = [self.ask_silent(served, url, "/key/release", body) for _ in range(WORKERS // 4)]
        self.accept(vault, len(releases))
        attestations = [self.ask_silent(served, url) for _ in range(WORKERS // 4)]
        self.accept(silent, len(attestations))
        status, answer = self.told(self.ask_silent(served, url, "/key/release", body))
        self.assertEqual((status, vault_url in answer["error"]), (503, True))
        for _ in range(WORKERS):
            asked = {"maa_endpoint": self.kbs.url, "runtime_data": "YQ=="}
            self.assertEqual(self.ask("POST", "/attest/maa", asked, port=served.sidecar)[0], 200)
        self.assertEqual(self.ask("GET", "/cdh/resource/default/secret/db", port=served.broker), (200, b"swordfish\n"))
        self.assertEqual(self.ask("GET", "/aa/token?token_type=kbs", port=served.broker)[0], 200)
        self.assertEqual(select.select(releases + attestations, [], [], 0)[0], [])

    def test_one_service_has_all_places(self):
        silent, url = self.silent()
        served = self.agent([self.service(self.kbs, url=url)], serves=True)
        hanging = [self.ask_silent(served, url) for _ in range(WORKERS)]
        self.accept(silent, len(hanging))
        many = [self.ask_silent(served, url) for _ in range(12)]  # eight wait for a thread: the others are told
        told = select.select(many, [], [], 60)[0]
        self.assertEqual({self.told(sock)[0] for sock in told}, {503})
        self.assertEqual(self.ask("GET", "/status", port=served.sidecar)[0], 200)
        self.assertEqual(select.select(hanging, [], [], 0)[0], [])

    def test_who_floods_it_holds_nobody_up(self):
        """More connections than it takes, which say nothing or byte after byte: others are answered, though none of them
        has come to its end."""
        flood = [socket.create_connection(("127.0.0.1", self.served.sidecar)) for _ in range(60)]
        for sock in flood[::2]:
            with contextlib.suppress(OSError):  # the oldest have ended
                sock.sendall(b"GET /st")
        for _ in range(3):
            self.assertEqual(self.ask("GET", "/status")[0], 200)
        flood[-1].setblocking(False)
        self.assertRaises(BlockingIOError, flood[-1].recv, 1)  # the newest are still let speak
        flood[0].settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(flood[0].recv(1), b"")
        for sock in flood:
            sock.close()

    def test_it_ends_with_its_starter(self):
        self.served.socket.shutdown(socket.SHUT_RDWR)
        self.assertNotEqual(self.served.process.wait(30), 0)

    def test_it_has_no_system_calls_but_its_own(self):
        self.ask("GET", "/status")
        tasks = glob.glob(f"/proc/{self.served.process.pid}/task/*/status")
        self.assertEqual(len(tasks), 1 + WORKERS)
        for task in tasks:
            with open(task, encoding="ascii") as file:
                self.assertIn("Seccomp:\t2", file.read())


if __name__ == "__main__":
    tap.main()
