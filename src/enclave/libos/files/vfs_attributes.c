/* System calls about what an inode says of itself. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/notify.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/files/walk.h"

#define NSEC_NOW  0x3fffffffU /* UTIME_NOW, UTIME_OMIT: utimensat(2) */
#define NSEC_OMIT 0x3ffffffeU

static int walk_for(struct vfs *vfs, int at, const char *path, unsigned flags, struct walk *walk)
{
    const unsigned known = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT;
    if (flags & ~known)
        return -EINVAL;
    return walk_path(vfs, at, path,
                     (flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0) |
                         (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0),
                     walk);
}

void node_stat(const struct node *node, struct file_stat *out)
{
    bool is_directory = node->mode >> 12 == EXT4_DIR;
    *out = (struct file_stat){
        .device = node->tree->device,
        .inode = node->number,
        .mode = node->mode,
        .links = node->links,
        .uid = node->uid,
        .gid = node->gid,
        .major = node->major,
        .minor = node->minor,
        .size = node->size,
        .blocks = (is_directory ? node->size : node_used(node)) / 512,
        .atime = node->atime,
        .mtime = node->mtime,
        .ctime = node->ctime,
    };
    /* Over layers, directories say 1, which means that nobody counted. */
    if (is_directory && node->tree->layer_count > 0)
        out->links = node->directory.is_removed ? 0 : 1;
    else if (is_directory && !node->directory.is_removed)
        out->links = 2 + (uint32_t)node->directory.directories;
}

/* Pipes, sockets, and what is neither. */
static void stat_nameless(const struct file *file, struct file_stat *out)
{
    unsigned type = file->kind->name ? file->kind->type : EXT4_FIFO;
    *out = (struct file_stat){
        .inode = file->number, .mode = (uint16_t)(type << 12 | 0600), .links = 1};
    if (type == FILE_SOCKET)
        out->mode = FILE_SOCKET << 12 | 0777;
}

int vfs_stat(struct vfs *vfs, int at, const char *path, unsigned flags, struct file_stat *out)
{
    struct walk walk;
    struct file *file;
    if (*path == 0 && flags & AT_EMPTY_PATH && at != AT_FDCWD) {
        file = file_table_get(&vfs->files, at);
        if (!file)
            return -EBADF;
        stat_nameless(file, out);
        if (file->node)
            node_stat(file->node, out);
        return 0;
    }
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    node_stat(walk.node, out);
    walk_fini(&walk);
    return 0;
}

int vfs_access(struct vfs *vfs, int at, const char *path, unsigned wanted, unsigned flags)
{
    struct walk walk;
    if (wanted & ~7U)
        return -EINVAL;
    int status = walk_for(vfs, at, path, flags & ~(unsigned)AT_EACCESS, &walk);
    if (status < 0)
        return status;
    status = wanted == 0 ? 0 : access_node(&vfs->creds, walk.node, wanted);
    walk_fini(&walk);
    return status;
}

static int change_mode(struct vfs *vfs, struct node *node, uint16_t mode)
{
    if (access_change(node) < 0)
        return -EROFS;
    if (!access_owns(&vfs->creds, node))
        return -EPERM;
    if (node->mode >> 12 == EXT4_LINK)
        return -EOPNOTSUPP;
    mode &= 07777;
    if (!creds_in_group(&vfs->creds, node->gid) && !creds_have(&vfs->creds, CAP_FSETID))
        mode = (uint16_t)(mode & ~02000);
    node->mode = (uint16_t)((node->mode & ~07777) | mode);
    node_touch_status(node);
    return 0;
}

static int tell(struct node *node, int status, uint32_t what)
{
    if (status == 0 && what != 0)
        notify(node, what);
    return status;
}

int vfs_chmod(struct vfs *vfs, int at, const char *path, uint16_t mode, unsigned flags)
{
    struct walk walk;
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    status = tell(walk.node, change_mode(vfs, walk.node, mode), IN_ATTRIB);
    walk_fini(&walk);
    return status;
}

/* The owner may give a file to a group of his; all else takes CAP_CHOWN. */
static int change_owner(struct vfs *vfs, struct node *node, uint32_t uid, uint32_t gid)
{
    bool all = creds_have(&vfs->creds, CAP_CHOWN);
    bool own = node->uid == vfs->creds.uid;
    if (access_change(node) < 0)
        return -EROFS;
    if (uid != UINT32_MAX && !all && !(own && uid == node->uid))
        return -EPERM;
    if (gid != UINT32_MAX && !all &&
        !(own && (gid == node->gid || creds_in_group(&vfs->creds, gid))))
        return -EPERM;
    if (uid != UINT32_MAX)
        node->uid = uid;
    if (gid != UINT32_MAX)
        node->gid = gid;
    if (node->mode >> 12 != EXT4_DIR) {
        node->mode = (uint16_t)(node->mode & ~04000);
        if (node->mode & 0010)
            node->mode = (uint16_t)(node->mode & ~02000);
        if (node->mode >> 12 == EXT4_FILE) /* a program's capabilities were the old owner's gift */
            (void)node_remove_xattr(node, span_of_text("security.capability"));
    }
    node_touch_status(node);
    return 0;
}

int vfs_chown(struct vfs *vfs, int at, const char *path, uint32_t uid, uint32_t gid, unsigned flags)
{
    struct walk walk;
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    status = tell(walk.node, change_owner(vfs, walk.node, uid, gid), IN_ATTRIB);
    walk_fini(&walk);
    return status;
}

static void set_time(struct node *node, struct file_time *time, const struct file_time *to)
{
    if (to->nsec == NSEC_NOW)
        node->tree->clock.now(node->tree->clock.arg, time);
    else if (to->nsec != NSEC_OMIT)
        *time = *to;
}

static int change_times(struct vfs *vfs, struct node *node, const struct file_time times[2])
{
    bool is_now = times[0].nsec == NSEC_NOW && times[1].nsec == NSEC_NOW;
    for (int i = 0; i < 2; i++) {
        if (times[i].nsec > 999999999 && times[i].nsec != NSEC_NOW && times[i].nsec != NSEC_OMIT)
            return -EINVAL;
    }
    if (times[0].nsec == NSEC_OMIT && times[1].nsec == NSEC_OMIT)
        return 0;
    if (access_change(node) < 0)
        return -EROFS;
    if (!access_owns(&vfs->creds, node) &&
        (!is_now || access_node(&vfs->creds, node, ACCESS_WRITE) < 0))
        return is_now ? -EACCES : -EPERM;
    set_time(node, &node->atime, &times[0]);
    set_time(node, &node->mtime, &times[1]);
    node_touch_status(node);
    return 0;
}

/* fsnotify_change(): one of both stands for what usually sets it. */
static uint32_t kind_of_times(const struct file_time times[2])
{
    bool sets_access = times[0].nsec != NSEC_OMIT, sets_change = times[1].nsec != NSEC_OMIT;
    if (sets_access && sets_change)
        return IN_ATTRIB;
    return sets_access ? IN_ACCESS : sets_change ? IN_MODIFY : 0;
}

int vfs_utimens(struct vfs *vfs, int at, const char *path, const struct file_time times[2],
                unsigned flags)
{
    static const struct file_time now[2] = {{0, NSEC_NOW}, {0, NSEC_NOW}};
    struct walk walk;
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    times = times ? times : now;
    status = tell(walk.node, change_times(vfs, walk.node, times), kind_of_times(times));
    walk_fini(&walk);
    return status;
}

int vfs_truncate(struct vfs *vfs, const char *path, uint64_t size)
{
    struct walk walk;
    if (size > INT64_MAX)
        return -EINVAL;
    int status = walk_path(vfs, AT_FDCWD, path, 0, &walk);
    if (status < 0)
        return status;
    if (walk.node->mode >> 12 == EXT4_DIR)
        status = -EISDIR;
    else if (walk.node->mode >> 12 != EXT4_FILE || walk.node->special)
        status = -EINVAL;
    if (status == 0)
        status = access_node(&vfs->creds, walk.node, ACCESS_WRITE);
    if (status == 0)
        status = tell(walk.node, node_truncate(walk.node, size), IN_MODIFY);
    walk_fini(&walk);
    return status;
}

/* --- the file system -------------------------------------------------------------------------- */

#define BLOCK 4096

static void statfs_tree(const struct tree *tree, struct file_system_stat *out)
{
    const struct account *account = &tree->account;
    uint64_t left = account->limit > account->used ? account->limit - account->used : 0;
    *out = (struct file_system_stat){.magic = tree->magic,
                                     .flags = tree->flags,
                                     .blocks = account->limit / BLOCK,
                                     .free_blocks = left / BLOCK,
                                     .files = account->limit / NODE_CHARGE,
                                     .free_files = left / NODE_CHARGE};
}

static uint32_t magic_of(const struct file *file)
{
    unsigned type = file->kind->name ? file->kind->type : EXT4_FIFO;
    return type == EXT4_FIFO ? MAGIC_PIPES : type == 0 ? MAGIC_ANONYMOUS : MAGIC_SOCKETS;
}

int vfs_statfs(struct vfs *vfs, int at, const char *path, unsigned flags,
               struct file_system_stat *out)
{
    struct walk walk;
    if (*path == 0 && flags & AT_EMPTY_PATH) {
        const struct file *file = file_table_get(&vfs->files, at);
        if (!file)
            return -EBADF;
        *out = (struct file_system_stat){.magic = magic_of(file)};
        if (file->node)
            statfs_tree(file->node->tree, out);
        return 0;
    }
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    statfs_tree(walk.node->tree, out);
    walk_fini(&walk);
    return 0;
}

/* --- extended attributes ---------------------------------------------------------------------- */

static bool begins_with(const char *name, const char *prefix)
{
    size_t size = strlen(prefix);
    return strnlen(name, size + 1) > size && memcmp(name, prefix, size) == 0;
}

/* fs/xattr.c, xattr_permission(), and cap_inode_setxattr() for what is security's. */
static int check_xattr(const struct vfs *vfs, const struct node *node, const char *name,
                       bool writes)
{
    unsigned type = node->mode >> 12;
    bool is_admin = creds_have(&vfs->creds, CAP_SYS_ADMIN);
    if (strnlen(name, EXT4_NAME_MAX + 1) > EXT4_NAME_MAX || *name == 0)
        return -ERANGE;
    if (writes && access_change(node) < 0)
        return -EROFS;
    if (begins_with(name, "trusted."))
        return is_admin ? 0 : writes ? -EPERM : -ENODATA;
    if (begins_with(name, "security.")) {
        bool is_capability = strcmp(name, "security.capability") == 0;
        bool may = is_capability ? creds_have(&vfs->creds, CAP_SETFCAP) : is_admin;
        return writes && !may ? -EPERM : 0;
    }
    if (!begins_with(name, "user."))
        return -EOPNOTSUPP;
    if (type != EXT4_FILE && type != EXT4_DIR)
        return writes ? -EPERM : -ENODATA;
    if (writes && type == EXT4_DIR && node->mode & 01000 && !access_owns(&vfs->creds, node))
        return -EPERM;
    return access_node(&vfs->creds, node, writes ? ACCESS_WRITE : ACCESS_READ);
}

int vfs_get_xattr(struct vfs *vfs, int at, const char *path, const char *name, void *out,
                  size_t size, unsigned flags)
{
    struct walk walk;
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    status = check_xattr(vfs, walk.node, name, false);
    if (status == 0)
        status = node_get_xattr(walk.node, span_of_text(name), out, size);
    walk_fini(&walk);
    return status;
}

int vfs_set_xattr(struct vfs *vfs, int at, const char *path, const char *name, struct span value,
                  unsigned set_flags, unsigned flags)
{
    struct walk walk;
    if (set_flags & ~(XATTR_MUST_BE_NEW | XATTR_MUST_BE_THERE))
        return -EINVAL;
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    status = check_xattr(vfs, walk.node, name, true);
    if (status == 0)
        status = tell(walk.node, node_set_xattr(walk.node, span_of_text(name), value, set_flags),
                      IN_ATTRIB);
    walk_fini(&walk);
    return status;
}

int vfs_remove_xattr(struct vfs *vfs, int at, const char *path, const char *name, unsigned flags)
{
    struct walk walk;
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    status = check_xattr(vfs, walk.node, name, true);
    if (status == 0)
        status = tell(walk.node, node_remove_xattr(walk.node, span_of_text(name)), IN_ATTRIB);
    walk_fini(&walk);
    return status;
}

static bool shows(void *arg, struct span name)
{
    const struct vfs *vfs = arg;
    bool is_trusted = name.size > 8 && memcmp(name.data, "trusted.", 8) == 0;
    return !is_trusted || creds_have(&vfs->creds, CAP_SYS_ADMIN);
}

int vfs_list_xattrs(struct vfs *vfs, int at, const char *path, char *out, size_t size,
                    unsigned flags)
{
    struct walk walk;
    int status = walk_for(vfs, at, path, flags, &walk);
    if (status < 0)
        return status;
    status = node_list_xattrs(walk.node, shows, vfs, out, size);
    walk_fini(&walk);
    return status;
}
