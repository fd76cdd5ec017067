#!/usr/bin/python3
"""Container groups: a Kubernetes manifest in one machine, as its owner and as a relying party meet it."""
import json
import os
import re
import secrets
import time

from lib import paths, tap
from lib.cli import CliCase

# Fetches from the server by the loopback that they share; fails the first time; makes the server sick once.
WORKER = """
echo run >> /pool/runs
n=$(wc -l < /pool/runs)
echo "run $n, $(cat /sys/fs/cgroup/memory.max)"
[ "$n" -gt 1 ] || exit 3
while ! wget -q -O - http://127.0.0.1:8080/health; do sleep 0.2; done
ps | grep -q 'httpd -f' && echo 'sees the server'
echo x > /dev/shm/shared
touch /pool/sick
while [ ! -e /pool/healed ]; do sleep 0.2; done
echo done
while :; do sleep 1; done
"""

SERVER = """
cat /pool/state /etc/settings/greeting /etc/settings/secret
echo "$(cat /etc/settings/pod)"
[ ! -e /pool/sick ] || { touch /pool/healed; cat /dev/shm/shared; }
rm -f /pool/sick
mkdir -p /tmp/www
echo ok > /tmp/www/health
exec httpd -f -p 8080 -h /tmp/www
"""

DATA = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"greeting": "good morning\n"}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hidden"}, "stringData": {"secret": "sesame\n"}},
]

SETTINGS = {"name": "settings", "projected": {"sources": [{"configMap": {"name": "settings"}},
                                                         {"secret": {"name": "hidden"}},
                                                         {"downwardAPI": {"items": [{"path": "pod", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}}  # fmt: skip
# What a process is, as its own kernel tells.
IDENTITY = """
sed -n 's/^\\(Uid\\|Gid\\|Groups\\|CapBnd\\|CapEff\\|NoNewPrivs\\|Seccomp\\):[\t ]*/\\1 /p' /proc/self/status | tr '\t' ' ' | sed 's/ *$//'
cat /proc/sys/net/core/somaxconn
mkdir /tmp/x 2>&1 || true
touch /file 2>&1 || true
"""
PROFILE = {"defaultAction": "SCMP_ACT_ALLOW",
           "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}  # fmt: skip

WORK = {"name": "work", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
AT_WORK = {"name": "work", "mountPath": "/pool"}
PATIENT = {"periodSeconds": 1, "timeoutSeconds": 60}


class Groups(CliCase):
    def container(self, name, script, **more):
        return {"name": name, "image": self.image("busybox"), "command": ["/bin/sh", "-c", script],
                "volumeMounts": [AT_WORK], **more}  # fmt: skip

    def manifest(self, leaf, **spec):
        """A pod's file: JSON is YAML too."""
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop"}, "spec": {"volumes": [WORK], **spec}}
        path = os.path.join(self.folder, leaf)
        with open(path, "w", encoding="utf-8") as file:
            for document in [*DATA, pod]:
                file.write("---\n" + json.dumps(document) + "\n")
        return path

    def start(self, manifest, *options):
        name = self.name()
        self.caisson("run", "--tee", "simulated", "-d", "--name", name, "--group", manifest, *options)
        return name

    def inspect(self, name):
        return json.loads(self.caisson("inspect", name).stdout)

    def state(self, name, container):
        return next(each for each in self.inspect(name)["containers"] if each["name"] == container)

    def log(self, name, container):
        return self.caisson("logs", "-c", container, name).stdout.decode()

    def verify(self, name, policy, *options):
        """The verdict on fresh evidence: exit code and the line about the containers."""
        nonce, evidence = secrets.token_hex(16), os.path.join(self.folder, "evidence.json")
        self.caisson("attest", name, "--nonce", nonce, "-o", evidence)
        result = self.caisson("verify", evidence, "--nonce", nonce, "--policy", policy, "--guest",
                              os.path.join(paths.GUEST, "manifest.json"), "--trust-simulated",
                              os.path.join(self.home, "simulated"), *options, check=False)  # fmt: skip
        lines = [line for line in result.stdout.decode().splitlines()
                 if re.match(r"\s+(pass|FAIL|skip)\s+containers ", line)]  # fmt: skip
        self.assertEqual(len(lines), 1, result.stdout.decode() + result.stderr.decode())
        return result.returncode, lines[0]

    def policy_of(self, manifest):
        path = os.path.join(self.folder, "policy.rego")
        self.caisson("policy", "generate", "--kubernetes", manifest, "-o", path)
        return path

    def test_a_pod_lives_as_its_manifest_says(self):
        server = self.container(
            "server", SERVER,
            startupProbe={"exec": {"command": ["/bin/sh", "-c", "test -e /tmp/www/health"]}, "failureThreshold": 100,
                          **PATIENT},
            readinessProbe={"httpGet": {"path": "/health", "port": 8080}, **PATIENT},
            livenessProbe={"exec": {"command": ["/bin/sh", "-c", "test ! -e /pool/sick"]}, "failureThreshold": 1,
                           **PATIENT})  # fmt: skip
        server["volumeMounts"] = [AT_WORK, {"name": "settings", "mountPath": "/etc/settings"}]
        worker = self.container("worker", WORKER, readinessProbe={"tcpSocket": {"port": 8080}, **PATIENT},
                                resources={"limits": {"memory": "64Mi", "cpu": "500m"}})  # fmt: skip
        manifest = self.manifest(
            "pod.yaml", restartPolicy="OnFailure", shareProcessNamespace=True, terminationGracePeriodSeconds=5,
            volumes=[WORK, SETTINGS], containers=[server, worker],
            initContainers=[self.container("first", "echo prepared > /pool/state"),
                            self.container("second", "cat /pool/state; ls /pool; df -k /pool | tail -n 1")])  # fmt: skip
        policy = self.policy_of(manifest)
        name = self.start(manifest)
        self.eventually(lambda: "done" in self.log(name, "worker"), what="end of the worker's work")
        self.eventually(lambda: self.inspect(name)["ready"], what="readiness")
        states = {each["name"]: each for each in self.inspect(name)["containers"]}
        self.assertEqual([(each["status"], each["exit_code"]) for each in (states["first"], states["second"])],
                         [("exited", 0)] * 2)
        self.assertEqual((states["worker"]["status"], states["worker"]["restarts"]), ("running", 1))
        self.assertGreaterEqual(states["server"]["restarts"], 1)
        second = self.log(name, "second").splitlines()
        self.assertEqual(second[:2], ["prepared", "state"])
        self.assertEqual(second[2].split()[1], "1024")
        self.assertEqual(self.log(name, "server").splitlines()[:4],
                         ["prepared", "good morning", "sesame", "shop"])
        self.assertIn("x", self.log(name, "server").splitlines()[4:])
        worker_log = self.log(name, "worker").splitlines()
        self.assertEqual(worker_log, ["run 1, 67108864", "run 2, 67108864", "ok", "sees the server", "done"])
        self.assertIn("second | prepared\n", self.logs(name))
        self.assertIn(b"(ready)", self.caisson("ps").stdout)
        healthy = ["/bin/sh", "-c", "test ! -e /pool/sick"]  # a probe's command is in the policy
        self.caisson("exec", "-c", "server", name, *healthy)
        for container, command, code in (("worker", healthy, 1), ("server", ["/bin/sh", "-c", "true"], 1),
                                         ("second", healthy, 3)):  # fmt: skip
            result = self.caisson("exec", "-c", container, name, *command, check=False)
            self.assertEqual(result.returncode, code, result.stderr)
        code, line = self.verify(name, policy)
        self.assertEqual(code, 0, line)
        self.assertIn("2 run, 2 have ended well", line)
        self.check_a_pause_ends_nothing(name)
        self.caisson("stop", "-t", "20", name)
        self.assertEqual(self.inspect(name)["status"], "exited")
        self.assertEqual(self.state(name, "worker")["restarts"], 1)

    def check_a_pause_ends_nothing(self, name):
        """One container of a group is to be named; a pause is of all, and longer than their probes' periods."""
        for verb in ("top", "kill"):
            result = self.caisson(verb, name, check=False)
            self.assertEqual(result.returncode, 3)
            self.assertIn(b"is a group: name the container with --container", result.stderr)
        before = self.state(name, "server")["restarts"]
        self.caisson("pause", name)
        self.assertIn(b"(paused)", self.caisson("ps").stdout)
        time.sleep(2.5)
        self.caisson("unpause", name)
        self.eventually(lambda: self.inspect(name)["ready"], what="readiness after the pause")
        after = self.state(name, "server")
        self.assertEqual(after["restarts"], before)
        self.assertNotIn("paused", after.get("last_failure", ""))

    def confined(self, leaf, **pod):
        """A pod whose containers say what they are; both may write /tmp, which is memory."""
        with open(os.path.join(self.folder, "profile.json"), "w", encoding="ascii") as file:
            json.dump(PROFILE, file)
        temporary = [AT_WORK, {"name": "work", "mountPath": "/tmp"}]
        bound = {"runAsUser": 1000, "runAsGroup": 7, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                 "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
                 "seccompProfile": {"type": "Localhost", "localhostProfile": "profile.json"}}  # fmt: skip
        free = {"runAsUser": 0, "capabilities": {"add": ["SYS_PTRACE"], "drop": ["MKNOD"]},
                "seccompProfile": {"type": "Unconfined"}, "procMount": "Default"}  # fmt: skip
        return self.manifest(leaf, **{"restartPolicy": "Never", "securityContext": {
            "supplementalGroups": [40, 41], "fsGroup": 50, "runAsNonRoot": False, "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [{"name": "net.core.somaxconn", "value": "77"}]}, "containers": [
                dict(self.container("bound", IDENTITY, securityContext=bound), volumeMounts=temporary),
                self.container("free", IDENTITY.replace("/tmp/x", "/tmp/y"), securityContext=free)], **pod})  # fmt: skip

    def test_containers_are_confined_as_their_security_context_says(self):
        manifest = self.confined("confined.yaml")
        policy = self.policy_of(manifest)
        name = self.name()
        self.caisson("run", "--tee", "simulated", "--name", name, "--group", manifest, "--policy", policy)
        self.assertEqual(self.log(name, "bound").splitlines(), [
            "Uid 1000 1000 1000 1000", "Gid 7 7 7 7", "Groups 40 41 50", "CapEff " + "0" * 16, "CapBnd 0000000000001000", "NoNewPrivs 1",
            "Seccomp 2", "77", "mkdir: can't create directory '/tmp/x': No space left on device",
            "touch: /file: Read-only file system"])  # fmt: skip
        usual = 0xA80425FB & ~(1 << 27) | 1 << 19
        self.assertEqual(self.log(name, "free").splitlines(), [
            "Uid 0 0 0 0", "Gid 0 0 0 0", "Groups 40 41 50", f"CapEff {usual:016x}", f"CapBnd {usual:016x}", "NoNewPrivs 0", "Seccomp 0",
            "77"])  # fmt: skip

    def test_what_confines_a_pod_is_the_policys(self):
        """A host that asks for more than the policy has, of one container, gets none of it."""
        def change(context):
            containers = [dict(each) for each in self.pod["containers"]]
            containers[0]["securityContext"] = dict(containers[0]["securityContext"], **context)
            return {"containers": containers}

        with open(self.confined("mine.yaml"), encoding="utf-8") as file:
            self.pod = json.loads(file.read().split("---\n")[-1])["spec"]
        policy = self.policy_of(self.confined("mine.yaml"))
        others = {
            "seccomp profile is \"\"": change({"seccompProfile": {"type": "Unconfined"}}),
            "user is \"user\" (id \"1000\"), the policy has \"0\"": change({"allowPrivilegeEscalation": True}),
            "(id \"42\") is in none of group_idnames": {"securityContext": dict(self.pod["securityContext"], supplementalGroups=[42])},
            "sysctl \"net.core.somaxconn=78\" is not in the policy": {"securityContext": dict(
                self.pod["securityContext"], sysctls=[{"name": "net.core.somaxconn", "value": "78"}])},
            "the root is writable": change({"readOnlyRootFilesystem": False}),
            "capability CAP_NET_ADMIN is missing": change({"capabilities": {"drop": ["ALL"]}}),
        }
        for reason, pod in others.items():
            with self.subTest(reason=reason):
                result = self.caisson("run", "--tee", "simulated", "--rm", "--policy", policy, "--group",
                                      self.confined("other.yaml", **pod), check=False)
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn(reason, result.stderr.decode())

    def test_empty_folders_on_the_disk_have_their_limit_and_group(self):
        """A limit is the folder's alone; what is deleted counts no more; other users' files are the pod's group's."""
        script = """
        cat /etc/settings/greeting; stat -c '%u:%g %a' /disk /pool /etc/settings/greeting
        dd if=/dev/zero of=/disk/big bs=1M count=16 2>&1 | grep -o 'Disk quota exceeded' || true
        rm /disk/big && sync && dd if=/dev/zero of=/disk/small bs=1M count=2 2>/dev/null && stat -c '%u:%g %s' /disk/small
        dd if=/dev/zero of=/free/big bs=1M count=16 2>/dev/null && stat -c '%u:%g %s' /free/big
        """
        volumes = [WORK, SETTINGS, {"name": "disk", "emptyDir": {"sizeLimit": "6Mi"}}, {"name": "free", "emptyDir": {}}]
        main = self.container("main", script)
        main["volumeMounts"] = [AT_WORK, *({"name": name, "mountPath": path} for name, path in (
            ("settings", "/etc/settings"), ("disk", "/disk"), ("free", "/free")))]  # fmt: skip
        manifest = self.manifest("disk.yaml", restartPolicy="Never", volumes=volumes, containers=[main],
                                 securityContext={"runAsUser": 1000, "runAsGroup": 7, "fsGroup": 50})
        name = self.name()
        self.caisson("run", "--tee", "simulated", "--name", name, "--scratch", "disk:512m", "--group", manifest)
        self.assertEqual(self.log(name, "main").splitlines(), [
            "good morning", "0:50 2777", "0:50 2777", "0:50 644", "Disk quota exceeded", f"1000:50 {2 << 20}", f"1000:50 {16 << 20}"])
        told = self.inspect(name)
        self.assertEqual((told["scratch"], told["scratch_bytes"]), ("disk", 512 << 20))
        self.assertIn("disk:512m", next(line for line in self.caisson("ps", "-a").stdout.decode().splitlines() if name in line))

    def test_sidecars_and_hooks_have_their_turn(self):
        """A sidecar is up before what follows and ends after it; hooks run after a start and before an end."""
        proxy = self.container(
            "proxy", """
            trap 'cat /pool/order; echo proxy; exit 0' TERM
            mkdir -p /tmp/www; echo ok > /tmp/www/health; httpd -p 8080 -h /tmp/www; touch /pool/up
            while :; do sleep 0.1; done
            """, restartPolicy="Always", startupProbe={"exec": {"command": ["/bin/sh", "-c", "test -e /pool/up"]},
                                                       "failureThreshold": 100, **PATIENT})  # fmt: skip
        check = self.container("check", "test -e /pool/up && echo after the proxy")
        hooks = {"postStart": {"exec": {"command": ["/bin/sh", "-c", "echo started > /pool/hook"]}},
                 "preStop": {"exec": {"command": ["/bin/sh", "-c", "echo hook >> /pool/order; sleep 0.3"]}}}  # fmt: skip
        first = self.container("first", "trap 'echo first >> /pool/order; exit 0' TERM; while :; do sleep 0.1; done", lifecycle=hooks)
        second = self.container("second", "cat /pool/hook; trap 'exit 0' TERM; while :; do sleep 0.1; done",
                                lifecycle={"postStart": {"httpGet": {"port": 8080, "path": "/health"}},
                                           "preStop": {"sleep": {"seconds": 1}}})  # fmt: skip
        manifest = self.manifest("sidecar.yaml", containers=[first, second], initContainers=[proxy, check],
                                 terminationGracePeriodSeconds=60)
        policy = self.policy_of(manifest)
        name = self.start(manifest, "--policy", policy)
        self.eventually(lambda: self.inspect(name)["ready"], what="readiness")
        self.assertEqual((self.log(name, "check"), self.log(name, "second")), ("after the proxy\n", "started\n"))
        code, line = self.verify(name, policy)
        self.assertEqual((code, "3 run, 1 have ended well" in line), (0, True), line)
        running = {f"{name}/{each}" for each in ("first", "second", "proxy")}
        self.assertLessEqual(running, {line.split()[0] for line in self.caisson("stats", "--no-stream").stdout.decode().splitlines()})
        listed = [json.loads(line) for line in self.caisson("stats", "--json", name).stdout.splitlines()]
        self.assertEqual({f"{each['name']}/{each['container']}" for each in listed}, running)
        self.assertEqual((self.inspect(name)["scratch"], self.inspect(name)["grace"]), ("memory", 62))
        self.caisson("stop", name)
        self.assertEqual(self.caisson("stats", name, check=False).returncode, 1)
        self.assertEqual(self.log(name, "proxy").splitlines(), ["hook", "first", "proxy"])
        self.assertEqual({each["name"]: each["exit_code"] for each in self.inspect(name)["containers"]},
                         {"first": 0, "second": 0, "proxy": 0, "check": 0})

    def test_a_job_ends_without_its_sidecars_and_probes_that_hang_are_killed(self):
        hangs = {"exec": {"command": ["/bin/sh", "-c", "echo x >> /pool/probes; exec sleep 1000"]}, "periodSeconds": 1,
                 "timeoutSeconds": 1, "failureThreshold": 1}  # fmt: skip
        job = self.container("job", """
            while [ "$(cat /pool/probes 2>/dev/null | wc -l)" -lt 4 ]; do sleep 0.1; done
            [ "$(ps | grep -c '[s]leep 1000')" -le 1 ] && echo bounded
            exit 5
            """, readinessProbe=hangs)  # fmt: skip
        forever = self.container("forever", "while :; do sleep 0.1; done", restartPolicy="Always")
        manifest = self.manifest("job.yaml", restartPolicy="Never", containers=[job], initContainers=[forever],
                                 terminationGracePeriodSeconds=1)
        result = self.caisson("run", "--tee", "simulated", "--rm", "--group", manifest, check=False)
        self.assertEqual((result.returncode, result.stdout), (5, b"job | bounded\n"), result.stderr)

    def test_hooks_and_sidecars_are_the_policys(self):
        main = self.container("main", "while :; do sleep 0.1; done")  # whom no SIGTERM ends
        hooked = dict(main, lifecycle={"postStart": {"exec": {"command": ["/bin/sh", "-c", "true"]}}})
        check, side = self.container("check", "true"), self.container("side", "sleep 1000", restartPolicy="Always")
        policy = self.policy_of(self.manifest("plain.yaml", restartPolicy="Never", containers=[main]))
        result = self.caisson("run", "--tee", "simulated", "--rm", "--policy", policy, "--group",
                              self.manifest("hooked.yaml", restartPolicy="Never", containers=[hooked], terminationGracePeriodSeconds=1),
                              check=False)
        self.assertEqual(result.returncode, 137, result.stderr)
        policy = self.policy_of(self.manifest("side.yaml", containers=[main], initContainers=[side, check]))
        result = self.caisson("run", "--tee", "simulated", "--rm", "--policy", policy, "--group",
                              self.manifest("bare.yaml", containers=[main], initContainers=[check]), check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"or sidecars that have not been started", result.stderr)

    def test_one_that_is_left_out_is_seen(self):
        alive = "while :; do sleep 1; done"
        both = [self.container("a", alive), self.container("b", alive + "; true")]
        policy = self.policy_of(self.manifest("both.yaml", containers=both))
        name = self.start(self.manifest("one.yaml", containers=both[:1]), "--policy", policy)
        self.assertTrue(self.eventually(lambda: self.inspect(name)["ready"], what="readiness of the one"))
        code, line = self.verify(name, policy)
        self.assertEqual(code, 1, line)
        self.assertRegex(line, "FAIL.*1 run, 0 have ended well")
        code, line = self.verify(name, policy, "--partial")
        self.assertEqual(code, 0, line)
        self.assertIn("skip", line)

    def test_an_order_that_is_not_the_policys_is_refused(self):
        init, main = self.container("init", "true"), self.container("main", "echo ran")
        policy = self.policy_of(self.manifest("whole.yaml", containers=[main], initContainers=[init]))
        result = self.caisson("run", "--tee", "simulated", "--rm", "--policy", policy, "--group",
                              self.manifest("main.yaml", containers=[main]), check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"after init containers that have not ended well", result.stderr)
        self.assertNotIn(b"ran", result.stdout)

    def test_an_init_container_that_fails_ends_the_group(self):
        manifest = self.manifest("fails.yaml", restartPolicy="Never", containers=[self.container("main", "echo ran")],
                                 initContainers=[self.container("init", "echo fails; exit 7")])
        result = self.caisson("run", "--tee", "simulated", "--rm", "--group", manifest, check=False)
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertEqual(result.stdout, b"init | fails\n")
        self.assertEqual(os.listdir(self.environment["CAISSON_RUN"]), [])

    def test_a_single_container_can_be_started_again(self):
        name = self.name()
        result = self.caisson("run", "--tee", "simulated", "--name", name, "--restart", "on-failure:1",
                              self.image("busybox"), "/bin/sh", "-c", "echo tried; exit 3", check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertEqual(result.stdout, b"tried\ntried\n")
        self.assertEqual(self.inspect(name)["containers"][0]["restarts"], 1)

    def test_refuses_what_it_does_not_do(self):
        main = self.container("main", "true")
        refused = {
            "lifecycle: preStop: tcpSocket": dict(main, lifecycle={"preStop": {"tcpSocket": {"port": 1}}}),
            "privileged": dict(main, securityContext={"privileged": True}),
            "names no user": dict(main, securityContext={"runAsNonRoot": True}),
            "../no.json": dict(main, securityContext={"seccompProfile": {"type": "Localhost", "localhostProfile": "../no.json"}}),
            "TLS": dict(main, readinessProbe={"httpGet": {"port": 1, "scheme": "HTTPS"}}),
            "characters": dict(main, name="n" * 54),
        }
        for word, container in refused.items():
            with self.subTest(word=word):
                result = self.caisson("run", "--tee", "simulated", "--group",
                                      self.manifest("no.yaml", containers=[container]), check=False)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertIn(word.encode(), result.stderr)
        manifest = self.manifest("pod.yaml", containers=[main])
        for options in (["--group", manifest, "busybox"], ["--group", manifest, "-t"], ["--group", manifest, "-e", "A=1"],
                        ["--workload", "x", "busybox"], ["--restart", "sometimes", "busybox"],
                        ["--restart", "always", "-i", "busybox"]):  # fmt: skip
            with self.subTest(options=options):
                result = self.caisson("run", "--tee", "simulated", *options, check=False)
                self.assertEqual(result.returncode, 2, result.stderr)
        root = os.path.join(self.folder, "root.pem")
        with open(root, "wb") as file:
            file.write(b"PEM")
        given = ["--group", manifest, "--secret-service", "https://kbs.example", "--secret-root", root]
        for word, options in {"begin it with CONTAINER:": ["--secret", "other:db"],
                              "--policy says which secrets": ["--policy", self.policy_of(manifest), "--secret", "main:db"],
                              "--network none": ["--network", "none", "--secret", "main:db"]}.items():  # fmt: skip
            with self.subTest(word):
                result = self.caisson("run", "--tee", "simulated", *given, *options, check=False)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(word.encode(), result.stderr)
        self.assertEqual(os.listdir(self.environment["CAISSON_RUN"]), [])


if __name__ == "__main__":
    tap.main()
