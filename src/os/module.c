#include "os/module.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

int module_load(const char *path, const char *parameters, struct error *err)
{
    FD_AUTO fd = file_open_read(path, err);
    if (fd < 0)
        return -1;
    if (syscall(SYS_finit_module, fd, parameters, 0) == 0 || errno == EEXIST)
        return 0;
    if (errno == ENODEV)
        return error_set(err, ERROR_UNAVAILABLE, "%s: this machine has no such device", path);
    return error_system(err, errno, "cannot load %s", path);
}
