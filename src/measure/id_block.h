/*
 * The ID block of an SEV-SNP guest, and its authentication (AMD 56860, section 8.18, tables
 * "Structure of the ID Block" and "… ID Authentication Information"): who vouches for a launch
 * digest. The hypervisor hands both to SNP_LAUNCH_FINISH; the firmware starts the guest only if the
 * digest, the policy and the signatures hold, and reports FAMILY_ID, IMAGE_ID, GUEST_SVN and the
 * digests of the keys.
 *
 * Nothing signs here: the caller signs the digests below and hands the signatures in.
 */
#ifndef CAISSON_MEASURE_ID_BLOCK_H
#define CAISSON_MEASURE_ID_BLOCK_H

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/raw_key.h"

#define ID_BLOCK_SIZE     96
#define ID_AUTH_SIZE      4096
#define ID_KEY_SIZE       0x404
#define ID_POLICY_DEFAULT UINT64_C(0x30000) /* SMT allowed, and the bit that is always one */

struct id_block {
    uint8_t launch_digest[SHA384_SIZE];
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t guest_svn;
    uint64_t policy;
};

struct id_signature {
    uint8_t r[P384_SIZE]; /* big endian; the structure has them little endian */
    uint8_t s[P384_SIZE];
};

struct id_auth {
    struct p384_key id_key;
    struct id_signature block_signature; /* by the ID key, over the block */
    bool has_author;
    struct p384_key author_key;
    struct id_signature key_signature; /* by the author key, over the ID key's structure */
};

/* What the reports of such a guest show. */
struct id_digests {
    uint8_t id_key[SHA384_SIZE];
    bool has_author;
    uint8_t author_key[SHA384_SIZE]; /* zero where there is none */
};

/* ERROR_INVALID for a policy that no firmware accepts. */
int id_block_write(const struct id_block *block, uint8_t out[ID_BLOCK_SIZE], struct error *err);

/* ERROR_INVALID for another size, version or policy. */
int id_block_read(struct span bytes, struct id_block *out, struct error *err);

/* The digest that the ID key signs: of the block; and the one that the author key signs, which is
 * also ID_KEY_DIGEST (or AUTHOR_KEY_DIGEST) in reports: of a key's structure. */
void id_block_digest(const uint8_t block[ID_BLOCK_SIZE], uint8_t out[SHA384_SIZE]);
void id_key_digest(const struct p384_key *key, uint8_t out[SHA384_SIZE]);

void id_auth_write(const struct id_auth *auth, uint8_t out[ID_AUTH_SIZE]);

/* ERROR_INVALID for another size, algorithm or curve, and for reserved bytes that are not zero. */
int id_auth_read(struct span bytes, struct id_auth *out, struct error *err);

/* Checks that the signatures hold. ERROR_REFUSED, saying which, when one does not. */
int id_auth_check(const struct id_auth *auth, const uint8_t block[ID_BLOCK_SIZE],
                  struct id_digests *digests, struct error *err);

#endif
