/* Bytes and files through sockets of AF_UNIX, and when there are any. */
#include <linux/errno.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/sockets/socket_unix.h"
#include "enclave/libos/wipe.h"

#define ROOM_TO_WRITE 4096 /* bytes, from which on a stream can be written to */

static size_t flight; /* files in all packets */

void unix_changed(struct unix_socket *socket)
{
    socket->file->edges++;
    if (file_changed)
        file_changed();
}

/* --- packets ---------------------------------------------------------------------------------- */

static void free_packet(struct unix_packet *packet, bool is_secret)
{
    if (is_secret)
        libos_wipe(packet->bytes, packet->end);
    for (size_t i = 0; i < packet->file_count; i++)
        file_put(packet->files[i]);
    flight -= packet->file_count;
    libos_free(packet->files);
    libos_free(packet);
}

static void drop_first(struct unix_socket *socket)
{
    struct unix_packet *packet = socket->first;
    socket->first = packet->next;
    if (!socket->first)
        socket->last = NULL;
    socket->packets--;
    free_packet(packet, socket->has_secrets);
}

void unix_drop_packets(struct unix_socket *socket)
{
    while (socket->first)
        drop_first(socket);
    socket->bytes = 0;
}

static int make_packet(const struct unix_socket *from, const struct socket_message *message,
                       size_t size, struct unix_packet **out)
{
    if (message->file_count > UNIX_FLIGHT_MAX - flight)
        return -ETOOMANYREFS;
    struct unix_packet *packet = alloc_zeroed(1, sizeof *packet + size);
    struct file **files = alloc_zeroed(message->file_count + 1, sizeof(struct file *));
    if (!packet || !files) {
        libos_free(packet);
        libos_free(files);
        return -ENOMEM;
    }
    packet->end = size;
    packet->from = from->name;
    packet->creds = unix_creds();
    packet->files = files;
    packet->file_count = message->file_count;
    for (size_t i = 0; i < packet->file_count; i++)
        files[i] = file_get(message->files[i]);
    flight += packet->file_count;
    if (size > 0)
        memcpy(packet->bytes, message->bytes, size);
    *out = packet;
    return 0;
}

static void append(struct unix_socket *to, struct unix_packet *packet)
{
    *(to->last ? to->last : &to->first) = packet;
    to->last = &packet->next;
    to->packets++;
    to->bytes += packet->end;
    unix_changed(to);
}

/* --- sending ---------------------------------------------------------------------------------- */

static size_t room_of(const struct unix_socket *socket)
{
    return socket->bytes < UNIX_QUEUE_MAX ? UNIX_QUEUE_MAX - socket->bytes : 0;
}

/* Where a message goes. */
static int find_receiver(const struct unix_socket *socket, const struct socket_message *message,
                         struct unix_socket **out)
{
    bool is_datagram = socket->socket.type == SOCKET_DATAGRAM;
    *out = socket->peer;
    if (message->address.size > 0 && !is_datagram)
        return socket->is_connected ? -EISCONN : -EOPNOTSUPP;
    if (message->address.size > 0)
        return unix_find(&message->address, SOCKET_DATAGRAM, out);
    if (*out)
        return 0;
    if (!socket->is_connected)
        return -ENOTCONN;
    return is_datagram ? -ECONNREFUSED : -EPIPE;
}

/* How many of the bytes go now. */
static int64_t fit(const struct unix_socket *from, const struct unix_socket *to, size_t size)
{
    if (from->socket.type == SOCKET_STREAM) {
        size_t room = room_of(to);
        return room == 0 && size > 0 ? -EAGAIN : (int64_t)(size < room ? size : room);
    }
    if (size > UNIX_QUEUE_MAX)
        return -EMSGSIZE;
    if (size > room_of(to) ||
        (from->socket.type == SOCKET_DATAGRAM && to != from && to->packets > UNIX_PACKETS_MAX))
        return -EAGAIN;
    return (int64_t)size;
}

int64_t unix_send(struct file *file, struct socket_message *message)
{
    struct unix_socket *socket = unix_of(file), *to;
    struct unix_packet *packet;
    if (message->flags & SOCKET_OOB)
        return -EOPNOTSUPP;
    int status = find_receiver(socket, message, &to);
    if (status < 0)
        return status;
    if (socket->ends_write || to->ends_read)
        return -EPIPE;
    if (to->peer && to->peer != socket) /* it listens to another one alone */
        return -EPERM;
    if (message->size == 0 && socket->socket.type == SOCKET_STREAM)
        return 0;
    int64_t size = fit(socket, to, message->size);
    if (size < 0)
        return size;
    status = make_packet(socket, message, (size_t)size, &packet);
    if (status < 0)
        return status;
    append(to, packet);
    return size;
}

/* --- receiving -------------------------------------------------------------------------------- */

static int64_t nothing_there(struct unix_socket *socket)
{
    bool is_datagram = socket->socket.type == SOCKET_DATAGRAM;
    int error = socket->error;
    socket->error = 0;
    if (error != 0)
        return -error;
    if (socket->ends_read || (socket->is_connected && !socket->peer && !is_datagram))
        return 0;
    return socket->is_connected || is_datagram ? -EAGAIN : -EINVAL;
}

/* With its files, which are the receiver's then; copies of them where it only peeks. */
static void take_files(struct unix_packet *packet, struct socket_message *message, bool peeks)
{
    if (!message->files || packet->file_count == 0)
        return;
    memcpy(message->files, packet->files, packet->file_count * sizeof(struct file *));
    message->file_count = packet->file_count;
    for (size_t i = 0; peeks && i < packet->file_count; i++)
        file_get(packet->files[i]);
    if (peeks)
        return;
    flight -= packet->file_count;
    packet->file_count = 0;
}

/* A whole message: what does not fit is lost, and the flag says so. */
static int64_t take_message(struct unix_socket *socket, struct socket_message *message, bool peeks)
{
    struct unix_packet *packet = socket->first;
    size_t size = packet->end < message->size ? packet->end : message->size;
    int64_t told = message->flags & SOCKET_CUT ? (int64_t)packet->end : (int64_t)size;
    memcpy(message->bytes, packet->bytes, size);
    message->flags = size < packet->end ? SOCKET_CUT : 0;
    if (socket->socket.type == SOCKET_PACKET)
        message->flags |= SOCKET_END;
    message->address = packet->from;
    take_files(packet, message, peeks);
    if (!peeks) {
        socket->bytes -= packet->end;
        drop_first(socket);
    }
    return told;
}

/* Bytes of one packet after the other, up to one that brings files, and its. */
static int64_t take_bytes(struct unix_socket *socket, struct socket_message *message, bool peeks)
{
    struct unix_packet *packet = socket->first;
    size_t done = 0;
    message->flags = 0;
    while (packet && done < message->size && (done == 0 || packet->file_count == 0) &&
           message->file_count == 0) {
        size_t there = packet->end - packet->start, left = message->size - done;
        size_t part = there < left ? there : left;
        memcpy(message->bytes + done, packet->bytes + packet->start, part);
        done += part;
        take_files(packet, message, peeks);
        struct unix_packet *next = packet->next;
        if (!peeks) {
            packet->start += part;
            socket->bytes -= part;
            if (packet->start == packet->end)
                drop_first(socket);
        }
        packet = next;
    }
    return (int64_t)done;
}

int64_t unix_receive(struct file *file, struct socket_message *message)
{
    struct unix_socket *socket = unix_of(file);
    bool peeks = message->flags & SOCKET_PEEK;
    message->file_count = 0;
    message->address.size = 0;
    if (message->flags & SOCKET_OOB)
        return -EOPNOTSUPP;
    if (!socket->first) {
        message->flags = 0;
        return nothing_there(socket);
    }
    message->creds = socket->first->creds;
    int64_t got = socket->socket.type == SOCKET_STREAM ? take_bytes(socket, message, peeks)
                                                       : take_message(socket, message, peeks);
    message->has_creds = socket->passes_creds;
    if (socket->peer && !peeks)
        unix_changed(socket->peer); /* there is room */
    else if (!peeks && file_changed)
        file_changed();
    return got;
}

/* --- when there is something ------------------------------------------------------------------ */

static bool can_send(const struct unix_socket *socket)
{
    const struct unix_socket *to = socket->peer;
    if (!to)
        return true;
    if (socket->socket.type == SOCKET_DATAGRAM && to->packets > UNIX_PACKETS_MAX)
        return false;
    return room_of(to) >= ROOM_TO_WRITE;
}

/* net/unix/af_unix.c, unix_poll(). */
unsigned unix_poll(struct file *file)
{
    const struct unix_socket *socket = unix_of(file);
    bool is_datagram = socket->socket.type == SOCKET_DATAGRAM;
    bool has_gone = socket->is_connected && !socket->peer && !is_datagram;
    unsigned seen = socket->error != 0 ? POLLERR : 0;
    if (socket->first || socket->pending)
        seen |= POLLIN | POLLRDNORM;
    if (socket->ends_read || has_gone)
        seen |= POLLIN | POLLRDNORM | POLLRDHUP;
    if ((socket->ends_read && socket->ends_write) || has_gone ||
        (!is_datagram && !socket->is_connected && !socket->is_listening))
        seen |= POLLHUP;
    if (!socket->is_listening && can_send(socket))
        seen |= POLLOUT | POLLWRNORM;
    return seen;
}
