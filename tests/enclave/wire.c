/* An enclave and its children, which exchange messages over wires: the library OS's files for that,
 * and nothing else of it. */
#include "wire.h"

#include <linux/errno.h>
#include <linux/poll.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/door/door_children.h"
#include "enclave/libos/log.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"
#include "enclave/libos/wire/wire.h"

ENCLAVE_NOTE(DOOR_THREADS_MAX + 1, 1, 3, 0x10000, 0);

/* --- what is not here: threads but one, and a program ----------------------------------------- */

bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    (void)state;
    (void)fault;
    return false;
}

void syscall_answer(struct program_frame *frame)
{
    (void)frame;
    __builtin_trap();
}

void program_interrupt(struct program_frame *frame)
{
    (void)frame;
    __builtin_trap();
}

void program_bring(void)
{
    __builtin_trap();
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
    __builtin_trap();
}

void lock_release(void)
{
    __builtin_trap();
}

void wait_poll(void)
{
    __builtin_trap();
}

int wait_on(struct wait_queue *queue, uint64_t deadline, const struct door_ready *handles,
            size_t count)
{
    (void)queue;
    (void)deadline;
    (void)handles;
    (void)count;
    __builtin_trap();
}

unsigned char **door_buffer(void)
{
    static unsigned char *mine;
    return &mine;
}

/* --- messages --------------------------------------------------------------------------------- */

static struct wire wires[WIRE_CHILDREN];
static uint8_t sent[WIRE_MESSAGE_MAX], got[WIRE_MESSAGE_MAX];

/* The vector registers that a program has are there after a message was sent and received. */
static int64_t keep_vectors(struct wire *wire, const void *bytes, size_t size, int64_t *received)
{
    static uint8_t before[PROGRAM_VECTORS_SIZE] __attribute__((aligned(64)));
    static uint8_t after[PROGRAM_VECTORS_SIZE] __attribute__((aligned(64)));
    for (size_t i = 32; i < 416; i++) /* ST0 to ST7 and XMM0 to XMM15 of the legacy region */
        before[i] = i < 160 ? 0 : (uint8_t)(i * 7 + 3);
    before[0] = 0x7F, before[1] = 3;      /* FCW */
    before[24] = 0x80, before[25] = 0x1F; /* MXCSR */
    before[512] = 3;                      /* XSTATE_BV: x87 and SSE */
    program_load_vectors(before);
    int status = wire_send(wire, bytes, size);
    *received = status == 0 ? wire_receive(wire, got, sizeof got) : status;
    program_save_vectors(after);
    return __builtin_memcmp(before + 160, after + 160, 256);
}

/* A child says back what it hears, each byte with one more. */
static int64_t echo(struct wire *wire)
{
    for (;;) {
        int64_t size = wire_receive(wire, got, sizeof got);
        if (size <= 0)
            return size;
        for (int64_t i = 0; i < size; i++)
            got[i]++;
        int status = wire_send(wire, got, (size_t)size);
        if (status < 0)
            return status;
    }
}

static int64_t exchange(struct wire *wire, size_t size, uint8_t first)
{
    int64_t received;
    for (size_t i = 0; i < size; i++)
        sent[i] = (uint8_t)(first + i * 3);
    if (keep_vectors(wire, sent, size, &received) != 0 || received != (int64_t)size)
        return -1;
    for (size_t i = 0; i < size; i++) {
        if (got[i] != (uint8_t)(sent[i] + 1))
            return -2;
    }
    return 0;
}

/* The next one that arrives. */
static int64_t await(void)
{
    const struct door_ready item = {.handle = DOOR_CHILDREN, .events = POLLIN};
    int64_t handle;
    while ((handle = door_arrive()) == -EAGAIN)
        (void)door_park(DOOR_FOREVER, door_put_ready(&item, 1));
    return handle;
}

static int64_t welcome(struct wire *wire)
{
    int64_t handle = await();
    return handle < 0 ? handle : wire_welcome(wire, (uint32_t)handle);
}

/* --- what the first enclave does -------------------------------------------------------------- */

static int64_t start_children(void)
{
    for (size_t i = 0; i < WIRE_CHILDREN; i++) {
        if (door_child() < 0 || welcome(&wires[i]) < 0)
            return -3;
    }
    return 0;
}

static int64_t exchange_all(void)
{
    static const size_t sizes[] = {1, 100, 5000, WIRE_MESSAGE_MAX};
    int64_t status = start_children();
    for (size_t i = 0; status == 0 && i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t child = 0; status == 0 && child < WIRE_CHILDREN; child++)
            status = exchange(&wires[child], sizes[i], (uint8_t)(i + child));
    }
    for (size_t i = 0; i < WIRE_CHILDREN; i++)
        wire_close(&wires[i]);
    return status;
}

static int64_t stay(void)
{
    int64_t status = start_children();
    if (status < 0)
        return status;
    log_line("all are there", "");
    return wire_receive(&wires[0], got, sizeof got) == 0 ? -4 : -5;
}

#define TIMES 1000 /* messages, each with its answer */

static int64_t miss_children(void)
{
    for (size_t i = 0; i < WIRE_CHILDREN; i++) {
        if (door_child() < 0 || await() != -ECHILD)
            return -8;
    }
    return 0;
}

static void tell(const char *what, uint64_t begin, uint64_t times)
{
    log_number(what, (door_clock(DOOR_CLOCK_MONOTONIC) - begin) / times);
}

static int64_t take_times(void)
{
    static const struct {
        const char *name;
        size_t size;
    } all[] = {{"64 bytes there and back ", 64},
               {"4 KiB there and back ", 4096},
               {"60 KiB there and back ", WIRE_MESSAGE_MAX}};
    static const char *const names[WIRE_CHILDREN] = {
        "the first child is there ", "the second child is there ", "the third child is there "};
    for (size_t i = 0; i < WIRE_CHILDREN; i++) {
        uint64_t begin = door_clock(DOOR_CLOCK_MONOTONIC);
        if (door_child() < 0 || welcome(&wires[i]) < 0)
            return -6;
        tell(names[i], begin, 1);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t begin = door_clock(DOOR_CLOCK_MONOTONIC);
        for (int round = 0; round < TIMES; round++) {
            if (wire_send(&wires[0], sent, all[i].size) < 0 ||
                wire_receive(&wires[0], got, sizeof got) != (int64_t)all[i].size)
                return -7;
        }
        tell(all[i].name, begin, TIMES);
    }
    return 0;
}

static int64_t run_first(void)
{
    struct door_start start;
    int status = door_take_start(&start);
    if (status < 0)
        return status;
    if (__builtin_memcmp(start.tee, WIRE_STAY, sizeof WIRE_STAY) == 0)
        return stay();
    if (__builtin_memcmp(start.tee, WIRE_MISS, sizeof WIRE_MISS) == 0)
        return miss_children();
    if (__builtin_memcmp(start.tee, WIRE_TIMES, sizeof WIRE_TIMES) == 0)
        return take_times();
    return exchange_all();
}

static int64_t run_child(void)
{
    struct door_start start;
    int status = door_take_start(&start);
    if (status == 0 && __builtin_memcmp(start.tee, WIRE_MISS, sizeof WIRE_MISS) == 0)
        return 0;
    if (status == 0)
        status = wire_dial(&wires[0]);
    return status < 0 ? status : echo(&wires[0]);
}

uint64_t enclave_main(const uint64_t arguments[4])
{
    int64_t result = door_set_buffer(arguments[1]);
    if (result == 0)
        result = arguments[0] == DOOR_RUN_CHILD ? run_child() : run_first();
    return result < 0 ? DOOR_UNABLE | (uint32_t)-result : (uint64_t)result;
}
