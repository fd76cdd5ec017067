#include "layer/ext4_layout.h"

static void put_le(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

/* Groups that are needed with this many inodes in each. Data blocks are counted as if they had to
 * share each group with its inode table. */
static uint32_t count_groups(uint32_t blocks, uint32_t inodes, uint32_t inodes_a_group)
{
    uint32_t data = EXT4_BLOCKS_A_GROUP - inodes_a_group / EXT4_INODES_A_BLOCK - 2;
    uint32_t least = (inodes - 1) / inodes_a_group * data + 1;
    if (blocks < least)
        blocks = least;
    return (blocks + data - 1) / data;
}

void ext4_layout_compute(uint32_t table_block, uint32_t inodes, struct ext4_layout *out)
{
    *out = (struct ext4_layout){.groups = UINT32_MAX, .table_block = table_block};
    for (uint32_t count = EXT4_INODES_A_BLOCK; count <= EXT4_INODES_A_GROUP;
         count += EXT4_INODES_A_BLOCK) {
        uint32_t groups = count_groups(table_block, inodes, count);
        if (groups < out->groups) {
            out->groups = groups;
            out->inodes_a_group = count;
        }
    }
    out->bitmap_block = table_block + out->groups * (out->inodes_a_group / EXT4_INODES_A_BLOCK);
    out->used_blocks = out->bitmap_block + 2 * out->groups;
    uint32_t least = (out->groups - 1) * EXT4_BLOCKS_A_GROUP + 1;
    out->disk_blocks = out->used_blocks < least ? least : out->used_blocks;
}

static uint32_t count_extents(uint32_t blocks)
{
    return (blocks + EXT4_EXTENT_BLOCKS - 1) / EXT4_EXTENT_BLOCKS;
}

bool ext4_needs_extent_block(uint32_t blocks)
{
    return count_extents(blocks) > EXT4_EXTENTS_IN_INODE;
}

static void put_extent_header(uint8_t *out, uint32_t entries, uint32_t room, uint32_t depth)
{
    put_le(out, EXT4_EXTENT_MAGIC, 2);
    put_le(out + 2, entries, 2);
    put_le(out + 4, room, 2);
    put_le(out + 6, depth, 2);
}

/* A file's blocks follow each other, so that its extents follow from where it starts. */
static void put_extents(uint8_t *out, uint32_t start, uint32_t blocks, uint32_t room)
{
    put_extent_header(out, count_extents(blocks), room, 0);
    for (uint32_t at = 0; at < blocks; at += EXT4_EXTENT_BLOCKS) {
        uint32_t size = blocks - at < EXT4_EXTENT_BLOCKS ? blocks - at : EXT4_EXTENT_BLOCKS;
        out += EXT4_EXTENT_SIZE;
        put_le(out, at, 4);
        put_le(out + 4, size, 2);
        put_le(out + 8, start + at, 4);
    }
}

void ext4_encode_extent_block(uint32_t start, uint32_t blocks, uint8_t out[EXT4_BLOCK_SIZE])
{
    memset(out, 0, EXT4_BLOCK_SIZE);
    put_extents(out, start, blocks, EXT4_EXTENTS_IN_BLOCK);
}

/* The 60 bytes of i_block. */
static void put_i_block(const struct inode *inode, const uint8_t *target, uint8_t *out)
{
    unsigned type = ext4_type(inode->mode);
    if (type == EXT4_CHAR || type == EXT4_BLOCK) {
        put_le(out + 4, inode->device, 4);
    } else if (type == EXT4_LINK && inode->blocks == 0) {
        if (inode->size > 0)
            memcpy(out, target, inode->size);
    } else if (ext4_needs_extent_block(inode->blocks)) {
        put_extent_header(out, 1, EXT4_EXTENTS_IN_INODE, 1);
        put_le(out + EXT4_EXTENT_SIZE + 4, inode->start_block + inode->blocks, 4);
    } else if (inode->blocks > 0) {
        put_extents(out, inode->start_block, inode->blocks, EXT4_EXTENTS_IN_INODE);
    }
}

void ext4_encode_inode(const struct inode *inode, const uint8_t *target,
                       uint8_t out[EXT4_INODE_SIZE])
{
    uint32_t blocks = inode->blocks + (inode->xattr_block != 0) +
                      ext4_needs_extent_block(inode->blocks);
    memset(out, 0, EXT4_INODE_SIZE);
    put_le(out + EXT4_INODE_MODE, inode->mode, 2);
    put_le(out + EXT4_INODE_UID, inode->uid, 2);
    put_le(out + EXT4_INODE_BYTES, inode->size, 4);
    put_le(out + EXT4_INODE_ATIME, inode->atime, 4);
    put_le(out + EXT4_INODE_CTIME, inode->ctime, 4);
    put_le(out + EXT4_INODE_MTIME, inode->mtime, 4);
    put_le(out + EXT4_INODE_GID, inode->gid, 2);
    put_le(out + EXT4_INODE_LINKS, inode->links, 2);
    put_le(out + EXT4_INODE_BLOCKS, blocks, 4); /* of the file system, as HUGE_FILE says */
    put_le(out + EXT4_INODE_FLAGS,
           EXT4_FLAG_HUGE_FILE | (inode->blocks > 0 ? EXT4_FLAG_EXTENTS : 0), 4);
    put_i_block(inode, target, out + EXT4_INODE_BODY);
    put_le(out + EXT4_INODE_XATTR_BLOCK, inode->xattr_block, 4);
    put_le(out + EXT4_INODE_BYTES_HIGH, inode->size >> 32, 4);
    put_le(out + EXT4_INODE_UID_HIGH, inode->uid >> 16, 2);
    put_le(out + EXT4_INODE_GID_HIGH, inode->gid >> 16, 2);
    put_le(out + EXT4_INODE_EXTRA, EXT4_EXTRA_SIZE, 2);
    put_le(out + EXT4_INODE_CTIME_HIGH, inode->ctime >> 32, 4);
    put_le(out + EXT4_INODE_MTIME_HIGH, inode->mtime >> 32, 4);
    put_le(out + EXT4_INODE_ATIME_HIGH, inode->atime >> 32, 4);
    put_le(out + EXT4_INODE_CRTIME, inode->mtime, 4);
    put_le(out + EXT4_INODE_CRTIME_HIGH, inode->mtime >> 32, 4);
    if (inode->xattrs && inode->xattrs->has_inline)
        memcpy(out + EXT4_XATTR_IN_INODE, inode->xattrs->in_inode, XATTR_INODE_SIZE);
}

size_t ext4_entry_size(size_t name_size)
{
    return (8 + name_size + 3) & ~(size_t)3;
}

void ext4_encode_entry(uint32_t inode, size_t size, struct span name, uint16_t mode, uint8_t *out)
{
    static const uint8_t types[16] = {
        [EXT4_FIFO] = EXT4_ENTRY_FIFO, [EXT4_CHAR] = EXT4_ENTRY_CHAR,
        [EXT4_DIR] = EXT4_ENTRY_DIR,   [EXT4_BLOCK] = EXT4_ENTRY_BLOCK,
        [EXT4_FILE] = EXT4_ENTRY_FILE, [EXT4_LINK] = EXT4_ENTRY_LINK,
    };
    put_le(out, inode, 4);
    put_le(out + 4, size, 2);
    out[6] = (uint8_t)name.size;
    out[7] = types[ext4_type(mode)];
    if (name.size > 0)
        memcpy(out + 8, name.data, name.size);
}

static uint32_t descriptor_blocks(const struct ext4_layout *layout)
{
    uint32_t a_block = EXT4_BLOCK_SIZE / EXT4_DESCRIPTOR_SIZE;
    return (layout->groups + a_block - 1) / a_block;
}

static void mark(uint8_t *bitmap, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        bitmap[i / 8] = (uint8_t)(bitmap[i / 8] | 1U << i % 8);
}

void ext4_encode_block_bitmap(const struct ext4_layout *layout, uint32_t group,
                              uint8_t out[EXT4_BLOCK_SIZE], struct ext4_group *used)
{
    uint32_t first = group * EXT4_BLOCKS_A_GROUP, size = EXT4_BLOCKS_A_GROUP;
    memset(out, 0, EXT4_BLOCK_SIZE);
    uint32_t taken = layout->used_blocks <= first          ? 0
                     : layout->used_blocks - first >= size ? size
                                                           : layout->used_blocks - first;
    mark(out, 0, taken);
    used->used_blocks = taken;
    if (group == 0) { /* descriptor blocks that stay unused count as free */
        for (uint32_t i = 1 + descriptor_blocks(layout); i < EXT4_FRONT_BLOCKS; i++) {
            out[i / 8] = (uint8_t)(out[i / 8] & ~(1U << i % 8));
            used->used_blocks--;
        }
    }
    uint32_t end = layout->disk_blocks % size;
    if (group == layout->groups - 1 && end != 0) { /* blocks behind the disk count as used */
        mark(out, end, size);
        used->used_blocks += size - end;
    }
}

void ext4_encode_descriptor(const struct ext4_layout *layout, uint32_t group,
                            const struct ext4_group *used, uint8_t out[EXT4_DESCRIPTOR_SIZE])
{
    uint32_t table = layout->inodes_a_group / EXT4_INODES_A_BLOCK;
    memset(out, 0, EXT4_DESCRIPTOR_SIZE);
    put_le(out + EXT4_GROUP_BLOCK_BITMAP, layout->bitmap_block + 2 * group, 4);
    put_le(out + EXT4_GROUP_INODE_BITMAP, layout->bitmap_block + 2 * group + 1, 4);
    put_le(out + EXT4_GROUP_INODE_TABLE, layout->table_block + table * group, 4);
    put_le(out + 12, EXT4_BLOCKS_A_GROUP - used->used_blocks, 2);
    put_le(out + 14, layout->inodes_a_group - used->used_inodes, 2);
    put_le(out + 16, used->directories, 2);
}

void ext4_encode_superblock(const struct ext4_layout *layout, uint32_t used_blocks,
                            uint32_t used_inodes, uint8_t out[EXT4_BLOCK_SIZE])
{
    uint32_t inodes = layout->inodes_a_group * layout->groups;
    memset(out, 0, EXT4_BLOCK_SIZE);
    uint8_t *super = out + 1024;
    put_le(super + EXT4_SUPER_INODES, inodes, 4);
    put_le(super + EXT4_SUPER_BLOCKS, layout->disk_blocks, 4);
    put_le(super + EXT4_SUPER_FREE_BLOCKS, EXT4_BLOCKS_A_GROUP * layout->groups - used_blocks, 4);
    put_le(super + EXT4_SUPER_FREE_INODES, inodes - used_inodes, 4);
    put_le(super + EXT4_SUPER_LOG_BLOCK, EXT4_LOG_BLOCK, 4);
    put_le(super + EXT4_SUPER_LOG_CLUSTER, EXT4_LOG_BLOCK, 4);
    put_le(super + EXT4_SUPER_GROUP_BLOCKS, EXT4_BLOCKS_A_GROUP, 4);
    put_le(super + EXT4_SUPER_GROUP_CLUSTERS, EXT4_BLOCKS_A_GROUP, 4);
    put_le(super + EXT4_SUPER_GROUP_INODES, layout->inodes_a_group, 4);
    put_le(super + EXT4_SUPER_MAGIC, EXT4_MAGIC, 2);
    put_le(super + 0x3a, 1, 2); /* cleanly unmounted */
    put_le(super + 0x3c, 1, 2); /* continue on errors */
    put_le(super + 0x4c, 1, 4); /* dynamic revision */
    put_le(super + 0x54, NODES_FIRST, 4);
    put_le(super + EXT4_SUPER_INODE_SIZE, EXT4_INODE_SIZE, 2);
    put_le(super + EXT4_SUPER_COMPAT, EXT4_COMPAT, 4);
    put_le(super + EXT4_SUPER_INCOMPAT, EXT4_INCOMPAT, 4);
    put_le(super + EXT4_SUPER_RO_COMPAT, EXT4_RO_COMPAT, 4);
    put_le(super + 0x15c, EXT4_EXTRA_SIZE, 2);
    put_le(super + 0x15e, EXT4_EXTRA_SIZE, 2);
    super[0x174] = 31;                     /* 2^31 groups a flex group: all of them */
    put_le(super + 0x268, NODES_FIRST, 4); /* lost+found */
}
