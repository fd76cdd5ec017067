#include "enclave/libos/calls/own_call.h"

#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/remote/remote_call.h"

static uint64_t own_open_program(struct program_frame *frame)
{
    char path[SYSCALL_PATH_MAX];
    struct file *file;
    int status = syscall_path(frame->rsi, path);
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->r10, sizeof(uint64_t)))
        return SYSCALL_FAULT;
    status = vfs_open_program(syscall_files(), (int)frame->rdi, path, (unsigned)frame->rdx, &file);
    if (status < 0)
        return (uint64_t)status;
    const uint64_t size = file->node->size;
    status = file_table_add(&syscall_files()->files, file, 0, false);
    if (status < 0)
        file_put(file);
    else
        memcpy((void *)frame->r10, &size, sizeof size);
    return (uint64_t)status;
}

static uint64_t own_executed(struct program_frame *frame)
{
    char path[SYSCALL_PATH_MAX];
    struct process *process = process_self();
    int status = syscall_path(frame->rdi, path);
    if (status < 0)
        return (uint64_t)status;
    if (frame->rdx == 0 || frame->rdx > TOLD_WORDS_MAX || !can_read(frame->rsi, frame->rdx))
        return SYSCALL_FAULT;
    process_execute(process);
    told_begin(&process->told, &process->vfs, path, (const char *)frame->rsi, frame->rdx);
    return 0;
}

static uint64_t own_child_action(struct program_frame *frame)
{
    process_self()->ignores_children = frame->rdi != 0;
    process_self()->forgets_children = frame->rsi != 0;
    process_self()->ignores_stops = frame->rdx != 0;
    return 0;
}

/* A terminal's signals stop nobody whom no shell could have go on. */
static uint64_t own_stopped(struct program_frame *frame)
{
    uint64_t number = frame->rdi;
    if (number != 0 && (number > SIGNALS || !(SIGNAL_STOPS & SIGNAL_BIT(number))))
        return SYSCALL_ERROR(EINVAL);
    if (number != 0 && number != SIGSTOP && process_is_orphaned(process_self()))
        return 1;
    process_stop(process_self(), (int)number);
    return 0;
}

static uint64_t own_named(struct program_frame *frame)
{
    char *name = process_self()->told.name;
    if (!can_read(frame->rdi, THREAD_NAME_SIZE))
        return SYSCALL_FAULT;
    memcpy(name, (const void *)frame->rdi, THREAD_NAME_SIZE);
    name[THREAD_NAME_SIZE - 1] = 0;
    return 0;
}

static uint64_t own_number(struct program_frame *frame)
{
    (void)frame;
    return (uint64_t)process_new_number();
}

syscall_fn *own_call(uint64_t number)
{
    static syscall_fn *const all[] = {
        [OWN_OPEN_PROGRAM - OWN_FIRST] = own_open_program,
        [OWN_EXECUTED - OWN_FIRST] = own_executed,
        [OWN_CHILD_ACTION - OWN_FIRST] = own_child_action,
        [OWN_NUMBER - OWN_FIRST] = own_number,
        [OWN_BORROW - OWN_FIRST] = own_borrow,
        [OWN_RETURN - OWN_FIRST] = own_return,
        [OWN_SPAWN - OWN_FIRST] = own_spawn,
        [OWN_FORK - OWN_FIRST] = own_fork,
        [OWN_FORK_SEND - OWN_FIRST] = own_fork_send,
        [OWN_FORK_END - OWN_FIRST] = own_fork_end,
        [OWN_MOVE - OWN_FIRST] = own_move,
        [OWN_SHARED_OPEN - OWN_FIRST] = own_shared_open,
        [OWN_SHARED_PAGE - OWN_FIRST] = own_shared_page,
        [OWN_SHARED_DROP - OWN_FIRST] = own_shared_drop,
        [OWN_SHARED_LEAVE - OWN_FIRST] = own_shared_leave,
        [OWN_SHARED_WAIT - OWN_FIRST] = own_shared_wait,
        [OWN_SHARED_WAKE - OWN_FIRST] = own_shared_wake,
        [OWN_STOPPED - OWN_FIRST] = own_stopped,
        [OWN_SEGMENT_ATTACH - OWN_FIRST] = own_segment_attach,
        [OWN_SEMAPHORE_CONTROL - OWN_FIRST] = own_semaphore_control,
        [OWN_SITES - OWN_FIRST] = own_sites,
        [OWN_PIDFD - OWN_FIRST] = own_pidfd,
        [OWN_CLOSE - OWN_FIRST] = syscall_close,
        [OWN_NAMED - OWN_FIRST] = own_named,
    };
    return number >= OWN_FIRST && number < OWN_END_NUMBERS ? all[number - OWN_FIRST] : NULL;
}

static int64_t call_here(enum own_call number, const uint64_t arguments[6])
{
    static const struct thread_room everything = {0, UINT64_MAX};
    struct thread *self = thread_self();
    const struct thread_room *before = self->room;
    struct program_frame frame = {.rax = number,
                                  .number = number,
                                  .rdi = arguments[0],
                                  .rsi = arguments[1],
                                  .rdx = arguments[2],
                                  .r10 = arguments[3],
                                  .r8 = arguments[4],
                                  .r9 = arguments[5]};
    self->room = &everything;
    uint64_t result = own_call(number)(&frame);
    self->room = before;
    return (int64_t)result;
}

int64_t own_make_long_call(enum own_call number, const uint64_t arguments[6])
{
    return remote_is_child() ? (int64_t)remote_own_call(number, arguments)
                             : call_here(number, arguments);
}

int64_t own_make_call(enum own_call number, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t arguments[6] = {a, b, c};
    return own_make_long_call(number, arguments);
}
