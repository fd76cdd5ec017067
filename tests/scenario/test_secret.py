#!/usr/bin/python3
"""`caisson serve` without a configuration and `caisson secret`, as a newcomer uses them: no flags, a rule that a command
writes, and a secret that exactly one workload gets."""
import hashlib
import json
import os
import re
import signal
import ssl
import http.client
import subprocess
import threading

from lib import paths, policies, tap
from lib.kbs import Guest, Processor
from lib.ports import free_port
from lib.service import ServiceTestCase

CAISSON = os.path.join(paths.BUILD, "caisson")


class Local:
    """A service for one machine; a context."""

    def __init__(self, home, *options):
        self.home = home
        self.environment = {"HOME": home, "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        self.options = options
        self.port = free_port()

    def __enter__(self):
        self.process = subprocess.Popen([CAISSON, "serve", "--listen", f"127.0.0.1:{self.port}", *self.options],
                                        stderr=subprocess.PIPE, text=True, env=self.environment)  # fmt: skip
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            if "listening on" in line:
                break
        else:
            raise RuntimeError("".join(self.said))
        self.reader = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.reader.join(60)
        self.process.stderr.close()

    def run(self, *words, stdin=b"", **more):
        return subprocess.run([CAISSON, *words], input=stdin, capture_output=True, timeout=60,
                              env={**self.environment, **more})  # fmt: skip

    def connect(self):
        trust = ssl.create_default_context(cafile=os.path.join(self.home, ".local/share/caisson/service/state/development.pem"))
        return http.client.HTTPSConnection("localhost", self.port, context=trust, timeout=60)


class SecretTest(ServiceTestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.processor = Processor(os.path.join(cls.folder, "psp"), cls.report, cls.bundle["certificates"])
        cls.workload = os.path.join(cls.folder, "workload.rego")
        with open(cls.workload, "wb") as file:
            file.write(policies.policy([policies.container(["a" * 64], ["/bin/true"])]))
        with open(cls.workload, "rb") as file:
            cls.host_data = hashlib.sha256(file.read()).digest()

    def ok(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def refused(self, done, status, words):
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(words, done.stderr.decode())
        self.assertEqual(done.stdout, b"")

    def home(self, name):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        return path

    def rule(self, local, *more):
        return self.ok(local.run("secret", "rule", "--policy", self.workload, "--guest",
                                 os.path.join(self.folder, "guest/manifest.json"), "--tee", "simulated", *more))  # fmt: skip

    def test_one_workload_gets_the_secret(self):
        home = self.home("one")
        with Local(home, "--trust-simulated", os.path.join(self.folder, "psp")) as local:
            said = "".join(local.said)
            for word in ("administrator.pem", "service.yaml", "master key", "development certificate", "SIMULATED"):
                self.assertIn(word, said)
            path = os.path.join(home, "rule.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.rule(local))
            secret = bytes(range(256)) * 3
            self.assertEqual(self.ok(local.run("secret", "create", "db", "--rule", path, stdin=secret)), "default/secret/db\n")
            self.assertEqual(self.ok(local.run("secret", "list")), "default/secret/db\n")
            self.assertEqual(json.loads(self.ok(local.run("secret", "show", "db"))), json.load(open(path, encoding="utf-8")))

            guest = Guest(local, self.processor)
            self.assertEqual(guest.attest(host_data=self.host_data)[0], 200)
            self.assertEqual(guest.resource("default/secret/db"), (200, secret))
            other = Guest(local, self.processor)
            self.assertEqual(other.attest(host_data=hashlib.sha256(b"another policy").digest())[0], 200)
            status, answer = other.resource("default/secret/db")
            self.assertEqual((status, "hostdata" in answer["detail"]), (403, True))

            def other_guest(raw):
                raw[0x90] ^= 1

            other = Guest(local, self.processor)
            self.assertEqual(other.attest(host_data=self.host_data, edit=other_guest)[0], 200)
            status, answer = other.resource("default/secret/db")
            self.assertEqual((status, "launchmeasurement" in answer["detail"]), (403, True))

            with open(os.path.join(home, "file"), "wb") as file:
                file.write(b"from a file")
            self.ok(local.run("secret", "create", "default/secret/db", "--rule", path, "--from", os.path.join(home, "file")))
            self.assertEqual(guest.resource("default/secret/db"), (200, b"from a file"))
            self.assertEqual(self.ok(local.run("secret", "rm", "db")), "default/secret/db\n")
            self.assertEqual(self.ok(local.run("secret", "list", "--json")), "[]\n")
            self.refused(local.run("secret", "rm", "db"), 3, "no resource")
            self.refused(local.run("secret", "show", "db"), 3, "404")
            self.assertNotIn("from a file", "".join(local.said))
        self.refused(local.run("secret", "list"), 3, "`caisson serve` starts it: https://localhost")
        other = local.run("secret", "list", "--service", f"https://localhost:{local.port}")
        self.assertNotIn(b"caisson serve", other.stderr)

    def test_a_rule_says_what_it_is_for(self):
        local = Local(self.home("rules"))
        rule = json.loads(self.rule(local, "--authority", "https://attest.example"))
        self.assertEqual(rule["version"], "1.0.0")
        self.assertEqual(rule["anyOf"][0]["authority"], "https://attest.example")
        conditions = {each["claim"]: each for each in rule["anyOf"][0]["allOf"] if "claim" in each}
        self.assertEqual(conditions["x-ms-sevsnpvm-hostdata"]["equals"], self.host_data.hex())
        self.assertIs(conditions["x-ms-sevsnpvm-is-debuggable"]["equals"], False)
        self.assertIs(conditions["caisson-simulated"]["equals"], True)
        digests = rule["anyOf"][0]["allOf"][-1]["anyOf"]
        self.assertIn(self.report[0x90:0xC0].hex(), [each["equals"] for each in digests])
        two = json.loads(self.rule(local, "--authority", "https://attest.example", "--vcpus", "2"))
        self.assertEqual(len(two["anyOf"][0]["allOf"][-1]["anyOf"]), 1)
        words = ["secret", "rule", "--policy", self.workload, "--guest", os.path.join(self.folder, "guest"),
                 "--authority", "https://attest.example"]  # fmt: skip
        self.refused(local.run(*words), 3, "lists no machines")
        self.refused(local.run(*words, "--tee", "tdx"), 2, "tdx")
        self.refused(local.run(*words, "--vcpus", "0"), 2, "processors")
        self.refused(local.run("secret", "rule", "--guest", self.folder), 2, "--policy")
        self.refused(local.run(*words[:-2], "--tee", "simulated"), 2, "name the service")

    def test_what_is_wrong_is_refused_before_it_is_sent(self):
        local = Local(self.home("wrong"))
        path = os.path.join(local.home, "rule.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{}")
        service = ["--service", "https://localhost:1"]
        self.refused(local.run("secret", "create", "db", "--rule", path, *service, stdin=b"x"), 1, "rule.json")
        self.refused(local.run("secret", "create", "db", *service, stdin=b"x"), 2, "--rule")
        for name in ("a/b", "a/b/c/d", "../x", "", "a b"):
            self.refused(local.run("secret", "show", name, *service), 2, "name")
        self.refused(local.run("secret", "list"), 2, "name the service")
        self.refused(local.run("secret", "list", "--service", "http://attest.example"), 2, "plain http")
        self.assertIn(local.run("secret", "list", *service).returncode, (1, 3))

    def test_another_service_of_the_users_stays(self):
        home = self.home("stays")
        folder = os.path.join(home, ".config/caisson")
        os.makedirs(folder)
        with open(os.path.join(folder, "service.yaml"), "w", encoding="utf-8") as file:
            file.write("service: https://attest.example\n")
        with Local(home) as local:
            said = next(line for line in local.said if "service.yaml" in line)
            with open(os.path.join(folder, "service.yaml"), encoding="utf-8") as file:
                self.assertEqual(file.read(), "service: https://attest.example\n")
            options = re.search(r"say (--service .*)", said).group(1).split()
            self.assertEqual(self.ok(local.run("secret", "list", *options)), "")
            without = options[:2] + options[4:]
            self.refused(local.run("secret", "list", *without), 1, "certificate")
            self.refused(local.run("secret", "list", *options[:4]), 1, "")
            guest = Guest(local, self.processor)
            status, answer = guest.attest()
            self.assertEqual(status, 401, "nobody named the simulated root")

    def test_options_that_are_the_configurations(self):
        local = Local(self.home("options"))
        self.refused(local.run("serve", "--config", "x", "--listen", "127.0.0.1:1"), 2, "configuration's")
        self.refused(local.run("serve", "--check"), 2, "--config")
        self.refused(local.run("serve", "--listen", "127.0.0.1:0"), 2, "--listen")


if __name__ == "__main__":
    tap.main()
