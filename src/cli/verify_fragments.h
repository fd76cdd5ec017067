/* What `caisson verify` demands of a machine's fragments, and what it tells of them. */
#ifndef CAISSON_CLI_VERIFY_FRAGMENTS_H
#define CAISSON_CLI_VERIFY_FRAGMENTS_H

#include <jansson.h>

#include "cli/args.h"
#include "crypto/digest.h"
#include "evidence/fragment_demand.h"

/* The words of --fragment and --no-other-fragments. */
struct verify_fragments {
    struct fragment_demands demands;
    struct fragment_demand items[RUNTIME_DATA_FRAGMENTS_MAX];
    uint8_t digests[RUNTIME_DATA_FRAGMENTS_MAX][SHA256_SIZE];
    char *texts[RUNTIME_DATA_FRAGMENTS_MAX]; /* owned; the items point into them */
};

/* ERROR_USAGE for words that say nothing, or the same twice. `out` is not moved afterwards, and
 * its owner calls verify_fragments_fini() in any case. */
int verify_fragments_read(const struct args *args, struct verify_fragments *out, struct error *err);
void verify_fragments_fini(struct verify_fragments *fragments);

/* Appends a line for each that was loaded. */
int verify_fragments_note(const struct runtime_data *data, struct buf *out, struct error *err);

/* The same for machines: a new array; NULL where nothing was loaded, or memory ran out. */
json_t *verify_fragments_claims(const struct runtime_data *data);

#endif
