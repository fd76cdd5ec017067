#!/usr/bin/python3
"""More processes in a container that runs, over the real channel: what the policy describes of them runs, bound as
the first one is, and nothing else does; signals, pausing, figures, and the end of it all."""
import hashlib
import json
import os
import time

from lib import policies, tap
from lib.execs import Exec, request
from lib.hostile import HostileCase
from lib.workload import TARGET, Workload

SLEEP = ["/bin/sleep", "1000"]
IDENTITY = ["/bin/sh", "-c", """
sed -n 's/^\\(Umask\\|Uid\\|Gid\\|Groups\\|SigBlk\\|SigIgn\\|CapInh\\|CapPrm\\|CapEff\\|CapBnd\\|CapAmb\\|NoNewPrivs\\|Seccomp\\):[\\t ]*/\\1 /p' \
    /proc/self/status | tr '\\t' ' ' | sed 's/ *$//'
ulimit -n
cat /proc/self/cgroup
for n in cgroup ipc mnt pid uts net; do [ $(readlink /proc/self/ns/$n) = $(readlink /proc/1/ns/$n) ] && echo same $n; done
"""]
FILES = ["/bin/sh", "-c", "ls -l /proc/$$/fd | sed 's/.* -> //' | sed 's/:.*//'; cat /proc/$$/stat | cut -d' ' -f4,5,6"]
ECHO = ["/bin/sh", "-c", "echo \"$A|$HOME|$(pwd)\"; echo err >&2; exit 7"]
CAT = ["/bin/cat"]
TTY = ["/bin/sh", "-c", "tty; stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.05; done"]
TRAP = ["/bin/sh", "-c", "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.05; done"]
LOOP = ["/bin/sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"]
MANY = [["/bin/true"], IDENTITY, FILES, ECHO, CAT, TTY, LOOP, ["/no/such"], ["/etc/passwd"], ["nowhere"]]


def rules():
    allowed = [{"command": command, "signals": []} for command in MANY]
    allowed.append({"command": TRAP, "signals": [10]})
    return {"exec_processes": allowed, "signals": [9, 15], "env_rules": [
        {"pattern": "PATH=.+", "required": False, "strategy": "re2"}, {"pattern": "A=.*", "required": False, "strategy": "re2"}]}


class Processes(HostileCase):
    """One machine for all: what it is asked for leaves nothing behind."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.workload = Workload("busybox", SLEEP, **rules())
        cls.machine = cls.workload.boot()
        cls.channel = cls.machine.channel
        cls.workload.mount(cls.channel)
        cls.workload.start(cls.channel)

    @classmethod
    def tearDownClass(cls):
        cls.machine.stop()

    def tearDown(self):
        self.assertEqual(self.channel.violations, [])

    def run_in(self, args, **changes):
        return Exec(self.channel, self.workload, args, **changes).wait()

    def test_tells_output_errors_and_code_apart(self):
        event, output, errors = self.run_in(ECHO, env=["PATH=/bin", "A=with spaces", "LD_PRELOAD=/x"])
        self.assertEqual((event["code"], event["signal"]), (7, 0))
        self.assertEqual((output, errors), (b"with spaces|/|/\n", b"err\n"))

    def test_is_bound_as_the_first_process_is(self):
        event, output, errors = self.run_in(IDENTITY)
        lines = output.decode().splitlines()
        found = dict(line.split(" ", 1) for line in lines if line[0].isupper() and " " in line)
        self.assertEqual((event["code"], errors), (0, b""))
        self.assertEqual({name: found[name] for name in ("Umask", "Uid", "Gid", "SigBlk", "SigIgn", "NoNewPrivs")},
                         {"Umask": "0022", "Uid": "0 0 0 0", "Gid": "0 0 0 0", "SigBlk": "0" * 16, "SigIgn": "0" * 16,
                          "NoNewPrivs": "0"})
        self.assertEqual([found["Cap" + name] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
                         ["0" * 16, "00000000a80425fb", "00000000a80425fb", "00000000a80425fb", "0" * 16])
        self.assertEqual(lines[-8:], ["1048576", "0::/"] + ["same " + name for name in ("cgroup", "ipc", "mnt", "pid", "uts", "net")])

    def test_is_another_user_with_no_new_privileges(self):
        _, output, _ = self.run_in(IDENTITY, user="1000:7", no_new_privileges=True)
        found = dict(line.split(" ", 1) for line in output.decode().splitlines() if line[0].isupper() and " " in line)
        self.assertEqual((found["Uid"], found["Gid"], found["NoNewPrivs"]), ("1000 " * 3 + "1000", "7 7 7 7", "1"))
        self.assertEqual([found["Cap" + name] for name in ("Inh", "Prm", "Eff", "Amb")], ["0" * 16] * 4)

    def test_has_three_descriptors_and_a_session(self):
        _, output, _ = self.run_in(FILES)
        lines = output.decode().splitlines()
        self.assertEqual(lines[1:-1], ["/dev/null", "pipe", "pipe"])
        parent, group, session = lines[-1].split()
        self.assertEqual(parent, "0", "its parent is in the container")
        self.assertEqual(group, session)

    def test_ten_megabytes_go_through(self):
        data = os.urandom(1 << 20) * 10
        it = Exec(self.channel, self.workload, CAT, stdin=True)
        self.channel.write(it.source, data)
        self.channel.close_stream(it.source)
        event, output, _ = it.wait()
        self.assertEqual((event["code"], output), (0, data))

    def test_has_a_terminal_that_changes_its_size(self):
        it = Exec(self.channel, self.workload, TTY, stdin=True, terminal=True, rows=33, columns=99)
        self.channel.wait(lambda: b"ready" in it.output.data, 60, "a terminal")
        self.assertRegex(bytes(it.output.data), rb"^/dev/pts/[0-9]+\r\n33 99\r\n")
        self.channel.call("resize_terminal", id="c", process=it.number, rows=50, columns=120)
        event, output, _ = it.wait()
        self.assertEqual(event["code"], 3)
        self.assertIn(b"50 120", output)
        self.refused(self.channel, "resize_terminal", "order", id="c", process=it.number, rows=5, columns=5)

    def test_gets_the_signals_of_its_own_rule(self):
        it = Exec(self.channel, self.workload, TRAP)
        self.channel.wait(lambda: b"ready" in it.output.data, 60, "a process")
        self.refused(self.channel, "signal_container_process", "denied", "signal_container_process", id="c",
                     process=it.number, signal=15)
        self.refused(self.channel, "signal_container_process", "order", id="c", process=it.number + 1000, signal=10)
        self.channel.call("signal_container_process", id="c", process=it.number, signal=10)
        event, output, _ = it.wait()
        self.assertEqual((event["code"], output), (5, b"ready\ngot\n"))
        self.refused(self.channel, "signal_container_process", "order", id="c", process=it.number, signal=10)

    def test_refuses_what_is_no_program(self):
        for args, because in ((["/no/such"], "No such file"), (["/etc/passwd"], "Permission denied"),
                              (["nowhere"], "in no folder of the container's PATH")):
            with self.subTest(args=args):
                output = self.channel.open()
                refusal = self.refused(self.channel, "exec_in_container", "failed",
                                       **request(self.workload, args, stdout=output.number))
                self.assertIn(because, refusal.reason)
                self.assertEqual(self.channel.read_all(output), b"")

    def test_refuses_any_other_process(self):
        fewer = policies.capabilities(policies.CAPABILITIES[1:])
        attempts = {
            "another program": {"args": ["/bin/sh"]}, "its first process again": {"args": SLEEP},
            "an argument more": {"args": ["/bin/true", ""]}, "another folder": {"cwd": "/tmp"},
            "another umask": {"umask": 0}, "a capability fewer": {"capabilities": fewer},
            "a name twice": {"env": ["A=1", "A=2"]}, "another container": {"id": "d"},
            "none": {"args": []}, "privileged": {"privileged": True}, "mounts": {"mounts": []},
        }  # fmt: skip
        before = len(self.channel.events)
        for name, changes in attempts.items():
            with self.subTest(attempt=name):
                output = self.channel.open()
                values = dict(request(self.workload, ["/bin/true"], stdout=output.number), **changes)
                self.refused(self.channel, "exec_in_container", ("denied", "invalid", "order"), **values)
        self.assertEqual(len(self.channel.events), before)

    def test_streams_are_closed_where_the_start_fails_and_their_numbers_free(self):
        source, output = self.channel.open(), self.channel.open()
        for _ in range(2):
            self.refused(self.channel, "exec_in_container", "denied",
                         **request(self.workload, ["/bin/sh"], stdin=source.number, stdout=output.number))
            self.channel.read_all(output)
            self.channel.close_stream(source)
            output.closed = False

    def test_says_nothing_of_what_is_not_there(self):
        for op in ("exec_external", "dump_stacks", "runtime_logging"):
            self.assertIn("this guest does not do", self.refused(self.channel, op, "denied", op).reason)

    def test_twenty_processes_come_and_go(self):
        started = [Exec(self.channel, self.workload, ["/bin/true"]) for _ in range(20)]
        for it in started:
            self.assertEqual(it.wait()[0]["code"], 0)

    def test_tells_what_the_container_has_used(self):
        first = self.channel.call("get_usage", id="c")
        Exec(self.channel, self.workload, ["/bin/true"]).wait()
        second = self.channel.call("get_usage", id="c")
        times = [int(each["cpu.stat"].split()[1]) for each in (first, second)]
        self.assertGreater(times[0], 0)
        self.assertGreater(times[1], times[0])
        self.assertGreater(int(second["memory.current"]), 65536)
        self.assertIn("254:0 rbytes=", second["io.stat"])
        self.refused(self.channel, "get_usage", "order", id="d")

    def test_lists_the_containers_processes_alone(self):
        it = Exec(self.channel, self.workload, TRAP)
        self.channel.wait(lambda: b"ready" in it.output.data, 60, "a process")
        found = self.channel.call("list_processes", id="c")["processes"]
        self.assertIn("sleep", [each["name"] for each in found])
        self.assertIn("sh", [each["name"] for each in found])
        self.assertIn(it.result["pid"], [each["pid"] for each in found])
        # The kernel counts a process's pages in batches: of one with few it may say 0.
        self.assertTrue(any(each["pages"] > 0 for each in found), found)
        self.channel.call("signal_container_process", id="c", process=it.number, signal=10)
        it.wait()

    def test_pausing_stops_all_and_starts_nothing(self):
        it = Exec(self.channel, self.workload, LOOP)
        self.channel.wait(lambda: it.output.data.count(b"\n") > 3, 60, "output")
        self.channel.call("pause")
        self.refused(self.channel, "pause", "order")
        self.refused(self.channel, "exec_in_container", "order", **request(self.workload, ["/bin/true"]))
        # What is frozen uses no time, however long that is.
        frozen = self.channel.call("get_usage", id="c")["cpu.stat"].split()[1]
        before = len(it.output.data)
        for _ in range(20):
            self.channel.call("get_statistics")
        time.sleep(0.3)
        after = self.channel.call("get_usage", id="c")["cpu.stat"].split()[1]
        self.assertLess(int(after) - int(frozen), 50000)
        self.assertLess(len(it.output.data) - before, 16)
        self.channel.call("unpause")
        self.refused(self.channel, "unpause", "order")
        count = len(it.output.data)
        self.channel.wait(lambda: len(it.output.data) > count + 20, 60, "more output")


class Ends(HostileCase):
    def test_the_first_processs_end_is_the_others_too(self):
        workload = Workload("busybox", SLEEP, **rules())
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            workload.start(channel)
            started = [Exec(channel, workload, LOOP) for _ in range(3)]
            self.refused(channel, "unmount_overlay", "order", id="c")
            self.refused(channel, "unmount_device", "denied", "unmount_device", target=TARGET.format(0))
            channel.call("shutdown_container", id="c")
            self.refused(channel, "exec_in_container", ("denied", "order"), **request(workload, ["/bin/true"]))
            for it in started:
                self.assertEqual(it.wait()[0]["signal"], 9)
            self.assertEqual(channel.event("exited", 60, id="c", process=0)["signal"], 9)
            self.refused(channel, "exec_in_container", ("denied", "order"), **request(workload, ["/bin/true"]))
            channel.call("unmount_overlay", id="c")
            for _ in range(2):  # at once, and by name for good
                self.refused(channel, "unmount_overlay", "order", id="c")
            channel.call("unmount_device", target=TARGET.format(0))
            self.refused(channel, "unmount_device", "denied", target=TARGET.format(0))
            self.refused(channel, "mount_overlay", "denied", id="d", layers=workload.targets())
            # The same layer, in the same place, for another container.
            workload.mount_devices(channel)
            self.refused(channel, "mount_overlay", "denied", id="c", layers=workload.targets())
            channel.call("mount_overlay", id="d", layers=workload.targets())
            again = Workload("busybox", SLEEP, name="d", **rules())
            again.start(channel)
            self.assertEqual(Exec(channel, again, ["/bin/true"]).wait()[0]["code"], 0)

    def test_refuses_everything_where_the_policy_names_no_process(self):
        workload = Workload("busybox", SLEEP, allow_stdio_access=False, signals=[])
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            channel.call("create_container", **workload.process())
            self.refused(channel, "exec_in_container", "denied", "exec_in_container", **request(workload, ["/bin/sh"]))
            self.refused(channel, "signal_container_process", "denied", id="c", signal=10)

    def test_output_goes_nowhere_unless_the_policy_lets_it(self):
        workload = Workload("busybox", SLEEP, allow_stdio_access=False, **rules())
        with workload.boot() as machine:
            workload.mount(machine.channel)
            machine.channel.call("create_container", **workload.process())
            event, output, errors = Exec(machine.channel, workload, ECHO).wait()
            self.assertEqual((event["code"], output, errors), (7, b"", b""))

    def test_limits_bind_the_container(self):
        script = "cd /sys/fs/cgroup; cat pids.max memory.max cpu.max; sleep 1000"
        workload = Workload("busybox", ["/bin/sh", "-c", script])
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            for limits in ({"memory": -1}, {"pids": 4}, {"count": "4"}, [], 7, {"cpu": 1 << 40}):
                with self.subTest(limits=limits):
                    self.refused(channel, "create_container", "invalid", **workload.process(limits=limits))
            _, output, _ = workload.start(channel, limits={"memory": 64 << 20, "cpu": 500, "count": 40})
            channel.wait(lambda: output.data.count(b"\n") == 3, 60, "limits")
            self.assertEqual(output.data.decode().splitlines(), ["40", str(64 << 20), "50000 100000"])


class Confined(HostileCase):
    """What is the container's alone to say, a later process has too: also where it gets no new privileges to install it by."""

    def test_has_the_containers_profile_and_limits(self):
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}  # fmt: skip
        digest = hashlib.sha256(json.dumps(profile, separators=(",", ":")).encode()).hexdigest()
        command = ["/bin/sh", "-c", "grep -E '^(Seccomp|CapEff):' /proc/self/status; ulimit -n; mkdir /tmp/x 2>&1"]
        workload = Workload("busybox", SLEEP, seccomp_profile_sha256=digest, exec_processes=[{"command": command, "signals": []}],
                            caisson_rlimits=["nofile=2048:2048"])  # fmt: skip
        with workload.boot() as machine:
            workload.mount(machine.channel)
            workload.start(machine.channel, seccomp=profile, rlimits=["nofile=2048:2048"])
            for user, capabilities in (("", "00000000a80425fb"), ("1000:7", "0" * 16)):
                _, output, _ = Exec(machine.channel, workload, command, user=user).wait()
                self.assertEqual(output.decode().splitlines(), [
                    f"CapEff:\t{capabilities}", "Seccomp:\t2", "2048", "mkdir: can't create directory '/tmp/x': No space left on device"])


if __name__ == "__main__":
    tap.main()
