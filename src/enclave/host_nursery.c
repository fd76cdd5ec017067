#include "enclave/host_nursery.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enclave/host_pass.h"
#include "os/fd.h"

#define RELEASED_MAX 64
/* In the nursery's process, and what is forked from it. */
struct nursery {
    const struct host_recipe *recipe;
    const struct enclave_host_run *run;
    int orders;       /* its end */
    int arrivals;     /* children's */
    int ready;        /* to the child that is kept ready, or -1 */
    bool keeps_ready; /* from the second order on: many programs have one child at a time */
    int released[RELEASED_MAX]; /* to those that were let go and have not dialled; or -1 */
};

static void say(const struct nursery *nursery, const char *line)
{
    if (nursery->run->log)
        nursery->run->log(line);
}

/* Dies when the process does that forked it, which may be gone already. */
static bool die_with(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

/* All but the standard streams and these, the lower one first. */
static void close_others(int a, int b)
{
    (void)close_range(STDERR_FILENO + 1, (unsigned)a - 1, 0);
    if (b > a + 1)
        (void)close_range((unsigned)a + 1, (unsigned)b - 1, 0);
    (void)close_range((unsigned)b + 1, ~0U, 0);
}

static void keep_two(int a, int b)
{
    if (a < b)
        close_others(a, b);
    else
        close_others(b, a);
}

/* Whole packets of one size, both ways; false for any other. */
static bool put(int fd, const void *message, size_t size)
{
    return send(fd, message, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool take(int fd, void *message, size_t size)
{
    ssize_t got;
    do
        got = recv(fd, message, size, MSG_TRUNC);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)size;
}

/* --- a child's host --------------------------------------------------------------------------- */

static int be_child(const struct nursery *nursery, int line, struct error *err)
{
    const struct host_recipe *recipe = nursery->recipe;
    struct host_nursery to_first = {.orders = line, .arrivals = nursery->arrivals, .kept = -1};
    struct enclave_host_run run = *nursery->run;
    uint8_t go;
    run.nursery = &to_first;
    run.channel = -1;
    struct enclave *enclave = enclave_load(recipe->driver, recipe->image, recipe->sigstruct,
                                           recipe->options, err);
    if (!enclave || (recipe->confine_child && recipe->confine_child(err) < 0))
        return -1;
    if (!put(line, &enclave->base, sizeof enclave->base) || !take(line, &go, sizeof go))
        return 0; /* nobody wants it any more */
    return enclave_host_run_child(enclave, recipe->image, &run, err);
}

static _Noreturn void start_child(const struct nursery *nursery, int line, pid_t parent)
{
    struct error err = {0};
    keep_two(line, nursery->arrivals);
    (void)prctl(PR_SET_NAME, "enclave-child");
    if (die_with(parent) && be_child(nursery, line, &err) < 0)
        say(nursery, err.text);
    _exit(0); /* threads may be inside */
}

/* --- the nursery ------------------------------------------------------------------------------ */

/* One more, to be kept ready. */
static void fork_one(struct nursery *nursery)
{
    int pair[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    pid_t pid = fork();
    if (pid == 0)
        start_child(nursery, pair[1], parent);
    (void)close(pair[1]);
    nursery->ready = pair[0];
    if (pid < 0)
        fd_close(&nursery->ready);
}

/* Lets the one that is ready go, if it has come to lie where it has to. */
static int release_one(struct nursery *nursery, uint64_t base)
{
    const uint8_t go = 1;
    uint64_t found = 0;
    size_t place = 0;
    while (place < RELEASED_MAX && nursery->released[place] >= 0)
        place++;
    if (place < RELEASED_MAX && nursery->ready < 0)
        fork_one(nursery);
    if (place == RELEASED_MAX || nursery->ready < 0)
        return -EAGAIN;
    bool is_made = take(nursery->ready, &found, sizeof found);
    if (is_made && found != base)
        say(nursery, "a further enclave does not lie where the first one does");
    if (!is_made || found != base || !put(nursery->ready, &go, sizeof go)) {
        fd_close(&nursery->ready);
        return -EAGAIN;
    }
    nursery->released[place] = nursery->ready;
    nursery->ready = -1;
    return 0;
}

/* One that was let go says that it has dialled, or has ended: then whoever waits for it is told by
 * an arrival without a socket. */
static void look_at(const struct nursery *nursery, int *line)
{
    uint8_t has_dialled;
    if (!take(*line, &has_dialled, sizeof has_dialled))
        (void)send(nursery->arrivals, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    fd_close(line);
}

/* False at the end of the orders. */
static bool obey(struct nursery *nursery)
{
    uint64_t base;
    if (!take(nursery->orders, &base, sizeof base))
        return false;
    int32_t status = release_one(nursery, base);
    if (!put(nursery->orders, &status, sizeof status))
        return false;
    if (status == 0 && nursery->keeps_ready)
        fork_one(nursery);
    nursery->keeps_ready = true;
    return true;
}

static bool step(struct nursery *nursery)
{
    struct pollfd items[RELEASED_MAX + 1] = {{nursery->orders, POLLIN, 0}};
    for (size_t i = 0; i < RELEASED_MAX; i++)
        items[i + 1] = (struct pollfd){nursery->released[i], POLLIN, 0};
    if (poll(items, RELEASED_MAX + 1, -1) < 0)
        return errno == EINTR;
    for (size_t i = 0; i < RELEASED_MAX; i++) {
        if (items[i + 1].revents)
            look_at(nursery, &nursery->released[i]);
    }
    return items[0].revents == 0 || obey(nursery);
}

/* The first host's process ends it, or the end of the orders. */
static _Noreturn void serve(struct nursery *nursery, pid_t parent)
{
    struct error err = {0};
    keep_two(nursery->orders, nursery->arrivals);
    for (size_t i = 0; i < RELEASED_MAX; i++)
        nursery->released[i] = -1;
    (void)signal(SIGCHLD, SIG_IGN); /* children are nobody's to wait for */
    (void)prctl(PR_SET_NAME, "enclave-nursery");
    bool goes_on = die_with(parent);
    if (goes_on && nursery->recipe->confine_nursery && nursery->recipe->confine_nursery(&err) < 0) {
        say(nursery, err.text);
        goes_on = false;
    }
    while (goes_on)
        goes_on = step(nursery);
    _exit(0);
}

/* --- the first host --------------------------------------------------------------------------- */

static void close_pair(int pair[2])
{
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

int host_nursery_begin(const struct host_recipe *recipe, const struct enclave_host_run *run,
                       struct host_nursery *out, struct error *err)
{
    int orders[2] = {-1, -1};
    int arrivals[2] = {-1, -1};
    pid_t parent = getpid();
    pid_t pid = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) == 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, arrivals) == 0)
        pid = fork();
    if (pid < 0) {
        (void)error_system(err, errno, "a process for further enclaves");
        close_pair(orders);
        close_pair(arrivals);
        return -1;
    }
    if (pid == 0) {
        struct nursery nursery = {.recipe = recipe,
                                  .run = run,
                                  .orders = orders[1],
                                  .arrivals = arrivals[1],
                                  .ready = -1};
        serve(&nursery, parent);
    }
    (void)close(orders[1]);
    *out = (struct host_nursery){.orders = orders[0], .arrivals = arrivals[0], .kept = arrivals[1]};
    return 0;
}

void host_nursery_end(struct host_nursery *nursery)
{
    fd_close(&nursery->orders);
    fd_close(&nursery->arrivals);
    fd_close(&nursery->kept);
}

int host_nursery_order(const struct host_nursery *nursery)
{
    int32_t status;
    if (!put(nursery->orders, &nursery->base, sizeof nursery->base) ||
        !take(nursery->orders, &status, sizeof status))
        return -EAGAIN;
    return status;
}

/* --- sockets ---------------------------------------------------------------------------------- */

int host_nursery_dial(struct host_nursery *nursery)
{
    const uint8_t has_dialled = 1;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    int status = host_pass_send(nursery->arrivals, span_of("", 1), pair[1]);
    (void)close(pair[1]);
    if (status < 0) {
        (void)close(pair[0]);
        return status;
    }
    if (nursery->orders >= 0)
        (void)put(nursery->orders, &has_dialled, sizeof has_dialled);
    fd_close(&nursery->orders);
    return pair[0];
}

int host_nursery_arrive(const struct host_nursery *nursery)
{
    char byte;
    int fd;
    ptrdiff_t got = host_pass_receive(nursery->arrivals, &byte, 1, MSG_DONTWAIT, &fd);
    if (got < 0)
        return (int)got;
    return fd < 0 ? -ECHILD : fd;
}
