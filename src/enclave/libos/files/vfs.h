/*
 * The files as one process has them: its root, where it stands, its open files, and the system
 * calls on paths. Processes share the tree and what is open, and have a struct vfs each. Calls
 * answer as the kernel's do, 0 or more, or a negative errno; their flags are the kernel's numbers.
 * What comes out of the program's memory (paths, buffers) is the caller's to copy and to check;
 * paths here are C strings of at most PATH_MAX - 1 bytes, else -ENAMETOOLONG.
 *
 * `at` is AT_FDCWD or an open directory, by which a relative path begins.
 *
 * Not for two threads at once: the system calls' table holds a lock around each call. No call
 * waits: what would, answers -EAGAIN, and the caller waits by poll.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_VFS_H
#define CAISSON_ENCLAVE_LIBOS_FILES_VFS_H

#include "enclave/libos/files/access.h"
#include "enclave/libos/files/file.h"

/* Random bytes, for /dev/urandom. 0 or a negative errno. */
struct file_random {
    int (*fill)(void *arg, void *out, size_t size);
    void *arg;
};

struct vfs {
    struct node *root;
    struct node *cwd;
    uint16_t umask;
    struct creds creds;
    struct file_table files;
    struct file_clock clock;
    struct file_random random; /* of the enclave's own; zeroed: there are no such devices */
};

/* Everything that stat, statx and their like tell. */
struct file_stat {
    uint32_t device;
    uint64_t inode;
    uint16_t mode;
    uint32_t links;
    uint32_t uid, gid;
    uint32_t major, minor; /* of a device */
    uint64_t size;
    uint64_t blocks; /* of 512 bytes */
    struct file_time atime, mtime, ctime;
};

/* What statfs tells of a file system; 4096 bytes a block. */
struct file_system_stat {
    uint32_t magic;
    uint32_t flags; /* TREE_READ_ONLY and so on */
    uint64_t blocks, free_blocks;
    uint64_t files, free_files;
};

/* Stands at the tree's root, with all that creds_root gives: owner 0 and every capability. The tree
 * is borrowed. */
void vfs_init(struct vfs *vfs, struct tree *root, struct file_clock clock);
void vfs_fini(struct vfs *vfs);

/* What fork(2) does: `to` becomes the same over the same tree and the same open files. Whose it is
 * (to->files.process), and by whose identity it asks (to->creds), the caller says. -ENOMEM: `to` is
 * nothing then. */
int vfs_fork(const struct vfs *from, struct vfs *to);

/* Hides a directory by a tree, which the vfs borrows; a file by one whose root is a file. Asks for
 * no permission: it is for who sets the container up. -ENOTDIR where one of both is a directory. */
int vfs_mount(struct vfs *vfs, const char *path, struct tree *tree);
void vfs_unmount(struct vfs *vfs, struct tree *tree);

/* open(2) and openat2(2): a number of an open file. `resolve` is of RESOLVE_*. */
int vfs_open(struct vfs *vfs, int at, const char *path, unsigned flags, uint16_t mode,
             uint64_t resolve);

/* What execve(2) runs: a plain file that may be executed, for reading, which file_put() ends.
 * -EACCES for anything else. `flags` are AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW. */
int vfs_open_program(struct vfs *vfs, int at, const char *path, unsigned flags, struct file **out);

int vfs_chdir(struct vfs *vfs, const char *path);
int vfs_fchdir(struct vfs *vfs, int number);
/* Its size with the zero byte. */
int vfs_getcwd(struct vfs *vfs, char *out, size_t size);
/* -EPERM without CAP_SYS_CHROOT. Where the process stands is left as it is. */
int vfs_chroot(struct vfs *vfs, const char *path);
uint16_t vfs_umask(struct vfs *vfs, uint16_t mask);

int vfs_mkdir(struct vfs *vfs, int at, const char *path, uint16_t mode);
int vfs_mknod(struct vfs *vfs, int at, const char *path, uint16_t mode, uint32_t major,
              uint32_t minor);
int vfs_symlink(struct vfs *vfs, const char *target, int at, const char *path);
int vfs_link(struct vfs *vfs, int at, const char *path, int to, const char *new_path,
             unsigned flags);
int vfs_unlink(struct vfs *vfs, int at, const char *path, unsigned flags);
int vfs_rename(struct vfs *vfs, int at, const char *path, int to, const char *new_path,
               unsigned flags);
int vfs_read_link(struct vfs *vfs, int at, const char *path, char *out, size_t size);

/* With AT_EMPTY_PATH and an empty path, `at` is the file itself. */
int vfs_stat(struct vfs *vfs, int at, const char *path, unsigned flags, struct file_stat *out);
int vfs_access(struct vfs *vfs, int at, const char *path, unsigned wanted, unsigned flags);
int vfs_chmod(struct vfs *vfs, int at, const char *path, uint16_t mode, unsigned flags);
/* UINT32_MAX leaves an owner as it is. */
int vfs_chown(struct vfs *vfs, int at, const char *path, uint32_t uid, uint32_t gid,
              unsigned flags);
/* NULL for now; nsec may be UTIME_NOW or UTIME_OMIT. */
int vfs_utimens(struct vfs *vfs, int at, const char *path, const struct file_time times[2],
                unsigned flags);
int vfs_truncate(struct vfs *vfs, const char *path, uint64_t size);

int vfs_get_xattr(struct vfs *vfs, int at, const char *path, const char *name, void *out,
                  size_t size, unsigned flags);
int vfs_set_xattr(struct vfs *vfs, int at, const char *path, const char *name, struct span value,
                  unsigned set_flags, unsigned flags);
int vfs_remove_xattr(struct vfs *vfs, int at, const char *path, const char *name, unsigned flags);
int vfs_list_xattrs(struct vfs *vfs, int at, const char *path, char *out, size_t size,
                    unsigned flags);

/* Of the file system in which a path is; with AT_EMPTY_PATH and an empty path, of an open file's.
 */
int vfs_statfs(struct vfs *vfs, int at, const char *path, unsigned flags,
               struct file_system_stat *out);

void node_stat(const struct node *node, struct file_stat *out);

#endif
