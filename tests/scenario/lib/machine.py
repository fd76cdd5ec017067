"""Starts the guest in QEMU, as a simulated machine, with disks and channel in the test's hands.

    with Machine(host_data=sha256(policy), disks=[path, …]) as machine:
        machine.channel.set_policy(policy)

The secure processor is played by a thread here: its reports hold HOST_DATA and what the guest asked for,
and are not signed (the gate compares; it does not verify signatures).
"""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from . import paths
from .channel import Channel

BOOT_SECONDS = 60


def report_of(request, host_data):
    """An unsigned SEV-SNP attestation report (AMD 56860, table 23)."""
    report = bytearray(1184)
    struct.pack_into("<IIQ", report, 0, 2, 0, 0x30000)
    report[0x30:0x34] = request[64:68]
    struct.pack_into("<I", report, 0x34, 1)
    report[0x50:0x90] = request[:64]
    report[0xC0:0xE0] = host_data
    return bytes(report)


class Processor(threading.Thread):
    """Answers the guest's requests for reports. `answer` can be replaced to lie."""

    def __init__(self, sock, host_data):
        super().__init__(daemon=True)
        self.socket = sock
        self.host_data = host_data
        self.requests = []

    def answer(self, request):
        """The report, and no certificates behind it."""
        return struct.pack("<II", 0, 1184) + report_of(request, self.host_data) + bytes(4)

    def run(self):
        waiting = b""
        try:
            while part := self.socket.recv(4096):
                waiting += part
                while len(waiting) >= 96:
                    request, waiting = waiting[:96], waiting[96:]
                    self.requests.append(request)
                    self.socket.sendall(self.answer(request))
        except OSError:
            pass


def host_khz():
    """The host's TSC frequency. The tests boot many machines on a busy host, where a guest that measures its TSC
    by the PIT can fail to, and hang (docs/guest.md)."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("cpu MHz"):
                return int(float(line.split(":")[1]) * 1000)
    return 1000000


def disk_device(drive, lun):
    """QEMU's device for the disk of this number (src/format/disk_place.h), one of few."""
    return f"virtio-blk-pci,disable-legacy=on,drive={drive},addr={4 + lun:x}.0,num-queues=1,queue-size=64"


def parts_device(path=os.path.join(paths.GUEST, "parts")):
    """QEMU's arguments for the disk of parts, which machines with scratch or fragments have."""
    return ["-drive", f"if=none,id=parts,file={path},format=raw,readonly=on",
            "-device", "virtio-blk-pci,disable-legacy=on,drive=parts,addr=3.0,num-queues=1,queue-size=64"]


def command_of(folder, disks, channel_fd, processor_fd, memory=256, extra=(), append="", serial=None):
    """`append` goes behind the command line, `serial` says where the serial line goes other than to a file."""
    with open(os.path.join(paths.GUEST, "cmdline.simulated"), encoding="ascii") as file:
        cmdline = file.read() + f" tsc_early_khz={host_khz()}" + append
    serial = serial or ["-serial", "file:" + os.path.join(folder, "console")]
    command = [
        "qemu-system-x86_64", "-accel", os.environ.get("CAISSON_TEST_ACCEL", "tcg"), "-cpu",
        "max,erms=off,fsrm=off,fsrs=off,fzrm=off", "-smp", "1",
        "-m", str(memory), "-machine",
        "microvm,pcie=on,pic=off,pit=off,rtc=on,acpi=on,isa-serial=on,auto-kernel-cmdline=off",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-kernel", os.path.join(paths.GUEST, "vmlinux"), "-initrd", os.path.join(paths.GUEST, "initrd"),
        "-append", cmdline, *serial,
        "-device", "virtio-serial-pci,disable-legacy=on,max_ports=3",
        "-chardev", f"socket,id=channel,fd={channel_fd}",
        "-device", "virtserialport,chardev=channel,name=org.caisson.channel.0",
        "-chardev", f"socket,id=psp,fd={processor_fd}",
        "-device", "virtserialport,chardev=psp,name=org.caisson.psp.0",
    ]  # fmt: skip
    for lun, disk in enumerate(disks):
        if disk is not None:
            command += ["-drive", f"if=none,id=disk{lun},file={disk},format=raw,readonly=on",
                        "-device", disk_device(f"disk{lun}", lun)]
    return command + list(extra)


class Machine:
    """A running guest. `disks` lie at LUN 0, 1, …; None leaves a LUN empty. Options are those of command_of()."""

    def __init__(self, host_data, disks=(), wait=True, **options):
        self.folder = tempfile.mkdtemp(prefix="caisson-machine-")
        ours, theirs = socket.socketpair()
        processor_ours, processor_theirs = socket.socketpair()
        self.processor = Processor(processor_ours, host_data)
        command = command_of(self.folder, disks, theirs.fileno(), processor_theirs.fileno(), **options)
        with open(os.path.join(self.folder, "qemu"), "wb") as errors:
            self.started = time.monotonic()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
                                            pass_fds=(theirs.fileno(), processor_theirs.fileno()))
        theirs.close()
        processor_theirs.close()
        self.processor.start()
        self.channel = Channel(ours)
        if wait:
            try:
                self.channel.event("hello", BOOT_SECONDS)
            except Exception as problem:
                log = self.log()
                self.stop()
                raise AssertionError(f"the guest did not say hello: {problem}\n{log}") from problem

    def log(self):
        """What QEMU and the guest's console said; for messages of failed tests."""
        text = ""
        for name in ("qemu", "console"):
            try:
                with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
                    text += f"--- {name}\n{file.read()[-4000:]}"
            except OSError:
                pass
        return text

    def wait_ended(self, timeout=20):
        """True once the machine has powered itself off."""
        try:
            self.process.wait(timeout)
            return True
        except subprocess.TimeoutExpired:
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.channel.close()
        self.processor.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(self.log(), flush=True)
        self.stop()
