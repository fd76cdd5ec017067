#!/usr/bin/python3
"""What the command line does with a container that runs: exec, kill, wait, pause, stats, top, cp; as a user meets it."""
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import time

from lib import tap
from lib.cli import CliCase

LOOP = "trap 'exit 9' USR1; i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"
ALLOWED = ["/bin/sh", "/bin/cat", "/bin/true", "/bin/sleep 1000", "/bin/env", "/bin/id", "/bin/pwd", "/no/such"]


class Operations(CliCase):
    """One machine for all tests but those that end it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.holder = cls("test_refuses_cp")
        cls.holder.setUp()
        options = [word for command in ALLOWED for word in ("--allow-exec", command)]
        cls.machine = cls.holder.start_image("busybox", "/bin/sh", "-c", LOOP, options=[*options, "-e", "A=own"])

    @classmethod
    def tearDownClass(cls):
        cls.holder.doCleanups()

    def setUp(self):
        if self is not getattr(self, "holder", self):
            self.folder, self.environment = self.holder.folder, self.holder.environment
            self.started, self.names = [], []
            self.addCleanup(self.end_started)
        else:
            super().setUp()

    def end_started(self):
        for process in self.started:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()

    def exec(self, *words, **rest):
        return self.caisson("exec", *words, **rest)

    def test_output_errors_and_code_are_the_processs(self):
        result = self.exec("-i", self.machine, "/bin/sh", data=b"echo out; echo err >&2; exit 42", check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (42, b"out\n", b"err\n"))
        result = self.exec("-i", self.machine, "/bin/sh", data=b"kill -9 $$", check=False)
        self.assertEqual(result.returncode, 137)

    def test_ten_megabytes_go_through(self):
        data = os.urandom(1 << 20) * 10
        self.assertEqual(self.exec("-i", self.machine, "/bin/cat", data=data).stdout, data)

    def test_without_i_there_is_no_input(self):
        self.assertEqual(self.exec(self.machine, "/bin/cat", data=b"not for you").stdout, b"")

    def test_user_and_variables_are_the_callers(self):
        self.assertEqual(self.exec("-u", "1000:7", self.machine, "/bin/id").stdout.split()[0], b"uid=1000(user)")
        found = self.exec(self.machine, "/bin/env").stdout.decode().splitlines()
        self.assertIn("A=own", found)
        found = self.exec("-e", "A=own", "-e", "EVIL=1", "-e", "TERM=xterm", self.machine, "/bin/env").stdout.decode().splitlines()
        self.assertNotIn("EVIL=1", found, "a variable that the policy has no rule for")
        self.assertIn("TERM=xterm", found)

    def test_refuses_what_the_policy_does_not_list(self):
        for words, because in ((["/bin/ls"], b"exec_processes"), (["/bin/cat", "/etc/passwd"], b"denied"), (["sh"], b"denied")):
            with self.subTest(words=words):
                result = self.exec(self.machine, *words, check=False)
                self.assertEqual((result.returncode, result.stdout), (1, b""))
                self.assertIn(because, result.stderr)
        result = self.exec("-w", "/tmp", self.machine, "/bin/pwd", check=False)
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"cwd is", result.stderr)

    def test_tells_what_is_no_program(self):
        result = self.exec(self.machine, "/no/such", check=False)
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"/no/such: No such file", result.stderr)

    def test_refuses_wrong_words(self):
        for words in ([], [self.machine], ["--privileged", self.machine, "/bin/true"], ["-d", "-i", self.machine, "/bin/true"],
                      ["-i", "-t", self.machine, "/bin/true"], ["--container", "x", self.machine, "/bin/true"],
                      ["no-such-machine", "/bin/true"]):
            with self.subTest(words=words):
                result = self.exec(*words, check=False)
                self.assertIn(result.returncode, (1, 2, 3))
                self.assertTrue(result.stderr)

    def test_many_at_once_and_one_after_another(self):
        for _ in range(3):
            running = [self.popen("exec", self.machine, "/bin/true") for _ in range(8)]
            self.assertEqual([process.wait(60) for process in running], [0] * 8)

    def test_a_client_that_goes_leaves_the_rest_alone(self):
        process = self.popen("exec", "-i", self.machine, "/bin/cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(b"x\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"x\n")
        process.kill()
        process.wait()
        self.eventually(lambda: "cat" not in self.names_in_top(), what="end of cat")
        self.exec(self.machine, "/bin/true")

    def names_in_top(self):
        return [each["name"] for each in json.loads(self.caisson("top", "--json", self.machine).stdout)]

    def test_detached_it_runs_on(self):
        self.assertEqual(self.exec("-d", self.machine, "/bin/sleep", "1000").stdout, b"")
        self.assertIn("sleep", self.names_in_top())
        listing = self.caisson("top", self.machine).stdout.decode().splitlines()
        self.assertIn("PID", listing[0])
        self.assertTrue(any(line.split()[-1] == "sleep" for line in listing))

    def test_a_terminal_is_one(self):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
        before = termios.tcgetattr(theirs)
        process = self.popen("exec", "-it", self.machine, "/bin/sh", stdin=theirs, stdout=theirs, stderr=theirs,
                             start_new_session=True)
        os.write(ours, b"tty; stty size; echo $TERM; exit 3\n")
        data, end = b"", time.monotonic() + 60
        while b"xterm\r\n" not in data:
            ready, _, _ = select.select([ours], [], [], max(0, end - time.monotonic()))
            self.assertTrue(ready, data)
            data += os.read(ours, 65536)
        self.assertEqual(process.wait(60), 3)
        self.assertRegex(data, rb"/dev/pts/[0-9]+\r\n33 99\r\n")
        self.assertEqual(termios.tcgetattr(theirs)[3], before[3], "the user's terminal is left raw")
        os.close(ours)
        os.close(theirs)

    def test_statistics_are_plausible(self):
        first = json.loads(self.caisson("stats", "--json", self.machine).stdout)
        second = json.loads(self.caisson("stats", "--json", self.machine).stdout)
        self.assertGreater(second["cpu_usec"], first["cpu_usec"])
        self.assertGreater(first["memory"], 65536)
        self.assertLess(first["memory"], first["memory_limit"])
        self.assertGreaterEqual(first["processes"], 1)
        self.assertGreater(first["read_bytes"], 4096)
        listing = self.caisson("stats", "--no-stream", self.machine).stdout.decode().splitlines()
        self.assertEqual(len(listing), 2)
        self.assertTrue(listing[1].startswith(self.machine))

    def test_paused_it_makes_no_progress(self):
        self.caisson("pause", self.machine)
        try:
            self.assertEqual(self.caisson("pause", self.machine, check=False).returncode, 1)
            self.assertIn(b" (paused)", self.caisson("ps").stdout)
            self.assertTrue(json.loads(self.caisson("inspect", self.machine).stdout)["paused"])
            result = self.exec(self.machine, "/bin/true", check=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn(b"paused", result.stderr)
            self.eventually(lambda: self.logs(self.machine) == self.logs(self.machine), what="silence")
            before = self.logs(self.machine)
            time.sleep(0.5)
            self.assertEqual(self.logs(self.machine), before)
        finally:
            self.caisson("unpause", self.machine)
        self.eventually(lambda: self.logs(self.machine) != before, what="more output")
        self.assertNotIn(b" (paused)", self.caisson("ps").stdout)
        self.assertEqual(self.caisson("unpause", self.machine, check=False).returncode, 1)

    def test_refuses_signals_that_the_policy_does_not_list(self):
        result = self.caisson("kill", "-s", "USR2", self.machine, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"signal 12 is not in the policy", result.stderr)
        self.assertEqual(self.caisson("kill", "-s", "NONE", self.machine, check=False).returncode, 2)

    def test_refuses_cp(self):
        result = self.caisson("cp", f"{self.machine}:/etc/passwd", "-", check=False)
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"what the container is protected from", result.stderr)


class Ends(CliCase):
    def test_wait_tells_the_code_of_what_ends_and_of_what_has_ended(self):
        name = self.start_image("busybox", "/bin/sh", "-c", LOOP)
        waiting = self.popen("wait", name, stdout=subprocess.PIPE)
        self.caisson("kill", name)
        self.assertEqual(waiting.stdout.read(), b"137\n")
        self.assertEqual(waiting.wait(60), 0)
        self.eventually(lambda: self.caisson("wait", name).stdout == b"137\n", what="exit code")
        result = self.caisson("exec", name, "/bin/true", check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"does not run", result.stderr)

    def test_a_process_is_confined_as_its_container_is(self):
        name = self.start_image("busybox", "/bin/sleep", "1000", options=[
            "--allow-exec", "/bin/cat /proc/self/status", "--allow-exec", "/bin/cat /sys/fs/cgroup/pids.max",
            "--cap-add", "SYS_PTRACE", "--cap-drop", "MKNOD", "--security-opt", "no-new-privileges", "--pids-limit", "77"])
        status = self.caisson("exec", name, "/bin/cat", "/proc/self/status").stdout.decode()
        self.assertRegex(status, r"NoNewPrivs:\t1\n")
        self.assertRegex(status, r"CapBnd:\t00000000a00c25fb\n")
        self.assertEqual(self.caisson("exec", name, "/bin/cat", "/sys/fs/cgroup/pids.max").stdout, b"77\n")
        for limit in ("x", "-2", "4194305"):
            result = self.run_image("busybox", "/bin/true", options=["--pids-limit", limit], check=False)
            self.assertEqual(result.returncode, 2, result.stderr)

    def test_nothing_may_be_run_unless_the_policy_was_made_so(self):
        name = self.start_image("busybox", "/bin/sleep", "1000")
        result = self.caisson("exec", name, "/bin/sh", check=False)
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertIn(b"exec_in_container", result.stderr)


if __name__ == "__main__":
    tap.main()
