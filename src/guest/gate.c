#include "guest/gate.h"

#include <assert.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/secret.h"
#include "base/text.h"
#include "guest/answer.h"

/* What a handler of a request returns: answered (0), or an error that ends the channel (-1). */
typedef int handler(struct gate *gate, const struct request *request, struct error *err);

static int refuse(struct gate *gate, const struct request *request, enum answer_code code,
                  const char *reason, struct error *err)
{
    return answer_refused(&gate->channel, request->id, code, NULL, reason, err);
}

static int refuse_order(struct gate *gate, const struct request *request, const char *reason,
                        struct error *err)
{
    return refuse(gate, request, ANSWER_ORDER, reason, err);
}

static int refuse_failed(struct gate *gate, const struct request *request, const struct error *why,
                         struct error *err)
{
    return refuse(gate, request, ANSWER_FAILED, why->text, err);
}

static int deny(struct gate *gate, const struct request *request,
                const struct policy_decision *decision, struct error *err)
{
    return answer_refused(&gate->channel, request->id, ANSWER_DENIED,
                          policy_point_name(decision->point), decision->reason, err);
}

static int done(struct gate *gate, const struct request *request, struct error *err)
{
    return answer_ok(&gate->channel, request->id, "{}", err);
}

/* --- containers --------------------------------------------------------------------------------
 */

static struct gate_container *find_container(struct gate *gate, const char *id)
{
    for (size_t i = 0; i < GATE_CONTAINERS_MAX; i++) {
        struct gate_container *each = &gate->containers[i];
        if (each->state != CONTAINER_FREE && strcmp(each->id, id) == 0)
            return each;
    }
    return NULL;
}

static struct gate_container *free_container(struct gate *gate)
{
    for (size_t i = 0; i < GATE_CONTAINERS_MAX; i++) {
        if (gate->containers[i].state == CONTAINER_FREE)
            return &gate->containers[i];
    }
    return NULL;
}

static bool is_in(const struct gate_container *container, enum gate_container_state state)
{
    return container && container->state == state;
}

static bool any_container(const struct gate *gate)
{
    for (size_t i = 0; i < GATE_CONTAINERS_MAX; i++) {
        if (gate->containers[i].state != CONTAINER_FREE)
            return true;
    }
    return false;
}

/* Takes back what was done for a container that did not come to run. */
static void undo_container(struct gate *gate, struct gate_container *container)
{
    gate->ops->remove_overlay(gate->machine, container->id);
    policy_forget_overlay(gate->state, container->id);
    *container = (struct gate_container){0};
}

/* --- the policy --------------------------------------------------------------------------------
 */

static int handle_set_policy(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_set_policy *args = &request->args.set_policy;
    struct error why;
    if (channel_open(&gate->channel, args->stream, CHANNEL_RECEIVE, &why) < 0)
        return refuse(gate, request, ANSWER_INVALID, why.text, err);
    if (gate->phase != GATE_CLOSED)
        return refuse_order(gate, request, "the policy is set once", err);
    gate->phase = GATE_READING;
    gate->policy_stream = args->stream;
    gate->policy_size = args->size;
    gate->policy_request = request->id;
    gate->policy_overflow = false;
    gate->waiting++;
    buf_init(&gate->policy_text, args->size);
    return 0;
}

/* Bytes beyond the size that was told are dropped and remembered. */
static void take_policy_bytes(struct gate *gate, struct span bytes)
{
    if (gate->policy_overflow || buf_append(&gate->policy_text, bytes, NULL) < 0)
        gate->policy_overflow = true;
}

/* The hardware's own word on which policy this machine was launched for. */
static int read_host_data(struct gate *gate, uint8_t host_data[SHA256_SIZE], struct error *err)
{
    static const uint8_t report_data[REPORT_DATA_SIZE] = {0};
    BUF_AUTO report = BUF_WITH_LIMIT(GATE_REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(65536);
    if (gate->ops->report(gate->machine, report_data, &report, &certificates, err) < 0)
        return -1;
    if (report.size != GATE_REPORT_SIZE)
        return error_set(err, ERROR_INVALID, "a report of %zu bytes", report.size);
    memcpy(host_data, report.data + GATE_HOST_DATA_AT, SHA256_SIZE);
    return 0;
}

/* Checks the whole text and opens the gate; `code` is the refusal's otherwise. */
static int accept_policy(struct gate *gate, char digest_hex[2 * SHA256_SIZE + 1],
                         enum answer_code *code, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    uint8_t host_data[SHA256_SIZE];
    *code = ANSWER_INVALID;
    if (gate->policy_overflow || gate->policy_text.size != gate->policy_size)
        return error_set(err, ERROR_INVALID,
                         "the policy's stream does not carry the %llu bytes that were told",
                         (unsigned long long)gate->policy_size);
    sha256_digest(buf_span(&gate->policy_text), digest);
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
                         "HOST_DATA); launch it with this policy",
                         digest_hex, host_hex);
    *code = ANSWER_INVALID;
    struct policy *policy;
    if (policy_parse(buf_span(&gate->policy_text), POLICY_STRICT, &policy, err) < 0)
        return -1;
    if (policy_state_new(policy, &gate->state, err) < 0) {
        policy_free(policy);
        return -1;
    }
    gate->policy = policy;
    return 0;
}

static int finish_policy(struct gate *gate, struct error *err)
{
    char digest[2 * SHA256_SIZE + 1];
    char result[128];
    enum answer_code code;
    struct error why;
    int accepted = accept_policy(gate, digest, &code, &why);
    channel_forget(&gate->channel, gate->policy_stream);
    buf_fini(&gate->policy_text);
    gate->policy_stream = 0;
    gate->waiting--;
    gate->phase = accepted < 0 ? GATE_CLOSED : GATE_OPEN;
    if (accepted < 0)
        return answer_refused(&gate->channel, gate->policy_request, code,
                              code == ANSWER_DENIED ? "set_policy" : NULL, why.text, err);
    (void)snprintf(result, sizeof result, "{\"sha256\":\"%s\"}", digest);
    return answer_ok(&gate->channel, gate->policy_request, result, err);
}

/* --- devices, overlays, network ----------------------------------------------------------------
 */

static int handle_set_network(struct gate *gate, const struct request *request, struct error *err)
{
    struct error why;
    if (gate->has_network || any_container(gate))
        return refuse_order(gate, request, "the network is set once, before any container", err);
    if (gate->ops->set_network(gate->machine, &request->args.set_network, &why) < 0)
        return refuse_failed(gate, request, &why, err);
    gate->has_network = true;
    return done(gate, request, err);
}

static int handle_mount_device(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_mount_device *args = &request->args.mount_device;
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!policy_mount_device(gate->state, args->target, args->root_hash, &decision))
        return deny(gate, request, &decision, err);
    if (gate->ops->mount_device(gate->machine, args, &why) < 0) {
        policy_forget_device(gate->state, args->target);
        return refuse_failed(gate, request, &why, err);
    }
    return done(gate, request, err);
}

static int handle_mount_overlay(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_mount_overlay *args = &request->args.mount_overlay;
    struct gate_container *container = free_container(gate);
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (find_container(gate, args->id))
        return refuse_order(gate, request, "a container of this id is there already", err);
    if (!container)
        return refuse_order(gate, request, "too many containers in one machine", err);
    struct gate_container made = {.state = CONTAINER_OVERLAY};
    (void)text_copy(made.id, sizeof made.id, args->id);
    (void)snprintf(made.root, sizeof made.root, "/run/gcs/c/%s/rootfs", made.id);
    if (!policy_mount_overlay(gate->state, args->id, args->layers, made.root, &decision))
        return deny(gate, request, &decision, err);
    if (gate->ops->mount_overlay(gate->machine, args->id, args->layers, &why) < 0) {
        policy_forget_overlay(gate->state, args->id);
        return refuse_failed(gate, request, &why, err);
    }
    *container = made;
    return done(gate, request, err);
}

/* --- creating ----------------------------------------------------------------------------------
 */

static enum channel_direction direction_of(size_t standard)
{
    return standard == 0 ? CHANNEL_RECEIVE : CHANNEL_SEND;
}

/* Ends the guest's side of a container's streams; what still comes in is dropped. */
static void close_outputs(struct gate *gate, const uint32_t standard[3])
{
    for (size_t i = 1; i < 3; i++) {
        if (standard[i] != 0)
            (void)channel_close(&gate->channel, standard[i], NULL);
    }
}

/* Opens all, or none of which the host would see anything. */
static int open_standard(struct gate *gate, const uint32_t standard[3], struct error *err)
{
    for (size_t i = 0; i < 3; i++) {
        if (standard[i] != 0 && channel_open(&gate->channel, standard[i], direction_of(i), err) < 0)
            return -1;
    }
    return 0;
}

struct process_identities {
    char user_id[16];
    char group_ids[1 + USER_GROUPS_MAX][16];
    struct policy_identity groups[1 + USER_GROUPS_MAX];
    char umask[8];
};

static struct policy_identity identity_of(const struct user_identity *identity, char text[16])
{
    (void)snprintf(text, 16, "%u", identity->id);
    return (struct policy_identity){.id = text, .name = identity->name};
}

/* The request as the policy sees it. */
static struct policy_process process_of(const struct request_create_container *args,
                                        const struct user *user, struct process_identities *ids)
{
    for (size_t i = 0; i < user->group_count; i++)
        ids->groups[i] = identity_of(&user->groups[i], ids->group_ids[i]);
    (void)snprintf(ids->umask, sizeof ids->umask, "%04o", args->umask & 0777U);
    return (struct policy_process){
        .container_id = args->id,
        .sandbox_id = args->id,
        .args = args->args,
        .env = args->env,
        .cwd = args->cwd,
        .user = identity_of(&user->user, ids->user_id),
        .groups = ids->groups,
        .group_count = user->group_count,
        .umask = ids->umask,
        .no_new_privileges = args->no_new_privileges,
        .capabilities = args->capabilities,
        .privileged = args->privileged,
        .seccomp_sha256 = "",
        .mounts = args->mounts,
        .mount_count = args->mount_count,
    };
}

/* What is started: the request, less what the decision leaves out. */
static struct spec spec_of(const struct request_create_container *args,
                           const struct gate_container *container, const struct user *user,
                           const struct policy_decision *decision)
{
    return (struct spec){
        .id = container->id,
        .root = container->root,
        .args = args->args,
        .env = decision->env_kept,
        .cwd = args->cwd,
        .user = user,
        .umask = args->umask,
        .capabilities = decision->caps_kept,
        .no_new_privileges = args->no_new_privileges,
        .privileged = args->privileged,
        .read_only_root = args->read_only_root,
        .terminal = args->terminal && decision->stdio,
        .rows = args->rows,
        .columns = args->columns,
        .mounts = args->mounts,
        .mount_count = args->mount_count,
        .hostname = *args->hostname ? args->hostname : container->id,
    };
}

/* Allowed: hands it to the machine, with the streams that the policy lets it have. */
static int launch(struct gate *gate, const struct request *request,
                  struct gate_container *container, const struct spec *spec, bool stdio,
                  struct error *err)
{
    static const uint32_t none[3] = {0};
    const uint32_t *standard = request->args.create_container.standard;
    struct error why;
    if (!stdio) {
        close_outputs(gate, standard);
        standard = none;
    }
    memcpy(container->standard, standard, sizeof container->standard);
    if (gate->ops->create(gate->machine, spec, standard, &why) < 0) {
        close_outputs(gate, standard);
        undo_container(gate, container);
        return refuse_failed(gate, request, &why, err);
    }
    container->state = CONTAINER_CREATING;
    container->terminal = spec->terminal;
    container->request = request->id;
    gate->waiting++;
    return 0;
}

static int decide_create(struct gate *gate, const struct request *request,
                         struct gate_container *container, struct error *err)
{
    const struct request_create_container *args = &request->args.create_container;
    POLICY_DECISION_AUTO decision = {0};
    struct process_identities ids;
    struct user user;
    struct error why;
    if (gate->ops->find_user(gate->machine, args->id, args->user, &user, &why) < 0) {
        close_outputs(gate, args->standard);
        return refuse_failed(gate, request, &why, err);
    }
    struct policy_process process = process_of(args, &user, &ids);
    if (!policy_create_container(gate->state, &process, &decision)) {
        close_outputs(gate, args->standard);
        return deny(gate, request, &decision, err);
    }
    struct spec spec = spec_of(args, container, &user, &decision);
    return launch(gate, request, container, &spec, decision.stdio, err);
}

static int handle_create_container(struct gate *gate, const struct request *request,
                                   struct error *err)
{
    const struct request_create_container *args = &request->args.create_container;
    struct gate_container *container = find_container(gate, args->id);
    struct error why;
    if (open_standard(gate, args->standard, &why) < 0)
        return error_set(err, ERROR_PROTOCOL, "request %llu: %s", (unsigned long long)request->id,
                         why.text);
    if (is_in(container, CONTAINER_OVERLAY))
        return decide_create(gate, request, container, err);
    close_outputs(gate, args->standard);
    return refuse_order(gate, request,
                        container ? "this container has been created already"
                                  : "no overlay is mounted for this container",
                        err);
}

int gate_created(struct gate *gate, const char *id, int64_t pid, struct error *err)
{
    struct gate_container *container = find_container(gate, id);
    char result[64];
    if (!is_in(container, CONTAINER_CREATING))
        return error_set(err, ERROR_INVALID, "no container %s is being created", id);
    container->state = CONTAINER_RUNNING;
    gate->waiting--;
    (void)snprintf(result, sizeof result, "{\"pid\":%lld}", (long long)pid);
    return answer_ok(&gate->channel, container->request, result, err);
}

int gate_create_failed(struct gate *gate, const char *id, const struct error *why,
                       struct error *err)
{
    struct gate_container *container = find_container(gate, id);
    if (!is_in(container, CONTAINER_CREATING))
        return error_set(err, ERROR_INVALID, "no container %s is being created", id);
    uint64_t request = container->request;
    close_outputs(gate, container->standard);
    undo_container(gate, container);
    gate->waiting--;
    return answer_refused(&gate->channel, request, ANSWER_FAILED, NULL, why->text, err);
}

int gate_exited(struct gate *gate, const char *id, unsigned int code, unsigned int number,
                struct error *err)
{
    struct gate_container *container = find_container(gate, id);
    BUF_AUTO message = BUF_WITH_LIMIT(1024);
    if (!is_in(container, CONTAINER_RUNNING))
        return error_set(err, ERROR_INVALID, "no container %s runs", id);
    container->state = CONTAINER_EXITED;
    if (buf_printf(&message, err, "{\"event\":\"exited\",\"id\":\"%s\",\"code\":%u,\"signal\":%u}",
                   id, code, number) < 0)
        return -1;
    return channel_send_control(&gate->channel, buf_span(&message), err);
}

/* --- running containers, and the machine -------------------------------------------------------
 */

static int handle_signal(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_signal *args = &request->args.signal;
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!is_in(find_container(gate, args->id), CONTAINER_RUNNING))
        return refuse_order(gate, request, "no such container is running", err);
    if (!policy_signal_container_process(gate->state, args->id, args->signal, true,
                                         (struct policy_list){0}, &decision))
        return deny(gate, request, &decision, err);
    if (gate->ops->signal(gate->machine, args->id, args->signal, &why) < 0)
        return refuse_failed(gate, request, &why, err);
    return done(gate, request, err);
}

static int handle_resize(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_resize *args = &request->args.resize;
    const struct gate_container *container = find_container(gate, args->id);
    struct error why;
    if (!is_in(container, CONTAINER_RUNNING) || !container->terminal)
        return refuse_order(gate, request, "no such container runs with a terminal", err);
    if (gate->ops->resize(gate->machine, args->id, args->rows, args->columns, &why) < 0)
        return refuse_failed(gate, request, &why, err);
    return done(gate, request, err);
}

static int append_member(struct buf *out, const char *name, struct span bytes, struct error *err)
{
    if (buf_printf(out, err, "%s\"%s\":\"", out->size > 1 ? "," : "", name) < 0 ||
        base64_encode(bytes, out, err) < 0)
        return -1;
    return buf_append_text(out, "\"", err);
}

static int attest(struct gate *gate, const struct request_attest *args, struct buf *result,
                  struct error *err)
{
    uint8_t report_data[REPORT_DATA_SIZE];
    BUF_AUTO runtime_data = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    BUF_AUTO report = BUF_WITH_LIMIT(GATE_REPORT_SIZE);
    BUF_AUTO certificates = BUF_WITH_LIMIT(32768);
    if (runtime_data_from_nonce(span_of(args->nonce, args->nonce_size), &runtime_data, err) < 0)
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
        return refuse_failed(gate, request, &why, err);
    return answer_ok(&gate->channel, request->id, buf_text(&result), err);
}

static int handle_statistics(struct gate *gate, const struct request *request, struct error *err)
{
    POLICY_DECISION_AUTO decision = {0};
    uint64_t total, available;
    struct error why;
    char result[128];
    if (!policy_plain_point(gate->state, POLICY_GET_PROPERTIES, &decision))
        return deny(gate, request, &decision, err);
    if (gate->ops->statistics(gate->machine, &total, &available, &why) < 0)
        return refuse_failed(gate, request, &why, err);
    (void)snprintf(result, sizeof result, "{\"memory_total\":%llu,\"memory_available\":%llu}",
                   (unsigned long long)total, (unsigned long long)available);
    return answer_ok(&gate->channel, request->id, result, err);
}

static int handle_power_off(struct gate *gate, const struct request *request, struct error *err)
{
    gate->power_off = true;
    return done(gate, request, err);
}

static int handle_point(struct gate *gate, const struct request *request, struct error *err)
{
    char reason[128];
    (void)snprintf(reason, sizeof reason, "this guest does not do %s",
                   policy_point_name(request->point));
    return answer_refused(&gate->channel, request->id, ANSWER_DENIED,
                          policy_point_name(request->point), reason, err);
}

/* --- the channel -------------------------------------------------------------------------------
 */

/* What the host asks for, and whether it may before the policy is set. */
static const struct {
    handler *handle;
    bool always;
} operations[] = {
    [REQUEST_SET_POLICY] = {handle_set_policy, true},
    [REQUEST_SET_NETWORK] = {handle_set_network, false},
    [REQUEST_MOUNT_DEVICE] = {handle_mount_device, false},
    [REQUEST_MOUNT_OVERLAY] = {handle_mount_overlay, false},
    [REQUEST_CREATE_CONTAINER] = {handle_create_container, true}, /* it opens streams first */
    [REQUEST_SIGNAL] = {handle_signal, false},
    [REQUEST_RESIZE] = {handle_resize, false},
    [REQUEST_ATTEST] = {handle_attest, false},
    [REQUEST_STATISTICS] = {handle_statistics, false},
    [REQUEST_POWER_OFF] = {handle_power_off, true},
    [REQUEST_POINT] = {handle_point, false},
};
static_assert(sizeof operations / sizeof operations[0] == REQUEST_POINT + 1, "all operations");

static int dispatch(struct gate *gate, const struct request *request, struct error *err)
{
    if (gate->phase != GATE_OPEN && !operations[request->op].always)
        return refuse_order(gate, request, "no policy has been set", err);
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
        return refuse(gate, &request, ANSWER_INVALID, why.text, err);
    if (request.id <= gate->last_id)
        return refuse(gate, &request, ANSWER_INVALID,
                      "key \"id\": it must grow from request to request", err);
    gate->last_id = request.id;
    return dispatch(gate, &request, err);
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct gate *gate = argument;
    if (stream == gate->policy_stream)
        take_policy_bytes(gate, bytes);
    else if (gate->ops->stream_data(gate->machine, stream, bytes))
        return 0;
    return channel_grant(&gate->channel, stream, bytes.size, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct gate *gate = argument;
    if (stream == gate->policy_stream)
        return finish_policy(gate, err);
    if (!gate->ops->stream_closed(gate->machine, stream))
        channel_forget(&gate->channel, stream);
    return 0;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct gate *gate = argument;
    gate->ops->stream_writable(gate->machine, stream);
}

static const struct channel_handler channel_handler = {
    .control = on_control, .data = on_data, .closed = on_closed, .writable = on_writable};

void gate_init(struct gate *gate, const struct machine_ops *ops, void *machine, enum guest_tee tee)
{
    *gate = (struct gate){.ops = ops, .machine = machine, .tee = tee};
    channel_init(&gate->channel, &channel_handler, gate);
}

void gate_fini(struct gate *gate)
{
    channel_fini(&gate->channel);
    buf_fini(&gate->policy_text);
    policy_state_free(gate->state);
    policy_free(gate->policy);
    *gate = (struct gate){0};
}

int gate_start(struct gate *gate, struct error *err)
{
    BUF_AUTO message = BUF_WITH_LIMIT(1024);
    if (buf_printf(&message, err,
                   "{\"event\":\"hello\",\"protocol\":%d,\"version\":\"%s\",\"tee\":\"%s\"}",
                   CHANNEL_PROTOCOL, CAISSON_VERSION, guest_tee_name(gate->tee)) < 0)
        return -1;
    return channel_send_control(&gate->channel, buf_span(&message), err);
}

int gate_receive(struct gate *gate, struct span bytes, struct error *err)
{
    return channel_receive(&gate->channel, bytes, err);
}
