/*
 * The door between the code inside an enclave and the host: what the registers mean when a thread
 * enters and leaves. Both sides include this, and nothing else is common to them.
 *
 * Entering (RDI, RSI, RDX, R8, R9): DOOR_START with four arguments for the enclave's main function;
 * after a call, DOOR_ANSWER with the answer in RSI. While a thread's exception waits (RAX = 1 or
 * more), whatever the host enters with means: deal with it.
 * Leaving (the same registers): one of enum door_exit, and what belongs to it. Every other register
 * is zero or as the host left it; nothing of the enclave's is in the vector registers.
 */
#ifndef CAISSON_ENCLAVE_INSIDE_DOOR_H
#define CAISSON_ENCLAVE_INSIDE_DOOR_H

/* For the assembly code too. */
#define DOOR_START  1
#define DOOR_ANSWER 2

#define DOOR_DONE     1 /* main has returned: its value */
#define DOOR_CALL     2 /* the host is asked: number and three arguments */
#define DOOR_RESUME   3 /* the exception is dealt with: ERESUME */
#define DOOR_UNWANTED 4 /* the host entered when or with what it may not; nothing was done */
#define DOOR_LOST     5 /* an exception that the enclave does not deal with; it goes on no more */

#endif
