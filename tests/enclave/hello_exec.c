/* execve: what a refused one leaves alone, and what another program in the same process finds. */
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hello.h"

#define LONG_TEXT 200000 /* bytes: more than one text may have */

static char *const no_words[] = {NULL};
static int open_ends[2];
static char *self;
static timer_t timer;

static void on_signal(int number)
{
    (void)number;
}

static int try_file(const char *text, mode_t mode, int number)
{
    int fd = open("hello-exec-file", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    NEED(fd >= 0 && write(fd, text, strlen(text)) >= 0 && fchmod(fd, mode) == 0 && close(fd) == 0);
    REFUSED(execve("hello-exec-file", no_words, no_words), number);
    return unlink("hello-exec-file");
}

static int refused(void)
{
    static char long_text[LONG_TEXT];
    char *one[] = {self, long_text, NULL};
    memset(long_text, 'x', sizeof long_text - 1);
    REFUSED(execve("/none", no_words, no_words), ENOENT);
    REFUSED(execve("", no_words, no_words), ENOENT);
    REFUSED(execve("/", no_words, no_words), EACCES);
    REFUSED(execve(self, one, no_words), E2BIG);
    REFUSED(execve(self, no_words, one), E2BIG);
    REFUSED(syscall(SYS_execve, 1L, no_words, no_words), EFAULT);
    REFUSED(syscall(SYS_execve, self, 1L, no_words), EFAULT);
    REFUSED(syscall(SYS_execveat, AT_FDCWD, self, no_words, no_words, 4), EINVAL);
    REFUSED(syscall(SYS_execveat, 99, "x", no_words, no_words, 0), EBADF);
    int result = try_file("", 0755, ENOEXEC);
    result = result ? result : try_file("text\n", 0755, ENOEXEC);
    result = result ? result : try_file("#!/none\n", 0755, ENOENT);
    result = result ? result : try_file("#!\n", 0755, ENOEXEC);
    return result ? result : try_file("#!/bin/sh\n", 0644, EACCES);
}

static void *wait_for_ever(void *argument)
{
    char byte;
    (void)!read(open_ends[0], &byte, 1);
    return argument;
}

static void *turn(void *argument)
{
    for (volatile unsigned i = 0;; i++)
        continue;
    return argument;
}

/* By another thread than the first. */
static void *go_on(void *argument)
{
    char numbers[3][16], part[] = "exec-after", mark[] = "MARK=a mark";
    (void)snprintf(numbers[0], sizeof *numbers, "%d", open_ends[0]);
    (void)snprintf(numbers[1], sizeof *numbers, "%d", open_ends[1]);
    (void)snprintf(numbers[2], sizeof *numbers, "%d", getpid());
    char *words[] = {self, part, numbers[0], numbers[1], numbers[2], NULL};
    char *environment[] = {mark, NULL};
    (void)execve(self, words, environment);
    return argument;
}

static int prepare(void)
{
    static char stack[65536];
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigset_t set;
    NEED(signal(SIGUSR1, on_signal) != SIG_ERR && signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    NEED(sigaltstack(&other, NULL) == 0 && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    NEED(sigemptyset(&set) == 0 && sigaddset(&set, SIGTERM) == 0);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && kill(getpid(), SIGTERM) == 0);
    NEED(alarm(1000) == 0 && fesetround(FE_UPWARD) == 0 && pipe(open_ends) == 0);
    NEED(fcntl(open_ends[1], F_SETFD, FD_CLOEXEC) == 0);
    return 0;
}

int hello_exec(char *program)
{
    pthread_t threads[4];
    void *(*const work[])(void *) = {wait_for_ever, turn, turn, go_on};
    self = program;
    int result = refused();
    result = result ? result : prepare();
    for (size_t i = 0; result == 0 && i < sizeof threads / sizeof *threads; i++)
        NEED(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
    if (result == 0)
        (void)pthread_join(threads[3], NULL); /* or there is another program */
    return result ? result : 99;
}

static int number_of(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

int hello_exec_after(char *words[])
{
    struct sigaction action;
    stack_t stack;
    sigset_t set;
    int read_end = number_of(words[2]);
    struct itimerspec left;
    char comm[17] = "";
    NEED(prctl(PR_GET_NAME, comm) == 0 && strcmp(comm, strrchr(words[0], '/') + 1) == 0);
    NEED(strcmp(environ[0], "MARK=a mark") == 0 && !environ[1]);
    NEED(getpid() == number_of(words[4]) && syscall(SYS_gettid) == getpid());
    NEED(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    NEED(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
    NEED(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE);
    NEED(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGTERM) == 1);
    NEED(sigpending(&set) == 0 && sigismember(&set, SIGTERM) == 1);
    NEED(alarm(0) > 900 && fegetround() == FE_TONEAREST);
    REFUSED((int)syscall(SYS_timer_gettime, 1, &left), EINVAL);
    NEED(fcntl(read_end, F_GETFD) == 0);
    REFUSED(fcntl(number_of(words[3]), F_GETFD), EBADF);
    char byte, name[] = "another name", part[] = "say", more[] = "by a number";
    NEED(read(read_end, &byte, 1) == 0); /* nobody holds the other end */
    int fd = open(words[0], O_PATH | O_CLOEXEC);
    char *last[] = {name, part, more, NULL};
    NEED(fd >= 0);
    (void)syscall(SYS_execveat, fd, "", last, environ, AT_EMPTY_PATH);
    return 98;
}
