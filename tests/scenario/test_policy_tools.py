#!/usr/bin/python3
"""`caisson policy check` and `caisson policy diff`: what a policy lets run, and what differs between two."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, tap
from lib.oci import Image

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Tools(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-tools-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = dict(os.environ, CAISSON_HOME=os.path.join(self.folder, "home"))

    def policy(self, *words, status=0):
        result = subprocess.run([paths.CAISSON, "policy", *words], env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(result.returncode, status, result.stderr.decode())
        return result.stdout.decode(), result.stderr.decode()

    def image(self, name, **changes):
        config = {"Env": [PATH, "A=1"], "Entrypoint": ["/bin/app"], "Cmd": ["go"], "WorkingDir": "/srv", **changes}
        return "oci:" + Image(sizes=(1000, 2000), run=config).write_layout(os.path.join(self.folder, name))

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def generated(self, image, name="p.rego", *words):
        return self.file(name, self.policy("generate", "-q", *words, image)[0])

    def test_check_tells_what_fits_and_what_is_missing(self):
        image = self.image("one")
        path = self.generated(image)
        out, _ = self.policy("check", "-q", path, image)
        self.assertEqual(out, f'{image}: fits container "{image}"\n')
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for name, change, said in (
                ("argument", ('"go"', '"stop"'), 'argv[1] is "go", the policy has "stop"'),
                ("folder", ('"working_dir":"/srv"', '"working_dir":"/"'), 'cwd is "/srv", the policy has "/"'),
                ("layers", ('"layers":["', '"layers":["' + "ab" * 32 + '","'), "3")):
            with self.subTest(change=name):
                self.assertIn(change[0], text)
                out, _ = self.policy("check", "-q", self.file("other.rego", text.replace(*change)), image, status=1)
                self.assertIn("REFUSED", out)
                self.assertIn(said, out)

    def test_check_judges_each_image_and_takes_the_options_of_run(self):
        one, other = self.image("one"), self.image("other", Cmd=["stop"])
        path = self.generated(one)
        out, _ = self.policy("check", "-q", path, one, other, status=1)
        self.assertIn(f"{one}: fits", out)
        self.assertIn(f"{other}: REFUSED", out)
        out, _ = self.policy("check", "-q", "-w", "/tmp", path, one, status=1)
        self.assertIn('cwd is "/tmp"', out)
        self.policy("check", path, status=2)
        self.policy("check", "-q", path, "oci:" + os.path.join(self.folder, "none"), status=3)
        self.policy("check", "-q", self.file("bad", "package policy\nx"), one, status=1)

    def test_diff_tells_keys_and_has_a_status(self):
        image = self.image("one")
        first = self.generated(image)
        self.assertEqual(self.policy("diff", first, first)[0], "")
        second = self.generated(image, "q.rego", "-e", "B=2", "-w", "/tmp")
        out, _ = self.policy("diff", first, second, status=1)
        self.assertIn('working_dir: "/srv" -> "/tmp"', out)
        added = [line for line in out.splitlines() if "env_rules: + " in line]
        self.assertEqual(len(added), 1)
        self.assertEqual(json.loads(added[0].split("env_rules: + ")[1])["pattern"], "B=2")
        self.policy("diff", first, status=2)
        self.policy("diff", first, "/nonexistent", status=3)

    def confcom(self, *words, status=0):
        result = subprocess.run([paths.CAISSON, "confcom", "acifragmentgen", *words], env=self.environment, cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(result.returncode, status, result.stderr.decode())
        return result.stdout.decode(), result.stderr.decode()

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def test_acifragmentgen_writes_the_policys_containers_as_a_fragment(self):
        image = self.image("one")
        out, _ = self.confcom("--image", image, "--namespace", "side", "--svn", "7", "--outraw")
        self.assertEqual(self.read("side.rego") + "\n", out)
        self.assertTrue(out.startswith('package side\n\nsvn := "7"\nframework_version := "0.2.3"\n\nfragments := [\n'))
        line = out.removesuffix("\n\n").split("\n")[-1]
        (row,) = json.loads(line.removeprefix("containers := "))
        policy = self.read(os.path.basename(self.generated(image)))
        theirs = next(line for line in policy.split("\n") if line.startswith("containers := "))
        self.assertEqual(row["layers"], json.loads(theirs.removeprefix("containers := "))[0]["layers"])
        self.assertEqual((row["command"], row["id"]), (["/bin/app", "go"], image))
        out, _ = self.confcom("--image", image, "--namespace", "side", "--svn", "7", "--omit-id", "--no-print",
                              "--output-filename", "out.rego")
        self.assertEqual(out, "")
        (pretty,) = json.loads(self.read("out.rego").split("\ncontainers := ")[1])
        self.assertEqual(pretty, {key: value for key, value in row.items() if key not in ("id", "name")})

    def test_acifragmentgen_refuses_by_name(self):
        image = self.image("one")
        for words, status, said in ((("--namespace", "policy", "--svn", "1"), 1, "reserved"), (("--namespace", "a.b", "--svn", "1"), 2, "not a name"),
                                    (("--namespace", "a", "--svn", "x"), 2, "not a number"), (("--namespace", "a"), 2, "--svn"),
                                    (("--namespace", "a", "--svn", "1", "--key", "k"), 2, "--chain"),
                                    (("--namespace", "a", "--svn", "1", "--minimum-svn", "1"), 2, "--generate-import"),
                                    (("--namespace", "a", "--svn", "1", "--upload-fragment"), 1, "nothing is sent"),
                                    (("--generate-import", "--minimum-svn", "1"), 1, "registry")):
            with self.subTest(words=words):
                self.assertIn(said, self.confcom("--image", image, *words, status=status)[1])
        for words, said in ((("--generate-import",), "--fragment-path"), (("--generate-import", "--fragment-path", "x"), "--minimum-svn"),
                            (("--generate-import", "--fragment-path", "x", "--minimum-svn", "-1"), "not a number"),
                            (("--generate-import", "--fragment-path", "x", "--minimum-svn", "1", "--svn", "1"), "does not go"),
                            (("--namespace", "a", "--svn", "1"), "--input")):
            with self.subTest(words=words):
                self.assertIn(said, self.confcom(*words, status=2)[1])
        config = self.file("none.json", json.dumps({"containers": [], "fragments": [{"feed": "f", "issuer": "i", "minimum_svn": "1",
                                                                                    "includes": ["containers"]}]}))
        self.assertIn("0 containers", self.confcom("--input", config, "--namespace", "a", "--svn", "1", status=1)[1])
        self.assertEqual([name for name in os.listdir(self.folder) if name.endswith(".rego")], [])

    def test_allow_all_only_when_it_is_asked_for(self):
        image = self.image("one")
        path = self.file("all.rego", 'package policy\napi_version := "0.10.0"\nframework_version := "0.2.3"\n' + "".join(
            f'{point} := {{"allowed": true}}\n' for point in ("mount_device", "mount_overlay", "create_container")))
        self.assertIn("--insecure-allow-all", self.policy("check", "-q", path, image, status=1)[1])
        out, error = self.policy("check", "-q", "--insecure-allow-all", path, image)
        self.assertIn("EVERYTHING", out)
        self.assertIn("ALLOW-ALL", error)
        self.assertIn("--insecure-allow-all", self.policy("diff", path, path, status=1)[1])
        self.policy("diff", "--insecure-allow-all", path, path)


if __name__ == "__main__":
    tap.main()
