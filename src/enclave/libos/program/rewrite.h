/* The SYSCALLs of a program's code become jumps (sites.h), where code comes from a file. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_REWRITE_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_REWRITE_H

#include <stddef.h>
#include <stdint.h>

/* Before the code has its access: these bytes can still be written. What cannot be done is left
 * aside, and traps. */
void rewrite_code(uintptr_t at, size_t size);

/* Code there is no more: nor are its trampolines, if all of it is gone. */
void rewrite_forget(uintptr_t at, size_t size);

#endif
