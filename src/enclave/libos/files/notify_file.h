/*
 * The files of inotify(7): watches, and what they have to tell, which read(2) gives.
 *
 * What a container may have of it is bounded, by Linux' own numbers and by bytes that wait to be
 * read in all: beyond that IN_Q_OVERFLOW is told in the place of what is lost.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_NOTIFY_FILE_H
#define CAISSON_ENCLAVE_LIBOS_FILES_NOTIFY_FILE_H

#include "enclave/libos/files/file.h"
#include "enclave/libos/files/notify.h"

#define NOTIFY_FILES_MAX   128 /* max_user_instances, of the whole container: -EMFILE */
#define NOTIFY_WATCHES_MAX 8192
#define NOTIFY_QUEUE_MAX   16384   /* of one file */
#define NOTIFY_BYTES_MAX   4194304 /* that wait, of all */

/* inotify_init1(2); `flags` is of O_NONBLOCK. -EMFILE, -ENOMEM. */
int notify_file_new(unsigned flags, struct file **out);
bool notify_file_is(const struct file *file);

/* inotify_add_watch(2) of a node, which this file may watch already: the watch's number. -EEXIST,
 * -ENOSPC, -ENOMEM. */
int notify_file_watch(struct file *file, struct node *node, uint32_t mask);

/* inotify_rm_watch(2): -EINVAL for no such watch. */
int notify_file_forget(struct file *file, int number);

/* For notify.c: something is told; a watch ends, which is told too. */
void notify_queue(const struct notify_watch *watch, uint32_t what, uint32_t cookie,
                  struct span name);
void notify_end(struct notify_watch *watch);

#endif
