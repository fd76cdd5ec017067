#include "layer/convert.h"

#define WHITEOUT_PREFIX ".wh."
#define OPAQUE_MARK     ".wh..wh..opq"

/* Go's zero time, the first of January of the year 1, counts as absent. */
#define GO_TIME_ZERO (-INT64_C(62135596800))

static uint64_t convert_time(struct tar_time time)
{
    if (!time.set || (time.sec == GO_TIME_ZERO && time.nsec == 0))
        return 0;
    return ext4_time(time.sec, time.nsec);
}

/* Linux' new_encode_dev(), on numbers that may be out of its range as in the reference. */
static uint32_t convert_device(int64_t major, int64_t minor)
{
    uint32_t low = (uint32_t)minor;
    return (low & 0xff) | (uint32_t)major << 8 | (low & 0xffffff00) << 12;
}

static uint16_t convert_mode(char type, int64_t mode)
{
    static const uint8_t types[] = {
        ['0'] = EXT4_FILE,  ['2'] = EXT4_LINK, ['3'] = EXT4_CHAR,
        ['4'] = EXT4_BLOCK, ['5'] = EXT4_DIR,  ['6'] = EXT4_FIFO,
    };
    unsigned kind = (unsigned char)type < sizeof types ? types[(unsigned char)type] : 0;
    if (kind == 0) /* types that are unknown, or files of a special sort */
        kind = EXT4_FILE;
    return (uint16_t)(((uint64_t)mode & 0xfff) | kind << 12);
}

static struct ext4_file convert_file(const struct tar_entry *entry)
{
    return (struct ext4_file){
        .mode = convert_mode(entry->type, entry->mode),
        .uid = (uint32_t)entry->uid,
        .gid = (uint32_t)entry->gid,
        .device = convert_device(entry->dev_major, entry->dev_minor),
        .size = (uint64_t)entry->size,
        .atime = convert_time(entry->atime),
        .ctime = convert_time(entry->ctime),
        .mtime = convert_time(entry->mtime),
        .target = entry->link,
        .xattrs = entry->xattrs,
        .xattr_count = entry->xattr_count,
    };
}

static int copy_contents(struct tar_reader *tar, struct ext4 *fs, struct error *err)
{
    for (;;) {
        struct tar_piece piece;
        if (tar_read(tar, &piece, err) < 0)
            return -1;
        if (piece.size == 0)
            return ext4_finish_file(fs, err);
        int status = piece.bytes.data ? ext4_write(fs, piece.bytes, err)
                                      : ext4_write_zero(fs, piece.size, err);
        if (status < 0)
            return -1;
    }
}

/* The path of what the whiteout `dir`.wh.`name` hides: "dir/name". */
static int add_whiteout(struct ext4 *fs, struct span dir, struct span name, struct error *err)
{
    static const struct ext4_file hidden = {.mode = EXT4_CHAR << 12};
    BUF_AUTO path = BUF_WITH_LIMIT(PATH_LIMIT);
    if (buf_append(&path, dir, err) < 0 || buf_append(&path, name, err) < 0)
        return -1;
    return ext4_create(fs, buf_span(&path), &hidden, err);
}

static int convert_whiteout(struct ext4 *fs, struct span path, size_t leaf, struct error *err)
{
    static const uint8_t yes = 'y';
    struct span dir = span_of(path.data, leaf);
    struct span name = span_of(path.data + leaf, path.size - leaf);
    if (ext4_make_parents(fs, path, err) < 0)
        return -1;
    if (!span_equal_text(name, OPAQUE_MARK)) {
        size_t prefix = sizeof WHITEOUT_PREFIX - 1;
        return add_whiteout(fs, dir, span_of(name.data + prefix, name.size - prefix), err);
    }
    struct tar_xattr opaque = {span_of_text("trusted.overlay.opaque"), span_of(&yes, 1)};
    return ext4_add_xattr(fs, dir, &opaque, err);
}

static bool is_whiteout(struct span path, size_t leaf)
{
    size_t prefix = sizeof WHITEOUT_PREFIX - 1;
    return path.size - leaf >= prefix && memcmp(path.data + leaf, WHITEOUT_PREFIX, prefix) == 0;
}

static int convert_entry(struct tar_reader *tar, const struct tar_entry *entry, struct ext4 *fs,
                         struct error *err)
{
    size_t leaf = path_leaf(entry->name);
    if (is_whiteout(entry->name, leaf))
        return convert_whiteout(fs, entry->name, leaf, err);
    if (entry->type == TAR_LINK)
        return ext4_link(fs, entry->link, entry->name, err);
    struct ext4_file file = convert_file(entry);
    if (ext4_create(fs, entry->name, &file, err) < 0)
        return -1;
    return copy_contents(tar, fs, err);
}

int convert_tar(struct tar_reader *tar, struct ext4 *fs, struct error *err)
{
    for (;;) {
        struct tar_entry entry;
        bool more;
        if (tar_next(tar, &entry, &more, err) < 0)
            return -1;
        if (!more)
            return 0;
        if (convert_entry(tar, &entry, fs, err) < 0)
            return -1;
    }
}
