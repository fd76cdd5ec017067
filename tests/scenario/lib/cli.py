"""Runs the real `caisson`, with a home of its own, and leaves nothing running."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from . import images, paths, tap


def children_of(pid):
    """The numbers of all processes below pid, itself not among them."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                parents.setdefault(int(fields[1]), []).append(int(name))
            except OSError:
                pass
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class CliCase(unittest.TestCase):
    """Each test has its own state; the disks of the layers are kept between tests."""

    @classmethod
    def setUpClass(cls):
        tap.needs_guest()

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-cli-")
        self.home = os.path.join(paths.BUILD, "scenario-home")
        runtime = os.path.join(self.folder, "run")
        os.makedirs(runtime, 0o700)
        os.makedirs(self.home, exist_ok=True)
        self.environment = dict(os.environ, CAISSON_HOME=self.home, CAISSON_RUN=runtime,
                                CAISSON_GUEST=paths.GUEST)
        self.started = []
        self.names = []
        self.addCleanup(self.clean_up)

    def clean_up(self):
        for name in self.names:
            self.caisson("rm", "-f", name, check=False)
        for process in self.started:
            if process.poll() is None:
                for pid in children_of(process.pid):
                    kill(pid)
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def caisson(self, *arguments, check=True, timeout=120, data=None):
        """Runs to the end: the CompletedProcess, its outputs as bytes."""
        result = subprocess.run([paths.CAISSON, *arguments], env=self.environment, input=data, timeout=timeout,
                                stdin=subprocess.DEVNULL if data is None else None, capture_output=True, check=False)
        if check and result.returncode != 0:
            self.fail(f"caisson {' '.join(arguments)} ended with {result.returncode}:\n"
                      f"{result.stdout.decode(errors='replace')[-3000:]}{result.stderr.decode(errors='replace')[-3000:]}")
        return result

    @staticmethod
    def image(name):
        return "oci:" + images.layout(name)

    def options(self, name):
        return ["run", "--tee", "simulated", "--name", name]

    def name(self):
        """A name that no other test has; removed at the end."""
        name = f"t{os.getpid()}-{len(self.names)}-{time.monotonic_ns() % 1000000}"
        self.names.append(name)
        return name

    def run_image(self, image, *command, options=(), **rest):
        """`caisson run --rm` in the foreground."""
        return self.caisson("run", "--tee", "simulated", "--rm", *options, self.image(image), *command, **rest)

    def start_image(self, image, *command, options=()):
        """`caisson run -d`; returns the name."""
        name = self.name()
        self.caisson("run", "--tee", "simulated", "-d", "--name", name, *options, self.image(image), *command)
        return name

    def popen(self, *arguments, **options):
        process = subprocess.Popen([paths.CAISSON, *arguments], env=self.environment, **options)
        self.started.append(process)
        return process

    def eventually(self, condition, timeout=240, what="condition"):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.1)
        return self.fail(f"no {what} within {timeout} s")

    def logs(self, name):
        return self.caisson("logs", name, check=False).stdout.decode(errors="replace")


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
