"""The host's end of the channel (docs/protocol.md), written anew here so that it can break every rule.

The well-behaved part is Channel.call(), .open(), .write(): it numbers requests, keeps to the credit and
grants it. The other part is send_frame() and send_raw(), which send what they are told.
"""
import json
import socket
import struct
import threading
import time

CONTROL, DATA, CREDIT, CLOSE = 1, 2, 3, 4
PAYLOAD_MAX = 65536
INITIAL_CREDIT = 65536
HEADER = struct.Struct("<IBBHI")


def frame(kind, payload=b"", stream=0, flags=0, reserved=0, size=None):
    """One frame; every field can be given, right or wrong."""
    return HEADER.pack(len(payload) if size is None else size, kind, flags, reserved, stream) + payload


class Refused(Exception):
    """The guest answered a request with an error."""

    def __init__(self, answer):
        super().__init__(json.dumps(answer.get("error")))
        self.code = answer["error"]["code"]
        self.reason = answer["error"].get("reason", "")
        self.point = answer["error"].get("point")


class Dead(Exception):
    """The machine ended the channel."""


class Stream:
    """One direction of bytes. Of one that comes from the guest, `data` is what has arrived."""

    def __init__(self, number, stalled=False):
        self.number = number
        self.data = bytearray()
        self.closed = False
        self.credit = INITIAL_CREDIT  # what we may still send
        self.stalled = stalled  # we grant nothing more
        self.received = 0


class Channel:
    def __init__(self, sock):
        self.socket = sock
        self.changed = threading.Condition()
        self.streams = {}
        self.answers = {}
        self.events = []
        self.violations = []  # what the guest did against the protocol
        self.dead = False
        self.next_id = 1
        self.next_stream = 1
        self.sending = threading.Lock()
        self.reading = threading.Event()  # cleared: we read nothing of what the guest sends
        self.reading.set()
        threading.Thread(target=self._receive, daemon=True).start()

    # --- receiving ------------------------------------------------------------------------------

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            part = self.socket.recv(min(size - len(data), 1 << 20))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _receive(self):
        try:
            while True:
                self.reading.wait()
                size, kind, flags, reserved, number = HEADER.unpack(self._read(HEADER.size))
                if size > PAYLOAD_MAX or flags or reserved:
                    raise ValueError(f"the guest sent size {size}, flags {flags}, reserved {reserved}")
                self._take(kind, number, self._read(size))
        except (OSError, EOFError):
            pass
        except Exception as problem:  # a thread's errors are the test's
            self.violations.append(repr(problem))
        with self.changed:
            self.dead = True
            self.changed.notify_all()

    def _take(self, kind, number, payload):
        grant = 0
        with self.changed:
            if kind == CONTROL:
                message = json.loads(payload)
                if "event" in message:
                    self.events.append(message)
                else:
                    self.answers[message["id"]] = message
            else:
                stream = self.streams[number]
                if kind == DATA:
                    stream.data += payload
                    stream.received += len(payload)
                    grant = 0 if stream.stalled else len(payload)
                elif kind == CREDIT:
                    stream.credit += struct.unpack("<I", payload)[0]
                elif kind == CLOSE:
                    stream.closed = True
                else:
                    raise ValueError(f"the guest sent a frame of type {kind}")
            self.changed.notify_all()
        if grant:
            self.grant(number, grant)

    def wait(self, condition, timeout, what):
        """Returns what condition() gives once it is true; Dead or TimeoutError otherwise."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                value = condition()
                if value:
                    return value
                if self.dead:
                    raise Dead(f"the machine ended the channel; waited for {what}; {self.violations}")
                if not self.changed.wait(max(0, end - time.monotonic())) and time.monotonic() >= end:
                    raise TimeoutError(f"no {what} within {timeout} s")

    def wait_dead(self, timeout=20):
        """True once the machine has ended the channel."""
        end = time.monotonic() + timeout
        with self.changed:
            while not self.dead and time.monotonic() < end:
                self.changed.wait(end - time.monotonic())
            return self.dead

    def event(self, name, timeout=60, **values):
        """The first event of this name and these values."""
        def find():
            for each in self.events:
                if each["event"] == name and all(each.get(key) == value for key, value in values.items()):
                    return each
            return None
        return self.wait(find, timeout, f"event {name} {values}")

    # --- sending --------------------------------------------------------------------------------

    def send_raw(self, data):
        try:
            with self.sending:
                self.socket.sendall(data)
        except OSError as problem:
            raise Dead(str(problem)) from problem

    def send_frame(self, kind, payload=b"", stream=0, **fields):
        self.send_raw(frame(kind, payload, stream, **fields))

    def send_control(self, message):
        """A control message: a dict, or the bytes of something that is none."""
        self.send_frame(CONTROL, message if isinstance(message, bytes) else json.dumps(message).encode())

    def grant(self, number, size):
        try:
            self.send_frame(CREDIT, struct.pack("<I", size), number)
        except Dead:
            pass

    # --- requests -------------------------------------------------------------------------------

    def request(self, op, **args):
        """Sends a request and returns its id without waiting."""
        number = self.next_id
        self.next_id += 1
        self.send_control({"id": number, "op": op, "args": args})
        return number

    def answer(self, number, timeout=30):
        """The result of request `number`; raises Refused."""
        answer = self.wait(lambda: self.answers.get(number), timeout, f"answer to request {number}")
        if not answer["ok"]:
            raise Refused(answer)
        return answer["result"]

    def call(self, op, timeout=30, **args):
        return self.answer(self.request(op, **args), timeout)

    # --- streams --------------------------------------------------------------------------------

    def open(self, stalled=False):
        """A stream with a number that was never used."""
        number = self.next_stream
        self.next_stream += 1
        self.streams[number] = Stream(number, stalled)
        return self.streams[number]

    def write(self, stream, data, timeout=60):
        """Sends all of data, as the credit allows."""
        data = memoryview(data)
        while data:
            self.wait(lambda: stream.credit > 0, timeout, f"credit on stream {stream.number}")
            part = data[: min(stream.credit, PAYLOAD_MAX)]
            stream.credit -= len(part)
            self.send_frame(DATA, bytes(part), stream.number)
            data = data[len(part):]

    def close_stream(self, stream):
        self.send_frame(CLOSE, b"", stream.number)

    def read_all(self, stream, timeout=60):
        """All bytes of a stream from the guest, once it is closed."""
        self.wait(lambda: stream.closed, timeout, f"end of stream {stream.number}")
        return bytes(stream.data)

    def resume(self, stream):
        """Ends a stall: grants what was taken without credit."""
        stream.stalled = False
        if stream.received:
            self.grant(stream.number, stream.received)

    def set_policy(self, text, size=None, timeout=30):
        stream = self.open()
        number = self.request("set_policy", stream=stream.number, size=len(text) if size is None else size)
        try:
            self.write(stream, text)
            self.close_stream(stream)
        except (Dead, TimeoutError):
            if number not in self.answers:
                raise
        return self.answer(number, timeout)

    def flood(self, data, seconds=30, still=2):
        """Sends until the guest has taken nothing for some seconds; returns how much of the data went out."""
        sent, end, last = 0, time.monotonic() + seconds, time.monotonic()
        with self.sending:
            while sent < len(data) and time.monotonic() < end and time.monotonic() - last < still:
                try:
                    sent += self.socket.send(data[sent:sent + 65536], socket.MSG_DONTWAIT)
                    last = time.monotonic()
                except BlockingIOError:
                    time.sleep(0.01)
        return sent

    def close(self):
        self.reading.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


def load_fragment(channel, data, size=None):
    """Hands a signed fragment over; the guest's answer."""
    stream = channel.open()
    number = channel.request("load_fragment", stream=stream.number, size=len(data) if size is None else size)
    channel.write(stream, data)
    channel.close_stream(stream)
    return channel.answer(number, 60)
