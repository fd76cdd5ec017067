/*
 * What the two sides of a remote call say to each other, over a link that keeps messages whole and
 * in their order: wire.h's, or a test's.
 *
 * A parcel is a head (struct remote_head) and what belongs to its kind, in one or more messages:
 * the head says how many bytes it has. A call has struct remote_request and, argument by argument,
 * the bytes that go there; an answer has struct remote_answer and those that come back. An argument
 * that is an address is sent as what stands there (enum remote_place), never as the address.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_MESSAGE_H
#define CAISSON_ENCLAVE_LIBOS_REMOTE_REMOTE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/remote/remote_table.h"

enum remote_parcel {
    REMOTE_CALL = 1,
    REMOTE_ANSWER,
    REMOTE_INTERRUPT, /* the call of this serial number has a signal to deal with */
    REMOTE_LEFT,      /* the thread has ended; another process' may follow on this link */
};

struct remote_head {
    uint32_t size; /* bytes, with the head */
    uint32_t kind; /* enum remote_parcel */
    uint64_t serial;
};

/* What an argument that is an address has. */
enum remote_place {
    REMOTE_NULL,  /* 0 */
    REMOTE_BAD,   /* not the program's memory */
    REMOTE_THERE, /* bytes, which follow if they go there */
};

#define REMOTE_CONTINUES 1U /* a piece after the first, or a hasty thread's: it does not wait */
#define REMOTE_HAS_MORE  2U /* another piece follows */

struct remote_request {
    uint64_t number; /* of the system call */
    uint32_t process;
    uint32_t flags;
    uint32_t room;    /* bytes for what comes back, each rounded up by remote_room() */
    uint32_t unheard; /* signals of its thread (threads/signal.h): a bit each, */
    uint64_t pending; /* likewise */
    uint64_t arguments[REMOTE_ARGUMENTS];
};

struct remote_answer {
    uint64_t result;  /* a value or a negative errno's number */
    uint64_t signals; /* a bit each: what the call raised at its thread, */
    uint64_t watched; /* what signalfds of the process may be waited for, */
    uint64_t taken;   /* and with SIGNAL_FILE_ELSEWHERE, what is to be taken (signal_file.h) */
};

/* Of REMOTE_HEADER_*: struct msghdr without addresses. `total` bytes are in its parts. */
struct remote_message {
    uint32_t name, control, parts; /* enum remote_place */
    uint32_t name_size, control_size;
    uint32_t flags;
    uint64_t total;
};

/* What is read from and written to is aligned, and so has so much room. */
static inline uint32_t remote_room(uint64_t size)
{
    return (uint32_t)(size + 15) & ~UINT32_C(15);
}

#define REMOTE_ROOM_MAX   (REMOTE_PIECE_MAX + 65536U) /* bytes */
#define REMOTE_PARCEL_MAX (REMOTE_PIECE_MAX + 131072U)

/* --- bytes ------------------------------------------------------------------------------------ */

/* Bytes that grow, of the library OS' own memory, up to REMOTE_PARCEL_MAX. All zero is empty. */
struct remote_buffer {
    uint8_t *bytes;
    size_t size, room;
};

/* Appends, zeros for NULL. -ENOMEM, or -E2BIG beyond REMOTE_PARCEL_MAX. */
int remote_put(struct remote_buffer *buffer, const void *bytes, size_t size);
/* Makes room behind what is there, which is not part of it: likewise. */
int remote_reserve(struct remote_buffer *buffer, size_t size);
void remote_buffer_fini(struct remote_buffer *buffer);
/* Of what is secret, before that. */
void remote_buffer_wipe(struct remote_buffer *buffer);

/* Reads from bytes that came: never beyond their end. */
struct remote_reader {
    const uint8_t *bytes;
    size_t left;
};

/* The next bytes, borrowed; NULL where there are fewer. */
const uint8_t *remote_take(struct remote_reader *reader, size_t size);
/* A copy of them: false where there are fewer. */
bool remote_get(struct remote_reader *reader, void *out, size_t size);

/* --- parcels ---------------------------------------------------------------------------------- */

#define REMOTE_MESSAGE_MAX (60U * 1024) /* bytes: wire.h's */

/* Without the lock, all three. */
struct remote_link {
    /* One message, whole. 0 or a negative errno. */
    int (*send)(void *end, const void *bytes, size_t size);
    /* The next message: its bytes; 0 when the other end has closed; -EINTR for a signal, if it may
     * be interrupted. */
    int64_t (*receive)(void *end, void *out, size_t room, bool may_interrupt);
    /* The same without waiting, with or without the lock: -EAGAIN. `is_ready` is the host's word
     * that there is something; without it, what has come already counts. */
    int64_t (*receive_now)(void *end, void *out, size_t room, bool is_ready);
    void *end;
};

/* One side of it: what is on its way. Large: not for a stack. */
struct remote_side {
    struct remote_link link;
    uint64_t serial; /* of the last call */
    bool is_broken;  /* nothing is sent or received any more */
    bool is_asked;   /* the last call has not been answered */
    uint64_t taken;  /* struct remote_answer's */
    uint8_t message[REMOTE_MESSAGE_MAX];
};

/* Sends what is in the buffer, which begins with a head whose size is set here. -EIO. */
int remote_send(struct remote_side *side, struct remote_buffer *parcel, enum remote_parcel kind,
                uint64_t serial);

/* Receives a parcel, head and all, into an empty buffer, by the head's word of its size and no
 * more than REMOTE_PARCEL_MAX. 1; 0 when the other end has closed; -EINTR, before anything came;
 * -ENOMEM, -EIO, after which the side is broken. */
int remote_receive(struct remote_side *side, struct remote_buffer *parcel, bool may_interrupt);

/* The head of a parcel that was received. */
struct remote_head remote_head_of(const struct remote_buffer *parcel);

#endif
