#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "os/fd.h"
#include "os/file.h"

static int take_lock(int fd, int operation, const char *path, struct error *err)
{
    while (flock(fd, operation) < 0) {
        if (errno == EWOULDBLOCK)
            return error_set(err, ERROR_REFUSED, "%s is locked by another process", path);
        if (errno != EINTR)
            return error_system(err, errno, "cannot lock %s", path);
    }
    return 0;
}

static int open_lock(const char *path, int operation, struct error *err)
{
    FD_AUTO fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    /* Who only reads may do so where nothing can be written. */
    if (fd < 0 && errno == EROFS && operation == LOCK_SH)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_system(err, errno, "cannot open the lock %s", path);
    if (take_lock(fd, operation, path, err) < 0)
        return -1;
    return fd_take(&fd);
}

int file_lock(const char *path, bool wait, struct error *err)
{
    return open_lock(path, wait ? LOCK_EX : LOCK_EX | LOCK_NB, err);
}

int file_lock_shared(const char *path, struct error *err)
{
    return open_lock(path, LOCK_SH, err);
}

int file_lock_convert(int fd, bool exclusive, struct error *err)
{
    return take_lock(fd, exclusive ? LOCK_EX : LOCK_SH, "the file", err);
}
