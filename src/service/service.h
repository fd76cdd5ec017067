/*
 * The attestation and key release service: what stands behind the server. It finds the tenant and
 * the route of a request, has it answered, and keeps the audit log: no decision leaves before it is
 * written there.
 */
#ifndef CAISSON_SERVICE_SERVICE_H
#define CAISSON_SERVICE_SERVICE_H

#include "service/config.h"
#include "service/server.h"

struct service;

/* Appends what is at a URL: https, or http of this machine. `ca` (NULL: none) is a file of
 * authorities to trust besides the system's. */
typedef int service_fetch(const char *url, const char *ca, struct buf *out, struct error *err);

/* Sends JSON to a URL of this machine, and appends what it answers. */
typedef int service_post(const char *url, struct span body, struct buf *out, struct error *err);

/* Opens the store and its keys in the configuration's folder, which is made where it is not there;
 * *made says that a master key was made. Takes the configuration, which was allocated, also where
 * it fails; `post` is for evidence of the service's own, where the configuration wants it. */
struct service *service_open(struct config *config, service_post *post, bool *made,
                             struct error *err);
void service_close(struct service *service);

/* Goes on by another configuration, which it takes, also where it fails: requests from now on are
 * answered by it, those that have begun by the one before, which ends with the last of them.
 * ERROR_REFUSED for what cannot change (config_check_change()). After any failure all is as before.
 * By the thread that refreshes. */
int service_reload(struct service *service, struct config *config, struct error *err);

/* What a server is given. */
struct server_owner service_owner(struct service *service);

/* Lets signing keys rotate; for every hour or so, by one thread. */
int service_refresh(struct service *service, struct error *err);

/* Fetches the keys of other issuers that are due: of administrators' tokens, and of authorities.
 * For every few seconds, by the same thread. What fails is logged. */
void service_refresh_issuers(struct service *service, service_fetch *fetch);

#endif
