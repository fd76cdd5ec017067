"""What processes share, and what each has of its own: prints the same inside and outside of an enclave."""
import fcntl
import os
import select
import signal
import struct

import _socket


def child(work):
    number = os.fork()
    if number == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return number


def result(number):
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def large_writes():
    """Through a pipe that is filled many times over, from a child."""
    read_end, write_end = os.pipe()

    def write():
        done = 0
        while done < 500000:
            done += os.write(write_end, b"x" * (500000 - done))
        return 7

    number = child(write)
    os.close(write_end)
    got = 0
    while part := os.read(read_end, 65536):
        got += len(part)
    return got, result(number)


def offsets_and_locks():
    """An offset is the open file's, a lock the process'."""
    path = f"/dev/shm/caisson-{os.getpid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.unlink(path)
    os.write(file, b"0123456789")
    os.lseek(file, 0, 0)
    fcntl.lockf(file, fcntl.LOCK_EX)

    def lock():
        first = os.read(file, 4)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 5 if first == b"0123" else 2
        return 1

    return result(child(lock)), os.read(file, 3)


def signals():
    """One of another process ends a wait, or the process."""
    ready, tell = os.pipe()
    empty, _keep = os.pipe()

    def handler(_number, _frame):
        raise InterruptedError

    def wait():
        signal.signal(signal.SIGUSR1, handler)
        try:
            os.write(tell, b"r")
            os.read(empty, 1)
        except InterruptedError:
            return 6
        return 3

    number = child(wait)
    os.read(ready, 1)
    os.kill(number, signal.SIGUSR1)
    interrupted = result(number)
    os.close(ready)
    number = child(lambda: os.read(empty, 1))
    os.kill(number, signal.SIGKILL)

    def to_nobody():
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.write(tell, b"x")
        return 4

    return interrupted, result(number), result(child(to_nobody))


def polls():
    empty, keep = os.pipe()

    def poll():
        poll = select.poll()
        poll.register(empty, select.POLLIN)
        return len(poll.poll(20000)) + len(select.select([empty], [], [], 20)[0])

    number = child(poll)
    os.write(keep, b"x")
    return result(number)


def sockets():
    """The other end's process, user and group; and who sent a message."""
    name = b"\0caisson-%d" % os.getpid()
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.bind(name)
    server.listen(1)

    def connect():
        client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        client.connect(name)
        peer = struct.unpack("3i", client.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12))
        client.recv(1)  # credentials are asked for
        client.send(b"x" * 10)
        return 5 if peer == (os.getppid(), os.getuid(), os.getgid()) else 6

    number = child(connect)
    end = _socket.socket(fileno=server._accept()[0])
    end.setsockopt(_socket.SOL_SOCKET, _socket.SO_PASSCRED, 1)
    peer = struct.unpack("3i", end.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12))
    end.send(b"g")
    data, control, _, _ = end.recvmsg(10, 100)
    sent = [struct.unpack("3i", item[2])[0] == number for item in control]
    return peer == (number, os.getuid(), os.getgid()), data, sent, result(number)


def folders():
    """A child's child goes its own way."""
    start = os.getcwd()

    def move():
        os.chdir("/dev")
        os.umask(0o77)
        return result(child(lambda: 8 if os.getcwd() == "/dev" and os.umask(0) == 0o77 else 9))

    before = os.umask(0o22)
    return result(child(move)), os.umask(before), os.getcwd() == start


def queued():
    """All signals that queue come, also where they are blocked."""
    ready, tell = os.pipe()
    blocked = {signal.SIGRTMIN, signal.SIGUSR2}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)

    def count():
        os.write(tell, b"r")
        signal.sigwait({signal.SIGUSR2})
        done = 0
        while signal.sigtimedwait({signal.SIGRTMIN}, 0):
            done += 1
        return done

    number = child(count)
    os.read(ready, 1)
    for _ in range(200):
        while True:
            try:
                os.kill(number, signal.SIGRTMIN)
                break
            except BlockingIOError:  # for the moment
                os.sched_yield()
    os.kill(number, signal.SIGUSR2)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
    return result(number)


def told():
    """What /proc says of another process, of which a program was begun by its own name there."""
    ready, tell = os.pipe()
    end, keep = os.pipe()
    os.set_inheritable(tell, True)
    os.set_inheritable(end, True)
    words = ["a name", "-I", "-S", "-c", f"import os; os.write({tell}, b'r'); os.read({end}, 1)"]
    number = child(lambda: os.execv("/proc/self/exe", words))
    os.read(ready, 1)
    with open(f"/proc/{number}/cmdline", "rb") as file:
        cmdline = file.read().split(b"\0")[:4]
    same = os.readlink(f"/proc/{number}/exe") == os.readlink("/proc/self/exe")
    with open(f"/proc/{number}/comm", "rb") as file:
        name = file.read()
    os.write(keep, b"x")
    return cmdline, same, name, result(number)


print(large_writes(), offsets_and_locks(), signals(), polls(), sockets(), folders(), queued(), told())
