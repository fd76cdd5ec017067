#include "enclave/libos/files/timer.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/pipe.h"

#define NEVER UINT64_MAX

struct timer {
    enum door_clock clock;
    uint64_t at; /* of that clock, when it comes next; NEVER */
    uint64_t interval;
    uint64_t expired; /* times that were not read yet */
};

static const struct file_kind timer_kind;

bool timer_is(const struct file *file)
{
    return file->kind == &timer_kind;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a < NEVER - b ? a + b : NEVER;
}

/* Counts what has come since. */
static void catch_up(struct timer *timer)
{
    uint64_t now = timer->at == NEVER ? 0 : clock_now(timer->clock);
    if (timer->at == NEVER || now < timer->at)
        return;
    uint64_t more = timer->interval > 0 ? (now - timer->at) / timer->interval : 0;
    timer->expired += 1 + more;
    timer->at = timer->interval > 0 ? add(timer->at, (more + 1) * timer->interval) : NEVER;
}

void timer_get(struct file *file, struct timer_setting *out)
{
    struct timer *timer = file->state;
    catch_up(timer);
    *out = (struct timer_setting){0, timer->interval};
    if (timer->at == NEVER)
        return;
    uint64_t now = clock_now(timer->clock);
    out->value = timer->at > now ? timer->at - now : 1;
}

void timer_set(struct file *file, const struct timer_setting *to, bool is_absolute,
               struct timer_setting *before)
{
    struct timer *timer = file->state;
    timer_get(file, before);
    timer->expired = 0;
    timer->interval = to->interval;
    timer->at = NEVER;
    if (to->value > 0)
        timer->at = is_absolute ? to->value : add(clock_now(timer->clock), to->value);
    if (file_changed)
        file_changed(); /* who waits has another deadline */
}

static int64_t timer_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct timer *timer = file->state;
    (void)offset;
    if (size < sizeof timer->expired)
        return -EINVAL;
    catch_up(timer);
    if (timer->expired == 0)
        return -EAGAIN;
    memcpy(out, &timer->expired, sizeof timer->expired);
    timer->expired = 0;
    return sizeof timer->expired;
}

static unsigned timer_poll(struct file *file)
{
    struct timer *timer = file->state;
    uint64_t before = timer->expired;
    catch_up(timer);
    file->edges += timer->expired != before;
    return timer->expired > 0 ? POLLIN | POLLRDNORM : 0;
}

/* By the monotonic clock. */
static uint64_t timer_due(struct file *file)
{
    const struct timer *timer = file->state;
    if (timer->at == NEVER || timer->clock == DOOR_CLOCK_MONOTONIC)
        return timer->at;
    uint64_t now = clock_now(timer->clock);
    uint64_t left = timer->at > now ? timer->at - now : 0;
    return add(clock_now(DOOR_CLOCK_MONOTONIC), left);
}

static void timer_release(struct file *file)
{
    libos_free(file->state);
}

static const struct file_kind timer_kind = {.name = "[timerfd]",
                                            .is_stream = true,
                                            .read = timer_read,
                                            .poll = timer_poll,
                                            .due = timer_due,
                                            .release = timer_release};

int timer_new(unsigned clock, unsigned flags, struct file **out)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    struct timer *timer = alloc_zeroed(1, sizeof *timer);
    if (!timer)
        return -ENOMEM;
    timer->clock = clock == CLOCK_REALTIME ? DOOR_CLOCK_REAL : DOOR_CLOCK_MONOTONIC;
    timer->at = NEVER;
    int status = file_new(&timer_kind, (flags & O_NONBLOCK) | O_RDWR, NULL, out);
    if (status < 0)
        libos_free(timer);
    else
        (*out)->state = timer;
    return status;
}
