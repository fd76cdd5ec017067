#include "format/tar_sparse.h"

#include "format/tar_number.h"

#define ENTRY_SIZE 24

void tar_sparse_init(struct tar_sparse *sparse)
{
    sparse->parts = BUF_WITH_LIMIT(TAR_SPARSE_MAX * sizeof(struct tar_part));
}

void tar_sparse_fini(struct tar_sparse *sparse)
{
    buf_fini(&sparse->parts);
}

static int add_part(struct tar_sparse *sparse, int64_t offset, int64_t size, struct error *err)
{
    struct tar_part part = {offset, size};
    return buf_append(&sparse->parts, span_of(&part, sizeof part), err);
}

int tar_sparse_add_table(struct tar_sparse *sparse, struct span bytes, bool *more,
                         struct error *err)
{
    size_t entries = bytes.size / ENTRY_SIZE;
    for (size_t i = 0; i < entries && bytes.data[i * ENTRY_SIZE] != 0; i++) {
        const uint8_t *entry = bytes.data + i * ENTRY_SIZE;
        int64_t offset, size;
        if (!tar_parse_numeric(span_of(entry, 12), &offset) ||
            !tar_parse_numeric(span_of(entry + 12, 12), &size))
            return error_set(err, ERROR_INVALID, "sparse map holds a malformed number");
        if (add_part(sparse, offset, size, err) < 0)
            return -1;
    }
    *more = bytes.data[entries * ENTRY_SIZE] != 0;
    return 0;
}

/* Splits `rest` at the first `mark`; without one, all of it is the token. */
static struct span take_token(struct span *rest, uint8_t mark)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, mark, rest->size) : NULL;
    if (!end) {
        struct span token = *rest;
        *rest = (struct span){0};
        return token;
    }
    struct span token = span_of(rest->data, (size_t)(end - rest->data));
    *rest = span_of(end + 1, rest->size - token.size - 1);
    return token;
}

static size_t count_byte(struct span text, uint8_t byte)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == byte;
    return count;
}

static int add_tokens(struct tar_sparse *sparse, struct span rest, uint8_t mark, size_t count,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t offset, size;
        if (!tar_parse_decimal(take_token(&rest, mark), &offset) ||
            !tar_parse_decimal(take_token(&rest, mark), &size))
            return error_set(err, ERROR_INVALID, "sparse map holds a malformed number");
        if (add_part(sparse, offset, size, err) < 0)
            return -1;
    }
    return 0;
}

int tar_sparse_parse_list(struct tar_sparse *sparse, struct span count, struct span list,
                          struct error *err)
{
    int64_t parts;
    size_t numbers = list.size > 0 ? count_byte(list, ',') + 1 : 0;
    if (!tar_parse_decimal(count, &parts) || parts < 0)
        return error_set(err, ERROR_INVALID, "GNU.sparse.numblocks is no number");
    if (numbers % 2 != 0 || (uint64_t)parts != numbers / 2)
        return error_set(err, ERROR_INVALID, "sparse map has %zu numbers for %lld parts", numbers,
                         (long long)parts);
    return add_tokens(sparse, list, ',', (size_t)parts, err);
}

int tar_sparse_count_lines(struct span text, size_t *lines, struct error *err)
{
    int64_t parts;
    if (!tar_parse_decimal(take_token(&text, '\n'), &parts) || parts < 0)
        return error_set(err, ERROR_INVALID, "sparse map does not start with its length");
    if (parts > TAR_SPARSE_MAX)
        return error_set(err, ERROR_LIMIT, "sparse map of %lld parts; at most %u", (long long)parts,
                         TAR_SPARSE_MAX);
    *lines = 1 + 2 * (size_t)parts;
    return 0;
}

int tar_sparse_parse_lines(struct tar_sparse *sparse, struct span text, struct error *err)
{
    size_t lines;
    if (tar_sparse_count_lines(text, &lines, err) < 0)
        return -1;
    (void)take_token(&text, '\n');
    return add_tokens(sparse, text, '\n', lines / 2, err);
}

int tar_sparse_check(const struct tar_sparse *sparse, int64_t size, struct error *err)
{
    size_t count;
    const struct tar_part *parts = tar_sparse_parts(sparse, &count);
    int64_t end = 0;
    if (size < 0)
        return error_set(err, ERROR_INVALID, "sparse file has a negative size");
    for (size_t i = 0; i < count; i++) {
        int64_t offset = parts[i].offset, length = parts[i].size;
        if (offset < end || length < 0 || offset > INT64_MAX - length || offset + length > size)
            return error_set(err, ERROR_INVALID,
                             "sparse map: part %zu (%lld bytes at %lld) overlaps, or is beyond the "
                             "file's end at %lld",
                             i, (long long)length, (long long)offset, (long long)size);
        end = offset + length;
    }
    return 0;
}
