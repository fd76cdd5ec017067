/*
 * What a few things cost a program, inside the library OS and outside: nanoseconds, for
 * bench/enclave.
 *
 * usage: enclave-calls NAME
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 9

static int pipes[2];
static long (*trap)(void);

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void do_getpid(void)
{
    (void)syscall(SYS_getpid);
}

/* From code that the program has written itself. */
static void do_trap(void)
{
    (void)trap();
}

static void do_clock(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
}

static void do_pipe(void)
{
    char byte = 'x';
    if (write(pipes[1], &byte, 1) != 1 || read(pipes[0], &byte, 1) != 1)
        exit(1);
}

static void do_compute(void)
{
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < 1000; i++)
        sum = sum * UINT64_C(6364136223846793005) + i;
}

static void write_trap(void)
{
    static const unsigned char code[] = {0xB8, SYS_getpid, 0, 0, 0, 0x0F, 0x05, 0xC3};
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                    0);
    if (at == MAP_FAILED)
        exit(1);
    memcpy(at, code, sizeof code);
    memcpy(&trap, &at, sizeof trap);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double measure(void (*one)(void), unsigned count)
{
    double times[ROUNDS];
    for (unsigned round = 0; round < ROUNDS; round++) {
        double begin = now();
        for (unsigned i = 0; i < count; i++)
            one();
        times[round] = (now() - begin) / count;
    }
    qsort(times, ROUNDS, sizeof *times, by_value);
    return times[ROUNDS / 2];
}

int main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        void (*one)(void);
        unsigned count;
    } all[] = {{"getpid", do_getpid, 100000},
               {"trap", do_trap, 1000},
               {"clock", do_clock, 100000},
               {"pipe", do_pipe, 20000},
               {"compute", do_compute, 10000}};
    if (pipe(pipes) < 0)
        return 1;
    write_trap();
    for (size_t i = 0; argc == 2 && i < sizeof all / sizeof *all; i++) {
        if (strcmp(argv[1], all[i].name) == 0)
            return printf("%.2f\n", measure(all[i].one, all[i].count)) < 0;
    }
    return 2;
}
