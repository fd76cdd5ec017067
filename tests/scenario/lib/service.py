"""A running caisson-attestd, its clients with their certificates, and evidence of a simulated machine's that
never ran (make_evidence)."""
import base64
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import re
import signal
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from . import paths

ATTESTD = os.path.join(paths.BUILD, "caisson-attestd")
MAKE_EVIDENCE = os.environ.get("MAKE_EVIDENCE", os.path.join(paths.BUILD, "tests/scenario/make_evidence"))
NONCE = "00112233445566778899aabbccddeeff"
ATTEST = "/attest/SevSnpVm?api-version=2022-08-01"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def routes():
    """All that the service answers, as "METHOD /path": its own table."""
    with open(os.path.join(paths.SOURCE, "src/service/routes.c"), encoding="utf-8") as file:
        return {" ".join(each) for each in re.findall(r'^    {"([A-Z]+)", "(/[^"]*)", ', file.read(), re.MULTILINE)}


def curl(service, *arguments, data=None):
    """What curl has of the service, as JSON."""
    done = subprocess.run(["curl", "-sS", "--cacert", f"{service.folder}/state/development.pem", "--max-time", "60", *arguments],
                          input=data, stdout=subprocess.PIPE, check=True, timeout=90)  # fmt: skip
    return json.loads(done.stdout)


def curl_post(service, path, value):
    return curl(service, "-X", "POST", f"https://localhost:{service.port}{path}", "-H", "Content-Type: application/json",
                "--data-binary", "@-", data=(value if isinstance(value, str) else json.dumps(value)).encode())  # fmt: skip


def make_certificate(name, key, issuer_name, issuer_key, is_ca=False):
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer_name)]
    return (x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True).sign(issuer_key, hashes.SHA256()))  # fmt: skip


class Clients:
    """Client certificates under a root, as PEM files of certificate and key."""

    def __init__(self, folder, *names):
        root = ec.generate_private_key(ec.SECP256R1())
        self.folder = folder
        self.digests = {}
        with open(os.path.join(folder, "clients.pem"), "wb") as file:
            file.write(make_certificate("Root", root, "Root", root, True).public_bytes(Encoding.PEM))
        for name in names:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = make_certificate(name, key, "Root", root)
            self.digests[name] = certificate.fingerprint(hashes.SHA256()).hex()
            with open(self.path(name), "wb") as file:
                file.write(certificate.public_bytes(Encoding.PEM))
                file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def path(self, name):
        return os.path.join(self.folder, f"client-{name}.pem")


def policy_jws(text):
    payload = json.dumps({"AttestationPolicy": b64url(text.encode())})
    header = json.dumps({"alg": "none"})
    return f"{b64url(header.encode())}.{b64url(payload.encode())}."


class Service:
    """A running service with its folder; a context."""

    def __init__(self, folder, trust=True, administrators=False, tenant="", more=""):
        """`tenant` is more of the tenant acme's configuration, `more` of the whole."""
        self.folder = folder
        self.config = os.path.join(folder, "attestd.yaml")
        trusted = "trust: {simulated: psp}\n" if trust else ""
        tls = who = ""
        if administrators:
            self.clients = Clients(folder, "admin", "other")
            tls = "tls: {client_roots: clients.pem}\n"
            who = f", administrators: ['{self.clients.digests['admin']}']"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"listen: 127.0.0.1:0\nstate: state\n{trusted}{tls}{more}"
                       "limits: {requests_a_second: 100000}\n"
                       f"tenants:\n- {{name: acme, issuer: 'https://acme.example'{who}{tenant}}}\n"
                       "- {name: other, issuer: 'https://other.example', hosts: [other.example]}\n")  # fmt: skip
        self.store = os.path.join(folder, "state/store")

    def start(self):
        self.process = subprocess.Popen([ATTESTD, "--config", self.config], stderr=subprocess.PIPE, text=True)
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            match = re.search(r"listening on 127\.0\.0\.1, port (\d+)", line)
            if match:
                self.port = int(match.group(1))
                break
        else:
            raise RuntimeError("".join(self.said))
        self.reader = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self.reader.start()
        self.trust = ssl.create_default_context(cafile=os.path.join(self.folder, "state/development.pem"))
        return self

    def wait_said(self, text, begin=0):
        """Until a line of the log that comes after `begin` lines holds the text; that line."""
        while True:
            for line in self.said[begin:]:
                if text in line:
                    return line
            if self.process.poll() is not None:
                raise RuntimeError("".join(self.said))
            self.reader.join(0.01)

    def reload(self, old, new, said="read the configuration again"):
        """Puts `new` in place of `old` in the configuration, has it read, and returns the line that says what became of it."""
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        if old not in text:
            raise ValueError(old)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        begin = len(self.said)
        self.process.send_signal(signal.SIGHUP)
        return self.wait_said(said, begin)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        self.reader.join(60)
        self.process.stderr.close()
        return self.process.returncode

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.stop(signal.SIGKILL)

    def connect(self, client=None):
        trust = self.trust
        if client:
            trust = ssl.create_default_context(cafile=os.path.join(self.folder, "state/development.pem"))
            trust.load_cert_chain(self.clients.path(client))
        return http.client.HTTPSConnection("localhost", self.port, context=trust, timeout=60)

    def ask(self, method, path, body=None, connection=None, host=None, more=None):
        """Status and what the JSON of the answer says; `more` are headers."""
        own = connection or self.connect()
        headers = {"Content-Type": "application/json", **(more or {})}
        if host:
            headers["Host"] = host
        own.request(method, path, body=body, headers=headers)
        answer = own.getresponse()
        text = answer.read()
        if not connection:
            own.close()
        is_json = answer.headers.get("Content-Type") == "application/json"
        return answer.status, json.loads(text) if is_json else text.decode()

    def entry_count(self):
        """Of all logs."""
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as store:
            return store.execute("SELECT count(*) FROM log").fetchone()[0]

    def entries(self, tenant="acme"):
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as store:
            rows = store.execute("SELECT bytes FROM log WHERE tenant = ? ORDER BY number", [tenant])
            return [row[0] for row in rows]


@unittest.skipUnless(os.path.exists(ATTESTD), f"{ATTESTD} is not built")
class ServiceTestCase(unittest.TestCase):
    """Cases with a folder, a simulated processor in it, and its evidence."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = cls.scratch.name
        cls.policy = b"package policy\n"
        guest = os.path.join(cls.folder, "guest")
        os.mkdir(guest)
        files = {"vmlinux": b"kernel" * 99, "bzImage": b"packed kernel", "initrd": b"initrd" * 77}
        manifest = {"caisson_guest": 1, "cmdline": {"simulated": "quiet caisson.tee=simulated",
                                                     "sev-snp": "quiet caisson.tee=sev-snp"},
                    "files": {name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                              for name, data in files.items()},
                    "initrd": {}, "packages": []}  # fmt: skip
        with open(os.path.join(guest, "manifest.json"), "w", encoding="utf-8") as file:
            json.dump(manifest, file)
        with open(os.path.join(cls.folder, "policy"), "wb") as file:
            file.write(cls.policy)
        made = subprocess.run([MAKE_EVIDENCE, "psp", "guest/manifest.json", "policy", NONCE, "2"], cwd=cls.folder,
                              stdout=subprocess.PIPE, check=True, timeout=120)  # fmt: skip
        cls.bundle = json.loads(made.stdout)
        cls.report = base64.b64decode(cls.bundle["report"])
        cls.runtime = base64.b64decode(cls.bundle["runtime_data"])
        cls.chain = "".join(cls.bundle["certificates"]).replace("\n", "\r\n").encode()

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def service(self, **options):
        folder = tempfile.mkdtemp(dir=self.folder)
        os.symlink(os.path.join(self.folder, "psp"), os.path.join(folder, "psp"))
        return Service(folder, **options)

    def body(self, report=None, runtime=None, policy=None, **more):
        evidence = {"SnpReport": b64url(report or self.report), "VcekCertChain": b64url(self.chain)}
        body = {"report": b64url(json.dumps(evidence).encode()),
                "runtimeData": {"data": b64url(runtime or self.runtime), "dataType": "JSON"},
                "initTimeData": {"data": b64url(policy or self.policy), "dataType": "Binary"}}  # fmt: skip
        body.update(more)
        return json.dumps(body)
