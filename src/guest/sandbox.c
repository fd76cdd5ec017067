#include "guest/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "guest/scratch.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"

#define NOTHING    SANDBOX_FOLDER "/empty" /* the holder's root */
#define RESOLVER   SANDBOX_MOUNTS "/tmp/atlas/resolvconf"
#define EMPTY_DIRS SANDBOX_MOUNTS "/tmp/atlas/emptydir"
#define NOBODY     65534
#define CLOSE_FROM 0U

/* --- folders ---------------------------------------------------------------------------------- */

static int write_resolv_conf(const struct request_addresses *dns, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(1024);
    char address[INET_ADDRSTRLEN];
    for (size_t i = 0; i < dns->count; i++) {
        (void)inet_ntop(AF_INET, &dns->items[i], address, sizeof address);
        if (buf_printf(&text, err, "nameserver %s\n", address) < 0)
            return -1;
    }
    if (dir_make_all(RESOLVER, 0755, err) < 0)
        return -1;
    FD_AUTO fd = open(RESOLVER "/resolv.conf", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_system(err, errno, "cannot make " RESOLVER "/resolv.conf");
    return fd_write_all(fd, buf_span(&text), err);
}

/* Every user may write, as in Kubernetes. What is made in a group's folder is the group's. */
static int open_up(const char *path, unsigned int group, struct error *err)
{
    if (chown(path, 0, group) < 0 || chmod(path, group ? 02777 : 0777) < 0)
        return error_system(err, errno, "cannot open up %s", path);
    return 0;
}

/* On the scratch disk, where the machine has one and memory was not asked for; else one with a
 * limit is a file system of its own. */
static int make_empty_dir(const struct policy_empty_dir *dir, bool has_scratch, struct error *err)
{
    char path[sizeof EMPTY_DIRS + 80];
    char options[80];
    (void)snprintf(path, sizeof path, EMPTY_DIRS "/%.64s", dir->name);
    (void)snprintf(options, sizeof options, "emptydir-%.64s", dir->name);
    if (has_scratch && !dir->memory) {
        if (scratch_add_folder(options, 0777, dir->size, path, err) < 0)
            return -1;
        return open_up(path, dir->group, err);
    }
    (void)snprintf(options, sizeof options, "size=%llu", (unsigned long long)dir->size);
    if (dir_make_all(path, 0755, err) < 0 ||
        (dir->size && mount_filesystem("emptydir", path, "tmpfs", MS_NODEV, options, err) < 0))
        return -1;
    return open_up(path, dir->group, err);
}

static int make_folders(const struct policy_group *group, bool has_scratch, struct error *err)
{
    for (size_t i = 0; i < group->empty_dir_count; i++) {
        if (make_empty_dir(&group->empty_dirs[i], has_scratch, err) < 0)
            return -1;
    }
    if (!group->shared_ipc)
        return 0;
    if (dir_make_all(SANDBOX_SHM, 0755, err) < 0)
        return -1;
    return mount_filesystem("shm", SANDBOX_SHM, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC,
                            "size=64m,mode=1777", err);
}

/* --- the holder ------------------------------------------------------------------------------- */

/* Ignoring SIGCHLD makes the kernel bury what it takes over. */
static _Noreturn void hold(void)
{
    (void)signal(SIGCHLD, SIG_IGN);
    (void)prctl(PR_SET_NAME, "pause");
    if (syscall(SYS_close_range, CLOSE_FROM, ~0U, 0) < 0 || chroot(NOTHING) < 0 || chdir("/") < 0 ||
        setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
        _exit(1);
    for (;;)
        (void)pause();
}

static int start_holder(struct sandbox *sandbox, struct error *err)
{
    struct clone_args args = {.flags = CLONE_PIDFD | (sandbox->shared_ipc ? CLONE_NEWIPC : 0) |
                                       (sandbox->shared_pid ? CLONE_NEWPID : 0),
                              .pidfd = (uintptr_t)&sandbox->holder,
                              .exit_signal = SIGCHLD};
    if (dir_make_all(NOTHING, 0555, err) < 0)
        return -1;
    long cloned = syscall(SYS_clone3, &args, sizeof args);
    if (cloned < 0)
        return error_system(err, errno, "cannot make the process that holds the namespaces");
    if (cloned == 0)
        hold();
    return 0;
}

int sandbox_make(struct sandbox *sandbox, const struct policy_group *group,
                 const struct request_addresses *dns, struct error *err)
{
    if (sandbox->made && !sandbox->whole)
        return error_set(err, ERROR_SYSTEM, "what the containers share could not be made");
    if (sandbox->made)
        return 0;
    if (write_resolv_conf(dns, err) < 0)
        return -1;
    sandbox->made = true;
    if (group) {
        if (make_folders(group, sandbox->has_scratch, err) < 0)
            return -1;
        sandbox->shared_ipc = group->shared_ipc;
        sandbox->shared_pid = group->shared_pid;
        if ((sandbox->shared_ipc || sandbox->shared_pid) && start_holder(sandbox, err) < 0)
            return -1;
    }
    sandbox->whole = true;
    return 0;
}

/* --- joining ---------------------------------------------------------------------------------- */

int sandbox_add_mounts(const struct sandbox *sandbox, struct spec *spec,
                       struct policy_mount mounts[REQUEST_MOUNTS_MAX], struct error *err)
{
    static const char *const options[] = {"rbind", "rw", "nosuid", "nodev", "noexec"};
    static const struct policy_mount shm = {"/dev/shm", "bind", SANDBOX_SHM, {options, 5}};
    if (!sandbox->shared_ipc)
        return 0;
    if (spec->mount_count >= REQUEST_MOUNTS_MAX)
        return error_set(err, ERROR_LIMIT, "too many mounts beside the shared /dev/shm");
    mounts[0] = shm;
    memcpy(mounts + 1, spec->mounts, spec->mount_count * sizeof *mounts);
    spec->mounts = mounts;
    spec->mount_count++;
    return 0;
}

unsigned long long sandbox_own(const struct sandbox *sandbox, unsigned long long namespaces)
{
    return namespaces & ~((sandbox->shared_ipc ? (unsigned long long)CLONE_NEWIPC : 0) |
                          (sandbox->shared_pid ? (unsigned long long)CLONE_NEWPID : 0));
}

int sandbox_begin_children(const struct sandbox *sandbox, struct error *err)
{
    if (sandbox->shared_pid && setns(sandbox->holder, CLONE_NEWPID) < 0)
        return error_system(err, errno, "cannot reach the shared processes");
    return 0;
}

int sandbox_end_children(const struct sandbox *sandbox, struct error *err)
{
    if (!sandbox->shared_pid)
        return 0;
    FD_AUTO own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(own, CLONE_NEWPID) < 0)
        return error_system(err, errno, "cannot leave the shared processes");
    return 0;
}

int sandbox_join(const struct sandbox *sandbox, struct error *err)
{
    if (sandbox->shared_ipc && setns(sandbox->holder, CLONE_NEWIPC) < 0)
        return error_system(err, errno, "cannot join the shared IPC");
    return 0;
}
