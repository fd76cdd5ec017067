#!/usr/bin/python3
"""What programs in an enclave ask on the loopback, and the attestation agent answers from an enclave of its own."""
import base64
import hashlib
import json
import os
import shutil
import subprocess

from lib import paths, tap
from lib.enclave import PROGRAMS, EnclaveCase, ServiceCase
from lib.service import unb64url

API = ("--attestation-api", "--secret-service", "none")
CURL = "curl -sS --max-time 100 --noproxy '*'"
SIDECAR = "http://127.0.0.1:8080"
BROKER = "http://127.0.0.1:8006"


class AgentCase(EnclaveCase):
    programs = (*PROGRAMS, "/usr/bin/curl")

    def ask(self, *lines, options=API, check=True):
        return self.run_it("/bin/dash", "-c", "\n".join(lines), options=options, check=check)


class Agent(AgentCase):
    def test_programs_and_their_children_ask_it(self):
        body = json.dumps({"runtime_data": base64.b64encode(b"some data").decode()})
        result = self.ask(f"{CURL} {SIDECAR}/status; echo", f"({CURL} 'http://[::1]:8080/status'; echo)", f"{CURL} http://0.0.0.0:8080/status; echo",
                          f"{CURL} -d '{body}' {SIDECAR}/attest/raw; echo", f"{CURL} '{BROKER}/aa/evidence?runtime_data=other'; echo",
                          f"{CURL} {BROKER}/cdh/resource/a/b/c; echo", f"{CURL} -d '{body}' {SIDECAR}/attest/combined; echo",
                          "ls /proc | while read -r name; do case $name in [0-9]*) cat /proc/$name/comm;; esac; done")  # fmt: skip
        lines = result.stdout.decode().split("\n")
        self.assertEqual(lines[:3], 3 * ['{"message":"STATUS OK"}'], result.stderr)
        raw = bytes.fromhex(json.loads(lines[3])["report"])
        self.assertEqual(raw[368:432], hashlib.sha256(b"some data").digest() + bytes(32))
        other = base64.b64decode(json.loads(lines[4])["quote"])
        self.assertEqual(other[368:432], hashlib.sha256(b"other").digest() + bytes(32))
        self.assertIn("the policy names no service", lines[5])
        self.assertIn("of SEV-SNP alone", lines[6])
        self.assertNotIn("attestation-age", lines[7:])

    def test_without_api_it_is_not_there(self):
        result = self.ask(f"{CURL} {SIDECAR}/status; echo $?", options=(), check=False)
        self.assertEqual(result.stdout, b"7\n", result.stderr)  # nothing listens in the container's own network

    def folder_with(self, place):
        """The build's files, one byte of the agent's disk changed."""
        folder = os.path.join(self.folder, f"enclave{place}")
        os.mkdir(folder)
        for name in ("caisson-enclave", "caisson-enclave.sig", "caisson-enclave-host", "caisson-enclave-agent"):
            shutil.copy2(os.path.join(paths.BUILD, name), folder)
        with open(os.path.join(folder, "caisson-enclave-agent"), "r+b") as file:
            file.seek(place)
            byte = file.read(1)
            file.seek(place)
            file.write(bytes([byte[0] ^ 1]))
        return folder

    def test_a_changed_disk_is_refused(self):
        with open(os.path.join(paths.BUILD, "caisson-enclave-agent"), "rb") as file:
            program = file.read().index(b"\x7fELF")
        for place in (1024 + 104, program):  # in the superblock; in the program, which is read when it is asked
            folder = self.folder_with(place)
            result = self.ask(f"{CURL} {SIDECAR}/status || echo nothing", options=("--enclave", folder, *API), check=False)
            if place == program:
                self.assertEqual((result.returncode, result.stdout), (0, b"nothing\n"), result.stderr)
                continue
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, b"")
            self.assertIn(b"is not the one that this enclave image was built with", result.stderr)
        os.remove(os.path.join(folder, "caisson-enclave-agent"))
        self.refused("is not the one that this enclave image was built with", "/bin/echo", options=("--enclave", folder, *API))


class Services(ServiceCase):
    programs = (*PROGRAMS, "/usr/bin/curl")

    def serve(self):
        service = super().serve()
        self.given = ("--attestation-api", *self.given)
        return service

    def test_the_service_gives_what_its_rule_says_to_this_policy_alone(self):
        """One as a file, too, which another agent brings before."""
        service = self.serve()
        body = json.dumps({"maa_endpoint": self.url, "runtime_data": base64.b64encode(b"{}").decode()})
        release = json.dumps({"maa_endpoint": self.url, "akv_endpoint": self.url, "kid": "sealing"})
        script = "\n".join((f"{CURL} {BROKER}/cdh/resource/default/secret/db; echo", f"{CURL} '{BROKER}/aa/token?token_type=kbs'; echo",
                            f"{CURL} -d '{body}' {SIDECAR}/attest/maa; echo", "cat /run/secrets/db; echo",
                            f"{CURL} -d '{release}' {SIDECAR}/key/release"))  # fmt: skip
        command = ("/bin/dash", "-c", script)
        policy = self.policy(*command, options=(*self.given, "--secret", "db"))
        self.create(service, policy)
        key = os.urandom(32)
        with open(os.path.join(self.folder, "key"), "wb") as file:
            file.write(key)
        self.caisson("keys", "import", "sealing", "--secret", file.name, "--rule", self.rule(policy), "--service", self.url,
                     "--client", service.clients.path("admin"), "--tls-ca", self.root)  # fmt: skip
        secret, token, maa, placed, released = self.run_it(*command, options=("--policy", policy)).stdout.split(b"\n")
        self.assertEqual(placed, b"swordfish")
        self.assertEqual(unb64url(json.loads(json.loads(released)["key"])["k"]), key)
        self.assertEqual(secret, b"swordfish")
        with open(policy, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        for answer in (token, maa):
            claims = json.loads(answer)["token"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
            self.assertIn(digest, json.dumps(claims))
        self.assertIn("PRIVATE KEY", json.loads(token)["tee_keypair"])
        # In the host's own network, too.
        self.assertEqual(self.run_it(*command, options=("--policy", policy, "--network", "host")).stdout.split(b"\n")[0], b"swordfish")
        self.refused("--network none has no way to it", *command, options=("--policy", policy, "--network", "none"))
        other = self.run_it(*command[:2], script + "\n#", options=self.given)  # another policy's
        self.assertNotIn(b"swordfish", other.stdout)
        self.assertIn(b"refuses with 403", other.stdout)

    def test_a_service_under_another_certificate_hears_nothing(self):
        self.serve()
        key, other = os.path.join(self.folder, "key"), os.path.join(self.folder, "other.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", other,
                        "-subj", "/CN=localhost"], check=True, capture_output=True, timeout=60)  # fmt: skip
        self.root = other
        result = self.run_it("/bin/dash", "-c", f"{CURL} -w ' %{{http_code}}' {BROKER}/cdh/resource/default/secret/db",
                             options=(*self.given[:-1], other))  # fmt: skip
        self.assertIn(b"certificate", result.stdout)
        self.assertTrue(result.stdout.endswith(b" 403"), result.stdout)


if __name__ == "__main__":
    tap.main()
