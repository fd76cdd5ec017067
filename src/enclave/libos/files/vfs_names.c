/* System calls that make, move and take away names. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/notify.h"
#include "enclave/libos/files/walk.h"

/* Walks to a name that is to be made, and asks whether it may be. */
static int walk_to_new(struct vfs *vfs, int at, const char *path, bool is_directory,
                       struct walk *walk)
{
    int status = walk_path(vfs, at, path, WALK_NEW | WALK_NOFOLLOW, walk);
    if (status < 0)
        return status == -ENOTDIR && *path == 0 ? -ENOENT : status;
    if (walk->node)
        status = -EEXIST;
    else if (walk->is_directory && !is_directory)
        status = -ENOENT;
    if (status == 0)
        status = access_node(&vfs->creds, walk->directory, ACCESS_WRITE | ACCESS_EXECUTE);
    if (status < 0)
        walk_fini(walk);
    return status;
}

static int make(struct vfs *vfs, int at, const char *path, struct node_new what)
{
    struct walk walk;
    bool is_directory = what.mode >> 12 == EXT4_DIR;
    int status = walk_to_new(vfs, at, path, is_directory, &walk);
    if (status < 0)
        return status;
    what.uid = vfs->creds.uid;
    what.gid = vfs->creds.gid;
    if (walk.directory->mode & 02000) {
        what.gid = walk.directory->gid;
        what.mode = (uint16_t)(what.mode | (is_directory ? 02000 : 0));
    }
    status = tree_create(walk.directory, walk_name(&walk), &what, NULL);
    if (status == 0)
        notify_name(walk.directory, walk_name(&walk), IN_CREATE | (is_directory ? IN_ISDIR : 0));
    walk_fini(&walk);
    return status;
}

int vfs_mkdir(struct vfs *vfs, int at, const char *path, uint16_t mode)
{
    mode = (uint16_t)(mode & 01777 & ~vfs->umask);
    return make(vfs, at, path, (struct node_new){.mode = (uint16_t)(EXT4_DIR << 12 | mode)});
}

int vfs_mknod(struct vfs *vfs, int at, const char *path, uint16_t mode, uint32_t major,
              uint32_t minor)
{
    unsigned type = mode >> 12 ? mode >> 12 : EXT4_FILE;
    bool is_device = type == EXT4_CHAR || type == EXT4_BLOCK;
    if (type == EXT4_DIR)
        return -EPERM;
    if (type != EXT4_FILE && type != EXT4_FIFO && type != 12 && !is_device) /* 12: a socket */
        return -EINVAL;
    if (is_device && !creds_have(&vfs->creds, CAP_MKNOD))
        return -EPERM;
    return make(vfs, at, path,
                (struct node_new){.mode = (uint16_t)(type << 12 | (mode & 07777 & ~vfs->umask)),
                                  .major = is_device ? major : 0,
                                  .minor = is_device ? minor : 0});
}

int vfs_symlink(struct vfs *vfs, const char *target, int at, const char *path)
{
    size_t size = strnlen(target, WALK_PATH_MAX);
    if (size == 0)
        return -ENOENT;
    if (size == WALK_PATH_MAX)
        return -ENAMETOOLONG;
    return make(vfs, at, path,
                (struct node_new){.mode = EXT4_LINK << 12 | 0777, .target = span_of(target, size)});
}

int vfs_link(struct vfs *vfs, int at, const char *path, int to, const char *new_path,
             unsigned flags)
{
    struct walk from, walk;
    if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int status = walk_path(
        vfs, at, path,
        (flags & AT_SYMLINK_FOLLOW ? 0 : WALK_NOFOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0),
        &from);
    if (status < 0)
        return status;
    status = walk_to_new(vfs, to, new_path, false, &walk);
    if (status == 0) {
        if (from.node->links == 0 && !from.node->may_be_linked)
            status = -ENOENT;
        else
            status = tree_link(walk.directory, walk_name(&walk), from.node);
        if (status == 0) {
            notify_self(from.node, IN_ATTRIB);
            notify_name(walk.directory, walk_name(&walk), IN_CREATE);
        }
        walk_fini(&walk);
    }
    walk_fini(&from);
    return status;
}

/* What a path that does not end with a name answers. */
static int check_last(const struct walk *walk, bool is_directory)
{
    static const int for_directories[] = {
        [WALK_NAME] = 0, [WALK_DOT] = -EINVAL, [WALK_DOTDOT] = -ENOTEMPTY, [WALK_ROOT] = -EBUSY};
    if (is_directory)
        return for_directories[walk->last];
    return walk->last == WALK_NAME ? 0 : -EISDIR;
}

/* Who watched it alone hears of its end before the directory does, as d_delete_notify() has it. */
static void tell_removed(struct walk *walk, bool is_directory)
{
    if (!is_directory)
        notify_self(walk->node, IN_ATTRIB);
    node_put(walk->node);
    walk->node = NULL;
    notify_name(walk->directory, walk_name(walk), IN_DELETE | (is_directory ? IN_ISDIR : 0));
}

int vfs_unlink(struct vfs *vfs, int at, const char *path, unsigned flags)
{
    struct walk walk;
    bool is_directory = flags & AT_REMOVEDIR;
    if (flags & ~(unsigned)AT_REMOVEDIR)
        return -EINVAL;
    int status = walk_path(vfs, at, path, WALK_NOFOLLOW, &walk);
    if (status < 0)
        return status;
    status = check_last(&walk, is_directory);
    if (status == 0)
        status = access_remove(&vfs->creds, walk.directory, walk.node);
    if (status == 0 && walk.node == walk.node->tree->root) /* it is mounted there */
        status = -EBUSY;
    if (status == 0)
        status = tree_remove(walk.directory, walk_name(&walk), is_directory);
    if (status == 0)
        tell_removed(&walk, is_directory);
    walk_fini(&walk);
    return status;
}

/* Whether what is moved may leave, and may be where it goes. */
static int check_rename(const struct vfs *vfs, const struct walk *from, const struct walk *to,
                        unsigned flags)
{
    if (from->last != WALK_NAME || to->last != WALK_NAME)
        return flags & TREE_NOREPLACE && to->last != WALK_NAME ? -EEXIST : -EBUSY;
    if (from->directory->tree != to->directory->tree)
        return -EXDEV;
    bool is_directory = from->node->mode >> 12 == EXT4_DIR;
    if ((from->is_directory || to->is_directory) && !is_directory)
        return -ENOTDIR;
    int status = access_remove(&vfs->creds, from->directory, from->node);
    if (status == 0)
        status = to->node ? access_remove(&vfs->creds, to->directory, to->node)
                          : access_node(&vfs->creds, to->directory, ACCESS_WRITE | ACCESS_EXECUTE);
    /* A directory that moves gets another "..". */
    if (status == 0 && is_directory && from->directory != to->directory)
        status = access_node(&vfs->creds, from->node, ACCESS_WRITE);
    return status;
}

static void tell_moved(const struct walk *from, const struct walk *to, unsigned flags)
{
    const struct notify_place old = {from->directory, walk_name(from)};
    const struct notify_place new = {to->directory, walk_name(to)};
    if (from->node == to->node) /* two names of one file: nothing has happened */
        return;
    if (flags & TREE_EXCHANGE) {
        notify_moved(old, new, from->node, NULL);
        notify_moved(new, old, to->node, NULL);
    } else {
        notify_moved(old, new, from->node, to->node);
    }
}

int vfs_rename(struct vfs *vfs, int at, const char *path, int to_at, const char *new_path,
               unsigned flags)
{
    struct walk from, to;
    if (flags & ~(TREE_NOREPLACE | TREE_EXCHANGE))
        return -EINVAL;
    int status = walk_path(vfs, at, path, WALK_NOFOLLOW, &from);
    if (status < 0)
        return status;
    status = walk_path(vfs, to_at, new_path, WALK_NOFOLLOW | WALK_NEW, &to);
    if (status == 0) {
        status = check_rename(vfs, &from, &to, flags);
        if (status == 0)
            status = tree_rename(from.directory, walk_name(&from), to.directory, walk_name(&to),
                                 flags);
        if (status == 0)
            tell_moved(&from, &to, flags);
        walk_fini(&to);
    }
    walk_fini(&from);
    return status;
}
