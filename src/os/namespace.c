#include "os/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/network.h"

#define PORTS_FROM "/proc/sys/net/ipv4/ip_unprivileged_port_start"

static int write_to(const char *path, const char *text)
{
    FD_AUTO fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* A process that has changed its user does not own its files of /proc, until it may be dumped. */
static int become(const struct process_user *owner)
{
    if (!owner)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(owner->gid, owner->gid, owner->gid) < 0 ||
        setresuid(owner->uid, owner->uid, owner->uid) < 0)
        return -1;
    return prctl(PR_SET_DUMPABLE, 1);
}

/* This user and group, and no others (user_namespaces(7)). */
static int map_self(uid_t uid, gid_t gid)
{
    char users[40];
    char groups[40];
    (void)snprintf(users, sizeof users, "%u %u 1", uid, uid);
    (void)snprintf(groups, sizeof groups, "%u %u 1", gid, gid);
    return write_to("/proc/self/setgroups", "deny") < 0 ||
                   write_to("/proc/self/uid_map", users) < 0 ||
                   write_to("/proc/self/gid_map", groups) < 0
               ? -1
               : 0;
}

/* In the process whose namespaces they are at first. 0 or an errno. */
static int make(const struct process_user *owner)
{
    if (become(owner) < 0)
        return errno;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 || map_self(uid, gid) < 0)
        return errno;
    (void)write_to(PORTS_FROM, "0");
    return network_bring_up("lo", NULL) < 0 ? ENETDOWN : 0;
}

/* Makes them, tells how that went, and stays until they were opened. */
static _Noreturn void hold(const struct process_user *owner, int told, int goes)
{
    char end;
    int result = make(owner);
    if (write(told, &result, sizeof result) == sizeof result && result == 0)
        (void)!read(goes, &end, 1);
    _exit(0);
}

static int open_of(pid_t pid, const char *kind, struct error *err)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? error_system(err, errno, "cannot open %s", path) : fd;
}

static int open_both(pid_t pid, int told, struct namespaces *out, struct error *err)
{
    int result = EIO;
    if (read(told, &result, sizeof result) != sizeof result || result != 0)
        return error_system(err, result, "cannot make a network namespace");
    out->user = open_of(pid, "user", err);
    out->network = out->user < 0 ? -1 : open_of(pid, "net", err);
    return out->network < 0 ? -1 : 0;
}

int namespaces_make(const struct process_user *owner, struct namespaces *out, struct error *err)
{
    int told[2];
    int goes[2];
    *out = NAMESPACES_NONE;
    if (pipe2(told, O_CLOEXEC) < 0)
        return error_system(err, errno, "pipe");
    FD_AUTO told_read = told[0];
    FD_AUTO told_write = told[1];
    if (pipe2(goes, O_CLOEXEC) < 0)
        return error_system(err, errno, "pipe");
    FD_AUTO goes_read = goes[0];
    FD_AUTO goes_write = goes[1];
    pid_t pid = fork();
    if (pid < 0)
        return error_system(err, errno, "fork");
    if (pid == 0) {
        (void)close(goes_write);
        hold(owner, told_write, goes_read);
    }
    fd_close(&told_write);
    int status = open_both(pid, told_read, out, err);
    fd_close(&goes_write);
    (void)process_wait(pid, &(int){0}, NULL);
    if (status < 0)
        namespaces_close(out);
    return status;
}

int namespaces_enter(const struct namespaces *namespaces, struct error *err)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (setns(namespaces->user, CLONE_NEWUSER) < 0 || setns(namespaces->network, CLONE_NEWNET) < 0)
        return error_system(err, errno, "cannot enter the network namespace");
    if (syscall(SYS_capset, &head, none) < 0)
        return error_system(err, errno, "capset");
    return 0;
}

void namespaces_close(struct namespaces *namespaces)
{
    fd_close(&namespaces->user);
    fd_close(&namespaces->network);
}
