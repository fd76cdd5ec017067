/* Calls of a hostile host on one policy (tests/policy_sequence.h): what is denied says why. */
#include "fuzz.h"

#include "../policy_sequence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    POLICY_AUTO policy = NULL;
    POLICY_DECISION_AUTO decision = {0};
    struct policy_state *state = NULL;
    fuzz_require(policy_parse(span_of_text(policy_sequence_text), POLICY_STRICT, &policy, NULL) ==
                 0);
    if (policy_state_new(policy, &state, NULL) < 0)
        return 0;
    for (size_t i = 0; i + 1 < size && i < 400; i += 2)
        fuzz_require(policy_sequence_ask(state, data[i], data[i + 1], &decision) ||
                     decision.reason[0]);
    policy_state_free(state);
    return 0;
}
