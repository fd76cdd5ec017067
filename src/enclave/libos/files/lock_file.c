#include "enclave/libos/files/lock_file.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"

struct file_lock {
    struct file_lock *next; /* at the same node */
    enum lock_kind kind;
    const struct file *owner; /* NULL for the process */
    struct lock_range range;
};

static size_t lock_count;

static const struct file *owner_of(const struct file *file, enum lock_kind kind)
{
    return kind == LOCK_PROCESS ? NULL : file;
}

static bool is_own(const struct file_lock *lock, const struct file *file, enum lock_kind kind)
{
    return lock->kind == kind && lock->owner == owner_of(file, kind);
}

static bool meets(const struct lock_range *a, const struct lock_range *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Two that are not one owner's, of which one is exclusive. */
static bool conflicts(const struct file_lock *lock, const struct file *file, enum lock_kind kind,
                      const struct lock_range *range)
{
    if ((lock->kind == LOCK_FLOCK) != (kind == LOCK_FLOCK) || is_own(lock, file, kind))
        return false;
    if (lock->range.type != LOCK_EXCLUSIVE && range->type != LOCK_EXCLUSIVE)
        return false;
    return meets(&lock->range, range);
}

static const struct file_lock *find_conflict(const struct file *file, enum lock_kind kind,
                                             const struct lock_range *range)
{
    const struct file_lock *lock = file->node->locks;
    while (lock && !conflicts(lock, file, kind, range))
        lock = lock->next;
    return lock;
}

static struct file_lock *make(const struct file *file, enum lock_kind kind, struct lock_range range)
{
    struct file_lock *lock = alloc_zeroed(1, sizeof *lock);
    if (!lock)
        return NULL;
    *lock = (struct file_lock){.kind = kind, .owner = owner_of(file, kind), .range = range};
    lock_count++;
    return lock;
}

static void drop(struct file_lock **place)
{
    struct file_lock *lock = *place;
    if (!lock)
        return;
    *place = lock->next;
    lock_count--;
    libos_free(lock);
}

/* Takes the range out of one lock of the same owner. `spare` becomes what is left behind it. */
static void cut(struct file_lock **place, const struct lock_range *range, struct file_lock **spare)
{
    struct file_lock *lock = *place;
    bool has_front = lock->range.first<range->first, has_back = lock->range.last> range->last;
    if (has_front && has_back && *spare) {
        struct file_lock *back = *spare;
        *spare = NULL;
        back->range = lock->range;
        back->range.first = range->last + 1;
        back->next = lock->next;
        lock->next = back;
    }
    if (has_front)
        lock->range.last = range->first - 1;
    else if (has_back)
        lock->range.first = range->last + 1;
    else
        drop(place);
}

/* All memory is had before anything changes. */
int lock_set(struct file *file, enum lock_kind kind, const struct lock_range *range)
{
    if (!file->node)
        return -EBADF;
    if (range->type != LOCK_NONE && find_conflict(file, kind, range))
        return -EAGAIN;
    if (range->type != LOCK_NONE && lock_count + 2 > LOCKS_MAX)
        return -ENOLCK;
    struct file_lock *spare = make(file, kind, *range);
    struct file_lock *own = range->type == LOCK_NONE ? NULL : make(file, kind, *range);
    if (!spare || (!own && range->type != LOCK_NONE)) {
        drop(&spare);
        drop(&own);
        return -ENOMEM;
    }
    for (struct file_lock **place = &file->node->locks; *place;) {
        struct file_lock *lock = *place;
        if (is_own(lock, file, kind) && meets(&lock->range, range))
            cut(place, range, &spare);
        if (*place == lock)
            place = &lock->next;
    }
    if (own) {
        own->next = file->node->locks;
        file->node->locks = own;
    }
    drop(&spare);
    if (file_changed)
        file_changed();
    return 0;
}

void lock_find(struct file *file, enum lock_kind kind, struct lock_range *range, bool *is_process)
{
    const struct file_lock *lock = file->node ? find_conflict(file, kind, range) : NULL;
    *is_process = lock && lock->kind == LOCK_PROCESS;
    range->type = LOCK_NONE;
    if (lock)
        *range = lock->range;
}

static void give_back(struct file *file, bool is_process)
{
    bool any = false;
    if (!file->node)
        return;
    for (struct file_lock **place = &file->node->locks; *place;) {
        bool is_theirs = is_process ? (*place)->kind == LOCK_PROCESS : (*place)->owner == file;
        any = any || is_theirs;
        if (is_theirs)
            drop(place);
        else
            place = &(*place)->next;
    }
    if (any && file_changed)
        file_changed();
}

void lock_closed(struct file *file)
{
    give_back(file, true);
}

void lock_released(struct file *file)
{
    give_back(file, false);
}
