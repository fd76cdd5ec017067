/* What goes with the commands of shmctl(2): for both enclaves that a call is of. */
#include <linux/ipc.h>

#include "enclave/libos/shared/segment.h"

size_t segment_told_size(unsigned command)
{
    switch (command) {
    case IPC_STAT:
    case IPC_SET:
    case SEGMENT_STAT:
    case SEGMENT_STAT_ANY:
        return sizeof(struct shmid64_ds);
    case IPC_INFO:
        return sizeof(struct shminfo64);
    case SEGMENT_INFO:
        return sizeof(struct segment_info);
    default:
        return 0;
    }
}

bool segment_is_set(unsigned command)
{
    return command == IPC_SET;
}
