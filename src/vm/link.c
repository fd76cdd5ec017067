#include "vm/link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/fd.h"

#define READ_PIECE 65536

static void end(struct link *link, const struct error *err)
{
    void (*ended)(void *, const struct error *) = link->ended;
    link->ended = NULL;
    if (link->readable)
        (void)event_del(link->readable);
    if (link->writable)
        (void)event_del(link->writable);
    if (ended)
        ended(link->argument, err);
}

void link_flush(struct link *link)
{
    struct span out = channel_output(&link->channel);
    if (link->fd < 0 || !link->ended)
        return;
    while (out.size > 0) {
        ssize_t sent = send(link->fd, out.data, out.size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN) {
            (void)event_add(link->writable, NULL);
            return;
        }
        if (sent < 0) {
            /* The reading side tells the owner; here it could not be told safely. */
            return;
        }
        channel_output_written(&link->channel, (size_t)sent);
        out = channel_output(&link->channel);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    link_flush(argument);
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    struct link *link = argument;
    struct error err = {0};
    uint8_t piece[READ_PIECE];
    (void)what;
    ssize_t got = recv(fd, piece, sizeof piece, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        /* A peer that was killed before it had read everything resets the connection: it has gone.
         */
        bool broken = got < 0 && errno != ECONNRESET;
        if (broken)
            (void)error_system(&err, errno, "recv");
        end(link, broken ? &err : NULL);
        return;
    }
    if (channel_receive(&link->channel, span_of(piece, (size_t)got), &err) < 0) {
        end(link, &err);
        return;
    }
    link_flush(link);
}

int link_open(struct link *link, struct event_base *base, int fd,
              const struct channel_handler *handler,
              void (*ended)(void *argument, const struct error *err), void *argument,
              struct error *err)
{
    *link = (struct link){.fd = fd, .base = base, .ended = ended, .argument = argument};
    channel_init(&link->channel, handler, argument);
    link->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, link);
    link->writable = event_new(base, fd, EV_WRITE, on_writable, link);
    if (fd_set_nonblocking(fd, err) == 0 && link->readable && link->writable &&
        event_add(link->readable, NULL) == 0)
        return 0;
    link->fd = -1;
    link_close(link);
    return error_memory(err);
}

void link_close(struct link *link)
{
    link->ended = NULL;
    if (link->readable)
        event_free(link->readable);
    if (link->writable)
        event_free(link->writable);
    link->readable = NULL;
    link->writable = NULL;
    fd_close(&link->fd);
    channel_fini(&link->channel);
}
