#include "os/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/types.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"

#define PIECE ((size_t)1 << 30)

static int copy(int from, int to, const char *path, struct error *err)
{
    for (;;) {
        ssize_t size = sendfile(to, from, NULL, PIECE);
        if (size == 0)
            return 0;
        if (size < 0 && errno != EINTR)
            return error_system(err, errno, "cannot copy %s into memory", path);
    }
}

int sealed_copy(const char *path, struct error *err)
{
    FD_AUTO file = file_open_read(path, err);
    if (file < 0)
        return -1;
    FD_AUTO memory = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0)
        return error_system(err, errno, "cannot make memory for %s", path);
    if (copy(file, memory, path, err) < 0)
        return -1;
    if (fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return error_system(err, errno, "cannot seal the copy of %s", path);
    return fd_take(&memory);
}
