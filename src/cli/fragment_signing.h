/* Signing a policy fragment: what `caisson policy fragment sign` and `caisson confcom
 * acifragmentgen` do alike. */
#ifndef CAISSON_CLI_FRAGMENT_SIGNING_H
#define CAISSON_CLI_FRAGMENT_SIGNING_H

#include "base/buf.h"

struct fragment_signing {
    const char *key, *chain; /* files: the private key, the certificates from leaf to authority */
    const char *feed;
    const char *content_type;
    const char *svn;        /* for the header; NULL for none there */
    const char *issuer;     /* NULL for the last certificate and the leaf's name */
    const char *algorithm;  /* NULL for the key's own */
    const char *parameters; /* the file of values that the text is tried with; NULL for none */
};

/* Appends the signed message to `out`, which is empty and has a limit of COSE_SIZE_MAX. It is
 * verified as a guest would: one that no guest takes is an error. */
int fragment_sign(struct span text, const struct fragment_signing *how, struct buf *out,
                  struct error *err);

#endif
