#!/usr/bin/python3
"""kill -9 of any part of a running container, or of a group on its way up, leaves no process behind."""
import json
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

    def pod(self):
        """Two containers that start one after the other, as JSON, which is YAML too."""
        each = [{"name": name, "image": self.image("busybox"), "command": ["/bin/sh", "-c", "echo ready; sleep 1000"]}
                for name in ("first", "second")]  # fmt: skip
        path = os.path.join(self.folder, "pod.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pair"}, "spec": {"containers": each}}, file)
        return path

    def kill_when(self, name, pod, reached, kind):
        """Starts the group, and kills its part of this kind as soon as `reached` holds: all that belonged to it."""
        process = self.popen("run", "--tee", "simulated", "--name", name, "--group", pod, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)  # fmt: skip
        found = {}

        def is_there():
            found.clear()
            found.update(self.children_and_monitor(name))
            parts = [pid for pid, line in found.items() if kind in line.split(" ")[0]]
            return parts if parts and reached(name) else None

        victims = self.eventually(is_there, 120, kind)
        kill(victims[-1], signal.SIGKILL)
        # QEMU that ends before the guest has spoken is started once more.
        self.eventually(lambda: process.poll() is not None or kind == "qemu" and self.caisson(
            "logs", "-c", "second", name, check=False).stdout == b"ready\n", what="end, or a group that runs")
        if process.poll() is None:
            found.update(self.children_and_monitor(name))
            self.caisson("rm", "-f", name)
        self.assertNotEqual(process.wait(60), 0)
        return {**found, **self.children_and_monitor(name)}

    def shows(self, name, words):
        return words in self.caisson("inspect", name, check=False).stdout.decode()

    def test_a_group_that_is_killed_while_it_starts_is_gone_and_its_name_is_free(self):
        pod, name = self.pod(), self.name()
        moments = {"there is a process": lambda name: True,
                   "the machine is listed": lambda name: self.shows(name, '"name"'),
                   "a container runs": lambda name: self.shows(name, '"status": "running"')}  # fmt: skip
        for moment, reached in moments.items():
            for kind in ("caisson", "qemu", "passt"):
                with self.subTest(when=moment, kill_9_of=kind):
                    self.gone(self.kill_when(name, pod, reached, kind))
                    self.assertNotIn(b"running", self.caisson("ps", "-a").stdout)
                    self.caisson("rm", "-f", name, check=False)
                    self.assertEqual(self.caisson("inspect", name, check=False).returncode, 3)
        self.caisson("run", "--tee", "simulated", "-d", "--name", name, "--group", pod)
        self.eventually(lambda: self.caisson("logs", "-c", "second", name).stdout == b"ready\n", what="second container")

    def test_the_foreground_command_takes_the_machine_with_it(self):
        _, process, parts = self.start()
        process.kill()
        process.wait(30)
        self.gone(parts)


if __name__ == "__main__":
    tap.main()
