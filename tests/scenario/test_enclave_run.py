#!/usr/bin/python3
"""Containers in enclaves of the model, by the command line: run, refused and proved."""
import base64
import json
import os
import re

from lib import cli, paths, tap
from lib.enclave import ENCLAVE, PROGRAMS, TEE, EnclaveCase

NONCE = "00112233445566778899aabbccddeeff"


class Run(EnclaveCase):
    def test_runs_what_the_image_says_and_says_that_it_is_simulated(self):
        result = self.run_it()
        self.assertEqual(result.stdout, b"0\n")
        self.assertIn(b"SIMULATED", result.stderr)

    def test_streams_variables_user_folder_and_exit_code(self):
        script = 'read line; echo "$line $A $X $HOME"; pwd; echo other >&2; exit 7'
        options = ("-i", "-e", "X=1", "-w", "/new/folder", "-u", "worker")
        result = self.run_it("/bin/dash", "-c", script, options=options, data=b"a line\n", check=False)
        self.assertEqual((result.returncode, result.stdout), (7, b"a line b 1 /home/worker\n/new/folder\n"))
        self.assertIn(b"other\n", result.stderr)
        self.assertEqual(self.run_it("/usr/bin/id", "-u", options=("-u", "worker")).stdout, b"7\n")
        self.assertEqual(self.run_it("/bin/cat", options=("-i",), data=b"x" * 300000).stdout, b"x" * 300000)

    def test_processes_of_a_shell_are_enclaves_of_their_own(self):
        script = "ls /bin | wc -l; (exit 3); echo $?; x=$(echo a | cat); echo $x; id -u"
        result = self.run_it("/bin/dash", "-c", script, options=("-u", "worker"))
        names = {os.path.basename(program) for program in PROGRAMS if program.startswith("/bin/")}
        self.assertEqual(result.stdout.decode().split(), [str(len(names)), "3", "a", "7"])

    def test_records_logs_and_the_end_are_those_of_machines(self):
        name = self.name()
        self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, self.oci, "/bin/dash", "-c", "echo begun; read x; echo no")
        self.eventually(lambda: "begun" in self.logs(name), what="first line")
        record = json.loads(self.caisson("inspect", name).stdout)
        record = record[0] if isinstance(record, list) else record
        self.assertEqual((record["tee"], record["simulated"], record["status"]), ("sgx-simulated", True, "running"))
        with open(os.path.join(self.environment["CAISSON_RUN"], name, "console"), encoding="utf-8") as file:
            self.assertIn("enclave: SIMULATED SGX: protects nothing\n", file.read())
        self.assertIn("SIMULATED", self.caisson("ps").stdout.decode())
        # The enclave's, the nursery of further ones, and the network's; those that made these end by themselves.
        self.eventually(lambda: len(cli.children_of(record["monitor"])) == 3, what="three processes")
        hosts = cli.children_of(record["monitor"])
        for host in hosts:
            with open(f"/proc/{host}/comm", encoding="ascii") as file:
                if file.read().startswith("pas"):  # pasta calls itself passt.avx2
                    continue
            with open(f"/proc/{host}/status", encoding="ascii") as file:
                status = file.read()
            self.assertIn("NoNewPrivs:\t1", status)
            self.assertIn("Seccomp:\t2", status)
            if os.geteuid() == 0:
                self.assertNotIn("Uid:\t0", status)
        self.caisson("stop", "-t", "1", name)
        self.eventually(lambda: not any(map(cli.is_alive, hosts)), what="end of the enclave's processes")
        self.assertNotIn("no\n", self.logs(name))

    def test_no_process_stays_when_one_is_killed(self):
        for part in ("monitor", "host"):
            name = self.name()
            self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, self.oci, "/bin/dash", "-c", "(echo begun; read y); read x")
            self.eventually(lambda name=name: "begun" in self.logs(name), what="first line")
            record = json.loads(self.caisson("inspect", name).stdout)
            record = record[0] if isinstance(record, list) else record
            hosts = cli.children_of(record["monitor"])
            self.assertGreaterEqual(len(hosts), 4)  # the first enclave's, the nursery, the child's, the network's
            cli.kill(record["monitor"] if part == "monitor" else hosts[0])
            self.eventually(lambda hosts=hosts: not any(map(cli.is_alive, hosts)), what="end of all when the " + part + " is killed")

    @staticmethod
    def states(monitor):
        """Of the enclaves' processes, by proc(5)."""
        found = []
        for process in cli.children_of(monitor):
            try:
                with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
                    words = file.read()
            except OSError:
                continue  # a child that has ended meanwhile
            if "(pas" not in words:  # pasta calls itself passt.avx2
                found.append(words.rsplit(")", 1)[1].split()[0])
        return found

    def test_a_pause_is_for_all_enclaves_of_the_container(self):
        name = self.name()
        self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, self.oci, "/bin/dash", "-c",
                     "(while :; do echo ticks; cat /etc/passwd >/dev/null; done) | cat")  # fmt: skip
        self.eventually(lambda: "ticks" in self.logs(name), what="first line")
        self.assertIn("are not paused", self.caisson("unpause", name, check=False).stderr.decode())
        self.caisson("pause", name)
        record = json.loads(self.caisson("inspect", name).stdout)
        record = record[0] if isinstance(record, list) else record
        self.assertIn("paused", self.caisson("ps").stdout.decode())
        self.assertIn("paused already", self.caisson("pause", name, check=False).stderr.decode())
        self.eventually(lambda: set(self.states(record["monitor"])) == {"T"}, what="stop of all")
        self.assertGreaterEqual(len(self.states(record["monitor"])), 4)
        before = len(self.logs(name))
        self.caisson("unpause", name)
        self.eventually(lambda: len(self.logs(name)) > before, what="a line after the pause")
        self.caisson("pause", name)
        self.caisson("stop", "-t", "1", name)
        self.assertNotIn(name, self.caisson("ps").stdout.decode())

    def test_a_signal_comes_where_the_policy_lets_it(self):
        name = self.name()
        self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, self.oci, "/bin/dash", "-c",
                     "trap 'echo caught; exit 5' TERM; echo ready; while :; do read x; done")  # fmt: skip
        self.eventually(lambda: "ready" in self.logs(name), what="first line")
        self.caisson("stop", name)
        self.assertEqual(self.caisson("wait", name).stdout, b"5\n")
        self.assertIn("caught", self.logs(name))


class Refusals(EnclaveCase):
    def test_what_another_policy_allows(self):
        policy = self.policy()
        self.assertEqual(self.run_it(options=("--policy", policy)).stdout, b"0\n")
        self.refused("denied by create_container", "/usr/bin/id", "-g", options=("--policy", policy))
        self.refused("denied by create_container", options=("--policy", policy, "-w", "/etc"))
        policy = self.policy(options=("-u", "worker"))
        self.assertEqual(self.run_it(options=("--policy", policy, "-u", "worker")).stdout, b"7\n")
        self.refused("denied by create_container", options=("--policy", policy, "-u", "0"))

    def test_a_variable_that_the_policy_does_not_have_never_arrives(self):
        options = ("--policy", self.policy("/usr/bin/env"), "-e", "LD_PRELOAD=/x.so", "-e", "A=c")
        lines = self.run_it("/usr/bin/env", options=options).stdout.splitlines()
        self.assertIn(b"PATH=/usr/bin:/bin", lines)
        self.assertFalse([line for line in lines if line.startswith((b"LD_PRELOAD", b"A="))], lines)

    def changed_policy(self, pattern, text, *command):
        path = self.policy(*command)
        with open(path, encoding="ascii") as file:
            changed, count = re.subn(pattern, text, file.read())
        self.assertGreater(count, 0)
        with open(path, "w", encoding="ascii") as file:
            file.write(changed)
        return path

    def test_streams_that_the_policy_does_not_give(self):
        command = ("/bin/dash", "-c", "read x; r=$?; echo out; echo err >&2; (echo forked; cat); exec 3<&0; read y <&3; exit $((r + ${#x} + 20))")
        policy = self.changed_policy(r'"allow_stdio_access": *true', '"allow_stdio_access":false', *command)
        name = self.name()
        result = self.caisson("run", *TEE, "-i", "--name", name, "--policy", policy, self.oci, *command, data=b"secret\n", check=False)
        self.assertEqual((result.returncode, result.stdout), (21, b""))
        logs = self.caisson("logs", name)
        self.assertEqual((logs.stdout, logs.stderr), (b"", b""))
        for words in (b"out\n", b"err\n", b"forked", b"secret"):
            self.assertNotIn(words, result.stderr)

    def test_a_signal_that_the_policy_does_not_list(self):
        command = ("/bin/dash", "-c", "trap 'echo usr1; exit 5' USR1; trap 'echo hup' HUP; echo ready; while :; do read x; done")
        policy = self.changed_policy(r'"signals": *\[[0-9, ]*\]', '"signals":[10]', *command)
        name = self.name()
        run = ("run", "-q", *TEE, "-d", "-i", "--name", name, "--policy", policy, self.oci, *command)
        self.caisson(*run)
        self.eventually(lambda: "ready" in self.logs(name), what="first line")
        for signal in ("HUP", "INT", "12", "64"):  # a policy's reader adds KILL and TERM to what is listed
            result = self.caisson("kill", "-s", signal, name, check=False)
            self.assertEqual(result.returncode, 1, signal)
            self.assertIn("denied by signal_container_process", result.stderr.decode())
        self.caisson("kill", "-s", "USR1", name)
        self.assertEqual(self.caisson("wait", name).stdout, b"5\n")
        self.assertEqual(self.logs(name), "ready\nusr1\n")

    def test_a_layer_that_is_another(self):
        policy = self.policy()
        with open(policy, encoding="ascii") as file:
            text = file.read()
        layer = re.search(r'"layers": ?\[\s*"([0-9a-f]{64})"', text).group(1)
        with open(policy, "w", encoding="ascii") as file:
            file.write(text.replace(layer, "0" * 64))
        self.refused("denied by mount_device", options=("--policy", policy))

    def test_a_disk_that_was_changed(self):
        self.run_it()
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.home) for name in names
                 if os.path.getsize(os.path.join(folder, name)) % 4096 == 0 and os.path.getsize(os.path.join(folder, name)) > 1 << 20]  # fmt: skip
        self.assertTrue(found)
        with open("/usr/bin/id", "rb") as file:
            piece = file.read()[4096:8192]
        changed = 0
        for path in found:
            with open(path, "rb") as file:
                data = file.read()
            at = data.find(piece)
            if at < 0:
                continue
            mode = os.stat(path).st_mode
            os.chmod(path, 0o600)
            self.addCleanup(self.put, path, data, mode)
            self.put(path, data[: at + 9] + bytes([data[at + 9] ^ 1]) + data[at + 10 :], mode)
            changed += 1
        self.assertGreater(changed, 0)
        self.refused("a block of a layer is not what its root hash says")

    @staticmethod
    def put(path, data, mode):
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)

    def test_what_an_enclave_does_not_have(self):
        for options in (("--cpus", "2"), ("--restart", "always"), ("--pids-limit", "9")):
            self.refused("has no such thing", options=options, code=2)

    def test_each_option_of_machines_by_name_before_anything_is_fetched(self):
        values = {"scratch": "disk:1g", "storage-opt": "size=1g", "cpus": "2", "group": "/nonexistent", "restart": "always", "guest": "/nonexistent",
                  "sysctl": "net.ipv4.tcp_syncookies=1", "fragment": "/nonexistent", "secret": "one", "pids-limit": "9"}  # fmt: skip
        with open(os.path.join(paths.SOURCE, "src/cli/run_enclave.c"), encoding="ascii") as file:
            names = re.findall(r'"([a-z-]+)"', re.search(r"missing\[\] = \{(.*?)\}", file.read(), re.S).group(1))
        self.assertGreater(len(names), 5)
        for name in names:
            option = ("--" + name, values[name]) if name in values else ("--" + name,)
            operand = () if name == "group" else ("oci:/nonexistent",)
            with self.subTest(option=name):
                for tee in ("sgx", "sgx-simulated"):
                    result = self.caisson("run", "-q", "--tee", tee, *option, *operand, check=False)
                    self.assertEqual((result.returncode, result.stdout), (2, b""))
                    self.assertIn(f"--{name} is for machines", result.stderr.decode())

    def test_no_hardware_and_nothing_instead(self):
        if os.path.exists("/dev/sgx_enclave"):
            self.skipTest("this machine has SGX")
        result = self.caisson("run", "-q", "--tee", "sgx", "--rm", self.oci, check=False)
        self.assertEqual((result.returncode, result.stdout), (3, b""))
        self.assertIn("/dev/sgx_enclave: No such file", result.stderr.decode())
        result = self.caisson("run", "-q", *TEE, "--enclave", "/nonexistent", self.oci, check=False)
        self.assertEqual((result.returncode, result.stdout), (3, b""))


class Evidence(EnclaveCase):
    def verify(self, *options, evidence=None, simulated=True):
        trust = ("--trust-simulated", os.path.join(self.home, "simulated-sgx")) if simulated else ()
        return self.caisson("verify", evidence or self.evidence, *options, *trust, check=False)

    def check_refused(self, by, *options, **rest):
        result = self.verify(*options, **rest)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(f"refused by {by}", result.stdout.decode())

    def change(self, key, function):
        with open(self.evidence, encoding="ascii") as file:
            bundle = json.load(file)
        data = function(bytearray(base64.b64decode(bundle[key])) if key != "tee" else bundle[key])
        bundle[key] = data if key == "tee" else base64.b64encode(bytes(data)).decode()
        path = os.path.join(self.folder, "changed")
        with open(path, "w", encoding="ascii") as file:
            json.dump(bundle, file)
        return path

    def test_a_container_is_proved_and_nothing_else(self):
        name, policy = self.name(), self.policy("/bin/cat")
        self.evidence = os.path.join(self.folder, "evidence")
        self.caisson("run", "-q", *TEE, "-d", "-i", "--name", name, "--policy", policy, self.oci, "/bin/cat")
        attested = self.caisson("attest", name, "--nonce", NONCE, "-o", self.evidence)
        self.assertIn(b"SIMULATED SGX: this evidence proves nothing", attested.stderr)
        info = self.caisson("enclave", "info", ENCLAVE).stdout.decode()
        mrenclave = re.search(r"MRENCLAVE\s+([0-9a-f]{64})", info).group(1)
        with open(ENCLAVE + ".mrenclave", encoding="ascii") as file:
            self.assertEqual(file.read(), mrenclave + "\n")
        good = {"--nonce": NONCE, "--policy": policy, "--enclave": ENCLAVE}

        def options(**changed):
            return [word for key, value in good.items() for word in (key, changed.get(key[2:], value))]

        result = self.verify(*options())
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(b"SIMULATED", result.stdout)
        self.assertEqual(self.verify(*options(enclave=mrenclave)).returncode, 0)
        self.check_refused("report_data", *options(nonce=NONCE[::-1]))
        self.check_refused("mrenclave", *options(enclave=mrenclave[::-1]))
        other = os.path.join(self.folder, "other.rego")
        with open(policy, encoding="ascii") as file, open(other, "w", encoding="ascii") as out:
            out.write(file.read() + "\n")
        self.check_refused("configid", *options(policy=other))
        collateral = ("--collateral", os.path.join(self.home, "simulated-sgx", "collateral.json"))
        self.check_refused("collateral_root", *options(), *collateral, simulated=False)
        self.check_refused("tee", *options(), evidence=self.change("tee", lambda tee: "sgx"))
        self.check_refused("report_data", *options(), evidence=self.change("runtime_data", lambda data: data.replace(b'"running":1', b'"running":0').replace(b'"done":0', b'"done":1')))  # fmt: skip
        flipped = self.change("report", lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:])
        self.assertEqual(self.verify(*options(), evidence=flipped).returncode, 1)
        for missing in good:
            words = [word for key, value in good.items() if key != missing for word in (key, value)]
            self.assertEqual(self.verify(*words).returncode, 2, missing)


if __name__ == "__main__":
    tap.main()
