/*
 * Data that only an enclave of the same identity, under the same policy, on the same processor can
 * read again: sealed by a key that the processor derives (EGETKEY, Intel SDM volume 3D).
 *
 * The form, version 1, little endian:
 *
 *     0   "CAISSEAL"
 *     8   u16 version, 1
 *     10  u16 KEYPOLICY: CONFIGID and one of MRENCLAVE and MRSIGNER
 *     12  u16 ISVSVN, u16 CONFIGSVN of who sealed
 *     16  CPUSVN of who sealed, 16 bytes
 *     32  KEYID, 32 random bytes, new each time
 *     64  u64 bytes of plaintext
 *     72  tag, 16 bytes
 *     88  ciphertext
 *
 * The key is HMAC-SHA256 of a fixed text and KEYID by the processor's 128-bit key for these fields.
 * It is used once, with an IV of zeros, for AES-256-GCM; bytes 0 to 71 and then the caller's label
 * are authenticated. What the fields lie about gives another key.
 *
 * An enclave opens what older versions sealed (ISVSVN and CONFIGSVN at most its own). The host can
 * give back older sealed data, or none: there is no counter against that. All bytes are the
 * enclave's own; what lies in the host's memory is copied first.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SEAL_SEAL_H
#define CAISSON_ENCLAVE_LIBOS_SEAL_SEAL_H

#include "base/span.h"
#include "measure/sgx.h"

#define SEAL_HEAD_SIZE 88
#define SEAL_PLAIN_MAX (64 * 1024 * 1024) /* bytes */
#define SEAL_LABEL_MAX 64                 /* bytes */

/* Who can read it, always under the same policy (CONFIGID). */
enum seal_to {
    SEAL_TO_ENCLAVE = SGX_POLICY_CONFIGID | SGX_POLICY_MRENCLAVE, /* the very same code */
    SEAL_TO_SIGNER = SGX_POLICY_CONFIGID | SGX_POLICY_MRSIGNER,   /* and later versions of it */
};

/* What is asked of the processor, and the enclave's own numbers, from a report of its own. */
struct seal_processor {
    uint32_t (*key)(void *arg, const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE]);
    int (*random)(void *arg, void *out, size_t size);
    void *arg;
    uint16_t isv_svn, config_svn;
    uint8_t cpu_svn[16];
};

/* Seals into out[SEAL_HEAD_SIZE + plain.size]. `label` says what it is for. -EINVAL for sizes
 * beyond the limits, -EACCES where the processor gives no key, else what `random` says. */
int seal_make(const struct seal_processor *processor, enum seal_to to, struct span label,
              struct span plain, uint8_t *out);

/* Opens into `out`, which has room for sealed.size - SEAL_HEAD_SIZE bytes: as many there are. `to`
 * and `label` must be those of seal_make(). -EINVAL for another form, -EACCES where the processor
 * gives no key, -EBADMSG for data that was changed, or sealed by another enclave, under another
 * policy or label, or on another processor; `out` is then untouched. */
int seal_open(const struct seal_processor *processor, enum seal_to to, struct span label,
              struct span sealed, uint8_t *out);

#define SEAL_PROGRAM_KEY_SIZE 16

/* A key for whoever could read what is sealed so, by whoever has the same versions, and the same
 * each time: no key of sealed data. -EINVAL, -EACCES as above; the caller wipes it. */
int seal_program_key(const struct seal_processor *processor, enum seal_to to,
                     uint8_t out[SEAL_PROGRAM_KEY_SIZE]);

#endif
