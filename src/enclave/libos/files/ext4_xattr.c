/* The extended attributes of a layer's inodes: in the inode, then in a block of their own. */
#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/ext4.h"

#define NAME_SIZE (32 + EXT4_NAME_MAX) /* with the prefix */

static const struct {
    uint8_t index;
    const char *prefix;
} prefixes[] = {EXT4_XATTR_PREFIXES};

/* Puts the whole name together. Its size, or 0 for a kind that Linux does not know, or a name that
 * it would not show: an access list has no more name than its prefix, the others must have. */
static size_t join_name(uint8_t index, struct span suffix, uint8_t out[NAME_SIZE])
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t size = strlen(prefixes[i].prefix);
        bool is_whole = prefixes[i].prefix[size - 1] != '.';
        if (prefixes[i].index != index)
            continue;
        if (is_whole != (suffix.size == 0) || memchr(suffix.data, 0, suffix.size))
            return 0;
        memcpy(out, prefixes[i].prefix, size);
        memcpy(out + size, suffix.data, suffix.size);
        return size + suffix.size;
    }
    return 0;
}

static int read_entry(struct span entry, size_t name_size, struct span values,
                      ext4_visit_xattr visit, void *arg)
{
    uint8_t name[NAME_SIZE];
    size_t offset = get_le16(entry.data + 2), size = get_le32(entry.data + 8);
    if (get_le32(entry.data + 4) != 0 || offset > values.size || size > values.size - offset)
        return -EUCLEAN;
    struct span suffix = span_of(entry.data + EXT4_XATTR_ENTRY_SIZE, name_size);
    size_t whole = join_name(entry.data[1], suffix, name);
    return whole == 0 ? 0 : visit(arg, span_of(name, whole), span_of(values.data + offset, size));
}

/* Entries end with four zero bytes; offsets count from the beginning of `values`. */
static int read_entries(struct span entries, struct span values, ext4_visit_xattr visit, void *arg)
{
    size_t at = 0;
    while (entries.size - at >= 4 && get_le32(entries.data + at) != 0) {
        size_t left = entries.size - at, name_size = entries.data[at];
        size_t size = EXT4_XATTR_ENTRY_SIZE + ((name_size + 3) & ~(size_t)3);
        if (size > left)
            return -EUCLEAN;
        int status = read_entry(span_of(entries.data + at, size), name_size, values, visit, arg);
        if (status < 0)
            return status;
        at += size;
    }
    return 0;
}

static int read_block(const struct ext4_reader *reader, uint32_t number, ext4_visit_xattr visit,
                      void *arg)
{
    uint8_t block[EXT4_BLOCK_SIZE];
    if (number >= reader->blocks)
        return -EUCLEAN;
    int status = reader->source.read(reader->source.arg, number, 0, sizeof block, block);
    if (status < 0)
        return status;
    if (get_le32(block) != EXT4_XATTR_MAGIC || get_le32(block + 8) != 1)
        return -EUCLEAN;
    struct span entries = span_of(block + EXT4_XATTR_BLOCK_HEADER,
                                  sizeof block - EXT4_XATTR_BLOCK_HEADER);
    return read_entries(entries, span_of(block, sizeof block), visit, arg);
}

int ext4_read_xattrs(const struct ext4_reader *reader, const struct ext4_inode *inode,
                     ext4_visit_xattr visit, void *arg)
{
    struct span region = span_of(inode->bytes + EXT4_XATTR_IN_INODE + EXT4_XATTR_INODE_HEADER,
                                 EXT4_INODE_SIZE - EXT4_XATTR_IN_INODE - EXT4_XATTR_INODE_HEADER);
    uint32_t block = get_le32(inode->bytes + EXT4_INODE_XATTR_BLOCK);
    int status = 0;
    if (get_le32(inode->bytes + EXT4_XATTR_IN_INODE) == EXT4_XATTR_MAGIC)
        status = read_entries(region, region, visit, arg);
    if (status == 0 && block != 0)
        status = read_block(reader, block, visit, arg);
    return status;
}
