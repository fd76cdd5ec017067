/* What a process leaves behind is not the next one's, in whatever enclave that runs. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hello.h"

#define ROUNDS 6
#define SIZE   (64 * 1024)
#define WORD   UINT64_C(0x5A5A5A5A5A5A5A5A)

static uint64_t data = WORD;
static uint64_t zeros[SIZE / sizeof(uint64_t)];

static int has_only_zeros(const uint64_t *words)
{
    size_t i = 0;
    while (i < SIZE / sizeof *words && words[i] == 0)
        i++;
    return i == SIZE / sizeof *words;
}

/* What is to be as a program finds it. */
static int look(void)
{
    struct sigaction action;
    struct itimerspec left;
    sigset_t set;
    stack_t stack;
    NEED(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    NEED(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    NEED(sigprocmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, SIGUSR2) == 0);
    NEED(sigpending(&set) == 0 && sigismember(&set, SIGUSR2) == 0);
    NEED(sigaltstack(NULL, &stack) == 0 && stack.ss_flags == SS_DISABLE);
    NEED(alarm(0) == 0);
    NEED(timer_gettime((timer_t)0, &left) == -1);
    NEED(personality(0xFFFFFFFF) == 0);
    NEED(fcntl(9, F_GETFD) == -1 && errno == EBADF);
    NEED(umask(022) == 022);
    NEED(data == WORD && has_only_zeros(zeros));
    return 0;
}

static void *work(void *argument)
{
    return argument;
}

static void on_signal(int number)
{
    (void)number;
}

/* All of that is changed. */
static int leave(void)
{
    static uint8_t other_stack[SIZE];
    const stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    const struct itimerspec late = {.it_value = {1000, 0}};
    pthread_t thread;
    timer_t timer;
    sigset_t set;
    uint64_t *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t *heap = malloc(SIZE);
    NEED(page != MAP_FAILED && has_only_zeros(page) && heap);
    memset(page, 0x77, SIZE);
    memset(heap, 0x77, SIZE);
    memset(zeros, 0x77, sizeof zeros);
    data = 1;
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGUSR2, on_signal);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    NEED(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR2) == 0);
    NEED(sigaltstack(&stack, NULL) == 0);
    NEED(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0 &&
         timer_settime(timer, 0, &late, NULL) == 0);
    (void)alarm(1000);
    NEED(personality(ADDR_NO_RANDOMIZE) == 0);
    NEED(dup2(1, 9) == 9);
    (void)umask(077);
    NEED(pthread_create(&thread, NULL, work, NULL) == 0 && pthread_join(thread, NULL) == 0);
    return 0;
}

int hello_leaves(void)
{
    int status = look();
    return status != 0 ? status : leave();
}

/* A copy that runs where others have left: it waits, and so it cannot stay with its parent. */
static int copied(int round)
{
    const struct timespec little = {0, 1000000};
    uint64_t mine = (uint64_t)round * WORD;
    (void)nanosleep(&little, NULL);
    NEED(mine == (uint64_t)round * WORD && data == WORD && has_only_zeros(zeros));
    uint64_t *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(page != MAP_FAILED && has_only_zeros(page));
    memset(page, 0x66, SIZE);
    return round;
}

int hello_left(char *program)
{
    extern char **environ;
    static char word[] = "leaves";
    char *const words[] = {program, word, NULL};
    for (int round = 1; round <= ROUNDS; round++) {
        pid_t pid;
        NEED(posix_spawn(&pid, program, NULL, NULL, words, environ) == 0);
        (void)printf("begun %d\n", hello_end(pid));
        (void)printf("copied %d\n", hello_end(hello_fork(copied, round)));
    }
    return 0;
}
