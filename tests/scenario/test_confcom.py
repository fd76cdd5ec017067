#!/usr/bin/python3
"""`caisson policy generate IMAGE` writes what `az confcom` writes: published policies, whose images are made here anew,
with the layers of their own that they then must have."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, tap
from lib.oci import Image

VECTORS = os.path.join(os.environ.get("CAISSON_VECTORS") or os.path.join(paths.SOURCE, "../shared/vectors"), "confcom")
CONTAINERS = "containers := "
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A sample, and the words that ask for the same on the command line. What a template adds to the image is an operand
# here; an image without a command has none to run, so one is given where the sample has none.
SAMPLES = {
    "aci23-minimal-default": ([], ["/bin/true"]),
    "aci23-command-default": ([], ["/bin/sh", "-c", "while true; do echo hello; sleep 10; done"]),
    "aci23-environment_variables-default": (["-e", "MY_VAR=MY_VAL"], ["/bin/true"]),
    "aci23-security_context_run_as_user-default": (["-u", "1234"], ["/bin/true"]),
}


@unittest.skipUnless(os.path.isdir(VECTORS), f"no vectors at {VECTORS} (set CAISSON_VECTORS)")
class Confcom(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-confcom-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = dict(os.environ, CAISSON_HOME=os.path.join(self.folder, "home"))

    def caisson(self, *words):
        return subprocess.run([paths.CAISSON, *words], env=self.environment, check=True, stdout=subprocess.PIPE,
                              timeout=60).stdout.decode()

    def sample(self, name):
        """The sample's text before, in and after its list of containers, and the image that it is about."""
        with open(os.path.join(VECTORS, name, "expected.rego"), encoding="utf-8") as file:
            lines = file.read().removesuffix("\n\n\n").split("\n")
        with open(os.path.join(VECTORS, name, "images.lock.json"), encoding="utf-8") as file:
            (lock,) = json.load(file).values()
        at = next(number for number, line in enumerate(lines) if line.startswith(CONTAINERS))
        return lines[:at], json.loads(lines[at][len(CONTAINERS):]), lines[at + 1:], lock["config"]

    def expected(self, name, reference, hashes, command):
        before, containers, after, _ = self.sample(name)
        containers[0].update(id=reference, name=reference, layers=hashes, command=command)
        return "\n".join([*before, CONTAINERS + json.dumps(containers, separators=(",", ":")), *after])

    def generated(self, image, options, command):
        path = image.write_layout(os.path.join(self.folder, "layout"))
        text = self.caisson("policy", "generate", "-q", *options, f"oci:{path}", "--", *command)
        containers = next(line for line in text.split("\n") if line.startswith(CONTAINERS))
        own = json.loads(containers[len(CONTAINERS):])[0]
        hashes = [self.caisson("layer", "hash", os.path.join(path, "blobs", each["digest"].replace(":", "/"))).strip()
                  for each in image.layers]
        self.assertEqual(own["layers"], hashes)
        return text, own["id"], hashes

    def test_writes_what_confcom_writes(self):
        for name, (options, command) in SAMPLES.items():
            with self.subTest(sample=name):
                config = self.sample(name)[3]
                self.assertEqual(config, {"Env": [PATH]})
                image = Image(sizes=(1000, 5000), kinds=("gzip", "zstd"), run=config)
                text, reference, hashes = self.generated(image, options, command)
                self.assertEqual(text, self.expected(name, reference, hashes, command))

    def test_takes_from_the_image_what_confcom_takes(self):
        """Command, folder, variables and the signal that stops it, from the image alone."""
        before, containers, after, _ = self.sample("aci23-minimal-default")
        config = {"Env": [PATH, "A=1"], "Entrypoint": ["/bin/app"], "Cmd": ["-v", "a b"], "WorkingDir": "/srv",
                  "StopSignal": "SIGQUIT", "User": "7:8"}
        text, reference, hashes = self.generated(Image(run=config), [], [])
        rules = containers[0]["env_rules"]
        at = next(number for number, rule in enumerate(rules) if rule["pattern"] == PATH)
        rules.insert(at + 1, dict(rules[at], pattern="A=1"))
        containers[0].update(id=reference, name=reference, layers=hashes, command=["/bin/app", "-v", "a b"],
                             working_dir="/srv", signals=[9, 15, 3])
        containers[0]["user"].update(user_idname={"pattern": "7", "strategy": "id"},
                                     group_idnames=[{"pattern": "8", "strategy": "id"}])
        expected = "\n".join([*before, CONTAINERS + json.dumps(containers, separators=(",", ":")), *after])
        self.assertEqual(text, expected)


if __name__ == "__main__":
    tap.main()
