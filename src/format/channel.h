/*
 * One end of the channel between host and guest (docs/protocol.md), without its transport: bytes
 * that arrived go in, bytes to be written come out, and what they mean is told to a handler. Both
 * ends use this code; both treat the other as hostile. All memory that a peer can make it hold is
 * bounded by CHANNEL_STREAMS_MAX × CHANNEL_WINDOW plus one frame.
 *
 * Theory of operation
 *
 * A stream is one-directional. Each end opens it by number on its own side (channel_open), the
 * sender as CHANNEL_SEND, the receiver as CHANNEL_RECEIVE, before its first frame can come. The
 * receiver's handler gets DATA as it arrives and may keep the bytes; it calls channel_grant once
 * its consumer has taken them. So unconsumed bytes never exceed the window.
 *
 * A stream may be opened late by the receiver's code: frames for an unknown stream are a protocol
 * error, so the side that learns of a stream by a request opens it while it handles that request,
 * and the requester opens it before it sends the request.
 *
 * After an error the channel is dead: every call fails with ERROR_PROTOCOL.
 */
#ifndef CAISSON_FORMAT_CHANNEL_H
#define CAISSON_FORMAT_CHANNEL_H

#include "base/buf.h"

#define CHANNEL_PROTOCOL    1
#define CHANNEL_HEADER_SIZE 12
#define CHANNEL_PAYLOAD_MAX 65536
#define CHANNEL_WINDOW      65536 /* bytes that a stream may carry before the first CREDIT */
#define CHANNEL_STREAMS_MAX 64    /* open at once */
#define CHANNEL_CREDIT_MAX  0x80000000U
#define CHANNEL_CONTROL_MAX                                                                        \
    (1024 * 1024) /* bytes of CONTROL frames that may wait for the transport */
#define CHANNEL_PORT_NAME "org.caisson.channel.0"
#define CHANNEL_PSP_PORT  "org.caisson.psp.0"

enum channel_direction { CHANNEL_SEND, CHANNEL_RECEIVE };

/* What arrived. A function that returns -1 kills the channel with its error. `argument` is the
 * owner's. */
struct channel_handler {
    int (*control)(void *argument, struct span message, struct error *err);
    int (*data)(void *argument, uint32_t stream, struct span bytes, struct error *err);
    int (*closed)(void *argument, uint32_t stream, struct error *err);
    /* The peer took bytes of a CHANNEL_SEND stream: channel_sendable() has grown. May be NULL. */
    void (*writable)(void *argument, uint32_t stream);
};

struct channel_stream {
    uint32_t id; /* 0: this slot is free */
    enum channel_direction direction;
    uint32_t credit; /* bytes that may still be sent (SEND) or still arrive (RECEIVE) */
    uint32_t taken;  /* RECEIVE: bytes given to the handler and not granted again */
    bool closed;     /* RECEIVE: CLOSE has come */
};

struct channel {
    const struct channel_handler *handler;
    void *argument;
    struct buf input;  /* the beginning of a frame */
    struct buf output; /* frames to be written */
    struct channel_stream streams[CHANNEL_STREAMS_MAX];
    bool dead;
};

/* `handler` must outlive the channel. The owner calls channel_fini(). */
void channel_init(struct channel *channel, const struct channel_handler *handler, void *argument);
void channel_fini(struct channel *channel);

/* Takes bytes from the transport; calls the handler for each whole frame. */
int channel_receive(struct channel *channel, struct span bytes, struct error *err);

/* What is to be written, and how much of it was. */
struct span channel_output(const struct channel *channel);
void channel_output_written(struct channel *channel, size_t size);

/* Queues a control message: one JSON object, at most CHANNEL_PAYLOAD_MAX bytes. */
int channel_send_control(struct channel *channel, struct span message, struct error *err);

/* Opens a stream; ERROR_LIMIT when too many are open, ERROR_INVALID for 0 or a number that is open.
 */
int channel_open(struct channel *channel, uint32_t stream, enum channel_direction direction,
                 struct error *err);

/* How many bytes channel_send() would take now: 0 for a stream that is not open for sending. */
size_t channel_sendable(const struct channel *channel, uint32_t stream);

/* Queues bytes of a SEND stream; ERROR_LIMIT when they exceed channel_sendable(). */
int channel_send(struct channel *channel, uint32_t stream, struct span bytes, struct error *err);

/* Ends a SEND stream and frees its number. */
int channel_close(struct channel *channel, uint32_t stream, struct error *err);

/* The consumer took `size` of the bytes that came on a RECEIVE stream; the peer may send as many
 * more. */
int channel_grant(struct channel *channel, uint32_t stream, size_t size, struct error *err);

/* Frees a RECEIVE stream's number after CLOSE has come; before that it is an error of the caller.
 */
void channel_forget(struct channel *channel, uint32_t stream);

#endif
