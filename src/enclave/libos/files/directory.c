/* The names of a directory: a list in the order of their positions, and a table of hashes. */
#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/tree_parts.h"

#define FIRST_POSITION 2 /* "." and ".." have 0 and 1 */
#define BUCKETS_MIN    8

/* FNV-1a. Who makes collisions makes his own container slow. */
static size_t hash(struct span name)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < name.size; i++)
        sum = (sum ^ name.data[i]) * UINT64_C(0x100000001b3);
    return (size_t)(sum ^ sum >> 32);
}

static struct span entry_name(const struct entry *entry)
{
    return span_of(entry->name, entry->name_size);
}

struct entry *directory_find(const struct directory *directory, struct span name)
{
    if (directory->bucket_count == 0)
        return NULL;
    struct entry *entry = directory->buckets[hash(name) & (directory->bucket_count - 1)];
    while (entry && !span_equal(entry_name(entry), name))
        entry = entry->next_in_bucket;
    return entry;
}

static void put_in_bucket(struct directory *directory, struct entry *entry)
{
    size_t place = hash(entry_name(entry)) & (directory->bucket_count - 1);
    entry->next_in_bucket = directory->buckets[place];
    directory->buckets[place] = entry;
}

/* Twice as many buckets when there are more names than buckets. */
static int grow(struct directory *directory)
{
    if (directory->count < directory->bucket_count)
        return 0;
    size_t count = directory->bucket_count ? 2 * directory->bucket_count : BUCKETS_MIN;
    struct entry **buckets = alloc_zeroed(count, sizeof(struct entry *));
    if (!buckets)
        return -ENOMEM;
    libos_free(directory->buckets);
    directory->buckets = buckets;
    directory->bucket_count = count;
    for (struct entry *entry = directory->first; entry; entry = entry->next)
        put_in_bucket(directory, entry);
    return 0;
}

int directory_add(struct node *node, struct span name, struct entry **out)
{
    struct directory *directory = &node->directory;
    int status = grow(directory);
    if (status < 0)
        return status;
    struct entry *entry = alloc_zeroed(1, sizeof *entry + name.size);
    if (!entry)
        return -ENOMEM;
    memcpy(entry->name, name.data, name.size);
    entry->name_size = (uint8_t)name.size;
    entry->directory = node;
    if (directory->next_position < FIRST_POSITION)
        directory->next_position = FIRST_POSITION;
    entry->position = directory->next_position++;
    entry->previous = directory->last;
    if (directory->last)
        directory->last->next = entry;
    else
        directory->first = entry;
    directory->last = entry;
    directory->count++;
    put_in_bucket(directory, entry);
    *out = entry;
    return 0;
}

void directory_drop(struct entry *entry)
{
    struct directory *directory = &entry->directory->directory;
    struct entry **place =
        &directory->buckets[hash(entry_name(entry)) & (directory->bucket_count - 1)];
    while (*place != entry)
        place = &(*place)->next_in_bucket;
    *place = entry->next_in_bucket;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        directory->first = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
    else
        directory->last = entry->previous;
    directory->count--;
    lowers_fini(&entry->lowers);
    libos_free(entry);
}
