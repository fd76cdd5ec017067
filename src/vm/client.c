#include "vm/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "format/json.h"
#include "os/fd.h"
#include "os/terminal.h"
#include "vm/link.h"
#include "vm/monitor_state.h"

#define STOP_AFTER_SIGNAL_MS 10000

static const int forwarded_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
#define FORWARDED_COUNT (sizeof forwarded_signals / sizeof *forwarded_signals)

/* What the loop runs for; it ends when that has come. */
enum awaited { AWAIT_STARTED, AWAIT_ANSWER, AWAIT_EVIDENCE, AWAIT_EXIT };

struct client_connection {
    struct event_base *base;
    struct link link;
    enum awaited awaited;
    uint64_t next_id;
    uint64_t answer_id; /* whose answer is awaited */
    bool answered;
    bool started;
    bool exited;
    bool gone;            /* the connection has ended */
    struct error refusal; /* of the answer that was awaited */
    struct client_exit exit;
    struct error lost;        /* why the connection has ended */
    struct error output_lost; /* why the container's output could not be written */
    bool stopping;            /* asked to end: the next signal of that kind ends the machine */
    const struct client_streams *streams;
    struct event *readable; /* of streams->in */
    bool input_open;
    uint64_t signal_id; /* a signal's request, whose refusal stops the container */
    struct event *signals[FORWARDED_COUNT];
    struct event *window_change;
    struct buf *evidence;
    bool evidence_ended;
};

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
    }
    return true;
}

static int wait_for(struct client_connection *connection, enum awaited what, struct error *err)
{
    connection->awaited = what;
    while (!has_come(connection) && !connection->gone) {
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
    return error_set(err, ERROR_UNAVAILABLE,
                     "the machine's monitor has gone, and the machine with it");
}

static int ask(struct client_connection *connection, const char *op, json_t *args, uint64_t *id,
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

static int call(struct client_connection *connection, const char *op, json_t *args,
                struct error *err)
{
    connection->answered = false;
    connection->refusal = (struct error){0};
    if (ask(connection, op, args, &connection->answer_id, err) < 0 ||
        wait_for(connection, AWAIT_ANSWER, err) < 0)
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

static int join_terminal(struct client_connection *connection, struct error *err);

static int on_event(struct client_connection *connection, const char *event, const json_t *message,
                    struct error *err)
{
    uint64_t code;
    uint64_t signal;
    if (strcmp(event, "started") == 0) {
        connection->started = true;
        return join_terminal(connection, err);
    }
    if (strcmp(event, "exited") != 0)
        return 0;
    if (json_get_u64(message, "code", 255, &code, err) < 0 ||
        json_get_u64(message, "signal", 64, &signal, err) < 0)
        return -1;
    connection->exit.code = (unsigned int)code;
    connection->exit.signal = (unsigned int)signal;
    read_error(message, "failure", &connection->exit.failure);
    connection->exited = true;
    return 0;
}

/* The policy lets the host not send that signal: the caller wanted an end all the same. */
static void stop_instead(struct client_connection *connection, const struct error *refusal)
{
    uint64_t id;
    if (connection->stopping)
        return;
    connection->stopping = true;
    log_warning("%s; stopping the container instead", refusal->text);
    (void)ask(connection, "stop", json_pack("{s:i}", "timeout_ms", STOP_AFTER_SIGNAL_MS), &id,
              NULL);
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
    } else if (id == connection->signal_id && !ok) {
        stop_instead(connection, &refusal);
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

/* Writes to a descriptor that may be shared with one who made it non-blocking. */
static int write_patiently(int fd, struct span bytes, struct error *err)
{
    while (bytes.size > 0) {
        ssize_t done = write(fd, bytes.data, bytes.size);
        struct pollfd writable = {.fd = fd, .events = POLLOUT};
        if (done < 0 && errno == EAGAIN)
            (void)poll(&writable, 1, -1);
        else if (done < 0 && errno != EINTR)
            return error_system(err, errno, "cannot write the container's output");
        else if (done > 0)
            bytes = span_of(bytes.data + done, bytes.size - (size_t)done);
    }
    return 0;
}

/* Where nobody takes the output any more (`| head`), nobody waits for the container either. */
static void write_output(struct client_connection *connection, int to, struct span bytes)
{
    uint64_t id;
    if (connection->output_lost.code != ERROR_NONE)
        return;
    if (write_patiently(to, bytes, &connection->output_lost) < 0)
        (void)ask(connection, "stop", json_pack("{s:i}", "timeout_ms", 0), &id, NULL);
}

static int on_data(void *argument, uint32_t stream, struct span bytes, struct error *err)
{
    struct client_connection *connection = argument;
    if (stream == CLIENT_EVIDENCE && connection->evidence) {
        if (buf_append(connection->evidence, bytes, err) < 0)
            return -1;
    } else if (connection->streams) {
        int to = stream == CLIENT_STDERR ? connection->streams->error : connection->streams->out;
        write_output(connection, to, bytes);
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
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
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

static void free_event(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

static void free_events(struct client_connection *connection)
{
    for (size_t i = 0; i < FORWARDED_COUNT; i++)
        free_event(&connection->signals[i]);
    free_event(&connection->window_change);
    free_event(&connection->readable);
}

void client_close(struct client_connection *connection)
{
    if (!connection)
        return;
    free_events(connection);
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
    if (wait_for(connection, AWAIT_STARTED, err) < 0)
        return -1;
    if (!connection->started && connection->exit.failure.code != ERROR_NONE)
        return exit_error(&connection->exit, err);
    return 0;
}

static void end_input(struct client_connection *connection)
{
    connection->input_open = false;
    (void)event_del(connection->readable);
    (void)channel_close(&connection->link.channel, CLIENT_STDIN, NULL);
    link_flush(&connection->link);
}

static void on_input(evutil_socket_t fd, short what, void *argument)
{
    struct client_connection *connection = argument;
    uint8_t piece[16384];
    size_t room = channel_sendable(&connection->link.channel, CLIENT_STDIN);
    (void)what;
    if (room == 0) {
        (void)event_del(connection->readable); /* until on_writable() */
        return;
    }
    ssize_t got = read(fd, piece, room < sizeof piece ? room : sizeof piece);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0 || channel_send(&connection->link.channel, CLIENT_STDIN,
                                 span_of(piece, (size_t)got), NULL) < 0)
        end_input(connection);
    link_flush(&connection->link);
}

/* Whether the caller wants an end by it; the others are news for the container. */
static bool asks_for_end(int signal)
{
    return signal != SIGUSR1 && signal != SIGUSR2;
}

static void on_signal(evutil_socket_t signal, short what, void *argument)
{
    struct client_connection *connection = argument;
    bool ends = asks_for_end((int)signal);
    uint64_t id;
    (void)what;
    if (ends && (connection->stopping || !connection->started)) {
        /* Asked for again, or before there is anything to signal: the end, now. */
        (void)ask(connection, "stop", json_pack("{s:i}", "timeout_ms", 0), &id, NULL);
        return;
    }
    (void)ask(connection, "signal", json_pack("{s:i}", "signal", (int)signal),
              ends ? &connection->signal_id : &id, NULL);
}

/* The terminal whose size is the container's: where it is typed, else where it is shown. */
static int own_terminal(const struct client_connection *connection)
{
    const struct client_streams *streams = connection->streams;
    if (!streams || !streams->terminal)
        return -1;
    if (streams->in >= 0 && terminal_is(streams->in))
        return streams->in;
    return terminal_is(streams->out) ? streams->out : -1;
}

static void send_size(struct client_connection *connection)
{
    unsigned int rows;
    unsigned int columns;
    uint64_t id;
    if (terminal_size(own_terminal(connection), &rows, &columns))
        (void)ask(connection, "resize",
                  json_pack("{s:i, s:i}", "rows", (int)rows, "columns", (int)columns), &id, NULL);
}

static void on_window_change(evutil_socket_t signal, short what, void *argument)
{
    (void)signal;
    (void)what;
    send_size(argument);
}

/* Once the container runs, keys are its own, Control-C too; before, they are for this process. */
static int join_terminal(struct client_connection *connection, struct error *err)
{
    if (own_terminal(connection) < 0 || connection->window_change)
        return 0;
    connection->window_change = evsignal_new(connection->base, SIGWINCH, on_window_change,
                                             connection);
    if (!connection->window_change || event_add(connection->window_change, NULL) < 0)
        return error_memory(err);
    send_size(connection); /* it may have changed during the boot */
    if (connection->streams->in < 0 || !terminal_is(connection->streams->in))
        return 0;
    return terminal_make_raw(connection->streams->in, err);
}

static int join_input(struct client_connection *connection, struct error *err)
{
    const struct client_streams *streams = connection->streams;
    if (streams->in < 0)
        return 0;
    connection->input_open = true;
    connection->readable = event_new(connection->base, streams->in, EV_READ | EV_PERSIST, on_input,
                                     connection);
    if (!connection->readable || event_add(connection->readable, NULL) < 0)
        return error_memory(err);
    return 0;
}

static int join_signals(struct client_connection *connection, struct error *err)
{
    for (size_t i = 0; i < FORWARDED_COUNT; i++) {
        connection->signals[i] = evsignal_new(connection->base, forwarded_signals[i], on_signal,
                                              connection);
        if (!connection->signals[i] || event_add(connection->signals[i], NULL) < 0)
            return error_memory(err);
    }
    return 0;
}

static int open_streams(struct client_connection *connection, bool input, struct error *err)
{
    struct channel *channel = &connection->link.channel;
    if ((input && channel_open(channel, CLIENT_STDIN, CHANNEL_SEND, err) < 0) ||
        channel_open(channel, CLIENT_STDOUT, CHANNEL_RECEIVE, err) < 0)
        return -1;
    return channel_open(channel, CLIENT_STDERR, CHANNEL_RECEIVE, err);
}

int client_attach(struct client_connection *connection, const struct client_streams *streams,
                  struct client_exit *out, struct error *err)
{
    bool input = streams->in >= 0;
    connection->streams = streams;
    if (open_streams(connection, input, err) < 0 ||
        call(connection, "attach", json_pack("{s:b}", "input", input), err) < 0 ||
        join_signals(connection, err) < 0 || join_input(connection, err) < 0 ||
        (connection->started && join_terminal(connection, err) < 0))
        return -1;
    int status = wait_for(connection, AWAIT_EXIT, err);
    free_events(connection);
    terminal_restore();
    connection->streams = NULL;
    *out = connection->exit;
    if (status == 0 && connection->output_lost.code != ERROR_NONE) {
        if (err)
            *err = connection->output_lost;
        return -1;
    }
    return status;
}

int client_stop(struct client_connection *connection, uint32_t timeout_ms, struct client_exit *out,
                struct error *err)
{
    if (call(connection, "stop", json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms), err) <
            0 ||
        wait_for(connection, AWAIT_EXIT, err) < 0)
        return -1;
    *out = connection->exit;
    return 0;
}

int client_attest(struct client_connection *connection, const char *nonce, struct buf *out,
                  struct error *err)
{
    connection->evidence = out;
    if (channel_open(&connection->link.channel, CLIENT_EVIDENCE, CHANNEL_RECEIVE, err) < 0 ||
        call(connection, "attest", json_pack("{s:s}", "nonce", nonce), err) < 0 ||
        wait_for(connection, AWAIT_EVIDENCE, err) < 0)
        return -1;
    connection->evidence = NULL;
    if (!connection->evidence_ended)
        return error_set(err, ERROR_UNAVAILABLE, "the machine ended before its evidence came");
    return 0;
}
