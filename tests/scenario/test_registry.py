#!/usr/bin/python3
"""`caisson pull`, `images` and `rmi` against Debian's docker-registry and against one that misbehaves."""
import glob
import json
import os
import shutil
import signal
import subprocess
import time

from lib import oci, paths, pulls, registry, tap

TOKEN = "secret-token-9d1c"


class WithDockerRegistry(pulls.DockerCase):
    def test_pulls_with_tls_and_a_password(self):
        authority, *tls = registry.make_certificates(self.folder_for("tls"))
        server = self.start(tls=tls, users={"ann": "s3cret:x"})
        image = oci.Image(sizes=(3000, 200000, 70000), kinds=("gzip", "zstd", "none"))
        self.push(image, server, "team/app:1", "--dest-creds", "ann:s3cret:x", "--dest-tls-verify=false")
        name = f"{server.host}/team/app:1"
        self.refused("pull", name, because="not trusted")
        self.refused("pull", name, "--tls-ca", authority, because="wants credentials")
        self.login(server.host, "ann:wrong")
        self.refused("pull", name, "--tls-ca", authority, because="refuses the credentials of")
        self.login(server.host, "ann:s3cret:x")
        pulled = json.loads(self.ok("pull", "--json", name, "--tls-ca", authority))
        self.assertEqual(pulled["digest"], image.manifest["digest"])
        self.assertEqual([each["digest"] for each in pulled["layers"]], [each["digest"] for each in image.layers])
        self.assertEqual(self.blobs(), sorted(image.blobs))
        listed = json.loads(self.ok("images", "--json"))
        self.assertEqual([(each["name"], each["digest"]) for each in listed], [(name, image.manifest["digest"])])
        # The disks have the root hashes that the same layers have by themselves.
        for layer, data in zip(pulled["layers"], [image.blobs[each["digest"]] for each in image.layers]):
            alone = subprocess.run([paths.CAISSON, "layer", "hash", "-"], input=data, stdout=subprocess.PIPE, check=True)
            self.assertIn(layer["root_hash"], alone.stdout.decode())
        # The folder of Docker's that belongs to this registry serves as well as --tls-ca.
        trusted = os.path.join(self.home, ".config/containers/certs.d", server.host)
        os.makedirs(trusted)
        shutil.copy(authority, os.path.join(trusted, "ca.crt"))
        self.ok("pull", name)
        freed = json.loads(self.ok("rmi", "--json", name))
        self.assertEqual((freed["blobs"], freed["disks"]), (len(image.blobs), 3))
        self.assertEqual(self.blobs(), [])
        self.refused("rmi", name, because="not in the store")
        self.refused("pull", f"{server.host}/team/none:1", "--tls-ca", authority, because="has no team/none")

    def test_asks_the_credential_helper_of_the_registry(self):
        authority, *tls = registry.make_certificates(self.folder_for("tls"))
        server = self.start(tls=tls, users={"ann": "s3cret:x"})
        image = oci.Image(sizes=(3000, 4000, 5000, 6000))
        self.push(image, server, "team/app:1", "--dest-creds", "ann:s3cret:x", "--dest-tls-verify=false")
        name, words = f"{server.host}/team/app:1", ("--tls-ca", authority)

        def configure(**members):
            with open(os.path.join(self.home, ".docker/config.json"), "w", encoding="ascii") as out:
                json.dump(members, out)

        configure(credsStore="absent")
        self.refused("pull", name, *words, because="docker-credential-absent is not installed")
        configure(credHelpers={server.host: "../../bin/x"})
        self.refused("pull", name, *words, because="no name of a credential helper")
        tools, asked = self.folder_for("tools"), os.path.join(self.folder, "asked")
        self.environment["PATH"] = tools + ":" + self.environment["PATH"]

        def install(answer, status=0):
            path = os.path.join(tools, "docker-credential-fake")
            with open(path, "w", encoding="ascii") as out:
                out.write(f"#!/bin/sh\necho \"$* $(cat)\" >> {asked}\nprintf '%s\\n' '{answer}'\nexit {status}\n")
            os.chmod(path, 0o755)

        configure(credsStore="absent", credHelpers={server.host: "fake"}, auths={server.host: {}})
        install("the keychain is locked", 1)
        self.refused("pull", name, *words, because="the keychain is locked")
        install("credentials not found in native keychain", 1)
        self.refused("pull", name, *words, because="wants credentials")
        install(json.dumps({"ServerURL": server.host, "Username": "ann", "Secret": "wrong"}))
        refused = self.refused("pull", name, *words, because="refuses the credentials of the credential helper")
        self.assertNotIn("wrong", refused.stderr)
        os.unlink(asked)
        install(json.dumps({"ServerURL": server.host, "Username": "ann", "Secret": "s3cret:x"}))
        self.ok("pull", name, *words)
        with open(asked, encoding="ascii") as log:
            self.assertEqual(log.read(), f"get {server.host}\n")

    def test_finds_what_other_tools_log_in_with(self):
        authority, *tls = registry.make_certificates(self.folder_for("tls"))
        server = self.start(tls=tls, users={"ann": "s3cret:x"})
        self.push(oci.Image(), server, "team/app:1", "--dest-creds", "ann:s3cret:x", "--dest-tls-verify=false")
        name = f"{server.host}/team/app:1"
        run, config = self.folder_for("run"), self.folder_for("config")
        for variable, value, file in [("XDG_RUNTIME_DIR", run, run + "/containers/auth.json"),
                                      ("XDG_CONFIG_HOME", config, config + "/containers/auth.json"),
                                      ("REGISTRY_AUTH_FILE", run + "/own.json", run + "/own.json"),
                                      ("DOCKER_CONFIG", config, config + "/config.json")]:
            with self.subTest(variable=variable):
                places = {variable: value}
                self.refused("pull", name, "--tls-ca", authority, because="wants credentials",
                             **({} if variable == "REGISTRY_AUTH_FILE" else places))
                subprocess.run(["skopeo", "login", "--tls-verify=false", "--authfile", file, "-u", "ann", "--password-stdin",
                                server.host], input=b"s3cret:x", check=True, capture_output=True)
                self.ok("pull", name, "--tls-ca", authority, **places)
                os.unlink(file)
        self.refused("pull", name, "--tls-ca", authority, because="which is missing", REGISTRY_AUTH_FILE="/nowhere")

    def test_pulls_the_platform_of_an_index_over_http_from_this_machine(self):
        server = self.start()
        image, other = oci.Image(seed=2), oci.Image(seed=3, platform=("linux", "arm64"))
        top = image.wrap([other])
        self.push(image, server, "app:latest", "--dest-tls-verify=false", top=top)
        self.assertIn(image.manifest["digest"], self.ok("pull", f"{server.host}/app"))
        self.assertIn(image.manifest["digest"], self.ok("pull", f"{server.host}/app@{top['digest']}"))
        self.assertNotIn(other.layers[0]["digest"], self.blobs())
        # Two names, the same blobs: they go with the last name.
        self.ok("rmi", f"{server.host}/app")
        self.assertEqual(len(self.blobs()), 3)
        self.ok("rmi", f"{server.host}/app@{top['digest']}")
        self.assertEqual(self.blobs(), [])
        self.refused("pull", f"{server.host}/app@{other.manifest['digest']}", because="not for linux/amd64")

    def test_plain_http_elsewhere_needs_the_users_word(self):
        server = self.start()
        image = oci.Image()
        self.push(image, server, "app:latest", "--dest-tls-verify=false")
        elsewhere = f"0.0.0.0:{server.port}"
        self.refused("pull", elsewhere + "/app", because=elsewhere)
        allowed = json.dumps({"registries": {elsewhere: {"http": True}}})
        self.ok("pull", elsewhere + "/app", CAISSON_REGISTRIES=allowed)

    def test_pulls_at_once_share_the_store(self):
        server = self.start()
        image = oci.Image(sizes=(4000000, 3000000), kinds=("none",))
        self.push(image, server, "app:latest", "--dest-tls-verify=false")
        pulls = [subprocess.Popen([paths.CAISSON, "pull", f"{server.host}/app"], env=self.environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(6)]
        for pull in pulls:
            _, errors = pull.communicate(timeout=120)
            self.assertEqual(pull.returncode, 0, errors)
        self.assertEqual(self.blobs(), sorted(image.blobs))
        self.assertEqual(self.partials(), [])


class WithFaults(pulls.FaultyCase):
    def test_tries_again_after_429_and_503(self):
        image = oci.Image()
        server = self.start(image)
        server.fault("/v2/app/manifests/latest", registry.status(429, {"Retry-After": "1"}), registry.status(503))
        begin = time.monotonic()
        self.ok("pull", server.host + "/app")
        self.assertGreaterEqual(time.monotonic() - begin, 1)
        self.assertEqual(len(server.requests("/v2/app/manifests/latest")), 3)

    def test_gives_up_on_a_registry_that_stays_broken(self):
        image = oci.Image()
        server = self.start(image)
        server.fault("/v2/app/manifests/latest", *[registry.status(500)] * 20)
        self.refused("pull", server.host + "/app", because="gave up", status=(3,))
        self.assertLessEqual(len(server.requests("/v2/app/manifests/latest")), 5)

    def test_goes_on_where_a_transfer_broke_off(self):
        image = oci.Image(sizes=(100000,), kinds=("none",))
        server = self.start(image)
        path, data = self.blob(image.layers[0]), image.blobs[image.layers[0]["digest"]]
        server.fault(path, registry.cut(data, 30000))
        self.ok("pull", server.host + "/app")
        ranges = [headers.get("range") for headers in server.requests(path)]
        self.assertEqual(ranges[0], None)
        self.assertEqual(ranges[1], "bytes=30000-")

    def test_goes_on_after_kill_9_and_mends_what_was_left(self):
        image = oci.Image(sizes=(100000,), kinds=("none",))
        server = self.start(image)
        path, data = self.blob(image.layers[0]), image.blobs[image.layers[0]["digest"]]

        def stall(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[:40000])
            handler.wfile.flush()
            time.sleep(3)
            return True

        server.fault(path, stall)
        pull = subprocess.Popen([paths.CAISSON, "pull", server.host + "/app"], env=self.environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        partial = os.path.join(self.environment["CAISSON_HOME"], "partial", image.layers[0]["digest"][7:])
        end = time.monotonic() + 20
        while time.monotonic() < end and not (os.path.exists(partial) and os.path.getsize(partial) == 40000):
            time.sleep(0.02)
        pull.send_signal(signal.SIGKILL)
        pull.wait()
        self.assertNotIn(image.layers[0]["digest"], self.blobs())
        # A byte that went wrong on the way: what was left is dropped, and all of it fetched again.
        with open(partial, "r+b") as left:
            left.seek(100)
            left.write(b"\xff\x00\xff")
        self.ok("pull", server.host + "/app")
        ranges = [headers.get("range") for headers in server.requests(path)]
        self.assertEqual(ranges, [None, "bytes=40000-", None])
        self.assertEqual(self.blobs(), sorted(image.blobs))

    def test_takes_the_whole_from_a_server_without_ranges(self):
        image = oci.Image(sizes=(100000,), kinds=("none",))
        server = self.start(image)
        path, data = self.blob(image.layers[0]), image.blobs[image.layers[0]["digest"]]
        server.fault(path, registry.cut(data, 30000), registry.status(200, {}, data))
        self.ok("pull", server.host + "/app")

    def test_refuses_another_range_than_asked_for(self):
        image = oci.Image(sizes=(100000,), kinds=("none",))
        server = self.start(image)
        path, data = self.blob(image.layers[0]), image.blobs[image.layers[0]["digest"]]
        other = registry.status(206, {"Content-Range": f"bytes 20000-99999/{len(data)}"}, data[20000:])
        server.fault(path, registry.cut(data, 30000), other)
        self.refused("pull", server.host + "/app", because="others came")

    def test_refuses_wrong_bytes(self):
        image = oci.Image(sizes=(5000,), kinds=("none",))
        layer, config = image.layers[0], image.config
        data = image.blobs[layer["digest"]]
        manifest = image.blobs[image.manifest["digest"]]
        cases = [
            (self.blob(layer), data[:-1] + b"x", "have digest"),
            (self.blob(layer), data + b"x", "more bytes"),
            (self.blob(layer), data[:-1], "bytes came"),
            (self.blob(config), b"{}", "bytes came"),
            ("/v2/app/manifests/latest", manifest[:-1], "not accepted as JSON"),
            ("/v2/app/manifests/latest", b"<html>", "not accepted as JSON"),
            ("/v2/app/manifests/latest", b" " * (5 << 20), "limit"),
        ]
        for path, body, words in cases:
            with self.subTest(path=path, words=words):
                shutil.rmtree(self.environment["CAISSON_HOME"], ignore_errors=True)
                server = self.start(image)
                server.fault(path, registry.status(200, {}, body))
                self.refused("pull", server.host + "/app", because=words)
                self.assertNotIn(layer["digest"], self.blobs())
                self.assertEqual(json.loads(self.ok("images", "--json")), [])

    def test_refuses_another_manifest_than_the_digest_says(self):
        image, other = oci.Image(seed=4), oci.Image(seed=5)
        server = self.start(image)
        path = "/v2/app/manifests/" + image.manifest["digest"]
        server.fault(path, registry.status(200, {"Content-Type": oci.MANIFEST}, other.blobs[other.manifest["digest"]]))
        self.refused("pull", f"{server.host}/app@{image.manifest['digest']}", because="have digest")

    def test_refuses_a_diff_id_that_lies(self):
        image, other = oci.Image(seed=6), oci.Image(seed=7)
        config = json.loads(image.blobs[image.config["digest"]])
        config["rootfs"]["diff_ids"] = json.loads(other.blobs[other.config["digest"]])["rootfs"]["diff_ids"]
        image.config = image.add(oci.CONFIG, json.dumps(config).encode())
        image.manifest = image.add(oci.MANIFEST, json.dumps(
            {"schemaVersion": 2, "mediaType": oci.MANIFEST, "config": image.config, "layers": image.layers}).encode())
        server = self.start(image)
        self.refused("pull", server.host + "/app", because="diff_id")
        self.assertEqual(os.listdir(os.path.join(self.environment["CAISSON_HOME"], "disks")), [])

    def test_gets_a_token_and_keeps_it_from_redirects(self):
        image = oci.Image()
        server, storage = self.start(image), registry.FaultyRegistry(image)
        self.addCleanup(storage.close)
        self.environment["CAISSON_REGISTRIES"] = json.dumps({"registries": {server.host: {"http": True}}})
        server.token, server.credentials = TOKEN, "ann:pw"
        name = server.host + "/app"
        self.refused("pull", name, because="wants credentials")
        self.login(server.host, "ann:pw")
        path = self.blob(image.layers[0])
        server.fault(path, registry.redirect(f"http://{storage.host}{path}"))
        server.fault(self.blob(image.config), registry.redirect(self.blob(image.config) + "?here"))
        result = self.caisson("pull", name)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn(TOKEN, result.stderr + result.stdout)
        elsewhere = storage.requests(path)
        self.assertEqual(len(elsewhere), 1)
        self.assertNotIn("authorization", elsewhere[0])
        self.assertEqual(server.requests(self.blob(image.config))[1]["authorization"], "Bearer " + TOKEN)

    def test_gets_a_token_for_an_identity_token(self):
        image = oci.Image()
        server = self.start(image)
        server.token, server.identity_token = TOKEN, "identity&more=1"
        for identity, succeeds in (("another", False), (server.identity_token, True)):
            with open(os.path.join(self.home, ".docker/config.json"), "w", encoding="ascii") as out:
                json.dump({"auths": {server.host: {"identitytoken": identity}}}, out)
            if succeeds:
                self.ok("pull", server.host + "/app")
            else:
                self.assertNotIn("another", self.refused("pull", server.host + "/app", because="refuses the credentials").stderr)

    def test_refuses_a_certificate_for_another_host(self):
        image = oci.Image()
        authority, *tls = registry.make_certificates(self.folder_for("tls"), "DNS:elsewhere.example,IP:127.0.0.9")
        server = self.start(image, tls=tls)
        self.refused("pull", server.host + "/app", "--tls-ca", authority, because="not trusted")
        # Nor is http spoken instead, though the host is this machine.
        self.assertEqual(server.log, [])

    def test_refuses_a_file_of_authorities_that_holds_none(self):
        image = oci.Image()
        authority, *tls = registry.make_certificates(self.folder_for("tls"))
        server = self.start(image, tls=tls)
        empty = os.path.join(self.folder, "empty.pem")
        with open(empty, "w", encoding="ascii") as out:
            out.write("no certificate\n")
        for file, words in ((empty, "empty.pem"), ("/nowhere/ca.pem", "cannot open")):
            with self.subTest(file=file):
                self.refused("pull", server.host + "/app", "--tls-ca", file, because=words)
        # By the file of registries instead of the option.
        registries = os.path.join(self.folder, "registries.json")
        with open(registries, "w", encoding="ascii") as out:
            json.dump({"registries": {server.host: {"tls_ca": authority}}}, out)
        self.ok("pull", server.host + "/app", CAISSON_REGISTRIES=registries)

    def test_gets_an_anonymous_token(self):
        image = oci.Image()
        server = self.start(image)
        server.token = TOKEN
        self.ok("pull", server.host + "/app")
        self.assertNotIn("authorization", server.requests("/token")[0])

    def test_refuses_challenges_that_lead_nowhere(self):
        image = oci.Image()
        for challenge, words in [('Negotiate', "neither Bearer nor Basic"), ('Bearer service="x"', "no realm"),
                                 ('Bearer realm="ftp://127.0.0.1/x"', "only https"), ('Basic realm="x', "malformed")]:
            with self.subTest(challenge=challenge):
                server = self.start(image)
                server.fault("/v2/app/manifests/latest", registry.status(401, {"WWW-Authenticate": challenge}))
                self.refused("pull", server.host + "/app", because=words)

    def test_refuses_redirects_in_circles_to_http_and_to_nowhere(self):
        image = oci.Image()
        authority, *tls = registry.make_certificates(self.folder_for("tls"))
        path = "/v2/app/manifests/latest"
        for target, words in [(path, "redirects"), ("http://127.0.0.1:1/x", "from https to"),
                              ("ftp://127.0.0.1/x", "from https to"), ("https://u:p@127.0.0.1/x", "no URL"), ("", "no URL")]:
            with self.subTest(target=target):
                server = self.start(image, tls=tls)
                server.fault(path, *[registry.redirect(target)] * 7)
                self.refused("pull", server.host + "/app", "--tls-ca", authority, because=words)
                self.assertLessEqual(len(server.requests(path)), 6)

    def test_asks_mirrors_first_and_the_registry_when_they_fail(self):
        image = oci.Image()
        origin, mirror = self.start(image), registry.FaultyRegistry(image)
        self.addCleanup(mirror.close)
        mirrors = ["http://127.0.0.1:1", f"http://{mirror.host}"]
        self.environment["CAISSON_REGISTRIES"] = json.dumps(
            {"registries": {origin.host: {"http": True, "mirrors": mirrors}}})
        # The second mirror lies about a layer once: its bytes are dropped, and the registry serves.
        mirror.fault(self.blob(image.layers[0]), registry.status(200, {}, b"lie"))
        self.ok("pull", "-q", origin.host + "/app")
        self.assertEqual(len(mirror.requests("/v2/app/manifests/latest")), 1)
        self.assertEqual(len(origin.requests("/v2/app/manifests/latest")), 1)
        self.assertEqual(self.blobs(), sorted(image.blobs))
        self.ok("pull", origin.host + "/app")
        self.assertEqual(len(mirror.requests("/v2/app/manifests/latest")), 2)
        self.assertEqual(len(origin.requests("/v2/app/manifests/latest")), 1)

    def test_refuses_a_broken_list_of_registries(self):
        for text, words in [("{", "CAISSON_REGISTRIES"), ('{"registries":{"x":{"insecure":true}}}', "unknown"),
                            ('{"registries":{"x":{"mirrors":["ftp://y"]}}}', "mirror"), ("/nowhere/at/all", "cannot open")]:
            with self.subTest(text=text):
                self.refused("pull", "localhost:1/app", because=words, CAISSON_REGISTRIES=text)

    def test_a_damaged_store_is_noticed(self):
        image = oci.Image(sizes=(5000,), kinds=("none",))
        server = self.start(image)
        self.ok("pull", "--no-disks", server.host + "/app")
        store = self.environment["CAISSON_HOME"]
        with open(os.path.join(store, "blobs", image.layers[0]["digest"].replace(":", "/")), "r+b") as blob:
            blob.seek(600)
            blob.write(b"\0\1\2\3")
        self.refused("pull", server.host + "/app", because="digest")
        self.assertEqual(glob.glob(store + "/disks/*"), [])
        self.ok("pull", server.host + "/app")
        self.assertEqual(len(glob.glob(store + "/disks/*.disk")), 1)
        # A disk cut short, as by a crash of the whole machine, is made anew.
        disk = glob.glob(store + "/disks/*.disk")[0]
        size = os.path.getsize(disk)
        os.truncate(disk, size // 2)
        self.ok("pull", server.host + "/app")
        self.assertEqual(os.path.getsize(disk), size)


if __name__ == "__main__":
    tap.main()
