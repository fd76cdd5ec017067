/* epoll and timerfd. */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/epoll.h"
#include "enclave/libos/files/timer.h"
#include "enclave/libos/threads/wait.h"

#define EVENTS_MAX  4096 /* that one call gives; fewer than asked for are no error */
#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)
#define TIMER_FLAGS 3U /* TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET */

/* At a number of its own; takes the file. */
static uint64_t give_number(struct file *file, bool cloexec)
{
    int number = file_table_add(&syscall_files()->files, file, 0, cloexec);
    if (number < 0)
        file_put(file);
    return (uint64_t)number;
}

/* --- epoll ------------------------------------------------------------------------------------ */

static uint64_t make_epoll(bool cloexec)
{
    struct file *file;
    int status = epoll_new(&file);
    return status < 0 ? (uint64_t)status : give_number(file, cloexec);
}

uint64_t syscall_epoll_create(struct program_frame *frame)
{
    return (int)frame->rdi <= 0 ? SYSCALL_ERROR(EINVAL) : make_epoll(false);
}

uint64_t syscall_epoll_create1(struct program_frame *frame)
{
    if ((uint32_t)frame->rdi & ~(unsigned)O_CLOEXEC)
        return SYSCALL_ERROR(EINVAL);
    return make_epoll(frame->rdi != 0);
}

uint64_t syscall_epoll_ctl(struct program_frame *frame)
{
    struct file *epoll = syscall_file(frame->rdi), *file = syscall_file(frame->rdx);
    struct epoll_event event = {0};
    if ((uint32_t)frame->rsi != EPOLL_CTL_DEL) {
        if (!can_read(frame->r10, sizeof event))
            return SYSCALL_FAULT;
        memcpy(&event, (const void *)frame->r10, sizeof event);
    }
    if (!epoll || !file || file->flags & O_PATH)
        return SYSCALL_ERROR(EBADF);
    const struct epoll_ready what = {event.events, event.data};
    return (uint64_t)epoll_control(epoll, (unsigned)frame->rsi, file, (int)frame->rdx, &what);
}

static uint64_t give_events(const struct epoll_ready *from, size_t count, uint64_t at)
{
    if (!can_write(at, count * sizeof(struct epoll_event)))
        return SYSCALL_FAULT;
    for (size_t i = 0; i < count; i++) {
        const struct epoll_event event = {from[i].events, from[i].data};
        memcpy((void *)(at + i * sizeof event), &event, sizeof event);
    }
    return count;
}

/* Looks and waits. The epoll has a reference. A look that will probably see nothing is left out. */
static int look_until(struct file *epoll, struct epoll_ready *out, size_t most, uint64_t deadline)
{
    for (bool is_left_out = deadline != 0 && epoll_is_quiet(epoll);; is_left_out = false) {
        int count = is_left_out ? 0 : epoll_look(epoll, out, most);
        if (count != 0 || deadline == 0)
            return count;
        int status = epoll_wait_for(epoll, deadline);
        if (status == -ETIMEDOUT)
            deadline = 0; /* one look more */
        else if (status < 0)
            return status;
    }
}

static uint64_t wait_until(const struct program_frame *frame, uint64_t deadline)
{
    struct file *epoll = syscall_file(frame->rdi);
    int most = (int)frame->rdx;
    if (!epoll)
        return SYSCALL_ERROR(EBADF);
    if (most <= 0)
        return SYSCALL_ERROR(EINVAL);
    most = most < EVENTS_MAX ? most : EVENTS_MAX;
    if (!can_write(frame->rsi, (uint64_t)most * sizeof(struct epoll_event)))
        return SYSCALL_FAULT;
    if (!epoll_is(epoll))
        return SYSCALL_ERROR(EINVAL);
    struct epoll_ready *out = alloc_zeroed((size_t)most, sizeof *out);
    if (!out)
        return SYSCALL_ERROR(ENOMEM);
    file_get(epoll);
    int count = look_until(epoll, out, (size_t)most, deadline);
    uint64_t answer = count > 0 ? give_events(out, (size_t)count, frame->rsi) : (uint64_t)count;
    libos_free(out);
    file_put(epoll);
    return answer;
}

uint64_t syscall_epoll_wait(struct program_frame *frame)
{
    int timeout = (int)frame->r10;
    return wait_until(
        frame, timeout < 0 ? READY_NEVER : syscall_deadline_in((uint64_t)timeout * MILLISECOND));
}

uint64_t syscall_epoll_pwait(struct program_frame *frame)
{
    int status = syscall_lend_mask(frame->r8, frame->r9);
    return status < 0 ? (uint64_t)status : syscall_epoll_wait(frame);
}

uint64_t syscall_epoll_pwait2(struct program_frame *frame)
{
    uint64_t deadline;
    int status = syscall_take_deadline(frame->r10, &deadline);
    if (status == 0)
        status = syscall_lend_mask(frame->r8, frame->r9);
    return status < 0 ? (uint64_t)status : wait_until(frame, deadline);
}

/* --- timerfd ---------------------------------------------------------------------------------- */

uint64_t syscall_timerfd_create(struct program_frame *frame)
{
    unsigned flags = (unsigned)frame->rsi;
    struct file *file;
    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
        return SYSCALL_ERROR(EINVAL);
    int status = timer_new((unsigned)frame->rdi, flags, &file);
    return status < 0 ? (uint64_t)status : give_number(file, flags & O_CLOEXEC);
}

/* struct itimerspec: the interval first. */
static int give_setting(const struct timer_setting *from, uint64_t at)
{
    const uint64_t out[4] = {from->interval / SECOND, from->interval % SECOND, from->value / SECOND,
                             from->value % SECOND};
    if (!can_write(at, sizeof out))
        return -EFAULT;
    memcpy((void *)at, out, sizeof out);
    return 0;
}

static struct file *timer_of(uint64_t number, int *status)
{
    struct file *file = syscall_file(number);
    *status = !file ? -EBADF : timer_is(file) ? 0 : -EINVAL;
    return file;
}

uint64_t syscall_timerfd_settime(struct program_frame *frame)
{
    struct timer_setting to, before;
    int status;
    if ((uint32_t)frame->rsi & ~TIMER_FLAGS)
        return SYSCALL_ERROR(EINVAL);
    struct file *file = timer_of(frame->rdi, &status);
    if (status == 0)
        status = syscall_take_time(frame->rdx, &to.interval);
    if (status == 0)
        status = syscall_take_time(frame->rdx + sizeof(struct __kernel_timespec), &to.value);
    if (status < 0)
        return (uint64_t)status;
    timer_set(file, &to, frame->rsi & 1, &before);
    return frame->r10 == 0 ? 0 : (uint64_t)give_setting(&before, frame->r10);
}

uint64_t syscall_timerfd_gettime(struct program_frame *frame)
{
    struct timer_setting now;
    int status;
    struct file *file = timer_of(frame->rdi, &status);
    if (status < 0)
        return (uint64_t)status;
    timer_get(file, &now);
    return (uint64_t)give_setting(&now, frame->rsi);
}
