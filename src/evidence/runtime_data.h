/*
 * What a machine of this project puts into a report's REPORT_DATA, and why it can't be mistaken.
 *
 * The guest makes runtime_data itself from the asker's nonce and what it runs, as canonical JSON:
 *
 *     {"caisson":"evidence-2","nonce":"<hex>","containers":{"demanded":3,"running":2,"done":1}}
 *
 * and, where fragments of the policy were loaded, one member more, in the order of loading:
 *
 *     ,"fragments":[{"issuer":"did:x509:…","feed":"…","svn":"5","sha256":"<hex>"}]
 *
 * REPORT_DATA is SHA-256(runtime_data) followed by 32 zero bytes (the form that Microsoft Azure
 * Attestation expects of runtime data). The host chooses the nonce, which containers it starts, and
 * which fragments of those that the policy takes it loads: none of it makes the text say that it
 * holds a key, so a later kind of runtime data, with keys in it, names itself otherwise. The policy
 * needs no place here: HOST_DATA binds it.
 *
 * An enclave's report has a mark in the place of the zeros (enclave_mark.h).
 *
 * Guest and verifier share this file; what reads such a text is runtime_statement.h. See
 * docs/evidence.md.
 */
#ifndef CAISSON_EVIDENCE_RUNTIME_DATA_H
#define CAISSON_EVIDENCE_RUNTIME_DATA_H

#include "base/buf.h"

#define RUNTIME_DATA_NONCE_MAX     64 /* bytes */
#define RUNTIME_DATA_COUNT_MAX     99999
#define RUNTIME_DATA_FRAGMENTS_MAX 64
#define RUNTIME_DATA_SIZE_MAX      12288 /* bytes of the JSON text: it must fit into one answer */
#define REPORT_DATA_SIZE           64

/* A fragment that was loaded. Texts are borrowed. */
struct runtime_fragment {
    const char *issuer; /* did:x509:… */
    const char *feed;
    const char *svn;       /* "5", or "1.2.0" */
    const uint8_t *digest; /* SHA-256 of the text that was signed */
};

struct runtime_data {
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX];
    size_t nonce_size;
    /* Containers that the policy demands; of them those that run, and those that have come to a
     * good end that they may have. Each at most RUNTIME_DATA_COUNT_MAX. */
    uint32_t demanded, running, done;
    const struct runtime_fragment *fragments;
    size_t fragment_count; /* at most RUNTIME_DATA_FRAGMENTS_MAX */
};

/* Appends its text to `out`. ERROR_INVALID for a nonce that is not 1 to RUNTIME_DATA_NONCE_MAX
 * bytes, or a count that is too high; ERROR_LIMIT where `out` has no room. */
int runtime_data_write(const struct runtime_data *data, struct buf *out, struct error *err);

/* The REPORT_DATA that stands for this runtime data. */
void runtime_data_report_data(struct span runtime_data, uint8_t out[REPORT_DATA_SIZE]);

#endif
