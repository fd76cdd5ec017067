#!/usr/bin/python3
"""File systems of a container in an enclave: a root that is read only, and folders in memory, as the policy has them."""
from lib import tap
from lib.enclave import PROGRAMS, EnclaveCase


class Files(EnclaveCase):
    programs = (*PROGRAMS, "/bin/busybox")

    def said(self, script, *options):
        """What each line of the script came to."""
        return self.run_it("/bin/dash", "-c", script, options=options).stdout.decode().splitlines()

    def test_a_root_that_is_read_only_takes_nothing(self):
        script = """
        echo x >/new || :
        echo x >/etc/passwd || :
        busybox touch /etc/passwd; busybox chmod 600 /etc/passwd; busybox rm /etc/passwd; busybox mv /etc /other; busybox mkdir /folder
        busybox ln -s a /link; busybox chown 1 /etc; busybox mknod /fifo p; busybox truncate -s 0 /etc/passwd || :
        """
        lines = self.said("exec 2>&1\n" + script, "--read-only")
        self.assertEqual([line for line in lines if not line.endswith(": Read-only file system")], [])
        self.assertEqual(len(lines), 11, lines)
        lines = self.said("cat /etc/passwd | wc -l; cat /proc/mounts", "--read-only")
        self.assertEqual(lines[0], "2")
        self.assertIn("overlay / overlay ro,relatime 0 0", lines)

    def test_what_is_mounted_over_a_root_that_is_read_only_can_be_written(self):
        script = "echo a >/tmp/a && cat /tmp/a; echo b >/dev/shm/b && cat /dev/shm/b; echo c >/dev/null && echo null; pwd"
        options = ("--read-only", "--tmpfs", "/tmp", "-w", "/new/folder")
        self.assertEqual(self.said(script, *options), ["a", "b", "null", "/new/folder"])

    def test_a_tmpfs_is_what_its_options_say(self):
        script = """exec 2>&1
        cd /t/deep; busybox stat -c '%a %u %g' .; busybox df -k . | busybox awk 'END {print $2}'
        busybox dd if=/dev/zero of=big bs=4096 count=400 2>/dev/null || echo full; busybox rm big; echo "#!/bin/dash" >run; busybox chmod 755 run; ./run || echo no
        busybox mknod null c 1 3 && echo x >null; echo again >again && cat again"""
        lines = self.said(script, "--tmpfs", "/t/deep:size=1m,mode=751,uid=7,gid=8")
        self.assertEqual(lines[:3], ["751 7 8", "1024", "full"], lines)
        self.assertIn("Permission denied", lines[3])
        self.assertEqual(lines[4], "no")
        self.assertIn("ermission denied", lines[5])
        self.assertEqual(lines[6:], ["again"])
        lines = self.said(script, "--mount", "type=tmpfs,destination=/t/deep", "--tmpfs", "/u:exec")
        self.assertEqual(lines[0], "1777 0 0")
        script = 'echo "#!/bin/dash\necho runs" >/u/run; busybox chmod 755 /u/run; /u/run'
        self.assertEqual(self.said(script, "--tmpfs", "/u:exec"), ["runs"])
        self.assertEqual(self.said("exec 2>&1; echo x >/r/x || echo no", "--tmpfs", "/r:ro")[-1], "no")
        self.assertEqual(self.said("busybox df -k /dev/shm | busybox awk 'END {print $2}'", "--shm-size", "2m"), ["2048"])

    def test_all_folders_in_memory_have_one_room(self):
        script = """for to in /a /b /c; do busybox dd if=/dev/zero of=$to/big bs=1048576 count=40 2>/dev/null && echo fits || echo full; done
        busybox rm /a/big; echo x >/c/x && echo again"""
        options = [word for name in "abc" for word in ("--tmpfs", f"/{name}:size=1g")]
        self.assertEqual(self.said(script, *options), ["fits", "full", "full", "again"])

    def test_memory_has_a_bound_in_each_process(self):
        for size, words in (("64M", ["fits", "fits"]), ("160M", ["full", "full"])):
            script = f"busybox dd if=/dev/zero of=/dev/null bs={size} count=1 2>/dev/null && echo fits || echo full"
            lines = self.said(f"{script}; ({script}); busybox free -m | busybox awk '/Mem/ {{print $2}}'", "--memory", "128m")
            self.assertEqual(lines, [*words, "128"])
        result = self.run_it("/bin/busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=160M", "count=1", options=("--memory", "128m"), check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"memory", result.stderr)

    def test_refuses_what_the_policy_does_not_say(self):
        policy = self.policy("/usr/bin/id", "-u", options=("--read-only", "--tmpfs", "/t:size=1m"))
        good = ("--policy", policy, "--read-only", "--tmpfs", "/t:size=1m")
        self.assertEqual(self.run_it("/usr/bin/id", "-u", options=good).stdout, b"0\n")
        for bad in (("--tmpfs", "/t:size=1m"), ("--read-only", "--tmpfs", "/t:size=2m"), ("--read-only", "--tmpfs", "/u:size=1m"),
                    ("--read-only", "--tmpfs", "/t:size=1m", "--tmpfs", "/u")):  # fmt: skip
            self.refused("denied by create_container", "/usr/bin/id", "-u", options=("--policy", policy, *bad))

    def test_refuses_options_that_mean_nothing_here(self):
        for option, words in (("nr_inodes=3", "nr_inodes"), ("size=2x", '"2x" is not known'), ("size=", "no option"), ("mode=999", '"999" is not known'),
                              ("uid=-1", '"-1" is not known'), ("size=99999999999999999999", "is not known")):  # fmt: skip
            self.refused(words, options=("--tmpfs", "/t:" + option))
        self.refused("cannot be mounted", options=("--tmpfs", "/etc/passwd"))
        self.refused("a folder of the host's", options=("-v", "/tmp:/tmp"))
        self.refused("refused, but for type=tmpfs", options=("--mount", "type=bind,source=/tmp,destination=/x"))


if __name__ == "__main__":
    tap.main()
