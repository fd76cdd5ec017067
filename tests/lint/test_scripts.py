#!/usr/bin/python3
"""The lints and the summary find what they are there to find."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")


def run(script, *arguments, root=None):
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    if root:
        environment["CAISSON_LINT_ROOT"] = root
    done = subprocess.run([os.path.join(SCRIPTS, script), *arguments], env=environment, text=True,
                          capture_output=True, check=False)  # fmt: skip
    return done.returncode, done.stdout


class Tree(unittest.TestCase):
    """A test with a folder of its own to write sources into."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Ladder(Tree):
    def check(self, name, text):
        os.makedirs(os.path.join(self.folder.name, "src"), exist_ok=True)
        self.write(name, text)
        return run("lint-ladder", root=self.folder.name)

    def test_accepts_what_stands_below(self):
        self.assertEqual(self.check("src/policy/a.c", '#include "base/buf.h"\n#include <stdio.h>\n'), (0, ""))

    def test_refuses_a_climb(self):
        status, output = self.check("src/base/a.c", '#include "crypto/digest.h"\n')
        self.assertEqual(status, 1)
        self.assertIn("src/base may not include src/crypto", output)

    def test_refuses_openssl_outside_crypto(self):
        self.assertEqual(self.check("src/vm/a.h", "#include <openssl/sha.h>\n")[0], 1)
        self.assertEqual(self.check("src/vm/a.h", "")[0], 0)
        self.assertEqual(self.check("src/crypto/a.c", "#include <openssl/sha.h>\n")[0], 0)

    def test_refuses_the_system_in_a_pure_folder(self):
        for header in ("unistd.h", "time.h", "sys/stat.h", "fcntl.h"):
            self.assertEqual(self.check("src/format/a.c", f"#  include <{header}>\n")[0], 1, header)
        self.assertEqual(self.check("src/format/a.c", "")[0], 0)
        self.assertEqual(self.check("src/os/a.c", "#include <unistd.h>\n")[0], 0)

    def test_refuses_a_folder_that_it_does_not_know(self):
        self.assertEqual(self.check("src/attic/a.c", "")[0], 1)

    def test_refuses_a_system_call_in_a_pure_library(self):
        source = self.write("a.c", "#include <unistd.h>\nint f(void);\nint f(void) { return close(0); }\n")
        folder = os.path.join(self.folder.name, "src/policy")
        os.makedirs(folder)
        subprocess.run(["cc", "-c", source, "-o", f"{folder}/a.c.o"], check=True)
        subprocess.run(["ar", "rc", f"{folder}/libcaisson-policy.a", f"{folder}/a.c.o"], check=True)
        status, output = run("lint-ladder", self.folder.name, root=self.folder.name)
        self.assertEqual(status, 1)
        self.assertIn("a.c.o calls close()", output)


class Words(Tree):
    def check(self, text, name="src/a.c"):
        self.write(name, text)
        return run("lint-words", name, root=self.folder.name)

    def test_refuses_banned_calls_but_not_their_names_in_prose(self):
        self.assertEqual(self.check('/* strcpy(a) */ char *t = "sprintf(x)"; // gets()\n'), (0, ""))
        for call in ("strcpy(a, b)", "sprintf (a, b)", "system(a)", "atoi(a)", "alloca(3)"):
            self.assertEqual(self.check(f"int f(void)\n{{\n    {call};\n}}\n")[0], 1, call)

    def test_refuses_descriptors_that_children_inherit(self):
        self.assertEqual(self.check("f = open(path,\n     O_RDONLY);\n")[0], 1)
        self.assertEqual(self.check("f = open(path,\n     O_RDONLY | O_CLOEXEC);\n")[0], 0)
        self.assertEqual(self.check('f = fopen(path, "r");\n')[0], 1)
        self.assertEqual(self.check('f = fopen(path, "re");\n')[0], 0)

    def test_refuses_files_that_are_too_long(self):
        self.assertEqual(self.check("int a;\n" * 801)[0], 1)
        self.assertEqual(self.check("int a;\n" * 800)[0], 0)

    def test_refuses_a_python_that_path_decides(self):
        self.assertEqual(self.check("#!/usr/bin/env " "python3\n", "scripts/a")[0], 1)
        self.assertEqual(self.check("#!/usr/bin/python3\n", "scripts/a")[0], 0)

    def test_refuses_paths_of_a_machine(self):
        self.assertEqual(self.check("see /ho" "me/someone/notes\n", "docs/a.md")[0], 1)
        self.assertEqual(self.check("see /usr/share/doc\n", "docs/a.md")[0], 0)


class Tracked(Tree):
    """The lints that read what git tracks, in a tree with one file."""

    def check(self, script, name, text, *arguments):
        path = self.write(name, text)
        for command in (("init", "-q"), ("add", "-f", name)):
            subprocess.run(["git", *command], cwd=self.folder.name, check=True)
        status, output = run(script, *arguments, root=self.folder.name)
        os.unlink(path)
        return status, output

    def test_refuses_a_header_that_needs_another(self):
        self.assertEqual(self.check("lint-headers", "src/a/a.h", "#include <stddef.h>\nsize_t f(void);\n")[0], 0)
        self.assertNotEqual(self.check("lint-headers", "src/a/a.h", "size_t f(void);\n")[0], 0)
        self.assertNotEqual(self.check("lint-headers", "include/caisson/a.h", "struct a { uint8_t b; };\n")[0], 0)

    @unittest.skipUnless(shutil.which("clang-format"), "no clang-format; scripts/deps lint installs it")
    def test_refuses_another_layout_and_mends_it(self):
        shutil.copy(os.path.join(SCRIPTS, "..", ".clang-format"), self.folder.name)
        self.assertEqual(self.check("lint-format", "a.c", "int f(void);\n")[0], 0)
        self.assertNotEqual(self.check("lint-format", "a.c", "int  f( void );\n")[0], 0)
        path = self.write("a.c", "int  f( void );\n")
        run("lint-format", "-i", root=self.folder.name)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "int f(void);\n")

    @unittest.skipUnless(shutil.which("clang-tidy") and shutil.which("cppcheck"),
                         "no clang-tidy or cppcheck; scripts/deps lint installs them")
    def test_refuses_what_clang_tidy_or_cppcheck_finds(self):
        shutil.copy(os.path.join(SCRIPTS, "..", ".clang-tidy"), self.folder.name)
        build = os.path.join(self.folder.name, "build")
        os.makedirs(build)
        with open(os.path.join(build, "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump([{"directory": self.folder.name, "command": "cc -c src/a.c", "file": "src/a.c"}], file)
        good = "int f(int a);\nint f(int a)\n{\n    return a + 1;\n}\n"
        tidy = "int f(int a);\nint f(int a)\n{\n    if (a == a)\n        return 1;\n    return 0;\n}\n"
        check = "int f(void);\nint f(void)\n{\n    int a[2] = {0};\n    return a[2];\n}\n"
        self.assertEqual(self.check("lint-tidy", "src/a.c", good), (0, ""))
        for wrong in (tidy, check):
            self.assertNotEqual(self.check("lint-tidy", "src/a.c", wrong)[0], 0, wrong)


class Manual(Tree):
    def check(self, page):
        """A program of one command with one option, and its page."""
        caisson = self.write("caisson", "#!/bin/sh\n[ $1 = __manual ] && echo do ||"
                             " echo '  -f, --force   at once'\n")
        os.chmod(caisson, 0o755)
        path = self.write("man/man1/caisson-do.1", page)
        status, output = run("lint-manual", caisson, os.path.join(self.folder.name, "man"))
        os.unlink(path)
        return status, output

    PAGE = ".TH CAISSON-DO 1\n.SH NAME\ncaisson-do \\- does\n.SH OPTIONS\n.TP\n\\-\\-force\nat once\n"

    def test_refuses_an_option_that_no_page_has(self):
        self.assertEqual(self.check(self.PAGE)[0], 0)
        status, output = self.check(self.PAGE.replace("force", "farce"))
        self.assertEqual(status, 1)
        self.assertIn("--force is missing", output)

    def test_refuses_a_command_without_a_page(self):
        self.assertEqual(self.check("")[0], 1)


class Guest(Tree):
    def check(self, text):
        source = self.write("a.c", text)
        binary = os.path.join(self.folder.name, "caisson-guest")
        subprocess.run(["cc", "-g", source, "-o", binary], check=True)
        return run("lint-guest", binary)

    def test_refuses_a_guest_that_is_too_large(self):
        status, output = self.check("char a[3100000] = {1};\nint main(void)\n{\n    return a[0];\n}\n")
        self.assertEqual(status, 1)
        self.assertRegex(output, "^3[0-9]{6} bytes stripped")

    def test_refuses_a_guest_whose_lines_cannot_be_counted(self):
        status, output = self.check("int main(void)\n{\n    return 0;\n}\n")
        self.assertEqual(status, 1)
        self.assertIn("names no source of this project", output)

    def test_says_that_there_is_none(self):
        self.assertEqual(run("lint-guest", os.path.join(self.folder.name, "absent"))[0], 77)


class Fuzz(unittest.TestCase):
    def test_each_target_is_built_and_has_seeds(self):
        folder = os.path.join(SCRIPTS, "..", "tests", "fuzz")
        with open(os.path.join(folder, "meson.build"), encoding="utf-8") as file:
            built = set(re.findall(r"\['(\w+)', \[", file.read()))
        sources = {name[5:-2] for name in os.listdir(folder) if re.fullmatch(r"fuzz_\w+\.c", name)}
        self.assertEqual(sources, built)
        for name in sorted(built):
            self.assertTrue(os.listdir(os.path.join(folder, "corpus", name)), name)


class Summary(Tree):
    def check(self, *entries):
        text = "".join(json.dumps({"name": "t", "stderr": "", **entry}) + "\n" for entry in entries)
        status, output = run("test-summary", self.write("log.json", text))
        return status, output.splitlines()

    def test_counts_the_tests_of_a_tap_program(self):
        stdout = "1..3\nok 1 - a\n# SKIP: no vectors\nok 2 - b\nok 3 - c\n"
        status, lines = self.check({"result": "OK", "stdout": stdout})
        self.assertEqual((status, lines[-1]), (0, "2 passed, 0 failed, 1 skipped"))
        self.assertIn("no vectors", lines[0])

    def test_counts_a_failed_line_and_a_crash(self):
        status, lines = self.check({"result": "FAIL", "stdout": "1..1\nnot ok 1 - a\n"})
        self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        status, lines = self.check({"result": "ERROR", "stdout": "1..2\nok 1 - a\n"})
        self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_counts_other_programs_by_their_status(self):
        for result, closing in (("OK", "1 passed, 0 failed, 0 skipped"), ("TIMEOUT", "0 passed, 1 failed, 0 skipped")):
            self.assertEqual(self.check({"result": result, "stdout": ""})[1][-1], closing)
        lines = self.check({"result": "SKIP", "stdout": "SKIP: no guest\n"})[1]
        self.assertIn("no guest", lines[0])

    def test_fails_when_nothing_ran(self):
        self.assertEqual(self.check()[0], 1)
        self.assertEqual(run("test-summary", os.path.join(self.folder.name, "absent.json"))[0], 1)


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(stream=sys.stdout))
