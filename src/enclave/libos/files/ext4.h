/*
 * Reads the ext4 of a layer's disk: exactly the flavour that src/layer writes (format/ext4.h), and
 * nothing else.
 *
 * The bytes are those that the policy's root hash names, yet whoever made the image chose them:
 * every number is checked where it is used, and a disk that contradicts itself answers -EUCLEAN.
 * Work is bounded by the sizes that the disk states and these by the disk's own.
 *
 * Nothing is kept but a few numbers: blocks are kept below (verity.h), inodes above (tree.h).
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_EXT4_H
#define CAISSON_ENCLAVE_LIBOS_FILES_EXT4_H

#include "base/span.h"
#include "enclave/libos/files/file_time.h"
#include "format/ext4.h"

/* Where blocks come from: copies a part of one, or several that follow each other; 0 or a negative
 * errno. */
struct ext4_source {
    int (*read)(void *arg, uint64_t block, size_t offset, size_t size, void *out);
    int (*read_whole)(void *arg, uint64_t block, size_t count, void *out);
    void *arg;
    uint64_t blocks; /* that there are */
};

struct ext4_reader {
    struct ext4_source source;
    uint32_t number; /* of all that were opened, from 1 on */
    uint32_t blocks; /* on the disk */
    uint32_t inodes;
    uint32_t inodes_a_group;
};

/* One inode. `bytes` are those of the disk, for the other functions. */
struct ext4_inode {
    uint32_t number;
    uint16_t mode; /* with the type */
    uint32_t uid, gid, links;
    uint32_t major, minor; /* of a device */
    uint64_t size;
    struct file_time atime, mtime, ctime;
    uint8_t bytes[EXT4_INODE_SIZE];
};

/* Reads the superblock. The disk must have as many blocks as the source says. -EUCLEAN for any
 * other file system. */
int ext4_reader_open(struct ext4_reader *reader, const struct ext4_source *source);

/* -EUCLEAN for a number that is not in use or an inode of no known kind. */
int ext4_read_inode(const struct ext4_reader *reader, uint32_t number, struct ext4_inode *out);

/* Bytes of a regular file from `offset` on: how many were read, 0 at the end. */
int64_t ext4_read_file(const struct ext4_reader *reader, const struct ext4_inode *inode,
                       uint64_t offset, void *out, size_t size);

/* A symbolic link's whole target without a terminator; its size, 1 to EXT4_LONG_SYMLINK. -ERANGE
 * when `size` is too small. */
int ext4_read_link(const struct ext4_reader *reader, const struct ext4_inode *inode, void *out,
                   size_t size);

/* Is given what is there, one by one; a negative answer ends the call, which then returns it. Spans
 * last as long as the call. */
typedef int (*ext4_visit_entry)(void *arg, struct span name, uint32_t inode, unsigned type);
typedef int (*ext4_visit_xattr)(void *arg, struct span name, struct span value);

/* Entries of a directory but "." and "..". Names have 1 to 255 bytes, none '/' or 0. `type` is what
 * the entry says, one of
 * EXT4_ENTRY_DIR and the like; the inode may say otherwise. */
int ext4_read_directory(const struct ext4_reader *reader, const struct ext4_inode *inode,
                        ext4_visit_entry visit, void *arg);

/* Extended attributes with their whole names; those of kinds that Linux does not know are left out.
 */
int ext4_read_xattrs(const struct ext4_reader *reader, const struct ext4_inode *inode,
                     ext4_visit_xattr visit, void *arg);

#endif
