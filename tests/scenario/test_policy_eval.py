#!/usr/bin/python3
"""`caisson policy eval`: the reference's vectors through the program, and lists of our own."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, policies, tap

VECTORS = os.path.join(os.environ.get("CAISSON_VECTORS") or os.path.join(paths.SOURCE, "../shared/vectors"), "policy")
NAMES = ["attestation", *("more/" + name for name in (
    "classic", "old010", "full050", "platform", "ambig", "olderapi", "newer", "noversion"))]
COMPARED = ("i", "op", "note", "allowed", "env_kept", "caps_kept", "stdio")
HASH = "ab" * 32
ALLOW_ALL = """package policy
api_version := "0.10.0"
framework_version := "0.2.3"
mount_device := {"allowed": true}
"""


def differences():
    """{policy: {call: why}}: the calls where Caisson is stricter."""
    found = {}
    with open(os.path.join(paths.SOURCE, "tests/unit/policy/differences.txt"), encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                name, first, last, why = line.split()
                found.setdefault(name, {}).update(dict.fromkeys(range(int(first), int(last) + 1), why))
    return found


def run(*words, status=0):
    result = subprocess.run([paths.CAISSON, "policy", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if result.returncode != status:
        raise AssertionError(f"{words}: status {result.returncode}: {result.stderr.decode()}")
    return result.stdout.decode(), result.stderr.decode()


@unittest.skipUnless(os.path.isdir(VECTORS), f"no vectors at {VECTORS} (set CAISSON_VECTORS)")
class Vectors(unittest.TestCase):
    def test_agrees_with_the_reference(self):
        stricter = differences()
        for name in NAMES:
            with self.subTest(policy=name):
                self.compare(os.path.join(VECTORS, name), stricter.get(os.path.basename(name), {}))

    def compare(self, base, stricter):
        own = [json.loads(line) for line in run("eval", "--policy", base + ".rego", "--calls", base + ".calls.json")[0].splitlines()]
        with open(base + ".expected.jsonl", encoding="utf-8") as file:
            expected = [json.loads(line) for line in file]
        self.assertEqual(len(own), len(expected))
        for ours, theirs in zip(own, expected):
            same = all(ours.get(key) == theirs.get(key) for key in COMPARED)
            self.assertEqual(same, ours["i"] not in stricter, f"{ours} {theirs}")
            self.assertEqual(ours["allowed"], "errors" not in ours)
            if ours["allowed"] and not theirs["allowed"]:
                self.assertEqual(stricter[ours["i"]], "state", f"{ours} {theirs}")

    def test_refuses_hand_written_rules_with_their_line(self):
        base = os.path.join(VECTORS, "more/custom")
        out, error = run("eval", "--policy", base + ".rego", "--calls", base + ".calls.json", status=1)
        self.assertEqual(out, "")
        self.assertIn("line 32", error)


class Own(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-eval-")
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text)).encode())
        return path

    def eval(self, policy, calls, *words, status=0):
        return run("eval", "--policy", self.file("p.rego", policy), "--calls", self.file("c.json", calls), *words,
                   status=status)

    def test_answers_call_by_call_on_one_state(self):
        policy = policies.policy([policies.container([HASH], ["/bin/true"])])
        mount = {"Op": "mount_device", "Target": "/run/mounts/scsi/m0", "Hash": HASH}
        out, _ = self.eval(policy, [dict(mount, Hash="cd" * 32, Note="another"), mount, mount, {"Op": "dump_stacks"}])
        answers = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([each["allowed"] for each in answers], [False, True, False, False])
        self.assertEqual(answers[0]["note"], "another")
        self.assertIn("cdcdcd", answers[0]["errors"][0])
        self.assertIn("mounted at", answers[2]["errors"][0])
        self.assertNotIn("note", answers[1])

    def test_prints_nothing_of_a_malformed_list(self):
        policy = policies.policy([policies.container([HASH], ["/bin/true"])])
        for calls, words in (([{"Op": "dump_stacks"}, {"Op": "nothing"}], "call 1"), ({"Op": "dump_stacks"}, "an array"),
                             ("[", "JSON"), ([{"Op": "dump_stacks", "Colour": 1}], "Colour")):
            out, error = self.eval(policy, calls, status=1)
            self.assertEqual(out, "")
            self.assertIn(words, error)

    def test_wants_both_files(self):
        run("eval", status=2)
        run("eval", "--policy", self.file("p.rego", ALLOW_ALL), status=2)
        run("eval", "--policy", "/nonexistent", "--calls", "/nonexistent", status=3)

    def test_refuses_allow_all_unless_it_is_asked_for(self):
        calls = [{"Op": "mount_device", "Target": "/run/mounts/scsi/m0", "Hash": HASH}]
        self.assertIn("--insecure-allow-all", self.eval(ALLOW_ALL, calls, status=1)[1])
        out, error = self.eval(ALLOW_ALL, calls, "--insecure-allow-all")
        self.assertTrue(json.loads(out)["allowed"])
        self.assertIn("ALLOW-ALL", error)
        path = self.file("p.rego", ALLOW_ALL)
        self.assertIn("--insecure-allow-all", run("show", path, status=1)[1])
        out, error = run("show", "--insecure-allow-all", path)
        self.assertIn("mount_device allows EVERYTHING", out)
        self.assertIn("ALLOW-ALL", error)


if __name__ == "__main__":
    tap.main()
