#!/usr/bin/python3
"""kill -9 of any part of a running container leaves no process behind."""
import os
import signal
import subprocess

from lib import tap
from lib.cli import CliCase, children_of, command_line, is_alive, kill


def processes_of(run_folder, name):
    """The processes that belong to a machine: its environment names this test's folder."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                environment = file.read()
        except OSError:
            continue
        line = command_line(int(entry))
        if run_folder.encode() in environment or name in line or run_folder in line:
            found[int(entry)] = line
    return found


class Orphans(CliCase):
    def start(self):
        """A foreground container: caisson, its monitor, QEMU and what helps it."""
        name = self.name()
        process = self.popen("run", "--tee", "simulated", "--name", name, self.image("busybox"), "/bin/sh", "-c",
                             "echo ready; sleep 1000", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        parts = self.children_and_monitor(name)
        self.assertTrue([pid for pid, line in parts.items() if "qemu" in line], parts)
        return name, process, parts

    def children_and_monitor(self, name):
        before = processes_of(self.folder, name)
        # QEMU and passt get no environment: they are children of what was found.
        for pid in list(before):
            for child in children_of(pid):
                before[child] = command_line(child)
        return before

    def gone(self, parts):
        return self.eventually(lambda: not [pid for pid in parts if is_alive(pid)], 30, "end of all parts: " + str(
            {pid: line for pid, line in parts.items() if is_alive(pid)}))

    def test_each_part_takes_the_others_with_it(self):
        _, process, parts = self.start()
        kinds = {line.split(" ")[0].split("/")[-1] for line in parts.values()}
        for pid in parts:
            kill(pid)
        process.wait(30)
        self.gone(parts)
        for kind in sorted(kinds):
            with self.subTest(kill_9_of=kind):
                _, process, parts = self.start()
                victims = [pid for pid, line in parts.items() if line.split(" ")[0].split("/")[-1] == kind]
                kill(victims[-1], signal.SIGKILL)
                process.wait(30)
                self.gone(parts)

    def test_the_foreground_command_takes_the_machine_with_it(self):
        _, process, parts = self.start()
        process.kill()
        process.wait(30)
        self.gone(parts)


if __name__ == "__main__":
    tap.main()
