#include "layer/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/verity.h"
#include "layer/vhd.h"

/* Where level i of the tree is parked. Level 0 of 128 GiB takes 1 GiB. */
#define PARK_START  (UINT64_C(256) << 30)
#define PARK_STRIDE (UINT64_C(2) << 30)

/* Runs of whole blocks from this size on are not copied into the buffer first. */
#define DIRECT_SIZE ((size_t)64 << 10)

static int write_at(int fd, uint64_t offset, struct span bytes, struct error *err)
{
    while (bytes.size > 0) {
        ssize_t done = pwrite(fd, bytes.data, bytes.size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_system(err, errno, "writing the disk at byte %llu",
                                (unsigned long long)offset);
        bytes = span_of(bytes.data + done, bytes.size - (size_t)done);
        offset += (uint64_t)done;
    }
    return 0;
}

static int read_at(int fd, uint64_t offset, uint8_t *out, size_t size, struct error *err)
{
    while (size > 0) {
        ssize_t done = pread(fd, out, size, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return error_system(err, done < 0 ? errno : EIO, "reading the disk at byte %llu",
                                (unsigned long long)offset);
        out += done;
        size -= (size_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

static int park(void *arg, int level, uint64_t index, const uint8_t block[HASH_TREE_BLOCK_SIZE],
                struct error *err)
{
    const struct disk *disk = arg;
    uint64_t offset = PARK_START + (uint64_t)level * PARK_STRIDE + index * HASH_TREE_BLOCK_SIZE;
    return write_at(disk->fd, offset, span_of(block, HASH_TREE_BLOCK_SIZE), err);
}

int disk_init(struct disk *disk, int fd, uint64_t limit, struct error *err)
{
    *disk = (struct disk){.fd = fd, .limit = limit, .buffer = malloc(DISK_BUFFER_SIZE)};
    if (!disk->buffer)
        return error_memory(err);
    if (fd >= 0 && ftruncate(fd, 0) < 0)
        return error_system(err, errno, "emptying the disk's file");
    disk->tree = hash_tree_new((struct hash_tree_store){fd >= 0 ? park : NULL, disk}, err);
    return disk->tree ? 0 : -1;
}

void disk_fini(struct disk *disk)
{
    hash_tree_free(disk->tree);
    free(disk->buffer);
    *disk = (struct disk){.fd = -1};
}

static bool is_zero_block(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, DISK_BLOCK_SIZE - 1) == 0;
}

/* Writes whole blocks; those of zeros are left out, which makes them holes. */
static int write_blocks(int fd, uint64_t offset, struct span bytes, struct error *err)
{
    size_t start = 0;
    for (size_t at = 0; at <= bytes.size; at += DISK_BLOCK_SIZE) {
        if (at < bytes.size && !is_zero_block(bytes.data + at))
            continue;
        if (write_at(fd, offset + start, span_of(bytes.data + start, at - start), err) < 0)
            return -1;
        start = at + DISK_BLOCK_SIZE;
    }
    return 0;
}

/* Hashes and writes whole blocks that start at byte `offset` of the disk. */
static int emit(struct disk *disk, uint64_t offset, struct span bytes, struct error *err)
{
    if (bytes.size == 0)
        return 0;
    if (hash_tree_add(disk->tree, bytes.data, bytes.size / DISK_BLOCK_SIZE, err) < 0)
        return -1;
    return disk->fd < 0 ? 0 : write_blocks(disk->fd, offset, bytes, err);
}

/* Emits the whole blocks of the buffer. */
static int flush(struct disk *disk, struct error *err)
{
    size_t whole = disk->used - disk->used % DISK_BLOCK_SIZE;
    if (emit(disk, disk->position - disk->used, span_of(disk->buffer, whole), err) < 0)
        return -1;
    memmove(disk->buffer, disk->buffer + whole, disk->used - whole);
    disk->used -= whole;
    return 0;
}

static int check_room(const struct disk *disk, uint64_t size, struct error *err)
{
    if (size <= disk->limit - disk->position)
        return 0;
    return error_set(err, ERROR_LIMIT, "the layer's disk would exceed %llu bytes",
                     (unsigned long long)disk->limit);
}

int disk_write(struct disk *disk, struct span bytes, struct error *err)
{
    if (check_room(disk, bytes.size, err) < 0)
        return -1;
    while (bytes.size > 0) {
        size_t take = DISK_BUFFER_SIZE - disk->used;
        if (take > bytes.size)
            take = bytes.size;
        bool direct = disk->used % DISK_BLOCK_SIZE == 0 && bytes.size >= DIRECT_SIZE;
        if (direct || take == 0) {
            if (flush(disk, err) < 0)
                return -1;
        }
        if (direct) {
            take = bytes.size - bytes.size % DISK_BLOCK_SIZE;
            if (emit(disk, disk->position, span_of(bytes.data, take), err) < 0)
                return -1;
        } else if (take > 0) {
            memcpy(disk->buffer + disk->used, bytes.data, take);
            disk->used += take;
        }
        disk->position += take;
        bytes = span_of(bytes.data + take, bytes.size - take);
    }
    return 0;
}

static int write_some_zeros(struct disk *disk, size_t size, struct error *err)
{
    static const uint8_t zeros[DISK_BLOCK_SIZE];
    return disk_write(disk, span_of(zeros, size), err);
}

int disk_align(struct disk *disk, struct error *err)
{
    size_t over = disk->position % DISK_BLOCK_SIZE;
    return over == 0 ? 0 : write_some_zeros(disk, DISK_BLOCK_SIZE - over, err);
}

int disk_write_zero(struct disk *disk, uint64_t size, struct error *err)
{
    size_t over = disk->position % DISK_BLOCK_SIZE;
    size_t head = over == 0 ? 0 : DISK_BLOCK_SIZE - over;
    if (check_room(disk, size, err) < 0)
        return -1;
    if (head > size)
        head = (size_t)size;
    if (write_some_zeros(disk, head, err) < 0)
        return -1;
    uint64_t blocks = (size - head) / DISK_BLOCK_SIZE;
    if (blocks > 0) {
        if (flush(disk, err) < 0 || hash_tree_add_zero(disk->tree, blocks, err) < 0)
            return -1;
        disk->position += blocks * DISK_BLOCK_SIZE;
    }
    return write_some_zeros(disk, (size_t)((size - head) % DISK_BLOCK_SIZE), err);
}

int disk_write_changeable(struct disk *disk, const uint8_t block[DISK_BLOCK_SIZE],
                          struct error *err)
{
    if (flush(disk, err) < 0)
        return -1;
    hash_tree_keep_next(disk->tree);
    if (disk_write(disk, span_of(block, DISK_BLOCK_SIZE), err) < 0)
        return -1;
    return flush(disk, err);
}

int disk_change(struct disk *disk, uint64_t index, const uint8_t block[DISK_BLOCK_SIZE],
                struct error *err)
{
    if (flush(disk, err) < 0 || hash_tree_change(disk->tree, index, block, err) < 0)
        return -1;
    if (disk->fd < 0)
        return 0;
    return write_at(disk->fd, index * DISK_BLOCK_SIZE, span_of(block, DISK_BLOCK_SIZE), err);
}

static int copy(struct disk *disk, uint64_t from, uint64_t to, uint64_t size, struct error *err)
{
    while (size > 0) {
        size_t part = size < DISK_BUFFER_SIZE ? (size_t)size : DISK_BUFFER_SIZE;
        if (read_at(disk->fd, from, disk->buffer, part, err) < 0 ||
            write_at(disk->fd, to, span_of(disk->buffer, part), err) < 0)
            return -1;
        from += part;
        to += part;
        size -= part;
    }
    return 0;
}

/* The root's level comes first. */
static int place_tree(struct disk *disk, uint64_t offset, const uint64_t sizes[HASH_TREE_LEVELS],
                      struct error *err)
{
    for (int level = HASH_TREE_LEVELS - 1; level >= 0; level--) {
        uint64_t size = sizes[level] * HASH_TREE_BLOCK_SIZE;
        uint64_t parked = PARK_START + (uint64_t)level * PARK_STRIDE;
        if (copy(disk, parked, offset, size, err) < 0)
            return -1;
        offset += size;
    }
    return 0;
}

/* A UUID of RFC 9562's version 8 from the root hash: the same layer gives the same disk. */
static void derive_uuid(const uint8_t root[SHA256_SIZE], uint8_t uuid[16])
{
    memcpy(uuid, root, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static int write_trailer(struct disk *disk, bool vhd, const uint8_t root[SHA256_SIZE],
                         const uint64_t sizes[HASH_TREE_LEVELS], uint64_t size, struct error *err)
{
    struct verity_superblock superblock = {.data_blocks = disk->position / DISK_BLOCK_SIZE};
    BUF_AUTO bytes = BUF_WITH_LIMIT(VERITY_SUPERBLOCK_SIZE);
    derive_uuid(root, superblock.uuid);
    if (verity_superblock_append(&superblock, &bytes, err) < 0 ||
        write_at(disk->fd, disk->position, buf_span(&bytes), err) < 0 ||
        place_tree(disk, disk->position + DISK_BLOCK_SIZE, sizes, err) < 0)
        return -1;
    if (ftruncate(disk->fd, (off_t)size) < 0)
        return error_system(err, errno, "setting the disk's size");
    if (!vhd)
        return 0;
    uint8_t footer[VHD_FOOTER_SIZE];
    vhd_footer(size, superblock.uuid, footer);
    return write_at(disk->fd, size, span_of(footer, sizeof footer), err);
}

int disk_finish(struct disk *disk, bool vhd, uint8_t root[SHA256_SIZE], uint64_t *disk_size,
                struct error *err)
{
    uint64_t sizes[HASH_TREE_LEVELS];
    if (disk->position % DISK_BLOCK_SIZE != 0)
        return error_set(err, ERROR_INVALID, "the ext4 does not end with a whole block");
    if (flush(disk, err) < 0 || hash_tree_finish(disk->tree, root, err) < 0)
        return -1;
    hash_tree_level_sizes(disk->tree, sizes);
    uint64_t size = disk->position + DISK_BLOCK_SIZE;
    for (int level = 0; level < HASH_TREE_LEVELS; level++)
        size += sizes[level] * HASH_TREE_BLOCK_SIZE;
    *disk_size = size + (vhd ? VHD_FOOTER_SIZE : 0);
    return disk->fd < 0 ? 0 : write_trailer(disk, vhd, root, sizes, size, err);
}
