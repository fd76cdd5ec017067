/*
 * Writes an ext4 file system in one pass: files are appended in the order in which they are given,
 * directories and tables follow at the end. Byte for byte what hcsshim's compactext4 writes.
 *
 * Paths are taken as they come: ".." is resolved by name and cannot leave the root. Parents that
 * are missing are made, with mode, owner and times of the directory above. A file without data may
 * be replaced, one with data may not: its blocks are on the disk already.
 */
#ifndef CAISSON_LAYER_EXT4_H
#define CAISSON_LAYER_EXT4_H

#include "layer/disk.h"
#include "layer/ext4_layout.h"
#include "layer/path.h"

struct ext4_file {
    uint16_t mode; /* with the type */
    uint32_t uid;
    uint32_t gid;
    uint32_t device;
    uint64_t size;                /* of a regular file */
    uint64_t atime, ctime, mtime; /* by ext4_time() */
    struct span target;           /* of a symbolic link */
    const struct tar_xattr *xattrs;
    size_t xattr_count;
};

struct ext4 {
    struct disk *disk; /* borrowed */
    struct nodes nodes;
    struct buf path; /* the plain form of the path at hand */
    struct xattr_set attributes;
    struct xattr_set old_attributes;
    uint32_t file; /* inode that is being written, or 0 */
    uint64_t file_left;
};

/* Starts a file system on an empty disk. ext4_fini() is due even after a failure. */
int ext4_init(struct ext4 *fs, struct disk *disk, uint64_t memory_limit, struct error *err);
void ext4_fini(struct ext4 *fs);

int ext4_make_parents(struct ext4 *fs, struct span path, struct error *err);

/* Makes or replaces a file of any kind. A regular one's contents follow by ext4_write() and
 * ext4_write_zero(), `size` bytes in all, then ext4_finish_file(), which is harmless for others. */
int ext4_create(struct ext4 *fs, struct span path, const struct ext4_file *file, struct error *err);
int ext4_write(struct ext4 *fs, struct span bytes, struct error *err);
int ext4_write_zero(struct ext4 *fs, uint64_t size, struct error *err);
int ext4_finish_file(struct ext4 *fs, struct error *err);

/* A further name for a file. */
int ext4_link(struct ext4 *fs, struct span target, struct span path, struct error *err);

/* Gives what stands at `path` one more extended attribute. */
int ext4_add_xattr(struct ext4 *fs, struct span path, const struct tar_xattr *xattr,
                   struct error *err);

/* Writes directories, inodes, bitmaps and what stands in front. */
int ext4_close(struct ext4 *fs, struct error *err);

/* A time as ext4 stores it. Times before 1901 and after 2446 become the nearest one; years before
 * 1970 spill over the nanoseconds as they do in the reference. */
uint64_t ext4_time(int64_t sec, int32_t nsec);

#endif
