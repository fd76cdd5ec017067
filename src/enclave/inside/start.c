/* Between entry.S and the image: its memory made ready once, exceptions with what the processor
 * tells. */
#include <elf.h>
#include <stdatomic.h>

#include "enclave/inside/enclave.h"

#define HIDDEN __attribute__((visibility("hidden")))

/* entry.S calls these. */
HIDDEN uint64_t enclave_start(const uint64_t arguments[4]);
HIDDEN bool enclave_fault(struct sgx_gprs *state);

extern HIDDEN const uint8_t __ehdr_start[];
extern HIDDEN const Elf64_Dyn _DYNAMIC[];

/* No zero, which would lie among what is the host's until it is READY: so it is measured. */
enum { UNTOUCHED = 1, IN_WORK, READY };
static atomic_int memory = UNTOUCHED;

uintptr_t enclave_base(void)
{
    return (uintptr_t)__ehdr_start - ENCLAVE_AT;
}

const struct enclave_thread *enclave_this_thread(void)
{
    uint64_t offset;
    __asm__("mov %%gs:0, %0" : "=r"(offset));
    return (const struct enclave_thread *)(enclave_base() + offset);
}

bool enclave_is_outside(uintptr_t address, uint64_t size)
{
    uintptr_t base = enclave_base();
    uint64_t range = enclave_this_thread()->size;
    if (size > UINTPTR_MAX - address)
        return false;
    return address + size <= base || address >= base + range;
}

/* Pages of which the file has no byte are not measured: what is there is the host's. */
static void clear(void)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)__ehdr_start;
    const Elf64_Phdr *program = (const Elf64_Phdr *)(__ehdr_start + header->e_phoff);
    for (uint16_t i = 0; i < header->e_phnum; i++, program++) {
        if (program->p_type != PT_LOAD || !(program->p_flags & PF_W))
            continue;
        uint64_t first = sgx_page_up(program->p_vaddr + program->p_filesz);
        uint64_t end = sgx_page_up(program->p_vaddr + program->p_memsz);
        __builtin_memset((uint8_t *)enclave_base() + first, 0, end - first);
    }
}

/* The image's bytes are the same at every base, as they are measured; its pointers are made here.
 * All entries are of one kind, or the image would not be measured as it runs. */
static void relocate(void)
{
    const Elf64_Rela *table = NULL;
    uint64_t size = 0;
    for (const Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_RELA)
            table = (const Elf64_Rela *)(enclave_base() + entry->d_un.d_ptr);
        if (entry->d_tag == DT_RELASZ)
            size = entry->d_un.d_val;
    }
    for (uint64_t i = 0; table && i < size / sizeof *table; i++) {
        if (ELF64_R_TYPE(table[i].r_info) != R_X86_64_RELATIVE)
            __builtin_trap();
        uint64_t *place = (uint64_t *)(enclave_base() + table[i].r_offset);
        *place = enclave_base() + (uint64_t)table[i].r_addend;
    }
}

uint64_t enclave_start(const uint64_t arguments[4])
{
    int seen = UNTOUCHED;
    if (atomic_compare_exchange_strong(&memory, &seen, IN_WORK)) {
        clear();
        relocate();
        atomic_store(&memory, READY);
    }
    while (atomic_load(&memory) != READY)
        __builtin_ia32_pause();
    return enclave_main(arguments);
}

__attribute__((weak)) void enclave_interrupt(struct sgx_gprs *state)
{
    (void)state;
}

/* Before the memory is ready, the image knows of no exception, and interrupts are nobody's.
 * Without SGX_MISC_EXINFO the processor writes nothing before the registers: the bytes are the
 * enclave's own, or the host's from when the page was added, so only these two vectors have any. */
bool enclave_fault(struct sgx_gprs *state)
{
    static const struct sgx_exinfo nothing;
    uint32_t vector = state->exit_info & SGX_EXIT_VECTOR;
    if (atomic_load(&memory) != READY)
        return !(state->exit_info & SGX_EXIT_VALID);
    if (!(state->exit_info & SGX_EXIT_VALID)) {
        enclave_interrupt(state);
        return true;
    }
    bool has_more = vector == 13 || vector == 14;
    const struct sgx_exinfo *fault = (const struct sgx_exinfo *)state - 1;
    bool goes_on = enclave_exception(state, has_more ? fault : &nothing);
    state->exit_info = 0; /* it is dealt with, should the host enter again */
    return goes_on;
}
