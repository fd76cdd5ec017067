/*
 * Administrators by OpenID Connect: a bearer token of an issuer that the configuration names proves
 * who somebody is, and its claims whether that is an administrator of the tenant.
 * An issuer's keys are where service/key_source.h says.
 */
#ifndef CAISSON_SERVICE_OIDC_H
#define CAISSON_SERVICE_OIDC_H

#include "service/config.h"
#include "service/service.h"

#define OIDC_LEEWAY_SECONDS 60 /* by which clocks may differ */
#define OIDC_TOKEN_MAX      ((size_t)16 << 10)

struct oidc;

/* Reads the files of all tenants. `config` is borrowed. The caller frees it; NULL with the file's
 * name where one can't be read. */
struct oidc *oidc_open(const struct config *config, struct error *err);
void oidc_close(struct oidc *oidc);

/* As key_source_refresh() and key_source_adopt(), of each issuer's keys. */
void oidc_refresh(struct oidc *oidc, service_fetch *fetch, int64_t now);
void oidc_adopt(struct oidc *oidc, const struct oidc *before);

/* Whether this token proves an administrator of the tenant: `name`, of `size` bytes, says who.
 * ERROR_REFUSED with the reason. */
int oidc_check(struct oidc *oidc, const struct config_tenant *tenant, struct span token,
               int64_t now, char *name, size_t size, struct error *err);

#endif
