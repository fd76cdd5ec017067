/* Policies: what is read can be described and asked, and answers nothing that it should not. */
#include "fuzz.h"

#include "policy/describe.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    POLICY_AUTO policy = NULL;
    POLICY_DECISION_AUTO decision = {0};
    struct policy_state *state = NULL;
    BUF_AUTO page = BUF_WITH_LIMIT(1 << 22);
    if (policy_parse(span_of(data, size), POLICY_STRICT, &policy, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE && !policy);
        return 0;
    }
    fuzz_require(!policy_allows_all(policy));
    (void)policy_describe(policy, &page, &err);
    if (policy_state_new(policy, &state, &err) < 0)
        return 0;
    /* No layer of these sixty-four digits is in the seeds. */
    bool mounted = policy_mount_device(
        state, "/run/mounts/scsi/m0",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", &decision);
    fuzz_require(mounted || decision.reason[0]);
    for (unsigned int i = 0; i < POLICY_POINT_COUNT; i++)
        fuzz_require(policy_plain_point(state, (enum policy_point)i, &decision) ||
                     decision.reason[0]);
    policy_state_free(state);
    return 0;
}
