/*
 * What the library OS sends without asking (struct door_outbox).
 *
 * Theory of operation: every thread that comes out with a call empties the outbox before it is
 * answered, which is soon where a program is busy with its sockets. For the program that sends and
 * then computes there is one thread more, that looks every PERIOD, and sends what was there at the
 * look before, but only while it is served: from when sends come close upon each other until
 * nothing has come for some looks. It says that it stops before it looks a last time; who puts
 * something there looks at that afterwards.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "enclave/host_parts.h"

#define PERIOD     300000  /* nanoseconds between looks */
#define LOOKS      16      /* in vain, and then it is not served any more */
#define CLOSE_UPON 1000000 /* nanoseconds between sends that are often */

struct host_outbox {
    struct door_outbox shared; /* the enclave writes to it: each word is read once */
    uint64_t taken;
    uint64_t last_send; /* when, by the monotonic clock */
    uint8_t bytes[DOOR_POST_MAX];
    struct host *host;
    pthread_t server;
    int token; /* eventfd: the server has something to do */
    atomic_bool is_over;
    atomic_bool has_left; /* a socket did not take all of it */
};

static uint64_t now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* --- emptying --------------------------------------------------------------------------------- */

static void copy(const struct host_outbox *outbox, uint64_t from, void *out, size_t size)
{
    size_t at = (size_t)(from % DOOR_OUTBOX_SIZE);
    size_t first = size < DOOR_OUTBOX_SIZE - at ? size : DOOR_OUTBOX_SIZE - at;
    memcpy(out, outbox->shared.ring + at, first);
    memcpy((uint8_t *)out + first, outbox->shared.ring, size - first);
}

/* The next one, of so many bytes that are there: how many it takes. What cannot be ends all. */
static uint64_t post_one(struct host_outbox *outbox, uint64_t there)
{
    struct door_post head;
    if (there < sizeof head || there > DOOR_OUTBOX_SIZE)
        return there;
    copy(outbox, outbox->taken, &head, sizeof head);
    uint64_t whole = (sizeof head + (uint64_t)head.size + 7) & ~UINT64_C(7);
    if (head.size > DOOR_POST_MAX || whole > there)
        return there;
    copy(outbox, outbox->taken + sizeof head, outbox->bytes, head.size);
    host_net_post(outbox->host, head.handle, outbox->bytes, head.size);
    return whole;
}

/* With the lock. */
static void empty(struct host_outbox *outbox)
{
    uint64_t put = __atomic_load_n(&outbox->shared.put, __ATOMIC_SEQ_CST);
    while (outbox->taken != put)
        outbox->taken += post_one(outbox, put - outbox->taken);
    __atomic_store_n(&outbox->shared.taken, put, __ATOMIC_RELEASE);
    atomic_store(&outbox->has_left, host_net_flush(outbox->host) > 0);
}

void host_outbox_empty(struct host *host)
{
    struct host_outbox *outbox = atomic_load(&host->outbox);
    if (!outbox || __atomic_load_n(&outbox->shared.put, __ATOMIC_SEQ_CST) ==
                       __atomic_load_n(&outbox->shared.taken, __ATOMIC_RELAXED))
        return;
    (void)pthread_mutex_lock(&host->lock);
    empty(outbox);
    (void)pthread_mutex_unlock(&host->lock);
}

/* --- the server ------------------------------------------------------------------------------- */

static uint64_t put_so_far(struct host_outbox *outbox)
{
    return __atomic_load_n(&outbox->shared.put, __ATOMIC_SEQ_CST);
}

/* Sends what was there at the look before, which is all up to `seen`: whether something has come
 * since, or is left. What is younger its thread sends sooner, and waits for no lock then. */
static bool look(struct host_outbox *outbox, uint64_t *seen)
{
    uint64_t before = *seen;
    *seen = put_so_far(outbox);
    bool is_old = __atomic_load_n(&outbox->shared.taken, __ATOMIC_ACQUIRE) < before;
    if (!is_old && !atomic_load(&outbox->has_left))
        return *seen != before;
    (void)pthread_mutex_lock(&outbox->host->lock);
    empty(outbox);
    (void)pthread_mutex_unlock(&outbox->host->lock);
    return true;
}

static void set_served(struct host_outbox *outbox, bool is_served)
{
    __atomic_store_n(&outbox->shared.is_served, is_served, __ATOMIC_SEQ_CST);
}

static void *serve(void *argument)
{
    static const struct timespec period = {0, PERIOD};
    struct host_outbox *outbox = argument;
    uint64_t times, seen = 0;
    while (!atomic_load(&outbox->is_over)) {
        if (read(outbox->token, &times, sizeof times) < 0 && errno != EINTR)
            break;
        set_served(outbox, true);
        for (int vain = 0; vain < LOOKS && !atomic_load(&outbox->is_over);) {
            (void)nanosleep(&period, NULL);
            vain = look(outbox, &seen) ? 0 : vain + 1;
        }
        set_served(outbox, false);
        host_outbox_empty(outbox->host);
    }
    set_served(outbox, false);
    return NULL;
}

void host_outbox_expect(struct host *host)
{
    struct host_outbox *outbox = atomic_load(&host->outbox);
    const uint64_t one = 1;
    if (!outbox || __atomic_load_n(&outbox->shared.is_served, __ATOMIC_RELAXED))
        return;
    uint64_t time = now();
    if (time - outbox->last_send < CLOSE_UPON)
        (void)!write(outbox->token, &one, sizeof one);
    outbox->last_send = time;
}

int64_t host_outbox_answer(struct host *host)
{
    struct host_outbox *outbox = atomic_load(&host->outbox);
    if (outbox)
        return (int64_t)(uintptr_t)&outbox->shared;
    outbox = aligned_alloc(_Alignof(struct host_outbox), sizeof *outbox);
    if (!outbox)
        return -ENOMEM;
    memset(outbox, 0, sizeof *outbox);
    outbox->host = host;
    outbox->token = eventfd(0, EFD_CLOEXEC);
    if (outbox->token < 0 || pthread_create(&outbox->server, NULL, serve, outbox) != 0) {
        if (outbox->token >= 0)
            (void)close(outbox->token);
        free(outbox);
        return -ENOMEM;
    }
    atomic_store(&host->outbox, outbox);
    return (int64_t)(uintptr_t)&outbox->shared;
}

void host_outbox_end(struct host *host)
{
    struct host_outbox *outbox = atomic_load(&host->outbox);
    const uint64_t one = 1;
    if (!outbox)
        return;
    atomic_store(&outbox->is_over, true);
    (void)!write(outbox->token, &one, sizeof one);
    (void)pthread_join(outbox->server, NULL);
    (void)close(outbox->token);
    host_outbox_empty(host);
    (void)pthread_mutex_lock(&host->lock);
    host_net_finish(host);
    (void)pthread_mutex_unlock(&host->lock);
}
