/*
 * The host's threads of a run: each enters by a TCS of its own, which the library OS names.
 *
 * Theory of operation: a thread parks on an eventfd, its token, so that it can wait for descriptors
 * beside it. Waking writes to the token; interrupting sends KICK as well, whose handler enters the
 * TCS once more if the thread was inside: then the library OS looks for what there is to do. A kick
 * that finds the thread outside does nothing. If it answers a call of the door there, the library
 * OS looks when it comes back; if it was on its way to resume what was interrupted, nobody does:
 * the watch, a thread of the host's own, kicks again until it was inside or parked.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "enclave/host_parts.h"
#include "enclave/inside/door.h"

#define KICK        SIGURG /* what nobody else makes a process end by */
#define NANOSECONDS UINT64_C(1000000000)

#define FEW 64 /* places for what is waited for that need no memory of their own */

#define AGAIN UINT64_C(10000000) /* nanoseconds that a kick may take */

static _Thread_local struct host_thread *mine;

uint64_t host_tcs(const struct host_thread *thread)
{
    const struct enclave_image *image = thread->host->image;
    return image->threads_at + thread->index * enclave_image_thread_size(image);
}

/* A signal handler. Inside, an interrupt is looked at and resumed; what else the enclave or the
 * processor says is of no use here. */
static void on_kick(int number, bool is_inside)
{
    struct host_thread *thread = mine;
    (void)number;
    if (!is_inside || !thread || !atomic_load(&thread->is_in))
        return;
    struct enclave *enclave = thread->host->enclave;
    struct enclave_registers registers = {0};
    struct enclave_run run = {.tcs = enclave->base + host_tcs(thread)};
    atomic_store(&thread->owes, 0);
    (void)enclave->driver->enter(enclave, &registers, SGX_EENTER, &run);
}

static uint64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * NANOSECONDS + (uint64_t)time.tv_nsec;
}

/* --- waking and waiting ----------------------------------------------------------------------- */

static int start_watch(struct host *host);

/* With the lock. */
static void wake(struct host_thread *thread, bool is_kicked)
{
    const uint64_t one = 1;
    if (thread->token >= 0)
        (void)!write(thread->token, &one, sizeof one);
    if (!is_kicked || !atomic_load(&thread->is_in))
        return;
    atomic_store(&thread->owes, now() + AGAIN);
    (void)start_watch(thread->host);
    (void)pthread_kill(thread->id, KICK);
}

void host_wake(struct host *host, uint64_t bits, uint64_t kicked)
{
    (void)pthread_mutex_lock(&host->lock);
    for (size_t i = 0; i < DOOR_THREADS_MAX; i++) {
        const size_t bit = i % DOOR_WAKE_BITS;
        if ((bits | kicked) >> bit & 1)
            wake(&host->threads[i], kicked >> bit & 1);
    }
    (void)pthread_mutex_unlock(&host->lock);
}

/* Has one of them look for what there is to do. With the lock. */
static void poke(struct host *host)
{
    for (size_t i = 0; i < DOOR_THREADS_MAX; i++) {
        if (!atomic_load(&host->threads[i].is_in))
            continue;
        wake(&host->threads[i], true);
        return;
    }
}

/* NULL for no deadline. */
static const struct timespec *time_left(uint64_t deadline, struct timespec *left)
{
    uint64_t reached = now();
    if (deadline == DOOR_FOREVER)
        return NULL;
    uint64_t more = deadline > reached ? deadline - reached : 0;
    *left = (struct timespec){(time_t)(more / NANOSECONDS), (long)(more % NANOSECONDS)};
    return left;
}

static int64_t wait_for(struct host_thread *thread, uint64_t deadline, struct pollfd *items,
                        size_t count)
{
    struct timespec left;
    uint64_t times;
    int ready = ppoll(items, count + 1, time_left(deadline, &left), NULL);
    if (ready < 0)
        return -errno;
    if (!items[count].revents)
        return ready;
    (void)!read(thread->token, &times, sizeof times);
    atomic_store(&thread->owes, 0); /* it looks now */
    return ready - 1;
}

static int64_t look_at(struct pollfd *items, size_t count)
{
    int ready = poll(items, count, 0);
    return ready < 0 ? -errno : ready;
}

/* What is to be waited for, of the buffer. */
static void take_items(struct host_thread *thread, size_t count, struct pollfd *items)
{
    struct door_ready handle;
    (void)pthread_mutex_lock(&thread->host->lock); /* of the table of handles */
    for (size_t i = 0; i < count; i++) {
        memcpy(&handle, thread->buffer + i * sizeof handle, sizeof handle);
        items[i] = (struct pollfd){.fd = host_descriptor(thread->host, handle.handle),
                                   .events = (short)(handle.events & ~DOOR_FETCH)};
    }
    (void)pthread_mutex_unlock(&thread->host->lock);
}

static void give_items(struct host_thread *thread, size_t count, const struct pollfd *items,
                       bool fetches)
{
    struct door_ready handle;
    size_t place = DOOR_FETCHED_AT;
    for (size_t i = 0; i < count; i++) {
        memcpy(&handle, thread->buffer + i * sizeof handle, sizeof handle);
        handle.ready = (uint16_t)items[i].revents;
        if (fetches && handle.events & DOOR_FETCH && handle.ready & POLLIN &&
            !(handle.ready & (POLLERR | POLLHUP)) && host_net_fetch(thread, handle.handle, &place))
            handle.ready |= DOOR_FETCH;
        memcpy(thread->buffer + i * sizeof handle, &handle, sizeof handle);
    }
}

int64_t host_park(struct host_thread *thread, uint64_t deadline, uint64_t count)
{
    struct pollfd few[FEW], *items = few;
    if (count > DOOR_READY_MAX)
        return -EINVAL;
    if (count >= FEW && !(items = calloc((size_t)count + 1, sizeof *items)))
        return -ENOMEM;
    take_items(thread, (size_t)count, items);
    items[count] = (struct pollfd){.fd = thread->token, .events = POLLIN};
    int64_t ready = deadline == 0 ? look_at(items, (size_t)count)
                                  : wait_for(thread, deadline, items, (size_t)count);
    if (ready > 0)
        give_items(thread, (size_t)count, items, deadline == 0);
    if (items != few)
        free(items);
    return ready;
}

/* --- the watch -------------------------------------------------------------------------------- */

static bool has_come(uint64_t deadline)
{
    struct timespec left;
    return deadline != DOOR_FOREVER && time_left(deadline, &left)->tv_sec == 0 && left.tv_nsec == 0;
}

/* Kicks those again that have not taken it for so long: when to look next. With the lock. */
static uint64_t kick_again(struct host *host, uint64_t deadline)
{
    for (size_t i = 0; i < DOOR_THREADS_MAX; i++) {
        struct host_thread *thread = &host->threads[i];
        unsigned long long due = atomic_load(&thread->owes);
        if (due == 0 || !atomic_load(&thread->is_in))
            continue;
        uint64_t time = now();
        if (time >= due && atomic_compare_exchange_strong(&thread->owes, &due, time + AGAIN)) {
            (void)pthread_kill(thread->id, KICK);
            due = time + AGAIN;
        }
        deadline = due != 0 && due < deadline ? due : deadline;
    }
    return deadline;
}

/* The deadline to wait for; false when the program is over. */
static bool look(struct host *host, uint64_t *deadline)
{
    (void)pthread_mutex_lock(&host->lock);
    if (has_come(host->alarm)) {
        host->alarm = DOOR_FOREVER;
        poke(host);
    }
    *deadline = kick_again(host, host->alarm);
    bool goes_on = !host->is_over;
    (void)pthread_mutex_unlock(&host->lock);
    return goes_on;
}

static void *watch(void *argument)
{
    struct host *host = argument;
    struct pollfd item = {.fd = host->watch_token, .events = POLLIN};
    uint64_t deadline;
    uint64_t times;
    struct timespec left;
    while (look(host, &deadline)) {
        if (ppoll(&item, 1, time_left(deadline, &left), NULL) > 0)
            (void)!read(host->watch_token, &times, sizeof times);
    }
    return NULL;
}

/* With the lock: has the watch look again, once there is one. */
static int start_watch(struct host *host)
{
    const uint64_t one = 1;
    int failure = 0;
    if (!host->has_watch) {
        failure = pthread_create(&host->watch, NULL, watch, host);
        host->has_watch = failure == 0;
    }
    (void)!write(host->watch_token, &one, sizeof one);
    return -failure;
}

int64_t host_alarm(struct host *host, uint64_t deadline)
{
    (void)pthread_mutex_lock(&host->lock);
    host->alarm = deadline;
    int result = start_watch(host);
    (void)pthread_mutex_unlock(&host->lock);
    return result;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Whether this says what became of the program. */
static bool is_of_all(const struct host_thread *thread, uint64_t result)
{
    return result != DOOR_ENDED && (thread->index == 0 || !(result & DOOR_UNABLE));
}

/* What a thread came to. The first result, or failure, is the program's: then the others are
 * interrupted, so that they come out. */
static void settle(struct host_thread *thread, int outcome, uint64_t result,
                   const struct error *err)
{
    struct host *host = thread->host;
    (void)pthread_mutex_lock(&host->lock);
    bool is_first = !host->is_over && (outcome < 0 || is_of_all(thread, result));
    if (is_first) {
        host->is_over = true;
        host->outcome = outcome;
        host->result = result;
        host->error = *err;
    }
    host->running--;
    (void)pthread_cond_broadcast(&host->has_ended);
    (void)pthread_mutex_unlock(&host->lock);
    if (is_first)
        host_wake(host, UINT64_MAX, UINT64_MAX);
}

static void run_thread(struct host_thread *thread, const uint64_t arguments[4])
{
    struct host *host = thread->host;
    struct error err = {0};
    uint64_t result = 0;
    mine = thread;
    atomic_store(&thread->owes, 0);
    atomic_store(&thread->is_in, true);
    const struct enclave_host calls = {host->calls->answer, thread};
    int outcome = enclave_run_thread(host->enclave, host_tcs(thread), arguments, &calls, &result,
                                     &err);
    (void)pthread_mutex_lock(&host->lock);
    atomic_store(&thread->is_in, false);
    (void)pthread_mutex_unlock(&host->lock);
    mine = NULL;
    settle(thread, outcome, result, &err);
}

static void *run_further(void *argument)
{
    struct host_thread *thread = argument;
    const uint64_t arguments[4] = {DOOR_RUN_THREAD, (uintptr_t)thread->buffer};
    run_thread(thread, arguments);
    return NULL;
}

static int prepare(struct host_thread *thread)
{
    if (!thread->buffer)
        thread->buffer = calloc(1, DOOR_BUFFER_SIZE);
    if (thread->token < 0)
        thread->token = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return thread->buffer && thread->token >= 0 ? 0 : -EAGAIN;
}

/* The thread that ran by this index before is about to end, or has. */
int64_t host_spawn(struct host *host, uint64_t index)
{
    if (index == 0 || index >= host->image->threads || index >= DOOR_THREADS_MAX)
        return -EINVAL;
    struct host_thread *thread = &host->threads[index];
    if (thread->is_started)
        (void)pthread_join(thread->id, NULL);
    (void)pthread_mutex_lock(&host->lock);
    thread->is_started = false;
    int failure = prepare(thread) < 0 ? EAGAIN
                                      : pthread_create(&thread->id, NULL, run_further, thread);
    if (failure == 0) {
        thread->is_started = true;
        host->running++;
    }
    (void)pthread_mutex_unlock(&host->lock);
    return failure == 0 ? 0 : -EAGAIN;
}

static void join_all(struct host *host)
{
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&host->lock);
    while (host->running > 0)
        (void)pthread_cond_wait(&host->has_ended, &host->lock);
    host->is_over = true;
    (void)!write(host->watch_token, &one, sizeof one);
    (void)pthread_mutex_unlock(&host->lock);
    for (size_t i = 0; i < DOOR_THREADS_MAX; i++) {
        if (host->threads[i].is_started)
            (void)pthread_join(host->threads[i].id, NULL);
    }
    if (host->has_watch)
        (void)pthread_join(host->watch, NULL);
    host_outbox_end(host);
}

int host_threads_run(struct host *host, uint64_t *result, struct error *err)
{
    struct host_thread *first = &host->threads[0];
    const uint64_t arguments[4] = {DOOR_RUN_PROGRAM, (uintptr_t)first->buffer};
    first->id = pthread_self();
    (void)pthread_mutex_lock(&host->lock);
    host->running++; /* services may run before it */
    (void)pthread_mutex_unlock(&host->lock);
    run_thread(first, arguments);
    join_all(host);
    *result = host->result;
    if (host->outcome < 0 && err)
        *err = host->error;
    return host->outcome;
}

int host_threads_init(struct host *host, struct error *err)
{
    host->alarm = DOOR_FOREVER;
    host->watch_token = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (size_t i = 0; i < DOOR_THREADS_MAX; i++)
        host->threads[i] = (struct host_thread){.host = host, .index = i, .token = -1};
    (void)pthread_mutex_init(&host->lock, NULL);
    (void)pthread_cond_init(&host->has_ended, NULL);
    if (host->watch_token < 0 || prepare(&host->threads[0]) < 0)
        return error_system(err, errno, "what threads of an enclave need");
    return host->enclave->driver->handle_signal(KICK, on_kick, err);
}

void host_threads_fini(struct host *host)
{
    host_net_fini(host);
    for (size_t i = 0; i < DOOR_THREADS_MAX; i++) {
        free(host->threads[i].buffer);
        if (host->threads[i].token >= 0)
            (void)close(host->threads[i].token);
    }
    if (host->watch_token >= 0)
        (void)close(host->watch_token);
    (void)pthread_cond_destroy(&host->has_ended);
    (void)pthread_mutex_destroy(&host->lock);
}
