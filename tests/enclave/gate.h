/* What tests ask of the enclave gate.c: a policy and calls (tests/policy_sequence.h), and where
 * the answers go. All addresses are the host's. */
#ifndef CAISSON_TESTS_GATE_H
#define CAISSON_TESTS_GATE_H

#include <stdint.h>

#define GATE_TEXT_MAX   65536 /* bytes of the policy, of the calls */
#define GATE_ANSWER_MAX (1 << 20)

/* The result: bytes of the answers, or GATE_REFUSED with the error's text instead of them. */
#define GATE_REFUSED UINT64_MAX

#endif
