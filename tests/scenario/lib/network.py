"""The host's end of a guest's network card: frames as bytes, so that a test can send what no honest network would."""
import os
import socket
import struct
import threading
import time

HOST_MAC, GUEST_MAC = bytes.fromhex("525400aaaaaa"), bytes.fromhex("525400bbbbbb")


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(source, target, port):
    """An Ethernet frame with a TCP SYN from port 4000 + `port`."""
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    segment = struct.pack(">HHIIBBHHH", 4000 + port, port, 1, 0, 5 << 4, 2, 65535, 0, 0)
    total = checksum(addresses + struct.pack(">BBH", 0, 6, len(segment)) + segment)
    segment = segment[:16] + struct.pack(">H", total) + segment[18:]
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + addresses
    header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
    return GUEST_MAC + HOST_MAC + b"\x08\x00" + header + segment


class Network:
    """One card. `accepted` holds (source address, port) of each SYN-ACK that came out of the guest."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "network")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.accepted = set()
        self.connection = None
        threading.Thread(target=self._serve, daemon=True).start()

    def options(self):
        return ["-netdev", f"stream,id=net0,server=off,addr.type=unix,addr.path={self.path}",
                "-device", f"virtio-net-pci,disable-legacy=on,netdev=net0,mac={GUEST_MAC.hex(':')}"]

    def _serve(self):
        try:
            self.connection, _ = self.listener.accept()
            file = self.connection.makefile("rb")
            while size := file.read(4):
                self._take(file.read(*struct.unpack(">I", size)))
        except OSError:
            pass

    def _take(self, frame):
        kind, body = frame[12:14], frame[14:]
        if kind == b"\x08\x06" and body[6:8] == b"\0\x01":  # whoever is asked for, it is us
            answer = body[:7] + b"\2" + HOST_MAC + body[24:28] + body[8:18]
            self.send(GUEST_MAC + HOST_MAC + kind + answer)
        if kind == b"\x08\0" and body[9] == 6 and body[33] & 0x12 == 0x12:
            self.accepted.add((socket.inet_ntoa(body[12:16]), struct.unpack(">H", body[20:22])[0]))

    def send(self, frame):
        self.connection.sendall(struct.pack(">I", len(frame)) + frame)

    def answers(self, source, target, port, timeout):
        """Whether a SYN to this place is answered, from whatever address."""
        end = time.monotonic() + timeout
        self.accepted.clear()
        while time.monotonic() < end:
            self.send(syn(source, target, port))
            time.sleep(0.2)
            if any(number == port for _, number in self.accepted):
                return True
        return False

    def close(self):
        self.listener.close()
        if self.connection:
            self.connection.close()
