#include "service/maa_claims.h"

#include "base/hex.h"

bool maa_add_hex(json_t *claims, const char *name, struct span bytes)
{
    char text[2 * 64 + 1];
    if (bytes.size > 64)
        return false;
    hex_encode(bytes, text);
    return json_object_set_new(claims, name, json_string(text)) == 0;
}

bool maa_add_number(json_t *claims, const char *name, uint64_t value)
{
    return json_object_set_new(claims, name, json_integer((json_int_t)value)) == 0;
}

bool maa_add_flag(json_t *claims, const char *name, bool value)
{
    return json_object_set_new(claims, name, json_boolean(value)) == 0;
}

int maa_refuse(const struct checks *checks, struct error *err)
{
    const struct check *failure = checks_first_failure(checks);
    if (!failure)
        return error_set(err, ERROR_REFUSED, "the evidence could not be verified");
    return error_set(err, ERROR_REFUSED, "%s: expected %s, found %s; %s", failure->rule->name,
                     failure->expected, failure->found, failure->rule->remedy);
}
