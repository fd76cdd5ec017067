/* What the sources of the master key share. */
#ifndef CAISSON_SERVICE_MASTER_PARTS_H
#define CAISSON_SERVICE_MASTER_PARTS_H

#include "base/buf.h"
#include "service/master.h"

#define MASTER_BLOB_MAX 4096 /* bytes of a sealed key */
#define MASTER_PIN_MAX  255  /* bytes */

/* Appends a file that only its owner may read or write. ERROR_NOT_FOUND where it is not there. */
int master_read_file(const char *path, const char *what, struct buf *out, struct error *err);

/* Puts the key into what only the TPM or the token opens, and takes it out. */
int master_tpm_seal(const struct master *master, const uint8_t key[AES256_KEY_SIZE],
                    struct buf *out, struct error *err);
int master_tpm_unseal(const struct master *master, struct span blob, uint8_t key[AES256_KEY_SIZE],
                      struct error *err);
int master_pkcs11_seal(const struct master *master, const uint8_t key[AES256_KEY_SIZE],
                       struct buf *out, struct error *err);
int master_pkcs11_unseal(const struct master *master, struct span blob,
                         uint8_t key[AES256_KEY_SIZE], struct error *err);

#endif
