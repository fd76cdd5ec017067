#!/usr/bin/python3
"""make install puts what is built below PREFIX as it is given then, and what is installed runs from there."""
import glob
import os
import re
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
        shutil.copy(os.path.join(paths.BUILD, "caisson-attestd"), cls.build)
        shutil.copytree(os.path.join(paths.BUILD, "man/man1"), os.path.join(cls.build, "man/man1"))
        shutil.copytree(os.path.join(paths.BUILD, "src/api"), os.path.join(cls.build, "src/api"), symlinks=True)
        os.makedirs(os.path.join(cls.build, "meson-private"))
        shutil.copy(os.path.join(paths.BUILD, "meson-private/caisson.pc"), os.path.join(cls.build, "meson-private"))

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

    def test_the_service_and_its_unit_name_each_other(self):
        root, _ = self.install("service")
        attestd = os.path.join(root, "bin/caisson-attestd")
        with open(os.path.join(root, "lib/systemd/system/caisson-attestd.service"), encoding="utf-8") as file:
            unit = file.read()
        self.assertIn("\nExecStart=/usr/bin/caisson-attestd --config /etc/caisson/attestd.yaml\n", unit)
        self.assertNotIn("@PREFIX@", unit)
        self.assertEqual(os.stat(file.name).st_mode & 0o777, 0o644)
        done = subprocess.run([attestd, "--config", "/nowhere/attestd.yaml"], text=True, capture_output=True, timeout=60,
                              check=False)  # fmt: skip
        self.assertEqual(done.returncode, 3)
        self.assertIn("/nowhere/attestd.yaml", done.stderr)

    @unittest.skipUnless(os.path.exists(os.path.join(paths.GUEST, "manifest.json")), f"no guest in {paths.GUEST}; make guest builds one")
    def test_the_guest_comes_along_and_is_found(self):
        shutil.copytree(paths.GUEST, os.path.join(self.build, "guest"))
        root, _ = self.install("with guest")
        guest = os.path.join(root, "share/caisson/guest")
        with open(os.path.join(guest, "manifest.json"), encoding="utf-8") as file:
            self.assertIn("caisson_guest", file.read())
        said = self.caisson(root, "doctor").stdout
        self.assertIn(f"{os.path.realpath(guest)}: all files are the manifest's", said)

    @unittest.skipUnless(os.path.exists(os.path.join(paths.BUILD, "caisson-enclave.mrenclave")), "no enclave image is built")
    def test_the_enclave_comes_along_with_the_constant_that_verifiers_compare(self):
        names = ("caisson-enclave", "caisson-enclave.sig", "caisson-enclave.mrenclave", "caisson-enclave-host")
        for name in names:
            shutil.copy(os.path.join(paths.BUILD, name), self.build)
            self.addCleanup(os.unlink, os.path.join(self.build, name))
        root, _ = self.install("with enclave")
        enclave = os.path.join(root, "share/caisson/enclave")
        self.assertEqual(sorted(os.listdir(enclave)), sorted(names))
        modes = {name: os.stat(os.path.join(enclave, name)).st_mode & 0o777 for name in names}
        self.assertEqual(modes, {name: 0o755 if name.endswith("host") else 0o644 for name in names})
        with open(os.path.join(enclave, "caisson-enclave.mrenclave"), encoding="ascii") as file:
            constant = file.read()
        self.assertRegex(constant, r"\A[0-9a-f]{64}\n\Z")
        self.assertIn(constant.strip(), self.caisson(root, "enclave", "info", os.path.join(enclave, "caisson-enclave")).stdout)

    def run_tool(self, *command, **environment):
        done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False,
                              env=dict(os.environ, **environment))  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_library_serves_a_program_that_is_built_elsewhere(self):
        """docs/library.c against what is installed, by what pkg-config says; shared and static."""
        root, _ = self.install("library")
        lib = os.path.join(root, "lib")
        search = {"PKG_CONFIG_PATH": os.path.join(lib, "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": os.path.dirname(root),
                  "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1", "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"}  # fmt: skip
        source = os.path.join(paths.SOURCE, "docs/library.c")
        flags = self.run_tool("pkg-config", "--cflags", "--libs", "caisson", **search).split()
        self.assertIn("-lcaisson", flags)
        shared, static = os.path.join(self.folder, "shared"), os.path.join(self.folder, "static")
        strict = ["cc", "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
        self.run_tool(*strict, source, "-o", shared, *flags)
        self.run_tool(*strict, source, "-o", static, f"-I{root}/include", f"{lib}/libcaisson.a", "-lcrypto", "-ljansson")
        for program in (shared, static):
            done = subprocess.run([program, source, source, "00" * 32], text=True, capture_output=True, timeout=60,
                                  check=False, env=dict(os.environ, LD_LIBRARY_PATH=lib))  # fmt: skip
            self.assertEqual((done.returncode, done.stdout), (1, "refused\n"), done.stderr)
            self.assertIn("certificates[0]", done.stderr)

    def test_library_exports_what_the_headers_declare_and_needs_two_libraries(self):
        library = os.path.join(paths.BUILD, "src/api/libcaisson.so")
        rows = [line.split() for line in self.run_tool("nm", "-D", "--defined-only", library).splitlines()]
        names = {row[2].split("@@")[0] for row in rows if row[1] == "T"}
        versions = {row[2].split("@@")[1] for row in rows if row[1] == "T" and "@@" in row[2]}
        declared = set()
        for header in glob.glob(os.path.join(paths.SOURCE, "include/caisson/*.h")):
            with open(header, encoding="utf-8") as file:
                declared |= set(re.findall(r"CAISSON_API[^;(]*?\b(caisson_\w+)\(", file.read()))
        self.assertEqual(names, declared)
        self.assertEqual(versions, {"CAISSON_0.1"})
        needed = set(re.findall(r"NEEDED.*\[(.*?)\.so", self.run_tool("readelf", "-d", library)))
        self.assertLessEqual(needed, {"libcrypto", "libjansson", "libc"})
        seen = {line.split()[2] for line in self.run_tool(
            "nm", "-g", "--defined-only", os.path.join(paths.BUILD, "src/api/libcaisson.a")).splitlines() if " T " in line}
        self.assertEqual(seen, declared)

    def test_headers_serve_c_and_cplusplus(self):
        for header in glob.glob(os.path.join(paths.SOURCE, "include/caisson/*.h")):
            for language in (["-x", "c", "-std=c11"], ["-x", "c++", "-std=c++11"]):
                self.run_tool("cc", *language, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                              f"-I{paths.SOURCE}/include", header)  # fmt: skip


if __name__ == "__main__":
    tap.main()
