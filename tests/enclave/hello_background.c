/* Who is in the background of a terminal: each line says what was seen. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hello.h"

static int master, tty;
static pid_t leader;
static volatile sig_atomic_t heard;

static void note(int number)
{
    (void)number;
    heard++;
}

/* --- what one does there ---------------------------------------------------------------------- */

static int reads(void)
{
    char byte;
    return read(tty, &byte, 1) == 1 && byte == 'x' ? 0 : errno;
}

static int reads_now(void)
{
    char byte;
    (void)fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK);
    int result = read(tty, &byte, 1) == 1 ? 0 : errno;
    (void)fcntl(tty, F_SETFL, O_RDWR);
    return result;
}

static int writes(void)
{
    return write(tty, "w", 1) == 1 ? 0 : errno;
}

static int sets(void)
{
    struct termios now;
    if (tcgetattr(tty, &now) < 0)
        return 90;
    return tcsetattr(tty, TCSADRAIN, &now) == 0 ? 0 : errno;
}

static int sets_by_master(void)
{
    struct termios now;
    if (tcgetattr(master, &now) < 0)
        return 90;
    return tcsetattr(master, TCSANOW, &now) == 0 ? 0 : errno;
}

static int flushes(void)
{
    return tcflush(tty, TCOFLUSH) == 0 ? 0 : errno;
}

static int resizes(void)
{
    const struct winsize size = {.ws_row = 3, .ws_col = 4};
    return ioctl(tty, TIOCSWINSZ, &size) == 0 ? 0 : errno;
}

static int takes(void)
{
    return tcsetpgrp(tty, getpgrp()) == 0 ? 0 : errno;
}

static const struct {
    const char *what;
    int (*does)(void);
    int stops; /* whether the terminal has TOSTOP */
} all[] = {
    {"read", reads, 0},      {"read at once", reads_now, 0},
    {"write", writes, 0},    {"write with TOSTOP", writes, 1},
    {"tcsetattr", sets, 0},  {"of the master", sets_by_master, 0},
    {"tcflush", flushes, 0}, {"TIOCSWINSZ", resizes, 0},
    {"tcsetpgrp", takes, 0},
};

#define KINDS (sizeof all / sizeof *all)

/* --- how it takes the signal ------------------------------------------------------------------ */

enum how { STOPS, IGNORES, BLOCKS, HANDLES, RESTARTS, IS_ORPHANED, HOWS };

static void prepare(enum how how)
{
    const int numbers[] = {SIGTTIN, SIGTTOU};
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t set;
    if (how == IGNORES)
        action.sa_handler = SIG_IGN;
    if (how == HANDLES || how == RESTARTS)
        action.sa_handler = note;
    action.sa_flags = how == RESTARTS ? SA_RESTART | (int)SA_RESETHAND : 0;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < 2; i++) {
        (void)sigaddset(&set, numbers[i]);
        (void)sigaction(numbers[i], &action, NULL);
    }
    (void)sigprocmask(how == BLOCKS ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* What the call answered, and how often the signal was heard. */
static int be_in_the_background(int which)
{
    heard = 0;
    int result = all[which].does();
    return result + 100 * heard;
}

static int begin(int which)
{
    (void)setpgid(0, 0);
    prepare((enum how)(which / (int)KINDS));
    return be_in_the_background(which % (int)KINDS);
}

/* By a process that ends, so that nobody in the session but outside of its group is its parent. */
static int begin_orphaned(int which)
{
    int ends[2], code = 0;
    if (pipe(ends) < 0)
        return 91;
    pid_t between = fork();
    if (between == 0) {
        pid_t parent = getpid(), last = fork();
        if (last != 0)
            _exit(0);
        (void)setpgid(0, 0);
        while (getppid() == parent)
            (void)usleep(1000);
        prepare(STOPS);
        code = be_in_the_background(which % (int)KINDS);
        _exit(write(ends[1], &code, sizeof code) == sizeof code ? 0 : 1);
    }
    (void)hello_end(between);
    return read(ends[0], &code, sizeof code) == sizeof code ? code : 92;
}

/* --- the session ------------------------------------------------------------------------------ */

static void set_up(int which)
{
    struct termios now;
    (void)tcgetattr(tty, &now);
    now.c_lflag &= ~(tcflag_t)(TOSTOP | ECHO);
    now.c_lflag |= all[which].stops ? TOSTOP : 0;
    (void)tcsetattr(tty, TCSAFLUSH, &now);
    (void)!write(master, "x\n", 2);
}

/* One that stands still is brought to the foreground, and goes on. */
static int run(int which)
{
    int status = -1;
    pid_t pid = hello_fork(begin, which);
    if (waitpid(pid, &status, WUNTRACED) != pid)
        return 93;
    if (WIFSTOPPED(status)) {
        printf(" stopped %d", WSTOPSIG(status));
        if (tcsetpgrp(tty, pid) < 0 || kill(pid, SIGCONT) < 0 || waitpid(pid, &status, 0) != pid)
            return 94;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int lead(int unused)
{
    static const char *const hows[HOWS] = {"by default", "ignored",      "blocked",
                                           "handled",    "with restart", "orphaned"};
    char name[64];
    (void)unused;
    NEED(setsid() > 0 && ptsname_r(master, name, sizeof name) == 0);
    tty = open(name, O_RDWR);
    NEED(tty >= 0);
    leader = getpid();
    (void)signal(SIGTTOU, SIG_IGN);
    for (int which = 0; which < (int)(KINDS * HOWS); which++) {
        enum how how = (enum how)(which / (int)KINDS);
        int kind = which % (int)KINDS;
        set_up(kind);
        printf("%s, %s:", hows[how], all[kind].what);
        printf(" %d\n", how == IS_ORPHANED ? begin_orphaned(which) : run(which));
        NEED(tcsetpgrp(tty, leader) == 0);
    }
    return 0;
}

/* Nobody's background is one that is another session's terminal. */
int hello_background(void)
{
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    master = posix_openpt(O_RDWR | O_NOCTTY);
    NEED(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    return hello_end(hello_fork(lead, 0));
}
