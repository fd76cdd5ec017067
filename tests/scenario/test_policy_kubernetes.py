#!/usr/bin/python3
"""`caisson policy generate --kubernetes` and `caisson policy lock`, by the real program: images made here, no network."""
import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from lib import paths, tap
from lib.oci import Image

CONTAINERS = "containers := "
GROUP = "caisson_group := "
ANNOTATION = "microsoft.containerinstance.virtualnode.ccepolicy"
POD = """# what is to run
apiVersion: v1
kind: Pod
metadata:
  name: shop
spec:
  initContainers:
  - {name: prepare, image: "registry.example/tool:1", args: [prepare]}
  containers:
  - name: web
    image: registry.example/web:1
    command: [/file0, "--mode=$(MODE)"]
    env:
    - {name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    volumeMounts:
    - {name: settings, mountPath: /etc/shop}
    - {name: work, mountPath: /work}
  volumes:
  - {name: settings, configMap: {name: settings}}
  - {name: work, emptyDir: {sizeLimit: 8Mi}}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  mode: fast
  shop.conf: |
    colour = blue
"""


class Kubernetes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-kubernetes-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = dict(os.environ, CAISSON_HOME=self.path("home"))
        web = Image(sizes=(1000, 5000), run={"Env": ["A=b"], "Entrypoint": ["/file0"], "StopSignal": "SIGINT"})
        self.web = web.write_layout(self.path("web"))
        self.tool = Image(seed=2, run={"Entrypoint": ["/file0"], "User": "7"}).write_layout(self.path("tool"))
        self.operands = [f"registry.example/web:1=oci:{self.web}", f"registry.example/tool:1=oci:{self.tool}"]
        self.pod = self.write("pod.yaml", POD)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def policy(self, *words, status=0):
        done = subprocess.run([paths.CAISSON, "policy", *words], env=self.environment, check=False, capture_output=True,
                              timeout=60)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout.decode() if status == 0 else done.stdout.decode() + done.stderr.decode()

    def lock(self, name="images.lock.json"):
        self.policy("lock", "-q", *self.operands, "-o", self.path(name))
        return self.path(name)

    def generate(self, manifest, *words, status=0):
        return self.policy("generate", "--kubernetes", manifest, "--images", self.lock_file, *words, status=status)

    @staticmethod
    def parts(policy):
        found = {}
        for line in policy.split("\n"):
            for name in (CONTAINERS, GROUP):
                if line.startswith(name):
                    found[name] = json.loads(line[len(name):])
        return found[CONTAINERS], found[GROUP]

    def layer_hash(self, entries):
        """The root hash of the layer that the files should make, written here by another tar."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in entries:
                info = tarfile.TarInfo(name)
                info.mode = 0o755 if content is None else 0o644
                info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
                info.size = len(content or b"")
                tar.addfile(info, io.BytesIO(content or b""))
        with open(self.path("files.tar"), "wb") as file:
            file.write(out.getvalue())
        return subprocess.run([paths.CAISSON, "layer", "hash", self.path("files.tar")], check=True, timeout=60,
                              stdout=subprocess.PIPE).stdout.decode().strip()

    def test_binds_what_a_pod_says(self):
        self.lock_file = self.lock()
        with open(self.lock_file, encoding="utf-8") as file:
            locked = json.load(file)
        containers, group = self.parts(self.generate(self.pod))
        web, prepare, pause = containers
        self.assertEqual((web["name"], prepare["name"], pause["name"]), ("web", "prepare", "pause-container"))
        self.assertEqual(web["command"], ["/file0", "--mode=fast"])
        self.assertEqual(prepare["command"], ["/file0", "prepare"])
        self.assertEqual(prepare["user"]["user_idname"], {"pattern": "7", "strategy": "id"})
        self.assertEqual([rule["pattern"] for rule in web["env_rules"]][:3], ["MODE=fast", "NODE=.*", "A=b"])
        self.assertEqual(web["signals"], [9, 15, 2])
        self.assertEqual([mount["destination"] for mount in web["mounts"]][:1], ["/work"])
        self.assertNotIn("/etc/shop", [mount["destination"] for mount in web["mounts"]])
        files = self.layer_hash([("etc", None), ("etc/shop", None), ("etc/shop/.wh..wh..opq", b""),
                                 ("etc/shop/mode", b"fast"), ("etc/shop/shop.conf", b"colour = blue\n")])
        self.assertEqual(web["layers"], locked["registry.example/web:1"]["layers"] + [files])
        self.assertEqual(prepare["layers"], locked["registry.example/tool:1"]["layers"])
        self.assertEqual(group["init"], [1])
        self.assertEqual(group["empty_dirs"], [{"memory": False, "name": "work", "size": 8 << 20}])

    def test_gives_the_same_bytes_from_lock_and_images(self):
        """Images out of the store and a lock of them; the second time, the images are not there any more."""
        self.lock_file = self.lock()
        manifest = POD.replace("registry.example/web:1", f"oci:{self.web}")
        manifest = manifest.replace("registry.example/tool:1", f"oci:{self.tool}")
        direct = self.policy("generate", "-q", "--kubernetes", self.write("direct.yaml", manifest))
        direct = direct.replace(f"oci:{self.web}", "registry.example/web:1")
        direct = direct.replace(f"oci:{self.tool}", "registry.example/tool:1")
        shutil.rmtree(self.web)
        shutil.rmtree(self.path("home"))
        self.assertEqual(self.generate(self.pod), direct)
        self.assertEqual(self.generate(self.pod), direct)

    def test_a_changed_value_changes_the_policy(self):
        self.lock_file = self.lock()
        first, _ = self.parts(self.generate(self.pod))
        second, _ = self.parts(self.generate(self.write("b.yaml", POD.replace("colour = blue", "colour = red"))))
        self.assertEqual(first[1:], second[1:])
        self.assertNotEqual(first[0]["layers"][-1], second[0]["layers"][-1])
        self.assertEqual(first[0]["layers"][:-1], second[0]["layers"][:-1])

    def test_writes_policies_into_the_manifest(self):
        self.lock_file = self.lock()
        expected = self.generate(self.pod)
        printed = self.generate(self.pod, "--write")
        self.assertEqual(printed.split(), [hashlib.sha256(expected.encode()).hexdigest(), "shop"])
        with open(self.pod, encoding="utf-8") as file:
            text = file.read()
        (encoded,) = (line.split('"')[1] for line in text.split("\n") if ANNOTATION in line)
        self.assertEqual(base64.b64decode(encoded).decode(), expected)
        self.assertEqual(self.generate(self.pod), expected)
        self.generate(self.pod, "--write")
        with open(self.pod, encoding="utf-8") as file:
            self.assertEqual(file.read(), text)

    def written(self, text, *words):
        """What --write makes of a manifest, and its lines that are new."""
        path = self.path("written.yaml")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(path, 0o640)
        self.generate(path, "--write", *words)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        with open(path, encoding="utf-8", newline="") as file:
            made = file.read()
        return made, [line for line in made.splitlines() if line not in text.splitlines()]

    def test_writes_one_annotation_and_leaves_the_rest(self):
        self.lock_file = self.lock()
        policy = base64.b64encode(self.generate(self.pod).encode()).decode()
        line = f'{ANNOTATION}: "{policy}"'
        new = POD.replace("metadata:\n", f"metadata:\n  annotations:\n    {line}\n", 1)
        self.assertEqual(self.written(POD)[0], new)
        self.assertEqual(self.written(new)[0], new)
        old = new.replace(policy, "old   # as of May")
        self.assertEqual(self.written(old.replace('"old', "old").replace('May"', "May"))[0],
                         new.replace(line, line + "   # as of May"))
        windows = POD.replace("\n", "\r\n")
        made, lines = self.written(windows)
        self.assertEqual(made, new.replace("\n", "\r\n"))
        self.assertEqual(len(lines), 2)
        flow = POD.replace("metadata:\n  name: shop\n", "metadata: {name: shop, labels: {a: b}} # flow\n", 1)
        made, lines = self.written(flow)
        self.assertEqual(lines, [f'metadata: {{"annotations": {{"{ANNOTATION}": "{policy}"}}, name: shop, labels: {{a: b}}}} # flow'])

    def test_writes_into_items_of_lists(self):
        self.lock_file = self.lock()
        pod, settings = POD.split("---\n")
        items = "".join("- " + "\n  ".join(part.rstrip().split("\n")[skip:]) + "\n" for part, skip in ((pod, 1), (settings, 0)))
        text = "# all of it\napiVersion: v1\nkind: List\nitems:\n" + items
        made, lines = self.written(text)
        self.assertEqual([line.split(":")[0] for line in lines], ["    annotations", "      " + ANNOTATION])
        self.assertEqual([line for line in made.split("\n") if line not in lines], text.split("\n"))
        self.assertTrue(made.index("metadata:") < made.index(lines[0]) < made.index("name: shop"))

    def test_refuses_to_write_where_more_would_change(self):
        self.lock_file = self.lock()
        named = "metadata:\n  name: shop\n"
        for more, said in (("  labels: &l {a: b}\n  annotations: *l\n", "aliases"),
                           (f"  annotations:\n    {ANNOTATION}: | # x\n      old\n", "a comment")):
            text = POD.replace(named, named + more, 1)
            path = self.write("alias.yaml", text)
            self.assertIn(said, self.generate(path, "--write", status=1))
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), text)

    def test_chooses_among_workloads(self):
        self.lock_file = self.lock()
        other = POD.split("---")[0].replace("name: shop", "name: other").replace("MODE, valueFrom: {configMapKeyRef: "
                                                                                 "{name: settings, key: mode}}",
                                                                                 "MODE, value: slow")
        manifest = self.write("two.yaml", POD + "---\n" + other)
        self.assertIn("2 workloads", self.generate(manifest, status=2))
        self.assertIn("--mode=slow", self.generate(manifest, "--workload", "other"))
        self.assertIn("no workload", self.generate(manifest, "--workload", "none", status=3))
        self.assertEqual(len(self.generate(manifest, "--write").split("\n")), 3)

    def secrets(self, *words, status=0):
        """With these options: what the policy says of secrets, or why there is none."""
        root = self.write("root.pem", "PEM")
        given = ["--secret-service", "https://kbs.example", "--secret-root", root, *words]
        done = self.policy("generate", "--kubernetes", self.pod, "--images", self.lock(), *given, status=status)
        if status:
            return done
        line = [each for each in done.split("\n") if each.startswith("caisson_attestation := ")]
        return json.loads(line[0].split(" := ", 1)[1]) if line else None

    def test_gives_secrets_to_the_containers_that_are_named(self):
        self.assertIsNone(self.secrets())
        said = self.secrets("--secret", "prepare:db", "--secret", "web:app/key/one:/key", "--secret", "web:pw=PASSWORD")
        self.assertEqual([(each["container"], each["resource"], each.get("path"), each.get("variable"))
                          for each in said["secrets"]],
                         [(1, "default/secret/db", "/run/secrets/db", None), (0, "app/key/one", "/key", None),
                          (0, "default/secret/pw", None, "PASSWORD")])  # fmt: skip
        self.assertEqual((said["services"], said["api"]), ([{"roots": "PEM", "url": "https://kbs.example"}], False))
        said = self.secrets("--security-context", "--attestation-api")
        self.assertTrue(said["api"])
        self.assertEqual([each["container"] for each in said["secrets"]], [0, 0, 0, 1, 1, 1])
        self.assertEqual({each["variable"] for each in said["secrets"] if "variable" in each}, {"UVM_SECURITY_CONTEXT_DIR"})

    def test_refuses_secrets_of_no_container(self):
        for bad in ("db", "other:db", "we:db", "webb:db", "web=db", ":db", "db:/path"):
            with self.subTest(bad):
                self.assertIn("begin it with CONTAINER:", self.secrets("--secret", bad, status=2))
        for bad in ("web:", "web::/a", "web:db:", "web:db="):
            with self.subTest(bad):
                self.assertIn("NAME, NAME:/PATH or NAME=VARIABLE", self.secrets("--secret", bad, status=2))
        self.assertIn("--secret does not go with --arm",
                      self.policy("generate", "--arm", self.pod, "--secret", "web:db", status=2))

    def test_refuses_what_cannot_be_had(self):
        """Nothing is printed, and the message names document, container and field."""
        self.lock_file = self.lock()
        changes = {
            "  initContainers:": ("  hostNetwork: true\n  initContainers:", "hostNetwork: a namespace of the host"),
            "emptyDir: {sizeLimit: 8Mi}": ("hostPath: {path: /}", "hostPath"),
            "spec.nodeName": ("spec.nodname", 'container: "web": env: NODE: fieldPath "spec.nodname"'),
            "command: [": ("privileged: true\n    command: [", 'field "privileged" is unknown'),
            "mountPath: /etc/shop": ("mountPath: /var/run/shop", "mount below /run instead"),
            "key: mode": ("key: none", 'MODE: no ConfigMap "settings" with key "none"'),
            "web:1": ("gone:1", 'the image lock has no "registry.example/gone:1"'),
            "kind: Pod": ("kind: Pod\nkind: Pod", "line 4"),
        }
        for old, (new, words) in changes.items():
            with self.subTest(change=new):
                manifest = self.write("bad.yaml", POD.replace(old, new, 1))
                done = subprocess.run([paths.CAISSON, "policy", "generate", "--kubernetes", manifest, "--images",
                                       self.lock_file], env=self.environment, check=False, capture_output=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (3 if " no " in words else 1, b""))
                self.assertIn(words, done.stderr.decode())

    def test_hashes_layers_and_makes_no_disks(self):
        """A policy needs root hashes alone; they are kept, and a layer that is not what the image says is refused."""
        self.lock()
        disks = self.path("home/disks")
        self.assertEqual({name.split(".")[-1] for name in os.listdir(disks)}, {"json"})
        self.assertEqual(len(os.listdir(disks)), 3)
        blobs = os.path.join(self.tool, "blobs/sha256")
        layer = max(os.listdir(blobs), key=lambda name: os.path.getsize(os.path.join(blobs, name)))
        with open(os.path.join(blobs, layer), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))
        self.lock("cached.json")
        shutil.rmtree(self.path("home"))
        self.policy("lock", "-q", *self.operands, "-o", self.path("bad.json"), status=1)
        self.assertFalse(os.path.exists(self.path("bad.json")))

    def test_refuses_words_that_do_not_go_together(self):
        self.lock_file = self.lock()
        for words in (["-e", "A=1"], ["image"], ["--write", "-o", "x"], ["--write", "--workload", "shop"]):
            with self.subTest(words=words):
                self.generate(self.pod, *words, status=2)
        self.policy("generate", "--images", self.lock_file, "image", status=2)
        self.policy("lock", status=2)
        self.policy("lock", "--check", self.lock_file, "-o", self.path("x"), status=2)

    def test_tells_what_changed(self):
        lock = self.lock()
        self.assertEqual(self.policy("lock", "-q", "--check", lock, *self.operands), "")
        changed = Image(sizes=(1000, 5001), run={"Env": ["A=c"], "Entrypoint": ["/file0"]})
        changed.write_layout(self.web)
        lines = self.policy("lock", "-q", "--check", lock, *self.operands, status=1).strip().split("\n")
        self.assertEqual(lines[0], 'registry.example/web:1: Env[0]: "A=b" -> "A=c"')
        self.assertEqual(lines[1], 'registry.example/web:1: StopSignal: "SIGINT" -> ""')
        self.assertTrue(lines[2].startswith("registry.example/web:1: layers[1]: "), lines)
        self.assertEqual(len(lines), 3)
        more = self.policy("lock", "-q", "--check", lock, f"other:1=oci:{self.tool}", status=1)
        self.assertEqual(more, "other:1: not in the lock\n")

    def test_locks_the_images_of_a_manifest(self):
        manifest = self.write("local.yaml", "kind: Pod\nspec: {containers: [{name: a, image: 'oci:" + self.tool + "'}]}\n")
        lock = json.loads(self.policy("lock", "-q", "--kubernetes", manifest))
        self.assertEqual(list(lock), [f"oci:{self.tool}"])
        self.assertEqual(lock[f"oci:{self.tool}"]["config"], {"Env": [], "Entrypoint": ["/file0"], "Cmd": [],
                                                              "WorkingDir": "", "User": "7", "StopSignal": ""})
        self.assertIn("two images", self.policy("lock", "-q", f"a=oci:{self.tool}", f"a=oci:{self.web}", status=1))


if __name__ == "__main__":
    tap.main()
