/* What the code inside an enclave is given, and what it gives: for C without a library. */
#ifndef CAISSON_ENCLAVE_INSIDE_ENCLAVE_H
#define CAISSON_ENCLAVE_INSIDE_ENCLAVE_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/enclave_thread.h"
#include "measure/sgx.h"

/* Where the image begins in the enclave's range, bytes: build-enclave says so. */
#ifndef ENCLAVE_AT
#define ENCLAVE_AT 0
#endif

/* Of this enclave, as src/measure/enclave_image.h reads it; once in an image, at file scope. Of its
 * threads the last `added_count` are there from the start; for the others, addresses are. */
#define ENCLAVE_NOTE(thread_count, added_count, frames, stack, heap)                               \
    __attribute__((section(".note.caisson.enclave"), used, aligned(4))) static const struct {      \
        uint32_t name_size, size, type;                                                            \
        char name[8];                                                                              \
        uint32_t version, threads, added, ssa_frames, ssa_frame_size;                              \
        uint32_t stack_size[2], heap_size[2];                                                      \
    } enclave_note = {8,           36,     1, "Caisson",  2,        thread_count,                  \
                      added_count, frames, 1, {stack, 0}, {heap, 0}}

/* Written by the image. `arguments` come from the host: none of them is to be believed. */
uint64_t enclave_main(const uint64_t arguments[4]);

/* Written by the image: an exception of this thread. True when the program goes on as `state` then
 * says; else the thread is lost. `fault` is zero where the processor told nothing. */
bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault);

/* May be written by the image: this thread was interrupted, and the host entered to say so, for
 * whatever reason or none. */
void enclave_interrupt(struct sgx_gprs *state);

/* Asks the host. The answer is whatever the host says. */
uint64_t door_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c);

/* This thread's page, and the enclave's first byte. */
const struct enclave_thread *enclave_this_thread(void);
uintptr_t enclave_base(void);

/* The number in it, by one instruction: a system call asks for it often. */
static inline uint64_t enclave_thread_index(void)
{
    uint64_t index;
    __asm__("mov %%gs:%c1, %0" : "=r"(index) : "i"(offsetof(struct enclave_thread, index)));
    return index;
}

/* True when none of these bytes is inside: only such may be read or written for the host. */
bool enclave_is_outside(uintptr_t address, uint64_t size);

/* Random bytes of the processor's generator (RDRAND), never the host's. False where it gives none,
 * ten times over for one word: then nothing secret may be made (random.c, for images that name it).
 */
bool enclave_random(void *out, uint64_t size);

/* The leaves of ENCLU. Structures are as aligned as their types; key and report data too. */
void enclu_report(const struct sgx_targetinfo *target, const uint8_t data[SGX_REPORT_DATA_SIZE],
                  struct sgx_report *out);
/* 0, or of enum sgx_status. `data` is aligned to 128 bytes, `out` to 16. */
uint32_t enclu_key(const struct sgx_keyrequest *request, uint8_t out[SGX_KEY_SIZE]);
uint32_t enclu_accept(const struct sgx_secinfo *info, uintptr_t page);
uint32_t enclu_accept_copy(const struct sgx_secinfo *info, uintptr_t page, uintptr_t from);
void enclu_extend(const struct sgx_secinfo *info, uintptr_t page);

#endif
