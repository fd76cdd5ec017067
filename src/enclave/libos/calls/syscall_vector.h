/* Bytes that lie in several parts of the program's memory: struct iovec. */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_VECTOR_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_VECTOR_H

#include <linux/uio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSCALL_VECTOR_MAX 1024 /* parts: UIO_MAXIOV */

/* Where they lie. A copy: another thread may change the program's own. Not to be moved. */
struct syscall_vector {
    struct iovec *items;
    size_t count;
    uint64_t total;   /* bytes */
    struct iovec one; /* where there is no more than one */
};

/* Of one part. */
void syscall_one_vector(uint64_t at, uint64_t size, struct syscall_vector *out);

/* Copies the parts at `at`: -EFAULT; -EMSGSIZE for too many; -EINVAL for more bytes than there can
 * be; -ENOMEM. syscall_vector_fini() ends it either way. */
int syscall_take_vector(uint64_t at, uint64_t count, struct syscall_vector *out);
void syscall_vector_fini(struct syscall_vector *vector);

/* From byte `offset` on, how many of `size` bytes lie in parts that may be read, or written to. */
uint64_t syscall_vector_allows(const struct syscall_vector *vector, uint64_t offset, uint64_t size,
                               bool writes);

/* Copies between the parts, from byte `offset` of them on, and `bytes`: -EFAULT. */
int syscall_copy_vector(const struct syscall_vector *vector, uint64_t offset, uint8_t *bytes,
                        size_t size, bool gathers);

#endif
