/*
 * COSE_Sign1 messages (RFC 9052, section 4.2) as the signed pieces of confidential containers use
 * them: UVM endorsements and policy fragments. Whether to believe one is the caller's
 * question (crypto/signature.h, evidence/uvm_endorsement.h).
 *
 * Two shapes of header name issuer, feed and security version:
 *   - text labels "iss", "feed", "signingtime" beside content type (3), without an svn;
 *   - CWT claims in label 15 (RFC 9597: 1 iss, 2 sub, here the feed, 6 iat, and "svn"), with the
 * hash envelope's labels 258 and 259 (draft-ietf-cose-hash-envelope). A header that has claims
 * names issuer and feed there or not at all.
 *
 * Strict: tag 18, the payload inside, every label once in both headers together, what is asked of
 * below in the protected header alone, no critical label (2) that is absent or not understood here.
 */
#ifndef CAISSON_FORMAT_COSE_H
#define CAISSON_FORMAT_COSE_H

#include "base/buf.h"

#define COSE_SIZE_MAX     (1024 * 1024)
#define COSE_CHAIN_MAX    8
#define COSE_RECEIPTS_MAX 16

/* IANA, "COSE Algorithms". */
enum cose_algorithm {
    COSE_ES256 = -7,
    COSE_SHA256 = -16,
    COSE_ES384 = -35,
    COSE_ES512 = -36,
    COSE_PS256 = -37,
    COSE_PS384 = -38,
    COSE_PS512 = -39,
    COSE_SHA384 = -43,
    COSE_RS256 = -257,
    COSE_RS384 = -258,
    COSE_RS512 = -259,
};

/* All spans are borrowed from the message. An absent text, byte string or list is empty. */
struct cose_sign1 {
    struct span protected_header; /* the bytes of the byte string, which is what is signed */
    struct span payload;
    struct span signature;

    int64_t algorithm;                   /* label 1: must be there */
    struct span content_type;            /* label 3 */
    struct span x5chain[COSE_CHAIN_MAX]; /* label 33, DER, leaf first */
    size_t x5chain_count;
    int64_t x5t_algorithm; /* label 34; 0: absent */
    struct span x5t;
    bool is_hash_envelope; /* label 258: the payload is a digest by this algorithm */
    int64_t payload_hash_algorithm;
    struct span preimage_content_type; /* label 259 */

    struct span issuer;
    struct span feed;
    bool has_svn;
    uint64_t svn;
    bool has_signing_time;
    int64_t signing_time; /* seconds since 1970, by the signer's clock and word */

    /* From the unprotected header: nobody has signed these. */
    struct span receipts[COSE_RECEIPTS_MAX]; /* label 394, opaque */
    size_t receipt_count;
    struct span timestamp; /* "timestamp", an RFC 3161 token, opaque */
};

/* Reads a message. ERROR_INVALID or ERROR_LIMIT, saying what is wrong. */
int cose_parse(struct span bytes, struct cose_sign1 *message, struct error *err);

/* Appends a protected header of algorithm, content type, chain, issuer and feed; with an svn, if
 * there is one, the last three are claims, else text labels. The rest of the message is not read.
 */
int cose_write_protected(const struct cose_sign1 *message, struct buf *out, struct error *err);

/* Appends the message of protected header, payload and signature, with an empty unprotected header.
 */
int cose_write(const struct cose_sign1 *message, struct buf *out, struct error *err);

/* Appends the bytes that the signature covers: RFC 9052, section 4.4, without external data. */
int cose_to_be_signed(const struct cose_sign1 *message, struct buf *out, struct error *err);

/* "PS384"; NULL for an algorithm that is not a signature's, or unknown. */
const char *cose_algorithm_name(int64_t algorithm);

#endif
