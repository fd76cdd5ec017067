/*
 * User names and passwords for registries, from the files that `docker login`, `podman login` and
 * `skopeo login` write:
 *
 *     $REGISTRY_AUTH_FILE, or else the first that names the registry of
 *     $XDG_RUNTIME_DIR/containers/auth.json
 *     $XDG_CONFIG_HOME/containers/auth.json (~/.config)
 *     $DOCKER_CONFIG/config.json (~/.docker)
 *
 * Programs that keep credentials (credsStore, credHelpers) are not called; `helper` says that one
 * was named.
 */
#ifndef CAISSON_IMAGE_CREDENTIALS_H
#define CAISSON_IMAGE_CREDENTIALS_H

#include "base/buf.h"

struct credentials {
    bool found;
    bool helper;               /* a file names a helper for this registry */
    struct buf user;           /* as C strings; each at most CREDENTIALS_SIZE_MAX bytes */
    struct buf password;       /* secret */
    struct buf identity_token; /* secret; "" where there is none */
    char file[512];            /* where they were found, for messages */
};

#define CREDENTIALS_SIZE_MAX 65536 /* bytes of each part */

/* Looks `host` up for the repository `path`. Nothing found is no error. Ended with
 * credentials_fini(), on failure too. */
int credentials_find(const char *host, const char *path, struct credentials *out,
                     struct error *err);

/* The same in one document. */
int credentials_parse(struct span text, const char *host, const char *path, struct credentials *out,
                      struct error *err);
void credentials_fini(struct credentials *credentials);
#define CREDENTIALS_AUTO __attribute__((cleanup(credentials_fini))) struct credentials

#endif
