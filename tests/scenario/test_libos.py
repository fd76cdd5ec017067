#!/usr/bin/python3
"""The library OS: a program that was not made for it runs in an enclave of the model as it does outside.

ENCLAVE_IMAGE names the enclave, ENCLAVE_RUN what runs a program in it, ENCLAVE_HELLO such a program.
"""
import os
import subprocess
import tempfile
import unittest

from lib import paths, tap

IMAGE, RUN, HELLO = (os.path.abspath(os.environ["ENCLAVE_" + name]) for name in ("IMAGE", "RUN", "HELLO"))
LINT = os.path.join(paths.SOURCE, "scripts", "lint-enclave")


def run(*command, data=b""):
    env = {"CAISSON_TEST": "a text", "LANG": "C"}
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False, env=env)


def inside(program, *arguments, data=b""):
    return run(RUN, IMAGE, program, *arguments, data=data)


class Libos(unittest.TestCase):
    def same(self, *arguments, data=b""):
        outside = run(HELLO, *arguments, data=data)
        result = inside(HELLO, *arguments, data=data)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (outside.returncode, outside.stdout, outside.stderr))
        return result

    def test_the_image_is_clean(self):
        result = run("/usr/bin/python3", LINT, IMAGE)
        self.assertEqual((result.returncode, result.stdout), (0, b""))

    def test_arguments_environment_streams_and_the_exit_code(self):
        result = self.same("say", "one", "", "two words")
        self.assertIn(b"a text 42", result.stdout)
        self.assertEqual(result.returncode, 45)

    def test_standard_input_is_read_to_its_end(self):
        self.same("copy", data=b"a line\nanother\n" * 9000)

    def test_what_is_larger_than_the_door(self):
        self.same("large")

    def test_memory_comes_goes_and_changes(self):
        self.assertEqual(self.same("pages").stdout, b"pages\n")

    def test_calls_answer_as_linux_does(self):
        self.assertEqual(self.same("calls").stdout, b"calls\n")

    def test_an_exception_ends_the_program_alone(self):
        result = inside(HELLO, "fault")
        self.assertEqual(result.returncode, 128 + 11)
        self.assertIn(b"libos: the program ended by the exception 0x000000000000000e", result.stderr)

    def test_what_is_not_there_says_so_once(self):
        result = inside(HELLO, "unknown")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr.count(b"ENOSYS: bpf\n"), 1)
        self.assertIn(b"0x0000000000000fa0", result.stderr)

    def test_refuses_what_is_no_program_for_it(self):
        with tempfile.NamedTemporaryFile() as file, open(HELLO, "rb") as hello:
            good = hello.read()
            fixed = good[:16] + b"\x02" + good[17:]
            for data, words in ((b"", b"too short"), (b"#!/bin/sh\n" * 99, b"no ELF file"), (good[:64], b"program headers"),
                                (good[:5000], b"beyond its end"), (fixed, b"fixed address")):  # fmt: skip
                file.seek(0)
                file.truncate()
                file.write(data)
                file.flush()
                result = inside(file.name)
                self.assertEqual((result.returncode, result.stdout), (125, b""), words)
                self.assertIn(words, result.stderr)
        result = inside("/bin/true")
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"linked dynamically", result.stderr)


if __name__ == "__main__":
    tap.main()
