/*
 * Refusals of strangers, bounded: whoever may ask without proving anything could fill the audit log
 * with what is refused. Of one client, tenant and event the first REFUSALS_EACH within
 * REFUSALS_SECONDS have entries of their own; the rest are counted, and the count is an entry's.
 * A client is an IPv4 address, or 64 bits of IPv6.
 */
#ifndef CAISSON_SERVICE_REFUSALS_H
#define CAISSON_SERVICE_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define REFUSALS_EACH    60
#define REFUSALS_SECONDS 60

#define REFUSALS_TENANT_SIZE 65 /* of a tenant's name, with its terminator; more is cut off */

struct refusals;

/* Any number of threads may use it. The caller frees it. */
struct refusals *refusals_new(struct error *err);
void refusals_free(struct refusals *refusals);

/* True where this refusal gets an entry of its own; *before is then how many had none since the one
 * before it. `event` must live as long as `refusals`; the other texts are copied. `now` is
 * seconds. */
bool refusals_count(struct refusals *refusals, const char *tenant, const char *event,
                    const char *peer, int64_t now, uint64_t *before);

/* What is still counted, and whose minute is over: for entries of their own. */
typedef int refusals_visit(void *context, const char *tenant, const char *event, const char *peer,
                           uint64_t count, struct error *err);
int refusals_flush(struct refusals *refusals, int64_t now, refusals_visit *visit, void *context,
                   struct error *err);

#endif
