/*
 * What a program's memory was at a moment, kept aside in this enclave so that it can be put back.
 *
 * Theory of operation: the bytes of pages that can be written and have any are copied, run by run.
 * Putting back writes them again, clears what has come to be since, and unmaps what was not mapped.
 * In between the program may write, let its heap grow and map memory where there is room; accesses
 * and mappings that were there must stay, which is for the caller to see to. With the lock, and
 * while no other thread runs in the program.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_KEPT_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_KEPT_H

#include <stddef.h>

#define KEPT_PAGES_MAX 4096 /* 16 MiB */

struct kept;

/* -ENOMEM, also for more pages than KEPT_PAGES_MAX; what is shared with others cannot be kept. */
int kept_take(struct kept **out);

/* The memory is as it was. */
void kept_put_back(const struct kept *kept);

void kept_free(struct kept *kept);

#endif
