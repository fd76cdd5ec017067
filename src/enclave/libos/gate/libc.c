/*
 * What the gate of policies wants of a C library beside its pure functions (musl's): memory, errno,
 * and stand-ins for what would lead to system calls: locks of streams, JIT, random seeds. One
 * thread at a time calls any of it: the gate's.
 */
#include "enclave/libos/gate/libc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enclave/libos/heap.h"

#define HEAD 16 /* bytes before a piece, for its size: alignment stays */

int *___errno_location(void);
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
char *text_of(int number) __asm__("strerror");
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);

static struct heap heap;

void libc_begin(void *memory, size_t size)
{
    heap_init(&heap, memory, size);
}

void libc_set_room(size_t room, int (*accept)(uintptr_t page))
{
    heap_set_room(&heap, room, accept);
}

void *malloc(size_t size)
{
    uint8_t *at = size > SIZE_MAX - HEAD ? NULL : heap_take(&heap, size + HEAD);
    if (!at)
        return NULL;
    memcpy(at, &size, sizeof size);
    return at + HEAD;
}

void free(void *memory)
{
    if (memory)
        heap_give(&heap, (uint8_t *)memory - HEAD);
}

void *calloc(size_t count, size_t size)
{
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole) || whole > SIZE_MAX - HEAD)
        return NULL;
    uint8_t *at = heap_take_zeroed(&heap, whole + HEAD);
    if (!at)
        return NULL;
    memcpy(at, &whole, sizeof whole);
    return at + HEAD;
}

void *realloc(void *old, size_t size)
{
    size_t had = 0;
    uint8_t *memory = malloc(size);
    if (memory && old) {
        memcpy(&had, (uint8_t *)old - HEAD, sizeof had);
        memcpy(memory, old, had < size ? had : size);
        free(old);
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
char *text_of(int number)
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
