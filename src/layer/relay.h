/*
 * A relay hands pieces from one thread to one or two others that each see all of them, in slots
 * that are used again once every reader is done with them. It bounds the memory between the threads
 * and lets them run at once.
 */
#ifndef CAISSON_LAYER_RELAY_H
#define CAISSON_LAYER_RELAY_H

#include <pthread.h>

#include "layer/unpack.h"

#define RELAY_SLOTS   8
#define RELAY_READERS 2

struct relay {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct unpack_piece *slots;
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

/* Writer: a free slot, or NULL when a reader stopped the relay. */
struct unpack_piece *relay_reserve(struct relay *relay);
void relay_commit(struct relay *relay);

/* Writer: nothing follows; `failure` is NULL, or what the readers get after the last slot. */
void relay_end(struct relay *relay, const struct error *failure);

/* Reader: the next piece, valid until its next call; NULL at the end. -1 with the writer's error,
 * or when the relay was stopped. */
int relay_next(struct relay *relay, int reader, const struct unpack_piece **out, struct error *err);

/* Any thread: wakes all and makes them give up. */
void relay_stop(struct relay *relay);

#endif
