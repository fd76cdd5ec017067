/* What the system calls on sockets share. */
#ifndef CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_SOCKET_H
#define CAISSON_ENCLAVE_LIBOS_CALLS_SYSCALL_SOCKET_H

#include "enclave/libos/sockets/socket.h"

/* As the program has it: struct msghdr of <linux/socket.h>. */
struct syscall_header {
    uint64_t name;
    uint32_t name_size, zero;
    uint64_t parts, part_count;
    uint64_t control, control_size;
    uint32_t flags, zero_too;
};

/* The open file of a number, and its socket; *status is -EBADF or -ENOTSOCK. */
struct file *syscall_socket_file(uint64_t number, struct socket **out, int *status);

/* Out of and into the program's memory: -EFAULT, -EINVAL. `size_at` has the room, and gets the size
 * that there is; an address of 0 is left aside. */
int syscall_take_address(uint64_t at, uint64_t size, struct socket_address *out);
int syscall_give_address(const struct socket_address *from, uint64_t at, uint64_t size_at);

#endif
