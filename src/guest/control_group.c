#include "guest/control_group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/devicefilter.h"
#include "os/fd.h"

#define ROOT          "/sys/fs/cgroup"
#define CONTAINERS    ROOT "/caisson"
#define CONTROLLERS   "+cpu +io +memory +pids"
#define CPU_PERIOD_US 100000ULL
#define HURRY         "/sys/kernel/rcu_expedited"

static int write_to(int folder, const char *name, const char *text, struct error *err)
{
    FD_AUTO fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, span_of_text(text), NULL) < 0)
        return error_system(err, errno, "cannot write \"%s\" to %s", text, name);
    return 0;
}

/* Turning a controller on waits for all of RCU's readers, some 25 ms; asked to hurry, the kernel
 * does not wait for its clock. */
int control_group_prepare(struct error *err)
{
    if (mkdir(CONTAINERS, 0755) < 0)
        return error_system(err, errno, "cannot make %s", CONTAINERS);
    if (write_to(AT_FDCWD, HURRY, "1", err) < 0 ||
        write_to(AT_FDCWD, ROOT "/cgroup.subtree_control", CONTROLLERS, err) < 0 ||
        write_to(AT_FDCWD, CONTAINERS "/cgroup.subtree_control", CONTROLLERS, err) < 0)
        return -1;
    return write_to(AT_FDCWD, HURRY, "0", err);
}

static void name_of(const char *id, char path[128])
{
    (void)snprintf(path, 128, "%s/%s", CONTAINERS, id);
}

int control_group_open(const char *id, struct error *err)
{
    char path[128];
    name_of(id, path);
    int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return group < 0 ? error_system(err, errno, "cannot open %s", path) : group;
}

static int set_limits(int group, const struct spec_limits *limits, struct error *err)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)limits->memory);
    if (limits->memory && write_to(group, "memory.max", text, err) < 0)
        return -1;
    (void)snprintf(text, sizeof text, "%llu %llu", limits->cpu * CPU_PERIOD_US / 1000,
                   CPU_PERIOD_US);
    if (limits->cpu && write_to(group, "cpu.max", text, err) < 0)
        return -1;
    (void)snprintf(text, sizeof text, "%u", limits->count);
    return limits->count ? write_to(group, "pids.max", text, err) : 0;
}

int control_group_make(const char *id, bool privileged, const struct spec_limits *limits,
                       struct error *err)
{
    char path[128];
    name_of(id, path);
    if (mkdir(path, 0755) < 0)
        return error_system(err, errno, "cannot make %s", path);
    FD_AUTO group = control_group_open(id, err);
    if (group < 0 || set_limits(group, limits, err) < 0)
        return -1;
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
    (void)write_to(AT_FDCWD, path, "1", NULL);
}

int control_group_freeze(bool frozen, struct error *err)
{
    return write_to(AT_FDCWD, CONTAINERS "/cgroup.freeze", frozen ? "1" : "0", err);
}
