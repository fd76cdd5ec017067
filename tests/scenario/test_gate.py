#!/usr/bin/python3
"""A hostile host against the gate: what the policy does not describe is refused by name, and runs nothing.

Each test boots one machine, makes calls that must all be refused, and then lets the policy's own process
run, which shows that no refusal left anything behind.
"""
import json

from lib import policies, tap
from lib.channel import CONTROL, Refused
from lib.execs import request
from lib.hostile import SCRIPT, HostileCase
from lib.workload import TARGET, Workload

COMMAND = ["/bin/sh", "-c", SCRIPT]
AS_ROOT = {"user_idname": {"pattern": "0", "strategy": "id"}, "group_idnames": [{"pattern": "0", "strategy": "id"}],
           "umask": "0022"}  # fmt: skip
DENIED_POINTS = ["exec_external", "plan9_mount", "plan9_unmount", "get_properties", "dump_stacks", "runtime_logging",
                 "scratch_unmount", "rw_mount_device", "rw_unmount_device"]  # fmt: skip


def strict(text):
    """The policy without leave to drop variables and capabilities."""
    for name in (b"environment_variable", b"capability"):
        text = text.replace(b"allow_" + name + b"_dropping := true", b"allow_" + name + b"_dropping := false")
    return text


class StrictWorkload(Workload):
    def policy(self):
        return strict(super().policy())


class Order(HostileCase):
    def test_refuses_calls_before_the_policy(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            channel = machine.channel
            before = {
                "mount_device": {"lun": 0, "root_hash": workload.disks[0][1], "target": TARGET.format(0)},
                "scratch_mount": {"lun": 1},
                "mount_overlay": {"id": "c", "layers": [TARGET.format(0)]},
                "create_container": workload.process(),
                "signal_container_process": {"id": "c", "signal": 9},
                "resize_terminal": {"id": "c", "rows": 1, "columns": 1},
                "set_network": {"address": "10.0.2.15", "prefix": 24, "gateway": "10.0.2.2", "dns": ["10.0.2.3"],
                                "hostname": "c"},
                "attest": {"nonce": "00" * 32},
                "get_statistics": {},
                "probe_port": {"port": 80},
                "exec_in_container": request(workload, ["/bin/sh"]),
                "shutdown_container": {"id": "c"},
                "unmount_overlay": {"id": "c"},
                "unmount_device": {"target": TARGET.format(0)},
                "pause": {},
                "get_usage": {"id": "c"},
                "exec_external": {},
            }  # fmt: skip
            for op, args in before.items():
                with self.subTest(op=op):
                    self.refused(channel, op, "order", **args)
            self.nothing_ran(channel)
            workload.mount(channel)
            self.runs_as_described(workload, channel)

    def test_refuses_another_policy_than_host_data(self):
        workload = Workload("busybox", COMMAND)
        text = workload.policy()
        other = Workload("busybox", ["/bin/sh", "-c", "echo evil"]).policy()
        variants = {"another": other, "one bit": bytes([text[0] ^ 1]) + text[1:], "a newline more": text + b"\n",
                    "cut": text[:-1], "a byte": b"p"}
        with workload.boot() as machine:
            for name, variant in variants.items():
                with self.subTest(policy=name):
                    with self.assertRaises(Refused) as caught:
                        machine.channel.set_policy(variant)
                    self.assertIn(caught.exception.code, ("denied", "failed", "invalid"))
                    self.assertTrue(caught.exception.reason)
                    self.refused(machine.channel, "get_statistics", "order")
            self.nothing_ran(machine.channel)
            workload.mount(machine.channel)
            self.runs_as_described(workload, machine.channel)

    def test_refuses_a_policy_set_twice(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            machine.channel.set_policy(workload.policy())
            for name, text in {"the same": workload.policy(), "another": Workload("busybox", ["/bin/ls"]).policy()}.items():
                with self.subTest(policy=name):
                    stream = machine.channel.open()
                    self.refused(machine.channel, "set_policy", "order", stream=stream.number, size=len(text))
            workload.mount_devices(machine.channel)
            machine.channel.call("mount_overlay", id="c", layers=workload.targets())
            self.runs_as_described(workload, machine.channel)

    def test_refuses_objects_that_are_not_there(self):
        workload = Workload("busybox", COMMAND, signals=[9, 15])
        with workload.boot() as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            self.refused(channel, "mount_overlay", ("order", "denied", "failed"), id="c", layers=[TARGET.format(0)])
            self.refused(channel, "create_container", ("order", "denied"), **workload.process())
            self.refused(channel, "signal_container_process", ("order", "denied"), id="c", signal=9)
            self.refused(channel, "resize_terminal", ("order", "denied", "invalid"), id="c", rows=2, columns=2)
            workload.mount_devices(channel)
            self.refused(channel, "create_container", ("order", "denied"), **workload.process())
            channel.call("mount_overlay", id="c", layers=workload.targets())
            self.refused(channel, "create_container", ("order", "denied"), **workload.process(id="d"))
            self.nothing_ran(channel)
            self.runs_as_described(workload, channel)
            self.refused(channel, "create_container", ("order", "denied"), **workload.process())
            self.refused(channel, "signal_container_process", ("order", "denied", "failed"), id="c", signal=9)

    def test_denies_points_that_are_known_by_name_only(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            workload.mount(machine.channel)
            for op in DENIED_POINTS:
                with self.subTest(op=op):
                    self.refused(machine.channel, op, "denied", op)
            self.runs_as_described(workload, machine.channel)


class Process(HostileCase):
    def attempts(self, workload):
        """Each differs in one thing from what the policy describes."""
        capabilities = policies.capabilities()
        more = policies.capabilities(policies.CAPABILITIES + ["CAP_SYS_ADMIN"])
        bind = {"destination": "/mnt", "type": "bind", "source": "/run/gcs/c/sandbox/sandboxMounts/x", "options": ["rbind", "rw"]}
        resolv = {"destination": "/etc/resolv.conf", "type": "bind", "options": ["rbind", "rshared", "rw"],
                  "source": "/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/resolvconf/resolv.conf"}
        return {
            "another program": {"args": ["/bin/busybox", "sh", "-c", SCRIPT]},
            "another argument": {"args": ["/bin/sh", "-c", "echo evil"]},
            "an argument more": {"args": COMMAND + [""]},
            "an argument fewer": {"args": COMMAND[:-1]},
            "arguments joined": {"args": [" ".join(COMMAND)]},
            "a variable more": {"env": workload.env + ["LD_PRELOAD=/evil.so"]},
            "a variable changed": {"env": ["PATH=/evil"]},
            "a variable's case": {"env": workload.env + ["path=/evil"]},
            "a name twice": {"env": workload.env + ["PATH=/evil"]},
            "another folder": {"cwd": "/tmp"},
            "a folder's other spelling": {"cwd": "/tmp/.."},
            "another user": {"user": "user"},
            "another user by number": {"user": "1000"},
            "another group": {"user": "0:1000"},
            "another umask": {"umask": 0},
            "no capabilities": {"capabilities": policies.capabilities([])},
            "a capability more": {"capabilities": more},
            "an ambient capability": {"capabilities": dict(capabilities, ambient=["CAP_CHOWN"])},
            "an inheritable capability": {"capabilities": dict(capabilities, inheritable=["CAP_CHOWN"])},
            "no no_new_privileges": {"no_new_privileges": False},
            "privileged": {"privileged": True},
            "a bind mount": {"mounts": [bind]},
            "the machine's root": {"mounts": [dict(bind, source="/")]},
            "a mount over the program": {"mounts": [dict(resolv, destination="/bin")]},
            "a mount's options": {"mounts": [dict(resolv, options=["rbind", "rshared", "rw", "suid"])]},
            "an option fewer": {"mounts": [dict(resolv, options=["rbind", "rw"])]},
            "a mount's type": {"mounts": [dict(resolv, type="tmpfs")]},
            "two mounts on one destination": {"mounts": [resolv, dict(
                resolv, source="/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/resolvconf/other")]},
            "a source that climbs": {"mounts": [dict(
                resolv, source="/run/gcs/c/sandbox/sandboxMounts/tmp/atlas/resolvconf/../../../../../../../etc")]},
            "another container's source": {"mounts": [dict(
                resolv, source="/run/gcs/c/d/sandboxMounts/tmp/atlas/resolvconf/resolv.conf")]},
        }  # fmt: skip

    def test_refuses_any_process_but_the_described_one(self):
        workload = StrictWorkload("busybox", COMMAND, user=AS_ROOT, no_new_privileges=True)
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            for name, changes in self.attempts(workload).items():
                with self.subTest(attempt=name):
                    # Invalid where the request cannot even be asked of a policy; denied where it can.
                    output = channel.open()
                    self.refused(channel, "create_container", ("denied", "invalid"),
                                 **workload.process(**dict({"no_new_privileges": True, "stdout": output.number}, **changes)))
            self.nothing_ran(channel)
            self.runs_as_described(workload, channel, no_new_privileges=True)

    def test_drops_variables_that_the_policy_does_not_know(self):
        workload = Workload("busybox", ["/bin/env"])
        with workload.boot() as machine:
            workload.mount(machine.channel)
            _, output, _ = workload.run(machine.channel, env=["LD_PRELOAD=/evil.so", *workload.env, "path=/evil",
                                                              "PATH=/evil"])
            names = [line.split("=")[0] for line in output.decode().splitlines()]
            self.assertIn(workload.env[0], output.decode().splitlines())
            self.assertEqual(names.count("PATH"), 1)
            self.assertNotIn("LD_PRELOAD", names)
            self.assertNotIn("path", names)

    def test_refuses_output_that_the_policy_forbids(self):
        workload = Workload("busybox", COMMAND, allow_stdio_access=False)
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            output = channel.open()
            try:
                channel.call("create_container", **workload.process(stdout=output.number))
                channel.event("exited", 60, id="c")
            except Refused as refusal:
                self.assertEqual(refusal.code, "denied")
            self.assertEqual(bytes(output.data), b"")

    def test_refuses_signals_that_the_policy_does_not_list(self):
        workload = Workload("busybox", ["/bin/sleep", "1000"], signals=[10])
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            workload.start(channel)
            for signal in (1, 2, 19, 64):
                with self.subTest(signal=signal):
                    self.refused(channel, "signal_container_process", "denied", "signal_container_process", id="c",
                                 signal=signal)
            self.assertEqual([each for each in channel.events if each["event"] == "exited"], [])
            channel.call("signal_container_process", id="c", signal=10)


class Requests(HostileCase):
    def malformed(self, workload):
        process = workload.process()
        device = {"lun": 0, "root_hash": workload.disks[0][1], "target": TARGET.format(9)}
        return [
            ("mount_device", dict(device, target="/run/mounts/scsi/m0/../../../etc")),
            ("mount_device", dict(device, target="/etc")),
            ("mount_device", dict(device, target="/run/mounts/scsi/m")),
            ("mount_device", dict(device, target="/run/mounts/scsi/m0\n")),
            ("mount_device", dict(device, root_hash="0" * 63)),
            ("mount_device", dict(device, root_hash="A" * 64)),
            ("mount_device", dict(device, lun=256)),
            ("mount_device", dict(device, lun=-1)),
            ("mount_device", dict(device, lun="0")),
            ("mount_device", dict(device, more=1)),
            ("mount_device", {"lun": 0}),
            ("mount_overlay", {"id": "../c", "layers": [TARGET.format(0)]}),
            ("mount_overlay", {"id": "", "layers": [TARGET.format(0)]}),
            ("mount_overlay", {"id": ".c", "layers": [TARGET.format(0)]}),
            ("mount_overlay", {"id": "c" * 65, "layers": [TARGET.format(0)]}),
            ("mount_overlay", {"id": "d", "layers": []}),
            ("mount_overlay", {"id": "d", "layers": ["/"]}),
            ("mount_overlay", {"id": "d", "layers": [None]}),
            ("create_container", dict(process, id="c/../d")),
            ("create_container", dict(process, args=[])),
            ("create_container", dict(process, args=["/bin/sh", 1])),
            ("create_container", dict(process, env=["NOVALUE"])),
            ("create_container", dict(process, env=["=x"])),
            ("create_container", dict(process, cwd="tmp")),
            ("create_container", dict(process, umask=0o1000)),
            ("create_container", dict(process, rows=70000)),
            ("create_container", dict(process, stdout=5, stderr=5)),
            ("create_container", dict(process, terminal=True, stdout=5, stderr=6)),
            ("create_container", dict(process, seccomp="")),
            ("create_container", dict(process, devices=[])),
            ("create_container", dict(process, rootfs="/")),
            ("create_container", {key: value for key, value in process.items() if key != "user"}),
            ("create_container", dict(process, mounts=[{"destination": "/x"}])),
            ("create_container", dict(process, capabilities={})),
            ("signal_container_process", {"id": "c", "signal": 0}),
            ("signal_container_process", {"id": "c", "signal": 65}),
            ("signal_container_process", {"id": "c", "signal": 9, "process": -1}),
            ("signal_container_process", {"id": "c", "signal": 9, "process": "0"}),
            ("resize_terminal", {"id": "c", "rows": 0, "columns": 1}),
            ("exec_in_container", process),
            ("exec_in_container", dict(request(workload, ["/bin/sh"]), id="../c")),
            ("exec_in_container", dict(request(workload, ["/bin/sh"]), pid=1)),
            ("exec_in_container", request(workload, [])),
            ("shutdown_container", {}),
            ("shutdown_container", {"id": "c", "force": True}),
            ("unmount_overlay", {"id": "c/../d"}),
            ("unmount_overlay", {"target": "/run/gcs/c/c/rootfs"}),
            ("unmount_device", {"target": "/run/mounts/scsi/m0/.."}),
            ("unmount_device", {"lun": 0}),
            ("pause", {"id": "c"}),
            ("get_usage", {"id": ""}),
            ("list_processes", {}),
            ("attest", {"nonce": ""}),
            ("attest", {"nonce": "0"}),
            ("attest", {"nonce": "00" * 65}),
            ("attest", {"nonce": "zz"}),
            ("power_off", {"now": True}),
            ("get_statistics", {"all": True}),
            ("probe_port", {"port": 0}),
            ("probe_port", {"port": 65536}),
            ("probe_port", {}),
            ("no_such_operation", {}),
            ("", {}),
        ]

    def test_refuses_malformed_requests(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            for op, args in self.malformed(workload):
                with self.subTest(op=op, args=json.dumps(args)[:60]):
                    self.refused(channel, op, "invalid", **args)
            self.nothing_ran(channel)
            self.runs_as_described(workload, channel)

    def test_answers_or_ends_on_text_that_is_no_request(self):
        """What has no id that could be read need not be answered; it must never do anything."""
        texts = [b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"id":1}', b"\xff\xfe", b'{"id":1,"id":2,"op":"attest","args":{}}',
                 b'{"id":0,"op":"power_off","args":{}}', b'{"id":-1,"op":"power_off","args":{}}',
                 b'{"id":9007199254740992,"op":"power_off","args":{}}', b'{"id":"1","op":"power_off","args":{}}',
                 b'{"id":900,"op":"power_off","args":[]}', b'{"id":901,"op":"power_off","args":{}} x',
                 b'{"id":902,"op":"power_off","args":{},"x":1}', b"[" * 60000, b'{"a":' * 10000,
                 b'{"id":906,"op":"power_off","args":{},"x":0.5}',
                 b'{"id":903,"op":"power_off","args":{"\xc3\x28":1}}', b" " * 65536,
                 b'{"id":904,"op":"signal_container_process","args":{"id":"c\\u0000","signal":9}}',
                 b'{"id":905,"op":"get_statistics","args":{"lun":1180591620717411303424}}']  # fmt: skip
        workload = Workload("busybox", COMMAND)
        machine = workload.boot()
        try:
            for text in texts:
                if machine.channel.dead:
                    # The machine took it for a protocol error, which ends it: a named end as well.
                    self.assertTrue(machine.wait_ended(20))
                    machine.stop()
                    machine = workload.boot()
                with self.subTest(text=text[:40]):
                    machine.channel.send_frame(CONTROL, text)
                    machine.channel.wait_dead(0.3)
                    for answer in machine.channel.answers.values():
                        self.assertFalse(answer["ok"], answer)
                    self.nothing_ran(machine.channel)
        finally:
            machine.stop()

    def test_refuses_request_numbers_that_do_not_grow(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            number = channel.next_id + 5
            channel.send_control({"id": number, "op": "get_statistics", "args": {}})
            channel.answer(number)
            for again in (number, number - 1, 1):
                with self.subTest(id=again):
                    channel.answers.pop(again, None)
                    channel.send_control({"id": again, "op": "get_statistics", "args": {}})
                    if channel.wait_dead(1):
                        return
                    answer = channel.answers.get(again)
                    self.assertTrue(answer is None or not answer["ok"], answer)


if __name__ == "__main__":
    tap.main()
