/*
 * What a client of Confidential Containers' key broker sends (KBS attestation protocol 0.4.0, in
 * Trustee's kbs/docs/kbs_attestation_protocol.md): first which processor it runs on, then its
 * evidence with the key that answers are to be sealed for. Pure.
 *
 * REPORT_DATA holds the hash of the canonical JSON (RFC 8785) of {"additional-evidence", "nonce",
 * "tee-pubkey"}, as they came; zeros follow.
 */
#ifndef CAISSON_SERVICE_KBS_REQUEST_H
#define CAISSON_SERVICE_KBS_REQUEST_H

#include "format/jwe.h"

#define KBS_VERSION       "0.4.0"
#define KBS_BODY_MAX      ((size_t)1 << 20)
#define KBS_DEPTH_MAX     16
#define KBS_INIT_DATA_MAX ((size_t)256 << 10) /* bytes */
#define KBS_TEE_MAX       32                  /* bytes of a kind's name */

/* The hash of runtime data. Who says nothing of hashes uses SHA-384. */
enum kbs_hash { KBS_SHA384, KBS_SHA256, KBS_SHA512, KBS_HASH_COUNT };

/* "sha384" */
const char *kbs_hash_name(enum kbs_hash hash);

/* The body of /kbs/v0/auth. */
struct kbs_hello {
    char tee[KBS_TEE_MAX + 1]; /* "snp", "tdx", "sample", …: as the client says */
    enum kbs_hash hash;
};

/* ERROR_INVALID for what is no such body and for another version of the protocol; ERROR_REFUSED
 * where the client knows none of the hashes that are known here. */
int kbs_hello_read(struct span body, struct kbs_hello *out, struct error *err);

/* The body of /kbs/v0/attest. */
struct kbs_attestation {
    json_t *document;         /* what the next three are of */
    const char *nonce;        /* as the client repeats it */
    const json_t *tee_pubkey; /* a JWK */
    const json_t *evidence;   /* of the processor */
    uint8_t report_data[SHA512_SIZE];
    bool has_init_data;
    uint8_t host_data[SHA256_SIZE]; /* what binds init-data: its digest's first 32 bytes */
};

/* Reads a client's public key, a JWK, into what jwk_init() prepared, and how to seal for it: by its
 * "alg", which must go with its kind. ERROR_INVALID. */
int kbs_key_read(const json_t *tee_pubkey, struct jwk *out, enum jwe_algorithm *sealed,
                 struct error *err);

/* Reads a body; the caller calls kbs_attestation_fini(), also after a failure. ERROR_INVALID,
 * ERROR_LIMIT, and ERROR_REFUSED for evidence of additional devices, which nothing here verifies.
 */
int kbs_attestation_read(struct span body, enum kbs_hash hash, struct kbs_attestation *out,
                         struct error *err);
void kbs_attestation_fini(struct kbs_attestation *attestation);
#define KBS_ATTESTATION_AUTO __attribute__((cleanup(kbs_attestation_fini))) struct kbs_attestation

#endif
