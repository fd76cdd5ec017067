/* What the files of the configuration share. */
#ifndef CAISSON_SERVICE_CONFIG_PARTS_H
#define CAISSON_SERVICE_CONFIG_PARTS_H

#include <jansson.h>

#include "service/config.h"

/* As json_copy_text(), of a path, which is of the configuration's folder where it is relative. */
int config_copy_path(const json_t *object, const char *key, const char *folder, char **out,
                     struct error *err);

/* The members `master` and `master_before`, once `state` is known; without the first the key is in
 * the file master.key of that folder. */
int config_read_masters(const json_t *object, const char *folder, struct config *out,
                        struct error *err);

/* The members `keys`, a file or a URL, and `ca`. */
int config_read_keys(const json_t *object, const char *folder, struct config_keys *out,
                     struct error *err);
void config_free_keys(struct config_keys *keys);

/* A tenant's member `oidc`. */
int config_read_oidc(const json_t *object, const char *folder, struct config_tenant *tenant,
                     struct error *err);
void config_free_oidc(struct config_tenant *tenant);

#endif
