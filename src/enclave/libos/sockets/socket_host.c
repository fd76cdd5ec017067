/*
 * Sockets of the host's network: IPv4 and IPv6, streams and datagrams. The host sees and may change
 * all that goes through them.
 *
 * Theory of operation: leaving the enclave costs more than what a short message does. So a look at
 * several sockets (ready.c) brings along what streams have to be read, which is kept here until the
 * program reads it; and what is sent by a stream of which the host said that it takes bytes goes to
 * the outbox (door/outbox.h), as much as such a socket takes for sure. Errors come with the next
 * call then, as they do of bytes that the kernel has taken. A program that sets what this would get
 * in the way of (sizes of buffers, SO_RCVLOWAT) has the door for each call.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/in.h>
#include <linux/poll.h>
#include <linux/tcp.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/door/door_net.h"
#include "enclave/libos/door/outbox.h"
#include "enclave/libos/files/ready.h"
#include "enclave/libos/sockets/socket.h"
#include "enclave/libos/sockets/socket_inside.h"
#include "enclave/libos/sockets/socket_options.h"

#define SHUTDOWN_MOST 2 /* SHUT_RDWR */
#define EVENTS        (POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDHUP)

/* What goes through the door of the flags of a message that is sent. */
#define SEND_FLAGS (SOCKET_OOB | SOCKET_MORE | SOCKET_END)

#define CREDIT DOOR_POST_MAX

struct host_socket {
    struct socket socket;
    uint32_t handle;
    bool is_listening;
    bool has_begun;   /* to connect, for all that is known */
    bool is_plain;    /* a stream that is read ahead and posted to */
    uint32_t credit;  /* bytes that may be posted until the host says again that it takes some */
    uint8_t *fetched; /* NULL: none */
    size_t begin, end;
    bool has_lost; /* bytes that came found no memory: nothing that comes after them is read */
};

static const struct file_kind host_kind;
static const struct socket_ops host_ops;

static struct host_socket *of(const struct file *file)
{
    return file->state;
}

static int make(int family, int type, int protocol, unsigned flags, uint32_t handle,
                struct file **out)
{
    struct host_socket *made = alloc_zeroed(1, sizeof *made);
    int status = made ? file_new(&host_kind, (flags & O_NONBLOCK) | O_RDWR, NULL, out) : -ENOMEM;
    if (status < 0) {
        libos_free(made);
        door_close(handle);
        return status;
    }
    *made = (struct host_socket){
        .socket = {.ops = &host_ops, .family = family, .type = type, .protocol = protocol},
        .handle = handle,
        .is_plain = type == SOCKET_STREAM};
    (*out)->state = made;
    return 0;
}

int socket_host_new(int family, int type, int protocol, unsigned flags, struct file **out)
{
    int usual = type == SOCKET_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    if (type != SOCKET_STREAM && type != SOCKET_DATAGRAM)
        return -ESOCKTNOSUPPORT; /* raw ones and the like are not there */
    if (protocol != 0 && protocol != usual)
        return -EPROTONOSUPPORT;
    int64_t handle = door_socket(family, type, usual);
    if (handle < 0)
        return (int)handle;
    return make(family, type, usual, flags, (uint32_t)handle, out);
}

/* --- the calls -------------------------------------------------------------------------------- */

bool socket_host_is(const struct file *file)
{
    return file->kind == &host_kind;
}

/* Who listens there is in the enclave. */
static int host_bind(struct file *file, const struct socket_address *address)
{
    if (of(file)->socket.type == SOCKET_STREAM && socket_inside_means(address))
        return -EADDRINUSE;
    return door_bind(of(file)->handle, address->bytes, address->size);
}

static bool is_begun(int status)
{
    return status == 0 || status == -EINPROGRESS || status == -EALREADY || status == -EISCONN ||
           status == -EAGAIN;
}

/* A socket that was connected to somebody stays with the host: another thread may wait for it. */
static int host_connect(struct file *file, const struct socket_address *address)
{
    struct host_socket *socket = of(file);
    file->edges++;
    if (socket->socket.type == SOCKET_STREAM && socket_inside_means(address))
        return socket->has_begun || socket->is_listening ? -EISCONN
                                                         : socket_inside_connect(file, address);
    int status = door_connect(socket->handle, address->bytes, address->size);
    socket->has_begun = is_begun(status);
    return status;
}

static int host_listen(struct file *file, unsigned backlog)
{
    int status = door_listen(of(file)->handle, backlog);
    of(file)->is_listening = of(file)->is_listening || status == 0;
    return status;
}

static void give_address(const struct door_address *from, struct socket_address *out)
{
    out->size = from->size;
    memcpy(out->bytes, from->bytes, from->size);
}

static int host_accept(struct file *file, struct file **out, struct socket_address *peer)
{
    const struct socket *socket = &of(file)->socket;
    struct door_address from;
    file->edges++;
    int64_t handle = door_accept(of(file)->handle, socket->family, &from);
    if (handle < 0)
        return (int)handle;
    give_address(&from, peer);
    int status = make(socket->family, socket->type, socket->protocol, 0, (uint32_t)handle, out);
    if (status == 0)
        of(*out)->has_begun = true;
    return status;
}

static bool posts(struct host_socket *socket, const struct socket_message *message)
{
    if (message->size == 0 || message->size > socket->credit || message->address.size > 0 ||
        message->flags & SEND_FLAGS || !outbox_post(socket->handle, message->bytes, message->size))
        return false;
    socket->credit -= (uint32_t)message->size;
    return true;
}

static int64_t host_send(struct file *file, struct socket_message *message)
{
    struct door_address to = {.size = (uint32_t)message->address.size};
    if (message->file_count > 0)
        return -EINVAL;
    if (to.size > sizeof to.bytes)
        return -EINVAL;
    if (of(file)->socket.type == SOCKET_DATAGRAM && message->size > DOOR_DATA_MAX)
        return -EMSGSIZE;
    if (posts(of(file), message))
        return (int64_t)message->size;
    of(file)->credit = 0;
    memcpy(to.bytes, message->address.bytes, to.size);
    int64_t put = door_send(of(file)->handle, &to, message->bytes, message->size,
                            message->flags & SEND_FLAGS);
    file->edges += put < (int64_t)message->size;
    return put;
}

/* What was fetched goes first: how many bytes. */
static size_t take_fetched(struct host_socket *socket, struct socket_message *message)
{
    size_t there = socket->end - socket->begin;
    size_t size = message->size < there ? message->size : there;
    if (message->flags & SOCKET_OOB || size == 0)
        return 0;
    memcpy(message->bytes, socket->fetched + socket->begin, size);
    if (message->flags & SOCKET_PEEK)
        return size;
    socket->begin += size;
    if (size == there) {
        libos_free(socket->fetched);
        socket->fetched = NULL;
        socket->begin = socket->end = 0;
    }
    return size;
}

static int64_t receive_outside(struct file *file, struct socket_message *message)
{
    struct door_address from;
    unsigned flags = SOCKET_OOB | SOCKET_PEEK;
    if (of(file)->socket.type == SOCKET_DATAGRAM)
        flags |= SOCKET_CUT;
    if (of(file)->has_lost)
        return -ENOBUFS;
    bool asks = of(file)->is_plain && of(file)->credit < CREDIT;
    int64_t got = door_receive(of(file)->handle, of(file)->socket.family, &from, message->bytes,
                               message->size,
                               (message->flags & flags) | (asks ? DOOR_ASKS_ROOM : 0));
    message->flags = 0;
    if (got < 0)
        return got;
    if (asks && got > 0 && from.flags & DOOR_ASKS_ROOM)
        of(file)->credit = CREDIT;
    give_address(&from, &message->address);
    message->flags = from.flags & SOCKET_CUT;
    return got;
}

/* A fetch that brought as much as one may has probably left some. */
static int64_t host_receive(struct file *file, struct socket_message *message)
{
    struct host_socket *socket = of(file);
    bool is_cut = socket->end == DOOR_FETCH_MAX || message->flags & SOCKET_PEEK;
    file->edges++;
    size_t taken = take_fetched(socket, message);
    if (taken == 0)
        return receive_outside(file, message);
    struct socket_message rest = {
        .bytes = message->bytes + taken, .size = message->size - taken, .flags = message->flags};
    int64_t more = is_cut && rest.size > 0 ? receive_outside(file, &rest) : 0;
    message->address.size = 0;
    message->flags = 0;
    return (int64_t)taken + (more > 0 ? more : 0);
}

static int host_shutdown(struct file *file, unsigned how)
{
    file->edges++;
    of(file)->credit = 0;
    return how > SHUTDOWN_MOST ? -EINVAL : door_shutdown(of(file)->handle, how);
}

static int host_name(struct file *file, bool is_peer, struct socket_address *out)
{
    struct door_address name;
    int status = door_name(of(file)->handle, of(file)->socket.family, is_peer, &name);
    if (status == 0)
        give_address(&name, out);
    return status;
}

static int host_set_option(struct file *file, int level, int name, const void *value, size_t size)
{
    if (!socket_option_passes(level, name, true))
        return -ENOPROTOOPT;
    if (level == SOCKET_LEVEL && (name == OPTION_SEND_BUFFER || name == OPTION_RECEIVE_BUFFER ||
                                  name == OPTION_RECEIVE_LEAST || name == OPTION_OOB_INLINE)) {
        of(file)->is_plain = false;
        of(file)->credit = 0;
    }
    return door_set_option(of(file)->handle, level, name, value, size);
}

/* What the host says of an error is one of those that are known. */
static int host_get_option(struct file *file, int level, int name, void *value, size_t size)
{
    int number = of(file)->is_listening;
    if (level == SOCKET_LEVEL && name == OPTION_ACCEPTS) {
        memcpy(value, &number, size < sizeof number ? size : sizeof number);
        return (int)(size < sizeof number ? size : sizeof number);
    }
    if (!socket_option_passes(level, name, false))
        return -ENOPROTOOPT;
    int got = door_get_option(of(file)->handle, level, name, value, size);
    if (got != sizeof number || level != SOCKET_LEVEL || name != OPTION_ERROR)
        return got;
    memcpy(&number, value, sizeof number);
    if (number != 0)
        number = door_known_errno(number);
    memcpy(value, &number, sizeof number);
    return got;
}

static const struct socket_ops host_ops = {.bind = host_bind,
                                           .connect = host_connect,
                                           .listen = host_listen,
                                           .accept = host_accept,
                                           .send = host_send,
                                           .receive = host_receive,
                                           .shutdown = host_shutdown,
                                           .name = host_name,
                                           .set_option = host_set_option,
                                           .get_option = host_get_option};

/* --- as a file -------------------------------------------------------------------------------- */

static int64_t host_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct socket_message message = {.bytes = out, .size = size};
    (void)offset;
    return size == 0 ? 0 : host_receive(file, &message);
}

static int64_t host_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct socket_message message = {.bytes = (uint8_t *)(uintptr_t)bytes, .size = size};
    (void)offset;
    return host_send(file, &message);
}

static uint32_t host_handle(const struct file *file)
{
    return of(file)->handle;
}

/* Of one that is read ahead, also what it has to be read, and whether it takes bytes. */
static unsigned host_asks(const struct file *file)
{
    const struct host_socket *socket = of(file);
    if (!socket->is_plain || socket->is_listening)
        return 0;
    bool is_wanting = !socket->fetched && !socket->has_lost;
    return (is_wanting ? DOOR_FETCH : 0) | (socket->credit < CREDIT ? POLLOUT : 0);
}

static unsigned host_held(const struct file *file)
{
    return of(file)->fetched ? POLLIN | POLLRDNORM : 0;
}

static void host_hear(struct file *file, unsigned events, size_t place, size_t size)
{
    struct host_socket *socket = of(file);
    if (!socket->is_plain)
        return;
    if (events & POLLOUT && !(events & (POLLERR | POLLHUP)))
        socket->credit = CREDIT;
    if (size == 0)
        return;
    file->edges++;
    socket->fetched = socket->fetched ? NULL : libos_alloc(size);
    socket->has_lost = !socket->fetched;
    if (socket->has_lost)
        return;
    door_get_fetched(place, socket->fetched, size);
    socket->begin = 0;
    socket->end = size;
}

static unsigned host_poll(struct file *file)
{
    struct ready one = {.file = file, .wanted = EVENTS};
    (void)ready_look(&one, 1);
    return one.seen;
}

/* A connection that is closed with bytes that nobody read is reset, as Linux has it. */
static void host_release(struct file *file)
{
    static const int at_once[2] = {1, 0}; /* struct linger */
    struct host_socket *socket = of(file);
    if (socket->fetched)
        (void)door_set_option(socket->handle, SOCKET_LEVEL, OPTION_LINGER, at_once, sizeof at_once);
    door_close(socket->handle);
    libos_free(socket->fetched);
    libos_free(socket);
}

static const struct file_kind host_kind = {.name = "socket",
                                           .type = FILE_SOCKET,
                                           .is_stream = true,
                                           .read = host_read,
                                           .write = host_write,
                                           .handle = host_handle,
                                           .asks = host_asks,
                                           .held = host_held,
                                           .hear = host_hear,
                                           .poll = host_poll,
                                           .release = host_release};
