#include "os/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"

int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags,
                     const char *data, struct error *err)
{
    if (mount(source, target, type, flags, data) < 0)
        return error_system(err, errno, "cannot mount %s on %s", source, target);
    return 0;
}

/* What the kernel says about a refused file system; it is read from the context itself. */
static int explain(int fs, const char *type, const char *what, struct error *err)
{
    int sys = errno;
    char text[256];
    ssize_t size = read(fs, text, sizeof text - 1);
    while (size > 0 && text[size - 1] == '\n')
        size--;
    text[size > 0 ? size : 0] = '\0';
    return error_system(err, sys, "%s: %s%s%s", type, what, size > 0 ? ": " : "", text);
}

static int set_text(int fs, const char *type, const char *key, const char *value, struct error *err)
{
    if (fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0)
        return explain(fs, type, value, err);
    return 0;
}

static int set_parameter(int fs, const char *type, const struct mount_parameter *parameter,
                         struct error *err)
{
    if (parameter->value)
        return set_text(fs, type, parameter->key, parameter->value, err);
    if (fsconfig(fs, FSCONFIG_SET_FLAG, parameter->key, NULL, 0) < 0)
        return explain(fs, type, parameter->key, err);
    return 0;
}

/* A file system's context; in a list of mounts it is its own source. */
static int open_type(const char *type, struct error *err)
{
    FD_AUTO fs = fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return error_system(err, errno, "cannot open the file system %s", type);
    return set_text(fs, type, "source", type, err) < 0 ? -1 : fd_take(&fs);
}

static int make_mount(int fs, const char *type, unsigned int attributes, struct error *err)
{
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return explain(fs, type, "it cannot be made", err);
    int mount = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
    return mount < 0 ? error_system(err, errno, "cannot mount %s", type) : mount;
}

int mount_make(const char *type, unsigned int attributes, const struct mount_parameter *parameters,
               size_t count, struct error *err)
{
    FD_AUTO fs = open_type(type, err);
    if (fs < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (set_parameter(fs, type, &parameters[i], err) < 0)
            return -1;
    }
    return make_mount(fs, type, attributes, err);
}

/* The kinds of atime are one field: it is cleared whole before one is set. */
static int change_at(int dir, const char *path, unsigned int flags, struct mount_attr change,
                     struct error *err)
{
    if (change.attr_set & MOUNT_ATTR__ATIME)
        change.attr_clr |= MOUNT_ATTR__ATIME;
    if (mount_setattr(dir, path, flags, &change, sizeof change) < 0)
        return error_system(err, errno, "cannot change the mount %s", path);
    return 0;
}

int mount_clone(int fd, bool recursive, unsigned int attributes, struct error *err)
{
    unsigned int depth = recursive ? AT_RECURSIVE : 0;
    FD_AUTO clone = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth);
    if (clone < 0)
        return error_system(err, errno, "cannot bind a file or folder");
    const struct mount_attr change = {.attr_set = attributes};
    if (attributes && change_at(clone, "", AT_EMPTY_PATH | depth, change, err) < 0)
        return -1;
    return fd_take(&clone);
}

int mount_attach(int mount, const char *target, struct error *err)
{
    if (move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) <
        0)
        return error_system(err, errno, "cannot mount on %s", target);
    return 0;
}

int mount_change(const char *target, unsigned int set, unsigned int clear, struct error *err)
{
    const struct mount_attr change = {.attr_set = set, .attr_clr = clear};
    return change_at(AT_FDCWD, target, 0, change, err);
}

int mount_overlay(const struct mount_overlay *overlay, struct error *err)
{
    static const char type[] = "overlay";
    FD_AUTO fs = open_type(type, err);
    if (fs < 0)
        return -1;
    for (size_t i = 0; i < overlay->lower_count; i++) {
        if (set_text(fs, type, "lowerdir+", overlay->lower[i], err) < 0)
            return -1;
    }
    if (set_text(fs, type, "upperdir", overlay->upper, err) < 0 ||
        set_text(fs, type, "workdir", overlay->work, err) < 0)
        return -1;
    FD_AUTO mount = make_mount(fs, type, MOUNT_ATTR_NODEV, err);
    return mount < 0 ? -1 : mount_attach(mount, overlay->target, err);
}

int mount_remove(const char *target, struct error *err)
{
    if (umount2(target, MNT_DETACH) < 0)
        return error_system(err, errno, "cannot unmount %s", target);
    return 0;
}

/* The new root comes to lie beneath the old one, at the same place, which is thereby on top and can
 * be taken away (pivot_root(2), "pivot_root(".", ".")"). */
int mount_pivot(const char *folder, struct error *err)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_system(err, errno, "cannot keep mounts to this namespace");
    if (chdir(folder) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return error_system(err, errno, "cannot make %s the root", folder);
    return 0;
}
