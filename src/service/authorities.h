/*
 * Other attestation services whose tokens release keys of a tenant: the configuration names their
 * issuer and where their keys are (RFC 7517, section 5; service/key_source.h). This service's own
 * tokens need none.
 */
#ifndef CAISSON_SERVICE_AUTHORITIES_H
#define CAISSON_SERVICE_AUTHORITIES_H

#include "format/jws.h"
#include "service/config.h"
#include "service/service.h"

struct authorities;

/* Reads the files of all tenants. `config` is borrowed. The caller frees it; NULL with the file's
 * name where it can't be read, or has no key that checks signatures. */
struct authorities *authorities_open(const struct config *config, struct error *err);
void authorities_close(struct authorities *authorities);

/* As key_source_refresh() and key_source_adopt(), of each authority's keys. */
void authorities_refresh(struct authorities *authorities, service_fetch *fetch, int64_t now);
void authorities_adopt(struct authorities *authorities, const struct authorities *before);

/* ERROR_REFUSED unless the issuer is an authority of this tenant, and one of its keys signed the
 * message. *out is the authority. */
int authorities_check(struct authorities *authorities, const struct config_tenant *tenant,
                      const char *issuer, const struct jws *jws,
                      const struct config_authority **out, struct error *err);

#endif
