/* What /proc says of the system as a whole. */
#include <linux/errno.h>
#include <linux/utsname.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/proc.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/cpuid.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/system.h"
#include "enclave/libos/threads/thread.h"

#define KIB     1024
#define SECONDS UINT64_C(1000000000)

/* What the program's memory takes at most is all there is. */
int proc_text_memory(const struct pseudo_key *key, struct pseudo_text *out)
{
    static const char *const zeros[] = {"Buffers",  "Cached",      "SwapCached", "Active",
                                        "Inactive", "Unevictable", "Mlocked",    "SwapTotal",
                                        "SwapFree", "Dirty",       "Writeback",  "AnonPages",
                                        "Mapped",   "Shmem",       "Slab",       "PageTables"};
    unsigned long all = memory_all() * MEMORY_PAGE / KIB;
    unsigned long used = memory_taken() * MEMORY_PAGE / KIB;
    (void)key;
    pseudo_print(out, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
                 all, all - used, all - used);
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        pseudo_print(out, "%s:              0 kB\n", zeros[i]);
    pseudo_print(out, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\n", all, used);
    pseudo_print(out, "HugePages_Total:       0\nHugePages_Free:        0\n"
                      "Hugepagesize:       2048 kB\n");
    return 0;
}

/* --- processors ------------------------------------------------------------------------------- */

/* The kernel's names, in the order of arch/x86's cpufeatures.h as far as CPUID has them inside. */
static const struct {
    uint32_t leaf;
    uint8_t word, bit;
    const char *name;
} flags[] = {
    {1, 3, 0, "fpu"},
    {1, 3, 4, "tsc"},
    {1, 3, 8, "cx8"},
    {1, 3, 15, "cmov"},
    {1, 3, 19, "clflush"},
    {1, 3, 23, "mmx"},
    {1, 3, 24, "fxsr"},
    {1, 3, 25, "sse"},
    {1, 3, 26, "sse2"},
    {0x80000001, 3, 11, "syscall"},
    {0x80000001, 3, 20, "nx"},
    {0x80000001, 3, 27, "rdtscp"},
    {0x80000001, 3, 29, "lm"},
    {0x80000007, 3, 8, "constant_tsc nonstop_tsc"},
    {1, 2, 0, "pni"},
    {1, 2, 1, "pclmulqdq"},
    {1, 2, 9, "ssse3"},
    {1, 2, 12, "fma"},
    {1, 2, 13, "cx16"},
    {1, 2, 19, "sse4_1"},
    {1, 2, 20, "sse4_2"},
    {1, 2, 22, "movbe"},
    {1, 2, 23, "popcnt"},
    {1, 2, 25, "aes"},
    {1, 2, 26, "xsave"},
    {1, 2, 28, "avx"},
    {1, 2, 29, "f16c"},
    {1, 2, 30, "rdrand"},
    {0x80000001, 2, 0, "lahf_lm"},
    {0x80000001, 2, 5, "abm"},
    {0x80000001, 2, 8, "3dnowprefetch"},
    {7, 1, 3, "bmi1"},
    {7, 1, 5, "avx2"},
    {7, 1, 8, "bmi2"},
    {7, 1, 9, "erms"},
    {7, 1, 16, "avx512f"},
    {7, 1, 17, "avx512dq"},
    {7, 1, 18, "rdseed"},
    {7, 1, 19, "adx"},
    {7, 1, 29, "sha_ni"},
    {7, 1, 30, "avx512bw"},
    {7, 1, 31, "avx512vl"},
    {7, 2, 8, "gfni"},
    {7, 2, 9, "vaes"},
    {7, 2, 10, "vpclmulqdq"},
    {7, 2, 11, "avx512_vnni"},
};

static void add_flags(struct pseudo_text *out)
{
    struct door_cpuid answer;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        cpuid_answer(flags[i].leaf, 0, &answer);
        if (answer.words[flags[i].word] >> flags[i].bit & 1)
            pseudo_print(out, " %s", flags[i].name);
    }
}

static void add_model(struct pseudo_text *out)
{
    struct door_cpuid answer;
    char name[49] = "";
    for (uint32_t i = 0; i < 3; i++) {
        cpuid_answer(0x80000002 + i, 0, &answer);
        memcpy(name + 16 * (size_t)i, answer.words, 16);
    }
    for (char *at = name; *at; at++) /* the host's bytes are no lines of ours */
        *at = *at < ' ' || *at > '~' ? '?' : *at;
    cpuid_answer(1, 0, &answer);
    unsigned long word = answer.words[0], family = word >> 8 & 15;
    unsigned long model = (word >> 4 & 15) | (word >> 12 & 0xF0);
    family += family == 15 ? word >> 20 & 0xFF : 0;
    pseudo_print(out,
                 "vendor_id\t: GenuineIntel\ncpu family\t: %lu\nmodel\t\t: %lu\n"
                 "model name\t: %s\nstepping\t: %lu\n",
                 family, model, name + strspn(name, " "), word & 15);
}

int proc_text_processors(const struct pseudo_key *key, struct pseudo_text *out)
{
    struct door_cpuid frequency;
    (void)key;
    cpuid_answer(0x16, 0, &frequency);
    for (unsigned long i = 0; i < SYSTEM_PROCESSORS; i++) {
        pseudo_print(out, "processor\t: %lu\n", i);
        add_model(out);
        if (frequency.words[0] != 0)
            pseudo_print(out, "cpu MHz\t\t: %lu.000\n", (unsigned long)frequency.words[0]);
        pseudo_print(out, "cache size\t: 32768 KB\nphysical id\t: 0\n");
        pseudo_print(out, "siblings\t: %d\ncore id\t\t: %lu\ncpu cores\t: %d\napicid\t\t: %lu\n",
                     SYSTEM_PROCESSORS, i, SYSTEM_PROCESSORS, i);
        pseudo_print(out, "fpu\t\t: yes\ncpuid level\t: 22\nwp\t\t: yes\nflags\t\t:");
        add_flags(out);
        pseudo_print(out, "\nclflush size\t: 64\ncache_alignment\t: 64\n"
                          "address sizes\t: 46 bits physical, 48 bits virtual\n\n");
    }
    return 0;
}

/* --- figures ---------------------------------------------------------------------------------- */

static void add_processor(struct pseudo_text *out, const char *name, unsigned long idle)
{
    pseudo_print(out, "%s 0 0 0 %lu 0 0 0 0 0 0\n", name, idle);
}

/* How long a processor works is the host's to know: all of them are idle. */
int proc_text_figures(const struct pseudo_key *key, struct pseudo_text *out)
{
    uint64_t up = clock_now(DOOR_CLOCK_MONOTONIC), now = clock_now(DOOR_CLOCK_REAL);
    (void)key;
    add_processor(out, "cpu ", up / PROC_TICK * SYSTEM_PROCESSORS);
    for (unsigned long i = 0; i < SYSTEM_PROCESSORS; i++) {
        pseudo_print(out, "cpu%lu", i);
        add_processor(out, "", up / PROC_TICK);
    }
    pseudo_print(out, "intr 0\nctxt 0\nbtime %lu\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
                 now > up ? (now - up) / SECONDS : 0);
    return 0;
}

int proc_text_uptime(const struct pseudo_key *key, struct pseudo_text *out)
{
    uint64_t ticks = clock_now(DOOR_CLOCK_MONOTONIC) / PROC_TICK;
    uint64_t idle = ticks * SYSTEM_PROCESSORS;
    (void)key;
    pseudo_print(out, "%lu.%02lu %lu.%02lu\n", ticks / 100, ticks % 100, idle / 100, idle % 100);
    return 0;
}

int proc_text_load(const struct pseudo_key *key, struct pseudo_text *out)
{
    int last = 0;
    (void)key;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        if (thread_at(i)->state != THREAD_FREE && thread_at(i)->number > last)
            last = thread_at(i)->number;
    }
    pseudo_print(out, "0.00 0.00 0.00 1/%lu %d\n", thread_count(), last);
    return 0;
}

int proc_text_version(const struct pseudo_key *key, struct pseudo_text *out)
{
    const struct new_utsname *name = system_name();
    (void)key;
    pseudo_print(out, "%s version %s (caisson@enclave) #1 %s\n", name->sysname, name->release,
                 name->version);
    return 0;
}
