#!/usr/bin/python3
"""One image, one policy and one store for a machine and for an enclave: nothing is converted, signed or made again.

The image is Debian's python3 on its base, a layer with every kind of entry, and layers that add, replace, hide and
make opaque. Its program walks the whole root, and the machine and the enclave must say the same of it.
"""
import base64
import hashlib
import json
import os

from lib import images, oci, paths, tap
from lib.cli import CliCase

NONCE = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
KINDS = ("simulated", "sgx-simulated")

# A line for each folder right below the root; names, owners, modes, times, links, attributes and bytes are in its digest.
LOOK = r"""
import hashlib, json, os, stat, subprocess, sys
mounts = {line.split()[1] for line in open("/proc/self/mounts")} - {"/"}
def describe(path):
    s = os.lstat(path)
    out = [path, oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns]
    if stat.S_ISLNK(s.st_mode): out.append(os.readlink(path))
    if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode): out += [os.major(s.st_rdev), os.minor(s.st_rdev)]
    if stat.S_ISREG(s.st_mode):
        with open(path, "rb") as file:
            out += [s.st_size, s.st_nlink, hashlib.file_digest(file, "sha256").hexdigest()]
        out += [[name, os.getxattr(path, name).hex()] for name in sorted(os.listxattr(path)) if name.startswith("user.")]
    return out
def walk(path):
    yield describe(path)
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for name in sorted(os.listdir(path)):
            below = os.path.join(path, name)
            if below not in mounts: yield from walk(below)
for top in sorted(os.listdir("/")):
    if "/" + top in mounts: continue
    all = list(walk("/" + top))
    print(top, len(all), hashlib.sha256(json.dumps(all).encode()).hexdigest())
    if top in ("data", "kinds", "implied", "etc"):
        for each in all: print(json.dumps(each))
print(sys.argv, sorted(os.environ.items()), os.getcwd(), os.getuid(), os.getgid(), os.umask(0o22))
print(subprocess.run(["/bin/bash", "-c", "seq 1000 | sort -rn | head -n 3 | tr '\\n' ' '; find /data | wc -l; sed s/1/one/ /data/kept | awk '{print $3}'"],
                     check=True, capture_output=True).stdout)
print("all was seen", flush=True)
sys.stdin.read()
"""


def both():
    """The layers of two of tests/images' images, one on the other."""
    kinds, layers = images.Image("kinds"), images.Image("layers")
    image = oci.Image(sizes=())
    diff_ids = kinds.diff_ids + layers.diff_ids[1:]  # the first is a static busybox
    for path in kinds.layers + layers.layers[1:]:
        with open(path, "rb") as file:
            image.layers.append(image.add(oci.LAYER + "+gzip", file.read()))
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids},
              "config": dict(kinds.config, Env=kinds.config["Env"] + ["WHO=both"])}  # fmt: skip
    image.config = image.add(oci.CONFIG, json.dumps(config).encode())
    image.manifest = image.add(oci.MANIFEST, json.dumps({"schemaVersion": 2, "mediaType": oci.MANIFEST, "config": image.config,
                                                         "layers": image.layers}).encode())  # fmt: skip
    return image


class Images(CliCase):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.home = self.environment["CAISSON_HOME"] = os.path.join(self.folder, "home")  # no disk of another test's
        self.reference = "oci:" + both().write_layout(os.path.join(self.folder, "layout"))
        self.policy = os.path.join(self.folder, "policy.rego")
        with open(self.policy, "wb") as file:
            file.write(self.caisson("policy", "generate", self.reference, "--", *self.command()).stdout)
        with open(self.policy, "rb") as file:
            self.digest = hashlib.sha256(file.read()).hexdigest()

    @staticmethod
    def command():
        return ("/usr/bin/python3", "-B", "-X", "utf8", "-c", LOOK, "an argument")

    def disks(self):
        """What is in the store but platforms and documents: each file's place, size, time and inode."""
        found = {}
        for folder, _, names in os.walk(self.home):
            for name in names:
                path = os.path.join(folder, name)
                state = os.stat(path)
                if state.st_size >= 4096 and "simulated" not in os.path.relpath(path, self.home):
                    found[path] = (state.st_size, state.st_mtime_ns, state.st_ino)
        return found

    def see(self, kind):
        """What the program says under this kind, what the evidence binds, and which policy caisson took it for."""
        name = self.name()
        # Without a network, nobody adds files to /etc.
        self.caisson("run", "-q", "--tee", kind, "-d", "-i", "--network", "none", "--hostname", "both", "--name", name, "--policy",
                     self.policy, self.reference, *self.command(), timeout=240)  # fmt: skip
        self.eventually(lambda: "all was seen" in self.logs(name) or "rror" in self.logs(name), what="end of the walk")
        evidence = os.path.join(self.folder, kind)
        self.caisson("attest", name, "--nonce", NONCE, "-o", evidence)
        record = json.loads(self.caisson("inspect", name).stdout)
        lines = self.logs(name)
        self.caisson("rm", "-f", name)
        return lines, evidence, record["policy_sha256"]

    def verify(self, kind, evidence):
        of_kind = {"simulated": ("--guest", os.path.join(paths.GUEST, "manifest.json"), "--trust-simulated", os.path.join(self.home, "simulated")),
                   "sgx-simulated": ("--enclave", os.path.join(paths.BUILD, "caisson-enclave"), "--trust-simulated",
                                     os.path.join(self.home, "simulated-sgx"))}  # fmt: skip
        return self.caisson("verify", evidence, "--nonce", NONCE, "--policy", self.policy, *of_kind[kind])

    def bound(self, kind, evidence):
        """The policy's digest as the report has it: HOST_DATA of SNP's, CONFIGID of SGX's."""
        with open(evidence, encoding="ascii") as file:
            report = base64.b64decode(json.load(file)["report"])
        if kind == "simulated":
            return report[0xC0:0xE0].hex()
        config_id = report[48 + 192 : 48 + 256]  # behind the quote's header
        self.assertEqual(config_id[32:], bytes(32))
        return config_id[:32].hex()

    def test_machine_and_enclave_take_the_same_policy_and_disks_and_see_the_same(self):
        seen, disks = {}, None
        for kind in KINDS:
            lines, evidence, recorded = self.see(kind)
            seen[kind] = lines.splitlines()
            self.assertEqual((recorded, self.bound(kind, evidence)), (self.digest, self.digest))
            self.assertIn(b"SIMULATED", self.verify(kind, evidence).stdout)
            disks = disks or self.disks()
            self.assertEqual(self.disks(), disks)
        self.assertGreater(len(disks), 20)
        self.assertEqual(seen["sgx-simulated"], seen["simulated"])
        text = "\n".join(seen["sgx-simulated"])
        for words in ('"/data/opaque/new"', '"/data/removed"', '"/kinds/hardlink"', "('WHO', 'both')", "1000 999 998 24", "all was seen"):
            self.assertIn(words, text)
        for words in ("/data/hidden", "/data/opaque/old", "layer-05", ".wh."):
            self.assertNotIn(words, text)


if __name__ == "__main__":
    tap.main()
