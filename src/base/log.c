#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

static const char *log_name = "caisson";
static enum log_level log_limit = LOG_LEVEL_INFO;

void log_open(const char *name, enum log_level level)
{
    log_name = name;
    log_limit = level;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (level > log_limit)
        return;
    char text[2048];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0)
        return;
    text_make_printable(text); /* a line stays one line, whoever chose its values */
    (void)fprintf(stderr, "%s: %s\n", log_name, text);
}
