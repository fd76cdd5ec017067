"""Ports for programs that must be told one: below those that the kernel gives to whoever asks for any, so that no
connection of another test's is given it before the program listens there."""
import contextlib
import random
import socket

RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


def free_ports(count):
    """Ports of the loopback that follow one another, and where nothing listens now."""
    with open(RANGE, encoding="ascii") as file:
        end = int(file.read().split()[0])
    for _ in range(200):
        first = random.randrange(max(1024, end - 16384), end - count)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))
    raise OSError(f"no {count} ports are free below {end}")


def free_port():
    return free_ports(1)[0]
