#include "enclave/libos/files/pseudo.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/file.h"
#include "enclave/libos/files/special.h"
#include "enclave/libos/files/tree_parts.h"

#define NUMBERS_AT  4096U /* the position of the first number in a directory */
#define WRITTEN_MAX 4096U
#define TREE_LIMIT  (UINT64_C(4) << 20) /* bytes of nodes at once */

/* Behind node->special_arg. */
struct pseudo_node {
    const struct pseudo_entry *entry;
    struct pseudo_key key;
    bool (*owner)(int process, uint32_t *uid, uint32_t *gid);
    struct entry *own; /* NULL for the root */
};

static const struct special pseudo_special;

static struct pseudo_node *of(const struct node *node)
{
    return node->special_arg;
}

/* A name that leads up; the directory is counted. */
static struct entry *make_name(struct node *directory, struct span name)
{
    struct entry *entry = alloc_zeroed(1, sizeof *entry + name.size);
    if (!entry)
        return NULL;
    entry->directory = node_get(directory);
    entry->name_size = (uint8_t)name.size;
    memcpy(entry->name, name.data, name.size);
    return entry;
}

static void release(struct node *node)
{
    struct pseudo_node *pseudo = of(node);
    if (pseudo && pseudo->own) {
        node_put(pseudo->own->directory);
        libos_free(pseudo->own);
    }
    libos_free(pseudo);
}

/* As procfs and sysfs do, the same thing has the same number as long as it is there. */
static uint64_t number_of(const struct pseudo_entry *entry, const struct pseudo_key *key)
{
    uint64_t sum = (uint64_t)(uintptr_t)entry / sizeof(void *);
    sum = (sum * 31 + (uint32_t)key->process) * UINT64_C(0x100000001b3);
    sum = (sum + (uint32_t)key->number) * UINT64_C(0x9e3779b97f4a7c15);
    return (sum >> 16) | 1;
}

static void set_owner(struct node *node, const struct pseudo_node *pseudo)
{
    if (pseudo->key.process != 0 && !pseudo->entry->is_public && pseudo->owner)
        (void)pseudo->owner(pseudo->key.process, &node->uid, &node->gid);
}

static int make_node(struct node *directory, struct span name, const struct pseudo_node *what,
                     struct node **out)
{
    struct node_new new = {.mode = what->entry->mode};
    struct node *node;
    int status = node_new(directory->tree, &new, &node);
    if (status < 0)
        return status;
    struct pseudo_node *pseudo = alloc_zeroed(1, sizeof *pseudo);
    node->special = &pseudo_special;
    node->special_arg = pseudo;
    if (pseudo) {
        *pseudo = *what;
        pseudo->own = make_name(directory, name);
    }
    if (!pseudo || !pseudo->own) {
        node_put(node);
        return -ENOMEM;
    }
    if (node_is_directory(node))
        node->own = pseudo->own;
    node->links = 1;
    node->number = number_of(what->entry, &what->key);
    set_owner(node, pseudo);
    *out = node;
    return 0;
}

/* --- directories ------------------------------------------------------------------------------ */

/* A number as /proc writes them: no zeros before it. */
static int number_from(struct span name)
{
    int number = 0;
    if (name.size == 0 || name.size > 9 || (name.size > 1 && name.data[0] == '0'))
        return -1;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9')
            return -1;
        number = 10 * number + name.data[i] - '0';
    }
    return number;
}

static int lookup(struct node *directory, struct span name, struct node **out)
{
    struct pseudo_node next = *of(directory);
    const struct pseudo_entry *entry = next.entry->entries;
    const struct pseudo_numbers *numbers = next.entry->numbers;
    for (; entry && entry->name; entry++) {
        if (!span_equal_text(name, entry->name))
            continue;
        next.entry = entry;
        return make_node(directory, name, &next, out);
    }
    int number = number_from(name);
    if (!numbers || number < 0 || numbers->next(&next.key, number - 1) != number)
        return -ENOENT;
    *(numbers->is_process ? &next.key.process : &next.key.number) = number;
    next.entry = numbers->entry;
    return make_node(directory, name, &next, out);
}

static int emit_number(const struct pseudo_node *directory, int number, tree_emit emit, void *arg)
{
    const struct pseudo_numbers *numbers = directory->entry->numbers;
    struct pseudo_key key = directory->key;
    char digits[12];
    size_t at = sizeof digits;
    *(numbers->is_process ? &key.process : &key.number) = number;
    unsigned left = (unsigned)number;
    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    return emit(arg, span_of(digits + at, sizeof digits - at), number_of(numbers->entry, &key),
                numbers->entry->mode >> 12, NUMBERS_AT + (uint64_t)number + 1);
}

/* "." and ".." have told 0 and 1. */
static int list(struct node *directory, uint64_t position, tree_emit emit, void *arg)
{
    const struct pseudo_node *pseudo = of(directory);
    const struct pseudo_entry *entry = pseudo->entry->entries;
    int status = 0;
    for (uint64_t i = 2; status == 0 && entry && entry->name; entry++, i++) {
        if (i >= position)
            status = emit(arg, span_of_text(entry->name), number_of(entry, &pseudo->key),
                          entry->mode >> 12, i + 1);
    }
    const struct pseudo_numbers *numbers = pseudo->entry->numbers;
    if (status < 0 || !numbers || position > NUMBERS_AT + INT32_MAX)
        return status;
    int number = position > NUMBERS_AT ? (int)(position - NUMBERS_AT) - 1 : -1;
    while (status == 0 && (number = numbers->next(&pseudo->key, number)) >= 0)
        status = emit_number(pseudo, number, emit, arg);
    return status;
}

/* --- links ------------------------------------------------------------------------------------ */

static int read_link(struct node *node, char *out, size_t size)
{
    char target[PSEUDO_LINK_MAX] = "";
    const struct pseudo_node *pseudo = of(node);
    int status = pseudo->entry->constant ? 0 : pseudo->entry->link(&pseudo->key, target);
    if (status < 0)
        return status;
    const char *text = pseudo->entry->constant ? pseudo->entry->constant : target;
    size_t len = strnlen(text, PSEUDO_LINK_MAX);
    if (len > size)
        return -ERANGE;
    memcpy(out, text, len);
    return (int)len;
}

static int follow(struct node *link, struct node **out)
{
    const struct pseudo_node *pseudo = of(link);
    return pseudo->entry->follow ? pseudo->entry->follow(&pseudo->key, out) : 1;
}

/* --- files ------------------------------------------------------------------------------------ */

static int make_text(const struct file *file, struct pseudo_text *text)
{
    const struct pseudo_node *pseudo = of(file->node);
    pseudo_text_fini(text);
    if (pseudo->entry->constant)
        pseudo_add(text, pseudo->entry->constant, strlen(pseudo->entry->constant));
    int status = pseudo->entry->text ? pseudo->entry->text(&pseudo->key, text) : 0;
    return status == 0 && text->failed ? -ENOMEM : status;
}

/* Whoever reads from the beginning reads anew. */
static int64_t text_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    struct pseudo_text *text = file->state;
    int status = offset == 0 || !text->bytes ? make_text(file, text) : 0;
    if (status < 0)
        return status;
    if (offset >= text->size)
        return 0;
    if (size > text->size - offset)
        size = (size_t)(text->size - offset);
    memcpy(out, text->bytes + offset, size);
    return (int64_t)size;
}

static int64_t text_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    const struct pseudo_node *pseudo = of(file->node);
    char copy[WRITTEN_MAX + 1];
    (void)offset;
    if (!pseudo->entry->take)
        return -EIO;
    if (size > WRITTEN_MAX)
        return -EINVAL;
    memcpy(copy, bytes, size);
    copy[size] = 0;
    int status = pseudo->entry->take(&pseudo->key, copy, size);
    return status < 0 ? status : (int64_t)size;
}

static void text_release(struct file *file)
{
    pseudo_text_fini(file->state);
    libos_free(file->state);
}

static const struct file_kind text_kind = {
    .read = text_read, .write = text_write, .release = text_release};

static int open_text(struct node *node, struct file *file)
{
    const struct pseudo_node *pseudo = of(node);
    if (pseudo->entry->open)
        return pseudo->entry->open(file);
    file->state = alloc_zeroed(1, sizeof(struct pseudo_text));
    if (!file->state)
        return -ENOMEM;
    file->kind = &text_kind;
    return 0;
}

static const struct special pseudo_special = {.lookup = lookup,
                                              .list = list,
                                              .read_link = read_link,
                                              .follow = follow,
                                              .open = open_text,
                                              .release = release};

int pseudo_new(const struct pseudo_options *options, struct tree **out)
{
    const struct tree_options tree = {.limit = TREE_LIMIT,
                                      .device = options->device,
                                      .mode = options->root->mode & 07777,
                                      .clock = options->clock};
    struct pseudo_node *root = alloc_zeroed(1, sizeof *root);
    if (!root)
        return -ENOMEM;
    int status = tree_new(&tree, out);
    if (status < 0) {
        libos_free(root);
        return status;
    }
    *root = (struct pseudo_node){.entry = options->root, .owner = options->owner};
    (*out)->kind = options->kind;
    (*out)->magic = options->magic;
    (*out)->root->special = &pseudo_special;
    (*out)->root->special_arg = root;
    return 0;
}
