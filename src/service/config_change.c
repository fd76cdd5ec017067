/* What of a configuration may change while the service runs. */
#include "service/config.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_master(const struct master *a, const struct master *b)
{
    return a->kind == b->kind && a->pcrs == b->pcrs && same_text(a->path, b->path) &&
           same_text(a->tcti, b->tcti) && same_text(a->module, b->module) &&
           same_text(a->token, b->token) && same_text(a->key, b->key) && same_text(a->pin, b->pin);
}

/* One that is gone has done its work at the start. */
static bool same_before(const struct config *now, const struct config *next)
{
    return !next->changes_master ||
           (now->changes_master && same_master(&now->before, &next->before));
}

int config_check_change(const struct config *now, const struct config *next, struct error *err)
{
    const struct {
        const char *key;
        bool same;
    } fixed[] = {
        {"listen", same_text(now->address, next->address) && now->port == next->port},
        {"workers", now->workers == next->workers},
        {"state", same_text(now->state, next->state)},
        {"master", same_master(&now->master, &next->master)},
        {"master_before", same_before(now, next)},
        {"tls.plain_http", now->plain == next->plain},
        {"evidence.url", same_text(now->evidence, next->evidence)},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (!fixed[i].same)
            return error_set(err, ERROR_REFUSED,
                             "%s cannot change while the service runs: restart the service, or "
                             "put it back as it was",
                             fixed[i].key);
    }
    return 0;
}
