/*
 * The table of processes: number 1, whose threads run in the first enclave, and all others. It is
 * the first enclave's, and all of it is under the lock (threads/lock.h). Who runs for a process has
 * thread->process: its own threads, and those that stand for threads of another enclave. In such an
 * enclave the table has its one process, with nothing but the number.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_PROCESS_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/files/vfs.h"

#define PROCESSES_MAX 256 /* those that have ended and were not waited for count */
#define PROCESS_FIRST 1   /* its number; what remains of others becomes its children */

#define PROCESS_SECRET_SIZE 32 /* bytes */

enum process_state {
    PROCESS_FREE,
    PROCESS_ALIVE,
    PROCESS_ENDED, /* it has a status that its parent may ask for, and nothing else */
};

struct process {
    enum process_state state;
    int number;             /* getpid(2) */
    int group, session;     /* numbers */
    struct process *parent; /* NULL: number 1's */
    struct vfs vfs;
    uint8_t secret[PROCESS_SECRET_SIZE]; /* whoever speaks for it over a wire knows it */
};

/* Number 1, which process_begin() makes. Without the lock until the program runs. */
void process_begin(void);
struct process *process_first(void);

/* The process for which this thread runs. */
struct process *process_self(void);

/* Alive or ended; NULL for none. */
struct process *process_find(int number);
struct process *process_at(size_t index); /* below PROCESSES_MAX, free ones too */

/* A new number, which no thread, process, group or session has. */
int process_new_number(void);

#endif
