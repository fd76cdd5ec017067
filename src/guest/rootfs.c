#include "guest/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/mount_options.h"
#include "guest/request.h"
#include "os/fd.h"
#include "os/file.h"

#define PARAMETERS_MAX 4
#define LINKS_MAX      8
#define HARMLESS       (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV)

/* --- the kernel's file systems, as every container gets them ---------------------------------- */

static const struct {
    const char *type, *target;
    unsigned int attributes;
    bool guarded; /* read-only where the container is not privileged */
    struct mount_parameter parameters[PARAMETERS_MAX];
} kernel_mounts[] = {
    {"proc", "/proc", HARMLESS, false, {{0}}},
    {"tmpfs",
     "/dev",
     MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
     false,
     {{"mode", "755"}, {"size", "65536k"}}},
    {"devpts",
     "/dev/pts",
     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
     false,
     {{"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}},
    {"tmpfs", "/dev/shm", HARMLESS, false, {{"mode", "1777"}, {"size", "65536k"}}},
    {"mqueue", "/dev/mqueue", HARMLESS, false, {{0}}},
    {"sysfs", "/sys", HARMLESS, true, {{0}}},
    {"cgroup2", "/sys/fs/cgroup", HARMLESS, true, {{0}}},
};

static int attach(int mount, const char *target, struct error *err)
{
    return dir_make_all(target, 0755, err) < 0 ? -1 : mount_attach(mount, target, err);
}

static int mount_kernel_file_systems(bool privileged, struct error *err)
{
    for (size_t i = 0; i < sizeof kernel_mounts / sizeof kernel_mounts[0]; i++) {
        unsigned int guard = kernel_mounts[i].guarded && !privileged ? MOUNT_ATTR_RDONLY : 0;
        size_t count = 0;
        while (count < PARAMETERS_MAX && kernel_mounts[i].parameters[count].key)
            count++;
        FD_AUTO mount = mount_make(kernel_mounts[i].type, kernel_mounts[i].attributes | guard,
                                   kernel_mounts[i].parameters, count, err);
        if (mount < 0 || attach(mount, kernel_mounts[i].target, err) < 0)
            return -1;
    }
    return 0;
}

/* OCI runtime specification, "Default Devices", and the links of "/dev symbolic links". */
static int fill_dev(struct error *err)
{
    static const struct {
        const char *path;
        unsigned int major, minor;
    } nodes[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                 {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
    static const struct {
        const char *target, *path;
    } links[] = {{"/proc/self/fd", "/dev/fd"},       {"/proc/self/fd/0", "/dev/stdin"},
                 {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
                 {"/proc/kcore", "/dev/core"},       {"pts/ptmx", "/dev/ptmx"}};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 ||
            chmod(nodes[i].path, 0666) < 0)
            return error_system(err, errno, "cannot make %s", nodes[i].path);
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (symlink(links[i].target, links[i].path) < 0)
            return error_system(err, errno, "cannot make %s", links[i].path);
    }
    return 0;
}

/* --- the policy's mounts ---------------------------------------------------------------------- */

/* The folder of a path, with what it needs of parents; `path` is whole again afterwards. */
static int make_parents(char *path, struct error *err)
{
    char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return 0;
    *slash = '\0';
    int made = dir_make_all(path, 0755, err);
    *slash = '/';
    return made;
}

/* Replaces the path of a link by where it leads. False where it is none. */
static bool follow(char path[PATH_MAX])
{
    char target[PATH_MAX];
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size <= 0)
        return false;
    target[size] = '\0';
    char *slash = strrchr(path, '/');
    char *start = *target == '/' || !slash ? path : slash + 1;
    if (strlen(target) >= (size_t)(path + PATH_MAX - start))
        return false;
    memcpy(start, target, (size_t)size + 1);
    return true;
}

/* Makes what a file is to be mounted on, where an image's link points to nothing too: as for
 * /etc/resolv.conf in images that have once run systemd. */
static int make_file(const char *target, struct error *err)
{
    char path[PATH_MAX];
    if (access(target, F_OK) == 0)
        return 0;
    if (snprintf(path, sizeof path, "%s", target) >= (int)sizeof path)
        return error_set(err, ERROR_LIMIT, "the path %.64s… is too long", target);
    for (int i = 0; i < LINKS_MAX && follow(path); i++)
        continue;
    if (make_parents(path, err) < 0)
        return -1;
    FD_AUTO fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return fd < 0 ? error_system(err, errno, "cannot make %s to mount on", path) : 0;
}

/* Clones a bind mount's source. No link may lead elsewhere: what is beneath sandboxMounts is the
 * containers' to write. */
static int clone_source(const struct policy_mount *mount, struct error *err)
{
    struct mount_options options;
    if (mount_options_parse(mount->options, true, &options, err) < 0)
        return -1;
    FD_AUTO source = fd_open_resolved(AT_FDCWD, mount->source, O_PATH, RESOLVE_NO_SYMLINKS);
    if (source < 0)
        return error_system(err, errno, "cannot open the mount's source %s", mount->source);
    return mount_clone(source, options.recursive, options.attributes, err);
}

static int make_new(const struct policy_mount *mount, struct error *err)
{
    struct mount_options options;
    if (mount_options_parse(mount->options, false, &options, err) < 0)
        return -1;
    return mount_make(mount->type, options.attributes, options.parameters, options.parameter_count,
                      err);
}

/* All of the policy's mounts, before the machine's root is gone. */
static int prepare_mounts(const struct spec *spec, int mounts[REQUEST_MOUNTS_MAX],
                          struct error *err)
{
    if (spec->mount_count > REQUEST_MOUNTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d mounts", REQUEST_MOUNTS_MAX);
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct policy_mount *each = &spec->mounts[i];
        mounts[i] = spec_mount_is_bind(each) ? clone_source(each, err) : make_new(each, err);
        if (mounts[i] < 0)
            return -1;
    }
    return 0;
}

static int attach_mounts(const struct spec *spec, const int mounts[REQUEST_MOUNTS_MAX],
                         struct error *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const char *target = spec->mounts[i].destination;
        struct stat status;
        if (fstat(mounts[i], &status) < 0)
            return error_system(err, errno, "cannot look at the mount for %s", target);
        if (S_ISDIR(status.st_mode)
                ? attach(mounts[i], target, err) < 0
                : make_file(target, err) < 0 || mount_attach(mounts[i], target, err) < 0)
            return -1;
    }
    return 0;
}

/* --- what of the machine is hidden ------------------------------------------------------------ */

static const char *const masked[] = {
    "/proc/acpi",        "/proc/asound",        "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug",   "/proc/scsi",
    "/sys/firmware",     "/sys/kernel/config",  "/sys/devices/virtual/powercap",
};

static const char *const protected[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* Puts a clone of what is at `source` on `target`, read-only. */
static int cover(const char *source, const char *target, struct error *err)
{
    FD_AUTO fd = open(source, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return error_system(err, errno, "cannot open %s", source);
    FD_AUTO clone = mount_clone(fd, true, MOUNT_ATTR_RDONLY, err);
    return clone < 0 ? -1 : mount_attach(clone, target, err);
}

static int mask(const char *path, struct error *err)
{
    static const struct mount_parameter empty = {"size", "0"};
    struct stat status;
    if (stat(path, &status) < 0)
        return errno == ENOENT ? 0 : error_system(err, errno, "cannot look at %s", path);
    if (!S_ISDIR(status.st_mode))
        return cover("/dev/null", path, err);
    FD_AUTO mount = mount_make("tmpfs", HARMLESS | MOUNT_ATTR_RDONLY, &empty, 1, err);
    return mount < 0 ? -1 : mount_attach(mount, path, err);
}

static int hide(struct error *err)
{
    for (size_t i = 0; i < sizeof masked / sizeof masked[0]; i++) {
        if (mask(masked[i], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof protected / sizeof protected[0]; i++) {
        if (access(protected[i], F_OK) == 0 && cover(protected[i], protected[i], err) < 0)
            return -1;
    }
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

int rootfs_enter(const struct spec *spec, struct error *err)
{
    int mounts[REQUEST_MOUNTS_MAX]; /* close-on-exec: a process that fails ends, too */
    if (prepare_mounts(spec, mounts, err) < 0 || mount_pivot(spec->root, err) < 0 ||
        mount_kernel_file_systems(spec->privileged, err) < 0 || fill_dev(err) < 0 ||
        attach_mounts(spec, mounts, err) < 0 || dir_make_all(spec->cwd, 0755, err) < 0)
        return -1;
    if (!spec->privileged && hide(err) < 0)
        return -1;
    /* The machine opens no device there; which ones the container may is the device filter's. */
    return mount_change("/", spec->read_only_root ? MOUNT_ATTR_RDONLY : 0, MOUNT_ATTR_NODEV, err);
}

int rootfs_set_console(int slave, struct error *err)
{
    FD_AUTO clone = mount_clone(slave, false, 0, err);
    if (clone < 0 || make_file("/dev/console", err) < 0)
        return -1;
    return mount_attach(clone, "/dev/console", err);
}
