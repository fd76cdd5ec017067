#include "os/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
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
static int explain(int fs, const char *what, struct error *err)
{
    int sys = errno;
    char text[256];
    ssize_t size = read(fs, text, sizeof text - 1);
    while (size > 0 && text[size - 1] == '\n')
        size--;
    text[size > 0 ? size : 0] = '\0';
    return error_system(err, sys, "overlay: %s%s%s", what, size > 0 ? ": " : "", text);
}

static int set_text(int fs, const char *key, const char *value, struct error *err)
{
    if (fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0)
        return explain(fs, value, err);
    return 0;
}

int mount_overlay(const struct mount_overlay *overlay, struct error *err)
{
    FD_AUTO fs = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0)
        return error_system(err, errno, "cannot open the overlay file system");
    for (size_t i = 0; i < overlay->lower_count; i++) {
        if (set_text(fs, "lowerdir+", overlay->lower[i], err) < 0)
            return -1;
    }
    if (set_text(fs, "upperdir", overlay->upper, err) < 0 ||
        set_text(fs, "workdir", overlay->work, err) < 0)
        return -1;
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return explain(fs, overlay->target, err);
    FD_AUTO tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
    if (tree < 0 || move_mount(tree, "", AT_FDCWD, overlay->target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_system(err, errno, "cannot mount the overlay on %s", overlay->target);
    return 0;
}

int mount_remove(const char *target, struct error *err)
{
    if (umount2(target, MNT_DETACH) < 0)
        return error_system(err, errno, "cannot unmount %s", target);
    return 0;
}
