/* Sockets of the host's network: IPv4 and IPv6, streams and datagrams. The host sees and may change
 * all that goes through them. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/in.h>
#include <linux/poll.h>
#include <linux/tcp.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door_net.h"
#include "enclave/libos/files/ready.h"
#include "enclave/libos/sockets/socket.h"
#include "enclave/libos/sockets/socket_options.h"

#define SHUTDOWN_MOST 2 /* SHUT_RDWR */
#define EVENTS        (POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDHUP)

/* What goes through the door of the flags of a message that is sent. */
#define SEND_FLAGS (SOCKET_OOB | SOCKET_MORE | SOCKET_END)

struct host_socket {
    struct socket socket;
    uint32_t handle;
    bool is_listening;
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
        .handle = handle};
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

static int host_bind(struct file *file, const struct socket_address *address)
{
    return door_bind(of(file)->handle, address->bytes, address->size);
}

static int host_connect(struct file *file, const struct socket_address *address)
{
    file->edges++;
    return door_connect(of(file)->handle, address->bytes, address->size);
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
    return make(socket->family, socket->type, socket->protocol, 0, (uint32_t)handle, out);
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
    memcpy(to.bytes, message->address.bytes, to.size);
    int64_t put = door_send(of(file)->handle, &to, message->bytes, message->size,
                            message->flags & SEND_FLAGS);
    file->edges += put < (int64_t)message->size;
    return put;
}

static int64_t host_receive(struct file *file, struct socket_message *message)
{
    struct door_address from;
    unsigned flags = SOCKET_OOB | SOCKET_PEEK;
    if (of(file)->socket.type == SOCKET_DATAGRAM)
        flags |= SOCKET_CUT;
    file->edges++;
    int64_t got = door_receive(of(file)->handle, of(file)->socket.family, &from, message->bytes,
                               message->size, message->flags & flags);
    message->flags = 0;
    if (got < 0)
        return got;
    give_address(&from, &message->address);
    message->flags = from.flags & SOCKET_CUT;
    return got;
}

static int host_shutdown(struct file *file, unsigned how)
{
    file->edges++;
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

static unsigned host_poll(struct file *file)
{
    struct ready one = {.file = file, .wanted = EVENTS};
    (void)ready_look(&one, 1);
    return one.seen;
}

static void host_release(struct file *file)
{
    door_close(of(file)->handle);
    libos_free(file->state);
}

static const struct file_kind host_kind = {.name = "socket",
                                           .type = FILE_SOCKET,
                                           .is_stream = true,
                                           .read = host_read,
                                           .write = host_write,
                                           .handle = host_handle,
                                           .poll = host_poll,
                                           .release = host_release};
