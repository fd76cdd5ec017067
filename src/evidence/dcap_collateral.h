/*
 * What a DCAP quote is judged by: TCB info, the quoting enclave's identity, revocation lists, and
 * the chains of those who signed them. It comes from a cache or from the host: nothing of it counts
 * before its signatures have led to a root that is trusted here.
 *
 * It is checked once for a point in time, and then serves any number of quotes, in any number of
 * threads: after dcap_collateral_new() nobody changes it.
 */
#ifndef CAISSON_EVIDENCE_DCAP_COLLATERAL_H
#define CAISSON_EVIDENCE_DCAP_COLLATERAL_H

#include "evidence/checks.h"
#include "evidence/dcap_platform.h"
#include "evidence/qe_identity.h"
#include "evidence/tcb_info.h"

#define DCAP_COLLATERAL_SIZE_MAX (8 * 1024 * 1024)
#define DCAP_CHAIN_SIZE_MAX      65536 /* bytes of PEM */

/* The pieces, unchecked. Whoever has them as files fills the spans; dcap_parts_parse() takes them
 * out of one JSON document. */
struct dcap_parts {
    struct span pck_crl_issuer_chain;  /* PEM: PCK CA, root */
    struct span root_ca_crl;           /* DER */
    struct span pck_crl;               /* DER */
    struct span tcb_info_issuer_chain; /* PEM: TCB signing, root */
    struct span tcb_info;              /* the bytes that are signed */
    uint8_t tcb_info_signature[P256_SIGNATURE_SIZE];
    struct span qe_identity_issuer_chain; /* PEM: TCB signing, root */
    struct span qe_identity;              /* the bytes that are signed */
    uint8_t qe_identity_signature[P256_SIGNATURE_SIZE];
    /* PEM: PCK, PCK CA, root; empty: the quote has it in itself. It wins over the quote's, and
     * makes the collateral that of one platform, whose quotes then cost two signatures each. */
    struct span pck_certificate_chain;
    json_t *document; /* what dcap_parts_parse() keeps, as the next */
    struct buf lists[2];
};

/* Reads {"pck_crl_issuer_chain", "root_ca_crl", "pck_crl", "tcb_info_issuer_chain", "tcb_info",
 * "tcb_info_signature", "qe_identity_issuer_chain", "qe_identity", "qe_identity_signature"} and,
 * where it is there, "pck_certificate_chain": chains in PEM, documents as texts, lists and
 * signatures in hexadecimal. ERROR_INVALID or ERROR_LIMIT with the key. The owner calls
 * dcap_parts_fini() in either case. */
int dcap_parts_parse(struct span text, struct dcap_parts *parts, struct error *err);
void dcap_parts_fini(struct dcap_parts *parts);

/* Appends the JSON that dcap_parts_parse() reads. ERROR_LIMIT as the buffer says. */
int dcap_parts_write(const struct dcap_parts *parts, struct buf *json, struct error *err);

struct dcap_options {
    int64_t time;                     /* seconds since 1970: all must be valid then */
    const struct trusted_root *roots; /* beside Intel's */
    size_t root_count;
};

/* To be read by dcap_verify.h alone. */
struct dcap_collateral {
    int64_t time;
    bool trusted;                  /* every check passed */
    bool simulated;                /* the root is one that the caller named as simulated */
    struct dcap_chain pck_ca;      /* PCK CA, root */
    struct dcap_chain tcb_signing; /* TCB signing, root */
    struct dcap_chain qe_signing;
    struct crl *root_crl;
    struct crl *pck_crl;
    struct tcb_info tcb_info;
    struct qe_identity qe_identity;
    struct dcap_platform *platform; /* of the parts' PCK chain; NULL: each quote has its own */
};

/* Reads and checks the pieces, and adds all checks of them. Nothing of `parts` and `options` is
 * borrowed. The caller frees what it gets; NULL when a piece can't even be read, which the last
 * check then says. Collateral that did not pass is kept all the same: quotes are refused by it, but
 * each of their checks can be told. */
struct dcap_collateral *dcap_collateral_new(const struct dcap_parts *parts,
                                            const struct dcap_options *options,
                                            struct checks *checks);
void dcap_collateral_free(struct dcap_collateral *collateral);
void dcap_collateral_cleanup(struct dcap_collateral **collateral);
#define DCAP_COLLATERAL_AUTO                                                                       \
    __attribute__((cleanup(dcap_collateral_cleanup))) struct dcap_collateral

#endif
