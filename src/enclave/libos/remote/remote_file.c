#include "enclave/libos/remote/remote_file.h"

#include <asm/errno.h>
#include <asm/unistd_64.h>
#include <linux/mman.h>

#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/remote/known_bytes.h"
#include "enclave/libos/remote/remote_call.h"
#include "enclave/libos/threads/thread.h"

/* By the check that each mapping of a file makes there. */
int64_t remote_file_layer(uint64_t number)
{
    const uint64_t arguments[REMOTE_ARGUMENTS] = {0, MEMORY_PAGE, PROT_READ, MAP_PRIVATE, number};
    return (int64_t)remote_own_call(__NR_mmap, arguments);
}

/* They were read as they are in the layer if the file still is that: what has been written to is
 * never a layer's again. Another thread of the program may have changed what was read. */
static void keep(uint64_t number, int64_t layer, uint64_t offset, const void *bytes, size_t size)
{
    if (layer > 0 && thread_count() == 1 && remote_file_layer(number) == layer)
        known_bytes_keep((uint64_t)layer, offset, bytes, size);
}

/* Meanwhile the lock is let go, and what another thread unmaps is not written to. */
static int fetch(uint64_t number, uint64_t offset, uintptr_t at, size_t size)
{
    for (size_t done = 0; done < size;) {
        const uint64_t arguments[REMOTE_ARGUMENTS] = {number, at + done, size - done,
                                                      offset + done};
        int64_t got = (int64_t)remote_make_call(__NR_pread64, arguments);
        if (got <= 0)
            return (int)got;
        done += (size_t)got;
    }
    return 0;
}

int remote_file_fill(uint64_t number, int64_t layer, uint64_t offset, uintptr_t at, size_t size)
{
    if (!can_write(at, size))
        return -EFAULT;
    if (layer > 0 &&
        known_bytes_get((uint64_t)layer, offset, (void *)at, size)) /* NOLINT: checked */
        return 0;
    int status = fetch(number, offset, at, size);
    if (status == 0 && can_read(at, size))
        keep(number, layer, offset, (const void *)at, size); /* NOLINT: likewise */
    return status;
}

int64_t remote_file_read(uint64_t number, int64_t layer, uint64_t offset, void *out, size_t size)
{
    const uint64_t arguments[REMOTE_ARGUMENTS] = {number, (uintptr_t)out, size, offset};
    if (layer > 0 && known_bytes_get((uint64_t)layer, offset, out, size))
        return (int64_t)size;
    int64_t got = (int64_t)remote_own_call(__NR_pread64, arguments);
    if (got == (int64_t)size)
        keep(number, layer, offset, out, size);
    return got;
}
