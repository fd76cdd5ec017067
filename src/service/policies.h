/*
 * The attestation policies of the tenants, one for each kind of evidence, as the JWS in which they
 * came. A tenant that set none has the one that permits all evidence that holds.
 *
 * A policy is read and compiled once, and kept until another one is set: whoever attests by it
 * shares it. All changes go through here, so that what is kept is what the store has.
 */
#ifndef CAISSON_SERVICE_POLICIES_H
#define CAISSON_SERVICE_POLICIES_H

#include "rules/policy_jws.h"
#include "service/database.h"
#include "service/maa_request.h"

#define POLICIES_JWS_MAX ((size_t)768 << 10) /* bytes of a policy's JWS */

struct policies;

/* The store is borrowed. Any number of threads may use it. The caller frees it. */
struct policies *policies_new(struct database *store, struct error *err);
void policies_free(struct policies *policies);

/* A policy, which never changes. */
struct tenant_policy {
    struct buf jws;
    struct policy_jws content;
    struct rules *rules;
    struct buf signer;                /* x-ms-policy-signer as JSON; empty where nobody signed */
    char hash[POLICY_HASH_TEXT_SIZE]; /* x-ms-policy-hash */
    bool is_default;                  /* the tenant has set none */
};

/* A tenant's policy, as it is now. The caller gives it back (policies_put); NULL with an error. */
const struct tenant_policy *policies_get(struct policies *policies, const char *tenant,
                                         enum maa_kind kind, struct error *err);
void policies_put(const struct tenant_policy *policy);

/* Reads a policy that is nobody's, to be tried; as policies_get(). */
const struct tenant_policy *policies_draft(struct span text, struct error *err);

/* Puts a policy in the place of the tenant's, if it is one: ERROR_INVALID with line and column, and
 * ERROR_REFUSED where another was set meanwhile. */
int policies_set(struct policies *policies, const char *tenant, enum maa_kind kind, struct span jws,
                 struct error *err);

/* Back to the default. */
int policies_reset(struct policies *policies, const char *tenant, enum maa_kind kind,
                   struct error *err);

#endif
