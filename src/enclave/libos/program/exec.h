/* execve(2): another program in the place of the one that runs. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_EXEC_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_EXEC_H

#include "enclave/libos/program/load.h"
#include "enclave/libos/program/program.h"

/* With the lock. Ends all other threads of the process, empties its memory and loads the image;
 * `frame` is the new program's then, and 0 the answer. -EINTR, and nothing has changed, when this
 * thread is itself to end. What goes wrong later is the process' end, by SIGKILL. The image is the
 * caller's still. */
int exec_image(struct program_frame *frame, const struct program_image *image);

/* With the lock, without other threads of the program: what it had is gone. Its mask of signals and
 * those that are pending stay, as does the timer of alarm(2). */
void exec_forget_program(void);

#endif
