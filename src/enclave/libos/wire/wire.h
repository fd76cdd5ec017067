/*
 * A wire: messages between two enclaves of one container, a child's and the first, over a stream
 * socket that the host carries.
 *
 * What the host does to it is found: a record that is changed, left out, repeated, cut or comes
 * out of order is -EIO and the end of the wire. That it delays, or ends the wire between two
 * messages, is its right. At the other end is an enclave of this image, under this policy, on this
 * processor (handshake.h); which process it stands for, the first message has to prove.
 *
 * Nothing here is called with the lock of the library OS, which a wait takes for a moment; but for
 * wire_receive_now() and wire_close(), which wait for nothing and need it neither way. One thread
 * at a time sends and one receives; they may be two. Threads of the pool wait so, and the gate's.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_WIRE_WIRE_H
#define CAISSON_ENCLAVE_LIBOS_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/wire/record.h"

#define WIRE_MESSAGE_MAX RECORD_MESSAGE_MAX /* bytes, 60 KiB; a message has at least one */

/* Large: not for a stack. All zero is a wire that is closed. */
struct wire {
    uint32_t handle; /* the host's (door_calls.h), if it is open */
    bool is_open;
    bool is_broken;  /* it has gone wrong, and only wire_close() is left */
    bool takes_none; /* the other end has closed: what it sent before still comes */
    bool has_ended;  /* the other end has closed, and nothing more comes */
    bool has_asked;  /* it has sent since a message came: what comes is yet to be made */
    struct record_out out;
    struct record_in in;
};

/* A child's end: asks the host for a new socket and proves who this is. 0, or a negative errno, and
 * then the wire is closed: -EACCES for another enclave at the other end, -EIO for a host that
 * answers wrongly or ends it. No signal interrupts it. */
int wire_dial(struct wire *wire);

/* The first enclave's end, on a handle that DOOR_ARRIVE gave: likewise. The handle is the wire's
 * whatever comes of it. */
int wire_welcome(struct wire *wire, uint32_t handle);

/* Sends one message of 1 to WIRE_MESSAGE_MAX bytes, whole; waits while the host takes none, and no
 * signal interrupts that. -EINVAL for other sizes; -EPIPE when the other end has closed, which may
 * have sent something before; -EIO for all else, and the wire is of no more use. */
int wire_send(struct wire *wire, const void *bytes, size_t size);

/* Waits for one message: its bytes, or 0 when the other end has closed. -EINTR when this thread has
 * a signal to deal with: nothing is lost, and the next call receives the message. -EIO for what the
 * host has changed; -EMSGSIZE for a message of more than `room` bytes, which ends the wire too. */
int64_t wire_receive(struct wire *wire, void *out, size_t room);
/* The same, whatever signals come. */
int64_t wire_receive_patiently(struct wire *wire, void *out, size_t room);
/* The same without waiting: -EAGAIN when no whole message has come. For who waits by wait_on() for
 * the wire's handle (POLLIN) and something else: look here before, a message may have come already.
 */
int64_t wire_receive_now(struct wire *wire, void *out, size_t room);

/* Ends it, and forgets the keys. For any wire, more than once too. */
void wire_close(struct wire *wire);

#endif
