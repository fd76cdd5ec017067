#!/usr/bin/python3
"""Secrets for containers that know nothing of them: brought by the guest from the attestation service's key broker, as
the policy says and to whom its rule names; and the localhost interfaces, asked from inside a container."""
import base64
import hashlib
import json
import os
import tempfile

from lib import paths, tap
from lib.broker import Broker
from lib.chromium import PROGRAM, Chromium
from lib.cli import CliCase
from lib.service import Service, unb64url

ISSUER = "https://acme.example"
SCRIPT = ("cat /run/secrets/db; echo $PASSWORD; od -An -tx1 -N4 /etc/one; ls -l /run/secrets/db; "
          "echo no >/run/secrets/db; grep -c swordfish /proc/1/environ; cd $UVM_SECURITY_CONTEXT_DIR; pwd; "
          "cat security-policy-base64; echo; cat host-amd-cert-base64; echo; ls; echo no >host-amd-cert-base64; :")
# Each answer's body as a line; bash speaks HTTP by itself. Ninety connections beside it, thrice what the agent takes,
# begin a request and never end it.
ASK = """
ask() {
  exec 3<>/dev/tcp/127.0.0.1/$1 || { echo refused; return; }
  printf '%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s' "$2" "$3" ${#4} "$4" >&3
  while read -r line <&3 && [ "$line" != $'\r' ]; do :; done
  cat <&3; echo
}
"""
API = ASK + """
for i in {10..99}; do eval "exec $i<>/dev/tcp/127.0.0.1/8080" && printf 'POST /att' >&$i && begun=$((begun + 1)); done 2>/dev/null
ask 8080 POST /attest/raw '{"runtime_data":"YWJj"}'
ask 8080 POST /attest/maa '{"runtime_data":"eyJhIjoxfQ==","maa_endpoint":"'$URL'"}'
ask 8080 POST /key/release '{"maa_endpoint":"'$URL'","akv_endpoint":"'$URL'","kid":"box"}'
ask 8080 POST /attest/raw '{"runtime_data":"OWN"}'
ask 8006 GET /cdh/resource/default/secret/db
echo $begun
""".replace("OWN", base64.b64encode(b'{"caisson":"evidence-2","nonce":"00","containers":{}}').decode())

# An application that has a key released to it, and uses it: a code over its argument, by that key. It never shows the key.
SEALER = ASK + r"""
answer=$(ask 8080 POST /key/release '{"maa_endpoint":"'$URL'","akv_endpoint":"'$URL'","kid":"sealing"}')
key=$(sed -n 's/.*\\"k\\":\\"\([A-Za-z0-9_-]*\).*/\1/p' <<<"$answer")
[ ${#key} -eq 43 ] || { echo "$answer"; exit 9; }
printf '%s' "$key$1" | sha256sum
"""


def rule(host_data):
    return json.dumps({"version": "1.0.0", "anyOf": [{"authority": ISSUER, "allOf": [
        {"claim": "x-ms-sevsnpvm-hostdata", "equals": host_data},
        {"claim": "x-ms-sevsnpvm-is-debuggable", "equals": False}]}]})  # fmt: skip


class Secrets(CliCase):
    def setUp(self):
        super().setUp()
        self.state = tempfile.TemporaryDirectory(prefix="caisson-service-")
        self.addCleanup(self.state.cleanup)
        os.symlink(os.path.join(self.home, "simulated"), os.path.join(self.state.name, "psp"))
        if not os.path.exists(os.path.join(self.home, "simulated", "chain.pem")):
            self.run_image("busybox", "/bin/true")  # the first machine makes the simulated processor
        self.service = Service(self.state.name, administrators=True).start()
        self.addCleanup(self.service.stop)
        self.url = f"https://localhost:{self.service.port}"
        self.root = os.path.join(self.state.name, "state/development.pem")
        self.policy = os.path.join(self.folder, "policy.rego")

    def admin(self, method, path, body):
        status, answer = self.service.ask(method, path, body, self.service.connect("admin"))
        self.assertEqual(status, 200, answer)
        return answer

    def generate(self, *command, options=(), image="busybox"):
        """The policy's file is written; its SHA-256."""
        given = ["--secret-service", self.url, "--secret-root", self.root, *options]
        text = self.caisson("policy", "generate", *given, self.image(image), "--", *command).stdout
        with open(self.policy, "wb") as file:
            file.write(text)
        return hashlib.sha256(text).hexdigest()

    def put(self, name, secret, host_data):
        self.admin("PUT", f"/kbs/v0/resource-rule/{name}", rule(host_data))
        self.admin("POST", f"/kbs/v0/resource/{name}", secret)

    def test_secrets_come_to_the_workload_of_the_rule_and_to_no_other(self):
        options = ["--secret", "db", "--secret", "db=PASSWORD", "--secret", "app/key/one:/etc/one", "--security-context"]
        host_data = self.generate("/bin/sh", "-c", SCRIPT, options=options)
        self.assertIn(b"file \"/run/secrets/db\", mode 444", self.caisson("policy", "show", self.policy).stdout)
        self.put("default/secret/db", b"swordfish\n", host_data)
        self.put("app/key/one", bytes(range(256)), host_data)
        done = self.run_image("busybox", "/bin/sh", "-c", SCRIPT, options=["--policy", self.policy])
        lines = done.stdout.decode().split("\n")
        self.assertEqual(lines[:3], ["swordfish", "swordfish", " 00 01 02 03"])
        self.assertIn("-r--r--r--", lines[3])
        self.assertEqual(lines[4:6], ["1", "/security-context-caisson"])
        self.assertEqual(hashlib.sha256(base64.b64decode(lines[6])).hexdigest(), host_data)
        document = json.loads(base64.b64decode(lines[7]))
        self.assertEqual([document[each].count("BEGIN CERTIFICATE") for each in ("vcekCert", "certificateChain")], [1, 2])
        self.assertEqual(lines[8:10], ["host-amd-cert-base64", "security-policy-base64"])
        self.assertEqual(done.stderr.count(b"Read-only"), 2)
        # One word more, and it is another workload: nothing of it begins.
        self.generate("/bin/sh", "-c", SCRIPT + " #", options=options)
        done = self.run_image("busybox", "/bin/sh", "-c", SCRIPT + " #", options=["--policy", self.policy], check=False)
        self.assertEqual((done.returncode, done.stdout), (3, b""), done.stderr)
        self.assertIn(b"the service refuses with 403", done.stderr)
        self.assertIn(b"x-ms-sevsnpvm-hostdata", done.stderr)
        log = [json.loads(each) for each in self.service.entries()]
        self.assertEqual([each["allowed"] for each in log if each["event"] == "resource"], [True, True, True, False])
        self.check_page_says_why()

    def command(self, *words):
        """What an administrator types."""
        self.caisson(*words, "--service", self.url, "--client", self.service.clients.path("admin"), "--tls-ca", self.root)

    def seal(self, message, check=True):
        """The application with this argument, under a policy of its own."""
        command = ["/bin/bash", "-c", SEALER, "sealer", message]
        options = ["-e", f"URL={self.url}"]
        self.generate(*command, options=["--attestation-api", *options], image="bash")
        return self.run_image("bash", *command, options=["--policy", self.policy, *options], check=check, timeout=240)

    def test_a_key_comes_to_its_workload_and_the_page_says_why_to_no_other(self):
        """From the image to the key's use, by what a user types; and with one argument changed."""
        secret = os.urandom(32)
        key, rule_file = (os.path.join(self.folder, leaf) for leaf in ("sealing.key", "rule.json"))
        with open(key, "wb") as file:
            file.write(secret)
        command = ["/bin/bash", "-c", SEALER, "sealer", "a letter"]
        self.generate(*command, options=["--attestation-api", "-e", f"URL={self.url}"], image="bash")
        made = self.caisson("secret", "rule", "--tee", "simulated", "--policy", self.policy, "--guest", paths.GUEST,
                            "--authority", ISSUER).stdout  # fmt: skip
        with open(rule_file, "wb") as file:
            file.write(made)
        self.command("keys", "import", "sealing", "--secret", key, "--rule", rule_file)
        text = base64.urlsafe_b64encode(secret).rstrip(b"=")
        done = self.seal("a letter")
        self.assertEqual(done.stdout.split()[0].decode(), hashlib.sha256(text + b"a letter").hexdigest())
        done = self.seal("a Letter", check=False)
        self.assertEqual(done.returncode, 9, done.stderr)
        self.assertIn("x-ms-sevsnpvm-hostdata", json.loads(done.stdout)["error"])
        self.assertNotIn(text, done.stdout)
        log = [json.loads(each) for each in self.service.entries()]
        self.assertEqual([each["allowed"] for each in log if each["event"] == "release"], [True, False])
        if not PROGRAM:
            self.skipTest("chromium is not installed: what the page shows was not looked at")
        with Chromium() as browser:
            self.find_out_why(browser.page())

    def find_out_why(self, page):
        """As an administrator does, who knows only that something was refused."""
        page.open(f"{self.url}/")
        page.wait("!document.getElementById('view-sign-in').hidden")
        page.click("textbox", "Code")
        page.type(self.service.ask("POST", "/api/code", "", self.service.connect("admin"))[1]["code"])
        page.click("button", "Sign in")
        page.wait("document.querySelectorAll('#log > li').length > 3")
        page.click("checkbox", "refused only")
        page.wait("document.querySelectorAll('#log > li:not([hidden])').length === 1")
        page.click("button", "Key release refused")
        page.wait("document.querySelector('#log .body:not([hidden])')")
        shown = page.evaluate("document.querySelector('#log .body:not([hidden])').innerText")
        for word in ("sealing", "x-ms-sevsnpvm-hostdata"):
            self.assertIn(word, shown)
        # And what the same evidence would get: its policy is another one, all else is as the rule wants it.
        page.click("link", "What would it get?")
        page.wait("document.getElementById('try-recent').options.length > 1")
        page.tab_to("combobox", "An attestation of late")
        page.press("ArrowDown")
        page.click("button", "Ask")
        page.wait("!document.getElementById('try-answer').hidden")
        self.assertRegex(page.evaluate("document.getElementById('try-answer').innerText"),
                         "sealing would not: .*x-ms-sevsnpvm-hostdata")

    def check_page_says_why(self):
        """The newest refusal on the page: of what, and the condition of the rule that does not hold."""
        if not PROGRAM:
            self.skipTest("chromium is not installed: what the page shows was not looked at")
        with Chromium() as browser:
            page = browser.page()
            code = self.service.ask("POST", "/api/code", "", self.service.connect("admin"))[1]["code"]
            page.open(f"{self.url}/#code={code}")
            page.wait("document.querySelectorAll('#log > li').length > 3")
            shown = page.evaluate("document.querySelector('#log > li.refused').textContent")
            for word in ("refused", "default/secret/db", "x-ms-sevsnpvm-hostdata"):
                self.assertIn(word, shown)
            self.assertNotIn("swordfish", page.evaluate("document.body.textContent"))

    def pod(self, leaf, app):
        """A pod of two: `app`, and one that says what it finds of the other's."""
        other = "ls /run/secrets $UVM_SECURITY_CONTEXT_DIR 2>/dev/null; echo other: ${PASSWORD-none}"
        containers = [{"name": name, "image": self.image("busybox"), "command": ["/bin/sh", "-c", script]}
                      for name, script in (("app", app), ("other", other))]  # fmt: skip
        path = os.path.join(self.folder, leaf)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"},
                       "spec": {"restartPolicy": "Never", "containers": containers}}, file)  # fmt: skip
        return path

    def generate_group(self, manifest, *options):
        self.caisson("policy", "generate", "--kubernetes", manifest, "--secret-service", self.url, "--secret-root", self.root,
                     *options, "-o", self.policy)
        with open(self.policy, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def run_group(self, manifest):
        return self.caisson("run", "--tee", "simulated", "--rm", "--policy", self.policy, "--group", manifest, check=False, timeout=240)

    def test_a_pods_secret_comes_to_the_container_that_the_policy_names(self):
        app = "cat /run/secrets/db; echo $PASSWORD; ls $UVM_SECURITY_CONTEXT_DIR"
        manifest = self.pod("pod.yaml", app)
        secret = ["--secret", "app:db", "--secret", "app:db=PASSWORD"]
        host_data = self.generate_group(manifest, *secret)
        self.put("default/secret/db", b"swordfish\n", host_data)
        done = self.run_group(manifest)
        lines = done.stdout.decode().splitlines()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line for line in lines if line.startswith("app")][:2], ["app | swordfish"] * 2, lines)
        self.assertEqual([line for line in lines if line.startswith("other")], ["other | other: none"])
        # The security context is each container's, and is not there where the policy does not say so, as above.
        self.put("default/secret/db", b"swordfish\n", self.generate_group(manifest, *secret, "--security-context"))
        done = self.run_group(manifest)
        lines = done.stdout.decode().splitlines()
        for name in ("app", "other"):
            for leaf in ("host-amd-cert-base64", "security-policy-base64"):
                self.assertIn(f"{name} | {leaf}", lines, done.stderr)
        # The policy gives it to the other container: to the service that is another workload.
        self.generate_group(manifest, "--secret", "other:db")
        done = self.run_group(manifest)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"the service refuses with 403", done.stderr)
        self.assertNotIn(b"swordfish", done.stdout)

    def test_a_container_asks_for_evidence_tokens_keys_and_resources(self):
        command, variable = ["/bin/bash", "-c", API], ["-e", f"URL={self.url}"]
        host_data = self.generate(*command, options=["--attestation-api", *variable], image="bash")
        self.put("default/secret/db", b"swordfish\n", host_data)
        jwk = {"kty": "oct", "k": "c2VjcmV0LWtleS1vZi0zMi1ieXRlcy1mb3ItdGVzdHM"}
        data = base64.urlsafe_b64encode(rule(host_data).encode()).rstrip(b"=").decode()
        self.admin("PUT", "/keys/box?api-version=7.4", json.dumps({
            "key": jwk, "attributes": {"exportable": True},
            "release_policy": {"contentType": "application/json; charset=utf-8", "data": data}}))  # fmt: skip
        done = self.run_image("bash", *command, options=["--policy", self.policy, *variable], timeout=240)
        raw, token, key, own, resource, _, begun, *_ = done.stdout.decode().split("\n")
        report = bytes.fromhex(json.loads(raw)["report"])
        self.assertEqual(report[0x50:0x90], hashlib.sha256(b"abc").digest() + bytes(32))
        self.assertEqual(report[0xC0:0xE0].hex(), host_data)
        self.assertIn("token", token)
        claims = json.loads(unb64url(json.loads(token)["token"].split(".")[1]))
        self.assertEqual((claims["x-ms-runtime"], claims["x-ms-sevsnpvm-hostdata"]), ({"a": 1}, host_data))
        self.assertEqual(json.loads(json.loads(key)["key"])["k"], jwk["k"])
        self.assertEqual((resource, begun), ("swordfish", "90"))
        # Runtime data that would stand for the machine's own evidence get no report.
        self.assertIn("no report", json.loads(own)["error"])


class Refusals(CliCase):
    """What never comes to a machine, and what a host that is no service answers."""

    def setUp(self):
        super().setUp()
        self.broker = Broker(self.folder, {"default/secret/db": b"a\0b"})
        self.addCleanup(self.broker.close)
        self.given = ["--secret-service", self.broker.url, "--secret-root", self.broker.pem]

    def refused(self, word, *options, status=2):
        done = self.run_image("busybox", "/bin/true", options=options, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(word, done.stderr.decode())

    def test_options_that_make_no_sense(self):
        self.refused("--secret-root FILE is missing", "--secret", "db")
        for bad in ("", ":/a", "db:", "db=", "=A"):
            self.refused("NAME, NAME:/PATH or NAME=VARIABLE", "--secret", bad, *self.given)
        self.refused("--secret-root FILE is missing", "--security-context")
        self.refused("--network none", "--secret", "db", "--network", "none", *self.given)

    def test_a_secret_that_no_variable_can_hold(self):
        self.refused("zero byte", "--secret", "db=A", *self.given, status=3)
        self.assertEqual([each["cert_type"] for each in self.broker.evidence[0]["cert_chain"]], ["VCEK", "ASK", "ARK"])

    def test_a_variable_that_the_host_sets_too(self):
        self.broker.resources["default/secret/db"] = b"good"
        self.refused("the variable A is a secret's", "--secret", "db=A", "-e", "A=1", *self.given, status=3)

    def test_without_the_policys_word_there_is_nothing_to_ask(self):
        done = self.run_image("busybox", "/bin/sh", "-c", "grep -c :1F90 /proc/net/tcp; ls /run/secrets; echo $PASSWORD;"
                              "echo $UVM_SECURITY_CONTEXT_DIR; ls / | grep -c context; true", options=["-e", "PASSWORD="])
        self.assertEqual(done.stdout, b"0\n\n\n0\n")


if __name__ == "__main__":
    tap.main()
