/*
 * A connection to a machine's monitor: what the verbs of the command line do to a machine. One
 * thread, one loop; each function returns when what it waits for has come.
 */
#ifndef CAISSON_VM_CLIENT_H
#define CAISSON_VM_CLIENT_H

#include <jansson.h>

#include "base/buf.h"

struct client_connection;

/* How the machine ended. `failure` is ERROR_NONE for the container's own exit and for a stop that
 * was asked for; `text` says more. */
struct client_exit {
    unsigned int code; /* the container's, 128 + signal, or 137 */
    unsigned int signal;
    struct error failure;
};

/* Standard streams to be joined with the container's. */
struct client_streams {
    int in; /* -1 for none */
    int out;
    int error;
    bool terminal; /* the container has one: `in` is made raw, sizes are handed on */
};

/* Takes the descriptor that machine_start() gave. NULL with `err`. */
struct client_connection *client_open(int fd, struct error *err);

/* Connects to a machine by its name. ERROR_NOT_FOUND when there is none, ERROR_REFUSED when it does
 * not run. */
struct client_connection *client_connect(const char *name, struct error *err);

void client_close(struct client_connection *connection);
void client_cleanup(struct client_connection **connection);
#define CLIENT_AUTO __attribute__((cleanup(client_cleanup))) struct client_connection *

/* Waits until the container runs. An error is the reason why it does not. */
int client_wait_started(struct client_connection *connection, struct error *err);

/* Joins the streams and waits for the end. Signals that this process gets meanwhile are handed on,
 * as far as the policy allows; where it does not, the container is stopped. */
int client_attach(struct client_connection *connection, const struct client_streams *streams,
                  struct client_exit *out, struct error *err);

/* Waits for the end without joining any stream, and calls `idle` now and then. Signals that this
 * process gets meanwhile and that ask for an end stop the machine. */
int client_follow(struct client_connection *connection, void (*idle)(void *argument),
                  void *argument, struct client_exit *out, struct error *err);

/* Asks the container to end, and the machine after `timeout_ms`; waits for the end, and some
 * seconds longer for a monitor that does not tell it. */
int client_stop(struct client_connection *connection, uint32_t timeout_ms, struct client_exit *out,
                struct error *err);

/* Ends a monitor that does not answer, by force: its machine goes with it. */
void client_kill_monitor(const struct client_connection *connection);

/* Appends the evidence for this nonce (hex) to `out`. ERROR_UNAVAILABLE when it has not come in
 * time. */
int client_attest(struct client_connection *connection, const char *nonce, uint32_t timeout_ms,
                  struct buf *out, struct error *err);

/* A process to be started beside a container's first. */
struct client_exec {
    const char *container; /* of a group; "" for the only one */
    char *const *args;     /* NULL-terminated, as env */
    char *const *env;      /* besides the container's own; NULL for none */
    const char *cwd;       /* "" for the container's */
    const char *user;      /* alike */
    unsigned int rows, columns;
    bool detach; /* leave it running, with output to nowhere */
};

/* Starts it, joins the streams, and waits for its end. Signals are handed on as far as the policy
 * allows. With `detach` only the start is waited for. */
int client_exec(struct client_connection *connection, const struct client_exec *exec,
                const struct client_streams *streams, struct client_exit *out, struct error *err);

/* Waits until the machine has ended. */
int client_wait(struct client_connection *connection, struct client_exit *out, struct error *err);

/* Asks one thing: *result is the answer, and the caller's (json_decref). Takes the reference to
 * `args`. ERROR_UNAVAILABLE when it has not come in time. */
int client_query(struct client_connection *connection, const char *op, json_t *args,
                 json_t **result, struct error *err);

#endif
