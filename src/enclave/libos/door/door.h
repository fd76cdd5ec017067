/* The calls of door_calls.h as functions: what comes back has been checked. */
#ifndef CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_H
#define CAISSON_ENCLAVE_LIBOS_DOOR_DOOR_H

#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/door/door_calls.h"

/* The buffer that the host names for this thread. -EFAULT where it is not all outside. */
int door_set_buffer(uintptr_t buffer);

/* Where this thread's buffer is kept; by its page in the image (thread_inside.c), a test's own
 * elsewhere. */
unsigned char **door_buffer(void);

/* Bytes that were written or read, which may be fewer; or a negative errno. */
int64_t door_write(int stream, const void *bytes, size_t size);
int64_t door_read(void *bytes, size_t size);

/* All these bytes of a disk: 0, -EIO where there are fewer, or a negative errno. */
int door_read_disk(uint32_t disk, uint64_t offset, void *bytes, size_t size);

/* The host's clock in nanoseconds, which is never behind what it was, and no more is known of it.
 */
uint64_t door_clock(enum door_clock clock);

void door_log(const char *text, size_t len);

/* Fills in the words of these leaves, as the host has them. */
#define DOOR_CPUID_MAX 64
int door_cpuid(struct door_cpuid *leaves, size_t count);

int door_grow(uint64_t offset, uint64_t size);
int door_restrict(uint64_t offset, uint64_t size, unsigned access);

/* To SGX_TCS or SGX_TRIM: EACCEPT finds out whether it was done. Trimmed pages may go then. */
int door_set_type(uint64_t offset, uint64_t size, uint64_t type);
int door_remove(uint64_t offset, uint64_t size);

/* Puts what the next door_park() is to wait for into the buffer: how many of them. */
size_t door_put_ready(const struct door_ready *handles, size_t count);
/* One more behind `count` of them, in the place of the last one where there is no room: how many.
 */
size_t door_add_ready(const struct door_ready *one, size_t count);
/* How many are ready, which may be none, or a negative errno; none of it is to be relied on. */
int64_t door_park(uint64_t deadline, size_t count);
/* What door_park() told of the handles, up to `count` of them. */
void door_get_ready(struct door_ready *handles, size_t count);
/* Of the one at this index. */
void door_get_one_ready(struct door_ready *one, size_t index);
/* Of what was fetched (DOOR_FETCH): how many bytes are at this place, 0 for what cannot be; they
 * are copied to `out` by door_get_fetched(). The next one's place is DOOR_FETCHED_NEXT(). */
size_t door_fetched_size(size_t place);
void door_get_fetched(size_t place, void *out, size_t size);
#define DOOR_FETCHED_NEXT(place, size) ((place) + sizeof(uint32_t) + (size))
void door_wake(uint64_t bits, uint64_t kicked);
void door_wake_gate(void);
int door_spawn(size_t index);
void door_alarm(uint64_t deadline);

/* For the gate's thread. What it was started with: -EINVAL for a name without an end. */
int door_take_start(struct door_start *out);
/* All bytes to whom the gate speaks to. */
int door_tell(const void *bytes, size_t size);
/* Waits for what happens next. `wanted` are the most bytes of the two outputs; those that came are
 * in `bytes`, DOOR_BUFFER_SIZE of them, and how many is the value, for DOOR_TAKEN too; or a
 * negative errno. */
int64_t door_next(const size_t wanted[2], enum door_event *event, void *bytes);
/* To the program's standard input; none: its end. */
int door_input(const void *bytes, size_t size);
/* A thread for the program, with these of the standard streams (bit 0: input). */
int door_begin(unsigned streams);

/* door_call() that keeps the vector registers (program.S); a test's own where there is no enclave.
 */
uint64_t door_ask(uint64_t number, uint64_t a, uint64_t b, uint64_t c);

#endif
