/* The library OS as an enclave: what it and its threads are started with. */
#include <asm/errno.h>
#include <stdatomic.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/alloc.h"
#include "enclave/libos/door.h"
#include "enclave/libos/emulate.h"
#include "enclave/libos/load.h"
#include "enclave/libos/lock.h"
#include "enclave/libos/memory.h"
#include "enclave/libos/program.h"
#include "enclave/libos/root.h"
#include "enclave/libos/syscall.h"
#include "enclave/libos/thread.h"

/* The range becomes 256 MiB, of which the half behind the heap is the program's. */
ENCLAVE_NOTE(DOOR_THREADS_MAX, 3, 0x40000, 0x8100000);

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

/* All of the range behind the heap, but for a page. */
static int prepare_memory(void)
{
    static const struct memory_leaves leaves = {accept_page, extend_page, restrict_pages};
    const struct enclave_thread *thread = enclave_this_thread();
    uint64_t offset = thread->heap + thread->heap_size + MEMORY_PAGE;
    uint64_t size = thread->size - offset;
    if (size > (uint64_t)MEMORY_PAGES_MAX * MEMORY_PAGE)
        size = (uint64_t)MEMORY_PAGES_MAX * MEMORY_PAGE;
    memory_init(enclave_base() + offset, size, &leaves);
    return door_grow(offset, size);
}

/* --- the program ------------------------------------------------------------------------------ */

/* What the host says at the start: copied once, into the heap, before it is looked at. */
struct words {
    struct door_start start;
    struct door_layer layers[DOOR_LAYERS_MAX];
    const char *texts; /* the path, arguments, environment; the last byte is 0 */
    size_t size;
};

static int take_layers(const uint8_t *copy, size_t size, struct words *out)
{
    size_t layers = out->start.layer_count * sizeof *out->layers;
    if (out->start.layer_count > DOOR_LAYERS_MAX || out->start.zero != 0 || layers >= size ||
        copy[size - 1] != 0)
        return -EINVAL;
    __builtin_memcpy(out->layers, copy, layers);
    out->texts = (const char *)copy + layers;
    out->size = size - layers;
    return 0;
}

static int take_words(const uint64_t arguments[4], struct words *out)
{
    const struct enclave_thread *thread = enclave_this_thread();
    uint8_t *copy = (uint8_t *)(enclave_base() + thread->heap);
    if (arguments[0] != DOOR_RUN_PROGRAM || arguments[2] < sizeof out->start ||
        arguments[2] > DOOR_BUFFER_SIZE || thread->heap_size < 2 * DOOR_BUFFER_SIZE)
        return -EINVAL;
    int result = door_set_buffer(arguments[1]);
    if (result < 0)
        return result;
    libos_alloc_begin(copy + DOOR_BUFFER_SIZE, thread->heap_size - DOOR_BUFFER_SIZE);
    __builtin_memcpy(copy, (const void *)arguments[1], arguments[2]);
    __builtin_memcpy(&out->start, copy, sizeof out->start);
    return take_layers(copy + sizeof out->start, arguments[2] - sizeof out->start, out);
}

static int load(const struct words *words, struct vfs *vfs, struct program *program)
{
    int result = prepare_memory();
    if (result == 0)
        result = emulate_begin();
    if (result == 0)
        result = root_mount(vfs, words->layers, words->start.layer_count);
    if (result < 0)
        return result;
    return words->start.layer_count > 0 ? program_load(vfs, words->texts, program)
                                        : program_load_disk(DOOR_DISK_PROGRAM, program);
}

static uint64_t run_program(const uint64_t arguments[4])
{
    static struct words words;
    static struct vfs vfs;
    struct program program = {0};
    struct program_frame begin = {
        .flags = PROGRAM_FLAGS_FIXED, .is_whole = 1, .number = PROGRAM_NO_CALL};
    int result = take_words(arguments, &words);
    if (result == 0)
        result = load(&words, &vfs, &program);
    if (result == 0)
        result = program_stack(&program, words.texts, words.size, words.start.argument_count,
                               words.start.environment_count, &begin.rsp);
    if (result < 0)
        return DOOR_UNABLE | (uint32_t)-result;
    begin.rip = program.start;
    syscall_begin(&program, &vfs);
    lock_release();
    program_set_fs(0);
    return program_run(&begin);
}

/* What was asked for inside (syscall_thread.c) in this thread's place, once. */
static uint64_t run_thread(const uint64_t arguments[4])
{
    struct thread *self = thread_self();
    int result = door_set_buffer(arguments[1]);
    if (result < 0)
        return DOOR_UNABLE | (uint32_t)-result;
    lock_take();
    bool is_asked = self->state == THREAD_ASKED;
    if (is_asked)
        self->state = THREAD_RUNS;
    lock_release();
    if (!is_asked)
        return DOOR_UNABLE | ESRCH;
    program_set_fs(self->begin_fs);
    program_load_control(&self->begin_mxcsr, &self->begin_control);
    return program_run(&self->begin);
}

/* The lock is held until the program begins: no other thread gets anywhere before. */
uint64_t enclave_main(const uint64_t arguments[4])
{
    static atomic_bool is_used;
    if (arguments[0] == DOOR_RUN_THREAD)
        return atomic_load(&is_used) ? run_thread(arguments) : DOOR_UNABLE | ESRCH;
    if (arguments[0] != DOOR_RUN_PROGRAM || thread_self() != thread_at(0))
        return DOOR_UNABLE | EINVAL;
    if (atomic_exchange(&is_used, true))
        return DOOR_UNABLE | EBUSY;
    lock_take();
    (void)thread_new();
    thread_self()->state = THREAD_RUNS;
    return run_program(arguments);
}
