#include "enclave/libos/threads/futex.h"

#include <asm/errno.h>
#include <linux/futex.h>

#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/wait.h"

static struct wait_queue waiters; /* all of them, the longest waiting first */

static uint32_t *word_at(uint64_t address)
{
    return (uint32_t *)(uintptr_t)address; /* NOLINT: the program's, and checked */
}

static uint32_t load(uint64_t address)
{
    return __atomic_load_n(word_at(address), __ATOMIC_SEQ_CST);
}

static int64_t nanoseconds_until(uint64_t deadline)
{
    uint64_t now = deadline == DOOR_FOREVER ? 0 : clock_now(DOOR_CLOCK_MONOTONIC);
    return deadline == DOOR_FOREVER ? -1 : deadline > now ? (int64_t)(deadline - now) : 0;
}

int futex_wait_shared(uint32_t object, uint64_t offset, uint32_t bits, uint64_t deadline)
{
    struct thread *self = thread_self();
    if (bits == 0)
        return -EINVAL;
    self->futex = offset;
    self->futex_object = object;
    self->futex_bits = bits;
    return wait_on(&waiters, deadline, NULL, 0);
}

int futex_wait(uint64_t address, uint32_t value, uint32_t bits, uint64_t deadline)
{
    uint32_t object;
    uint64_t offset;
    if (bits == 0)
        return -EINVAL;
    if (shared_find(address, &object, &offset)) {
        const uint64_t arguments[6] = {object, offset, value, bits,
                                       (uint64_t)nanoseconds_until(deadline)};
        return (int)own_make_long_call(OWN_SHARED_WAIT, arguments);
    }
    return load(address) != value ? -EAGAIN : futex_wait_shared(0, address, bits, deadline);
}

int futex_wake_shared(uint32_t object, uint64_t offset, uint32_t count, uint32_t bits)
{
    int woken = 0;
    struct thread *next = NULL;
    if (bits == 0)
        return -EINVAL;
    for (struct thread *at = waiters.first; at && (uint32_t)woken < count; at = next) {
        next = at->next;
        if (at->futex != offset || at->futex_object != object || !(at->futex_bits & bits))
            continue;
        wait_wake_thread(at);
        woken++;
    }
    return woken;
}

int futex_wake(uint64_t address, uint32_t count, uint32_t bits)
{
    uint32_t object;
    uint64_t offset;
    if (!shared_find(address, &object, &offset))
        return futex_wake_shared(0, address, count, bits);
    const uint64_t arguments[6] = {object, offset, count, bits};
    return (int)own_make_long_call(OWN_SHARED_WAKE, arguments);
}

int futex_requeue(uint64_t from, uint64_t to, uint32_t wake, uint32_t move)
{
    uint32_t moved = 0, all = wake > UINT32_MAX - move ? UINT32_MAX : wake + move;
    if (shared_has(from) || shared_has(to)) /* those that would be moved look again */
        return futex_wake(from, all, FUTEX_ALL);
    int done = futex_wake(from, wake, FUTEX_ALL);
    for (struct thread *at = waiters.first; at && moved < move; at = at->next) {
        if (at->futex != from || at->futex_object != 0)
            continue;
        at->futex = to;
        moved++;
    }
    return done + (int)moved;
}

/* 12 bits with a sign. */
static int32_t argument_of(uint32_t bits)
{
    return (int32_t)(bits << 20) >> 20;
}

static int operate(unsigned kind, uint32_t old, uint32_t argument, uint32_t *out)
{
    switch (kind) {
    case FUTEX_OP_SET:
        *out = argument;
        return 0;
    case FUTEX_OP_ADD:
        *out = old + argument;
        return 0;
    case FUTEX_OP_OR:
        *out = old | argument;
        return 0;
    case FUTEX_OP_ANDN:
        *out = old & ~argument;
        return 0;
    case FUTEX_OP_XOR:
        *out = old ^ argument;
        return 0;
    default:
        return -ENOSYS;
    }
}

static int compare(unsigned kind, int32_t old, int32_t argument)
{
    switch (kind) {
    case FUTEX_OP_CMP_EQ:
        return old == argument;
    case FUTEX_OP_CMP_NE:
        return old != argument;
    case FUTEX_OP_CMP_LT:
        return old < argument;
    case FUTEX_OP_CMP_LE:
        return old <= argument;
    case FUTEX_OP_CMP_GT:
        return old > argument;
    case FUTEX_OP_CMP_GE:
        return old >= argument;
    default:
        return -ENOSYS;
    }
}

int futex_wake_op(uint64_t first, uint64_t second, uint32_t wake, uint32_t wake_second,
                  uint32_t operation)
{
    uint32_t argument = (uint32_t)argument_of(operation >> 12 & 0xFFF);
    unsigned kind = operation >> 28 & 7;
    uint32_t old = load(second);
    uint32_t new;
    if (operation >> 31)
        argument = 1U << (argument & 31);
    int status = 0;
    do
        status = operate(kind, old, argument, &new);
    while (status == 0 && !__atomic_compare_exchange_n(word_at(second), &old, new, true,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    int holds = compare(operation >> 24 & 15, (int32_t)old, argument_of(operation & 0xFFF));
    if (status < 0 || holds < 0)
        return -ENOSYS;
    int woken = futex_wake(first, wake, FUTEX_ALL);
    return holds ? woken + futex_wake(second, wake_second, FUTEX_ALL) : woken;
}

void futex_owner_died(uint64_t address, uint32_t owner)
{
    uint32_t old = load(address);
    while ((old & FUTEX_TID_MASK) == owner) {
        uint32_t new = (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (!__atomic_compare_exchange_n(word_at(address), &old, new, true, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST))
            continue;
        if (old & FUTEX_WAITERS)
            (void)futex_wake(address, 1, FUTEX_ALL);
        return;
    }
}
