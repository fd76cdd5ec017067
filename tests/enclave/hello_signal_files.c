/* signalfd(2) in processes that fork made: each line says what was seen. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hello.h"

static int file, ends[2];
static sigset_t set;

/* It says that it is about to wait: what comes then comes during the call, or before. */
static int tell(void)
{
    return write(ends[1], "!", 1) == 1;
}

static int hear(void)
{
    char byte;
    return read(ends[0], &byte, 1) == 1;
}

static int takes(int number)
{
    struct signalfd_siginfo info;
    NEED(read(file, &info, sizeof info) == sizeof info);
    return (int)info.ssi_signo == number ? 0 : 1;
}

static int has_own(int unused)
{
    struct signalfd_siginfo info[3];
    struct pollfd polled = {.fd = file, .events = POLLIN};
    (void)unused;
    NEED(poll(&polled, 1, 0) == 0);
    NEED(raise(SIGUSR2) == 0 && raise(SIGUSR1) == 0);
    NEED(poll(&polled, 1, -1) == 1 && polled.revents == POLLIN);
    REFUSED(read(file, info, 8), EINVAL);
    NEED(read(file, info, sizeof info) == 2 * sizeof info[0]);
    NEED(info[0].ssi_signo == SIGUSR1 && info[1].ssi_signo == SIGUSR2);
    NEED(info[0].ssi_pid == (unsigned)getpid());
    NEED(poll(&polled, 1, 0) == 0);
    return 0;
}

static int waits_for_epoll(int unused)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5}, got;
    int poller = epoll_create1(0);
    (void)unused;
    NEED(poller >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, file, &event) == 0);
    NEED(tell() && epoll_wait(poller, &got, 1, 60000) == 1 && got.data.u32 == 5);
    return takes(SIGUSR1);
}

static int waits_for_poll(int unused)
{
    struct pollfd polled = {.fd = file, .events = POLLIN};
    (void)unused;
    NEED(tell() && poll(&polled, 1, 60000) == 1);
    return takes(SIGUSR1);
}

static int reads(int unused)
{
    (void)unused;
    return tell() ? takes(SIGUSR1) : 1;
}

static void *read_it(void *unused)
{
    return (void *)(long)reads(unused ? 1 : 0); /* NOLINT: a number */
}

/* Another thread of the child waits. */
static int reads_beside(int unused)
{
    pthread_t thread;
    void *result;
    (void)unused;
    NEED(pthread_create(&thread, NULL, read_it, NULL) == 0);
    NEED(pthread_join(thread, &result) == 0);
    return result == NULL ? 0 : 1;
}

static int makes_one(int unused)
{
    sigset_t other;
    (void)unused;
    (void)sigemptyset(&other);
    (void)sigaddset(&other, SIGUSR2);
    NEED((file = signalfd(-1, &other, SFD_NONBLOCK)) >= 0);
    NEED(raise(SIGUSR1) == 0);
    REFUSED(takes(SIGUSR1) == 0 ? 0 : -1, EAGAIN); /* not of the set */
    NEED(signalfd(file, &set, 0) == file);
    return takes(SIGUSR1);
}

static int sends_to(const char *name, int (*work)(int))
{
    pid_t child = hello_fork(work, 0);
    NEED(child > 0 && hear());
    NEED(kill(child, SIGUSR1) == 0);
    printf("%s: %d\n", name, hello_end(child));
    return 0;
}

int hello_signal_files(void)
{
    NEED(pipe(ends) == 0);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGUSR2);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    NEED((file = signalfd(-1, &set, SFD_CLOEXEC)) >= 0);
    printf("its own: %d\n", hello_end(hello_fork(has_own, 0)));
    printf("another set: %d\n", hello_end(hello_fork(makes_one, 0)));
    int result = sends_to("epoll", waits_for_epoll);
    if (result == 0)
        result = sends_to("poll", waits_for_poll);
    if (result == 0)
        result = sends_to("read", reads);
    return result == 0 ? sends_to("a thread", reads_beside) : result;
}
