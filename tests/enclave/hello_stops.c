/* Processes that stand still and go on: each line says what was seen. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hello.h"

#define MOMENT 60 /* milliseconds in which what runs would do something */

static int ends[2];
static struct {
    atomic_int count[2];
} * all;
static volatile sig_atomic_t heard, last_code, last_status;

static void say_it(int number)
{
    char byte = (char)('A' + number);
    (void)!write(ends[1], &byte, 1);
}

static void note(int number, siginfo_t *info, void *unused)
{
    (void)number;
    (void)unused;
    heard++;
    last_code = info->si_code;
    last_status = info->si_status;
}

static int says_within(int timeout_ms)
{
    struct pollfd polled = {.fd = ends[0], .events = POLLIN};
    char byte;
    if (poll(&polled, 1, timeout_ms) != 1)
        return 0;
    return read(ends[0], &byte, 1) == 1 ? byte : -1;
}

/* What wait tells, as one number: 1000 and the signal of a stop, 2000 that it goes on, 3000 and the
 * signal of an end, or 4000 and a code. */
static int told(pid_t pid, int options)
{
    int status;
    pid_t got = waitpid(pid, &status, options);
    if (got != pid)
        return got == 0 ? 0 : -errno;
    if (WIFSTOPPED(status))
        return 1000 + WSTOPSIG(status);
    if (WIFCONTINUED(status))
        return 2000;
    return WIFSIGNALED(status) ? 3000 + WTERMSIG(status) : 4000 + WEXITSTATUS(status);
}

static char state_of(pid_t pid)
{
    char name[40], state = '?';
    (void)snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(name, "r");
    if (!file)
        return '!';
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    (void)fclose(file);
    return state;
}

/* --- one that waits --------------------------------------------------------------------------- */

static int waits(int with)
{
    const struct sigaction say = {.sa_handler = say_it};
    NEED(sigaction(SIGUSR1, &say, NULL) == 0);
    if (with != 0)
        NEED(sigaction(with, &say, NULL) == 0);
    say_it(0);
    for (;;)
        (void)pause();
}

static int stands(void)
{
    pid_t child = hello_fork(waits, 0);
    NEED(child > 0 && says_within(60000) == 'A');
    NEED(told(child, WNOHANG | WUNTRACED | WCONTINUED) == 0);
    NEED(kill(child, SIGSTOP) == 0);
    printf("stopped: %d\n", told(child, WUNTRACED));
    printf("state: %c\n", state_of(child));
    NEED(told(child, WNOHANG | WUNTRACED | WCONTINUED) == 0); /* it was told */
    NEED(kill(child, SIGUSR1) == 0);
    printf("meanwhile: %d\n", says_within(MOMENT));
    NEED(kill(child, SIGCONT) == 0);
    printf("afterwards: %c\n", says_within(60000));
    printf("goes on: %d\n", told(child, WCONTINUED));
    NEED(kill(child, SIGCONT) == 0); /* it runs: nobody is told */
    NEED(kill(child, SIGUSR1) == 0 && says_within(60000) == 'A' + SIGUSR1);
    NEED(told(child, WNOHANG | WUNTRACED | WCONTINUED) == 0);
    NEED(kill(child, SIGSTOP) == 0 && told(child, WUNTRACED) == 1000 + SIGSTOP);
    NEED(kill(child, SIGTERM) == 0 && told(child, WNOHANG) == 0);
    NEED(kill(child, SIGKILL) == 0);
    printf("killed: %d\n", told(child, WUNTRACED));
    return 0;
}

static int is_waited_for(void)
{
    pid_t child = hello_fork(waits, SIGCONT);
    siginfo_t info = {.si_pid = 7};
    NEED(child > 0 && says_within(60000) == 'A');
    NEED(waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == 0);
    NEED(kill(child, SIGTSTP) == 0 && kill(child, SIGSTOP) == 0);
    NEED(waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT) == 0 && info.si_pid == child);
    NEED(info.si_signo == SIGCHLD && info.si_code == CLD_STOPPED);
    NEED(waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0);
    NEED(waitid(P_ALL, 0, &info, WSTOPPED) == 0 && info.si_pid == child);
    NEED(waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == 0);
    NEED(kill(child, SIGCONT) == 0);
    printf("its handler: %d\n", says_within(60000) - 'A');
    NEED(waitid(P_PID, (id_t)child, &info, WCONTINUED) == 0);
    printf("waitid: %d %d\n", info.si_code == CLD_CONTINUED, info.si_status == SIGCONT);
    NEED(kill(child, SIGKILL) == 0);
    printf("its end: %d\n", told(child, 0));
    return 0;
}

/* --- one that works in two threads, and one that reads ---------------------------------------- */

static void *counts(void *number)
{
    while (atomic_load(&all->count[*(int *)number]) >= 0)
        atomic_fetch_add(&all->count[*(int *)number], 1);
    return NULL;
}

static int works(int unused)
{
    static int numbers[] = {0, 1};
    pthread_t thread;
    (void)unused;
    NEED(pthread_create(&thread, NULL, counts, &numbers[1]) == 0);
    (void)counts(&numbers[0]);
    return 0;
}

static int do_they_count(void)
{
    int before[2] = {atomic_load(&all->count[0]), atomic_load(&all->count[1])};
    (void)poll(NULL, 0, MOMENT);
    return (atomic_load(&all->count[0]) != before[0]) + (atomic_load(&all->count[1]) != before[1]);
}

static int stands_in_all_threads(void)
{
    pid_t child = hello_fork(works, 0);
    NEED(child > 0);
    while (atomic_load(&all->count[0]) == 0 || atomic_load(&all->count[1]) == 0)
        (void)poll(NULL, 0, 1);
    NEED(kill(child, SIGSTOP) == 0 && told(child, WUNTRACED) == 1000 + SIGSTOP);
    (void)poll(NULL, 0, MOMENT); /* a thread stops when it is interrupted */
    printf("they count: %d\n", do_they_count());
    NEED(kill(child, SIGCONT) == 0 && told(child, WCONTINUED) == 2000);
    int before[2] = {atomic_load(&all->count[0]), atomic_load(&all->count[1])};
    while (atomic_load(&all->count[0]) == before[0] || atomic_load(&all->count[1]) == before[1])
        (void)poll(NULL, 0, 1);
    NEED(kill(child, SIGKILL) == 0 && told(child, 0) == 3000 + SIGKILL);
    return 0;
}

static int reads(int from)
{
    char byte = 0;
    say_it(0);
    return read(from, &byte, 1) == 1 ? byte : 1;
}

/* What it waited for is waited for again. */
static int reads_on(void)
{
    int more[2];
    NEED(pipe(more) == 0);
    pid_t child = hello_fork(reads, more[0]);
    NEED(child > 0 && says_within(60000) == 'A');
    NEED(kill(child, SIGSTOP) == 0 && told(child, WUNTRACED) == 1000 + SIGSTOP);
    NEED(kill(child, SIGCONT) == 0 && told(child, WCONTINUED) == 2000);
    NEED(kill(child, SIGSTOP) == 0 && told(child, WUNTRACED) == 1000 + SIGSTOP);
    NEED(write(more[1], "*", 1) == 1);
    NEED(told(child, WNOHANG) == 0);
    NEED(kill(child, SIGCONT) == 0);
    printf("reads on: %d\n", told(child, 0));
    return close(more[0]) | close(more[1]);
}

/* --- by itself -------------------------------------------------------------------------------- */

static int stops_itself(int number)
{
    (void)setpgid(0, 0);
    NEED(raise(number) == 0);
    return 5;
}

static int stops_in_vain(int how)
{
    const struct sigaction say = {.sa_handler = say_it};
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTSTP);
    (void)sigaddset(&set, SIGCONT);
    if (how == 0)
        NEED(setsid() > 0); /* nobody could have it go on */
    if (how == 1)
        (void)signal(SIGTSTP, SIG_IGN);
    if (how == 2)
        NEED(sigaction(SIGTSTP, &say, NULL) == 0);
    if (how >= 3) {
        NEED(setpgid(0, 0) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0);
        NEED(sigaction(SIGCONT, &say, NULL) == 0);
    }
    if (how == 4)
        NEED(raise(SIGCONT) == 0);
    NEED(raise(SIGTSTP) == 0);
    if (how == 3)
        NEED(raise(SIGCONT) == 0); /* which takes the other one away */
    NEED(sigpending(&set) == 0);
    return 10 * sigismember(&set, SIGTSTP) + sigismember(&set, SIGCONT);
}

static int is_stopped_by_itself(void)
{
    static const int numbers[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pid_t child = hello_fork(stops_itself, numbers[i]);
        int first = told(child, WUNTRACED);
        NEED(kill(child, SIGCONT) == 0);
        printf("by itself: %d %d\n", first, told(child, 0));
    }
    for (int how = 0; how < 5; how++)
        printf("in vain: %d\n", told(hello_fork(stops_in_vain, how), WUNTRACED));
    printf("its handler: %d\n", says_within(60000) - 'A');
    return 0;
}

/* --- SIGCHLD ---------------------------------------------------------------------------------- */

static int await_heard(int count)
{
    for (int i = 0; heard < count && i < 6000; i++)
        (void)poll(NULL, 0, 10);
    return heard == count;
}

static int is_heard_of(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    NEED(sigaction(SIGCHLD, &action, NULL) == 0);
    pid_t child = hello_fork(waits, 0);
    NEED(child > 0 && says_within(60000) == 'A');
    NEED(kill(child, SIGSTOP) == 0 && await_heard(1));
    printf("heard: %d %d\n", last_code == CLD_STOPPED, last_status == SIGSTOP);
    NEED(kill(child, SIGCONT) == 0 && await_heard(2));
    printf("heard: %d %d\n", last_code == CLD_CONTINUED, last_status == SIGCONT);
    action.sa_flags |= SA_NOCLDSTOP;
    NEED(sigaction(SIGCHLD, &action, NULL) == 0);
    NEED(kill(child, SIGSTOP) == 0 && told(child, WUNTRACED) == 1000 + SIGSTOP);
    NEED(kill(child, SIGCONT) == 0 && told(child, WCONTINUED) == 2000);
    NEED(heard == 2);
    NEED(kill(child, SIGKILL) == 0 && await_heard(3));
    printf("heard: %d %d\n", last_code == CLD_KILLED, last_status == SIGKILL);
    NEED(told(child, 0) == 3000 + SIGKILL);
    (void)signal(SIGCHLD, SIG_DFL);
    return 0;
}

/* --- alone ------------------------------------------------------------------------------------ */

static int stops_alone(int handles)
{
    const struct sigaction say = {.sa_handler = say_it};
    (void)setpgid(0, 0);
    if (handles)
        NEED(sigaction(SIGHUP, &say, NULL) == 0 && sigaction(SIGCONT, &say, NULL) == 0);
    NEED(raise(SIGSTOP) == 0);
    say_it(25); /* Z */
    (void)alarm(60);
    for (;;)
        (void)pause();
}

/* Its parent: the one outside of its group that could have it go on. */
static int leaves_it(int handles)
{
    pid_t child = hello_fork(stops_alone, handles);
    NEED(write(ends[1], &child, sizeof child) == sizeof child);
    NEED(told(child, WUNTRACED) == 1000 + SIGSTOP);
    return 0;
}

static int leads(int handles)
{
    NEED(setsid() > 0);
    return hello_end(hello_fork(leaves_it, handles));
}

static int await_end(pid_t pid)
{
    for (int i = 0; kill(pid, 0) == 0 && state_of(pid) != 'Z' && i < 6000; i++)
        (void)poll(NULL, 0, 10);
    return kill(pid, 0) < 0 || state_of(pid) == 'Z';
}

static int is_left_alone(void)
{
    pid_t pid;
    NEED(hello_end(hello_fork(leads, 0)) == 0 && read(ends[0], &pid, sizeof pid) == sizeof pid);
    printf("hung up: %d\n", await_end(pid));
    printf("said: %d\n", says_within(0));
    NEED(hello_end(hello_fork(leads, 1)) == 0 && read(ends[0], &pid, sizeof pid) == sizeof pid);
    int all_said = says_within(60000) + says_within(60000) + says_within(60000);
    printf("both, and goes on: %d\n", all_said == 'A' + SIGHUP + 'A' + SIGCONT + 'Z');
    NEED(kill(pid, SIGKILL) == 0);
    return 0;
}

int hello_stops(void)
{
    int (*const each[])(void) = {stands,       is_waited_for,        stands_in_all_threads,
                                 reads_on,     is_stopped_by_itself, is_heard_of,
                                 is_left_alone};
    int result = 0;
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(all != MAP_FAILED && pipe(ends) == 0);
    for (size_t i = 0; result == 0 && i < sizeof each / sizeof each[0]; i++) {
        result = each[i]();
        (void)fflush(stdout);
    }
    return result;
}
