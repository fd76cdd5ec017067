/*
 * Where the master key, which seals all that is secret in the store, comes from:
 *
 *   - a file of 32 bytes, which only its owner may read;
 *   - a TPM 2.0: a file holds the key as an object that this TPM alone unseals, under its storage
 *     root key, and where asked for only while some registers (PCRs) hold what they held when it
 *     was made;
 *   - a PKCS#11 token: a file holds the key, encrypted by a key that never leaves the token.
 *
 * The last two say the key to this process at its start, once: it then lies in locked memory
 * (service/vault.h), and the TPM or the token is not asked again.
 */
#ifndef CAISSON_SERVICE_MASTER_H
#define CAISSON_SERVICE_MASTER_H

#include "crypto/seal.h"

enum master_kind { MASTER_FILE, MASTER_TPM, MASTER_PKCS11, MASTER_KIND_COUNT };

/* The configuration's `master`. */
struct master {
    enum master_kind kind;
    char *path;    /* of the file that holds the key, or what it is sealed into */
    char *tcti;    /* of the TPM: "device:/dev/tpmrm0"; NULL: tss2's own choice */
    uint32_t pcrs; /* of the TPM: a bit each of PCR 0 to 23 in the SHA-256 bank */
    char *module;  /* of PKCS#11: the library */
    char *token;   /* the token's label */
    char *key;     /* the key's label */
    char *pin;     /* a file, which only its owner may read */
};

void master_fini(struct master *master);

/* Reads the key into `out`, which the caller wipes. Where the file is not there a key is made,
 * and *made says so: the caller holds the lock of the store that it is for. With `made` NULL it has
 * to be there: else ERROR_NOT_FOUND. ERROR_REFUSED for a
 * file that others may read or write, and for a TPM or a token that does not give the key. */
int master_open(const struct master *master, uint8_t out[AES256_KEY_SIZE], bool *made,
                struct error *err);

#endif
