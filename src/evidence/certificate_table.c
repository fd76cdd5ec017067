#include "base/cursor.h"
#include "evidence/bundle.h"

#define ENTRY_MAX  32
#define GUID_COUNT 4

/* GUIDs as they lie in memory, with the place of each in a chain: a VLEK stands where a VCEK does.
 */
static const struct {
    uint8_t guid[16];
    uint8_t place;
} kinds[GUID_COUNT] = {
    /* VCEK 63da758d-e664-4564-adc5-f4b93be8accd */
    {{0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64, 0x45, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
      0xcd},
     0},
    /* VLEK a8074bc2-a25a-483e-aae6-39c045a0b8a1 */
    {{0xc2, 0x4b, 0x07, 0xa8, 0x5a, 0xa2, 0x3e, 0x48, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
      0xa1},
     0},
    /* ASK, ASVK 4ab7b379-bbac-4fe4-a02f-05aef327c782 */
    {{0x79, 0xb3, 0xb7, 0x4a, 0xac, 0xbb, 0xe4, 0x4f, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
      0x82},
     1},
    /* ARK c0b406a4-a803-4952-9743-3fb6014cd0ae */
    {{0xa4, 0x06, 0xb4, 0xc0, 0x03, 0xa8, 0x52, 0x49, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
      0xae},
     2},
};

#define PLACE_COUNT 3

static int place_of(struct span guid)
{
    for (int i = 0; i < GUID_COUNT; i++) {
        if (span_equal(guid, span_of(kinds[i].guid, sizeof kinds[i].guid)))
            return kinds[i].place;
    }
    return -1;
}

/* Reads one entry; *last for the one of zeros that ends the table. */
static int read_entry(struct cursor *cursor, struct span table, struct span found[PLACE_COUNT],
                      bool *last, struct error *err)
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

int bundle_set_certificate_table(struct bundle *bundle, struct span table, struct error *err)
{
    struct cursor cursor = cursor_of(table);
    struct span found[PLACE_COUNT] = {{0}};
    bool last = false;
    for (int i = 0; !last; i++) {
        if (i == ENTRY_MAX)
            return error_set(err, ERROR_LIMIT, "the certificate table has more than %d entries",
                             ENTRY_MAX);
        if (read_entry(&cursor, table, found, &last, err) < 0)
            return -1;
    }
    for (int i = 0; i < PLACE_COUNT; i++) {
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
