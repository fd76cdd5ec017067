/*
 * Small documents from a service of certificates: https, or http from this very machine; bounded in
 * size and time; asked again, politely, when the service says later or breaks off.
 */
#ifndef CAISSON_CLI_FETCH_H
#define CAISSON_CLI_FETCH_H

#include "base/buf.h"

struct fetch_options {
    const char *tls_ca;  /* a file of authorities to trust besides the system's, or NULL */
    const char *header;  /* one more header, or NULL */
    unsigned time_limit; /* seconds for one try */
    struct span json;    /* POST this, which is JSON, instead of GET; empty: GET */
    bool link_local;     /* plain http to 169.254.169.254 is allowed: the cloud's own address */
};

/* Appends the document's bytes to `out`, whose limit bounds it. ERROR_NOT_FOUND for status 404,
 * ERROR_USAGE for a URL that is not allowed, ERROR_UNAVAILABLE when the service can't be reached or
 * keeps saying later. */
int fetch_document(const char *url, const struct fetch_options *options, struct buf *out,
                   struct error *err);

#endif
