/* Fragments' texts: what is loaded adds rows, and a denial leaves none. */
#include "fuzz.h"

#include "policy/policy.h"

static const char text[] =
    "package policy\napi_version := \"0.12.0\"\nframework_version := \"0.5.0\"\nfragments := ["
    "{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,\"includes\":[\"containers\",\"fragments\","
    "\"external_processes\",\"platform_rules\"]},{\"issuer\":\"i\",\"feed\":\"p\","
    "\"minimum_svn\":1,\"includes\":[\"containers\",\"fragments\"],\"parameters\":{\"x\":{\"y\":["
    "\"z\"],\"z\":null},\"y\":\"text\"}}]\ncontainers := []\n"
    "load_fragment := data.framework.load_fragment\nmount_device := data.framework.mount_device\n"
    "dump_stacks := data.framework.dump_stacks\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    POLICY_AUTO policy = NULL;
    POLICY_DECISION_AUTO decision = {0};
    struct policy_state *state = NULL;
    struct policy_fragment fragment = {"i", "f", false, 0, span_of(data, size)};
    fuzz_require(policy_parse(span_of_text(text), POLICY_STRICT, &policy, NULL) == 0);
    if (policy_state_new(policy, &state, NULL) < 0)
        return 0;
    bool loaded = policy_load_fragment(state, &fragment, &decision);
    fuzz_require(loaded ? policy_fragment_count(state) == 1 : decision.reason[0] != '\0');
    fuzz_require(loaded || policy_fragment_count(state) == 0);
    fuzz_require(!policy_plain_point(state, POLICY_DUMP_STACKS, &decision));
    /* The same text with values for its parameters: all of it, or nothing more. */
    size_t count = policy_fragment_count(state);
    fragment.feed = "p";
    bool filled = policy_load_fragment(state, &fragment, &decision);
    fuzz_require(policy_fragment_count(state) == count + (filled ? 1 : 0));
    fuzz_require(!policy_plain_point(state, POLICY_DUMP_STACKS, &decision));
    /* The text alone never names whose it is. */
    fragment.feed = "g";
    if (!loaded && !filled)
        fuzz_require(!policy_load_fragment(state, &fragment, &decision));
    policy_state_free(state);
    return 0;
}
