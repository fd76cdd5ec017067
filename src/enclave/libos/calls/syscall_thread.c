/* System calls that make, end and name threads, and those by which they wait for each other. */
#include <asm/signal.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_fork.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/system.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/futex.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

#define SECOND          UINT64_C(1000000000)
#define ADDRESS_LIMIT   (UINT64_C(1) << 47)
#define ROBUST_MOST     2048 /* locks of one list, as the kernel has it */
#define CLONE3_SIZE_MAX 4096 /* bytes, as the kernel has it */
#define COMMAND         (~(unsigned)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)) /* of futex */

/* --- making ----------------------------------------------------------------------------------- */

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define KNOWN_FLAGS                                                                                \
    (THREAD_FLAGS | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |      \
     CLONE_CHILD_CLEARTID | CLONE_DETACHED)

static int check_clone(const struct clone_args *args)
{
    if ((args->flags & THREAD_FLAGS) != THREAD_FLAGS || persona_is_there()) {
        log_line("ENOSYS: ", "clone, for what is neither a thread nor a process");
        return -ENOSYS;
    }
    if ((args->flags & ~(uint64_t)KNOWN_FLAGS) != 0 ||
        (args->flags & CLONE_SETTLS && args->tls >= ADDRESS_LIMIT))
        return -EINVAL;
    if ((args->flags & CLONE_PARENT_SETTID && !can_write(args->parent_tid, sizeof(int))) ||
        (args->flags & CLONE_CHILD_SETTID && !can_write(args->child_tid, sizeof(int))))
        return -EFAULT;
    return 0;
}

static void put_number(uint64_t address, int number)
{
    *(int *)address = number;
}

/* `args->stack` is the stack pointer. */
static uint64_t make(struct program_frame *frame, const struct clone_args *args)
{
    if (syscall_is_process(args))
        return syscall_make_process(frame, args);
    int status = check_clone(args);
    int own = 0;
    if (status == 0 && remote_is_child())
        status = own = (int)own_make_call(OWN_NUMBER, 0, 0, 0);
    struct thread *thread = status >= 0 ? thread_new(process_self(), own) : NULL;
    if (!thread)
        return status < 0 ? (uint64_t)status : SYSCALL_ERROR(EAGAIN);
    thread->begin = *frame;
    thread->begin.rax = 0;
    thread->begin.rsp = args->stack ? args->stack : frame->rsp;
    thread->begin.flags = PROGRAM_FLAGS_FIXED;
    thread->begin.is_whole = 1;
    thread->begin.number = PROGRAM_NO_CALL;
    thread->begin_fs = args->flags & CLONE_SETTLS ? args->tls : program_get_fs();
    program_save_control(&thread->begin_mxcsr, &thread->begin_control);
    thread->signals.mask = thread_self()->signals.mask;
    memcpy(thread->name, thread_self()->name, sizeof thread->name);
    if (args->flags & CLONE_CHILD_CLEARTID)
        thread->clear_number = args->child_tid;
    int number = thread->number;
    if (args->flags & CLONE_PARENT_SETTID)
        put_number(args->parent_tid, number);
    if (args->flags & CLONE_CHILD_SETTID)
        put_number(args->child_tid, number);
    if (thread_spawn(thread) == 0)
        return (uint64_t)number;
    thread_free(thread);
    return SYSCALL_ERROR(EAGAIN);
}

uint64_t syscall_clone(struct program_frame *frame)
{
    if (frame->rdi & CLONE_PIDFD && frame->rdi & (CLONE_PARENT_SETTID | CLONE_DETACHED))
        return SYSCALL_ERROR(EINVAL); /* both would be at the same place */
    const struct clone_args args = {.flags = frame->rdi & ~(uint64_t)CSIGNAL,
                                    .pidfd = frame->rdx,
                                    .exit_signal = frame->rdi & CSIGNAL,
                                    .stack = frame->rsi,
                                    .parent_tid = frame->rdx,
                                    .child_tid = frame->r10,
                                    .tls = frame->r8};
    return make(frame, &args);
}

uint64_t syscall_clone3(struct program_frame *frame)
{
    struct clone_args args = {0};
    uint64_t size = frame->rsi;
    if (size < CLONE_ARGS_SIZE_VER0)
        return SYSCALL_ERROR(EINVAL);
    if (size > CLONE3_SIZE_MAX)
        return SYSCALL_ERROR(E2BIG);
    if (!can_read(frame->rdi, size))
        return SYSCALL_FAULT;
    for (uint64_t i = sizeof args; i < size; i++) {
        if (((const uint8_t *)frame->rdi)[i] != 0)
            return SYSCALL_ERROR(E2BIG);
    }
    memcpy(&args, (const void *)frame->rdi, size < sizeof args ? size : sizeof args);
    if (args.flags & CLONE_THREAD && (args.exit_signal != 0 || args.set_tid_size != 0 ||
                                      (args.stack == 0) != (args.stack_size == 0)))
        return SYSCALL_ERROR(EINVAL);
    args.stack += args.stack_size;
    return make(frame, &args);
}

/* --- ending ----------------------------------------------------------------------------------- */

uint64_t syscall_exit_group(struct program_frame *frame)
{
    if (persona_is_there())
        return (uint64_t)persona_end(frame, frame->rdi & DOOR_CODE);
    finish_all(frame->rdi & DOOR_CODE);
}

/* One entry of the list: the lock's word lies `offset` behind it. */
static void end_lock(uint64_t entry, uint64_t offset, uint32_t owner)
{
    uint64_t address = (entry & ~UINT64_C(1)) + offset;
    if (address % sizeof(uint32_t) == 0 && can_write(address, sizeof(uint32_t)))
        futex_owner_died(address, owner);
}

/* The program may have written anything there: the number of entries is bounded. */
static void end_robust_locks(const struct thread *self)
{
    struct robust_list_head head;
    uint64_t entry;
    if (self->robust == 0 || !can_read(self->robust, sizeof head))
        return;
    memcpy(&head, (const void *)self->robust, sizeof head);
    uint64_t offset = (uint64_t)head.futex_offset;
    uint64_t pending = (uint64_t)head.list_op_pending;
    uint64_t next = (uint64_t)head.list.next;
    for (int i = 0; i < ROBUST_MOST && next != self->robust && can_read(next & ~UINT64_C(1), 8);
         i++) {
        entry = next;
        memcpy(&next, (const void *)(entry & ~UINT64_C(1)), sizeof next);
        if (entry != pending)
            end_lock(entry, offset, (uint32_t)self->number);
    }
    if (pending != 0)
        end_lock(pending, offset, (uint32_t)self->number);
}

void syscall_end_robust_locks(void)
{
    for (size_t i = 0; i < THREADS_MAX; i++) {
        const struct thread *thread = thread_at(i);
        if (thread->state == THREAD_RUNS && !thread->service)
            end_robust_locks(thread);
    }
}

uint64_t syscall_exit(struct program_frame *frame)
{
    struct thread *self = thread_self();
    if (persona_is_there())
        return (uint64_t)persona_end(frame, frame->rdi & DOOR_CODE);
    end_robust_locks(self);
    if (self->clear_number != 0 && can_write(self->clear_number, sizeof(int))) {
        put_number(self->clear_number, 0);
        (void)futex_wake(self->clear_number, 1, FUTEX_ALL);
    }
    remote_end_thread();
    finish_thread(frame->rdi);
}

/* --- names ------------------------------------------------------------------------------------ */

uint64_t syscall_gettid(struct program_frame *frame)
{
    (void)frame;
    return (uint64_t)thread_self()->number;
}

uint64_t syscall_set_tid_address(struct program_frame *frame)
{
    thread_self()->clear_number = frame->rdi;
    return (uint64_t)thread_self()->number;
}

uint64_t syscall_set_robust_list(struct program_frame *frame)
{
    if (frame->rsi != sizeof(struct robust_list_head))
        return SYSCALL_ERROR(EINVAL);
    thread_self()->robust = frame->rdi;
    return 0;
}

uint64_t syscall_get_robust_list(struct program_frame *frame)
{
    const struct thread *thread = frame->rdi == 0 ? thread_self() : thread_find((int)frame->rdi);
    const uint64_t size = sizeof(struct robust_list_head);
    if (!thread)
        return SYSCALL_ERROR(ESRCH);
    if (!can_write(frame->rsi, sizeof(uint64_t)) || !can_write(frame->rdx, sizeof size))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rsi, &thread->robust, sizeof thread->robust);
    memcpy((void *)frame->rdx, &size, sizeof size);
    return 0;
}

/* The host's processors are its own affair: a fixed set. */
uint64_t syscall_sched_getaffinity(struct program_frame *frame)
{
    const uint64_t all = (UINT64_C(1) << SYSTEM_PROCESSORS) - 1;
    if (frame->rsi < sizeof all || frame->rsi % sizeof all != 0)
        return SYSCALL_ERROR(EINVAL);
    if (frame->rdi != 0 && !thread_find((int)frame->rdi))
        return SYSCALL_ERROR(ESRCH);
    if (!can_write(frame->rdx, sizeof all))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rdx, &all, sizeof all);
    return sizeof all;
}

uint64_t syscall_sched_setaffinity(struct program_frame *frame)
{
    uint8_t first;
    if (frame->rdi != 0 && !thread_find((int)frame->rdi))
        return SYSCALL_ERROR(ESRCH);
    if (frame->rsi == 0)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->rdx, frame->rsi))
        return SYSCALL_FAULT;
    memcpy(&first, (const void *)frame->rdx, sizeof first);
    return first == 0 ? SYSCALL_ERROR(EINVAL) : 0; /* threads run where the host has them run */
}

/* Lets another thread have the lock, and the host its processor. */
uint64_t syscall_sched_yield(struct program_frame *frame)
{
    (void)frame;
    lock_release();
    (void)door_park(0, 0);
    lock_take();
    return 0;
}

/* --- time ------------------------------------------------------------------------------------- */

bool syscall_deadline(const struct __kernel_timespec *time, enum door_clock clock, bool is_absolute,
                      uint64_t *out)
{
    if (time->tv_sec < 0 || time->tv_nsec < 0 || (uint64_t)time->tv_nsec >= SECOND)
        return false;
    *out = DOOR_FOREVER;
    if ((uint64_t)time->tv_sec > UINT32_MAX)
        return true;
    uint64_t nanoseconds = (uint64_t)time->tv_sec * SECOND + (uint64_t)time->tv_nsec;
    if (is_absolute) {
        uint64_t now = clock_now(clock);
        nanoseconds = nanoseconds > now ? nanoseconds - now : 0;
    }
    *out = wait_deadline(nanoseconds);
    return true;
}

/* --- futex ------------------------------------------------------------------------------------ */

static uint64_t futex_deadline(const struct program_frame *frame, unsigned operation, uint64_t *out)
{
    bool is_absolute = (operation & COMMAND) == FUTEX_WAIT_BITSET;
    struct __kernel_timespec time;
    *out = DOOR_FOREVER;
    if (frame->r10 == 0)
        return 0;
    if (!can_read(frame->r10, sizeof time))
        return SYSCALL_FAULT;
    memcpy(&time, (const void *)frame->r10, sizeof time);
    enum door_clock clock = operation & FUTEX_CLOCK_REALTIME ? DOOR_CLOCK_REAL
                                                             : DOOR_CLOCK_MONOTONIC;
    return syscall_deadline(&time, clock, is_absolute, out) ? 0 : SYSCALL_ERROR(EINVAL);
}

static uint64_t wait_for_word(const struct program_frame *frame, unsigned operation)
{
    uint64_t deadline;
    bool has_bits = (operation & COMMAND) == FUTEX_WAIT_BITSET;
    uint64_t problem = futex_deadline(frame, operation, &deadline);
    if (problem != 0)
        return problem;
    return (uint64_t)futex_wait(frame->rdi, (uint32_t)frame->rdx,
                                has_bits ? (uint32_t)frame->r9 : FUTEX_ALL, deadline);
}

static uint64_t requeue(const struct program_frame *frame, bool compares)
{
    uint32_t value;
    if ((int)frame->rdx < 0 || (int)frame->r10 < 0)
        return SYSCALL_ERROR(EINVAL);
    memcpy(&value, (const void *)frame->rdi, sizeof value);
    if (compares && value != (uint32_t)frame->r9)
        return SYSCALL_ERROR(EAGAIN);
    return (uint64_t)futex_requeue(frame->rdi, frame->r8, (uint32_t)frame->rdx,
                                   (uint32_t)frame->r10);
}

static bool is_word(uint64_t address)
{
    return address % sizeof(uint32_t) == 0 && can_read(address, sizeof(uint32_t));
}

static uint64_t change_word(const struct program_frame *frame)
{
    if (!can_write(frame->r8, sizeof(uint32_t)))
        return SYSCALL_FAULT;
    return (uint64_t)futex_wake_op(frame->rdi, frame->r8, (uint32_t)frame->rdx,
                                   (uint32_t)frame->r10, (uint32_t)frame->r9);
}

uint64_t syscall_futex(struct program_frame *frame)
{
    unsigned operation = (unsigned)frame->rsi;
    unsigned command = operation & COMMAND;
    bool has_second = command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE ||
                      command == FUTEX_WAKE_OP;
    if (frame->rdi % sizeof(uint32_t) != 0 || (has_second && frame->r8 % sizeof(uint32_t) != 0))
        return SYSCALL_ERROR(EINVAL);
    if (!is_word(frame->rdi) || (has_second && !is_word(frame->r8)))
        return SYSCALL_FAULT;
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return wait_for_word(frame, operation);
    case FUTEX_WAKE:
        return (uint64_t)futex_wake(frame->rdi, (uint32_t)frame->rdx, FUTEX_ALL);
    case FUTEX_WAKE_BITSET:
        return (uint64_t)futex_wake(frame->rdi, (uint32_t)frame->rdx, (uint32_t)frame->r9);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return requeue(frame, command == FUTEX_CMP_REQUEUE);
    case FUTEX_WAKE_OP:
        return change_word(frame);
    default:
        return SYSCALL_ERROR(ENOSYS); /* priorities are the host's */
    }
}
