/*
 * Seccomp profiles as the OCI runtime specification has them (config-linux.md, "Seccomp"): the
 * bytes that a policy's seccomp_profile_sha256 is the digest of. What a profile means, and whether
 * it is one, is for who makes a filter of it (guest/syscallfilter.h).
 */
#ifndef CAISSON_FORMAT_SECCOMP_H
#define CAISSON_FORMAT_SECCOMP_H

#include "format/value.h"

#define SECCOMP_PROFILE_MAX ((size_t)64 * 1024) /* bytes, written */

/* Appends a profile in the one form that is hashed, which is `az confcom`'s: compact, the known
 * keys in the order of the specification whatever order they are in, "defaultAction", "names",
 * "action", "index", "value" and "op" with a default where they are absent, other keys left out. */
int seccomp_write(const struct value *profile, struct buf *out, struct error *err);

#endif
