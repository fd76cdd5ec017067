/* Processes with memory of their own: each line says what was seen. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hello.h"

#define PAGE     4096
#define OUTLIVES 60 /* seconds */

pid_t hello_fork(int (*work)(int), int argument)
{
    pid_t pid;
    (void)fflush(stdout);
    pid = fork();
    if (pid == 0) {
        int code = work(argument);
        (void)fflush(stdout);
        _exit(code);
    }
    return pid;
}

int hello_end(pid_t pid)
{
    int status = -1;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* --- what is copied --------------------------------------------------------------------------- */

static int variable = 1;
static __thread int of_thread = 2;
static char *mapped, *closed;
static volatile sig_atomic_t got;

static void on_signal(int number)
{
    got = number;
}

static int look(int local)
{
    sigset_t mask;
    struct itimerval timer;
    double three = (double)local / 3;
    struct sigaction action;
    (void)sigprocmask(SIG_BLOCK, NULL, &mask);
    (void)getitimer(ITIMER_REAL, &timer);
    (void)sigaction(SIGUSR1, NULL, &action);
    (void)printf("copy %d %d %d %s %d %.3f\n", variable, of_thread, local, mapped,
                 msync(closed, PAGE, 0), three);
    (void)printf("signals %d %d %d %d\n", sigismember(&mask, SIGUSR2),
                 action.sa_handler == on_signal, timer.it_value.tv_sec == 0, getpid() == gettid());
    variable = of_thread = 77;
    (void)snprintf(mapped, PAGE, "%s", "the child's");
    return 5;
}

static int copies(void)
{
    sigset_t one;
    const struct itimerval later = {{0, 0}, {1000, 0}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    closed = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || closed == MAP_FAILED)
        return 1;
    (void)snprintf(mapped, PAGE, "%s", "the parent's");
    (void)signal(SIGUSR1, on_signal);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &one, NULL);
    (void)setitimer(ITIMER_REAL, &later, NULL);
    variable = 10;
    of_thread = 20;
    int code = hello_end(hello_fork(look, 30));
    (void)setitimer(ITIMER_REAL, &never, NULL);
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    (void)printf("parent %d %d %d %s\n", code, variable, of_thread, mapped);
    return munmap(mapped, PAGE) + munmap(closed, PAGE);
}

/* --- what is shared --------------------------------------------------------------------------- */

static int read_and_answer(int fd)
{
    char text[32] = "";
    ssize_t size = read(fd, text, sizeof text - 1);
    (void)printf("child %zd %s\n", size, text);
    return write(fd, "from the child", 14) == 14 ? 0 : 1;
}

static int shares(void)
{
    char text[32] = "";
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        return 1;
    pid_t pid = hello_fork(read_and_answer, ends[1]);
    (void)close(ends[1]);
    if (write(ends[0], "from the parent", 15) != 15)
        return 1;
    ssize_t size = read(ends[0], text, sizeof text - 1);
    int code = hello_end(pid);
    (void)printf("parent %d %zd %s\n", code, size, text);
    (void)printf("closed %zd\n", read(ends[0], text, sizeof text));
    return close(ends[0]);
}

static int write_much(int fd)
{
    char bytes[PAGE];
    (void)memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 100; i++) {
        if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
            return 1;
    }
    return 0;
}

static int pipes(void)
{
    char bytes[PAGE];
    int ends[2], total = 0;
    ssize_t size;
    if (pipe(ends) < 0)
        return 1;
    pid_t pid = hello_fork(write_much, ends[1]);
    (void)close(ends[1]);
    while ((size = read(ends[0], bytes, sizeof bytes)) > 0)
        total += (int)size;
    (void)close(ends[0]);
    (void)printf("pipe %d %d\n", total, hello_end(pid));
    if (pipe(ends) < 0)
        return 1;
    (void)close(ends[0]);
    pid = hello_fork(write_much, ends[1]);
    (void)printf("nobody reads %d\n", hello_end(pid));
    return close(ends[1]);
}

/* --- signals ---------------------------------------------------------------------------------- */

static int wait_for_signal(int fd)
{
    sigset_t all, none;
    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)signal(SIGUSR1, on_signal);
    if (write(fd, "r", 1) != 1)
        return 1;
    (void)sigsuspend(&none);
    return (int)got;
}

static int turn(int fd)
{
    if (write(fd, "r", 1) != 1)
        return 1;
    for (;;)
        continue;
}

static int read_for_ever(int fd)
{
    char byte;
    int ends[2];
    if (pipe(ends) < 0 || write(fd, "r", 1) != 1)
        return 1;
    return (int)read(ends[0], &byte, 1);
}

static int signals(void)
{
    static const struct {
        int (*work)(int);
        int number;
    } all[] = {{wait_for_signal, SIGUSR1},
               {turn, SIGTERM},
               {turn, SIGKILL},
               {read_for_ever, SIGINT},
               {read_for_ever, SIGKILL}};
    char byte;
    int ends[2];
    if (pipe(ends) < 0)
        return 1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        pid_t pid = hello_fork(all[i].work, ends[1]);
        if (read(ends[0], &byte, 1) != 1)
            return 1;
        (void)kill(pid, all[i].number);
        (void)printf("killed %d\n", hello_end(pid));
    }
    return close(ends[0]) + close(ends[1]);
}

static int tell_parent(int number)
{
    return kill(getppid(), number) + raise(SIGTERM);
}

static int to_the_parent(void)
{
    got = 0;
    (void)signal(SIGUSR1, on_signal);
    int code = hello_end(hello_fork(tell_parent, SIGUSR1));
    (void)printf("told %d %d\n", got == SIGUSR1, code);
    return 0;
}

static int stay(int fd)
{
    (void)setpgid(0, 0);
    return read_for_ever(fd);
}

static int groups(void)
{
    char byte;
    int ends[2];
    if (pipe(ends) < 0)
        return 1;
    pid_t leader = hello_fork(stay, ends[1]), other = hello_fork(read_for_ever, ends[1]);
    if (read(ends[0], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1)
        return 1;
    int joined = setpgid(other, leader), group = getpgid(other) == leader;
    (void)printf("group %d %d %d", joined, group, kill(-leader, SIGHUP));
    (void)printf(" %d", hello_end(leader));
    (void)printf(" %d\n", hello_end(other));
    return close(ends[0]) + close(ends[1]);
}

/* --- further ones ----------------------------------------------------------------------------- */

static int leave_orphan(int fd)
{
    pid_t pid = hello_fork(read_for_ever, fd);
    return pid > 0 ? 9 : 1;
}

static int orphans(void)
{
    char byte;
    int ends[2], status;
    if (pipe(ends) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return 1;
    pid_t pid = hello_fork(leave_orphan, ends[1]);
    int code = hello_end(pid);
    if (read(ends[0], &byte, 1) != 1)
        return 1;
    (void)printf("orphan %d %d", code, waitpid(-1, &status, WNOHANG));
    (void)kill(0, 0);
    (void)signal(SIGINT, SIG_IGN);
    (void)kill(0, SIGINT);
    pid_t orphan = waitpid(-1, &status, 0);
    (void)signal(SIGINT, SIG_DFL);
    (void)printf(" %d %d\n", orphan > 0 && orphan != pid, WTERMSIG(status));
    return close(ends[0]) + close(ends[1]);
}

static void *in_thread(void *argument)
{
    return (char *)argument + 1;
}

static int with_threads(int count)
{
    pthread_t ids[4];
    void *answer;
    char base[1];
    int sum = 0;
    for (int i = 0; i < count; i++) {
        if (pthread_create(&ids[i], NULL, in_thread, base) != 0)
            return 1;
    }
    for (int i = 0; i < count; i++) {
        (void)pthread_join(ids[i], &answer);
        sum += answer == base + 1;
    }
    return sum;
}

static int borrow_one(int code)
{
    pid_t pid = vfork();
    if (pid == 0)
        _exit(code);
    return hello_end(pid) + 1;
}

static int deep(int depth)
{
    return depth == 0 ? 40 : hello_end(hello_fork(deep, depth - 1)) + 1;
}

static char own_path[256];

static int execute(int borrows)
{
    char name[] = "hello", word[] = "say", one[] = "one";
    char *const words[] = {name, word, one, NULL};
    pid_t pid = borrows ? vfork() : 0;
    if (pid == 0) {
        (void)execv(own_path, words);
        _exit(99);
    }
    return hello_end(pid);
}

/* What is pending is so in the program that is executed. */
static int execute_with_signals(int borrows)
{
    char name[] = "hello", part[] = "pending";
    char *const words[] = {name, part, NULL};
    pid_t pid = borrows ? vfork() : 0;
    if (pid == 0) {
        sigset_t set;
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGUSR1);
        (void)sigaddset(&set, SIGTERM);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)kill(getpid(), SIGUSR1);
        (void)kill(getpid(), SIGTERM);
        (void)execv(own_path, words);
        _exit(99);
    }
    return hello_end(pid);
}

/* The program of the above. */
int hello_pending(void)
{
    sigset_t set;
    (void)sigpending(&set);
    return 8 * (sigismember(&set, SIGUSR1) + 2 * sigismember(&set, SIGTERM) +
                4 * sigismember(&set, SIGUSR2));
}

/* --- signals on the way --------------------------------------------------------------------------
 */

#define PURSUED 20 /* processes */

/* The program of pursued_one(). */
int hello_outlive(void)
{
    (void)sleep(OUTLIVES);
    return 9;
}

/* Ends each process that says its number: the first at once, the next ones a little later. */
static int pursue(int fd)
{
    for (useconds_t later = 0; lseek(fd, 0, SEEK_CUR) >= 0;) {
        pid_t pid = (pid_t)lseek(fd, 0, SEEK_CUR);
        (void)usleep(pid ? later : 50);
        if (pid == 0)
            continue;
        (void)lseek(fd, 0, SEEK_SET);
        (void)kill(pid, SIGTERM);
        later += 500;
    }
    return 0;
}

/* It says so by an offset that both share, for which it need not have an enclave of its own. */
static int tell_and_execute(int fd)
{
    char name[] = "hello", part[] = "outlive";
    char *const words[] = {name, part, NULL};
    (void)lseek(fd, getpid(), SEEK_SET);
    (void)execv(own_path, words);
    return 99;
}

/* None is lost, in whichever enclave the process is while it begins a program. */
static int pursued(int count)
{
    int fd = memfd_create("pursued", 0), killed = 0;
    if (fd < 0)
        return -1;
    pid_t hunter = hello_fork(pursue, fd);
    for (int i = 0; i < count; i++)
        killed += hello_end(hello_fork(tell_and_execute, fd)) == 1000 + SIGTERM;
    (void)kill(hunter, SIGKILL);
    (void)hello_end(hunter);
    return killed + close(fd);
}

static void ignore(int number)
{
    (void)number;
}

static int nothing(int argument)
{
    return argument;
}

/* Signals come while a process is made. One each, for a kernel begins again then. */
static int under_alarms(int count)
{
    const struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    const struct itimerval soon = {{0, 0}, {0, 2000}};
    int sum = 0;
    if (sigaction(SIGALRM, &action, NULL) < 0)
        return 100;
    for (int i = 0; i < count; i++) {
        if (setitimer(ITIMER_REAL, &soon, NULL) < 0)
            return 101;
        sum += hello_end(hello_fork(nothing, i));
    }
    return sum;
}

/* --- what a child does to memory is its own --------------------------------------------------- */

#define MORE ((size_t)300000) /* bytes: beyond what there is of the heap */

static char never_written[4 * PAGE];

/* Where it has mapped something goes to its parent. */
static int spoil(int fd)
{
    char *new = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *heap = sbrk((intptr_t)MORE);
    if (new == MAP_FAILED || heap == (char *)-1)
        return 1;
    (void)memset(new, 'n', PAGE);
    (void)memset(heap, 'h', MORE);
    (void)memset(never_written, 'w', sizeof never_written);
    variable = 1234;
    (void)memset(mapped, 'm', PAGE);
    return write(fd, &new, sizeof new) == (ssize_t)sizeof new ? 0 : 1;
}

static int count_of(const char *bytes, size_t size, char what)
{
    int count = 0;
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == what;
    return count;
}

static int memory(void)
{
    char *before = sbrk(0), *new = NULL;
    int ends[2];
    mapped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || pipe(ends) < 0)
        return 1;
    variable = 4321;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(mapped, PAGE, "%s", "before");
        int code = hello_end(hello_fork(spoil, ends[1]));
        if (read(ends[0], &new, sizeof new) != (ssize_t)sizeof new)
            return 1;
        (void)printf("memory %d %d %s %d", code, variable, mapped, sbrk(0) == before);
        (void)printf(" %d %d\n", count_of(never_written, sizeof never_written, 0),
                     msync(new, PAGE, 0));
    }
    char *heap = sbrk((intptr_t)MORE);
    if (heap == (char *)-1)
        return 1;
    (void)printf("heap %d\n", count_of(heap, MORE, 0));
    return munmap(mapped, PAGE) + close(ends[0]) + close(ends[1]);
}

/* Its registers are its own while it works for long, whatever its parent does. */
static int work(int rounds)
{
    uint64_t a = 1, b = 2;
    double third = 1;
    for (int i = 0; i < rounds; i++) {
        a = a * 6364136223846793005U + 1442695040888963407U;
        b ^= a >> 33;
        third = third / 3 + 1;
    }
    return (int)((a ^ b) % 97) + (third > 1.4999 && third < 1.5001);
}

static int works(void)
{
    enum { ROUNDS = 30000000 };
    pid_t one = hello_fork(work, ROUNDS), other = hello_fork(work, ROUNDS + 1);
    int here = work(ROUNDS);
    (void)printf("worked %d", hello_end(one) == here);
    (void)printf(" %d\n", hello_end(other) == work(ROUNDS + 1));
    return 0;
}

/* --- calls before and after it has an enclave of its own -------------------------------------- */

/* What it sets up while its parent waits is there when it has waited for its parent. */
static int set_up_and_wait(int fd)
{
    char byte, text[64];
    int ends[2];
    (void)umask(027);
    (void)signal(SIGUSR1, on_signal);
    (void)signal(SIGUSR2, SIG_IGN);
    if (chdir("/") < 0 || pipe(ends) < 0 || dup2(ends[1], 77) != 77 || write(77, "x", 1) != 1)
        return 1;
    pid_t pid = getpid(), group = setpgid(0, 0) == 0 ? getpgrp() : -1;
    if (read(fd, &byte, 1) != 1)
        return 2;
    (void)printf("set up %d %d %d", umask(022) == 027, getpid() == pid, getpgrp() == group);
    (void)printf(" %s", getcwd(text, sizeof text));
    (void)printf(" %zd", read(ends[0], &byte, 1));
    (void)printf(" %c", byte);
    (void)raise(SIGUSR2);
    (void)raise(SIGUSR1);
    (void)printf(" %d\n", got == SIGUSR1);
    return 3;
}

static int moves(void)
{
    int ends[2];
    got = 0;
    (void)umask(022);
    if (pipe(ends) < 0)
        return 1;
    pid_t pid = hello_fork(set_up_and_wait, ends[0]);
    if (write(ends[1], "g", 1) != 1)
        return 1;
    (void)printf("moved %d %d\n", hello_end(pid), got);
    return close(ends[0]) + close(ends[1]);
}

/* --- the same in a child ---------------------------------------------------------------------- */

static int lock_waiting(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
    return fcntl(fd, F_SETLKW, &lock);
}

/* What its parent wrote before it let go of the lock is there. */
static int wait_for_the_lock(int fd)
{
    char byte = 0;
    int locked = lock_waiting(fd, F_WRLCK);
    ssize_t size = pread(fd, &byte, 1, 0);
    (void)printf("locked %d %zd %c\n", locked, size, byte);
    return 4;
}

static int locks(void)
{
    int fd = memfd_create("locks", 0);
    if (fd < 0 || lock_waiting(fd, F_WRLCK) < 0)
        return 1;
    pid_t pid = hello_fork(wait_for_the_lock, fd);
    if (pwrite(fd, "w", 1, 0) != 1 || lock_waiting(fd, F_UNLCK) < 0)
        return 1;
    (void)printf("let go %d\n", hello_end(pid));
    return close(fd);
}

/* As programs do that start others: its input is nothing, then it is another one. */
static int redirect_and_execute(int fd)
{
    int closed_one = close(0), null = open("/dev/null", O_RDONLY), none = open("/none/such", 0);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 50), flags = fcntl(copy, F_GETFD);
    (void)printf("redirected %d %d %d %d %d\n", closed_one, null, none, copy, flags);
    (void)fflush(stdout);
    return execute(0);
}

static int redirects(void)
{
    char byte;
    int ends[2];
    if (pipe(ends) < 0)
        return 1;
    pid_t pid = hello_fork(redirect_and_execute, ends[1]);
    (void)close(ends[1]);
    (void)printf("its end %zd", read(ends[0], &byte, 1));
    (void)printf(" %d\n", hello_end(pid));
    return close(ends[0]);
}

static int in_a_child(int argument)
{
    (void)argument;
    return memory() + works() + moves() + locks() + redirects();
}

static int further(void)
{
    (void)printf("in a child %d\n", hello_end(hello_fork(in_a_child, 0)));
    (void)printf("alarms %d\n", hello_end(hello_fork(under_alarms, 4)));
    (void)printf("threads %d\n", hello_end(hello_fork(with_threads, 4)));
    (void)printf("vfork %d\n", hello_end(hello_fork(borrow_one, 6)));
    (void)printf("deep %d\n", hello_end(hello_fork(deep, 3)));
    (void)printf("in place %d\n", hello_end(hello_fork(execute, 0)));
    (void)printf("elsewhere %d\n", hello_end(hello_fork(execute, 1)));
    (void)printf("pending %d\n", hello_end(hello_fork(execute_with_signals, 0)));
    (void)printf("pending %d\n", hello_end(hello_fork(execute_with_signals, 1)));
    (void)printf("pursued %d\n", hello_end(hello_fork(pursued, PURSUED)));
    return 0;
}

int hello_forks(void)
{
    if (readlink("/proc/self/exe", own_path, sizeof own_path - 1) < 0)
        return 100;
    (void)setpgid(0, 0); /* kill(0, …) is for this program's own */
    int (*const all[])(void) = {copies, shares, pipes, signals, to_the_parent, groups, orphans,
                                memory, works,  moves, locks,   redirects,     further};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int status = all[i]();
        (void)fflush(stdout);
        if (status != 0)
            return (int)i + 1;
    }
    return 0;
}
