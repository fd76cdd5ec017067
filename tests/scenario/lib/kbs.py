"""A guest as the key broker's clients are: it has reports signed by a simulated processor, a key of its own, and speaks
the protocol. Its JOSE is python3-jwcrypto's, its canonical JSON that of Python's own writer."""
import base64
import hashlib
import http.client
import json
import os
import ssl
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from jwcrypto import jwe, jwk

SIGNED = 0x2A0
HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def canonical(value):
    """RFC 8785, as far as text, small integers and ASCII names go."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def tcb_json(raw, turin=False):
    fmc, rest = (raw[0], raw[1:4]) if turin else (None, (raw[0], raw[1], raw[6]))
    return {"fmc": fmc, "bootloader": rest[0], "tee": rest[1], "snp": rest[2], "microcode": raw[7]}


def report_json(raw):
    """A report as the sev crate writes it (AMD 56860, table 23, by its own offsets)."""
    version, svn, policy = struct.unpack_from("<IIQ", raw, 0)
    vmpl, algorithm = struct.unpack_from("<II", raw, 0x30)
    platform, key_info = struct.unpack_from("<QI", raw, 0x40)
    turin = version >= 3 and raw[0x188] == 0x1A

    def part(at, size):
        return list(raw[at:at + size])

    def firmware(at):
        return {"major": raw[at + 2], "minor": raw[at + 1], "build": raw[at]}

    return {
        "version": version, "guest_svn": svn, "policy": policy, "family_id": part(0x10, 16),
        "image_id": part(0x20, 16), "vmpl": vmpl, "sig_algo": algorithm, "current_tcb": tcb_json(raw[0x38:0x40], turin),
        "plat_info": platform, "key_info": key_info, "report_data": part(0x50, 64), "measurement": part(0x90, 48),
        "host_data": part(0xC0, 32), "id_key_digest": part(0xE0, 48), "author_key_digest": part(0x110, 48),
        "report_id": part(0x140, 32), "report_id_ma": part(0x160, 32),
        "reported_tcb": tcb_json(raw[0x180:0x188], turin),
        "cpuid_fam_id": raw[0x188] if version >= 3 else None, "cpuid_mod_id": raw[0x189] if version >= 3 else None,
        "cpuid_step": raw[0x18A] if version >= 3 else None, "chip_id": part(0x1A0, 64),
        "committed_tcb": tcb_json(raw[0x1E0:0x1E8], turin), "current": firmware(0x1E8), "committed": firmware(0x1EC),
        "launch_tcb": tcb_json(raw[0x1F0:0x1F8], turin),
        "launch_mit_vector": struct.unpack_from("<Q", raw, 0x1F8)[0] if version >= 5 else None,
        "current_mit_vector": struct.unpack_from("<Q", raw, 0x200)[0] if version >= 5 else None,
        "signature": {"r": part(0x2A0, 72), "s": part(0x2E8, 72)},
    }  # fmt: skip


class Processor:
    """Signs reports with the key of a simulated processor's folder."""

    def __init__(self, folder, report, chain):
        with open(os.path.join(folder, "vcek.key"), "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), None)
        self.report = report
        self.chain = [ssl.PEM_cert_to_DER_cert(pem) for pem in chain]

    def sign(self, report_data, host_data=None, edit=None):
        raw = bytearray(self.report)
        raw[0x50:0x90] = report_data.ljust(64, b"\0")
        if host_data is not None:
            raw[0xC0:0xE0] = host_data
        if edit:
            edit(raw)
        r, s = utils.decode_dss_signature(self.key.sign(bytes(raw[:SIGNED]), ec.ECDSA(hashes.SHA384())))
        raw[SIGNED:SIGNED + 144] = r.to_bytes(72, "little") + s.to_bytes(72, "little")
        return bytes(raw)

    def evidence(self, raw, chain=True):
        names = ["VCEK", "ASK", "ARK"]
        table = [{"cert_type": name, "data": list(der)} for name, der in zip(names, self.chain)]
        return {"attestation_report": report_json(raw), "cert_chain": table if chain else None}


class Guest:
    """One client of the protocol: key, cookie, token."""

    def __init__(self, service, processor, kind="EC"):
        self.service = service
        self.processor = processor
        if kind == "EC":
            self.key = jwk.JWK.generate(kty="EC", crv="P-256")
            self.alg = "ECDH-ES+A256KW"
        else:
            self.key = jwk.JWK.generate(kty="RSA", size=2048)
            self.alg = "RSA-OAEP-256"
        self.cookie = self.token = None

    @property
    def pubkey(self):
        return {"alg": self.alg, **{name: value for name, value in self.key.export_public(as_dict=True).items()
                                    if name in ("kty", "crv", "x", "y", "n", "e")}}  # fmt: skip

    def ask(self, method, path, body=None, bearer=None, cookie=True):
        headers = {"Content-Type": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if cookie and self.cookie:
            headers["Cookie"] = f"other=1; kbs-session-id={self.cookie}"
        connection = self.service.connect()
        connection.request(method, path, body=body if isinstance(body, (bytes, str, type(None))) else json.dumps(body),
                           headers=headers)  # fmt: skip
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        set_cookie = answer.headers.get("Set-Cookie") or ""
        if set_cookie.startswith("kbs-session-id="):
            self.cookie = set_cookie.split(";")[0].split("=", 1)[1]
        return answer.status, json.loads(text)

    def auth(self, **more):
        hello = {"version": "0.4.0", "tee": "snp", "extra-params": ""}
        hello.update(more)
        return self.ask("POST", "/kbs/v0/auth", hello)

    def attestation(self, nonce, hashed="sha384", host_data=None, edit=None, chain=True, **more):
        """The body of an attest request, and what it is bound by."""
        bound = {"additional-evidence": "", "nonce": nonce, "tee-pubkey": self.pubkey}
        report_data = HASHES[hashed](canonical(bound)).digest()
        raw = self.processor.sign(report_data, host_data, edit)
        body = {"init-data": None, "runtime-data": {"nonce": nonce, "tee-pubkey": self.pubkey},
                "tee-evidence": {"primary_evidence": self.processor.evidence(raw, chain), "additional_evidence": ""}}
        body.update(more)
        return body

    def attest(self, **more):
        """A whole handshake; status and answer of its end."""
        status, challenge = self.auth()
        if status != http.client.OK:
            return status, challenge
        status, answer = self.ask("POST", "/kbs/v0/attest", self.attestation(challenge["nonce"], **more))
        self.token = answer.get("token")
        return status, answer

    def resource(self, name, bearer=False):
        """Status, and the opened resource or the error."""
        status, answer = self.ask("GET", f"/kbs/v0/resource/{name}", bearer=self.token if bearer else None,
                                  cookie=not bearer)  # fmt: skip
        return status, self.open(answer) if status == http.client.OK else answer

    def open(self, answer):
        message = jwe.JWE()
        message.deserialize(json.dumps(answer))
        header = json.loads(base64.urlsafe_b64decode(answer["protected"] + "=="))
        assert header["alg"] == self.alg and header["enc"] == "A256GCM", header
        message.decrypt(self.key)
        return message.payload
