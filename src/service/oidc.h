/*
 * Administrators by OpenID Connect: a bearer token of an issuer that the configuration names proves
 * who somebody is, and its claims whether that is an administrator of the tenant.
 *
 * An issuer's keys are in a file, or at a URL. The latter are fetched by one thread, again and
 * again, and kept meanwhile; whoever comes with a key that is not known yet has them fetched
 * sooner, and is refused until then. Nobody waits for another's server.
 */
#ifndef CAISSON_SERVICE_OIDC_H
#define CAISSON_SERVICE_OIDC_H

#include "service/config.h"
#include "service/service.h"

#define OIDC_REFRESH_SECONDS 600 /* between two fetches of one issuer's keys */
#define OIDC_SOONER_SECONDS  10  /* the same, where a key was asked for that is not there */
#define OIDC_LEEWAY_SECONDS  60  /* by which clocks may differ */
#define OIDC_TOKEN_MAX       ((size_t)16 << 10)

struct oidc;

/* Reads the files of all tenants. `config` is borrowed. The caller frees it; NULL with the file's
 * name where one can't be read. */
struct oidc *oidc_open(const struct config *config, struct error *err);
void oidc_close(struct oidc *oidc);

/* Fetches what is due at this time (seconds since 1970), by one thread. What cannot be fetched is
 * logged, and what is there stays. */
void oidc_refresh(struct oidc *oidc, service_fetch *fetch, int64_t now);

/* Whether this token proves an administrator of the tenant: `name`, of `size` bytes, says who.
 * ERROR_REFUSED with the reason. */
int oidc_check(struct oidc *oidc, const struct config_tenant *tenant, struct span token,
               int64_t now, char *name, size_t size, struct error *err);

#endif
