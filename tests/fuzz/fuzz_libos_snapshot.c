/* The pages of a program that comes to this enclave (fork): whatever the messages say, what is
 * mapped and written is the program's memory. Each message is a u16 of its size, and its bytes. */
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/calls/own_call.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/program/snapshot.h"
#include "enclave/libos/shared/shared.h"
#include "enclave/libos/threads/lock.h"

#define RANGE ((uintptr_t)0x20000000) /* as the seeds have it */
#define PAGES 64

void *libos_alloc(size_t size)
{
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}

void lock_take(void)
{
}

void lock_release(void)
{
}

void lock_keep(void)
{
}

void lock_keep_no_more(void)
{
}

int64_t door_park(uint64_t deadline, size_t count)
{
    (void)deadline;
    (void)count;
    return 0;
}

int64_t own_make_long_call(enum own_call number, const uint64_t arguments[6])
{
    fuzz_require(number == OWN_SHARED_DROP && arguments[0] != 0);
    return 0;
}

/* --- pages ------------------------------------------------------------------------------------ */

static unsigned access_of[PAGES];

static unsigned *find(uintptr_t page)
{
    fuzz_require(page % MEMORY_PAGE == 0 && page >= RANGE &&
                 page < RANGE + (uintptr_t)PAGES * MEMORY_PAGE);
    return &access_of[(page - RANGE) / MEMORY_PAGE];
}

static int accept_page(uintptr_t page)
{
    fuzz_require(*find(page) == 0);
    *find(page) = MEMORY_READ | MEMORY_WRITE;
    return 0;
}

static void extend(uintptr_t page, unsigned access)
{
    *find(page) |= access;
}

static int restrict_access(uintptr_t first, size_t size, unsigned access)
{
    for (size_t i = 0; i < size; i += MEMORY_PAGE)
        *find(first + i) &= access;
    return 0;
}

static int accept_copy(uintptr_t page, const uint8_t *bytes, unsigned access)
{
    (void)page;
    (void)bytes;
    (void)access;
    fuzz_require(false); /* nothing is touched */
    return -EIO;
}

static int remove_pages(uintptr_t first, size_t size)
{
    for (size_t i = 0; i < size; i += MEMORY_PAGE)
        *find(first + i) = 0;
    return 0;
}

/* What is written beyond it is a fault. */
static void begin(void)
{
    static const struct memory_leaves leaves = {accept_page, extend,      restrict_access,
                                                NULL,        accept_copy, remove_pages};
    static void *range;
    if (!range)
        range = mmap((void *)RANGE, PAGES * MEMORY_PAGE, PROT_READ | PROT_WRITE, /* NOLINT */
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    fuzz_require(range == (void *)RANGE); /* NOLINT: a fixed address */
    memset(range, 0, PAGES * MEMORY_PAGE);
    memset(access_of, 0, sizeof access_of);
    shared_unmap_all();
    memory_init(RANGE, PAGES * MEMORY_PAGE, &leaves);
    memory_be_lazy();
}

/* --- messages --------------------------------------------------------------------------------- */

struct input {
    const uint8_t *data;
    size_t size;
};

static int64_t receive(void *argument, void *out, size_t room)
{
    struct input *input = argument;
    if (input->size < 2)
        return 0;
    size_t size = input->data[0] | (size_t)input->data[1] << 8;
    input->data += 2;
    input->size -= 2;
    if (size > room)
        return -EMSGSIZE;
    size = size < input->size ? size : input->size;
    memcpy(out, input->data, size);
    input->data += size;
    input->size -= size;
    return (int64_t)size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    const struct snapshot_source source = {receive, &input};
    struct memory_run run;
    begin();
    int status = snapshot_take_memory(&source);
    fuzz_require(status <= 0 && memory_used() <= PAGES);
    for (uintptr_t at = 0; status == 0 && memory_next(at, &run); at = run.end) {
        for (uintptr_t page = run.begin; page < run.end; page += MEMORY_PAGE)
            fuzz_require(*find(page) == (run.is_shared || *find(page) == 0 ? 0 : run.access));
    }
    return 0;
}
