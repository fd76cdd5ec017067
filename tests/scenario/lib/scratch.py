"""A writable disk for a machine's scratch, and the requests that a faithful host makes for it."""
from .machine import disk_device, parts_device

DISK_LUN = 21
SIZE_MIN = 320 << 20  # bytes that the guest wants of a disk (src/guest/scratch.h)


def make_disk(path, size=SIZE_MIN):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def writable(disk, lun=DISK_LUN):
    """QEMU's arguments for a disk behind which a file lies that the test may write to as well."""
    return ["-drive", f"if=none,id=scratch{lun},file={disk},format=raw,file.locking=off",
            "-device", disk_device(f"scratch{lun}", lun) + ",werror=report"]


def devices(disk, **parts):
    """QEMU's arguments for the disk of parts and the disk itself."""
    return parts_device(**parts) + writable(disk)


def mount(channel, timeout=120):
    return channel.call("scratch_mount", timeout=timeout, lun=DISK_LUN)
