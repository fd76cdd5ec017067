#include "guest/gate.h"

#include <assert.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/secret.h"
#include "guest/answer.h"
#include "guest/gate_internal.h"

int gate_refuse(struct gate *gate, const struct request *request, enum answer_code code,
                const char *reason, struct error *err)
{
    return answer_refused(&gate->channel, request->id, code, NULL, reason, err);
}

int gate_refuse_order(struct gate *gate, const struct request *request, const char *reason,
                      struct error *err)
{
    return gate_refuse(gate, request, ANSWER_ORDER, reason, err);
}

int gate_refuse_failed(struct gate *gate, const struct request *request, const struct error *why,
                       struct error *err)
{
    return gate_refuse(gate, request, ANSWER_FAILED, why->text, err);
}

int gate_deny(struct gate *gate, const struct request *request,
              const struct policy_decision *decision, struct error *err)
{
    return answer_refused(&gate->channel, request->id, ANSWER_DENIED,
                          policy_point_name(decision->point), decision->reason, err);
}

int gate_done(struct gate *gate, const struct request *request, struct error *err)
{
    return answer_ok(&gate->channel, request->id, "{}", err);
}

int gate_tell(struct gate *gate, const struct request *request, int outcome,
              const struct error *why, struct error *err)
{
    return outcome < 0 ? gate_refuse_failed(gate, request, why, err)
                       : gate_done(gate, request, err);
}

/* --- the policy ------------------------------------------------------------------------------- */

void gate_begin_upload(struct gate *gate, const struct request *request,
                       int (*finish)(struct gate *gate, struct error *err))
{
    const struct request_upload *args = &request->args.upload;
    gate->upload = (struct gate_upload){.bytes = BUF_WITH_LIMIT(args->size),
                                        .stream = args->stream,
                                        .size = args->size,
                                        .request = request->id,
                                        .finish = finish};
    gate->waiting++;
}

void gate_end_upload(struct gate *gate)
{
    channel_forget(&gate->channel, gate->upload.stream);
    gate->upload.stream = 0;
    gate->waiting--;
}

int gate_check_upload(const struct gate *gate, struct error *err)
{
    if (!gate->upload.overflow && gate->upload.bytes.size == gate->upload.size)
        return 0;
    return error_set(err, ERROR_INVALID, "the stream does not carry the %llu bytes that were told",
                     (unsigned long long)gate->upload.size);
}

/* Bytes beyond the size that was told are dropped and remembered. */
static void take_upload(struct gate *gate, struct span bytes)
{
    if (gate->upload.overflow || buf_append(&gate->upload.bytes, bytes, NULL) < 0)
        gate->upload.overflow = true;
}

static int finish_policy(struct gate *gate, struct error *err);

static int handle_set_policy(struct gate *gate, const struct request *request, struct error *err)
{
    struct error why;
    if (channel_open(&gate->channel, request->args.upload.stream, CHANNEL_RECEIVE, &why) < 0)
        return gate_refuse(gate, request, ANSWER_INVALID, why.text, err);
    if (gate->phase != GATE_CLOSED)
        return gate_refuse_order(gate, request, "the policy is set once", err);
    gate->phase = GATE_READING;
    gate_begin_upload(gate, request, finish_policy);
    return 0;
}

/* The hardware's own word on which policy this machine was launched for. */
static int read_host_data(struct gate *gate, uint8_t host_data[SHA256_SIZE], struct error *err)
{
    static const uint8_t report_data[REPORT_DATA_SIZE] = {0};
    BUF_AUTO report = BUF_WITH_LIMIT(GATE_REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(65536);
    if (gate->ops->report(gate->machine, report_data, &report, &certificates, err) < 0)
        return -1;
    if (report.size != gate->ops->reports.size)
        return error_set(err, ERROR_INVALID, "a report of %zu bytes", report.size);
    memcpy(host_data, report.data + gate->ops->reports.policy_at, SHA256_SIZE);
    return 0;
}

/* Checks the whole text and opens the gate; `code` is the refusal's otherwise. */
static int accept_policy(struct gate *gate, char digest_hex[2 * SHA256_SIZE + 1],
                         enum answer_code *code, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    uint8_t host_data[SHA256_SIZE];
    *code = ANSWER_INVALID;
    if (gate_check_upload(gate, err) < 0)
        return -1;
    sha256_digest(buf_span(&gate->upload.bytes), digest);
    hex_encode(span_of(digest, sizeof digest), digest_hex);
    *code = ANSWER_FAILED;
    if (read_host_data(gate, host_data, err) < 0)
        return -1;
    *code = ANSWER_DENIED;
    char host_hex[2 * SHA256_SIZE + 1];
    hex_encode(span_of(host_data, sizeof host_data), host_hex);
    if (!secret_equal(span_of(digest, sizeof digest), span_of(host_data, sizeof host_data)))
        return error_set(err, ERROR_REFUSED,
                         "the policy's SHA-256 is %s, but this machine was launched for %s (its "
                         "%s); launch it with this policy",
                         digest_hex, host_hex, gate->ops->reports.binding);
    *code = ANSWER_INVALID;
    POLICY_AUTO policy = NULL;
    /* One that allows everything protects nothing; but it is the one that the machine was launched
     * for, and whoever verifies the evidence sees it. */
    if (policy_parse(buf_span(&gate->upload.bytes), POLICY_ALLOW_ALL, &policy, err) < 0 ||
        policy_state_new(policy, &gate->state, err) < 0)
        return -1;
    gate->policy = policy;
    policy = NULL;
    /* One that is too long leaves it empty: who wants to give it to a container says so. */
    (void)buf_append(&gate->text, buf_span(&gate->upload.bytes), NULL);
    return 0;
}

static int finish_policy(struct gate *gate, struct error *err)
{
    char digest[2 * SHA256_SIZE + 1];
    char result[128];
    enum answer_code code;
    struct error why;
    int accepted = accept_policy(gate, digest, &code, &why);
    gate_end_upload(gate);
    buf_fini(&gate->upload.bytes);
    gate->phase = accepted < 0 ? GATE_CLOSED : GATE_OPEN;
    if (accepted < 0)
        return answer_refused(&gate->channel, gate->upload.request, code,
                              code == ANSWER_DENIED ? "set_policy" : NULL, why.text, err);
    (void)snprintf(result, sizeof result, "{\"sha256\":\"%s\"}", digest);
    return answer_ok(&gate->channel, gate->upload.request, result, err);
}

/* --- the machine ------------------------------------------------------------------------------ */

static int handle_set_network(struct gate *gate, const struct request *request, struct error *err)
{
    struct error why;
    if (gate->has_network || gate_any_container(gate))
        return gate_refuse_order(gate, request, "the network is set once, before any container",
                                 err);
    if (gate->ops->set_network(gate->machine, &request->args.set_network, &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    gate->has_network = true;
    return gate_done(gate, request, err);
}

static int append_member(struct buf *out, const char *name, struct span bytes, struct error *err)
{
    if (buf_printf(out, err, "%s\"%s\":\"", out->size > 1 ? "," : "", name) < 0 ||
        base64_encode(bytes, out, err) < 0)
        return -1;
    return buf_append_text(out, "\"", err);
}

/* The runtime data: whom this answers, how many of the policy's containers run, what was added to
 * the policy. */
static int describe_self(const struct gate *gate, const struct request_attest *args,
                         struct buf *out, struct error *err)
{
    struct runtime_fragment fragments[RUNTIME_DATA_FRAGMENTS_MAX];
    struct policy_standing standing = policy_get_standing(gate->state);
    struct runtime_data data = {.nonce_size = args->nonce_size,
                                .demanded = (uint32_t)standing.demanded,
                                .running = (uint32_t)standing.running,
                                .done = (uint32_t)standing.done,
                                .fragments = fragments,
                                .fragment_count = policy_fragment_count(gate->state)};
    memcpy(data.nonce, args->nonce, args->nonce_size);
    for (size_t i = 0; i < data.fragment_count; i++) {
        const struct policy_fragment_identity *identity = policy_fragment_at(gate->state, i);
        fragments[i] = (struct runtime_fragment){identity->issuer, identity->feed, identity->svn,
                                                 identity->digest};
    }
    return runtime_data_write(&data, out, err);
}

static_assert(RUNTIME_DATA_SIZE_MAX >= POLICY_IDENTITIES_MAX + 2 * RUNTIME_DATA_NONCE_MAX + 256,
              "what the policy loads fits into runtime data");

static int attest(struct gate *gate, const struct request_attest *args, struct buf *result,
                  struct error *err)
{
    uint8_t report_data[REPORT_DATA_SIZE];
    BUF_AUTO runtime_data = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    BUF_AUTO report = BUF_WITH_LIMIT(GATE_REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(32768);
    if (describe_self(gate, args, &runtime_data, err) < 0)
        return -1;
    runtime_data_report_data(buf_span(&runtime_data), report_data);
    if (gate->ops->report(gate->machine, report_data, &report, &certificates, err) < 0 ||
        buf_append_text(result, "{", err) < 0 ||
        append_member(result, "report", buf_span(&report), err) < 0 ||
        append_member(result, "runtime_data", buf_span(&runtime_data), err) < 0 ||
        append_member(result, "certificates", buf_span(&certificates), err) < 0)
        return -1;
    return buf_append_text(result, "}", err);
}

static int handle_attest(struct gate *gate, const struct request *request, struct error *err)
{
    BUF_AUTO result = BUF_WITH_LIMIT(CHANNEL_PAYLOAD_MAX - 256);
    struct error why;
    if (attest(gate, &request->args.attest, &result, &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    return answer_ok(&gate->channel, request->id, buf_text(&result), err);
}

static int handle_statistics(struct gate *gate, const struct request *request, struct error *err)
{
    POLICY_DECISION_AUTO decision = {0};
    uint64_t total, available;
    struct error why;
    char result[128];
    if (!policy_plain_point(gate->state, POLICY_GET_PROPERTIES, &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate->ops->statistics(gate->machine, &total, &available, &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    (void)snprintf(result, sizeof result, "{\"memory_total\":%llu,\"memory_available\":%llu}",
                   (unsigned long long)total, (unsigned long long)available);
    return answer_ok(&gate->channel, request->id, result, err);
}

static int handle_probe_port(struct gate *gate, const struct request *request, struct error *err)
{
    POLICY_DECISION_AUTO decision = {0};
    bool open = false;
    struct error why;
    if (!policy_plain_point(gate->state, POLICY_GET_PROPERTIES, &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate->ops->probe_port(gate->machine, request->args.port, &open, &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    return answer_ok(&gate->channel, request->id, open ? "{\"open\":true}" : "{\"open\":false}",
                     err);
}

static int handle_power_off(struct gate *gate, const struct request *request, struct error *err)
{
    gate->power_off = true;
    return gate_done(gate, request, err);
}

/* Points of the policy behind which this guest has nothing, whatever the policy says of them. */
static int handle_point(struct gate *gate, const struct request *request, struct error *err)
{
    static const char *const reasons[POLICY_POINT_COUNT] = {
        [POLICY_EXEC_EXTERNAL] = ": there is no program in it to run, but those of the containers",
        [POLICY_DUMP_STACKS] = ": its agent has one thread, which is answering this",
        [POLICY_RUNTIME_LOGGING] = ": it keeps no log; what it has to say are its answers, and on "
                                   "the console why it ended",
    };
    char reason[160];
    const char *why = reasons[request->point];
    (void)snprintf(reason, sizeof reason, "this guest does not do %s%s",
                   policy_point_name(request->point), why ? why : "");
    return answer_refused(&gate->channel, request->id, ANSWER_DENIED,
                          policy_point_name(request->point), reason, err);
}

/* --- the channel ------------------------------------------------------------------------------ */

/* What the host asks for, and whether it may before the policy is set. */
static const struct {
    gate_handler *handle;
    bool always;
} operations[] = {
    [REQUEST_SET_POLICY] = {handle_set_policy, true},
    [REQUEST_LOAD_FRAGMENT] = {gate_handle_load_fragment, true}, /* it opens its stream first */
    [REQUEST_SET_NETWORK] = {handle_set_network, false},
    [REQUEST_MOUNT_DEVICE] = {gate_handle_mount_device, false},
    [REQUEST_SCRATCH_MOUNT] = {gate_handle_scratch_mount, false},
    [REQUEST_MOUNT_OVERLAY] = {gate_handle_mount_overlay, false},
    [REQUEST_CREATE_CONTAINER] = {gate_handle_start, true}, /* it opens streams first */
    [REQUEST_EXEC] = {gate_handle_start, false},
    [REQUEST_SIGNAL] = {gate_handle_signal, false},
    [REQUEST_RESIZE] = {gate_handle_resize, false},
    [REQUEST_SHUTDOWN] = {gate_handle_shutdown, false},
    [REQUEST_UNMOUNT_OVERLAY] = {gate_handle_unmount_overlay, false},
    [REQUEST_UNMOUNT_DEVICE] = {gate_handle_unmount_device, false},
    [REQUEST_PAUSE] = {gate_handle_pause, false},
    [REQUEST_UNPAUSE] = {gate_handle_unpause, false},
    [REQUEST_ATTEST] = {handle_attest, false},
    [REQUEST_STATISTICS] = {handle_statistics, false},
    [REQUEST_PROBE_PORT] = {handle_probe_port, false},
    [REQUEST_USAGE] = {gate_handle_usage, false},
    [REQUEST_PROCESSES] = {gate_handle_processes, false},
    [REQUEST_POWER_OFF] = {handle_power_off, true},
    [REQUEST_POINT] = {handle_point, false},
};
static_assert(sizeof operations / sizeof operations[0] == REQUEST_POINT + 1, "all operations");

static int dispatch(struct gate *gate, const struct request *request, struct error *err)
{
    if (gate->phase != GATE_OPEN && !operations[request->op].always)
        return gate_refuse_order(gate, request, "no policy has been set", err);
    return operations[request->op].handle(gate, request, err);
}

static int on_control(void *argument, struct span message, struct error *err)
{
    struct gate *gate = argument;
    REQUEST_AUTO request = {0};
    struct error why;
    if (gate->waiting >= GATE_WAITING_MAX)
        return error_set(err, ERROR_PROTOCOL, "more than %d requests wait for an answer",
                         GATE_WAITING_MAX);
    if (request_parse(message, &request, &why) < 0)
        return gate_refuse(gate, &request, ANSWER_INVALID, why.text, err);
    if (request.id <= gate->last_id)
        return gate_refuse(gate, &request, ANSWER_INVALID,
                           "key \"id\": it must grow from request to request", err);
    gate->last_id = request.id;
    return dispatch(gate, &request, err);
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct gate *gate = argument;
    if (stream == gate->upload.stream)
        take_upload(gate, bytes);
    else if (gate->ops->stream_data(gate->machine, stream, bytes))
        return 0;
    return channel_grant(&gate->channel, stream, bytes.size, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct gate *gate = argument;
    if (stream == gate->upload.stream)
        return gate->upload.finish(gate, err);
    if (!gate->ops->stream_closed(gate->machine, stream))
        channel_forget(&gate->channel, stream);
    return 0;
}

/* Of a stream that may be written the machine asks by itself, each time. */
static const struct channel_handler channel_handler = {
    .control = on_control, .data = on_data, .closed = on_closed};

void gate_init(struct gate *gate, const struct machine_ops *ops, void *machine, const char *tee)
{
    *gate = (struct gate){.ops = ops, .machine = machine, .tee = tee};
    buf_init(&gate->text, EXCHANGE_POLICY_MAX);
    channel_init(&gate->channel, &channel_handler, gate);
}

void gate_fini(struct gate *gate)
{
    channel_fini(&gate->channel);
    buf_fini(&gate->upload.bytes);
    gate_forget_processes(gate);
    policy_state_free(gate->state);
    policy_free(gate->policy);
    buf_fini(&gate->text);
    *gate = (struct gate){0};
}

int gate_start(struct gate *gate, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(1024);
    if (buf_printf(&message, err,
                   "{\"event\":\"hello\",\"protocol\":%d,\"version\":\"%s\",\"tee\":\"%s\"}",
                   CHANNEL_PROTOCOL, CAISSON_VERSION, gate->tee) < 0)
        return -1;
    return channel_send_control(&gate->channel, buf_span(&message), err);
}

int gate_receive(struct gate *gate, struct span bytes, struct error *err)
{
    return channel_receive(&gate->channel, bytes, err);
}
