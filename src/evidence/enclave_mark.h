/*
 * What sets the evidence of an enclave (runtime_data.h) apart from what its programs have reported:
 * they may choose all of a report's REPORT_DATA (docs/sgx.md). So a text stands in the second half
 * of evidence's, and who makes reports for programs refuses it. In a machine nobody chooses all of
 * it.
 */
#ifndef CAISSON_EVIDENCE_ENCLAVE_MARK_H
#define CAISSON_EVIDENCE_ENCLAVE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "evidence/runtime_data.h"

/* Puts it there. */
void enclave_mark_set(uint8_t report_data[REPORT_DATA_SIZE]);
/* Whether it is there. */
bool enclave_mark_is_in(const uint8_t report_data[REPORT_DATA_SIZE]);

#endif
