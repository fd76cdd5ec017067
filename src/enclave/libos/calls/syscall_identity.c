/* System calls on users, groups and capabilities. What changes counts for the whole process: libcs
 * call them for each thread, and find it done. */
#include <linux/capability.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"

static struct identity *mine(void)
{
    return &process_self()->identity;
}

static uint64_t done(int status)
{
    process_identify(process_self());
    return (uint64_t)status;
}

/* --- users and groups ------------------------------------------------------------------------- */

uint64_t syscall_getuid(struct program_frame *frame)
{
    (void)frame;
    return mine()->ids[IDENTITY_USER].real;
}

uint64_t syscall_geteuid(struct program_frame *frame)
{
    (void)frame;
    return mine()->ids[IDENTITY_USER].effective;
}

uint64_t syscall_getgid(struct program_frame *frame)
{
    (void)frame;
    return mine()->ids[IDENTITY_GROUP].real;
}

uint64_t syscall_getegid(struct program_frame *frame)
{
    (void)frame;
    return mine()->ids[IDENTITY_GROUP].effective;
}

static uint64_t get_three(const struct program_frame *frame, enum identity_kind kind)
{
    const struct identity_ids *ids = &mine()->ids[kind];
    const uint64_t places[3] = {frame->rdi, frame->rsi, frame->rdx};
    const uint32_t values[3] = {ids->real, ids->effective, ids->saved};
    for (size_t i = 0; i < 3; i++) {
        if (!can_write(places[i], sizeof *values))
            return SYSCALL_FAULT;
        memcpy((void *)places[i], &values[i], sizeof *values);
    }
    return 0;
}

uint64_t syscall_getresuid(struct program_frame *frame)
{
    return get_three(frame, IDENTITY_USER);
}

uint64_t syscall_getresgid(struct program_frame *frame)
{
    return get_three(frame, IDENTITY_GROUP);
}

uint64_t syscall_setuid(struct program_frame *frame)
{
    return done(identity_set(mine(), IDENTITY_USER, (uint32_t)frame->rdi));
}

uint64_t syscall_setgid(struct program_frame *frame)
{
    return done(identity_set(mine(), IDENTITY_GROUP, (uint32_t)frame->rdi));
}

uint64_t syscall_setreuid(struct program_frame *frame)
{
    return done(
        identity_set_two(mine(), IDENTITY_USER, (uint32_t)frame->rdi, (uint32_t)frame->rsi));
}

uint64_t syscall_setregid(struct program_frame *frame)
{
    return done(
        identity_set_two(mine(), IDENTITY_GROUP, (uint32_t)frame->rdi, (uint32_t)frame->rsi));
}

uint64_t syscall_setresuid(struct program_frame *frame)
{
    return done(identity_set_three(mine(), IDENTITY_USER, (uint32_t)frame->rdi,
                                   (uint32_t)frame->rsi, (uint32_t)frame->rdx));
}

uint64_t syscall_setresgid(struct program_frame *frame)
{
    return done(identity_set_three(mine(), IDENTITY_GROUP, (uint32_t)frame->rdi,
                                   (uint32_t)frame->rsi, (uint32_t)frame->rdx));
}

uint64_t syscall_setfsuid(struct program_frame *frame)
{
    uint32_t before = identity_set_files(mine(), IDENTITY_USER, (uint32_t)frame->rdi);
    (void)done(0);
    return before;
}

uint64_t syscall_setfsgid(struct program_frame *frame)
{
    uint32_t before = identity_set_files(mine(), IDENTITY_GROUP, (uint32_t)frame->rdi);
    (void)done(0);
    return before;
}

uint64_t syscall_getgroups(struct program_frame *frame)
{
    const struct identity *identity = mine();
    size_t size = identity->group_count * sizeof *identity->groups;
    int room = (int)frame->rdi;
    if (room < 0 || (room > 0 && (size_t)room < identity->group_count))
        return SYSCALL_ERROR(EINVAL);
    if (room > 0 && size > 0 && !can_write(frame->rsi, size))
        return SYSCALL_FAULT;
    if (room > 0 && size > 0)
        memcpy((void *)frame->rsi, identity->groups, size);
    return identity->group_count;
}

uint64_t syscall_setgroups(struct program_frame *frame)
{
    uint32_t groups[IDENTITY_GROUPS_MAX] = {0};
    size_t count = (uint32_t)frame->rdi;
    if (!identity_has(mine(), CAP_SETGID))
        return SYSCALL_ERROR(EPERM);
    if (count > IDENTITY_GROUPS_MAX)
        return SYSCALL_ERROR(EINVAL);
    if (count > 0 && !can_read(frame->rsi, count * sizeof *groups))
        return SYSCALL_FAULT;
    if (count > 0)
        memcpy(groups, (const void *)frame->rsi, count * sizeof *groups);
    return done(identity_set_groups(mine(), groups, count));
}

/* --- capabilities ----------------------------------------------------------------------------- */

/* How many words of 32 capabilities a version has; -EINVAL tells the kernel's own version. */
static int take_head(uint64_t at, struct __user_cap_header_struct *head)
{
    if (!can_read(at, sizeof *head))
        return -EFAULT;
    memcpy(head, (const void *)at, sizeof *head);
    if (head->version == _LINUX_CAPABILITY_VERSION_1)
        return _LINUX_CAPABILITY_U32S_1;
    if (head->version == _LINUX_CAPABILITY_VERSION_2 ||
        head->version == _LINUX_CAPABILITY_VERSION_3)
        return _LINUX_CAPABILITY_U32S_3;
    head->version = _LINUX_CAPABILITY_VERSION_3;
    if (!can_write(at, sizeof *head))
        return -EFAULT;
    memcpy((void *)at, head, sizeof *head);
    return -EINVAL;
}

uint64_t syscall_capget(struct program_frame *frame)
{
    struct __user_cap_header_struct head;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    int words = take_head(frame->rdi, &head);
    if (words == -EINVAL && frame->rsi == 0)
        return 0; /* who asks for the version alone */
    if (words < 0)
        return (uint64_t)words;
    const struct process *process = head.pid == 0 ? process_self() : process_find(head.pid);
    if (head.pid < 0)
        return SYSCALL_ERROR(EINVAL);
    if (!process)
        return SYSCALL_ERROR(ESRCH);
    for (int i = 0; i < words; i++) {
        const struct identity_sets *sets = &process->identity.sets;
        data[i] = (struct __user_cap_data_struct){(uint32_t)(sets->effective >> 32 * i),
                                                  (uint32_t)(sets->permitted >> 32 * i),
                                                  (uint32_t)(sets->inheritable >> 32 * i)};
    }
    size_t size = (size_t)words * sizeof *data;
    if (frame->rsi == 0)
        return 0;
    if (!can_write(frame->rsi, size))
        return SYSCALL_FAULT;
    memcpy((void *)frame->rsi, data, size);
    return 0;
}

uint64_t syscall_capset(struct program_frame *frame)
{
    struct __user_cap_header_struct head;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    int words = take_head(frame->rdi, &head);
    if (words < 0)
        return (uint64_t)words;
    if (head.pid != 0 && head.pid != process_self()->number)
        return SYSCALL_ERROR(EPERM);
    if (!can_read(frame->rsi, (size_t)words * sizeof *data))
        return SYSCALL_FAULT;
    memcpy(data, (const void *)frame->rsi, (size_t)words * sizeof *data);
    const uint64_t all = (UINT64_C(1) << (CAP_LAST_CAP + 1)) - 1;
    const struct identity_sets wanted = {
        (data[0].permitted | (uint64_t)data[1].permitted << 32) & all,
        (data[0].effective | (uint64_t)data[1].effective << 32) & all,
        (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & all};
    return done(identity_set_sets(mine(), &wanted));
}
