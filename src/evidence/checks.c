#include "evidence/checks.h"

#include "base/hex.h"

void checks_init(struct checks *checks)
{
    /* Not the items, which are many: what is behind `count` is nobody's. */
    checks->count = 0;
    checks->complete = checks->overflow = false;
}

void checks_copy(struct checks *checks, const struct checks *from)
{
    memcpy(checks->items, from->items, from->count * sizeof *from->items);
    checks->count = from->count;
    checks->complete = from->complete;
    checks->overflow = from->overflow;
}

static void put_text(char out[CHECK_TEXT_SIZE], const char *text)
{
    size_t len = strnlen(text, CHECK_TEXT_SIZE - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}

bool checks_add(struct checks *checks, const struct check_rule *rule, enum check_result result,
                const char *expected, const char *found)
{
    if (checks->count == CHECKS_MAX) {
        checks->overflow = true;
        return false;
    }
    struct check *check = &checks->items[checks->count++];
    check->rule = rule;
    check->result = result;
    put_text(check->expected, expected);
    put_text(check->found, found);
    return result != CHECK_FAILED;
}

bool checks_judge(struct checks *checks, const struct check_rule *rule, bool passed,
                  const char *expected, const char *found)
{
    return checks_add(checks, rule, passed ? CHECK_PASSED : CHECK_FAILED, expected, found);
}

bool checks_add_outcome(struct checks *checks, const struct check_rule *rule, int outcome,
                        const char *expected, const char *found, const struct error *err)
{
    return checks_judge(checks, rule, outcome == 0, expected, outcome == 0 ? found : err->text);
}

static void write_hex(struct span bytes, char out[CHECK_TEXT_SIZE])
{
    if (2 * bytes.size >= CHECK_TEXT_SIZE)
        bytes.size = CHECK_TEXT_SIZE / 2 - 1;
    hex_encode(bytes, out);
}

bool checks_compare(struct checks *checks, const struct check_rule *rule, struct span expected,
                    struct span found)
{
    char expected_text[CHECK_TEXT_SIZE];
    char found_text[CHECK_TEXT_SIZE];
    write_hex(expected, expected_text);
    write_hex(found, found_text);
    return checks_judge(checks, rule, span_equal(expected, found), expected_text, found_text);
}

void checks_complete(struct checks *checks)
{
    checks->complete = true;
}

const struct check *checks_first_failure(const struct checks *checks)
{
    for (size_t i = 0; i < checks->count; i++) {
        if (checks->items[i].result == CHECK_FAILED)
            return &checks->items[i];
    }
    return NULL;
}

enum verdict checks_verdict(const struct checks *checks)
{
    if (!checks->complete || checks->overflow || checks->count == 0 || checks_first_failure(checks))
        return VERDICT_REFUSED;
    return VERDICT_ACCEPTED;
}

const struct check *checks_find(const struct checks *checks, const char *name)
{
    for (size_t i = 0; i < checks->count; i++) {
        if (strcmp(checks->items[i].rule->name, name) == 0)
            return &checks->items[i];
    }
    return NULL;
}
