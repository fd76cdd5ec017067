/*
 * Looks through a program's code for what may begin an instruction of a kind, 64 bytes at a time:
 * of megabytes, almost nothing is of interest. The vector registers are the program's, and have
 * their values again afterwards.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_SCAN_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define SCAN_WORDS 64 /* so many at once at most */
#define SCAN_BYTES 64 /* bytes of a word, a bit for each, the lowest first */

/* Bytes that begin a SYSCALL, 0F 05; one byte behind the last is read, too. */
void scan_syscalls(const uint8_t *code, size_t words, uint64_t *out);

/* Bytes that begin a CALL or JMP with four bytes of distance (E8, E9), or such a branch with a
 * condition (0F 80 to 0F 8F); likewise. */
void scan_branches(const uint8_t *code, size_t words, uint64_t *out);

/* Bytes that begin a Jcc, LOOP or its kin, or JMP with one byte of distance (70 to 7F, E0 to E3,
 * EB). */
void scan_short_branches(const uint8_t *code, size_t words, uint64_t *out);

#endif
