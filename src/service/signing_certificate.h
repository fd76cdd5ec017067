/* The certificates of keys that sign tokens: each its own, which x5c shows to readers that want
 * one. Where the service has evidence of its own, they hold it. */
#ifndef CAISSON_SERVICE_SIGNING_CERTIFICATE_H
#define CAISSON_SERVICE_SIGNING_CERTIFICATE_H

#include "format/jwk.h"
#include "service/own_evidence.h"

struct signing_life {
    int64_t now, not_before, not_after; /* seconds since 1970 */
};

/* Issues a key's certificate, which becomes its chain, with evidence for it (`own`; NULL: there is
 * none). What own_evidence_make() says. */
int signing_certify(struct jwk *jwk, const struct signing_life *life,
                    const struct own_evidence *own, struct error *err);

/* Whether a key's certificate holds evidence: such a key was made in a machine that has some. */
bool signing_has_evidence(const struct jwk *jwk);

#endif
