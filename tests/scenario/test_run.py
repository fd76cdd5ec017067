#!/usr/bin/python3
"""`caisson run` as a user meets it: exit codes, signals, standard streams, a terminal, names, options."""
import fcntl
import hashlib
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

from lib import tap
from lib.cli import CliCase

SHELL = ["/bin/sh", "-c"]
# The usual capabilities (linux/capability.h) without CAP_KILL, and with CAP_NET_ADMIN.
CAPABILITIES = 0xa80425fb & ~(1 << 5) | 1 << 12
# In Docker's form: one rule is for whoever lacks the capability, one for another processor.
PROFILE = {"defaultAction": "SCMP_ACT_ALLOW", "comment": "of a test", "syscalls": [
    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "args": None, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
    {"name": "unlink", "action": "SCMP_ACT_ERRNO", "includes": {"arches": ["s390x"]}}]}  # fmt: skip
# Podman's, of Debian's golang-github-containers-common; written as one would write Docker's.
DEFAULT_PROFILE = "/usr/share/containers/seccomp.json"


class Run(CliCase):
    def test_output_and_errors_come_apart(self):
        result = self.run_image("busybox", *SHELL, "echo out; echo err >&2")
        self.assertEqual(result.stdout, b"out\n")
        self.assertIn(b"err\n", result.stderr)

    def test_exit_codes_are_the_containers_own(self):
        for code in (0, 1, 42, 255):
            with self.subTest(code=code):
                result = self.run_image("busybox", *SHELL, f"exit {code}", check=False)
                self.assertEqual(result.returncode, code, result.stderr)

    def test_a_process_that_a_signal_ends_counts_from_128(self):
        result = self.run_image("busybox", *SHELL, "sh -c 'kill -9 $$'; exit $?", check=False)
        self.assertEqual(result.returncode, 128 + 9)

    def test_a_program_that_is_not_there_is_an_error(self):
        result = self.run_image("busybox", "/no/such/program", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"/no/such/program", result.stderr)

    def test_a_name_is_free_again_when_a_run_with_rm_has_ended(self):
        name = self.name()
        for command, good in (("/bin/true", True), ("/no/such/program", False)):
            result = self.run_image("busybox", command, options=["--name", name], check=False)
            self.assertEqual(result.returncode == 0, good, result.stderr)
            self.assertEqual(os.listdir(self.environment["CAISSON_RUN"]), [])

    def test_refuses_to_run_without_naming_the_tee(self):
        result = self.caisson("run", "--rm", self.image("busybox"), "/bin/true", check=False)
        if os.path.exists("/dev/sev"):
            self.skipTest("this machine has SEV")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"--tee simulated", result.stderr)

    def test_refuses_what_confidentiality_rules_out(self):
        for option in (["--privileged"], ["--device", "/dev/null"], ["--network", "host"], ["--pid", "host"]):
            with self.subTest(option=option):
                result = self.run_image("busybox", "/bin/true", options=option, check=False)
                self.assertIn(result.returncode, (1, 2))
                self.assertIn(option[0].encode(), result.stderr)

    def test_is_confined_as_the_caller_says(self):
        """The generated policy and the request say the same: the guest lets it start, and it has all of it."""
        with open(os.path.join(self.folder, "profile"), "w", encoding="ascii") as file:
            json.dump(PROFILE, file)
        script = """
        sed -n 's/^\\(CapBnd\\|CapEff\\|NoNewPrivs\\|Seccomp\\):[\t ]*//p' /proc/self/status
        mkdir /tmp/x 2>&1
        touch /tmp/y && rm /tmp/y && echo removed
        ulimit -n; cat /proc/sys/net/core/somaxconn
        df -k /dev/shm /cache /other | awk '{print $2}' | tail -n 3
        cp /bin/busybox /cache/true && /cache/true && echo executed
        """
        result = self.run_image("busybox", *SHELL, script, options=[
            "--security-opt", f"seccomp={file.name}", "--security-opt", "no-new-privileges", "--cap-drop", "KILL",
            "--cap-add", "NET_ADMIN", "--ulimit", "nofile=2048:4096", "--sysctl", "net.core.somaxconn=77", "--shm-size", "3m",
            "--tmpfs", "/cache:exec,size=8m", "--mount", "type=tmpfs,dst=/other,tmpfs-size=4m"])
        self.assertEqual(result.stdout.decode().splitlines(), [
            f"{CAPABILITIES:016x}", f"{CAPABILITIES:016x}", "1", "2", "mkdir: can't create directory '/tmp/x': No space left on device",
            "removed", "2048", "77", "3072", "8192", "4096", "executed"])

    def test_a_default_profile_lets_programs_run(self):
        if not os.path.exists(DEFAULT_PROFILE):
            self.skipTest(f"no {DEFAULT_PROFILE}")
        script = "ls / >/dev/null && mount -t tmpfs x /tmp 2>/dev/null || echo no mounting; grep ^Seccomp: /proc/self/status"
        result = self.run_image("busybox", *SHELL, script, options=["--security-opt", f"seccomp={DEFAULT_PROFILE}"])
        self.assertEqual(result.stdout.decode().split(), ["no", "mounting", "Seccomp:", "2"])

    def test_the_own_default_profile_is_for_those_who_ask(self):
        script = "unshare -m true; mount -t tmpfs x /tmp; chroot / true && echo rooted; grep ^Seccomp: /proc/self/status"
        result = self.run_image("busybox", *SHELL, script, options=["--security-opt", "seccomp=default", "--cap-drop", "SYS_CHROOT"])
        self.assertEqual(result.stdout.decode().split(), ["Seccomp:", "2"])
        self.assertEqual(result.stderr.decode().count("Operation not permitted") + result.stderr.decode().count("ermission denied"), 3)

    def test_options_reach_the_process(self):
        script = "id -u; id -g; pwd; cat /proc/sys/kernel/hostname; env | grep -E '^(A|B|HOME_OF)=' | sort"
        with open(os.path.join(self.folder, "env"), "w", encoding="ascii") as file:
            file.write("B=from a file\n")
        result = self.run_image("busybox", *SHELL, script, options=[
            "-e", "A=with spaces", "--env-file", file.name, "-w", "/tmp", "-u", "user", "--hostname", "cabin"])
        self.assertEqual(result.stdout.decode().splitlines(), ["1000", "1000", "/tmp", "cabin", "A=with spaces",
                                                               "B=from a file"])

    def test_groups_umask_and_settings_are_the_policys(self):
        """A policy names them; a host that adds another, or leaves one out, is told which."""
        settings = ["--ulimit", "nofile=512", "--sysctl", "net.core.somaxconn=77", "--read-only"]
        words = [*settings, "-u", "1000:1000", "--group-add", "44", "--group-add", "root", "--umask", "27"]
        allowed = ["--allow-exec", "id -G", "--allow-exec", "/bin/busybox grep Umask /proc/self/status"]
        policy = os.path.join(self.folder, "groups.rego")
        self.caisson("policy", "generate", *words, *allowed, "-o", policy, self.image("busybox"), "/bin/sleep", "1000")
        name = self.start_image("busybox", "/bin/sleep", "1000", options=[*words, "--policy", policy])
        self.assertEqual(self.caisson("exec", name, "id", "-G").stdout, b"1000 0 44\n")
        self.assertIn(b"0027", self.caisson("exec", name, "/bin/busybox", "grep", "Umask", "/proc/self/status").stdout)
        with open(policy, encoding="utf-8") as file:
            text = file.read()
        for member in ('"caisson_read_only_root":true', '"caisson_rlimits":["nofile=512:512"]', '"caisson_sysctls":["net.core.somaxconn=77"]'):
            self.assertEqual(text.count(member), 1, member)
        plain = os.path.join(self.folder, "plain.rego")
        self.caisson("policy", "generate", *words, "-o", plain, self.image("busybox"))
        self.caisson("policy", "check", *words, plain, self.image("busybox"))
        for other, reason in (([*words[:2], *words[4:]], 'sysctl "net.core.somaxconn=77" of the policy is missing'), (["--sysctl", "kernel.sem=1", *words], 'sysctl "kernel.sem=1" is not in the policy'),
                              (words[2:], 'rlimit "nofile=512:512" of the policy is missing'),
                              ([*words[:4], *words[5:]], "the root is writable")):  # fmt: skip
            result = self.caisson("policy", "check", *other, plain, self.image("busybox"), check=False)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn(reason, (result.stdout + result.stderr).decode())
        for other, reason in (([*words, "--group-add", "45"], b'group "" (id "45") is in none of group_idnames'),
                              (["--ulimit", "nofile=4", *words[2:]], b'rlimit "nofile=4:4" is not in the policy'),
                              ([*words[:-1], "0"], b'umask is "0000", the policy has "0027"')):  # fmt: skip
            with self.subTest(other=other):
                result = self.run_image("busybox", "/bin/sleep", "1000", options=[*other, "--policy", policy], check=False)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(reason, result.stderr)

    def test_the_entrypoint_can_be_replaced(self):
        result = self.run_image("busybox", "hello", options=["--entrypoint", "/bin/echo"])
        self.assertEqual(result.stdout, b"hello\n")

    def test_a_root_can_be_read_only(self):
        result = self.run_image("busybox", *SHELL, "touch /x && echo written || echo refused", options=["--read-only"])
        self.assertEqual(result.stdout, b"refused\n")

    def test_input_reaches_the_process(self):
        data = os.urandom(1 << 20)
        result = self.run_image("busybox", "/bin/cat", options=["-i"], data=data)
        self.assertEqual(result.stdout, data)

    def test_without_i_there_is_no_input(self):
        result = self.run_image("busybox", "/bin/cat", data=b"not for you")
        self.assertEqual(result.stdout, b"")

    def test_a_hundred_megabytes_come_through_unharmed(self):
        size = 100_000_000
        process = self.popen("run", "--tee", "simulated", "--rm", self.image("busybox"), *SHELL,
                             f"yes 0123456789abcde | head -c {size}", stdout=subprocess.PIPE)
        digest, count = hashlib.sha256(), 0
        while part := process.stdout.read(1 << 20):
            digest.update(part)
            count += len(part)
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(count, size)
        self.assertEqual(digest.digest(), hashlib.sha256((b"0123456789abcde\n" * (size // 16 + 1))[:size]).digest())

    def test_forwards_signals(self):
        script = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
        process = self.popen("run", "--tee", "simulated", "--rm", self.image("busybox"), *SHELL, script,
                             stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 5)
        self.assertEqual(process.stdout.read(), b"got it\n")


class Terminal(CliCase):
    def start(self, *command, size=(33, 99)):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        process = self.popen("run", "--tee", "simulated", "--rm", "-i", "-t", self.image("busybox"), *command,
                             stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        self.addCleanup(os.close, ours)
        self.theirs = theirs
        self.addCleanup(os.close, theirs)
        return process, ours

    def read_until(self, terminal, text, timeout=60):
        data, end = b"", time.monotonic() + timeout
        while text not in data:
            ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
            self.assertTrue(ready, f"no {text!r} in {data!r}")
            data += os.read(terminal, 65536)
        return data

    def test_a_terminal_is_one(self):
        process, terminal = self.start("/bin/sh")
        os.write(terminal, b"PS1=; tty; stty size; echo done\n")
        data = self.read_until(terminal, b"\ndone")
        self.assertIn(b"/dev/pts/0", data)
        self.assertIn(b"33 99", data)
        os.write(terminal, b"exit 3\n")
        self.assertEqual(process.wait(60), 3)

    def test_a_terminal_changes_its_size(self):
        process, terminal = self.start("/bin/sh", "-c", "trap 'stty size; exit 0' WINCH; echo go ahead; while :; do sleep 0.1; done")
        self.read_until(terminal, b"go ahead")
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        process.send_signal(signal.SIGWINCH)
        self.read_until(terminal, b"50 120")
        self.assertEqual(process.wait(60), 0)

    def test_control_c_interrupts_the_process_and_not_caisson(self):
        process, terminal = self.start("/bin/sh", "-c", "trap 'echo interrupted; exit 9' INT; echo go ahead; while :; do sleep 0.1; done")
        self.read_until(terminal, b"go ahead")
        os.write(terminal, b"\x03")
        self.read_until(terminal, b"interrupted")
        self.assertEqual(process.wait(60), 9)

    def test_the_users_terminal_is_left_as_it_was(self):
        process, terminal = self.start("/bin/true")
        before = None
        while process.poll() is None:
            ready, _, _ = select.select([terminal], [], [], 0.05)
            if ready:
                os.read(terminal, 65536)
            before = before or termios.tcgetattr(self.theirs)
        self.assertEqual(termios.tcgetattr(self.theirs)[3] & (termios.ECHO | termios.ICANON),
                         termios.ECHO | termios.ICANON)


class Life(CliCase):
    def test_a_container_in_the_background_has_a_life(self):
        name = self.start_image("busybox", *SHELL, "echo one; trap 'echo end; exit 0' TERM; while :; do sleep 0.1; done")
        listing = self.caisson("ps").stdout.decode()
        self.assertIn(name, listing)
        self.eventually(lambda: "one" in self.logs(name), what="log")
        self.assertIn(name.encode(), self.caisson("inspect", name).stdout)
        self.caisson("stop", name)
        self.assertIn("end", self.logs(name))
        self.assertNotIn(name, self.caisson("ps").stdout.decode())
        self.caisson("rm", name)
        self.assertNotEqual(self.caisson("inspect", name, check=False).returncode, 0)

    def test_refuses_a_name_twice(self):
        name = self.start_image("busybox", "/bin/sleep", "1000")
        result = self.caisson("run", "--tee", "simulated", "-d", "--name", name, self.image("busybox"), "/bin/true",
                              check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(name.encode(), result.stderr)

    def test_logs_follow_to_the_end(self):
        name = self.start_image("busybox", *SHELL, "for i in $(seq 5); do echo $i; sleep 0.2; done")
        result = self.caisson("logs", "-f", name, timeout=60)
        self.assertEqual(result.stdout, b"1\n2\n3\n4\n5\n")

    def test_says_which_block_of_a_disk_ended_the_machine(self):
        """The host's own disk is damaged, where the first look at it does not reach."""
        self.environment["CAISSON_HOME"] = os.path.join(self.folder, "home")
        self.run_image("busybox", "/bin/true")
        disks = [os.path.join(folder, name) for folder, _, names in os.walk(self.environment["CAISSON_HOME"])
                 for name in names if "disk" in folder and os.path.getsize(os.path.join(folder, name)) > 1 << 20]
        self.assertEqual(len(disks), 1)
        with open(disks[0], "r+b") as file:
            start = file.read().index(b"\x7fELF")
            for offset in range(start, start + (1 << 20), 4096):
                file.seek(offset + 64)
                file.write(b"damage")
        result = self.run_image("busybox", "/bin/true", check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertRegex(result.stderr, rb"data block [0-9]+ is corrupted.*dm-verity device corrupted")

    def test_a_policy_of_another_workload_is_refused(self):
        policy = os.path.join(self.folder, "policy.rego")
        generated = self.caisson("policy", "generate", self.image("busybox"), "--", "/bin/echo", "hello").stdout
        with open(policy, "wb") as file:
            file.write(generated)
        good = self.run_image("busybox", "/bin/echo", "hello", options=["--policy", policy])
        self.assertEqual(good.stdout, b"hello\n")
        bad = self.run_image("busybox", "/bin/echo", "other", options=["--policy", policy], check=False)
        self.assertEqual(bad.returncode, 1, bad.stderr)
        self.assertEqual(bad.stdout, b"")
        self.assertIn(b"create_container", bad.stderr)
        bad = self.run_image("bash", "/bin/echo", "hello", options=["--policy", policy], check=False)
        self.assertEqual(bad.returncode, 1, bad.stderr)
        self.assertIn(b"mount_device", bad.stderr)


if __name__ == "__main__":
    tap.main()
