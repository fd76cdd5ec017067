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
    size_t start, used; /* in the ring */
    struct end *ends;
    size_t readers, writers;
    uint64_t had_readers, had_writers; /* that there ever were */
    struct node *node;                 /* of a named one */
    uint8_t ring[PIPE_SIZE];
};

/* An open file of a pipe: file->state. */
struct end {
    struct pipe *pipe;
    struct file *file;
    struct end *next;
    uint64_t seen; /* of the other side's, when it was opened */
};

static bool reads(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool writes(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

static struct pipe *pipe_of(const struct file *file)
{
    return ((const struct end *)file->state)->pipe;
}

/* All ends of one side may have become ready. */
static void changed_side(const struct pipe *pipe, bool (*is_of_side)(const struct file *file))
{
    for (const struct end *end = pipe->ends; end; end = end->next)
        end->file->edges += is_of_side(end->file);
    changed(NULL);
}

static int64_t look(const struct pipe *pipe, void *out, size_t size)
{
    if (pipe->used == 0 && size > 0)
        return pipe->writers > 0 ? -EAGAIN : 0;
    if (size > pipe->used)
        size = pipe->used;
    size_t first = PIPE_SIZE - pipe->start < size ? PIPE_SIZE - pipe->start : size;
    memcpy(out, pipe->ring + pipe->start, first);
    memcpy((uint8_t *)out + first, pipe->ring, size - first);
    return (int64_t)size;
}

static int64_t pipe_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct pipe *pipe = pipe_of(file);
    int64_t got = look(pipe, out, size);
    (void)offset;
    if (got <= 0)
        return got;
    pipe->start = (pipe->start + (size_t)got) % PIPE_SIZE;
    pipe->used -= (size_t)got;
    changed_side(pipe, writes);
    return got;
}

static int64_t pipe_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct pipe *pipe = pipe_of(file);
    size_t room = PIPE_SIZE - pipe->used;
    (void)offset;
    if (size == 0)
        return 0;
    if (pipe->readers == 0)
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
    changed_side(pipe, reads);
    return (int64_t)size;
}

/* Who reads what never had a writer is not told that all have gone. */
static unsigned pipe_poll(struct file *file)
{
    const struct end *end = file->state;
    const struct pipe *pipe = end->pipe;
    unsigned events = 0;
    if (reads(file) && pipe->used > 0)
        events |= POLLIN | POLLRDNORM;
    if (reads(file) && pipe->writers == 0 && pipe->had_writers != end->seen)
        events |= POLLHUP;
    if (writes(file) && PIPE_SIZE - pipe->used >= PIPE_ATOMIC)
        events |= POLLOUT | POLLWRNORM;
    return events | (writes(file) && pipe->readers == 0 ? POLLERR : 0);
}

/* FIONREAD, of either end. */
static int pipe_control(struct file *file, unsigned request, void *argument)
{
    const struct pipe *pipe = pipe_of(file);
    if (request != FIONREAD)
        return -ENOTTY;
    *(int *)argument = (int)pipe->used;
    return 0;
}

static void pipe_release(struct file *file)
{
    struct end *end = file->state;
    struct pipe *pipe = end->pipe;
    struct end **place = &pipe->ends;
    while (*place != end)
        place = &(*place)->next;
    *place = end->next;
    pipe->readers -= reads(file);
    pipe->writers -= writes(file);
    libos_free(end);
    if (pipe->ends) {
        changed_side(pipe, reads);
        changed_side(pipe, writes);
        return;
    }
    if (pipe->node)
        pipe->node->pipe = NULL;
    libos_free(pipe);
}

static int pipe_open_again(const struct file *from, struct file *to);

static const struct file_kind pipe_kind = {.name = "pipe",
                                           .type = EXT4_FIFO,
                                           .is_stream = true,
                                           .read = pipe_read,
                                           .write = pipe_write,
                                           .poll = pipe_poll,
                                           .ioctl = pipe_control,
                                           .open_again = pipe_open_again,
                                           .release = pipe_release};

/* One more end, by the file's flags. -ENOMEM. */
static int join(struct pipe *pipe, struct file *file)
{
    struct end *end = alloc_zeroed(1, sizeof *end);
    if (!end)
        return -ENOMEM;
    *end = (struct end){.pipe = pipe,
                        .file = file,
                        .next = pipe->ends,
                        .seen = reads(file) ? pipe->had_writers : pipe->had_readers};
    pipe->ends = end;
    pipe->readers += reads(file);
    pipe->writers += writes(file);
    pipe->had_readers += reads(file);
    pipe->had_writers += writes(file);
    file->kind = &pipe_kind;
    file->state = end;
    changed(NULL); /* who waits for the other side */
    return 0;
}

static int pipe_open_again(const struct file *from, struct file *to)
{
    return join(pipe_of(from), to);
}

bool pipe_is(const struct file *file)
{
    return file->kind == &pipe_kind;
}

bool pipe_are_one(const struct file *a, const struct file *b)
{
    return pipe_is(a) && pipe_is(b) && pipe_of(a) == pipe_of(b);
}

int64_t pipe_look(struct file *file, void *out, size_t size)
{
    if (!pipe_is(file))
        return -EINVAL;
    return reads(file) ? look(pipe_of(file), out, size) : -EBADF;
}

int pipe_open_named(struct node *node, struct file *file)
{
    bool is_alone = writes(file) && !reads(file) && (!node->pipe || node->pipe->readers == 0);
    if (is_alone && file->flags & O_NONBLOCK)
        return -ENXIO;
    struct pipe *pipe = node->pipe ? node->pipe : alloc_zeroed(1, sizeof *pipe);
    if (!pipe)
        return -ENOMEM;
    int status = join(pipe, file);
    if (status < 0 && !pipe->ends) {
        libos_free(pipe);
        return status;
    }
    pipe->node = node;
    node->pipe = pipe;
    return status;
}

bool pipe_awaits_other(const struct file *file)
{
    if (!pipe_is(file) || file->flags & O_NONBLOCK || (reads(file) && writes(file)))
        return false;
    const struct end *end = file->state;
    if (!end->pipe->node) /* opened again by /proc: as Linux' fifo_open(), without waiting */
        return false;
    return reads(file) ? end->pipe->writers == 0 && end->pipe->had_writers == end->seen
                       : end->pipe->readers == 0 && end->pipe->had_readers == end->seen;
}

int pipe_new(unsigned flags, struct file **reader, struct file **writer)
{
    struct pipe *pipe = alloc_zeroed(1, sizeof *pipe);
    if (!pipe)
        return -ENOMEM;
    flags &= O_NONBLOCK;
    int status = file_new(NULL, flags | O_RDONLY, NULL, reader);
    if (status == 0 && (status = join(pipe, *reader)) < 0)
        file_put(*reader);
    if (status < 0) {
        libos_free(pipe);
        return status;
    }
    status = file_new(NULL, flags | O_WRONLY, NULL, writer);
    if (status == 0 && (status = join(pipe, *writer)) < 0)
        file_put(*writer);
    if (status < 0) {
        file_put(*reader); /* and the pipe with it */
        *reader = NULL;
        return status;
    }
    ((struct end *)(*reader)->state)->seen = 0;
    (*writer)->number = (*reader)->number;
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
