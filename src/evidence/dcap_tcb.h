/* The platform's status, a part of dcap_verify.h: which level of the TCB info, of the TDX module's
 * and of the quoting enclave's identity it reaches, and what these come to. */
#ifndef CAISSON_EVIDENCE_DCAP_TCB_H
#define CAISSON_EVIDENCE_DCAP_TCB_H

#include "evidence/dcap_verify.h"

/* Adds the checks of FMSPC, PCEID, all levels and the status; fills result->claims. */
void dcap_tcb_check(const struct dcap_collateral *collateral,
                    const struct dcap_appraisal *appraisal, struct dcap_result *result);

#endif
