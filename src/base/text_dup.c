#include "base/text.h"

#include <stdlib.h>

char *text_dup_span(struct span bytes)
{
    if (bytes.size > 0 && memchr(bytes.data, 0, bytes.size))
        return NULL;
    char *text = malloc(bytes.size + 1);
    if (!text)
        return NULL;
    if (bytes.size > 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}
