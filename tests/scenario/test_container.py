#!/usr/bin/python3
"""A container against the machine that it runs in: with the capabilities that every image gets it reaches no
device, nothing of the first process's, and no output but the one that the policy allows."""
import os

from lib import tap
from lib.hostile import HostileCase
from lib.workload import Workload

# What there is in the machine, by its numbers: disks, dm-verity, memory, ports, the kernel's log, the serial
# line, the console, and the nodes that misc drivers have (among which is /dev/sev-guest on a machine that has one).
DEVICES = """
try() {
    rm -f /dev/x
    mknod /dev/x "$@" 2>/dev/null || return 0
    (exec 3</dev/x) 2>/dev/null && echo "read $*"
    (exec 3>>/dev/x; echo LEAKED >&3) 2>/dev/null && echo "wrote $*"
}
for m in 0 1 2 15 16; do try b 8 $m; try b 254 $m; try b 253 $m; try b 252 $m; done
for m in 1 2 3 4 11; do [ $m = 3 ] || try c 1 $m; done
for m in 64 65; do try c 4 $m; done
try c 5 1; try c 5 3
m=0; while [ $m -le 255 ]; do try c 10 $m; m=$((m + 1)); done
for f in /sys/class/virtio-ports/*/dev /sys/class/bsg/*/dev /sys/class/misc/*/dev /sys/class/scsi_generic/*/dev; do
    [ -f $f ] || continue
    IFS=: read major minor <$f
    try c $major $minor
    seen=$f
done
[ -n "$seen" ] && echo finished
"""

PLACES = """
mkdir -p /tmp/m
for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/sysrq /proc/sysrq-trigger /sys/fs/cgroup/cgroup.procs \
    /sys/power/state; do
    (echo 0 >$f) 2>/dev/null && echo "wrote $f"
done
for type in proc sysfs devtmpfs configfs cgroup2 tmpfs; do
    mount -t $type none /tmp/m 2>/dev/null && echo "mounted $type"
done
[ -e /proc/1/root/modules ] && echo "the machine's root"
[ -e /run/gcs ] && echo "the machine's /run"
[ -e /sys/kernel/config/tsm ] && echo "reports"
[ "$(readlink /proc/1/exe)" = /bin/busybox ] || echo "another first process"
[ "$(cat /proc/self/cgroup)" = 0::/ ] || echo "the machine's groups"
[ "$(cat /proc/sys/kernel/sysrq)" = 0 ] || echo "sysrq"
[ "$(cat /proc/sys/kernel/panic_on_oops)" = 1 ] || echo "a kernel that goes on"
echo finished
"""


class Container(HostileCase):
    def finds_nothing(self, script):
        workload = Workload("busybox", ["/bin/sh", "-c", script])
        with workload.boot() as machine:
            workload.mount(machine.channel)
            event, output, errors = workload.run(machine.channel)
            self.assertEqual((event["code"], output.decode(), errors.decode()), (0, "finished\n", ""))
            with open(os.path.join(machine.folder, "console"), encoding="utf-8", errors="replace") as console:
                self.assertNotIn("LEAKED", console.read())

    def test_opens_no_device_of_the_machine(self):
        self.finds_nothing(DEVICES)

    def test_changes_nothing_of_the_machine(self):
        self.finds_nothing(PLACES)


class Names(HostileCase):
    def test_refuses_an_id_that_is_an_option(self):
        workload = Workload("busybox", ["/bin/true"])
        with workload.boot() as machine:
            workload.mount(machine.channel)
            for name in ("-", "--help", "--no-pivot", "-h"):
                with self.subTest(id=name):
                    self.refused(machine.channel, "mount_overlay", "invalid", id=name, layers=workload.targets())


if __name__ == "__main__":
    tap.main()
