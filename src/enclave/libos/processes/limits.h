/* Resource limits (getrlimit(2)). Of all of them the number of open files, RLIMIT_NOFILE, counts;
 * the others are kept and told. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_LIMITS_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define LIMITS       16                  /* RLIM_NLIMITS */
#define LIMITS_FILES (UINT64_C(1) << 20) /* as fs.nr_open has it */

/* The kernel's struct rlimit64. */
struct limit {
    uint64_t now, most;
};

struct limits {
    struct limit values[LIMITS];
};

/* As many files as this, a stack of this size (bytes), and no limit else. */
void limits_init(struct limits *limits, uint64_t files, uint64_t stack);

/* -EINVAL for one that is none or above its maximum, -EPERM for a maximum that goes up without
 * CAP_SYS_RESOURCE (`may_raise`). */
int limits_set(struct limits *limits, unsigned which, const struct limit *wanted, bool may_raise);

/* How many files it lets a process have open. */
uint64_t limits_files(const struct limits *limits);

#endif
