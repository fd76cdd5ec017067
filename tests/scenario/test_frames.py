#!/usr/bin/python3
"""A hostile host against the channel: frames that break docs/protocol.md end the machine; readers who stall
stall themselves only.
"""
import concurrent.futures
import os
import struct
import time

from lib import tap
from lib.channel import CLOSE, CONTROL, CREDIT, DATA, INITIAL_CREDIT, PAYLOAD_MAX, Dead, Refused, frame
from lib.hostile import CANARY, SCRIPT, HostileCase
from lib.workload import Workload

COMMAND = ["/bin/sh", "-c", SCRIPT]

# The stream's number: one that is open for writing (stdin), one for reading, one that was never opened.
STDIN, STDOUT, UNKNOWN = 101, 102, 999


def bad_frames():
    """{what is wrong: bytes}, for a machine whose container has stdin 101 and stdout 102 open."""
    return {
        "an unknown type": frame(9, b"x", STDIN),
        "type zero": frame(0),
        "a flag": frame(DATA, b"x", STDIN, flags=1),
        "a reserved byte": frame(DATA, b"x", STDIN, reserved=256),
        "a size over the limit": frame(DATA, b"x", STDIN, size=PAYLOAD_MAX + 1),
        "the greatest size": frame(CONTROL, b"", size=0xFFFFFFFF),
        "control on a stream": frame(CONTROL, b"{}", STDIN),
        "data on stream zero": frame(DATA, b"x", 0),
        "data on a stream that was never opened": frame(DATA, b"x", UNKNOWN),
        "data against a stream's direction": frame(DATA, b"x", STDOUT),
        "empty data": frame(DATA, b"", STDIN),
        "data beyond the credit": frame(DATA, bytes(PAYLOAD_MAX), STDIN) * 3,
        "data after close": frame(CLOSE, b"", STDIN) + frame(DATA, b"x", STDIN),
        "close of a stream that was never opened": frame(CLOSE, b"", UNKNOWN),
        "close twice": frame(CLOSE, b"", STDIN) * 2,
        "close with a payload": frame(CLOSE, b"x", STDIN),
        "credit of nothing": frame(CREDIT, struct.pack("<I", 0), STDOUT),
        "credit without bound": frame(CREDIT, struct.pack("<I", 0x7FFFFFFF), STDOUT) * 3,
        "credit of two bytes": frame(CREDIT, b"xx", STDOUT),
    }


class Frames(HostileCase):
    def start_reader(self, machine, workload):
        """A container that sleeps, with a stdin that it does not read."""
        channel = machine.channel
        workload.mount(channel)
        channel.next_stream = STDIN
        workload.start(channel, stdin=True)

    def survives(self, data):
        """Whether a machine goes on after these bytes: None, or what is wrong."""
        workload = Workload("busybox", ["/bin/sleep", "1000"])
        with workload.boot() as machine:
            self.start_reader(machine, workload)
            try:
                machine.channel.send_raw(data)
            except Dead:
                pass
            if not machine.channel.wait_dead(20):
                return "the machine lives on"
            return None if machine.wait_ended(20) else "the channel has ended, the machine has not"

    def test_a_malformed_frame_ends_the_machine(self):
        frames = bad_frames()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name, wrong in zip(frames, pool.map(self.survives, frames.values())):
                with self.subTest(frame=name):
                    self.assertIsNone(wrong)

    def test_noise_ends_the_machine_before_the_policy(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            try:
                machine.channel.send_raw(b"\xff" * 4096 + os.urandom(65536))
            except Dead:
                pass
            self.assertTrue(machine.wait_ended(20), "the machine lives on")

    def test_takes_frames_in_pieces_and_in_heaps(self):
        """How bytes are cut on their way says nothing: each byte alone, then many requests at once."""
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            channel = machine.channel
            text = workload.policy()
            stream = channel.open()
            for byte in frame(CONTROL, b'{"id":1,"op":"set_policy","args":{"stream":%d,"size":%d}}' % (stream.number, len(text))):
                channel.send_raw(bytes([byte]))
            heap = frame(CONTROL, b'{"id":2,"op":"signal_container_process","args":{"id":"c","signal":9}}')
            for start in range(0, len(text), 1000):
                heap += frame(DATA, text[start:start + 1000], stream.number)
            channel.send_raw(heap + frame(CLOSE, b"", stream.number))
            channel.answer(1)
            with self.assertRaises(Refused):
                channel.answer(2)
            channel.next_id = 3
            workload.mount_devices(channel)
            channel.call("mount_overlay", id="c", layers=workload.targets())
            self.runs_as_described(workload, channel)

    def test_credit_for_a_stream_that_is_not_there_gives_nothing(self):
        """It may be for one that has just ended, so it is no error; nor is it anything else."""
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            for number in (UNKNOWN, 1, 2, 3):
                machine.channel.send_frame(CREDIT, struct.pack("<I", 0x7FFFFFFF), number)
            workload.mount(machine.channel)
            self.runs_as_described(workload, machine.channel)

    def test_bounds_open_requests(self):
        """More than 16 requests without an answer: refused or the end, never memory without bound."""
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            channel = machine.channel
            channel.set_policy(workload.policy())
            heap = b"".join(frame(CONTROL, b'{"id":%d,"op":"get_statistics","args":{}}' % number)
                            for number in range(100, 2100))
            try:
                channel.send_raw(heap)
                channel.next_id = 3000
                channel.call("get_statistics", timeout=60)
            except Dead:
                self.assertTrue(machine.wait_ended(20))

    def test_a_policy_that_never_comes_changes_nothing(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            channel = machine.channel
            stream = channel.open()
            waiting = channel.request("set_policy", stream=stream.number, size=len(workload.policy()))
            channel.write(stream, workload.policy()[:100])
            self.refused(channel, "get_statistics", "order")
            self.refused(channel, "mount_device", "order", lun=0, root_hash="0" * 64, target="/run/mounts/scsi/m0")
            channel.close_stream(stream)
            with self.assertRaises(Refused):
                channel.answer(waiting)
            workload.mount(channel)
            self.runs_as_described(workload, channel)

    def test_refuses_policies_of_absurd_size(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            channel = machine.channel
            for size in (4 * 1024 * 1024 + 1, 2**40, -1):
                with self.subTest(size=size):
                    self.refused(channel, "set_policy", ("invalid", "denied", "failed"), stream=channel.open().number,
                                 size=size)
            for size in (0, 1, len(workload.policy()) - 1, len(workload.policy()) + 1):
                with self.subTest(size=size), self.assertRaises(Refused):
                    channel.set_policy(workload.policy()[:size], size=size)
                with self.subTest(more_than=size), self.assertRaises((Refused, Dead)):
                    channel.set_policy(workload.policy(), size=size)
                if channel.dead:
                    return
            workload.mount(channel)
            self.runs_as_described(workload, channel)


class Flow(HostileCase):
    def test_a_stream_that_is_never_read_stalls_itself_only(self):
        """The process blocks on stdout; stderr, requests and the process's end still come through."""
        script = "yes & echo -n here >&2; sleep 2; kill $!; exit 7"
        workload = Workload("busybox", ["/bin/sh", "-c", script])
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            output, errors = channel.open(stalled=True), channel.open()
            channel.call("create_container", **workload.process(stdout=output.number, stderr=errors.number))
            channel.wait(lambda: len(output.data) == INITIAL_CREDIT, 60, "a full stream")
            channel.wait(lambda: bytes(errors.data) == b"here", 60, "the other stream")
            before = channel.call("get_statistics")["memory_available"]
            time.sleep(1)
            self.assertEqual(len(output.data), INITIAL_CREDIT, "bytes beyond the credit")
            after = channel.call("get_statistics")["memory_available"]
            self.assertLess(before - after, 16 << 20)
            channel.resume(output)
            self.assertEqual(channel.event("exited", 60, id="c")["code"], 7)
            self.assertEqual(channel.violations, [])

    def test_input_that_is_never_read_takes_no_memory(self):
        workload = Workload("busybox", ["/bin/sleep", "3"])
        with workload.boot() as machine:
            channel = machine.channel
            workload.mount(channel)
            source, _, _ = workload.start(channel, stdin=True)
            with self.assertRaises((TimeoutError, Dead)):
                channel.write(source, bytes(64 << 20), timeout=1)
            self.assertEqual(channel.event("exited", 60, id="c")["code"], 0)

    def test_a_hundred_megabytes_come_through_unharmed(self):
        size = 100 * 1000 * 1000
        workload = Workload("busybox", ["/bin/sh", "-c", f"yes 0123456789abcde | head -c {size}"])
        with workload.boot() as machine:
            workload.mount(machine.channel)
            event, output, errors = workload.run(machine.channel)
            self.assertEqual((event["code"], errors), (0, b""))
            self.assertEqual(len(output), size)
            self.assertEqual(output, (b"0123456789abcde\n" * (size // 16 + 1))[:size])

    def test_input_comes_through_unharmed(self):
        data = os.urandom(1 << 20) * 8
        workload = Workload("busybox", ["/bin/cat"])
        with workload.boot() as machine:
            workload.mount(machine.channel)
            source, output, _ = workload.start(machine.channel, stdin=True)
            machine.channel.write(source, data)
            machine.channel.close_stream(source)
            self.assertEqual(machine.channel.event("exited", 60, id="c")["code"], 0)
            self.assertEqual(machine.channel.read_all(output), data)

    def test_says_the_canary_when_nothing_is_wrong(self):
        workload = Workload("busybox", COMMAND)
        with workload.boot() as machine:
            workload.mount(machine.channel)
            self.runs_as_described(workload, machine.channel, (CANARY + "\n").encode())


if __name__ == "__main__":
    tap.main()
