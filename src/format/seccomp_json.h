/* Seccomp profiles of those who make them: see format/seccomp.h. */
#ifndef CAISSON_FORMAT_SECCOMP_JSON_H
#define CAISSON_FORMAT_SECCOMP_JSON_H

#include "format/json.h"
#include "format/seccomp.h"

/* Appends a profile in the form that is hashed, as seccomp_write() does. */
int seccomp_write_json(const json_t *profile, struct buf *out, struct error *err);

#endif
