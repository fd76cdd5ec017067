#!/usr/bin/python3
"""What deploy/sgx describes for nodes of Kubernetes with SGX: the image is built and unpacked, and its container runs as
the pod says: its user, no capability, no new privileges, a root that is read only, and nothing to write to but the pod's volumes."""
import os
import shlex
import shutil
import subprocess
import tempfile
import unittest

import yaml
from lib import images, paths, tap

DEPLOY = os.path.join(paths.SOURCE, "deploy/sgx")


def read(name):
    with open(os.path.join(DEPLOY, name), encoding="utf-8") as file:
        return yaml.safe_load(file)


class Names(unittest.TestCase):
    """Kubernetes' conventions, by which the node's plugins find out what a pod wants."""

    def setUp(self):
        self.pod = read("pod.yaml")
        (self.container,) = self.pod["spec"]["containers"]

    def test_the_upstream_plugins_resources(self):
        limits = self.container["resources"]["limits"]
        self.assertEqual(limits["sgx.intel.com/enclave"], "1")
        self.assertIn("sgx.intel.com/epc", limits)
        self.assertNotIn("sgx.intel.com/provision", limits)  # quotes are aesmd's

    def test_aks_has_another_and_takes_these_away(self):
        (container,) = read("aks.yaml")["spec"]["containers"]
        self.assertEqual(container["name"], self.container["name"])
        limits = container["resources"]["limits"]
        self.assertGreater(int(limits.pop("kubernetes.azure.com/sgx_epc_mem_in_MiB")), 0)
        self.assertEqual(limits, {name: None for name in self.container["resources"]["limits"] if name.startswith("sgx.intel.com/")})

    def test_aesmd_is_the_nodes(self):
        (volume,) = [each for each in self.pod["spec"]["volumes"] if each["name"] == "aesmd"]
        self.assertEqual(volume["hostPath"], {"path": "/var/run/aesmd", "type": "Directory"})
        self.assertIn({"name": "aesmd", "mountPath": "/var/run/aesmd"}, self.container["volumeMounts"])
        self.assertIn({"name": "SGX_AESM_ADDR", "value": "1"}, self.container["env"])

    def test_every_volume_is_there_and_every_mount_has_one(self):
        volumes = {each["name"] for each in self.pod["spec"]["volumes"]}
        self.assertEqual(volumes, {each["name"] for each in self.container["volumeMounts"]})

    def test_nothing_is_privileged(self):
        context = self.container["securityContext"]
        self.assertEqual(context, {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
        self.assertTrue(self.pod["spec"]["securityContext"]["runAsNonRoot"])
        self.assertFalse(self.pod["spec"]["automountServiceAccountToken"])


@unittest.skipUnless(os.geteuid() == 0, "who plays the node has to be root")
@unittest.skipUnless(shutil.which("mmdebstrap") and shutil.which("umoci"), "mmdebstrap and umoci make the image")
class Pod(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="caisson-pod-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        environment = {**os.environ, "CAISSON_BUILD": paths.BUILD, "MAKEFLAGS": "-o build"}
        made = subprocess.run([DEPLOY + "/build-image", cls.folder + "/image"], capture_output=True, env=environment, timeout=400, check=False)
        assert made.returncode == 0, made.stderr.decode()
        subprocess.run(["umoci", "unpack", "--image", cls.folder + "/image:latest", cls.folder + "/bundle"], check=True, capture_output=True)
        cls.app = cls.folder + "/app"
        shutil.copytree(images.layout("busybox"), cls.app)
        subprocess.run(["chmod", "-R", "a+rX", cls.folder], check=True)  # the pod's user is another one
        spec = read("pod.yaml")["spec"]
        cls.user = spec["securityContext"]["runAsUser"]
        (cls.container,) = spec["containers"]

    def mounts(self):
        """One line of shell a mount, as the node would make them; the policy's folder and aesmd's are the test's own."""
        for each in self.container["volumeMounts"]:
            if each["name"] in ("state", "tmp"):
                yield f"mount -t tmpfs -o mode=0770,gid={self.user} none root{each['mountPath']}"
            else:
                os.makedirs(os.path.join(self.folder, each["name"]), exist_ok=True)
                yield f"mount --bind {each['name']} root{each['mountPath']}"

    def start(self, *arguments):
        """caisson as the pod's container has it. The app's image is mounted, for there is no registry here."""
        root = self.folder + "/bundle/rootfs"
        for each in [*(each["mountPath"] for each in self.container["volumeMounts"]), "/app"]:
            os.makedirs(root + each, exist_ok=True)
        lines = ["mkdir -p root", "mount --bind bundle/rootfs root", *self.mounts(),
                 "mount --bind app root/app", "mount -t proc none root/proc", "mount --bind /dev root/dev",
                 "mount -o remount,bind,ro root",
                 "exec chroot root /usr/bin/env -i PATH=/usr/bin:/bin CAISSON_HOME=/var/lib/caisson/store CAISSON_RUN=/var/lib/caisson/run "
                 f"setpriv --reuid {self.user} --regid {self.user} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs "
                 f"caisson {shlex.join(arguments)}"]  # fmt: skip
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "sh", "-ec", "\n".join(lines)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)

    def words(self, tee, *command):
        """The pod's own arguments, but for the kind of enclave, the image and its policy, which the test makes inside."""
        given = list(self.container["args"])
        self.assertEqual(given[:3], ["run", "--tee", "sgx"])
        given[2] = tee
        given[given.index("--policy"):given.index("--policy") + 2] = []
        return [*given[:-1], "oci:/app", *command]

    def test_runs_in_a_simulated_enclave_as_the_pod_is_confined(self):
        done = self.start(*self.words("sgx-simulated", "/bin/busybox", "echo", "from inside"))
        self.assertEqual((done.returncode, done.stdout), (0, "from inside\n"), done.stderr)
        self.assertIn("SIMULATED", done.stderr)

    def test_a_policy_that_is_mounted_binds_it(self):
        os.makedirs(self.folder + "/policy", exist_ok=True)
        with open(self.folder + "/policy/policy.rego", "w", encoding="ascii") as file:
            subprocess.run([paths.CAISSON, "policy", "generate", "oci:" + self.app, "--", "/bin/busybox", "true"], stdout=file, check=True)
        words = self.words("sgx-simulated", "/bin/busybox", "echo", "no")
        words[1:1] = self.container["args"][self.container["args"].index("--policy"):][:2]
        done = self.start(*words)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertIn("denied by create_container: argv[1]", done.stderr)

    @unittest.skipIf(os.path.exists("/dev/sgx_enclave"), "this machine has SGX")
    def test_without_the_device_nothing_else_is_taken(self):
        done = self.start(*self.words("sgx", "/bin/busybox", "echo", "no"))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertIn("/dev/sgx_enclave", done.stderr)


if __name__ == "__main__":
    tap.main()
