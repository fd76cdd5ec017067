#include "enclave/libos/sockets/socket_inside.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/in.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/sockets/socket_options.h"
#include "enclave/libos/sockets/socket_unix.h"

#define BACKLOG      128
#define LOOPBACK     127 /* first byte of its addresses */
#define FIRST_CLIENT 49152
#define PORTS        65536

/* struct sockaddr_in and sockaddr_in6, of which only a few bytes are told. */
#define PORT_AT   2
#define IPV4_AT   4
#define IPV4_SIZE 16 /* of the structure */
#define IPV6_AT   8
#define IPV6_SIZE 28
#define IPV6_LAST (IPV6_AT + 15)
#define MAPPED_AT (IPV6_AT + 12) /* IPv4 in IPv6, behind ten zeros and two ones */

void (*socket_inside_asked)(void);

static struct {
    unsigned port;
    struct file *file; /* counted; NULL when nobody listens any more */
} places[INSIDE_PORTS_MAX];
static size_t place_count;

static const struct socket_ops inside_ops;

/* --- addresses -------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;
    for (size_t i = 0; i < size; i++)
        all |= bytes[i];
    return all == 0;
}

static bool is_near4(const uint8_t *address)
{
    return address[0] == LOOPBACK || is_zero(address, 4);
}

static bool is_near6(const uint8_t *bytes)
{
    if (is_zero(bytes + IPV6_AT, 10) && bytes[MAPPED_AT - 2] == 0xFF &&
        bytes[MAPPED_AT - 1] == 0xFF)
        return is_near4(bytes + MAPPED_AT);
    return is_zero(bytes + IPV6_AT, 15) && bytes[IPV6_LAST] <= 1;
}

static size_t find_port(unsigned port)
{
    size_t i = 0;
    while (i < place_count && places[i].port != port)
        i++;
    return i;
}

/* The place of its port; place_count for an address that means none. */
static size_t find_place(const struct socket_address *address)
{
    const uint8_t *bytes = address->bytes;
    uint16_t family = 0;
    if (address->size < IPV4_SIZE)
        return place_count;
    memcpy(&family, bytes, sizeof family);
    bool is_near = family == SOCKET_INET
                       ? is_near4(bytes + IPV4_AT)
                       : family == SOCKET_INET6 && address->size >= IPV6_SIZE && is_near6(bytes);
    return is_near ? find_port((unsigned)bytes[PORT_AT] << 8 | bytes[PORT_AT + 1]) : place_count;
}

bool socket_inside_means(const struct socket_address *address)
{
    return find_place(address) < place_count;
}

/* 127.0.0.1, or ::1, and a port. */
static struct socket_address address_of(int family, unsigned port)
{
    struct socket_address out = {.size = family == SOCKET_INET ? IPV4_SIZE : IPV6_SIZE,
                                 .bytes = {(uint8_t)family}};
    out.bytes[PORT_AT] = (uint8_t)(port >> 8);
    out.bytes[PORT_AT + 1] = (uint8_t)port;
    if (family == SOCKET_INET)
        out.bytes[IPV4_AT] = LOOPBACK;
    out.bytes[family == SOCKET_INET ? IPV4_AT + 3 : IPV6_LAST] = 1;
    return out;
}

static unsigned port_of(const struct socket_address *name)
{
    return name->size > 0 ? (unsigned)name->bytes[PORT_AT] << 8 | name->bytes[PORT_AT + 1] : 0;
}

static unsigned next_client(void)
{
    static unsigned last = FIRST_CLIENT - 1;
    last = last + 1 < PORTS ? last + 1 : FIRST_CLIENT;
    return last;
}

/* --- who listens ------------------------------------------------------------------------------ */

int socket_inside_listen(unsigned port, struct file **out)
{
    if (find_port(port) < place_count)
        return -EADDRINUSE;
    if (place_count == INSIDE_PORTS_MAX)
        return -ENOSPC;
    int status = socket_unix_new(SOCKET_STREAM, 0, out);
    if (status < 0)
        return status;
    struct unix_socket *socket = unix_of(*out);
    socket->socket.ops = &inside_ops;
    socket->socket.family = SOCKET_INET;
    socket->socket.protocol = IPPROTO_TCP;
    socket->name = address_of(SOCKET_INET, port);
    socket->is_listening = true;
    socket->backlog = BACKLOG;
    places[place_count].port = port;
    places[place_count++].file = file_get(*out);
    return 0;
}

void socket_inside_end(void)
{
    for (size_t i = 0; i < place_count; i++) {
        if (places[i].file)
            file_put(places[i].file);
        places[i].file = NULL;
    }
}

/* --- connections ------------------------------------------------------------------------------ */

int socket_inside_connect(struct file *file, const struct socket_address *address)
{
    const size_t place = find_place(address);
    const int family = socket_of(file)->family;
    struct unix_socket *made;
    if (place == place_count || !places[place].file)
        return -ECONNREFUSED;
    struct unix_socket *listening = unix_of(places[place].file);
    if (listening->pending_count >= listening->backlog)
        return -ECONNREFUSED;
    int status = unix_replace(file, &made);
    if (status < 0)
        return status;
    made->socket = (struct socket){
        .ops = &inside_ops, .family = family, .type = SOCKET_STREAM, .protocol = IPPROTO_TCP};
    made->name = address_of(family, next_client());
    status = unix_queue(listening, made);
    if (status == 0 && socket_inside_asked)
        socket_inside_asked();
    return status;
}

static int inside_connect(struct file *file, const struct socket_address *address)
{
    (void)address;
    return unix_of(file)->is_connected ? -EISCONN : -EINVAL;
}

static int inside_bind(struct file *file, const struct socket_address *address)
{
    (void)file;
    (void)address;
    return -EINVAL;
}

static int inside_listen(struct file *file, unsigned backlog)
{
    (void)backlog;
    return unix_of(file)->is_listening ? 0 : -EINVAL;
}

/* One that has gone meanwhile had an address, too. */
static int inside_accept(struct file *file, struct file **out, struct socket_address *peer)
{
    int status = unix_accept(file, out, peer);
    if (status == 0)
        *peer = address_of(SOCKET_INET, peer->size > UNIX_FAMILY_SIZE ? port_of(peer) : 0);
    return status;
}

static int inside_name(struct file *file, bool is_peer, struct socket_address *out)
{
    const struct unix_socket *socket = unix_of(file);
    const struct unix_socket *whose = is_peer ? socket->peer : socket;
    if (!whose)
        return -ENOTCONN;
    *out = address_of(socket->socket.family, port_of(&whose->name));
    return 0;
}

/* No files go with the bytes, and a stream's message goes to its peer whatever address it has. */
static int64_t inside_send(struct file *file, struct socket_message *message)
{
    if (message->file_count > 0)
        return -EINVAL;
    message->address.size = 0;
    return unix_send(file, message);
}

/* Those of TCP and IP that are known change nothing here. */
static int inside_set_option(struct file *file, int level, int name, const void *value, size_t size)
{
    (void)file;
    (void)value;
    if (!socket_option_passes(level, name, true))
        return -ENOPROTOOPT;
    return size < sizeof(int) ? -EINVAL : 0;
}

static int inside_get_option(struct file *file, int level, int name, void *value, size_t size)
{
    if (level == SOCKET_LEVEL)
        return name == OPTION_PEER_CREDS ? -ENOPROTOOPT
                                         : unix_get_option(file, level, name, value, size);
    if (!socket_option_passes(level, name, false))
        return -ENOPROTOOPT;
    const int number = 0;
    memcpy(value, &number, size < sizeof number ? size : sizeof number);
    return (int)(size < sizeof number ? size : sizeof number);
}

static const struct socket_ops inside_ops = {.bind = inside_bind,
                                             .connect = inside_connect,
                                             .listen = inside_listen,
                                             .accept = inside_accept,
                                             .send = inside_send,
                                             .receive = unix_receive,
                                             .shutdown = unix_shutdown,
                                             .name = inside_name,
                                             .set_option = inside_set_option,
                                             .get_option = inside_get_option};
