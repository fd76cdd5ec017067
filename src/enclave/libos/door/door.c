#include "enclave/libos/door/door.h"

#include <asm/errno.h>
#include <stdatomic.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door_parts.h"

#define ERRNO_MAX 4095

static atomic_ullong last[DOOR_CLOCKS];

/* DOOR_BUFFER_SIZE bytes, the host's. */
static unsigned char *outside(void)
{
    return *door_buffer();
}

int door_set_buffer(uintptr_t buffer)
{
    if (buffer == 0 || !enclave_is_outside(buffer, DOOR_BUFFER_SIZE))
        return -EFAULT;
    *door_buffer() = (unsigned char *)buffer; /* NOLINT: the host's, and checked */
    return 0;
}

int64_t door_check(uint64_t answer, uint64_t most)
{
    int64_t value = (int64_t)answer;
    return value < -ERRNO_MAX || value > (int64_t)most ? -EIO : value;
}

static size_t at_most(size_t size)
{
    return size < DOOR_BUFFER_SIZE ? size : DOOR_BUFFER_SIZE;
}

int64_t door_write(int stream, const void *bytes, size_t size)
{
    size = at_most(size);
    __builtin_memcpy(outside(), bytes, size);
    return door_check(door_ask(DOOR_WRITE, (uint64_t)stream, size, 0), size);
}

int64_t door_read(void *bytes, size_t size)
{
    size = at_most(size);
    int64_t got = door_check(door_ask(DOOR_READ, 0, size, 0), size);
    if (got > 0)
        __builtin_memcpy(bytes, outside(), (size_t)got);
    return got;
}

int door_read_disk(uint32_t disk, uint64_t offset, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t part = at_most(size - done);
        int64_t got = door_check(door_ask(DOOR_BLOCK, disk, offset + done, part), part);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return -EIO;
        __builtin_memcpy((unsigned char *)bytes + done, outside(), (size_t)got);
        done += (size_t)got;
    }
    return 0;
}

uint64_t door_clock(enum door_clock clock)
{
    unsigned long long now = door_ask(DOOR_CLOCK, clock, 0, 0);
    unsigned long long seen = atomic_load(&last[clock]);
    while (now <= INT64_MAX && now > seen) {
        if (atomic_compare_exchange_weak(&last[clock], &seen, now))
            return now;
    }
    return seen;
}

void door_log(const char *text, size_t len)
{
    len = at_most(len);
    __builtin_memcpy(outside(), text, len);
    (void)door_ask(DOOR_LOG, len, 0, 0);
}

int door_cpuid(struct door_cpuid *leaves, size_t count)
{
    if (count > DOOR_CPUID_MAX)
        return -EINVAL;
    __builtin_memcpy(outside(), leaves, count * sizeof *leaves);
    int64_t result = door_check(door_ask(DOOR_CPUID, count, 0, 0), 0);
    for (size_t i = 0; result == 0 && i < count; i++)
        __builtin_memcpy(leaves[i].words,
                         outside() + i * sizeof *leaves + offsetof(struct door_cpuid, words),
                         sizeof leaves[i].words);
    return (int)result;
}

int door_grow(uint64_t offset, uint64_t size)
{
    return (int)door_check(door_ask(DOOR_GROW, offset, size, 0), 0);
}

int door_restrict(uint64_t offset, uint64_t size, unsigned access)
{
    return (int)door_check(door_ask(DOOR_RESTRICT, offset, size, access), 0);
}

int door_set_type(uint64_t offset, uint64_t size, uint64_t type)
{
    return (int)door_check(door_ask(DOOR_TYPE, offset, size, type), 0);
}

int door_remove(uint64_t offset, uint64_t size)
{
    return (int)door_check(door_ask(DOOR_REMOVE, offset, size, 0), 0);
}

size_t door_put_ready(const struct door_ready *handles, size_t count)
{
    _Static_assert(DOOR_READY_MAX * sizeof *handles <= DOOR_BUFFER_SIZE, "all have room");
    count = count < DOOR_READY_MAX ? count : DOOR_READY_MAX;
    if (count > 0)
        __builtin_memcpy(outside(), handles, count * sizeof *handles);
    return count;
}

size_t door_add_ready(const struct door_ready *one, size_t count)
{
    size_t index = count < DOOR_READY_MAX ? count : DOOR_READY_MAX - 1;
    __builtin_memcpy(outside() + index * sizeof *one, one, sizeof *one);
    return index + 1;
}

int64_t door_park(uint64_t deadline, size_t count)
{
    return door_check(door_ask(DOOR_PARK, deadline, count, 0), count);
}

void door_get_one_ready(struct door_ready *one, size_t index)
{
    if (index < DOOR_READY_MAX)
        __builtin_memcpy(&one->ready,
                         outside() + index * sizeof *one + offsetof(struct door_ready, ready),
                         sizeof one->ready);
}

void door_get_ready(struct door_ready *handles, size_t count)
{
    for (size_t i = 0; i < count && i < DOOR_READY_MAX; i++)
        door_get_one_ready(&handles[i], i);
}

size_t door_fetched_size(size_t place)
{
    uint32_t size = 0;
    if (place < DOOR_FETCHED_AT || place > DOOR_BUFFER_SIZE - sizeof size)
        return 0;
    __builtin_memcpy(&size, outside() + place, sizeof size);
    bool fits = size <= DOOR_FETCH_MAX && size <= DOOR_BUFFER_SIZE - sizeof size - place;
    return fits ? size : 0;
}

void door_get_fetched(size_t place, void *out, size_t size)
{
    if (DOOR_FETCHED_NEXT(place, size) <= DOOR_BUFFER_SIZE)
        __builtin_memcpy(out, outside() + place + sizeof(uint32_t), size);
}

void door_wake(uint64_t bits, uint64_t kicked)
{
    (void)door_ask(DOOR_WAKE, bits, kicked, 0);
}

void door_wake_gate(void)
{
    (void)door_ask(DOOR_WAKE, 0, 0, 1);
}

int door_spawn(size_t index)
{
    return (int)door_check(door_ask(DOOR_SPAWN, index, 0, 0), 0);
}

void door_alarm(uint64_t deadline)
{
    (void)door_ask(DOOR_ALARM, deadline, 0, 0);
}

int door_take_start(struct door_start *out)
{
    __builtin_memcpy(out, outside(), sizeof *out);
    return out->tee[sizeof out->tee - 1] == 0 ? 0 : -EINVAL;
}

int door_tell(const void *bytes, size_t size)
{
    int result = 0;
    for (size_t done = 0; result == 0 && done < size;) {
        size_t part = at_most(size - done);
        __builtin_memcpy(outside(), (const unsigned char *)bytes + done, part);
        result = (int)door_check(door_ask(DOOR_TELL, part, 0, 0), 0);
        done += part;
    }
    return result;
}

/* What was not asked for does not fit: a host that answers so gives no more. */
int64_t door_next(const size_t wanted[2], enum door_event *event, void *bytes)
{
    const size_t most[] = {[DOOR_SPOKEN] = DOOR_BUFFER_SIZE,
                           [DOOR_OUTPUT] = at_most(wanted[0]),
                           [DOOR_ERROR_OUTPUT] = at_most(wanted[1]),
                           [DOOR_TAKEN] = DOOR_BUFFER_SIZE,
                           [DOOR_OVER] = 0,
                           [DOOR_CALLED] = 0};
    uint64_t answer = door_ask(DOOR_NEXT, most[DOOR_OUTPUT], most[DOOR_ERROR_OUTPUT], 0);
    int64_t size = door_check(answer, DOOR_CALLED * DOOR_EVENT + DOOR_BUFFER_SIZE);
    if (size < 0)
        return size;
    *event = (enum door_event)(answer / DOOR_EVENT);
    size = (int64_t)(answer % DOOR_EVENT);
    if (*event > DOOR_CALLED || (size_t)size > most[*event])
        return -EIO;
    if (*event != DOOR_TAKEN)
        __builtin_memcpy(bytes, outside(), (size_t)size);
    return size;
}

int door_input(const void *bytes, size_t size)
{
    int result;
    do {
        size_t part = at_most(size);
        if (part > 0)
            __builtin_memcpy(outside(), bytes, part);
        result = (int)door_check(door_ask(DOOR_INPUT, part, 0, 0), 0);
        bytes = (const unsigned char *)bytes + part;
        size -= part;
    } while (result == 0 && size > 0);
    return result;
}

int door_begin(unsigned streams)
{
    return (int)door_check(door_ask(DOOR_BEGIN, streams, 0, 0), 0);
}
