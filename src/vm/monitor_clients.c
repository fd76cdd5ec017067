/* The monitor's connections: the starter's, and those that come by the machine's name. They come,
 * are told how the machine fares, and go. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "evidence/bundle.h"
#include "os/fd.h"
#include "vm/monitor_state.h"

#define LINGER_MS 10000 /* for a client that does not read the end it is told */
#define SWEEP_MS  100

static void close_soon(struct client *client)
{
    client->closing = true;
    event_active(client->monitor->sweep, EV_TIMEOUT, 0);
}

void client_say(struct client *client, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    if (!text || channel_send_control(&client->link.channel, span_of_text(text), NULL) < 0)
        close_soon(client);
    free(text);
    json_decref(message);
    link_flush(&client->link);
}

struct client *clients_attached(struct monitor *monitor)
{
    for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
        struct client *client = &monitor->clients[i];
        if (client->used && !client->closing && client->attached)
            return client;
    }
    return NULL;
}

/* The end is told once, after the last byte of output. */
static void tell_end(struct client *client)
{
    struct monitor *monitor = client->monitor;
    bool wants_output = client->attached || (client->owner && monitor->holds_output);
    if (client->told_end || (wants_output && !monitor_is_drained(monitor)))
        return;
    client->told_end = true;
    if (client->attached) {
        (void)channel_close(&client->link.channel, CLIENT_STDOUT, NULL);
        (void)channel_close(&client->link.channel, CLIENT_STDERR, NULL);
    }
    client_say(client,
               json_pack("{s:s, s:i, s:i, s:i, s:s}", "event", "exited", "code",
                         (int)monitor->exit_code, "signal", (int)monitor->exit_signal, "failure",
                         (int)monitor->failure.code, "text", monitor->failure.text));
}

static void tell_phase(struct client *client)
{
    if (client->monitor->phase == MONITOR_RUNNING)
        client_say(client, json_pack("{s:s}", "event", "started"));
    else if (client->monitor->phase == MONITOR_ENDED)
        tell_end(client);
}

void clients_tell_phase(struct monitor *monitor)
{
    for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
        if (monitor->clients[i].used && !monitor->clients[i].closing)
            tell_phase(&monitor->clients[i]);
    }
}

static void on_ended(void *argument, const struct error *err)
{
    struct client *client = argument;
    (void)err; /* a client that breaks the protocol loses its connection, as one that goes */
    close_soon(client);
}

static struct client *free_slot(struct monitor *monitor)
{
    for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
        if (!monitor->clients[i].used)
            return &monitor->clients[i];
    }
    return NULL;
}

int clients_adopt(struct monitor *monitor, int fd, bool owner, struct error *err)
{
    FD_AUTO owned = fd;
    struct client *client = free_slot(monitor);
    if (!client)
        return error_set(err, ERROR_LIMIT, "more than %d clients", MONITOR_CLIENTS_MAX);
    *client = (struct client){.monitor = monitor,
                              .owner = owner,
                              .generation = ++monitor->generation,
                              .evidence = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX)};
    if (link_open(&client->link, monitor->base, owned, &client_functions, on_ended, client, err) <
        0)
        return -1;
    (void)fd_take(&owned);
    client->used = true;
    tell_phase(client);
    return 0;
}

static void on_connection(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    (void)what;
    if (!free_slot(monitor)) {
        (void)event_del(monitor->listener); /* until one has gone */
        return;
    }
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (connection >= 0)
        (void)clients_adopt(monitor, connection, false, NULL);
}

static void drop(struct client *client)
{
    struct monitor *monitor = client->monitor;
    bool ends_machine = client->owner &&
                        (monitor->config->owned || monitor->phase == MONITOR_BOOTING);
    if (client->exec)
        exec_leave(client);
    if (client->attached && client->input) {
        /* The process reads the end where nobody is left to write. */
        buf_truncate(&monitor->input, 0);
        monitor->input_ended = true;
    }
    link_close(&client->link);
    buf_fini(&client->evidence);
    client->used = false;
    if (client->owner)
        monitor->holds_output = false;
    if (ends_machine && monitor->phase != MONITOR_ENDED) {
        struct error err = {0};
        (void)error_set(&err, ERROR_NONE, "stopped: the command that ran it has gone");
        monitor_end(monitor, &err);
    }
    if (monitor->listener)
        (void)event_add(monitor->listener, NULL);
    monitor_pump_output(monitor);
    monitor_pump_input(monitor);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Of a machine that has ended: whether this client has nothing more to get. What was sent it reads
 * even when this end is closed. One that is attached is waited for as long as output is left. */
static bool is_done(const struct client *client, bool late)
{
    bool sent = client->told_end && channel_output(&client->link.channel).size == 0;
    return sent || client->monitor->abandoned || (late && !client->attached);
}

/* The end: tells it, closes whom nothing more is to be told, and looks again a little later. */
static void see_off(struct monitor *monitor)
{
    struct timeval later = {.tv_usec = SWEEP_MS * 1000};
    bool alone = true;
    int64_t now = now_ms();
    if (monitor->ended_ms == 0)
        monitor->ended_ms = now;
    clients_tell_phase(monitor);
    for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
        struct client *client = &monitor->clients[i];
        if (client->used && is_done(client, now - monitor->ended_ms > LINGER_MS))
            drop(client);
        alone = alone && !client->used;
    }
    if (alone)
        (void)event_base_loopbreak(monitor->base);
    else
        (void)evtimer_add(monitor->sweep, &later);
}

/* Outside every handler: closes whom is to be closed, and sees to the end. */
static void on_sweep(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    (void)fd;
    (void)what;
    for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
        if (monitor->clients[i].used && monitor->clients[i].closing)
            drop(&monitor->clients[i]);
    }
    if (monitor->phase == MONITOR_ENDED)
        see_off(monitor);
}

void clients_abandon(struct monitor *monitor)
{
    monitor->abandoned = true;
    event_active(monitor->sweep, EV_TIMEOUT, 0);
}

int clients_open(struct monitor *monitor, struct error *err)
{
    monitor->sweep = evtimer_new(monitor->base, on_sweep, monitor);
    return monitor->sweep ? 0 : error_memory(err);
}

int clients_listen(struct monitor *monitor, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    TEXT_AUTO path = record_path(monitor->folder, "control");
    if (!path)
        return error_memory(err);
    if (!text_copy(address.sun_path, sizeof address.sun_path, path))
        return error_set(err, ERROR_LIMIT, "the path %s is too long for a socket; set CAISSON_RUN",
                         path);
    monitor->listener_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (monitor->listener_fd < 0)
        return error_system(err, errno, "socket");
    mode_t old = umask(0177);
    int status = bind(monitor->listener_fd, (struct sockaddr *)&address, sizeof address);
    (void)umask(old);
    if (status < 0 || listen(monitor->listener_fd, MONITOR_CLIENTS_MAX) < 0)
        return error_system(err, errno, "cannot listen on %s", path);
    monitor->listener = event_new(monitor->base, monitor->listener_fd, EV_READ | EV_PERSIST,
                                  on_connection, monitor);
    return monitor->listener && event_add(monitor->listener, NULL) == 0 ? 0 : error_memory(err);
}

void clients_close_all(struct monitor *monitor)
{
    for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
        if (monitor->clients[i].used) {
            link_close(&monitor->clients[i].link);
            buf_fini(&monitor->clients[i].evidence);
        }
    }
    if (monitor->listener)
        event_free(monitor->listener);
    if (monitor->sweep)
        event_free(monitor->sweep);
    fd_close(&monitor->listener_fd);
}
