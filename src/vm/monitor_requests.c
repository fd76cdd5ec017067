/* What clients ask the monitor for (docs/protocol.md, "The monitor's socket"). */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/text.h"
#include "evidence/bundle.h"
#include "format/json.h"
#include "vm/monitor_state.h"

#define STOP_TIMEOUT_MAX_MS 3600000

/* An answer of the guest's that a client waits for. */
struct pending {
    struct monitor *monitor;
    size_t slot;
    uint64_t generation;
    uint64_t id;
};

static void say_result(struct client *client, uint64_t id, json_t *result)
{
    client_say(client,
               json_pack("{s:I, s:b, s:o}", "id", (json_int_t)id, "ok", true, "result", result));
}

static void say_error(struct client *client, uint64_t id, const struct error *err)
{
    client_say(client, json_pack("{s:I, s:b, s:{s:i, s:s}}", "id", (json_int_t)id, "ok", false,
                                 "error", "code", (int)err->code, "text", err->text));
}

static void on_guest_answer(void *argument, const json_t *result, const struct error *refusal)
{
    struct pending *pending = argument;
    struct client *client = &pending->monitor->clients[pending->slot];
    if (client->used && !client->closing && client->generation == pending->generation) {
        if (result)
            say_result(client, pending->id, json_deep_copy(result));
        else
            say_error(client, pending->id, refusal);
    }
    free(pending);
}

static struct pending *make_pending(struct client *client, uint64_t id)
{
    struct pending *pending = calloc(1, sizeof *pending);
    if (pending)
        *pending = (struct pending){
            .monitor = client->monitor,
            .slot = (size_t)(client - client->monitor->clients),
            .generation = client->generation,
            .id = id,
        };
    return pending;
}

/* Hands a request on to the guest; its answer is the client's. */
static int forward(struct client *client, uint64_t id, const char *op, json_t *args,
                   session_answer *answer, struct error *err)
{
    struct pending *pending = make_pending(client, id);
    if (!pending || client->monitor->phase != MONITOR_RUNNING) {
        json_decref(args);
        free(pending);
        return pending ? error_set(err, ERROR_REFUSED, "the container does not run")
                       : error_memory(err);
    }
    if (session_request(client->monitor->session, op, args, answer, pending, err) < 0) {
        free(pending);
        return -1;
    }
    return 0;
}

static int op_attach(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    struct monitor *monitor = client->monitor;
    struct channel *channel = &client->link.channel;
    bool input;
    if (json_get_bool(args, "input", &input, err) < 0)
        return -1;
    if (monitor->group)
        return error_set(err, ERROR_REFUSED,
                         "%s is a group: what its containers write is in their logs",
                         monitor->config->name);
    if (clients_attached(monitor))
        return error_set(err, ERROR_REFUSED, "another client is attached to %s",
                         monitor->config->name);
    if ((input && channel_open(channel, CLIENT_STDIN, CHANNEL_RECEIVE, err) < 0) ||
        channel_open(channel, CLIENT_STDOUT, CHANNEL_SEND, err) < 0 ||
        channel_open(channel, CLIENT_STDERR, CHANNEL_SEND, err) < 0)
        return -1;
    client->attached = true;
    client->input = input;
    monitor->holds_output = false;
    say_result(client, id, json_object());
    monitor_pump_output(monitor);
    return 0;
}

/* The container that a request names, and the process of it that the connection carries. */
static int find_process(struct client *client, const json_t *args, const char **id,
                        uint64_t *process, struct error *err)
{
    const struct vm_process *runs;
    const char *name = NULL;
    *process = 0;
    if (client->exec) {
        *id = exec_container(client->exec);
        *process = exec_process(client->exec);
        return *process ? 0 : error_set(err, ERROR_REFUSED, "the process has not started");
    }
    if (json_find_text(args, "container", &name, err) < 0)
        return -1;
    return monitor_find_container(client->monitor, name ? name : "", id, &runs, err);
}

static int op_signal(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    uint64_t signal, process;
    const char *container;
    if (json_get_u64(args, "signal", 64, &signal, err) < 0 ||
        find_process(client, args, &container, &process, err) < 0)
        return -1;
    return forward(client, id, "signal_container_process",
                   json_pack("{s:s, s:I, s:I}", "id", container, "process", (json_int_t)process,
                             "signal", (json_int_t)signal),
                   on_guest_answer, err);
}

static int op_resize(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    uint64_t rows, columns, process;
    const char *container;
    if (json_get_u64(args, "rows", UINT16_MAX, &rows, err) < 0 ||
        json_get_u64(args, "columns", UINT16_MAX, &columns, err) < 0 ||
        find_process(client, args, &container, &process, err) < 0)
        return -1;
    return forward(
        client, id, "resize_terminal",
        json_pack("{s:s, s:I, s:I, s:I}", "id", container, "process", (json_int_t)process, "rows",
                  (json_int_t)rows, "columns", (json_int_t)columns),
        on_guest_answer, err);
}

/* Counts from the request on: the guest takes them in their order, and refuses what comes after. */
static void tell_paused(struct monitor *monitor)
{
    if (monitor->group)
        monitor_group_pause(monitor, monitor->paused || monitor->pausing > 0);
}

static void write_paused(struct monitor *monitor, bool paused)
{
    monitor->paused = paused;
    monitor->record->paused = paused;
    (void)record_write(monitor->folder, monitor->record, NULL);
}

static void on_pause(void *argument, const json_t *result, const struct error *refusal)
{
    struct pending *pending = argument;
    struct monitor *monitor = pending->monitor;
    monitor->pausing--;
    if (result)
        write_paused(monitor, true);
    tell_paused(monitor);
    on_guest_answer(pending, result, refusal);
}

static void on_unpause(void *argument, const json_t *result, const struct error *refusal)
{
    struct pending *pending = argument;
    struct monitor *monitor = pending->monitor;
    if (result)
        write_paused(monitor, false);
    tell_paused(monitor);
    on_guest_answer(pending, result, refusal);
}

/* An enclave's processes, with what else is in their group: its gate stands still with them, and
 * answers what it is asked when they go on. */
static int halt_enclave(struct client *client, uint64_t id, bool halts, struct error *err)
{
    struct monitor *monitor = client->monitor;
    if (monitor->phase != MONITOR_RUNNING || monitor->launch.qemu <= 0)
        return error_set(err, ERROR_REFUSED, "the container does not run");
    if (monitor->paused == halts)
        return error_set(
            err, ERROR_REFUSED,
            halts ? "the containers are paused already" : "the containers are not paused");
    if (kill(-monitor->launch.qemu, halts ? SIGSTOP : SIGCONT) < 0)
        return error_system(err, errno, "the enclave's processes");
    write_paused(monitor, halts);
    say_result(client, id, json_object());
    return 0;
}

static bool is_enclave(const struct client *client)
{
    return launch_kind(client->monitor->config->tee)->is_enclave;
}

static int op_pause(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    (void)args;
    if (is_enclave(client))
        return halt_enclave(client, id, true, err);
    if (forward(client, id, "pause", json_object(), on_pause, err) < 0)
        return -1;
    client->monitor->pausing++;
    tell_paused(client->monitor);
    return 0;
}

static int op_unpause(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    (void)args;
    if (is_enclave(client))
        return halt_enclave(client, id, false, err);
    return forward(client, id, "unpause", json_object(), on_unpause, err);
}

static int ask_of_container(struct client *client, uint64_t id, const char *op, const json_t *args,
                            struct error *err)
{
    const char *container;
    uint64_t process;
    if (find_process(client, args, &container, &process, err) < 0)
        return -1;
    return forward(client, id, op, json_pack("{s:s}", "id", container), on_guest_answer, err);
}

static int op_usage(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    return ask_of_container(client, id, "get_usage", args, err);
}

static int op_processes(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    return ask_of_container(client, id, "list_processes", args, err);
}

static int op_stop(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    uint64_t timeout_ms;
    if (json_get_u64(args, "timeout_ms", STOP_TIMEOUT_MAX_MS, &timeout_ms, err) < 0)
        return -1;
    say_result(client, id, json_object());
    if (client->monitor->phase != MONITOR_ENDED)
        monitor_stop(client->monitor, (uint32_t)timeout_ms);
    else if (timeout_ms == 0)
        clients_abandon(client->monitor);
    return 0;
}

static int decode_base64(const json_t *result, const char *key, struct buf *out, struct error *err)
{
    const char *text;
    if (json_get_text(result, key, &text, err) < 0)
        return -1;
    if (base64_decode(span_of_text(text), out, err) < 0)
        return error_context(err, "the guest's %s", key);
    return 0;
}

static int set_certificates(struct bundle *bundle, const struct monitor *monitor,
                            const json_t *result, struct error *err)
{
    if (monitor->psp)
        return bundle_set_certificates(bundle, span_of_text(psp_certificates(monitor->psp)), err);
    BUF_AUTO certificates = BUF_WITH_LIMIT(CHANNEL_PAYLOAD_MAX);
    if (decode_base64(result, "certificates", &certificates, err) < 0)
        return -1;
    return certificates.size ? bundle_set_certificates(bundle, buf_span(&certificates), err) : 0;
}

/* All that a verifier needs besides what only it knows. */
static int make_bundle(const struct monitor *monitor, const json_t *result, struct buf *out,
                       struct error *err)
{
    BUNDLE_AUTO bundle;
    bundle_init(&bundle);
    bundle.tee = launch_kind(monitor->config->tee)->evidence;
    bundle.vcpus = monitor->config->vcpus;
    memcpy(bundle.kernel, monitor->launch.digests.kernel, sizeof bundle.kernel);
    memcpy(bundle.initrd, monitor->launch.digests.initrd, sizeof bundle.initrd);
    if (!text_copy(bundle.cmdline, sizeof bundle.cmdline, monitor->launch.cmdline))
        return error_set(err, ERROR_LIMIT, "the command line is too long for evidence");
    if (decode_base64(result, "report", &bundle.report, err) < 0 ||
        decode_base64(result, "runtime_data", &bundle.runtime_data, err) < 0 ||
        buf_append(&bundle.policy, monitor->config->policy, err) < 0 ||
        set_certificates(&bundle, monitor, result, err) < 0)
        return -1;
    return bundle_write(&bundle, out, err);
}

static void pump_evidence(struct client *client)
{
    struct channel *channel = &client->link.channel;
    while (client->evidence_sent < client->evidence.size) {
        size_t left = client->evidence.size - client->evidence_sent;
        size_t size = channel_sendable(channel, CLIENT_EVIDENCE);
        if (size == 0)
            break;
        if (size > left)
            size = left;
        if (channel_send(channel, CLIENT_EVIDENCE,
                         span_of(client->evidence.data + client->evidence_sent, size), NULL) < 0)
            break;
        client->evidence_sent += size;
    }
    if (client->evidence.size > 0 && client->evidence_sent == client->evidence.size) {
        (void)channel_close(channel, CLIENT_EVIDENCE, NULL);
        buf_fini(&client->evidence);
        client->evidence_sent = 0;
    }
    link_flush(&client->link);
}

static void on_evidence(void *argument, const json_t *result, const struct error *refusal)
{
    struct pending *pending = argument;
    struct client *client = &pending->monitor->clients[pending->slot];
    struct error err = {0};
    if (client->used && !client->closing && client->generation == pending->generation) {
        if (!result) {
            say_error(client, pending->id, refusal);
        } else if (make_bundle(pending->monitor, result, &client->evidence, &err) < 0 ||
                   channel_open(&client->link.channel, CLIENT_EVIDENCE, CHANNEL_SEND, &err) < 0) {
            buf_fini(&client->evidence);
            say_error(client, pending->id, &err);
        } else {
            say_result(client, pending->id,
                       json_pack("{s:I}", "size", (json_int_t)client->evidence.size));
            pump_evidence(client);
        }
    }
    free(pending);
}

static int op_attest(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    const char *nonce;
    if (json_get_text(args, "nonce", &nonce, err) < 0)
        return -1;
    if (client->evidence.size > 0)
        return error_set(err, ERROR_REFUSED, "evidence is on its way already");
    return forward(client, id, "attest", json_pack("{s:s}", "nonce", nonce), on_evidence, err);
}

static const struct {
    const char *op;
    int (*function)(struct client *, uint64_t, const json_t *, struct error *);
} ops[] = {
    {"attach", op_attach},       {"signal", op_signal},   {"resize", op_resize},
    {"stop", op_stop},           {"attest", op_attest},   {"exec", exec_begin},
    {"pause", op_pause},         {"unpause", op_unpause}, {"usage", op_usage},
    {"processes", op_processes},
};

static int on_control(void *argument, struct span text, struct error *err)
{
    struct client *client = argument;
    static const struct json_limits limits = {CHANNEL_PAYLOAD_MAX, 4};
    json_auto_t *message = json_parse_object(text, &limits, err);
    const char *op;
    uint64_t id;
    json_t *args;
    if (!message || json_get_u64(message, "id", (uint64_t)1 << 53, &id, err) < 0 ||
        json_get_text(message, "op", &op, err) < 0 ||
        json_get_object(message, "args", &args, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct error refusal = {0};
        if (strcmp(ops[i].op, op) != 0)
            continue;
        if (ops[i].function(client, id, args, &refusal) < 0)
            say_error(client, id, &refusal);
        return 0;
    }
    return error_set(err, ERROR_PROTOCOL, "no operation \"%.32s\"", op);
}

/* --- streams ---------------------------------------------------------------------------------- */

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct client *client = argument;
    struct monitor *monitor = client->monitor;
    if (stream != CLIENT_STDIN)
        return error_set(err, ERROR_PROTOCOL, "bytes on stream %u", stream);
    if (client->exec)
        return exec_take_input(client, bytes, err);
    if (!client->attached)
        return channel_grant(&client->link.channel, stream, bytes.size, err);
    if (!monitor->config->process.input || monitor->phase == MONITOR_ENDED)
        return channel_grant(&client->link.channel, stream, bytes.size, err);
    if (buf_append(&monitor->input, bytes, err) < 0)
        return -1;
    monitor_pump_input(monitor);
    return 0;
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct client *client = argument;
    (void)stream;
    (void)err;
    if (client->exec)
        exec_end_input(client);
    if (!client->attached)
        return 0;
    client->monitor->input_ended = true;
    monitor_pump_input(client->monitor);
    return 0;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct client *client = argument;
    if (stream == CLIENT_EVIDENCE)
        pump_evidence(client);
    else if (client->exec)
        exec_pump_output(client);
    else
        monitor_pump_output(client->monitor);
}

const struct channel_handler client_functions = {on_control, on_data, on_closed, on_writable};
