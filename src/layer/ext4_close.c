/* The end of an ext4: directories, inode tables, bitmaps, and the blocks in front. */
#include "layer/ext4.h"

#include <stdlib.h>

/* A directory's block that is being filled. The last entry of each reaches to its end. */
struct directory_block {
    uint8_t bytes[EXT4_BLOCK_SIZE];
    size_t used;
};

/* The reference closes each block with an empty entry, so one must always fit. */
#define LAST_ENTRY 12

static int finish_block(struct ext4 *fs, struct directory_block *block, struct error *err)
{
    size_t left = EXT4_BLOCK_SIZE - block->used;
    ext4_encode_entry(0, left, (struct span){0}, 0, block->bytes + block->used);
    if (disk_write(fs->disk, span_of(block->bytes, sizeof block->bytes), err) < 0)
        return -1;
    *block = (struct directory_block){0};
    return 0;
}

static int add_entry(struct ext4 *fs, struct directory_block *block, uint32_t inode,
                     struct span name, struct error *err)
{
    size_t size = ext4_entry_size(name.size);
    if (EXT4_BLOCK_SIZE - block->used < size + LAST_ENTRY && finish_block(fs, block, err) < 0)
        return -1;
    uint16_t mode = nodes_inode(&fs->nodes, inode)->mode;
    ext4_encode_entry(inode, size, name, mode, block->bytes + block->used);
    block->used += size;
    return 0;
}

static int write_directory(struct ext4 *fs, uint32_t number, uint32_t parent, struct error *err)
{
    struct inode *directory = nodes_inode(&fs->nodes, number);
    struct directory_block block = {0};
    directory->start_block = disk_block(fs->disk);
    if (nodes_sort_children(&fs->nodes, number, err) < 0 ||
        add_entry(fs, &block, number, span_of_text("."), err) < 0 ||
        add_entry(fs, &block, parent, span_of_text(".."), err) < 0)
        return -1;
    for (uint32_t i = directory->first_child; i != 0; i = nodes_entry(&fs->nodes, i)->next) {
        uint32_t child = nodes_entry(&fs->nodes, i)->inode;
        if (add_entry(fs, &block, child, nodes_entry_name(&fs->nodes, i), err) < 0)
            return -1;
    }
    if (finish_block(fs, &block, err) < 0)
        return -1;
    directory->blocks = disk_block(fs->disk) - directory->start_block;
    directory->size = (uint64_t)directory->blocks * EXT4_BLOCK_SIZE;
    if (!ext4_needs_extent_block(directory->blocks))
        return 0;
    uint8_t extents[EXT4_BLOCK_SIZE];
    ext4_encode_extent_block(directory->start_block, directory->blocks, extents);
    return disk_write(fs->disk, span_of(extents, sizeof extents), err);
}

/* The first directory in a list of children, from this entry on; 0 when there is none. */
static uint32_t next_directory(const struct ext4 *fs, uint32_t entry)
{
    while (entry != 0) {
        const struct entry *at = nodes_entry(&fs->nodes, entry);
        if (ext4_type(nodes_inode(&fs->nodes, at->inode)->mode) == EXT4_DIR)
            break;
        entry = at->next;
    }
    return entry;
}

/* Depth first, parents before children, without a stack: a hostile tree may be deep. `up` holds for
 * each directory the entry that names it. */
static int walk(struct ext4 *fs, uint32_t *up, struct error *err)
{
    uint32_t directory = NODES_ROOT;
    for (;;) {
        const struct inode *inode = nodes_inode(&fs->nodes, directory);
        uint32_t next = next_directory(fs, inode->first_child);
        while (next == 0) {
            if (directory == NODES_ROOT)
                return 0;
            const struct entry *own = nodes_entry(&fs->nodes, up[directory]);
            next = next_directory(fs, own->next);
            directory = own->parent;
        }
        const struct entry *entry = nodes_entry(&fs->nodes, next);
        up[entry->inode] = next;
        directory = entry->inode;
        if (write_directory(fs, directory, entry->parent, err) < 0)
            return -1;
    }
}

static int write_directories(struct ext4 *fs, struct error *err)
{
    uint64_t size = ((uint64_t)nodes_count(&fs->nodes) + 1) * sizeof(uint32_t);
    if (nodes_charge(&fs->nodes, size, err) < 0)
        return -1;
    uint32_t *up = calloc(1, size);
    if (!up)
        return error_memory(err);
    int status = write_directory(fs, NODES_ROOT, NODES_ROOT, err);
    if (status == 0)
        status = walk(fs, up, err);
    free(up);
    return status;
}

static int write_inodes(struct ext4 *fs, const struct ext4_layout *layout, struct error *err)
{
    static const uint8_t unused[EXT4_INODE_SIZE];
    uint32_t count = nodes_count(&fs->nodes);
    for (uint32_t i = 1; i <= count; i++) {
        const struct inode *inode = nodes_inode(&fs->nodes, i);
        uint8_t bytes[EXT4_INODE_SIZE];
        if (inode->mode != 0)
            ext4_encode_inode(inode, nodes_text(&fs->nodes, inode->text), bytes);
        else
            memcpy(bytes, unused, sizeof bytes);
        if (disk_write(fs->disk, span_of(bytes, sizeof bytes), err) < 0)
            return -1;
    }
    uint64_t room = (uint64_t)layout->groups * layout->inodes_a_group;
    return disk_write_zero(fs->disk, (room - count) * EXT4_INODE_SIZE, err);
}

/* Marks and counts the inodes of a group. All reserved ones count as used. */
static void encode_inode_bitmap(const struct ext4 *fs, const struct ext4_layout *layout,
                                uint32_t group, uint8_t out[EXT4_BLOCK_SIZE],
                                struct ext4_group *used)
{
    uint32_t first = group * layout->inodes_a_group + 1;
    memset(out, 0, EXT4_BLOCK_SIZE);
    used->used_inodes = used->directories = 0;
    for (uint32_t i = 0; i < layout->inodes_a_group; i++) {
        uint32_t number = first + i;
        if (number > nodes_count(&fs->nodes))
            break;
        uint16_t mode = nodes_inode(&fs->nodes, number)->mode;
        used->directories += mode != 0 && ext4_type(mode) == EXT4_DIR;
        used->used_inodes++;
        out[i / 8] = (uint8_t)(out[i / 8] | 1U << i % 8);
    }
}

/* Writes the bitmaps, and with what they count the descriptors and the superblock. */
static int write_groups(struct ext4 *fs, const struct ext4_layout *layout, uint8_t *descriptors,
                        struct error *err)
{
    uint32_t used_blocks = 0, used_inodes = 0;
    uint8_t block[EXT4_BLOCK_SIZE];
    for (uint32_t group = 0; group < layout->groups; group++) {
        struct ext4_group used;
        ext4_encode_block_bitmap(layout, group, block, &used);
        if (disk_write(fs->disk, span_of(block, sizeof block), err) < 0)
            return -1;
        encode_inode_bitmap(fs, layout, group, block, &used);
        if (disk_write(fs->disk, span_of(block, sizeof block), err) < 0)
            return -1;
        ext4_encode_descriptor(layout, group, &used,
                               descriptors + (size_t)group * EXT4_DESCRIPTOR_SIZE);
        used_blocks += used.used_blocks;
        used_inodes += used.used_inodes;
    }
    uint64_t padding = layout->disk_blocks - layout->used_blocks;
    if (disk_write_zero(fs->disk, padding * EXT4_BLOCK_SIZE, err) < 0)
        return -1;
    ext4_encode_superblock(layout, used_blocks, used_inodes, block);
    return disk_change(fs->disk, 0, block, err);
}

int ext4_close(struct ext4 *fs, struct error *err)
{
    uint8_t descriptors[EXT4_DESCRIPTOR_BLOCKS * EXT4_BLOCK_SIZE] = {0};
    struct ext4_layout layout;
    if (ext4_finish_file(fs, err) < 0 || write_directories(fs, err) < 0)
        return -1;
    ext4_layout_compute(disk_block(fs->disk), nodes_count(&fs->nodes), &layout);
    if (layout.groups > sizeof descriptors / EXT4_DESCRIPTOR_SIZE)
        return error_set(err, ERROR_LIMIT, "the layer's disk would exceed 128 GiB");
    if (write_inodes(fs, &layout, err) < 0 || write_groups(fs, &layout, descriptors, err) < 0)
        return -1;
    for (uint32_t i = 0; i < EXT4_DESCRIPTOR_BLOCKS; i++) {
        if (disk_change(fs->disk, 1 + i, descriptors + (size_t)i * EXT4_BLOCK_SIZE, err) < 0)
            return -1;
    }
    return 0;
}
