/*
 * The host's end of the channel to a guest (docs/protocol.md): requests with their answers, the
 * container's streams, events. The guest is not trusted here either: what it sends is bounded and
 * checked, and a guest that breaks the protocol ends its session and nothing else.
 */
#ifndef CAISSON_VM_GUEST_SESSION_H
#define CAISSON_VM_GUEST_SESSION_H

#include <jansson.h>

#include "vm/link.h"

#define SESSION_OUTSTANDING_MAX 16   /* requests that wait for their answers (docs/protocol.md) */
#define SESSION_QUEUE_MAX       1024 /* requests that wait to be sent */

/* The streams of the one container of a session. */
enum session_stream {
    SESSION_POLICY = 1,
    SESSION_STDIN = 2,
    SESSION_STDOUT = 3,
    SESSION_STDERR = 4,
    SESSION_FRAGMENT = 0x10000, /* the first one's; the others follow */
};

struct guest_session;

struct session_exit {
    const char *id; /* of the container, as the guest says it */
    uint64_t process;
    unsigned int code;
    unsigned int signal;
};

struct session_handler {
    /* The guest is up. */
    void (*hello)(void *argument);
    /* Output of the container; taken by session_grant(). */
    void (*output)(void *argument, uint32_t stream, struct span bytes);
    /* Its number is free again. */
    void (*output_closed)(void *argument, uint32_t stream);
    /* This stream takes bytes again. */
    void (*input_writable)(void *argument, uint32_t stream);
    /* A process has ended: a container's first (`process` 0) or another. */
    void (*exited)(void *argument, const struct session_exit *exit);
    /* The guest has gone; `err` is NULL where it simply closed. */
    void (*ended)(void *argument, const struct error *err);
};

/* Answers a request: `result` is borrowed, and NULL when the guest refused; then `refusal` says
 * why. */
typedef void session_answer(void *argument, const json_t *result, const struct error *refusal);

/* Takes `fd`; `tee` is what the guest's hello must say. NULL with `err`. */
struct guest_session *session_open(struct event_base *base, int fd, const char *tee,
                                   const struct session_handler *handler, void *argument,
                                   struct error *err);

/* Not from within the handler's functions: schedule it. */
void session_close(struct guest_session *session);

/* Sends a request, or queues it while too many wait. Takes the reference to `args`, also on
 * failure. `answer` may be NULL. ERROR_LIMIT when the queue is full. */
int session_request(struct guest_session *session, const char *op, json_t *args,
                    session_answer *answer, void *argument, struct error *err);

/* The number of the request that was queued last: what exec_in_container asks for is called by it.
 */
uint64_t session_last_id(const struct guest_session *session);

/* set_policy with the policy's bytes, which must outlive the session. */
int session_set_policy(struct guest_session *session, struct span policy, session_answer *answer,
                       void *argument, struct error *err);

/* set_policy or load_fragment: the bytes, which must outlive the session, go on this stream: one
 * that was never used. */
int session_upload(struct guest_session *session, const char *op, uint32_t stream,
                   struct span bytes, session_answer *answer, void *argument, struct error *err);

/* Opens the container's streams before create_container names them. */
int session_open_streams(struct guest_session *session, bool with_stdin, bool with_stderr,
                         struct error *err);

/* Opens one stream to the host, whose output then comes to the handler. ERROR_LIMIT when too many
 * are open. */
int session_open_output(struct guest_session *session, uint32_t stream, struct error *err);

/* Opens one stream to the guest. */
int session_open_input(struct guest_session *session, uint32_t stream, struct error *err);

/* A process's input: how much can be sent, sending, and its end, which frees the number. */
size_t session_sendable(const struct guest_session *session, uint32_t stream);
int session_send(struct guest_session *session, uint32_t stream, struct span bytes,
                 struct error *err);
int session_end_input(struct guest_session *session, uint32_t stream, struct error *err);

/* `size` bytes of this output were taken. */
void session_grant(struct guest_session *session, uint32_t stream, size_t size);

#endif
