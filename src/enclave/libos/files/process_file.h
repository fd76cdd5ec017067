/*
 * pidfd: a file that stands for a process, and for no other one that gets its number later. It can
 * be read of once the process has ended (poll(2)), and reading it is -EINVAL. Files and the table
 * of processes are the first enclave's, and so it tells of processes of all enclaves.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_PROCESS_FILE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_PROCESS_FILE_H

#include "enclave/libos/files/file.h"

struct process;

/* Of a process that is there, or has ended and was not waited for. `flags` is of O_NONBLOCK. */
int process_file_new(struct process *process, unsigned flags, struct file **out);

/* The same at a number of this table's, which execve(2) closes. */
int process_file_open(struct process *process, unsigned flags, struct file_table *files);

/* Its process; NULL in *out when that was waited for. -EBADF for what is no such file, or NULL. */
int process_file_get(const struct file *file, struct process **out);

#endif
