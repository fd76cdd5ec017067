#!/usr/bin/python3
"""Further processes in a container of an enclave, by the command line: run as the policy describes them, refused, ended."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from lib import cli, tap
from lib.enclave import PROGRAMS, TEE, EnclaveCase

ALLOWED = ("/bin/dash", "/bin/cat", "id -u", "/usr/bin/env", "/no/such", "/etc/passwd")


class Terminal:
    """Somebody at a terminal that runs `caisson` with these words."""

    def __init__(self, case, *words):
        self.master, slave = pty.openpty()
        self.resize(33, 99)
        self.seen = b""
        self.process = case.popen(*words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        case.addCleanup(os.close, self.master)
        self.case = case

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, words, timeout=120):
        """Reads until the words have come behind what was expected before."""
        end = time.monotonic() + timeout
        while words not in self.seen:
            if time.monotonic() > end or not select.select([self.master], [], [], 60)[0]:
                self.case.fail(f"{words} has not come: {self.seen}")
            self.seen += os.read(self.master, 4096)
        self.seen = self.seen.partition(words)[2]

    def type(self, data, *expected):
        os.write(self.master, data)
        for words in expected:
            self.expect(words)


class Exec(EnclaveCase):
    programs = (*PROGRAMS, "/bin/sleep", "/bin/stty", "/usr/bin/tty")

    def start(self, *options):
        """A container whose first process waits for a line."""
        name = self.name()
        allowed = [word for command in ALLOWED for word in ("--allow-exec", command)]
        self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, *allowed, *options, self.oci, "/bin/dash", "-c",
                     "cd /usr; chmod 700 /; exec 7</etc/passwd; echo up; read x")  # fmt: skip
        self.eventually(lambda: "up" in self.logs(name), what="first line")
        return name

    def exec(self, name, *command, options=(), data=None, code=0):
        if data is not None:
            options = ("-i", *options)
        result = self.caisson("exec", *options, name, *command, check=False, data=data)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def script(self, name, text, **rest):
        return self.exec(name, "/bin/dash", data=text.encode(), **rest)

    def refused(self, name, words, *command, options=(), code=1):
        result = self.exec(name, *command, options=options, code=code)
        self.assertEqual(result.stdout, b"")
        self.assertIn(words, result.stderr.decode())

    def test_a_process_of_its_own_beside_the_first_and_what_is_refused(self):
        name = self.start()
        result = self.script(name, "echo $A $HOME $PPID; pwd; id -u; umask; ls /proc/self/fd; echo other >&2; exit 7", code=7)
        self.assertEqual(result.stderr, b"other\n")
        self.assertEqual(result.stdout.decode().split(), ["b", "/root", "0", "/", "0", "0022", "0", "1", "2", "3"])
        self.assertEqual(self.exec(name, "/bin/cat").stdout, b"")
        self.assertEqual(self.script(name, "(sleep 0.1; echo later) & echo first; (exit 4)", code=4).stdout, b"first\nlater\n")
        result = self.script(name, "read a b c parent group session rest </proc/self/stat; echo $parent $((group - session)); kill -9 $$", code=137)
        self.assertEqual(result.stdout, b"0 0\n")
        data = os.urandom(1 << 20)
        self.assertEqual(self.exec(name, "/bin/cat", data=data).stdout, data)

        self.assertEqual(self.exec(name, "/bin/dash", data=b"exit 3\n" + data, code=3).stdout, b"")
        self.assertEqual(self.exec(name, "/bin/cat", options=("-d",)).stdout, b"")
        self.refused(name, "denied by exec_in_container", "/bin/ls")
        self.refused(name, "denied by exec_in_container", "/bin/cat", "/etc/passwd")
        self.refused(name, "cwd is", "/bin/cat", options=("-w", "/etc"))
        found = self.exec(name, "/usr/bin/env", options=("-e", "LD_PRELOAD=/x.so", "-e", "TERM=xterm")).stdout.split()
        self.assertIn(b"TERM=xterm", found)
        self.assertNotIn(b"LD_PRELOAD=/x.so", found)
        self.refused(name, "/no/such: no such file", "/no/such", code=3)
        self.refused(name, "/etc/passwd: permission denied", "/etc/passwd", code=3)
        self.refused(name, "no user nobody-there", "id", "-u", options=("-u", "nobody-there"), code=3)

    def test_another_user(self):
        name = self.start("-u", "worker")
        self.assertEqual(self.exec(name, "id", "-u").stdout, b"7\n")
        self.refused(name, "denied by exec_in_container", "id", "-u", options=("-u", "0"))

    def test_ten_at_once_and_signals_as_the_policy_says(self):
        name = self.name()
        script = "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.05; done"
        allowed = ("--allow-exec", "/bin/dash", "--allow-exec", "/bin/cat")
        policy = self.policy("/bin/dash", "-c", "echo up; read x", options=allowed)
        with open(policy, encoding="ascii") as file:
            text = file.read()
        with open(policy, "w", encoding="ascii") as file:
            file.write(re.sub(r'("command": ?\["/bin/dash"\], ?"signals": ?)\[\]', rf"\1[{int(signal.SIGUSR1)}]", text))
        self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, "--policy", policy, self.oci, "/bin/dash", "-c", "echo up; read x")
        self.eventually(lambda: "up" in self.logs(name), what="first line")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        all_of_them = [self.popen("exec", "-i", name, "/bin/dash", **pipes) for _ in range(10)]
        for process in all_of_them:
            process.stdin.write(script.encode() + b"\n")
            process.stdin.flush()
        for process in all_of_them:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.send_signal(signal.SIGUSR1)
        for process in all_of_them:
            self.assertEqual((process.stdout.read(), process.wait(60)), (b"got\n", 5))

    def test_a_process_that_stands_still_by_a_signal_goes_on_by_one(self):
        name = self.name()
        command = ("/bin/dash", "-c", "while :; do echo more; sleep 0.05; done")
        policy = self.policy(*command, options=("--allow-exec", "/bin/dash"))
        with open(policy, encoding="ascii") as file:
            text = file.read()
        with open(policy, "w", encoding="ascii") as file:
            file.write(re.sub(r'"signals": ?\[[0-9, ]*\]', f'"signals":[{int(signal.SIGCONT)},{int(signal.SIGSTOP)}]', text))
        self.caisson("run", "-q", *TEE, "-d", "--name", name, "--policy", policy, self.oci, *command)
        self.eventually(lambda: "more" in self.logs(name), what="first line")

        def state():  # by a process that runs meanwhile
            return self.script(name, "read number name state rest </proc/1/stat; echo $state").stdout

        def is_silent():
            before = self.logs(name)
            return state() == b"T\n" and self.logs(name) == before

        self.assertIn("denied by signal_container_process", self.caisson("kill", "-s", "TSTP", name, check=False).stderr.decode())
        self.caisson("kill", "-s", "STOP", name)
        self.eventually(lambda: state() == b"T\n", what="stop")
        self.eventually(is_silent, what="silence")
        before = self.logs(name)
        self.assertEqual((state(), self.logs(name)), (b"T\n", before))
        self.caisson("kill", "-s", "CONT", name)
        self.eventually(lambda: len(self.logs(name)) > len(before), what="a line after the stop")
        self.assertNotEqual(state(), b"T\n")

    def test_figures_and_all_end_with_the_first(self):
        name = self.start()
        found = json.loads(self.caisson("stats", "--json", name).stdout)
        self.assertEqual((found["processes"], found["cpu_usec"], found["read_bytes"]), (1, None, None))
        self.assertGreater(found["memory"], 1 << 16)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = self.popen("exec", "-i", name, "/bin/dash", **pipes)
        process.stdin.write(b"echo here; read go; echo last; kill -9 1; read x\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"here\n")
        first, second = json.loads(self.caisson("top", "--json", name).stdout)
        self.assertEqual((first["pid"], first["user"], first["name"], second["name"]), (1, 0, "dash", "dash"))
        self.assertGreater(first["pages"], 16)
        self.assertNotIn("pages", second)
        lines = self.caisson("top", name).stdout.decode().splitlines()
        self.assertEqual([line.split()[2:5].count("-") for line in lines[1:]], [1, 3])
        self.assertRegex(self.caisson("stats", "--no-stream", name).stdout.decode(), r"- +- / - MiB +- +2 +- / - MiB")
        process.stdin.write(b"go\n")
        process.stdin.flush()
        self.assertEqual((process.stdout.read(), process.wait(60)), (b"last\n", 137))
        self.assertEqual(self.caisson("wait", name).stdout, b"137\n")
        result = self.caisson("exec", name, "/bin/cat", check=False)
        self.assertIn((result.returncode, result.stdout), ((1, b""), (3, b"")))  # whether or not its monitor is there yet

    def test_terminals_of_both(self):
        name = self.name()
        first = Terminal(self, "run", "-q", *TEE, "-i", "-t", "--name", name, "--allow-exec", "/bin/dash", self.oci, "/bin/dash")
        first.expect(b"# ")
        first.type(b"tty; stty size\r", b"/dev/pts/0\r\n33 99\r\n")
        second = Terminal(self, "exec", "-i", "-t", name, "/bin/dash")
        second.expect(b"# ")
        second.type(b"tty; echo $TERM\r", b"/dev/pts/1\r\nxterm\r\n")
        for _ in range(20):  # a key before a program is in the foreground is the shell's, outside too
            second.type(b"dash -c 'echo ru\"\"ns; exec sleep 1000'\r", b"runs\r\n")
            second.type(b"\x03", b"^C", b"# ")
        second.type(b"read x\r", b"read x\r\n")
        second.type(b"ab\x7fc\r", b"ab\b \bc\r\n")
        second.type(b"echo =$x= | cat\r", b"=ac=\r\n")
        second.type(b"while [ \"$(stty size)\" != '50 120' ]; do sleep 0.05; done; echo resized\r", b"resized\r\n")
        second.resize(50, 120)
        second.process.send_signal(signal.SIGWINCH)
        second.expect(b"resized\r\n")
        second.type(b"exit 3\r")
        self.assertEqual(second.process.wait(120), 3)
        first.type(b"\x04")
        self.assertEqual(first.process.wait(120), 0)

    def test_no_process_stays_when_the_host_is_killed(self):
        name = self.start()
        record = json.loads(self.caisson("inspect", name).stdout)
        record = record[0] if isinstance(record, list) else record
        process = self.popen("exec", "-i", name, "/bin/cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(b"x\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"x\n")
        hosts = cli.children_of(record["monitor"])
        self.assertGreaterEqual(len(hosts), 4)  # the first enclave's, the nursery, the process', the network's
        cli.kill(hosts[0])
        self.assertNotEqual(process.wait(60), 0)
        self.eventually(lambda: not any(map(cli.is_alive, hosts)), what="end of all")


if __name__ == "__main__":
    tap.main()
