/* What exceptions and interrupts of a thread mean. */
#include <asm/errno.h>
#include <asm/signal.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/calls/late_map.h"
#include "enclave/libos/log.h"
#include "enclave/libos/processes/fork.h"
#include "enclave/libos/processes/persona.h"
#include "enclave/libos/program/emulate.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/program.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/deliver.h"
#include "enclave/libos/threads/finish.h"
#include "enclave/libos/threads/lock.h"
#include "enclave/libos/threads/thread.h"
#include "enclave/libos/threads/wait.h"

#define VECTOR_UD 6
#define VECTOR_PF 14

#define CODE_WRITE 2U /* of a page fault: SDM volume 3A, 4.7 */
#define CODE_FETCH 16U

#define FLAGS_KEPT (PROGRAM_FLAGS_FREE & ~UINT64_C(0x40400)) /* without AC and DF */

extern __attribute__((visibility("hidden"))) const uint8_t __ehdr_start[], _end[];

static bool is_between(uint64_t rip, const uint8_t *begin, const uint8_t *end)
{
    return rip >= (uintptr_t)begin && rip < (uintptr_t)end;
}

/* Whether the registers are the program's. */
static bool is_of_program(const struct sgx_gprs *state)
{
    return program_is_running() && !is_between(state->rip, __ehdr_start, _end);
}

static void take_over(struct sgx_gprs *state, const uint8_t *to)
{
    state->rip = (uintptr_t)to;
    state->rflags = (state->rflags & FLAGS_KEPT) | PROGRAM_FLAGS_FIXED;
}

static void interrupt(struct sgx_gprs *state)
{
    program_set_interrupted(state->rip, state->rflags);
    take_over(state, program_interrupted);
}

/* The library OS itself wants a page that another enclave may have: it waits for it where it is, by
 * program_bring(), and goes on. */
static bool wait_for_page(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    if (!thread_has_lock() || !shared_has(fault->address))
        return false;
    thread_self()->page = (struct thread_exception){.code = fault->error_code,
                                                    .address = fault->address};
    program_set_own_fault(state->rip, state->rflags);
    state->rip = (uintptr_t)program_own_fault;
    state->rflags = PROGRAM_FLAGS_FIXED;
    return true;
}

/* A process that is about to end has no part in it any more (-EACCES): its other threads end. */
static int bring(uint64_t address, enum shared_wanted wanted)
{
    int status = shared_fault(address, wanted);
    if (status == -EACCES && remote_is_child())
        finish_all(DOOR_DIED | SIGKILL);
    return status;
}

void program_bring(void)
{
    const struct thread_exception page = thread_self()->page;
    int status = bring(page.address,
                       page.code & CODE_WRITE ? SHARED_WANTS_WRITE : SHARED_WANTS_READ);
    if (status == 1)
        return;
    log_number("the program ended: a page that it shares cannot be had, errno ", (uint64_t)-status);
    finish_all(DOOR_DIED | SIGBUS);
}

static bool is_syscall(uint64_t rip)
{
    const uint8_t *code = (const uint8_t *)rip;
    return memory_is_there(rip, 2, MEMORY_READ | MEMORY_EXECUTE) && code[0] == 0x0F &&
           code[1] == 0x05;
}

/* A SYSCALL goes on where a call of the library OS comes in, when the thread is resumed; other
 * exceptions of the program do in program_interrupt(). One of the library OS's own is the end. */
bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    uint32_t vector = state->exit_info & SGX_EXIT_VECTOR;
    if (vector == VECTOR_PF &&
        is_between(state->rip, (const uint8_t *)(uintptr_t)program_put, program_put_end)) {
        state->rip = (uintptr_t)program_put_failed;
        program_want(); /* as below */
        return true;
    }
    if (!is_of_program(state)) {
        /* On the program's memory, which it has the lock for, or runs before anybody else. */
        if (vector == VECTOR_PF && (memory_fault(fault->address) || wait_for_page(state, fault))) {
            program_want(); /* an interrupt that found the thread on this way out did nothing */
            return true;
        }
        finish_lost();
        return false;
    }
    if (vector == VECTOR_UD && is_syscall(state->rip)) {
        state->rcx = state->rip + 2;
        state->r11 = state->rflags;
        take_over(state, program_syscall);
        return true;
    }
    if (vector == VECTOR_UD && emulate_instruction(state))
        return true;
    thread_self()->exception = (struct thread_exception){
        .is_there = true, .vector = vector, .code = fault->error_code, .address = fault->address};
    interrupt(state);
    return true;
}

/* The host says that there may be something to do. */
void enclave_interrupt(struct sgx_gprs *state)
{
    if (is_of_program(state))
        interrupt(state);
    else if (is_between(state->rip, program_window_begin, program_window_end))
        take_over(state, program_again);
    else
        program_want();
}

/* Whether the access can be made again: to a page that waited or was elsewhere, or that another
 * thread's fault has brought meanwhile. */
static bool is_made_again(struct thread_exception *exception)
{
    bool writes = exception->code & CODE_WRITE, fetches = exception->code & CODE_FETCH;
    unsigned access = fetches ? MEMORY_EXECUTE : writes ? MEMORY_WRITE : MEMORY_READ;
    uintptr_t at = exception->address;
    if (exception->vector != VECTOR_PF)
        return false;
    if (memory_fault(at) || late_fault(at) || memory_is_there(at, 1, access))
        return true;
    if (fetches)
        return false;
    int status = bring(at, writes ? SHARED_WANTS_WRITE : SHARED_WANTS_EITHER);
    exception->is_lost = status < 0;
    return status == 1;
}

/* The call that was interrupted before is not this frame's any more. */
void program_interrupt(struct program_frame *frame)
{
    struct thread_exception *exception = &thread_self()->exception;
    lock_take();
    if (exception->is_there) {
        exception->is_there = false;
        if (!is_made_again(exception))
            deliver_exception(frame, exception);
    }
    wait_poll(); /* likewise */
    if (persona_is_due())
        fork_move(frame, PROGRAM_NO_CALL);
    frame->number = PROGRAM_NO_CALL;
    (void)deliver_signals(frame);
    lock_release();
    deliver_look_again();
}
