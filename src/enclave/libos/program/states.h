/*
 * Bits of many bytes, eight bytes at a time: a range of memory has a byte a page, and a program's
 * room for its heap is tens of thousands of them.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROGRAM_STATES_H
#define CAISSON_ENCLAVE_LIBOS_PROGRAM_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether one of these bytes has any of these bits. */
bool states_have(const uint8_t *states, size_t count, uint8_t bits);

/* How many of them have this one bit. */
size_t states_count(const uint8_t *states, size_t count, uint8_t bit);

/* How many of the first ones have it, before one that has not. */
size_t states_first(const uint8_t *states, size_t count, uint8_t bit);

/* All of them have these bits then. */
void states_set(uint8_t *states, size_t count, uint8_t bits);

#endif
