/* Keys in the JSON of Azure Key Vault's interface. What is given is the caller's; NULL where memory
 * ran out. */
#ifndef CAISSON_SERVICE_KEY_ANSWER_H
#define CAISSON_SERVICE_KEY_ANSWER_H

#include "service/key_version.h"

/* "https://attest.example/keys/NAME/VERSION"; `issuer` is the tenant's address. */
char *key_id(const char *issuer, const struct key_version *key);

/* {"key":{…},"attributes":{…},"tags":{…},"release_policy":{…}}: the public half alone. */
json_t *key_to_json(const char *issuer, const struct key_version *key);

/* {"kid":…,"attributes":{…},"tags":{…}}, as lists have it. */
json_t *key_item_to_json(const char *issuer, const struct key_version *key);

/* Adds to either what is said of a deleted key; false where memory ran out. */
bool key_add_deletion(json_t *object, const char *issuer, const char *name, int64_t deleted);

#endif
