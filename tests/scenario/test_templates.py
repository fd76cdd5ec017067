#!/usr/bin/python3
"""Policies from ARM templates and confcom's JSON, by the real program: written into the template, compared with what is
there, and refused where a value cannot be known. Everything is made here."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, tap
from lib.oci import Image

HASHES = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("base", "app")}
LOCK = {
    "r.example/web:1": {"config": {"Env": ["PATH=/bin", "MODE=image"], "Entrypoint": ["/web"], "WorkingDir": "/srv",
                                   "StopSignal": "SIGQUIT", "User": "7"},
                        "layers": [HASHES["base"], HASHES["app"]]},
    "r.example/job:1": {"config": {}, "layers": [HASHES["base"]]},
}
TEMPLATE = """{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "parameters": { "mode": {"type": "string", "defaultValue": "fast"}, "key": {"type": "securestring"} },
  "variables": { "tag": "1", "image": "[format('r.example/web:{0}', variables('tag'))]" },
  "resources": [
    {"type": "Microsoft.Storage/storageAccounts", "name": "[uniqueString(resourceGroup().id)]"},
    {"type": "Microsoft.ContainerInstance/containerGroups", "name": "shop",
     "properties": {
       "confidentialComputeProperties": {"ccePolicy": ""},
       "ipAddress": {"dnsNameLabel": "[uniqueString(resourceGroup().id)]"},
       "containers": [
         {"name": "web", "properties": {"image": "[variables('image')]", "ports": [{"port": 1.50}],
          "environmentVariables": [{"name": "MODE", "value": "[toUpper(parameters('mode'))]"},
                                   {"name": "KEY", "secureValue": "[parameters('key')]"}]}}]}},
    {"type": "Microsoft.ContainerInstance/containerGroups", "name": "jobs",
     "properties": {"containers": [{"name": "job", "properties": {"image": "r.example/job:1", "command": ["/run"]}}]}}
  ]
}
"""
# What confcom can read: no functions.
PLAIN = TEMPLATE.replace("[format('r.example/web:{0}', variables('tag'))]", "r.example/web:1").replace(
    "[toUpper(parameters('mode'))]", "[parameters('mode')]")
MANIFEST = """apiVersion: v1
kind: Pod
metadata:
  name: job
spec:
  containers:
    - name: job
      image: r.example/job:1
      command: [/run]
---
kind: ConfigMap
apiVersion: v1
metadata:
  name: settings
data: {a: b}
"""
PARAMETERS = {"parameters": {"key": {"value": "s3cr3t-value"}}}


class Templates(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-templates-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("lock.json", json.dumps(LOCK))
        self.write("parameters.json", json.dumps(PARAMETERS))
        self.write("template.json", TEMPLATE)
        self.write("plain.json", PLAIN)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def caisson(self, *words, status=0):
        done = subprocess.run([paths.CAISSON, *words], cwd=self.folder, check=False, capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, CAISSON_HOME=os.path.join(self.folder, "home")))
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertNotIn("s3cr3t-value", done.stderr)
        return done

    def confcom(self, *words, status=0):
        return self.caisson("confcom", "acipolicygen", *words, status=status)

    def generate(self, *words, status=0):
        return self.caisson("policy", "generate", *words, status=status)

    def policies(self, name):
        """The policies in a template, decoded, by group."""
        groups = [one for one in json.loads(self.read(name))["resources"] if one["type"].endswith("containerGroups")]
        return {one["name"]: base64.b64decode(one["properties"]["confidentialComputeProperties"]["ccePolicy"]).decode()
                for one in groups}

    def containers(self, policy):
        line = next(line for line in policy.split("\n") if line.startswith("containers := "))
        return json.loads(line[len("containers := "):])

    ARM = ("--arm", "template.json", "--parameters", "parameters.json", "--images", "lock.json")
    CONFCOM = ("-a", "plain.json", "-p", "parameters.json", "--images", "lock.json")

    def test_evaluates_what_the_policy_needs(self):
        policy = self.generate(*self.ARM, "--workload", "shop").stdout
        web, pause = self.containers(policy)
        rules = [rule["pattern"] for rule in web["env_rules"]]
        self.assertEqual(rules[:3], ["MODE=FAST", "KEY=s3cr3t-value", "PATH=/bin"])
        self.assertEqual((web["id"], web["command"], web["working_dir"], web["signals"], web["layers"]),
                         ("r.example/web:1", ["/web"], "/srv", [9, 15, 3], [HASHES["base"], HASHES["app"]]))
        self.assertEqual(web["user"]["user_idname"], {"pattern": "7", "strategy": "id"})
        self.assertEqual(pause["name"], "pause-container")
        again = self.generate(*self.ARM, "--workload", "shop", "-o", "shop.rego")
        self.assertEqual((again.stdout, self.read("shop.rego")), ("", policy))

    def test_writes_policies_into_the_template(self):
        lines = self.generate(*self.ARM, "--write").stdout.splitlines()
        policies = self.policies("template.json")
        self.assertEqual(lines, [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}" for name, text in policies.items()])
        written = self.read("template.json")
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in policies.items()}
        expected = TEMPLATE.replace('"ccePolicy": ""', f'"ccePolicy": "{encoded["shop"]}"').replace(
            '"properties": {"containers": [{"name": "job"',
            '"properties": {"confidentialComputeProperties": {"ccePolicy": "%s"}, "containers": [{"name": "job"' % encoded["jobs"])
        self.assertEqual(written, expected)
        self.generate(*self.ARM, "--write")
        self.assertEqual(self.read("template.json"), expected)
        self.assertEqual(self.generate(*self.ARM, "--diff").stdout.count("the policy is the same"), 2)

    def test_tells_what_differs(self):
        self.generate(*self.ARM, "--write")
        changed = json.loads(json.dumps(LOCK))
        changed["r.example/web:1"]["layers"].pop()
        changed["r.example/web:1"]["config"]["Env"].append("NEW=hidden-value")
        self.write("lock.json", json.dumps(changed))
        before = self.read("template.json")
        told = self.generate(*self.ARM, "--diff", status=1).stdout
        self.assertIn('container group "shop": the policy there (first) differs from the one made (second)\n', told)
        self.assertIn('container "web": layers: differs\n', told)
        self.assertIn('container "web": env_rules: + "NEW"\n', told)
        self.assertIn('container group "jobs": the policy is the same\n', told)
        self.assertNotIn("hidden-value", told)
        self.assertEqual(self.read("template.json"), before)

    def test_refuses_what_it_cannot_know(self):
        for changed, why in ((TEMPLATE.replace("parameters('mode')", "uniqueString('x')"), "uniqueString()"),
                             (TEMPLATE.replace("parameters('mode')", "resourceGroup().location"), "--location"),
                             (TEMPLATE.replace("toUpper(", "toUpperr("), "toUpperr() is not known"),
                             (TEMPLATE.replace('"command": ["/run"]', '"command": "[parameters(\'key\')]"'), "an array"),
                             (TEMPLATE.replace("/job:1", "/gone:1"), "the image lock has no")):
            with self.subTest(why=why):
                self.write("template.json", changed)
                done = self.caisson("policy", "generate", *self.ARM, "--write", status=1 if "known" in why or "array" in why else 3)
                self.assertIn(why, done.stderr)
                self.assertEqual(self.read("template.json"), changed)
        self.write("template.json", TEMPLATE.replace("parameters('mode')", "resourceGroup().location"))
        told = self.generate(*self.ARM, "--workload", "shop", "--location", "west").stdout
        self.assertIn('"MODE=WEST"', told)

    def test_leaves_unknown_variables_open_when_told(self):
        words = ("--arm", "template.json", "--images", "lock.json", "--workload", "shop")
        self.assertIn("give it by --parameters", self.generate(*words, status=3).stderr)
        web = self.containers(self.generate(*words, "--approve-wildcards").stdout)[0]
        self.assertIn({"pattern": "KEY=.*", "required": False, "strategy": "re2"}, web["env_rules"])

    def test_reads_confcoms_json(self):
        self.write("input.json", json.dumps({"containers": [{"name": "w", "properties": {"image": "r.example/web:1"}}]}))
        policy = self.generate("--input", "input.json", "--images", "lock.json").stdout
        self.assertEqual([one["name"] for one in self.containers(policy)], ["w", "pause-container"])
        printed = self.confcom("-i", "input.json", "--images", "lock.json", "--outraw").stdout
        self.assertEqual(printed, policy + "\n\n\n")
        in_base64 = self.confcom("-i", "input.json", "--images", "lock.json", "-s", "saved").stdout
        self.assertEqual(in_base64, base64.b64encode(policy.encode()).decode() + "\n\n\n")
        self.assertEqual(self.read("saved") + "\n\n\n", in_base64)

    def test_confcom_writes_into_the_template(self):
        hashes = self.confcom(*self.CONFCOM).stdout.splitlines()
        policies = self.policies("plain.json")
        self.assertEqual(hashes, [hashlib.sha256(text.encode()).hexdigest() for text in policies.values()])
        self.assertIn('"MODE=fast"', policies["shop"])
        existing = self.confcom("-a", "plain.json", "--print-existing-policy").stdout
        self.assertEqual(existing, "".join(f"CCE Policy for Container Group: {name}\n\n{text}\n" for name, text in policies.items()))
        before = self.read("plain.json")
        self.assertIn("--approve-wildcards", self.confcom(*self.CONFCOM, "--debug-mode", status=1).stderr)
        self.assertEqual(self.read("plain.json"), before)
        self.confcom(*self.CONFCOM, "--debug-mode", "-y")
        self.assertIn('["/bin/sh"]', self.policies("plain.json")["shop"])

    def described(self, *options):
        """What acipolicygen prints for one group, by name, and the text itself."""
        text = self.confcom("-a", "one.json", "--images", "lock.json", "--outraw", *options).stdout
        head, rest = text.split("\nfragments := ", 1)
        fragments, rest = rest.split("\n\ncontainers := ", 1)
        found = {"fragments": json.loads(fragments)}
        for line in (head + "\ncontainers := " + rest).split("\n"):
            name, is_definition, value = line.partition(" := ")
            if is_definition and value.startswith(("[", "true", "false", '"')):
                found[name] = json.loads(value)
        return found, text

    def test_confcom_options_have_their_effect(self):
        """Each option of its help that changes the policy changes this, and nothing else."""
        template = {"resources": [{"type": "Microsoft.ContainerInstance/containerGroups", "name": "one", "properties": {
            "containers": [{"name": "web", "properties": {"image": "r.example/web:1"}}]}}]}
        own = {"feed": "r.example/side", "issuer": "did:x509:0:sha256:x::eku:1.2", "minimum_svn": "3", "includes": ["containers"]}
        self.write("one.json", json.dumps(template))
        self.write("fragments.json", json.dumps({"fragments": [dict(own, path="side.cose")]}))
        plain, text = self.described()
        shells = [{"command": [f"/bin/{shell}"], "signals": []} for shell in ("sh", "bash")]
        (infrastructure,) = plain["fragments"]
        web, pause = plain["containers"]
        for options, changed in (
                ([], {}),
                (["--enable-stdio"], {}),
                (["--faster-hashing"], {}),
                (["--include-fragments"], {}),
                (["--confcom-version", "2.3.0"], {}),
                (["--confcom-version", "1.3.0", "--exclude-default-fragments"],  # which confcom then passed over
                 {"api_version": "0.10.0", "containers": [dict(web, signals=[3]), dict(pause, signals=[])]}),
                (["--debug-mode"], {"allow_dump_stacks": True, "allow_runtime_logging": True,
                                    "containers": [dict(web, exec_processes=shells), pause]}),
                (["--disable-stdio"], {"containers": [dict(each, allow_stdio_access=False) for each in (web, pause)]}),
                (["--exclude-default-fragments"], {"fragments": []}),
                (["--infrastructure-svn", "9"], {"fragments": [dict(infrastructure, minimum_svn="9")]}),
                (["--include-fragments", "--fragments-json", "fragments.json"], {"fragments": [infrastructure, own]}),
                (["-f", "-j", "fragments.json", "-e"], {"fragments": [own]}),
                (["--omit-id"], {"containers": [{key: web[key] for key in web if key != "id"}, pause]}),
                (["--prerelease-policy-api"], {"api_version": "0.12.0", "framework_version": "0.5.0", "allow_host_network": False})):
            with self.subTest(options=options):
                self.assertEqual(self.described(*options)[0], dict(plain, **changed))
        words = ("-a", "one.json", "--images", "lock.json")
        pretty = self.confcom(*words, "--outraw-pretty-print").stdout
        self.assertIn('containers := [\n  {\n    "allow_elevated": false,\n', pretty)
        encoded = self.confcom(*words, "--print-policy", "--save-to-file", "saved").stdout
        self.assertEqual(base64.b64decode(encoded), text.removesuffix("\n\n\n").encode())
        self.assertEqual(self.read("saved"), encoded.rstrip("\n"))
        self.assertEqual(self.read("one.json"), json.dumps(template))
        self.assertIn("--input", self.confcom("--with-containers", "[]", *words, status=1).stderr)

    def test_confcom_compares(self):
        self.confcom(*self.CONFCOM)
        self.assertEqual(self.confcom(*self.CONFCOM, "--diff").stdout, "Existing policy and Template match\n" * 2)
        self.write("parameters.json", json.dumps({"parameters": {"key": {"value": "s3cr3t-value"}, "mode": {"value": "slow"}}}))
        told = self.confcom(*self.CONFCOM, "--diff", status=2).stdout
        self.assertIn('container "web": env_rules: + "MODE"\n', told)
        self.assertIn("Existing policy and Template match\n", told)

    def test_confcom_writes_into_manifests(self):
        """As into templates: the hash is printed, a policy that is there is kept unless --approve-wildcards says otherwise."""
        self.write("pod.yaml", MANIFEST)
        words = ("--virtual-node-yaml", "pod.yaml", "--images", "lock.json")
        policy = self.confcom(*words, "--outraw").stdout.removesuffix("\n\n\n")
        self.assertEqual(self.read("pod.yaml"), MANIFEST)
        self.assertEqual(self.confcom(*words, "--diff", status=2).stdout, "there is no policy in the file\n")
        digest = hashlib.sha256(policy.encode()).hexdigest() + "\n"
        self.assertEqual(self.confcom(*words).stdout, digest)
        written = self.read("pod.yaml")
        self.assertIn(base64.b64encode(policy.encode()).decode(), written)
        self.assertIn("kind: ConfigMap", written)
        self.assertEqual(self.confcom(*words, "--diff").stdout, "Existing policy and Template match\n")
        self.assertIn("--approve-wildcards", self.confcom(*words, "--debug-mode", status=1).stderr)
        self.assertEqual(self.read("pod.yaml"), written)
        self.assertNotEqual(self.confcom(*words, "--debug-mode", "-y").stdout, digest)
        self.assertIn("exec_processes", self.confcom(*words, "--diff", status=2).stdout)

    def test_replaces_an_expression(self):
        self.write("template.json", TEMPLATE.replace('"ccePolicy": ""', '"ccePolicy": "[parameters(\'key\')]"'))
        told = self.generate(*self.ARM, "--diff", status=1).stdout
        self.assertIn("the policy in the file is an expression\n", told)
        self.generate(*self.ARM, "--write")
        self.assertIn("MODE=FAST", self.policies("template.json")["shop"])

    def test_refuses_to_compare_with_what_is_no_policy(self):
        self.write("template.json", TEMPLATE.replace('"ccePolicy": ""', f'"ccePolicy": "{base64.b64encode(b"package x").decode()}"'))
        self.assertIn('"shop"', self.generate(*self.ARM, "--diff", status=1).stderr)
        self.write("template.json", TEMPLATE.replace('"ccePolicy": ""', '"ccePolicy": "!"'))
        self.assertIn('"shop"', self.generate(*self.ARM, "--diff", status=1).stderr)

    def test_takes_images_out_of_archives(self):
        Image(sizes=(1000,), run={"Cmd": ["/x"]}).write_archive(os.path.join(self.folder, "web.tar"), "r.example/web:1")
        self.write("tars.json", json.dumps({"r.example/web:1": "web.tar"}))
        one = self.confcom("--image", "r.example/web:1", "--tar", "web.tar", "--outraw").stdout
        self.assertEqual(self.containers(one)[0]["command"], ["/x"])
        self.assertEqual(self.confcom("--image", "r.example/web:1", "--tar", "tars.json", "--outraw").stdout, one)

    def test_refuses_options_that_do_not_go_together(self):
        for words in (("confcom", "acipolicygen"),
                      ("confcom", "acipolicygen", "-a", "plain.json", "-i", "plain.json"),
                      ("confcom", "acipolicygen", "-i", "x", "-p", "parameters.json"),
                      ("confcom", "acipolicygen", "--image", "x", "--diff"),
                      ("confcom", "acipolicygen", "--image", "x", "--outraw", "--print-policy"),
                      ("confcom", "acipolicygen", "--image", "x", "--enable-stdio", "--disable-stdio"),
                      ("confcom", "acipolicygen", "--image", "x", "-e", "--infrastructure-svn", "3"),
                      ("confcom", "acipolicygen", "--image", "x", "-j", "lock.json"),
                      ("confcom", "acipolicygen", "--image", "x", "--confcom-version", "0.3.2"),
                      ("confcom", "acipolicygen", "--image", "x", "--confcom-version", "2"),
                      ("confcom", "acipolicygen", "--image", "x", "--confcom-version", "1.3.0", "--prerelease-policy-api"),
                      ("confcom", "acipolicygen", "x"),
                      ("policy", "generate", *self.ARM),
                      ("policy", "generate", *self.ARM, "image"),
                      ("policy", "generate", *self.ARM, "--input", "x"),
                      ("policy", "generate", *self.ARM, "-e", "A=1"),
                      ("policy", "generate", *self.ARM, "--write", "--diff"),
                      ("policy", "generate", *self.ARM, "--write", "-o", "x"),
                      ("policy", "generate", "--input", "x", "--parameters", "y"),
                      ("policy", "generate", "--parameters", "y", "image")):
            with self.subTest(words=words):
                self.assertNotEqual(self.caisson(*words, status=2).stderr, "")
        for option in ("--validate-sidecar", "--include-kube-proxy"):
            self.caisson("confcom", "acipolicygen", option, "-a", "plain.json", status=1)


if __name__ == "__main__":
    tap.main()
