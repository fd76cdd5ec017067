#include "enclave/libos/files/ext4.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"

#define SUPER_OFFSET 1024 /* of the superblock in block 0 */
#define SUPER_SIZE   1024
#define NSEC_MAX     999999999U
#define ENTRY_HEAD   8 /* inode, size, size of the name, type */

int ext4_reader_open(struct ext4_reader *reader, const struct ext4_source *source)
{
    static uint32_t last;
    uint8_t super[SUPER_SIZE];
    *reader = (struct ext4_reader){.source = *source};
    int status = source->read(source->arg, 0, SUPER_OFFSET, sizeof super, super);
    if (status < 0)
        return status;
    if (get_le16(super + EXT4_SUPER_MAGIC) != EXT4_MAGIC ||
        get_le32(super + EXT4_SUPER_LOG_BLOCK) != EXT4_LOG_BLOCK ||
        get_le16(super + EXT4_SUPER_INODE_SIZE) != EXT4_INODE_SIZE ||
        get_le32(super + EXT4_SUPER_GROUP_BLOCKS) != EXT4_BLOCKS_A_GROUP ||
        get_le32(super + EXT4_SUPER_COMPAT) != EXT4_COMPAT ||
        get_le32(super + EXT4_SUPER_INCOMPAT) != EXT4_INCOMPAT ||
        get_le32(super + EXT4_SUPER_RO_COMPAT) != EXT4_RO_COMPAT)
        return -EUCLEAN;
    reader->number = ++last;
    reader->blocks = get_le32(super + EXT4_SUPER_BLOCKS);
    reader->inodes = get_le32(super + EXT4_SUPER_INODES);
    reader->inodes_a_group = get_le32(super + EXT4_SUPER_GROUP_INODES);
    uint64_t groups = ((uint64_t)reader->blocks + EXT4_BLOCKS_A_GROUP - 1) / EXT4_BLOCKS_A_GROUP;
    if (reader->blocks == 0 || reader->blocks != source->blocks || reader->inodes_a_group == 0 ||
        reader->inodes_a_group > EXT4_INODES_A_GROUP ||
        reader->inodes_a_group % EXT4_INODES_A_BLOCK != 0 ||
        reader->inodes > groups * reader->inodes_a_group)
        return -EUCLEAN;
    return 0;
}

/* Part of one block; none beyond the disk. */
static int read_part(const struct ext4_reader *reader, uint64_t block, size_t offset, size_t size,
                     void *out)
{
    if (block >= reader->blocks)
        return -EUCLEAN;
    return reader->source.read(reader->source.arg, block, offset, size, out);
}

static int read_inode_bytes(const struct ext4_reader *reader, uint32_t number, uint8_t *out)
{
    if (number == 0 || number > reader->inodes)
        return -EUCLEAN;
    uint32_t group = (number - 1) / reader->inodes_a_group;
    uint32_t index = (number - 1) % reader->inodes_a_group;
    uint32_t a_block = EXT4_BLOCK_SIZE / EXT4_DESCRIPTOR_SIZE;
    uint8_t table[4];
    int status = read_part(reader, 1 + group / a_block,
                           group % a_block * EXT4_DESCRIPTOR_SIZE + EXT4_GROUP_INODE_TABLE,
                           sizeof table, table);
    if (status < 0)
        return status;
    uint64_t block = (uint64_t)get_le32(table) + index / EXT4_INODES_A_BLOCK;
    return read_part(reader, block, (size_t)(index % EXT4_INODES_A_BLOCK) * EXT4_INODE_SIZE,
                     EXT4_INODE_SIZE, out);
}

/* Seconds with their 34 bits, then nanoseconds, as Linux reads them. A year before 1970 has spilt
 * over into the nanoseconds (layer/ext4.h): those that cannot be become the most that can. */
static struct file_time get_time(const uint8_t *bytes, size_t low, size_t high)
{
    uint32_t extra = get_le32(bytes + high);
    struct file_time time = {.sec = (int32_t)get_le32(bytes + low), .nsec = extra >> 2};
    time.sec += (int64_t)(extra & 3) << 32;
    if (time.nsec > NSEC_MAX)
        time.nsec = NSEC_MAX;
    return time;
}

static void get_device(struct ext4_inode *inode)
{
    const uint8_t *body = inode->bytes + EXT4_INODE_BODY;
    uint32_t old = get_le32(body), device = get_le32(body + 4);
    inode->major = old != 0 ? old >> 8 & 0xff : device >> 8 & 0xfff;
    inode->minor = old != 0 ? old & 0xff : (device & 0xff) | (device >> 12 & 0xfff00);
}

/* What the size of a kind of inode may be. */
static bool is_sound(const struct ext4_inode *inode)
{
    switch (inode->mode >> 12) {
    case EXT4_FILE:
        return inode->size <= INT64_MAX;
    case EXT4_DIR:
        return inode->size % EXT4_BLOCK_SIZE == 0;
    case EXT4_LINK:
        return inode->size <= EXT4_LONG_SYMLINK;
    case EXT4_CHAR:
    case EXT4_BLOCK:
    case EXT4_FIFO:
        return inode->size == 0;
    default:
        return false;
    }
}

int ext4_read_inode(const struct ext4_reader *reader, uint32_t number, struct ext4_inode *out)
{
    *out = (struct ext4_inode){.number = number};
    const uint8_t *bytes = out->bytes;
    int status = read_inode_bytes(reader, number, out->bytes);
    if (status < 0)
        return status;
    out->mode = get_le16(bytes + EXT4_INODE_MODE);
    out->uid = get_le16(bytes + EXT4_INODE_UID) | (uint32_t)get_le16(bytes + EXT4_INODE_UID_HIGH)
                                                      << 16;
    out->gid = get_le16(bytes + EXT4_INODE_GID) | (uint32_t)get_le16(bytes + EXT4_INODE_GID_HIGH)
                                                      << 16;
    out->links = get_le16(bytes + EXT4_INODE_LINKS);
    out->size = get_le32(bytes + EXT4_INODE_BYTES) |
                (uint64_t)get_le32(bytes + EXT4_INODE_BYTES_HIGH) << 32;
    out->atime = get_time(bytes, EXT4_INODE_ATIME, EXT4_INODE_ATIME_HIGH);
    out->mtime = get_time(bytes, EXT4_INODE_MTIME, EXT4_INODE_MTIME_HIGH);
    out->ctime = get_time(bytes, EXT4_INODE_CTIME, EXT4_INODE_CTIME_HIGH);
    unsigned type = out->mode >> 12;
    if (type == EXT4_CHAR || type == EXT4_BLOCK)
        get_device(out);
    if (get_le16(bytes + EXT4_INODE_EXTRA) != EXT4_EXTRA_SIZE || !is_sound(out))
        return -EUCLEAN;
    return 0;
}

/* --- where a file's blocks are ---------------------------------------------------------------- */

/* Blocks of a file that follow each other on the disk; `start` is 0 for a hole. */
struct run {
    uint64_t start;
    uint64_t count;
};

/* Looks through one node of extents for a file's block. `entry` receives the last one that begins
 * at the block or before it; false when there is none. `next` is where the one after it begins. */
struct extent_node {
    const struct ext4_reader *reader;
    const uint8_t *body; /* the inode's, or NULL for the node in `block` */
    uint64_t block;
};

static int read_entry(const struct extent_node *node, size_t index, uint8_t out[EXT4_EXTENT_SIZE])
{
    size_t offset = index * EXT4_EXTENT_SIZE;
    if (!node->body)
        return read_part(node->reader, node->block, offset, EXT4_EXTENT_SIZE, out);
    memcpy(out, node->body + offset, EXT4_EXTENT_SIZE);
    return 0;
}

static int search(const struct extent_node *node, unsigned depth, uint32_t block,
                  uint8_t found[EXT4_EXTENT_SIZE], uint64_t *next)
{
    uint8_t entry[EXT4_EXTENT_SIZE];
    int status = read_entry(node, 0, entry);
    if (status < 0)
        return status;
    unsigned count = get_le16(entry + 2);
    if (get_le16(entry) != EXT4_EXTENT_MAGIC || get_le16(entry + 6) != depth ||
        count > (node->body ? EXT4_EXTENTS_IN_INODE : EXT4_EXTENTS_IN_BLOCK))
        return -EUCLEAN;
    *next = UINT64_MAX;
    bool any = false;
    for (unsigned i = 1; i <= count; i++) {
        if ((status = read_entry(node, i, entry)) < 0)
            return status;
        if (get_le32(entry) > block) {
            *next = get_le32(entry);
            break;
        }
        memcpy(found, entry, EXT4_EXTENT_SIZE);
        any = true;
    }
    return any;
}

/* What an extent, the last that begins at or before `block`, says of it. */
static int take_extent(const struct ext4_reader *reader, const uint8_t *extent, uint64_t next,
                       uint32_t block, struct run *out)
{
    uint32_t length = get_le16(extent + 4), past = block - get_le32(extent);
    uint64_t start = get_le32(extent + 8) | (uint64_t)get_le16(extent + 6) << 32;
    if (length == 0 || length > EXT4_EXTENT_BLOCKS || start == 0 || start >= reader->blocks ||
        length > reader->blocks - start || next < (uint64_t)get_le32(extent) + length)
        return -EUCLEAN;
    *out = past < length ? (struct run){start + past, length - past}
                         : (struct run){0, next - block};
    return 0;
}

static int find_run(const struct ext4_reader *reader, const struct ext4_inode *inode,
                    uint32_t block, struct run *out)
{
    const uint8_t *body = inode->bytes + EXT4_INODE_BODY;
    struct extent_node node = {.reader = reader, .body = body};
    uint8_t found[EXT4_EXTENT_SIZE];
    uint64_t next = UINT64_MAX, next_leaf = UINT64_MAX;
    *out = (struct run){0, UINT64_MAX};
    if (!(get_le32(inode->bytes + EXT4_INODE_FLAGS) & EXT4_FLAG_EXTENTS))
        return inode->size == 0 ? 0 : -EUCLEAN;
    unsigned depth = get_le16(body + 6);
    if (depth > 1)
        return -EUCLEAN;
    int status = search(&node, depth, block, found, &next);
    if (status == 1 && depth == 1) {
        node = (struct extent_node){.reader = reader, .block = get_le32(found + 4)};
        if (get_le16(found + 8) != 0)
            return -EUCLEAN;
        status = search(&node, 0, block, found, &next_leaf);
        if (next_leaf < next)
            next = next_leaf;
    }
    if (status < 0)
        return status;
    if (status == 1)
        return take_extent(reader, found, next, block, out);
    out->count = next == UINT64_MAX ? UINT64_MAX : next - block;
    return 0;
}

/* Bytes of a run of blocks, from this place in the first on: how many, which are not none. */
static int64_t read_run(const struct ext4_reader *reader, const struct run *run, size_t in_block,
                        uint8_t *out, size_t size)
{
    size_t part = EXT4_BLOCK_SIZE - in_block < size ? EXT4_BLOCK_SIZE - in_block : size;
    uint64_t whole = in_block == 0 ? size / EXT4_BLOCK_SIZE : 0;
    int status;
    if (run->start == 0) {
        memset(out, 0, part);
        return (int64_t)part;
    }
    if (whole > run->count)
        whole = run->count;
    if (whole == 0)
        status = read_part(reader, run->start, in_block, part, out);
    else if (run->start >= reader->blocks || whole > reader->blocks - run->start)
        status = -EUCLEAN;
    else
        status = reader->source.read_whole(reader->source.arg, run->start, (size_t)whole, out);
    return status < 0 ? status : (int64_t)(whole == 0 ? part : whole * EXT4_BLOCK_SIZE);
}

/* Bytes of the inode's blocks, all of them below its size. */
static int read_bytes(const struct ext4_reader *reader, const struct ext4_inode *inode,
                      uint64_t offset, uint8_t *out, size_t size)
{
    struct run run = {0, 0};
    while (size > 0) {
        size_t in_block = (size_t)(offset % EXT4_BLOCK_SIZE);
        if (offset / EXT4_BLOCK_SIZE > UINT32_MAX)
            return -EUCLEAN;
        int status = run.count > 0
                         ? 0
                         : find_run(reader, inode, (uint32_t)(offset / EXT4_BLOCK_SIZE), &run);
        int64_t got = status < 0 ? status : read_run(reader, &run, in_block, out, size);
        if (got < 0)
            return (int)got;
        uint64_t blocks = (in_block + (uint64_t)got + EXT4_BLOCK_SIZE - 1) / EXT4_BLOCK_SIZE;
        run.start += run.start != 0 ? blocks : 0;
        run.count -= blocks;
        out += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

int64_t ext4_read_file(const struct ext4_reader *reader, const struct ext4_inode *inode,
                       uint64_t offset, void *out, size_t size)
{
    if (inode->mode >> 12 != EXT4_FILE)
        return -EINVAL;
    if (offset >= inode->size)
        return 0;
    if (size > inode->size - offset)
        size = (size_t)(inode->size - offset);
    int status = read_bytes(reader, inode, offset, out, size);
    return status < 0 ? status : (int64_t)size;
}

int ext4_read_link(const struct ext4_reader *reader, const struct ext4_inode *inode, void *out,
                   size_t size)
{
    if (inode->mode >> 12 != EXT4_LINK)
        return -EINVAL;
    if (inode->size > size)
        return -ERANGE;
    if (inode->size == 0)
        return -EUCLEAN;
    int status = 0;
    if (get_le32(inode->bytes + EXT4_INODE_FLAGS) & EXT4_FLAG_EXTENTS)
        status = read_bytes(reader, inode, 0, out, (size_t)inode->size);
    else if (inode->size <= EXT4_SHORT_SYMLINK)
        memcpy(out, inode->bytes + EXT4_INODE_BODY, (size_t)inode->size);
    else
        status = -EUCLEAN;
    if (status == 0 && memchr(out, 0, (size_t)inode->size))
        status = -EUCLEAN;
    return status < 0 ? status : (int)inode->size;
}

/* --- directories ------------------------------------------------------------------------------ */

static bool is_name(struct span name)
{
    return name.size > 0 && !memchr(name.data, 0, name.size) && !memchr(name.data, '/', name.size);
}

/* The entries of one block of a directory, which follow each other to its end. */
static int read_entries(const struct ext4_reader *reader, const uint8_t block[EXT4_BLOCK_SIZE],
                        ext4_visit_entry visit, void *arg)
{
    size_t size;
    for (size_t at = 0; at < EXT4_BLOCK_SIZE; at += size) {
        size_t left = EXT4_BLOCK_SIZE - at;
        const uint8_t *entry = block + at;
        if (left < ENTRY_HEAD)
            return -EUCLEAN;
        uint32_t inode = get_le32(entry);
        struct span name = span_of(entry + ENTRY_HEAD, entry[6]);
        size = get_le16(entry + 4);
        if (size < ENTRY_HEAD + name.size || size % 4 != 0 || size > left)
            return -EUCLEAN;
        if (inode == 0 || span_equal_text(name, ".") || span_equal_text(name, ".."))
            continue;
        if (inode > reader->inodes || !is_name(name))
            return -EUCLEAN;
        int status = visit(arg, name, inode, entry[7] <= 7 ? entry[7] : 0);
        if (status < 0)
            return status;
    }
    return 0;
}

int ext4_read_directory(const struct ext4_reader *reader, const struct ext4_inode *inode,
                        ext4_visit_entry visit, void *arg)
{
    uint8_t block[EXT4_BLOCK_SIZE];
    if (inode->mode >> 12 != EXT4_DIR)
        return -ENOTDIR;
    if (inode->size / EXT4_BLOCK_SIZE > reader->blocks)
        return -EUCLEAN;
    for (uint64_t at = 0; at < inode->size; at += sizeof block) {
        int status = read_bytes(reader, inode, at, block, sizeof block);
        if (status == 0)
            status = read_entries(reader, block, visit, arg);
        if (status < 0)
            return status;
    }
    return 0;
}
