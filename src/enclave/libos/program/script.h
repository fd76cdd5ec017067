/* Programs that name another one in their first line: "#!" (Linux, fs/binfmt_script.c). */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_SCRIPT_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#define SCRIPT_LINE_MAX  256 /* bytes of the file that are looked at */
#define SCRIPT_DEPTH_MAX 5   /* scripts that are each other's interpreters */

struct script {
    char interpreter[SCRIPT_LINE_MAX];
    char argument[SCRIPT_LINE_MAX]; /* empty for none */
};

/* `head` is the file's beginning, `size` bytes, of which SCRIPT_LINE_MAX count. 1 for a script, 0
 * for another file, -ENOEXEC for a first line that names no interpreter. */
int script_read(const uint8_t *head, size_t size, struct script *out);

/* What a program is started with: texts, each with its end: its path, arguments, environment. */
struct program_words {
    const char *texts;
    size_t size;        /* bytes */
    size_t arguments;   /* how many */
    size_t environment; /* likewise */
};

/* The interpreter's arguments: itself, the script's one, the script's path, and the rest of those
 * that the script had. The texts are new, and libos_free() ends them. -EINVAL for words that are
 * not as they are said to be, -ENOMEM. */
int script_words(const struct script *script, const char *path, const struct program_words *words,
                 struct program_words *out);

#endif
