#include "enclave/libos/log.h"

#include <stddef.h>

#include "enclave/libos/door/door.h"

#define LINE_MAX 200

void log_line(const char *text, const char *more)
{
    char line[LINE_MAX];
    size_t len = 0;
    while (*text && len < sizeof line)
        line[len++] = *text++;
    while (*more && len < sizeof line)
        line[len++] = *more++;
    door_log(line, len);
}

void log_number(const char *text, uint64_t number)
{
    char digits[19] = "0x";
    for (size_t i = 0; i < 16; i++)
        digits[2 + i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    log_line(text, digits);
}
