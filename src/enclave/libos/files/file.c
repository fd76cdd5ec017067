#include "enclave/libos/files/file.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/lock_file.h"
#include "enclave/libos/files/notify.h"

#define LIMIT_DEFAULT 1024
#define ROOM_MIN      16

struct file_slot {
    struct file *file; /* NULL for a number that is free */
    bool cloexec;
};

int file_new(const struct file_kind *kind, unsigned flags, struct node *node, struct file **out)
{
    static uint64_t last_number;
    struct file *file = alloc_zeroed(1, sizeof *file);
    if (!file)
        return -ENOMEM;
    file->number = ++last_number;
    file->kind = kind;
    file->references = 1;
    file->flags = flags;
    file->node = node ? node_get(node) : NULL;
    *out = file;
    return 0;
}

struct file *file_get(struct file *file)
{
    file->references++;
    return file;
}

void file_put(struct file *file)
{
    if (!file || --file->references > 0)
        return;
    if (file->watches)
        file->forget_watches(file);
    lock_released(file);
    if (file->is_told)
        notify(file->node, file->flags & O_ACCMODE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    if (file->kind && file->kind->release)
        file->kind->release(file);
    node_put(file->node);
    libos_free(file->path);
    libos_free(file);
}

/* --- the table -------------------------------------------------------------------------------- */

static size_t limit_of(const struct file_table *table)
{
    size_t limit = table->limit ? table->limit : LIMIT_DEFAULT;
    return limit < FILE_NUMBERS_MAX ? limit : FILE_NUMBERS_MAX;
}

/* Room for number `number`, which is below the limit. */
static int grow(struct file_table *table, size_t number)
{
    size_t count = table->count ? table->count : ROOM_MIN;
    while (count <= number)
        count *= 2;
    if (count == table->count)
        return 0;
    struct file_slot *slots = alloc_zeroed(count, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    if (table->count > 0)
        memcpy(slots, table->slots, table->count * sizeof *slots);
    libos_free(table->slots);
    table->slots = slots;
    table->count = count;
    return 0;
}

int file_table_add(struct file_table *table, struct file *file, size_t least, bool cloexec)
{
    size_t number = least;
    if (least >= limit_of(table))
        return least == 0 ? -EMFILE : -EINVAL;
    while (number < table->count && table->slots[number].file)
        number++;
    if (number >= limit_of(table))
        return -EMFILE;
    int status = grow(table, number);
    if (status < 0)
        return status;
    table->slots[number] = (struct file_slot){file, cloexec};
    return (int)number;
}

struct file *file_table_get(const struct file_table *table, int number)
{
    if (number < 0 || (size_t)number >= table->count)
        return NULL;
    return table->slots[number].file;
}

int file_dup(struct file_table *table, int number, size_t least, bool cloexec)
{
    struct file *file = file_table_get(table, number);
    if (!file)
        return -EBADF;
    int copy = file_table_add(table, file, least, cloexec);
    if (copy >= 0)
        (void)file_get(file);
    return copy;
}

int file_dup_to(struct file_table *table, int number, int to, bool cloexec)
{
    struct file *file = file_table_get(table, number);
    if (!file || to < 0 || (size_t)to >= limit_of(table))
        return -EBADF;
    if (number == to)
        return -EINVAL;
    int status = grow(table, (size_t)to);
    if (status < 0)
        return status;
    struct file *before = table->slots[to].file;
    table->slots[to] = (struct file_slot){file_get(file), cloexec};
    if (before)
        lock_closed(before, table->process);
    file_put(before);
    return to;
}

int file_close(struct file_table *table, int number)
{
    struct file *file = file_table_get(table, number);
    if (!file)
        return -EBADF;
    table->slots[number] = (struct file_slot){NULL, false};
    lock_closed(file, table->process);
    file_put(file);
    return 0;
}

void file_close_range(struct file_table *table, size_t first, size_t last)
{
    for (size_t i = first; i <= last && i < table->count; i++)
        (void)file_close(table, (int)i);
}

int file_is_cloexec(const struct file_table *table, int number)
{
    return file_table_get(table, number) ? table->slots[number].cloexec : -EBADF;
}

int file_set_cloexec(struct file_table *table, int number, bool cloexec)
{
    if (!file_table_get(table, number))
        return -EBADF;
    table->slots[number].cloexec = cloexec;
    return 0;
}

void file_table_close_on_exec(struct file_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->slots[i].cloexec)
            (void)file_close(table, (int)i);
    }
}

int file_table_copy(const struct file_table *from, struct file_table *to)
{
    struct file_slot *slots = from->count > 0 ? alloc_array(from->count, sizeof *slots) : NULL;
    if (from->count > 0 && !slots)
        return -ENOMEM;
    for (size_t i = 0; i < from->count; i++) {
        slots[i] = from->slots[i];
        if (slots[i].file)
            (void)file_get(slots[i].file);
    }
    *to = (struct file_table){.slots = slots, .count = from->count, .limit = from->limit};
    return 0;
}

void file_table_fini(struct file_table *table)
{
    if (table->count > 0)
        file_close_range(table, 0, table->count - 1);
    libos_free(table->slots);
    table->slots = NULL;
    table->count = 0;
}
