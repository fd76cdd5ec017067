/*
 * What the code inside an enclave is told about one of its threads: a page, to which GS points
 * while the thread is inside. It is measured, or made inside (libos/threads/thread_place.c).
 * Offsets are from the enclave's base, so that the page is the same wherever the enclave lies. What
 * follows the structure is the code's own, and zero at first. docs/sgx.md has the layout.
 */
#ifndef CAISSON_MEASURE_ENCLAVE_THREAD_H
#define CAISSON_MEASURE_ENCLAVE_THREAD_H

#include <assert.h>
#include <stdint.h>

#include "measure/sgx.h"

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

/* The TCS of such a thread, all of whose other bytes are zero; `entry` is where EENTER goes on. */
static inline void enclave_thread_set_tcs(const struct enclave_thread *thread, uint64_t entry,
                                          struct sgx_tcs *out)
{
    const uint32_t whole = UINT32_MAX;
    out->ssa = thread->ssa;
    out->ssa_count = (uint32_t)thread->ssa_frames;
    out->entry = entry;
    out->fs = out->gs = thread->offset;
    out->fs_limit = out->gs_limit = whole;
}

#endif
