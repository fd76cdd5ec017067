/*
 * A file's mapping that is not filled at once. Dynamic linkers map a library whole, to have room in
 * one place, and then map its segments over that: almost nothing of the first mapping is looked at
 * ever.
 *
 * Theory of operation: there is at most one such mapping, and until it is filled its pages have no
 * access. mmap(2) at fixed addresses takes its part away; what is left is filled at the next system
 * call that is something else, of any thread, or when the program touches it. What cannot be read
 * then (a block that is not what the root hash says) stays without access.
 *
 * All with the lock.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_LATE_MAP_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_LATE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;

/* Maps `size` bytes of a file for reading, where there is room: *at is set. `file` is NULL for the
 * open file of this number in another enclave. -ENOMEM. */
int late_map(struct file *file, uint64_t number, uint64_t offset, size_t size, uintptr_t *at);

/* Something else is mapped there. */
void late_cut(uintptr_t at, size_t size);

/* Fills what is left; the lock may be let go meanwhile. */
void late_fill(void);

/* At a fault that nothing else explains: whether the access can be made again. */
bool late_fault(uintptr_t at);

#endif
