#!/usr/bin/python3
"""The commands of docs/keys.md's "Try it", as they stand there, in a fresh folder: only ports are others."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from lib import paths, tap
from lib.ports import free_ports

PAGE = os.path.join(paths.SOURCE, "docs/keys.md")
PROGRAMS = ("swtpm", "softhsm2-util", "jose", "sqlite3", "curl", "openssl")


def commands():
    """What a reader types; the section must be there, and hold it all."""
    with open(PAGE, encoding="utf-8") as file:
        section = re.search(r"^## Try it\n(.*?)^## ", file.read(), re.M | re.S).group(1)
    return re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)


class TryIt(unittest.TestCase):
    def setUp(self):
        missing = [name for name in PROGRAMS if not shutil.which(name)]
        if missing:
            self.skipTest(f"not installed: {' '.join(missing)}")
        self.folder = tempfile.mkdtemp(prefix="caisson-documented-")
        self.addCleanup(shutil.rmtree, self.folder)

    def end_all(self):
        """Of a walk that ended early, what it left running: its group, and the TPM, which has left it."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            with open(os.path.join(self.folder, "tpm/pid"), encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass

    def walk(self, script):
        """Exit status and output of the commands, one shell for all of them."""
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("CAISSON_", "XDG_", "SOFTHSM2_"))}  # fmt: skip
        environment["PATH"] = f"{paths.BUILD}:{environment['PATH']}"
        log = os.path.join(self.folder, "..", os.path.basename(self.folder) + ".log")
        self.addCleanup(os.unlink, log)
        with open(log, "wb") as out:  # a file: what is left running does not hold it open
            self.process = subprocess.Popen(["bash", "-e", "-u", "-o", "pipefail", "-c", script], cwd=self.folder, env=environment,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)  # fmt: skip
            self.addCleanup(self.end_all)
            status = self.process.wait(240)
        with open(log, encoding="utf-8", errors="replace") as file:
            return status, file.read()

    def test_each_command_does_what_the_page_says(self):
        parts = commands()
        self.assertEqual(len(parts), 5)
        tpm, control, service = free_ports(3)
        script = "\n".join(f"echo part {number}\n{part}" for number, part in enumerate(parts))
        script = script.replace("2321", str(tpm)).replace("2322", str(control)).replace("8443", str(service))
        status, said = self.walk(script)
        self.assertEqual(status, 0, said)
        local, bearer, by_tpm, by_token, backup = re.split(r"^part \d\n", said, flags=re.M)[1:]
        self.assertRegex(local, r"kept .*/keys/db/[0-9a-f]{32}: claim x-ms-sevsnpvm-hostdata is \"another")
        self.assertIn("not released", local)
        self.assertIn("acme: 1 entries, head 1:", bearer)
        for part in (by_tpm, by_token):
            self.assertIn("3 records were sealed anew", part)
        self.assertIn('"claim": "x-ms-sevsnpvm-hostdata"', by_tpm)
        self.assertEqual([name for name in os.listdir(os.path.join(self.folder, "state")) if name.startswith("master")], ["master.pkcs11"])
        deleted, shown = (re.findall(r"(?m)^(?:kid +)?(https:\S*/keys/db/[0-9a-f]{32})$", backup)[at] for at in (0, 1))
        self.assertEqual(deleted, shown)


if __name__ == "__main__":
    tap.main()
