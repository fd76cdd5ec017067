"""A writable disk for a machine's scratch, and the requests that a faithful host makes for it."""
import os

from . import paths
from .machine import disk_device

PARTS_LUN, DISK_LUN = 20, 21
SIZE_MIN = 320 << 20  # bytes that the guest wants of a disk (src/guest/scratch.h)


def make_disk(path, size=SIZE_MIN):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def writable(disk, lun=DISK_LUN):
    """QEMU's arguments for a disk behind which a file lies that the test may write to as well."""
    return ["-drive", f"if=none,id=scratch{lun},file={disk},format=raw,file.locking=off",
            "-device", disk_device(f"scratch{lun}", lun) + ",werror=report"]


def devices(disk):
    """QEMU's arguments for the parts' disk and the disk itself."""
    parts = os.path.join(paths.GUEST, "scratch")
    return ["-drive", f"if=none,id=parts,file={parts},format=raw,readonly=on",
            "-device", disk_device("parts", PARTS_LUN), *writable(disk)]


def mount(channel, timeout=120):
    return channel.call("scratch_mount", timeout=timeout, lun=DISK_LUN, parts_lun=PARTS_LUN)
