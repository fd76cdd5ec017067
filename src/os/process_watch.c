#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/process.h"

int process_watch(pid_t pid, struct error *err)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return error_system(err, errno, "pidfd_open of process %d", (int)pid);
    return fd;
}
