/* The program's system calls. */
#ifndef CAISSON_ENCLAVE_LIBOS_SYSCALL_H
#define CAISSON_ENCLAVE_LIBOS_SYSCALL_H

#include "enclave/libos/load.h"
#include "enclave/libos/program.h"

/* Before the first call of syscall_answer() (program.h). */
void syscall_begin(const struct program *program);

/* syscall_memory.c */
uint64_t syscall_brk(struct program_frame *frame);
uint64_t syscall_mmap(struct program_frame *frame);
uint64_t syscall_munmap(struct program_frame *frame);
uint64_t syscall_mprotect(struct program_frame *frame);
void syscall_begin_memory(uint64_t heap);

#define SYSCALL_ERROR(number) ((uint64_t) - (int64_t)(number))

#endif
