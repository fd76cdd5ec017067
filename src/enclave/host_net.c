/* The host's network for the program inside: sockets of IPv4 and IPv6 in the network namespace in
 * which this process stands. A handle is the place of a socket in a table, behind the standard
 * streams; no other descriptor can be reached by one. None of the answers waits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/host_parts.h"
#include "enclave/libos/sockets/socket_options.h"

#define SOCKETS_MAX 16384
#define ROOM_MIN    64
#define KNOWN_FLAGS ((uint64_t)(MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_MORE | MSG_EOR))

/* Free places are -1. */
struct host_net {
    int *sockets;
    size_t count;
};

typedef int64_t answer_fn(struct host_thread *thread, int fd, const uint64_t arguments[3]);

void host_net_fini(struct host *host)
{
    for (size_t i = 0; host->net && i < host->net->count; i++) {
        if (host->net->sockets[i] >= 0)
            (void)close(host->net->sockets[i]);
    }
    if (host->net)
        free(host->net->sockets);
    free(host->net);
    host->net = NULL;
}

static int grow(struct host_net *net)
{
    size_t count = net->count ? 2 * net->count : ROOM_MIN;
    if (count > SOCKETS_MAX)
        return -ENFILE;
    int *sockets = realloc(net->sockets, count * sizeof *sockets);
    if (!sockets)
        return -ENOMEM;
    for (size_t i = net->count; i < count; i++)
        sockets[i] = -1;
    net->sockets = sockets;
    net->count = count;
    return 0;
}

int64_t host_net_add(struct host *host, int fd)
{
    if (!host->net)
        host->net = calloc(1, sizeof *host->net);
    size_t i = 0;
    int status = host->net ? 0 : -ENOMEM;
    while (status == 0 && i < host->net->count && host->net->sockets[i] >= 0)
        i++;
    if (status == 0 && i == host->net->count)
        status = grow(host->net);
    if (status < 0) {
        (void)close(fd);
        return status;
    }
    host->net->sockets[i] = fd;
    return (int64_t)i + DOOR_STREAMS;
}

int host_net_descriptor(const struct host *host, uint64_t handle)
{
    if (!host->net || handle < DOOR_STREAMS || handle - DOOR_STREAMS >= host->net->count)
        return -1;
    return host->net->sockets[handle - DOOR_STREAMS];
}

static int64_t answer(int64_t result)
{
    return result < 0 ? -errno : result;
}

/* --- addresses, in the thread's buffer -------------------------------------------------------- */

static socklen_t take_address(const struct host_thread *thread, struct sockaddr_storage *out)
{
    struct door_address given;
    memcpy(&given, thread->buffer, sizeof given);
    socklen_t size = given.size < sizeof given.bytes ? given.size : sizeof given.bytes;
    memset(out, 0, sizeof *out);
    memcpy(out, given.bytes, size);
    return size;
}

static void give_address(struct host_thread *thread, const struct sockaddr_storage *from,
                         socklen_t size, unsigned flags)
{
    struct door_address out = {.flags = flags};
    if (size <= sizeof out.bytes)
        out.size = size;
    memcpy(out.bytes, from, out.size);
    memcpy(thread->buffer, &out, sizeof out);
}

/* --- answers ---------------------------------------------------------------------------------- */

static int64_t answer_socket(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    int family = (int)(arguments[0] >> 32), type = (int)(uint32_t)arguments[0];
    (void)fd;
    if ((family != AF_INET && family != AF_INET6) || (type != SOCK_STREAM && type != SOCK_DGRAM))
        return -EAFNOSUPPORT;
    int made = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, (int)arguments[1]);
    return made < 0 ? -errno : host_net_add(thread->host, made);
}

static int64_t answer_close(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    thread->host->net->sockets[arguments[0] - DOOR_STREAMS] = -1;
    (void)close(fd);
    return 0;
}

static int64_t answer_bind(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    (void)arguments;
    socklen_t size = take_address(thread, &address);
    return answer(bind(fd, (const struct sockaddr *)&address, size));
}

static int64_t answer_connect(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    (void)arguments;
    socklen_t size = take_address(thread, &address);
    return answer(connect(fd, (const struct sockaddr *)&address, size));
}

static int64_t answer_listen(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    (void)thread;
    return answer(listen(fd, (int)(arguments[1] & 0xFFFF)));
}

static int64_t answer_accept(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    (void)arguments;
    int made = accept4(fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (made < 0)
        return -errno;
    give_address(thread, &address, size, 0);
    return host_net_add(thread->host, made);
}

static int64_t answer_send(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    if (arguments[1] > DOOR_DATA_MAX || arguments[2] & ~KNOWN_FLAGS)
        return -EINVAL;
    socklen_t size = take_address(thread, &address);
    return answer(sendto(fd, thread->buffer + sizeof(struct door_address), (size_t)arguments[1],
                         (int)arguments[2] | MSG_NOSIGNAL | MSG_DONTWAIT,
                         size > 0 ? (const struct sockaddr *)&address : NULL, size));
}

/* With MSG_TRUNC, a datagram's whole size, of which the buffer has a part. */
static int64_t answer_receive(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    if (arguments[1] > DOOR_DATA_MAX || arguments[2] & ~KNOWN_FLAGS)
        return -EINVAL;
    struct iovec part = {thread->buffer + sizeof(struct door_address), (size_t)arguments[1]};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t got = recvmsg(fd, &message, (int)arguments[2] | MSG_DONTWAIT);
    if (got < 0)
        return -errno;
    give_address(thread, &address, message.msg_namelen,
                 (unsigned)message.msg_flags & (unsigned)MSG_TRUNC);
    return got;
}

static int64_t answer_shutdown(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    (void)thread;
    return answer(shutdown(fd, (int)(arguments[1] & 3)));
}

static int64_t answer_name(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    struct sockaddr *at = (struct sockaddr *)&address;
    socklen_t size = sizeof address;
    int result = arguments[1] ? getpeername(fd, at, &size) : getsockname(fd, at, &size);
    if (result == 0)
        give_address(thread, &address, size, 0);
    return answer(result);
}

static int64_t answer_set_option(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    int level = (int)(arguments[1] >> 32), name = (int)(uint32_t)arguments[1];
    if (arguments[2] > DOOR_OPTION_MAX || !socket_option_passes(level, name, true))
        return -ENOPROTOOPT;
    return answer(setsockopt(fd, level, name, thread->buffer, (socklen_t)arguments[2]));
}

static int64_t answer_get_option(struct host_thread *thread, int fd, const uint64_t arguments[3])
{
    int level = (int)(arguments[1] >> 32), name = (int)(uint32_t)arguments[1];
    socklen_t size = (socklen_t)arguments[2];
    if (arguments[2] > DOOR_OPTION_MAX || !socket_option_passes(level, name, false))
        return -ENOPROTOOPT;
    int result = getsockopt(fd, level, name, thread->buffer, &size);
    return result < 0 ? -errno : (int64_t)size;
}

int64_t host_net_answer(struct host_thread *thread, uint64_t number, const uint64_t arguments[3])
{
    static answer_fn *const answers[] = {
        [DOOR_SOCKET] = answer_socket,
        [DOOR_CLOSE] = answer_close,
        [DOOR_BIND] = answer_bind,
        [DOOR_CONNECT] = answer_connect,
        [DOOR_LISTEN] = answer_listen,
        [DOOR_ACCEPT] = answer_accept,
        [DOOR_SEND] = answer_send,
        [DOOR_RECEIVE] = answer_receive,
        [DOOR_SHUTDOWN] = answer_shutdown,
        [DOOR_NAME] = answer_name,
        [DOOR_SET_OPTION] = answer_set_option,
        [DOOR_GET_OPTION] = answer_get_option,
    };
    if (number >= sizeof answers / sizeof *answers || !answers[number])
        return -ENOSYS;
    (void)pthread_mutex_lock(&thread->host->lock);
    int fd = number == DOOR_SOCKET ? 0 : host_net_descriptor(thread->host, arguments[0]);
    int64_t result = fd < 0 ? -EBADF : answers[number](thread, fd, arguments);
    (void)pthread_mutex_unlock(&thread->host->lock);
    return result;
}
