/* Keys made and changed as a request asks: what goes together, and what is what where it is silent.
 */
#ifndef CAISSON_SERVICE_KEY_MAKE_H
#define CAISSON_SERVICE_KEY_MAKE_H

#include "service/key_request.h"

/* Makes the key of a create request (new), or of an import request (its own), into what
 * key_version_init() prepared, with a new version and without a name. ERROR_INVALID where a
 * rule and `exportable` do not go together. An RSA key of 4096 bits takes seconds. */
int key_make(const struct key_request *request, int64_t now, struct key_version *out,
             struct error *err);

/* Changes what an update request sets. ERROR_REFUSED for what is fixed: whether it is exportable,
 * and a rule that was made immutable. On failure *key is to be thrown away. */
int key_change(const struct key_settings *settings, int64_t now, struct key_version *key,
               struct error *err);

#endif
