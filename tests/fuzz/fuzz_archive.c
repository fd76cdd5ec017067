/* The contents of a tar file: each member lies inside it, and each name leads somewhere or nowhere.
 */
#include "fuzz.h"

#include <sys/mman.h>

#include "image/archive.h"
#include "os/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FD_AUTO fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, span_of(data, size), NULL) < 0)
        return 0;
    ARCHIVE_AUTO archive = {0};
    int status = archive_read(fd, &archive, NULL);
    for (size_t i = 0; i < archive.count; i++) {
        const struct archive_member *at = &archive.members[i];
        fuzz_require(at->offset <= size && at->size <= size - at->offset);
        if (i < 16)
            (void)archive_find(&archive, at->name, NULL);
    }
    fuzz_require(status < 0 || size >= 1024);
    return 0;
}
