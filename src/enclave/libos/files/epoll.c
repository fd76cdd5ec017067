#include "enclave/libos/files/epoll.h"

#include <linux/errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/pipe.h"

#define QUIET 100000 /* ticks of the processor's: some tens of microseconds */
#define FLAGS ((uint32_t)(EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE))
#define KNOWN                                                                                      \
    ((uint32_t)(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLRDBAND |  \
                EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP))

struct watch {
    struct watch *next;         /* of the same epoll */
    struct watch *next_of_file; /* of the same file */
    struct epoll *epoll;
    struct file *file; /* borrowed: the watch goes first */
    int number;
    uint32_t events;
    uint64_t data;
    uint32_t told;  /* what was told of it and still is so */
    uint64_t edges; /* of the file, when it was told */
};

struct epoll {
    struct file *file; /* its own */
    struct watch *first;
    size_t count;
    bool was_quiet; /* the last look had to be waited for */
};

static const struct file_kind epoll_kind;

bool epoll_is(const struct file *file)
{
    return file->kind == &epoll_kind;
}

/* --- the list --------------------------------------------------------------------------------- */

static struct watch **find(struct epoll *epoll, const struct file *file, int number)
{
    struct watch **place = &epoll->first;
    while (*place && ((*place)->file != file || (*place)->number != number))
        place = &(*place)->next;
    return place;
}

static void drop(struct watch **place)
{
    struct watch *watch = *place;
    struct watch **of_file = &watch->file->watches;
    while (*of_file != watch)
        of_file = &(*of_file)->next_of_file;
    *of_file = watch->next_of_file;
    *place = watch->next;
    watch->epoll->count--;
    libos_free(watch);
}

/* The open file goes. */
static void forget(struct file *file)
{
    while (file->watches)
        drop(find(file->watches->epoll, file, file->watches->number));
}

bool epoll_item(const struct file *epoll, size_t place, struct ready *out)
{
    if (!epoll_is(epoll))
        return false;
    const struct watch *watch = ((const struct epoll *)epoll->state)->first;
    while (watch && place-- > 0)
        watch = watch->next;
    if (watch)
        *out = (struct ready){.file = watch->file, .wanted = watch->events & KNOWN};
    return watch != NULL;
}

/* --- within each other ------------------------------------------------------------------------ */

/* Whether `file` watches `sought`, or is as deep as that cannot be. */
static bool reaches(const struct file *file, const struct file *sought, unsigned depth)
{
    if (file == sought || depth == 0)
        return true;
    if (!epoll_is(file))
        return false;
    const struct watch *watch = ((const struct epoll *)file->state)->first;
    for (; watch; watch = watch->next) {
        if (epoll_is(watch->file) && reaches(watch->file, sought, depth - 1))
            return true;
    }
    return false;
}

/* How many epolls watch each other above this one. */
static unsigned height(const struct file *file, unsigned most)
{
    unsigned highest = 0;
    for (const struct watch *watch = file->watches; watch && most > 0;
         watch = watch->next_of_file) {
        unsigned above = 1 + height(watch->epoll->file, most - 1);
        highest = above > highest ? above : highest;
    }
    return highest;
}

/* --- control ---------------------------------------------------------------------------------- */

static int add(struct file *file, struct file *watched, int number, const struct epoll_ready *what)
{
    struct epoll *epoll = file->state;
    struct watch **place = find(epoll, watched, number);
    if (*place)
        return -EEXIST;
    if (epoll_is(watched) &&
        (what->events & EPOLLEXCLUSIVE || reaches(watched, file, EPOLL_DEPTH_MAX)))
        return what->events & EPOLLEXCLUSIVE ? -EINVAL : -ELOOP;
    if (epoll_is(watched) && height(file, EPOLL_DEPTH_MAX) + 1 >= EPOLL_DEPTH_MAX)
        return -ELOOP;
    if (epoll->count >= EPOLL_WATCHES_MAX)
        return -ENOSPC;
    struct watch *watch = alloc_zeroed(1, sizeof *watch);
    if (!watch)
        return -ENOMEM;
    *watch = (struct watch){.next_of_file = watched->watches,
                            .epoll = epoll,
                            .file = watched,
                            .number = number,
                            .events = what->events,
                            .data = what->data};
    watched->watches = watch;
    watched->forget_watches = forget;
    *place = watch;
    epoll->count++;
    return 0;
}

static int change(struct watch *watch, const struct epoll_ready *what)
{
    if ((what->events | watch->events) & EPOLLEXCLUSIVE)
        return -EINVAL;
    watch->events = what->events;
    watch->data = what->data;
    watch->told = 0;
    return 0;
}

int epoll_control(struct file *file, unsigned command, struct file *watched, int number,
                  const struct epoll_ready *what)
{
    if (!epoll_is(file) || file == watched)
        return -EINVAL;
    if (watched->kind != &epoll_kind && !watched->kind->poll && !watched->kind->handle)
        return -EPERM;
    struct watch **place = find(file->state, watched, number);
    int status = -EINVAL;
    if (command == EPOLL_CTL_ADD)
        status = add(file, watched, number, what);
    else if (command == EPOLL_CTL_MOD)
        status = *place ? change(*place, what) : -ENOENT;
    else if (command == EPOLL_CTL_DEL)
        status = *place ? 0 : -ENOENT;
    if (status == 0 && command == EPOLL_CTL_DEL)
        drop(place);
    if (status == 0 && file_changed)
        file_changed(); /* who waits for it looks again */
    return status;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* What there is to tell of a watch of which this is seen. */
static uint32_t news(const struct watch *watch, uint32_t seen)
{
    if (!(watch->events & KNOWN)) /* after EPOLLONESHOT */
        return 0;
    if (!(watch->events & EPOLLET) || watch->edges != watch->file->edges)
        return seen;
    return seen & ~watch->told ? seen : 0;
}

static int take_items(const struct epoll *epoll, struct ready **out)
{
    size_t count = 0;
    *out = alloc_zeroed(epoll->count + 1, sizeof **out);
    if (!*out)
        return -ENOMEM;
    for (const struct watch *watch = epoll->first; watch; watch = watch->next)
        (*out)[count++] = (struct ready){.file = watch->file, .wanted = watch->events & KNOWN};
    return 0;
}

/* Tells of one. Those that were told of go to the end of the list, so that all have their turn. */
static void tell(struct watch *watch, uint32_t events, struct epoll_ready *out)
{
    *out = (struct epoll_ready){events, watch->data};
    watch->edges = watch->file->edges;
    watch->told = events;
    if (watch->events & EPOLLONESHOT)
        watch->events &= FLAGS;
}

static void append(struct epoll *epoll, struct watch *watches)
{
    struct watch **end = &epoll->first;
    while (*end)
        end = &(*end)->next;
    *end = watches;
}

static size_t tell_all(struct epoll *epoll, const struct ready *items, struct epoll_ready *out,
                       size_t most)
{
    struct watch *told = NULL, **last = &told;
    size_t count = 0, i = 0;
    for (struct watch **place = &epoll->first; *place && count < most; i++) {
        struct watch *watch = *place;
        uint32_t events = news(watch, items[i].seen);
        if (events != 0) {
            tell(watch, events, &out[count++]);
            *place = watch->next;
            watch->next = NULL;
            *last = watch;
            last = &watch->next;
        } else {
            watch->told &= items[i].seen;
            place = &watch->next;
        }
    }
    append(epoll, told);
    return count;
}

int epoll_look(struct file *file, struct epoll_ready *out, size_t most)
{
    struct epoll *epoll = file->state;
    struct ready *items;
    int status = take_items(epoll, &items);
    if (status < 0)
        return status;
    (void)ready_look(items, epoll->count);
    status = (int)tell_all(epoll, items, out, most);
    epoll->was_quiet = epoll->was_quiet && status <= 1; /* one asks, and is answered */
    libos_free(items);
    return status;
}

int epoll_wait_for(struct file *file, uint64_t deadline)
{
    struct ready *items;
    int status = take_items(file->state, &items);
    if (status < 0)
        return status;
    uint64_t before = clock_ticks();
    status = ready_wait(items, ((struct epoll *)file->state)->count, deadline);
    ((struct epoll *)file->state)->was_quiet = clock_ticks() - before > QUIET;
    libos_free(items);
    return status;
}

bool epoll_is_quiet(struct file *file)
{
    struct epoll *epoll = file->state;
    struct ready *items;
    bool is_quiet = true;
    if (!epoll->was_quiet || take_items(epoll, &items) < 0)
        return false;
    if (ready_look_inside(items, epoll->count) > 0) {
        size_t i = 0;
        for (const struct watch *watch = epoll->first; watch; watch = watch->next)
            is_quiet = is_quiet && news(watch, items[i++].seen) == 0;
    }
    libos_free(items);
    return is_quiet;
}

/* Whether there is something, of which nothing is told yet. */
static unsigned epoll_poll(struct file *file)
{
    struct epoll *epoll = file->state;
    struct ready *items;
    unsigned found = 0;
    size_t i = 0;
    if (take_items(epoll, &items) < 0)
        return 0;
    if (ready_look(items, epoll->count) > 0) {
        for (const struct watch *watch = epoll->first; watch; watch = watch->next)
            found |= news(watch, items[i++].seen);
    }
    libos_free(items);
    return found ? POLLIN | POLLRDNORM : 0;
}

static void epoll_release(struct file *file)
{
    struct epoll *epoll = file->state;
    while (epoll->first)
        drop(&epoll->first);
    libos_free(epoll);
}

static const struct file_kind epoll_kind = {
    .name = "[eventpoll]", .is_stream = true, .poll = epoll_poll, .release = epoll_release};

int epoll_new(struct file **out)
{
    struct epoll *epoll = alloc_zeroed(1, sizeof *epoll);
    if (!epoll)
        return -ENOMEM;
    int status = file_new(&epoll_kind, O_RDWR, NULL, out);
    if (status < 0) {
        libos_free(epoll);
        return status;
    }
    epoll->file = *out;
    (*out)->state = epoll;
    return 0;
}
