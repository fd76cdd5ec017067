/* poll and select. */
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/ready.h"
#include "enclave/libos/threads/wait.h"

#define POLLED_MAX  FILE_NUMBERS_MAX
#define SELECT_MAX  1024 /* FD_SETSIZE */
#define SELECT_WORD 64
#define MILLISECOND UINT64_C(1000000)
#define MICROSECOND UINT64_C(1000)
#define SECOND      UINT64_C(1000000000) /* nanoseconds */

/* --- times ------------------------------------------------------------------------------------ */

uint64_t syscall_deadline_in(uint64_t nanoseconds)
{
    return nanoseconds == 0 ? 0 : wait_deadline(nanoseconds);
}

int syscall_take_time(uint64_t at, uint64_t *out)
{
    struct __kernel_timespec time;
    if (!can_read(at, sizeof time))
        return -EFAULT;
    memcpy(&time, (const void *)at, sizeof time);
    if (time.tv_sec < 0 || time.tv_nsec < 0 || (uint64_t)time.tv_nsec >= SECOND)
        return -EINVAL;
    *out = (uint64_t)time.tv_sec > UINT32_MAX
               ? READY_NEVER
               : (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
    return 0;
}

int syscall_take_deadline(uint64_t at, uint64_t *out)
{
    *out = READY_NEVER;
    int status = at == 0 ? 0 : syscall_take_time(at, out);
    if (status == 0 && *out != READY_NEVER)
        *out = syscall_deadline_in(*out);
    return status;
}

/* What is left of a time goes back to where it came from, as Linux does it: struct timespec or, in
 * parts of 1000 nanoseconds, struct timeval. */
static void give_left(uint64_t at, uint64_t deadline, uint64_t part)
{
    if (at == 0 || deadline == READY_NEVER || !can_write(at, 2 * sizeof(uint64_t)))
        return;
    uint64_t now = deadline == 0 ? 0 : clock_now(DOOR_CLOCK_MONOTONIC);
    uint64_t left = deadline > now ? deadline - now : 0;
    const uint64_t both[2] = {left / SECOND, left % SECOND / part};
    memcpy((void *)at, both, sizeof both);
}

/* --- poll ------------------------------------------------------------------------------------- */

struct polled {
    struct pollfd *given; /* a copy */
    struct ready *items;  /* each with a reference */
    size_t count;
};

static int take_polled(uint64_t at, uint64_t count, struct polled *out)
{
    *out = (struct polled){.count = (size_t)count};
    if (count > POLLED_MAX)
        return -EINVAL;
    if (!can_write(at, count * sizeof *out->given))
        return -EFAULT;
    out->given = alloc_zeroed((size_t)count + 1, sizeof *out->given);
    out->items = alloc_zeroed((size_t)count + 1, sizeof *out->items);
    if (!out->given || !out->items)
        return -ENOMEM;
    if (count > 0)
        memcpy(out->given, (const void *)at, (size_t)count * sizeof *out->given);
    for (size_t i = 0; i < out->count; i++) {
        struct file *file = out->given[i].fd < 0 ? NULL : syscall_file((unsigned)out->given[i].fd);
        if (file && !(file->flags & O_PATH))
            out->items[i] = (struct ready){.file = file_get(file),
                                           .wanted = (unsigned short)out->given[i].events};
    }
    return 0;
}

static void polled_fini(struct polled *polled)
{
    for (size_t i = 0; polled->items && i < polled->count; i++)
        file_put(polled->items[i].file);
    libos_free(polled->items);
    libos_free(polled->given);
}

/* How many have something; a number that is no file's has POLLNVAL, one below 0 nothing. */
static int look(struct polled *polled)
{
    int found = 0;
    (void)ready_look(polled->items, polled->count);
    for (size_t i = 0; i < polled->count; i++) {
        struct pollfd *one = &polled->given[i];
        unsigned none = one->fd < 0 ? 0 : POLLNVAL;
        one->revents = (short)(polled->items[i].file ? polled->items[i].seen : none);
        found += one->revents != 0;
    }
    return found;
}

static int look_until(struct polled *polled, uint64_t deadline)
{
    for (;;) {
        int found = look(polled);
        if (found != 0 || deadline == 0)
            return found;
        int status = ready_wait(polled->items, polled->count, deadline);
        if (status == -ETIMEDOUT)
            deadline = 0; /* one look more */
        else if (status < 0)
            return status;
    }
}

static uint64_t poll_until(uint64_t at, uint64_t count, uint64_t deadline)
{
    struct polled polled;
    int found = take_polled(at, (uint32_t)count, &polled);
    if (found == 0)
        found = look_until(&polled, deadline);
    if (found >= 0 && !can_write(at, polled.count * sizeof *polled.given))
        found = -EFAULT;
    if (found >= 0 && polled.count > 0)
        memcpy((void *)at, polled.given, polled.count * sizeof *polled.given);
    polled_fini(&polled);
    return (uint64_t)found;
}

uint64_t syscall_poll(struct program_frame *frame)
{
    int timeout = (int)frame->rdx;
    return poll_until(
        frame->rdi, frame->rsi,
        timeout < 0 ? READY_NEVER : syscall_deadline_in((uint64_t)timeout * MILLISECOND));
}

uint64_t syscall_ppoll(struct program_frame *frame)
{
    uint64_t deadline;
    int status = syscall_take_deadline(frame->rdx, &deadline);
    if (status == 0)
        status = syscall_lend_mask(frame->r10, frame->r8);
    if (status < 0)
        return (uint64_t)status;
    uint64_t answer = poll_until(frame->rdi, frame->rsi, deadline);
    give_left(frame->rdx, deadline, 1);
    return answer;
}

/* --- select ----------------------------------------------------------------------------------- */

struct sets {
    uint64_t in[3][SELECT_MAX / SELECT_WORD]; /* reading, writing, what is special */
    struct ready items[SELECT_MAX];
    size_t count; /* of numbers */
};

/* What poll calls the three sets: fs/select.c. */
static const unsigned set_events[3] = {POLLIN | POLLRDNORM | POLLHUP | POLLERR,
                                       POLLOUT | POLLWRNORM | POLLERR, POLLPRI};

static bool has(const struct sets *sets, size_t set, size_t number)
{
    return sets->in[set][number / SELECT_WORD] >> number % SELECT_WORD & 1;
}

static size_t set_size(const struct sets *sets)
{
    return (sets->count + SELECT_WORD - 1) / SELECT_WORD * sizeof(uint64_t);
}

static int take_sets(const uint64_t at[3], uint64_t count, struct sets *out)
{
    if ((int)count < 0)
        return -EINVAL;
    out->count = count < SELECT_MAX ? (size_t)count : SELECT_MAX;
    for (size_t set = 0; set < 3; set++) {
        if (at[set] == 0)
            continue;
        if (!can_write(at[set], set_size(out)))
            return -EFAULT;
        memcpy(out->in[set], (const void *)at[set], set_size(out));
    }
    return 0;
}

/* The files, each with a reference; none twice. */
static int take_files(struct sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        unsigned wanted = 0;
        for (size_t set = 0; set < 3; set++)
            wanted |= has(sets, set, i) ? set_events[set] : 0;
        struct file *file = wanted ? syscall_file(i) : NULL;
        if (wanted && (!file || file->flags & O_PATH))
            return -EBADF;
        sets->items[i] = (struct ready){.file = file ? file_get(file) : NULL, .wanted = wanted};
    }
    return 0;
}

static int give_sets(const struct sets *sets, const uint64_t at[3])
{
    uint64_t out[SELECT_MAX / SELECT_WORD];
    int found = 0;
    for (size_t set = 0; set < 3; set++) {
        memset(out, 0, sizeof out);
        for (size_t i = 0; i < sets->count; i++) {
            if (!has(sets, set, i) || !(sets->items[i].seen & set_events[set]))
                continue;
            out[i / SELECT_WORD] |= UINT64_C(1) << i % SELECT_WORD;
            found++;
        }
        if (at[set] == 0)
            continue;
        if (!can_write(at[set], set_size(sets)))
            return -EFAULT;
        memcpy((void *)at[set], out, set_size(sets));
    }
    return found;
}

static int select_files(struct sets *sets, const uint64_t at[3], uint64_t deadline)
{
    int status = take_files(sets);
    while (status == 0 && ready_look(sets->items, sets->count) == 0 && deadline != 0) {
        status = ready_wait(sets->items, sets->count, deadline);
        if (status == -ETIMEDOUT)
            status = (int)(deadline = 0);
    }
    if (status == 0)
        status = give_sets(sets, at);
    for (size_t i = 0; i < sets->count; i++)
        file_put(sets->items[i].file);
    return status;
}

static uint64_t select_until(const struct program_frame *frame, uint64_t deadline)
{
    const uint64_t at[3] = {frame->rsi, frame->rdx, frame->r10};
    struct sets *sets = alloc_zeroed(1, sizeof *sets);
    if (!sets)
        return SYSCALL_ERROR(ENOMEM);
    int status = take_sets(at, (uint32_t)frame->rdi, sets);
    if (status == 0)
        status = select_files(sets, at, deadline);
    libos_free(sets);
    return (uint64_t)status;
}

uint64_t syscall_select(struct program_frame *frame)
{
    struct __kernel_old_timeval time;
    if (frame->r8 == 0)
        return select_until(frame, READY_NEVER);
    if (!can_read(frame->r8, sizeof time))
        return SYSCALL_FAULT;
    memcpy(&time, (const void *)frame->r8, sizeof time);
    if (time.tv_sec < 0 || time.tv_usec < 0)
        return SYSCALL_ERROR(EINVAL);
    if ((uint64_t)time.tv_sec > UINT32_MAX || (uint64_t)time.tv_usec > UINT32_MAX)
        return select_until(frame, READY_NEVER);
    uint64_t deadline = syscall_deadline_in((uint64_t)time.tv_sec * SECOND +
                                            (uint64_t)time.tv_usec * MICROSECOND);
    uint64_t answer = select_until(frame, deadline);
    give_left(frame->r8, deadline, MICROSECOND);
    return answer;
}

uint64_t syscall_pselect6(struct program_frame *frame)
{
    uint64_t deadline;
    int status = syscall_take_deadline(frame->r8, &deadline);
    uint64_t mask[2] = {0, 0}; /* address, size */
    if (status == 0 && frame->r9 != 0 && !can_read(frame->r9, sizeof mask))
        status = -EFAULT;
    if (status == 0 && frame->r9 != 0)
        memcpy(mask, (const void *)frame->r9, sizeof mask);
    if (status == 0)
        status = syscall_lend_mask(mask[0], mask[1]);
    if (status < 0)
        return (uint64_t)status;
    uint64_t answer = select_until(frame, deadline);
    give_left(frame->r8, deadline, 1);
    return answer;
}
