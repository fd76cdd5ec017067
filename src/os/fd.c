#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_PIECE 65536

void fd_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

int fd_open_resolved(int dir, const char *path, int flags, unsigned int resolve)
{
    const struct open_how how = {.flags = (unsigned int)flags | O_CLOEXEC, .resolve = resolve};
    return (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int fd_write_all(int fd, struct span bytes, struct error *err)
{
    while (bytes.size > 0) {
        ssize_t done = write(fd, bytes.data, bytes.size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_system(err, errno, "write");
        bytes.data += done;
        bytes.size -= (size_t)done;
    }
    return 0;
}

int fd_pwrite_all(int fd, struct span bytes, off_t offset, struct error *err)
{
    while (bytes.size > 0) {
        ssize_t done = pwrite(fd, bytes.data, bytes.size, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_system(err, errno, "write at offset %lld", (long long)offset);
        bytes.data += done;
        bytes.size -= (size_t)done;
        offset += done;
    }
    return 0;
}

int fd_read_full(int fd, void *out, size_t size, size_t *got, struct error *err)
{
    *got = 0;
    while (*got < size) {
        ssize_t done = read(fd, (uint8_t *)out + *got, size - *got);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_system(err, errno, "read");
        if (done == 0)
            break;
        *got += (size_t)done;
    }
    return 0;
}

int fd_pread_full(int fd, void *out, size_t size, off_t offset, size_t *got, struct error *err)
{
    *got = 0;
    while (*got < size) {
        ssize_t done = pread(fd, (uint8_t *)out + *got, size - *got, offset + (off_t)*got);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_system(err, errno, "read at offset %lld", (long long)offset);
        if (done == 0)
            break;
        *got += (size_t)done;
    }
    return 0;
}

int fd_read_to_end(int fd, struct buf *out, struct error *err)
{
    for (;;) {
        uint8_t piece[READ_PIECE];
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_system(err, errno, "read");
        if (got == 0)
            return 0;
        if (buf_append(out, span_of(piece, (size_t)got), err) < 0)
            return -1;
    }
}

int fd_set_nonblocking(int fd, struct error *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return error_system(err, errno, "cannot make descriptor %d non-blocking", fd);
    return 0;
}
