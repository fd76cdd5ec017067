/* signalfd: a file from which the signals of a set are read, by whichever thread reads. */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_SIGNAL_FILE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_SIGNAL_FILE_H

#include "enclave/libos/files/file.h"

/* `set` has a bit a signal; SIGKILL and SIGSTOP are never among them. */
int signal_file_new(uint64_t set, unsigned flags, struct file **out);

/* Another set for one that is there: -EINVAL for what is none. */
int signal_file_set(struct file *file, uint64_t set);

/* Signals that some such file may be waited for. */
extern uint64_t signal_files_watch;

#endif
