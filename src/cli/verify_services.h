/* What `caisson verify` tells of the services and secrets that a policy names. */
#ifndef CAISSON_CLI_VERIFY_SERVICES_H
#define CAISSON_CLI_VERIFY_SERVICES_H

#include <jansson.h>

#include "base/buf.h"
#include "policy/policy.h"

/* Appends one line; nothing where the policy names none. `attestation` may be NULL. */
int verify_services_note(const struct policy_attestation *attestation, struct buf *out,
                         struct error *err);

/* The same for machines: a new array of {url, secrets, api}; NULL where the policy names no
 * service, or memory ran out. */
json_t *verify_services_claims(const struct policy_attestation *attestation);

#endif
