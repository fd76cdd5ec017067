/*
 * What the gate of policies wants of a C library beside its pure functions (musl's): memory, errno,
 * and stand-ins for what would lead to system calls: locks of streams, JIT, random seeds. Its
 * memory is never given back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/inside/enclave.h"

#define ALIGNMENT 16

int *___errno_location(void);
void *reallocarray(void *old, size_t count, size_t size);
void explicit_bzero(void *data, size_t size);
void __stdio_exit_needed(void);
int __lockfile(void *file);
void __unlockfile(void *file);
void _pcre2_jit_free_8(void *jit, void *control);
void _pcre2_jit_free_rodata_8(void *data, void *control);
size_t _pcre2_jit_get_size_8(void *jit);
const char *_pcre2_jit_get_target_8(void);
int pcre2_jit_match_8(void *code);
int _pcre2_jit_check_exec_8(void *code);
void __stack_chk_fail(void);
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);

static size_t used;

void *malloc(size_t size)
{
    const struct enclave_thread *thread = enclave_this_thread();
    uint8_t *heap = (uint8_t *)(enclave_base() + thread->heap);
    if (size > thread->heap_size || thread->heap_size - used < size + 2 * ALIGNMENT)
        return NULL;
    uint8_t *at = heap + used;
    memcpy(at, &size, sizeof size);
    used += (size + 2 * ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return at + ALIGNMENT;
}

void free(void *memory)
{
    (void)memory;
}

void *calloc(size_t count, size_t size)
{
    size_t whole;
    void *memory = __builtin_mul_overflow(count, size, &whole) ? NULL : malloc(whole);
    return memory ? memset(memory, 0, whole) : NULL;
}

void *realloc(void *old, size_t size)
{
    size_t had = 0;
    uint8_t *memory = malloc(size);
    if (memory && old) {
        memcpy(&had, (uint8_t *)old - ALIGNMENT, sizeof had);
        memcpy(memory, old, had < size ? had : size);
    }
    return memory;
}

void *reallocarray(void *old, size_t count, size_t size)
{
    size_t whole;
    return __builtin_mul_overflow(count, size, &whole) ? NULL : realloc(old, whole);
}

int *___errno_location(void)
{
    static int value;
    return &value;
}

int *__errno_location(void)
{
    return ___errno_location();
}

void explicit_bzero(void *data, size_t size)
{
    memset(data, 0, size);
    __asm__ volatile("" : : "r"(data) : "memory");
}

/* The kernel is never asked here, so that no number comes from it. */
char *strerror(int number)
{
    static char text[] = "an error of the system";
    (void)number;
    return text;
}

void abort(void)
{
    __builtin_trap();
}

void __stdio_exit_needed(void)
{
}

int __lockfile(void *file)
{
    (void)file;
    return 0;
}

void __unlockfile(void *file)
{
    (void)file;
}

void _pcre2_jit_free_8(void *jit, void *control)
{
    (void)jit;
    (void)control;
}

void _pcre2_jit_free_rodata_8(void *data, void *control)
{
    (void)data;
    (void)control;
}

size_t _pcre2_jit_get_size_8(void *jit)
{
    (void)jit;
    return 0;
}

const char *_pcre2_jit_get_target_8(void)
{
    return NULL;
}

int pcre2_jit_match_8(void *code)
{
    (void)code;
    return -45; /* PCRE2_ERROR_JIT_BADOPTION: nothing is ever compiled for it */
}

int _pcre2_jit_check_exec_8(void *code)
{
    (void)code;
    return 0;
}

/* PCRE2 was compiled for a library that checks sizes. */
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
    if (size > room)
        __builtin_trap();
    return memcpy(to, from, size);
}

/* Its canary is a word of the thread's page (FS), which nobody chose at random: no protection, but
 * no harm. */
void __stack_chk_fail(void)
{
    __builtin_trap();
}
