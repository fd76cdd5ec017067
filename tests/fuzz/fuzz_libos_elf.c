/* A program's headers: what is to be loaded lies in the file and in bounded memory. */
#include "fuzz.h"

#include "enclave/libos/program/elf.h"

#define FILE_SIZE 0x10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_plan plan;
    const char *why = NULL;
    uint64_t end = 0;
    if (elf_read(data, size, FILE_SIZE, &plan, &why) < 0) {
        fuzz_require(why != NULL);
        return 0;
    }
    fuzz_require(plan.interpreter_size <= ELF_PATH_MAX);
    fuzz_require(plan.interpreter <= FILE_SIZE - plan.interpreter_size);
    fuzz_require(plan.count > 0 && plan.count <= ELF_SEGMENTS_MAX);
    for (size_t i = 0; i < plan.count; i++) {
        const struct elf_segment *segment = &plan.segments[i];
        fuzz_require(segment->offset + segment->file_size <= FILE_SIZE);
        fuzz_require(segment->file_size <= segment->size && segment->size <= ELF_MEMORY_MAX);
        fuzz_require(segment->address >= end && segment->access < 8);
        end = segment->address + segment->size;
    }
    fuzz_require(plan.first <= plan.segments[0].address && plan.first < plan.size);
    fuzz_require(end <= plan.size && plan.entry < plan.size && plan.headers < plan.size);
    return 0;
}
