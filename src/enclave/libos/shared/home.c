#include "enclave/libos/shared/home.h"

#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/processes/process.h"
#include "enclave/libos/shared/segment.h"
#include "enclave/libos/threads/lock.h"

#define BUCKETS 4096

struct shared_object {
    struct shared_object *next;
    struct node *node; /* counted */
    uint32_t id;
    size_t users, writers, copies;
    uint64_t attached[PROCESSES_MAX / 64], may_write[PROCESSES_MAX / 64]; /* a bit each */
};

/* A page that a place has. */
struct copy {
    struct copy *next; /* of its bucket */
    struct shared_object *object;
    uint64_t number, address, serial;
    uint16_t process;
    uint8_t mode; /* enum shared_mode */
};

static struct shared_object *objects;
static size_t object_count, copy_count;
static uint32_t last_id;
static uint64_t last_serial;
static struct copy *buckets[BUCKETS];

static struct copy **bucket_of(const struct shared_object *object, uint64_t number)
{
    return &buckets[(number + object->id * UINT64_C(0x9E3779B1)) % BUCKETS];
}

static bool has_bit(const uint64_t *set, size_t i)
{
    return set[i / 64] >> i % 64 & 1;
}

static struct shared_object *find(uint32_t id)
{
    struct shared_object *object = objects;
    while (object && object->id != id)
        object = object->next;
    return object;
}

/* --- objects ---------------------------------------------------------------------------------- */

static void attach(struct shared_object *object, size_t process, bool may_write)
{
    const uint64_t bit = UINT64_C(1) << process % 64;
    object->users += !has_bit(object->attached, process);
    object->writers += may_write && !has_bit(object->may_write, process);
    object->attached[process / 64] |= bit;
    if (may_write)
        object->may_write[process / 64] |= bit;
}

static struct shared_object *make(struct node *node)
{
    struct shared_object *object = NULL;
    if (object_count < SHARED_OBJECTS_MAX && last_id < INT32_MAX)
        object = alloc_zeroed(1, sizeof *object);
    if (!object)
        return NULL;
    object->node = node_get(node);
    object->id = ++last_id;
    object->next = objects;
    objects = object;
    object_count++;
    node->shared = object;
    return object;
}

int shared_home_open(struct node *node, size_t process, bool may_write, uint32_t *object)
{
    struct shared_object *one = node->shared ? node->shared : make(node);
    node_call_home = shared_home_call;
    if (!one)
        return -ENOMEM;
    attach(one, process, may_write);
    *object = one->id;
    return 0;
}

/* Nobody is attached to it, and so nobody has a page. */
static void end(struct shared_object *object)
{
    struct shared_object **place = &objects;
    while (*place != object)
        place = &(*place)->next;
    *place = object->next;
    object_count--;
    object->node->shared = NULL;
    node_put(object->node);
    libos_free(object);
}

static void detach(struct shared_object *object, size_t process)
{
    const uint64_t bit = UINT64_C(1) << process % 64;
    object->users -= has_bit(object->attached, process);
    object->writers -= has_bit(object->may_write, process);
    object->attached[process / 64] &= ~bit;
    object->may_write[process / 64] &= ~bit;
    segment_left(object->node, process);
    if (object->users == 0)
        end(object);
}

bool shared_home_has(size_t process)
{
    const struct shared_object *object = objects;
    while (object && !has_bit(object->attached, process))
        object = object->next;
    return object != NULL;
}

void shared_home_fork(size_t parent, size_t child)
{
    for (struct shared_object *object = objects; object; object = object->next) {
        if (!has_bit(object->attached, parent))
            continue;
        attach(object, child, has_bit(object->may_write, parent));
        segment_forked(object->node, parent, child);
    }
}

bool shared_home_is_written(const struct node *node)
{
    return node->shared && node->shared->writers > 0;
}

/* --- copies ----------------------------------------------------------------------------------- */

static void forget(struct copy *copy)
{
    struct copy **place = bucket_of(copy->object, copy->number);
    while (*place != copy)
        place = &(*place)->next;
    *place = copy->next;
    copy->object->copies--;
    copy_count--;
    libos_free(copy);
}

/* What a place had: the node has room for it since it was granted. What lies behind the file's end
 * is not kept. */
static void keep_bytes(const struct copy *copy, const struct shared_answer *answer)
{
    struct node *node = copy->object->node;
    uint64_t at = copy->number * MEMORY_PAGE;
    uint8_t *page = pages_get(&node->pages, copy->number);
    if (!page || at >= node->size)
        return;
    size_t size = node->size - at < MEMORY_PAGE ? (size_t)(node->size - at) : MEMORY_PAGE;
    memcpy(page, answer->bytes, size);
}

/* Leaves `mode` to it. -EBUSY; what an enclave that is lost had is lost. The copy is gone for
 * SHARED_NONE. */
static int revoke(struct copy *copy, enum shared_mode mode)
{
    static struct shared_answer answer; /* the lock's */
    const struct shared_recall recall = {copy->serial, copy->address, (uint32_t)mode, 0};
    if (copy->mode <= mode)
        return 0;
    answer.has_bytes = 0;
    int status = shared_recall(copy->process, &recall, &answer);
    if (status == -EBUSY)
        return status;
    if (status == 0 && answer.has_bytes && copy->mode == SHARED_WRITE)
        keep_bytes(copy, &answer);
    copy->mode = (uint8_t)mode;
    if (mode == SHARED_NONE)
        forget(copy);
    return 0;
}

/* The same at once. */
static void revoke_now(struct copy *copy, enum shared_mode mode)
{
    while (revoke(copy, mode) == -EBUSY)
        continue;
}

static struct copy *find_copy(const struct shared_object *object, uint64_t number, size_t process,
                              uint64_t address)
{
    struct copy *copy = *bucket_of(object, number);
    while (copy && (copy->object != object || copy->number != number || copy->process != process ||
                    copy->address != address))
        copy = copy->next;
    return copy;
}

/* Takes a page from all places but one (or NULL), down to a mode. *is_alone: nobody else has it. */
static int call_in(const struct shared_object *object, uint64_t number, const struct copy *but,
                   enum shared_mode mode, bool *is_alone)
{
    struct copy *next;
    int status = 0;
    *is_alone = true;
    for (struct copy *copy = *bucket_of(object, number); status == 0 && copy; copy = next) {
        next = copy->next;
        if (copy->object != object || copy->number != number || copy == but)
            continue;
        status = revoke(copy, mode);
        *is_alone = *is_alone && mode == SHARED_NONE;
    }
    return status;
}

/* --- what is asked for ------------------------------------------------------------------------ */

static struct copy *new_copy(struct shared_object *object, uint64_t number, size_t process,
                             uint64_t address)
{
    struct copy *copy = copy_count < SHARED_COPIES_MAX ? alloc_zeroed(1, sizeof *copy) : NULL;
    if (!copy)
        return NULL;
    struct copy **bucket = bucket_of(object, number);
    *copy = (struct copy){.next = *bucket,
                          .object = object,
                          .number = number,
                          .address = address,
                          .process = (uint16_t)process};
    *bucket = copy;
    object->copies++;
    copy_count++;
    return copy;
}

/* All others have made way. */
static int grant(struct copy *copy, enum shared_mode mode, struct shared_grant *out)
{
    struct node *node = copy->object->node;
    uint64_t at = copy->number * MEMORY_PAGE;
    int status = 0;
    if (mode == SHARED_WRITE && copy->mode != SHARED_WRITE) {
        status = node_allocate(node, at, 1);
        node_touch(node);
    }
    out->has_bytes = copy->mode == SHARED_NONE;
    if (status == 0 && out->has_bytes) {
        memset(out->bytes, 0, sizeof out->bytes);
        int64_t got = node_read_page(node, at, out->bytes);
        status = got < 0 ? (int)got : 0;
    }
    if (status < 0)
        return status;
    copy->mode = (uint8_t)mode;
    copy->serial = ++last_serial;
    out->mode = (uint32_t)mode;
    out->serial = copy->serial;
    return 0;
}

/* A place that asks has less than it asks for. What it says of itself may be wrong, and then it
 * alone has to suffer for it. */
static int serve(struct shared_object *object, uint64_t number, size_t process, uint64_t address,
                 enum shared_wanted wanted, struct shared_grant *out)
{
    bool is_alone, is_new;
    struct copy *copy = find_copy(object, number, process, address);
    bool may_write = has_bit(object->may_write, process);
    int status = call_in(object, number, copy,
                         wanted == SHARED_WANTS_WRITE ? SHARED_NONE : SHARED_READ, &is_alone);
    if (status < 0)
        return status;
    is_new = !copy;
    if (!copy && !(copy = new_copy(object, number, process, address)))
        return -ENOMEM;
    bool writes = wanted == SHARED_WANTS_WRITE ||
                  (wanted == SHARED_WANTS_EITHER && may_write && is_alone);
    status = grant(copy, writes ? SHARED_WRITE : SHARED_READ, out);
    if (status < 0 && is_new)
        forget(copy);
    return status;
}

int shared_home_page(size_t process, uint32_t object, uint64_t number, uint64_t address,
                     enum shared_wanted wanted, struct shared_grant *out)
{
    struct shared_object *one = find(object);
    if (!one || !has_bit(one->attached, process) ||
        (wanted == SHARED_WANTS_WRITE && !has_bit(one->may_write, process)))
        return -EACCES;
    if (number > PAGES_LAST_MAX || number * MEMORY_PAGE >= one->node->size)
        return -EFAULT;
    return serve(one, number, process, address, wanted, out);
}

/* --- ranges ----------------------------------------------------------------------------------- */

/* What is done with each copy of some pages of an object, which may end it. */
typedef void copy_fn(struct copy *copy, const void *argument);

static void in_bucket(struct copy *copy, const struct shared_object *object, uint64_t first,
                      uint64_t count, copy_fn *each, const void *argument)
{
    for (struct copy *next; copy; copy = next) {
        next = copy->next;
        if (copy->object == object && copy->number >= first && copy->number - first < count)
            each(copy, argument);
    }
}

static void in_range(const struct shared_object *object, uint64_t first, uint64_t count,
                     copy_fn *each, const void *argument)
{
    if (count < BUCKETS) {
        for (uint64_t i = 0; object->copies > 0 && i < count; i++)
            in_bucket(*bucket_of(object, first + i), object, first + i, 1, each, argument);
        return;
    }
    for (size_t i = 0; object->copies > 0 && i < BUCKETS; i++)
        in_bucket(buckets[i], object, first, count, each, argument);
}

static void call_one(struct copy *copy, const void *argument)
{
    const bool *is_changed = argument;
    revoke_now(copy, *is_changed ? SHARED_NONE : SHARED_READ);
}

int shared_home_call(struct node *node, uint64_t offset, uint64_t size, bool is_changed)
{
    if (!node->shared || size == 0)
        return 0;
    uint64_t first = offset / MEMORY_PAGE;
    uint64_t last = size - 1 > UINT64_MAX - offset ? UINT64_MAX : offset + size - 1;
    in_range(node->shared, first, last / MEMORY_PAGE - first + 1, call_one, &is_changed);
    return 0;
}

int shared_home_word(size_t process, uint32_t object, uint64_t offset, uint32_t *out)
{
    struct shared_object *one = find(object);
    uint8_t bytes[sizeof *out];
    if (!one || !has_bit(one->attached, process))
        return -EACCES;
    int64_t got = node_read(one->node, offset, bytes, sizeof bytes);
    if (got < 0)
        return (int)got;
    if (got != sizeof bytes)
        return -EFAULT;
    memcpy(out, bytes, sizeof bytes);
    return 0;
}

static void leave_one(struct copy *copy, const void *argument)
{
    const size_t *process = argument;
    if (copy->process == *process)
        revoke_now(copy, SHARED_NONE);
}

static void leave(struct shared_object *object, size_t process)
{
    if (!has_bit(object->attached, process))
        return;
    in_range(object, 0, UINT64_MAX, leave_one, &process);
    detach(object, process);
}

/* Those of a process, at the addresses of a mapping. */
struct leaving {
    size_t process;
    uint64_t first, address;
};

static void drop_one(struct copy *copy, const void *argument)
{
    const struct leaving *leaving = argument;
    if (copy->process != leaving->process ||
        copy->address != leaving->address + (copy->number - leaving->first) * MEMORY_PAGE)
        return;
    if (copy->mode == SHARED_WRITE)
        revoke_now(copy, SHARED_NONE);
    else
        forget(copy);
}

void shared_home_drop(size_t process, uint32_t object, uint64_t first, uint64_t count,
                      uint64_t address, unsigned what)
{
    struct shared_object *one = find(object);
    const struct leaving leaving = {process, first, address};
    if (!one || !has_bit(one->attached, process))
        return;
    if (what & SHARED_LAST) {
        leave(one, process);
        return;
    }
    in_range(one, first, count, drop_one, &leaving);
    if (what & SHARED_WHOLE)
        segment_unmapped(one->node, process);
}

void shared_home_leave(size_t process)
{
    struct shared_object *next;
    for (struct shared_object *object = objects; object; object = next) {
        next = object->next;
        leave(object, process);
    }
}
