/*
 * Which options of sockets go through the door: for both sides, so that neither passes on what the
 * other does not know. The numbers are those of x86-64 (asm-generic/socket.h, linux/tcp.h,
 * linux/in.h, linux/in6.h).
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_OPTIONS_H
#define CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOCKET_LEVEL = 1, IP_LEVEL = 0, TCP_LEVEL = 6, IPV6_LEVEL = 41 };

/* Of SOL_SOCKET, by name where the library OS asks itself. */
enum {
    OPTION_REUSE = 2,
    OPTION_TYPE = 3,
    OPTION_ERROR = 4,
    OPTION_SEND_BUFFER = 7,
    OPTION_RECEIVE_BUFFER = 8,
    OPTION_OOB_INLINE = 10,
    OPTION_LINGER = 13,
    OPTION_PASS_CREDS = 16,
    OPTION_PEER_CREDS = 17,
    OPTION_RECEIVE_LEAST = 18,
    OPTION_RECEIVE_TIMEOUT = 20,
    OPTION_SEND_TIMEOUT = 21,
    OPTION_ACCEPTS = 30,
    OPTION_PROTOCOL = 38,
    OPTION_DOMAIN = 39,
};

struct socket_option {
    uint8_t level, name;
    bool sets; /* false: only to be read */
};

static inline bool socket_option_passes(int level, int name, bool sets)
{
    static const struct socket_option all[] = {
        {SOCKET_LEVEL, OPTION_REUSE, true},
        {SOCKET_LEVEL, OPTION_ERROR, false},
        {SOCKET_LEVEL, 6, true}, /* SO_BROADCAST */
        {SOCKET_LEVEL, OPTION_SEND_BUFFER, true},
        {SOCKET_LEVEL, OPTION_RECEIVE_BUFFER, true},
        {SOCKET_LEVEL, 9, true}, /* SO_KEEPALIVE */
        {SOCKET_LEVEL, OPTION_OOB_INLINE, true},
        {SOCKET_LEVEL, OPTION_LINGER, true},
        {SOCKET_LEVEL, 15, true}, /* SO_REUSEPORT */
        {SOCKET_LEVEL, OPTION_RECEIVE_LEAST, true},
        {IP_LEVEL, 1, true},    /* IP_TOS */
        {IP_LEVEL, 2, true},    /* IP_TTL */
        {IP_LEVEL, 10, true},   /* IP_MTU_DISCOVER */
        {IP_LEVEL, 24, true},   /* IP_BIND_ADDRESS_NO_PORT */
        {TCP_LEVEL, 1, true},   /* TCP_NODELAY */
        {TCP_LEVEL, 2, false},  /* TCP_MAXSEG */
        {TCP_LEVEL, 3, true},   /* TCP_CORK */
        {TCP_LEVEL, 4, true},   /* TCP_KEEPIDLE */
        {TCP_LEVEL, 5, true},   /* TCP_KEEPINTVL */
        {TCP_LEVEL, 6, true},   /* TCP_KEEPCNT */
        {TCP_LEVEL, 7, true},   /* TCP_SYNCNT */
        {TCP_LEVEL, 9, true},   /* TCP_DEFER_ACCEPT */
        {TCP_LEVEL, 12, true},  /* TCP_QUICKACK */
        {TCP_LEVEL, 18, true},  /* TCP_USER_TIMEOUT */
        {TCP_LEVEL, 23, true},  /* TCP_FASTOPEN */
        {IPV6_LEVEL, 16, true}, /* IPV6_UNICAST_HOPS */
        {IPV6_LEVEL, 23, true}, /* IPV6_MTU_DISCOVER */
        {IPV6_LEVEL, 26, true}, /* IPV6_V6ONLY */
        {IPV6_LEVEL, 67, true}, /* IPV6_TCLASS */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].level == level && all[i].name == name)
            return all[i].sets || !sets;
    }
    return false;
}

#endif
