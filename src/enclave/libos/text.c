/* What <string.h> has of text and bytes, as far as the library OS asks for it: for images only,
 * since elsewhere the C library has them. Without -fno-builtin a compiler would make calls of
 * themselves of such loops; the empty assembly keeps it from that. */
#include <stddef.h>

#define STEP __asm__ volatile("")

void *memchr(const void *bytes, int byte, size_t size);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t size);
int strcmp(const char *a, const char *b);
size_t strspn(const char *text, const char *accepted);
size_t strcspn(const char *text, const char *refused);

void *memchr(const void *bytes, int byte, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++, at++) {
        STEP;
        if (*at == (unsigned char)byte)
            return (void *)(size_t)at;
    }
    return NULL;
}

size_t strnlen(const char *text, size_t size)
{
    size_t count = 0;
    while (count < size && text[count] != 0) {
        STEP;
        count++;
    }
    return count;
}

size_t strlen(const char *text)
{
    return strnlen(text, (size_t)-1);
}

int strcmp(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        STEP;
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

/* How far bytes of `set` go on, or, with `inside` false, others. */
static size_t span(const char *text, const char *set, int inside)
{
    size_t count = 0;
    for (; text[count] != 0; count++) {
        STEP;
        const char *at = set;
        while (*at != 0 && *at != text[count])
            at++;
        if ((*at != 0) != inside)
            break;
    }
    return count;
}

size_t strspn(const char *text, const char *accepted)
{
    return span(text, accepted, 1);
}

size_t strcspn(const char *text, const char *refused)
{
    return span(text, refused, 0);
}
