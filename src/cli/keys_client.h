/* The attestation service's keys, in the JSON of its interface (docs/keys.md). */
#ifndef CAISSON_CLI_KEYS_CLIENT_H
#define CAISSON_CLI_KEYS_CLIENT_H

#include <jansson.h>

#include "cli/service_client.h"

/* Asks. `path` follows the service's URL and has no query ("/keys/db"); `query` is more of it
 * ("&maxresults=25"), or "". `body` is what is sent, or NULL. *answer is the caller's, NULL where
 * there is none (204). Errors as service_client_send()'s. */
int keys_client_ask(const struct args *args, const char *method, const char *path,
                    const char *query, const json_t *body, json_t **answer, struct error *err);

#endif
