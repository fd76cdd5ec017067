/*
 * What a machine of this project puts into a report's REPORT_DATA, and why it can't be mistaken.
 *
 * The guest makes runtime_data itself from the asker's nonce and what it runs, as canonical JSON:
 *
 *     {"caisson":"evidence-2","nonce":"<hex>","containers":{"demanded":3,"running":2,"done":1}}
 *
 * and REPORT_DATA is SHA-256(runtime_data) followed by 32 zero bytes (the form that Microsoft Azure
 * Attestation expects of runtime data). The host chooses the nonce and which containers it starts:
 * neither makes the text say that it holds a key, so a later kind of runtime data, with keys in it,
 * names itself otherwise. The policy needs no place here: HOST_DATA binds it.
 *
 * Guest and verifier share this file; it needs only base and crypto/digest. See docs/evidence.md.
 */
#ifndef CAISSON_EVIDENCE_RUNTIME_DATA_H
#define CAISSON_EVIDENCE_RUNTIME_DATA_H

#include "base/buf.h"

#define RUNTIME_DATA_NONCE_MAX 64 /* bytes */
#define RUNTIME_DATA_COUNT_MAX 99999
#define RUNTIME_DATA_SIZE_MAX  256 /* bytes of the JSON text */
#define REPORT_DATA_SIZE       64

struct runtime_data {
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX];
    size_t nonce_size;
    /* Containers that the policy demands; of them those that run, and those that have come to a
     * good end that they may have. Each at most RUNTIME_DATA_COUNT_MAX. */
    uint32_t demanded, running, done;
};

/* Appends its text to `out`. ERROR_INVALID for a nonce that is not 1 to RUNTIME_DATA_NONCE_MAX
 * bytes, or a count that is too high. */
int runtime_data_write(const struct runtime_data *data, struct buf *out, struct error *err);

/* The REPORT_DATA that stands for this runtime data. */
void runtime_data_report_data(struct span runtime_data, uint8_t out[REPORT_DATA_SIZE]);

/* Accepts exactly what runtime_data_write() makes and nothing that only means the same. */
int runtime_data_read(struct span text, struct runtime_data *out, struct error *err);

/* Every container that the policy demands runs, or is done. */
bool runtime_data_is_whole(const struct runtime_data *data);

#endif
