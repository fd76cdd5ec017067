/* Joining the caller's streams, signals and terminal with the container's. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "os/terminal.h"
#include "vm/client_state.h"

#define STOP_AFTER_SIGNAL_MS 10000
#define IDLE_MS              100

static const int forwarded_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
_Static_assert(sizeof forwarded_signals / sizeof *forwarded_signals == CLIENT_SIGNALS,
               "a signal without event");

static void free_event(struct event **event)
{
    if (*event)
        event_free(*event);
    *event = NULL;
}

void client_free_events(struct client_connection *connection)
{
    for (size_t i = 0; i < CLIENT_SIGNALS; i++)
        free_event(&connection->signals[i]);
    free_event(&connection->window_change);
    free_event(&connection->readable);
    free_event(&connection->idle_timer);
}

/* The policy lets the host not send that signal: the caller wanted an end all the same. */
void client_stop_instead(struct client_connection *connection, const struct error *refusal)
{
    uint64_t id;
    if (connection->stopping)
        return;
    connection->stopping = true;
    if (connection->executes) {
        /* Nothing but the caller's wish to wait ends. */
        (void)error_set(&connection->lost, ERROR_REFUSED, "%s; the process goes on", refusal->text);
        connection->gone = true;
        return;
    }
    log_warning("%s; stopping the container instead", refusal->text);
    (void)client_ask(connection, "stop", json_pack("{s:i}", "timeout_ms", STOP_AFTER_SIGNAL_MS),
                     &id, NULL);
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
void client_write_output(struct client_connection *connection, int to, struct span bytes)
{
    uint64_t id;
    if (connection->output_lost.code != ERROR_NONE)
        return;
    if (write_patiently(to, bytes, &connection->output_lost) == 0)
        return;
    if (connection->executes)
        connection->gone = true; /* and with the connection the process's readers */
    else
        (void)client_ask(connection, "stop", json_pack("{s:i}", "timeout_ms", 0), &id, NULL);
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
    if (ends && !connection->executes && (connection->stopping || !connection->started)) {
        /* Asked for again, or before there is anything to signal: the end, now. */
        (void)client_ask(connection, "stop", json_pack("{s:i}", "timeout_ms", 0), &id, NULL);
        return;
    }
    if (connection->idle) {
        connection->stopping = connection->stopping || ends;
        if (ends)
            (void)client_ask(connection, "stop",
                             json_pack("{s:i}", "timeout_ms", STOP_AFTER_SIGNAL_MS), &id, NULL);
        return;
    }
    (void)client_ask(connection, "signal", json_pack("{s:i}", "signal", (int)signal),
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
        (void)client_ask(connection, "resize",
                         json_pack("{s:i, s:i}", "rows", (int)rows, "columns", (int)columns), &id,
                         NULL);
}

static void on_window_change(evutil_socket_t signal, short what, void *argument)
{
    (void)signal;
    (void)what;
    send_size(argument);
}

/* Once the container runs, keys are its own, Control-C too; before, they are for this process. */
int client_join_terminal(struct client_connection *connection, struct error *err)
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
    for (size_t i = 0; i < CLIENT_SIGNALS; i++) {
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

static json_t *texts_json(char *const *texts)
{
    json_t *array = json_array();
    for (; array && texts && *texts; texts++)
        (void)json_array_append_new(array, json_string(*texts));
    return array;
}

static int begin_exec(struct client_connection *connection, const struct client_exec *exec,
                      bool input, struct error *err)
{
    const struct client_streams *streams = connection->streams;
    if (open_streams(connection, input, err) < 0 ||
        client_call(
            connection, "exec",
            json_pack("{s:s, s:o, s:o, s:s, s:s, s:b, s:b, s:i, s:i}", "container", exec->container,
                      "args", texts_json(exec->args), "env", texts_json(exec->env), "cwd",
                      exec->cwd, "user", exec->user, "input", input, "terminal", streams->terminal,
                      "rows", (int)exec->rows, "columns", (int)exec->columns),
            err) < 0)
        return -1;
    return 0;
}

int client_exec(struct client_connection *connection, const struct client_exec *exec,
                const struct client_streams *streams, struct client_exit *out, struct error *err)
{
    bool input = streams->in >= 0 && !exec->detach;
    *out = (struct client_exit){0};
    connection->streams = streams;
    connection->executes = true;
    int status = begin_exec(connection, exec, input, err);
    if (status == 0 && !exec->detach) {
        bool joined = join_signals(connection, err) == 0 &&
                      (!input || join_input(connection, err) == 0) &&
                      client_join_terminal(connection, err) == 0;
        status = joined ? client_wait_for(connection, AWAIT_EXEC, err) : -1;
    }
    client_free_events(connection);
    terminal_restore();
    connection->streams = NULL;
    *out = connection->exit;
    if (connection->output_lost.code != ERROR_NONE) {
        if (err)
            *err = connection->output_lost;
        return -1;
    }
    return status;
}

int client_attach(struct client_connection *connection, const struct client_streams *streams,
                  struct client_exit *out, struct error *err)
{
    bool input = streams->in >= 0;
    connection->streams = streams;
    if (open_streams(connection, input, err) < 0 ||
        client_call(connection, "attach", json_pack("{s:b}", "input", input), err) < 0 ||
        join_signals(connection, err) < 0 || join_input(connection, err) < 0 ||
        (connection->started && client_join_terminal(connection, err) < 0))
        return -1;
    int status = client_wait_for(connection, AWAIT_EXIT, err);
    client_free_events(connection);
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

static void on_idle(evutil_socket_t fd, short what, void *argument)
{
    struct client_connection *connection = argument;
    (void)fd;
    (void)what;
    connection->idle(connection->idle_argument);
}

int client_follow(struct client_connection *connection, void (*idle)(void *argument),
                  void *argument, struct client_exit *out, struct error *err)
{
    static const struct timeval pause = {.tv_usec = IDLE_MS * 1000};
    connection->idle = idle;
    connection->idle_argument = argument;
    connection->idle_timer = event_new(connection->base, -1, EV_PERSIST, on_idle, connection);
    if (!connection->idle_timer || event_add(connection->idle_timer, &pause) < 0)
        return error_memory(err);
    if (join_signals(connection, err) < 0)
        return -1;
    int status = client_wait_for(connection, AWAIT_EXIT, err);
    client_free_events(connection);
    *out = connection->exit;
    return status;
}
