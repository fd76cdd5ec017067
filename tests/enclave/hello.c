/*
 * An ordinary program of libc alone, which runs in the library OS and outside: the first argument
 * says what it shows.
 */
#include "hello.h"

#include <cpuid.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define LARGE  300000 /* bytes: more than one call of the door carries */
#define ROUNDS 200000

static _Thread_local int own = 41; /* by FS */

static int say(int argc, char *argv[])
{
    for (int i = 2; i < argc; i++)
        (void)printf("%d %s\n", i, argv[i]);
    (void)printf("%s %d %.6f\n", getenv("CAISSON_TEST") ? getenv("CAISSON_TEST") : "none", ++own,
                 (double)argc / 7);
    (void)fprintf(stderr, "to the other stream\n");
    return argc + 40;
}

/* Standard input to standard output, in capitals. */
static int copy(void)
{
    int byte;
    while ((byte = getchar()) != EOF)
        (void)putchar(byte >= 'a' && byte <= 'z' ? byte - 32 : byte);
    return 0;
}

static int large(void)
{
    unsigned sum = 0;
    unsigned char *all = malloc(LARGE);
    if (!all)
        return 1;
    for (size_t i = 0; i < LARGE; i++)
        sum += all[i] = (unsigned char)("0123456789\n"[i % 11]);
    (void)fwrite(all, 1, LARGE, stdout);
    free(all);
    (void)printf("%u\n", sum);
    return 0;
}

/* Pages: fresh ones are zero, rights are as asked for, and code that was written runs. */
static int pages(void)
{
    static const unsigned char code[] = {0xB8, 0x2A, 0, 0, 0, 0xC3}; /* mov $42, %eax; ret */
    unsigned char *at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                             -1, 0);
    if (at == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < 3 * (size_t)4096; i++) {
        if (at[i] != 0)
            return 2;
    }
    memset(at, 0xEE, 3 * (size_t)4096);
    memcpy(at, code, sizeof code);
    if (mprotect(at, 4096, PROT_READ | PROT_EXEC) < 0 || ((int (*)(void))(void *)at)() != 42)
        return 3;
    if (munmap(at + 4096, 4096) < 0)
        return 4;
    unsigned char *again = mmap(at + 4096, 4096, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (again != at + 4096 || again[7] != 0 || at[2 * 4096] != 0xEE)
        return 5;
    char *brk_before = sbrk(5000);
    if (brk_before == (char *)-1 || brk_before[4999] != 0)
        return 6;
    (void)puts("pages");
    return 0;
}

/* A write to what may not be written ends the program. */
static int fault(void)
{
    volatile int *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *at = 1;
    return 0;
}

static int calls(void)
{
    struct utsname name;
    struct timespec first, second;
    unsigned char random[2][32];
    if (uname(&name) < 0 || strcmp(name.sysname, "Linux") != 0 ||
        strcmp(name.machine, "x86_64") != 0)
        return 1;
    if (clock_gettime(CLOCK_MONOTONIC, &first) < 0 || clock_gettime(CLOCK_MONOTONIC, &second) < 0 ||
        second.tv_sec < first.tv_sec ||
        (second.tv_sec == first.tv_sec && second.tv_nsec < first.tv_nsec) ||
        time(NULL) < 1700000000)
        return 2;
    if (getrandom(random, sizeof random, 0) != sizeof random ||
        memcmp(random[0], random[1], sizeof random[0]) == 0)
        return 3;
    if (syscall(SYS_write, 1, (void *)8, 1) != -1 || errno != EFAULT) /* libc does not look */
        return 4;
    if (syscall(SYS_write, 77, "x", 1) != -1 || errno != EBADF || getpid() < 1)
        return 5;
    (void)puts("calls");
    return 0;
}

/* What the library OS does not have says so, each time; the log only once. */
static int unknown(void)
{
    for (int i = 0; i < 2; i++) {
        if (syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != ENOSYS)
            return 1;
    }
    return syscall(4000) != -1 || errno != ENOSYS;
}

/* What CPUID says of the vendor and of the largest cache. */
static int processor(void)
{
    unsigned leaf[4];
    __cpuid(0, leaf[0], leaf[1], leaf[2], leaf[3]);
    (void)printf("%.4s%.4s%.4s", (char *)&leaf[1], (char *)&leaf[3], (char *)&leaf[2]);
    __cpuid_count(4, 3, leaf[0], leaf[1], leaf[2], leaf[3]);
    (void)printf(" %x %x %x\n", leaf[0], leaf[1], leaf[2]);
    return 0;
}

/* Whether libc's system call is made by SYSCALL. */
static int site(void)
{
    const unsigned char *code = (const unsigned char *)(uintptr_t)syscall;
    for (int i = 0; i < 64; i++) {
        if (code[i] == 0x0F && code[i + 1] == 0x05)
            return puts("a SYSCALL") < 0;
    }
    return puts("none") < 0;
}

/* Whose process this is, by the kernel and by the auxiliary vector, and where it stands. */
static int who(void)
{
    char cwd[256];
    struct utsname name;
    if (!getcwd(cwd, sizeof cwd) || uname(&name) < 0)
        return 1;
    (void)printf("%u %u %u %u %lu %lu %s %s %s\n", getuid(), geteuid(), getgid(), getegid(),
                 getauxval(AT_UID), getauxval(AT_EGID), cwd, getenv("HOME"), name.nodename);
    return 0;
}

/* Nanoseconds for a getpid(). */
static int speed(void)
{
    struct timespec begin, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < ROUNDS; i++)
        (void)syscall(SYS_getpid);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    (void)printf("%.0f\n", ((double)(end.tv_sec - begin.tv_sec) * 1e9 +
                            (double)(end.tv_nsec - begin.tv_nsec)) /
                               ROUNDS);
    return 0;
}

int main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        int (*run)(void);
    } all[] = {
        {"copy", copy},
        {"files", hello_files},
        {"more", hello_more},
        {"large", large},
        {"pages", pages},
        {"fault", fault},
        {"calls", calls},
        {"unknown", unknown},
        {"speed", speed},
        {"processor", processor},
        {"site", site},
        {"who", who},
        {"events", hello_events},
        {"threads", hello_threads},
        {"leave", hello_leave},
        {"first-ends", hello_first_ends},
        {"signals", hello_signals},
        {"abort", hello_abort},
        {"wait", hello_wait},
        {"sockets", hello_sockets},
        {"shares", hello_shares},
        {"segments", hello_segments},
        {"semaphores", hello_semaphores},
        {"stops", hello_stops},
        {"names", hello_names},
        {"notify", hello_notify},
        {"pidfds", hello_pidfds},
        {"signal_files", hello_signal_files},
        {"processes", hello_processes},
        {"identities", hello_identities},
        {"spawn", hello_spawn},
        {"forks", hello_forks},
        {"leaves", hello_leaves},
        {"pending", hello_pending},
        {"outlive", hello_outlive},
        {"terminal", hello_terminal},
        {"background", hello_background},
        {"traps", hello_traps},
    };
    for (size_t i = 0; argc > 1 && i < sizeof all / sizeof *all; i++) {
        if (strcmp(argv[1], all[i].name) == 0)
            return all[i].run();
    }
    if (argc == 3 && strcmp(argv[1], "gate") == 0)
        return hello_gate(argv[2]);
    if (argc > 1 && strcmp(argv[1], "left") == 0)
        return hello_left(argv[0]);
    if (argc > 1 && strcmp(argv[1], "exec") == 0)
        return hello_exec(argv[0]);
    if (argc == 5 && strcmp(argv[1], "exec-after") == 0)
        return hello_exec_after(argv);
    return say(argc, argv);
}
