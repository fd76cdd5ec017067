"""Containers in enclaves of the model, by the command line: an image of this system's own programs, and who runs it."""
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile

from lib import cli, oci, paths
from lib.service import Service

PROGRAMS = ("/bin/cat", "/bin/dash", "/bin/echo", "/bin/ls", "/usr/bin/env", "/usr/bin/id", "/usr/bin/wc")
TEE = ("--tee", "sgx-simulated")
ENCLAVE = os.path.join(paths.BUILD, "caisson-enclave")


def libraries(program):
    told = subprocess.run(["/usr/bin/ldd", program], capture_output=True, check=False).stdout.decode()  # none of a static one
    return set(re.findall(r"(?:=> )?(/\S+) \(0x", told))


def make_layer(path, programs=PROGRAMS):
    """This system's own programs with their libraries, as a tar."""
    names = {*programs, *(library for program in programs for library in libraries(program))}
    with tarfile.open(path, "w", dereference=True) as tar:
        for name in sorted(names):
            tar.add(name, name[1:])
        data = b"root:x:0:0::/root:/bin/sh\nworker:x:7:8::/home/worker:/bin/sh\n"
        oci.add_file(tar, "etc/passwd", data)


def make_image(layer, path):
    with open(layer, "rb") as file:
        tar = file.read()
    image = oci.Image(sizes=())
    image.layers = [image.add(oci.LAYER, tar)]
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [oci.digest(tar)]},
              "config": {"Cmd": ["/usr/bin/id", "-u"], "Env": ["PATH=/usr/bin:/bin", "A=b"]}}  # fmt: skip
    image.config = image.add(oci.CONFIG, json.dumps(config).encode())
    image.manifest = image.add(oci.MANIFEST, json.dumps({"schemaVersion": 2, "mediaType": oci.MANIFEST, "config": image.config,
                                                         "layers": image.layers}).encode())  # fmt: skip
    return "oci:" + image.write_layout(path)


class EnclaveCase(cli.CliCase):
    programs = PROGRAMS  # of the image

    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="caisson-enclave-")
        cls.addClassCleanup(shutil.rmtree, cls.made, ignore_errors=True)
        make_layer(cls.made + "/tar", cls.programs)
        cls.oci = make_image(cls.made + "/tar", cls.made + "/layout")

    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.made, "home")  # one platform and one disk for all tests
        self.environment["CAISSON_HOME"] = self.home

    def run_it(self, *command, options=(), check=True, data=None):
        return self.caisson("run", "-q", *TEE, "--rm", *options, self.oci, *command, check=check, data=data)

    def refused(self, words, *command, options=(), code=None):
        result = self.run_it(*command, options=options, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stdout, b"")
        self.assertIn(words, result.stderr.decode())
        if code is not None:
            self.assertEqual(result.returncode, code)

    def policy(self, *command, options=()):
        path = os.path.join(self.folder, "policy.rego")
        with open(path, "wb") as file:
            file.write(self.caisson("policy", "generate", *options, self.oci, *(("--", *command) if command else ())).stdout)
        return path


def serve(case):
    """A service that believes the simulated platform of the case's home, which a container has made. It ends with the case."""
    folder = os.path.join(case.folder, "service")
    platform = os.path.join(case.home, "simulated-sgx")
    for name, file in (("psp", "root.pem"), ("collateral", "collateral.json")):
        os.makedirs(os.path.join(folder, name))
        os.symlink(os.path.join(platform, file), os.path.join(folder, name, file))
    service = Service(folder, trust=False, administrators=True, more="trust: {simulated: psp, collateral: collateral}\n").start()
    case.addCleanup(service.stop)
    return service


class ServiceCase(EnclaveCase):
    """Beside a service that believes this platform, which the first container makes."""

    def serve(self):
        if not os.path.exists(os.path.join(self.home, "simulated-sgx", "root.pem")):
            self.run_it("/bin/echo")
        service = serve(self)
        self.root = os.path.join(self.folder, "service/state/development.pem")
        self.url = f"https://localhost:{service.port}"
        self.given = ("--secret-service", self.url, "--secret-root", self.root)
        return service

    def rule(self, policy, enclave=ENCLAVE):
        """The rule for who has this policy, as a file."""
        path = os.path.join(self.folder, "rule")
        text = self.caisson("secret", "rule", *TEE, "--policy", policy, "--enclave", enclave, "--authority", "https://acme.example").stdout
        with open(path, "wb") as file:
            file.write(text)
        return path

    def create(self, service, policy, name="db", data=b"swordfish", enclave=ENCLAVE):
        """The secret, for who has this policy in this enclave."""
        path = os.path.join(self.folder, "secret")
        with open(path, "wb") as file:
            file.write(data)
        self.caisson("secret", "create", name, "--rule", self.rule(policy, enclave), "--from", path, "--service", self.url,
                     "--client", service.clients.path("admin"), "--tls-ca", self.root)  # fmt: skip
