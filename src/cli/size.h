/* Docker's sizes: a number with b, k, m or g. */
#ifndef CAISSON_CLI_SIZE_H
#define CAISSON_CLI_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* *bytes is set on success. */
bool size_parse(const char *text, uint64_t *bytes);

#endif
