/*
 * The audit log: every decision of the service, a line of JSON each, chained by hashes.
 *
 *     {"number":7,"time":"2026-06-01T00:00:00Z","tenant":"acme","event":"release","allowed":false,
 *      "detail":{…},"previous":"<hex>"}
 *
 * `previous` is the SHA-256 of the line before, as it is kept: 32 zero bytes for the first. Who
 * changes, drops or inserts an entry breaks the chain there. Who cuts its end, or makes it anew
 * from some entry on, is found by whoever has kept the head of an earlier day.
 */
#ifndef CAISSON_SERVICE_AUDIT_H
#define CAISSON_SERVICE_AUDIT_H

#include <jansson.h>

#include "crypto/digest.h"
#include "service/database.h"

struct audit_record {
    int64_t time; /* seconds since 1970 */
    const char *tenant;
    const char *event;
    bool allowed;
    const json_t *detail; /* an object, without secrets; borrowed */
};

/* Appends records to their tenants' logs, all or none. */
int audit_append(struct database *store, const struct audit_record *records, size_t count,
                 struct error *err);

/* How far a chain was checked; all zero before its first entry. */
struct audit_chain {
    uint64_t count;
    uint8_t head[SHA256_SIZE]; /* of entry number `count` */
};

/* Checks that this line (without its end of line) is the chain's next one, and of this tenant, and
 * goes on by it. ERROR_REFUSED where it is not, ERROR_INVALID where it is no entry; the message
 * names the entry's number. */
int audit_check(struct audit_chain *chain, const char *tenant, struct span line, struct error *err);

/* Checks a tenant's whole log from its first entry on. */
int audit_verify(struct database *store, const char *tenant, struct audit_chain *chain,
                 struct error *err);

#endif
