/* What hello.c shows of sockets: of this machine alone, and by TCP and UDP over the loopback. */
#include "hello.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define LARGE 300000 /* bytes: more than one call of the door carries, and than a socket holds */

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un local;
};

static int pairs(void)
{
    int ends[2], type;
    char in[8];
    socklen_t size = sizeof type;
    struct ucred creds;
    NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    NEED(fcntl(ends[0], F_GETFD) == FD_CLOEXEC && (fcntl(ends[1], F_GETFL) & O_NONBLOCK));
    REFUSED(read(ends[0], in, 1), EAGAIN);
    NEED(write(ends[1], "abc", 3) == 3 && send(ends[1], "de", 2, 0) == 2);
    NEED(recv(ends[0], in, 4, MSG_PEEK) == 4 && read(ends[0], in, 8) == 5);
    NEED(memcmp(in, "abcde", 5) == 0 && shutdown(ends[1], SHUT_WR) == 0);
    NEED(read(ends[0], in, 8) == 0 && write(ends[0], "back", 4) == 4);
    REFUSED(send(ends[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    NEED(getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM);
    size = sizeof creds;
    NEED(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &creds, &size) == 0 && creds.pid == getpid());
    NEED(close(ends[0]) == 0 && read(ends[1], in, 8) == 4 && close(ends[1]) == 0);
    NEED(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0 && send(ends[0], "abc", 3, 0) == 3);
    NEED(send(ends[0], "de", 2, 0) == 2 && recv(ends[1], in, 2, MSG_TRUNC) == 3);
    NEED(recv(ends[1], in, 8, 0) == 2 && close(ends[0]) == 0 && recv(ends[1], in, 8, 0) == 0);
    NEED(close(ends[1]) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    NEED(write(ends[0], "unread", 6) == 6 && close(ends[1]) == 0);
    REFUSED(read(ends[0], in, 8), ECONNRESET);
    NEED(close(ends[0]) == 0);
    REFUSED(socketpair(AF_INET, SOCK_STREAM, 0, ends), EOPNOTSUPP); /* which may write there */
    REFUSED(socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
    REFUSED(socket(AF_UNIX, 9, 0), ESOCKTNOSUPPORT);
    return 0;
}

/* A file goes through a socket, and is the same open file then. */
static int files(void)
{
    int ends[2], fd = open("passed", O_CREAT | O_RDWR, 0600);
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {{0}};
    char byte = 'f';
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct stat one, other;
    NEED(fd >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    control.head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    NEED(sendmsg(ends[0], &message, 0) == 1 && write(fd, "seen", 4) == 4);
    NEED(fstat(fd, &one) == 0 && close(fd) == 0);
    memset(&control, 0, sizeof control);
    NEED(recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC) == 1 &&
         message.msg_flags == MSG_CMSG_CLOEXEC);
    NEED(control.head.cmsg_type == SCM_RIGHTS && message.msg_controllen == CMSG_SPACE(sizeof fd));
    memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
    NEED(fstat(fd, &other) == 0 && one.st_ino == other.st_ino && lseek(fd, 0, SEEK_CUR) == 4);
    NEED(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    int none = 99;
    control.head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), &none, sizeof none);
    REFUSED(sendmsg(ends[0], &message, 0), EBADF);
    REFUSED(syscall(SYS_sendmsg, ends[0], (void *)8, 0), EFAULT);
    return close(fd) || close(ends[0]) || close(ends[1]) || unlink("passed");
}

static int names(void)
{
    union address at = {.local = {.sun_family = AF_UNIX, .sun_path = "name"}}, seen;
    socklen_t size = sizeof seen;
    struct stat stat;
    char byte;
    int listening = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
    NEED(bind(listening, &at.any, sizeof at.local) == 0 && lstat("name", &stat) == 0);
    NEED(S_ISSOCK(stat.st_mode));
    REFUSED(connect(fd, &at.any, sizeof at.local), ECONNREFUSED);
    NEED(listen(listening, 5) == 0 && connect(fd, &at.any, sizeof at.local) == 0);
    REFUSED(connect(fd, &at.any, sizeof at.local), EISCONN);
    int other = accept4(listening, &seen.any, &size, SOCK_CLOEXEC);
    NEED(other >= 0 && size == 2 && write(fd, "n", 1) == 1 && read(other, &byte, 1) == 1);
    size = sizeof seen;
    NEED(getpeername(fd, &seen.any, &size) == 0 && strcmp(seen.local.sun_path, "name") == 0);
    NEED(size == offsetof(struct sockaddr_un, sun_path) + 5 && close(fd) == 0);
    NEED(read(other, &byte, 1) == 0 && close(other) == 0);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    REFUSED(bind(fd, &at.any, sizeof at.local), EADDRINUSE);
    NEED(close(listening) == 0);
    REFUSED(connect(fd, &at.any, sizeof at.local), ECONNREFUSED);
    NEED(unlink("name") == 0);
    REFUSED(connect(fd, &at.any, sizeof at.local), ENOENT);
    REFUSED(listen(fd, 1), EINVAL);
    REFUSED(accept(fd, NULL, NULL), EINVAL);
    return close(fd);
}

static int datagrams(void)
{
    union address at = {.local = {.sun_family = AF_UNIX, .sun_path = "\0caisson-hello"}}, from;
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 14, seen = sizeof from;
    char in[8];
    int to = socket(AF_UNIX, SOCK_DGRAM, 0), fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    REFUSED(sendto(fd, "x", 1, 0, &at.any, size), ECONNREFUSED);
    NEED(bind(to, &at.any, size) == 0 && sendto(fd, "one", 3, 0, &at.any, size) == 3);
    REFUSED(bind(fd, &at.any, size), EADDRINUSE);
    NEED(recvfrom(to, in, 2, 0, &from.any, &seen) == 2 && seen == 0);
    NEED(connect(fd, &at.any, size) == 0 && send(fd, "two", 3, 0) == 3 && write(fd, "", 0) == 0);
    NEED(recv(to, in, 8, 0) == 3);
    NEED(recv(to, in, 8, 0) == 0);
    REFUSED(recv(fd, in, 8, 0), EAGAIN);
    NEED(close(to) == 0);
    REFUSED(send(fd, "x", 1, 0), ECONNREFUSED);
    return close(fd);
}

/* --- the loopback ----------------------------------------------------------------------------- */

static int listen_at(int family, union address *at, socklen_t *size)
{
    int one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *size = family == AF_INET ? sizeof at->four : sizeof at->six;
    memset(at, 0, sizeof *at);
    at->any.sa_family = (sa_family_t)family;
    at->six.sin6_addr = in6addr_loopback;
    if (family == AF_INET)
        at->four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, &at->any, *size) < 0 || listen(fd, 5) < 0 || getsockname(fd, &at->any, size) < 0)
        return -1;
    return fd;
}

static int streams_of(int family)
{
    union address at, seen = {.any = {0}};
    socklen_t size, seen_size = sizeof seen;
    char in[8];
    int value = 0, listening = listen_at(family, &at, &size);
    int fd = socket(family, SOCK_STREAM, 0);
    NEED(listening >= 0 && fd >= 0 && connect(fd, &at.any, size) == 0);
    int other = accept4(listening, &seen.any, &seen_size, SOCK_NONBLOCK);
    NEED(other >= 0 && seen_size == size && seen.any.sa_family == family);
    REFUSED(read(other, in, 8), EAGAIN);
    NEED(write(fd, "abc", 3) == 3);
    struct pollfd item = {other, POLLIN, 0};
    NEED(poll(&item, 1, 5000) == 1 && item.revents == POLLIN && read(other, in, 8) == 3);
    socklen_t room = sizeof value;
    NEED(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &room) == 0 && value == 0);
    value = 1;
    NEED(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) == 0);
    REFUSED(setsockopt(fd, 9999, 1, &value, sizeof value), ENOPROTOOPT);
    NEED(getsockopt(listening, SOL_SOCKET, SO_ACCEPTCONN, &value, &room) == 0 && value == 1);
    NEED(shutdown(fd, SHUT_WR) == 0 && poll(&item, 1, 5000) == 1 && read(other, in, 8) == 0);
    NEED(close(other) == 0 && read(fd, in, 8) == 0 && close(fd) == 0 && close(listening) == 0);
    fd = socket(family, SOCK_STREAM, 0);
    REFUSED(connect(fd, &at.any, size), ECONNREFUSED);
    REFUSED(getpeername(fd, &seen.any, &seen_size), ENOTCONN);
    REFUSED(connect(fd, &at.any, 3), EINVAL);
    REFUSED(syscall(SYS_connect, fd, (void *)8, size), EFAULT);
    return close(fd);
}

static int four(void)
{
    return streams_of(AF_INET);
}

static int six(void)
{
    return streams_of(AF_INET6);
}

static void *echo(void *argument)
{
    static char bytes[LARGE];
    int listening = *(const int *)argument, fd = accept(listening, NULL, NULL);
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_WAITALL);
    ssize_t put = got < 0 ? -1 : write(fd, bytes, (size_t)got);
    (void)close(fd);
    return put == LARGE ? argument : NULL;
}

/* Two threads; each waits for the other, and all bytes come back in their order. */
static int large(void)
{
    static unsigned char out[LARGE], in[LARGE];
    union address at;
    socklen_t size;
    pthread_t thread;
    void *result;
    int listening = listen_at(AF_INET, &at, &size), fd = socket(AF_INET, SOCK_STREAM, 0);
    for (size_t i = 0; i < LARGE; i++)
        out[i] = (unsigned char)(i * 7 + i / 251);
    NEED(listening >= 0 && pthread_create(&thread, NULL, echo, &listening) == 0);
    NEED(connect(fd, &at.any, size) == 0 && write(fd, out, LARGE) == LARGE);
    NEED(recv(fd, in, LARGE, MSG_WAITALL) == LARGE && memcmp(in, out, LARGE) == 0);
    NEED(pthread_join(thread, &result) == 0 && result == &listening && recv(fd, in, 1, 0) == 0);
    return close(fd) || close(listening);
}

static int user_datagrams(void)
{
    union address at = {.four = {.sin_family = AF_INET}}, from;
    socklen_t size = sizeof at.four, seen = sizeof from;
    char in[8], part[3];
    struct iovec parts[2] = {{part, 3}, {in, 8}};
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = parts, .msg_iovlen = 2};
    int to = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    at.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    NEED(bind(to, &at.any, size) == 0 && getsockname(to, &at.any, &size) == 0);
    NEED(sendto(fd, "abcde", 5, 0, &at.any, size) == 5);
    NEED(recvfrom(to, in, 3, MSG_TRUNC, &from.any, &seen) == 5 && seen == sizeof from.four);
    NEED(memcmp(in, "abc", 3) == 0 && connect(fd, &at.any, size) == 0);
    NEED(send(fd, "12345", 5, 0) == 5 && recvmsg(to, &message, 0) == 5 && in[1] == '5');
    NEED(message.msg_namelen == sizeof from.four && part[2] == '3' && message.msg_flags == 0);
    REFUSED(recv(to, in, 8, MSG_DONTWAIT), EAGAIN);
    return close(fd) || close(to);
}

/* Inside ones and the loopback's in one epoll, by edges. */
static int together(void)
{
    struct epoll_event seen[4], want = {EPOLLIN | EPOLLET, {.u32 = 1}};
    union address at;
    socklen_t size;
    char in[8];
    int ends[2], yes = 1, listening = listen_at(AF_INET, &at, &size), epoll = epoll_create1(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    NEED(epoll >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    NEED(ioctl(listening, FIONBIO, &yes) == 0 && accept(listening, NULL, NULL) == -1);
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &want) == 0);
    want.data.u32 = 2;
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &want) == 0 &&
         epoll_wait(epoll, seen, 4, 0) == 0);
    NEED(connect(fd, &at.any, size) == 0 && epoll_wait(epoll, seen, 4, 5000) == 1);
    NEED(seen[0].data.u32 == 1 && epoll_wait(epoll, seen, 4, 0) == 0);
    int other = accept(listening, NULL, NULL);
    NEED(other >= 0 && write(ends[1], "x", 1) == 1 && epoll_wait(epoll, seen, 4, -1) == 1);
    NEED(seen[0].data.u32 == 2 && epoll_wait(epoll, seen, 4, 0) == 0);
    want.data.u32 = 3;
    NEED(epoll_ctl(epoll, EPOLL_CTL_ADD, other, &want) == 0 && write(fd, "y", 1) == 1);
    NEED(epoll_wait(epoll, seen, 4, 5000) == 1 && seen[0].data.u32 == 3);
    NEED(read(other, in, 8) == 1 && close(fd) == 0 && epoll_wait(epoll, seen, 4, 5000) == 1);
    NEED(read(other, in, 8) == 0 && close(other) == 0 && epoll_wait(epoll, seen, 4, 0) == 0);
    return close(listening) || close(ends[0]) || close(ends[1]) || close(epoll);
}

/* A stream over the loopback: both ends, and nobody listens any more. */
static int join(int ends[2])
{
    union address at;
    socklen_t size;
    int listening = listen_at(AF_INET, &at, &size);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    NEED(listening >= 0 && connect(ends[0], &at.any, size) == 0);
    ends[1] = accept(listening, NULL, NULL);
    NEED(ends[1] >= 0);
    return close(listening);
}

static unsigned look(int fd, short events)
{
    struct pollfd item = {.fd = fd, .events = events};
    return poll(&item, 1, 10000) == 1 ? (unsigned short)item.revents : 0;
}

/* What was looked at may have been read ahead: nobody sees that. */
static int ahead(void)
{
    struct pollfd none = {.events = POLLIN};
    char in[16] = "";
    int ends[2];
    NEED(join(ends) == 0 && write(ends[0], "abcdef", 6) == 6 && look(ends[1], POLLIN) == POLLIN);
    NEED(recv(ends[1], in, 4, MSG_PEEK) == 4 && recv(ends[1], in, 16, MSG_PEEK) == 6);
    NEED(read(ends[1], in, 2) == 2 && look(ends[1], POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    NEED(write(ends[0], "gh", 2) == 2);
    while (recv(ends[1], in, 16, MSG_PEEK) < 6)
        NEED(look(ends[1], POLLIN) == POLLIN);
    NEED(recv(ends[1], in, 6, MSG_WAITALL) == 6 && memcmp(in, "cdefgh", 6) == 0);
    none.fd = ends[1];
    NEED(poll(&none, 1, 0) == 0 && shutdown(ends[0], SHUT_WR) == 0);
    NEED(look(ends[1], POLLIN) == POLLIN && read(ends[1], in, 1) == 0);
    NEED(close(ends[0]) == 0 && close(ends[1]) == 0);
    NEED(join(ends) == 0 && write(ends[0], "unread", 6) == 6 && look(ends[1], POLLIN) == POLLIN);
    NEED(close(ends[1]) == 0);
    REFUSED(read(ends[0], in, 1), ECONNRESET);
    return close(ends[0]);
}

static atomic_int read_so_far;

static void *count_bytes(void *argument)
{
    char byte;
    for (int i = 0; read(*(const int *)argument, &byte, 1) == 1 && byte == (char)i; i++)
        atomic_store(&read_so_far, i + 1);
    return NULL;
}

/* What is sent goes, whatever the sender does next, and in its order. */
static int sent(void)
{
    static unsigned char out[1000], in[1000];
    int ends[2];
    pthread_t thread;
    NEED(join(ends) == 0);
    NEED(pthread_create(&thread, NULL, count_bytes, &ends[1]) == 0);
    for (int i = 0; i < 100; i++) {
        char byte = (char)i;
        NEED(look(ends[0], POLLOUT) == POLLOUT && write(ends[0], &byte, 1) == 1);
        while (atomic_load(&read_so_far) <= i) {
        }
    }
    NEED(shutdown(ends[0], SHUT_WR) == 0 && pthread_join(thread, NULL) == 0);
    for (int i = 0; i < 60; i++) {
        memset(out, i, sizeof out);
        NEED(look(ends[1], POLLOUT) == POLLOUT && write(ends[1], out, sizeof out) == sizeof out);
        NEED(i % 3 == 0 || write(ends[1], out, sizeof out) == sizeof out);
    }
    NEED(close(ends[1]) == 0);
    for (int i = 0; i < 60; i++) {
        memset(out, i, sizeof out);
        NEED(recv(ends[0], in, 1000, MSG_WAITALL) == 1000 && memcmp(in, out, 1000) == 0);
        NEED(i % 3 == 0 ||
             (recv(ends[0], in, 1000, MSG_WAITALL) == 1000 && memcmp(in, out, 1000) == 0));
    }
    NEED(read(ends[0], in, 1) == 0);
    return close(ends[0]);
}

int hello_sockets(void)
{
    static int (*const all[])(void) = {pairs, files, names,          datagrams, four, six,
                                       large, ahead, user_datagrams, together,  sent};
    int result = mkdir("own", 0700) || chdir("own");
    for (size_t i = 0; result == 0 && i < sizeof all / sizeof *all; i++)
        result = all[i]();
    return result ? result : chdir("..") || rmdir("own");
}
