/*
 * Who may sign the policies of a tenant, as certificates. The first ones are named by the
 * configuration (policy_signers, a PEM file); a signer may then add others and remove them. A
 * tenant without any takes policies that nobody signed: its administrators decide alone.
 */
#ifndef CAISSON_SERVICE_SIGNERS_H
#define CAISSON_SERVICE_SIGNERS_H

#include "format/jwk.h"
#include "service/config.h"
#include "service/database.h"

#define SIGNERS_MAX     16 /* of a tenant */
#define SIGNERS_PEM_MAX ((size_t)512 << 10)

struct signers;

/* Reads the configuration's files; both are borrowed. The caller frees it. */
struct signers *signers_open(const struct config *config, struct database *store,
                             struct error *err);
void signers_close(struct signers *signers);

/* The tenant's certificates, one chain of one each: a key set to be shown. *count may be 0. */
int signers_get(struct signers *signers, const struct config_tenant *tenant,
                struct jwk out[SIGNERS_MAX], size_t *count, struct error *err);

/* False, with ERROR_REFUSED, where the tenant has none. */
bool signers_are_there(struct signers *signers, const struct config_tenant *tenant,
                       struct error *err);

/* ERROR_REFUSED unless the tenant has no signers, or `signer` (NULL: nobody signed) has the key of
 * one of them whose certificate is valid at this time. */
int signers_check(struct signers *signers, const struct config_tenant *tenant,
                  const struct jwk *signer, int64_t now, struct error *err);

/* Adds a certificate (DER, of an RSA key), or removes it; one that is there, or is not, stays so.
 * ERROR_REFUSED for the removal of the last: nobody could sign then. */
int signers_add(struct signers *signers, const struct config_tenant *tenant, struct span der,
                struct error *err);
int signers_remove(struct signers *signers, const struct config_tenant *tenant, struct span der,
                   struct error *err);

#endif
