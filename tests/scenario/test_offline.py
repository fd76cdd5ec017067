#!/usr/bin/python3
"""A machine without a network: a local image is described, locked, run, proved and left, and what needs a registry says so.

Every `caisson` here runs in a network namespace of its own, which has no interface but its loopback, and that one down.
"""
import json
import os
import subprocess
import unittest

from lib import paths, tap
from lib.cli import CliCase

ALONE = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
NONCE = "00112233445566778899aabbccddeeff"


def needs_namespaces():
    try:
        good = subprocess.run([*ALONE, "/bin/true"], capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        good = False
    if not good:
        raise unittest.SkipTest("no network namespace can be had here")


class Offline(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        needs_namespaces()

    def setUp(self):
        super().setUp()
        self.busybox = self.image("busybox")

    def caisson(self, *arguments, check=True, timeout=120, data=None):
        result = subprocess.run([*ALONE, paths.CAISSON, *arguments], env=self.environment, input=data, timeout=timeout,
                                capture_output=True, check=False)  # fmt: skip
        if check and result.returncode != 0:
            self.fail(f"caisson {' '.join(arguments)}: {result.returncode}: {result.stderr.decode()[-2000:]}")
        return result

    def path(self, leaf):
        return os.path.join(self.folder, leaf)

    def write(self, leaf, value):
        with open(self.path(leaf), "w", encoding="utf-8") as file:
            json.dump(value, file)
        return self.path(leaf)

    def test_there_is_no_network(self):
        result = self.caisson("pull", "registry.example/busybox:1", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"registry.example", result.stderr)
        devices = subprocess.run([*ALONE, "cat", "/proc/net/dev"], capture_output=True, timeout=30, check=True).stdout
        self.assertEqual([line.split(b":")[0].strip() for line in devices.splitlines()[2:]], [b"lo"])

    def test_a_lock_is_all_that_policies_need(self):
        lock, image = self.path("lock.json"), "registry.example/busybox:1"
        self.caisson("policy", "lock", "-q", f"{image}={self.busybox}", "-o", lock)
        pod = self.write("pod.yaml", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"},
                                      "spec": {"containers": [{"name": "a", "image": image, "command": ["true"]}]}})
        resource = {"type": "Microsoft.ContainerInstance/containerGroups", "apiVersion": "2023-05-01", "name": "g",
                    "location": "[resourceGroup().location]",
                    "properties": {"osType": "Linux", "sku": "Confidential", "restartPolicy": "Never",
                                   "confidentialComputeProperties": {"ccePolicy": ""},
                                   "containers": [{"name": "a", "properties": {
                                       "image": image, "command": ["true"],
                                       "resources": {"requests": {"cpu": 1, "memoryInGB": 1}}}}]}}  # fmt: skip
        arm = self.write("arm.json", {"$schema": "https://schema.management.azure.com/schemas/2019-04-01/"
                                      "deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": [resource]})
        wanted = json.loads(open(lock, encoding="utf-8").read())[image]["layers"]
        for words in (["policy", "generate", "--kubernetes", pod, "--images", lock],
                      ["policy", "generate", "--arm", arm, "--images", lock],
                      ["confcom", "acipolicygen", "-a", arm, "--images", lock, "--outraw", "-y"]):
            with self.subTest(words=words[:3]):
                text = self.caisson(*words).stdout.decode()
                self.assertIn(json.dumps(wanted, separators=(",", ":")), text.replace(", ", ",").replace("\n", ""))
        missing = self.caisson("policy", "generate", "--arm", arm, check=False)
        self.assertNotEqual(missing.returncode, 0)
        self.assertIn(b"registry.example", missing.stderr)

    def test_a_local_image_runs_and_is_proved(self):
        policy, evidence, name = self.path("policy.rego"), self.path("evidence.json"), self.name()
        command = ["/bin/sh", "-c", "echo here; sleep 1000"]
        self.caisson("policy", "generate", "-q", self.busybox, "-o", policy, "--", *command)
        self.caisson("run", "--tee", "simulated", "-d", "--name", name, "--policy", policy, self.busybox, *command)
        self.eventually(lambda: self.logs(name) == "here\n", what="the container's word")
        self.caisson("attest", name, "--nonce", NONCE, "-o", evidence)
        verify = ["verify", evidence, "--nonce", NONCE, "--policy", policy, "--guest",
                  os.path.join(paths.GUEST, "manifest.json")]  # fmt: skip
        verdict = self.caisson(*verify, "--trust-simulated", os.path.join(self.home, "simulated"))
        self.assertIn(b"SIMULATED", verdict.stdout)
        self.assertNotEqual(self.caisson(*verify, check=False).returncode, 0)
        self.caisson("rm", "-f", name)


if __name__ == "__main__":
    tap.main()
