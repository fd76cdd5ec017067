#include "evidence/certificate_table.h"

#include "base/cursor.h"
#include "evidence/bundle.h"
#include "format/guid.h"

#define ENTRY_MAX  32
#define GUID_COUNT 4

/* Kinds of certificates, with the place of each in a chain: a VLEK stands where a VCEK does.
 */
static const struct {
    uint8_t guid[GUID_SIZE];
    uint8_t place;
} kinds[GUID_COUNT] = {
    {GUID(0x63da758d, 0xe664, 0x4564, 0xadc5, 0xf4b93be8accd), 0}, /* VCEK */
    {GUID(0xa8074bc2, 0xa25a, 0x483e, 0xaae6, 0x39c045a0b8a1), 0}, /* VLEK */
    {GUID(0x4ab7b379, 0xbbac, 0x4fe4, 0xa02f, 0x05aef327c782), 1}, /* ASK, ASVK */
    {GUID(0xc0b406a4, 0xa803, 0x4952, 0x9743, 0x3fb6014cd0ae), 2}, /* ARK */
};

static int place_of(struct span guid)
{
    for (int i = 0; i < GUID_COUNT; i++) {
        if (span_equal(guid, span_of(kinds[i].guid, sizeof kinds[i].guid)))
            return kinds[i].place;
    }
    return -1;
}

/* Reads one entry; *last for the one of zeros that ends the table. */
static int read_entry(struct cursor *cursor, struct span table,
                      struct span found[CERTIFICATE_TABLE_PLACES], bool *last, struct error *err)
{
    struct span guid;
    uint32_t offset;
    uint32_t size;
    if (!cursor_read(cursor, 16, &guid) || !cursor_le32(cursor, &offset) ||
        !cursor_le32(cursor, &size))
        return error_set(err, ERROR_INVALID, "the certificate table has no end");
    *last = span_is_zero(guid);
    int place = place_of(guid);
    if (*last || place < 0)
        return 0;
    if (size == 0 || offset > table.size || size > table.size - offset)
        return error_set(err, ERROR_INVALID,
                         "the certificate table leads outside itself: %u bytes at %u", size,
                         offset);
    if (found[place].size != 0)
        return error_set(err, ERROR_INVALID, "the certificate table has a certificate twice");
    found[place] = span_of(table.data + offset, size);
    return 0;
}

int certificate_table_read(struct span table, struct span found[CERTIFICATE_TABLE_PLACES],
                           struct error *err)
{
    struct cursor cursor = cursor_of(table);
    bool last = false;
    memset(found, 0, CERTIFICATE_TABLE_PLACES * sizeof *found);
    for (int i = 0; !last; i++) {
        if (i == ENTRY_MAX)
            return error_set(err, ERROR_LIMIT, "the certificate table has more than %d entries",
                             ENTRY_MAX);
        if (read_entry(&cursor, table, found, &last, err) < 0)
            return -1;
    }
    return 0;
}

bool certificate_table_looks_so(struct span bytes)
{
    return bytes.size >= 16 && place_of(span_of(bytes.data, 16)) >= 0;
}

int bundle_set_certificate_table(struct bundle *bundle, struct span table, struct error *err)
{
    struct span found[CERTIFICATE_TABLE_PLACES];
    if (certificate_table_read(table, found, err) < 0)
        return -1;
    for (int i = 0; i < CERTIFICATE_TABLE_PLACES; i++) {
        if (found[i].size == 0)
            continue;
        if (bundle->certificate_count == BUNDLE_CERTIFICATES_MAX)
            return error_set(err, ERROR_LIMIT, "more than %d certificates",
                             BUNDLE_CERTIFICATES_MAX);
        struct buf *der = &bundle->certificates[bundle->certificate_count];
        if (buf_append(der, found[i], err) < 0)
            return -1;
        bundle->certificate_count++;
    }
    return 0;
}
