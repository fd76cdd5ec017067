#include "vm/client.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "format/json.h"
#include "os/fd.h"
#include "vm/client_state.h"

#define MONITOR_GRACE_MS 10000 /* for a monitor that has little processor time */
#define QUERY_TIMEOUT_MS 30000
#define CONNECT_WAIT_S   10 /* for one that lets nobody in */

static bool has_come(const struct client_connection *connection)
{
    switch (connection->awaited) {
    case AWAIT_STARTED:
        return connection->started || connection->exited;
    case AWAIT_ANSWER:
        return connection->answered || connection->exited;
    case AWAIT_EVIDENCE:
        return connection->evidence_ended || connection->exited;
    case AWAIT_EXIT:
        return connection->exited;
    case AWAIT_EXEC:
        return connection->exec_exited || connection->exited;
    }
    return true;
}

int client_wait_for(struct client_connection *connection, enum awaited what, struct error *err)
{
    connection->awaited = what;
    while (!has_come(connection) && !connection->gone && !connection->late) {
        if (event_base_loop(connection->base, EVLOOP_ONCE) < 0)
            return error_set(err, ERROR_SYSTEM, "the event loop failed");
    }
    if (has_come(connection))
        return 0;
    if (connection->lost.code != ERROR_NONE) {
        if (err)
            *err = connection->lost;
        return -1;
    }
    if (connection->late)
        return error_set(err, ERROR_UNAVAILABLE, "no answer in time");
    return error_set(err, ERROR_UNAVAILABLE,
                     "the machine's monitor has gone, and the machine with it");
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct client_connection *connection = argument;
    (void)fd;
    (void)what;
    connection->late = true;
}

/* All that is awaited from here on must have come when this time is over. */
static int limit_waiting(struct client_connection *connection, uint32_t timeout_ms,
                         struct error *err)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                              .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    connection->late = false;
    if (!connection->timer)
        connection->timer = evtimer_new(connection->base, on_timer, connection);
    if (!connection->timer || evtimer_add(connection->timer, &timeout) < 0)
        return error_memory(err);
    return 0;
}

int client_ask(struct client_connection *connection, const char *op, json_t *args, uint64_t *id,
               struct error *err)
{
    *id = connection->next_id++;
    json_auto_t *message = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)*id, "op", op, "args",
                                     args);
    BUF_AUTO text = BUF_WITH_LIMIT(CHANNEL_PAYLOAD_MAX);
    if (!message)
        return error_memory(err);
    if (json_append(message, &text, err) < 0 ||
        channel_send_control(&connection->link.channel, buf_span(&text), err) < 0)
        return -1;
    link_flush(&connection->link);
    return 0;
}

int client_call(struct client_connection *connection, const char *op, json_t *args,
                struct error *err)
{
    connection->answered = false;
    connection->refusal = (struct error){0};
    if (client_ask(connection, op, args, &connection->answer_id, err) < 0 ||
        client_wait_for(connection, AWAIT_ANSWER, err) < 0)
        return -1;
    /* The machine may have ended before it answered: then its end is the answer. */
    if (!connection->answered || connection->refusal.code == ERROR_NONE)
        return 0;
    if (err)
        *err = connection->refusal;
    return -1;
}

/* --- what the monitor says
 * ------------------------------------------------------------------------ */

static void read_error(const json_t *message, const char *code_key, struct error *out)
{
    uint64_t code = 0;
    const char *text = NULL;
    (void)json_get_u64(message, code_key, ERROR_UNAVAILABLE, &code, NULL);
    (void)json_get_text(message, "text", &text, NULL);
    *out = (struct error){0};
    if (text)
        (void)error_set(out, (enum error_code)code, "%s", text);
}

static int on_event(struct client_connection *connection, const char *event, const json_t *message,
                    struct error *err)
{
    uint64_t code;
    uint64_t signal;
    if (strcmp(event, "started") == 0) {
        connection->started = true;
        return client_join_terminal(connection, err);
    }
    bool exec = strcmp(event, "exec_exited") == 0;
    if (!exec && strcmp(event, "exited") != 0)
        return 0;
    if (json_get_u64(message, "code", 255, &code, err) < 0 ||
        json_get_u64(message, "signal", 64, &signal, err) < 0)
        return -1;
    connection->exit.code = (unsigned int)code;
    connection->exit.signal = (unsigned int)signal;
    connection->exec_exited = exec;
    if (exec)
        return 0;
    read_error(message, "failure", &connection->exit.failure);
    connection->exited = true;
    return 0;
}

static int on_answer(struct client_connection *connection, const json_t *message, struct error *err)
{
    uint64_t id;
    bool ok;
    struct error refusal = {0};
    json_t *error = NULL;
    if (json_get_u64(message, "id", (uint64_t)1 << 53, &id, err) < 0 ||
        json_get_bool(message, "ok", &ok, err) < 0 ||
        (!ok && json_get_object(message, "error", &error, err) < 0))
        return -1;
    if (error)
        read_error(error, "code", &refusal);
    if (id == connection->answer_id) {
        connection->refusal = refusal;
        connection->answered = true;
        json_decref(connection->result);
        connection->result = json_incref(json_object_get(message, "result"));
    } else if (id == connection->signal_id && !ok) {
        client_stop_instead(connection, &refusal);
    }
    return 0;
}

static int on_control(void *argument, struct span text, struct error *err)
{
    static const struct json_limits limits = {CHANNEL_PAYLOAD_MAX, 8};
    json_auto_t *message = json_parse_object(text, &limits, err);
    const char *event;
    if (!message || json_find_text(message, "event", &event, err) < 0)
        return error_context(err, "the monitor");
    return event ? on_event(argument, event, message, err) : on_answer(argument, message, err);
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct client_connection *connection = argument;
    if (stream == CLIENT_EVIDENCE && connection->evidence) {
        if (buf_append(connection->evidence, bytes, err) < 0)
            return -1;
    } else if (connection->streams) {
        int to = stream == CLIENT_STDERR ? connection->streams->error : connection->streams->out;
        client_write_output(connection, to, bytes);
    }
    return channel_grant(&connection->link.channel, stream, bytes.size, err);
}

static int on_closed(void *argument, uint32_t stream, struct error *err)
{
    struct client_connection *connection = argument;
    (void)err;
    if (stream == CLIENT_EVIDENCE)
        connection->evidence_ended = true;
    return 0;
}

static void on_writable(void *argument, uint32_t stream)
{
    struct client_connection *connection = argument;
    if (stream == CLIENT_STDIN && connection->readable && connection->input_open)
        (void)event_add(connection->readable, NULL);
}

static void on_ended(void *argument, const struct error *err)
{
    struct client_connection *connection = argument;
    connection->gone = true;
    if (err)
        connection->lost = *err;
}

static const struct channel_handler functions = {on_control, on_data, on_closed, on_writable};

/* --- opening
 * -------------------------------------------------------------------------------------- */

static struct event_base *make_base(void)
{
    /* Standard input may be a file, which epoll does not take. */
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config && event_config_require_features(config, EV_FEATURE_FDS) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

struct client_connection *client_open(int fd, struct error *err)
{
    struct client_connection *connection = calloc(1, sizeof *connection);
    FD_AUTO owned = fd;
    if (!connection) {
        (void)error_memory(err);
        return NULL;
    }
    connection->next_id = 1;
    connection->base = make_base();
    if (!connection->base)
        (void)error_memory(err);
    else if (link_open(&connection->link, connection->base, owned, &functions, on_ended, connection,
                       err) == 0) {
        (void)fd_take(&owned);
        return connection;
    }
    if (connection->base)
        event_base_free(connection->base);
    free(connection);
    return NULL;
}

struct client_connection *client_connect(const char *name, struct error *err)
{
    RECORD_AUTO record;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *folder;
    if (record_read(name, &record, err) < 0 || record_folder(name, &folder, err) < 0)
        return NULL;
    TEXT_AUTO owned = folder;
    TEXT_AUTO path = record_path(owned, "control");
    if (!path || !text_copy(address.sun_path, sizeof address.sun_path, path)) {
        (void)error_set(err, ERROR_LIMIT, "the path of %s is too long for a socket", name);
        return NULL;
    }
    FD_AUTO fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const struct timeval wait = {.tv_sec = CONNECT_WAIT_S};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        /* A monitor lives on after its machine while a client has not taken all output. */
        if (record.status == RECORD_EXITED)
            (void)error_set(err, ERROR_REFUSED, "%s does not run: it has exited with code %u", name,
                            record.exit_code);
        else
            (void)error_system(err, errno, "cannot reach the monitor of %s", name);
        return NULL;
    }
    return client_open(fd_take(&fd), err);
}

void client_close(struct client_connection *connection)
{
    if (!connection)
        return;
    client_free_events(connection);
    json_decref(connection->result);
    if (connection->timer)
        event_free(connection->timer);
    link_close(&connection->link);
    event_base_free(connection->base);
    free(connection);
}

void client_cleanup(struct client_connection **connection)
{
    client_close(*connection);
    *connection = NULL;
}

/* --- verbs
 * ---------------------------------------------------------------------------------------- */

static int exit_error(const struct client_exit *exit, struct error *err)
{
    if (err)
        *err = exit->failure;
    return -1;
}

int client_wait_started(struct client_connection *connection, struct error *err)
{
    if (client_wait_for(connection, AWAIT_STARTED, err) < 0)
        return -1;
    if (!connection->started && connection->exit.failure.code != ERROR_NONE)
        return exit_error(&connection->exit, err);
    return 0;
}

int client_stop(struct client_connection *connection, uint32_t timeout_ms, struct client_exit *out,
                struct error *err)
{
    if (limit_waiting(connection, timeout_ms + MONITOR_GRACE_MS, err) < 0)
        return -1;
    if (client_call(connection, "stop", json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms),
                    err) < 0 ||
        client_wait_for(connection, AWAIT_EXIT, err) < 0)
        return connection->late ? error_set(err, ERROR_UNAVAILABLE,
                                            "its monitor does not answer; caisson rm -f ends it")
                                : -1;
    *out = connection->exit;
    return 0;
}

int client_wait(struct client_connection *connection, struct client_exit *out, struct error *err)
{
    if (client_wait_for(connection, AWAIT_EXIT, err) < 0)
        return -1;
    *out = connection->exit;
    return 0;
}

int client_query(struct client_connection *connection, const char *op, json_t *args,
                 json_t **result, struct error *err)
{
    *result = NULL;
    if (limit_waiting(connection, QUERY_TIMEOUT_MS, err) < 0 ||
        client_call(connection, op, args, err) < 0)
        return -1;
    if (!connection->answered)
        return error_set(err, ERROR_REFUSED, "the machine has ended");
    *result = json_incref(connection->result);
    (void)evtimer_del(connection->timer);
    return 0;
}

/* Who listens on the socket, as the kernel has noted it. */
void client_kill_monitor(const struct client_connection *connection)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(connection->link.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 1)
        (void)kill(peer.pid, SIGKILL);
}

static int receive_evidence(struct client_connection *connection, const char *nonce,
                            struct error *err)
{
    if (channel_open(&connection->link.channel, CLIENT_EVIDENCE, CHANNEL_RECEIVE, err) < 0 ||
        client_call(connection, "attest", json_pack("{s:s}", "nonce", nonce), err) < 0 ||
        client_wait_for(connection, AWAIT_EVIDENCE, err) < 0)
        return -1;
    if (!connection->evidence_ended)
        return error_set(err, ERROR_REFUSED, "the machine ended before its evidence came");
    return 0;
}

int client_attest(struct client_connection *connection, const char *nonce, uint32_t timeout_ms,
                  struct buf *out, struct error *err)
{
    if (limit_waiting(connection, timeout_ms, err) < 0)
        return -1;
    connection->evidence = out;
    int status = receive_evidence(connection, nonce, err);
    connection->evidence = NULL;
    if (status < 0 && connection->late)
        return error_set(err, ERROR_UNAVAILABLE,
                         "no evidence within %u s: the guest does not answer (caisson logs and the "
                         "machine's console may tell why); --timeout waits longer",
                         timeout_ms / 1000);
    return status;
}
