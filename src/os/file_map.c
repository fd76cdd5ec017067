#include "os/file_map.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

int file_map(int fd, struct span *out, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_system(err, errno, "cannot map a file");
    *out = span_of(NULL, 0);
    if (status.st_size == 0)
        return 0;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_system(err, errno, "cannot map a file of %lld bytes",
                            (long long)status.st_size);
    *out = span_of(bytes, (size_t)status.st_size);
    return 0;
}
