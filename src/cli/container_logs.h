/* The logs of a machine's containers, as people read them: of one as it was written, of several
 * with the container's name before each line. */
#ifndef CAISSON_CLI_CONTAINER_LOGS_H
#define CAISSON_CLI_CONTAINER_LOGS_H

#include "vm/container_log.h"
#include "vm/machine.h"
#include "vm/record.h"

struct container_logs {
    struct container_log_reader readers[MACHINE_MEMBERS_MAX];
    char prefixes[MACHINE_MEMBERS_MAX][RECORD_NAME_MAX + 4];
    size_t count;
};

/* Those of `container`, or of all where it is NULL. ERROR_NOT_FOUND for a name that is none. */
int container_logs_open(const struct record *record, const char *container,
                        struct container_logs *out, struct error *err);
void container_logs_close(struct container_logs *logs);

/* Writes what there is to standard output and error; *more says whether anything was there. */
int container_logs_read(struct container_logs *logs, bool *more, struct error *err);

#endif
