/*
 * The thread that makes answers lasting before they are sent. Workers give it what they answered
 * and go on with other requests; what came together while the disk was busy is settled by one sync,
 * and each answer goes back to its worker.
 */
#ifndef CAISSON_SERVICE_SETTLER_H
#define CAISSON_SERVICE_SETTLER_H

#include <pthread.h>

#include "service/server.h"

struct exchange;
struct settler;

/* Starts it, with all signals blocked. NULL with an error. */
struct settler *settler_start(const struct server_owner *owner, struct error *err);

/* Takes what a worker answered; it comes back by its exchange's `settled`. */
void settler_take(struct settler *settler, struct exchange *exchange);

/* Settles what is left, and frees it. NULL is nothing. */
void settler_stop(struct settler *settler);

/* Exchanges, in the order in which they came. */
struct exchange_list {
    struct exchange *first, *last;
};

/* A worker's side: where what was settled waits for it. */
struct settled {
    pthread_mutex_t mutex;
    struct exchange_list list;
    int fd; /* an eventfd, readable while something waits */
};

int settled_init(struct settled *settled, struct error *err);
void settled_fini(struct settled *settled);

/* All that waits; it is the caller's now. */
struct exchange_list settled_take(struct settled *settled);

/* The first of a list, which leaves it; NULL where there is none. */
struct exchange *exchange_list_pop(struct exchange_list *list);

#endif
