#include "policy/version.h"

#include <string.h>

#include "base/text.h"

bool version_parse(const char *text, struct version *out)
{
    char copy[40];
    if (!text_copy(copy, sizeof copy, text))
        return false;
    char *rest = copy;
    for (int i = 0; i < 3; i++) {
        uint64_t number;
        char *part = strsep(&rest, ".");
        if (!part || !text_to_u64(part, UINT32_MAX, &number))
            return false;
        out->parts[i] = (uint32_t)number;
    }
    return rest == NULL;
}

int version_compare(struct version a, struct version b)
{
    for (int i = 0; i < 3; i++) {
        if (a.parts[i] != b.parts[i])
            return a.parts[i] < b.parts[i] ? -1 : 1;
    }
    return 0;
}
