"""Programs of this system in an enclave of the model: layers with them and their libraries, and what starts them there."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from lib import paths

IMAGE, RUN = (os.path.abspath(os.environ["ENCLAVE_" + name]) for name in ("IMAGE", "RUN"))
ENVIRONMENT = {"LANG": "C", "LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def run(*command, data=b"", timeout=60, cwd=None):
    return subprocess.run(command, input=data, capture_output=True, timeout=timeout, check=False, env=ENVIRONMENT, cwd=cwd)


def libraries(program):
    return set(re.findall(r"(?:=> )?(/\S+) \(0x", run("/usr/bin/ldd", program).stdout.decode()))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Root:
    """The folder that becomes a layer."""

    def __init__(self, path):
        self.path = path
        os.makedirs(path + "/tmp")

    def write(self, path, data, mode=0o644):
        os.makedirs(self.path + os.path.dirname(path), exist_ok=True)
        with open(self.path + path, "wb") as file:
            file.write(data)
        os.chmod(self.path + path, mode)

    def add(self, path):
        """A file of this system, with the libraries that it wants."""
        for one in {path, *libraries(path)}:
            if not os.path.exists(self.path + one):
                os.makedirs(self.path + os.path.dirname(one), exist_ok=True)
                shutil.copyfile(one, self.path + one)
                os.chmod(self.path + one, 0o755)

    def add_tree(self, path, without=()):
        for folder, folders, files in os.walk(path):
            folders[:] = [name for name in folders if name not in without]
            for name in files:
                if ".so" in name:
                    self.add(os.path.join(folder, name))
                else:
                    with open(os.path.join(folder, name), "rb") as file:
                        self.write(os.path.join(folder, name), file.read())

    def add_certificate(self):
        """/etc/ssl/cert.pem and key.pem, of localhost."""
        os.makedirs(self.path + "/etc/ssl", exist_ok=True)
        made = run("/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                   "-addext", "subjectAltName=DNS:localhost", "-keyout", self.path + "/etc/ssl/key.pem", "-out", self.path + "/etc/ssl/cert.pem")  # fmt: skip
        if made.returncode:
            raise RuntimeError(made.stderr.decode())
        os.chmod(self.path + "/etc/ssl/key.pem", 0o644)

    def build(self):
        """The layer, as enclave-run's words."""
        disk = self.path + ".disk"
        run("/bin/tar", "--owner=0", "--group=0", "--numeric-owner", "-C", self.path, "-cf", self.path + ".tar", ".")
        built = run(paths.CAISSON, "layer", "build", self.path + ".tar", "-o", disk, "--json")
        if built.returncode:
            raise RuntimeError(built.stderr.decode())
        return "--layer", disk, json.loads(built.stdout)["root_hash"]


class Case(unittest.TestCase):
    """PROGRAMS of this system are in the layer, as far as they are there, and what fill() adds."""

    PROGRAMS = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = Root(cls.folder.name + "/root")
        cls.there = [program for program in cls.PROGRAMS if os.path.exists(program)]
        for program in cls.there:
            cls.root.add(program)
        cls.fill(cls.root)
        cls.layer = cls.root.build()

    @classmethod
    def fill(cls, root):
        pass

    def need(self, *programs):
        for program in programs:
            if not os.path.exists(program):
                self.skipTest(program + " is not on this machine")

    def inside(self, *command, data=b"", timeout=120):
        return run(RUN, IMAGE, *self.layer, *command, data=data, timeout=timeout)

    def same(self, *command, data=b"", timeout=120):
        """The same inside and outside: what is said, and the code."""
        outside, result = run(*command, data=data, timeout=timeout), self.inside(*command, data=data, timeout=timeout)
        self.assertEqual((result.returncode, result.stdout), (outside.returncode, outside.stdout), result.stderr)
        return result

    def start(self, *command, options=()):
        process = subprocess.Popen([RUN, IMAGE, *options, *self.layer, *command], env=ENVIRONMENT,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        return process

    def wait_for(self, process, text):
        """Reads what the program says until it has said this."""
        said = b""
        while text not in said:
            line = process.stdout.readline()
            self.assertNotEqual(line, b"", said)
            said += line
        return said

    def until(self, what, seconds=60):
        """Asks until the answer is one."""
        end = time.monotonic() + seconds
        while not (answer := what()):
            self.assertLess(time.monotonic(), end, "in vain")
            time.sleep(0.05)
        return answer
