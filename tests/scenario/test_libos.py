#!/usr/bin/python3
"""The library OS: a program that was not made for it runs in an enclave of the model as it does outside.

ENCLAVE_IMAGE names the enclave, ENCLAVE_RUN what runs a program in it, ENCLAVE_HELLO such a program. Programs that are
linked dynamically are this system's own, with their libraries as ldd tells them, in a layer.
"""
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from lib import paths, tap

IMAGE, RUN, HELLO, FIXED = (os.path.abspath(os.environ["ENCLAVE_" + name]) for name in ("IMAGE", "RUN", "HELLO", "HELLO_FIXED"))
LINT = os.path.join(paths.SOURCE, "scripts", "lint-enclave")


def run(*command, data=b""):
    env = {"CAISSON_TEST": "a text", "LANG": "C"}
    return subprocess.run(command, input=data, capture_output=True, timeout=180, check=False, env=env)


def build(folder, root):
    """A layer of the folder's files: its disk and the root hash."""
    tar = run("tar", "--owner=0", "--group=0", "--numeric-owner", "--sort=name", "-C", root, "-cf", folder + "/tar", ".")
    built = run(paths.CAISSON, "layer", "build", folder + "/tar", "-o", folder + "/disk", "--json")
    if tar.returncode or built.returncode:
        raise RuntimeError((tar.stderr + built.stderr).decode())
    return folder + "/disk", json.loads(built.stdout)["root_hash"]


def children_of(disk):
    """Hosts of further enclaves that have this disk, as the kernel lists them now."""
    found = set()
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/comm", "rb") as name, open(f"/proc/{number}/cmdline", "rb") as words:
                if name.read() == b"enclave-child\n" and disk.encode() in words.read():
                    found.add(number)
        except OSError: # it has ended
            continue
    return found


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o755)


class Libos(unittest.TestCase):
    maxDiff = None  # what differs once in a hundred runs is to be told whole

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        with open(HELLO, "rb") as hello:
            good = hello.read()
        fixed = good[:16] + b"\x02" + good[17:]
        cls.bad = ((b"", b"too short"), (b"text\n" * 99, b"no ELF file"), (good[:64], b"program headers"),
                   (good[:5000], b"beyond its end"), (fixed, b"fixed address"))  # fmt: skip
        write(folder.name + "/root/bin/hello", good)
        with open(FIXED, "rb") as other:
            write(folder.name + "/root/bin/hello-fixed", other.read())
        write(folder.name + "/root/etc/passwd", b"worker:x:7:8::/home/worker:/bin/sh\n")
        for number, (data, _) in enumerate(cls.bad):
            write(f"{folder.name}/root/bad/{number}", data)
        cls.layer = ("--layer", *build(folder.name, folder.name + "/root"))

    def inside(self, *arguments, data=b"", program="/bin/hello", options=()):
        return run(RUN, IMAGE, *options, *self.layer, program, *arguments, data=data)

    def same(self, *arguments, data=b""):
        outside = run(HELLO, *arguments, data=data)
        result = self.inside(*arguments, data=data)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (outside.returncode, outside.stdout, outside.stderr))
        return result

    def test_the_image_is_clean(self):
        result = run("/usr/bin/python3", LINT, IMAGE)
        self.assertEqual((result.returncode, result.stdout), (0, b""))

    def test_arguments_environment_streams_and_the_exit_code(self):
        result = self.same("say", "one", "", "two words")
        self.assertIn(b"a text 42", result.stdout)
        self.assertEqual(result.returncode, 45)

    def test_programs_have_their_fixed_addresses(self):
        with open(FIXED, "rb") as file:
            self.assertEqual(file.read(18)[16], 2)  # ET_EXEC
        for part in ("say", "pages", "calls", "threads"):
            outside, result = run(FIXED, part), self.inside(part, program="/bin/hello-fixed")
            self.assertEqual((result.returncode, result.stdout), (outside.returncode, outside.stdout), part)

    def test_standard_input_is_read_to_its_end(self):
        self.same("copy", data=b"a line\nanother\n" * 9000)

    def test_what_is_larger_than_the_door(self):
        self.same("large")

    def test_memory_comes_goes_and_changes(self):
        self.assertEqual(self.same("pages").stdout, b"pages\n")

    def test_calls_answer_as_linux_does(self):
        self.assertEqual(self.same("calls").stdout, b"calls\n")

    def test_system_calls_are_rewritten_in_programs(self):
        self.assertEqual(run(HELLO, "site").stdout, b"a SYSCALL\n")
        self.assertEqual(self.inside("site").stdout, b"none\n")

    def test_code_that_a_program_makes_itself_traps(self):
        outside = run(HELLO, "traps")
        self.assertEqual((outside.returncode, outside.stdout), (0, b"traps\n"))
        for program in ("/bin/hello", "/bin/hello-fixed"):
            result = self.inside("traps", program=program)
            self.assertEqual((result.returncode, result.stdout), (0, b"traps\n"), result.stderr)
            self.assertEqual(result.stderr.count(b"0x0000000000000fa0"), 4)  # a number that is no call's

    def test_other_ways_into_a_kernel_are_illegal_instructions(self):
        result = self.inside("gate", "cd80")  # INT 0x80
        self.assertEqual((result.returncode, result.stdout), (0, b"signal 4 there\n"), result.stderr)
        result = self.inside("gate", "0f34")  # SYSENTER: some processors do not tell the model where it was
        self.assertNotIn(b"signal 0", result.stdout)

    def test_the_processor_is_described_inside(self):
        with open("/proc/cpuinfo", encoding="ascii") as file:
            if " cpuid_fault" not in file.read():
                self.skipTest("this processor does not let CPUID trap, and the model runs it as it is")
        self.assertEqual(self.inside("processor").stdout, b"GenuineIntel 163 3c0003f 7fff\n")

    def test_an_exception_ends_the_program_alone(self):
        result = self.inside("fault")
        self.assertEqual(result.returncode, 128 + 11)
        self.assertIn(b"libos: the program ended by the exception 0x000000000000000e", result.stderr)

    def test_threads_work_together(self):
        said = self.same("threads").stdout
        self.assertIn(b"threads 8 sum 56000 turn 8", said)
        self.assertIn(b"clock 1 1\n", said)

    def test_the_program_ends_with_its_threads(self):
        self.assertEqual(self.same("leave").returncode, 17)
        self.assertEqual(self.same("first-ends").stdout, b"last, with 3 more\n")

    def test_signals_do_what_they_do_outside(self):
        self.assertIn(b"running 1\nticks 1 1\n", self.same("signals").stdout)

    def test_a_signal_ends_the_program(self):
        result = self.inside("abort")
        self.assertEqual((result.returncode, result.stdout), (128 + 15, b"before\n"))
        self.assertIn(b"libos: the program ended by the signal 0x000000000000000f", result.stderr)

    def test_signals_of_the_host_come_in(self):
        with subprocess.Popen([RUN, IMAGE, *self.layer, "/bin/hello", "wait"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            for number, name in ((signal.SIGUSR1, b"User defined signal 1\n"), (signal.SIGTERM, b"Terminated\n")):
                process.send_signal(number)
                self.assertEqual(process.stdout.readline(), name)
            self.assertEqual(process.wait(timeout=60), 3)

    def test_processes_in_one_memory_do_what_they_do_outside(self):
        result = self.same("processes")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"vfork 1 1 7\nmore 48\nback 1 1\n", result.stdout)

    def test_programs_of_other_processes_are_found_or_not(self):
        self.assertIn(b"spawn 2 0\nspawn 13 0\n", self.same("spawn").stdout)

    def test_processes_with_memory_of_their_own_do_what_they_do_outside(self):
        result = self.same("forks")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"deep 43\n", result.stdout)
        self.assertIn(b"in a child 0\n", result.stdout)

    def test_nothing_of_a_process_is_there_for_the_next_one(self):
        result = self.same("left")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, b"".join(b"begun 0\ncopied %d\n" % (i + 1) for i in range(6)))

    def test_an_enclave_is_used_again(self):
        seen = set()
        with subprocess.Popen([RUN, IMAGE, *self.layer, "/bin/hello", "left"], stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                seen |= children_of(self.layer[1])
            self.assertEqual(process.returncode, 0)
        self.assertTrue(0 < len(seen) < 8, seen) # of twelve processes, one after the other

    def test_a_process_becomes_another_user(self):
        result = self.inside("identities")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, b"""groups 0 0\ngroups -1 22\ngroups 2 0\ngroup 0 0\nuser 0 0\nids 5 6 7\nroot -1 1\nroot -1 1
groups -1 1\nkill -1 1\nopen -1 13\nsaved 0 0\nids 5 7 7\nlimit 0 0\nlimit -1 9\nlimit -1 1\nlimit 0 0\nwas 60 0 0\n""")
        if os.geteuid() == 0:
            self.assertEqual(run(HELLO, "identities").stdout, result.stdout)

    def test_another_program_takes_the_place_of_one(self):
        with tempfile.TemporaryDirectory() as folder:
            outside = subprocess.run([HELLO, "exec"], cwd=folder, capture_output=True, timeout=60, check=False)
        result = self.inside("exec")
        self.assertEqual((result.returncode, result.stdout, result.stderr.splitlines()[-1]), (43, b"2 by a number\nnone 42 0.428571\n", b"to the other stream"))
        self.assertEqual((outside.returncode, outside.stdout), (result.returncode, result.stdout))

    def test_terminals_are_as_outside(self):
        self.same("terminal")

    def test_who_is_in_the_background_of_a_terminal_is_stopped_or_refused(self):
        stdout = self.same("background").stdout
        self.assertIn(b"by default, read: stopped 21 0\n", stdout)
        self.assertIn(b"orphaned, tcsetpgrp: 25\n", stdout)

    def test_processes_share_memory_as_outside(self):
        result = self.same("shares")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"atomic: 4 2000\n", result.stdout)

    def test_processes_share_segments_as_outside(self):
        result = self.same("segments")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"counted: 3 600\n", result.stdout)
        self.assertIn(b"after it: 1\n", result.stdout)

    def test_processes_wait_for_semaphores_as_outside(self):
        result = self.same("semaphores")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"turns 1 0 0\nsignal 4\nundo 6: 3\nkilled 1009: 3\nwaiting 1 0\nremoved 5\n", result.stdout)

    def test_others_see_names_as_outside(self):
        result = self.same("names")
        self.assertIn(b"comm a parent\n", result.stdout)
        self.assertEqual(result.stdout.count(b"comm a longer name t\n"), 2, result.stdout)

    def test_files_are_watched_as_outside(self):
        result = self.same("notify")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"overflow: 16385 1\n", result.stdout)
        self.assertEqual(result.stdout.count(b": 0\n"), 15, result.stdout)  # of the first process, and of a child

    def test_files_stand_for_processes_as_outside(self):
        result = self.same("pidfds")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout.count(b": 0\n"), 12, result.stdout)  # of the first process, and of a child

    def test_children_read_signals_from_files(self):
        result = self.same("signal_files")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout.count(b": 0\n"), 6, result.stdout)

    def test_processes_stand_still_and_go_on_as_outside(self):
        result = self.same("stops")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"stopped: 1019\n", result.stdout)
        self.assertIn(b"they count: 0\n", result.stdout)

    def test_what_is_not_there_says_so_once(self):
        result = self.inside("unknown")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr.count(b"ENOSYS: bpf\n"), 1)
        self.assertIn(b"0x0000000000000fa0", result.stderr)

    def test_refuses_what_is_no_program_for_it(self):
        for number, (_, words) in enumerate(self.bad):
            result = self.inside(program=f"/bad/{number}")
            self.assertEqual((result.returncode, result.stdout), (125, b""), words)
            self.assertIn(words, result.stderr)

    def test_a_program_is_the_user_s_in_the_folder_that_was_asked_for(self):
        told = self.inside("who", options=("--user", "worker", "--cwd", "/new/folder"))
        self.assertEqual(told.stdout, b"7 7 8 8 7 8 /new/folder /home/worker caisson\n")
        self.assertEqual(self.inside("who", options=("--user", "3:4")).stdout, b"3 3 4 4 3 4 / / caisson\n")
        self.assertIn(b"nobody-here", self.inside("who", options=("--user", "nobody-here")).stderr)

    def test_nothing_runs_before_the_policy_that_the_enclave_is_bound_to(self):
        with tempfile.NamedTemporaryFile() as other:
            other.write(b"package policy\n")
            other.flush()
            result = self.inside("say", options=("--bound", other.name))
            self.assertEqual((result.returncode, result.stdout), (125, b""))
            self.assertIn(b"(its CONFIGID)", result.stderr)
            result = self.inside("say", options=("--policy", other.name))
            self.assertEqual((result.returncode, result.stdout), (125, b""))
            self.assertIn(b"denied by mount_device: the policy has no api_version", result.stderr)


PROGRAMS = ("/bin/true", "/bin/false", "/bin/echo", "/bin/cat", "/bin/ls", "/bin/dash", "/usr/bin/sort", "/usr/bin/sha256sum", "/usr/bin/wc", "/usr/bin/xz", "/usr/bin/zstd",
            "/bin/bash", "/bin/sed", "/usr/bin/mawk", "/bin/tar", "/usr/bin/find", "/usr/bin/python3", "/usr/bin/curl", "/usr/bin/env", "/usr/bin/printenv",
            "/lib/x86_64-linux-gnu/libgcc_s.so.1")  # a thread that runs when its interpreter ends opens this one by its name


def libraries(program):
    """Each library and the dynamic linker, by the name under which the program asks for it."""
    words = run("/usr/bin/ldd", program).stdout.decode()
    return set(re.findall(r"(?:=> )?(/\S+) \(0x", words))


def fill(root):
    for path in {*PROGRAMS, *(library for program in PROGRAMS for library in libraries(program))}:
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        shutil.copyfile(path, root + path)
        os.chmod(root + path, 0o755)
    for path, text, mode in (("/etc/motd", "a line\nanother\n", 0o644), ("/etc/no-program", "echo", 0o755), ("/etc/secret", "", 0o600)):
        os.makedirs(root + os.path.dirname(path), exist_ok=True)
        with open(root + path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(root + path, mode)
    library = run("/usr/bin/python3", "-c", "import os; print(os.path.dirname(os.__file__))").stdout.decode().strip()
    shutil.copytree(library + "/encodings", root + library + "/encodings", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(library + "/os.py", root + library)
    os.mkdir(root + library + "/lib-dynload")
    for path, line in (("script", "/bin/echo -n  and"), ("outer", "/etc/script"), ("loop", "/etc/loop"), ("nothing", " "), ("lost", "/none")):
        with open(root + "/etc/" + path, "w", encoding="ascii") as file:
            file.write("#!" + line + "\n")
        os.chmod(root + "/etc/" + path, 0o755)
    shutil.copyfile(HELLO, root + "/bin/hello")
    os.chmod(root + "/bin/hello", 0o755)
    with open(HELLO, "rb") as hello, open(root + "/bin/wrong-linker", "wb") as wrong:
        data = bytearray(hello.read())
        count = int.from_bytes(data[56:58], "little")
        place = 64 + 56 * next(i for i in range(count) if data[64 + 56 * i] == 7)  # thread-local storage, which it does without
        data[place : place + 4] = (3).to_bytes(4, "little")
        data[place + 8 : place + 16] = (data.index(b"to the other stream")).to_bytes(8, "little")
        data[place + 32 : place + 40] = (21).to_bytes(8, "little")
        wrong.write(data)
    os.chmod(root + "/bin/wrong-linker", 0o755)


class Layers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = cls.folder.name + "/root"
        fill(cls.root)
        cls.disk, cls.hash = build(cls.folder.name, cls.root)

    def inside(self, *command, data=b"", disk=None, root_hash=None):
        layer = ("--layer", disk or self.disk, root_hash or self.hash)
        return run(RUN, IMAGE, *layer, *command, data=data)

    def same(self, *command, data=b""):
        outside, result = run(*command, data=data), self.inside(*command, data=data)
        lines = [line for line in result.stderr.splitlines(True) if not line.startswith(b"libos: ")]
        self.assertEqual((result.returncode, result.stdout, b"".join(lines)), (outside.returncode, outside.stdout, outside.stderr))
        return result

    def test_dynamic_programs_answer_as_outside(self):
        self.same("/bin/true")
        self.same("/bin/false")
        self.assertEqual(self.same("/bin/echo", "one", "", "two words").stdout, b"one  two words\n")
        self.same("/bin/cat", "/none", "/bin/true")
        self.same("/bin/cat", data=b"a line\n" * 30000)
        self.same("/usr/bin/sort", "-r", data=b"b\na\nc\n")
        self.same("/usr/bin/sha256sum", "/bin/ls", "/lib64/ld-linux-x86-64.so.2")
        self.same("/bin/dash", "-c", "cd /dev; read x; echo $x $((6 * 7)); pwd; exit 9", data=b"word\n")
        self.same("/bin/dash", "-c", "exec 3>&1 >/dev/null; echo no; echo yes >&3")

    def test_programs_start_others_in_their_place(self):
        self.same("/bin/dash", "-c", "cd /bin; exec ls -d /etc /none true")
        self.same("/bin/bash", "-c", 'exec -a name "$0" -c "exec dash -c \'exec echo deep\'"', "/bin/bash")
        self.same("/usr/bin/env", "-i", "X=1", "Y=2", "/usr/bin/printenv")
        self.same("/usr/bin/env", "/none")
        self.same("/bin/bash", "-c", "exec /none; echo not here")
        self.same("/bin/bash", "-c", "shopt -s execfail; exec /none; exec cat", data=b"a line\n")
        self.same("/usr/bin/env", "-i", "/bin/dash", "-c", "exec 3>/dev/null; exec 2>&3; exec cat /none")
        self.assertEqual(self.inside("/bin/dash", "-c", "exec /etc/outer x").stdout, b"-n  and /etc/script /etc/outer x\n")
        self.assertEqual(self.inside("/bin/dash", "-c", "exec /etc/loop").returncode, 127)
        self.assertEqual(self.inside("/bin/dash", "-c", "exec /etc/secret").returncode, 126)

    def test_a_program_that_is_written_to_is_another_one(self):
        result = self.inside("/bin/bash", "-c", "for i in 1 2; do /bin/true; echo $?; done; cat /bin/false > /bin/true; for i in 1 2; do /bin/true; echo $?; done")
        self.assertEqual((result.returncode, result.stdout), (0, b"0\n0\n1\n1\n"), result.stderr)

    def test_programs_start_others_beside_them(self):
        self.same("/bin/dash", "-c", "echo a | cat; (exit 3); echo $?; x=$(ls /bin/dash | sort); echo $x; cat /none || echo $?")
        self.same("/bin/dash", "-c", "cat & wait $!; (echo in; (echo deeper) | cat); exec cat", data=b"a line\n")
        self.same("/bin/bash", "-c", """
            echo a | cat; (sub=1; echo $sub; (exit 5); echo $?); x=$(ls /bin/bash | sort); echo "$x"
            set -o pipefail; false | true; echo $?; while :; do echo y || break; done 2>/dev/null | sed -n 2q
            trap 'echo got' USR1; (kill -USR1 $$); for i in 1 2 3; do (exit $i) & wait $!; echo $?; done
            { while :; do :; done; } & kill -9 $!; wait $! 2>/dev/null; echo $?
            echo $(echo nested $(echo deep $(echo deeper)))""")

    def test_programs_with_threads_answer_as_outside(self):
        with open("/lib64/ld-linux-x86-64.so.2", "rb") as file:
            data = file.read()
        packed = self.same("/usr/bin/xz", "-T4", "-0", "--block-size=30000", "-c", data=data).stdout
        self.assertTrue(self.same("/usr/bin/xz", "-T4", "-dc", data=packed).stdout == data)
        self.same("/usr/bin/zstd", "-T3", "-1", "-c", data=data)
        self.same("/usr/bin/sort", "--parallel=4", "-S", "8M", data=b"".join(b"%d line\n" % (i * 7919 % 100003) for i in range(30000)))

    def test_larger_programs_answer_as_outside(self):
        lines = b"one two\nthree four\n"
        self.same("/bin/sed", "-n", "s/o/0/gp", data=lines)
        self.same("/usr/bin/mawk", "{ print $2, NR }", data=lines)
        self.same("/bin/bash", "-c", 'set -- a b; [[ $1 == a ]] && echo "$# $((2 ** 40)) ${2^^}"; while read -r x y; do echo "$y"; done', data=lines)
        self.same("/usr/bin/python3", "-I", "-S", "-c", "print(sum(range(1000)), len(str(7 ** 999)))")
        self.assertEqual(self.inside("/usr/bin/find", "/etc", "-name", "motd").stdout, b"/etc/motd\n")
        self.assertEqual(self.inside("/bin/tar", "-C", "/", "-cf", "-", "etc/motd").stdout[:8], b"etc/motd")

    def test_the_files_are_the_layers(self):
        self.assertEqual(self.inside("/bin/cat", "/etc/motd").stdout, b"a line\nanother\n")
        self.assertEqual(self.inside("/bin/ls", "/etc").stdout, b"loop\nlost\nmotd\nno-program\nnothing\nouter\nscript\nsecret\n")
        long = self.inside("/bin/ls", "-ln", "/etc/motd")
        self.assertEqual((long.returncode, long.stdout.split()[:5]), (0, [b"-rw-r--r--", b"1", b"0", b"0", b"15"]))
        self.assertEqual(self.inside("/bin/ls", "/dev").stdout.split()[:3], [b"fd", b"full", b"null"])
        self.assertEqual(self.inside("/usr/bin/wc", "-c", "/etc/motd").stdout, b"15 /etc/motd\n")

    def test_proc_says_what_programs_look_for(self):
        inside = self.inside("/bin/bash", "-c", """
            read -r name rest </proc/self/comm; echo $name
            while read -r key value; do [[ $key == VmSize: ]] && echo "$key" ${value##* }; done </proc/self/status
            echo there >/dev/stdout; read -r line </dev/stdin; echo $line
            cd /proc/self/fd; echo *; cd ..; pwd -P
            exec 9</etc/motd; read -r line </proc/self/fd/9; echo $line; echo </proc/none""", data=b"input\n")  # fmt: skip
        self.assertEqual(inside.stdout, b"bash\nVmSize: kB\nthere\ninput\n0 1 2 3\n/proc/1\na line\n", inside.stderr)
        self.assertIn(b"/proc/none: No such file", inside.stderr)
        self.assertEqual(self.inside("/bin/ls", "/sys/devices/system/cpu").stdout, b"kernel_max\nonline\npossible\npresent\n")
        self.assertEqual(self.inside("/bin/cat", "/proc/self/cmdline").stdout, b"/bin/cat\0/proc/self/cmdline\0")
        self.assertEqual(self.inside("/bin/cat", "/proc/self/exe").stdout, open("/bin/cat", "rb").read())

    def test_named_pipes_join_threads(self):
        words = """
import os, _thread
os.mkfifo("/etc/fifo")
def write():
    with open("/etc/fifo", "w") as out:
        out.write("a line\\n" * 30000)
_thread.start_new_thread(write, ())
with open("/etc/fifo") as got:
    print(len(got.read()))
try:
    os.open("/etc/fifo", os.O_WRONLY | os.O_NONBLOCK)
except OSError as error:
    print(error.errno)
ends = os.pipe()
again = os.open("/proc/self/fd/%d" % ends[1], os.O_WRONLY)
os.close(ends[1])
os.write(again, b"by proc")
os.close(again)
print(os.read(ends[0], 99), os.read(ends[0], 99))
"""
        result = self.inside("/usr/bin/python3", "-I", "-S", "-c", words)
        self.assertEqual((result.returncode, result.stdout), (0, b"210000\n6\nb'by proc' b''\n"), result.stderr)

    def test_more_processes_than_there_is_room_for_are_refused(self):
        words = """
import os
def fill():
    numbers = []
    try:
        while len(numbers) < 200:
            number = os.fork()
            if number == 0:
                os.read(end, 1)
                os._exit(3)
            numbers.append(number)
    except BlockingIOError:
        pass
    return numbers
end, keep = os.pipe()
numbers = fill()
os.write(keep, b"x" * len(numbers))
print(10 < len(numbers) < 200, {os.waitpid(number, 0)[1] >> 8 for number in numbers})
os.close(keep)
if os.fork() == 0:
    os._exit(4)
print(os.wait()[1] >> 8)
"""
        result = self.inside("/usr/bin/python3", "-I", "-S", "-c", words)
        self.assertEqual((result.returncode, result.stdout), (0, b"True {3}\n4\n"), result.stderr)

    def test_curl_speaks_http_through_the_door(self):
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"a page\n" * 50000)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/"
            self.assertEqual(self.same("/usr/bin/curl", "-s", address).stdout, b"a page\n" * 50000)
            server.shutdown()
        self.assertEqual(self.same("/usr/bin/curl", "-s", address).returncode, 7)  # nobody listens any more

    def test_calls_on_files_answer_as_linux_does(self):
        for part in ("files", "more", "events", "sockets"):
            outside = subprocess.run([HELLO, part], cwd=self.folder.name, timeout=60, check=False)
            self.assertEqual((outside.returncode, self.inside("/bin/hello", part).returncode), (0, 0), part)

    def test_scripts_are_their_interpreters(self):
        result = self.inside("/etc/script", "one", "two words")
        self.assertEqual((result.returncode, result.stdout), (0, b"-n  and /etc/script one two words\n"))
        self.assertEqual(self.inside("/etc/outer", "x").stdout, b"-n  and /etc/script /etc/outer x\n")

    def test_refuses_what_is_no_program_of_the_layer(self):
        for path, words in (("/none", b"no such file"), ("/etc", b"permission denied"), ("/etc/secret", b"permission denied"),
                            ("/etc/no-program", b"too short"), ("/dev/null", b"permission denied"), ("/etc/motd/x", b"not a folder"),
                            ("/bin/wrong-linker", b"interpreter cannot be opened: to the other stream"),
                            ("/etc/loop", b"loop"), ("/etc/nothing", b"nothing"), ("/etc/lost", b"no such file"), ("", b"is in no folder of the container's PATH")):  # fmt: skip
            result = self.inside(path)
            self.assertEqual((result.returncode, result.stdout), (125, b""), path)
            self.assertIn(words, result.stderr)

    def test_refuses_a_layer_that_is_another(self):
        other = self.hash[:-1] + ("0" if self.hash[-1] != "0" else "1")
        with open(self.disk, "rb") as file:
            data = file.read()
        blocks = int.from_bytes(data[1028:1032], "little")
        cases = [(data, other), (b"", self.hash), (data[: blocks * 4096], self.hash)]
        for count in (blocks - 1, blocks + 1, 1, 0, 0xFFFFFFFF):  # of data, by the disk's own word
            cases.append((data[:1028] + count.to_bytes(4, "little") + data[1032:], self.hash))
        for disk, root_hash in cases:
            with tempfile.NamedTemporaryFile() as changed:
                changed.write(disk)
                changed.flush()
                result = self.inside("/bin/true", disk=changed.name, root_hash=root_hash)
            self.assertEqual((result.returncode, result.stdout), (125, b""), result.stderr)
            self.assertIn(b"LUN 0", result.stderr)

    def test_finds_a_program_that_was_changed(self):
        with open(self.disk, "rb") as file, open(HELLO, "rb") as hello:
            data, program = bytearray(file.read()), hello.read()
        data[data.index(program[4096:8192]) + 77] ^= 1
        with tempfile.NamedTemporaryFile() as changed:
            changed.write(data)
            changed.flush()
            result = self.inside("/bin/hello", "say", disk=changed.name)
            self.assertEqual((result.returncode, result.stdout), (125, b""))
            self.assertIn(b"a block of a layer is not what its root hash says", result.stderr)
            self.assertEqual(self.inside("/bin/true", disk=changed.name).returncode, 0)  # which does not need the block


class Python(unittest.TestCase):
    """Debian's own, at its fixed address, with the modules that the program takes."""

    def same(self, name, *others):
        with open(os.path.join(paths.SOURCE, "tests", "enclave", name), encoding="ascii") as file:
            program = file.read()
        python = os.path.realpath("/usr/bin/python3")
        tell = "\nimport sys\nprint(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)))"
        outside = run(python, "-I", "-S", "-B", "-c", program)
        modules = run(python, "-I", "-S", "-B", "-c", program + tell).stdout.decode().splitlines()[-1].split()
        files = {python, *libraries(python), *modules, os.path.dirname(os.__file__) + "/encodings/__init__.py", *others}
        with tempfile.TemporaryDirectory() as folder:
            for path in {*files, *(library for other in others for library in libraries(other))}:
                with open(path, "rb") as file:
                    write(folder + "/root" + path, file.read())
            disk, root_hash = build(folder, folder + "/root")
            result = run(RUN, IMAGE, "--layer", disk, root_hash, python, "-I", "-S", "-B", "-c", program)
        self.assertEqual((result.returncode, result.stdout), (0, outside.stdout), result.stderr)

    def test_threads_and_signals_are_as_outside(self):
        self.same("threads.py")

    def test_processes_share_what_they_do_outside(self):
        self.same("children.py")

    def test_subprocesses_are_as_outside(self):
        self.same("processes.py", "/bin/cat", "/bin/dash")

    def test_terminals_of_programs_are_as_outside(self):
        self.same("terminals.py", "/bin/dash", "/bin/sleep", "/bin/stty", "/usr/bin/tty")


if __name__ == "__main__":
    tap.main()
