"""Images and their verity disks, built once and kept below the build directory."""
import fcntl
import glob
import json
import os
import struct
import subprocess
import sys

from . import paths

BLOCK = 4096


def layout(name):
    """The OCI layout of one of tests/images/build's images; builds it first where it is not there."""
    os.makedirs(paths.IMAGES, exist_ok=True)
    with open(os.path.join(paths.IMAGES, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([paths.BUILD_IMAGES, "--out", paths.IMAGES, name], check=True, stdout=sys.stderr)
    return os.path.join(paths.IMAGES, name)


class Image:
    """The documents of an image of one manifest."""

    def __init__(self, name):
        self.path = layout(name)
        manifest = self.document(self.read_json("index.json")["manifests"][0])
        self.layers = [self.blob(each) for each in manifest["layers"]]
        document = self.document(manifest["config"])
        self.diff_ids = document["rootfs"]["diff_ids"]
        self.config = document.get("config", {})

    def read_json(self, *parts):
        with open(os.path.join(self.path, *parts), encoding="utf-8") as file:
            return json.load(file)

    def blob(self, descriptor):
        return os.path.join(self.path, "blobs", *descriptor["digest"].split(":"))

    def document(self, descriptor):
        return self.read_json(self.blob(descriptor))

    def disks(self):
        """[(path, root hash)] of the layers' disks, base first."""
        return [disk(layer, diff_id.split(":")[1]) for layer, diff_id in zip(self.layers, self.diff_ids)]


def disk(layer, name):
    """Turns a layer's tar into a verity disk: (path, root hash). Kept by name for this very caisson."""
    os.makedirs(paths.DISKS, exist_ok=True)
    path = os.path.join(paths.DISKS, f"{name[:32]}.{os.stat(paths.CAISSON).st_mtime_ns}")
    if not os.path.exists(path + ".hash"):
        for old in glob.glob(os.path.join(paths.DISKS, f"{name[:32]}.*")):
            os.unlink(old)
        subprocess.run([paths.CAISSON, "layer", "build", layer, "-o", path], check=True, stdout=subprocess.DEVNULL)
        root = subprocess.run([paths.CAISSON, "layer", "hash", layer], check=True, stdout=subprocess.PIPE, text=True)
        with open(path + ".hash", "w", encoding="ascii") as file:
            file.write(root.stdout.strip())
    with open(path + ".hash", encoding="ascii") as file:
        return path, file.read()


class Parts:
    """Where the parts of a verity disk lie: ext4, superblock, tree."""

    def __init__(self, path):
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            file.seek(1024 + 4)  # ext4: s_blocks_count_lo
            count, = struct.unpack("<I", file.read(4))
            file.seek(count * BLOCK)
            if file.read(6) != b"verity":
                raise ValueError(f"{path}: no verity superblock after the file system")
        self.superblock = count * BLOCK
        self.tree = self.superblock + BLOCK
        self.size = size
