/* The host's network for the program inside: sockets of IPv4 and IPv6 in the network namespace in
 * which this process stands. A handle is the place of a socket in a table, behind the standard
 * streams; no other descriptor can be reached by one. None of the answers waits. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/host_parts.h"
#include "enclave/libos/sockets/socket_options.h"

#define SOCKETS_MAX 16384
#define ROOM_MIN    64
#define LEFT_MAX    (1U << 20) /* bytes that are kept for one */
#define PATIENCE    1000       /* milliseconds without any of them going, at the end */
#define KNOWN_FLAGS ((uint64_t)(MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_MORE | MSG_EOR))

struct host_socket {
    int fd;          /* -1: the place is free */
    int error;       /* what happened to it beside a call of its own, or 0: told by the next one */
    struct buf left; /* of what the outbox had for it, what it did not take yet */
};

struct host_net {
    struct host_socket *sockets;
    size_t count;
    size_t left; /* sockets that have some left */
};

typedef int64_t answer_fn(struct host_thread *thread, struct host_socket *socket,
                          const uint64_t arguments[3]);

void host_net_fini(struct host *host)
{
    for (size_t i = 0; host->net && i < host->net->count; i++) {
        if (host->net->sockets[i].fd >= 0)
            (void)close(host->net->sockets[i].fd);
        buf_fini(&host->net->sockets[i].left);
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
    struct host_socket *sockets = realloc(net->sockets, count * sizeof *sockets);
    if (!sockets)
        return -ENOMEM;
    for (size_t i = net->count; i < count; i++)
        sockets[i] = (struct host_socket){.fd = -1};
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
    while (status == 0 && i < host->net->count && host->net->sockets[i].fd >= 0)
        i++;
    if (status == 0 && i == host->net->count)
        status = grow(host->net);
    if (status < 0) {
        (void)close(fd);
        return status;
    }
    host->net->sockets[i] = (struct host_socket){.fd = fd, .left = BUF_WITH_LIMIT(LEFT_MAX)};
    return (int64_t)i + DOOR_STREAMS;
}

/* NULL for none. */
static struct host_socket *find(const struct host *host, uint64_t handle)
{
    if (!host->net || handle < DOOR_STREAMS || handle - DOOR_STREAMS >= host->net->count)
        return NULL;
    struct host_socket *socket = &host->net->sockets[handle - DOOR_STREAMS];
    return socket->fd >= 0 ? socket : NULL;
}

int host_net_descriptor(const struct host *host, uint64_t handle)
{
    const struct host_socket *socket = find(host, handle);
    return socket ? socket->fd : -1;
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

/* --- beside the calls --------------------------------------------------------------------------
 */

static int take_error(struct host_socket *socket)
{
    int error = socket->error;
    socket->error = 0;
    return error;
}

/* How many bytes it took. That nobody reads any more is told by each call anyway. */
static size_t send_some(struct host_socket *socket, const uint8_t *bytes, size_t size)
{
    ssize_t put = send(socket->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put >= 0)
        return (size_t)put;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    if (errno != EPIPE)
        socket->error = errno;
    return size;
}

static void flush(struct host *host, struct host_socket *socket)
{
    if (socket->left.size == 0)
        return;
    buf_consume(&socket->left, send_some(socket, socket->left.data, socket->left.size));
    host->net->left -= socket->left.size == 0;
}

void host_net_post(struct host *host, uint32_t handle, const uint8_t *bytes, size_t size)
{
    struct host_socket *socket = find(host, handle);
    if (!socket)
        return;
    flush(host, socket);
    bool had_some = socket->left.size > 0;
    size_t put = had_some ? 0 : send_some(socket, bytes, size);
    if (put == size)
        return;
    if (buf_append(&socket->left, span_of(bytes + put, size - put), NULL) < 0)
        socket->error = ENOBUFS;
    host->net->left += !had_some && socket->left.size > 0;
}

size_t host_net_flush(struct host *host)
{
    for (size_t i = 0; host->net && host->net->left > 0 && i < host->net->count; i++) {
        if (host->net->sockets[i].fd >= 0)
            flush(host, &host->net->sockets[i]);
    }
    return host->net ? host->net->left : 0;
}

/* Before its end nothing is left, or it has had its time. */
static void flush_all(struct host *host, struct host_socket *socket)
{
    struct pollfd item = {.fd = socket->fd, .events = POLLOUT};
    flush(host, socket);
    while (socket->left.size > 0 && poll(&item, 1, PATIENCE) > 0)
        flush(host, socket);
}

void host_net_finish(struct host *host)
{
    for (size_t i = 0; host->net && host->net->left > 0 && i < host->net->count; i++) {
        if (host->net->sockets[i].fd >= 0)
            flush_all(host, &host->net->sockets[i]);
    }
}

bool host_net_fetch(struct host_thread *thread, uint32_t handle, size_t *place)
{
    size_t room = DOOR_BUFFER_SIZE - *place;
    bool is_there = false;
    if (room <= sizeof(uint32_t))
        return false;
    room -= sizeof(uint32_t);
    (void)pthread_mutex_lock(&thread->host->lock);
    struct host_socket *socket = find(thread->host, handle);
    if (socket) {
        ssize_t got = recv(socket->fd, thread->buffer + *place + sizeof(uint32_t),
                           room < DOOR_FETCH_MAX ? room : DOOR_FETCH_MAX, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            socket->error = errno;
        is_there = got > 0;
        const uint32_t size = is_there ? (uint32_t)got : 0;
        memcpy(thread->buffer + *place, &size, sizeof size);
        *place += is_there ? sizeof size + size : 0;
    }
    (void)pthread_mutex_unlock(&thread->host->lock);
    return is_there;
}

/* --- answers ---------------------------------------------------------------------------------- */

static int64_t answer_socket(struct host_thread *thread, struct host_socket *at,
                             const uint64_t arguments[3])
{
    int family = (int)(arguments[0] >> 32), type = (int)(uint32_t)arguments[0];
    (void)at;
    if ((family != AF_INET && family != AF_INET6) || (type != SOCK_STREAM && type != SOCK_DGRAM))
        return -EAFNOSUPPORT;
    int made = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, (int)arguments[1]);
    return made < 0 ? -errno : host_net_add(thread->host, made);
}

static int64_t answer_close(struct host_thread *thread, struct host_socket *socket,
                            const uint64_t arguments[3])
{
    (void)arguments;
    flush_all(thread->host, socket);
    thread->host->net->left -= socket->left.size > 0;
    buf_fini(&socket->left);
    (void)close(socket->fd);
    socket->fd = -1;
    return 0;
}

static int64_t answer_bind(struct host_thread *thread, struct host_socket *socket,
                           const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    (void)arguments;
    socklen_t size = take_address(thread, &address);
    return answer(bind(socket->fd, (const struct sockaddr *)&address, size));
}

static int64_t answer_connect(struct host_thread *thread, struct host_socket *socket,
                              const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    (void)arguments;
    socklen_t size = take_address(thread, &address);
    return answer(connect(socket->fd, (const struct sockaddr *)&address, size));
}

static int64_t answer_listen(struct host_thread *thread, struct host_socket *socket,
                             const uint64_t arguments[3])
{
    (void)thread;
    return answer(listen(socket->fd, (int)(arguments[1] & 0xFFFF)));
}

static int64_t answer_accept(struct host_thread *thread, struct host_socket *socket,
                             const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    (void)arguments;
    int made = accept4(socket->fd, (struct sockaddr *)&address, &size,
                       SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (made < 0)
        return -errno;
    give_address(thread, &address, size, 0);
    return host_net_add(thread->host, made);
}

static int64_t answer_send(struct host_thread *thread, struct host_socket *socket,
                           const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    if (arguments[1] > DOOR_DATA_MAX || arguments[2] & ~KNOWN_FLAGS)
        return -EINVAL;
    flush(thread->host, socket);
    int error = take_error(socket);
    if (error != 0 || socket->left.size > 0)
        return error != 0 ? -error : -EAGAIN;
    host_outbox_expect(thread->host);
    socklen_t size = take_address(thread, &address);
    return answer(sendto(socket->fd, thread->buffer + sizeof(struct door_address),
                         (size_t)arguments[1], (int)arguments[2] | MSG_NOSIGNAL | MSG_DONTWAIT,
                         size > 0 ? (const struct sockaddr *)&address : NULL, size));
}

static bool has_room(const struct host_socket *socket)
{
    struct pollfd item = {.fd = socket->fd, .events = POLLOUT};
    return socket->left.size == 0 && poll(&item, 1, 0) == 1 && item.revents == POLLOUT;
}

/* With MSG_TRUNC, a datagram's whole size, of which the buffer has a part. */
static int64_t answer_receive(struct host_thread *thread, struct host_socket *socket,
                              const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    uint64_t flags = arguments[2] & ~(uint64_t)DOOR_ASKS_ROOM;
    if (arguments[1] > DOOR_DATA_MAX || flags & ~KNOWN_FLAGS)
        return -EINVAL;
    struct iovec part = {thread->buffer + sizeof(struct door_address), (size_t)arguments[1]};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1};
    ssize_t got = recvmsg(socket->fd, &message, (int)flags | MSG_DONTWAIT);
    if (got <= 0 && socket->error != 0)
        return -take_error(socket);
    if (got < 0)
        return -errno;
    unsigned told = (unsigned)message.msg_flags & (unsigned)MSG_TRUNC;
    if (arguments[2] & DOOR_ASKS_ROOM && got > 0 && has_room(socket))
        told |= DOOR_ASKS_ROOM;
    give_address(thread, &address, message.msg_namelen, told);
    return got;
}

static int64_t answer_shutdown(struct host_thread *thread, struct host_socket *socket,
                               const uint64_t arguments[3])
{
    flush_all(thread->host, socket);
    return answer(shutdown(socket->fd, (int)(arguments[1] & 3)));
}

static int64_t answer_name(struct host_thread *thread, struct host_socket *socket,
                           const uint64_t arguments[3])
{
    struct sockaddr_storage address;
    struct sockaddr *at = (struct sockaddr *)&address;
    socklen_t size = sizeof address;
    int result = arguments[1] ? getpeername(socket->fd, at, &size)
                              : getsockname(socket->fd, at, &size);
    if (result == 0)
        give_address(thread, &address, size, 0);
    return answer(result);
}

static int64_t answer_set_option(struct host_thread *thread, struct host_socket *socket,
                                 const uint64_t arguments[3])
{
    int level = (int)(arguments[1] >> 32), name = (int)(uint32_t)arguments[1];
    if (arguments[2] > DOOR_OPTION_MAX || !socket_option_passes(level, name, true))
        return -ENOPROTOOPT;
    return answer(setsockopt(socket->fd, level, name, thread->buffer, (socklen_t)arguments[2]));
}

static int64_t answer_get_option(struct host_thread *thread, struct host_socket *socket,
                                 const uint64_t arguments[3])
{
    int level = (int)(arguments[1] >> 32), name = (int)(uint32_t)arguments[1];
    socklen_t size = (socklen_t)arguments[2];
    if (arguments[2] > DOOR_OPTION_MAX || !socket_option_passes(level, name, false))
        return -ENOPROTOOPT;
    if (level == SOL_SOCKET && name == SO_ERROR && socket->error != 0 && size >= sizeof(int)) {
        int error = take_error(socket);
        memcpy(thread->buffer, &error, sizeof error);
        return sizeof error;
    }
    int result = getsockopt(socket->fd, level, name, thread->buffer, &size);
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
    struct host_socket *socket = find(thread->host, arguments[0]);
    int64_t result = !socket && number != DOOR_SOCKET ? -EBADF
                                                      : answers[number](thread, socket, arguments);
    (void)pthread_mutex_unlock(&thread->host->lock);
    return result;
}
