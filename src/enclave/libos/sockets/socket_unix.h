/* Sockets of AF_UNIX: what their two files share, and what socket_inside.c has of them. They are of
 * this enclave alone. */
#ifndef CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_UNIX_H
#define CAISSON_ENCLAVE_LIBOS_SOCKETS_SOCKET_UNIX_H

#include "enclave/libos/files/vfs.h"
#include "enclave/libos/sockets/socket.h"

#define UNIX_QUEUE_MAX   212992 /* bytes: net.core.wmem_default */
#define UNIX_PACKETS_MAX 10     /* datagrams that wait: net.unix.max_dgram_qlen */
#define UNIX_BACKLOG_MAX 4096
#define UNIX_FLIGHT_MAX  4096 /* files on their way in all sockets: -ETOOMANYREFS */
#define UNIX_PATH_MAX    108
#define UNIX_FAMILY_SIZE 2 /* bytes of an address' family */

/* What was sent at once, with the files that go with it. */
struct unix_packet {
    struct unix_packet *next;
    size_t start, end; /* of the bytes that are left */
    struct socket_address from;
    struct file **files;
    size_t file_count;
    struct socket_creds creds; /* of the sender */
    uint8_t bytes[];
};

struct unix_socket {
    struct socket socket;
    struct file *file;        /* its own */
    struct unix_socket *next; /* of all */
    struct unix_socket *peer; /* whom it is connected to; NULL when that has gone */
    bool is_connected, is_listening, passes_creds;
    struct socket_creds own, theirs; /* who made, connected or listens; of the peer */
    bool is_accepted;                /* its name is the listening one's */
    bool ends_read, ends_write;      /* shut down, by either side */
    int error;                       /* is told once: a peer that went without reading */
    bool has_secrets;                /* what it was sent is wiped once it was taken */
    struct unix_packet *first, **last;
    size_t packets, bytes;
    struct file *pending; /* of a listening one: connections that nobody took yet */
    unsigned backlog, pending_count;
    struct file *next_pending;
    struct socket_address name; /* size 0 for none */
    struct node *node;          /* of a name in the file system; counted */
};

static inline struct unix_socket *unix_of(const struct file *file)
{
    return file->state;
}

/* Of the process for which the caller runs. */
struct socket_creds unix_creds(void);

/* May have become ready: who waits looks again. */
void unix_changed(struct unix_socket *socket);

/* Whom an address names: -ECONNREFUSED for nobody of this type, -ENOENT and so on. */
int unix_find(const struct socket_address *address, int type, struct unix_socket **out);

/* The open file becomes a socket of this kind, which nobody knows; what it was before is released.
 * -ENOMEM. */
int unix_replace(struct file *file, struct unix_socket **out);
/* The end at the listening side, which waits there to be accepted: of the same kind as who listens.
 * -ECONNREFUSED, -EAGAIN, -ENOMEM. */
int unix_queue(struct unix_socket *listening, struct unix_socket *socket);
int unix_accept(struct file *file, struct file **out, struct socket_address *peer);
int unix_shutdown(struct file *file, unsigned how);
int unix_get_option(struct file *file, int level, int name, void *value, size_t size);

int64_t unix_send(struct file *file, struct socket_message *message);
int64_t unix_receive(struct file *file, struct socket_message *message);
unsigned unix_poll(struct file *file);
/* All that waits goes, and the files with it. */
void unix_drop_packets(struct unix_socket *socket);

#endif
