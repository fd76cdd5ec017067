/* System V shared memory: shmget, shmat, shmdt and shmctl. */
#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/late_map.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/shared/segment.h"
#include "enclave/libos/shared/shared.h"

uint64_t syscall_shmget(struct program_frame *frame)
{
    return (uint64_t)segment_get(process_self(), (int)frame->rdi, frame->rsi, (unsigned)frame->rdx);
}

uint64_t syscall_shmctl(struct program_frame *frame)
{
    union segment_told told;
    unsigned command = (unsigned)frame->rsi;
    size_t size = segment_told_size(command);
    bool is_set = segment_is_set(command);
    if (is_set && !can_read(frame->rdx, size))
        return SYSCALL_FAULT;
    if (is_set)
        memcpy(&told, (const void *)frame->rdx, size);
    int status = segment_control(process_self(), (int)frame->rdi, command, &told);
    if (status < 0 || is_set || size == 0)
        return (uint64_t)status;
    if (!can_write(frame->rdx, size))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rdx, &told, size);
    return (uint64_t)status;
}

/* --- attaching: where the memory is ----------------------------------------------------------- */

static bool is_free(uintptr_t at, uint64_t size)
{
    struct memory_run run;
    return !memory_next(at, &run) || run.begin - at >= size;
}

/* ipc/shm.c, do_shmat(): the address that is asked for, or 0. */
static int take_address(uint64_t wanted, unsigned flags, uintptr_t *out)
{
    uint64_t rest = wanted % MEMORY_PAGE;
    if (rest != 0 && !(flags & SEGMENT_ROUND))
        return -EINVAL;
    *out = wanted - rest;
    return *out == 0 && flags & SEGMENT_REMAP ? -EINVAL : 0;
}

static int map_part(uintptr_t *at, unsigned flags, const struct segment_part *part)
{
    const struct shared_source source = {
        .object = part->object, .may_write = part->may_write != 0, .is_segment = 1};
    unsigned access = MEMORY_READ | (part->may_write ? MEMORY_WRITE : 0);
    bool is_fixed = *at != 0;
    if (is_fixed && !(flags & SEGMENT_REMAP) && !is_free(*at, part->size))
        return -EINVAL;
    if (is_fixed)
        late_cut(*at, part->size);
    return shared_map(at, part->size, access, is_fixed, &source);
}

/* As if it had been unmapped again. */
static void let_go(const struct segment_part *part)
{
    unsigned what = shared_has_object(part->object) ? SHARED_WHOLE : SHARED_LAST;
    const uint64_t arguments[6] = {part->object, 0, 0, 0, what};
    (void)own_make_long_call(OWN_SHARED_DROP, arguments);
}

uint64_t syscall_shmat(struct program_frame *frame)
{
    struct segment_part part = {0};
    unsigned flags = (unsigned)frame->rdx;
    uintptr_t at;
    if ((int)frame->rdi < 0)
        return SYSCALL_ERROR(EINVAL);
    int64_t status = take_address(frame->rsi, flags, &at);
    if (status == 0 && !memory_is_lazy())
        status = -ENOSYS; /* no page can come when it is touched */
    if (status == 0)
        status = shared_prepare();
    if (status == 0)
        status = own_make_call(OWN_SEGMENT_ATTACH, frame->rdi, flags, (uintptr_t)&part);
    if (status < 0)
        return (uint64_t)status;
    status = map_part(&at, flags, &part);
    if (status < 0)
        let_go(&part);
    return status < 0 ? (uint64_t)status : at;
}

uint64_t syscall_shmdt(struct program_frame *frame)
{
    if (frame->rdi % MEMORY_PAGE != 0)
        return SYSCALL_ERROR(EINVAL);
    return (uint64_t)shared_detach(frame->rdi);
}

uint64_t own_segment_attach(struct program_frame *frame)
{
    struct segment_part part = {0};
    if (!can_write(frame->rdx, sizeof part))
        return SYSCALL_FAULT;
    int status = segment_attach(process_self(), (int)frame->rdi, (unsigned)frame->rsi, &part);
    if (status == 0)
        memcpy((void *)frame->rdx, &part, sizeof part);
    return (uint64_t)status;
}
