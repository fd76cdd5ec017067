/* Lists of calls as people write them: whatever is read is answered by a line of JSON. */
#include "fuzz.h"

#include "format/json.h"
#include "policy/calls.h"

static const char text[] =
    "package policy\napi_version := \"0.10.0\"\nframework_version := \"0.1.0\"\ncontainers := ["
    "{\"command\":[\"a\"],\"env_rules\":[{\"pattern\":\"A=.*\",\"strategy\":\"re2\"}],\"layers\":["
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"],\"mounts\":[],"
    "\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,\"allow_stdio_access\":true,"
    "\"working_dir\":\"/\"}]\n"
    "allow_environment_variable_dropping := true\n"
    "mount_device := data.framework.mount_device\n"
    "mount_overlay := data.framework.mount_overlay\n"
    "create_container := data.framework.create_container\n"
    "exec_external := data.framework.exec_external\n";

static void check_answer(const struct buf *line, const struct policy_decision *decision)
{
    json_t *answer = json_loadb((const char *)line->data, line->size, JSON_ALLOW_NUL, NULL);
    fuzz_require(answer && line->data[line->size - 1] == '\n');
    fuzz_require(json_is_true(json_object_get(answer, "allowed")) == decision->allowed);
    fuzz_require(decision->allowed == !json_object_get(answer, "errors"));
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    POLICY_AUTO policy = NULL;
    POLICY_CALLS_AUTO calls = NULL;
    POLICY_DECISION_AUTO decision = {0};
    struct policy_state *state = NULL;
    struct error err = {0};
    if (policy_calls_parse(span_of(data, size), &calls, &err) < 0) {
        fuzz_require(err.code != ERROR_NONE && !calls);
        return 0;
    }
    fuzz_require(policy_parse(span_of_text(text), POLICY_STRICT, &policy, NULL) == 0);
    if (policy_state_new(policy, &state, NULL) < 0)
        return 0;
    for (size_t i = 0; i < policy_calls_count(calls); i++) {
        BUF_AUTO line = BUF_WITH_LIMIT(1 << 24);
        if (policy_calls_play(calls, i, state, &decision, NULL) < 0)
            break;
        fuzz_require(policy_calls_answer(calls, i, &decision, &line, NULL) == 0);
        check_answer(&line, &decision);
    }
    policy_state_free(state);
    return 0;
}
