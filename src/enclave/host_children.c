/* What the enclave asks about further enclaves: each a host's process of its own (host_nursery.h),
 * and sockets between them and the first one. Handles are those of the net's table. */
#include <errno.h>
#include <unistd.h>

#include "enclave/host_nursery.h"
#include "enclave/host_parts.h"

int host_children_descriptor(const struct host *host)
{
    const struct host_nursery *nursery = host->run->nursery;
    return nursery && !host->is_child ? nursery->arrivals : -1;
}

static int64_t handle_of(struct host *host, int fd)
{
    return fd < 0 ? fd : host_net_add(host, fd);
}

/* One at a time; it takes as long as an enclave takes to be made, if none is ready. */
static int64_t order(const struct host_nursery *nursery)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&lock);
    int status = host_nursery_order(nursery);
    (void)pthread_mutex_unlock(&lock);
    return status;
}

int64_t host_children_answer(struct host_thread *thread, uint64_t number)
{
    struct host *host = thread->host;
    struct host_nursery *nursery = host->run->nursery;
    int64_t result = -ENOSYS;
    if (!nursery)
        return result;
    if (number == DOOR_CHILD)
        return host->is_child ? result : order(nursery);
    (void)pthread_mutex_lock(&host->lock);
    if (number == DOOR_DIAL && host->is_child)
        result = handle_of(host, host_nursery_dial(nursery));
    else if (number == DOOR_ARRIVE && !host->is_child)
        result = handle_of(host, host_nursery_arrive(nursery));
    (void)pthread_mutex_unlock(&host->lock);
    return result;
}
