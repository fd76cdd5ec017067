#!/usr/bin/python3
"""`caisson confcom acipolicygen` prints what `az confcom acipolicygen` prints: every sample of its output, each with its
own options, images out of the sample's lock, no network."""
import json
import os
import shlex
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, tap

VECTORS = os.environ.get("CAISSON_VECTORS") or os.path.join(paths.SOURCE, "../shared/vectors")
SAMPLES = os.path.join(VECTORS, "confcom")

def version_of(name, version, expected):
    """The options that stand for the version of a sample. Those named by a commit show theirs in the text."""
    if "1.3.0" in version:
        return ["--confcom-version", "1.3.1"]  # 1.3.0 could not leave the default fragment out of a template
    if b'api_version := "0.12.0"' in expected:
        return ["--confcom-version", "2.3.0", "--prerelease-policy-api"]
    if b'api_version := "0.10.0"' in expected:
        return ["--confcom-version", "1.4.0"]
    if b'"signals":[9,15' not in expected.replace(b" ", b"").replace(b"\n", b""):
        return ["--confcom-version", "2.0.0" if "vn2" in name else "2.1.1"]
    return ["--confcom-version", "2.3.0"]


def read_index():
    with open(os.path.join(SAMPLES, "INDEX.tsv"), encoding="utf-8") as index:
        return [line.rstrip("\n").split("\t") for line in index]


def read_bytes(name, part):
    with open(os.path.join(SAMPLES, name, part), "rb") as file:
        return file.read()


def parts_of(policy):
    """The texts of a policy's fragments and containers."""
    head, rest = policy.decode().split("\nfragments := ", 1)
    fragments, rest = rest.split("\n\ncontainers := ", 1)
    return fragments, rest.split("\n\nallow_properties_access")[0]


def without_pause(containers):
    """The containers' text without the last one, in the same form; the form is proved by the whole."""
    rows = json.loads(containers)
    form = {"indent": 2} if "\n" in containers else {"separators": (",", ":")}
    assert json.dumps(rows, sort_keys=True, **form) == containers
    assert rows[-1]["name"] == "pause-container"
    return json.dumps(rows[:-1], sort_keys=True, **form)


@unittest.skipUnless(os.path.isdir(SAMPLES), f"no vectors at {SAMPLES} (set CAISSON_VECTORS)")
class Samples(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="caisson-samples-")
        self.addCleanup(shutil.rmtree, self.home)

    def run_sample(self, name, options, version):
        words = [paths.CAISSON, "confcom", "acipolicygen", *shlex.split(options), "--images", "images.lock.json", *version]
        return subprocess.run(words, cwd=os.path.join(SAMPLES, name), env=dict(os.environ, CAISSON_HOME=self.home),
                              check=False, capture_output=True, timeout=60)

    def test_prints_the_same_bytes(self):
        """226 samples: 84 published, 14 checked by length, the others computed with confcom's public code."""
        compared = 0
        for name, _, version, options in read_index():
            with self.subTest(sample=name):
                expected = read_bytes(name, "expected.rego")
                done = self.run_sample(name, options, version_of(name, version, expected))
                self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr.decode())
            compared += 1
        self.assertGreaterEqual(compared, 226)

    def test_fragments_are_made_of_the_same_bytes(self):
        """There is no sample of acifragmentgen. Its text is two definitions of the policy that acipolicygen makes of the
        same input, without the pause container, below four lines of its own (confcom's customer_rego_fragment.txt)."""
        compared = 0
        for name, _, version, options in read_index():
            expected = read_bytes(name, "expected.rego")
            if "--input" not in options or "2.3.0" not in version or "--approve-wildcards" in options or \
                    b"\nfragments := " not in expected or json.loads(read_bytes(name, "config.json")).get("containers") in (None, []):
                continue
            with self.subTest(sample=name):
                fragments, containers = parts_of(expected)
                words = [word for word in shlex.split(options) if word != "--outraw-pretty-print"]
                words[words.index("config.json")] = os.path.join(SAMPLES, name, "config.json")
                done = subprocess.run([paths.CAISSON, "confcom", "acifragmentgen", *words, "--namespace", "side", "--svn", "3",
                                       "--images", os.path.join(SAMPLES, name, "images.lock.json")], cwd=self.home,
                                      env=dict(os.environ, CAISSON_HOME=self.home), check=False, capture_output=True, timeout=60)
                text = f'package side\n\nsvn := "3"\nframework_version := "0.2.3"\n\nfragments := {fragments}\n\n' \
                       f"containers := {without_pause(containers)}\n"
                self.assertEqual((done.returncode, done.stdout.decode()), (0, text + "\n"), done.stderr.decode())
                with open(os.path.join(self.home, "side.rego"), encoding="utf-8") as file:
                    self.assertEqual(file.read(), text)
            compared += 1
        self.assertGreaterEqual(compared, 8)


if __name__ == "__main__":
    tap.main()
