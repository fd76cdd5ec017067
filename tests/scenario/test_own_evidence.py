#!/usr/bin/python3
"""The service's own evidence: an attestation agent beside it (this test's, with a simulated processor) vouches for its
signing keys, whose certificates then show it; a service that must have evidence and gets none does not start."""
import base64
import hashlib
import http.server
import json
import os
import subprocess
import threading

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lib import tap
from lib.kbs import Processor
from lib.service import ATTEST, ATTESTD, ServiceTestCase, b64url, unb64url

OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.35")  # id-pe-cmw, RFC 9999
TYPE = "application/vnd.caisson.snp-evidence+json"


def unwrap(message):
    """The JSON evidence in a conceptual message: UTF8String, of a JSON record, of base64url."""
    assert message[:2] == b"\x0c\x82" and int.from_bytes(message[2:4], "big") == len(message) - 4, message[:4]
    media_type, value, indicator = json.loads(message[4:])
    assert (media_type, indicator) == (TYPE, 4), (media_type, indicator)
    return unb64url(value)


class Agent(http.server.ThreadingHTTPServer):
    """POST /attest/combined, as the sidecar in a guest answers it; `refuses` and `binds` spoil it."""

    def __init__(self, processor, chain, refuses=False, binds=b""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.processor, self.chain, self.refuses, self.binds = processor, chain, refuses, binds
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.thread = threading.Thread(target=self.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        data = base64.b64decode(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["runtime_data"])
        report = self.server.processor.sign(hashlib.sha256(data + self.server.binds).digest())
        answer = json.dumps({"evidence": base64.b64encode(report).decode(), "uvm_endorsements": "",
                             "endorsements": base64.b64encode(self.server.chain).decode()}).encode()  # fmt: skip
        self.send_response(403 if self.server.refuses or self.path != "/attest/combined" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class OwnEvidenceTest(ServiceTestCase):
    def agent(self, **options):
        processor = Processor(os.path.join(self.folder, "psp"), self.report, self.bundle["certificates"])
        return Agent(processor, self.chain, **options)

    def test_a_certificate_shows_what_another_service_verifies(self):
        with self.agent() as agent, self.service(more=f"evidence: {{url: '{agent.url}'}}\n") as service:
            _, keys = service.ask("GET", "/certs")
            self.assertEqual(len(keys["keys"]), 3)
            for key in keys["keys"]:
                certificate = x509.load_der_x509_certificate(base64.b64decode(key["x5c"][0]))
                extension = certificate.extensions.get_extension_for_oid(OID)
                self.assertFalse(extension.critical)
                held = unwrap(extension.value.value)
                spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                report = unb64url(json.loads(held)["SnpReport"])
                self.assertEqual(report[0x50:0x90], hashlib.sha256(spki).digest() + bytes(32))
                body = {"report": b64url(held), "runtimeData": {"data": b64url(spki), "dataType": "Binary"}}
                status, answer = service.ask("POST", ATTEST, json.dumps(body))
                self.assertEqual(status, 200, answer)
                body["runtimeData"]["data"] = b64url(spki + b"\0")
                self.assertEqual(service.ask("POST", ATTEST, json.dumps(body))[0], 400)

    def refused(self, more, **options):
        service = self.service(more=more, **options)
        done = subprocess.run([ATTESTD, "--config", service.config], stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("listening", done.stderr)
        return done.stderr

    def test_without_evidence_that_holds_there_is_no_service(self):
        with self.agent(refuses=True) as agent:
            self.assertIn("403", self.refused(f"evidence: {{url: '{agent.url}'}}\n"))
        with self.agent(binds=b"another key") as agent:
            self.assertIn("report_data", self.refused(f"evidence: {{url: '{agent.url}'}}\n"))
        with self.agent() as agent:  # under a root that nobody trusts
            self.assertIn("root", self.refused(f"evidence: {{url: '{agent.url}'}}\n", trust=False))

    def test_the_agent_is_of_this_machine(self):
        for wrong in ("{url: 'http://192.0.2.1:8080'}", "{url: 'http://127.0.0.1.example:8080'}", "{url: 'https://127.0.0.1:1'}",
                      "{url: 'http://127.0.0.1:8080/'}", "{url: 'http://127.0.0.1:0'}", "{}", "{command: x}", "7"):  # fmt: skip
            self.assertIn("evidence", self.refused(f"evidence: {wrong}\n"))


if __name__ == "__main__":
    tap.main()
