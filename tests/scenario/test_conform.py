#!/usr/bin/python3
"""Every system call answers in an enclave as it does outside, but for what docs/sgx-calls.md lists.

The program (tests/enclave/conform.c) makes each call that Linux has on x86-64 with zeros, with ones, and many with right arguments. What is
listed must be so, and what differs must be listed; where this machine's own kernel lacks a call or fences it off, nothing is compared.
"""
import os
import re
import subprocess
import tempfile
import unittest

from lib import paths, tap

IMAGE, RUN, CONFORM = (os.environ["ENCLAVE_" + name] for name in ("IMAGE", "RUN", "CONFORM"))
DOCS = os.path.join(paths.SOURCE, "docs", "sgx-calls.md")


def run(*command):
    """What is said, and what the log says."""
    done = subprocess.run(command, input=b"\n", capture_output=True, timeout=60, check=True, cwd="/", env={"LANG": "C"})
    return done.stdout.decode().splitlines(), done.stderr.decode().splitlines()


def listed():
    """What the document says: under each title the names, and (what is called, here) of what differs, and in a child."""
    with open(DOCS, encoding="ascii") as file:
        text = file.read()
    names = {part.split("\n", 1)[0]: set(re.findall(r"`(\w+)`", part)) for part in text.split("\n## ")[1:]}
    tables = []
    for part in text.split("\n## Other answers")[1:]:
        rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", part, re.M)
        tables.append({what.strip().strip("`"): here.strip() for what, here in rows[1:]})
    return names, *tables


class Conform(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(folder + "/root/tmp")
            os.makedirs(folder + "/root/bin")
            os.chmod(folder + "/root/tmp", 0o1777)
            with open(CONFORM, "rb") as file, open(folder + "/root/bin/conform", "wb") as out:
                out.write(file.read())
            os.chmod(folder + "/root/bin/conform", 0o755)
            subprocess.run(["/bin/tar", "--owner=0", "--group=0", "-C", folder + "/root", "-cf", folder + "/tar", "."], check=True, timeout=60)
            built = subprocess.run([paths.CAISSON, "layer", "build", folder + "/tar", "-o", folder + "/disk", "--json"], check=True, capture_output=True, timeout=60)
            root_hash = re.search(r'"root_hash": *"(\w+)"', built.stdout.decode()).group(1)
            words = (RUN, IMAGE, "--layer", folder + "/disk", root_hash, "/bin/conform")
            cls.inside, cls.log = run(*words)
            cls.child, _ = run(*words, "child")
        cls.outside, _ = run(CONFORM)
        cls.names, cls.other, cls.other_in_child = listed()
        cls.absent = cls.names["Not there"]

    def logged(self, words, log):
        return sorted(line.rsplit(": ", 1)[1] for line in log if line.startswith(words))

    def test_the_same_is_asked_inside_and_outside(self):
        self.assertGreater(len(self.inside), 700)
        self.assertEqual([line.split(":")[0] for line in self.inside], [line.split(":")[0] for line in self.outside])

    def test_what_is_not_there_is_listed(self):
        absent = {line.split(" ")[0] for line in self.inside if line.endswith(": ENOSYS")}
        lacking = {line.split(" ")[0] for line in self.outside if line.endswith(": ENOSYS")}
        self.assertEqual(sorted(absent - self.absent - lacking), [])
        self.assertEqual(sorted(self.absent - absent), [])

    def test_what_is_not_there_is_in_the_log_once(self):
        silent = {"rseq"}  # each libc asks for it, and does without
        self.assertEqual(self.logged("libos: ENOSYS: ", self.log), sorted(self.absent - silent))

    def test_what_is_refused_is_in_the_log_once(self):
        refused = self.logged("libos: EPERM: ", self.log)
        self.assertEqual(refused, sorted(self.names["Refused"]))
        answers = dict(line.split(": ") for line in self.inside)
        self.assertEqual([name for name in refused if "EPERM" not in (answers[name + " zeros"], answers[name + " ones"])], [])

    def test_what_a_child_answers_otherwise_is_listed(self):
        first, linux = (dict(line.split(": ") for line in lines) for lines in (self.inside, self.outside))
        child = dict(line.split(": ") for line in self.child)
        self.assertEqual([line.split(":")[0] for line in self.child], [line.split(":")[0] for line in self.inside])
        other = {what: here for what, here in child.items() if here not in (first[what], linux[what])}
        self.assertEqual({what: here for what, here in other.items() if linux[what] not in ("ENOSYS", "EPERM")}, self.other_in_child)

    def test_what_is_tried_with_such_arguments_alone_is_listed(self):
        tried, right = set(), set()
        for line in self.inside:
            name, how = line.split(":")[0].split(" ", 1)
            (tried if how in ("zeros", "ones") else right).add(name)
        self.assertEqual(sorted(tried - right - self.absent - self.names["Refused"]), sorted(self.names["Tried by zeros and ones alone"]))

    def test_what_answers_otherwise_is_listed(self):
        unlisted = []
        for inside, outside in zip(self.inside, self.outside):
            what, here = inside.split(": ")
            there = outside.split(": ")[1]
            if here == there or here == "ENOSYS" or there in ("ENOSYS", "EPERM") or self.other.get(what) == here:
                continue
            unlisted.append(f"| `{what}` | {there} | {here} |")
        self.assertEqual(unlisted, [])

    def test_what_is_listed_is_so(self):
        answers = dict(line.split(": ") for line in self.inside)
        self.assertEqual({what: answers.get(what) for what in self.other}, self.other)


if __name__ == "__main__":
    tap.main()
