/*
 * Processes beside the containers' first: asked for by a client, whose connection carries the
 * streams from then on.
 *
 * Theory of operation: each has three streams of the guest's channel, by its place in the table. As
 * with a container's own streams, the guest is granted what the client has taken, and the client
 * what the guest has. The process's end is told after its last byte of output; only then its place,
 * and with it its streams, are free again. A client that goes leaves the process running: its input
 * ends, its output is dropped.
 */
#include <stdlib.h>

#include "base/text.h"
#include "format/json.h"
#include "vm/monitor_state.h"

#define STREAMS_FROM 1024 /* three of each: its input, output and errors */

struct monitor_exec {
    struct monitor *monitor;
    size_t index;
    struct client *client; /* NULL once it has gone, or for none */
    uint64_t request;      /* the client's */
    char container[65];
    uint64_t process; /* the guest's number, 0 until it runs */
    bool input_open, input_ended;
    bool exited;
    unsigned int code, signal;
    struct buf input;
    struct buf outputs[2];
};

static uint32_t stream_of(const struct monitor_exec *exec, uint32_t standard)
{
    return (uint32_t)(STREAMS_FROM + 3 * exec->index + standard);
}

static struct monitor_exec *exec_of(struct monitor *monitor, uint32_t stream)
{
    uint32_t index = (stream - STREAMS_FROM) / 3;
    return stream >= STREAMS_FROM && index < MONITOR_EXECS_MAX ? monitor->execs[index] : NULL;
}

const char *exec_container(const struct monitor_exec *exec)
{
    return exec->container;
}

uint64_t exec_process(const struct monitor_exec *exec)
{
    return exec->process;
}

int monitor_find_container(const struct monitor *monitor, const char *name, const char **id,
                           const struct vm_process **process, struct error *err)
{
    if (monitor->phase != MONITOR_RUNNING)
        return error_set(err, ERROR_REFUSED, "the container does not run");
    if (monitor->group) {
        *process = monitor_group_find(monitor, name, id);
        if (*process)
            return 0;
        return *name ? error_set(err, ERROR_NOT_FOUND,
                                 "no container \"%.64s\" of %s runs; see: caisson inspect %s", name,
                                 monitor->config->name, monitor->config->name)
                     : error_set(err, ERROR_NOT_FOUND,
                                 "%s is a group: name the container with --container",
                                 monitor->config->name);
    }
    if (*name)
        return error_set(err, ERROR_NOT_FOUND, "%s is no group: it has one container",
                         monitor->config->name);
    *id = monitor->config->name;
    *process = &monitor->config->process;
    return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void close_input(struct monitor_exec *exec)
{
    if (exec->input_open)
        (void)session_end_input(exec->monitor->session, stream_of(exec, 0), NULL);
    exec->input_open = false;
}

static void free_exec(struct monitor_exec *exec)
{
    if (exec->client)
        exec->client->exec = NULL;
    exec->monitor->execs[exec->index] = NULL;
    buf_fini(&exec->input);
    buf_fini(&exec->outputs[0]);
    buf_fini(&exec->outputs[1]);
    free(exec);
}

/* Once everything has been handed on: tells the end and frees the place. */
static void finish(struct monitor_exec *exec)
{
    struct client *client = exec->client;
    if (!exec->exited || exec->outputs[0].size > 0 || exec->outputs[1].size > 0)
        return;
    close_input(exec);
    if (client) {
        (void)channel_close(&client->link.channel, CLIENT_STDOUT, NULL);
        (void)channel_close(&client->link.channel, CLIENT_STDERR, NULL);
        client_say(client, json_pack("{s:s, s:i, s:i}", "event", "exec_exited", "code",
                                     (int)exec->code, "signal", (int)exec->signal));
    }
    free_exec(exec);
}

void exec_exited(struct monitor *monitor, const struct session_exit *exit)
{
    for (size_t i = 0; i < MONITOR_EXECS_MAX; i++) {
        struct monitor_exec *exec = monitor->execs[i];
        if (!exec || exec->process != exit->process || strcmp(exec->container, exit->id) != 0)
            continue;
        exec->exited = true;
        exec->code = exit->signal ? 128 + exit->signal : exit->code;
        exec->signal = exit->signal;
        finish(exec);
        return;
    }
}

void execs_end(struct monitor *monitor)
{
    for (size_t i = 0; i < MONITOR_EXECS_MAX; i++) {
        if (monitor->execs[i])
            free_exec(monitor->execs[i]);
    }
}

/* --- streams ---------------------------------------------------------------------------------- */

/* Without a client output is dropped. */
static void pump_one(struct monitor_exec *exec, size_t index)
{
    struct buf *pending = &exec->outputs[index];
    struct client *client = exec->client;
    uint32_t to = index ? CLIENT_STDERR : CLIENT_STDOUT;
    while (pending->size > 0) {
        size_t size = client ? channel_sendable(&client->link.channel, to) : pending->size;
        size = size < pending->size ? size : pending->size;
        if (size == 0 || (client && channel_send(&client->link.channel, to,
                                                 span_of(pending->data, size), NULL) < 0))
            return;
        buf_consume(pending, size);
        session_grant(exec->monitor->session, stream_of(exec, 1 + (uint32_t)index), size);
    }
}

static void pump_output(struct monitor_exec *exec)
{
    pump_one(exec, 0);
    pump_one(exec, 1);
    if (exec->client)
        link_flush(&exec->client->link);
    finish(exec);
}

void exec_pump_output(struct client *client)
{
    pump_output(client->exec);
}

bool exec_take_output(struct monitor *monitor, uint32_t stream, struct span bytes)
{
    struct monitor_exec *exec = exec_of(monitor, stream);
    if (!exec)
        return stream >= STREAMS_FROM;
    struct error err = {0};
    if (buf_append(&exec->outputs[stream == stream_of(exec, 2)], bytes, &err) < 0) {
        (void)error_set(&err, ERROR_PROTOCOL, "the guest sent more output than it may");
        monitor_end(monitor, &err);
        return true;
    }
    pump_output(exec);
    return true;
}

static void pump_input(struct monitor_exec *exec)
{
    struct monitor *monitor = exec->monitor;
    uint32_t stream = stream_of(exec, 0);
    while (exec->input_open && exec->process && exec->input.size > 0) {
        size_t size = session_sendable(monitor->session, stream);
        size = size < exec->input.size ? size : exec->input.size;
        if (size == 0 ||
            session_send(monitor->session, stream, span_of(exec->input.data, size), NULL) < 0)
            break;
        buf_consume(&exec->input, size);
        if (exec->client) {
            (void)channel_grant(&exec->client->link.channel, CLIENT_STDIN, size, NULL);
            link_flush(&exec->client->link);
        }
    }
    if (exec->process && exec->input_ended && exec->input.size == 0)
        close_input(exec);
}

bool exec_take_writable(struct monitor *monitor, uint32_t stream)
{
    struct monitor_exec *exec = exec_of(monitor, stream);
    if (exec)
        pump_input(exec);
    return stream >= STREAMS_FROM;
}

int exec_take_input(struct client *client, struct span bytes, struct error *err)
{
    if (buf_append(&client->exec->input, bytes, err) < 0)
        return -1;
    pump_input(client->exec);
    return 0;
}

void exec_end_input(struct client *client)
{
    client->exec->input_ended = true;
    pump_input(client->exec);
}

void exec_leave(struct client *client)
{
    struct monitor_exec *exec = client->exec;
    client->exec = NULL;
    exec->client = NULL;
    exec->input_ended = true;
    buf_truncate(&exec->input, 0);
    pump_input(exec);
    pump_output(exec);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* The guest has closed the output streams before it answered. */
static void on_answer(void *argument, const json_t *result, const struct error *refusal)
{
    struct monitor_exec *exec = argument;
    struct client *client = exec->client;
    struct error err = {0};
    uint64_t process = 0;
    /* Which process it is nobody could say any more, nor what its streams carry. */
    if (result && json_get_u64(result, "process", (uint64_t)1 << 53, &process, &err) < 0) {
        err.code = ERROR_PROTOCOL;
        (void)error_context(&err, "the guest's answer to exec_in_container");
        monitor_end(exec->monitor, &err);
        return;
    }
    if (!result) {
        if (client)
            client_say(client, json_pack("{s:I, s:b, s:{s:i, s:s}}", "id",
                                         (json_int_t)exec->request, "ok", false, "error", "code",
                                         (int)refusal->code, "text", refusal->text));
        close_input(exec);
        free_exec(exec);
        return;
    }
    exec->process = process;
    if (client)
        client_say(client, json_pack("{s:I, s:b, s:{}}", "id", (json_int_t)exec->request, "ok",
                                     true, "result"));
    pump_input(exec);
}

static struct monitor_exec *new_exec(struct monitor *monitor, struct error *err)
{
    size_t index = 0;
    while (index < MONITOR_EXECS_MAX && monitor->execs[index])
        index++;
    if (index == MONITOR_EXECS_MAX) {
        (void)error_set(err, ERROR_LIMIT, "%d processes run beside the container's own already",
                        MONITOR_EXECS_MAX);
        return NULL;
    }
    struct monitor_exec *exec = calloc(1, sizeof *exec);
    if (!exec) {
        (void)error_memory(err);
        return NULL;
    }
    exec->monitor = monitor;
    exec->index = index;
    buf_init(&exec->input, CHANNEL_WINDOW);
    buf_init(&exec->outputs[0], CHANNEL_WINDOW);
    buf_init(&exec->outputs[1], CHANNEL_WINDOW);
    monitor->execs[index] = exec;
    return exec;
}

static bool same_name(const char *a, const char *b)
{
    size_t size = strcspn(a, "=") + 1;
    return strncmp(a, b, size) == 0;
}

/* Puts the caller's variables over the container's. */
static void merge_env(json_t *env, const json_t *more)
{
    for (size_t i = 0; i < json_array_size(more); i++) {
        const char *text = json_string_value(json_array_get(more, i));
        size_t at = 0;
        while (text && at < json_array_size(env) &&
               !same_name(text, json_string_value(json_array_get(env, at))))
            at++;
        if (text && at < json_array_size(env))
            (void)json_array_set_new(env, at, json_string(text));
        else if (text)
            (void)json_array_append_new(env, json_string(text));
    }
}

/* What a client asks for. */
struct wish {
    const char *container, *cwd, *user; /* cwd and user "" for the container's own */
    json_t *args, *env;
    bool input, terminal;
    uint64_t rows, columns;
};

static int read_wish(const json_t *args, struct wish *wish, struct error *err)
{
    if (json_get_text(args, "container", &wish->container, err) < 0 ||
        json_get_text(args, "cwd", &wish->cwd, err) < 0 ||
        json_get_text(args, "user", &wish->user, err) < 0 ||
        json_get_array(args, "args", &wish->args, err) < 0 ||
        json_get_array(args, "env", &wish->env, err) < 0 ||
        json_get_bool(args, "input", &wish->input, err) < 0 ||
        json_get_bool(args, "terminal", &wish->terminal, err) < 0 ||
        json_get_u64(args, "rows", UINT16_MAX, &wish->rows, err) < 0)
        return -1;
    return json_get_u64(args, "columns", UINT16_MAX, &wish->columns, err);
}

/* As the container's own process would be, but for what the client wishes. */
static json_t *request_of(const struct monitor_exec *exec, const struct wish *wish,
                          const struct vm_process *process)
{
    json_t *args = start_exec_json(exec->container, process, NULL);
    json_auto_t *wished = json_pack(
        "{s:O, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "args", wish->args, "cwd",
        *wish->cwd ? wish->cwd : process->cwd, "user", *wish->user ? wish->user : process->user,
        "terminal", wish->terminal, "rows", (json_int_t)wish->rows, "columns",
        (json_int_t)wish->columns, "stdin", (json_int_t)(wish->input ? stream_of(exec, 0) : 0),
        "stdout", (json_int_t)stream_of(exec, 1), "stderr",
        (json_int_t)(wish->terminal ? 0 : stream_of(exec, 2)));
    if (!args || !wished || json_object_update(args, wished) < 0) {
        json_decref(args);
        return NULL; /* session_request() takes it for want of memory */
    }
    merge_env(json_object_get(args, "env"), wish->env);
    return args;
}

/* Opens the guest's side of a stream, where one that was not used has not left it open. */
static int open_stream(struct monitor_exec *exec, uint32_t standard, struct error *err)
{
    struct guest_session *session = exec->monitor->session;
    uint8_t *opened = &exec->monitor->execs_opened[exec->index];
    if (*opened >> standard & 1)
        return 0;
    int status = standard == 0 ? session_open_input(session, stream_of(exec, 0), err)
                               : session_open_output(session, stream_of(exec, standard), err);
    if (status == 0)
        *opened |= (uint8_t)(1U << standard);
    return status;
}

static int open_streams(struct monitor_exec *exec, const struct wish *wish, struct error *err)
{
    struct channel *channel = &exec->client->link.channel;
    if ((wish->input && channel_open(channel, CLIENT_STDIN, CHANNEL_RECEIVE, err) < 0) ||
        channel_open(channel, CLIENT_STDOUT, CHANNEL_SEND, err) < 0 ||
        channel_open(channel, CLIENT_STDERR, CHANNEL_SEND, err) < 0 ||
        (wish->input && open_stream(exec, 0, err) < 0) || open_stream(exec, 1, err) < 0)
        return -1;
    return wish->terminal ? 0 : open_stream(exec, 2, err);
}

/* What was named to the guest is opened and closed by both from then on. */
static void use_streams(struct monitor_exec *exec, const struct wish *wish)
{
    uint8_t used = (uint8_t)((wish->input ? 1 : 0) | 2 | (wish->terminal ? 0 : 4));
    exec->monitor->execs_opened[exec->index] &= (uint8_t)~used;
    exec->input_open = wish->input;
}

int exec_begin(struct client *client, uint64_t id, const json_t *args, struct error *err)
{
    struct wish wish = {0};
    const char *container;
    const struct vm_process *process;
    if (read_wish(args, &wish, err) < 0 ||
        monitor_find_container(client->monitor, wish.container, &container, &process, err) < 0)
        return -1;
    if (client->exec || client->attached)
        return error_set(err, ERROR_REFUSED, "this connection carries a process already");
    struct monitor_exec *exec = new_exec(client->monitor, err);
    if (!exec)
        return -1;
    exec->client = client;
    exec->request = id;
    client->exec = exec;
    (void)text_copy(exec->container, sizeof exec->container, container);
    if (open_streams(exec, &wish, err) < 0 ||
        session_request(client->monitor->session, "exec_in_container",
                        request_of(exec, &wish, process), on_answer, exec, err) < 0) {
        free_exec(exec);
        return -1;
    }
    use_streams(exec, &wish);
    return 0;
}
