/*
 * Theory of operation
 *
 * Meta headers come before the header that they change: 'x' (PAX records), 'L' and 'K' (GNU long
 * names), in any order; of two of a kind the later counts. A header's fields are read first, then
 * the PAX records replace them, then the GNU long names, then the sparse formats change name and
 * size. A global header 'g' is an entry of its own and drops the meta headers before it.
 *
 * The reader stands either in front of a header, or inside contents with `left` bytes of them and
 * `padding` after them still in the archive. A sparse file's own size is another matter: tar_read()
 * walks its parts, and the parts' bytes must use up the contents exactly.
 */
#include "format/tar.h"

#include <limits.h>

enum { FORMAT_BAD, FORMAT_V7, FORMAT_USTAR, FORMAT_GNU, FORMAT_STAR };

/* Fields of a header: POSIX ustar, GNU tar's and star's additions. */
struct field {
    size_t at;
    size_t size;
};
static const struct field f_name = {0, 100}, f_mode = {100, 8}, f_uid = {108, 8}, f_gid = {116, 8},
                          f_size = {124, 12}, f_mtime = {136, 12}, f_checksum = {148, 8},
                          f_link = {157, 100}, f_major = {329, 8}, f_minor = {337, 8},
                          f_prefix = {345, 155}, f_star_prefix = {345, 131},
                          f_star_atime = {476, 12}, f_star_ctime = {488, 12},
                          f_gnu_atime = {345, 12}, f_gnu_ctime = {357, 12},
                          f_gnu_sparse = {386, 97}, f_gnu_realsize = {483, 12};
enum { TYPE_AT = 156, MAGIC_AT = 257, VERSION_AT = 263, STAR_TRAILER_AT = 508 };

void tar_init(struct tar_reader *tar, struct tar_source source)
{
    *tar = (struct tar_reader){.source = source};
    tar_pax_init(&tar->pax);
    tar_sparse_init(&tar->sparse);
    tar->long_name = BUF_WITH_LIMIT(TAR_PAX_LIMIT);
    tar->long_link = BUF_WITH_LIMIT(TAR_PAX_LIMIT);
}

void tar_fini(struct tar_reader *tar)
{
    tar_pax_fini(&tar->pax);
    tar_sparse_fini(&tar->sparse);
    buf_fini(&tar->long_name);
    buf_fini(&tar->long_link);
}

static int refuse(const struct tar_reader *tar, const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "tar: %s, near byte %llu of the archive", what,
                     (unsigned long long)tar->offset);
}

static int truncated(const struct tar_reader *tar, struct error *err)
{
    return error_set(err, ERROR_INVALID,
                     "tar: the archive is truncated: it ends at byte %llu, inside an entry",
                     (unsigned long long)tar->offset);
}

/* Borrows up to `most` of the next bytes; empty at the end of the source. */
static int take(struct tar_reader *tar, uint64_t most, struct span *out, struct error *err)
{
    if (tar->chunk.size == 0 && tar->source.next(tar->source.arg, &tar->chunk, err) < 0)
        return -1;
    if (tar->chunk.size == 0) {
        *out = (struct span){0};
        return 0;
    }
    size_t size = tar->chunk.size < most ? tar->chunk.size : (size_t)most;
    *out = span_of(tar->chunk.data, size);
    tar->chunk = span_of(tar->chunk.data + size, tar->chunk.size - size);
    tar->offset += size;
    return 0;
}

/* Copies one block; *got is less than its size where the source ends. */
static int read_block(struct tar_reader *tar, uint8_t block[TAR_BLOCK_SIZE], size_t *got,
                      struct error *err)
{
    for (*got = 0; *got < TAR_BLOCK_SIZE;) {
        struct span piece;
        if (take(tar, TAR_BLOCK_SIZE - *got, &piece, err) < 0)
            return -1;
        if (piece.size == 0)
            return 0;
        memcpy(block + *got, piece.data, piece.size);
        *got += piece.size;
    }
    return 0;
}

/* Copies contents, at most one block of them; they must not end before. */
static int read_content_block(struct tar_reader *tar, uint8_t block[TAR_BLOCK_SIZE],
                              struct error *err)
{
    size_t got;
    if (tar->left < TAR_BLOCK_SIZE)
        return truncated(tar, err);
    if (read_block(tar, block, &got, err) < 0)
        return -1;
    tar->left -= got;
    return got == TAR_BLOCK_SIZE ? 0 : truncated(tar, err);
}

/* Passes over what the source need not give. */
static int skip_unread(struct tar_reader *tar, uint64_t size, struct error *err)
{
    bool over;
    if (tar->source.skip(tar->source.arg, size, &over, err) < 0)
        return -1;
    if (!over)
        return truncated(tar, err);
    tar->offset += size;
    return 0;
}

static int skip(struct tar_reader *tar, uint64_t size, struct error *err)
{
    while (size > 0) {
        struct span piece;
        if (tar->chunk.size == 0 && tar->source.skip)
            return skip_unread(tar, size, err);
        if (take(tar, size, &piece, err) < 0)
            return -1;
        if (piece.size == 0)
            return truncated(tar, err);
        size -= piece.size;
    }
    return 0;
}

static struct span field(const uint8_t *header, struct field place)
{
    return span_of(header + place.at, place.size);
}

/* A field's text: up to its first zero byte, or all of it. */
static struct span text(struct span bytes)
{
    const uint8_t *end = bytes.size > 0 ? memchr(bytes.data, 0, bytes.size) : NULL;
    return span_of(bytes.data, end ? (size_t)(end - bytes.data) : bytes.size);
}

/* The sum counts the checksum field as blanks. Some old tars summed signed bytes. */
static bool checksum_fits(const uint8_t *header)
{
    int64_t stated, plain = 0, with_sign = 0;
    if (!tar_parse_octal(field(header, f_checksum), &stated))
        return false;
    for (size_t i = 0; i < TAR_BLOCK_SIZE; i++) {
        bool own = i >= f_checksum.at && i < f_checksum.at + f_checksum.size;
        uint8_t byte = own ? ' ' : header[i];
        plain += byte;
        with_sign += byte < 0x80 ? byte : byte - 0x100;
    }
    return stated == plain || stated == with_sign;
}

static int header_format(const uint8_t *header)
{
    if (!checksum_fits(header))
        return FORMAT_BAD;
    if (memcmp(header + MAGIC_AT, "ustar\0", 6) == 0)
        return memcmp(header + STAR_TRAILER_AT, "tar\0", 4) == 0 ? FORMAT_STAR : FORMAT_USTAR;
    if (memcmp(header + MAGIC_AT, "ustar ", 6) == 0 && memcmp(header + VERSION_AT, " \0", 2) == 0)
        return FORMAT_GNU;
    return FORMAT_V7;
}

static bool header_time(const uint8_t *header, struct field place, struct tar_time *out)
{
    int64_t sec;
    if (!tar_parse_numeric(field(header, place), &sec))
        return false;
    *out = (struct tar_time){true, sec, 0};
    return true;
}

static bool is_ascii(struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] >= 0x80)
            return false;
    }
    return true;
}

/* Early Go programs wrote a ustar prefix into GNU headers, where the times stand. When those don't
 * parse as numbers, the prefix it is. */
static void read_gnu_times(const uint8_t *header, struct tar_entry *entry, struct span *prefix)
{
    bool ok = true;
    if (header[f_gnu_atime.at] != 0)
        ok = header_time(header, f_gnu_atime, &entry->atime);
    if (header[f_gnu_ctime.at] != 0)
        ok = header_time(header, f_gnu_ctime, &entry->ctime) && ok;
    if (ok)
        return;
    entry->atime = entry->ctime = (struct tar_time){0};
    struct span words = text(field(header, f_prefix));
    if (is_ascii(words))
        *prefix = words;
}

static bool read_numbers(const uint8_t *header, int format, struct tar_entry *entry)
{
    bool ok = tar_parse_numeric(field(header, f_size), &entry->size) &&
              tar_parse_numeric(field(header, f_mode), &entry->mode) &&
              tar_parse_numeric(field(header, f_uid), &entry->uid) &&
              tar_parse_numeric(field(header, f_gid), &entry->gid) &&
              header_time(header, f_mtime, &entry->mtime);
    if (!ok || format == FORMAT_V7)
        return ok;
    ok = tar_parse_numeric(field(header, f_major), &entry->dev_major) &&
         tar_parse_numeric(field(header, f_minor), &entry->dev_minor);
    if (ok && format == FORMAT_STAR)
        ok = header_time(header, f_star_atime, &entry->atime) &&
             header_time(header, f_star_ctime, &entry->ctime);
    return ok;
}

/* Reads the fields of tar->header. Its names stay in the reader. */
static int parse_header(struct tar_reader *tar, struct tar_entry *entry, struct error *err)
{
    const uint8_t *header = tar->header;
    int format = header_format(header);
    if (format == FORMAT_BAD)
        return refuse(tar,
                      "the checksum of a header does not fit, so this is no tar archive or a "
                      "damaged one",
                      err);
    *entry = (struct tar_entry){.type = (char)header[TYPE_AT]};
    if (!read_numbers(header, format, entry))
        return refuse(tar, "a header holds a malformed number", err);
    struct span name = text(field(header, f_name));
    struct span prefix = {0};
    if (format == FORMAT_USTAR)
        prefix = text(field(header, f_prefix));
    else if (format == FORMAT_STAR)
        prefix = text(field(header, f_star_prefix));
    else if (format == FORMAT_GNU)
        read_gnu_times(header, entry, &prefix);
    size_t at = 0;
    if (prefix.size > 0) {
        memcpy(tar->name, prefix.data, prefix.size);
        tar->name[prefix.size] = '/';
        at = prefix.size + 1;
    }
    memcpy(tar->name + at, name.data, name.size);
    entry->name = span_of(tar->name, at + name.size);
    entry->link = text(field(header, f_link));
    return 0;
}

/* Reads the next header block. Two blocks of zeros end the archive; so does the end of the stream
 * after none or one of them. */
static int read_header(struct tar_reader *tar, bool *more, struct error *err)
{
    size_t got;
    *more = false;
    for (int zero_blocks = 0; zero_blocks < 2; zero_blocks++) {
        if (read_block(tar, tar->header, &got, err) < 0)
            return -1;
        if (got == 0)
            return 0;
        if (got < TAR_BLOCK_SIZE)
            return truncated(tar, err);
        if (!span_is_zero(span_of(tar->header, TAR_BLOCK_SIZE))) {
            *more = true;
            return zero_blocks == 0 ? 0 : refuse(tar, "a header follows a block of zeros", err);
        }
    }
    tar->closed = true;
    return 0;
}

/* These types have no contents, whatever their size field says. */
static bool is_header_only(char type)
{
    return type >= TAR_LINK && type <= TAR_FIFO;
}

static int start_contents(struct tar_reader *tar, const struct tar_entry *entry, struct error *err)
{
    int64_t size = is_header_only(entry->type) ? 0 : entry->size;
    if (size < 0)
        return refuse(tar, "an entry has a negative size", err);
    tar->left = (uint64_t)size;
    tar->padding = (0 - (uint64_t)size) % TAR_BLOCK_SIZE;
    tar->is_sparse = false;
    return 0;
}

/* Reads all contents of a meta header into a buffer. */
static int read_meta(struct tar_reader *tar, struct buf *out, struct error *err)
{
    out->size = 0;
    if (tar->left > TAR_PAX_LIMIT)
        return error_set(err, ERROR_LIMIT, "tar: an extended header of %llu bytes; at most %u",
                         (unsigned long long)tar->left, TAR_PAX_LIMIT);
    while (tar->left > 0) {
        struct span piece;
        if (take(tar, tar->left, &piece, err) < 0)
            return -1;
        if (piece.size == 0)
            return truncated(tar, err);
        if (buf_append(out, piece, err) < 0)
            return -1;
        tar->left -= piece.size;
    }
    return 0;
}

static bool merge_number(struct span value, int64_t *out)
{
    return value.size == 0 || tar_parse_decimal(value, out);
}

static bool merge_time(struct span value, struct tar_time *out)
{
    return value.size == 0 || tar_parse_time(value, out);
}

/* An empty value keeps what the header says. */
static bool merge_pax(const struct tar_pax *pax, struct tar_entry *entry)
{
    if (pax->field[TAR_PAX_PATH].size > 0)
        entry->name = pax->field[TAR_PAX_PATH];
    if (pax->field[TAR_PAX_LINKPATH].size > 0)
        entry->link = pax->field[TAR_PAX_LINKPATH];
    entry->xattrs = tar_pax_xattrs(pax, &entry->xattr_count);
    return merge_number(pax->field[TAR_PAX_UID], &entry->uid) &&
           merge_number(pax->field[TAR_PAX_GID], &entry->gid) &&
           merge_number(pax->field[TAR_PAX_SIZE], &entry->size) &&
           merge_time(pax->field[TAR_PAX_ATIME], &entry->atime) &&
           merge_time(pax->field[TAR_PAX_MTIME], &entry->mtime) &&
           merge_time(pax->field[TAR_PAX_CTIME], &entry->ctime);
}

static int read_gnu_map(struct tar_reader *tar, struct tar_entry *entry, struct error *err)
{
    bool more;
    if (header_format(tar->header) != FORMAT_GNU)
        return refuse(tar, "a sparse file in a header that is not GNU's", err);
    if (!tar_parse_numeric(field(tar->header, f_gnu_realsize), &entry->size))
        return refuse(tar, "a sparse file's size is malformed", err);
    if (tar_sparse_add_table(&tar->sparse, field(tar->header, f_gnu_sparse), &more, err) < 0)
        return -1;
    for (size_t size = f_gnu_sparse.size; more; size += TAR_BLOCK_SIZE) {
        uint8_t block[TAR_BLOCK_SIZE];
        size_t got;
        if (size >= TAR_SPARSE_TEXT_LIMIT)
            return refuse(tar, "a sparse map is larger than 1 MiB", err);
        if (read_block(tar, block, &got, err) < 0)
            return -1;
        if (got < TAR_BLOCK_SIZE)
            return truncated(tar, err);
        /* 21 entries of 24 bytes, one byte that tells of a next table, padding. */
        if (tar_sparse_add_table(&tar->sparse, span_of(block, 505), &more, err) < 0)
            return -1;
    }
    return 0;
}

/* The map of format 1.0 stands before the data and is padded to whole blocks. */
static int read_text_map(struct tar_reader *tar, struct error *err)
{
    BUF_AUTO words = BUF_WITH_LIMIT(TAR_SPARSE_TEXT_LIMIT);
    size_t lines = 0, needed = 1;
    while (lines < needed) {
        uint8_t block[TAR_BLOCK_SIZE];
        if (read_content_block(tar, block, err) < 0 ||
            buf_append(&words, span_of(block, sizeof block), err) < 0)
            return -1;
        for (size_t i = 0; i < sizeof block; i++)
            lines += block[i] == '\n';
        if (needed == 1 && lines > 0 && tar_sparse_count_lines(buf_span(&words), &needed, err) < 0)
            return -1;
    }
    return tar_sparse_parse_lines(&tar->sparse, buf_span(&words), err);
}

enum pax_sparse { SPARSE_NONE, SPARSE_RECORDS, SPARSE_TEXT };

static enum pax_sparse pax_sparse_kind(const struct tar_pax *pax)
{
    struct span major = pax->field[TAR_PAX_SPARSE_MAJOR], minor = pax->field[TAR_PAX_SPARSE_MINOR];
    if (span_equal_text(major, "0") && (span_equal_text(minor, "0") || span_equal_text(minor, "1")))
        return SPARSE_RECORDS;
    if (span_equal_text(major, "1") && span_equal_text(minor, "0"))
        return SPARSE_TEXT;
    if (major.size > 0 || minor.size > 0)
        return SPARSE_NONE; /* an unknown version is taken for a plain file */
    return pax->field[TAR_PAX_SPARSE_MAP].size > 0 ? SPARSE_RECORDS : SPARSE_NONE;
}

static int read_pax_map(struct tar_reader *tar, enum pax_sparse kind, struct tar_entry *entry,
                        struct error *err)
{
    const struct span *records = tar->pax.field;
    if (records[TAR_PAX_SPARSE_NAME].size > 0)
        entry->name = records[TAR_PAX_SPARSE_NAME];
    struct span size = records[TAR_PAX_SPARSE_SIZE].size > 0 ? records[TAR_PAX_SPARSE_SIZE]
                                                             : records[TAR_PAX_SPARSE_REALSIZE];
    if (!merge_number(size, &entry->size))
        return refuse(tar, "a sparse file's size is malformed", err);
    if (kind == SPARSE_TEXT)
        return read_text_map(tar, err);
    return tar_sparse_parse_list(&tar->sparse, records[TAR_PAX_SPARSE_NUMBLOCKS],
                                 records[TAR_PAX_SPARSE_MAP], err);
}

static int start_sparse(struct tar_reader *tar, struct tar_entry *entry, struct error *err)
{
    enum pax_sparse kind = pax_sparse_kind(&tar->pax);
    if (entry->type != 'S' && kind == SPARSE_NONE)
        return 0;
    tar->sparse.parts.size = 0;
    int status = entry->type == 'S' ? read_gnu_map(tar, entry, err)
                                    : read_pax_map(tar, kind, entry, err);
    if (status < 0 || tar_sparse_check(&tar->sparse, entry->size, err) < 0)
        return error_context(err, "tar: near byte %llu", (unsigned long long)tar->offset);
    if (is_header_only(entry->type))
        return refuse(tar, "a sparse map on an entry without contents", err);
    tar->is_sparse = true;
    tar->part = 0;
    tar->position = 0;
    tar->end = (uint64_t)entry->size;
    return 0;
}

/* Go applies the records of a global header in random order and drops them all when one is bad;
 * with a name among them, the outcome would be chance. */
static int finish_global(struct tar_reader *tar, struct tar_entry *entry, struct error *err)
{
    struct tar_entry merged = *entry;
    bool ok = merge_pax(&tar->pax, &merged);
    if (!ok && tar->pax.field[TAR_PAX_PATH].size > 0)
        return refuse(tar, "a global header holds a malformed record beside a path", err);
    *entry = (struct tar_entry){.type = TAR_GLOBAL, .name = merged.name};
    if (ok) {
        entry->xattrs = merged.xattrs;
        entry->xattr_count = merged.xattr_count;
    }
    return 0;
}

static int finish_entry(struct tar_reader *tar, struct tar_entry *entry, struct error *err)
{
    if (!merge_pax(&tar->pax, entry))
        return refuse(tar, "a PAX record holds a malformed number", err);
    struct span name = text(buf_span(&tar->long_name)), link = text(buf_span(&tar->long_link));
    if (name.size > 0)
        entry->name = name;
    if (link.size > 0)
        entry->link = link;
    if (entry->type == 0) { /* v7 marks directories by a slash at the name's end */
        bool slash = entry->name.size > 0 && entry->name.data[entry->name.size - 1] == '/';
        entry->type = slash ? TAR_DIRECTORY : TAR_FILE;
    }
    if (start_contents(tar, entry, err) < 0)
        return -1;
    return start_sparse(tar, entry, err);
}

static bool is_meta(char type)
{
    return type == 'x' || type == 'L' || type == 'K' || type == TAR_GLOBAL;
}

static int read_meta_header(struct tar_reader *tar, char type, struct error *err)
{
    if (type == 'L')
        return read_meta(tar, &tar->long_name, err);
    if (type == 'K')
        return read_meta(tar, &tar->long_link, err);
    if (read_meta(tar, tar_pax_reset(&tar->pax), err) < 0)
        return -1;
    if (tar_pax_parse(&tar->pax, err) < 0)
        return error_context(err, "tar: near byte %llu", (unsigned long long)tar->offset);
    return 0;
}

int tar_next(struct tar_reader *tar, struct tar_entry *entry, bool *more, struct error *err)
{
    (void)tar_pax_reset(&tar->pax);
    tar->long_name.size = tar->long_link.size = 0;
    for (bool after_meta = false;; after_meta = true) {
        if (skip(tar, tar->left, err) < 0 || skip(tar, tar->padding, err) < 0)
            return -1;
        tar->left = tar->padding = 0;
        if (read_header(tar, more, err) < 0)
            return -1;
        if (!*more && after_meta)
            return refuse(tar, "the archive ends after an extended header", err);
        if (!*more)
            return 0;
        if (parse_header(tar, entry, err) < 0 || start_contents(tar, entry, err) < 0)
            return -1;
        if (!is_meta(entry->type))
            return finish_entry(tar, entry, err);
        if (read_meta_header(tar, entry->type, err) < 0)
            return -1;
        if (entry->type == TAR_GLOBAL)
            return finish_global(tar, entry, err);
    }
}

/* Contents that the archive holds, at most `most` bytes of them. */
static int read_stored(struct tar_reader *tar, uint64_t most, struct tar_piece *out,
                       struct error *err)
{
    if (most > tar->left)
        most = tar->left;
    if (most == 0)
        return 0;
    if (take(tar, most, &out->bytes, err) < 0)
        return -1;
    if (out->bytes.size == 0)
        return truncated(tar, err);
    out->size = out->bytes.size;
    tar->left -= out->size;
    return 0;
}

int tar_read(struct tar_reader *tar, struct tar_piece *out, struct error *err)
{
    *out = (struct tar_piece){0};
    if (!tar->is_sparse)
        return read_stored(tar, UINT64_MAX, out, err);
    size_t count;
    const struct tar_part *parts = tar_sparse_parts(&tar->sparse, &count);
    while (tar->part < count &&
           (uint64_t)(parts[tar->part].offset + parts[tar->part].size) <= tar->position)
        tar->part++;
    uint64_t start = tar->part < count ? (uint64_t)parts[tar->part].offset : tar->end;
    if (tar->position < start) {
        out->size = start - tar->position;
    } else if (tar->part < count) {
        uint64_t end = start + (uint64_t)parts[tar->part].size;
        if (read_stored(tar, end - tar->position, out, err) < 0)
            return -1;
        if (out->size == 0)
            return refuse(tar, "a sparse file has less data than its map says", err);
    } else if (tar->left > 0) {
        return refuse(tar, "a sparse file has more data than its map says", err);
    }
    tar->position += out->size;
    return 0;
}
