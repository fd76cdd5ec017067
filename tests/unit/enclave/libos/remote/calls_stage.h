/*
 * The system calls in a hosted test: a program's memory, two processes with a tree each, and two
 * threads of which one makes the calls of the other (remote/mirror.h).
 */
#ifndef CAISSON_TESTS_LIBOS_CALLS_STAGE_H
#define CAISSON_TESTS_LIBOS_CALLS_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/remote/remote_message.h"

#define STAGE_SIZE  (160U * 4096) /* bytes of the program's memory; what is behind is none */
#define STAGE_CHILD 2             /* the number of the process whose calls are made for it */

/* The program's memory. */
extern uint8_t *stage_program;

/* Both processes afresh, and number 1's calls made where they are. */
void stage_start(void);
void stage_end(void);

/* From now on the calls are process STAGE_CHILD's, made by a thread that stands for it. */
void stage_begin_remote(void);
/* It has gone: the thread that stood for it has, too. */
void stage_end_remote(void);

/* Its thread has ended, as it says with so many bytes too much: whether the other one waits for
 * another process' then. */
bool stage_leave_remote(size_t more);

/* A system call of the process whose turn it is: its answer. */
int64_t stage_call(uint64_t number, const uint64_t arguments[REMOTE_ARGUMENTS]);

/* What was written to the program's memory is gone. */
void stage_clear(void);

/* Sends this thread's process a signal, as soon as the thread that stands for it waits. */
void stage_interrupt_soon(int number);

#endif
