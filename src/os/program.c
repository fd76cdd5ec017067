/* What programs of the host do at their start; the guest links none of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

int fd_fill_standard(struct error *err)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* the lowest number that is free */
        if (fd < 0)
            return error_system(err, errno, "/dev/null");
    } while (fd <= 2);
    (void)close(fd);
    return 0;
}

int dir_make_absolute(char **path, struct error *err)
{
    char *absolute = realpath(*path, NULL);
    if (!absolute)
        return error_system(err, errno, "%s", *path);
    free(*path);
    *path = absolute;
    return 0;
}
