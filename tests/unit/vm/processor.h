/* A simulated processor of its own for a test program, made once: it takes seconds. */
#ifndef CAISSON_TESTS_PROCESSOR_H
#define CAISSON_TESTS_PROCESSOR_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vm/psp.h"

#define PROCESSOR_PATH_SIZE 4096

struct processor {
    char top[PROCESSOR_PATH_SIZE];
    char dir[PROCESSOR_PATH_SIZE + 16];
};

/* Names a folder for a processor that does not exist yet. */
static inline int processor_prepare(struct processor *processor)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(processor->top, sizeof processor->top, "%s/caisson-psp-XXXXXX",
                   tmp ? tmp : "/tmp");
    if (!mkdtemp(processor->top))
        return -1;
    (void)snprintf(processor->dir, sizeof processor->dir, "%s/psp", processor->top);
    return 0;
}

static inline void processor_remove_files(const char *dir)
{
    static const char *const names[] = {"vcek.key", "ark.pem", "chain.pem", "lock"};
    char path[2 * PROCESSOR_PATH_SIZE];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static inline int processor_remove(struct processor *processor)
{
    processor_remove_files(processor->dir);
    return rmdir(processor->top);
}

#endif
