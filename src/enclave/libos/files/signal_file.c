#include "enclave/libos/files/signal_file.h"

#include <asm/signal.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/signalfd.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/threads/thread.h"

uint64_t signal_files_watch;

struct signal_file {
    uint64_t set;
};

static void put_info(const struct signal_info *from, struct signalfd_siginfo *out)
{
    *out = (struct signalfd_siginfo){
        .ssi_signo = (uint32_t)from->number,
        .ssi_code = from->code,
        .ssi_pid = (uint32_t)from->words[0],
        .ssi_uid = (uint32_t)(from->words[0] >> 32),
        .ssi_int = (int32_t)from->words[1],
        .ssi_ptr = from->words[1],
    };
}

int64_t signal_file_take(uint64_t set, void *out, size_t size)
{
    struct signalfd_siginfo one;
    struct signal_info info;
    size_t done = 0;
    if (size < sizeof one)
        return -EINVAL;
    while (size - done >= sizeof one && signal_take(thread_self(), set, &info) != 0) {
        put_info(&info, &one);
        memcpy((uint8_t *)out + done, &one, sizeof one);
        done += sizeof one;
    }
    return done > 0 ? (int64_t)done : -EAGAIN;
}

/* Of the thread that asks, wherever it is. */
static bool are_pending(const struct signal_file *signals)
{
    const struct thread *self = thread_self();
    return ((self->mirror ? self->mirror->pending : signal_pending(self)) & signals->set) != 0;
}

static int64_t signals_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    const struct signal_file *signals = file->state;
    struct thread_mirror *mirror = thread_self()->mirror;
    (void)offset;
    if (!mirror)
        return signal_file_take(signals->set, out, size);
    if (size < sizeof(struct signalfd_siginfo))
        return -EINVAL;
    if (!are_pending(signals))
        return -EAGAIN;
    mirror->taken = signals->set;
    return -SIGNAL_FILE_ELSEWHERE;
}

static unsigned signals_poll(struct file *file)
{
    return are_pending(file->state) ? POLLIN | POLLRDNORM : 0;
}

static void signals_release(struct file *file)
{
    libos_free(file->state);
}

static const struct file_kind signals_kind = {.name = "[signalfd]",
                                              .is_stream = true,
                                              .read = signals_read,
                                              .poll = signals_poll,
                                              .release = signals_release};

static void set_signals(struct signal_file *signals, uint64_t set)
{
    signals->set = set & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    process_self()->watched |= signals->set;
    if (!thread_self()->mirror)
        signal_files_watch |= signals->set;
}

int signal_file_new(uint64_t set, unsigned flags, struct file **out)
{
    struct signal_file *signals = alloc_zeroed(1, sizeof *signals);
    if (!signals)
        return -ENOMEM;
    int status = file_new(&signals_kind, (flags & O_NONBLOCK) | O_RDWR, NULL, out);
    if (status < 0) {
        libos_free(signals);
        return status;
    }
    (*out)->state = signals;
    set_signals(signals, set);
    return 0;
}

int signal_file_set(struct file *file, uint64_t set)
{
    if (file->kind != &signals_kind)
        return -EINVAL;
    set_signals(file->state, set);
    return 0;
}
