#include "format/der.h"

#define LONG_FORM     0x80
#define LENGTH_OCTETS 3 /* 16 MiB: more than anything that is read here */
#define UINT_SIZE_MAX 9 /* eight bytes and the sign's */
#define TAG_NUMBER    0x1F

static bool fail(struct cursor *cursor)
{
    cursor->failed = true;
    return false;
}

static bool read_length(struct cursor *cursor, size_t *out)
{
    uint8_t first;
    if (!cursor_u8(cursor, &first))
        return false;
    *out = first;
    if (first < LONG_FORM)
        return true;
    unsigned octets = first - (unsigned)LONG_FORM;
    if (octets == 0 || octets > LENGTH_OCTETS)
        return fail(cursor);
    *out = 0;
    for (unsigned i = 0; i < octets; i++) {
        uint8_t octet;
        if (!cursor_u8(cursor, &octet))
            return false;
        *out = *out << 8 | octet;
    }
    /* The shortest form: one octet only from 128 on, more only where the first is not zero. */
    bool shortest = octets == 1 ? *out >= LONG_FORM : *out >> (8 * (octets - 1)) != 0;
    return shortest || fail(cursor);
}

bool der_read(struct cursor *cursor, uint8_t tag, struct span *content)
{
    uint8_t found;
    size_t size;
    *content = span_of(NULL, 0);
    if (!cursor_u8(cursor, &found))
        return false;
    if (found != tag || (found & TAG_NUMBER) == TAG_NUMBER)
        return fail(cursor);
    return read_length(cursor, &size) && cursor_read(cursor, size, content);
}

bool der_read_uint(struct cursor *cursor, uint8_t tag, uint64_t max, uint64_t *out)
{
    struct span bytes;
    *out = 0;
    if (!der_read(cursor, tag, &bytes))
        return false;
    if (bytes.size == 0 || bytes.size > UINT_SIZE_MAX || bytes.data[0] >= 0x80)
        return fail(cursor);
    if (bytes.size > 1 && bytes.data[0] == 0 && bytes.data[1] < 0x80)
        return fail(cursor);
    if (bytes.size == UINT_SIZE_MAX && bytes.data[0] != 0)
        return fail(cursor);
    for (size_t i = 0; i < bytes.size; i++)
        *out = *out << 8 | bytes.data[i];
    if (*out > max) {
        *out = 0;
        return fail(cursor);
    }
    return true;
}

bool der_read_bool(struct cursor *cursor, bool *out)
{
    struct span bytes;
    *out = false;
    if (!der_read(cursor, DER_BOOLEAN, &bytes))
        return false;
    if (bytes.size != 1 || (bytes.data[0] != 0 && bytes.data[0] != 0xFF))
        return fail(cursor);
    *out = bytes.data[0] != 0;
    return true;
}

bool der_copy_octets(struct cursor *cursor, void *out, size_t size)
{
    struct span bytes;
    memset(out, 0, size);
    if (!der_read(cursor, DER_OCTET_STRING, &bytes))
        return false;
    if (bytes.size != size)
        return fail(cursor);
    memcpy(out, bytes.data, size);
    return true;
}
