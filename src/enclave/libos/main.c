/* The library OS as an enclave: what it and its threads are started with. */
#include <asm/errno.h>
#include <stdatomic.h>
#include <string.h>

#include "crypto/digest_plain.h"
#include "enclave/inside/enclave.h"
#include "enclave/libos/alloc.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/gate/gate.h"
#include "enclave/libos/gate/libc.h"
#include "enclave/libos/processes/child.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/program/cpuid.h"
#include "enclave/libos/program/emulate.h"
#include "enclave/libos/program/facts.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/deliver.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/spent.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/wire/arrivals.h"
#include "enclave/libos/wire/child.h"

/* The range becomes 8 GiB, of which the half before the image is the program's: addresses, of which
 * it takes what memory.h allows. Of the heap nearly all comes as it is wanted: what is added is
 * only what there is before that. */
ENCLAVE_NOTE(DOOR_THREADS_MAX + 1, 1, 3, 0x40000, 0x40000);

/* Bytes behind the heap: the library OS' own, then the gate's: a policy of the largest size, and
 * what is decided. */
#define HEAP_ROOM (UINT64_C(105) << 20)
#define GATE_HEAP (UINT64_C(24) << 20)

#define FEATURE_SHA  (UINT32_C(1) << 29)                     /* CPUID leaf 7, EBX */
#define FEATURE_WIDE (UINT32_C(1) << 16 | UINT32_C(1) << 30) /* AVX512F, AVX512BW */

/* --- pages ------------------------------------------------------------------------------------ */

_Static_assert(MEMORY_READ == SGX_READ && MEMORY_WRITE == SGX_WRITE &&
                   MEMORY_EXECUTE == SGX_EXECUTE,
               "memory.h's access is SECINFO's");

static int accept_page(uintptr_t page)
{
    const struct sgx_secinfo fresh = {.flags = SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING};
    return enclu_accept(&fresh, page) == 0 ? 0 : -EIO;
}

static void extend_page(uintptr_t page, unsigned access)
{
    const struct sgx_secinfo wider = {.flags = SGX_REGULAR | access};
    enclu_extend(&wider, page);
}

/* The host does it, and EACCEPT finds out whether it did. */
static int restrict_pages(uintptr_t first, size_t size, unsigned access)
{
    const struct sgx_secinfo narrow = {.flags = SGX_REGULAR | SGX_RESTRICTED | access};
    int result = door_restrict(first - enclave_base(), size, access);
    for (size_t at = 0; result == 0 && at < size; at += MEMORY_PAGE)
        result = enclu_accept(&narrow, first + at) == 0 ? 0 : -EIO;
    return result;
}

static int accept_copy(uintptr_t page, const uint8_t *bytes, unsigned access)
{
    const struct sgx_secinfo fresh = {.flags = SGX_REGULAR | access};
    return enclu_accept_copy(&fresh, page, (uintptr_t)bytes) == 0 ? 0 : -EIO;
}

/* Between the two requests EACCEPT finds out whether the first was done; that the second was is
 * seen when a page is accepted there again. */
static int remove_pages(uintptr_t first, size_t size)
{
    const struct sgx_secinfo trimmed = {.flags = SGX_TRIM | SGX_MODIFIED};
    int result = door_set_type(first - enclave_base(), size, SGX_TRIM);
    for (size_t at = 0; result == 0 && at < size; at += MEMORY_PAGE)
        result = enclu_accept(&trimmed, first + at) == 0 ? 0 : -EIO;
    return result == 0 ? door_remove(first - enclave_base(), size) : result;
}

/* What the range has before the image: at its usual base, 0, programs have their fixed addresses
 * there. Below the first page Linux maps nothing. */
#define MEMORY_AT 0x10000
_Static_assert(ENCLAVE_AT == 0 || ENCLAVE_AT > MEMORY_AT, "room for a program");

static int grow(uintptr_t first, size_t size)
{
    return door_grow(first - enclave_base(), size);
}

static int prepare_memory(void)
{
    static const struct memory_leaves leaves = {accept_page, extend_page, restrict_pages,
                                                grow,        accept_copy, remove_pages};
    return memory_init(enclave_base() + MEMORY_AT, ENCLAVE_AT - MEMORY_AT, &leaves);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* The gate's thread takes no lock: it has a heap of its own. */
static int prepare_gate_heap(uintptr_t memory)
{
    if (accept_page(memory) < 0)
        return -EIO;
    libc_begin((uint8_t *)memory, MEMORY_PAGE);
    libc_set_room(GATE_HEAP - MEMORY_PAGE, accept_page);
    return 0;
}

/* The heap was added before the start; what is behind it comes by EAUG: an enclave is made in a
 * fraction of the time, and takes what it needs. */
static int prepare_heaps(bool has_gate)
{
    const struct enclave_thread *thread = enclave_this_thread();
    uint64_t end = thread->heap + thread->heap_size;
    if (end > thread->size || thread->size - end < HEAP_ROOM + GATE_HEAP)
        return -ENOMEM;
    int result = door_grow(end, HEAP_ROOM + GATE_HEAP);
    if (result < 0)
        return result;
    libos_alloc_begin((uint8_t *)(enclave_base() + thread->heap), thread->heap_size);
    libos_alloc_set_room(HEAP_ROOM, accept_page);
    return has_gate ? prepare_gate_heap(enclave_base() + end + HEAP_ROOM) : 0;
}

/* A host that names what the processor lacks ends the enclave. */
static void prepare_digests(void)
{
    struct door_cpuid structured;
    cpuid_answer(7, 0, &structured);
    bool is_wide = (structured.words[1] & FEATURE_WIDE) == FEATURE_WIDE; /* and so is XFRM */
    if (structured.words[1] & FEATURE_SHA)
        sha256_plain_by(sha256_ni_blocks, sha256_ni_pairs, is_wide ? sha256_wide_lanes : NULL);
}

/* Once, by the gate's thread or in its place. */
static int prepare(bool has_gate)
{
    static atomic_bool is_used;
    if (atomic_exchange(&is_used, true))
        return -EBUSY;
    int result = prepare_heaps(has_gate);
    if (result == 0)
        result = prepare_memory();
    if (result == 0)
        result = emulate_begin();
    if (result == 0)
        result = thread_place_make(0); /* the program's first one */
    prepare_digests();
    return result;
}

static int64_t run_gate(void)
{
    static struct door_start start;
    int result = door_take_start(&start);
    if (result == 0)
        result = prepare(true);
    return result < 0 ? result : gate_serve(&start);
}

/* No gate here: the first enclave's has decided what runs in this container. */
static int64_t run_child(void)
{
    static const uint32_t first = ARRIVAL_PROCESS;
    int64_t result = prepare(false);
    if (result < 0)
        return result;
    struct wire *wire = libos_alloc(sizeof *wire);
    if (!wire)
        return -ENOMEM;
    result = wire_dial(wire);
    if (result <
        0) /* where the first enclave has ended, so does this; the host may say that it has */
        return result == -EACCES ? result : 0;
    if (wire_send(wire, &first, sizeof first) == 0)
        result = child_serve(wire);
    wire_close(wire);
    return result;
}

/* The first thread, of what the gate loaded. */
static void begin_program(void *frame)
{
    (void)frame;
    lock_take();
    struct thread *self = thread_first(process_first(), PROCESS_FIRST);
    spent_begin(self);
    memcpy(self->name, process_first()->told.name, sizeof self->name);
    lock_release();
    program_set_fs(0);
    program_end(PROGRAM_BEGINS);
}

/* What the gate loaded, once, or the first enclave told: another one may follow. */
static uint64_t run_one(bool is_child, struct program_frame *begin)
{
    uint64_t result = program_serve(is_child ? child_load : begin_program, begin);
    if (result != PROGRAM_BEGINS)
        return result;
    deliver_look_again(); /* it may have been killed before it began */
    return program_run(begin);
}

static int64_t run_program(void)
{
    struct program_frame begin = {
        .flags = PROGRAM_FLAGS_FIXED, .is_whole = 1, .number = PROGRAM_NO_CALL};
    bool is_child = child_take_program();
    if (!is_child && !gate_take_program(&begin.rip, &begin.rsp))
        return -EPERM;
    uint64_t result = run_one(is_child, &begin);
    while (result == PROGRAM_RENEWED) {
        child_await_program();
        result = run_one(true, &begin);
    }
    return (int64_t)result;
}

static _Noreturn void serve(struct thread *self)
{
    self->service(self->service_argument);
    lock_take();
    thread_free(self);
    lock_release();
    program_end(DOOR_ENDED);
}

/* A thread of a program that is over meanwhile ends here: program_end() needs program_serve(). */
static void begin_thread(void *argument)
{
    struct thread *self = argument;
    lock_take();
    bool is_asked = self->state == THREAD_ASKED;
    if (is_asked)
        self->state = THREAD_RUNS;
    if (is_asked && !self->service)
        spent_begin(self);
    if (self->must_end)
        program_want();
    lock_release();
    if (is_asked && self->service)
        serve(self);
    program_end(is_asked ? PROGRAM_BEGINS : DOOR_UNABLE | ESRCH);
}

/* What was asked for inside (syscall_thread.c, a service) in this thread's place, once. */
static int64_t run_thread(void)
{
    struct thread *self = thread_self();
    uint64_t result = program_serve(begin_thread, self);
    if (result != PROGRAM_BEGINS)
        return (int64_t)result;
    program_set_fs(self->begin_fs);
    program_load_control(&self->begin_mxcsr, &self->begin_control);
    deliver_look_again();
    return (int64_t)program_run(&self->begin);
}

/* The gate's thread is none of the program's, and the first one is the program's. */
static int64_t run(uint64_t what)
{
    uint64_t index = enclave_thread_index();
    if (what == DOOR_RUN_GATE && index == DOOR_GATE_THREAD)
        return run_gate();
    if (what == DOOR_RUN_CHILD && index == DOOR_GATE_THREAD)
        return run_child();
    if (what == DOOR_RUN_PROGRAM && index == 0)
        return run_program();
    return what == DOOR_RUN_THREAD && index < THREADS_MAX ? run_thread() : -EINVAL;
}

uint64_t enclave_main(const uint64_t arguments[4])
{
    int64_t result = door_set_buffer(arguments[1]);
    if (result == 0)
        result = run(arguments[0]);
    return result < 0 ? DOOR_UNABLE | (uint32_t)-result : (uint64_t)result;
}
