#include "image/partial.h"

#include <errno.h>
#include <sys/stat.h>

#include "os/fd.h"
#include "os/file.h"

/* Whether `path` still names the file `fd`. */
static int is_named(int fd, const char *path, struct error *err)
{
    struct stat opened;
    struct stat named;
    if (fstat(fd, &opened) < 0)
        return error_system(err, errno, "cannot stat %s", path);
    if (stat(path, &named) < 0)
        return errno == ENOENT ? 0 : error_system(err, errno, "cannot stat %s", path);
    return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

int partial_open(const char *path, struct error *err)
{
    for (;;) {
        FD_AUTO fd = file_lock(path, true, err);
        if (fd < 0)
            return -1;
        int named = is_named(fd, path, err);
        if (named < 0)
            return -1;
        if (named)
            return fd_take(&fd);
    }
}
