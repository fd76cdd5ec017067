/*
 * The SYSCALL instructions of a program's code, each in the place of a jump to the library OS.
 *
 * Theory of operation: the bytes of a SYSCALL count when reading from most of the places some 150
 * bytes before comes to them (reading falls in step with code soon, wherever it begins), and when
 * RAX is set shortly before, with no zeros between, which tables of numbers have, or compared with
 * the largest errno right behind. A number to EAX, the SYSCALL and that comparison with nothing
 * between are one without reading. Five bytes are needed for a jump: the SYSCALL and whole
 * instructions behind it, or before it. They go to a trampoline, and so must not be branches, not
 * depend on where they stand, and nothing may lead between them: of that, direct branches of the
 * same code are known. Targets in tables are not; it is taken that none lies between a SYSCALL and
 * its neighbour. What does not fit stays, and traps.
 *
 * A trampoline: the instructions from before; LEA of R to RCX; the jump to the library OS, which
 * keeps all registers but RCX, R11 and RAX and goes on at RCX; a jump back to the LEA, so that two
 * bytes before R the call begins anew, as with SYSCALL; R: the instructions from behind; a jump
 * back.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_SITES_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SITES_MAX      8192
#define SITES_CODE_MAX (UINT32_C(256) << 20) /* bytes of code in one piece */
/* Bytes of trampolines: for all, and for each site. */
#define SITES_HEAD 8
#define SITE_ROOM  40

struct site {
    uint32_t begin; /* offsets: what moves, */
    uint32_t call;  /* the SYSCALL in it, */
    uint32_t end;
};

/* What can be rewritten, ascending: 0 to `most`, or -ENOMEM. */
int sites_find(const uint8_t *code, size_t size, struct site *out, size_t most);

/* Whether such can be those of this code: in it, ascending, each with a SYSCALL and room for its
 * trampoline. */
bool sites_fit(const uint8_t *code, size_t size, const struct site *sites, size_t count);

/* Writes their trampolines. `room` has SITES_HEAD and SITE_ROOM bytes for each, within 2 GiB of the
 * code; `entry` is where calls go. */
void sites_make(const uint8_t *code, const struct site *sites, size_t count, uint8_t *room,
                uintptr_t entry);

/* Writes the jumps to them. What else was moved becomes INT3: whoever gets there all the same is
 * stopped. */
void sites_join(uint8_t *code, const struct site *sites, size_t count, const uint8_t *room);

#endif
