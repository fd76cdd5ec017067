#include "enclave/libos/sockets/socket_unix.h"

#include <linux/errno.h>
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/files/walk.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/sockets/socket_options.h"

#define SHUTDOWN_MOST 2 /* SHUT_RDWR */

static struct unix_socket *all;

static const struct file_kind unix_kind;
static const struct socket_ops unix_ops;

static struct vfs *own_files(void)
{
    return &process_self()->vfs;
}

struct socket_creds unix_creds(void)
{
    const struct process *process = process_self();
    return process ? (struct socket_creds){(uint32_t)process->number, process->vfs.creds.uid,
                                           process->vfs.creds.gid}
                   : (struct socket_creds){0};
}

/* --- making ----------------------------------------------------------------------------------- */

static void begin(struct unix_socket *made, int type, struct file *file)
{
    *made = (struct unix_socket){.socket = {.ops = &unix_ops, .family = SOCKET_UNIX, .type = type},
                                 .file = file,
                                 .own = unix_creds(),
                                 .next = all};
    all = made;
    file->state = made;
}

int socket_unix_new(int type, unsigned flags, struct file **out)
{
    if (type != SOCKET_STREAM && type != SOCKET_DATAGRAM && type != SOCKET_PACKET)
        return -ESOCKTNOSUPPORT;
    struct unix_socket *made = alloc_zeroed(1, sizeof *made);
    int status = made ? file_new(&unix_kind, (flags & O_NONBLOCK) | O_RDWR, NULL, out) : -ENOMEM;
    if (status < 0) {
        libos_free(made);
        return status;
    }
    begin(made, type, *out);
    return 0;
}

int unix_replace(struct file *file, struct unix_socket **out)
{
    *out = alloc_zeroed(1, sizeof **out);
    if (!*out)
        return -ENOMEM;
    if (file->kind->release)
        file->kind->release(file);
    file->kind = &unix_kind;
    begin(*out, SOCKET_STREAM, file);
    return 0;
}

static void join(struct unix_socket *a, struct unix_socket *b)
{
    a->peer = b;
    b->peer = a;
    a->theirs = b->own;
    b->theirs = a->own;
    a->is_connected = b->is_connected = true;
}

int socket_unix_pair(int type, unsigned flags, struct file *out[2])
{
    int status = socket_unix_new(type, flags, &out[0]);
    if (status < 0)
        return status;
    status = socket_unix_new(type, flags, &out[1]);
    if (status < 0) {
        file_put(out[0]);
        return status;
    }
    join(unix_of(out[0]), unix_of(out[1]));
    return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

/* The address' path with an end. -EINVAL for what is no address of this family. */
static int take_path(const struct socket_address *address, char out[UNIX_PATH_MAX + 1])
{
    uint16_t family;
    if (address->size <= UNIX_FAMILY_SIZE || address->size > UNIX_FAMILY_SIZE + UNIX_PATH_MAX)
        return -EINVAL;
    memcpy(&family, address->bytes, sizeof family);
    if (family != SOCKET_UNIX)
        return -EINVAL;
    size_t size = address->size - UNIX_FAMILY_SIZE;
    memcpy(out, address->bytes + UNIX_FAMILY_SIZE, size);
    out[size] = 0;
    return 0;
}

static struct unix_socket *find_abstract(const struct socket_address *name)
{
    struct unix_socket *one = all;
    while (one && (one->node || one->is_accepted || one->name.size != name->size ||
                   memcmp(one->name.bytes, name->bytes, name->size) != 0))
        one = one->next;
    return one;
}

static int find_path(const char *path, struct unix_socket **out)
{
    struct walk walk;
    int status = walk_path(own_files(), AT_FDCWD, path, 0, &walk);
    if (status < 0)
        return status;
    status = access_node(&own_files()->creds, walk.node, ACCESS_WRITE);
    *out = all;
    while (*out && (*out)->node != walk.node)
        *out = (*out)->next;
    walk_fini(&walk);
    return status == 0 && !*out ? -ECONNREFUSED : status;
}

int unix_find(const struct socket_address *address, int type, struct unix_socket **out)
{
    char path[UNIX_PATH_MAX + 1];
    int status = take_path(address, path);
    if (status < 0)
        return status;
    if (path[0] != 0)
        status = find_path(path, out);
    else if (!(*out = find_abstract(address)))
        status = -ECONNREFUSED;
    if (status == 0 && (*out)->socket.type != type)
        status = -EPROTOTYPE;
    return status;
}

static int bind_path(struct unix_socket *socket, const char *path)
{
    struct walk walk = {.node = NULL};
    int status = vfs_mknod(own_files(), AT_FDCWD, path, FILE_SOCKET << 12 | 0777, 0, 0);
    if (status == 0)
        status = walk_path(own_files(), AT_FDCWD, path, 0, &walk);
    if (status < 0)
        return status == -EEXIST ? -EADDRINUSE : status;
    socket->node = node_get(walk.node);
    walk_fini(&walk);
    return 0;
}

/* A name of five digits, as Linux gives to who asks for any. */
static int bind_any(struct unix_socket *socket)
{
    static uint32_t next;
    struct socket_address name = {.size = UNIX_FAMILY_SIZE + 6, .bytes = {SOCKET_UNIX}};
    do {
        next = (next + 1) & 0xFFFFF;
        for (unsigned i = 0; i < 5; i++)
            name.bytes[3 + i] = (uint8_t)("0123456789abcdef"[next >> 4 * (4 - i) & 15]);
    } while (find_abstract(&name));
    socket->name = name;
    return 0;
}

static int unix_bind(struct file *file, const struct socket_address *address)
{
    struct unix_socket *socket = unix_of(file);
    char path[UNIX_PATH_MAX + 1];
    if (address->size == UNIX_FAMILY_SIZE && address->bytes[0] == SOCKET_UNIX)
        return socket->name.size > 0 ? 0 : bind_any(socket);
    int status = take_path(address, path);
    if (status == 0 && socket->name.size > 0)
        status = -EINVAL;
    if (status == 0 && path[0] == 0)
        status = find_abstract(address) ? -EADDRINUSE : 0;
    else if (status == 0)
        status = bind_path(socket, path);
    if (status < 0)
        return status;
    socket->name = *address;
    if (socket->node) /* with its end, as Linux tells of it */
        socket->name.size = UNIX_FAMILY_SIZE + strlen(path) + 1;
    if (socket->name.size > UNIX_FAMILY_SIZE + UNIX_PATH_MAX)
        socket->name.size = UNIX_FAMILY_SIZE + UNIX_PATH_MAX;
    return 0;
}

static int unix_name(struct file *file, bool is_peer, struct socket_address *out)
{
    const struct unix_socket *socket = unix_of(file);
    const struct unix_socket *whose = is_peer ? socket->peer : socket;
    if (!whose)
        return -ENOTCONN;
    *out = whose->name;
    if (out->size == 0)
        *out = (struct socket_address){.size = UNIX_FAMILY_SIZE, .bytes = {SOCKET_UNIX}};
    return 0;
}

/* --- connections ------------------------------------------------------------------------------ */

static int unix_listen(struct file *file, unsigned backlog)
{
    struct unix_socket *socket = unix_of(file);
    if (socket->socket.type == SOCKET_DATAGRAM)
        return -EOPNOTSUPP;
    if (socket->name.size == 0 || socket->is_connected)
        return -EINVAL;
    socket->is_listening = true;
    socket->own = unix_creds();
    socket->backlog = backlog < UNIX_BACKLOG_MAX ? backlog : UNIX_BACKLOG_MAX;
    unix_changed(socket);
    return 0;
}

int unix_queue(struct unix_socket *listening, struct unix_socket *socket)
{
    struct file *file;
    if (!listening->is_listening)
        return -ECONNREFUSED;
    if (listening->pending_count > listening->backlog)
        return -EAGAIN;
    int status = socket_unix_new(socket->socket.type, 0, &file);
    if (status < 0)
        return status;
    struct unix_socket *end = unix_of(file);
    end->socket.ops = listening->socket.ops;
    end->socket.family = listening->socket.family;
    end->socket.protocol = listening->socket.protocol;
    end->name = listening->name;
    end->is_accepted = true;
    end->own = listening->own;
    socket->own = unix_creds();
    join(end, socket);
    struct file **place = &listening->pending;
    while (*place)
        place = &unix_of(*place)->next_pending;
    *place = file;
    listening->pending_count++;
    unix_changed(listening);
    unix_changed(socket);
    return 0;
}

static int unix_connect(struct file *file, const struct socket_address *address)
{
    struct unix_socket *socket = unix_of(file), *other;
    bool is_datagram = socket->socket.type == SOCKET_DATAGRAM;
    uint16_t family = SOCKET_UNIX;
    if (address->size >= sizeof family)
        memcpy(&family, address->bytes, sizeof family);
    if (is_datagram && address->size >= sizeof family && family == 0) { /* AF_UNSPEC */
        socket->peer = NULL;
        socket->is_connected = false;
        return 0;
    }
    int status = unix_find(address, socket->socket.type, &other);
    if (status == 0 && !is_datagram && socket->is_listening)
        status = -EINVAL;
    if (status == 0 && !is_datagram && socket->is_connected)
        status = -EISCONN;
    if (status < 0 || !is_datagram)
        return status < 0 ? status : unix_queue(other, socket);
    if (other->peer && other->peer != socket)
        return -EPERM;
    socket->peer = other;
    socket->theirs = other->own;
    socket->is_connected = true;
    return 0;
}

int unix_accept(struct file *file, struct file **out, struct socket_address *peer)
{
    struct unix_socket *socket = unix_of(file);
    if (socket->socket.type == SOCKET_DATAGRAM)
        return -EOPNOTSUPP;
    if (!socket->is_listening)
        return -EINVAL;
    if (!socket->pending)
        return socket->ends_read ? -EINVAL : -EAGAIN;
    struct unix_socket *end = unix_of(socket->pending);
    *out = socket->pending;
    socket->pending = end->next_pending;
    end->next_pending = NULL;
    socket->pending_count--;
    *peer = (struct socket_address){.size = UNIX_FAMILY_SIZE, .bytes = {SOCKET_UNIX}};
    if (end->peer && end->peer->name.size > 0)
        *peer = end->peer->name;
    unix_changed(socket);
    return 0;
}

int unix_shutdown(struct file *file, unsigned how)
{
    struct unix_socket *socket = unix_of(file), *peer = socket->peer;
    bool reads = how == 0 || how == 2, writes = how == 1 || how == 2;
    if (how > SHUTDOWN_MOST)
        return -EINVAL;
    if (!socket->is_connected)
        return -ENOTCONN;
    socket->ends_read = socket->ends_read || reads;
    socket->ends_write = socket->ends_write || writes;
    if (peer && socket->socket.type != SOCKET_DATAGRAM) {
        peer->ends_write = peer->ends_write || reads;
        peer->ends_read = peer->ends_read || writes;
        unix_changed(peer);
    }
    unix_changed(socket);
    return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

/* Those that change nothing here are taken. */
static int unix_set_option(struct file *file, int level, int name, const void *value, size_t size)
{
    int number = 0;
    if (level != SOCKET_LEVEL)
        return -EOPNOTSUPP;
    if (size < sizeof number)
        return -EINVAL;
    memcpy(&number, value, sizeof number);
    if (name == OPTION_PASS_CREDS)
        unix_of(file)->passes_creds = number != 0;
    else if (!socket_option_passes(level, name, true))
        return -ENOPROTOOPT;
    return 0;
}

int unix_get_option(struct file *file, int level, int name, void *value, size_t size)
{
    struct unix_socket *socket = unix_of(file);
    const struct socket_creds creds = socket->is_connected
                                          ? socket->theirs
                                          : (struct socket_creds){0, UINT32_MAX, UINT32_MAX};
    int number = 0;
    if (level != SOCKET_LEVEL)
        return -EOPNOTSUPP;
    if (name == OPTION_PEER_CREDS) {
        memcpy(value, &creds, size < sizeof creds ? size : sizeof creds);
        return (int)(size < sizeof creds ? size : sizeof creds);
    }
    if (name == OPTION_ERROR) {
        number = socket->error;
        socket->error = 0;
    } else if (name == OPTION_ACCEPTS) {
        number = socket->is_listening;
    } else if (name == OPTION_PASS_CREDS) {
        number = socket->passes_creds;
    } else if (name == OPTION_SEND_BUFFER || name == OPTION_RECEIVE_BUFFER) {
        number = UNIX_QUEUE_MAX;
    } else if (!socket_option_passes(level, name, false)) {
        return -ENOPROTOOPT;
    }
    memcpy(value, &number, size < sizeof number ? size : sizeof number);
    return (int)(size < sizeof number ? size : sizeof number);
}

static const struct socket_ops unix_ops = {.bind = unix_bind,
                                           .connect = unix_connect,
                                           .listen = unix_listen,
                                           .accept = unix_accept,
                                           .send = unix_send,
                                           .receive = unix_receive,
                                           .shutdown = unix_shutdown,
                                           .name = unix_name,
                                           .set_option = unix_set_option,
                                           .get_option = unix_get_option};

/* --- as a file -------------------------------------------------------------------------------- */

static int64_t unix_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct socket_message message = {.bytes = out, .size = size};
    (void)offset;
    return unix_receive(file, &message);
}

static int64_t unix_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct socket_message message = {.bytes = (uint8_t *)(uintptr_t)bytes, .size = size};
    (void)offset;
    return unix_send(file, &message);
}

/* Whoever is connected to it is so no longer. */
static void leave(struct unix_socket *socket)
{
    struct unix_socket **place = &all;
    while (*place != socket)
        place = &(*place)->next;
    *place = socket->next;
    for (struct unix_socket *one = all; one; one = one->next) {
        if (one->peer != socket)
            continue;
        one->peer = NULL;
        if (socket->first && socket->socket.type != SOCKET_DATAGRAM)
            one->error = ECONNRESET;
        unix_changed(one);
    }
}

static void unix_release(struct file *file)
{
    struct unix_socket *socket = unix_of(file);
    leave(socket);
    while (socket->pending) {
        struct file *next = unix_of(socket->pending)->next_pending;
        file_put(socket->pending);
        socket->pending = next;
    }
    unix_drop_packets(socket);
    node_put(socket->node);
    libos_free(socket);
}

static const struct file_kind unix_kind = {.name = "socket",
                                           .type = FILE_SOCKET,
                                           .is_stream = true,
                                           .read = unix_read,
                                           .write = unix_write,
                                           .poll = unix_poll,
                                           .release = unix_release};

bool socket_unix_is(const struct file *file)
{
    return file->kind == &unix_kind;
}

struct socket *socket_of(const struct file *file)
{
    return socket_unix_is(file) || socket_host_is(file) ? file->state : NULL;
}
