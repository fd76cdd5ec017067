#include "enclave/libos/processes/limits.h"

#include <linux/errno.h>
#include <linux/resource.h>
#include <stddef.h>

_Static_assert(LIMITS == RLIM_NLIMITS, "limits.h says how many there are");
_Static_assert(sizeof(struct limit) == sizeof(struct rlimit64), "limits.h has its form");

void limits_init(struct limits *limits, uint64_t files, uint64_t stack)
{
    for (size_t i = 0; i < LIMITS; i++)
        limits->values[i] = (struct limit){RLIM64_INFINITY, RLIM64_INFINITY};
    limits->values[RLIMIT_NOFILE] = (struct limit){files, files};
    limits->values[RLIMIT_STACK] = (struct limit){stack, stack};
}

int limits_set(struct limits *limits, unsigned which, const struct limit *wanted, bool may_raise)
{
    if (which >= LIMITS || wanted->now > wanted->most)
        return -EINVAL;
    if (which == RLIMIT_NOFILE && wanted->most > LIMITS_FILES)
        return -EPERM;
    if (wanted->most > limits->values[which].most && !may_raise)
        return -EPERM;
    limits->values[which] = *wanted;
    return 0;
}

uint64_t limits_files(const struct limits *limits)
{
    return limits->values[RLIMIT_NOFILE].now;
}
