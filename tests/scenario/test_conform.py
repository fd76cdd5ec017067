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
    return subprocess.run(command, input=b"\n", capture_output=True, timeout=60, check=True, cwd="/", env={"LANG": "C"}).stdout.decode().splitlines()


def listed():
    """What the document says: the calls that are not there, and (what is called, here) of those that differ."""
    with open(DOCS, encoding="ascii") as file:
        text = file.read()
    absent = text.split("## Not there", 1)[1].split("##", 1)[0]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", text.split("## Other answers", 1)[1], re.M)
    return set(re.findall(r"`(\w+)`", absent)), {what.strip().strip("`"): here.strip() for what, here in rows[1:]}


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
            cls.inside = run(RUN, IMAGE, "--layer", folder + "/disk", root_hash, "/bin/conform")
        cls.outside = run(CONFORM)
        cls.absent, cls.other = listed()

    def test_the_same_is_asked_inside_and_outside(self):
        self.assertGreater(len(self.inside), 700)
        self.assertEqual([line.split(":")[0] for line in self.inside], [line.split(":")[0] for line in self.outside])

    def test_what_is_not_there_is_listed(self):
        absent = {line.split(" ")[0] for line in self.inside if line.endswith(": ENOSYS")}
        lacking = {line.split(" ")[0] for line in self.outside if line.endswith(": ENOSYS")}
        self.assertEqual(sorted(absent - self.absent - lacking), [])
        self.assertEqual(sorted(self.absent - absent), [])

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
