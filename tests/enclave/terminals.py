"""Terminals by Python's pty: prints the same inside and outside of an enclave."""
import os
import pty
import termios
import tty

SHELL = "/bin/dash"


def shown(fd):
    """All that a terminal shows until its last user is gone, and with which errno it ends."""
    data = b""
    while True:
        try:
            data += os.read(fd, 1000)
        except OSError as error:
            return data, error.errno


def typed(fd, words, text):
    """Types the text once the words have been shown."""
    data = b""
    while words not in data:
        data += os.read(fd, 1000)
    os.write(fd, text)
    return data


def fork(work):
    number, master = pty.fork()
    if number == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return number, master


def result(number):
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def shell(text):
    return fork(lambda: os.execv(SHELL, [SHELL, "-c", text]))


def a_session_of_its_own():
    def work():
        print(os.isatty(0), os.ttyname(0) == os.ttyname(2), os.getsid(0) == os.getpid(), os.tcgetpgrp(0) == os.getpid(), flush=True)
        print(sorted(input("name? ")), flush=True)
        return 5

    number, master = fork(work)
    print(typed(master, b"name? ", b"wolx\x7fd\n"), *shown(master), result(number))


def a_shell_without_echo():
    number, master = shell("stty -echo; echo go; read x; echo =$x=; kill -INT $$; read y")
    print(typed(master, b"go", b"secret\n"), *shown(master), result(number))


def keys_that_are_signals():
    number, master = shell("trap 'echo got; exit 4' INT; echo up; while :; do sleep 0.05; done")
    print(typed(master, b"up\r\n", b"\x03"), *shown(master), result(number))


def what_hangs_up():
    number, master = shell("trap 'exit 3' HUP; echo up; while :; do sleep 0.05; done")
    print(typed(master, b"up\r\n", b""))
    os.close(master)
    print(result(number))


def a_terminal_between():
    """As script(1): what the one terminal shows goes to the other."""
    words = [SHELL, "-c", "tty >/dev/null && echo a terminal; read x; echo $x twice $x; exit 9"]
    number, master = fork(lambda: os.waitstatus_to_exitcode(pty.spawn(words)))
    print(typed(master, b"a terminal\r\n", b"once\n"), *shown(master), result(number))


def raw_bytes():
    master, slave = os.openpty()
    tty.setraw(slave)
    os.write(master, b"\x03\x04\r\n")
    print(os.read(slave, 10), termios.tcgetattr(slave)[3] & (termios.ICANON | termios.ISIG | termios.ECHO))
    os.close(slave)
    print(*shown(master))


a_session_of_its_own()
a_shell_without_echo()
keys_that_are_signals()
what_hangs_up()
a_terminal_between()
raw_bytes()
