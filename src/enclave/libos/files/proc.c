/* The root of /proc, and which processes and threads it has. */
#include "enclave/libos/files/proc.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/thread.h"

#define PROC_DEVICE 3

static int next_process(const struct pseudo_key *key, int number)
{
    int next = -1;
    (void)key;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *one = process_at(i);
        if (one->state != PROCESS_FREE && process_sees(process_self(), one) &&
            one->number > number && (next < 0 || one->number < next))
            next = one->number;
    }
    return next;
}

static int next_thread(const struct pseudo_key *key, int number)
{
    int next = -1;
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *one = thread_at(i);
        if (one->state != THREAD_FREE && one->process && one->process->number == key->process &&
            one->number > number && (next < 0 || one->number < next))
            next = one->number;
    }
    return next;
}

/* A link's target, of what was printed. */
static int give(struct pseudo_text *text, char out[PSEUDO_LINK_MAX])
{
    pseudo_add(text, "", 1);
    int status = text->failed || text->size > PSEUDO_LINK_MAX ? -ENOMEM : 0;
    if (status == 0)
        memcpy(out, text->bytes, text->size);
    pseudo_text_fini(text);
    return status;
}

static int link_self(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX])
{
    struct pseudo_text text = {0};
    (void)key;
    pseudo_print(&text, "%d", process_self()->number);
    return give(&text, out);
}

static int link_thread(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX])
{
    struct pseudo_text text = {0};
    (void)key;
    pseudo_print(&text, "%d/task/%d", process_self()->number, thread_self()->number);
    return give(&text, out);
}

static const struct pseudo_entry thread_folder = {
    .name = "", .mode = PROC_FOLDER(0555), .entries = proc_thread_entries};
const struct pseudo_numbers proc_threads = {.next = next_thread, .entry = &thread_folder};

static const struct pseudo_entry process_folder = {
    .name = "", .mode = PROC_FOLDER(0555), .entries = proc_process_entries};
static const struct pseudo_numbers processes = {
    .next = next_process, .entry = &process_folder, .is_process = true};

static const struct pseudo_entry root_entries[] = {
    {.name = "cmdline", .mode = PROC_FILE(0444), .constant = "\n"},
    {.name = "cpuinfo", .mode = PROC_FILE(0444), .text = proc_text_processors},
    {.name = "devices",
     .mode = PROC_FILE(0444),
     .constant = "Character devices:\n  1 mem\n\nBlock devices:\n"},
    {.name = "filesystems",
     .mode = PROC_FILE(0444),
     .constant = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tpipefs\nnodev\tsockfs\n"
                 "nodev\toverlay\n"},
    {.name = "loadavg", .mode = PROC_FILE(0444), .text = proc_text_load},
    {.name = "meminfo", .mode = PROC_FILE(0444), .text = proc_text_memory},
    {.name = "modules", .mode = PROC_FILE(0444), .constant = ""},
    {.name = "mounts", .mode = PROC_LINK, .constant = "self/mounts"},
    {.name = "partitions", .mode = PROC_FILE(0444), .constant = "major minor  #blocks  name\n\n"},
    {.name = "self", .mode = PROC_LINK, .link = link_self},
    {.name = "stat", .mode = PROC_FILE(0444), .text = proc_text_figures},
    {.name = "swaps",
     .mode = PROC_FILE(0444),
     .constant = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"},
    {.name = "sys", .mode = PROC_FOLDER(0555), .entries = proc_sys_entries},
    {.name = "thread-self", .mode = PROC_LINK, .link = link_thread},
    {.name = "uptime", .mode = PROC_FILE(0444), .text = proc_text_uptime},
    {.name = "version", .mode = PROC_FILE(0444), .text = proc_text_version},
    {.name = NULL},
};

static const struct pseudo_entry root = {
    .name = "", .mode = PROC_FOLDER(0555), .entries = root_entries, .numbers = &processes};

static bool owner(int number, uint32_t *uid, uint32_t *gid)
{
    const struct process *process = process_find(number);
    if (!process)
        return false;
    *uid = process->vfs.creds.uid;
    *gid = process->vfs.creds.gid;
    return true;
}

int proc_new(struct file_clock clock, struct tree **out)
{
    const struct pseudo_options options = {.root = &root,
                                           .kind = "proc",
                                           .magic = MAGIC_PROC,
                                           .device = PROC_DEVICE,
                                           .clock = clock,
                                           .owner = owner};
    return pseudo_new(&options, out);
}
