#!/usr/bin/python3
"""The enclave image of the library OS, built once more from sources that lie elsewhere: the same bytes, and so the same MRENCLAVE.

The arguments are its sources, and the libraries of which it takes parts. CC and CFLAGS are those of the build.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from lib import paths, tap

IMAGE = os.path.join(paths.BUILD, "caisson-enclave")
INPUTS = [os.path.abspath(name) for name in sys.argv[1:]]


def elsewhere(name, folder):
    """A source's place in the copied tree; one that the build made is copied beside it. Libraries stay where they are."""
    if not name.endswith((".c", ".S")):
        return name
    if name.startswith(os.path.join(paths.BUILD, "")):
        return shutil.copy(name, folder)
    return os.path.join(folder, os.path.relpath(name, paths.SOURCE))


class Reproduced(unittest.TestCase):
    def test_the_same_bytes_from_sources_elsewhere(self):
        with tempfile.TemporaryDirectory(prefix="caisson-elsewhere-") as folder:
            for part in ("scripts", "src"):
                shutil.copytree(os.path.join(paths.SOURCE, part), os.path.join(folder, "deeper", part))
            inputs = [elsewhere(name, os.path.join(folder, "deeper")) for name in INPUTS]
            self.assertGreater(len(inputs), 100)
            command = [os.path.join(folder, "deeper/scripts/build-enclave"), "--no-vectors", "--at", "0x100000000", folder + "/image", *inputs]
            built = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)
            self.assertEqual(built.returncode, 0, built.stderr)
            with open(IMAGE, "rb") as here, open(folder + "/image", "rb") as there:
                self.assertTrue(here.read() == there.read(), "the images differ")


if __name__ == "__main__":
    del sys.argv[1:]
    tap.main()
