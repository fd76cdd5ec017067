#include "enclave/libos/files/notify.h"

#include <linux/inotify.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/notify_file.h"
#include "enclave/libos/files/tree_parts.h"

size_t notify_count;

static void tell(struct notify_watch *watch, uint32_t what, uint32_t cookie, struct span name)
{
    if (!(watch->mask & what & IN_ALL_EVENTS))
        return;
    notify_queue(watch, what, cookie, name);
    if (watch->mask & IN_ONESHOT)
        notify_end(watch);
}

static void tell_all(struct node *node, uint32_t what, uint32_t cookie, struct span name)
{
    struct notify_watch *next;
    for (struct notify_watch *watch = node->notified; watch; watch = next) {
        next = watch->next_of_node;
        tell(watch, what, cookie, name);
    }
}

static uint32_t kind_of(const struct node *node)
{
    return node_is_directory(node) ? IN_ISDIR : 0;
}

void notify_tell_self(struct node *node, uint32_t what)
{
    bool has_no_kind = what & (IN_DELETE_SELF | IN_MOVE_SELF);
    tell_all(node, what | (has_no_kind ? 0 : kind_of(node)), 0, span_of("", 0));
}

void notify_tell_name(struct notify_place place, uint32_t what, uint32_t cookie)
{
    tell_all(place.directory, what, cookie, place.name);
}

void notify_tell(struct node *node, uint32_t what)
{
    const struct entry *entry = node_is_directory(node) ? node->own : node->named;
    if (entry)
        tell_all(entry->directory, what | kind_of(node), 0, span_of(entry->name, entry->name_size));
    notify_tell_self(node, what);
}

/* fsnotify_move(), in its order. */
void notify_moved(struct notify_place from, struct notify_place to, struct node *node,
                  struct node *target)
{
    static uint32_t last_cookie;
    if (notify_count == 0)
        return;
    last_cookie = last_cookie == UINT32_MAX ? 1 : last_cookie + 1;
    notify_tell_name(from, IN_MOVED_FROM | kind_of(node), last_cookie);
    notify_tell_name(to, IN_MOVED_TO | kind_of(node), last_cookie);
    if (target)
        notify_tell_self(target, IN_ATTRIB);
    notify_tell_self(node, IN_MOVE_SELF);
}

void notify_gone(struct node *node)
{
    if (node->notified && node->links == 0)
        notify_tell_self(node, IN_DELETE_SELF);
    while (node->notified)
        notify_end(node->notified);
}

void notify_free(struct notify_watch *watch)
{
    struct node *node = watch->node;
    struct notify_watch **place = &node->notified;
    while (*place != watch)
        place = &(*place)->next_of_node;
    *place = watch->next_of_node;
    notify_count--;
    bool keeps_node = watch->keeps_node;
    libos_free(watch);
    if (keeps_node)
        node_put(node);
}
