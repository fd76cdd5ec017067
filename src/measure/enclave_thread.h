/*
 * What the loader tells the code inside an enclave about one of its threads: a measured page, to
 * which GS points while the thread is inside. Offsets are from the enclave's base, so that the page
 * is the same wherever the enclave lies. What follows the structure is the code's own, and zero at
 * first. docs/sgx.md has the layout.
 */
#ifndef CAISSON_MEASURE_ENCLAVE_THREAD_H
#define CAISSON_MEASURE_ENCLAVE_THREAD_H

#include <assert.h>
#include <stdint.h>

struct enclave_thread {
    uint64_t offset; /* of this page */
    uint64_t index;  /* 0 to threads - 1 */
    uint64_t threads;
    uint64_t tcs;
    uint64_t ssa;
    uint64_t ssa_frame_size; /* bytes */
    uint64_t ssa_frames;
    uint64_t stack_top;
    uint64_t stack_size;
    uint64_t heap;      /* not measured: whatever the host put there, until it is written */
    uint64_t heap_size; /* bytes */
    uint64_t size;      /* bytes of the enclave's range */
};
#define ENCLAVE_THREAD_FIELDS 12
static_assert(sizeof(struct enclave_thread) == 8 * ENCLAVE_THREAD_FIELDS, "no gaps");

#endif
