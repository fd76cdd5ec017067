#include "format/tar_pax.h"

#include "format/tar_number.h"

#define XATTR_PREFIX "SCHILY.xattr."

static const char *const keywords[] = {
    [TAR_PAX_PATH] = "path",
    [TAR_PAX_LINKPATH] = "linkpath",
    [TAR_PAX_UNAME] = "uname",
    [TAR_PAX_GNAME] = "gname",
    [TAR_PAX_UID] = "uid",
    [TAR_PAX_GID] = "gid",
    [TAR_PAX_ATIME] = "atime",
    [TAR_PAX_MTIME] = "mtime",
    [TAR_PAX_CTIME] = "ctime",
    [TAR_PAX_SIZE] = "size",
    [TAR_PAX_SPARSE_MAJOR] = "GNU.sparse.major",
    [TAR_PAX_SPARSE_MINOR] = "GNU.sparse.minor",
    [TAR_PAX_SPARSE_NUMBLOCKS] = "GNU.sparse.numblocks",
    [TAR_PAX_SPARSE_MAP] = "GNU.sparse.map",
    [TAR_PAX_SPARSE_NAME] = "GNU.sparse.name",
    [TAR_PAX_SPARSE_SIZE] = "GNU.sparse.size",
    [TAR_PAX_SPARSE_REALSIZE] = "GNU.sparse.realsize",
};
_Static_assert(sizeof keywords / sizeof *keywords == TAR_PAX_FIELDS, "a keyword for each field");

void tar_pax_init(struct tar_pax *pax)
{
    *pax = (struct tar_pax){
        .raw = BUF_WITH_LIMIT(TAR_PAX_LIMIT),
        /* The shortest xattr record takes 18 bytes of the header. */
        .xattr_array = BUF_WITH_LIMIT(TAR_PAX_LIMIT / 18 * sizeof(struct tar_xattr)),
        .sparse_map = BUF_WITH_LIMIT(TAR_PAX_LIMIT),
    };
}

void tar_pax_fini(struct tar_pax *pax)
{
    buf_fini(&pax->raw);
    buf_fini(&pax->xattr_array);
    buf_fini(&pax->sparse_map);
}

struct buf *tar_pax_reset(struct tar_pax *pax)
{
    pax->raw.size = 0;
    pax->xattr_array.size = 0;
    pax->sparse_map.size = 0;
    memset(pax->field, 0, sizeof pax->field);
    return &pax->raw;
}

static bool has_zero(struct span bytes)
{
    return bytes.size > 0 && memchr(bytes.data, 0, bytes.size);
}

/* Sparse format 0.0 repeats two keywords in turn; they become the list of format 0.1. */
static int add_sparse_number(struct tar_pax *pax, bool is_offset, struct span value,
                             size_t *numbers, struct error *err)
{
    bool offset_is_due = *numbers % 2 == 0;
    if (is_offset != offset_is_due || (value.size > 0 && memchr(value.data, ',', value.size)))
        return error_set(err, ERROR_INVALID,
                         "PAX header: sparse map of format 0.0 is out of order");
    if (*numbers > 0 && buf_append_byte(&pax->sparse_map, ',', err) < 0)
        return -1;
    (*numbers)++;
    return buf_append(&pax->sparse_map, value, err);
}

static int find_field(struct span key)
{
    for (int i = 0; i < TAR_PAX_FIELDS; i++) {
        if (span_equal_text(key, keywords[i]))
            return i;
    }
    return -1;
}

static int add_record(struct tar_pax *pax, struct span key, struct span value, size_t *numbers,
                      struct error *err)
{
    int field = find_field(key);
    bool is_name = field >= TAR_PAX_PATH && field <= TAR_PAX_GNAME;
    if (is_name ? has_zero(value) : has_zero(key))
        return error_set(err, ERROR_INVALID, "PAX header: a name holds a zero byte");
    if (span_equal_text(key, "GNU.sparse.offset"))
        return add_sparse_number(pax, true, value, numbers, err);
    if (span_equal_text(key, "GNU.sparse.numbytes"))
        return add_sparse_number(pax, false, value, numbers, err);
    if (field >= 0) {
        pax->field[field] = value;
        return 0;
    }
    size_t prefix = sizeof XATTR_PREFIX - 1;
    if (key.size < prefix || memcmp(key.data, XATTR_PREFIX, prefix) != 0)
        return 0;
    struct tar_xattr xattr = {span_of(key.data + prefix, key.size - prefix), value};
    return buf_append(&pax->xattr_array, span_of(&xattr, sizeof xattr), err);
}

/* Splits the first record off `rest`. */
static bool split_record(struct span *rest, struct span *key, struct span *value)
{
    const uint8_t *space = memchr(rest->data, ' ', rest->size);
    int64_t size;
    if (!space || !tar_parse_decimal(span_of(rest->data, (size_t)(space - rest->data)), &size))
        return false;
    size_t skip = (size_t)(space - rest->data) + 1;
    if (size < 5 || (uint64_t)size > rest->size || (size_t)size <= skip)
        return false;
    struct span record = span_of(rest->data + skip, (size_t)size - skip - 1);
    const uint8_t *equals = record.size > 0 ? memchr(record.data, '=', record.size) : NULL;
    if (record.data[record.size] != '\n' || !equals)
        return false;
    *key = span_of(record.data, (size_t)(equals - record.data));
    *value = span_of(equals + 1, record.size - key->size - 1);
    *rest = span_of(rest->data + size, rest->size - (size_t)size);
    return true;
}

int tar_pax_parse(struct tar_pax *pax, struct error *err)
{
    struct span rest = buf_span(&pax->raw);
    size_t numbers = 0;
    while (rest.size > 0) {
        struct span key, value;
        size_t at = pax->raw.size - rest.size;
        if (!split_record(&rest, &key, &value))
            return error_set(err, ERROR_INVALID, "PAX header: malformed record at byte %zu", at);
        if (add_record(pax, key, value, &numbers, err) < 0)
            return -1;
    }
    if (numbers > 0)
        pax->field[TAR_PAX_SPARSE_MAP] = buf_span(&pax->sparse_map);
    return 0;
}
