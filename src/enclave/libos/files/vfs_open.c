/* open(2) and openat2(2). */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/openat2.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/devices.h"
#include "enclave/libos/files/notify.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/special.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/files/walk.h"

#define ASKS_TMPFILE (O_TMPFILE & ~O_DIRECTORY)

static unsigned walk_flags(unsigned flags, uint64_t resolve)
{
    unsigned out = 0;
    if (flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL))
        out |= WALK_NOFOLLOW;
    if (flags & O_CREAT)
        out |= WALK_NEW;
    out |= resolve & RESOLVE_BENEATH ? WALK_BENEATH : 0;
    out |= resolve & RESOLVE_IN_ROOT ? WALK_IN_ROOT : 0;
    out |= resolve & RESOLVE_NO_XDEV ? WALK_NO_XDEV : 0;
    out |= resolve & RESOLVE_NO_SYMLINKS ? WALK_NO_SYMLINKS | WALK_NO_MAGIC : 0;
    out |= resolve & RESOLVE_NO_MAGICLINKS ? WALK_NO_MAGIC : 0;
    return out;
}

static int check_flags(unsigned flags, uint64_t resolve)
{
    const uint64_t known = RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_NO_XDEV |
                           RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    if (resolve & ~known || (resolve & RESOLVE_BENEATH && resolve & RESOLVE_IN_ROOT))
        return -EINVAL;
    if (flags & ASKS_TMPFILE && (!(flags & O_DIRECTORY) || flags & O_CREAT ||
                                 (flags & O_ACCMODE) == O_RDONLY || flags & O_PATH))
        return -EINVAL;
    if (flags & O_CREAT && flags & O_DIRECTORY)
        return -EINVAL;
    return 0;
}

/* O_CREAT where nothing is. A directory with the setgid bit gives its group. */
static int create(struct vfs *vfs, struct walk *walk, uint16_t mode)
{
    struct node *directory = walk->directory;
    struct node_new what = {.mode = (uint16_t)(EXT4_FILE << 12 | (mode & 07777 & ~vfs->umask)),
                            .uid = vfs->creds.uid,
                            .gid = vfs->creds.gid};
    if (walk->is_directory)
        return -EISDIR;
    if (directory->mode & 02000)
        what.gid = directory->gid;
    int status = access_node(&vfs->creds, directory, ACCESS_WRITE | ACCESS_EXECUTE);
    if (status == 0)
        status = tree_create(directory, walk_name(walk), &what, &walk->node);
    if (status == 0)
        notify_name(directory, walk_name(walk), IN_CREATE);
    return status;
}

static int check_access(const struct vfs *vfs, const struct node *node, unsigned flags)
{
    static const unsigned wanted[] = {ACCESS_READ, ACCESS_WRITE, ACCESS_READ | ACCESS_WRITE,
                                      ACCESS_READ | ACCESS_WRITE};
    unsigned needs = wanted[flags & O_ACCMODE] | (flags & O_TRUNC ? ACCESS_WRITE : 0);
    int status = access_node(&vfs->creds, node, needs);
    if (status == 0 && flags & O_NOATIME && !access_owns(&vfs->creds, node))
        status = -EPERM;
    return status;
}

/* What Linux refuses by the node's type. */
static int check_type(const struct walk *walk, unsigned flags)
{
    unsigned type = walk->node->mode >> 12;
    if (type == EXT4_LINK && !(flags & O_PATH))
        return flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
    if (flags & O_DIRECTORY && type != EXT4_DIR)
        return -ENOTDIR;
    if (flags & O_PATH)
        return 0;
    if (type == EXT4_DIR && (flags & O_ACCMODE || flags & (O_CREAT | O_TRUNC)))
        return -EISDIR;
    return 0;
}

/* The file's kind and what it needs. */
static int open_node(struct vfs *vfs, struct file *file)
{
    struct node *node = file->node;
    unsigned type = node->mode >> 12;
    file->keeps_setuid = creds_have(&vfs->creds, CAP_FSETID);
    if (file->flags & O_PATH || type == EXT4_DIR) {
        file->kind = &file_directory;
        return 0;
    }
    if (node->special && node->special->open)
        return node->special->open(node, file);
    file->kind = &file_plain;
    if ((type == EXT4_CHAR || type == EXT4_BLOCK) && node->tree->flags & TREE_NO_DEVICES)
        return -EACCES;
    if (type == EXT4_CHAR)
        return devices_open(vfs, file);
    if (type == EXT4_FIFO)
        return pipe_open_named(node, file);
    return type == EXT4_FILE ? 0 : -ENXIO; /* a device that is not there */
}

/* It is open, and is empty if that was asked for. */
static void begin(struct file *file, bool is_emptied)
{
    if (file->flags & O_PATH)
        return;
    file->is_told = true;
    notify(file->node, IN_OPEN);
    if (!is_emptied)
        return;
    (void)node_truncate(file->node, 0);
    notify(file->node, IN_MODIFY);
}

/* Opens what was walked to. */
static int open_walked(struct vfs *vfs, struct walk *walk, unsigned flags, bool is_new)
{
    struct file *file = NULL;
    const unsigned passing = O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC;
    int status = check_type(walk, flags);
    if (status == 0 && !is_new && !(flags & O_PATH))
        status = check_access(vfs, walk->node, flags);
    if (status == 0)
        status = file_new(NULL, flags & ~passing, walk->node, &file);
    if (status != 0)
        return status;
    status = open_node(vfs, file);
    file->flags &= ~(unsigned)O_NOCTTY; /* it counts while it is opened */
    if (status == 0 && !(file->path = walk_whole_path(vfs, walk)))
        status = -ENOMEM;
    if (status == 0)
        status = file_table_add(&vfs->files, file, 0, flags & O_CLOEXEC);
    if (status >= 0)
        begin(file, flags & O_TRUNC && file->kind == &file_plain && !is_new);
    else
        file_put(file);
    return status;
}

/* O_TMPFILE: a file of the directory that was walked to, which has no name; it can be given one
 * (linkat(2)) unless O_EXCL is there. */
static int open_nameless(struct vfs *vfs, struct walk *walk, unsigned flags, uint16_t mode)
{
    struct node *directory = walk->node, *node = NULL;
    if (!directory)
        return -ENOENT;
    const struct node_new what = {
        .mode = (uint16_t)(EXT4_FILE << 12 | (mode & 07777 & ~vfs->umask)),
        .uid = vfs->creds.uid,
        .gid = directory->mode & 02000 ? directory->gid : vfs->creds.gid};
    struct file *file = NULL;
    int status = directory->mode >> 12 == EXT4_DIR ? 0 : -ENOTDIR;
    if (status == 0 && directory->special)
        status = -EOPNOTSUPP;
    if (status == 0)
        status = access_node(&vfs->creds, directory, ACCESS_WRITE | ACCESS_EXECUTE);
    if (status == 0)
        status = node_new(directory->tree, &what, &node);
    if (status == 0)
        status = file_new(&file_plain, flags & ~(unsigned)(O_TMPFILE | O_EXCL | O_CLOEXEC), node,
                          &file);
    if (status == 0 && !(file->path = walk_whole_path(vfs, walk)))
        status = -ENOMEM;
    if (status == 0)
        status = file_table_add(&vfs->files, file, 0, flags & O_CLOEXEC);
    if (status >= 0 && node)
        node->may_be_linked = !(flags & O_EXCL);
    if (status < 0)
        file_put(file);
    node_put(node);
    return status;
}

int vfs_open(struct vfs *vfs, int at, const char *path, unsigned flags, uint16_t mode,
             uint64_t resolve)
{
    struct walk walk;
    int status = check_flags(flags, resolve);
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (status == 0)
        status = walk_path(vfs, at, path, walk_flags(flags, resolve), &walk);
    if (status < 0)
        return status;
    bool is_new = !walk.node;
    if (flags & ASKS_TMPFILE) {
        status = open_nameless(vfs, &walk, flags, mode);
        walk_fini(&walk);
        return status;
    }
    if (is_new)
        status = create(vfs, &walk, mode);
    else if (flags & O_CREAT && flags & O_EXCL)
        status = -EEXIST;
    if (status == 0)
        status = open_walked(vfs, &walk, flags, is_new);
    walk_fini(&walk);
    return status;
}

int vfs_open_program(struct vfs *vfs, int at, const char *path, unsigned flags, struct file **out)
{
    struct walk walk;
    int status = flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? -EINVAL : 0;
    unsigned how = (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0) |
                   (flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0);
    if (status == 0)
        status = walk_path(vfs, at, path, how, &walk);
    if (status < 0)
        return status;
    unsigned type = walk.node->mode >> 12;
    if (type != EXT4_FILE || walk.node->special || walk.node->tree->flags & TREE_NO_EXECUTE)
        status = type == EXT4_LINK ? -ELOOP : -EACCES;
    if (status == 0)
        status = access_node(&vfs->creds, walk.node, ACCESS_EXECUTE);
    if (status == 0)
        status = file_new(&file_plain, O_RDONLY, walk.node, out);
    if (status == 0)
        begin(*out, false);
    walk_fini(&walk);
    return status;
}
