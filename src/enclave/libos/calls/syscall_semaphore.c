/* System V semaphores: semget, semctl, semop and semtimedop. */
#include <linux/ipc.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/shared/semaphore.h"

uint64_t syscall_semget(struct program_frame *frame)
{
    return (uint64_t)semaphore_get(process_self(), (int)frame->rdi, (int)frame->rsi,
                                   (unsigned)frame->rdx);
}

static uint64_t operate(struct program_frame *frame, uint64_t deadline)
{
    struct sembuf operations[SEMAPHORE_OPERATIONS_MAX];
    uint64_t count = (uint32_t)frame->rdx;
    if (count > SEMAPHORE_OPERATIONS_MAX)
        return SYSCALL_ERROR(E2BIG);
    if (count == 0 || (int)frame->rdi < 0)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rsi, count * sizeof *operations))
        return SYSCALL_FAULT;
    memcpy(operations, (const void *)frame->rsi, count * sizeof *operations);
    return (uint64_t)semaphore_operate(process_self(), (int)frame->rdi, operations, count,
                                       deadline);
}

uint64_t syscall_semop(struct program_frame *frame)
{
    return operate(frame, DOOR_FOREVER);
}

uint64_t syscall_semtimedop(struct program_frame *frame)
{
    struct __kernel_timespec time;
    uint64_t deadline = DOOR_FOREVER;
    if (frame->r10 != 0 && !can_read(frame->r10, sizeof time))
        return SYSCALL_FAULT;
    if (frame->r10 != 0) {
        memcpy(&time, (const void *)frame->r10, sizeof time);
        if (!syscall_deadline(&time, DOOR_CLOCK_MONOTONIC, false, &deadline))
            return SYSCALL_ERROR(EINVAL);
    }
    return operate(frame, deadline);
}

/* --- semctl(2): what goes with it depends on the command, and on the set -----------------------
 */

static int64_t control(const struct program_frame *frame, unsigned command,
                       struct semaphore_told *told)
{
    const uint64_t arguments[6] = {frame->rdi, frame->rsi, command, frame->r10, (uintptr_t)told};
    return own_make_long_call(OWN_SEMAPHORE_CONTROL, arguments);
}

/* What the program gives. */
static int64_t take(const struct program_frame *frame, unsigned command,
                    struct semaphore_told *told)
{
    int64_t count = command == SETALL ? control(frame, SEMAPHORE_COUNT, told) : 0;
    if (count < 0)
        return count;
    if (count > SEMAPHORES_MAX)
        return -EINVAL; /* the first enclave never says so */
    told->size = command == IPC_SET  ? sizeof told->state
                 : command == SETALL ? (uint32_t)count * (uint32_t)sizeof *told->values
                                     : 0;
    if (!can_read(frame->r10, told->size))
        return -EFAULT;
    memcpy(told->values, (const void *)frame->r10, told->size);
    return 0;
}

uint64_t syscall_semctl(struct program_frame *frame)
{
    struct semaphore_told told = {.size = 0};
    unsigned command = (unsigned)frame->rdx;
    bool takes = command == IPC_SET || command == SETALL;
    if (command == SEMAPHORE_COUNT)
        return SYSCALL_ERROR(EINVAL);
    int64_t status = takes ? take(frame, command, &told) : 0;
    if (status == 0)
        status = control(frame, command, &told);
    if (status < 0 || takes || told.size == 0)
        return (uint64_t)status;
    if (told.size > sizeof told.values || !can_write(frame->r10, told.size))
        return SYSCALL_FAULT;
    memcpy((void *)frame->r10, told.values, told.size);
    return (uint64_t)status;
}

uint64_t own_semaphore_control(struct program_frame *frame)
{
    struct semaphore_told told;
    if (!can_write(frame->r8, sizeof told))
        return SYSCALL_FAULT;
    memcpy(&told, (const void *)frame->r8, sizeof told);
    int status = semaphore_control(process_self(), (int)frame->rdi, (int)frame->rsi,
                                   (unsigned)frame->rdx, (int)frame->r10, &told);
    memcpy((void *)frame->r8, &told, sizeof told);
    return (uint64_t)status;
}
