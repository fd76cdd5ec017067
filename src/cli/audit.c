/* `caisson audit verify`: whether the service's audit log is what was written. */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "service/audit.h"

static const struct option_rule options[] = {
    {.name = "tenant", .operand = "NAME", .help = "This tenant's log alone (default: all)"},
    {.name = "head",
     .operand = "NUMBER:HASH",
     .help = "What was printed before, with --tenant: the log must still hold it"},
    {0},
};

/* A head that was kept. */
struct kept {
    uint64_t number;
    uint8_t hash[SHA256_SIZE];
    const char *tenant;
    struct audit_chain chain;
};

static int read_head(const char *text, struct kept *out, struct error *err)
{
    const char *colon = strchr(text, ':');
    TEXT_AUTO number = colon ? text_dup_span(span_of(text, (size_t)(colon - text))) : NULL;
    if (!number || !text_to_u64(number, INT64_MAX, &out->number) || out->number == 0 ||
        !hex_decode(span_of_text(colon + 1), out->hash, sizeof out->hash))
        return error_set(err, ERROR_USAGE, "--head wants NUMBER:HASH as `audit verify` prints it");
    return 0;
}

static int check_kept(void *context, const struct database_entry *entry, struct error *err)
{
    struct kept *kept = context;
    if (audit_check(&kept->chain, kept->tenant, entry->bytes, err) < 0)
        return -1;
    if (kept->chain.count == kept->number &&
        memcmp(kept->chain.head, kept->hash, sizeof kept->hash) != 0)
        return error_set(err, ERROR_REFUSED,
                         "entry %llu is another than the one whose head was kept: the log was made "
                         "anew",
                         (unsigned long long)kept->number);
    return 0;
}

/* Goes through the log once more, to the entry whose hash was kept. */
static int compare_head(struct database *store, const char *tenant, const char *head,
                        struct error *err)
{
    struct kept kept = {.tenant = tenant};
    if (read_head(head, &kept, err) < 0)
        return -1;
    while (kept.chain.count < kept.number) {
        uint64_t before = kept.chain.count, left = kept.number - before;
        size_t page = left < DATABASE_PAGE_MAX ? (size_t)left : DATABASE_PAGE_MAX;
        if (database_read(store, tenant, before + 1, page, check_kept, &kept, err) < 0)
            return -1;
        if (kept.chain.count == before)
            return error_set(err, ERROR_REFUSED,
                             "the log ends with entry %llu; entry %llu was cut off",
                             (unsigned long long)before, (unsigned long long)kept.number);
    }
    return 0;
}

static int verify_tenant(struct database *store, const char *tenant, struct error *err)
{
    struct audit_chain chain;
    char head[2 * SHA256_SIZE + 1];
    if (audit_verify(store, tenant, &chain, err) < 0)
        return -1;
    hex_encode(span_of(chain.head, sizeof chain.head), head);
    (void)printf("%s: %llu entries, head %llu:%s\n", tenant, (unsigned long long)chain.count,
                 (unsigned long long)chain.count, head);
    return 0;
}

static int take_name(void *context, const char *name, struct error *err)
{
    char **last = context;
    text_free(last);
    *last = text_format("%s", name);
    return *last ? 0 : error_memory(err);
}

static int verify_all(struct database *store, struct error *err)
{
    TEXT_AUTO tenant = text_format("%s", "");
    for (;;) {
        TEXT_AUTO next = NULL;
        if (!tenant)
            return error_memory(err);
        if (database_list_logs(store, tenant, 1, take_name, &next, err) < 0)
            return -1;
        if (!next)
            return 0;
        if (verify_tenant(store, next, err) < 0)
            return -1;
        text_free(&tenant);
        tenant = text_format("%s", next);
    }
}

static int run(const struct args *args, struct error *err)
{
    const char *tenant = args_get(args, "tenant"), *head = args_get(args, "head");
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "name the service's store");
    if (head && !tenant)
        return error_set(err, ERROR_USAGE, "--head is of a tenant's log: name it by --tenant");
    DATABASE_AUTO store = database_open_to_read(args_operands(args)[0], err);
    if (!store)
        return -1;
    if (!tenant)
        return verify_all(store, err) < 0 ? -1 : EXIT_OK;
    if ((head && compare_head(store, tenant, head, err) < 0) ||
        verify_tenant(store, tenant, err) < 0)
        return -1;
    return EXIT_OK;
}

const struct command command_audit_verify = {
    .name = "audit verify",
    .operands = "STORE",
    .summary = "Check the chain of the service's audit log",
    .description =
        "Reads the log from its first entry on, beside a service that runs if need be. Each entry "
        "names the hash of the one before it, so a change anywhere but at the end is found. Keep "
        "the head that is printed: with --head the log must still go through it, which a log that "
        "was cut or made anew does not.",
    .options = options,
    .run = run,
};
