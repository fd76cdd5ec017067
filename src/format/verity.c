#include "format/verity.h"

#include "base/cursor.h"
#include "format/ext4.h"

#define SIGNATURE          "verity\0\0"
#define UUID_AT            16 /* after signature, version, type */
#define ALGORITHM_SIZE     32
#define SALT_FIELD_SIZE    256
#define EXT4_INCOMPAT_64   0x80U
#define SUPERBLOCK_VERSION 1
#define HASH_TYPE_NORMAL   1

int verity_superblock_append(const struct verity_superblock *superblock, struct buf *out,
                             struct error *err)
{
    static const char algorithm[ALGORITHM_SIZE] = "sha256";
    if (buf_reserve(out, VERITY_SUPERBLOCK_SIZE, err) < 0 ||
        buf_append(out, span_of(SIGNATURE, 8), err) < 0 ||
        buf_append_le32(out, SUPERBLOCK_VERSION, err) < 0 ||
        buf_append_le32(out, HASH_TYPE_NORMAL, err) < 0 ||
        buf_append(out, span_of(superblock->uuid, sizeof superblock->uuid), err) < 0 ||
        buf_append(out, span_of(algorithm, sizeof algorithm), err) < 0 ||
        buf_append_le32(out, VERITY_BLOCK_SIZE, err) < 0 ||
        buf_append_le32(out, VERITY_BLOCK_SIZE, err) < 0 ||
        buf_append_le64(out, superblock->data_blocks, err) < 0 ||
        buf_append_le16(out, VERITY_SALT_SIZE, err) < 0)
        return -1;
    return buf_append_zero(out, 6 + SALT_FIELD_SIZE + 168, err);
}

/* What is read is written again: only the same bytes mean it. */
static int check_form(struct span bytes, const struct verity_superblock *superblock,
                      struct error *err)
{
    BUF_AUTO again = BUF_WITH_LIMIT(VERITY_SUPERBLOCK_SIZE);
    if (verity_superblock_append(superblock, &again, err) < 0)
        return -1;
    for (size_t i = 0; i < VERITY_SUPERBLOCK_SIZE; i++) {
        if (bytes.data[i] != again.data[i])
            return error_set(
                err, ERROR_INVALID,
                "no dm-verity superblock of version 1 with SHA-256, blocks of %d bytes "
                "and a salt of %d zero bytes: byte %zu is 0x%02x, not 0x%02x",
                VERITY_BLOCK_SIZE, VERITY_SALT_SIZE, i, bytes.data[i], again.data[i]);
    }
    return 0;
}

int verity_superblock_parse(struct span bytes, struct verity_superblock *out, struct error *err)
{
    struct cursor cursor = cursor_of(bytes);
    *out = (struct verity_superblock){0};
    (void)(cursor_skip(&cursor, UUID_AT) && cursor_copy(&cursor, out->uuid, sizeof out->uuid));
    (void)cursor_skip(&cursor, ALGORITHM_SIZE + 8);
    (void)cursor_le64(&cursor, &out->data_blocks);
    if (bytes.size < VERITY_SUPERBLOCK_SIZE)
        return error_set(err, ERROR_INVALID, "the dm-verity superblock has %zu bytes of %d",
                         bytes.size, VERITY_SUPERBLOCK_SIZE);
    if (check_form(bytes, out, err) < 0)
        return -1;
    if (out->data_blocks == 0 || out->data_blocks > VERITY_DATA_BLOCKS_MAX)
        return error_set(err, ERROR_INVALID, "the dm-verity superblock claims %llu data blocks",
                         (unsigned long long)out->data_blocks);
    return 0;
}

int verity_ext4_blocks(struct span superblock, uint64_t *blocks, struct error *err)
{
    struct cursor cursor = cursor_of(superblock);
    uint32_t low = 0, high = 0, log_block_size = 0, incompat = 0;
    uint16_t magic = 0;
    *blocks = 0;
    (void)(cursor_skip(&cursor, 4) && cursor_le32(&cursor, &low));
    (void)(cursor_skip(&cursor, 24 - 8) && cursor_le32(&cursor, &log_block_size));
    (void)(cursor_skip(&cursor, 0x38 - 28) && cursor_le16(&cursor, &magic));
    (void)(cursor_skip(&cursor, 0x60 - 0x3A) && cursor_le32(&cursor, &incompat));
    (void)(cursor_skip(&cursor, 0x150 - 0x64) && cursor_le32(&cursor, &high));
    if (cursor.failed || superblock.size < EXT4_SUPERBLOCK_SIZE)
        return error_set(err, ERROR_INVALID, "an ext4 superblock of %zu bytes", superblock.size);
    if (magic != EXT4_MAGIC)
        return error_set(err, ERROR_INVALID, "the disk holds no ext4 file system");
    if (log_block_size != EXT4_LOG_BLOCK)
        return error_set(err, ERROR_INVALID, "the ext4 file system's blocks are not of %d bytes",
                         VERITY_BLOCK_SIZE);
    uint64_t count = (incompat & EXT4_INCOMPAT_64 ? (uint64_t)high << 32 : 0) | low;
    if (count == 0 || count > VERITY_DATA_BLOCKS_MAX)
        return error_set(err, ERROR_INVALID, "the ext4 file system claims %llu blocks",
                         (unsigned long long)count);
    *blocks = count;
    return 0;
}
