"""What the tests of pulling share: a store of their own, and registries to fill it from."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from . import paths, registry


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-registry-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.home = os.path.join(self.folder, "home")
        os.makedirs(os.path.join(self.home, ".docker"))
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "CAISSON_HOME": os.path.join(self.folder, "store")}
        for name in ("LSAN_OPTIONS", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def caisson(self, *words, **environment):
        return subprocess.run([paths.CAISSON, *words], env=dict(self.environment, **environment), text=True,
                              capture_output=True, timeout=120, check=False)

    def ok(self, *words, **environment):
        result = self.caisson(*words, **environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, *words, because, status=(1, 3), **environment):
        result = self.caisson(*words, **environment)
        self.assertIn(result.returncode, status, result.stderr)
        self.assertIn(because, result.stderr)
        return result

    def folder_for(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        return path

    def blobs(self):
        return sorted("sha256:" + name for name in os.listdir(os.path.join(self.environment["CAISSON_HOME"], "blobs/sha256")))

    def partials(self):
        return os.listdir(os.path.join(self.environment["CAISSON_HOME"], "partial"))

    def disks(self):
        return [name for name in os.listdir(os.path.join(self.environment["CAISSON_HOME"], "disks")) if name.endswith(".disk")]

    def start_pull(self, *words, **options):
        """A pull in the background."""
        process = subprocess.Popen([paths.CAISSON, "pull", *words], env=self.environment, text=True, stdout=subprocess.DEVNULL,
                                   **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def login(self, host, pair):
        with open(os.path.join(self.home, ".docker/config.json"), "w", encoding="ascii") as out:
            json.dump({"auths": {host: {"auth": base64.b64encode(pair.encode()).decode()}}}, out)


@unittest.skipUnless(os.path.exists(registry.REGISTRY), "docker-registry is not installed")
class DockerCase(Case):
    def start(self, **options):
        server = registry.DockerRegistry(self.folder_for("registry"), **options)
        self.addCleanup(server.close)
        return server

    def push(self, image, server, name, *options, top=None):
        layout = image.write_layout(os.path.join(self.folder, "layout"), top)
        subprocess.run(["skopeo", "copy", "--insecure-policy", "--all", "--preserve-digests", *options, f"oci:{layout}:latest",
                        f"docker://{server.host}/{name}"], check=True, capture_output=True)


class FaultyCase(Case):
    def start(self, image, **options):
        server = registry.FaultyRegistry(image, **options)
        self.addCleanup(server.close)
        if "tls" not in options:
            self.environment["CAISSON_REGISTRIES"] = json.dumps({"registries": {server.host: {"http": True}}})
        return server

    @staticmethod
    def blob(descriptor):
        return "/v2/app/blobs/" + descriptor["digest"]
