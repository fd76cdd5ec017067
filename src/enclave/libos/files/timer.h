/* timerfd: a file that can be read when its time has come, by the host's clock, which may be late
 * and is never early by more than it lies. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_TIMER_H
#define CAISSON_ENCLAVE_LIBOS_FILES_TIMER_H

#include "enclave/libos/files/file.h"

/* Nanoseconds: until (or, absolute, at which) it comes, 0 for never; then each so often, 0: once.
 */
struct timer_setting {
    uint64_t value;
    uint64_t interval;
};

/* `clock` is CLOCK_REALTIME, _MONOTONIC or _BOOTTIME, else -EINVAL. */
int timer_new(unsigned clock, unsigned flags, struct file **out);
bool timer_is(const struct file *file);

/* What was left before is in *before. */
void timer_set(struct file *file, const struct timer_setting *to, bool is_absolute,
               struct timer_setting *before);
void timer_get(struct file *file, struct timer_setting *out);

#endif
