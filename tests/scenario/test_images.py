#!/usr/bin/python3
"""Images on this machine: OCI layouts, OCI archives and docker archives, as skopeo writes them, and damaged ones."""
import gzip
import json
import os
import shutil
import subprocess
import tarfile

from lib import oci, pulls, tap


class LocalImages(pulls.Case):
    def setUp(self):
        super().setUp()
        self.image = oci.Image(sizes=(3000, 200000, 70000), kinds=("gzip", "none"))
        self.layout = self.image.write_layout(os.path.join(self.folder, "layout"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def copy(self, target, source=None):
        subprocess.run(["skopeo", "copy", "--insecure-policy", source or f"oci:{self.layout}:latest", target], check=True,
                       capture_output=True)

    def root_hashes(self, reference):
        return [layer["root_hash"] for layer in json.loads(self.ok("pull", "--json", reference))["layers"]]

    def test_each_form_of_an_image_gives_the_same_disks(self):
        archive, docker = self.path("oci.tar"), self.path("docker.tar")
        self.copy(f"oci-archive:{archive}:v1")
        self.copy(f"docker-archive:{docker}:example.org/app:v1")
        expected = self.root_hashes("oci:" + self.layout)
        self.assertEqual(len(expected), 3)
        for reference in (f"oci:{self.layout}:latest", self.layout, f"oci-archive:{archive}", f"oci-archive:{archive}:v1", archive,
                          f"docker-archive:{docker}", f"docker-archive:{docker}:example.org/app:v1", docker):
            with self.subTest(reference=reference):
                shutil.rmtree(self.environment["CAISSON_HOME"])
                self.assertEqual(self.root_hashes(reference), expected)
                self.assertEqual((self.blobs(), self.partials(), len(self.disks())), ([], [], 3))
        # Disks go by diff_id: what one form has made serves the others.
        made = self.caisson("pull", "oci:" + self.layout)
        self.assertEqual(made.stderr.count("disk already there"), 3)

    def test_finds_the_layers_of_docker_save_by_their_links(self):
        """docker before 25 writes layers as <id>/layer.tar, a repeated one as a link to the first."""
        legacy = self.path("legacy.tar")
        tars = [oci.layer_tar("file", 5000, 1)] * 2
        config = {"os": "linux", "architecture": "amd64", "config": {},
                  "rootfs": {"type": "layers", "diff_ids": [oci.digest(tar) for tar in tars]}}
        names = ["a/layer.tar", "b/layer.tar"]
        files = {"c.json": json.dumps(config).encode(), "a/layer.tar": tars[0],
                 "manifest.json": json.dumps([{"Config": "c.json", "RepoTags": ["app:1"], "Layers": names}]).encode()}
        with tarfile.open(legacy, "w") as tar:
            for name, data in files.items():
                oci.add_file(tar, name, data)
            link = tarfile.TarInfo("b/layer.tar")
            link.type, link.linkname = tarfile.SYMTYPE, "../a/layer.tar"
            tar.addfile(link)
        hashes = self.root_hashes(f"docker-archive:{legacy}")
        self.assertEqual(len(hashes), 2)
        self.assertEqual(hashes[0], hashes[1])
        self.assertEqual(self.root_hashes(f"docker-archive:{legacy}:app:1"), hashes)
        self.refused("pull", f"docker-archive:{legacy}:app:2", because='has no image "app:2"')

    def test_refuses_damaged_archives(self):
        archive = self.path("docker.tar")
        self.copy(f"docker-archive:{archive}:app:1")
        with open(archive, "rb") as file:
            whole = file.read()
        middle = whole.index(b"manifest.json")
        cases = [(whole[:1000], "past the end"), (whole[:len(whole) // 2 // 512 * 512], "past the end"), (b"", "truncated"),
                 (whole[:middle] + b"M" + whole[middle + 1:], "checksum"), (gzip.compress(whole, 1), "gzip -d"),
                 (b"\0" * 10240, "no manifest.json"), (os.urandom(5000), "tar")]
        for data, words in cases:
            with self.subTest(words=words):
                with open(self.path("bad.tar"), "wb") as file:
                    file.write(data)
                for reference in (self.path("bad.tar"), "docker-archive:" + self.path("bad.tar")):
                    self.refused("pull", reference, because=words)
        self.assertEqual((self.disks(), self.partials()), ([], []))

    def test_refuses_a_layer_with_a_flipped_bit_in_each_form(self):
        archive, docker = self.path("oci.tar"), self.path("docker.tar")
        self.copy(f"oci-archive:{archive}:v1")
        self.copy(f"docker-archive:{docker}:app:1")
        plain = self.image.blobs[self.image.layers[1]["digest"]]
        # skopeo packs a plain layer on its way into an OCI archive.
        with tarfile.open(archive) as tar:
            packed = [data for data in (tar.extractfile(member).read() for member in tar if member.isfile())
                      if data[:2] == b"\x1f\x8b" and gzip.decompress(data) == plain]
        self.assertEqual(len(packed), 1)
        blob = os.path.join(self.layout, "blobs", self.image.layers[1]["digest"].replace(":", "/"))
        for path, layer, words in ((archive, packed[0], "damaged"), (docker, plain, "the image says sha256:"),
                                   (blob, plain, "the image says sha256:")):
            with self.subTest(path=os.path.basename(path)):
                shutil.rmtree(self.environment["CAISSON_HOME"], ignore_errors=True)
                with open(path, "r+b") as file:
                    data = file.read()
                    at = data.find(layer[:4096]) + 2000
                    self.assertGreaterEqual(at, 2000)
                    file.seek(at)
                    file.write(bytes([data[at] ^ 1]))
                self.refused("pull", path if path.endswith(".tar") else self.layout, because=words)
                self.assertEqual(len(self.disks()), 1)  # that of the layer below
                self.assertEqual(self.partials(), [])

    def test_no_path_leads_out_of_a_layout(self):
        outside = self.path("secret")
        with open(outside, "wb") as file:
            file.write(b"{}")
        with open(os.path.join(self.layout, "index.json"), "w", encoding="ascii") as file:
            json.dump({"schemaVersion": 2, "manifests": [{"mediaType": oci.MANIFEST, "size": 2, "digest": "sha256:../../secret"}]}, file)
        self.refused("pull", "oci:" + self.layout, because="digest")

    def test_says_what_is_wrong_with_a_name(self):
        for reference, words in [("oci:", "a path is missing"), (self.path("none"), "cannot open"), ("/etc/passwd", "tar"),
                                 ("oci:" + self.layout + ":v2", "it has: latest"), ("App", "image name"),
                                 ("a" * 300, "image name"), ("app:bad tag", "image name"), ("", "image name"),
                                 ("app@sha256:00", "digest"), ("docker-archive:" + self.layout, "is a folder")]:
            with self.subTest(reference=reference):
                self.refused("pull", reference, because=words, status=(1, 2, 3))


if __name__ == "__main__":
    tap.main()
