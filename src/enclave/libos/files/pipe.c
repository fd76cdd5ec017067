#include "enclave/libos/files/pipe.h"

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"

#define COUNTER_MOST (UINT64_MAX - 1)

void (*file_changed)(void);

/* `file` (or NULL) may have become ready, or somebody may who waits. */
static void changed(struct file *file)
{
    if (file)
        file->edges++;
    if (file_changed)
        file_changed();
}

/* --- pipes ------------------------------------------------------------------------------------ */

struct pipe {
    size_t start, used;           /* in the ring */
    struct file *reader, *writer; /* NULL when it has gone */
    uint8_t ring[PIPE_SIZE];
};

static int64_t look(const struct pipe *pipe, void *out, size_t size)
{
    if (pipe->used == 0 && size > 0)
        return pipe->writer ? -EAGAIN : 0;
    if (size > pipe->used)
        size = pipe->used;
    size_t first = PIPE_SIZE - pipe->start < size ? PIPE_SIZE - pipe->start : size;
    memcpy(out, pipe->ring + pipe->start, first);
    memcpy((uint8_t *)out + first, pipe->ring, size - first);
    return (int64_t)size;
}

static int64_t pipe_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct pipe *pipe = file->state;
    int64_t got = look(pipe, out, size);
    (void)offset;
    if (got <= 0)
        return got;
    pipe->start = (pipe->start + (size_t)got) % PIPE_SIZE;
    pipe->used -= (size_t)got;
    changed(pipe->writer);
    return got;
}

static int64_t pipe_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct pipe *pipe = file->state;
    size_t room = PIPE_SIZE - pipe->used;
    (void)offset;
    if (size == 0)
        return 0;
    if (!pipe->reader)
        return -EPIPE;
    if (room == 0 || (size <= PIPE_ATOMIC && size > room))
        return -EAGAIN;
    if (size > room)
        size = room;
    size_t end = (pipe->start + pipe->used) % PIPE_SIZE;
    size_t first = PIPE_SIZE - end < size ? PIPE_SIZE - end : size;
    memcpy(pipe->ring + end, bytes, first);
    memcpy(pipe->ring, (const uint8_t *)bytes + first, size - first);
    pipe->used += size;
    changed(pipe->reader);
    return (int64_t)size;
}

static unsigned reader_poll(struct file *file)
{
    const struct pipe *pipe = file->state;
    return (pipe->used > 0 ? POLLIN | POLLRDNORM : 0) | (pipe->writer ? 0 : POLLHUP);
}

static unsigned writer_poll(struct file *file)
{
    const struct pipe *pipe = file->state;
    bool fits = PIPE_SIZE - pipe->used >= PIPE_ATOMIC;
    return (fits ? POLLOUT | POLLWRNORM : 0) | (pipe->reader ? 0 : POLLERR);
}

/* FIONREAD, of either end. */
static int pipe_control(struct file *file, unsigned request, void *argument)
{
    const struct pipe *pipe = file->state;
    if (request != FIONREAD)
        return -ENOTTY;
    *(int *)argument = (int)pipe->used;
    return 0;
}

static void release(struct pipe *pipe)
{
    if (pipe->reader || pipe->writer)
        changed(pipe->reader ? pipe->reader : pipe->writer);
    else
        libos_free(pipe);
}

static void reader_release(struct file *file)
{
    struct pipe *pipe = file->state;
    pipe->reader = NULL;
    release(pipe);
}

static void writer_release(struct file *file)
{
    struct pipe *pipe = file->state;
    pipe->writer = NULL;
    release(pipe);
}

static const struct file_kind reader_kind = {.name = "pipe",
                                             .type = EXT4_FIFO,
                                             .is_stream = true,
                                             .read = pipe_read,
                                             .poll = reader_poll,
                                             .ioctl = pipe_control,
                                             .release = reader_release};
static const struct file_kind writer_kind = {.name = "pipe",
                                             .type = EXT4_FIFO,
                                             .is_stream = true,
                                             .write = pipe_write,
                                             .poll = writer_poll,
                                             .ioctl = pipe_control,
                                             .release = writer_release};

bool pipe_is(const struct file *file)
{
    return file->kind == &reader_kind || file->kind == &writer_kind;
}

bool pipe_are_one(const struct file *a, const struct file *b)
{
    return pipe_is(a) && pipe_is(b) && a->state == b->state;
}

int64_t pipe_look(struct file *file, void *out, size_t size)
{
    if (file->kind == &writer_kind)
        return -EBADF;
    return file->kind == &reader_kind ? look(file->state, out, size) : -EINVAL;
}

int pipe_new(unsigned flags, struct file **reader, struct file **writer)
{
    struct pipe *pipe = alloc_zeroed(1, sizeof *pipe);
    if (!pipe)
        return -ENOMEM;
    flags &= O_NONBLOCK;
    int status = file_new(&reader_kind, flags | O_RDONLY, NULL, reader);
    if (status < 0) {
        libos_free(pipe);
        return status;
    }
    (*reader)->state = pipe;
    pipe->reader = *reader;
    status = file_new(&writer_kind, flags | O_WRONLY, NULL, writer);
    if (status < 0) {
        file_put(*reader); /* and the pipe with it */
        *reader = NULL;
        return status;
    }
    (*writer)->state = pipe;
    (*writer)->number = (*reader)->number;
    pipe->writer = *writer;
    return 0;
}

/* --- counters --------------------------------------------------------------------------------- */

struct counter {
    uint64_t value;
    bool is_semaphore;
};

static int64_t counter_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct counter *counter = file->state;
    (void)offset;
    if (size < sizeof counter->value)
        return -EINVAL;
    if (counter->value == 0)
        return -EAGAIN;
    uint64_t taken = counter->is_semaphore ? 1 : counter->value;
    memcpy(out, &taken, sizeof taken);
    counter->value -= taken;
    changed(file);
    return sizeof taken;
}

static int64_t counter_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct counter *counter = file->state;
    uint64_t more;
    (void)offset;
    if (size < sizeof more)
        return -EINVAL;
    memcpy(&more, bytes, sizeof more);
    if (more == UINT64_MAX)
        return -EINVAL;
    if (more > COUNTER_MOST - counter->value)
        return -EAGAIN;
    counter->value += more;
    changed(file);
    return sizeof more;
}

static unsigned counter_poll(struct file *file)
{
    const struct counter *counter = file->state;
    return (counter->value > 0 ? POLLIN | POLLRDNORM : 0) |
           (counter->value < COUNTER_MOST ? POLLOUT | POLLWRNORM : 0);
}

static void counter_release(struct file *file)
{
    libos_free(file->state);
}

static const struct file_kind counter_kind = {.name = "[eventfd]",
                                              .is_stream = true,
                                              .read = counter_read,
                                              .write = counter_write,
                                              .poll = counter_poll,
                                              .release = counter_release};

int counter_new(uint64_t start, bool is_semaphore, unsigned flags, struct file **out)
{
    struct counter *counter = alloc_zeroed(1, sizeof *counter);
    if (!counter)
        return -ENOMEM;
    *counter = (struct counter){start, is_semaphore};
    int status = file_new(&counter_kind, (flags & O_NONBLOCK) | O_RDWR, NULL, out);
    if (status < 0)
        libos_free(counter);
    else
        (*out)->state = counter;
    return status;
}

/* --- poll ------------------------------------------------------------------------------------- */

unsigned file_poll(struct file *file)
{
    if (file->kind->poll)
        return file->kind->poll(file);
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}
