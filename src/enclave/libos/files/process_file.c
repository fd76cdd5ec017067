#include "enclave/libos/files/process_file.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pseudo_text.h"
#include "enclave/libos/processes/process.h"

/* The place in the table may be another process' by now: the serial says so. */
struct process_file {
    struct process *process;
    uint64_t serial;
};

static struct process *still_there(const struct process_file *watched)
{
    struct process *process = watched->process;
    bool is_there = process->state != PROCESS_FREE && process->serial == watched->serial;
    return is_there ? process : NULL;
}

/* As Linux has it since 6.9: POLLHUP once it was waited for. */
static unsigned watched_poll(struct file *file)
{
    const struct process *process = still_there(file->state);
    if (!process)
        return POLLIN | POLLRDNORM | POLLHUP;
    return process->state == PROCESS_ENDED ? POLLIN | POLLRDNORM : 0;
}

static void watched_tell(const struct file *file, struct pseudo_text *out)
{
    const struct process *process = still_there(file->state);
    bool is_seen = process && process_sees(process_self(), process);
    int number = !process ? -1 : is_seen ? process->number : 0;
    pseudo_print(out, "Pid:\t%d\nNSpid:\t%d\n", number, number);
}

static void watched_release(struct file *file)
{
    libos_free(file->state);
}

static const struct file_kind watched_kind = {.name = "[pidfd]",
                                              .is_stream = true,
                                              .poll = watched_poll,
                                              .tell = watched_tell,
                                              .release = watched_release};

int process_file_new(struct process *process, unsigned flags, struct file **out)
{
    struct process_file *watched = alloc_zeroed(1, sizeof *watched);
    if (!watched)
        return -ENOMEM;
    int status = file_new(&watched_kind, (flags & O_NONBLOCK) | O_RDWR, NULL, out);
    if (status < 0) {
        libos_free(watched);
        return status;
    }
    *watched = (struct process_file){process, process->serial};
    (*out)->state = watched;
    process->is_watched = true;
    return 0;
}

int process_file_open(struct process *process, unsigned flags, struct file_table *files)
{
    struct file *file;
    int status = process_file_new(process, flags, &file);
    if (status < 0)
        return status;
    int number = file_table_add(files, file, 0, true);
    if (number < 0)
        file_put(file);
    return number;
}

int process_file_get(const struct file *file, struct process **out)
{
    if (!file || file->kind != &watched_kind)
        return -EBADF;
    *out = still_there(file->state);
    return 0;
}
