/*
 * What a machine of this project puts into a report's REPORT_DATA, and why it can't be mistaken.
 *
 * The guest makes runtime_data itself from the asker's nonce, as canonical JSON:
 *
 *     {"caisson":"evidence-1","nonce":"<hex>"}
 *
 * and REPORT_DATA is SHA-256(runtime_data) followed by 32 zero bytes (the form that Microsoft Azure
 * Attestation expects of runtime data). The host chooses the nonce and nothing else: no nonce makes
 * the text say that it holds a key, so a later kind of runtime data, with keys in it, names itself
 * otherwise. The policy needs no place here: HOST_DATA binds it.
 *
 * Guest and verifier share this file; it needs only base and crypto/digest. See docs/evidence.md.
 */
#ifndef CAISSON_EVIDENCE_RUNTIME_DATA_H
#define CAISSON_EVIDENCE_RUNTIME_DATA_H

#include "base/buf.h"

#define RUNTIME_DATA_NONCE_MAX 64  /* bytes */
#define RUNTIME_DATA_SIZE_MAX  256 /* bytes of the JSON text */
#define REPORT_DATA_SIZE       64

/* Appends the runtime data for this nonce to `out`. ERROR_INVALID for a nonce that is not 1 to
 * RUNTIME_DATA_NONCE_MAX bytes. */
int runtime_data_from_nonce(struct span nonce, struct buf *out, struct error *err);

/* The REPORT_DATA that stands for this runtime data. */
void runtime_data_report_data(struct span runtime_data, uint8_t out[REPORT_DATA_SIZE]);

/* Reads the nonce out of runtime data: accepts exactly what runtime_data_from_nonce() makes and
 * nothing that only means the same. `nonce` must hold RUNTIME_DATA_NONCE_MAX bytes. */
int runtime_data_to_nonce(struct span runtime_data, uint8_t nonce[RUNTIME_DATA_NONCE_MAX],
                          size_t *size, struct error *err);

#endif
