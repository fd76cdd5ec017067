#include "enclave/libos/calls/code_sites.h"

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/program/known_sites.h"
#include "enclave/libos/program/sites.h"
#include "enclave/libos/remote/remote_call.h"

#define WORTH_ASKING 32768 /* bytes: less is looked through sooner than an answer comes */
#define SPARSE       512   /* bytes of code for each: libc has one in 2,500 */

/* As many as are asked for: the answer's room is theirs. */
static size_t room_for(size_t size)
{
    size_t most = size / SPARSE;
    return most < SITES_MAX ? most : SITES_MAX;
}

int code_sites_find(const void *origin, const uint8_t *code, size_t size, struct site *out)
{
    const struct code_origin *from = origin;
    if (from->file)
        return known_sites_find(from->file->node, from->offset, code, size, out, SITES_MAX);
    if (!remote_is_child() || size < WORTH_ASKING)
        return -ENOENT;
    const uint64_t arguments[6] = {from->number, from->offset, size, (uintptr_t)out,
                                   room_for(size)};
    /* More than there is room for are none that came. */
    uint64_t count = remote_own_call(OWN_SITES, arguments);
    return count <= arguments[4] ? (int)count : -ENOENT;
}

uint64_t own_sites(struct program_frame *frame)
{
    struct file *file = syscall_file(frame->rdi);
    uint64_t most = frame->r8;
    if (!file || file->kind != &file_plain || (int64_t)frame->rsi < 0)
        return SYSCALL_ERROR(EBADF);
    if (most > SITES_MAX || !can_write(frame->r10, most * sizeof(struct site)))
        return SYSCALL_FAULT;
    return (uint64_t)known_sites_read(file->node, frame->rsi, frame->rdx, (struct site *)frame->r10,
                                      most);
}
