/* Between the program and the library OS: program.S. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_PROGRAM_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

/* The program's registers while the library OS runs for it, in the order in which they are pushed.
 */
struct program_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r9, r8, r10, rdx, rsi, rdi, rax, rcx, r11;
    uint64_t flags, rsp, rip;
    uint64_t is_whole; /* the flags are set as they are here; after a call they need not be */
    uint64_t number;   /* of the system call, or PROGRAM_NO_CALL */
};
#define PROGRAM_NO_CALL UINT64_MAX

/* The flags that a program may set (SDM volume 1, 3.4.3: arithmetic, DF, AC, ID), and those that
 * are always set. TF is not among them. */
#define PROGRAM_FLAGS_FREE  UINT64_C(0x240CD5)
#define PROGRAM_FLAGS_FIXED UINT64_C(0x202)

/* Runs the program in this thread, with these registers; what program_end() is given, when it has
 * ended. */
uint64_t program_run(const struct program_frame *begin);
_Noreturn void program_end(uint64_t value);

/* What program_serve() comes back with when a program is to run now: no result of one
 * (door_calls.h). */
#define PROGRAM_BEGINS UINT64_MAX
/* What program_run() comes back with when the program is over, and the enclave waits for another
 * process (finish.h): likewise. */
#define PROGRAM_RENEWED (UINT64_MAX - 1)

/* The same for a thread without a program: `work` ends by program_end(). */
uint64_t program_serve(void (*work)(void *argument), void *argument);

/* Where the program's thread-local storage is, from the next return to it on. */
void program_set_fs(uint64_t address);
uint64_t program_get_fs(void);

/* Whether this thread was in the program when its exception came. */
bool program_is_running(void);

/* Where a SYSCALL goes: RCX is where it returns to. Not to be called. */
extern const uint8_t program_syscall[] __attribute__((visibility("hidden")));
/* Where a rewritten SYSCALL goes (sites.h): likewise. */
extern const uint8_t program_call[] __attribute__((visibility("hidden")));
/* Where a program goes that was interrupted, with its registers as they are but for these two. Not
 * to be called. */
extern const uint8_t program_interrupted[] __attribute__((visibility("hidden")));
void program_set_interrupted(uint64_t rip, uint64_t flags);

/* Where the library OS goes that wants a page (program_bring()), with its registers as they are but
 * for these two: likewise. */
extern const uint8_t program_own_fault[] __attribute__((visibility("hidden")));
void program_set_own_fault(uint64_t rip, uint64_t flags);

/* Between these the registers are the program's bit by bit; who is interrupted there goes on at
 * program_again. */
extern const uint8_t program_window_begin[] __attribute__((visibility("hidden")));
extern const uint8_t program_window_end[] __attribute__((visibility("hidden")));
extern const uint8_t program_again[] __attribute__((visibility("hidden")));

/* Two words into the program's memory, without the lock: false where they cannot be written any
 * more. Its stores end at program_put_end; one that faults goes on at program_put_failed. */
bool program_put(uint64_t at, uint64_t first, uint64_t second);
extern const uint8_t program_put_end[] __attribute__((visibility("hidden")));
extern const uint8_t program_put_failed[] __attribute__((visibility("hidden")));

/* Has program_interrupt() called before the program goes on. */
void program_want(void);

/* The vector registers, which are the program's: `area` is aligned to 64 bytes. What is loaded must
 * be good (signal_frame.c). */
#define PROGRAM_VECTORS_SIZE 2752 /* bytes: XSAVE's standard format up to AVX-512 */
void program_save_vectors(void *area);
void program_load_vectors(const void *area);
/* As after a reset. */
void program_clean_vectors(void);
void program_save_control(uint32_t *mxcsr, uint16_t *control);
void program_load_control(const uint32_t *mxcsr, const uint16_t *control);

/* What program.S calls: a system call by frame->rax, whose answer, for RAX, is a value or a
 * negative errno's number, as the kernel's; and an exception or an interrupt of the program. */
void syscall_answer(struct program_frame *frame);
void program_interrupt(struct program_frame *frame);
/* The page that the library OS has touched comes. */
void program_bring(void);

#endif
