/* "What would this evidence get?" */
#ifndef CAISSON_SERVICE_RELEASE_PREVIEW_H
#define CAISSON_SERVICE_RELEASE_PREVIEW_H

#include "service/service_parts.h"

#define RELEASE_PREVIEW_MAX 1000 /* keys that are looked at, in the order of their names */

/* For each key of the call's tenant that is not deleted, its newest version: {"name", "kid",
 * "released": true | false, "reason": null | text}, by these claims of a token of this issuer. The
 * caller's; NULL with the error. Nothing is given out, and nothing noted. */
json_t *release_preview(const struct call *call, const char *issuer, const json_t *claims,
                        struct error *err);

#endif
