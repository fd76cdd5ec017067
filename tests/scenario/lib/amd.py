"""Certificates and reports of AMD's form under keys of the tests' own, made by openssl."""
import os
import struct
import subprocess

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

PSS = ["-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:48"]
OID = "1.3.6.1.4.1.3704.1."
MILAN_TCB = bytes((4, 0, 0, 0, 0, 0, 24, 0xDB))
TURIN_TCB = bytes((2, 3, 1, 5, 0, 0, 0, 0x48))
CONFIG = """[req]
distinguished_name=dn
x509_extensions=ca
[dn]
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
[authority]
database=index.txt
default_crl_days=30
"""


def integer(value):
    return f"DER:0202{value:04x}" if value > 127 else f"DER:0201{value:02x}"


def text(value):
    return f"DER:16{len(value):02x}{value.encode().hex()}"


def leaf_extensions(product, tcb, chip_id):
    """As AMD 57230 has them; chip_id None makes a VLEK's."""
    turin = product == "Turin"
    lines = {"1": integer(1 if turin else 0), "2": text(product if turin else product + "-B0")}
    parts = {"9": 0, "1": 1, "2": 2, "3": 3, "8": 7} if turin else {"1": 0, "2": 1, "3": 6, "8": 7}
    lines.update({f"3.{part}": integer(tcb[at]) for part, at in parts.items()})
    lines.update({"4": "DER:" + chip_id.hex()} if chip_id else {"5": text("example")})
    return lines


class Authority:
    """ARK, ASK and ASVK of one product, and leaves by them. One RSA key serves all: making one takes seconds."""

    def __init__(self, folder, product="Milan", key=None):
        self.folder, self.product = folder, product
        os.makedirs(folder, exist_ok=True)
        self.write("config", CONFIG.encode())
        self.write("index.txt", b"")
        self.key = key or self.path("authority.key")
        if not key:
            self.openssl("genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096", "-out", self.key)
        self.openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "leaf.key")
        self.openssl("req", "-x509", "-config", "config", "-key", self.key, "-subj", f"/CN=ARK-{product}", *PSS, "-days", "30",
                     "-out", "ark.pem")
        self.issue("ask", f"SEV-{product}", "ark")
        self.issue("asvk", f"SEV-VLEK-{product}", "ark")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def openssl(self, *words):
        return subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True).stdout

    def sign_request(self, name, subject, key, issuer, section, serial):
        self.openssl("req", "-new", "-config", "config", "-key", key, "-subj", f"/CN={subject}", "-out", name + ".csr")
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", issuer + ".pem", "-CAkey", self.key, "-set_serial", str(serial),
                     "-days", "20", *PSS, "-extfile", section, "-extensions", "ca" if section == "config" else "leaf", "-out",
                     name + ".pem")

    def issue(self, name, subject, issuer):
        self.sign_request(name, subject, self.key, issuer, "config", 65537)

    def leaf(self, name, extensions, subject="SEV-VCEK", issuer="ask"):
        """Issues a leaf; returns its DER."""
        lines = "[leaf]\n" + "".join(f"{OID}{oid}={value}\n" for oid, value in extensions.items())
        self.write(name + ".ext", lines.encode())
        self.sign_request(name, subject, "leaf.key", issuer, name + ".ext", 0)
        return self.der(name)

    def der(self, name):
        return self.openssl("x509", "-in", name + ".pem", "-outform", "DER")

    def crl(self):
        """The ARK's revocation list, in DER."""
        self.openssl("ca", "-gencrl", "-config", "config", "-name", "authority", "-keyfile", self.key, "-cert", "ark.pem", "-md",
                     "sha384", *PSS[1:], "-out", "crl.pem")
        return self.openssl("crl", "-in", "crl.pem", "-outform", "DER")

    def sign(self, report):
        """The report with its signature by the leaf's key."""
        key = serialization.load_pem_private_key(self.read("leaf.key"), None)
        r, s = utils.decode_dss_signature(key.sign(bytes(report[:0x2A0]), ec.ECDSA(hashes.SHA384())))
        return bytes(report[:0x2A0]) + r.to_bytes(72, "little") + s.to_bytes(72, "little") + bytes(1184 - 0x330)


def report(product="Milan", version=3, chip_id=None, tcb=None, signing_key=0):
    """An unsigned report in which nothing is wrong."""
    turin = product == "Turin"
    tcb = tcb or (TURIN_TCB if turin else MILAN_TCB)
    out = bytearray(1184)
    struct.pack_into("<IIQ", out, 0, version, 0, 0x30000)
    struct.pack_into("<I", out, 0x34, 1)
    struct.pack_into("<I", out, 0x48, signing_key << 2)
    for at in (0x38, 0x180, 0x1E0, 0x1F0):
        out[at:at + 8] = tcb
    out[0x90:0xC0] = bytes(range(48))
    if version > 2:
        out[0x188:0x18B] = bytes((0x1A, 2, 0) if turin else (0x19, {"Milan": 1, "Genoa": 0x11}[product], 0))
    out[0x1A0:0x1E0] = (chip_id or bytes((0x5A,)) * (8 if turin else 64)).ljust(64, b"\0")
    return out
