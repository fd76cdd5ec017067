#!/usr/bin/python3
"""The network of a container in an enclave: what is published comes in, the host's loopback is out of reach, none is none."""
import os
import re
import socket
import threading

from lib import cli, tap
from lib.enclave import PROGRAMS, TEE, EnclaveCase


class Listener:
    """On the host's loopback: says whether anybody came."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.came = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            self.socket.accept()[0].close()
            self.came = True
        except OSError:
            pass

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Network(EnclaveCase):
    programs = (*PROGRAMS, "/bin/busybox")

    def ask(self, port):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            return connection.makefile("rb").read()

    def serve(self, script, *options):
        name = self.name()
        self.caisson("run", "-q", *TEE, "-d", "--name", name, *options, self.oci, "/bin/dash", "-c", script)
        return name

    def answers(self, port):
        try:
            return self.ask(port)
        except OSError:
            return b""

    def test_what_is_published_is_reached_at_its_port_alone(self):
        port, inside = free_port(), free_port()
        script = f"busybox nc -l -p {inside} -e echo other & busybox nc -ll -p 80 -e echo hello"
        name = self.serve(script, "-p", f"127.0.0.1:{port}:80", "-u", "worker")
        self.eventually(lambda: self.answers(port) == b"hello\n", what="an answer at the published port")
        self.assertEqual(self.answers(inside), b"")
        self.assertEqual(self.answers(port), b"hello\n")
        record = self.caisson("inspect", name).stdout.decode()
        self.assertIn(str(port), record)
        monitor = int(re.search(r'"monitor":\s*(\d+)', record).group(1))
        processes = cli.children_of(monitor)
        self.caisson("stop", "-t", "1", name)
        self.eventually(lambda: not any(map(cli.is_alive, processes)), what="end of the enclave's processes")
        self.assertEqual(self.answers(port), b"")

    def test_the_hosts_loopback_is_out_of_reach(self):
        listener = Listener()
        self.addCleanup(listener.close)
        script = "; ".join(f"busybox nc -w 2 {address} {listener.port} </dev/null && echo reached || echo no"
                           for address in ("127.0.0.1", "0.0.0.0", "10.0.2.2"))  # fmt: skip
        for network in ((), ("--network", "none")):
            result = self.run_it("/bin/dash", "-c", script, options=network)
            self.assertEqual(result.stdout.split(), [b"no"] * 3, result.stderr)
        self.assertFalse(listener.came)
        result = self.run_it("/bin/dash", "-c", script.split(";", maxsplit=1)[0], options=("--network", "host"))
        self.assertEqual(result.stdout.split(), [b"reached"])
        self.eventually(lambda: listener.came, what="a connection by the host's own network")

    def test_programs_of_one_container_reach_each_other_without_any_network(self):
        script = "busybox nc -l -p 80 -e echo inside & while ! busybox nc -w 5 127.0.0.1 80 </dev/null 2>/dev/null; do :; done"
        for network in ((), ("--network", "none")):
            self.assertEqual(self.run_it("/bin/dash", "-c", script, options=network).stdout, b"inside\n")

    def test_names_are_resolved_by_the_networks_server(self):
        self.assertEqual(self.run_it("/bin/cat", "/etc/resolv.conf").stdout, b"nameserver 10.0.2.3\n")
        self.assertEqual(self.run_it("/bin/cat", "/etc/resolv.conf", options=("--network", "none"), check=False).stdout, b"")

    def test_the_process_stands_in_a_network_of_its_own_without_capabilities(self):
        for options in ((), ("--network", "none")):
            name = self.serve("echo ready; read x </dev/null; busybox sleep 1000", *options)
            self.eventually(lambda name=name: "ready" in self.logs(name), what="first line")
            monitor = int(re.search(r'"monitor":\s*(\d+)', self.caisson("inspect", name).stdout.decode()).group(1))
            host = min(cli.children_of(monitor))
            if os.geteuid() == 0:
                self.assertNotEqual(os.readlink(f"/proc/{host}/ns/net"), os.readlink("/proc/self/ns/net"))
            with open(f"/proc/{host}/status", encoding="ascii") as file:
                self.assertIn("CapEff:\t0000000000000000", file.read())
            self.caisson("stop", "-t", "1", name)

    def test_refuses_what_cannot_be(self):
        self.refused("--publish needs a network", options=("--network", "none", "-p", "8080:80"), code=2)
        self.refused("--publish needs a network", options=("--network", "host", "-p", "8080:80"), code=2)
        self.refused("no namespace is shared", options=("--network", "bridge"))
        self.refused("no namespace is shared", options=("--network", "container:x"))
        result = self.caisson("run", "-q", "--tee", "simulated", "--network", "host", self.oci, check=False)
        self.assertIn(b"no namespace is shared", result.stderr)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refused(str(port), options=("-p", f"127.0.0.1:{port}:80"))


if __name__ == "__main__":
    tap.main()
