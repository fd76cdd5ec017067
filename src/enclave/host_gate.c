/* What the gate's thread asks for: bytes to and from whom it speaks to, and the program's streams,
 * which are pipes between the program's thread and this one. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/host_parts.h"
#include "os/fd.h"

int64_t host_answer_tell(struct host_thread *thread, const uint64_t arguments[3])
{
    if (arguments[0] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    for (size_t done = 0; done < arguments[0];) {
        ssize_t sent = send(thread->host->run->channel, thread->buffer + done,
                            (size_t)arguments[0] - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return -EPIPE;
        done += sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

/* --- the program's standard input ------------------------------------------------------------- */

static void write_input(struct host *host)
{
    ssize_t size = host->input.size > 0 ? write(host->gate[0], host->input.data, host->input.size)
                                        : 0;
    if (size < 0 && errno != EAGAIN && errno != EINTR) { /* the program has closed it */
        size = (ssize_t)host->input.size;
        fd_close(&host->gate[0]);
    }
    if (size > 0) {
        buf_consume(&host->input, (size_t)size);
        host->taken += (size_t)size;
    }
    if (host->input.size == 0 && host->input_ended)
        fd_close(&host->gate[0]);
}

int64_t host_answer_input(struct host_thread *thread, const uint64_t arguments[3])
{
    struct host *host = thread->host;
    if (arguments[0] > DOOR_BUFFER_SIZE)
        return -EINVAL;
    if (arguments[0] == 0)
        host->input_ended = true;
    if (host->gate[0] < 0) { /* nobody reads it */
        host->taken += (size_t)arguments[0];
        return 0;
    }
    if (buf_append(&host->input, span_of(thread->buffer, (size_t)arguments[0]), NULL) < 0)
        return -ENOMEM;
    write_input(host);
    return 0;
}

/* --- what happens ----------------------------------------------------------------------------- */

static int64_t event(enum door_event what, size_t size)
{
    return (int64_t)(what * DOOR_EVENT + size);
}

static int64_t read_output(struct host_thread *thread, unsigned stream, uint64_t wanted)
{
    int *fd = &thread->host->gate[stream];
    size_t most = wanted < DOOR_BUFFER_SIZE ? (size_t)wanted : DOOR_BUFFER_SIZE;
    ssize_t got = read(*fd, thread->buffer, most);
    if (got <= 0)
        fd_close(fd);
    return event(stream == 1 ? DOOR_OUTPUT : DOOR_ERROR_OUTPUT, got > 0 ? (size_t)got : 0);
}

static int64_t read_channel(struct host_thread *thread)
{
    ssize_t got;
    do
        got = recv(thread->host->run->channel, thread->buffer, DOOR_BUFFER_SIZE, 0);
    while (got < 0 && errno == EINTR);
    return event(DOOR_SPOKEN, got > 0 ? (size_t)got : 0);
}

enum { WATCH_CHANNEL, WATCH_INPUT, WATCH_OUTPUT, WATCH_ERROR, WATCH_CALLED, WATCH_END, WATCHES };

/* The end is told once, behind all output. */
static bool may_end(const struct host *host)
{
    return host->has_begun && !host->end_is_told && host->gate[1] < 0 && host->gate[2] < 0;
}

static void watch(const struct host *host, const uint64_t wanted[2], struct pollfd watches[WATCHES])
{
    watches[WATCH_CHANNEL] = (struct pollfd){host->run->channel, POLLIN, 0};
    watches[WATCH_INPUT] = (struct pollfd){host->input.size > 0 ? host->gate[0] : -1, POLLOUT, 0};
    watches[WATCH_OUTPUT] = (struct pollfd){wanted[0] > 0 ? host->gate[1] : -1, POLLIN, 0};
    watches[WATCH_ERROR] = (struct pollfd){wanted[1] > 0 ? host->gate[2] : -1, POLLIN, 0};
    watches[WATCH_CALLED] = (struct pollfd){host->called, POLLIN, 0};
    watches[WATCH_END] = (struct pollfd){may_end(host) ? host->ended : -1, POLLIN, 0};
}

int64_t host_answer_next(struct host_thread *thread, const uint64_t arguments[3])
{
    struct host *host = thread->host;
    struct pollfd watches[WATCHES];
    uint64_t times;
    for (;;) {
        if (host->taken > 0) {
            size_t taken = host->taken < DOOR_BUFFER_SIZE ? host->taken : DOOR_BUFFER_SIZE;
            host->taken -= taken;
            return event(DOOR_TAKEN, taken);
        }
        watch(host, arguments, watches);
        if (poll(watches, WATCHES, -1) < 0)
            continue;
        if (watches[WATCH_INPUT].revents)
            write_input(host);
        if (watches[WATCH_OUTPUT].revents)
            return read_output(thread, 1, arguments[0]);
        if (watches[WATCH_ERROR].revents)
            return read_output(thread, 2, arguments[1]);
        if (watches[WATCH_CHANNEL].revents)
            return read_channel(thread);
        if (watches[WATCH_CALLED].revents) {
            (void)!read(host->called, &times, sizeof times);
            return event(DOOR_CALLED, 0);
        }
        if (watches[WATCH_END].revents) {
            host->end_is_told = true;
            return event(DOOR_OVER, 0);
        }
    }
}

/* --- the program ------------------------------------------------------------------------------ */

static void *run_program(void *argument)
{
    struct host *host = argument;
    struct error err = {0};
    uint64_t result = 0;
    uint64_t one = 1;
    if (host_threads_run(host, &result, &err) < 0 && host->run->log)
        host->run->log(err.text);
    for (size_t i = 0; i < 3; i++)
        fd_close(&host->program[i]);
    if (host->is_child)
        _exit(0); /* its first thread waits for nothing but its wire */
    (void)!write(host->ended, &one, sizeof one);
    return NULL;
}

/* The gate waits for nothing but what happens: its ends never make it wait. */
static int open_pipe(struct host *host, unsigned stream)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    unsigned gate = stream == 0 ? 1 : 0;
    host->gate[stream] = ends[gate];
    host->program[stream] = ends[1 - gate];
    return fcntl(ends[gate], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Faults inside are the model's signals, in whatever thread; others are for the first one. */
static int start_thread(struct host *host)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGSEGV);
    (void)sigdelset(&all, SIGILL);
    (void)sigdelset(&all, SIGFPE);
    (void)sigdelset(&all, SIGBUS);
    (void)sigdelset(&all, SIGTRAP);
    (void)sigdelset(&all, SIGSYS);
    (void)sigdelset(&all, SIGURG); /* host_threads.c's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&thread, NULL, run_program, host);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0)
        (void)pthread_detach(thread);
    return -status;
}

int64_t host_answer_begin(struct host_thread *thread, const uint64_t arguments[3])
{
    struct host *host = thread->host;
    int status = host->has_begun || arguments[0] > 7 ? -EINVAL : 0;
    for (unsigned i = 0; status == 0 && i < 3; i++)
        status = arguments[0] >> i & 1 ? open_pipe(host, i) : 0;
    if (status == 0)
        status = start_thread(host);
    host->has_begun = host->has_begun || status == 0;
    return status;
}
