/*
 * Signed fragments are verified by a program of their own, caisson-fragment-check
 * (fragment_check.c), in a process without files, privileges and system calls. It is on the disk of
 * parts, whose digest is measured. This is the first process's side of it.
 */
#ifndef CAISSON_GUEST_FRAGMENT_H
#define CAISSON_GUEST_FRAGMENT_H

#include "base/buf.h"
#include "policy/policy.h"

#define FRAGMENT_PART        "fragment-check"  /* the program's, on the disk of parts */
#define FRAGMENT_COSE_MAX    ((size_t)1 << 20) /* bytes of a signed fragment */
#define FRAGMENT_ANSWER_MAX  (FRAGMENT_COSE_MAX + 64)
#define FRAGMENT_WITHOUT_SVN UINT64_MAX

/* Runs the program over the message and appends its answer. ERROR_REFUSED with the program's
 * reason; other codes where it could not be run. Blocks until it has ended. */
int fragment_verify(int program, struct span cose, struct buf *answer, struct error *err);

/* Reads the answer: the fragment borrows from it. ERROR_INVALID for what is none. */
int fragment_read(struct span answer, struct policy_fragment *out, struct error *err);

#endif
