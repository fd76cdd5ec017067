/*
 * User names and passwords for registries, from the files that `docker login`, `podman login` and
 * `skopeo login` write:
 *
 *     $REGISTRY_AUTH_FILE, or else the first that names the registry of
 *     $XDG_RUNTIME_DIR/containers/auth.json
 *     $XDG_CONFIG_HOME/containers/auth.json (~/.config)
 *     $DOCKER_CONFIG/config.json (~/.docker)
 *
 * Where the file names a credential helper for the registry (credHelpers, or else credsStore), the
 * helper is asked first; what the file itself holds serves where the helper has nothing.
 */
#ifndef CAISSON_IMAGE_CREDENTIALS_H
#define CAISSON_IMAGE_CREDENTIALS_H

#include "base/buf.h"

#define CREDENTIALS_HELPER_SIZE 64 /* characters of a helper's name, with the terminator */

struct credentials {
    bool found;
    char helper[CREDENTIALS_HELPER_SIZE]; /* that the file names for this registry; "" for none */
    struct buf user;           /* as C strings; each at most CREDENTIALS_SIZE_MAX bytes */
    struct buf password;       /* secret */
    struct buf identity_token; /* secret; "" where there is none */
    char origin[512];          /* where they were found, for messages */
    char problem[512];         /* why a helper could not be asked; "" */
};

#define CREDENTIALS_SIZE_MAX 65536 /* bytes of each part */

/* Looks `host` up for the repository `path`. Nothing found is no error. Ended with
 * credentials_fini(), on failure too. */
int credentials_find(const char *host, const char *path, struct credentials *out,
                     struct error *err);

/* The same in one document; asks no helper. */
int credentials_parse(struct span text, const char *host, const char *path, struct credentials *out,
                      struct error *err);

/* Puts them in, as `found`. ERROR_INVALID for characters that no header may hold. An empty user
 * with an empty password counts as none. */
int credentials_set(struct credentials *out, struct span user, struct span password,
                    struct error *err);
int credentials_set_token(struct credentials *out, const char *token, struct error *err);

void credentials_init(struct credentials *out);
void credentials_fini(struct credentials *credentials);
#define CREDENTIALS_AUTO __attribute__((cleanup(credentials_fini))) struct credentials

#endif
