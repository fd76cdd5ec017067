#!/usr/bin/env python3
"""make install puts what is built below PREFIX as it is given then, and what is installed runs from there."""
import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, tap


@unittest.skipUnless(os.path.exists(paths.CAISSON), f"{paths.CAISSON} is not built")
class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if " " in tempfile.gettempdir():
            raise unittest.SkipTest(f"{tempfile.gettempdir()}: make takes no build folder with a space")
        cls.folder = tempfile.mkdtemp()
        cls.build = os.path.join(cls.folder, "build")
        os.makedirs(os.path.join(cls.build, "man"))
        shutil.copy(paths.CAISSON, cls.build)
        shutil.copytree(os.path.join(paths.BUILD, "man/man1"), os.path.join(cls.build, "man/man1"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def install(self, name):
        """Installs with a tight umask and without building; returns the folder and what make said."""
        stage = os.path.join(self.folder, name)
        command = ["make", "-C", paths.SOURCE, "install", "-o", "build", "BUILD=" + self.build,
                   "DESTDIR=" + stage, "PREFIX=/usr"]  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        done = subprocess.run(command, text=True, capture_output=True, umask=0o077, timeout=60, check=False,
                              env=environment)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return os.path.join(stage, "usr"), done.stdout + done.stderr

    def caisson(self, root, *arguments):
        environment = {key: value for key, value in os.environ.items() if key != "CAISSON_GUEST"}
        return subprocess.run([os.path.join(root, "bin/caisson"), *arguments], text=True, capture_output=True,
                              timeout=60, check=False, env=environment, cwd="/")  # fmt: skip

    def test_a_program_and_its_manual_are_readable_by_all(self):
        root, said = self.install("without guest")
        self.assertIn("no guest is built", said)
        self.assertFalse(os.path.exists(os.path.join(root, "share/caisson")))
        self.assertEqual(self.caisson(root, "version").returncode, 0)
        self.assertEqual(os.stat(os.path.join(root, "bin/caisson")).st_mode & 0o777, 0o755)
        self.assertEqual(os.stat(os.path.join(root, "share/man/man1")).st_mode & 0o777, 0o755)
        pages = glob.glob(os.path.join(root, "share/man/man1/*.1"))
        self.assertIn("caisson-run.1", map(os.path.basename, pages))
        self.assertEqual({os.stat(page).st_mode & 0o777 for page in pages}, {0o644})

    @unittest.skipUnless(os.path.exists(os.path.join(paths.GUEST, "manifest.json")), f"no guest in {paths.GUEST}; make guest builds one")
    def test_the_guest_comes_along_and_is_found(self):
        shutil.copytree(paths.GUEST, os.path.join(self.build, "guest"))
        root, _ = self.install("with guest")
        guest = os.path.join(root, "share/caisson/guest")
        with open(os.path.join(guest, "manifest.json"), encoding="utf-8") as file:
            self.assertIn("caisson_guest", file.read())
        said = self.caisson(root, "doctor").stdout
        self.assertIn(f"{os.path.realpath(guest)}: all files are the manifest's", said)


if __name__ == "__main__":
    tap.main()
