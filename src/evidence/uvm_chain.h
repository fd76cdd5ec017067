/* The signer's chain of an endorsement: x5chain under the authority that a did:x509 pins. Part of
 * evidence/uvm_endorsement.h. */
#ifndef CAISSON_EVIDENCE_UVM_CHAIN_H
#define CAISSON_EVIDENCE_UVM_CHAIN_H

#include "crypto/certificate.h"
#include "evidence/uvm_endorsement.h"
#include "format/cose.h"

struct uvm_chain {
    struct certificate *certificates[COSE_CHAIN_MAX]; /* leaf first */
    size_t count;
};

/* Reads the message's certificates into `chain`, whose owner calls uvm_chain_fini(), and adds all
 * checks of them: each issued by the next, authorities above the leaf, dates, and the issuer whom
 * the caller expects. False when there is no leaf to check a signature by. */
bool uvm_chain_check(struct uvm_chain *chain, const struct cose_sign1 *message, const char *issuer,
                     const struct uvm_expectation *expectation, struct checks *checks);
void uvm_chain_fini(struct uvm_chain *chain);

#endif
