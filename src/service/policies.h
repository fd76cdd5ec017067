/*
 * The attestation policies of a tenant, one for each kind of evidence, as the JWS in which they
 * came. A tenant that set none has the one that permits all evidence that holds.
 */
#ifndef CAISSON_SERVICE_POLICIES_H
#define CAISSON_SERVICE_POLICIES_H

#include "rules/policy_jws.h"
#include "service/database.h"
#include "service/maa_request.h"

#define POLICIES_JWS_MAX ((size_t)768 << 10) /* bytes of a policy's JWS */

struct tenant_policy {
    struct buf jws;
    struct policy_jws content;
    uint64_t revision; /* DATABASE_ABSENT: it is the default */
};

/* Reads a tenant's policy. The caller calls tenant_policy_fini(), also after a failure. */
int policies_get(struct database *store, const char *tenant, enum maa_kind kind,
                 struct tenant_policy *out, struct error *err);
void tenant_policy_fini(struct tenant_policy *policy);
#define TENANT_POLICY_AUTO __attribute__((cleanup(tenant_policy_fini))) struct tenant_policy

/* Puts a policy in the place of the tenant's, if it is one: ERROR_INVALID with line and column, and
 * ERROR_REFUSED where another was set meanwhile. */
int policies_set(struct database *store, const char *tenant, enum maa_kind kind, struct span jws,
                 struct error *err);

/* Back to the default. */
int policies_reset(struct database *store, const char *tenant, enum maa_kind kind,
                   struct error *err);

#endif
