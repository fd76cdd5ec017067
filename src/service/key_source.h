/*
 * Where the keys of another issuer come from: a file, read once, or a URL. The latter is fetched by
 * one thread, again and again, and what was fetched is kept meanwhile; whoever comes with a key
 * that is not known yet has it fetched sooner, and is refused until then. Nobody waits for
 * another's server.
 */
#ifndef CAISSON_SERVICE_KEY_SOURCE_H
#define CAISSON_SERVICE_KEY_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "service/config.h"
#include "service/key_set.h"
#include "service/service.h"

#define KEY_SOURCE_REFRESH_SECONDS 600 /* between two fetches */
#define KEY_SOURCE_SOONER_SECONDS  10  /* the same, where a key was asked for that is not there */

/* A zeroed one may be closed. */
struct key_source {
    const char *issuer, *tenant;     /* for messages */
    const struct config_keys *place; /* all borrowed */
    bool is_open;
    pthread_rwlock_t lock;    /* for `keys` */
    struct shared_keys *keys; /* NULL until they were fetched */
    int64_t tried;            /* when they were last fetched, or not */
    atomic_bool is_wanted;    /* somebody came with a key that is not there */
};

/* Reads the file, or waits for key_source_refresh(). The caller closes it, also after a failure. */
int key_source_open(struct key_source *source, const char *issuer, const char *tenant,
                    const struct config_keys *place, struct error *err);
void key_source_close(struct key_source *source);

/* Fetches the keys if they are due at this time (seconds since 1970), by one thread. What fails is
 * logged, and what is there stays. */
void key_source_refresh(struct key_source *source, service_fetch *fetch, int64_t now);

/* Shares what another source has fetched of the same issuer from the same place, where this one has
 * nothing yet. By the thread that refreshes; others may check by the one before, not yet by this.
 */
void key_source_adopt(struct key_source *source, const struct key_source *before);

/* ERROR_REFUSED unless one of the keys signed the message; any number of threads at once. */
int key_source_check(struct key_source *source, const struct jws *jws, struct error *err);

#endif
