/* What a key broker of Confidential Containers takes as evidence of this machine or enclave. */
#ifndef CAISSON_AGENT_TEE_EVIDENCE_H
#define CAISSON_AGENT_TEE_EVIDENCE_H

#include "agent/link.h"

/* Has the starter report over the hash of `runtime_data`, and appends it as JSON: of a machine as
 * report_json.h has it, by SHA-384; of an enclave {"quote": base64}, by SHA-256, which is what an
 * enclave's starter has. */
int tee_evidence_ask(enum exchange_tee tee, int starter, struct span runtime_data, struct buf *out,
                     struct error *err);

#endif
