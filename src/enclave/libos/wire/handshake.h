/*
 * How two enclaves of one container find out that they are such, and come to keys (docs/sgx.md):
 *
 * Each sends a hello: what it is (the first enclave, or a child) and 32 random bytes. Then each
 * sends a proof: a REPORT for an enclave of its own identity, whose REPORT_DATA is SHA-256 of a
 * text, the sender's role and both random texts, then zeros. All that the other's REPORT says of
 * its enclave has to be what one's own says: MRENCLAVE, MRSIGNER, CONFIGID, attributes, versions.
 * The processor derives a key for this image under this policy and both random texts (EGETKEY,
 * SEAL), and HMAC of it makes one key a direction.
 *
 * No public key is used, so there is no forward secrecy against whoever gets the processor's keys;
 * and an enclave's own program, which shares its memory, could derive the keys too.
 *
 * All bytes are the enclave's own; what comes from the host is copied first.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_WIRE_HANDSHAKE_H
#define CAISSON_ENCLAVE_LIBOS_WIRE_HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/wire/record.h"
#include "measure/sgx.h"

enum handshake_role { HANDSHAKE_FIRST = 1, HANDSHAKE_CHILD = 2 };

#define HANDSHAKE_NONCE_SIZE 32
#define HANDSHAKE_HELLO_SIZE (16 + HANDSHAKE_NONCE_SIZE)
#define HANDSHAKE_PROOF_SIZE SGX_REPORT_SIZE

/* What is asked of the processor. Structures are as aligned as their types, data to 128 bytes and
 * keys to 16. */
struct handshake_processor {
    void (*report)(void *arg, const struct sgx_targetinfo *target,
                   const uint8_t data[SGX_REPORT_DATA_SIZE], struct sgx_report *out);
    uint32_t (*key)(void *arg, const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE]);
    int (*random)(void *arg, void *out, size_t size); /* 0, or a negative errno */
    void *arg;
};

struct handshake {
    const struct handshake_processor *processor; /* borrowed */
    enum handshake_role role;
    uint8_t nonces[2][HANDSHAKE_NONCE_SIZE]; /* the first enclave's, the child's */
    struct sgx_report own;                   /* who this enclave is */
};

/* In this order. Each is 0, or a negative errno and the end of it. */

/* What to send. What `random` says where there is nothing random. */
int handshake_begin(struct handshake *shake, const struct handshake_processor *processor,
                    enum handshake_role role, uint8_t hello[HANDSHAKE_HELLO_SIZE]);
/* The other's: -EIO for another form, or one that is not of the other role. */
int handshake_take_hello(struct handshake *shake, const uint8_t hello[HANDSHAKE_HELLO_SIZE]);
void handshake_prove(struct handshake *shake, uint8_t proof[HANDSHAKE_PROOF_SIZE]);
/* The other's: -EACCES for any other enclave than this, or another processor's, or an older proof;
 * -EIO where the processor gives no key. */
int handshake_take_proof(struct handshake *shake, const uint8_t proof[HANDSHAKE_PROOF_SIZE]);
/* The keys of both directions; -EIO likewise. The caller wipes them in the end. */
int handshake_keys(const struct handshake *shake, uint8_t out[RECORD_KEY_SIZE],
                   uint8_t in[RECORD_KEY_SIZE]);

/* The processor that this enclave runs on; a test's own where there is none. */
extern const struct handshake_processor handshake_inside;

#endif
