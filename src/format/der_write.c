#include "format/der.h"

#define LONG_FORM  0x80
#define LENGTH_MAX 4 /* octets of a length */

int der_write(uint8_t tag, struct span content, struct buf *out, struct error *err)
{
    uint8_t head[2 + LENGTH_MAX] = {tag};
    size_t octets = 0;
    if (content.size > UINT32_MAX)
        return error_set(err, ERROR_LIMIT, "an element of %zu bytes, more than 4 GiB",
                         content.size);
    while (content.size >= LONG_FORM && octets < LENGTH_MAX && content.size >> (8 * octets) != 0)
        octets++;
    head[1] = (uint8_t)(octets > 0 ? LONG_FORM | octets : content.size);
    for (size_t i = 0; i < octets; i++)
        head[2 + i] = (uint8_t)(content.size >> (8 * (octets - 1 - i)));
    size_t before = out->size;
    if (buf_append(out, span_of(head, 2 + octets), err) == 0 && buf_append(out, content, err) == 0)
        return 0;
    buf_truncate(out, before);
    return -1;
}
