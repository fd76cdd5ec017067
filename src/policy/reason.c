#include "policy/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *quote_size(struct quotes *quotes, const char *text, size_t size)
{
    enum { SHOWN = 72 };
    char *out = quotes->text[quotes->next++ % 8];
    size_t used = 0;
    out[used++] = '"';
    for (size_t i = 0; i < size && i < SHOWN; i++) {
        unsigned char c = (unsigned char)text[i];
        out[used++] = c < ' ' || c == 0x7F || c == '"' ? '?' : (char)c;
    }
    /* A character cut in half would make the reason no UTF-8. */
    while (size > SHOWN && used > 1 && ((unsigned char)out[used - 1] & 0x80))
        used--;
    out[used++] = '"';
    memcpy(out + used, size > SHOWN ? "..." : "", size > SHOWN ? 4 : 1);
    return out;
}

const char *quote(struct quotes *quotes, const char *text)
{
    return quote_size(quotes, text, strlen(text));
}

const char *quote_name(struct quotes *quotes, const char *text)
{
    size_t size = strcspn(text, "=");
    if (text[size] == '\0')
        return "a variable without \"=\"";
    return quote_size(quotes, text, size);
}

void policy_decision_fini(struct policy_decision *decision)
{
    free(decision->memory);
    decision->memory = NULL;
}

void decision_begin(struct policy_decision *decision, enum policy_point point)
{
    policy_decision_fini(decision);
    *decision = (struct policy_decision){.point = point};
}

bool(deny)(struct policy_decision *decision, const char *format, ...)
{
    va_list args;
    int used = snprintf(decision->reason, sizeof decision->reason,
                        "%s: ", policy_point_name(decision->point));
    decision->allowed = false;
    decision->stdio = false;
    decision->container = NULL;
    decision->env_kept = (struct policy_list){0};
    decision->caps_kept = (struct policy_capabilities){0};
    va_start(args, format);
    (void)vsnprintf(decision->reason + used, sizeof decision->reason - (size_t)used, format, args);
    va_end(args);
    return false;
}

bool allow(struct policy_decision *decision)
{
    decision->allowed = true;
    return true;
}
