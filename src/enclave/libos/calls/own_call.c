#include "enclave/libos/calls/own_call.h"

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"

uint64_t own_open_program(struct program_frame *frame)
{
    char path[SYSCALL_PATH_MAX];
    struct file *file;
    int status = syscall_path(frame->rsi, path);
    if (status == 0 && !can_write(frame->r10, sizeof(uint64_t)))
        status = -EFAULT;
    if (status == 0)
        status = vfs_open_program(syscall_files(), (int)frame->rdi, path, (unsigned)frame->rdx,
                                  &file);
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

uint64_t own_executed(struct program_frame *frame)
{
    (void)frame;
    process_execute(process_self());
    return 0;
}

uint64_t own_child_action(struct program_frame *frame)
{
    process_self()->ignores_children = frame->rdi != 0;
    process_self()->forgets_children = frame->rsi != 0;
    return 0;
}

uint64_t own_number(struct program_frame *frame)
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
    };
    return number >= OWN_FIRST && number < OWN_END_NUMBERS ? all[number - OWN_FIRST] : NULL;
}
