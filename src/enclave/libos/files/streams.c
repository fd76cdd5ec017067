#include "enclave/libos/files/streams.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "enclave/libos/door/door.h"

#define STREAMS 3

static uint32_t stream_handle(const struct file *file)
{
    return (uint32_t)(uintptr_t)file->state;
}

static int64_t stream_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    (void)file;
    (void)offset;
    return door_read(out, size);
}

static int64_t stream_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    (void)offset;
    return door_write((int)stream_handle(file), bytes, size);
}

/* One look, at the host's descriptor. */
static unsigned stream_poll(struct file *file)
{
    unsigned wanted = stream_handle(file) == 0 ? POLLIN : POLLOUT;
    struct door_ready one = {.handle = stream_handle(file), .events = (uint16_t)wanted};
    if (door_park(0, door_put_ready(&one, 1)) <= 0)
        return 0;
    door_get_ready(&one, 1);
    return one.ready & (wanted | POLLERR | POLLHUP);
}

static int stream_open_again(const struct file *from, struct file *to)
{
    bool is_input = stream_handle(from) == 0;
    if ((to->flags & O_ACCMODE) != (is_input ? O_RDONLY : O_WRONLY))
        return -EACCES;
    to->kind = from->kind;
    to->state = from->state;
    return 0;
}

static const struct file_kind stream_kind = {.open_again = stream_open_again,
                                             .is_stream = true,
                                             .read = stream_read,
                                             .write = stream_write,
                                             .poll = stream_poll,
                                             .handle = stream_handle};

static int open_stream(struct file_table *files, uintptr_t stream, unsigned flags)
{
    struct file *file;
    int status = file_new(&stream_kind, flags, NULL, &file);
    if (status < 0)
        return status;
    file->state = (void *)stream; /* NOLINT: a number */
    status = file_table_add(files, file, stream, false);
    if (status < 0)
        file_put(file);
    return status;
}

int streams_open(struct vfs *vfs, unsigned streams)
{
    for (uintptr_t stream = 0; stream < STREAMS; stream++) {
        unsigned flags = stream == 0 ? O_RDONLY : O_WRONLY;
        int status = streams >> stream & 1 ? open_stream(&vfs->files, stream, flags)
                                           : vfs_open(vfs, AT_FDCWD, "/dev/null", flags, 0, 0);
        if (status < 0)
            return status;
    }
    return 0;
}
