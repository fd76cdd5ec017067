/* What the files of the client share: client.c (the connection), client_attach.c (streams, signals
 * and terminal of the caller's). */
#ifndef CAISSON_VM_CLIENT_STATE_H
#define CAISSON_VM_CLIENT_STATE_H

#include <event2/event.h>

#include "vm/client.h"
#include "vm/link.h"
#include "vm/monitor_state.h"

#define CLIENT_SIGNALS 6 /* that are handed on */

/* What the loop runs for; it ends when that has come. */
enum awaited { AWAIT_STARTED, AWAIT_ANSWER, AWAIT_EVIDENCE, AWAIT_EXIT, AWAIT_EXEC };

struct client_connection {
    struct event_base *base;
    struct link link;
    enum awaited awaited;
    uint64_t next_id;
    uint64_t answer_id; /* whose answer is awaited */
    bool answered;
    bool started;
    bool exited;
    bool executes;        /* the streams are those of a process beside the container's first */
    bool exec_exited;     /* it has ended: `exit` says how */
    json_t *result;       /* of the answer that was awaited */
    bool gone;            /* the connection has ended */
    struct event *timer;  /* what is awaited may take no longer */
    bool late;            /* it has taken longer */
    struct error refusal; /* of the answer that was awaited */
    struct client_exit exit;
    struct error lost;            /* why the connection has ended */
    struct error output_lost;     /* why the container's output could not be written */
    bool stopping;                /* asked to end: the next signal of that kind ends the machine */
    void (*idle)(void *argument); /* of client_follow() */
    void *idle_argument;
    struct event *idle_timer;
    const struct client_streams *streams;
    struct event *readable; /* of streams->in */
    bool input_open;
    uint64_t signal_id; /* a signal's request, whose refusal stops the container */
    struct event *signals[CLIENT_SIGNALS];
    struct event *window_change;
    struct buf *evidence;
    bool evidence_ended;
};

/* client.c */

/* Sends a request and takes the reference to `args`; *id is its number. */
int client_ask(struct client_connection *connection, const char *op, json_t *args, uint64_t *id,
               struct error *err);
/* Sends a request and waits for the answer, whose refusal is the error; or for the machine's end.
 */
int client_call(struct client_connection *connection, const char *op, json_t *args,
                struct error *err);
/* Runs the loop until this has come; an error when the monitor has gone before. */
int client_wait_for(struct client_connection *connection, enum awaited what, struct error *err);

/* client_attach.c */

/* Once the container runs: its size, and the keys. */
int client_join_terminal(struct client_connection *connection, struct error *err);
/* The policy lets the host not send that signal: the caller wanted an end all the same. */
void client_stop_instead(struct client_connection *connection, const struct error *refusal);
/* Writes output to the caller's stream `to`; where nobody takes it any more (`| head`), the
 * container is ended. */
void client_write_output(struct client_connection *connection, int to, struct span bytes);
void client_free_events(struct client_connection *connection);

#endif
