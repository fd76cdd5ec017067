#include "service/audit.h"

#include <stdlib.h>

#include "base/hex.h"
#include "format/json.h"
#include "format/timestamp.h"

#define AUDIT_DEPTH_MAX 16

static const char *const entry_keys[] = {"number",  "time",   "tenant",   "event",
                                         "allowed", "detail", "previous", NULL};

static void next_previous(const struct database_entry *last, char out[2 * SHA256_SIZE + 1])
{
    uint8_t digest[SHA256_SIZE] = {0};
    if (last->number > 0)
        sha256_digest(last->bytes, digest);
    hex_encode(span_of(digest, sizeof digest), out);
}

static int make_line(void *context, const struct database_entry *last, struct buf *out,
                     struct error *err)
{
    const struct audit_record *record = context;
    char previous[2 * SHA256_SIZE + 1], time[TIMESTAMP_SIZE];
    next_previous(last, previous);
    timestamp_write(record->time, time);
    /* The detail is borrowed and stays as it is; jansson has no constant reference. */
    json_auto_t *detail = json_copy((json_t *)(uintptr_t)record->detail);
    json_auto_t *entry = json_pack("{s:I, s:s, s:s, s:s, s:b, s:O, s:s}", entry_keys[0],
                                   (json_int_t)last->number + 1, entry_keys[1], time, entry_keys[2],
                                   record->tenant, entry_keys[3], record->event, entry_keys[4],
                                   record->allowed, entry_keys[5], detail, entry_keys[6], previous);
    if (!entry)
        return error_memory(err);
    return json_append(entry, out, err);
}

int audit_append(struct database *store, const struct audit_record *records, size_t count,
                 struct error *err)
{
    struct database_draft *drafts = calloc(count ? count : 1, sizeof *drafts);
    if (!drafts)
        return error_memory(err);
    for (size_t i = 0; i < count; i++)
        drafts[i] = (struct database_draft){.tenant = records[i].tenant,
                                            .make = make_line,
                                            .context = (void *)(uintptr_t)&records[i]};
    int result = database_append(store, drafts, count, err);
    free(drafts);
    return result < 0 ? error_context(err, "the audit log") : 0;
}

/* What the chain wants of its next entry: its number, its tenant, the hash before it. */
static int check_entry(const struct audit_chain *chain, const char *tenant, const json_t *entry,
                       struct error *err)
{
    uint64_t number = 0;
    const char *named, *previous;
    char wanted[2 * SHA256_SIZE + 1];
    if (json_check_keys(entry, entry_keys, err) < 0 ||
        json_get_u64(entry, "number", INT64_MAX, &number, err) < 0 ||
        json_get_text(entry, "tenant", &named, err) < 0 ||
        json_get_text(entry, "previous", &previous, err) < 0)
        return -1;
    if (number != chain->count + 1)
        return error_set(err, ERROR_REFUSED, "it has number %llu: an entry is missing or moved",
                         (unsigned long long)number);
    if (strcmp(named, tenant) != 0)
        return error_set(err, ERROR_REFUSED, "it is of tenant \"%s\", not \"%s\"", named, tenant);
    hex_encode(span_of(chain->head, sizeof chain->head), wanted);
    if (strcmp(previous, wanted) != 0)
        return error_set(err, ERROR_REFUSED,
                         "it follows an entry with the hash %.64s, but the one before has %s: the "
                         "log was changed",
                         previous, wanted);
    return 0;
}

int audit_check(struct audit_chain *chain, const char *tenant, struct span line, struct error *err)
{
    unsigned long long number = chain->count + 1;
    static const struct json_limits limits = {.size = DATABASE_ENTRY_MAX, .depth = AUDIT_DEPTH_MAX};
    json_auto_t *entry = json_parse_object(line, &limits, err);
    if (!entry || check_entry(chain, tenant, entry, err) < 0)
        return error_context(err, "audit log of \"%s\", entry %llu", tenant, number);
    sha256_digest(line, chain->head);
    chain->count++;
    return 0;
}

struct verification {
    struct audit_chain *chain;
    const char *tenant;
};

static int verify_entry(void *context, const struct database_entry *entry, struct error *err)
{
    struct verification *verification = context;
    return audit_check(verification->chain, verification->tenant, entry->bytes, err);
}

int audit_verify(struct database *store, const char *tenant, struct audit_chain *chain,
                 struct error *err)
{
    *chain = (struct audit_chain){0};
    struct verification verification = {chain, tenant};
    uint64_t before;
    do {
        before = chain->count;
        if (database_read(store, tenant, before + 1, DATABASE_PAGE_MAX, verify_entry, &verification,
                          err) < 0)
            return -1;
    } while (chain->count > before);
    return 0;
}
