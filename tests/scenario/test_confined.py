#!/usr/bin/python3
"""What QEMU and passt may do on the host: as whom they run, and behind what."""
import json
import os
import shutil
import subprocess

from lib import paths, tap
from lib.cli import CliCase, command_line, children_of


def status_of(pid):
    """/proc/PID/status as a dict of texts."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return {key: value.split() for key, _, value in (line.partition(":") for line in file)}


class Confined(CliCase):
    def start(self):
        """The parts of a machine that runs, by name: {"qemu": pid, "passt": pid}."""
        name = self.start_image("busybox", "/bin/sleep", "1000")
        monitor = json.loads(self.caisson("inspect", name).stdout)["monitor"]
        lines = {pid: command_line(pid).split(" ")[0] for pid in children_of(monitor)}
        parts = {part: [pid for pid, line in lines.items() if part in line] for part in ("qemu", "passt")}
        self.assertTrue(all(len(pids) == 1 for pids in parts.values()), lines)
        return {part: pids[0] for part, pids in parts.items()}

    def needs_root(self):
        if os.geteuid() != 0:
            self.skipTest("an ordinary user's QEMU is that user's")

    def test_qemu_has_a_filter_no_new_privileges_and_no_capability(self):
        for part, pid in self.start().items():
            status = status_of(pid)
            self.assertEqual(status["Seccomp"], ["2"], part)
            self.assertEqual(status["NoNewPrivs"], ["1"], part)
            self.assertEqual((int(status["CapEff"][0], 16), int(status["CapPrm"][0], 16)), (0, 0), part)

    def test_what_root_starts_does_not_run_as_root(self):
        self.needs_root()
        users = []
        for parts in (self.start(), self.start()):
            for pid in parts.values():
                status = status_of(pid)
                self.assertEqual(len(set(status["Uid"] + status["Gid"])), 1, status)
                self.assertEqual(status["Groups"], [])
                self.assertNotIn(status["Uid"][0], ["0", "65534"])
                users.append(status["Uid"][0])
        self.assertEqual(len(set(users)), 4, users)

    def test_a_guest_that_only_root_may_read_boots_all_the_same(self):
        self.needs_root()
        guest = os.path.join(self.folder, "guest")
        shutil.copytree(paths.GUEST, guest)
        for name in os.listdir(guest):
            os.chmod(os.path.join(guest, name), 0o600)
        os.chmod(guest, 0o700)
        result = self.run_image("busybox", "/bin/echo", "up", options=["--guest", guest])
        self.assertEqual(result.stdout, b"up\n")

    def test_a_root_that_is_no_other_user_runs_machines_too(self):
        """In a user namespace that knows this user alone, as a rootless container has it."""
        self.needs_root()
        result = subprocess.run(["unshare", "-U", "-r", paths.CAISSON, "run", "--tee", "simulated", "--rm",
                                 self.image("busybox"), "/bin/echo", "up"], env=self.environment, timeout=120,
                                stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.assertEqual((result.returncode, result.stdout), (0, b"up\n"), result.stderr)


if __name__ == "__main__":
    tap.main()
