/* What /proc says of one process, or one thread of it. */
#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/proc.h"
#include "enclave/libos/files/terminal.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/facts.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/threads/thread.h"

#define KIB         1024
#define MEMORY_SIZE ((unsigned long)MEMORY_PAGE)

/* Whose memory this enclave has: NULL for a process of another one. */
static const struct program_facts *facts_of(const struct pseudo_key *key)
{
    return process_first()->number == key->process ? program_facts() : NULL;
}

/* The thread that is meant: of a process as a whole, the one of its number, or any. */
static const struct thread *thread_of(const struct pseudo_key *key)
{
    const struct thread *found = NULL;
    int wanted = key->number != 0 ? key->number : key->process;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *one = thread_at(i);
        if (one->state == THREAD_FREE || !one->process || one->process->number != key->process)
            continue;
        if (one->number == wanted)
            return one;
        found = key->number == 0 && !found ? one : found;
    }
    return found;
}

static size_t threads_of(const struct pseudo_key *key)
{
    size_t count = 0;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *one = thread_at(i);
        count += one->state != THREAD_FREE && one->process && one->process->number == key->process;
    }
    return count;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Bytes of the program's memory, as they are now. */
static int add_memory(struct pseudo_text *out, uint64_t begin, uint64_t end)
{
    if (end < begin || !memory_allows(begin, end - begin, MEMORY_READ))
        return -EIO;
    pseudo_add(out, (const void *)(uintptr_t)begin, end - begin);
    return 0;
}

static int text_arguments(const struct pseudo_key *key, struct pseudo_text *out)
{
    const struct program_facts *facts = facts_of(key);
    const struct process *process = process_find(key->process);
    if (facts)
        return add_memory(out, facts->arguments, facts->environment);
    if (process && process->told.words)
        pseudo_add(out, process->told.words, process->told.words_size);
    return 0;
}

static int text_environment(const struct pseudo_key *key, struct pseudo_text *out)
{
    const struct program_facts *facts = facts_of(key);
    return facts ? add_memory(out, facts->environment, facts->words_end) : 0;
}

static int text_auxiliary(const struct pseudo_key *key, struct pseudo_text *out)
{
    const struct program_facts *facts = facts_of(key);
    return facts ? add_memory(out, facts->auxiliary, facts->auxiliary_end) : 0;
}

static void add_run(struct pseudo_text *out, const struct memory_run *run, const char *name)
{
    pseudo_print(out, "%08lx-%08lx %c%c%cp 00000000 00:00 0 %s%s\n", run->begin, run->end,
                 run->access & MEMORY_READ ? 'r' : '-', run->access & MEMORY_WRITE ? 'w' : '-',
                 run->access & MEMORY_EXECUTE ? 'x' : '-', *name ? "                  " : "", name);
}

/* Of which file memory is, is not kept; where the stack is, programs look for. */
static int text_maps(const struct pseudo_key *key, struct pseudo_text *out)
{
    const struct program_facts *facts = facts_of(key);
    struct memory_run run;
    if (!facts)
        return 0;
    uint64_t stack = facts->stack_end - PROGRAM_STACK_SIZE;
    for (uint64_t at = 0; memory_next(at, &run); at = run.end) {
        bool is_stack = run.begin >= stack && run.begin < facts->stack_end;
        if (run.begin < stack && run.end > stack)
            run.end = stack;
        if (is_stack && run.end > facts->stack_end)
            run.end = facts->stack_end;
        add_run(out, &run, is_stack ? "[stack]" : run.begin == facts->heap ? "[heap]" : "");
    }
    return 0;
}

static int text_sizes(const struct pseudo_key *key, struct pseudo_text *out)
{
    unsigned long pages = facts_of(key) ? memory_used() : 0;
    pseudo_print(out, "%lu %lu 0 0 0 %lu 0\n", pages, pages, pages);
    return 0;
}

/* --- what it is ------------------------------------------------------------------------------- */

static const char *name_of(const struct pseudo_key *key)
{
    const struct thread *thread = thread_of(key);
    const struct process *process = process_find(key->process);
    if (facts_of(key) && thread && thread->name[0])
        return thread->name;
    return process && process->told.name[0] ? process->told.name : "process";
}

static int text_name(const struct pseudo_key *key, struct pseudo_text *out)
{
    pseudo_print(out, "%s\n", name_of(key));
    return 0;
}

static int take_name(const struct pseudo_key *key, const char *bytes, size_t size)
{
    struct thread *thread = thread_find(key->number != 0 ? key->number : key->process);
    if (!thread || thread->process != process_self())
        return -EINVAL;
    size_t len = strnlen(bytes, size < sizeof thread->name ? size : sizeof thread->name - 1);
    memset(thread->name, 0, sizeof thread->name);
    memcpy(thread->name, bytes, len);
    return 0;
}

static char state_of(const struct pseudo_key *key)
{
    const struct process *process = process_find(key->process);
    if (!process || process->state == PROCESS_ENDED)
        return 'Z';
    if (process->stopped_by != 0)
        return 'T';
    return thread_of(key) == thread_self() ? 'R' : 'S';
}

static unsigned long parent_of(const struct process *process)
{
    return process->parent ? (unsigned long)process->parent->number : 0;
}

/* What is masked and set, as proc(5) has it: a bit a signal. */
struct sets {
    unsigned long pending, shared, blocked, ignored, caught;
};

static void find_sets(const struct pseudo_key *key, struct sets *out)
{
    const struct thread *thread = thread_of(key);
    *out = (struct sets){0};
    if (!thread || !facts_of(key))
        return;
    out->pending = thread->signals.pending.set;
    out->shared = signal_pending(thread) & ~out->pending;
    out->blocked = thread->signals.mask;
    for (int i = 1; i <= SIGNALS; i++) {
        uint64_t handler = signal_action(i)->handler;
        out->ignored |= handler == 1 ? SIGNAL_BIT(i) : 0;
        out->caught |= handler > 1 ? SIGNAL_BIT(i) : 0;
    }
}

/* proc(5), /proc/[pid]/stat: the fields that nobody counts are zeros. */
static int text_stat(const struct pseudo_key *key, struct pseudo_text *out)
{
    static const struct program_facts none;
    const struct process *process = process_find(key->process);
    const struct program_facts *facts = facts_of(key);
    struct sets sets;
    int device, foreground;
    if (!process)
        return -ESRCH;
    unsigned long pages = facts ? memory_used() : 0;
    facts = facts ? facts : &none;
    find_sets(key, &sets);
    terminal_tell(process, &device, &foreground);
    pseudo_print(out, "%d (%s) %c %lu %d %d %d %d 4194304 0 0 0 0 0 0 0 0 20 0 %lu 0 %lu %lu %lu ",
                 key->number ? key->number : key->process, name_of(key), state_of(key),
                 parent_of(process), process->group, process->session, device, foreground,
                 threads_of(key), facts->started / PROC_TICK, pages * MEMORY_SIZE, pages);
    pseudo_print(out, "%lu 1 1 %lu 0 0 %lu %lu %lu %lu 0 0 0 17 0 0 0 0 0 0 0 0 %lu %lu %lu ",
                 UINT64_MAX, facts->stack, sets.pending, sets.blocked, sets.ignored, sets.caught,
                 facts->heap, facts->arguments, facts->environment);
    pseudo_print(out, "%lu %lu 0\n", facts->environment, facts->words_end);
    return 0;
}

static void add_creds(struct pseudo_text *out, const struct creds *creds)
{
    const unsigned long uid = creds->uid, gid = creds->gid, bits = creds->capabilities;
    pseudo_print(out, "Uid:\t%lu\t%lu\t%lu\t%lu\nGid:\t%lu\t%lu\t%lu\t%lu\n", uid, uid, uid, uid,
                 gid, gid, gid, gid);
    pseudo_print(out, "FDSize:\t256\nGroups:\t");
    for (size_t i = 0; i < creds->group_count; i++)
        pseudo_print(out, "%lu ", (unsigned long)creds->groups[i]);
    pseudo_print(out, "\nCapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", 0UL, bits, bits);
    pseudo_print(out, "CapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t1\nSeccomp:\t0\n", bits, 0UL);
}

static void add_sizes(struct pseudo_text *out, const struct pseudo_key *key)
{
    unsigned long size = facts_of(key) ? memory_used() * MEMORY_SIZE / KIB : 0;
    pseudo_print(out, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmHWM:\t%8lu kB\n",
                 size, size, 0UL, size);
    pseudo_print(out, "VmRSS:\t%8lu kB\nVmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmSwap:\t%8lu kB\n",
                 size, size, PROGRAM_STACK_SIZE / KIB, 0UL);
}

static int text_status(const struct pseudo_key *key, struct pseudo_text *out)
{
    const struct process *process = process_find(key->process);
    struct sets sets;
    if (!process)
        return -ESRCH;
    char state = state_of(key);
    find_sets(key, &sets);
    pseudo_print(out, "Name:\t%s\nUmask:\t%c%c%c%c\n", name_of(key), '0',
                 '0' + (process->vfs.umask >> 6 & 7), '0' + (process->vfs.umask >> 3 & 7),
                 '0' + (process->vfs.umask & 7));
    pseudo_print(out, "State:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%lu\nTracerPid:\t0\n",
                 state,
                 state == 'R'   ? "running"
                 : state == 'S' ? "sleeping"
                 : state == 'T' ? "stopped"
                                : "zombie",
                 process->number, key->number ? key->number : key->process, parent_of(process));
    add_creds(out, &process->vfs.creds);
    add_sizes(out, key);
    pseudo_print(out, "Threads:\t%lu\nSigQ:\t0/%d\nSigPnd:\t%016lx\nShdPnd:\t%016lx\n",
                 threads_of(key), SIGNAL_NOTES, sets.pending, sets.shared);
    pseudo_print(out, "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", sets.blocked,
                 sets.ignored, sets.caught);
    pseudo_print(out, "Cpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed:\t1\n"
                      "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\n"
                      "nonvoluntary_ctxt_switches:\t0\n");
    return 0;
}

/* --- what there is ---------------------------------------------------------------------------- */

#define COMMON                                                                                     \
    {.name = "auxv", .mode = PROC_FILE(0400), .text = text_auxiliary},                             \
        {.name = "cgroup", .mode = PROC_FILE(0444), .constant = "0::/\n"},                         \
        {.name = "cmdline", .mode = PROC_FILE(0444), .text = text_arguments},                      \
        {.name = "comm", .mode = PROC_FILE(0644), .text = text_name, .take = take_name},           \
        {.name = "cwd",                                                                            \
         .mode = PROC_LINK,                                                                        \
         .link = proc_link_folder,                                                                 \
         .follow = proc_follow_folder},                                                            \
        {.name = "environ", .mode = PROC_FILE(0400), .text = text_environment},                    \
        {.name = "exe",                                                                            \
         .mode = PROC_LINK,                                                                        \
         .link = proc_link_program,                                                                \
         .follow = proc_follow_program},                                                           \
        {.name = "fd", .mode = PROC_FOLDER(0500), .numbers = &proc_open_files},                    \
        {.name = "fdinfo", .mode = PROC_FOLDER(0500), .numbers = &proc_file_facts},                \
        {.name = "gid_map",                                                                        \
         .mode = PROC_FILE(0444),                                                                  \
         .constant = "         0          0 4294967295\n"},                                        \
        {.name = "limits", .mode = PROC_FILE(0444), .text = proc_text_limits},                     \
        {.name = "maps", .mode = PROC_FILE(0444), .text = text_maps},                              \
        {.name = "mountinfo", .mode = PROC_FILE(0444), .text = proc_text_mount_facts},             \
        {.name = "mounts", .mode = PROC_FILE(0444), .text = proc_text_mounts},                     \
        {.name = "oom_score", .mode = PROC_FILE(0444), .constant = "0\n"},                         \
        {.name = "personality", .mode = PROC_FILE(0400), .constant = "00000000\n"},                \
        {.name = "root", .mode = PROC_LINK, .link = proc_link_root, .follow = proc_follow_root},   \
        {.name = "stat", .mode = PROC_FILE(0444), .text = text_stat},                              \
        {.name = "statm", .mode = PROC_FILE(0444), .text = text_sizes},                            \
        {.name = "status", .mode = PROC_FILE(0444), .text = text_status},                          \
        {.name = "uid_map",                                                                        \
         .mode = PROC_FILE(0444),                                                                  \
         .constant = "         0          0 4294967295\n"},                                        \
    {                                                                                              \
        .name = "wchan", .mode = PROC_FILE(0444), .constant = "0"                                  \
    }

const struct pseudo_entry proc_thread_entries[] = {COMMON, {.name = NULL}};

const struct pseudo_entry proc_process_entries[] = {
    COMMON,
    {.name = "task", .mode = PROC_FOLDER(0555), .numbers = &proc_threads},
    {.name = NULL},
};
