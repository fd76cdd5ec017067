"""Starts the attestation agent on this host, as the guest does, and plays its starter (src/agent/exchange.h)."""
import hashlib
import os
import socket
import struct
import subprocess
import threading

from . import paths
from .machine import report_of

AGENT = os.path.join(paths.BUILD, "caisson-attestation-agent")


def listening():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    sock.setblocking(False)
    return sock


class Agent:
    """`services`: (url, address, roots as bytes) each; `resources`: (service's place, path) each. With `serves` it
    answers on the ports `sidecar` and `broker`; else it ends once `outcome` holds its messages."""

    def __init__(self, services, resources=(), serves=False, table=b"", policy=b""):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listeners = [listening(), listening()]
        self.sidecar, self.broker = (each.getsockname()[1] for each in listeners)
        self.runtime, self.outcome, self.table = [], [], table
        config = struct.pack("BBBBB", ord("C"), serves, 0, len(services), len(resources))  # 0: a machine
        for url, address, roots in services:
            config += url.encode() + b"\0" + address.encode() + b"\0" + roots + b"\0"
        for place, path in resources:
            config += bytes([ord("a") + place]) + path.encode() + b"\0"
        self.socket.send(config + policy)
        self.process = subprocess.Popen([AGENT], stdin=theirs, stdout=listeners[0], stderr=listeners[1], env={})
        for each in (theirs, *listeners):
            each.close()
        self.thread = threading.Thread(target=self.answer, daemon=True)
        self.thread.start()

    def answer(self):
        try:
            while message := self.socket.recv(1 << 17):
                if message[:1] != b"R":
                    self.outcome.append(message)
                    continue
                data = message[2:]
                self.runtime.append(data)
                digest = (hashlib.sha256 if message[1] == 32 else hashlib.sha384)(data).digest()
                request = digest + bytes(64 - len(digest)) + bytes(32)
                self.socket.send(b"T" + report_of(request, bytes(32)) + self.table)
        except OSError:
            pass

    def wait(self, timeout=60):
        """The messages that it left, and its status."""
        status = self.process.wait(timeout)
        self.thread.join(timeout)
        return self.outcome, status

    def close(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()
