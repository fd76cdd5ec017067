/* The signed policy fragments that a machine is handed (--fragment FILE, which repeats). */
#ifndef CAISSON_CLI_RUN_FRAGMENTS_H
#define CAISSON_CLI_RUN_FRAGMENTS_H

#include "base/buf.h"
#include "cli/args.h"

#define RUN_FRAGMENTS_MAX 64

struct run_fragments {
    struct buf bytes[RUN_FRAGMENTS_MAX];
    struct span spans[RUN_FRAGMENTS_MAX]; /* of those */
    size_t count;
};

/* Reads the files, and refuses what is no fragment; who signed it and whether the policy takes it
 * is the guest's to say. The caller calls run_fragments_fini() either way. */
int run_fragments_read(const struct args *args, struct run_fragments *out, struct error *err);
void run_fragments_fini(struct run_fragments *fragments);

#endif
