/* System calls on open files. */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time_types.h>
#include <linux/uio.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/ready.h"
#include "enclave/libos/files/terminal.h"
#include "enclave/libos/log.h"
#include "enclave/libos/threads/wait.h"

#define EFD_SEMAPHORE 1 /* eventfd(2) */
#define IOV_MAX       1024
#define FLAGS_OF_SYNC 7 /* RWF_HIPRI, RWF_DSYNC, RWF_SYNC: preadv2(2) */

typedef int64_t transfer_fn(struct file *file, uint64_t offset, uint64_t at, uint64_t size);

/* How bytes go: one try, without waiting, and what is waited for between tries. */
struct transfer {
    int64_t (*once)(struct file *file, uint64_t offset, uint64_t at, uint64_t size);
    unsigned events;
    bool is_all; /* of a stream all is done, unless it ends or fails */
};

static int64_t read_once(struct file *file, uint64_t offset, uint64_t at, uint64_t size)
{
    return can_write(at, size) ? file_read(file, offset, (void *)at, size) : -EFAULT;
}

static int64_t write_once(struct file *file, uint64_t offset, uint64_t at, uint64_t size)
{
    return can_read(at, size) ? file_write(file, offset, (const void *)at, size) : -EFAULT;
}

static const struct transfer reading = {read_once, POLLIN, false};
static const struct transfer writing = {write_once, POLLOUT, true};

int syscall_wait_for(struct file *file, unsigned events, uint64_t deadline)
{
    const struct ready one = {.file = file, .wanted = events};
    return ready_wait(&one, 1, deadline);
}

/* Waits where the file lets it. What was done counts more than an error after it. */
static int64_t transfer_part(struct file *file, uint64_t offset, uint64_t at, uint64_t size,
                             const struct transfer *how)
{
    uint64_t done = 0;
    for (;;) {
        int64_t taken = how->once(file, offset, at + done, size - done);
        bool waits = taken == -EAGAIN && !(file->flags & O_NONBLOCK);
        if (waits)
            taken = syscall_wait_for(file, how->events, DOOR_FOREVER);
        if (taken < 0 || (!waits && (uint64_t)taken == 0))
            return done > 0 ? (int64_t)done : taken;
        done += waits ? 0 : (uint64_t)taken;
        if (!waits && (done == size || !how->is_all || !file->kind->is_stream))
            return (int64_t)done;
    }
}

/* Who writes to what nobody reads is told so by a signal as well. */
static uint64_t finish(struct file *file, int64_t result)
{
    file_put(file);
    if (result == -EPIPE)
        (void)signal_raise(thread_self(), SIGPIPE);
    return (uint64_t)result;
}

static uint64_t transfer(const struct program_frame *frame, uint64_t offset,
                         const struct transfer *how)
{
    struct file *file = syscall_file(frame->rdi);
    if (!file)
        return SYSCALL_ERROR(EBADF);
    file_get(file);
    int64_t result = transfer_part(file, offset, frame->rsi, frame->rdx, how);
    return finish(file, result);
}

/* The parts after each other. Only what has done nothing yet waits, or writes. */
static int64_t transfer_all(struct file *file, uint64_t offset, uint64_t at, uint64_t count,
                            const struct transfer *how)
{
    uint64_t done = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct iovec part;
        if (!can_read(at + i * sizeof part, sizeof part))
            return done > 0 ? (int64_t)done : -EFAULT;
        memcpy(&part, (const void *)(at + i * sizeof part), sizeof part);
        uint64_t from = (uint64_t)part.iov_base;
        uint64_t place = offset == FILE_HERE ? offset : offset + done;
        int64_t taken = done > 0 && !how->is_all
                            ? how->once(file, place, from, part.iov_len)
                            : transfer_part(file, place, from, part.iov_len, how);
        if (taken < 0)
            return done > 0 ? (int64_t)done : taken;
        done += (uint64_t)taken;
        if ((uint64_t)taken < part.iov_len)
            break;
    }
    return (int64_t)done;
}

static uint64_t transfer_parts(const struct program_frame *frame, uint64_t offset,
                               const struct transfer *how)
{
    struct file *file = syscall_file(frame->rdi);
    if (!file)
        return SYSCALL_ERROR(EBADF);
    if (offset != FILE_HERE && file->kind->is_stream)
        return SYSCALL_ERROR(ESPIPE);
    if (frame->rdx > IOV_MAX)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rsi, frame->rdx * sizeof(struct iovec)))
        return SYSCALL_FAULT;
    file_get(file);
    return finish(file, transfer_all(file, offset, frame->rsi, frame->rdx, how));
}

uint64_t syscall_read(struct program_frame *frame)
{
    return transfer(frame, FILE_HERE, &reading);
}

uint64_t syscall_write(struct program_frame *frame)
{
    return transfer(frame, FILE_HERE, &writing);
}

/* An offset below 0 is none; FILE_HERE, which is one of them, is the caller's word alone. */
uint64_t syscall_pread64(struct program_frame *frame)
{
    return (int64_t)frame->r10 < 0 ? SYSCALL_ERROR(EINVAL) : transfer(frame, frame->r10, &reading);
}

uint64_t syscall_pwrite64(struct program_frame *frame)
{
    return (int64_t)frame->r10 < 0 ? SYSCALL_ERROR(EINVAL) : transfer(frame, frame->r10, &writing);
}

uint64_t syscall_readv(struct program_frame *frame)
{
    return transfer_parts(frame, FILE_HERE, &reading);
}

uint64_t syscall_writev(struct program_frame *frame)
{
    return transfer_parts(frame, FILE_HERE, &writing);
}

uint64_t syscall_preadv(struct program_frame *frame)
{
    return (int64_t)frame->r10 < 0 ? SYSCALL_ERROR(EINVAL)
                                   : transfer_parts(frame, frame->r10, &reading);
}

uint64_t syscall_pwritev(struct program_frame *frame)
{
    return (int64_t)frame->r10 < 0 ? SYSCALL_ERROR(EINVAL)
                                   : transfer_parts(frame, frame->r10, &writing);
}

/* With an offset of -1, as readv and writev. Flags are those that mean nothing where nothing is
 * kept elsewhere: RWF_HIPRI, RWF_DSYNC, RWF_SYNC. */
static uint64_t transfer_flagged(const struct program_frame *frame, const struct transfer *how)
{
    if (frame->r9 & ~(uint64_t)FLAGS_OF_SYNC)
        return SYSCALL_ERROR(EOPNOTSUPP);
    if ((int64_t)frame->r10 < -1)
        return SYSCALL_ERROR(EINVAL);
    return transfer_parts(frame, frame->r10, how);
}

uint64_t syscall_preadv2(struct program_frame *frame)
{
    return transfer_flagged(frame, &reading);
}

uint64_t syscall_pwritev2(struct program_frame *frame)
{
    return transfer_flagged(frame, &writing);
}

uint64_t syscall_lseek(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    return file ? (uint64_t)file_seek(file, (int64_t)frame->rsi, (unsigned)frame->rdx)
                : SYSCALL_ERROR(EBADF);
}

uint64_t syscall_getdents64(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    uint64_t size = (uint32_t)frame->rdx;
    if (!file)
        return SYSCALL_ERROR(EBADF);
    if (!can_write(frame->rsi, size))
        return SYSCALL_FAULT;
    return (uint64_t)file_list(file, (void *)frame->rsi, size);
}

/* The call from before there was getdents64(2): its records have the same sizes, with the name
 * where the other's type is, and the type in their last byte. */
uint64_t syscall_getdents(struct program_frame *frame)
{
    enum { SIZE_AT = 16, TYPE_AT = 18, NAME_AT = 19 };
    int64_t got = (int64_t)syscall_getdents64(frame);
    for (int64_t done = 0; done < got;) {
        uint8_t *record = (uint8_t *)frame->rsi + done;
        uint16_t size;
        memcpy(&size, record + SIZE_AT, sizeof size);
        if (size <= NAME_AT || size > got - done)
            break; /* another thread has written there */
        uint8_t type = record[TYPE_AT];
        memmove(record + TYPE_AT, record + NAME_AT, size - NAME_AT);
        record[size - 1] = type;
        done += size;
    }
    return (uint64_t)got;
}

uint64_t syscall_ftruncate(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    if ((int64_t)frame->rsi < 0)
        return SYSCALL_ERROR(EINVAL);
    return file ? (uint64_t)file_truncate(file, frame->rsi) : SYSCALL_ERROR(EBADF);
}

uint64_t syscall_fallocate(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    return file ? (uint64_t)file_allocate(file, (unsigned)frame->rsi, (int64_t)frame->rdx,
                                          (int64_t)frame->r10)
                : SYSCALL_ERROR(EBADF);
}

/* FIONREAD: how many bytes can be read at once. */
static uint64_t tell_left(struct file *file, uint64_t at)
{
    int left = 0;
    int status = -ENOTTY;
    if (file->kind->ioctl)
        status = file->kind->ioctl(file, FIONREAD, &left);
    else if (file->kind == &file_plain)
        status = 0;
    if (status < 0)
        return (uint64_t)status;
    if (file->kind == &file_plain) {
        int64_t most = (int64_t)file->node->size - (int64_t)file->offset;
        left = (int)(most < INT32_MIN ? INT32_MIN : most > INT32_MAX ? INT32_MAX : most);
    }
    if (!can_write(at, sizeof left))
        return SYSCALL_FAULT;
    memcpy((void *)at, &left, sizeof left);
    return 0;
}

/* Nobody is sent SIGIO: the flag is kept, since servers (nginx) set it and do without the signal.
 */
static uint64_t switch_async(struct file *file, uint64_t at)
{
    static bool is_said;
    int value;
    if (!can_read(at, sizeof value))
        return SYSCALL_FAULT;
    memcpy(&value, (const void *)at, sizeof value);
    if (value && !file->kind->is_stream)
        return SYSCALL_ERROR(ENOTTY);
    if (value && !is_said)
        log_line("SIGIO, ", "which FIOASYNC asks for, is not sent");
    is_said = is_said || value;
    file->flags = (file->flags & ~(unsigned)FASYNC) | (value ? FASYNC : 0);
    return 0;
}

/* A request of terminals. Its bytes are copied in and out; a number is where they would be. */
static uint64_t control_terminal(struct file *file, uint32_t number, uint64_t at)
{
    const struct terminal_request *request = terminal_request_find(number);
    _Alignas(8) uint8_t bytes[TERMINAL_REQUEST_MAX];
    if (!request || !file->kind->ioctl)
        return SYSCALL_ERROR(ENOTTY);
    if ((request->is_in && !can_read(at, request->size)) ||
        (request->is_out && !can_write(at, request->size)))
        return SYSCALL_FAULT;
    if (request->is_in)
        memcpy(bytes, (const void *)at, request->size);
    void *argument = request->size > 0 ? bytes : (void *)at; /* NOLINT: a number */
    int status = file->kind->ioctl(file, number, argument);
    if (status == 0 && request->is_out)
        memcpy((void *)at, bytes, request->size);
    return (uint64_t)status;
}

/* What is every file's, and terminals'. */
uint64_t syscall_ioctl(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    int value;
    if (!file || file->flags & O_PATH)
        return SYSCALL_ERROR(EBADF);
    switch ((uint32_t)frame->rsi) {
    case FIOCLEX:
    case FIONCLEX:
        return (uint64_t)file_set_cloexec(&syscall_files()->files, (int)frame->rdi,
                                          (uint32_t)frame->rsi == FIOCLEX);
    case FIONBIO:
        if (!can_read(frame->rdx, sizeof value))
            return SYSCALL_FAULT;
        memcpy(&value, (const void *)frame->rdx, sizeof value);
        file->flags = (file->flags & ~(unsigned)O_NONBLOCK) | (value ? O_NONBLOCK : 0);
        return 0;
    case FIOASYNC:
        return switch_async(file, frame->rdx);
    case FIONREAD:
        return tell_left(file, frame->rdx);
    default:
        return control_terminal(file, (uint32_t)frame->rsi, frame->rdx);
    }
}

/* Nothing of a file is kept elsewhere. */
uint64_t syscall_fsync(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    if (!file)
        return SYSCALL_ERROR(EBADF);
    return file->kind->is_stream ? SYSCALL_ERROR(EINVAL) : 0;
}

uint64_t syscall_syncfs(struct program_frame *frame)
{
    const struct file *file = syscall_file(frame->rdi);
    return file && !(file->flags & O_PATH) ? 0 : SYSCALL_ERROR(EBADF);
}

/* --- numbers ---------------------------------------------------------------------------------- */

uint64_t syscall_close(struct program_frame *frame)
{
    return (uint64_t)file_close(&syscall_files()->files, (int)frame->rdi);
}

uint64_t syscall_close_range(struct program_frame *frame)
{
    struct file_table *files = &syscall_files()->files;
    uint64_t first = (uint32_t)frame->rdi, last = (uint32_t)frame->rsi;
    uint64_t flags = (uint32_t)frame->rdx;
    if (first > last || flags & ~(uint64_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
        return SYSCALL_ERROR(EINVAL);
    if (!(flags & CLOSE_RANGE_CLOEXEC)) {
        file_close_range(files, first, last);
        return 0;
    }
    for (uint64_t i = first; i <= last && i < files->count; i++)
        (void)file_set_cloexec(files, (int)i, true);
    return 0;
}

uint64_t syscall_dup(struct program_frame *frame)
{
    return (uint64_t)file_dup(&syscall_files()->files, (int)frame->rdi, 0, false);
}

uint64_t syscall_dup2(struct program_frame *frame)
{
    if ((int)frame->rdi == (int)frame->rsi)
        return syscall_file(frame->rdi) ? frame->rdi : SYSCALL_ERROR(EBADF);
    return (uint64_t)file_dup_to(&syscall_files()->files, (int)frame->rdi, (int)frame->rsi, false);
}

uint64_t syscall_dup3(struct program_frame *frame)
{
    if (frame->rdx & ~(uint64_t)O_CLOEXEC)
        return SYSCALL_ERROR(EINVAL);
    return (uint64_t)file_dup_to(&syscall_files()->files, (int)frame->rdi, (int)frame->rsi,
                                 frame->rdx != 0);
}

/* SIGIO is not there: who asks for it anew (O_ASYNC of a stream) is told so. */
static int set_flags(struct file *file, unsigned flags)
{
    if (flags & ~file->flags & FASYNC && file->kind->is_stream)
        return -EINVAL;
    const unsigned changing = O_APPEND | O_NONBLOCK;
    file->flags = (file->flags & ~changing) | (flags & changing);
    return 0;
}

static int control(struct file_table *files, int number, unsigned command, uint64_t argument)
{
    struct file *file = file_table_get(files, number);
    if (!file)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (argument > FILE_NUMBERS_MAX)
            return -EINVAL;
        return file_dup(files, number, (size_t)argument, command != F_DUPFD);
    case F_GETFD:
        return file_is_cloexec(files, number) ? FD_CLOEXEC : 0;
    case F_SETFD:
        return file_set_cloexec(files, number, argument & FD_CLOEXEC);
    case F_GETFL:
        return (int)(file->flags | O_LARGEFILE);
    case F_SETFL:
        return set_flags(file, (unsigned)argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return syscall_lock_control(file, command, argument);
    case F_ADD_SEALS:
    case F_GET_SEALS:
        return syscall_seals(file, command, argument);
    case F_GETPIPE_SZ:
        return pipe_is(file) ? PIPE_SIZE : -EBADF;
    case F_SETPIPE_SZ: /* at least as much as was asked for is what is answered */
        if (!pipe_is(file))
            return -EBADF;
        return argument <= PIPE_SIZE ? PIPE_SIZE : -EPERM;
    case F_SETOWN:
        file->owner = (int)argument;
        return 0;
    case F_GETOWN:
        return file->owner;
    default:
        return -EINVAL;
    }
}

uint64_t syscall_fcntl(struct program_frame *frame)
{
    return (uint64_t)control(&syscall_files()->files, (int)frame->rdi, (unsigned)frame->rsi,
                             frame->rdx);
}

/* --- what has no name ------------------------------------------------------------------------- */

int syscall_add_pair(struct file *ends[2], bool cloexec, int out[2])
{
    struct file_table *files = &syscall_files()->files;
    out[0] = file_table_add(files, ends[0], 0, cloexec);
    if (out[0] < 0) {
        file_put(ends[0]);
        file_put(ends[1]);
        return out[0];
    }
    out[1] = file_table_add(files, ends[1], 0, cloexec);
    if (out[1] >= 0)
        return 0;
    file_put(ends[1]);
    (void)file_close(files, out[0]);
    return out[1];
}

static uint64_t make_pipe(uint64_t at, unsigned flags)
{
    struct file *ends[2];
    int numbers[2];
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
        return SYSCALL_ERROR(EINVAL);
    if (!can_write(at, sizeof numbers))
        return SYSCALL_FAULT;
    int status = pipe_new(flags & O_NONBLOCK, &ends[0], &ends[1]);
    if (status == 0)
        status = syscall_add_pair(ends, flags & O_CLOEXEC, numbers);
    if (status == 0)
        memcpy((void *)at, numbers, sizeof numbers);
    return (uint64_t)status;
}

uint64_t syscall_pipe(struct program_frame *frame)
{
    return make_pipe(frame->rdi, 0);
}

uint64_t syscall_pipe2(struct program_frame *frame)
{
    return make_pipe(frame->rdi, (unsigned)frame->rsi);
}

uint64_t syscall_eventfd2(struct program_frame *frame)
{
    unsigned flags = (unsigned)frame->rsi;
    struct file *file;
    if (flags & ~(unsigned)(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
        return SYSCALL_ERROR(EINVAL);
    int status = counter_new((uint32_t)frame->rdi, flags & EFD_SEMAPHORE, flags & O_NONBLOCK,
                             &file);
    if (status < 0)
        return (uint64_t)status;
    int number = file_table_add(&syscall_files()->files, file, 0, flags & O_CLOEXEC);
    if (number < 0)
        file_put(file);
    return (uint64_t)number;
}
