#include "guest/control_group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/devicefilter.h"
#include "os/fd.h"

#define CONTAINERS "/sys/fs/cgroup/caisson"

int control_group_prepare(struct error *err)
{
    if (mkdir(CONTAINERS, 0755) < 0)
        return error_system(err, errno, "cannot make %s", CONTAINERS);
    return 0;
}

static void name_of(const char *id, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", CONTAINERS, id);
}

int control_group_make(const char *id, bool privileged, struct error *err)
{
    char path[128];
    name_of(id, path);
    if (mkdir(path, 0755) < 0)
        return error_system(err, errno, "cannot make %s", path);
    FD_AUTO group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group < 0)
        return error_system(err, errno, "cannot open %s", path);
    if (devicefilter_attach(group, privileged ? DEVICEFILTER_NO_CONSOLE : DEVICEFILTER_HARMLESS,
                            err) < 0)
        return -1;
    return fd_take(&group);
}

void control_group_remove(const char *id)
{
    char path[128];
    name_of(id, path);
    (void)rmdir(path);
}

void control_group_kill(const char *id)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/%s/cgroup.kill", CONTAINERS, id);
    FD_AUTO fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)fd_write_all(fd, span_of_text("1"), NULL);
}
