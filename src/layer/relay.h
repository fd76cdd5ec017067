/*
 * A relay hands bytes from one thread to one or two others that each see all of them, in slots that
 * are used again once every reader is done with them. It bounds the memory between the threads and
 * lets them run at once.
 */
#ifndef CAISSON_LAYER_RELAY_H
#define CAISSON_LAYER_RELAY_H

#include <pthread.h>

#include "base/error.h"
#include "base/span.h"

#define RELAY_SLOTS     8
#define RELAY_SLOT_SIZE ((size_t)256 << 10)
#define RELAY_READERS   2

struct relay {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint8_t *bytes;
    size_t sizes[RELAY_SLOTS];
    uint64_t filled;               /* slots committed since the start */
    uint64_t taken[RELAY_READERS]; /* slots that the reader has been given */
    uint64_t done[RELAY_READERS];  /* slots that the reader is through with */
    int readers;
    bool ended;
    bool stopped;
    bool failed;
    struct error failure; /* the writer's */
};

int relay_init(struct relay *relay, int readers, struct error *err);
void relay_fini(struct relay *relay);

/* Writer: a free slot of RELAY_SLOT_SIZE bytes, or NULL when a reader stopped the relay. */
uint8_t *relay_reserve(struct relay *relay);
void relay_commit(struct relay *relay, size_t size);

/* Writer: nothing follows; `failure` is NULL, or what the readers get after the last slot. */
void relay_end(struct relay *relay, const struct error *failure);

/* Reader: the next slot's bytes, valid until its next call; empty at the end. -1 with the writer's
 * error, or when the relay was stopped. */
int relay_next(struct relay *relay, int reader, struct span *out, struct error *err);

/* Any thread: wakes all and makes them give up. */
void relay_stop(struct relay *relay);

#endif
