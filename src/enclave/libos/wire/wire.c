/*
 * Theory of operation: both ends send a hello and a proof and read the other's (handshake.h), of
 * fixed sizes; what follows are records (record.h). Bytes that come are gathered in the wire until
 * a record is whole, so that a wait which is interrupted loses none. Whatever goes wrong stays so.
 */
#include "enclave/libos/wire/wire.h"

#include <asm/errno.h>
#include <linux/poll.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/door/door_children.h"
#include "enclave/libos/door/door_net.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/wait.h"
#include "enclave/libos/wipe.h"
#include "enclave/libos/wire/handshake.h"

static int fail(struct wire *wire, int status)
{
    wire->is_broken = true;
    return status;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* One stay, after which whoever waits looks again. Who has no part in the lock, as the gate's
 * thread, or keeps it, sees no signals. -EINTR if it may be interrupted, and is. */
static int stay(const struct wire *wire, uint16_t events, bool is_patient)
{
    const struct door_ready item = {.handle = wire->handle, .events = events};
    bool has_lock = thread_has_lock() && !lock_is_kept();
    int status = 0;
    if (has_lock)
        lock_take();
    if (has_lock && !is_patient) {
        status = wait_on(NULL, DOOR_FOREVER, &item, 1);
    } else {
        if (has_lock)
            lock_release();
        (void)door_park(DOOR_FOREVER, door_put_ready(&item, 1));
        if (has_lock) {
            lock_take();
            wait_poll();
        }
    }
    if (has_lock)
        lock_release();
    return status;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static bool is_end(int64_t status)
{
    return status == -EPIPE || status == -ECONNRESET;
}

static int send_all(struct wire *wire, const uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        int64_t sent = door_send(wire->handle, NULL, bytes + done, size - done, 0);
        if (sent == -EAGAIN || sent == -EINTR)
            (void)stay(wire, POLLOUT, true);
        else if (is_end(sent)) {
            wire->takes_none = true;
            return -EPIPE;
        } else if (sent <= 0)
            return fail(wire, -EIO);
        else
            done += (size_t)sent;
    }
    return 0;
}

/* Up to `size` bytes that have come: how many, 0 when nothing comes any more, -EAGAIN, -EIO. */
static int64_t receive_some(struct wire *wire, uint8_t *out, size_t size)
{
    struct door_address nobody;
    int64_t got;
    do
        got = door_receive(wire->handle, 0, &nobody, out, size, 0);
    while (got == -EINTR);
    if (is_end(got))
        return 0;
    return got < 0 && got != -EAGAIN ? -EIO : got;
}

static int receive_exactly(struct wire *wire, uint8_t *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        int64_t got = receive_some(wire, out + done, size - done);
        if (got == -EAGAIN)
            (void)stay(wire, POLLIN, true);
        else if (got <= 0)
            return -EIO;
        else
            done += (size_t)got;
    }
    return 0;
}

/* --- beginning and end ------------------------------------------------------------------------ */

static int exchange(struct wire *wire, struct handshake *shake, enum handshake_role role)
{
    uint8_t hello[HANDSHAKE_HELLO_SIZE];
    uint8_t proof[HANDSHAKE_PROOF_SIZE];
    int status = handshake_begin(shake, &handshake_inside, role, hello);
    if (status == 0)
        status = send_all(wire, hello, sizeof hello);
    if (status == 0)
        status = receive_exactly(wire, hello, sizeof hello);
    if (status == 0)
        status = handshake_take_hello(shake, hello);
    if (status < 0)
        return status;
    handshake_prove(shake, proof);
    status = send_all(wire, proof, sizeof proof);
    if (status == 0)
        status = receive_exactly(wire, proof, sizeof proof);
    if (status == 0)
        status = handshake_take_proof(shake, proof);
    return status;
}

static int open_wire(struct wire *wire, uint32_t handle, enum handshake_role role)
{
    struct handshake shake;
    wire->handle = handle;
    wire->is_open = true;
    wire->is_broken = wire->takes_none = wire->has_ended = wire->has_asked = false;
    wire->out.number = wire->in.number = 0;
    wire->in.size = 0;
    int status = exchange(wire, &shake, role);
    if (status == 0)
        status = handshake_keys(&shake, wire->out.key, wire->in.key);
    if (status == 0)
        return 0;
    wire_close(wire);
    return status == -EACCES ? status : -EIO;
}

int wire_dial(struct wire *wire)
{
    int64_t handle = door_dial();
    return handle < 0 ? (int)handle : open_wire(wire, (uint32_t)handle, HANDSHAKE_CHILD);
}

int wire_welcome(struct wire *wire, uint32_t handle)
{
    return open_wire(wire, handle, HANDSHAKE_FIRST);
}

void wire_close(struct wire *wire)
{
    if (wire->is_open)
        door_close(wire->handle);
    wire->is_open = false;
    libos_wipe(wire->out.key, sizeof wire->out.key);
    libos_wipe(wire->in.key, sizeof wire->in.key);
}

/* --- messages --------------------------------------------------------------------------------- */

int wire_send(struct wire *wire, const void *bytes, size_t size)
{
    if (size == 0 || size > WIRE_MESSAGE_MAX)
        return -EINVAL;
    if (!wire->is_open || wire->is_broken)
        return -EIO;
    if (wire->takes_none)
        return -EPIPE;
    wire->has_asked = true;
    return send_all(wire, wire->out.bytes, record_seal(&wire->out, bytes, size));
}

int64_t wire_receive_now(struct wire *wire, void *out, size_t room)
{
    struct record_in *in = &wire->in;
    while (wire->is_open && !wire->is_broken) {
        int64_t size = record_open(in, out, room);
        if (size > 0)
            return size;
        if (size < 0)
            return fail(wire, (int)size);
        if (wire->has_ended)
            return in->size == 0 ? 0 : fail(wire, -EIO); /* cut in the middle of a record */
        int64_t got = receive_some(wire, in->bytes + in->size, sizeof in->bytes - in->size);
        if (got < 0)
            return got == -EAGAIN ? got : fail(wire, -EIO);
        wire->has_ended = got == 0;
        in->size += (size_t)got;
    }
    return -EIO;
}

/* An answer is waited for first: to look for it before would be in vain. */
static bool is_early(struct wire *wire)
{
    bool has_asked = wire->has_asked;
    wire->has_asked = false;
    return has_asked && wire->in.size == 0 && wire->is_open && !wire->is_broken && !wire->has_ended;
}

static int64_t receive(struct wire *wire, void *out, size_t room, bool is_patient)
{
    if (is_early(wire)) {
        int status = stay(wire, POLLIN, is_patient);
        if (status < 0)
            return status;
    }
    for (;;) {
        int64_t size = wire_receive_now(wire, out, room);
        int status = size == -EAGAIN ? stay(wire, POLLIN, is_patient) : 0;
        if (size != -EAGAIN || status < 0)
            return status < 0 ? status : size;
    }
}

int64_t wire_receive(struct wire *wire, void *out, size_t room)
{
    return receive(wire, out, room, false);
}

int64_t wire_receive_patiently(struct wire *wire, void *out, size_t room)
{
    return receive(wire, out, room, true);
}
