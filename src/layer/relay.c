#include "layer/relay.h"

#include <stdlib.h>

int relay_init(struct relay *relay, int readers, struct error *err)
{
    *relay = (struct relay){.readers = readers,
                            .slots = malloc(RELAY_SLOTS * sizeof *relay->slots)};
    if (!relay->slots)
        return error_memory(err);
    (void)pthread_mutex_init(&relay->lock, NULL);
    (void)pthread_cond_init(&relay->changed, NULL);
    return 0;
}

void relay_fini(struct relay *relay)
{
    if (!relay->slots)
        return;
    (void)pthread_mutex_destroy(&relay->lock);
    (void)pthread_cond_destroy(&relay->changed);
    free(relay->slots);
    relay->slots = NULL;
}

static uint64_t slowest(const struct relay *relay)
{
    uint64_t least = relay->done[0];
    for (int i = 1; i < relay->readers; i++) {
        if (relay->done[i] < least)
            least = relay->done[i];
    }
    return least;
}

static struct unpack_piece *slot(const struct relay *relay, uint64_t number)
{
    return &relay->slots[number % RELAY_SLOTS];
}

struct unpack_piece *relay_reserve(struct relay *relay)
{
    (void)pthread_mutex_lock(&relay->lock);
    while (!relay->stopped && relay->filled - slowest(relay) == RELAY_SLOTS)
        (void)pthread_cond_wait(&relay->changed, &relay->lock);
    struct unpack_piece *piece = relay->stopped ? NULL : slot(relay, relay->filled);
    (void)pthread_mutex_unlock(&relay->lock);
    return piece;
}

void relay_commit(struct relay *relay)
{
    (void)pthread_mutex_lock(&relay->lock);
    relay->filled++;
    (void)pthread_cond_broadcast(&relay->changed);
    (void)pthread_mutex_unlock(&relay->lock);
}

void relay_end(struct relay *relay, const struct error *failure)
{
    (void)pthread_mutex_lock(&relay->lock);
    relay->ended = true;
    relay->failed = failure != NULL;
    if (failure)
        relay->failure = *failure;
    (void)pthread_cond_broadcast(&relay->changed);
    (void)pthread_mutex_unlock(&relay->lock);
}

/* With the lock held, and something to tell. */
static int answer(struct relay *relay, int reader, const struct unpack_piece **out,
                  struct error *err)
{
    if (relay->stopped)
        return error_set(err, ERROR_REFUSED, "the conversion was stopped");
    if (relay->taken[reader] < relay->filled) {
        *out = slot(relay, relay->taken[reader]++);
        return 0;
    }
    if (!relay->failed)
        return 0;
    if (err)
        *err = relay->failure;
    return -1;
}

int relay_next(struct relay *relay, int reader, const struct unpack_piece **out, struct error *err)
{
    *out = NULL;
    (void)pthread_mutex_lock(&relay->lock);
    if (relay->done[reader] != relay->taken[reader]) {
        relay->done[reader] = relay->taken[reader];
        (void)pthread_cond_broadcast(&relay->changed);
    }
    while (!relay->stopped && !relay->ended && relay->taken[reader] == relay->filled)
        (void)pthread_cond_wait(&relay->changed, &relay->lock);
    int status = answer(relay, reader, out, err);
    (void)pthread_mutex_unlock(&relay->lock);
    return status;
}

void relay_stop(struct relay *relay)
{
    (void)pthread_mutex_lock(&relay->lock);
    relay->stopped = true;
    (void)pthread_cond_broadcast(&relay->changed);
    (void)pthread_mutex_unlock(&relay->lock);
}
