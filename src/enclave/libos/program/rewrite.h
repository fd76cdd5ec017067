/* The SYSCALLs of a program's code become jumps (sites.h), where code comes from a file. */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_REWRITE_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_REWRITE_H

#include <stddef.h>
#include <stdint.h>

#define REWRITE_PIECES_MAX 256 /* libraries, in effect */

/* Code, and where its trampolines are. */
struct rewrite_piece {
    uint64_t code, room;           /* addresses */
    uint64_t code_size, room_size; /* bytes; 0 for a free place */
};

/* What can be rewritten in code, where that is known by where it comes from: up to SITES_MAX, or a
 * negative errno where it is not. */
struct site;
typedef int rewrite_find_fn(const void *origin, const uint8_t *code, size_t size, struct site *out);

/* Before the code has its access: these bytes can still be written. What cannot be done is left
 * aside, and traps. */
void rewrite_code(uintptr_t at, size_t size, rewrite_find_fn *find, const void *origin);

/* Code there is no more: nor are its trampolines, if all of it is gone. */
void rewrite_forget(uintptr_t at, size_t size);

/* All of them, for another enclave with the same memory, and from one: -EINVAL, and none is taken,
 * for code or trampolines that are not in the program's memory. */
void rewrite_get_pieces(struct rewrite_piece out[REWRITE_PIECES_MAX]);
int rewrite_set_pieces(const struct rewrite_piece from[REWRITE_PIECES_MAX]);

#endif
