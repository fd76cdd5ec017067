#!/usr/bin/python3
"""The store where things go wrong around it: a full disk, one that is read-only, no network, a removal meanwhile."""
import json
import os
import signal
import subprocess
import time

from lib import oci, paths, pulls, registry, tap


class Surroundings(pulls.FaultyCase):
    def setUp(self):
        super().setUp()
        self.image = oci.Image(sizes=(3000, 900000), kinds=("none",))
        self.layout = self.image.write_layout(os.path.join(self.folder, "layout"))
        self.store = self.environment["CAISSON_HOME"]

    def inside(self, script, *words, unshare="-rm"):
        """Runs `script` in a mount namespace of its own; "$@" is caisson with `words`."""
        if subprocess.run(["unshare", unshare, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest(f"unshare {unshare} is not possible here")
        command = ["unshare", unshare, "sh", "-ec", script, "sh", paths.CAISSON, *words]
        return subprocess.run(command, env=self.environment, text=True, capture_output=True, timeout=60, check=False)

    def complains(self, result, *because):
        self.assertEqual(result.returncode, 3, result.stderr)
        for words in because:
            self.assertIn(words, result.stderr)
        self.assertEqual(result.stderr.strip().splitlines()[-1].count("caisson: "), 1)

    def full_disk(self, size, reference):
        """Pulls onto a disk of this size; the error and all that is left there."""
        os.makedirs(self.store, exist_ok=True)
        listing = os.path.join(self.folder, "listing")
        script = f'mount -t tmpfs -o size={size} none {self.store}; "$@" || status=$?; cd {self.store}; find . -type f > {listing}; exit $status'
        result = self.inside(script, "pull", reference)
        self.complains(result, "No space left on device")
        with open(listing, encoding="ascii") as text:
            return result.stderr, text.read().split()

    def test_a_full_disk_leaves_nothing_with_a_name(self):
        server = self.start(self.image)
        layer = self.image.layers[1]["digest"]
        errors, left = self.full_disk("256k", server.host + "/app")
        self.assertIn("blob " + layer, errors)
        self.assertNotIn(f"./blobs/sha256/{layer[7:]}", left)
        errors, here = self.full_disk("1400k", server.host + "/app")  # room for the blobs, not for the disk
        self.assertIn("layer 1 of", errors)
        self.assertIn(f"./blobs/sha256/{layer[7:]}", here)
        errors, there = self.full_disk("256k", "oci:" + self.layout)
        self.assertIn("layer 1 of", errors)
        for files in (left, here, there):
            self.assertFalse([name for name in files if name.startswith("./images/")], files)
            self.assertFalse([name for name in files if layer[7:] in name and "disk" in name], files)

    def test_a_read_only_store_can_be_listed_and_not_filled(self):
        server = self.start(self.image)
        self.ok("pull", server.host + "/app")
        mount = f'mount --bind {self.store} {self.store}; mount -o remount,bind,ro {self.store}; "$@"'
        listed = self.inside(mount, "images", "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertEqual(json.loads(listed.stdout)[0]["name"], server.host + "/app:latest")
        generated = self.inside(mount, "policy", "generate", server.host + "/app")
        self.assertEqual(generated.returncode, 0, generated.stderr)
        other = oci.Image(seed=12)
        elsewhere = other.write_layout(os.path.join(self.folder, "other"))
        for words in (("pull", "oci:" + elsewhere), ("rmi", server.host + "/app")):
            with self.subTest(words=words):
                self.complains(self.inside(mount, *words), "Read-only file system")

    def test_says_where_there_is_no_network(self):
        script = '"$@"'
        self.complains(self.inside(script, "pull", "redis", unshare="-rn"), "docker.io/library/redis:latest", "registry-1.docker.io")
        self.complains(self.inside(script, "pull", "example.invalid/app", unshare="-rn"), "example.invalid")
        server = self.start(self.image)
        self.complains(self.inside(script, "pull", server.host + "/app", unshare="-rn"), server.host)
        # What is in the store needs no network.
        self.ok("pull", server.host + "/app")
        generated = self.inside(script, "policy", "generate", server.host + "/app", unshare="-rn")
        self.assertEqual(generated.returncode, 0, generated.stderr)
        never = self.inside(script, "policy", "generate", "--pull", "never", server.host + "/other", unshare="-rn")
        self.assertIn("not in the store", never.stderr)

    def test_says_when_nobody_listens(self):
        begin = time.monotonic()
        self.refused("pull", f"127.0.0.1:{registry.free_port()}/app", because="onnect", status=(3,))
        self.assertLess(time.monotonic() - begin, 10)

    def test_a_removal_waits_for_a_pull(self):
        server = self.start(self.image)
        self.ok("pull", server.host + "/app")
        other = oci.Image(sizes=(50000,), kinds=("none",), seed=13)
        slow = self.start(other)
        self.environment["CAISSON_REGISTRIES"] = json.dumps(
            {"registries": {server.host: {"http": True}, slow.host: {"http": True}}})

        def slowly(handler):
            time.sleep(1.5)
            return registry.answer(handler, 200, other.blobs[other.layers[0]["digest"]])

        slow.fault(self.blob(other.layers[0]), slowly)
        pull = self.start_pull(slow.host + "/app", stderr=subprocess.PIPE)
        while not slow.requests(self.blob(other.layers[0])):
            time.sleep(0.02)
        self.ok("rmi", server.host + "/app")
        self.assertIsNotNone(pull.poll(), "the removal did not wait")
        self.assertEqual(pull.returncode, 0, pull.stderr.read())
        pull.stderr.close()
        self.assertEqual(self.blobs(), sorted(other.blobs))
        self.assertEqual(len(self.disks()), 1)

    def test_removes_all_that_it_can(self):
        server = self.start(self.image)
        self.ok("pull", server.host + "/app")
        self.refused("rmi", "Bad Name", "none", server.host + "/app", because="Bad Name")
        self.assertEqual((self.blobs(), self.disks()), ([], []))
        self.refused("rmi", server.host + "/app", because="not in the store")

    def test_a_killed_conversion_is_made_again(self):
        image = oci.Image(sizes=(30000000,), kinds=("gzip",), seed=14)
        layout = image.write_layout(os.path.join(self.folder, "large"))
        for delay in (0.02, 0.05, 0.1, 0.15):
            pull = self.start_pull("oci:" + layout, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            pull.send_signal(signal.SIGKILL)
            pull.wait()
        alone = subprocess.run([paths.CAISSON, "layer", "hash", "-"], input=image.blobs[image.layers[0]["digest"]],
                               stdout=subprocess.PIPE, check=True)
        pulled = json.loads(self.ok("pull", "--json", "oci:" + layout))
        self.assertEqual(pulled["layers"][0]["root_hash"], alone.stdout.decode().strip())
        self.assertEqual((self.partials(), len(self.disks())), ([], 1))


if __name__ == "__main__":
    tap.main()
