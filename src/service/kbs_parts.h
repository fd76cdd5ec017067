/* What the files of the key broker's interface share. */
#ifndef CAISSON_SERVICE_KBS_PARTS_H
#define CAISSON_SERVICE_KBS_PARTS_H

#include "service/service_parts.h"

#define KBS_TOKEN_MAX  ((size_t)64 << 10) /* bytes of a token */
#define KBS_TOKEN_LIFE 300                /* seconds for which one is valid */

/* {"type": "https://github.com/confidential-containers/kbs/errors/NAME", "detail": …}, the form of
 * the protocol's errors. */
void kbs_answer_error(struct server_answer *answer, enum http_status status, const char *name,
                      const char *detail);

/* The status for what went wrong where the protocol wants 401: that, or the service's own fault. */
enum http_status kbs_status_of(const struct error *err);

/* The session's id of the request's cookie; empty where there is none. */
struct span kbs_cookie(const struct call *call);

/* The claims of the token that proves who asks: the bearer's, or the session's of the cookie. NULL
 * with the reason where there is none, or it is not one of this tenant's that is valid now. The
 * caller's. */
json_t *kbs_find_claims(const struct call *call, struct error *err);

#endif
