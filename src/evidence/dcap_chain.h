/*
 * Intel's chains of certificates: a leaf, at most one authority between, and the SGX Root CA
 * (Intel, "SGX PCK Certificate and Certificate Revocation List Profile Specification", section 1).
 */
#ifndef CAISSON_EVIDENCE_DCAP_CHAIN_H
#define CAISSON_EVIDENCE_DCAP_CHAIN_H

#include "crypto/certificate.h"
#include "evidence/trusted_root.h"

#define DCAP_CHAIN_MAX 3
#define DCAP_SIGNED_BY SIGNED_ECDSA_P256_SHA256 /* certificates and lists alike */

/* What a certificate is for, by its common name: "Intel SGX PCK Certificate". Under a simulated
 * root the names begin with SIMULATED instead. */
enum dcap_role { DCAP_ROLE_PCK, DCAP_ROLE_PCK_CA, DCAP_ROLE_TCB_SIGNING, DCAP_ROLE_ROOT };

struct dcap_chain {
    struct certificate *items[DCAP_CHAIN_MAX]; /* leaf first, root last */
    bool borrowed[DCAP_CHAIN_MAX];             /* another chain's, which lives longer */
    size_t count;
};

enum dcap_trust { DCAP_UNTRUSTED = 0, DCAP_TRUSTED, DCAP_TRUSTED_SIMULATED };

/* Reads exactly `count` certificates in PEM, 2 or 3, leaf first, and the root wherever it is; zero
 * bytes at the end are the writer's terminator. Certificates that `known` (or NULL) has byte for
 * byte are borrowed from it: to read one costs more than to check a signature. The owner calls
 * dcap_chain_fini() in either case. */
int dcap_chain_read(struct span pem, size_t count, const struct dcap_chain *known,
                    struct dcap_chain *chain, struct error *err);
void dcap_chain_fini(struct dcap_chain *chain);

/* ERROR_REFUSED unless each is signed by the next, which is an authority, the root by itself, and
 * none demands what is unknown here. Where the chain ends as `checked` does, which passed this
 * before, that end is not checked again; NULL: all is. */
int dcap_chain_check_links(const struct dcap_chain *chain, const struct dcap_chain *checked,
                           struct error *err);

/* ERROR_REFUSED unless the names are those of `role`, of the PCK CA where there are three, and of
 * the root. */
int dcap_chain_check_names(const struct dcap_chain *chain, enum dcap_role role, bool simulated,
                           struct error *err);

/* ERROR_REFUSED, with the certificate, unless all are valid at this time. */
int dcap_chain_check_validity(const struct dcap_chain *chain, int64_t time, struct error *err);

/* Whether the last certificate is one of Intel's, or one that the caller named: a root that calls
 * itself simulated must have been named as simulated, and no other may be. */
enum dcap_trust dcap_chain_trust(const struct dcap_chain *chain, const struct trusted_root *roots,
                                 size_t root_count);

static inline struct certificate *dcap_chain_root(const struct dcap_chain *chain)
{
    return chain->items[chain->count - 1];
}

#endif
