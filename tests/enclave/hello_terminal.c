/* Terminals: each line says what was seen. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hello.h"

/* What a call answers, and, of -1, why. */
#define TELL(what, call)                                                                           \
    do {                                                                                           \
        long answer = (long)(call);                                                                \
        (void)printf("%s %ld %d\n", what, answer, answer == -1 ? errno : 0);                       \
    } while (0)

struct pair {
    int master, slave;
    char name[64];
};

static bool open_pair(struct pair *pair)
{
    pair->master = posix_openpt(O_RDWR | O_NOCTTY);
    if (pair->master < 0 || grantpt(pair->master) < 0 || unlockpt(pair->master) < 0 ||
        ptsname_r(pair->master, pair->name, sizeof pair->name) != 0)
        return false;
    pair->slave = open(pair->name, O_RDWR | O_NOCTTY);
    return pair->slave >= 0;
}

static void close_pair(const struct pair *pair)
{
    (void)close(pair->master);
    (void)close(pair->slave);
}

static void show(const char *what, const char *bytes, size_t size)
{
    (void)printf("  %s ", what);
    for (size_t i = 0; i < size; i++) {
        unsigned char one = (unsigned char)bytes[i];
        (void)printf(one > ' ' && one < 0x7F ? "%c" : "<%02x>", one);
    }
    (void)printf("\n");
}

/* --- lines ------------------------------------------------------------------------------------ */

struct typed {
    const char *what;
    tcflag_t on, off;   /* of c_lflag */
    tcflag_t in, inoff; /* of c_iflag */
    const char *bytes;  /* the last line has a Z, and ends with it and what ends a line */
};

static const struct typed all_typed[] = {
    {"a line", 0, 0, 0, 0, "abc Z\n"},
    {"two lines", 0, 0, 0, 0, "abc\ndeZ\n"},
    {"return", 0, 0, 0, 0, "ab\rcZ\r"},
    {"no return", 0, 0, IGNCR, 0, "ab\rcZ\n"},
    {"return as it is", 0, 0, 0, ICRNL, "ab\rcZ\n"},
    {"newline to return", 0, 0, INLCR, ICRNL, "ab\ncZ\004"},
    {"erase", 0, 0, 0, 0, "abc\177\177xZ\n"},
    {"erase nothing", 0, 0, 0, 0, "\177\177a\177\177Z\n"},
    {"erase control", 0, 0, 0, 0, "a\001b\002\177\177\177Z\n"},
    {"erase a tab", 0, 0, 0, 0, "ab\tc\177\177dZ\n"},
    {"erase in UTF-8", 0, 0, IUTF8, 0, "a\303\244\303\266\177Z\n"},
    {"erase bytes", 0, 0, 0, IUTF8, "a\303\244\177Z\n"},
    {"erase without ECHOE", 0, ECHOE, 0, 0, "abc\177Z\n"},
    {"word", 0, 0, 0, 0, "one two_3  \027x\027\027Z\n"},
    {"kill", 0, 0, 0, 0, "hello\025Z\n"},
    {"kill without ECHOKE", 0, ECHOKE, 0, 0, "hello\025Z\n"},
    {"kill without ECHOK", 0, ECHOKE | ECHOK, 0, 0, "hello\025Z\n"},
    {"literal", 0, 0, 0, 0, "a\026\003\026\177Z\n"},
    {"again", 0, 0, 0, 0, "ab\022cZ\n"},
    {"no echo", 0, ECHO, 0, 0, "abc\177Z\n"},
    {"echo of newlines alone", ECHONL, ECHO, 0, 0, "abcZ\n"},
    {"no ECHOCTL", 0, ECHOCTL, 0, 0, "a\001\033bZ\n"},
    {"no IEXTEN", 0, IEXTEN, 0, 0, "a\027\026b\022Z\n"},
    {"end in a line", 0, 0, 0, 0, "abc\004deZ\n"},
    {"end alone", 0, 0, 0, 0, "\004Z\n"},
    {"stripped", 0, 0, ISTRIP, 0, "\301\302Z\n"},
    {"stop and start", 0, 0, 0, 0, "a\023b\021cZ\n"},
    {"stop as a byte", 0, 0, 0, IXON, "a\023b\021cZ\n"},
    {"signals as bytes", 0, ISIG, 0, 0, "a\003b\034c\032Z\n"},
    {"raw", 0, ICANON | ECHO | ISIG | IEXTEN, 0, ICRNL | IXON, "a\003\177\004\r\n\026Z"},
    {"raw with echo", 0, ICANON, 0, 0, "ab\177\001\nZ"},
};

static void set(int fd, const struct typed *how)
{
    struct termios now;
    (void)tcgetattr(fd, &now);
    now.c_lflag = (now.c_lflag | how->on) & ~how->off;
    now.c_iflag = (now.c_iflag | how->in) & ~how->inoff;
    (void)tcsetattr(fd, TCSANOW, &now);
}

/* What is shown is there once this has come behind it. */
static void show_echo(const struct pair *pair)
{
    char bytes[512];
    size_t size = 0;
    (void)!write(pair->slave, "#", 1);
    while (size < sizeof bytes && (size == 0 || bytes[size - 1] != '#')) {
        ssize_t got = read(pair->master, bytes + size, sizeof bytes - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    show("shown", bytes, size);
}

static bool has_last(const char *bytes, size_t size)
{
    return memchr(bytes, 'Z', size) != NULL;
}

static int lines(void)
{
    char bytes[256];
    for (size_t i = 0; i < sizeof all_typed / sizeof *all_typed; i++) {
        struct pair pair;
        ssize_t got;
        NEED(open_pair(&pair));
        set(pair.slave, &all_typed[i]);
        (void)printf("%s\n", all_typed[i].what);
        size_t size = strlen(all_typed[i].bytes);
        NEED(write(pair.master, all_typed[i].bytes, size) == (ssize_t)size);
        do {
            got = read(pair.slave, bytes, sizeof bytes);
            NEED(got >= 0);
            show("read", bytes, (size_t)got);
        } while (!has_last(bytes, (size_t)got));
        show_echo(&pair);
        close_pair(&pair);
    }
    return 0;
}

/* --- parts of lines --------------------------------------------------------------------------- */

static void await(int fd, short events)
{
    struct pollfd item = {.fd = fd, .events = events};
    (void)poll(&item, 1, 60000);
}

static int parts(void)
{
    struct pair pair;
    char bytes[64];
    int left = -1;
    NEED(open_pair(&pair));
    NEED(write(pair.master, "abcdef\nxy\004", 10) == 10);
    await(pair.slave, POLLIN);
    NEED(read(pair.slave, bytes, 4) == 4);
    show("four", bytes, 4);
    TELL("rest", read(pair.slave, bytes, sizeof bytes));
    TELL("two before the end", read(pair.slave, bytes, 2));
    TELL("FIONREAD", ioctl(pair.slave, FIONREAD, &left));
    (void)fcntl(pair.slave, F_SETFL, O_NONBLOCK);
    TELL("nothing", read(pair.slave, bytes, sizeof bytes));
    TELL("half", write(pair.master, "half", 4));
    TELL("half is not read", read(pair.slave, bytes, sizeof bytes));
    NEED(write(pair.master, "\n", 1) == 1);
    await(pair.slave, POLLIN);
    TELL("FIONREAD", ioctl(pair.slave, FIONREAD, &left));
    (void)printf("left %d\n", left);
    TELL("flush", tcflush(pair.slave, TCIFLUSH));
    TELL("flushed", read(pair.slave, bytes, sizeof bytes));
    TELL("flush wrong", ioctl(pair.slave, TCFLSH, 7));
    close_pair(&pair);
    return 0;
}

/* VMIN and VTIME. */
static int counts(void)
{
    struct pair pair;
    struct termios now;
    char bytes[64];
    NEED(open_pair(&pair));
    (void)tcgetattr(pair.slave, &now);
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    now.c_cc[VMIN] = 0;
    now.c_cc[VTIME] = 0;
    (void)tcsetattr(pair.slave, TCSANOW, &now);
    TELL("at once", read(pair.slave, bytes, sizeof bytes));
    now.c_cc[VTIME] = 1;
    (void)tcsetattr(pair.slave, TCSANOW, &now);
    TELL("after a time", read(pair.slave, bytes, sizeof bytes));
    now.c_cc[VMIN] = 3;
    (void)tcsetattr(pair.slave, TCSANOW, &now);
    NEED(write(pair.master, "ab", 2) == 2);
    TELL("two within a time", read(pair.slave, bytes, sizeof bytes));
    now.c_cc[VTIME] = 0;
    (void)tcsetattr(pair.slave, TCSANOW, &now);
    NEED(write(pair.master, "abc", 3) == 3);
    TELL("three", read(pair.slave, bytes, sizeof bytes));
    NEED(write(pair.master, "xy", 2) == 2);
    TELL("no more than asked for", read(pair.slave, bytes, 2));
    close_pair(&pair);
    return 0;
}

/* --- output ----------------------------------------------------------------------------------- */

static int output(void)
{
    static const struct {
        const char *what;
        tcflag_t flags;
    } all[] = {{"none", 0},
               {"OPOST", OPOST},
               {"ONLCR", OPOST | ONLCR},
               {"OCRNL", OPOST | OCRNL},
               {"ONOCR", OPOST | ONOCR},
               {"ONLRET", OPOST | ONLRET},
               {"XTABS", OPOST | ONLCR | XTABS}};
    static const char text[] = "\rab\tc\n\td\r\re\b\tf\n#";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct pair pair;
        struct termios now;
        char bytes[128];
        size_t size = 0;
        NEED(open_pair(&pair));
        (void)tcgetattr(pair.slave, &now);
        now.c_oflag = all[i].flags;
        (void)tcsetattr(pair.slave, TCSANOW, &now);
        NEED(write(pair.slave, text, sizeof text - 1) == sizeof text - 1);
        while (size == 0 || bytes[size - 1] != '#') {
            ssize_t got = read(pair.master, bytes + size, sizeof bytes - size);
            NEED(got > 0);
            size += (size_t)got;
        }
        show(all[i].what, bytes, size);
        close_pair(&pair);
    }
    return 0;
}

/* --- what it is ------------------------------------------------------------------------------- */

static int settings(void)
{
    struct pair pair;
    struct termios now;
    struct winsize size;
    struct stat status;
    char name[64];
    int value;
    NEED(open_pair(&pair));
    NEED(tcgetattr(pair.slave, &now) == 0);
    (void)printf("flags %x %x %x %x\n", now.c_iflag, now.c_oflag, now.c_cflag, now.c_lflag);
    for (size_t i = 0; i < 19; i++)
        (void)printf("%d ", now.c_cc[i]);
    (void)printf("\n");
    TELL("isatty", isatty(pair.slave));
    TELL("of the master", isatty(pair.master));
    TELL("ttyname", ttyname_r(pair.slave, name, sizeof name));
    (void)printf("the same name %d\n", strcmp(name, pair.name) == 0);
    NEED(fstat(pair.slave, &status) == 0);
    (void)printf("mode %o major %d\n", status.st_mode & 0170700, (int)(status.st_rdev >> 8));
    NEED(ioctl(pair.slave, TIOCGWINSZ, &size) == 0);
    (void)printf("size %d %d\n", size.ws_row, size.ws_col);
    size.ws_row = 12;
    TELL("TIOCSWINSZ", ioctl(pair.master, TIOCSWINSZ, &size));
    NEED(ioctl(pair.slave, TIOCGWINSZ, &size) == 0);
    (void)printf("size %d %d\n", size.ws_row, size.ws_col);
    TELL("TIOCGPTN", ioctl(pair.slave, TIOCGPTN, &value));
    TELL("TIOCGPGRP", ioctl(pair.slave, TIOCGPGRP, &value));
    TELL("TIOCGPGRP of the master", ioctl(pair.master, TIOCGPGRP, &value));
    TELL("TIOCGSID", ioctl(pair.slave, TIOCGSID, &value));
    TELL("TIOCNOTTY", ioctl(pair.slave, TIOCNOTTY, 0));
    TELL("unknown", ioctl(pair.slave, 0x54FF, &value));
    TELL("nowhere", ioctl(pair.slave, TCGETS, NULL));
    TELL("lseek", lseek(pair.slave, 0, SEEK_CUR));
    TELL("/dev/pts/77", open("/dev/pts/77", O_RDWR | O_NOCTTY));
    (void)close(pair.slave);
    await(pair.master, POLLIN);
    TELL("the last slave has gone", read(pair.master, name, sizeof name));
    (void)close(pair.master);
    int locked = posix_openpt(O_RDWR | O_NOCTTY);
    TELL("TIOCGPTLCK", ioctl(locked, TIOCGPTLCK, &value));
    (void)printf("locked %d\n", value);
    NEED(ptsname_r(locked, name, sizeof name) == 0);
    TELL("what is locked", open(name, O_RDWR | O_NOCTTY));
    (void)close(locked);
    TELL("a name that has gone", open(pair.name, O_RDWR | O_NOCTTY));
    return 0;
}

/* --- sessions --------------------------------------------------------------------------------- */

static volatile sig_atomic_t seen[65];

static void note(int number)
{
    seen[number]++;
}

static void await_signal(int number)
{
    sigset_t none, all;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    while (!seen[number])
        (void)sigsuspend(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)printf("signal %d\n", number);
}

static void say(const char *bytes)
{
    (void)!write(STDERR_FILENO, bytes, strlen(bytes));
}

/* What the parent waits for, by a pipe as standard error. */
static int lead(const struct pair *pair)
{
    const int signals[] = {SIGINT, SIGQUIT, SIGWINCH, SIGHUP};
    struct sigaction action = {.sa_handler = note};
    char bytes[16];
    int value;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)sigaction(signals[i], &action, NULL);
    TELL("/dev/tty without a session", open("/dev/tty", O_RDWR) >= 0);
    NEED(setsid() > 0);
    TELL("/dev/tty", open("/dev/tty", O_RDWR));
    int own = open(pair->name, O_RDWR); /* without O_NOCTTY */
    NEED(own >= 0);
    TELL("TIOCSCTTY again", ioctl(own, TIOCSCTTY, 0));
    (void)printf("foreground %d\n", tcgetpgrp(own) == getpgrp());
    (void)printf("session %d\n", tcgetsid(own) == getsid(0));
    int tty = open("/dev/tty", O_RDWR);
    NEED(tty >= 0);
    TELL("tcsetpgrp", tcsetpgrp(tty, getpgrp()));
    TELL("no group", tcsetpgrp(tty, 4194303));
    TELL("another session's", tcsetpgrp(tty, getpgid(getppid())));
    (void)close(pair->slave);
    (void)close(pair->master);
    (void)fflush(stdout);
    say("i");
    await_signal(SIGINT);
    (void)fflush(stdout);
    say("q");
    await_signal(SIGQUIT);
    (void)fflush(stdout);
    say("w");
    await_signal(SIGWINCH);
    (void)fflush(stdout);
    say("h");
    await_signal(SIGHUP);
    TELL("read after", read(own, bytes, sizeof bytes));
    TELL("write after", write(own, "x", 1));
    TELL("ioctl after", ioctl(own, TIOCGPGRP, &value));
    TELL("/dev/tty after", open("/dev/tty", O_RDWR));
    return 0;
}

static struct pair shared;
static int told[2];

static int run_leader(int argument)
{
    (void)argument;
    (void)dup2(told[1], STDERR_FILENO);
    (void)close(told[0]);
    (void)close(told[1]);
    int status = lead(&shared);
    (void)fflush(stdout);
    return status;
}

static int sessions(void)
{
    struct winsize size = {.ws_row = 5, .ws_col = 6};
    char what;
    NEED(open_pair(&shared) && pipe(told) == 0);
    (void)fflush(stdout);
    pid_t pid = hello_fork(run_leader, 0);
    (void)close(told[1]);
    (void)close(shared.slave);
    while (read(told[0], &what, 1) == 1) {
        if (what == 'i')
            NEED(write(shared.master, "\003", 1) == 1);
        if (what == 'q')
            NEED(write(shared.master, "\034", 1) == 1);
        if (what == 'w')
            NEED(ioctl(shared.master, TIOCSWINSZ, &size) == 0);
        if (what == 'h')
            (void)close(shared.master);
    }
    return hello_end(pid);
}

/* A leader that ends: those in the foreground get SIGHUP. */
static int run_group(int argument)
{
    int ready[2];
    char byte;
    (void)argument;
    (void)close(told[0]);
    NEED(setsid() > 0 && open(shared.name, O_RDWR) >= 0 && pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sigaction action = {.sa_handler = note};
        (void)sigaction(SIGHUP, &action, NULL);
        (void)!write(ready[1], "r", 1);
        await_signal(SIGHUP);
        (void)fflush(stdout);
        _exit(0);
    }
    NEED(read(ready[0], &byte, 1) == 1);
    return 0;
}

static int leaves(void)
{
    char byte;
    NEED(open_pair(&shared) && pipe(told) == 0);
    (void)fflush(stdout);
    pid_t pid = hello_fork(run_group, 0);
    (void)close(told[1]);
    NEED(hello_end(pid) == 0);
    TELL("the others end", read(told[0], &byte, 1)); /* when both have closed it */
    close_pair(&shared);
    return 0;
}

int hello_terminal(void)
{
    int (*const all[])(void) = {settings, lines, parts, counts, output, sessions, leaves};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int status = all[i]();
        if (status != 0)
            return status;
    }
    return 0;
}
