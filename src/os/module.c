#include "os/module.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

static int check(const char *name, long status, struct error *err)
{
    if (status == 0 || errno == EEXIST)
        return 0;
    if (errno == ENODEV)
        return error_set(err, ERROR_UNAVAILABLE, "%s: this machine has no such device", name);
    return error_system(err, errno, "cannot load %s", name);
}

int module_load(const char *path, struct error *err)
{
    FD_AUTO fd = file_open_read(path, err);
    if (fd < 0)
        return -1;
    return check(path, syscall(SYS_finit_module, fd, "", 0), err);
}

int module_load_bytes(const char *name, struct span module, struct error *err)
{
    return check(name, syscall(SYS_init_module, module.data, module.size, ""), err);
}
