/* What hello.c shows of code that a program makes itself: its SYSCALLs are not rewritten, and trap.
 * Elsewhere than in such code, nobody writes SYSENTER or INT. */
#include "hello.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE   4096
#define ROUNDS 1000

typedef long code_fn(void);

/* mov $number, %eax; SYSCALL; ret: the SYSCALL is at [5]. */
static const unsigned char call_code[] = {0xB8, 0, 0, 0, 0, 0x0F, 0x05, 0xC3};
#define SITE 5

static unsigned char *pages(size_t count)
{
    unsigned char *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static int write_call(unsigned char *at, int number)
{
    unsigned char *page = at - (uintptr_t)at % PAGE;
    NEED(mprotect(page, (size_t)2 * PAGE, PROT_READ | PROT_WRITE) == 0);
    memcpy(at, call_code, sizeof call_code);
    memcpy(at + 1, &number, sizeof number);
    NEED(mprotect(page, (size_t)2 * PAGE, PROT_READ | PROT_EXEC) == 0);
    return 0;
}

static long run_code(const unsigned char *at)
{
    return ((code_fn *)(uintptr_t)at)();
}

/* In the middle of a page, up to its last byte, and across its end. */
static int places(void)
{
    unsigned char *both = pages(2);
    unsigned char *const all[] = {both + 100, both + PAGE - SITE - 2, both + PAGE - SITE - 1,
                                  both + PAGE - sizeof call_code};
    NEED(both);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        NEED(write_call(all[i], SYS_getpid) == 0 && run_code(all[i]) == getpid());
        NEED(run_code(all[i]) == getpid());
        /* Written once more after it was used. */
        NEED(write_call(all[i], SYS_getppid) == 0 && run_code(all[i]) == getppid());
        NEED(write_call(all[i], 4000) == 0 && run_code(all[i]) == -ENOSYS);
    }
    return munmap(both, (size_t)2 * PAGE);
}

/* Another instruction stands where the SYSCALL was. */
static int another(void)
{
    unsigned char *both = pages(2);
    NEED(both && write_call(both, SYS_getpid) == 0 && run_code(both) == getpid());
    NEED(mprotect(both, PAGE, PROT_READ | PROT_WRITE) == 0);
    memcpy(both + SITE, "\x0F\x1F", 2); /* with the next byte, a NOP of three */
    memcpy(both + SITE + 2, "\x00\xC3", 2);
    NEED(mprotect(both, PAGE, PROT_READ | PROT_EXEC) == 0 && run_code(both) == SYS_getpid);
    return munmap(both, (size_t)2 * PAGE);
}

static sigjmp_buf back;
static volatile int caught;
static void *volatile caught_at;

static void catch (int number, siginfo_t *info, void *context)
{
    (void)context;
    caught = number;
    caught_at = info->si_addr;
    siglongjmp(back, 1);
}

static int catch_all(void)
{
    struct sigaction action = {.sa_sigaction = catch, .sa_flags = SA_SIGINFO};
    return sigaction(SIGSEGV, &action, NULL) || sigaction(SIGILL, &action, NULL);
}

/* The signal that this code ends in, or 0. */
static int signal_of(const unsigned char *code)
{
    caught = 0;
    if (sigsetjmp(back, 1) == 0)
        (void)run_code(code);
    return caught;
}

/* The call is made, and then there is no instruction that may be read. */
static int last_of_all(void)
{
    unsigned char *both = pages(2), *at = both + PAGE - SITE - 2;
    NEED(both && catch_all() == 0);
    NEED(write_call(at, SYS_sched_yield) == 0 && mprotect(both + PAGE, PAGE, PROT_NONE) == 0);
    NEED(signal_of(at) == SIGSEGV && caught_at == both + PAGE);
    return munmap(both, (size_t)2 * PAGE);
}

/* The time-stamp counter never goes back. */
static int counters(void)
{
    unsigned core;
    uint64_t last = __rdtsc();
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t now = i % 2 ? __rdtsc() : __rdtscp(&core);
        NEED(now > last);
        last = now;
    }
    return 0;
}

int hello_traps(void)
{
    static int (*const all[])(void) = {places, another, last_of_all, counters};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int result = all[i]();
        if (result) {
            (void)printf("part %zu: %d\n", i, result);
            return result;
        }
    }
    return puts("traps") < 0;
}

/* What this code does in the place of a system call, as two digits a byte. */
int hello_gate(const char *digits)
{
    unsigned char *both = pages(2);
    unsigned byte;
    NEED(both && catch_all() == 0 && strlen(digits) == 4);
    NEED(write_call(both, SYS_getpid) == 0);
    NEED(mprotect(both, PAGE, PROT_READ | PROT_WRITE) == 0);
    for (size_t i = 0; i < 2; i++) {
        NEED(sscanf(digits + 2 * i, "%2x", &byte) == 1);
        both[SITE + i] = (unsigned char)byte;
    }
    NEED(mprotect(both, PAGE, PROT_READ | PROT_EXEC) == 0);
    int number = signal_of(both);
    return printf("signal %d %s\n", number, caught_at == both + SITE ? "there" : "elsewhere") < 0;
}
