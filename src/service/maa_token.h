/* What a token says: the claims of evidence, those that a policy issued, and those that every token
 * of MAA has. Pure. */
#ifndef CAISSON_SERVICE_MAA_TOKEN_H
#define CAISSON_SERVICE_MAA_TOKEN_H

#include "service/maa_claims.h"
#include "service/policies.h"

struct maa_token {
    const char *issuer;
    int64_t now;                        /* seconds since 1970 */
    int64_t life;                       /* seconds */
    const struct tenant_policy *policy; /* that permitted it */
    const char *id;                     /* jti */
    const json_t *issued;               /* what the policy issued: an object; NULL: nothing */
};

/* The claims of a token for a request whose evidence was accepted; the caller's. A claim that the
 * service itself makes cannot be issued by a policy: what it issues by such a name is left out. */
json_t *maa_token_claims(const struct maa_request *request, const struct maa_result *result,
                         const struct maa_token *token, struct error *err);

#endif
