#include "service/settler.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/fd.h"
#include "service/connection.h"

#define BATCH_MAX 256 /* answers that wait for one sync */

struct settler {
    struct server_owner owner;
    pthread_t thread;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    struct exchange_list waiting;
    bool is_stopping;
};

/* --- lists ------------------------------------------------------------------------------------ */

static void push(struct exchange_list *list, struct exchange *exchange)
{
    exchange->next = NULL;
    if (list->last)
        list->last->next = exchange;
    else
        list->first = exchange;
    list->last = exchange;
}

struct exchange *exchange_list_pop(struct exchange_list *list)
{
    struct exchange *first = list->first;
    if (!first)
        return NULL;
    list->first = first->next;
    if (!list->first)
        list->last = NULL;
    return first;
}

/* --- a worker's side -------------------------------------------------------------------------- */

int settled_init(struct settled *settled, struct error *err)
{
    *settled = (struct settled){.mutex = PTHREAD_MUTEX_INITIALIZER,
                                .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    return settled->fd < 0 ? error_memory(err) : 0;
}

void settled_fini(struct settled *settled)
{
    fd_close(&settled->fd);
}

static void give_back(struct exchange *exchange)
{
    struct settled *settled = exchange->settled;
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&settled->mutex);
    push(&settled->list, exchange);
    (void)pthread_mutex_unlock(&settled->mutex);
    (void)!write(settled->fd, &one, sizeof one); /* it may be full: then it is readable */
}

struct exchange_list settled_take(struct settled *settled)
{
    uint64_t count;
    (void)!read(settled->fd, &count, sizeof count);
    (void)pthread_mutex_lock(&settled->mutex);
    struct exchange_list list = settled->list;
    settled->list = (struct exchange_list){0};
    (void)pthread_mutex_unlock(&settled->mutex);
    return list;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Waits for exchanges; returns how many there are, 0 at the end. */
static size_t wait_for(struct settler *settler, struct exchange *batch[BATCH_MAX])
{
    size_t count = 0;
    (void)pthread_mutex_lock(&settler->mutex);
    while (!settler->waiting.first && !settler->is_stopping)
        (void)pthread_cond_wait(&settler->changed, &settler->mutex);
    while (count < BATCH_MAX && settler->waiting.first)
        batch[count++] = exchange_list_pop(&settler->waiting);
    (void)pthread_mutex_unlock(&settler->mutex);
    return count;
}

static void *run(void *argument)
{
    struct settler *settler = argument;
    struct exchange *batch[BATCH_MAX];
    struct server_answer *answers[BATCH_MAX];
    size_t count;
    while ((count = wait_for(settler, batch)) > 0) {
        for (size_t i = 0; i < count; i++)
            answers[i] = &batch[i]->answer;
        settler->owner.settle(settler->owner.context, answers, count);
        for (size_t i = 0; i < count; i++)
            give_back(batch[i]);
    }
    return NULL;
}

struct settler *settler_start(const struct server_owner *owner, struct error *err)
{
    sigset_t all, before;
    struct settler *settler = calloc(1, sizeof *settler);
    if (!settler) {
        (void)error_memory(err);
        return NULL;
    }
    settler->owner = *owner;
    settler->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    settler->changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&settler->thread, NULL, run, settler);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result == 0)
        return settler;
    free(settler);
    (void)error_system(err, result, "cannot start a thread");
    return NULL;
}

void settler_take(struct settler *settler, struct exchange *exchange)
{
    (void)pthread_mutex_lock(&settler->mutex);
    push(&settler->waiting, exchange);
    (void)pthread_cond_signal(&settler->changed);
    (void)pthread_mutex_unlock(&settler->mutex);
}

void settler_stop(struct settler *settler)
{
    if (!settler)
        return;
    (void)pthread_mutex_lock(&settler->mutex);
    settler->is_stopping = true;
    (void)pthread_cond_signal(&settler->changed);
    (void)pthread_mutex_unlock(&settler->mutex);
    (void)pthread_join(settler->thread, NULL);
    (void)pthread_cond_destroy(&settler->changed);
    (void)pthread_mutex_destroy(&settler->mutex);
    free(settler);
}
