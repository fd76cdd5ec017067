"""Runs a file's unittest cases and reports in TAP, which meson and scripts/test-summary read.

A test that cannot run says why: `# SKIP reason`. A failure's trace goes to the output as comments.
"""
import os
import signal
import sys
import time
import unittest

from . import paths


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.broken = set()
        self.began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def line(self, good, test, note=""):
        self.count += 1
        seconds = f" ({time.monotonic() - self.began:.1f} s)"
        print(f"{'ok' if good else 'not ok'} {self.count} - {name_of(test)}{note or seconds}", flush=True)

    def broke(self, test, error):
        self.line(False, test)
        for line in self._exc_info_to_string(error, test).splitlines():
            print(f"#   {line}")
        sys.stdout.flush()

    def addSuccess(self, test):
        if test.id() not in self.broken:
            self.line(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.broke(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.broke(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.broken.add(test.id())
            self.broke(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, f" # SKIP {reason}")


def name_of(test):
    """test_refuses_x → refuses x; a subtest keeps its parameters."""
    parts = str(test.id()).split(".")[-1] if not hasattr(test, "test_case") else (
        test.test_case.id().split(".")[-1] + " " + test._subDescription())
    return parts.replace("test_", "", 1).replace("_", " ").replace("#", "")


def needs_guest():
    """Skips the file where there is no guest to boot."""
    for name in ("vmlinux", "initrd", "cmdline.simulated"):
        if not os.path.exists(os.path.join(paths.GUEST, name)):
            raise unittest.SkipTest(f"no {paths.GUEST}/{name}; make guest builds it")


def heed_signals():
    """What whoever started the tests ignores (nohup, a shell's job in the background), programs of theirs would ignore too."""
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main():
    heed_signals()
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    names = sys.argv[1:]
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names, sys.modules["__main__"]) if names else (
        loader.loadTestsFromModule(sys.modules["__main__"]))
    print("TAP version 13", flush=True)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.count}")
    sys.exit(0 if result.wasSuccessful() and result.count else 1)
