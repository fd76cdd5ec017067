#!/usr/bin/python3
"""The command line on machines of several kinds, and what Docker's users expect of each verb."""
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from lib import paths, tap
from lib.cli import CliCase, children_of, command_line, is_alive, kill
from lib.ports import free_port

SHELL = ["/bin/sh", "-c"]
LOOP = "echo ready; while :; do sleep 0.1; done"
REFUSED = [["--privileged"], ["--device", "/dev/null"], ["-v", "/:/host"], ["--mount", "type=bind"], ["--pid", "host"],
           ["--ipc", "host"], ["--uts", "host"], ["--userns", "host"], ["--cgroupns", "host"],
           ["--volumes-from", "x"], ["--gpus", "all"], ["--device-cgroup-rule", "c 1:3 mr"], ["--cgroup-parent", "/x"],
           ["--init"], ["--mount", "type=volume,dst=/x"], ["--net", "host"], ["--network", "container:x"],
           ["--security-opt", "apparmor=unconfined"], ["--runtime", "runc"], ["--network", "host"]]


class Options(CliCase):
    def test_refuses_each_flag_that_confidentiality_rules_out_and_says_why(self):
        for option in REFUSED:
            with self.subTest(option=option):
                result = self.caisson("run", "--tee", "simulated", *option, "oci:/nowhere", check=False)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(b"refused", result.stderr)
                self.assertGreater(len(result.stderr), 50)

    def test_refuses_values_that_are_none(self):
        for option in (["-m", "1m"], ["-m", "many"], ["-m", "99999g"], ["-m", "-1"], ["-m", ""], ["--cpus", "0"],
                       ["--cpus", "1.5"], ["--cpus", "65"], ["-p", "80"], ["-p", "0:80"], ["-p", "[::1]:80:80"],
                       ["-p", "80:80/sctp"], ["-p", "127.0.0.1:80:80/udp"], ["-p", "80:1", "-p", "80:2"], ["--network", "none", "-p", "80:80"],
                       ["--net", "none", "--network", "none"], ["--name", "../x"], ["--name", ""], ["--name", "a" * 65],
                       ["--tee", "tdx"], ["--pull", "often"], ["--hostname", "a b"], ["-h", "a" * 65], ["-w", "relative"],
                       ["-e", "=x"], ["--cap-add", "x"], ["--ulimit", "nofile"], ["--sysctl", "x"], ["--tmpfs", "x"], ["--shm-size", "x"],
                       ["--umask", "999"], ["--umask", "1777"], ["--group-add", "a:b"], ["--security-opt", "seccomp=/dev/null"], ["-e", ""], ["-e", b"A=\xff"], ["-i", "-t"]):
            with self.subTest(option=option):
                tee = [] if "--tee" in option else ["--tee", "simulated"]
                result = self.caisson("run", *tee, *option, "oci:/nowhere", check=False)
                self.assertIn(result.returncode, (1, 2), result.stderr)
                self.assertIn(result.stderr.count(b"caisson: "), (1, 2), result.stderr)
                self.assertNotIn(b"/nowhere", result.stderr)

    def test_asks_no_registry_where_pull_is_never(self):
        result = self.caisson("run", "--tee", "simulated", "--pull", "never", "nowhere.invalid/image:1", check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertNotIn(b"resolve", result.stderr)
        self.assertIn(b"nowhere.invalid/image:1", result.stderr)
        result = self.caisson("run", "--tee", "simulated", "nowhere.invalid/image:1", check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"resolve", result.stderr)

    def test_reads_files_before_it_looks_for_the_image(self):
        bad = os.path.join(self.folder, "bad")
        with open(bad, "wb") as file:
            file.write(b"no policy, = and no variable\n\0")
        for option in ("--policy", "--env-file"):
            for path, word in ((self.folder + "/missing", b"No such file"), (self.folder, b"directory"), (bad, b"bad")):
                with self.subTest(option=option, path=path):
                    result = self.caisson("run", "--tee", "simulated", option, path, "oci:/nowhere", check=False)
                    self.assertIn(result.returncode, (1, 3), result.stderr)
                    self.assertIn(word, result.stderr)
                    self.assertNotIn(b"/nowhere", result.stderr)

    def test_refuses_sev_snp_where_there_is_none_and_says_what_is_missing(self):
        if os.path.exists("/sys/module/kvm_amd/parameters/sev_snp"):
            self.skipTest("this machine may have SEV-SNP")
        result = self.caisson("run", "--tee", "sev-snp", self.image("busybox"), check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"caisson doctor", result.stderr)

    def test_refuses_operands_that_no_verb_takes(self):
        for verb in ("ps", "version", "doctor"):
            self.assertEqual(self.caisson(verb, "extra", check=False).returncode, 2, verb)

    def test_each_option_that_docker_has_in_short_is_here_too(self):
        script = "cat /proc/sys/kernel/hostname; tty; id -u; pwd; echo $A"
        result = self.run_image("busybox", *SHELL, script, options=["-th", "cabin", "-u", "7", "-w", "/tmp", "-eA=b",
                                                                    "-m", "200m", "--net=none"])
        self.assertEqual(result.stdout.decode().split(), ["cabin", "/dev/pts/0", "7", "/tmp", "b"])

    def test_cpus_and_memory_are_the_machines(self):
        result = self.run_image("busybox", *SHELL, "nproc; grep MemTotal /proc/meminfo",
                                options=["--cpus", "2", "-m", "200m"])
        count, memory = result.stdout.splitlines()
        self.assertEqual(count, b"2")
        self.assertTrue(120 << 10 < int(memory.split()[1]) <= 200 << 10, memory)

    def test_scratch_on_a_disk_has_its_size_and_leaves_nothing(self):
        script = "set -- $(df -k / | tail -n 1); echo $2; dd if=/dev/zero of=/big bs=1M count=120 2>/dev/null && ls -l /big"
        result = self.run_image("busybox", *SHELL, script, options=["--scratch", "disk:400m", "-m", "110m"])
        size, written = result.stdout.decode().split("\n", 1)
        self.assertTrue(380 << 10 < int(size) <= 400 << 10, size)
        self.assertIn(f" {120 << 20} ", written)  # more than the machine has memory
        self.assertEqual([each for _, _, files in os.walk(self.home) for each in files if each.startswith("scratch.")], [])

    def test_refuses_scratch_that_cannot_be(self):
        for options in (["--scratch", "tape"], ["--scratch", "disk:"], ["--scratch", "disk:319m"], ["--scratch", "disk:17000g"],
                        ["--scratch", "disk:-1"], ["--scratch", ""], ["--storage-opt", "400m"], ["--storage-opt", "size="],
                        ["--scratch", "disk", "--storage-opt", "size=400m"]):
            with self.subTest(options=options):
                result = self.caisson("run", "--tee", "simulated", *options, "oci:/nowhere", check=False)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(options[0].encode(), result.stderr)

    def test_refuses_an_argument_that_is_no_utf8(self):
        result = self.caisson("run", "--tee", "simulated", "--rm", self.image("busybox"), "/bin/echo", b"\xff",
                              check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(b"UTF-8", result.stderr)

    def test_a_policy_refuses_by_the_value(self):
        policy = os.path.join(self.folder, "policy.rego")
        with open(policy, "wb") as file:
            file.write(self.caisson("policy", "generate", self.image("busybox"), "--", "/bin/echo", "good").stdout)
        result = self.run_image("busybox", "/bin/echo", "evil-argument", options=["--policy", policy], check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(b"evil-argument", result.stderr)


class Ends(CliCase):
    def follow(self, *command, options=()):
        process = self.popen("run", "--tee", "simulated", "--rm", *options, self.image("busybox"), *command,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def test_control_c_ends_a_container_whose_policy_has_no_int(self):
        process = self.follow(*SHELL, "trap 'exit 6' TERM; " + LOOP)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 6)
        self.assertIn(b"stopping the container instead", process.stderr.read())

    def test_a_reader_that_goes_ends_the_container(self):
        process = self.follow(*SHELL, "echo ready; yes")
        process.stdout.close()
        self.assertEqual(process.wait(60), 3)
        process.stdout = None

    def test_eof_on_input_is_the_processes_own(self):
        result = self.run_image("busybox", *SHELL, "cat; echo end", options=["-i"], data=b"")
        self.assertEqual(result.stdout, b"end\n")

    def test_stop_waits_as_long_as_it_is_told(self):
        name = self.start_image("busybox", *SHELL, "trap '' TERM; " + LOOP)
        self.eventually(lambda: "ready" in self.logs(name), what="log")
        start = time.monotonic()
        self.caisson("stop", "-t", "2", name)
        self.assertGreaterEqual(time.monotonic() - start, 2)
        record = json.loads(self.caisson("inspect", name).stdout)
        self.assertEqual((record["status"], record["exit_code"]), ("exited", 137))
        self.assertIn("in time (2000 ms)", record["failure"])
        self.assertEqual(self.caisson("stop", name).stdout.decode().strip(), name)

    def test_rm_needs_force_for_what_runs(self):
        name = self.start_image("busybox", *SHELL, LOOP)
        result = self.caisson("rm", name, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"stop it first", result.stderr)
        self.caisson("rm", "-f", name)
        self.assertNotIn(name, self.caisson("ps", "-a").stdout.decode())

    def test_a_name_is_taken_once_by_two_at_once(self):
        name = self.name()
        both = [self.popen("run", "--tee", "simulated", "-d", "--name", name, self.image("busybox"), "/bin/sleep",
                           "1000", stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        ends = sorted((process.wait(60), process.stderr.read()) for process in both)
        self.assertEqual([end[0] for end in ends], [0, 1], ends)
        self.assertIn(b"in use", ends[1][1])

    def test_ps_is_json_too(self):
        name = self.start_image("busybox", *SHELL, "exit 4")
        self.eventually(lambda: json.loads(self.caisson("inspect", name).stdout)["status"] == "exited")
        self.assertEqual(json.loads(self.caisson("ps", "--json").stdout), [])
        listed = json.loads(self.caisson("ps", "-a", "--json").stdout)
        self.assertEqual([(each["name"], each["exit_code"], each["tee"]) for each in listed], [(name, 4, "simulated")])


class Streams(CliCase):
    """Standard streams that are not there, or not what they seem."""

    def run_closed(self, fd, *options):
        return subprocess.run([paths.CAISSON, "run", "--tee", "simulated", "--rm", *options, self.image("busybox"), *SHELL,
                               "cat; echo out; echo err >&2"], env=self.environment, timeout=120, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: os.close(fd))

    def files(self):
        found = {}
        for folder, _, names in os.walk(self.environment["CAISSON_HOME"]):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.join(folder, name)] = hashlib.sha256(file.read()).hexdigest()
        return found

    def test_a_closed_stream_is_never_a_file_of_the_stores(self):
        self.environment["CAISSON_HOME"] = os.path.join(self.folder, "home")  # other tests write to the common one
        self.run_image("busybox", "/bin/true")
        before = self.files()
        results = [self.run_closed(fd, "-i") for fd in (0, 1, 2)]
        self.assertEqual([result.returncode for result in results], [0, 0, 0], results)
        self.assertEqual([result.stdout for result in results], [b"out\n", b"", b"out\n"])
        self.assertEqual(self.files(), before)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "wb") as full:
            for command in (["ps"], ["version"], ["run", "--tee", "simulated", "--rm", self.image("busybox"), "/bin/echo", "x"]):
                result = subprocess.run([paths.CAISSON, *command], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=full, stderr=subprocess.PIPE, timeout=120, check=False)
                self.assertEqual(result.returncode, 3, command)
                self.assertIn(b"cannot write", result.stderr)

    def test_a_terminal_needs_none_of_the_callers(self):
        result = self.run_image("busybox", *SHELL, "tty; stty size", options=["-t"])
        self.assertEqual(result.stdout.split(), [b"/dev/pts/0", b"24", b"80"])

    def test_a_shell_in_the_background_waits_for_its_input(self):
        name = self.start_image("busybox", "/bin/sh", options=["-i", "-t"])
        time.sleep(2)
        self.assertIn(name, self.caisson("ps", "-q").stdout.decode())
        self.caisson("stop", "-t", "1", name)


class Several(CliCase):
    """Several names: each is done, each failure is told."""

    def test_each_verb_does_all_it_can_and_tells_the_rest(self):
        first, second = self.start_image("busybox", *SHELL, LOOP), self.start_image("busybox", *SHELL, LOOP)
        for verb in (["inspect"], ["stop", "-t", "0"], ["rm"]):
            with self.subTest(verb=verb):
                result = self.caisson(*verb, "missing-1", first, "../bad", second, "missing-2", check=False)
                self.assertEqual(result.returncode, 3, result.stderr)
                for name in (first, second):
                    self.assertIn(name.encode(), result.stdout)
                lines = result.stderr.decode().splitlines()
                self.assertEqual(len(lines), 3, lines)
                for line, word in zip(lines, ("missing-1", "../bad", "missing-2")):
                    self.assertIn(word, line)
        self.assertEqual(json.loads(self.caisson("ps", "-a", "--json").stdout), [])

    def test_one_that_runs_does_not_keep_others_from_being_removed(self):
        runs, ended = self.start_image("busybox", *SHELL, LOOP), self.start_image("busybox", *SHELL, LOOP)
        self.caisson("stop", "-t", "0", ended)
        result = self.caisson("rm", runs, ended, check=False)
        self.assertEqual((result.returncode, result.stdout.decode().strip()), (1, ended), result.stderr)
        self.assertIn(b"stop it first", result.stderr)
        self.caisson("rm", "-f", runs)

    def test_no_name_is_a_mistake(self):
        for verb in ("stop", "rm", "inspect", "logs", "attest"):
            self.assertEqual(self.caisson(verb, check=False).returncode, 2)


class Silence(CliCase):
    """A guest or a monitor that does not answer is not waited for without end."""

    def start(self):
        name = self.start_image("busybox", *SHELL, "trap 'exit 0' TERM; " + LOOP)
        monitor = json.loads(self.caisson("inspect", name).stdout)["monitor"]
        qemu = [pid for pid in children_of(monitor) if "qemu" in command_line(pid)]
        return name, monitor, qemu[0]

    def pause(self, pid):
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(kill, pid, signal.SIGCONT)

    def attest(self, name, *options):
        return self.caisson("attest", name, "--nonce", "00ff", "-o", os.path.join(self.folder, "evidence"), *options,
                            check=False, timeout=30)

    def test_attest_gives_up_on_a_guest_that_is_silent(self):
        name, _, qemu = self.start()
        self.pause(qemu)
        result = self.attest(name, "--timeout", "1")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"no evidence within 1 s", result.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "evidence")))
        kill(qemu, signal.SIGCONT)
        self.assertEqual(self.attest(name).returncode, 0)

    def test_attest_gives_up_on_a_monitor_that_is_silent(self):
        name, monitor, _ = self.start()
        self.pause(monitor)
        self.assertEqual(self.attest(name, "--timeout", "1").returncode, 3)

    def test_stop_ends_a_machine_whose_guest_is_silent(self):
        name, _, qemu = self.start()
        self.pause(qemu)
        self.caisson("stop", "-t", "1", name, timeout=30)
        record = json.loads(self.caisson("inspect", name).stdout)
        self.assertEqual((record["status"], record["exit_code"]), ("exited", 137))

    def test_force_removes_a_machine_whose_monitor_is_silent(self):
        name, monitor, qemu = self.start()
        self.pause(monitor)
        result = self.caisson("stop", "-t", "0", name, check=False, timeout=60)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"caisson rm -f", result.stderr)
        self.caisson("rm", "-f", name, timeout=60)
        self.assertNotIn(name, self.caisson("ps", "-a").stdout.decode())
        self.eventually(lambda: not is_alive(qemu), 20, "end of QEMU")

    def test_refuses_timeouts_that_are_none(self):
        for value in ("0", "-1", "x", "1.5", "99999"):
            result = self.caisson("attest", "x", "--nonce", "00", "--timeout", value, check=False)
            self.assertEqual(result.returncode, 2, result.stderr)


class Ports(CliCase):
    def test_a_port_in_use_is_told_before_anything_is_fetched(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            port = taken.getsockname()[1]
            result = self.caisson("run", "--tee", "simulated", "-p", f"127.0.0.1:{port}:80", "oci:/nowhere", check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(f"port {port} is in use".encode(), result.stderr)
        self.assertNotIn(b"/nowhere", result.stderr)

    def test_an_address_that_is_not_the_hosts_is_told(self):
        result = self.caisson("run", "--tee", "simulated", "-p", "192.0.2.1:8080:80", "oci:/nowhere", check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"192.0.2.1 is no address", result.stderr)

    def test_a_port_is_told_that_only_root_may_take(self):
        if os.geteuid() != 0:
            self.skipTest("only root can make such a host")
        result = subprocess.run(["unshare", "-n", "sh", "-c", "echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start; "
                                 "exec setpriv --reuid=54321 --regid=54321 --clear-groups \"$@\"", "sh", *self.reachable(),
                                 "run", "--tee", "simulated", "-p", "80:80", "oci:/nowhere"], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"ip_unprivileged_port_start", result.stderr)

    def reachable(self):
        """The program where any user can execute it."""
        os.chmod(self.folder, 0o755)
        return [shutil.copy(paths.CAISSON, self.folder)]


class Machines(CliCase):
    """Hosts that lack something."""

    def test_relative_folders_are_as_good_as_others(self):
        result = subprocess.run([paths.CAISSON, "run", "--tee", "simulated", "--rm", self.image("busybox"), *SHELL,
                                 "echo up"], env=dict(self.environment, CAISSON_HOME="home", CAISSON_RUN="machines"),
                                cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, b"up\n"), result.stderr)

    def run_without(self, programs, *options):
        """With a PATH that has none of them."""
        folder = os.path.join(self.folder, "bin")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for name in {"qemu-system-x86_64", "passt"} - set(programs):
            os.symlink(shutil.which(name), os.path.join(folder, name))
        return subprocess.run([paths.CAISSON, "run", "--tee", "simulated", "--rm", *options, self.image("busybox"), *SHELL,
                               "echo up"], env=dict(self.environment, PATH=folder), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120, check=False)

    def test_names_the_program_that_is_not_installed(self):
        for name in ("qemu-system-x86_64", "passt"):
            result = self.run_without([name])
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn(f"{name} is not installed".encode(), result.stderr)
        self.assertEqual(self.run_without(["passt"], "--network", "none").stdout, b"up\n")

    def in_file_system(self, options, words):
        """Runs the words in a shell to which $1 is caisson, $2 the image, $3 a small file system of its own."""
        small = os.path.join(self.folder, "small")
        os.makedirs(small, 0o700, exist_ok=True)
        return subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t tmpfs {options} none \"$3\"; chmod 700 \"$3\"; {words}",
                               "sh", paths.CAISSON, self.image("busybox"), small], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)

    def test_a_store_that_cannot_be_written_is_told(self):
        self.needs_root()
        run = "CAISSON_HOME=\"$3\" \"$1\" run --tee simulated --rm \"$2\" /bin/true"
        result = self.in_file_system("", f"mount -o remount,ro \"$3\"; {run}")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"Read-only file system", result.stderr)
        result = self.in_file_system("-o size=200k", f"{run}; code=$?; ls \"$3/disks\" \"$3/partial\"; exit $code")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn(b"No space left", result.stderr)
        self.assertNotIn(b".disk", result.stdout)

    def test_a_full_run_folder_loses_the_log_and_not_the_output(self):
        self.needs_root()
        result = self.in_file_system("-o size=24k", "CAISSON_RUN=\"$3\" \"$1\" run --tee simulated \"$2\" /bin/sh -c "
                                     "'yes | head -c 1000000'")
        self.assertEqual((result.returncode, len(result.stdout)), (0, 1000000), result.stderr)

    def test_a_store_or_run_folder_that_is_nowhere_is_told(self):
        bare = {"PATH": os.environ["PATH"], "CAISSON_GUEST": paths.GUEST}
        for environment, word in ((bare, b"set CAISSON_HOME"), (dict(self.environment, CAISSON_RUN="/etc/passwd"), b"/etc/passwd"),
                                  (dict(self.environment, CAISSON_RUN=self.folder + "/" + "x" * 120), b"CAISSON_RUN")):
            result = self.run_in(environment=environment)
            self.assertIn(result.returncode, (1, 3), result.stderr)
            self.assertIn(word, result.stderr)

    def test_folders_that_hold_no_guest_are_told(self):
        for folder in ("/nowhere", "/etc"):
            result = self.caisson("run", "--tee", "simulated", "--guest", folder, self.image("busybox"), check=False)
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn(folder.encode(), result.stderr)

    def run_in(self, *wrapper, environment=None):
        command = [*wrapper, paths.CAISSON, "run", "--tee", "simulated", "--rm", self.image("busybox"), *SHELL, "echo up"]
        return subprocess.run(command, env=environment or self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120, check=False)

    def needs_root(self):
        if os.geteuid() != 0:
            self.skipTest("only root can make such a host")

    def test_runs_without_a_network(self):
        self.needs_root()
        result = self.run_in("unshare", "-n")
        self.assertEqual((result.returncode, result.stdout), (0, b"up\n"), result.stderr)

    def test_runs_without_kvm(self):
        self.needs_root()
        result = self.run_in("unshare", "-m", "sh", "-c", "mount -t tmpfs none /dev/shm; mknod /dev/shm/null c 1 3;"
                             " [ ! -e /dev/kvm ] || mount --bind /dev/shm/null /dev/kvm; exec \"$@\"", "sh")
        self.assertEqual((result.returncode, result.stdout), (0, b"up\n"), result.stderr)

    def as_nobody_special(self):
        """Runs caisson as a user without any right, who has copies of all it needs: a function of its words."""
        user, home = 54321, os.path.join("/tmp", f"caisson-user-{os.getpid()}")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        self.addCleanup(shutil.rmtree, f"/tmp/caisson-{user}", ignore_errors=True)
        shutil.copytree(self.image("busybox").removeprefix("oci:"), home + "/image")
        shutil.copytree(paths.GUEST, home + "/guest")
        shutil.copy(paths.CAISSON, home + "/caisson")
        subprocess.run(["chown", "-R", f"{user}:{user}", home], check=True)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "CAISSON_GUEST": home + "/guest"}

        def run(*words):
            result = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", home + "/caisson",
                                     *words], stdin=subprocess.DEVNULL, timeout=120, env=environment, capture_output=True,
                                    cwd="/", check=False)
            self.assertEqual(result.returncode, 0, result.stdout.decode() + result.stderr.decode())
            return result.stdout
        return run, home

    def test_the_whole_life_of_a_container_needs_no_right(self):
        self.needs_root()
        run, home = self.as_nobody_special()
        image, port = f"oci:{home}/image", str(free_port())
        self.assertEqual(run("run", "--tee", "simulated", "--rm", image, *SHELL, "echo up"), b"up\n")
        run("doctor")
        with open(home + "/policy", "wb") as file:
            file.write(run("policy", "generate", image, "--", *SHELL, "echo up; exec sleep 1000"))
        run("run", "--tee", "simulated", "-d", "--name", "life", "-p", f"127.0.0.1:{port}:80", "--policy", home + "/policy",
            image, *SHELL, "echo up; exec sleep 1000")
        self.assertIn(b"life", run("ps"))
        self.eventually(lambda: run("logs", "life") == b"up\n", what="log")
        run("attest", "life", "--nonce", "c0ffee", "-o", home + "/evidence")
        self.assertIn(b"SIMULATED", run("verify", home + "/evidence", "--nonce", "c0ffee", "--policy", home + "/policy",
                                        "--guest", home + "/guest/manifest.json", "--trust-simulated",
                                        home + "/.local/share/caisson/simulated"))
        run("stop", "-t", "1", "life")
        self.assertEqual(json.loads(run("inspect", "life"))["status"], "exited")
        run("rm", "life")
        self.assertEqual(json.loads(run("ps", "-a", "--json")), [])

    def test_doctor_says_what_this_machine_can_do(self):
        result = self.caisson("doctor", "--json")
        found = json.loads(result.stdout)
        self.assertTrue(found["tee"]["simulated"])
        self.assertEqual({each["name"] for each in found["checks"]} & {"qemu", "passt", "guest", "kvm", "confinement"},
                         {"qemu", "passt", "guest", "kvm", "confinement"})
        text = self.caisson("doctor").stdout.decode()
        self.assertIn("--tee simulated works here", text)
        self.assertEqual(set(found["tee"]), {"simulated", "sev-snp", "sgx", "sgx-simulated"})
        self.assertTrue(found["tee"]["sgx-simulated"])
        self.assertIn("--tee sgx-simulated works here", text)
        if not os.path.exists("/dev/sgx_enclave"):
            self.assertIn("--tee sgx does not work here", text)
        missing = self.caisson("doctor", "--guest", "/nowhere", check=False)
        self.assertEqual(missing.returncode, 3)
        self.assertIn(b"make guest", missing.stdout)

    def test_version_is_one_line_or_json(self):
        version = json.loads(self.caisson("version", "--json").stdout)["version"]
        self.assertEqual(self.caisson("version").stdout.decode(), f"caisson {version}\n")


if __name__ == "__main__":
    tap.main()
