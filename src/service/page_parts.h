/* What the files behind the page share. */
#ifndef CAISSON_SERVICE_PAGE_PARTS_H
#define CAISSON_SERVICE_PAGE_PARTS_H

#include "service/service_parts.h"

/* For the tenant's resources: [{"name", "released", "reason": text or null}], by these claims of a
 * token of this issuer, as release_preview() does for keys. The caller's; NULL with the error. */
json_t *page_preview_resources(const struct call *call, const char *issuer, const json_t *claims,
                               struct error *err);

#endif
