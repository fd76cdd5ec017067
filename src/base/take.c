/* Of buffers, what the guest has no use for. */
#include "base/buf.h"

char *buf_take_text(struct buf *buf)
{
    if (buf_reserve(buf, 0, NULL) < 0)
        return NULL;
    char *text = (char *)buf->data;
    buf->data = NULL;
    buf->size = 0;
    buf->capacity = 0;
    return text;
}
