/*
 * signalfd: a file from which the signals of a set are read, by whichever thread reads.
 *
 * Signals are where their process is, and files are in the first enclave. A child's thread says
 * with each call which signals it has pending, and so a look at such a file finds what it should.
 * Reading is answered by SIGNAL_FILE_ELSEWHERE and the file's set: they are taken by the thread
 * that asked. One that comes while it waits there, and is in the set of some such file, ends the
 * call, which is then made again.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_SIGNAL_FILE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_SIGNAL_FILE_H

#include "enclave/libos/files/file.h"

/* `set` has a bit a signal; SIGKILL and SIGSTOP are never among them. */
int signal_file_new(uint64_t set, unsigned flags, struct file **out);

/* Another set for one that is there: -EINVAL for what is none. */
int signal_file_set(struct file *file, uint64_t set);

/* Signals of this enclave's process that some such file may be waited for. */
extern uint64_t signal_files_watch;

/* Beyond all numbers of errno. */
#define SIGNAL_FILE_ELSEWHERE 600

/* Takes pending signals of a set, as read(2) gives them: bytes, -EINVAL where there is no room for
 * one, -EAGAIN when there are none. */
int64_t signal_file_take(uint64_t set, void *out, size_t size);

#endif
