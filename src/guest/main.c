/*
 * The guest's first process. It makes the machine usable, opens the channel, and from then on is a
 * loop between the port, the gate and the containers. Whenever something is wrong that a request
 * cannot be refused for, the machine powers off: there is nobody else in it to ask.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/boot.h"
#include "guest/machine.h"
#include "guest/port.h"
#include "os/fd.h"

#define POLLS_MAX      (3 + MACHINE_TASKS_MAX * TASK_POLLS)
#define OUTPUT_ENOUGH  (1 << 20) /* bytes: while more wait for the host, no request is read */
#define QUIET_MS       1000      /* without anything to do: now there is time to tidy up */
#define FLUSH_ROUNDS   200
#define FLUSH_ROUND_MS 10

struct guest {
    struct gate gate;
    struct machine machine;
    int port;
    int children; /* signalfd for SIGCHLD */
    bool tidy;
};

static _Noreturn void power_off(void)
{
    (void)reboot(RB_POWER_OFF);
    for (;;)
        (void)pause();
}

static int watch_children(struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = sigprocmask(SIG_BLOCK, &set, NULL) < 0
                 ? -1
                 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? error_system(err, errno, "cannot watch for ended processes") : fd;
}

/* Writes as much of the channel's output as the port takes. */
static int write_port(struct guest *guest, struct error *err)
{
    for (;;) {
        struct span output = channel_output(&guest->gate.channel);
        if (output.size == 0)
            return 0;
        ssize_t size = write(guest->port, output.data, output.size);
        if (size < 0 && errno == EAGAIN)
            return 0;
        if (size < 0 && errno != EINTR)
            return error_system(err, errno, "cannot write to the host");
        if (size > 0)
            channel_output_written(&guest->gate.channel, (size_t)size);
    }
}

static int read_port(struct guest *guest, struct error *err)
{
    static uint8_t bytes[65536];
    ssize_t size = read(guest->port, bytes, sizeof bytes);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size < 0)
        return error_system(err, errno, "cannot read from the host");
    if (size == 0)
        return error_set(err, ERROR_PROTOCOL, "the host has closed the channel");
    return gate_receive(&guest->gate, span_of(bytes, (size_t)size), err);
}

static void take_children(struct guest *guest)
{
    struct signalfd_siginfo info;
    while (read(guest->children, &info, sizeof info) > 0)
        continue;
    machine_reap(&guest->machine);
}

/* What to wait for on the port. A host that asks and does not read the answers is not heard. */
static short port_events(const struct guest *guest)
{
    size_t waiting = channel_output(&guest->gate.channel).size;
    short events = waiting > 0 ? POLLOUT : 0;
    return waiting < OUTPUT_ENOUGH ? events | POLLIN : events;
}

/* One turn: wait, then do what can be done. */
static int turn(struct guest *guest, struct error *err)
{
    struct pollfd polls[POLLS_MAX];
    polls[0] = (struct pollfd){.fd = guest->port, .events = port_events(guest)};
    polls[1] = (struct pollfd){.fd = guest->children, .events = POLLIN};
    size_t count = 2 + machine_collect(&guest->machine, polls + 2);
    int ready = poll(polls, count, guest->tidy ? -1 : QUIET_MS);
    if (ready < 0 && errno != EINTR)
        return error_system(err, errno, "cannot wait");
    if (ready == 0) {
        boot_tidy();
        guest->tidy = true;
    }
    if ((polls[0].revents & (POLLIN | POLLHUP)) && read_port(guest, err) < 0)
        return -1;
    if (polls[1].revents & POLLIN)
        take_children(guest);
    if (machine_pump(&guest->machine, err) < 0)
        return -1;
    return write_port(guest, err);
}

/* The last answers, as far as the host takes them. */
static void flush(struct guest *guest)
{
    for (int i = 0; i < FLUSH_ROUNDS && channel_output(&guest->gate.channel).size; i++) {
        struct pollfd poll_fd = {.fd = guest->port, .events = POLLOUT};
        (void)poll(&poll_fd, 1, FLUSH_ROUND_MS);
        if (write_port(guest, NULL) < 0)
            return;
    }
}

static int open_channel(struct guest *guest, struct error *err)
{
    enum guest_tee tee;
    int processor = -1;
    guest->children = watch_children(err);
    if (guest->children < 0 || boot_prepare(&tee, err) < 0)
        return -1;
    guest->port = port_open(CHANNEL_PORT_NAME, err);
    if (guest->port < 0)
        return -1;
    if (tee == GUEST_SIMULATED && (processor = port_open(CHANNEL_PSP_PORT, err)) < 0)
        return -1;
    machine_init(&guest->machine, &guest->gate, tee, processor);
    gate_init(&guest->gate, &machine_real_ops, &guest->machine, guest_tee_name(tee));
    if (port_wait_for_host(guest->port, err) < 0 || fd_set_nonblocking(guest->port, err) < 0)
        return -1;
    return gate_start(&guest->gate, err);
}

static int serve(struct guest *guest, struct error *err)
{
    if (open_channel(guest, err) < 0)
        return -1;
    do {
        if (turn(guest, err) < 0)
            return -1;
    } while (!guest->gate.power_off);
    flush(guest);
    return 0;
}

int main(void)
{
    static struct guest guest;
    struct error err = {0};
    if (getpid() != 1) {
        log_open("caisson-guest", LOG_LEVEL_INFO);
        log_error("this is the first process of a caisson machine; it does nothing elsewhere");
        return 2;
    }
    if (serve(&guest, &err) < 0)
        log_error("%s", err.text);
    power_off();
}
