#include "cli/size.h"

#include <string.h>

#include "base/text.h"

bool size_parse(const char *text, uint64_t *bytes)
{
    static const struct {
        char unit;
        unsigned int shift;
    } units[] = {{'b', 0}, {'k', 10}, {'m', 20}, {'g', 30}};
    char number[24];
    size_t len = strlen(text);
    unsigned int shift = 0;
    for (size_t i = 0; len > 0 && i < sizeof units / sizeof *units; i++) {
        if ((text[len - 1] | 0x20) == units[i].unit) {
            shift = units[i].shift;
            len--;
            break;
        }
    }
    if (len == 0 || len >= sizeof number)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    if (!text_to_u64(number, UINT64_MAX >> shift, bytes))
        return false;
    *bytes <<= shift;
    return true;
}
