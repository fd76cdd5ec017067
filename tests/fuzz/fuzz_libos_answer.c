/* The answer to a call that another enclave made: two bytes say to which, and then follows the
 * parcel. Nothing is written beyond what the call asked for. */
#include "fuzz.h"

#include <string.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/program/memory.h"
#include "enclave/libos/remote/remote_pack.h"
#include "enclave/libos/threads/thread.h"

#define PAGES 8

static uint8_t program[PAGES * MEMORY_PAGE] __attribute__((aligned(MEMORY_PAGE)));

void *libos_alloc(size_t size)
{
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}

struct thread *thread_self(void)
{
    static struct thread self;
    return &self;
}

static int accept_page(uintptr_t page)
{
    (void)page;
    return 0;
}

static void extend_page(uintptr_t page, unsigned access)
{
    (void)page;
    (void)access;
}

static int restrict_pages(uintptr_t first, size_t size, unsigned access)
{
    (void)first;
    (void)size;
    (void)access;
    return 0;
}

static void make_memory(void)
{
    static const struct memory_leaves leaves = {accept_page, extend_page, restrict_pages};
    uintptr_t at = (uintptr_t)program;
    memory_init(at, sizeof program, &leaves);
    fuzz_require(memory_map(&at, sizeof program, MEMORY_READ | MEMORY_WRITE, true) == 0);
}

/* Each argument that is an address has a page, and counts are small. */
static void make_call(struct remote_call *call)
{
    for (size_t i = 0; i < REMOTE_ARGUMENTS; i++) {
        if (call->row->arguments[i].kind != REMOTE_NUMBER)
            call->given[i] = (uint64_t)program + i * MEMORY_PAGE;
    }
    for (size_t i = 0; i < REMOTE_ARGUMENTS; i++) {
        if (call->row->arguments[i].by > 0 && call->row->arguments[i].kind != REMOTE_ROOMED)
            call->given[call->row->arguments[i].by - 1] = 9;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct remote_row *row = size < 2 ? NULL : remote_row(data[0] | (uint64_t)data[1] << 8);
    if (!row || row->way == REMOTE_SEVERAL)
        return 0;
    struct remote_call call = {.row = row, .number = data[0] | (uint64_t)data[1] << 8};
    struct remote_answer answer;
    struct remote_buffer parcel = {0};
    bool is_wrong;
    memset(program, 9, sizeof program); /* texts have no end, sizes are 0x09090909 */
    make_memory();
    make_call(&call);
    if (remote_begin(&call) == 0 && remote_pack(&call) == 0 &&
        remote_put(&parcel, data + 2, size - 2) == 0) {
        int64_t result = remote_unpack(&call, &parcel, &answer, &is_wrong);
        fuzz_require(!is_wrong || result == -71); /* EPROTO */
    }
    fuzz_require(program[sizeof program - 1] == 9);
    remote_buffer_fini(&parcel);
    remote_call_fini(&call);
    return 0;
}
