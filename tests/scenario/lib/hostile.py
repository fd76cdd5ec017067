"""What the tests of a hostile host share."""
import unittest

from . import tap
from .channel import Refused

CANARY = "a process that the policy describes"
SCRIPT = f"echo {CANARY}"


class HostileCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tap.needs_guest()

    def refused(self, channel, op, code, point=None, timeout=30, **args):
        """The guest must answer with this code, a reason, and, where the policy decides, the point's name."""
        with self.assertRaises(Refused, msg=f"{op} was allowed") as caught:
            channel.call(op, timeout=timeout, **args)
        codes = (code,) if isinstance(code, str) else code
        self.assertIn(caught.exception.code, codes, str(caught.exception))
        self.assertTrue(caught.exception.reason, "a refusal without a reason")
        if point:
            self.assertEqual(caught.exception.point, point)
        return caught.exception

    def nothing_ran(self, channel):
        """No process has come to life so far: none has ended and none has said anything."""
        self.assertEqual([each for each in channel.events if each["event"] == "exited"], [])
        for stream in channel.streams.values():
            self.assertEqual(bytes(stream.data), b"", f"stream {stream.number}")

    def runs_as_described(self, workload, channel, expected=(CANARY + "\n").encode(), **changes):
        """The guest still does what the policy allows: refusals have left nothing behind."""
        event, output, errors = workload.run(channel, **changes)
        self.assertEqual((event["code"], event["signal"]), (0, 0), errors)
        self.assertEqual(output, expected)
        self.assertEqual(channel.violations, [])
