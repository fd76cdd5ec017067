/*
 * What a user writes to name an image in a registry, by Docker's rules (distribution/reference):
 * `[host[:port]/]path[:tag][@sha256:…]`. Without a host it is docker.io's, and a single word is
 * docker.io/library's; without tag and digest the tag is "latest".
 */
#ifndef CAISSON_IMAGE_REFERENCE_H
#define CAISSON_IMAGE_REFERENCE_H

#include "format/oci.h"

#define REFERENCE_TEXT_MAX 1024 /* bytes with the terminator; the path alone is at most 255 */
#define REFERENCE_TAG_MAX  128

struct reference {
    char host[256];  /* "docker.io", "localhost:5000", "[::1]:5000" */
    char path[256];  /* "library/redis" */
    char tag[129];   /* "" where only a digest is given */
    bool has_digest; /* the digest wins over the tag */
    struct oci_digest digest;
};

int reference_parse(const char *text, struct reference *out, struct error *err);

/* Writes the canonical form: "docker.io/library/redis:7", or with @sha256:… */
void reference_format(const struct reference *reference, char out[REFERENCE_TEXT_MAX]);

/* Whether the host is this machine: localhost, 127.x.x.x, ::1, with or without a port. */
bool reference_host_is_local(const char *host);

#endif
