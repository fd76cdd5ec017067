#include "enclave/libos/files/lock_file.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/pipe.h"

struct file_lock {
    struct file_lock *next; /* at the same node */
    enum lock_kind kind;
    const struct file *file; /* the owner: an open file, or NULL and */
    int process;             /* a process */
    struct lock_range range;
};

/* Who asks. */
struct owner {
    enum lock_kind kind;
    const struct file *file;
    int process;
};

static size_t lock_count;

static struct owner owner_of(const struct file *file, enum lock_kind kind, int process)
{
    bool is_process = kind == LOCK_PROCESS;
    return (struct owner){kind, is_process ? NULL : file, is_process ? process : LOCK_NOBODY};
}

static bool is_own(const struct file_lock *lock, const struct owner *owner)
{
    return lock->kind == owner->kind && lock->file == owner->file &&
           lock->process == owner->process;
}

static bool meets(const struct lock_range *a, const struct lock_range *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Two that are not one owner's, of which one is exclusive. */
static bool conflicts(const struct file_lock *lock, const struct owner *owner,
                      const struct lock_range *range)
{
    if ((lock->kind == LOCK_FLOCK) != (owner->kind == LOCK_FLOCK) || is_own(lock, owner))
        return false;
    if (lock->range.type != LOCK_EXCLUSIVE && range->type != LOCK_EXCLUSIVE)
        return false;
    return meets(&lock->range, range);
}

static const struct file_lock *find_conflict(const struct file *file, const struct owner *owner,
                                             const struct lock_range *range)
{
    const struct file_lock *lock = file->node->locks;
    while (lock && !conflicts(lock, owner, range))
        lock = lock->next;
    return lock;
}

static struct file_lock *make(const struct owner *owner, struct lock_range range)
{
    struct file_lock *lock = alloc_zeroed(1, sizeof *lock);
    if (!lock)
        return NULL;
    *lock = (struct file_lock){
        .kind = owner->kind, .file = owner->file, .process = owner->process, .range = range};
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
int lock_set(struct file *file, enum lock_kind kind, int process, const struct lock_range *range)
{
    const struct owner owner = owner_of(file, kind, process);
    if (!file->node)
        return -EBADF;
    if (range->type != LOCK_NONE && find_conflict(file, &owner, range))
        return -EAGAIN;
    if (range->type != LOCK_NONE && lock_count + 2 > LOCKS_MAX)
        return -ENOLCK;
    struct file_lock *spare = make(&owner, *range);
    struct file_lock *own = range->type == LOCK_NONE ? NULL : make(&owner, *range);
    if (!spare || (!own && range->type != LOCK_NONE)) {
        drop(&spare);
        drop(&own);
        return -ENOMEM;
    }
    for (struct file_lock **place = &file->node->locks; *place;) {
        struct file_lock *lock = *place;
        if (is_own(lock, &owner) && meets(&lock->range, range))
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

void lock_find(struct file *file, enum lock_kind kind, int process, struct lock_range *range,
               int *owner)
{
    const struct owner own = owner_of(file, kind, process);
    const struct file_lock *lock = file->node ? find_conflict(file, &own, range) : NULL;
    *owner = lock ? lock->process : LOCK_NOBODY;
    range->type = LOCK_NONE;
    if (lock)
        *range = lock->range;
}

/* All that an open file has, or, without one, a process. */
static void give_back(struct file *at, const struct file *file, int process)
{
    bool any = false;
    if (!at->node)
        return;
    for (struct file_lock **place = &at->node->locks; *place;) {
        bool is_theirs = (*place)->file == file && (*place)->process == process;
        any = any || is_theirs;
        if (is_theirs)
            drop(place);
        else
            place = &(*place)->next;
    }
    if (any && file_changed)
        file_changed();
}

void lock_closed(struct file *file, int process)
{
    give_back(file, NULL, process);
}

void lock_released(struct file *file)
{
    give_back(file, file, LOCK_NOBODY);
}
