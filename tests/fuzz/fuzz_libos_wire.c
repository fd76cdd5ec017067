/* What a host gives a wire, from the handshake on: no byte of it leads beyond what is read, and a
 * wire that does not open leaves no key. The first byte says in how large pieces the rest comes. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"
#include "enclave/libos/wire/handshake.h"
#include "enclave/libos/wire/wire.h"

static struct {
    struct span left;
    size_t piece;
    size_t stays;
} host;

static uint8_t buffer[DOOR_BUFFER_SIZE];

unsigned char **door_buffer(void)
{
    static unsigned char *place = buffer;
    return &place;
}

static uint64_t receive(size_t size)
{
    size = size < host.piece ? size : host.piece;
    size = size < host.left.size ? size : host.left.size;
    memset(buffer, 0, sizeof(struct door_address));
    if (size > 0)
        memcpy(buffer + sizeof(struct door_address), host.left.data, size);
    host.left = span_of(host.left.data + size, host.left.size - size);
    return size;
}

uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    (void)a;
    (void)c;
    if (number == DOOR_PARK)
        fuzz_require(host.stays++ < 10);
    return number == DOOR_RECEIVE ? receive(b) : number == DOOR_SEND ? b : 0;
}

/* --- what is not here ------------------------------------------------------------------------- */

bool enclave_is_outside(uintptr_t address, uint64_t size)
{
    return address != 0 && size != 0;
}

bool lock_is_kept(void)
{
    return false;
}

bool thread_has_lock(void)
{
    return false;
}

void lock_take(void)
{
    abort();
}

void lock_release(void)
{
    abort();
}

void wait_poll(void)
{
    abort();
}

int wait_on(struct wait_queue *queue, uint64_t deadline, const struct door_ready *handles,
            size_t count)
{
    (void)queue;
    (void)deadline;
    (void)handles;
    (void)count;
    abort();
}

void program_save_vectors(void *area)
{
    (void)area;
}

void program_load_vectors(const void *area)
{
    (void)area;
}

/* --- a processor of which all is known, so that seeds may open wires -------------------------- */

static void report(void *arg, const struct sgx_targetinfo *target,
                   const uint8_t data[SGX_REPORT_DATA_SIZE], struct sgx_report *out)
{
    (void)arg;
    (void)target;
    memset(out, 7, sizeof *out);
    memcpy(out->body + 320, data, SGX_REPORT_DATA_SIZE);
}

static uint32_t get_key(void *arg, const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE])
{
    (void)arg;
    memset(out, request->name, SGX_KEY_SIZE);
    return 0;
}

static int get_random(void *arg, void *out, size_t size)
{
    (void)arg;
    memset(out, 5, size);
    return 0;
}

const struct handshake_processor handshake_inside = {report, get_key, get_random, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nothing[RECORD_KEY_SIZE];
    static struct wire wire;
    static uint8_t message[WIRE_MESSAGE_MAX];
    if (size == 0)
        return 0;
    host.piece = data[0] == 0 ? SIZE_MAX : data[0];
    host.left = span_of(data + 1, size - 1);
    host.stays = 0;
    memset(&wire, 0, sizeof wire);
    if (wire_welcome(&wire, 5) == 0) {
        int64_t got;
        while ((got = wire_receive(&wire, message, sizeof message)) > 0)
            fuzz_require((size_t)got <= sizeof message);
        fuzz_require(got == 0 || got == -EIO);
        fuzz_require(wire.is_broken == (got != 0));
        wire_close(&wire);
    }
    fuzz_require(!wire.is_open);
    fuzz_require(memcmp(wire.in.key, nothing, sizeof nothing) == 0);
    fuzz_require(memcmp(wire.out.key, nothing, sizeof nothing) == 0);
    return 0;
}
