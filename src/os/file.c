#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

int file_open_read(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0)
        return fd;
    int sys = errno;
    (void)error_system(err, sys, "cannot open %s", path);
    if (err && sys == ENOENT)
        err->code = ERROR_NOT_FOUND;
    return -1;
}

int file_read(const char *path, struct buf *out, struct error *err)
{
    FD_AUTO fd = file_open_read(path, err);
    if (fd < 0)
        return -1;
    if (fd_read_to_end(fd, out, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

int dir_make_all(const char *path, mode_t mode, struct error *err)
{
    TEXT_AUTO part = text_format("%s", path);
    if (!part)
        return error_memory(err);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char saved = *at;
        *at = '\0';
        if (*part && mkdir(part, mode) < 0 && errno != EEXIST)
            return error_system(err, errno, "cannot make the folder %s", part);
        if (saved == '\0')
            break;
        *at = saved;
    }
    struct stat status;
    if (stat(path, &status) < 0)
        return error_system(err, errno, "cannot make the folder %s", path);
    if (!S_ISDIR(status.st_mode))
        return error_system(err, ENOTDIR, "cannot make the folder %s", path);
    return 0;
}
