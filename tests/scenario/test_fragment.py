#!/usr/bin/python3
"""Policy fragments: signed, shown and verified by the program; loaded, or refused by name, by a real guest; handed over
by `caisson run --fragment`."""
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from lib import paths, policies, tap
from lib.channel import Refused, load_fragment
from lib.cli import CliCase
from lib.hostile import CANARY, SCRIPT, HostileCase
from lib.machine import parts_device
from lib.workload import Workload

FEED = "registry.example/side"
COMMAND = ["/bin/sh", "-c", SCRIPT]
EKU = "1.3.6.1.4.1.99999.7"


def caisson(*words, status=0):
    result = subprocess.run([paths.CAISSON, "policy", "fragment", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            timeout=60)
    if result.returncode != status:
        raise AssertionError(f"{words}: status {result.returncode}: {result.stderr.decode()}")
    return result.stdout, result.stderr.decode()


def fragment_text(containers, svn='"5"', rest=""):
    svn = f"svn := {svn}\n" if svn else ""
    return f'package side\n\n{svn}framework_version := "0.2.3"\n\ncontainers := {json.dumps(containers)}\n{rest}'


def with_parameter(container, key, api):
    """A fragment in whose container the value of `key` is the parameter of this name."""
    text = fragment_text([dict(container, **{key: "HERE"})], rest=f"parameters_api := {json.dumps({key: api})}\n")
    return text.replace('"HERE"', f'parameter("{key}")')


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Signer:
    """An authority and a leaf, made by openssl; `kind` as openssl genpkey's options have it."""

    KINDS = {"P-384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "P-256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
             "RSA": ["RSA", "-pkeyopt", "rsa_keygen_bits:3072"]}

    def __init__(self, folder, name, kind="P-384"):
        self.folder, self.name = folder, name
        digest = "-sha256" if kind == "P-256" else "-sha384"
        self.key, self.chain = self.path("key"), self.path("chain")
        for who in ("root", "key"):
            self.openssl("genpkey", "-algorithm", *self.KINDS[kind], "-out", self.path(who))
        self.openssl("req", "-x509", "-new", "-key", self.path("root"), digest, "-subj", f"/CN={name} root", "-days", "9",
                     "-addext", "keyUsage=critical,keyCertSign", "-out", self.path("ca"))
        self.openssl("req", "-new", "-key", self.key, "-subj", f"/CN={name} signer", "-out", self.path("request"))
        self.write("extensions", f"basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={EKU}\n")
        self.openssl("x509", "-req", "-in", self.path("request"), "-CA", self.path("ca"), "-CAkey", self.path("root"),
                     digest, "-days", "9", "-extfile", self.path("extensions"), "-out", self.path("leaf"))
        self.write("chain", self.read("leaf") + self.read("ca"))

    def path(self, what):
        return os.path.join(self.folder, f"{self.name}.{what}")

    def write(self, what, text):
        with open(self.path(what), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(what)

    def read(self, what):
        with open(self.path(what), encoding="utf-8") as file:
            return file.read()

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)

    def sign(self, text, *words, feed=FEED, status=0, warned=False):
        """The signed bytes, or what is said when there are none, or beside them."""
        out, error = caisson("sign", "--key", self.key, "--chain", self.chain, "--feed", feed, *words,
                             self.write("rego", text), status=status)
        return out if status == 0 and not warned else error

    def issuer(self):
        show, _ = caisson("show", self.file("any", self.sign(fragment_text([]))))
        return next(line.split()[1] for line in show.decode().splitlines() if line.startswith("issuer"))

    def file(self, what, data):
        with open(self.path(what), "wb") as file:
            file.write(data)
        return self.path(what)


def rule(signer, **changes):
    return dict({"feed": FEED, "includes": ["containers"], "issuer": signer.issuer(), "minimum_svn": "5"}, **changes)


def policy_with(rules, containers=()):
    return policies.policy(list(containers)).replace(b"fragments := []", b"fragments := " + json.dumps(rules).encode())


class Folder(unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.work = tempfile.mkdtemp(prefix="caisson-fragment-")
        self.addCleanup(shutil.rmtree, self.work)


class Tool(Folder):
    def test_signs_with_each_kind_of_key(self):
        for kind, algorithm in (("P-384", "ES384"), ("P-256", "ES256"), ("RSA", "PS384")):
            with self.subTest(kind=kind):
                signer = Signer(self.work, kind, kind)
                path = signer.file("cose", signer.sign(fragment_text([])))
                show = caisson("show", path)[0].decode()
                self.assertIn(algorithm, show)
                self.assertIn(FEED, show)
                self.assertEqual(caisson("show", "--text", path)[0].decode(), fragment_text([]))
                row = json.loads(caisson("show", "--import", path)[0])
                self.assertEqual(row, {"feed": FEED, "includes": ["containers"], "issuer": signer.issuer(), "minimum_svn": "5"})
                out, _ = caisson("verify", "--issuer", signer.issuer(), "--feed", FEED, "--min-svn", "5", path)
                self.assertTrue(out.startswith(b"ACCEPTED\n"))
        path = signer.file("cose", signer.sign(fragment_text([]), "--algorithm", "PS256"))
        self.assertIn("PS256", caisson("show", path)[0].decode())

    def test_show_tells_whom_a_policy_lets_add_what(self):
        signer = Signer(self.work, "a")
        text = policy_with([rule(signer, includes=["containers", "fragments"]), rule(signer, feed="x", required_receipts=["l"])])
        shown = subprocess.run([paths.CAISSON, "policy", "show", signer.file("policy", text)], check=True, timeout=60,
                               stdout=subprocess.PIPE).stdout.decode()
        self.assertIn('feed "registry.example/side", from svn "5" on, may add: containers; further fragments;', shown)
        self.assertIn("it is never loaded", shown)

    def test_parameters_are_shown_and_tried(self):
        signer = Signer(self.work, "a")
        container = policies.container(["0" * 64], COMMAND)
        text = with_parameter(container, "command", {})
        said = signer.sign(text, warned=True)
        self.assertIn('the rows were not checked: fragment: line 6: parameter("command")', said)
        path = signer.file("cose", signer.sign(text))
        values = signer.file("values", b'{"command": ["mine"]}')
        wrong = signer.file("wrong", b'{"command": "mine"}')
        show = caisson("show", path)[0].decode()
        self.assertIn('parameter "command", without a default', show)
        self.assertIn("rows: not known", show)
        self.assertIn('command       "mine"', caisson("show", "--parameters", values, path)[0].decode())
        self.assertEqual(json.loads(caisson("show", "--import", "--parameters", values, path)[0])["parameters"],
                         {"command": ["mine"]})
        self.assertIn("expected an array", caisson("show", "--parameters", wrong, path, status=1)[1])
        self.assertIn(b"its rows were not read", caisson("verify", path)[0])
        self.assertNotIn(b"its rows were not read", caisson("verify", "--parameters", values, path)[0])
        self.assertIn("expected an array", caisson("verify", "--parameters", wrong, path, status=1)[1])
        self.assertIn("expected an array", signer.sign(text, "--parameters", wrong, status=1))
        defaults = signer.file("defaults", signer.sign(with_parameter(container, "command", {"default": ["init"]})))
        show = caisson("show", defaults)[0].decode()
        self.assertIn('parameter "command", by default ["init"]', show)
        self.assertIn('command       "init"', show)

    def test_verify_refuses_by_name(self):
        signer = Signer(self.work, "a")
        good = signer.sign(fragment_text([]))
        path = signer.file("cose", good)
        for words, said in ((("--issuer", "did:x509:0:sha256:x::eku:1.2"), "issuer: "), (("--feed", "other"), "feed: "),
                            (("--min-svn", "6"), "svn: ")):
            self.assertIn(said, caisson("verify", *words, path, status=1)[1])
        caisson("verify", "--min-svn", "x", path, status=2)
        at = good.index(b"package")
        for name, data, said in (("a byte of the text", good[:at] + b"P" + good[at + 1:], "signature: "),
                                 ("a byte of the signature", good[:-1] + bytes([good[-1] ^ 1]), "signature: "),
                                 ("cut", good[:-1], ""), ("more", good + b"\n", ""), ("text", b"package side\n", "")):
            with self.subTest(change=name):
                self.assertIn(said, caisson("verify", signer.file("bad", data), status=1)[1])

    def confcom(self, *words, status=0):
        result = subprocess.run([paths.CAISSON, "confcom", "acifragmentgen", *words], cwd=self.work, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=60, env=dict(os.environ, CAISSON_HOME=self.work))
        self.assertEqual(result.returncode, status, result.stderr.decode())
        return result.stdout.decode(), result.stderr.decode()

    def test_confcom_signs_and_writes_the_row(self):
        """What it signs any guest takes; the row that it prints lets that in."""
        signer, other = Signer(self.work, "a"), Signer(self.work, "b")
        lock = signer.file("lock", json.dumps({"r.example:5000/side:1": {"config": {"Cmd": ["/x"]}, "layers": ["ab" * 32]}}).encode())
        words = ("--image", "r.example:5000/side:1", "--images", lock, "--namespace", "side", "--svn", "5", "--chain", signer.chain)
        self.confcom(*words, "--no-print", "--key", signer.key)
        path = os.path.join(self.work, "side.rego.cose")
        caisson("verify", "--issuer", signer.issuer(), "--feed", "r.example:5000/side", "--min-svn", "5", path)
        with open(os.path.join(self.work, "side.rego"), encoding="utf-8") as file:
            self.assertEqual(caisson("show", "--text", path)[0].decode(), file.read())
        row = {"feed": "r.example:5000/side", "includes": ["containers", "fragments"], "issuer": signer.issuer(), "minimum_svn": "4"}
        words = ("--generate-import", "--fragment-path", path, "--minimum-svn", "4")
        self.assertEqual(self.confcom(*words)[0], json.dumps({"fragments": [row]}, indent=2) + "\n")
        rows = os.path.join(self.work, "rows.json")
        for count in (1, 2):
            self.assertEqual(self.confcom(*words, "--fragments-json", rows)[0], "")
            with open(rows, encoding="utf-8") as file:
                self.assertEqual(file.read(), json.dumps({"fragments": count * [row]}, indent=2))
        for text, said in (("[]", "expected an object"), ('{"fragments": 1}', "expected an array"), ("{", "")):
            bad = signer.file("bad", text.encode())
            self.assertIn(said, self.confcom(*words, "--fragments-json", bad, status=1)[1])
            with open(bad, encoding="utf-8") as file:
                self.assertEqual(file.read(), text)
        with open(path, "rb") as file:
            data = file.read()
        kind = b"application/unknown+rego"
        head = b"\xa5\x01\x38\x22\x03\x78" + bytes([len(kind)]) + kind + b"\x18\x21\x82\x59"
        names = b"\x63iss\x78" + bytes([len(signer.issuer())]) + signer.issuer().encode() + b"\x64feed\x73r.example:5000/side"
        self.assertEqual((data[:3], data[5 : 5 + len(head)]), (b"\xd2\x84\x59", head))
        self.assertEqual(data[5 + int.from_bytes(data[3:5], "big") :][: 2], b"\xa0\x59")  # nothing unprotected; the text
        self.assertEqual(data[: 5 + int.from_bytes(data[3:5], "big")][-len(names) :], names)
        self.assertIn("signature", self.confcom("--generate-import", "--minimum-svn", "4", "--fragment-path",
                                                signer.file("bad", data[:-1] + bytes([data[-1] ^ 1])), status=1)[1])
        os.unlink(path)
        os.unlink(os.path.join(self.work, "side.rego"))
        words = ("--image", "r.example:5000/side:1", "--images", lock, "--namespace", "side", "--svn", "5", "--chain", signer.chain)
        self.assertIn("not that of the first", self.confcom(*words, "--key", other.key, status=1)[1])
        self.assertIn("not of the kind", self.confcom(*words, "--key", signer.key, "--algo", "PS384", status=1)[1])
        self.assertEqual([name for name in os.listdir(self.work) if name.startswith("side")], [])

    def test_sign_refuses_what_no_guest_would_take(self):
        signer, other = Signer(self.work, "a"), Signer(self.work, "b")
        good = fragment_text([])
        self.assertIn("reserved", signer.sign(good.replace("package side", "package policy"), status=1))
        self.assertIn("first line", signer.sign("# c\n" + good, status=1))
        self.assertIn("line 7", signer.sign(good.rstrip() + "\nallow := x\n", status=1))
        self.assertIn("no svn", signer.sign(fragment_text([], svn=None), status=1))
        self.assertIn("own is 5", signer.sign(good, "--svn", "6", status=1))
        self.assertIn("issuer", signer.sign(good, "--issuer", other.issuer(), status=1))
        self.assertIn("not of the kind", signer.sign(good, "--algorithm", "PS384", status=1))
        signer.sign(good, "--algorithm", "RS256", status=2)
        signer.key = other.key
        self.assertIn("not that of the first certificate", signer.sign(good, status=1))

    def test_takes_issuers_by_use_and_the_svn_of_the_header(self):
        signer = Signer(self.work, "a")
        by_use = signer.issuer().split("::")[0] + "::eku:" + EKU
        path = signer.file("cose", signer.sign(fragment_text([], svn=None), "--svn", "7", "--issuer", by_use))
        caisson("verify", "--issuer", by_use, "--min-svn", "7", path)
        caisson("verify", "--min-svn", "8", path, status=1)
        with open(path, "rb") as file:  # where ACI's guest looks for it, too: in the claims
            self.assertIn(b"\x63svn\x07\x18\x21\x82", file.read())


class Guest(Folder, HostileCase):
    """One machine: all refusals, then the fragment, and what only it describes."""

    def refuses(self, channel, name, data, said):
        with self.subTest(fragment=name):
            with self.assertRaises(Refused) as caught:
                load_fragment(channel, data)
            self.assertEqual(caught.exception.point, "load_fragment")
            self.assertIn(said, caught.exception.reason)

    @staticmethod
    def named(channel):
        """The fragments that the guest names in its evidence."""
        answer = channel.call("attest", nonce="00")
        said = base64.b64decode(answer["runtime_data"])
        report = base64.b64decode(answer["report"])
        assert report[0x50:0x90] == hashlib.sha256(said).digest() + bytes(32)
        return json.loads(said).get("fragments")

    def test_loads_what_the_policy_takes_and_nothing_else(self):
        signer, other = Signer(self.work, "a"), Signer(self.work, "b", "RSA")
        workload = Workload("busybox", COMMAND)
        text = with_parameter(workload.container, "command", {"default": ["/bin/false"]})
        policy = policy_with([rule(signer, parameters={"command": COMMAND}), rule(other, feed="registry.example/other")])
        good = signer.sign(text)
        workload.policy = lambda: policy
        with workload.boot(extra=parts_device()) as machine:
            channel = machine.channel
            stream = channel.open()
            self.refused(channel, "load_fragment", "order", stream=stream.number, size=1)
            channel.close_stream(stream)
            channel.set_policy(policy)
            with self.assertRaises(Refused):
                workload.mount_devices(channel)
            at = good.index(b"package side")
            self.refuses(channel, "of another issuer", other.sign(text), "feed ")
            self.refuses(channel, "of another feed", signer.sign(text, feed="registry.example/other"), "feed ")
            self.refuses(channel, "too old", signer.sign(fragment_text([workload.container], svn='"4"')), "svn is lower")
            self.refuses(channel, "without the policy's parameter", signer.sign(fragment_text([workload.container])),
                         'the parameter "command"')
            self.refuses(channel, "changed", good[:at] + b"P" + good[at + 1:], "signature: ")
            self.refuses(channel, "signed by nobody", good[:-1] + bytes([good[-1] ^ 1]), "signature: ")
            self.refuses(channel, "cut", good[:-1], "load_fragment: ")
            self.refuses(channel, "no fragment", b"", "load_fragment: ")
            self.nothing_ran(channel)
            self.assertIsNone(self.named(channel))
            with self.assertRaises(Refused):
                workload.mount_devices(channel)
            load_fragment(channel, other.sign(fragment_text([]), feed="registry.example/other"))
            with self.assertRaises(Refused):
                workload.mount_devices(channel)
            load_fragment(channel, good)
            self.assertEqual([(row["feed"], row["svn"], row["issuer"], row["sha256"]) for row in self.named(channel)],
                             [("registry.example/other", "5", other.issuer(), sha256(fragment_text([]))),
                              (FEED, "5", signer.issuer(), sha256(text))])
            workload.mount_devices(channel)
            channel.call("mount_overlay", id="c", layers=workload.targets())
            self.runs_as_described(workload, channel)


class Run(Folder, CliCase):
    def test_runs_what_only_a_fragment_describes(self):
        signer = Signer(self.work, "a")
        workload = Workload("busybox", COMMAND)
        policy = signer.file("policy", policy_with([rule(signer)]))
        good = signer.file("cose", signer.sign(fragment_text([workload.container])))
        old = signer.file("old", signer.sign(fragment_text([workload.container], svn='"1"')))
        options = ("--policy", policy, "--network", "none", "-q")
        for extra, said in (((), "denied by mount_device"), (("--fragment", old), "svn is lower"),
                            (("--fragment", policy), "--fragment")):
            with self.subTest(options=extra):
                result = self.run_image("busybox", *COMMAND, options=(*options, *extra), check=False)
                self.assertEqual(result.returncode, 1)
                self.assertIn(said, result.stderr.decode())
        result = self.run_image("busybox", *COMMAND, options=(*options, "--fragment", good))
        self.assertEqual(result.stdout.decode().strip(), CANARY)

    def test_evidence_names_what_was_loaded(self):
        signer = Signer(self.work, "a")
        workload = Workload("busybox", ["/bin/sleep", "1000"])
        policy = signer.file("policy", policy_with([rule(signer)]))
        text = fragment_text([workload.container])
        good = signer.file("cose", signer.sign(text))
        name = self.start_image("busybox", *workload.container["command"],
                                options=("--policy", policy, "--network", "none", "--fragment", good))
        evidence = os.path.join(self.folder, "evidence.json")
        self.caisson("attest", name, "--nonce", "0a0b", "-o", evidence)

        def verify(*words):
            return self.caisson("verify", evidence, "--nonce", "0a0b", "--policy", policy, "--guest",
                                os.path.join(paths.GUEST, "manifest.json"), "--trust-simulated",
                                os.path.join(self.home, "simulated"), "--json", "--partial", *words, check=False)

        result = verify()
        said = json.loads(result.stdout)
        self.assertEqual((result.returncode, said["verdict"]), (0, "accepted"), result.stdout)
        self.assertEqual(said["fragments"],
                         [{"issuer": signer.issuer(), "feed": FEED, "svn": "5", "sha256": sha256(text)}])
        for words, verdict in ((("--fragment", f"feed={FEED},min-svn=5,issuer={signer.issuer()}", "--no-other-fragments"), 0),
                               (("--fragment", f"feed={FEED},min-svn=6"), 1), (("--no-other-fragments",), 1)):
            with self.subTest(words=words):
                result = verify(*words)
                self.assertEqual(result.returncode, verdict, result.stdout)
                self.assertEqual(json.loads(result.stdout).get("refused_by"), None if verdict == 0 else "fragments")

    def test_runs_under_a_policy_that_allows_everything_only_when_told(self):
        points = ("mount_device", "mount_overlay", "create_container", "get_properties", "shutdown_container")
        text = 'package policy\napi_version := "0.10.0"\nframework_version := "0.2.3"\n' + "".join(
            f'{point} := {{"allowed": true, "allow_stdio_access": true}}\n' for point in points)
        policy = os.path.join(self.work, "all.rego")
        with open(policy, "w", encoding="utf-8") as file:
            file.write(text)
        options = ("--policy", policy, "--network", "none", "-q")
        result = self.run_image("busybox", *COMMAND, options=options, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("--insecure-allow-all", result.stderr.decode())
        result = self.run_image("busybox", *COMMAND, options=(*options, "--insecure-allow-all"))
        self.assertEqual(result.stdout.decode().strip(), CANARY)
        self.assertIn("ALLOW-ALL", result.stderr.decode())


if __name__ == "__main__":
    tap.main()
