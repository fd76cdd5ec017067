/*
 * What can be rewritten in code of layers' files (sites.h), for who loads the same again: finding
 * it takes longer than most programs run. In the first enclave, which has the files; with its lock.
 *
 * A layer's file is always the same, so that its sites need no look at the bytes: what has been
 * written to is looked through each time. Nobody else's word is taken for them.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_KNOWN_SITES_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_KNOWN_SITES_H

#include <stddef.h>
#include <stdint.h>

struct node;
struct site;

#define KNOWN_SITES_MAX 32768 /* of all pieces (known.h) */

/* As sites_find() for the code that the file has from an offset on. */
int known_sites_find(const struct node *node, uint64_t offset, const uint8_t *code, size_t size,
                     struct site *out, size_t most);

/* Likewise for who has not the code at hand: zeros are behind the file's end. -ENOENT for a file
 * that is no layer's, as it is there; -ENOMEM; or what reading it says. */
int known_sites_read(struct node *node, uint64_t offset, size_t size, struct site *out,
                     size_t most);

#endif
