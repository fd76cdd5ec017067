#include "enclave/libos/files/pseudo_text.h"

#include <stdarg.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/wipe.h"

#define ROOM_MIN 512
#define DIGITS   24

void pseudo_add(struct pseudo_text *text, const void *bytes, size_t size)
{
    if (text->failed || size > PSEUDO_TEXT_MAX - text->size) {
        text->failed = true;
        return;
    }
    if (size > text->room - text->size) {
        size_t room = text->room ? 2 * text->room : ROOM_MIN;
        while (room - text->size < size)
            room *= 2;
        char *more = libos_alloc(room);
        text->failed = !more;
        if (!more)
            return;
        if (text->size > 0)
            memcpy(more, text->bytes, text->size);
        libos_free(text->bytes);
        text->bytes = more;
        text->room = room;
    }
    if (size > 0)
        memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void add_number(struct pseudo_text *text, unsigned long number, unsigned base, char fill,
                       size_t width)
{
    char digits[DIGITS];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    for (size_t size = sizeof digits - at; size < width; size++)
        pseudo_add(text, &fill, 1);
    pseudo_add(text, digits + at, sizeof digits - at);
}

static void add_signed(struct pseudo_text *text, int number)
{
    unsigned size = number < 0 ? 0U - (unsigned)number : (unsigned)number;
    if (number < 0)
        pseudo_add(text, "-", 1);
    add_number(text, size, 10, ' ', 0);
}

/* One conversion, behind its %: where the format goes on. */
static const char *convert(struct pseudo_text *text, const char *at, va_list *arguments)
{
    char fill = *at == '0' ? '0' : ' ';
    size_t width = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        width = 10 * width + (size_t)(*at - '0');
    const char *word;
    char one;
    switch (*at) {
    case 's':
        word = va_arg(*arguments, const char *);
        pseudo_add(text, word, strlen(word));
        break;
    case 'c':
        one = (char)va_arg(*arguments, int);
        pseudo_add(text, &one, 1);
        break;
    case 'd':
        add_signed(text, va_arg(*arguments, int));
        break;
    case 'l':
        at++;
        add_number(text, va_arg(*arguments, unsigned long), *at == 'x' ? 16 : 10, fill, width);
        break;
    default:
        pseudo_add(text, at, 1);
    }
    return at + 1;
}

void pseudo_print(struct pseudo_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    while (*format) {
        size_t plain = strcspn(format, "%");
        pseudo_add(text, format, plain);
        format += plain;
        if (*format)
            format = convert(text, format + 1, &arguments);
    }
    va_end(arguments);
}

void pseudo_text_fini(struct pseudo_text *text)
{
    if (text->bytes)
        libos_wipe(text->bytes, text->size); /* some hold keys */
    libos_free(text->bytes);
    *text = (struct pseudo_text){0};
}
