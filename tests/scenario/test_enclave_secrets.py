#!/usr/bin/python3
"""Secrets of a policy in enclaves: brought by the attestation agent before the container's first process begins, or it does not begin."""
import base64
import json
import os
import subprocess

from lib import cli, tap
from lib.broker import Broker
from lib.enclave import TEE, EnclaveCase, ServiceCase

SCRIPT = ("cat /run/secrets/db; echo; echo $PASSWORD; wc -c </etc/passwd; wc -c </etc/deep/one; wc -c </mine; ls -ln /run/secrets/db /mine; "
          "echo no >/run/secrets/db; read line; echo $line; cat /proc/self/mounts; ls /proc; cd $UVM_SECURITY_CONTEXT_DIR; pwd; ls -s host-amd-cert-base64; cat security-policy-base64; echo; (cat /mine; echo $PASSWORD); kill -9 $$")


class Secrets(ServiceCase):
    def test_files_and_variables_come_to_the_workload_of_the_rule_and_to_no_other(self):
        service = self.serve()
        command = ("/bin/dash", "-c", SCRIPT)
        given = ("--secret", "db", "--secret", "db=PASSWORD", "--secret", "one:/etc/deep/one", "--secret", "one:/etc/passwd", "--secret", "mine:/mine", "--security-context",
                 "--user", "worker", "--read-only", *self.given)  # fmt: skip
        policy = self.policy(*command, options=given)
        with open(policy, encoding="utf-8") as file:
            text = file.read()
        with open(policy, "w", encoding="utf-8") as file:  # a mode and an owner that are no default
            file.write(text.replace('"mode":292,"owner":0,"path":"/mine"', '"mode":416,"owner":7,"path":"/mine"'))
        unseen = os.urandom(256)
        for name, data in (("db", b"swordfish"), ("one", unseen), ("mine", b"7")):
            self.create(service, policy, name, data)
        name = self.name()
        result = self.caisson("run", "-q", *TEE, "-i", "--name", name, "--user", "worker", "--read-only", "--policy", policy, self.oci, *command,
                              data=b"input\n", check=False)  # fmt: skip
        lines = result.stdout.decode().split("\n")
        self.assertEqual(result.returncode, 137, result.stderr)
        self.assertEqual(lines[:5], ["swordfish", "swordfish", "256", "256", "1"])
        self.assertEqual([line.split()[:5] for line in lines[5:7]],
                         [["-rw-r-----", "1", "7", "0", "1"], ["-r--r--r--", "1", "0", "0", "9"]])  # fmt: skip
        self.assertIn(b"Read-only file system", result.stderr)
        self.assertEqual(lines[7], "input")
        self.assertIn("tmpfs /run/secrets/db tmpfs ro,", result.stdout.decode())
        self.assertEqual(lines[-5:-3], ["/security-context-caisson", "0 host-amd-cert-base64"])
        with open(policy, "rb") as file:
            self.assertEqual(base64.b64decode(lines[-3]), file.read())
        self.assertEqual(lines[-2], "7swordfish")  # a child finds them, too
        # What the program does not show itself is in no file of the host's.
        for folder in (self.home, self.environment["CAISSON_RUN"]):
            for place, _, files in os.walk(folder):
                for leaf in filter(lambda leaf, place=place: os.path.isfile(os.path.join(place, leaf)), files):
                    with open(os.path.join(place, leaf), "rb") as file:
                        self.assertNotIn(unseen, file.read(), leaf)
        # One word more, and it is another workload: nothing of it begins.
        self.refused("cannot start the process: the secret default/secret/db: the service refuses with 403", "/bin/dash", "-c", SCRIPT + " #",
                     options=given, code=3)  # fmt: skip
        log = [json.loads(each) for each in service.entries()]
        self.assertEqual([each["allowed"] for each in log if each["event"] == "resource"], 5 * [True] + [False])


    def test_another_image_gets_nothing(self):
        """A rule of another MRENCLAVE; and a service that has gone."""
        service = self.serve()
        given = ("--secret", "db", *self.given)
        policy = self.policy("/bin/echo", options=given)
        self.create(service, policy, enclave="ab" * 32)
        self.refused("x-ms-sgx-mrenclave", "/bin/echo", options=("--policy", policy), code=3)
        service.stop()
        # In the host's own network, where it is told at once that nobody listens.
        self.refused(f"attesting to {self.url}", "/bin/echo", options=("--policy", policy, "--network", "host"), code=3)
        self.refused("--network none has no way to it", "/bin/echo", options=("--policy", policy, "--network", "none"))

    def test_exec_finds_files_and_no_variables(self):
        service = self.serve()
        command = ("/bin/dash", "-c", "echo begun; read x")
        allowed = ("--allow-exec", "/bin/cat /run/secrets/db", "--allow-exec", "/usr/bin/env")
        policy = self.policy(*command, options=("--secret", "db", "--secret", "db=PASSWORD", *allowed, *self.given))
        self.create(service, policy)
        name = self.name()
        self.caisson("run", "-q", *TEE, "-d", "-t", "-i", "--name", name, "--policy", policy, self.oci, *command)
        self.eventually(lambda: "begun" in self.logs(name), what="first line")
        self.assertEqual(self.caisson("exec", name, "/bin/cat", "/run/secrets/db").stdout, b"swordfish")
        self.assertNotIn(b"PASSWORD", self.caisson("exec", name, "/usr/bin/env").stdout)


class Refusals(EnclaveCase):
    """What a service that is none, or its host, can do: nothing of the image begins."""

    def setUp(self):
        super().setUp()
        self.broker = Broker(self.folder, {"default/secret/db": b"good"})
        self.addCleanup(self.broker.close)
        self.given = ("--secret-service", self.broker.url, "--secret-root", self.broker.pem)

    def test_answers_that_are_none(self):
        for mode, words in (("refuses", "host_data is not what rule 7 wants"), ("sealed for another", "the secret default/secret/db"),
                            ("a nonce that is none", "the broker's nonce is no base64"), ("cut short", "the secret default/secret/db"),
                            ("oversized", "an answer of more than 262144 bytes")):  # fmt: skip
            self.broker.mode = mode
            self.refused(words, "/bin/echo", "no", options=("--secret", "db", *self.given), code=3)
        self.broker.mode = "refuses"
        self.refused("host_data is not what rule 7 wants", "/bin/echo", "no", options=("-d", "-t", "-i", "--secret", "db", *self.given), code=3)
        self.broker.mode = "honest"
        for secret, options, words in ((b"a" * 66000, ("--secret", "db"), "the secret default/secret/db"),
                                       (b"a\0b", ("--secret", "db=Z"), "zero byte"),
                                       (b"good", ("--secret", "db=A"), "the variable A is a secret's"),
                                       (b"good", ("--secret", "db:/etc"), "no file /etc can be made"),
                                       (b"good", ("--secret", "other/a/b"), "no resource other/a/b")):  # fmt: skip
            self.broker.resources["default/secret/db"] = secret
            self.refused(words, "/bin/echo", "no", options=(*options, *self.given), code=3)
        self.assertEqual(self.broker.problems, [])

    @staticmethod
    def agent_of(hosts):
        """Which of these has the agent's enclave: the first of the children."""
        for host in sorted(hosts):
            with open(f"/proc/{host}/comm", encoding="ascii") as file:
                if file.read() == "enclave-child\n":
                    return host
        raise AssertionError(hosts)

    def test_nothing_stays_when_a_part_is_killed_while_it_waits(self):
        self.broker.mode = "silent"
        for part in ("monitor", "host", "agent"):
            self.broker.is_asked.clear()
            name = self.name()
            process = self.popen("run", "-q", *TEE, "--name", name, "--secret", "db", *self.given, self.oci, "/bin/echo", "no",
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
            self.assertTrue(self.broker.is_asked.wait(120))
            record = json.loads(self.caisson("inspect", name).stdout)
            record = record[0] if isinstance(record, list) else record
            hosts = cli.children_of(record["monitor"])
            self.assertGreaterEqual(len(hosts), 4)  # the first enclave's, the nursery, the agent's, the network's
            self.assertNotEqual(self.caisson("exec", name, "/bin/echo", check=False).returncode, 0)
            cli.kill({"monitor": record["monitor"], "host": hosts[0], "agent": self.agent_of(hosts)}[part])
            self.assertNotEqual(process.wait(120), 0)
            self.assertEqual(process.stdout.read(), b"")
            if part == "agent":
                self.assertIn(b"cannot start the process: the attestation agent has ended", process.stderr.read())
            self.eventually(lambda hosts=hosts: not any(map(cli.is_alive, hosts)), what="end of all when the " + part + " is killed")


if __name__ == "__main__":
    tap.main()
