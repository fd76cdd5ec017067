#!/usr/bin/python3
"""A hostile host by its other ways: it does not read, it lies about reports, sends packets that no network would,
types at the console, sends interrupts, and asks anything in any order.
"""
import json
import os
import random
import shutil
import socket
import struct
import tempfile
import time

from lib import policies, tap
from lib.channel import CONTROL, CREDIT, Refused, frame
from lib.hostile import CANARY, SCRIPT, HostileCase
from lib.machine import report_of
from lib.network import Network
from lib.workload import TARGET, Workload

COMMAND = ["/bin/sh", "-c", SCRIPT]
NETWORK = {"address": "10.0.2.15", "prefix": 24, "gateway": "10.0.2.2", "dns": [], "hostname": "c"}


class Unread(HostileCase):
    def test_answers_that_are_never_read_take_no_memory(self):
        """The guest hears no more until the host reads; then it goes on as if nothing had been."""
        workload = Workload("busybox", COMMAND)
        with workload.boot(memory=128) as machine:
            channel = machine.channel
            workload.mount(channel)
            before = channel.call("get_statistics")["memory_available"]
            channel.reading.clear()
            # Blanks make them long: the guest's kernel alone queues 1024 answers on the port, of any size, and 4 MiB
            # of what has come.
            requests = b"".join(frame(CONTROL, b'{"id":%d,"op":"attest","args":{"nonce":"00"}}%s' % (number, b" " * 60000))
                                for number in range(100, 2300))
            sent = channel.flood(requests)
            self.assertLess(sent, len(requests), "the guest takes requests without end")
            channel.reading.set()
            channel.send_raw(requests[sent:])
            channel.next_id = 10000
            after = channel.call("get_statistics", timeout=120)["memory_available"]
            self.assertLess(before - after, 8 << 20)
            self.assertEqual([number for number in range(100, 2300) if number not in channel.answers], [])
            self.runs_as_described(workload, channel)

    def test_credit_without_end_takes_no_memory(self):
        size = 64 << 20
        workload = Workload("busybox", ["/bin/sh", "-c", f"head -c {size} /dev/zero"])
        with workload.boot(memory=112) as machine:
            channel = machine.channel
            workload.mount(channel)
            output = channel.open(stalled=True)
            channel.call("create_container", **workload.process(stdout=output.number))
            channel.reading.clear()
            channel.send_frame(CREDIT, struct.pack("<I", 0x7FFF0000 - 65536), output.number)
            time.sleep(8)
            channel.reading.set()
            self.assertEqual(channel.event("exited", 120, id="c")["code"], 0)
            self.assertEqual(len(channel.read_all(output)), size)

    def test_a_host_that_closes_the_channel_ends_the_machine(self):
        workload = Workload("busybox", ["/bin/sleep", "1000"])
        with workload.boot() as machine:
            workload.mount(machine.channel)
            workload.start(machine.channel)
            machine.channel.close()
            self.assertTrue(machine.wait_ended(20))


class Reports(HostileCase):
    def lies(self, digest):
        """Reports of a secure processor that is none; each whole, so that the guest need not wait."""
        def report(host_data=digest, flip=None):
            def answer(request):
                value = bytearray(report_of(request, host_data))
                if flip:
                    value[flip] ^= 1
                return struct.pack("<II", 0, 1184) + bytes(value) + bytes(4)
            return answer
        return {"another HOST_DATA": report(bytes(32)), "a bit of HOST_DATA": report(flip=0xC0),
                "over other data": report(flip=0x50), "over other data, at its end": report(flip=0x8F)}

    def test_refuses_the_policy_under_a_report_that_is_wrong(self):
        workload = Workload("busybox", COMMAND)
        text = workload.policy()
        with workload.boot() as machine:
            honest = machine.processor.answer
            for name, lie in self.lies(policies.host_data(text)).items():
                with self.subTest(report=name):
                    machine.processor.answer = lie
                    with self.assertRaises(Refused):
                        machine.channel.set_policy(text)
                    self.refused(machine.channel, "get_statistics", "order")
            machine.processor.answer = honest
            workload.mount(machine.channel)
            self.runs_as_described(workload, machine.channel)

    def test_never_opens_under_answers_that_are_no_reports(self):
        # What is left of one answer must not help the next: those that leave something come last.
        answers = {"an error": struct.pack("<II", 7, 0), "no bytes": struct.pack("<II", 0, 0),
                   "the greatest size": struct.pack("<II", 0, 0xFFFFFFFF), "another size": struct.pack("<II", 0, 1183),
                   "an error with a report": struct.pack("<II", 1, 1184) + bytes(1184), "noise": os.urandom(4096),
                   "zeros": bytes(1192)}  # fmt: skip
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            for name, answer in answers.items():
                with self.subTest(answer=name):
                    machine.processor.answer = lambda request, answer=answer: answer
                    with self.assertRaises(Refused):
                        machine.channel.set_policy(workload.policy())
                    self.refused(machine.channel, "mount_device", "order", lun=0, root_hash=workload.disks[0][1],
                                 target=TARGET.format(0))


class Packets(HostileCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-network-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.network = Network(self.folder)
        self.addCleanup(self.network.close)

    def test_no_packet_reaches_the_loopback(self):
        """What listens on 127.0.0.1 trusts the machine; the host is outside of it."""
        script = "httpd -p 127.0.0.1:80 -h /; httpd -p 0.0.0.0:81 -h /; echo up; exec sleep 1000"
        workload = Workload("busybox", ["/bin/sh", "-c", script])
        with workload.boot(extra=self.network.options()) as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            for address in ("127.0.0.1", "127.0.0.5", "0.0.0.0", "224.0.0.1", "255.255.255.255"):
                with self.subTest(address=address):
                    self.refused(channel, "set_network", "invalid", **dict(NETWORK, address=address, prefix=8))
                    self.refused(channel, "set_network", "invalid", **dict(NETWORK, gateway=address))
            channel.call("set_network", **NETWORK)
            self.refused(channel, "set_network", "order", **dict(NETWORK, address="10.0.2.16"))
            workload.mount_devices(channel)
            channel.call("mount_overlay", id="c", layers=workload.targets())
            _, output, _ = workload.start(channel)
            channel.wait(lambda: bytes(output.data) == b"up\n", 30, "servers")
            self.assertTrue(self.network.answers("10.0.2.2", "10.0.2.15", 81, 20), "what is open to all does not answer")
            for source in ("10.0.2.2", "127.0.0.1", "127.0.0.2", "10.0.2.15", "0.0.0.0"):
                for target in ("127.0.0.1", "127.0.0.5", "10.0.2.15"):
                    with self.subTest(source=source, target=target):
                        self.assertFalse(self.network.answers(source, target, 80, 0.6))


    def test_network_has_no_ipv6_that_a_host_could_configure(self):
        workload = Workload("busybox", ["/bin/sh", "-c", "sleep 2; while read a b c d e name; do echo $a $name; done </proc/net/if_inet6"])
        with workload.boot(extra=self.network.options()) as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            channel.call("set_network", **NETWORK)
            workload.mount_devices(channel)
            channel.call("mount_overlay", id="c", layers=workload.targets())
            _, output, _ = workload.run(channel)
            self.assertEqual(output.decode(), f"{1:032x} lo\n")


class Console(HostileCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="caisson-console-")
        self.addCleanup(shutil.rmtree, self.folder)

    def connect(self, name):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(os.path.join(self.folder, name))
        self.addCleanup(sock.close)
        return sock

    def options(self):
        place, log = (os.path.join(self.folder, name) for name in ("serial", "log"))
        return {"serial": ["-chardev", f"socket,id=console,path={place},server=on,wait=off,logfile={log}",
                           "-serial", "chardev:console"],
                "extra": ["-qmp", f"unix:{os.path.join(self.folder, 'qmp')},server=on,wait=off"]}

    @staticmethod
    def order(qmp, command, **arguments):
        qmp.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        qmp.flush()
        while "event" in (answer := json.loads(qmp.readline())):
            pass
        return answer

    def test_keys_breaks_and_interrupts_do_nothing(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot(**self.options()) as machine:
            workload.mount(machine.channel)
            serial = self.connect("serial")
            qmp = self.connect("qmp").makefile("rwb")
            qmp.readline()
            self.order(qmp, "qmp_capabilities")
            serial.sendall(b"\nroot\n\x03\x04\x1a\x1c\n/bin/sh\n" * 10)
            for key in b"hmtweifcosub":
                # On a machine that lets it, BREAK and a key are a command to the kernel: c crashes it, b resets.
                self.assertIn("return", self.order(qmp, "chardev-send-break", id="console"))
                serial.sendall(bytes([key]))
                time.sleep(0.1)
            self.assertIn("return", self.order(qmp, "inject-nmi"))
            time.sleep(1)
            self.assertIsNone(machine.process.poll(), "the machine has ended")
            self.runs_as_described(workload, machine.channel)
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                self.assertNotIn("sysrq: ", file.read().replace("sysrq: This sysrq operation is disabled.", ""))

    def test_a_word_behind_the_command_line_ends_the_machine(self):
        workload = Workload("busybox", COMMAND)
        for word in (" caisson.tee=sev-snp", " -- x"):
            with self.subTest(word=word), workload.boot(wait=False, append=word) as machine:
                self.assertTrue(machine.wait_ended(60), "the machine lives on")
                self.assertEqual(machine.channel.events, [])


class Storm(HostileCase):
    """Anything in any order, drawn by number so that a failure can be seen again. Whatever the answers are, the one
    process that the policy describes is the one that runs."""

    def requests(self, draw, workload):
        root = draw.choice([each for _, each in workload.disks] + ["0" * 64])
        targets = workload.targets() + [TARGET.format(9)]
        changes = draw.choice([{}, {}, {}, {"args": ["/bin/sh", "-c", "echo evil"]}, {"env": ["A=1"]},
                               {"user": draw.choice(["user", "0:7", "nobody", "", "0"])}, {"terminal": True},
                               {"privileged": True}, {"cwd": "/tmp"}, {"umask": draw.randrange(512)}])
        return draw.choice([
            ("mount_device", {"lun": 0, "root_hash": root, "target": draw.choice(targets)}),
            ("mount_device", {"lun": 0, "root_hash": root, "target": TARGET.format(0)}),
            ("mount_overlay", {"id": draw.choice("cde"), "layers": draw.sample(targets, draw.randrange(1, len(targets)))}),
            ("mount_overlay", {"id": draw.choice("cde"), "layers": workload.targets()}),
            ("create_container", workload.process(id=draw.choice("cde"), **changes)),
            ("create_container", workload.process(id=draw.choice("cde"), **changes)),
            ("signal_container_process", {"id": draw.choice("cde"), "signal": draw.randrange(1, 65)}),
            ("resize_terminal", {"id": draw.choice("cde"), "rows": 1, "columns": 1}),
            ("set_network", NETWORK), ("get_statistics", {}), ("attest", {"nonce": "00"}),
            ("set_policy", {"stream": 0, "size": draw.randrange(100)}),
            (draw.choice(["exec_in_container", "unmount_overlay", "scratch_mount", "load_fragment"]), {}),
        ])  # fmt: skip

    def ask(self, draw, channel, workload):
        """One request; streams where it has some. Returns its number."""
        op, args = self.requests(draw, workload)
        if op == "create_container":
            args["stdout"] = channel.open().number
            args["stderr"] = 0 if args["terminal"] else channel.open().number
        return channel.request(op, **args)

    def storm(self, seed):
        draw = random.Random(seed)
        workload = Workload("busybox", COMMAND, signals=[10, 12])
        with workload.boot() as machine:
            channel = machine.channel
            asked = []
            for step in range(150):
                if step == 20:
                    channel.set_policy(workload.policy())
                asked.append(self.ask(draw, channel, workload))
                if draw.randrange(4) == 0 or len(asked) >= 8:
                    for number in asked:
                        channel.wait(lambda number=number: channel.answers.get(number), 60, f"answer {number}")
                    asked = []
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and len(self.said(channel)) < self.ran(channel):
                time.sleep(0.1)
            self.assertEqual(set(self.said(channel)) - {f"{CANARY}\n".encode(), f"{CANARY}\r\n".encode()}, set())
            self.assertEqual(channel.violations, [])
            return self.ran(channel)

    @staticmethod
    def ran(channel):
        return len([each for each in channel.answers.values() if each["ok"] and "pid" in each["result"]])

    @staticmethod
    def said(channel):
        return [bytes(each.data) for each in channel.streams.values() if each.data]

    def test_only_the_described_process_runs_in_a_storm(self):
        ran = 0
        for seed in range(3):
            with self.subTest(seed=seed):
                ran += self.storm(seed)
        self.assertGreater(ran, 0, "no storm came as far as a process")


if __name__ == "__main__":
    tap.main()
