#include "enclave/libos/files/vfs.h"

#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/walk.h"

void vfs_init(struct vfs *vfs, struct tree *root, struct file_clock clock)
{
    *vfs = (struct vfs){.root = node_get(root->root),
                        .cwd = node_get(root->root),
                        .umask = 022,
                        .creds = {.capabilities = UINT64_MAX},
                        .clock = clock};
}

void vfs_fini(struct vfs *vfs)
{
    file_table_fini(&vfs->files);
    node_put(vfs->cwd);
    node_put(vfs->root);
    vfs->root = vfs->cwd = NULL;
}

int vfs_fork(const struct vfs *from, struct vfs *to)
{
    *to = *from;
    to->files = (struct file_table){0};
    int status = file_table_copy(&from->files, &to->files);
    if (status < 0) {
        file_table_fini(&to->files);
        *to = (struct vfs){0};
        return status;
    }
    (void)node_get(to->root);
    (void)node_get(to->cwd);
    return 0;
}

static bool is_directory(const struct node *node)
{
    return node->mode >> 12 == EXT4_DIR;
}

int vfs_mount(struct vfs *vfs, const char *path, struct tree *tree)
{
    struct walk walk;
    int status = walk_path(vfs, AT_FDCWD, path, 0, &walk);
    if (status < 0)
        return status;
    struct node *node = walk.node;
    if (is_directory(node) != is_directory(tree->root))
        status = -ENOTDIR;
    else if (tree->mounted_on || node == vfs->root)
        status = -EBUSY;
    if (status == 0) {
        node->mounted = tree;
        tree->mounted_on = node_get(node);
    }
    walk_fini(&walk);
    return status;
}

void vfs_unmount(struct vfs *vfs, struct tree *tree)
{
    (void)vfs;
    if (!tree->mounted_on)
        return;
    tree->mounted_on->mounted = NULL;
    node_put(tree->mounted_on);
    tree->mounted_on = NULL;
}

/* Takes the reference. */
static int change_cwd(struct vfs *vfs, struct node *node)
{
    int status = is_directory(node) ? 0 : -ENOTDIR;
    if (status == 0)
        status = access_node(&vfs->creds, node, ACCESS_EXECUTE);
    if (status < 0) {
        node_put(node);
        return status;
    }
    node_put(vfs->cwd);
    vfs->cwd = node;
    return 0;
}

int vfs_chdir(struct vfs *vfs, const char *path)
{
    struct walk walk;
    int status = walk_path(vfs, AT_FDCWD, path, 0, &walk);
    if (status < 0)
        return status;
    status = change_cwd(vfs, node_get(walk.node));
    walk_fini(&walk);
    return status;
}

int vfs_fchdir(struct vfs *vfs, int number)
{
    struct file *file = file_table_get(&vfs->files, number);
    if (!file)
        return -EBADF;
    return file->node ? change_cwd(vfs, node_get(file->node)) : -ENOTDIR;
}

int vfs_getcwd(struct vfs *vfs, char *out, size_t size)
{
    char text[WALK_PATH_MAX];
    if (vfs->cwd->directory.is_removed)
        return -ENOENT;
    int start = walk_directory_path(vfs, vfs->cwd, text, sizeof text - 1);
    if (start < 0)
        return -ENAMETOOLONG;
    text[sizeof text - 1] = 0;
    size_t needed = sizeof text - (size_t)start;
    if (size < needed)
        return -ERANGE;
    memcpy(out, text + start, needed);
    return (int)needed;
}

int vfs_chroot(struct vfs *vfs, const char *path)
{
    struct walk walk;
    int status = walk_path(vfs, AT_FDCWD, path, 0, &walk);
    if (status < 0)
        return status;
    status = walk.node->mode >> 12 == EXT4_DIR ? 0 : -ENOTDIR;
    if (status == 0)
        status = access_node(&vfs->creds, walk.node, ACCESS_EXECUTE);
    if (status == 0 && !creds_have(&vfs->creds, CAP_SYS_CHROOT))
        status = -EPERM;
    if (status == 0) {
        node_put(vfs->root);
        vfs->root = node_get(walk.node);
    }
    walk_fini(&walk);
    return status;
}

uint16_t vfs_umask(struct vfs *vfs, uint16_t mask)
{
    uint16_t before = vfs->umask;
    vfs->umask = mask & 0777;
    return before;
}

int vfs_read_link(struct vfs *vfs, int at, const char *path, char *out, size_t size)
{
    struct walk walk;
    char target[WALK_PATH_MAX];
    if (size == 0)
        return -EINVAL;
    int status = walk_path(vfs, at, path, WALK_NOFOLLOW | WALK_EMPTY, &walk);
    if (status < 0)
        return status;
    status = node_read_link(walk.node, target, sizeof target);
    if (*path == 0 && status == -EINVAL)
        status = -ENOENT;
    walk_fini(&walk);
    if (status < 0)
        return status;
    if ((size_t)status > size)
        status = (int)size; /* cut without a word, as readlink(2) does */
    memcpy(out, target, (size_t)status);
    return status;
}
