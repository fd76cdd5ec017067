#include "enclave/libos/door/door_net.h"

#include <asm/errno.h>

#include "enclave/libos/door/door.h"
#include "enclave/libos/door/door_parts.h"
#include "enclave/libos/sockets/socket.h"

#define HANDLE_MAX   UINT32_MAX
#define DATAGRAM_MAX 65535 /* bytes of one, of which only a part may have room */

#define FAMILY_INET  2 /* AF_INET: struct sockaddr_in, 16 bytes; AF_INET6: sockaddr_in6, 28 */
#define FAMILY_INET6 10

int door_known_errno(int number)
{
    static const uint8_t known[] = {
        EPERM,        EINTR,      EAGAIN,       ENOMEM,      EACCES,        ENODEV,
        EINVAL,       ENFILE,     EMFILE,       EPIPE,       EDOM,          EPROTO,
        EDESTADDRREQ, EMSGSIZE,   EPROTOTYPE,   ENOPROTOOPT, EOPNOTSUPP,    EPROTONOSUPPORT,
        EAFNOSUPPORT, EADDRINUSE, ENETDOWN,     ENETUNREACH, EADDRNOTAVAIL, ENETRESET,
        ECONNABORTED, ECONNRESET, ENOBUFS,      EISCONN,     ENOTCONN,      ETIMEDOUT,
        ECONNREFUSED, EHOSTDOWN,  EHOSTUNREACH, EALREADY,    EINPROGRESS,
    };
    for (size_t i = 0; i < sizeof known; i++) {
        if (known[i] == number)
            return number;
    }
    return EIO;
}

/* 0 to `most`, or a known errno's number below 0. */
static int64_t check(uint64_t answer, uint64_t most)
{
    int64_t value = door_check(answer, most);
    return value < 0 ? -door_known_errno((int)-value) : value;
}

/* What the host tells of an address: none, or one of the family. */
static int take_address(int family, struct door_address *out)
{
    size_t size = family == FAMILY_INET ? 16 : 28;
    __builtin_memcpy(out, *door_buffer(), sizeof *out);
    if (out->size != 0 && (out->size != size || out->bytes[0] != family || out->bytes[1] != 0))
        return -EIO;
    __builtin_memset(out->bytes + out->size, 0, sizeof out->bytes - out->size);
    return 0;
}

static uint64_t two(int high, int low)
{
    return (uint64_t)(uint32_t)high << 32 | (uint32_t)low;
}

int64_t door_socket(int family, int type, int protocol)
{
    int64_t handle = check(door_ask(DOOR_SOCKET, two(family, type), (uint32_t)protocol, 0),
                           HANDLE_MAX);
    return handle >= 0 && handle < DOOR_STREAMS ? -EIO : handle;
}

int64_t door_quote(const void *report, size_t size)
{
    if (size > DOOR_BUFFER_SIZE)
        return -EINVAL;
    __builtin_memcpy(*door_buffer(), report, size);
    int64_t handle = check(door_ask(DOOR_QUOTE, size, 0, 0), HANDLE_MAX);
    return handle >= 0 && handle < DOOR_STREAMS ? -EIO : handle;
}

void door_close(uint32_t handle)
{
    (void)door_ask(DOOR_CLOSE, handle, 0, 0);
}

static int ask_of_address(enum door_number call, uint32_t handle, const void *address, size_t size)
{
    struct door_address given = {.size = (uint32_t)size};
    if (size > sizeof given.bytes)
        return -EINVAL;
    __builtin_memcpy(given.bytes, address, size);
    __builtin_memcpy(*door_buffer(), &given, sizeof given);
    return (int)check(door_ask(call, handle, 0, 0), 0);
}

int door_bind(uint32_t handle, const void *address, size_t size)
{
    return ask_of_address(DOOR_BIND, handle, address, size);
}

int door_connect(uint32_t handle, const void *address, size_t size)
{
    return ask_of_address(DOOR_CONNECT, handle, address, size);
}

int door_listen(uint32_t handle, unsigned backlog)
{
    return (int)check(door_ask(DOOR_LISTEN, handle, backlog, 0), 0);
}

int64_t door_accept(uint32_t handle, int family, struct door_address *peer)
{
    int64_t made = check(door_ask(DOOR_ACCEPT, handle, 0, 0), HANDLE_MAX);
    if (made < 0)
        return made;
    if (made < DOOR_STREAMS)
        return -EIO;
    int status = take_address(family, peer);
    if (status == 0)
        return made;
    door_close((uint32_t)made);
    return status;
}

int64_t door_send(uint32_t handle, const struct door_address *to, const void *bytes, size_t size,
                  unsigned flags)
{
    static const struct door_address nowhere;
    size = size < DOOR_DATA_MAX ? size : DOOR_DATA_MAX;
    __builtin_memcpy(*door_buffer(), to ? to : &nowhere, sizeof *to);
    if (size > 0)
        __builtin_memcpy(*door_buffer() + sizeof *to, bytes, size);
    return check(door_ask(DOOR_SEND, handle, size, flags), size);
}

int64_t door_receive(uint32_t handle, int family, struct door_address *from, void *bytes,
                     size_t size, unsigned flags)
{
    size = size < DOOR_DATA_MAX ? size : DOOR_DATA_MAX;
    uint64_t most = flags & SOCKET_CUT ? DATAGRAM_MAX : size;
    int64_t got = check(door_ask(DOOR_RECEIVE, handle, size, flags), most);
    if (got < 0)
        return got;
    int status = take_address(family, from);
    if (status < 0)
        return status;
    if (got > 0)
        __builtin_memcpy(bytes, *door_buffer() + sizeof *from,
                         (size_t)got < size ? (size_t)got : size);
    return got;
}

int door_shutdown(uint32_t handle, unsigned how)
{
    return (int)check(door_ask(DOOR_SHUTDOWN, handle, how, 0), 0);
}

int door_name(uint32_t handle, int family, bool is_peer, struct door_address *out)
{
    int status = (int)check(door_ask(DOOR_NAME, handle, is_peer, 0), 0);
    if (status == 0)
        status = take_address(family, out);
    return status == 0 && out->size == 0 ? -EIO : status;
}

int door_set_option(uint32_t handle, int level, int name, const void *value, size_t size)
{
    if (size > DOOR_OPTION_MAX)
        return -EINVAL;
    __builtin_memcpy(*door_buffer(), value, size);
    return (int)check(door_ask(DOOR_SET_OPTION, handle, two(level, name), size), 0);
}

int door_get_option(uint32_t handle, int level, int name, void *value, size_t size)
{
    size = size < DOOR_OPTION_MAX ? size : DOOR_OPTION_MAX;
    int got = (int)check(door_ask(DOOR_GET_OPTION, handle, two(level, name), size), size);
    if (got > 0)
        __builtin_memcpy(value, *door_buffer(), (size_t)got);
    return got;
}
