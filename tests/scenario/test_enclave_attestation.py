#!/usr/bin/python3
"""What programs in an enclave prove by themselves: /dev/attestation, by the model and its quoting component; to a verifier, and to the service."""
import base64
import hashlib
import json
import os

from lib import tap
from lib.enclave import ENCLAVE, PROGRAMS, TEE, EnclaveCase, serve
from lib.kbs import Guest, canonical

API = 'caisson_attestation := {"api":true,"secrets":[],"services":[]}\n'
ALLOWED = ("--attestation-api", "--secret-service", "none")
DATA = hashlib.sha256(b"a key").digest() + bytes(range(32))
MARK = b"caisson evidence of this enclave"
A = "/dev/attestation"


class AttestationCase(EnclaveCase):
    programs = (*PROGRAMS, "/usr/bin/base64")

    def allow(self, *command, line):
        path = self.policy(*command)
        with open(path, encoding="ascii") as file:
            text = file.read()
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace("\ncontainers := ", "\n" + line + "containers := ", 1))
        return path

    def run_script(self, script, check=True, line=API, data=None):
        command = ("/bin/dash", "-c", script)
        self.allowed = self.allow(*command, line=line)
        return self.run_it(*command, options=("-i", "--policy", self.allowed), check=check, data=data)

    @staticmethod
    def escaped(data):
        return "".join(f"\\0{byte:03o}" for byte in data)

    def write(self, name, data):
        """By the shell itself."""
        return f"printf %b '{self.escaped(data)}' >{A}/{name}"


class Attestation(AttestationCase):
    def verify(self, quote, nonce, *options):
        path = os.path.join(self.folder, "quote")
        with open(path, "wb") as file:
            file.write(quote)
        platform = os.path.join(self.home, "simulated-sgx")
        return self.caisson("verify", "sgx", "--quote", path, "--collateral", platform + "/collateral.json", "--enclave", ENCLAVE,
                            "--policy", self.allowed, "--trust-simulated", platform, "--nonce", nonce.hex(), *options, check=False)  # fmt: skip

    def test_a_verifier_accepts_the_quotes_that_programs_read(self):
        # By the shell's child, by one that says something else, and by the shell itself, whose data that did not change.
        script = (f"{self.write('user_report_data', DATA)}; base64 -w0 {A}/quote; echo; "
                  f"(printf other >{A}/user_report_data; base64 -w0 {A}/quote); echo; "
                  f"base64 -w0 {A}/quote; echo; cat {A}/attestation_type; ls {A} {A}/keys")  # fmt: skip
        lines = self.run_script(script).stdout.split(b"\n")
        quotes = [base64.b64decode(line) for line in lines[:3]]
        for quote, data in zip(quotes, (DATA, b"other".ljust(64, b"\0"), DATA)):
            self.assertEqual(quote[368:432], data)
            result = self.verify(quote, data)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertIn(b"SIMULATED", result.stdout)
        result = self.verify(quotes[0], DATA[::-1])
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"refused by report_data", result.stdout)
        self.assertEqual(lines[3], b"dcap" + (A + ":").encode())
        self.assertEqual(lines[4:], b"attestation_type keys my_target_info quote report target_info user_report_data".split()
                         + [b"", (A + "/keys:").encode(), b"_sgx_mrenclave", b"_sgx_mrsigner", b""])  # fmt: skip

    def test_reports_and_keys_are_this_enclaves_under_this_policy(self):
        script = (f"{self.write('user_report_data', DATA)}; read -r x; printf %b \"$x\" >{A}/target_info; "
                  "for file in my_target_info report keys/_sgx_mrenclave keys/_sgx_mrsigner target_info; "
                  f"do base64 -w0 {A}/$file; echo; done")  # fmt: skip
        own, report, enclave, signer, _ = (base64.b64decode(line) for line in self.run_script(script, data=b"\n").stdout.splitlines())
        self.assertEqual((len(report), report[64:96], report[320:384]), (432, own[:32], DATA))
        data = self.escaped(own).encode() + b"\n"
        again = [base64.b64decode(line) for line in self.run_script(script, data=data).stdout.splitlines()]
        self.assertEqual([again[0], *again[2:]], [own, enclave, signer, own])
        self.assertEqual((again[1][:384], again[1][416:] != report[416:]), (report[:384], True))  # for another one: another code
        with open(self.allowed, "rb") as file:
            self.assertEqual(report[192:224], hashlib.sha256(file.read()).digest())
        self.assertNotEqual(enclave, signer)
        other = self.run_script(script, line=API + "\n", data=b"\n").stdout.splitlines()
        for key in (enclave, signer):
            self.assertEqual(len(key), 16)
            self.assertNotIn(base64.b64encode(key), other)

    def test_a_program_cannot_say_what_the_gate_says(self):
        script = f"{self.write('user_report_data', bytes(32) + MARK)} || echo refused; base64 -w0 {A}/quote"
        result = self.run_script(script)
        said, quote = result.stdout.split(b"\n")
        self.assertEqual(said, b"refused")
        self.assertIn(b"I/O error", result.stderr)  # dash's word for whatever write(2) says
        self.assertEqual(base64.b64decode(quote)[368:432], bytes(64))

    def test_there_is_none_where_the_policy_does_not_say_so(self):
        for line in ("", API.replace("true", "false")):
            result = self.run_script(f"ls {A}; echo x >{A}/user_report_data", check=False, line=line)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, b"")
            self.assertIn(b"No such file", result.stderr)

    def test_run_says_so_itself(self):
        self.assertEqual(self.run_it("/bin/cat", A + "/attestation_type", options=ALLOWED).stdout, b"dcap")
        text = self.caisson("policy", "generate", *ALLOWED, self.oci).stdout
        self.assertEqual(text.count(API.encode()), 1)
        for options in (("--secret", "db"), ("--security-context",), ("--secret-root", "/x")):
            result = self.caisson("policy", "generate", *ALLOWED, *options, self.oci, check=False)
            self.assertEqual((result.returncode, b"goes with --attestation-api alone" in result.stderr), (2, True), options)


class Client(Guest):
    """Of the key broker, by what a container's program reads for it."""

    def attest(self, container, line=API, nonce=None):
        status, challenge = self.auth(tee="sgx")
        assert status == 200, challenge
        bound = {"additional-evidence": "", "nonce": nonce or challenge["nonce"], "tee-pubkey": self.pubkey}
        quote = container(hashlib.sha384(canonical(bound)).digest(), line)
        body = {"init-data": None, "runtime-data": {"nonce": challenge["nonce"], "tee-pubkey": self.pubkey},
                "tee-evidence": {"primary_evidence": {"quote": quote.decode()}, "additional_evidence": ""}}  # fmt: skip
        status, answer = self.ask("POST", "/kbs/v0/attest", body)
        self.token = answer.get("token")
        return status, answer


class Broker(AttestationCase):
    SCRIPT = f'read -r x; printf %b "$x" >{A}/user_report_data; base64 -w0 {A}/quote'

    def quote(self, data, line=API):
        return self.run_script(self.SCRIPT, data=self.escaped(data).encode() + b"\n", line=line).stdout

    def test_a_container_gets_the_secret_of_its_rule_and_no_other_does(self):
        self.quote(b"first")
        service = serve(self)
        client = ("--service", f"https://localhost:{service.port}", "--client", service.clients.path("admin"), "--tls-ca",
                  os.path.join(service.folder, "state/development.pem"))  # fmt: skip
        rule, secret = os.path.join(self.folder, "rule"), os.path.join(self.folder, "secret")
        text = self.caisson("secret", "rule", *TEE, "--policy", self.allowed, "--enclave", ENCLAVE, "--authority", "https://acme.example").stdout
        for path, data in ((rule, text), (secret, b"swordfish")):
            with open(path, "wb") as file:
                file.write(data)
        self.caisson("secret", "create", "db", "--rule", rule, "--from", secret, *client)
        guest = Client(service, None)
        status, answer = guest.attest(self.quote)
        self.assertEqual(status, 200, answer)
        self.assertEqual(guest.resource("default/secret/db"), (200, b"swordfish"))
        entry = json.loads(service.entries()[-1])
        self.assertEqual((entry["event"], entry["allowed"], entry["detail"]["simulated"]), ("resource", True, True))
        other = Client(service, None)  # another policy
        self.assertEqual(other.attest(self.quote, line=API + "\n")[0], 200)
        status, answer = other.resource("default/secret/db")
        self.assertEqual((status, "x-ms-sgx-config-id" in answer["detail"]), (403, True), answer)
        status, answer = Client(service, None).attest(self.quote, nonce="another")
        self.assertEqual((status, "report_data" in answer["detail"]), (401, True), answer)
        status, answer = Client(service, None).attest(self.evidence_of_the_gate)
        self.assertEqual((status, "report_data" in answer["detail"]), (401, True), answer)

    def evidence_of_the_gate(self, data, line):
        """What `caisson attest` has for the same data stands for nothing here."""
        name, path = self.name(), os.path.join(self.folder, "evidence")
        policy = self.allow("/bin/cat", line=line)
        self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, "--policy", policy, self.oci, "/bin/cat")
        self.caisson("attest", name, "--nonce", data.hex(), "-o", path)
        with open(path, encoding="ascii") as file:
            quote = json.load(file)["report"].encode()
        self.assertEqual(base64.b64decode(quote)[400:432], MARK)
        return quote


class Rule(AttestationCase):
    def test_a_rule_is_of_an_enclave_or_of_a_machine(self):
        policy = self.policy()
        rule = ("secret", "rule", "--policy", policy, "--authority", "https://acme.example")
        told = json.loads(self.caisson(*rule, "--tee", "sgx", "--enclave", "ab" * 32).stdout)["anyOf"][0]["allOf"]
        with open(policy, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        self.assertEqual(told, [{"claim": "x-ms-sgx-config-id", "equals": digest + 64 * "0"}, {"claim": "x-ms-sgx-mrenclave", "equals": "ab" * 32},
                                {"claim": "x-ms-sgx-is-debuggable", "equals": False}, {"claim": "caisson-simulated", "exists": False}])  # fmt: skip
        for options in (("--tee", "sgx"), ("--tee", "sgx", "--enclave", "ab" * 32, "--vcpus", "2"), ("--enclave", "ab" * 32),
                        ("--tee", "sgx", "--enclave", "ab" * 32, "--guest", "/"), ("--tee", "tdx")):  # fmt: skip
            self.assertEqual(self.caisson(*rule, *options, check=False).returncode, 2, options)
        self.assertNotEqual(self.caisson(*rule, "--tee", "sgx", "--enclave", "ab" * 31, check=False).returncode, 0)


if __name__ == "__main__":
    tap.main()
