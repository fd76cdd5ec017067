/*
 * Sockets: what those of the host's network (socket_host.c) and those of this enclave
 * (socket_unix.c) have in common. A socket is the state of an open file.
 *
 * None of the functions waits: -EAGAIN, or -EINPROGRESS of a connection that is being made. What
 * they are given was copied out of the program's memory before, or allowed.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_H
#define CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_H

#include "enclave/libos/files/file.h"

#define SOCKET_ADDRESS_MAX 128 /* sockaddr_storage */
#define SOCKET_FILES_MAX   253 /* SCM_MAX_FD */
#define SOCKET_OPTION_MAX  16  /* bytes of an option's value */

/* <linux/socket.h> has none of these. */
enum { SOCKET_UNIX = 1, SOCKET_INET = 2, SOCKET_INET6 = 10 };       /* AF_* */
enum { SOCKET_STREAM = 1, SOCKET_DATAGRAM = 2, SOCKET_PACKET = 5 }; /* SOCK_* */
enum {
    SOCKET_OOB = 1,
    SOCKET_PEEK = 2,
    SOCKET_CUT_CONTROL = 8, /* MSG_CTRUNC */
    SOCKET_CUT = 0x20,      /* MSG_TRUNC */
    SOCKET_DONTWAIT = 0x40,
    SOCKET_END = 0x80, /* MSG_EOR */
    SOCKET_WAIT_ALL = 0x100,
    SOCKET_NO_SIGNAL = 0x4000,
    SOCKET_MORE = 0x8000,
    SOCKET_WAIT_FOR_ONE = 0x10000,
    SOCKET_CLOEXEC = 0x40000000, /* MSG_CMSG_CLOEXEC */
};

struct socket_address {
    size_t size;
    uint8_t bytes[SOCKET_ADDRESS_MAX];
};

/* Who has a socket, or sent a message: the kernel's struct ucred. */
struct socket_creds {
    uint32_t process, uid, gid;
};

/* One message, either way. Sent files are borrowed; received ones are the caller's. */
struct socket_message {
    uint8_t *bytes; /* only read when sent */
    size_t size;
    unsigned flags;
    struct socket_address address; /* where to, or whence; size 0: none */
    struct file **files;           /* room for SOCKET_FILES_MAX when received */
    size_t file_count;
    bool has_creds;            /* received: the sender's are wanted, */
    struct socket_creds creds; /* which these are */
};

struct socket_ops {
    int (*bind)(struct file *file, const struct socket_address *address);
    int (*connect)(struct file *file, const struct socket_address *address);
    int (*listen)(struct file *file, unsigned backlog);
    int (*accept)(struct file *file, struct file **out, struct socket_address *peer);
    int64_t (*send)(struct file *file, struct socket_message *message);
    int64_t (*receive)(struct file *file, struct socket_message *message);
    int (*shutdown)(struct file *file, unsigned how);
    int (*name)(struct file *file, bool is_peer, struct socket_address *out);
    int (*set_option)(struct file *file, int level, int name, const void *value, size_t size);
    /* The value's size. */
    int (*get_option)(struct file *file, int level, int name, void *value, size_t size);
};

/* The state's first member. */
struct socket {
    const struct socket_ops *ops;
    int family, type, protocol;
    uint64_t receive_timeout, send_timeout; /* nanoseconds, 0 for none */
};

/* NULL for a file that is no socket. */
struct socket *socket_of(const struct file *file);

/* socket_host.c: AF_INET and AF_INET6, by the door. -EAFNOSUPPORT and so on. */
int socket_host_new(int family, int type, int protocol, unsigned flags, struct file **out);

bool socket_host_is(const struct file *file);

/* socket_unix.c: within the enclave. */
int socket_unix_new(int type, unsigned flags, struct file **out);
bool socket_unix_is(const struct file *file);
int socket_unix_pair(int type, unsigned flags, struct file *out[2]);

#endif
