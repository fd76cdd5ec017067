#include "os/locked.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/secret.h"

void *locked_new(size_t size, struct error *err)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        (void)error_memory(err);
        return NULL;
    }
    if (mlock(memory, size) == 0 && madvise(memory, size, MADV_DONTDUMP) == 0)
        return memory;
    (void)error_system(err, errno,
                       "cannot lock %zu bytes of memory for a secret: raise the limit "
                       "(ulimit -l, LimitMEMLOCK)",
                       size);
    (void)munmap(memory, size);
    return NULL;
}

void locked_free(void *memory, size_t size)
{
    if (!memory)
        return;
    secret_wipe(memory, size);
    (void)munmap(memory, size);
}
