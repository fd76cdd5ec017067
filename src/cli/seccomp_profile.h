/*
 * A seccomp profile's file, in the form of the OCI runtime specification or in Docker's, whose
 * rules hold for some capabilities, processors and kernels only.
 */
#ifndef CAISSON_CLI_SECCOMP_PROFILE_H
#define CAISSON_CLI_SECCOMP_PROFILE_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

/* Reads it as Docker does for a container with these capabilities (bit N: number N) on x86-64 and
 * the guest's kernel. The result is of the specification's form, for the caller to json_decref().
 * ERROR_INVALID, with file and place, for what is no profile; the words in it are the guest's to
 * know. */
int seccomp_profile_read(const char *path, uint64_t capabilities, json_t **out, struct error *err);

/* Caisson's own, for a container with these capabilities. NULL when memory ran out. */
json_t *seccomp_profile_default(uint64_t capabilities);

/* The same of text that was read already. */
int seccomp_profile_parse(struct span text, uint64_t capabilities, json_t **out, struct error *err);

#endif
