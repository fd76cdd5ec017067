"""A key broker of Confidential Containers (protocol 0.4.0) that a test plays: honest, or hostile by its `mode`.

It believes no signature: it sees that REPORT_DATA binds nonce and key, which is what a guest, or an enclave, has to do.
"""
import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import os
import secrets
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ALGORITHM = b"ECDH-ES+A256KW"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make_certificate(folder, name="localhost", days=(-1, 1)):
    """A certificate that signs itself, and its key: their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.utcnow()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"test {name}")])
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("10.0.2.2"))])
    certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=days[0]))
                   .not_valid_after(now + datetime.timedelta(days=days[1]))
                   .add_extension(names, False).sign(key, hashes.SHA256()))  # fmt: skip
    pem, private = (os.path.join(folder, f"{secrets.token_hex(4)}.{end}") for end in ("pem", "key"))
    with open(pem, "wb") as file:
        file.write(certificate.public_bytes(Encoding.PEM))
    with open(private, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return pem, private


def seal(plain, jwk):
    """A JWE in flattened JSON for this key on P-256 (RFC 7518, section 4.6)."""
    point = ec.EllipticCurvePublicNumbers(int.from_bytes(unb64url(jwk["x"]), "big"),
                                          int.from_bytes(unb64url(jwk["y"]), "big"), ec.SECP256R1())  # fmt: skip
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    own = ephemeral.public_key().public_numbers()
    info = struct.pack(">I", len(ALGORITHM)) + ALGORITHM + struct.pack(">II", 0, 0) + struct.pack(">I", 256)
    kek = ConcatKDFHash(hashes.SHA256(), 32, info).derive(ephemeral.exchange(ec.ECDH(), point.public_key()))
    header = b64url(json.dumps({"alg": ALGORITHM.decode(), "enc": "A256GCM", "epk": {
        "kty": "EC", "crv": "P-256", "x": b64url(own.x.to_bytes(32, "big")), "y": b64url(own.y.to_bytes(32, "big"))}},
        separators=(",", ":")).encode())  # fmt: skip
    content, iv = secrets.token_bytes(32), secrets.token_bytes(12)
    sealed = AESGCM(content).encrypt(iv, plain, header.encode())
    return {"protected": header, "encrypted_key": b64url(keywrap.aes_key_wrap(kek, content)), "iv": b64url(iv),
            "ciphertext": b64url(sealed[:-16]), "tag": b64url(sealed[-16:])}  # fmt: skip


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *args):
        pass

    def answer(self, code, body, **headers):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def answer_byte_by_byte(self, code, body):
        """The head at once, then each byte of the body by itself."""
        data = json.dumps(body).encode()
        self.wfile.write(f"HTTP/1.1 {code} OK\r\nContent-Length: {len(data)}\r\n\r\n".encode())
        for byte in data:
            self.wfile.write(bytes([byte]))

    def refuse(self, detail):
        self.answer(401, {"type": "https://github.com/confidential-containers/kbs/errors/x", "detail": detail})

    def do_POST(self):
        broker = self.server.broker
        size = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(size))
        broker.requests.append(self.path)
        if self.path == "/kbs/v0/auth":
            broker.auth(self, body)
        elif self.path == "/kbs/v0/attest":
            broker.attest(self, body)
        elif self.path.startswith("/attest/SevSnpVm?"):
            broker.attest_maa(self, body)
        elif self.path.startswith("/keys/"):
            broker.release(self, self.path.split("?")[0].removeprefix("/keys/").removesuffix("/release"), body)
        else:
            self.refuse("no such path")

    def do_GET(self):
        broker = self.server.broker
        broker.requests.append(self.path)
        broker.resource(self, self.path.removeprefix("/kbs/v0/resource/"))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Broker:
    """Listens on the loopback. `resources` are what it gives: {"repository/type/tag": bytes}."""

    def __init__(self, folder, resources, mode="honest", name="localhost", days=(-1, 1)):
        self.resources, self.mode, self.requests, self.problems = resources, mode, [], []
        self.sessions, self.evidence, self.keys, self.sealed = {}, [], {}, {}
        self.is_asked, self.is_closed = threading.Event(), threading.Event()
        self.pem, key = make_certificate(folder, name, days)
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.broker = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.is_closed.set()
        self.server.shutdown()
        self.server.server_close()

    # --- what it does -----------------------------------------------------------------------------

    def auth(self, handler, body):
        if body.get("version") != "0.4.0" or body.get("tee") not in ("snp", "sgx"):
            self.problems.append(f"auth: {body}")
        session, nonce = secrets.token_hex(16), base64.b64encode(secrets.token_bytes(32)).decode()
        if self.mode == "the same nonce again":
            nonce = base64.b64encode(bytes(32)).decode()
        self.sessions[session] = {"nonce": nonce}
        if self.mode == "a nonce that is none":
            nonce = 'a","tee-pubkey":{},"x":"'
        if self.mode == "oversized":
            handler.answer(200, {"nonce": nonce, "extra-params": "x" * 300000})
            return
        handler.answer(200, {"nonce": nonce, "extra-params": ""}, Set_Cookie=f"kbs-session-id={session}; Path=/")

    def session_of(self, handler):
        name, _, value = handler.headers.get("Cookie", "").partition("=")
        return self.sessions.get(value) if name == "kbs-session-id" else None

    @staticmethod
    def report_data(report, bound):
        """What REPORT_DATA is, and what it must be."""
        if "quote" in report:
            return base64.b64decode(report["quote"])[368:432], hashlib.sha256(bound).digest() + bytes(32)
        return bytes(report["attestation_report"]["report_data"]), hashlib.sha384(bound).digest() + bytes(16)

    def attest(self, handler, body):
        session = self.session_of(handler)
        runtime, report = body["runtime-data"], body["tee-evidence"]["primary_evidence"]
        bound = json.dumps({"additional-evidence": body["tee-evidence"]["additional_evidence"], **runtime},
                           separators=(",", ":"), sort_keys=True).encode()
        told, expected = self.report_data(report, bound)
        if not session or runtime["nonce"] != session["nonce"]:
            handler.refuse("the nonce is not this session's")
        elif told != expected:
            handler.refuse("REPORT_DATA does not bind nonce and key")
        elif self.mode == "refuses":
            handler.refuse("host_data is not what rule 7 wants\x1b[31m")
        else:
            self.evidence.append(report)
            session["key"] = runtime["tee-pubkey"]
            handler.answer(200, {"token": "e30.e30.e30"})

    # --- Microsoft's interfaces ---------------------------------------------------------------------

    def attest_maa(self, handler, body):
        report = unb64url(json.loads(unb64url(body["report"]))["SnpReport"])
        data = unb64url(body["runtimeData"]["data"])
        if report[0x50:0x90] != hashlib.sha256(data).digest() + bytes(32):
            handler.answer(400, {"error": {"code": "InvalidParameter", "message": "REPORT_DATA binds other data"}})
            return
        claims = {"x-ms-runtime": json.loads(data)} if body["runtimeData"]["dataType"] == "JSON" else {}
        handler.answer(200, {"token": f"e30.{b64url(json.dumps(claims).encode())}.e30"})

    def release(self, handler, kid, body):
        claims = json.loads(unb64url(body["target"].split(".")[1]))
        if kid not in self.keys:
            handler.answer(404, {"error": {"code": "KeyNotFound", "message": f"no key {kid}"}})
            return
        kty, secret = self.keys[kid]
        jwk = claims["x-ms-runtime"]["keys"][0]
        public = rsa.RSAPublicNumbers(int.from_bytes(unb64url(jwk["e"]), "big"),
                                      int.from_bytes(unb64url(jwk["n"]), "big")).public_key()
        kek = secrets.token_bytes(32)
        sealed = public.encrypt(kek, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        sealed += keywrap.aes_key_wrap_with_padding(kek, secret)
        if self.mode == "wrapped for another":
            sealed = secrets.token_bytes(len(sealed))
        hsm = b64url(json.dumps({"ciphertext": b64url(sealed)}).encode())
        enc = "CKM_RSA_AES_KEY_WRAP" if self.mode == "another wrap" else body["enc"]
        payload = {"request": {"enc": enc}, "response": {"key": {"key": {"kty": kty, "key_hsm": hsm}}}}
        handler.answer(200, {"value": f"e30.{b64url(json.dumps(payload).encode())}.e30"})

    # --- the key broker's -------------------------------------------------------------------------

    def resource(self, handler, name):
        session = self.session_of(handler)
        self.is_asked.set()
        if self.mode == "silent":
            self.is_closed.wait()
            handler.close_connection = True
            return
        if not session or "key" not in session:
            handler.refuse("this session has proved nothing")
        elif name not in self.resources:
            handler.answer(404, {"type": "x", "detail": f"no resource {name}"})
        elif self.mode == "sealed for another":
            other = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
            handler.answer(200, seal(self.resources[name], {"x": b64url(other.x.to_bytes(32, "big")),
                                                            "y": b64url(other.y.to_bytes(32, "big"))}))
        elif self.mode == "what it sealed first":
            handler.answer(200, self.sealed.setdefault(name, seal(self.resources[name], session["key"])))
        elif self.mode == "byte by byte":
            handler.answer_byte_by_byte(200, seal(self.resources[name], session["key"]))
        elif self.mode == "cut short":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            handler.connection.shutdown(socket.SHUT_WR)
            handler.close_connection = True
        else:
            handler.answer(200, seal(self.resources[name], session["key"]))
