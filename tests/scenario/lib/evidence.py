"""Evidence of a simulated machine that never ran, in the files of which `verify snp` and its kin read."""
import base64
import hashlib
import json
import os
import subprocess

NONCE = "00112233445566778899aabbccddeeff"
NOW = "2026-06-01T00:00:00Z"
BEGIN, END = b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n"


def vectors():
    """Where the vectors of other projects lie, or None."""
    source = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
    folder = os.environ.get("CAISSON_VECTORS") or os.path.join(source, "../shared/vectors")
    return os.path.join(folder, "attest") if os.path.isdir(os.path.join(folder, "attest")) else None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def pem_of(der):
    text = base64.b64encode(der)
    return BEGIN + b"".join(text[at:at + 64] + b"\n" for at in range(0, len(text), 64)) + END


def der_of(pem):
    return base64.b64decode(b"".join(pem.split(b"\n")[1:-2]))


def make(folder):
    """Leaves report.bin, leaf.pem, middle.pem, root.pem, bundle.json, policy, manifest.json and psp/ in `folder`."""
    def at(name):
        return os.path.join(folder, name)
    write(at("policy"), b"package policy\n")
    files = {"vmlinux": b"kernel", "bzImage": b"packed", "initrd": b"initrd"}
    manifest = {"caisson_guest": 1, "initrd": {}, "packages": [],
                "cmdline": {"simulated": "quiet caisson.tee=simulated", "sev-snp": "quiet"},
                "files": {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                          for name, data in files.items()}}  # fmt: skip
    write(at("manifest.json"), json.dumps(manifest).encode())
    made = subprocess.run([os.environ["MAKE_EVIDENCE"], at("psp"), at("manifest.json"), at("policy"), NONCE, "1"],
                          check=True, stdout=subprocess.PIPE)
    write(at("bundle.json"), made.stdout)
    bundle = json.loads(made.stdout)
    write(at("report.bin"), base64.b64decode(bundle["report"]))
    for name, pem in zip(("leaf", "middle", "root"), bundle["certificates"]):
        write(at(name + ".pem"), pem.encode())
    return bundle
