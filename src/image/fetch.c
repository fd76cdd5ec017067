/*
 * Theory of operation
 *
 * Each worker takes the next layer that nobody has taken, from the bottom up, until there is none
 * or `stop` is set. The caller's thread waits for the layers in their order and hands them to the
 * sink. Nothing is shared between the workers but this list and, through the store, the locks of
 * partial files: a blob that two layers name is fetched by one worker while the other waits.
 *
 * On an error `stop` is set; transfers that are under way end by it, and keep what they have for
 * the next pull.
 */
#include "image/fetch.h"

#include <pthread.h>
#include <stdlib.h>

struct fetch {
    const struct blob_target *target;
    const struct oci_manifest *manifest;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next; /* the first layer that no worker has taken */
    bool *there; /* one a layer */
    bool failed; /* `problem` says why */
    struct error problem;
    atomic_bool stop;
};

struct worker {
    struct fetch *fetch;
    struct client *client;
    pthread_t thread;
    bool started;
};

static bool take_next(struct fetch *fetch, size_t *index)
{
    (void)pthread_mutex_lock(&fetch->lock);
    bool more = !atomic_load(&fetch->stop) && fetch->next < fetch->manifest->count;
    if (more)
        *index = fetch->next++;
    (void)pthread_mutex_unlock(&fetch->lock);
    return more;
}

static void tell(struct fetch *fetch, size_t index, const struct error *problem)
{
    (void)pthread_mutex_lock(&fetch->lock);
    fetch->there[index] = !problem;
    /* What fails once all is stopped fails because of that. */
    if (problem && !fetch->failed && !atomic_load(&fetch->stop)) {
        fetch->failed = true;
        fetch->problem = *problem;
    }
    if (problem)
        atomic_store(&fetch->stop, true);
    (void)pthread_cond_broadcast(&fetch->changed);
    (void)pthread_mutex_unlock(&fetch->lock);
}

static void *run_worker(void *arg)
{
    const struct worker *worker = arg;
    struct fetch *fetch = worker->fetch;
    for (size_t index; take_next(fetch, &index);) {
        struct error problem = {0};
        int status = blob_fetch(fetch->target, worker->client, &fetch->manifest->layers[index],
                                &problem);
        tell(fetch, index, status < 0 ? &problem : NULL);
    }
    return NULL;
}

static int await_layer(struct fetch *fetch, size_t index, struct error *err)
{
    (void)pthread_mutex_lock(&fetch->lock);
    while (!fetch->there[index] && !fetch->failed)
        (void)pthread_cond_wait(&fetch->changed, &fetch->lock);
    int status = fetch->failed ? error_set(err, fetch->problem.code, "%s", fetch->problem.text) : 0;
    (void)pthread_mutex_unlock(&fetch->lock);
    return status;
}

static int hand_on(struct fetch *fetch, const struct fetch_sink *sink, bool *sink_failed,
                   struct error *err)
{
    for (size_t i = 0; i < fetch->manifest->count; i++) {
        if (await_layer(fetch, i, err) < 0)
            return -1;
        *sink_failed = sink->layer(sink->arg, i, err) < 0;
        if (*sink_failed)
            return -1;
    }
    return 0;
}

/* The first worker has the caller's client, the others have clients of their own. */
static int start_workers(struct worker *workers, size_t count, struct fetch *fetch,
                         struct client *client, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct worker *worker = &workers[i];
        *worker = (struct worker){.fetch = fetch, .client = client};
        if (i > 0)
            worker->client = client_fork(client, err);
        if (!worker->client)
            return -1;
        client_stop_when(worker->client, &fetch->stop);
    }
    for (size_t i = 0; i < count; i++) {
        int sys = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
        if (sys != 0)
            return error_system(err, sys, "starting a thread");
        workers[i].started = true;
    }
    return 0;
}

static void end_workers(struct worker *workers, size_t count, struct client *client)
{
    for (size_t i = 0; i < count; i++) {
        if (workers[i].started)
            (void)pthread_join(workers[i].thread, NULL);
        if (workers[i].client != client)
            client_free(workers[i].client);
    }
    client_stop_when(client, NULL);
}

int fetch_layers(const struct blob_target *target, struct client *client,
                 const struct oci_manifest *manifest, const struct fetch_sink *sink,
                 bool *sink_failed, struct error *err)
{
    struct worker workers[FETCH_AT_ONCE] = {0};
    size_t count = manifest->count < FETCH_AT_ONCE ? manifest->count : FETCH_AT_ONCE;
    struct fetch fetch = {.target = target,
                          .manifest = manifest,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER,
                          .there = calloc(manifest->count, sizeof *fetch.there)};
    *sink_failed = false;
    if (!fetch.there)
        return error_memory(err);
    int status = start_workers(workers, count, &fetch, client, err);
    if (status == 0)
        status = hand_on(&fetch, sink, sink_failed, err);
    if (status < 0)
        atomic_store(&fetch.stop, true);
    end_workers(workers, count, client);
    free(fetch.there);
    return status;
}
