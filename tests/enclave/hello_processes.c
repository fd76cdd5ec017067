/* Processes: each line says what was seen. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hello.h"

/* What a call answers, and, of -1, why. */
#define TELL(what, call)                                                                           \
    do {                                                                                           \
        long answer = (long)(call);                                                                \
        (void)printf("%s %ld %d\n", what, answer, answer == -1 ? errno : 0);                       \
    } while (0)

static volatile sig_atomic_t ended, ended_pid, ended_status;

static void on_child(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    ended++;
    ended_pid = info->si_pid;
    ended_status = info->si_status;
}

static void await_children_by(int flags, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    (void)sigaction(SIGCHLD, &action, NULL);
}

/* In a child that shares the memory, as long as it runs. */
static pid_t borrow(int (*work)(void))
{
    pid_t pid = vfork();
    if (pid == 0)
        _exit(work());
    return pid;
}

static int status_of(pid_t pid)
{
    int status = -1;
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* --- what a child is -------------------------------------------------------------------------- */

static pid_t parent, child;
static int seen;

static int look(void)
{
    child = getpid();
    seen = getppid() == parent && child != parent && gettid() == child &&
           getpgrp() == getpgid(parent) && getsid(0) == getsid(parent) && kill(child, 0) == 0 &&
           kill(parent, 0) == 0;
    return 7;
}

static int eight(void)
{
    return 8;
}

/* A process that only shares the memory makes others: by both calls. */
static int makes_more(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(getppid() == parent ? 1 : 4);
    return WEXITSTATUS(status_of(pid)) * 10 + WEXITSTATUS(status_of(borrow(eight)));
}

static int is_another(void)
{
    parent = getpid();
    pid_t pid = borrow(look);
    int status = status_of(pid);
    (void)printf("vfork %d %d %d\n", pid == child, seen,
                 WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    (void)printf("more %d\n", WEXITSTATUS(status_of(borrow(makes_more))));
    (void)printf("back %d %d\n", getpid() == parent, gettid() == parent);
    return 0;
}

static int change(void)
{
    struct sigaction none = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGUSR1, &none, NULL);
    (void)umask(077);
    (void)close(5);
    (void)dup2(1, 6);
    return chdir("/tmp") + setpgid(0, 0);
}

static int keeps_what_is_its_own(void)
{
    char cwd[256];
    struct sigaction action;
    mode_t mask = umask(022);
    int group = getpgrp();
    (void)umask(mask);
    if (dup2(0, 5) != 5 || chdir("/") < 0)
        return 1;
    (void)status_of(borrow(change));
    (void)sigaction(SIGUSR1, NULL, &action);
    (void)printf("own %d %d %d %s %d %d\n", action.sa_handler == SIG_DFL, fcntl(5, F_GETFD) >= 0,
                 fcntl(6, F_GETFD), getcwd(cwd, sizeof cwd), umask(mask) == mask,
                 getpgrp() == group);
    return close(5);
}

/* --- how it ends ------------------------------------------------------------------------------ */

static int by_signal(void)
{
    return raise(SIGTERM);
}

static int by_kill(void)
{
    return kill(getpid(), SIGKILL);
}

static int by_fault(void)
{
    volatile int *volatile nowhere = (volatile int *)(uintptr_t)16; /* NOLINT: so it is meant */
    return *nowhere;
}

static int by_abort(void)
{
    struct sigaction none = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGABRT, &none, NULL);
    abort();
}

static int endings(void)
{
    int (*const all[])(void) = {by_signal, by_kill, by_fault, by_abort};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int status = status_of(borrow(all[i]));
        (void)printf("ended %d %d\n", WIFSIGNALED(status), WTERMSIG(status));
    }
    return 0;
}

static int three(void)
{
    return 3;
}

static int waits(void)
{
    int status;
    siginfo_t info;
    TELL("none", wait(NULL));
    TELL("none", waitpid(-1, &status, WNOHANG));
    TELL("refused", waitpid(-1, &status, 0x40000));
    TELL("refused", waitid(P_ALL, 0, &info, 0));
    await_children_by(0, on_child);
    pid_t pid = borrow(three);
    (void)memset(&info, 0x55, sizeof info);
    TELL("look", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    (void)printf("%d %d %d %d\n", info.si_signo == SIGCHLD, info.si_code == CLD_EXITED,
                 info.si_pid == pid, info.si_status);
    (void)printf("told %d %d %d\n", ended, ended_pid == pid, ended_status);
    TELL("again", waitid(P_ALL, 0, &info, WEXITED));
    TELL("gone", waitid(P_ALL, 0, &info, WEXITED));
    TELL("gone", waitpid(pid, &status, 0));
    TELL("gone", kill(pid, 0));
    await_children_by(SA_NOCLDWAIT, on_child);
    pid = borrow(three);
    TELL("forgotten", waitpid(pid, &status, 0));
    (void)printf("told %d\n", ended);
    (void)signal(SIGCHLD, SIG_IGN);
    pid = borrow(three);
    TELL("ignored", waitpid(pid, &status, 0));
    (void)printf("told %d\n", ended);
    (void)signal(SIGCHLD, SIG_DFL);
    return 0;
}

/* --- programs that are not there -------------------------------------------------------------- */

int hello_spawn(void)
{
    pid_t pid = -1;
    char name[] = "nothing";
    char *const words[] = {name, NULL};
    TELL("spawn", posix_spawn(&pid, "/not/there", NULL, NULL, words, NULL));
    TELL("spawn", posix_spawn(&pid, "/", NULL, NULL, words, NULL));
    TELL("left", waitpid(-1, NULL, WNOHANG));
    pid = vfork();
    if (pid == 0) {
        (void)execv("/not/there", words);
        _exit(errno == ENOENT ? 44 : 1);
    }
    (void)printf("exec %d\n", WEXITSTATUS(status_of(pid)));
    return fflush(stdout);
}

/* --- who it is -------------------------------------------------------------------------------- */

static void tell_ids(void)
{
    uid_t real, effective, saved;
    (void)getresuid(&real, &effective, &saved);
    (void)printf("ids %u %u %u\n", real, effective, saved);
}

static int become(void)
{
    gid_t groups[2] = {8, 9};
    struct rlimit files = {50, 60};
    TELL("groups", setgroups(2, groups));
    TELL("groups", getgroups(1, groups));
    TELL("groups", getgroups(0, NULL));
    TELL("group", syscall(SYS_setresgid, 4, 4, 4));
    TELL("user", syscall(SYS_setresuid, 5, 6, 7));
    tell_ids();
    TELL("root", syscall(SYS_setuid, 0));
    TELL("root", syscall(SYS_setgid, 0));
    TELL("groups", setgroups(2, groups));
    TELL("kill", kill(getppid(), 0));
    TELL("open", open("/etc/passwd", O_WRONLY));
    TELL("saved", syscall(SYS_setuid, 7));
    tell_ids();
    TELL("limit", setrlimit(RLIMIT_NOFILE, &files));
    TELL("limit", dup2(1, 50));
    files.rlim_max++;
    TELL("limit", setrlimit(RLIMIT_NOFILE, &files));
    TELL("limit", getrlimit(RLIMIT_NOFILE, &files));
    return (int)files.rlim_max;
}

int hello_identities(void)
{
    int status = status_of(borrow(become));
    (void)printf("was %d %d %d\n", WEXITSTATUS(status), getuid(), getgid());
    return fflush(stdout);
}

static int settings(void)
{
    char name[16] = "";
    int number = -1;
    TELL("name", prctl(PR_SET_NAME, "a name that is too long"));
    TELL("name", prctl(PR_GET_NAME, name));
    (void)puts(name);
    TELL("reaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
    TELL("reaper", prctl(PR_GET_CHILD_SUBREAPER, &number));
    TELL("death", number);
    TELL("death", prctl(PR_SET_PDEATHSIG, 99));
    TELL("death", prctl(PR_SET_PDEATHSIG, SIGHUP));
    TELL("death", prctl(PR_GET_PDEATHSIG, &number));
    TELL("nothing", number);
    TELL("dump", prctl(PR_GET_DUMPABLE));
    TELL("dump", prctl(PR_SET_DUMPABLE, 0));
    TELL("dump", prctl(PR_GET_DUMPABLE));
    TELL("dump", prctl(PR_SET_DUMPABLE, 3));
    TELL("dump", prctl(PR_SET_DUMPABLE, 1));
    TELL("nothing", prctl(12345));
    TELL("nice", setpriority(PRIO_PROCESS, 0, 5));
    TELL("nice", getpriority(PRIO_PROCESS, 0));
    TELL("nice", getpriority(9, 0));
    TELL("sets", syscall(SYS_capget, NULL, NULL));
    TELL("group", setpgid(0, -1));
    TELL("group", setpgid(999999, 0));
    return 0;
}

int hello_processes(void)
{
    int (*const all[])(void) = {is_another, keeps_what_is_its_own, endings, waits, settings};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int status = all[i]();
        (void)fflush(stdout);
        if (status != 0)
            return (int)i + 1;
    }
    return 0;
}
