/* What a process' program is, as /proc tells it: its file, and the words it was started with. Kept
 * in the first enclave, for processes of all enclaves, under the lock. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_TOLD_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_TOLD_H

#include <stddef.h>

#include "enclave/libos/files/vfs.h"
#include "enclave/libos/threads/thread.h"

#define TOLD_WORDS_MAX 8192 /* bytes of the words that are kept */

/* All zero: nothing is known. */
struct told {
    char name[THREAD_NAME_SIZE]; /* as it began, or was named */
    struct node *file;           /* counted */
    char *path;                  /* of the file, from the root on */
    char *words;                 /* its arguments, each with its end */
    size_t words_size;           /* bytes */
};

/* A program has begun: `path` is its file's or its interpreter's, in `texts` (`size` bytes, at
 * least one) are the path that was asked for and the arguments, each with its end; what is not so
 * is another process' own affair. Without memory, or where the path leads nowhere any more, less is
 * known. */
void told_begin(struct told *told, struct vfs *vfs, const char *path, const char *texts,
                size_t size);

/* The bytes of these words that are told: path and arguments, TOLD_WORDS_MAX at most. */
struct program_words;
size_t told_size(const struct program_words *words);

/* For a process that was forked: `out` is all zero. */
void told_copy(struct told *out, const struct told *from);

/* All but the name is forgotten. */
void told_end(struct told *told);

#endif
