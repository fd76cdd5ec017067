/*
 * A program that checks all that it is given, under a host that lies. What it finds wrong it tells
 * in one of three ways: a call that failed, or bytes that were the host's to give, by "told: " and
 * exit code 3; what the library OS alone answers for, by "WRONG: " and 66.
 */
#ifndef CAISSON_TESTS_ENCLAVE_WARY_H
#define CAISSON_TESTS_ENCLAVE_WARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Noreturn void wary_tells(const char *what);
_Noreturn void wary_finds(const char *what);

/* A line, however few bytes of it are taken at once. */
void wary_says(const char *line);

/* Bytes that are easily told from others. */
uint8_t wary_byte(size_t at);
bool wary_knows(const uint8_t *bytes, size_t at, size_t size);

/* Several processes. */
void wary_family(const char *self);
int wary_child(void);

/* Quotes of its own reports. */
void wary_quotes(void);

#endif
