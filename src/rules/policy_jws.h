/*
 * How an attestation policy travels: as a JWS whose payload is {"AttestationPolicy": base64url},
 * unsigned or signed by RS256 (Microsoft Azure Attestation, "How to author an attestation policy").
 *
 * Whether the signer may set policies is the caller's question: compare its certificate, or its
 * key, with the trusted ones.
 */
#ifndef CAISSON_RULES_POLICY_JWS_H
#define CAISSON_RULES_POLICY_JWS_H

#include "crypto/digest.h"
#include "format/jwk.h"
#include "rules/rules.h"

/* Text of x-ms-policy-hash, with its terminator: base64url of 32 bytes. */
#define POLICY_HASH_TEXT_SIZE 44

struct policy_jws {
    struct buf text; /* the policy; not read yet */
    bool is_signed;
    struct jwk signer; /* where it is signed: the key, with the chain of x5c where that was given */
};

/* Reads a policy's JWS and, where it is signed, checks the signature under the key of the header's
 * x5c or jwk (of both, where both are there, they must be one). `out` needs no preparation; on
 * failure it is empty. ERROR_INVALID, ERROR_LIMIT, ERROR_REFUSED for a signature that does not
 * hold, another algorithm, and a private key in the header. */
int policy_jws_read(struct span text, struct policy_jws *out, struct error *err);
void policy_jws_fini(struct policy_jws *policy);
#define POLICY_JWS_AUTO __attribute__((cleanup(policy_jws_fini))) struct policy_jws

/* Another message by a signer of policies: one that adds a signer, say. */
struct policy_message {
    json_t *payload; /* an object */
    bool is_signed;
    struct jwk signer; /* as above */
};

/* As policy_jws_read(), whatever the payload says. */
int policy_message_read(struct span text, struct policy_message *out, struct error *err);
void policy_message_fini(struct policy_message *message);
#define POLICY_MESSAGE_AUTO __attribute__((cleanup(policy_message_fini))) struct policy_message

/* Appends a policy as an unsigned JWS, as it is given out. */
int policy_jws_append_unsigned(struct span policy, struct buf *out, struct error *err);

/* Appends a policy signed by RS256, with the chain of certificates of its key in x5c. */
int policy_jws_sign(struct span policy, const struct private_key *key,
                    const struct jose_chain *chain, struct buf *out, struct error *err);

/* The claim x-ms-policy-hash: base64url of the SHA-256 of the policy's base64url. */
int policy_hash(struct span policy, char out[POLICY_HASH_TEXT_SIZE], struct error *err);

#endif
