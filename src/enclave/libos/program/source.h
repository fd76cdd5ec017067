/* Where programs are read from: the files of the container, in this enclave or by another one's
 * hands. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_SOURCE_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct program_file {
    uint64_t handle; /* the source's own */
    uint64_t size;   /* bytes */
    int64_t layer;   /* what the source knows of it; else 0 */
};

/* As execveat(2) names a program. */
struct program_name {
    int at; /* AT_FDCWD, or the number of an open file */
    const char *path;
    unsigned flags; /* AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW */
};

struct program_words;
struct site;

/* 0 or more, or a negative errno. What is read is checked by who reads. */
struct program_source {
    /* A plain file that the process may execute, until close(). -EACCES for anything else. */
    int (*open)(void *argument, const struct program_name *name, struct program_file *out);
    /* Bytes that were read, fewer than asked for or none at the file's end. */
    int64_t (*read)(void *argument, const struct program_file *file, uint64_t offset, void *out,
                    size_t size);
    void (*close)(void *argument, const struct program_file *file);
    /* As sites_find(), of the code that the file has from an offset on. */
    int (*find_sites)(void *argument, const struct program_file *file, uint64_t offset,
                      const uint8_t *code, size_t size, struct site *out);
    /* A new program, of the file at this path, has the process: what execve(2) makes of its user
     * and its files. May be NULL. */
    void (*begun)(void *argument, const char *path, const struct program_words *words);
    void *argument;
    uint32_t uid, gid; /* of the process */
};

/* The files of a process that this enclave has; borrowed. */
struct process;
void program_source_init(struct program_source *source, struct process *process);

#endif
