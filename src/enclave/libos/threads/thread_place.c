/* The pages of the program's threads: the image has those of the gate's alone. */
#include <asm/errno.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/thread.h"

/* entry.S */
extern const uint8_t enclave_entry[] __attribute__((visibility("hidden")));

/* Where another thread's things are: each has its pages at the same distance from its TCS. */
static struct enclave_thread describe(size_t index)
{
    struct enclave_thread thread = *enclave_this_thread();
    uint64_t size = thread.stack_top + SGX_PAGE_SIZE - thread.tcs;
    uint64_t distance = (index - thread.index) * size;
    thread.index = index;
    thread.offset += distance;
    thread.tcs += distance;
    thread.ssa += distance;
    thread.stack_top += distance;
    return thread;
}

static int add_pages(uint64_t first, uint64_t end)
{
    const struct sgx_secinfo fresh = {.flags = SGX_REGULAR | SGX_READ | SGX_WRITE | SGX_PENDING};
    int result = door_grow(first, end - first);
    for (uint64_t at = first; result == 0 && at < end; at += SGX_PAGE_SIZE)
        result = enclu_accept(&fresh, enclave_base() + at) == 0 ? 0 : -EIO;
    return result;
}

static int make(const struct enclave_thread *thread)
{
    const struct sgx_secinfo changed = {.flags = SGX_TCS | SGX_MODIFIED};
    uintptr_t tcs = enclave_base() + thread->tcs;
    int result = add_pages(thread->tcs, thread->ssa + thread->ssa_frames * thread->ssa_frame_size);
    if (result == 0)
        result = add_pages(thread->stack_top - thread->stack_size, thread->stack_top);
    if (result < 0)
        return result;
    *(struct enclave_thread *)(enclave_base() + thread->offset) = *thread;
    enclave_thread_set_tcs(thread, (uintptr_t)enclave_entry - enclave_base(),
                           (struct sgx_tcs *)tcs);
    result = door_set_type(thread->tcs, SGX_PAGE_SIZE, SGX_TCS);
    if (result == 0 && enclu_accept(&changed, tcs) != 0)
        result = -EIO;
    return result;
}

/* What could be made in part only is never entered: its pages are not accepted twice. */
int thread_place_make(size_t index)
{
    static bool is_made[THREADS_MAX];
    if (is_made[index])
        return 0;
    const struct enclave_thread thread = describe(index);
    int result = make(&thread);
    is_made[index] = result == 0;
    return result;
}
