/* Between the program and the library OS: program.S. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

/* The program's registers at a system call, in the order in which they are pushed. */
struct program_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax, r11, rsp, rip;
};

/* Runs the program from there on; what program_end() is given, when it has ended. */
uint64_t program_run(uint64_t entry, uint64_t stack);
_Noreturn void program_end(uint64_t value);

/* Where the program's thread-local storage is, from the next return to it on. */
void program_set_fs(uint64_t address);
uint64_t program_get_fs(void);

/* Whether this thread was in the program when its exception came. */
bool program_is_running(void);

/* Where a SYSCALL goes: RCX is where it returns to. Not to be called. */
extern const uint8_t program_syscall[] __attribute__((visibility("hidden")));
/* Where a program goes that an exception ends: RDI the vector, RSI and RDX what is told of it. */
extern const uint8_t program_killed[] __attribute__((visibility("hidden")));

/* What program.S calls. A call's answer, for RAX, is a value or a negative errno's number, as the
 * kernel's; what is not there is -ENOSYS, and the log says its name once. */
uint64_t syscall_answer(struct program_frame *frame);
_Noreturn void program_died(uint64_t vector, uint64_t rip, uint64_t address);

#endif
