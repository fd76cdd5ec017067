#include "service/kbs_resources.h"

#define KIND_RESOURCE "resource"
#define KIND_RULE     "resource-rule"

int kbs_resource_check_name(const char *name, struct error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t parts = 0;
    const char *at = name;
    for (;;) {
        size_t len = strspn(at, letters);
        if (len == 0 || at[0] == '.')
            break;
        parts++;
        at += len;
        if (*at == '\0' && parts == 3 && at - name <= KBS_RESOURCE_NAME_MAX)
            return 0;
        if (*at != '/')
            break;
        at++;
    }
    return error_set(err, ERROR_INVALID,
                     "\"%.80s\" is no name of a resource: REPOSITORY/TYPE/TAG is, of letters, "
                     "digits, '_', '-' and '.', of %d bytes at most",
                     name, KBS_RESOURCE_NAME_MAX);
}

static struct database_key place_of(const struct kbs_resources *resources, const char *kind,
                                    const char *name)
{
    return (struct database_key){resources->tenant, kind, name};
}

/* The revision of what is there now; DATABASE_ABSENT where nothing is. */
static int find_revision(const struct kbs_resources *resources, const struct database_key *place,
                         uint64_t *out, struct error *err)
{
    struct error own = {0};
    BUF_AUTO value = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (database_get(resources->store, place, &value, out, &own) < 0 && own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    return 0;
}

static int put(const struct kbs_resources *resources, const struct database_key *place,
               struct span value, struct error *err)
{
    uint64_t revision;
    if (find_revision(resources, place, &revision, err) < 0)
        return -1;
    return database_put(resources->store, place, value, &revision, err);
}

/* --- resources -------------------------------------------------------------------------------- */

int kbs_resource_get(const struct kbs_resources *resources, const char *name, struct buf *out,
                     struct error *err)
{
    uint64_t revision;
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    struct database_key place = place_of(resources, KIND_RESOURCE, name);
    if (database_get(resources->store, &place, &sealed, &revision, err) < 0)
        return -1;
    return vault_unseal(resources->vault, &place, buf_span(&sealed), out, err);
}

int kbs_resource_put(const struct kbs_resources *resources, const char *name, struct span bytes,
                     struct error *err)
{
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    struct database_key place = place_of(resources, KIND_RESOURCE, name);
    if (bytes.size == 0 || bytes.size > KBS_RESOURCE_MAX)
        return error_set(err, ERROR_LIMIT, "a resource of %zu bytes; 1 to %zu are taken",
                         bytes.size, KBS_RESOURCE_MAX);
    if (vault_seal(resources->vault, &place, bytes, &sealed, err) < 0)
        return -1;
    return put(resources, &place, buf_span(&sealed), err);
}

/* 1 where it was there. */
static int remove_one(const struct kbs_resources *resources, const char *kind, const char *name,
                      struct error *err)
{
    uint64_t revision;
    struct database_key place = place_of(resources, kind, name);
    if (find_revision(resources, &place, &revision, err) < 0)
        return -1;
    if (revision == DATABASE_ABSENT)
        return 0;
    return database_remove(resources->store, &place, revision, err) < 0 ? -1 : 1;
}

/* The secret goes first: what is left after a failure is a rule for nothing. */
int kbs_resource_remove(const struct kbs_resources *resources, const char *name, struct error *err)
{
    int resource = remove_one(resources, KIND_RESOURCE, name, err);
    int rule = resource < 0 ? -1 : remove_one(resources, KIND_RULE, name, err);
    if (rule < 0)
        return -1;
    return resource + rule > 0
               ? 0
               : error_set(err, ERROR_NOT_FOUND, "there is no resource \"%s\"", name);
}

/* --- rules ------------------------------------------------------------------------------------ */

int kbs_rule_get(const struct kbs_resources *resources, const char *name, struct buf *out,
                 struct error *err)
{
    uint64_t revision;
    struct database_key place = place_of(resources, KIND_RULE, name);
    return database_get(resources->store, &place, out, &revision, err);
}

int kbs_rule_put(const struct kbs_resources *resources, const char *name, struct span rule,
                 struct error *err)
{
    struct database_key place = place_of(resources, KIND_RULE, name);
    RELEASE_POLICY_AUTO *read = release_policy_new(rule, err);
    return read ? put(resources, &place, rule, err) : -1;
}

int kbs_rule_check(const struct kbs_resources *resources, const char *name, const char *issuer,
                   const json_t *claims, struct error *err)
{
    struct error own = {0};
    BUF_AUTO text = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX);
    if (kbs_rule_get(resources, name, &text, &own) < 0) {
        if (own.code == ERROR_NOT_FOUND)
            return error_set(err, ERROR_REFUSED, "the resource has no rule: nobody gets it");
        return error_set(err, own.code, "%s", own.text);
    }
    RELEASE_POLICY_AUTO *rule = release_policy_new(buf_span(&text), err);
    return rule ? release_policy_check(rule, issuer, claims, err) : -1;
}

/* --- listing ---------------------------------------------------------------------------------- */

int kbs_resource_list(const struct kbs_resources *resources, const char *after,
                      database_visit_name *visit, void *context, struct error *err)
{
    return database_list(resources->store, resources->tenant, KIND_RESOURCE, after,
                         DATABASE_PAGE_MAX, visit, context, err);
}
