#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* The names stand in parentheses because error.h makes macros of them for an analyser. */

__attribute__((format(printf, 2, 0))) static void set_text(struct error *err, const char *format,
                                                           va_list args)
{
    if (vsnprintf(err->text, sizeof err->text, format, args) < 0)
        err->text[0] = '\0';
    text_make_printable(err->text);
}

int(error_set)(struct error *err, enum error_code code, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->code = code;
    err->sys = 0;
    set_text(err, format, args);
    va_end(args);
    return -1;
}

int(error_system)(struct error *err, int sys, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->code = ERROR_SYSTEM;
    err->sys = sys;
    set_text(err, format, args);
    va_end(args);
    size_t len = strlen(err->text);
    const char *description = strerrordesc_np(sys);
    if (description)
        (void)snprintf(err->text + len, sizeof err->text - len, ": %s", description);
    else
        (void)snprintf(err->text + len, sizeof err->text - len, ": errno %d", sys);
    return -1;
}

int(error_context)(struct error *err, const char *format, ...)
{
    if (!err)
        return -1;
    char text[ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text - 3)
        return -1;
    (void)snprintf(text + len, sizeof text - (size_t)len, ": %.*s",
                   (int)(sizeof text - (size_t)len - 3), err->text);
    memcpy(err->text, text, sizeof text);
    text_make_printable(err->text);
    return -1;
}

int(error_memory)(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}
