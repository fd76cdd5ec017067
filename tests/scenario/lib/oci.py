"""Small images made by hand, as OCI layouts, so that a test can also make them wrong."""
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def add_file(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def layer_tar(name, size, seed):
    """A tar with one file of bytes that don't compress."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        add_file(tar, name, random.Random(seed).randbytes(size))
    return out.getvalue()


def compress(tar, kind):
    if kind == "gzip":
        return gzip.compress(tar, 1, mtime=0)
    if kind == "zstd":
        return subprocess.run(["zstd", "-q", "-1", "-c"], input=tar, stdout=subprocess.PIPE, check=True).stdout
    return tar


class Image:
    """Blobs by digest, and the manifest on top. `sizes` are the layers', `kinds` how each is compressed, `run` the
    configuration of the process."""

    def __init__(self, sizes=(1000,), kinds=("gzip",), seed=1, platform=("linux", "amd64"), run=None):
        self.blobs = {}
        self.layers = []
        diff_ids = []
        for number, size in enumerate(sizes):
            kind = kinds[number % len(kinds)]
            tar = layer_tar(f"file{number}", size, seed * 1000 + number)
            diff_ids.append(digest(tar))
            suffix = "" if kind == "none" else "+" + kind
            self.layers.append(self.add(LAYER + suffix, compress(tar, kind)))
        config = {"os": platform[0], "architecture": platform[1], "config": run or {"Cmd": ["/file0"], "Env": ["A=b"]},
                  "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        self.config = self.add(CONFIG, json.dumps(config).encode())
        self.manifest = self.add(MANIFEST, json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.config, "layers": self.layers}).encode())

    def add(self, media_type, data):
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def wrap(self, others=()):
        """Puts an index over this image for linux/amd64 and `others` for arm64."""
        manifests = [dict(other.manifest, platform={"os": "linux", "architecture": "arm64"}) for other in others]
        manifests.append(dict(self.manifest, platform={"os": "linux", "architecture": "amd64"}))
        for other in others:
            self.blobs.update(other.blobs)
        return self.add(INDEX, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode())

    def write_layout(self, path, top=None, tag="latest"):
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(os.path.join(path, "blobs/sha256"))
        for name, data in self.blobs.items():
            with open(os.path.join(path, "blobs", name.replace(":", "/")), "wb") as out:
                out.write(data)
        entry = dict(top or self.manifest, annotations={"org.opencontainers.image.ref.name": tag})
        with open(os.path.join(path, "index.json"), "w", encoding="ascii") as out:
            json.dump({"schemaVersion": 2, "manifests": [entry]}, out)
        with open(os.path.join(path, "oci-layout"), "w", encoding="ascii") as out:
            json.dump({"imageLayoutVersion": "1.0.0"}, out)
        return path

    def write_archive(self, path, tag):
        """A docker archive, as `docker save` writes it."""
        config = self.config["digest"].split(":")[1] + ".json"
        layers = [f"{number}/layer.tar" for number in range(len(self.layers))]
        with tarfile.open(path, mode="w") as tar:
            add_file(tar, config, self.blobs[self.config["digest"]])
            for name, layer in zip(layers, self.layers):
                add_file(tar, name, self.blobs[layer["digest"]])
            add_file(tar, "manifest.json", json.dumps([{"Config": config, "RepoTags": [tag], "Layers": layers}]).encode())
        return path
