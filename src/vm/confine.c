#include "vm/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"

/* Users that nobody has: systemd's list of them (systemd.io/UIDS-GIDS) leaves 0x70000000 to
 * 0x7ffdffff to nobody. A process number has 22 bits at most (PID_MAX_LIMIT). */
#define USERS_BASE 0x70000000U
#define USERS_STEP (1U << 22)
#define NOBODY     65534U

static const struct process_user nobody = {NOBODY, NOBODY};

bool confine_user(pid_t monitor, enum confine_part part, struct process_user *out)
{
    uint32_t own = USERS_BASE + (uint32_t)part * USERS_STEP + (uint32_t)monitor;
    if (geteuid() != 0)
        return false;
    *out = (struct process_user){own, own};
    if (process_can_become(out))
        return true;
    /* In a user namespace that knows few numbers. */
    *out = nobody;
    return process_can_become(out);
}

static int copy_to_memory(int from, off_t size, struct error *err)
{
    FD_AUTO copy = memfd_create("caisson", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    off_t at = 0;
    if (copy < 0)
        return error_system(err, errno, "memfd_create");
    while (at < size) {
        ssize_t done = sendfile(copy, from, &at, (size_t)(size - at));
        if (done <= 0)
            return error_system(err, done < 0 ? errno : EIO, "cannot copy a file into memory");
    }
    if (fchmod(copy, 0444) < 0 ||
        fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return error_system(err, errno, "cannot seal a file in memory");
    return fd_take(&copy);
}

int confine_open_up(int *fd, struct error *err)
{
    struct stat status;
    if (fstat(*fd, &status) < 0)
        return error_system(err, errno, "fstat");
    if (status.st_mode & S_IROTH)
        return 0;
    int copy = copy_to_memory(*fd, status.st_size, err);
    if (copy < 0)
        return -1;
    fd_close(fd);
    *fd = copy;
    return 0;
}
