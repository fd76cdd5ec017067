#include "enclave/libos/processes/fork.h"

#include <asm/errno.h>

#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/log.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/threads/lock.h"

static int send(void *argument, const void *bytes, size_t size)
{
    const int *number = argument;
    lock_take();
    int status = (int)own_make_call(OWN_FORK_SEND, (uint64_t)*number, (uintptr_t)bytes, size);
    lock_release();
    return status;
}

int fork_process(int exit_signal, const struct snapshot_thread *thread)
{
    static bool is_told;
    int number = (int)own_make_call(OWN_FORK, (uint64_t)exit_signal, 0, 0);
    if (number < 0)
        return number;
    if (memory_has_shared() && !is_told)
        log_line("a fork: ", "memory that was mapped as shared becomes the child's own copy");
    is_told |= memory_has_shared();
    const struct snapshot_sink sink = {send, &number};
    int status = snapshot_send(thread, &sink);
    (void)own_make_call(OWN_FORK_END, (uint64_t)number, status == 0, 0);
    return status < 0 ? status : number;
}
