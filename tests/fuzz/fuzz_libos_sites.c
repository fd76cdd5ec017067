/* SYSCALLs in any code: what is found lies in it, one behind the other, and rewriting touches
 * nothing else. */
#include "fuzz.h"

#include <stdlib.h>

#include "enclave/libos/alloc.h"
#include "enclave/libos/program/sites.h"
#include "enclave/libos/program/x86.h"

#define FOUND_MAX 64
#define CODE_MAX  0x10000

void *libos_alloc(size_t size)
{
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}

static struct {
    uint8_t code[CODE_MAX];
    uint8_t room[SITES_HEAD + FOUND_MAX * SITE_ROOM];
} all;

static void check_site(const uint8_t *before, size_t size, const struct site *site, size_t number)
{
    int32_t distance;
    fuzz_require(site->begin <= site->call && site->call + 2 <= site->end && site->end <= size);
    fuzz_require(site->end - site->begin >= 5 && site->end - site->begin < SITE_ROOM - 20);
    fuzz_require(before[site->call] == 0x0F && before[site->call + 1] == 0x05);
    fuzz_require(all.code[site->begin] == 0xE9);
    memcpy(&distance, all.code + site->begin + 1, sizeof distance);
    fuzz_require(all.code + site->begin + 5 + distance ==
                 all.room + SITES_HEAD + number * SITE_ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct site sites[FOUND_MAX];
    struct x86_instruction next;
    size_t at = 0;
    if (size > CODE_MAX)
        return 0;
    for (size_t i = 0; i < size; i++) {
        if (x86_read(data + i, size - i, &next))
            fuzz_require(next.size >= 1 && next.size <= X86_SIZE_MAX && next.size <= size - i);
    }
    int count = sites_find(data, size, sites, FOUND_MAX);
    fuzz_require(count >= 0 && count <= FOUND_MAX);
    memcpy(all.code, data, size);
    sites_make(all.code, sites, (size_t)count, all.room, 0x1234);
    fuzz_require(size == 0 || memcmp(all.code, data, size) == 0);
    sites_join(all.code, sites, (size_t)count, all.room);
    for (int i = 0; i < count; i++) {
        fuzz_require(sites[i].begin >= at);
        fuzz_require(memcmp(all.code + at, data + at, sites[i].begin - at) == 0);
        check_site(data, size, &sites[i], (size_t)i);
        at = sites[i].end;
    }
    fuzz_require(at == size || memcmp(all.code + at, data + at, size - at) == 0);
    return 0;
}
