/* How a signal's handler is entered, and how it returns: the kernel's frame on the program's stack.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_THREADS_SIGNAL_FRAME_H
#define CAISSON_ENCLAVE_LIBOS_THREADS_SIGNAL_FRAME_H

#include "enclave/libos/program/program.h"
#include "enclave/libos/threads/thread.h"

/* Has the program go on in the handler, with the registers before in a frame on its stack; with
 * `again`, the system call that was interrupted is made again at the handler's return. `fault` is
 * what the processor told, or nothing. -EFAULT where there is no stack for it. */
int signal_frame_enter(struct program_frame *frame, const struct signal_info *info,
                       const struct thread_exception *fault, bool again);

/* rt_sigreturn(2): back to what the frame has. -EFAULT for what is none. */
int signal_frame_leave(struct program_frame *frame);

#endif
