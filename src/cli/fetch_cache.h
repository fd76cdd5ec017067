/*
 * Documents that were fetched and found good, kept on disk by the SHA-256 of their URL. Each file
 * begins with the SHA-256 of what follows: one that was damaged is as good as absent. What is
 * in there is still verified like anything from outside.
 */
#ifndef CAISSON_CLI_FETCH_CACHE_H
#define CAISSON_CLI_FETCH_CACHE_H

#include "base/buf.h"

/* The folder: `given`, else $CAISSON_HOME/certificates, else caisson/certificates in
 * $XDG_CACHE_HOME or ~/.cache. The caller frees it. */
int fetch_cache_folder(const char *given, char **folder, struct error *err);

/* Appends what is kept for this URL; false where there is nothing, or nothing sound. */
bool fetch_cache_read(const char *folder, const char *url, struct buf *out);

/* Keeps the document; makes the folder (0700). A crash leaves the old one or the new one. */
int fetch_cache_write(const char *folder, const char *url, struct span document, struct error *err);

#endif
