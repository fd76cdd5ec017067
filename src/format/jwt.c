/* The claims of a JSON Web Token (RFC 7519, section 4.1): jws.h. */
#include "format/jws.h"

json_t *jwt_read_claims(struct span payload, struct error *err)
{
    static const struct json_limits limits = {.size = JOSE_SIZE_MAX, .depth = JWT_DEPTH_MAX};
    json_t *claims = json_parse_object(payload, &limits, err);
    if (!claims)
        (void)error_context(err, "the token's claims");
    return claims;
}

/* *found tells whether it is there. Seconds are never near the ends of an int64_t, which additions
 * rely on. */
static int find_time(const json_t *claims, const char *key, bool *found, int64_t *out,
                     struct error *err)
{
    uint64_t time = 0;
    *found = json_object_get(claims, key) != NULL;
    if (json_find_u64(claims, key, INT64_MAX / 4, &time, err) < 0)
        return -1;
    *out = (int64_t)time;
    return 0;
}

static int check_times(const json_t *claims, const struct jwt_rule *rule, struct error *err)
{
    static const char *const begins[] = {"nbf", "iat"};
    bool found = false;
    int64_t time = 0;
    if (find_time(claims, "exp", &found, &time, err) < 0)
        return -1;
    if (!found)
        return error_set(err, ERROR_REFUSED,
                         "the token has no \"exp\": it would be valid for ever");
    if (rule->now - rule->leeway >= time)
        return error_set(err, ERROR_REFUSED, "the token expired at %lld; it is %lld",
                         (long long)time, (long long)rule->now);
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        if (find_time(claims, begins[i], &found, &time, err) < 0)
            return -1;
        if (found && time > rule->now + rule->leeway)
            return error_set(err, ERROR_REFUSED,
                             "the token is not valid yet: %s is %lld; it is %lld", begins[i],
                             (long long)time, (long long)rule->now);
    }
    return 0;
}

static int check_issuer(const json_t *claims, const char *issuer, struct error *err)
{
    const char *iss;
    if (json_find_text(claims, "iss", &iss, err) < 0)
        return -1;
    if (!issuer || (iss && strcmp(iss, issuer) == 0))
        return 0;
    return error_set(err, ERROR_REFUSED, "the token is issued by \"%.200s\", not by \"%.200s\"",
                     iss ? iss : "", issuer);
}

/* "aud" is a string, or an array of them. */
static int check_audience(const json_t *claims, const char *audience, struct error *err)
{
    const json_t *aud = json_object_get(claims, "aud");
    const char *name = NULL;
    if (!audience)
        return 0;
    if (!json_is_array(aud)) {
        if (json_find_text(claims, "aud", &name, err) < 0)
            return -1;
        if (name && strcmp(name, audience) == 0)
            return 0;
    }
    for (size_t i = 0; i < json_array_size(aud); i++) {
        if (json_text_at(aud, i, "aud", &name, err) < 0)
            return -1;
        if (strcmp(name, audience) == 0)
            return 0;
    }
    return error_set(err, ERROR_REFUSED, "the token is not for \"%.200s\"", audience);
}

int jwt_check_claims(const json_t *claims, const struct jwt_rule *rule, struct error *err)
{
    if (check_times(claims, rule, err) < 0 || check_issuer(claims, rule->issuer, err) < 0)
        return -1;
    return check_audience(claims, rule->audience, err);
}
