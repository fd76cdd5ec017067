/*
 * The structures of ext4 as bytes: Linux, Documentation/filesystems/ext4/. One flavour only, that
 * of the reference: blocks of 4096 bytes, inodes of 256, no journal, no checksums, no hashed
 * directories, metadata of all groups together (flex_bg) behind the data.
 */
#ifndef CAISSON_LAYER_EXT4_LAYOUT_H
#define CAISSON_LAYER_EXT4_LAYOUT_H

#include "format/ext4.h"
#include "layer/nodes.h"

#define EXT4_DESCRIPTOR_BLOCKS 8 /* for 128 GiB */
#define EXT4_FRONT_BLOCKS      (1 + EXT4_DESCRIPTOR_BLOCKS)
#define EXT4_LINKS_MAX         65000

/* From 340 extents on, the reference writes extent trees that are wrong: such files are refused. */
#define EXT4_FILE_BLOCKS_MAX (339U * EXT4_EXTENT_BLOCKS)

/* The type in an inode's mode: EXT4_FILE and the like. */
static inline unsigned ext4_type(uint16_t mode)
{
    return mode >> 12;
}

/* The layout of the disk, from how many blocks stand before the inode table and how many inodes are
 * in use. */
struct ext4_layout {
    uint32_t groups;
    uint32_t inodes_a_group;
    uint32_t table_block;  /* first of the inode tables */
    uint32_t bitmap_block; /* first of the bitmaps, block and inode bitmap of each group in turn */
    uint32_t used_blocks;  /* the bitmaps' end */
    uint32_t disk_blocks;
};

void ext4_layout_compute(uint32_t table_block, uint32_t inodes, struct ext4_layout *out);

/* Whether the file needs a block of extents behind its data, and that block. */
bool ext4_needs_extent_block(uint32_t blocks);
void ext4_encode_extent_block(uint32_t start, uint32_t blocks, uint8_t out[EXT4_BLOCK_SIZE]);

/* `target` is the short symlink's. */
void ext4_encode_inode(const struct inode *inode, const uint8_t *target,
                       uint8_t out[EXT4_INODE_SIZE]);

/* The head of a directory entry, 8 bytes; returns its rounded size with the name. */
size_t ext4_entry_size(size_t name_size);
void ext4_encode_entry(uint32_t inode, size_t size, struct span name, uint16_t mode, uint8_t *out);

/* Used parts of a group. The bitmaps are complete but for the inodes in use from number 11 on,
 * which the caller counts and marks. */
struct ext4_group {
    uint32_t used_blocks;
    uint32_t used_inodes;
    uint32_t directories;
};

void ext4_encode_block_bitmap(const struct ext4_layout *layout, uint32_t group,
                              uint8_t out[EXT4_BLOCK_SIZE], struct ext4_group *used);
void ext4_encode_descriptor(const struct ext4_layout *layout, uint32_t group,
                            const struct ext4_group *used, uint8_t out[EXT4_DESCRIPTOR_SIZE]);
void ext4_encode_superblock(const struct ext4_layout *layout, uint32_t used_blocks,
                            uint32_t used_inodes, uint8_t out[EXT4_BLOCK_SIZE]);

#endif
