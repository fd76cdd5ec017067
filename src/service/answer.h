/* Answers in JSON, and errors in the form that Microsoft's services give them. */
#ifndef CAISSON_SERVICE_ANSWER_H
#define CAISSON_SERVICE_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "service/server.h"

/* The body is this value; it becomes an error of the service where memory runs out. */
void answer_json(struct server_answer *answer, enum http_status status, const json_t *value);

/* {"error":{"code":…,"message":…}}. Without a code (NULL) it is the status' words. */
void answer_error(struct server_answer *answer, enum http_status status, const char *code,
                  const char *message);

/* True where the request's api-version is one of `known` (NULL behind the last); else answers 400
 * with those that are. */
bool answer_check_api_version(const struct server_request *request, const char *const known[],
                              struct server_answer *answer);

#endif
