/* Threads by their TCS: for the image. */
#include "enclave/inside/enclave.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/threads/thread.h"

struct thread *thread_self(void)
{
    return thread_at(enclave_thread_index());
}

bool thread_has_lock(void)
{
    uint64_t index = enclave_thread_index();
    return index < THREADS_MAX && !thread_at(index)->is_lockless;
}

unsigned char **door_buffer(void)
{
    static unsigned char *buffers[THREADS_MAX + 1]; /* the last one is the gate's */
    return &buffers[enclave_thread_index()];
}
