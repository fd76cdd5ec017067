/* System calls that make sockets and ask them; messages are syscall_message.c's. */
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/time.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/calls/syscall_socket.h"
#include "enclave/libos/sockets/socket.h"
#include "enclave/libos/sockets/socket_options.h"
#include "enclave/libos/threads/wait.h"

#define TYPE_MASK   15U
#define TYPE_FLAGS  ((unsigned)(O_CLOEXEC | O_NONBLOCK)) /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#define SECOND      UINT64_C(1000000000)
#define MICROSECOND UINT64_C(1000)

struct file *syscall_socket_file(uint64_t number, struct socket **out, int *status)
{
    struct file *file = syscall_file(number);
    *out = file && !(file->flags & O_PATH) ? socket_of(file) : NULL;
    *status = *out ? 0 : file && !(file->flags & O_PATH) ? -ENOTSOCK : -EBADF;
    return file;
}

int syscall_take_address(uint64_t at, uint64_t size, struct socket_address *out)
{
    if (size > sizeof out->bytes)
        return -EINVAL;
    if (!can_read(at, size))
        return -EFAULT;
    out->size = size;
    if (size > 0)
        memcpy(out->bytes, (const void *)at, size);
    return 0;
}

int syscall_give_address(const struct socket_address *from, uint64_t at, uint64_t size_at)
{
    uint32_t room, size = (uint32_t)from->size;
    if (at == 0)
        return 0;
    if (!can_write(size_at, sizeof room))
        return -EFAULT;
    memcpy(&room, (const void *)size_at, sizeof room);
    if ((int)room < 0)
        return -EINVAL;
    room = room < size ? room : size;
    if (!can_write(at, room))
        return -EFAULT;
    memcpy((void *)at, from->bytes, room);
    memcpy((void *)size_at, &size, sizeof size);
    return 0;
}

/* --- making ----------------------------------------------------------------------------------- */

static int give_number(struct file *file, bool cloexec)
{
    int number = file_table_add(&syscall_files()->files, file, 0, cloexec);
    if (number < 0)
        file_put(file);
    return number;
}

static int make(int family, int type, int protocol, unsigned flags, struct file **out)
{
    if (flags & ~TYPE_FLAGS)
        return -EINVAL;
    if (family == SOCKET_UNIX)
        return protocol == 0 || protocol == SOCKET_UNIX ? socket_unix_new(type, flags, out)
                                                        : -EPROTONOSUPPORT;
    if (family == SOCKET_INET || family == SOCKET_INET6)
        return socket_host_new(family, type, protocol, flags, out);
    return -EAFNOSUPPORT;
}

uint64_t syscall_socket(struct program_frame *frame)
{
    unsigned type = (unsigned)frame->rsi;
    struct file *file;
    int status = make((int)frame->rdi, (int)(type & TYPE_MASK), (int)frame->rdx, type & ~TYPE_MASK,
                      &file);
    return (uint64_t)(status < 0 ? status : give_number(file, type & O_CLOEXEC));
}

uint64_t syscall_socketpair(struct program_frame *frame)
{
    unsigned type = (unsigned)frame->rsi;
    struct file *ends[2];
    int numbers[2];
    if (type & ~TYPE_MASK & ~TYPE_FLAGS)
        return SYSCALL_ERROR(EINVAL);
    if ((int)frame->rdi != SOCKET_UNIX)
        return (int)frame->rdi == SOCKET_INET || (int)frame->rdi == SOCKET_INET6
                   ? SYSCALL_ERROR(EOPNOTSUPP)
                   : SYSCALL_ERROR(EAFNOSUPPORT);
    if (!can_write(frame->r10, sizeof numbers))
        return SYSCALL_FAULT;
    int status = socket_unix_pair((int)(type & TYPE_MASK), type, ends);
    if (status == 0)
        status = syscall_add_pair(ends, type & O_CLOEXEC, numbers);
    if (status == 0)
        memcpy((void *)frame->r10, numbers, sizeof numbers);
    return (uint64_t)status;
}

/* --- connections ------------------------------------------------------------------------------ */

uint64_t syscall_bind(struct program_frame *frame)
{
    struct socket_address address;
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    if (status == 0)
        status = syscall_take_address(frame->rsi, (uint32_t)frame->rdx, &address);
    return (uint64_t)(status < 0 ? status : socket->ops->bind(file, &address));
}

uint64_t syscall_listen(struct program_frame *frame)
{
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    unsigned backlog = (unsigned)frame->rsi;
    return (uint64_t)(status < 0 ? status : socket->ops->listen(file, backlog));
}

/* What became of a connection that was begun: Linux tells it to who connects once more. */
static int finish(struct file *file, const struct socket *socket,
                  const struct socket_address *address, uint64_t deadline)
{
    int status = -EALREADY;
    while (status == -EALREADY) {
        status = syscall_wait_for(file, POLLOUT, deadline);
        if (status < 0)
            return status == -ETIMEDOUT ? -EINPROGRESS : status;
        status = socket->ops->connect(file, address);
    }
    return status == -EISCONN ? 0 : status;
}

static int connect_to(struct file *file, const struct socket *socket,
                      const struct socket_address *address)
{
    uint64_t deadline = socket->send_timeout ? wait_deadline(socket->send_timeout) : DOOR_FOREVER;
    int status = socket->ops->connect(file, address);
    while (status == -EAGAIN && !(file->flags & O_NONBLOCK)) {
        status = syscall_wait_for(file, POLLOUT, deadline);
        if (status == 0)
            status = socket->ops->connect(file, address);
    }
    if (status == -EINPROGRESS && !(file->flags & O_NONBLOCK))
        status = finish(file, socket, address, deadline);
    return status;
}

uint64_t syscall_connect(struct program_frame *frame)
{
    struct socket_address address;
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    if (status == 0)
        status = syscall_take_address(frame->rsi, (uint32_t)frame->rdx, &address);
    if (status < 0)
        return (uint64_t)status;
    file_get(file);
    status = connect_to(file, socket, &address);
    file_put(file);
    return (uint64_t)status;
}

static int accept_next(struct file *file, const struct socket *socket, struct file **out,
                       struct socket_address *peer)
{
    uint64_t deadline = socket->receive_timeout ? wait_deadline(socket->receive_timeout)
                                                : DOOR_FOREVER;
    int status = socket->ops->accept(file, out, peer);
    while (status == -EAGAIN && !(file->flags & O_NONBLOCK)) {
        status = syscall_wait_for(file, POLLIN, deadline);
        if (status == -ETIMEDOUT)
            return -EAGAIN;
        if (status == 0)
            status = socket->ops->accept(file, out, peer);
    }
    return status;
}

static uint64_t accept_with(const struct program_frame *frame, unsigned flags)
{
    struct socket_address peer = {.size = 0};
    struct socket *socket;
    struct file *made;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    if (flags & ~TYPE_FLAGS)
        return SYSCALL_ERROR(EINVAL);
    if (status < 0)
        return (uint64_t)status;
    file_get(file);
    status = accept_next(file, socket, &made, &peer);
    file_put(file);
    if (status < 0)
        return (uint64_t)status;
    made->flags |= flags & O_NONBLOCK;
    status = syscall_give_address(&peer, frame->rsi, frame->rdx);
    if (status < 0) {
        file_put(made);
        return (uint64_t)status;
    }
    return (uint64_t)give_number(made, flags & O_CLOEXEC);
}

uint64_t syscall_accept(struct program_frame *frame)
{
    return accept_with(frame, 0);
}

uint64_t syscall_accept4(struct program_frame *frame)
{
    return accept_with(frame, (unsigned)frame->r10);
}

uint64_t syscall_shutdown(struct program_frame *frame)
{
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    return (uint64_t)(status < 0 ? status : socket->ops->shutdown(file, (unsigned)frame->rsi));
}

static uint64_t name_of(const struct program_frame *frame, bool is_peer)
{
    struct socket_address name = {.size = 0};
    struct socket *socket;
    int status;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    if (status == 0)
        status = socket->ops->name(file, is_peer, &name);
    if (status == 0)
        status = frame->rsi == 0 ? -EFAULT : syscall_give_address(&name, frame->rsi, frame->rdx);
    return (uint64_t)status;
}

uint64_t syscall_getsockname(struct program_frame *frame)
{
    return name_of(frame, false);
}

uint64_t syscall_getpeername(struct program_frame *frame)
{
    return name_of(frame, true);
}

/* --- options ---------------------------------------------------------------------------------- */

/* Those of time are the library OS' own, as are those that say what the socket is. */
static int set_timeout(struct socket *socket, int name, const uint8_t *value, size_t size)
{
    int64_t time[2]; /* struct timeval */
    if (size < sizeof time)
        return -EINVAL;
    memcpy(time, value, sizeof time);
    if (time[1] < 0 || time[1] >= 1000000)
        return -EDOM;
    uint64_t whole = time[0] < 0 ? 1
                     : time[0] > UINT32_MAX
                         ? 0
                         : (uint64_t)time[0] * SECOND + (uint64_t)time[1] * MICROSECOND;
    *(name == OPTION_RECEIVE_TIMEOUT ? &socket->receive_timeout : &socket->send_timeout) = whole;
    return 0;
}

uint64_t syscall_setsockopt(struct program_frame *frame)
{
    uint8_t value[SOCKET_OPTION_MAX];
    struct socket *socket;
    int status, level = (int)frame->rsi, name = (int)frame->rdx;
    size_t size = frame->r8 < sizeof value ? (uint32_t)frame->r8 : sizeof value;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    if (status < 0)
        return (uint64_t)status;
    if ((int)frame->r8 < 0)
        return SYSCALL_ERROR(EINVAL);
    if (!can_read(frame->r10, size))
        return SYSCALL_FAULT;
    memcpy(value, (const void *)frame->r10, size);
    if (level == SOCKET_LEVEL && (name == OPTION_RECEIVE_TIMEOUT || name == OPTION_SEND_TIMEOUT))
        return (uint64_t)set_timeout(socket, name, value, size);
    return (uint64_t)socket->ops->set_option(file, level, name, value, size);
}

/* The value's size, or -ENOPROTOOPT for what the socket itself is to say. */
static int get_own(const struct socket *socket, int name, uint8_t value[SOCKET_OPTION_MAX])
{
    uint64_t time = name == OPTION_RECEIVE_TIMEOUT ? socket->receive_timeout : socket->send_timeout;
    const uint64_t parts[2] = {time / SECOND, time % SECOND / MICROSECOND};
    int number = name == OPTION_TYPE       ? socket->type
                 : name == OPTION_DOMAIN   ? socket->family
                 : name == OPTION_PROTOCOL ? socket->protocol
                                           : -1;
    if (name == OPTION_RECEIVE_TIMEOUT || name == OPTION_SEND_TIMEOUT) {
        memcpy(value, parts, sizeof parts);
        return sizeof parts;
    }
    if (number < 0)
        return -ENOPROTOOPT;
    memcpy(value, &number, sizeof number);
    return sizeof number;
}

uint64_t syscall_getsockopt(struct program_frame *frame)
{
    uint8_t value[SOCKET_OPTION_MAX] = {0};
    struct socket *socket;
    int status, level = (int)frame->rsi, name = (int)frame->rdx;
    uint32_t room;
    struct file *file = syscall_socket_file(frame->rdi, &socket, &status);
    if (status < 0)
        return (uint64_t)status;
    if (!can_write(frame->r8, sizeof room))
        return SYSCALL_FAULT;
    memcpy(&room, (const void *)frame->r8, sizeof room);
    if ((int)room < 0)
        return SYSCALL_ERROR(EINVAL);
    int size = level == SOCKET_LEVEL ? get_own(socket, name, value) : -ENOPROTOOPT;
    if (size == -ENOPROTOOPT)
        size = socket->ops->get_option(file, level, name, value, sizeof value);
    if (size < 0)
        return (uint64_t)size;
    room = room < (uint32_t)size ? room : (uint32_t)size;
    if (!can_write(frame->r10, room))
        return SYSCALL_FAULT;
    memcpy((void *)frame->r10, value, room);
    memcpy((void *)frame->r8, &room, sizeof room);
    return 0;
}
