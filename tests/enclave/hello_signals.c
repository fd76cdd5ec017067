/* Signals: each line says what was seen. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "hello.h"

static volatile sig_atomic_t seen, code, value;
static void *volatile where;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    seen = number;
    code = info->si_code;
    value = info->si_value.sival_int;
}

static void set(int number, int flags, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    (void)sigaction(number, &action, NULL);
}

static int raised(void)
{
    set(SIGUSR1, 0, on_signal);
    (void)raise(SIGUSR1);
    (void)printf("raise %d %d\n", seen == SIGUSR1, code == SI_TKILL);
    seen = 0;
    (void)kill(getpid(), SIGUSR1);
    (void)printf("kill %d %d\n", seen == SIGUSR1, code == SI_USER);
    return kill(getpid(), 0) + (kill(-77777, 0) == 0) + (kill(getpid(), 99) == 0);
}

static int masks(void)
{
    sigset_t one, pending;
    siginfo_t info;
    const struct timespec none = {0, 0};
    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &one, NULL);
    seen = 0;
    (void)raise(SIGUSR1);
    (void)raise(SIGUSR1);
    (void)sigpending(&pending);
    int before = seen;
    int is_pending = sigismember(&pending, SIGUSR1);
    int taken = sigtimedwait(&one, &info, &none);
    int again = sigtimedwait(&one, &info, &none);
    (void)printf("blocked %d pending %d taken %d again %d %s\n", before, is_pending, taken, again,
                 strerror(errno));
    (void)raise(SIGUSR1);
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    (void)printf("unblocked %d\n", seen == SIGUSR1);
    return 0;
}

static int order[8], order_count;

static void in_order(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (order_count < 8)
        order[order_count++] = info->si_value.sival_int;
}

static int queued(void)
{
    sigset_t one;
    set(SIGRTMIN + 2, 0, in_order);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGRTMIN + 2);
    (void)sigprocmask(SIG_BLOCK, &one, NULL);
    for (int i = 0; i < 4; i++)
        (void)sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = i + 10});
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    (void)printf("queued %d: %d %d %d %d\n", order_count, order[0], order[1], order[2], order[3]);
    return 0;
}

/* --- exceptions ------------------------------------------------------------------------------- */

static sigjmp_buf back;

static void on_fault(int number, siginfo_t *info, void *context)
{
    const ucontext_t *state = context;
    seen = number;
    code = info->si_code;
    where = info->si_addr;
    value = (int)state->uc_mcontext.gregs[REG_TRAPNO];
    siglongjmp(back, 1);
}

/* The program goes on where the handler has it go on. */
static void skip_fault(int number, siginfo_t *info, void *context)
{
    ucontext_t *state = context;
    (void)number;
    (void)info;
    state->uc_mcontext.gregs[REG_RIP] += 2;
    state->uc_mcontext.gregs[REG_RBX] = 77;
}

static int faults(void)
{
    volatile int zero = 0;
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long rbx = 1;
    set(SIGSEGV, 0, on_fault);
    set(SIGFPE, 0, on_fault);
    set(SIGILL, 0, on_fault);
    if (sigsetjmp(back, 1) == 0)
        page[5] = 1;
    (void)printf("fault %d access %d place %d trap %d\n", seen, code == SEGV_ACCERR,
                 where == page + 5, value);
    if (sigsetjmp(back, 1) == 0)
        value = 5 / zero;
    (void)printf("fault %d divide %d trap %d\n", seen, code == FPE_INTDIV, value);
    if (sigsetjmp(back, 1) == 0)
        __asm__ volatile("ud2");
    (void)printf("fault %d undefined %d trap %d\n", seen, code == ILL_ILLOPN, value);
    set(SIGILL, 0, skip_fault);
    __asm__ volatile("ud2" : "+b"(rbx));
    (void)printf("skipped %ld\n", rbx);
    set(SIGILL, 0, on_fault);
    return 0;
}

static int deep(int depth)
{
    volatile char block[4096];
    block[0] = (char)depth;
    return depth < 1000000 ? deep(depth + 1) + block[0] : block[0];
}

/* The stack's end, told on another stack. */
static int alternative(void)
{
    static char stack[32768];
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    stack_t before;
    (void)sigaltstack(&other, NULL);
    (void)sigaltstack(NULL, &before);
    set(SIGSEGV, SA_ONSTACK, on_fault);
    if (sigsetjmp(back, 1) == 0)
        (void)deep(0);
    (void)printf("stack %d %d %d\n", seen, before.ss_sp == stack, (int)before.ss_size);
    set(SIGSEGV, 0, on_fault);
    return 0;
}

/* --- registers -------------------------------------------------------------------------------- */

static void spoil(int number, siginfo_t *info, void *context)
{
    volatile double all = 3.5;
    (void)context;
    (void)info;
    seen = number;
    for (int i = 0; i < 10; i++)
        all = all * 1.7 + i;
    __asm__ volatile("pxor %%xmm5, %%xmm5\n\tstd\n\tcld" ::: "xmm5", "cc");
}

/* What a call and its handler leave of the vector registers, and what a running thread has. */
static int registers(void)
{
    uint64_t in[2] = {0x0123456789ABCDEF, 0xFEDCBA9876543210}, out[2] = {0, 0};
    long number = SYS_kill, pid = getpid(), signal = SIGUSR2, result;
    set(SIGUSR2, 0, spoil);
    seen = 0;
    __asm__ volatile("movdqu %2, %%xmm5\n\tsyscall\n\tmovdqu %%xmm5, %1"
                     : "=a"(result), "=m"(out)
                     : "m"(in), "a"(number), "D"(pid), "S"(signal)
                     : "rcx", "r11", "xmm5", "memory");
    (void)printf("registers %d %ld %d\n", seen == SIGUSR2, result, memcmp(in, out, sizeof in));
    return 0;
}

/* --- interrupted calls ------------------------------------------------------------------------ */

static int ends[2];
static pthread_t first;

static void *interrupt(void *argument)
{
    const struct timespec little = {0, 20000000};
    (void)nanosleep(&little, NULL);
    (void)pthread_kill(first, SIGUSR1);
    (void)nanosleep(&little, NULL);
    if (argument)
        (void)!write(ends[1], "x", 1);
    return NULL;
}

static int calls(void)
{
    pthread_t thread;
    char byte = 0;
    first = pthread_self();
    if (pipe(ends) < 0 || pthread_create(&thread, NULL, interrupt, NULL) != 0)
        return 1;
    set(SIGUSR1, 0, on_signal);
    ssize_t got = read(ends[0], &byte, 1);
    (void)printf("read %zd %s\n", got, strerror(errno));
    (void)pthread_join(thread, NULL);
    if (pthread_create(&thread, NULL, interrupt, ends) != 0)
        return 2;
    set(SIGUSR1, SA_RESTART, on_signal);
    seen = 0;
    got = read(ends[0], &byte, 1);
    (void)printf("restarted %zd %c %d\n", got, byte, seen == SIGUSR1);
    (void)pthread_join(thread, NULL);
    if (pthread_create(&thread, NULL, interrupt, NULL) != 0)
        return 3;
    const struct timespec long_time = {100, 0};
    struct timespec left = {0, 0};
    int slept = nanosleep(&long_time, &left);
    (void)printf("sleep %d %s %d\n", slept, strerror(errno),
                 left.tv_sec >= 90 && left.tv_sec < 100);
    (void)pthread_join(thread, NULL);
    set(SIGPIPE, 0, on_signal);
    (void)close(ends[0]);
    got = write(ends[1], "x", 1);
    (void)printf("write %zd %s %d\n", got, strerror(errno), seen == SIGPIPE);
    return close(ends[1]);
}

/* A thread that calls nothing is interrupted as well. */
static atomic_int turns;

static void *spin(void *argument)
{
    volatile sig_atomic_t *stop = argument;
    double all = 1;
    while (!*stop) {
        all = all * 1.0000001;
        atomic_fetch_add(&turns, 1);
    }
    return all > 1 ? argument : NULL;
}

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static int running(void)
{
    pthread_t thread;
    void *result;
    struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGUSR2, &action, NULL);
    if (pthread_create(&thread, NULL, spin, (void *)(size_t)&stopped) != 0)
        return 1;
    while (atomic_load(&turns) < 1000)
        (void)usleep(1000);
    (void)pthread_kill(thread, SIGUSR2);
    (void)pthread_join(thread, &result);
    (void)printf("running %d\n", result == &stopped);
    return 0;
}

/* --- time ------------------------------------------------------------------------------------- */

static volatile sig_atomic_t ticks;

static void tick(int number, siginfo_t *info, void *context)
{
    (void)context;
    seen = number;
    code = info->si_code;
    value = info->si_value.sival_int;
    ticks++;
}

static int timers(void)
{
    const struct itimerval often = {{0, 2000}, {0, 2000}}, none = {{0, 0}, {0, 0}};
    sigset_t empty;
    (void)sigemptyset(&empty);
    set(SIGALRM, 0, tick);
    (void)setitimer(ITIMER_REAL, &often, NULL);
    while (ticks < 3) /* no call: by interrupts alone */
        continue;
    while (ticks < 5)
        (void)sigsuspend(&empty);
    (void)setitimer(ITIMER_REAL, &none, NULL);
    (void)printf("ticks %d %d\n", ticks >= 5, seen == SIGALRM);
    (void)alarm(100);
    (void)printf("alarm %u %u\n", alarm(0), alarm(0));
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
    event.sigev_value.sival_int = 4711;
    const struct itimerspec soon = {{0, 0}, {0, 5000000}};
    set(SIGRTMIN + 3, 0, tick);
    ticks = 0;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0 ||
        timer_settime(timer, 0, &soon, NULL) < 0)
        return 1;
    while (ticks == 0)
        (void)pause();
    (void)printf("timer %d %d %d\n", code == SI_TIMER, value, timer_delete(timer));
    return timer_delete(timer) == 0;
}

static void *await(void *argument)
{
    int number = 0;
    (void)sigwait(argument, &number);
    return number == SIGTERM ? argument : NULL;
}

/* One thread waits for the process' signals, which all others block. */
static int awaited(void)
{
    sigset_t all;
    pthread_t thread;
    void *result;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    if (pthread_create(&thread, NULL, await, &all) != 0)
        return 1;
    (void)kill(getpid(), SIGTERM);
    (void)pthread_join(thread, &result);
    (void)sigemptyset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    (void)printf("awaited %d\n", result == &all);
    return 0;
}

int hello_signals(void)
{
    static int (*const all[])(void) = {raised,    masks, queued,  faults, alternative,
                                       registers, calls, running, timers, awaited};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int result = all[i]();
        (void)fflush(stdout);
        if (result != 0)
            return 10 * (int)(i + 1) + result;
    }
    return 0;
}

/* Ends by a signal, whatever else runs. */
int hello_abort(void)
{
    (void)puts("before");
    (void)fflush(stdout);
    (void)raise(SIGTERM);
    (void)puts("after");
    return 0;
}

/* Waits for the host's: says so, then what came. */
int hello_wait(void)
{
    set(SIGTERM, 0, on_signal);
    set(SIGUSR1, 0, on_signal);
    (void)puts("ready");
    (void)fflush(stdout);
    for (int last = 0; last != SIGTERM;) {
        while (seen == 0)
            (void)usleep(1000);
        last = seen;
        seen = 0; /* the next one comes when this one was told */
        (void)printf("%s\n", strsignal(last));
        (void)fflush(stdout);
    }
    return 3;
}
