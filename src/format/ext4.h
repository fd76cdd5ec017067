/*
 * The numbers of ext4 as a layer's disk has it: for src/layer, which writes it, and for the library
 * OS, which reads it inside an enclave. Linux, Documentation/filesystems/ext4/. One flavour only:
 * blocks of 4096 bytes, inodes of 256, no journal, no checksums, no hashed directories.
 *
 * Only numbers: nothing here needs a library.
 */
#ifndef CAISSON_FORMAT_EXT4_H
#define CAISSON_FORMAT_EXT4_H

#define EXT4_BLOCK_SIZE      4096
#define EXT4_INODE_SIZE      256
#define EXT4_INODES_A_BLOCK  16
#define EXT4_BLOCKS_A_GROUP  32768U
#define EXT4_INODES_A_GROUP  32768U /* at most: one block of bitmap */
#define EXT4_DESCRIPTOR_SIZE 32
#define EXT4_ROOT            2
#define EXT4_FIRST_INODE     11 /* the first number that is not reserved: lost+found */

#define EXT4_SHORT_SYMLINK 59     /* bytes of a target that stands in the inode */
#define EXT4_EXTENT_BLOCKS 32768U /* at most, in one extent */
#define EXT4_NAME_MAX      255    /* bytes of an entry's name */
#define EXT4_LONG_SYMLINK  4095   /* bytes of a target at most */
#define EXT4_TIME_BITS     34     /* of seconds; the nanoseconds stand above them */

/* Type in an inode's mode, its upper four bits. */
enum { EXT4_FIFO = 1, EXT4_CHAR = 2, EXT4_DIR = 4, EXT4_BLOCK = 6, EXT4_FILE = 8, EXT4_LINK = 10 };

/* The same in a directory's entry. */
enum {
    EXT4_ENTRY_FILE = 1,
    EXT4_ENTRY_DIR,
    EXT4_ENTRY_CHAR,
    EXT4_ENTRY_BLOCK,
    EXT4_ENTRY_FIFO,
    EXT4_ENTRY_LINK = 7,
};

/* The superblock, from byte 1024 of the disk on. */
#define EXT4_SUPER_INODES         0x00
#define EXT4_SUPER_BLOCKS         0x04
#define EXT4_SUPER_FREE_BLOCKS    0x0c
#define EXT4_SUPER_FREE_INODES    0x10
#define EXT4_SUPER_LOG_BLOCK      0x18
#define EXT4_SUPER_LOG_CLUSTER    0x1c
#define EXT4_SUPER_GROUP_BLOCKS   0x20
#define EXT4_SUPER_GROUP_CLUSTERS 0x24
#define EXT4_SUPER_GROUP_INODES   0x28
#define EXT4_SUPER_MAGIC          0x38
#define EXT4_SUPER_INODE_SIZE     0x58
#define EXT4_SUPER_COMPAT         0x5c
#define EXT4_SUPER_INCOMPAT       0x60
#define EXT4_SUPER_RO_COMPAT      0x64

#define EXT4_MAGIC     0xef53
#define EXT4_COMPAT    0x208U  /* sparse_super2, ext_attr */
#define EXT4_INCOMPAT  0x242U  /* filetype, extents, flex_bg */
#define EXT4_RO_COMPAT 0x104aU /* large_file, huge_file, extra_isize, read-only */
#define EXT4_LOG_BLOCK 2       /* 2^(10+2) bytes */

/* A group's descriptor. */
#define EXT4_GROUP_BLOCK_BITMAP 0
#define EXT4_GROUP_INODE_BITMAP 4
#define EXT4_GROUP_INODE_TABLE  8

/* An inode. */
#define EXT4_INODE_MODE        0
#define EXT4_INODE_UID         2
#define EXT4_INODE_BYTES       4
#define EXT4_INODE_ATIME       8
#define EXT4_INODE_CTIME       12
#define EXT4_INODE_MTIME       16
#define EXT4_INODE_GID         24
#define EXT4_INODE_LINKS       26
#define EXT4_INODE_BLOCKS      28
#define EXT4_INODE_FLAGS       32
#define EXT4_INODE_BODY        40 /* i_block */
#define EXT4_INODE_BODY_SIZE   60
#define EXT4_INODE_XATTR_BLOCK 104
#define EXT4_INODE_BYTES_HIGH  108
#define EXT4_INODE_UID_HIGH    120
#define EXT4_INODE_GID_HIGH    122
#define EXT4_INODE_EXTRA       128 /* how many bytes follow the first 128 before the attributes */
#define EXT4_INODE_CTIME_HIGH  132
#define EXT4_INODE_MTIME_HIGH  136
#define EXT4_INODE_ATIME_HIGH  140
#define EXT4_INODE_CRTIME      144
#define EXT4_INODE_CRTIME_HIGH 148

#define EXT4_EXTRA_SIZE     24
#define EXT4_XATTR_IN_INODE (EXT4_INODE_EXTRA + EXT4_EXTRA_SIZE)
#define EXT4_FLAG_HUGE_FILE 0x40000U
#define EXT4_FLAG_EXTENTS   0x80000U

/* Extents: a header, then entries, all of one size. */
#define EXT4_EXTENT_MAGIC     0xf30a
#define EXT4_EXTENT_SIZE      12
#define EXT4_EXTENTS_IN_INODE 4
#define EXT4_EXTENTS_IN_BLOCK (EXT4_BLOCK_SIZE / EXT4_EXTENT_SIZE - 1)

/* Extended attributes: entries from the front, values at offsets. In an inode the entries follow a
 * magic number, from where offsets count; in a block they follow a header, and offsets count from
 * the block's start. */
#define EXT4_XATTR_MAGIC        0xea020000U
#define EXT4_XATTR_INODE_HEADER 4
#define EXT4_XATTR_BLOCK_HEADER 32
#define EXT4_XATTR_ENTRY_SIZE   16

/* What stands for the beginnings of names: {index, prefix}, the first that fits counts. */
#define EXT4_XATTR_PREFIXES                                                                        \
    {2, "system.posix_acl_access"}, {3, "system.posix_acl_default"}, {8, "system.richacl"},        \
        {7, "system."}, {1, "user."}, {4, "trusted."},                                             \
    {                                                                                              \
        6, "security."                                                                             \
    }

#endif
