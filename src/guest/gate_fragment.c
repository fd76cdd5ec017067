/* The gate's part about fragments: signed by somebody, taken by the policy. */
#include <stdio.h>

#include "base/hex.h"
#include "guest/fragment.h"
#include "guest/gate_internal.h"

/* Verifies and asks the policy; `code` is the refusal's otherwise. */
static int load(struct gate *gate, char digest_hex[2 * SHA256_SIZE + 1], enum answer_code *code,
                struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    struct policy_fragment fragment;
    POLICY_DECISION_AUTO decision = {0};
    BUF_AUTO answer = BUF_WITH_LIMIT(FRAGMENT_ANSWER_MAX);
    *code = ANSWER_INVALID;
    if (gate_check_upload(gate, err) < 0)
        return -1;
    if (gate->ops->verify_fragment(gate->machine, buf_span(&gate->upload.bytes), &answer, err) <
            0 ||
        fragment_read(buf_span(&answer), &fragment, err) < 0) {
        *code = err->code == ERROR_REFUSED ? ANSWER_DENIED : ANSWER_FAILED;
        return error_context(err, "load_fragment");
    }
    *code = ANSWER_DENIED;
    if (!policy_load_fragment(gate->state, &fragment, &decision))
        return error_set(err, ERROR_REFUSED, "%s", decision.reason);
    sha256_digest(fragment.text, digest);
    hex_encode(span_of(digest, sizeof digest), digest_hex);
    return 0;
}

static int finish_fragment(struct gate *gate, struct error *err)
{
    char digest[2 * SHA256_SIZE + 1];
    char result[128];
    enum answer_code code;
    struct error why = {0};
    int loaded = load(gate, digest, &code, &why);
    gate_end_upload(gate);
    buf_fini(&gate->upload.bytes);
    if (loaded < 0)
        return answer_refused(&gate->channel, gate->upload.request, code,
                              code == ANSWER_DENIED ? "load_fragment" : NULL, why.text, err);
    (void)snprintf(result, sizeof result, "{\"sha256\":\"%s\"}", digest);
    return answer_ok(&gate->channel, gate->upload.request, result, err);
}

int gate_handle_load_fragment(struct gate *gate, const struct request *request, struct error *err)
{
    struct error why;
    if (channel_open(&gate->channel, request->args.upload.stream, CHANNEL_RECEIVE, &why) < 0)
        return gate_refuse(gate, request, ANSWER_INVALID, why.text, err);
    if (gate->phase != GATE_OPEN)
        return gate_refuse_order(gate, request, "no policy has been set", err);
    if (gate->upload.stream != 0)
        return gate_refuse_order(gate, request, "a fragment is being read", err);
    gate_begin_upload(gate, request, finish_fragment);
    return 0;
}
