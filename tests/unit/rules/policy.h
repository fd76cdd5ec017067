/* Policies and claims for tests, written short. */
#ifndef CAISSON_TESTS_RULES_POLICY_H
#define CAISSON_TESTS_RULES_POLICY_H

#include "../check.h"

#include "rules/rules.h"

static struct error err;

/* Claims of the service from a JSON object; members "custom:x" are CustomClaims, "read:x" may only
 * be read. */
static inline void claims_of(const char *text, struct claims *out)
{
    json_auto_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        bool custom = strncmp(name, "custom:", 7) == 0;
        bool read = strncmp(name, "read:", 5) == 0;
        name += custom ? 7 : read ? 5 : 0;
        check_ok(claims_add_json(out, name, json_object_iter_value(at),
                                 custom ? CLAIM_CUSTOM : CLAIM_SERVICE, &err),
                 &err);
        out->at[out->count - 1].read_only = read;
    }
}

/* A policy of this version with these sections' rules; NULL leaves a section out. */
static inline struct rules *policy_of(const char *version, const char *authorization,
                                      const char *issuance)
{
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    check_ok(buf_printf(&text, &err, "version=%s;", version), &err);
    if (authorization)
        check_ok(buf_printf(&text, &err, "authorizationrules{%s};", authorization), &err);
    if (issuance)
        check_ok(buf_printf(&text, &err, "issuancerules{%s};", issuance), &err);
    err = (struct error){0};
    return rules_new(buf_span(&text), &err);
}

#endif
