/* The signer's chain of an endorsement: x5chain under the authority that a did:x509 pins. Part of
 * evidence/uvm_endorsement.h. */
#ifndef CAISSON_EVIDENCE_UVM_CHAIN_H
#define CAISSON_EVIDENCE_UVM_CHAIN_H

#include "evidence/cose_signer.h"
#include "evidence/uvm_endorsement.h"

/* Reads the message's certificates into `signer`, whose owner calls cose_signer_fini(), and adds
 * all checks of them: each issued by the next, authorities above the leaf, dates, and the issuer
 * whom the caller expects. False when there is no leaf to check a signature by. */
bool uvm_chain_check(struct cose_signer *signer, const struct cose_sign1 *message,
                     const char *issuer, const struct uvm_expectation *expectation,
                     struct checks *checks);

#endif
