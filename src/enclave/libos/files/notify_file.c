#include "enclave/libos/files/notify_file.h"

#include <asm/ioctls.h>
#include <limits.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/poll.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"

#define NOT_A_WATCH (-1) /* whose IN_Q_OVERFLOW is */
#define MASK_KEPT   (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK)

/* What read(2) is to give: a struct inotify_event's fields before the name, which a structure that
 * goes on cannot have in it. */
struct head {
    int32_t wd;
    uint32_t mask, cookie, len;
};
_Static_assert(sizeof(struct head) == sizeof(struct inotify_event), "uapi/linux/inotify.h");

struct event {
    struct event *next;
    struct head head; /* its `len` is with zeros, to a multiple of the head's size */
    size_t name_size;
    char name[];
};

struct notify {
    struct notify_watch *watches;
    struct event *first, *last;
    size_t count, bytes; /* bytes as they are read */
    struct event *overflow;
    bool has_overflow; /* it is in the queue */
    int last_number;
};

static const struct file_kind notify_kind;
static size_t file_count, waiting; /* bytes of memory */

bool notify_file_is(const struct file *file)
{
    return file->kind == &notify_kind;
}

/* --- the queue -------------------------------------------------------------------------------- */

static size_t size_of(const struct event *event)
{
    return sizeof event->head + event->head.len;
}

static void append(struct file *file, struct event *event)
{
    struct notify *notify = file->state;
    event->next = NULL;
    if (notify->last)
        notify->last->next = event;
    else
        notify->first = event;
    notify->last = event;
    notify->count++;
    notify->bytes += size_of(event);
    file->edges++;
    if (file_changed)
        file_changed();
}

static void drop_first(struct notify *notify)
{
    struct event *event = notify->first;
    notify->first = event->next;
    if (!notify->first)
        notify->last = NULL;
    notify->count--;
    notify->bytes -= size_of(event);
    if (event == notify->overflow) {
        notify->has_overflow = false;
        return;
    }
    waiting -= sizeof *event + event->name_size;
    libos_free(event);
}

/* NULL where there is no room for it. */
static struct event *make_event(const struct notify *notify, struct span name)
{
    size_t size = sizeof(struct event) + name.size;
    bool is_full = notify->count >= NOTIFY_QUEUE_MAX || size > NOTIFY_BYTES_MAX - waiting;
    struct event *event = is_full ? NULL : alloc_zeroed(1, size);
    if (!event)
        return NULL;
    waiting += size;
    event->name_size = name.size;
    if (name.size > 0)
        memcpy(event->name, name.data, name.size);
    return event;
}

/* What was told last is not told twice. */
static bool is_same(const struct event *event, const struct head *head, struct span name)
{
    return event && event->head.wd == head->wd && event->head.mask == head->mask &&
           head->mask != IN_IGNORED && event->name_size == name.size &&
           (name.size == 0 || memcmp(event->name, name.data, name.size) == 0);
}

void notify_queue(const struct notify_watch *watch, uint32_t what, uint32_t cookie,
                  struct span name)
{
    struct notify *notify = watch->file->state;
    struct head head = {.wd = watch->number, .mask = what, .cookie = cookie};
    if (is_same(notify->last, &head, name))
        return;
    if (name.size > 0)
        head.len = (uint32_t)((name.size + sizeof head) / sizeof head * sizeof head);
    struct event *event = make_event(notify, name);
    if (event) {
        memcpy(&event->head, &head, sizeof head);
        append(watch->file, event);
    } else if (!notify->has_overflow) {
        notify->has_overflow = true;
        append(watch->file, notify->overflow);
    }
}

static int64_t notify_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct notify *notify = file->state;
    size_t done = 0;
    (void)offset;
    while (notify->first && size_of(notify->first) <= size - done) {
        const struct event *event = notify->first;
        uint8_t *at = (uint8_t *)out + done;
        memset(at, 0, size_of(event));
        memcpy(at, &event->head, sizeof event->head);
        memcpy(at + sizeof event->head, event->name, event->name_size);
        done += size_of(event);
        drop_first(notify);
    }
    if (done == 0)
        return notify->first ? -EINVAL : -EAGAIN;
    return (int64_t)done;
}

static unsigned notify_poll(struct file *file)
{
    const struct notify *notify = file->state;
    return notify->first ? POLLIN | POLLRDNORM : 0;
}

static int notify_ioctl(struct file *file, unsigned request, void *argument)
{
    const struct notify *notify = file->state;
    const int left = (int)notify->bytes;
    if (request != FIONREAD)
        return -ENOTTY;
    memcpy(argument, &left, sizeof left);
    return 0;
}

/* --- watches ---------------------------------------------------------------------------------- */

static void unlist(struct notify_watch *watch)
{
    struct notify *notify = watch->file->state;
    struct notify_watch **place = &notify->watches;
    while (*place != watch)
        place = &(*place)->next_of_file;
    *place = watch->next_of_file;
}

void notify_end(struct notify_watch *watch)
{
    notify_queue(watch, IN_IGNORED, 0, span_of("", 0));
    unlist(watch);
    notify_free(watch);
}

static struct notify_watch *find_number(const struct notify *notify, int number)
{
    struct notify_watch *watch = notify->watches;
    while (watch && watch->number != number)
        watch = watch->next_of_file;
    return watch;
}

int notify_file_forget(struct file *file, int number)
{
    struct notify_watch *watch = find_number(file->state, number);
    if (!watch)
        return -EINVAL;
    notify_end(watch);
    return 0;
}

/* Numbers ascend, and one that ended is not given again for long. */
static int new_number(struct notify *notify)
{
    do
        notify->last_number = notify->last_number < INT_MAX ? notify->last_number + 1 : 1;
    while (find_number(notify, notify->last_number));
    return notify->last_number;
}

static int add_watch(struct file *file, struct node *node, uint32_t mask)
{
    struct notify *notify = file->state;
    if (notify_count >= NOTIFY_WATCHES_MAX)
        return -ENOSPC;
    struct notify_watch *watch = alloc_zeroed(1, sizeof *watch);
    if (!watch)
        return -ENOMEM;
    *watch = (struct notify_watch){.next_of_node = node->notified,
                                   .next_of_file = notify->watches,
                                   .file = file,
                                   .node = node,
                                   .keeps_node = node->special != NULL,
                                   .number = new_number(notify),
                                   .mask = mask};
    if (watch->keeps_node)
        (void)node_get(node);
    node->notified = notify->watches = watch;
    notify_count++;
    return watch->number;
}

int notify_file_watch(struct file *file, struct node *node, uint32_t mask)
{
    struct notify_watch *watch = node->notified;
    while (watch && watch->file != file)
        watch = watch->next_of_node;
    if (!watch)
        return add_watch(file, node, mask & MASK_KEPT);
    if (mask & IN_MASK_CREATE)
        return -EEXIST;
    watch->mask = (mask & MASK_KEPT) | (mask & IN_MASK_ADD ? watch->mask : 0);
    return watch->number;
}

/* --- the file --------------------------------------------------------------------------------- */

static void notify_release(struct file *file)
{
    struct notify *notify = file->state;
    while (notify->watches) {
        struct notify_watch *watch = notify->watches;
        notify->watches = watch->next_of_file;
        notify_free(watch);
    }
    while (notify->first)
        drop_first(notify);
    libos_free(notify->overflow);
    libos_free(notify);
    file_count--;
}

static const struct file_kind notify_kind = {.name = "[inotify]",
                                             .is_stream = true,
                                             .read = notify_read,
                                             .poll = notify_poll,
                                             .ioctl = notify_ioctl,
                                             .release = notify_release};

static struct notify *make(void)
{
    struct notify *notify = alloc_zeroed(1, sizeof *notify);
    struct event *overflow = alloc_zeroed(1, sizeof *overflow);
    if (!notify || !overflow) {
        libos_free(notify);
        libos_free(overflow);
        return NULL;
    }
    overflow->head.wd = NOT_A_WATCH;
    overflow->head.mask = IN_Q_OVERFLOW;
    notify->overflow = overflow;
    return notify;
}

int notify_file_new(unsigned flags, struct file **out)
{
    if (file_count >= NOTIFY_FILES_MAX)
        return -EMFILE;
    struct notify *notify = make();
    int status = notify ? file_new(&notify_kind, flags & O_NONBLOCK, NULL, out) : -ENOMEM;
    if (status < 0 && notify) {
        libos_free(notify->overflow);
        libos_free(notify);
    }
    if (status < 0)
        return status;
    (*out)->state = notify;
    file_count++;
    return 0;
}
