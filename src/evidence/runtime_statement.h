/*
 * A guest's runtime data as the verifier reads it (runtime_data.h has its form). What it says is to
 * be believed once a report is over it.
 */
#ifndef CAISSON_EVIDENCE_RUNTIME_STATEMENT_H
#define CAISSON_EVIDENCE_RUNTIME_STATEMENT_H

#include "crypto/digest.h"
#include "evidence/runtime_data.h"
#include "format/json.h"

struct runtime_statement {
    struct runtime_data data;
    struct runtime_fragment fragments[RUNTIME_DATA_FRAGMENTS_MAX];
    uint8_t digests[RUNTIME_DATA_FRAGMENTS_MAX][SHA256_SIZE];
    json_t *document; /* owns the texts */
};

/* Accepts exactly what runtime_data_write() makes and nothing that only means the same:
 * ERROR_INVALID otherwise, and an empty statement (its nonce has no bytes). The owner calls
 * runtime_statement_fini() in any case, and does not move it. */
int runtime_statement_read(struct span text, struct runtime_statement *out, struct error *err);
void runtime_statement_fini(struct runtime_statement *statement);
#define RUNTIME_STATEMENT_AUTO                                                                     \
    __attribute__((cleanup(runtime_statement_fini))) struct runtime_statement

/* Every container that the policy demands runs, or is done. */
bool runtime_data_is_whole(const struct runtime_data *data);

#endif
