#include "enclave/libos/files/ready.h"

#include <linux/errno.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/door/door.h"
#include "enclave/libos/files/epoll.h"
#include "enclave/libos/files/pipe.h"
#include "enclave/libos/threads/wait.h"

#define ALWAYS (POLLERR | POLLHUP)
#define GLANCE                                                                                     \
    10000000 /* nanoseconds between looks, where the host cannot wait for all at once              \
              */

/* What of the host's is to be waited for; `most` handles have room. */
struct handles {
    struct door_ready *items;
    size_t count, most;
    uint64_t due; /* when a timer among them comes */
};

static bool is_hosts(const struct ready *item)
{
    return item->file && item->file->kind->handle;
}

static struct door_ready handle_of(const struct ready *item)
{
    return (struct door_ready){.handle = item->file->kind->handle(item->file),
                               .events = (uint16_t)item->wanted};
}

static unsigned held(const struct file *file)
{
    return file->kind->held ? file->kind->held(file) : 0;
}

/* As handle_of(), for a look: bytes are wanted of what is to be read. */
static struct door_ready question_of(const struct ready *item)
{
    struct door_ready handle = handle_of(item);
    unsigned more = item->file->kind->asks ? item->file->kind->asks(item->file) : 0;
    if (!(item->wanted & POLLIN))
        more &= ~(unsigned)DOOR_FETCH;
    handle.events = (uint16_t)(handle.events | more);
    return handle;
}

/* What the host told of one, and the place of its bytes, which moves on. A lie about these is the
 * end of them. */
static void hear(struct ready *item, const struct door_ready *told, size_t *place)
{
    const struct file_kind *kind = item->file->kind;
    size_t size = told->ready & told->events & DOOR_FETCH ? door_fetched_size(*place) : 0;
    if (kind->hear)
        kind->hear(item->file, told->ready, *place, size);
    if (told->ready & DOOR_FETCH)
        *place = size > 0 ? DOOR_FETCHED_NEXT(*place, size) : DOOR_BUFFER_SIZE;
    item->seen = (told->ready | held(item->file)) & (item->wanted | ALWAYS);
}

/* So many of the host's as one call carries: where it got to. The lock is held meanwhile: nobody
 * else may read of a socket while bytes of it are on their way. */
static size_t look_outside(struct ready *items, size_t from, size_t count)
{
    static struct door_ready handles[DOOR_READY_MAX]; /* under the lock, as all is */
    size_t asked = 0, i = from, place = DOOR_FETCHED_AT;
    for (; i < count && asked < DOOR_READY_MAX; i++) {
        if (is_hosts(&items[i]))
            handles[asked++] = question_of(&items[i]);
    }
    if (asked > 0 && door_park(0, door_put_ready(handles, asked)) > 0)
        door_get_ready(handles, asked);
    asked = 0;
    for (size_t at = from; at < i; at++) {
        if (is_hosts(&items[at]))
            hear(&items[at], &handles[asked++], &place);
    }
    return i;
}

size_t ready_look_inside(struct ready *items, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned seen = 0;
        if (is_hosts(&items[i]))
            seen = held(items[i].file);
        else if (items[i].file)
            seen = file_poll(items[i].file);
        items[i].seen = seen & (items[i].wanted | ALWAYS);
        found += items[i].seen != 0;
    }
    return found;
}

size_t ready_look(struct ready *items, size_t count)
{
    size_t found = 0;
    (void)ready_look_inside(items, count);
    for (size_t at = 0; at < count;)
        at = look_outside(items, at, count);
    for (size_t i = 0; i < count; i++)
        found += items[i].seen != 0;
    return found;
}

static void add(struct handles *handles, const struct ready *item);

/* What an epoll of epolls waits for; as deep as epoll.h lets them be. */
static void add_watched(struct handles *handles, const struct file *file)
{
    struct ready inner;
    for (size_t i = 0; epoll_item(file, i, &inner); i++)
        add(handles, &inner);
}

static void add(struct handles *handles, const struct ready *item)
{
    if (!item->file)
        return;
    if (item->file->kind->due) {
        uint64_t due = item->file->kind->due(item->file);
        handles->due = due < handles->due ? due : handles->due;
    }
    if (epoll_is(item->file))
        add_watched(handles, item->file);
    if (!item->file->kind->handle)
        return;
    if (handles->count < handles->most)
        handles->items[handles->count] = handle_of(item);
    handles->count++;
}

/* With room for `most`; items is NULL where none is needed. */
static int find_handles(const struct ready *items, size_t count, size_t most, struct handles *out)
{
    *out = (struct handles){.most = most, .due = READY_NEVER};
    if (most > 0)
        out->items = alloc_zeroed(most, sizeof *out->items);
    if (most > 0 && !out->items)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        add(out, &items[i]);
    return 0;
}

int ready_wait(const struct ready *items, size_t count, uint64_t deadline)
{
    struct handles handles;
    (void)find_handles(items, count, 0, &handles); /* how many there are */
    size_t most = handles.count < DOOR_READY_MAX ? handles.count : DOOR_READY_MAX;
    if (most > 0 && find_handles(items, count, most, &handles) < 0)
        return -ENOMEM;
    if (handles.count > handles.most) {
        uint64_t soon = wait_deadline(GLANCE);
        handles.due = soon < handles.due ? soon : handles.due;
        handles.count = handles.most;
    }
    bool is_early = handles.due < deadline;
    int status = wait_on(&wait_files, is_early ? handles.due : deadline, handles.items,
                         handles.count);
    libos_free(handles.items);
    return is_early && status == -ETIMEDOUT ? 0 : status;
}
