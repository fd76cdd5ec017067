/*
 * A registry's client for one repository at one endpoint: finds the scheme, answers challenges,
 * tries again. The user's credentials go to this endpoint and to the token service that it names,
 * over https (or over the plain http that the user allowed for the endpoint), and nowhere else.
 */
#ifndef CAISSON_IMAGE_CLIENT_H
#define CAISSON_IMAGE_CLIENT_H

#include "image/http.h"

struct client;

/* `path` is the repository's, "library/redis"; `name` the registry's by which credentials are
 * looked up besides the endpoint's host. All are borrowed but the endpoint, which is copied. */
struct client *client_new(struct http *http, const struct endpoint *endpoint, const char *name,
                          const char *path, struct error *err);
void client_free(struct client *client);

/* Another one for another thread, which need not ask for a token again; with connections of its
 * own. The first one is not in use meanwhile. */
struct client *client_fork(const struct client *client, struct error *err);

/* As http_stop_when(), for waits between tries too. */
void client_stop_when(struct client *client, const atomic_bool *stop);

/* GETs /v2/<path>/<what>. *from, or NULL, is read before each try: the first byte that is wanted;
 * the sink advances it. Success is status 200 or 206; all else is an error with the registry's own
 * words: ERROR_NOT_FOUND, ERROR_REFUSED (401, 403), ERROR_UNAVAILABLE, ERROR_PROTOCOL. */
int client_get(struct client *client, const char *what, const char *accept, const uint64_t *from,
               const struct http_sink *sink, struct http_response *response, struct error *err);

#endif
