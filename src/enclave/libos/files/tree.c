#include "enclave/libos/files/tree.h"

#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/notify.h"
#include "enclave/libos/files/special.h"
#include "enclave/libos/files/tree_parts.h"

#define LINKS_MAX 65000

/* --- nodes ------------------------------------------------------------------------------------ */

struct node *node_get(struct node *node)
{
    node->references++;
    return node;
}

int node_new(struct tree *tree, const struct node_new *what, struct node **out)
{
    uint64_t charge = NODE_CHARGE + what->target.size;
    if (!account_take(&tree->account, charge))
        return -ENOSPC;
    struct node *node = alloc_zeroed(1, sizeof *node);
    char *target = what->target.size > 0 ? libos_alloc(what->target.size) : NULL;
    if (!node || (what->target.size > 0 && !target)) {
        libos_free(node);
        libos_free(target);
        account_give(&tree->account, charge);
        return -ENOMEM;
    }
    if (target)
        memcpy(target, what->target.data, what->target.size);
    tree->clock.now(tree->clock.arg, &node->mtime);
    node->atime = node->ctime = node->mtime;
    node->tree = tree;
    node->number = tree->next_number++;
    node->references = 1;
    node->mode = what->mode;
    node->uid = what->uid;
    node->gid = what->gid;
    node->major = what->major;
    node->minor = what->minor;
    node->target = target;
    node->size = what->target.size;
    node->has_xattrs = true;
    *out = node;
    return 0;
}

void node_put(struct node *node)
{
    if (!node || --node->references > 0)
        return;
    if (node->notified)
        notify_gone(node);
    struct account *account = &node->tree->account;
    if (node->special && node->special->release)
        node->special->release(node);
    pages_cut(&node->pages, 0, account);
    xattrs_fini(node);
    lowers_fini(&node->directory.lowers);
    libos_free(node->directory.buckets);
    if (node->lower.inode != 0 && !node_is_directory(node))
        tree_forget_shared(node);
    if (node->lower.inode == 0)
        account_give(account, NODE_CHARGE + (node->target ? node->size : 0));
    libos_free(node->target);
    libos_free(node);
}

void node_touch_status(struct node *node)
{
    node->tree->clock.now(node->tree->clock.arg, &node->ctime);
}

void node_touch(struct node *node)
{
    node_touch_status(node);
    node->mtime = node->ctime;
}

/* --- trees ------------------------------------------------------------------------------------ */

/* The root is the top layer's, with the others below it. */
static int make_root(struct tree *tree, const struct tree_options *options)
{
    struct ext4_inode inode;
    const unsigned type = options->is_file ? EXT4_FILE : EXT4_DIR;
    struct node_new what = {.mode = (uint16_t)(type << 12 | options->mode)};
    int status = 0;
    if (tree->layer_count > 0)
        status = ext4_read_inode(&tree->layers[0], EXT4_ROOT, &inode);
    if (status == 0)
        status = node_new(tree, &what, &tree->root);
    if (status == 0 && options->is_file)
        tree->root->links = 1; /* that of the file which it hides */
    if (status != 0 || tree->layer_count == 0)
        return status;
    struct node *root = tree->root;
    if (inode.mode >> 12 != EXT4_DIR)
        return -EUCLEAN;
    root->mode = inode.mode;
    root->uid = inode.uid;
    root->gid = inode.gid;
    root->size = inode.size;
    root->atime = inode.atime;
    root->mtime = inode.mtime;
    root->ctime = inode.ctime;
    for (uint32_t i = 0; i < tree->layer_count && status == 0; i++)
        status = lowers_add(&root->directory.lowers, (struct lower){i, EXT4_ROOT});
    return status;
}

int tree_new(const struct tree_options *options, struct tree **out)
{
    *out = NULL;
    if (options->layer_count > TREE_LAYERS_MAX || (options->is_file && options->layer_count > 0))
        return -EINVAL;
    struct tree *tree = alloc_zeroed(1, sizeof *tree);
    if (!tree)
        return -ENOMEM;
    tree->account = (struct account){.limit = options->limit, .whole = options->whole};
    tree->flags = options->flags;
    tree->device = options->device;
    tree->clock = options->clock;
    tree->layers = options->layers;
    tree->layer_count = options->layer_count;
    tree->kind = options->layer_count > 0 ? "overlay" : "tmpfs";
    tree->magic = options->layer_count > 0 ? MAGIC_OVERLAY : MAGIC_TMPFS;
    tree->next_number = 1;
    int status = make_root(tree, options);
    if (status < 0) {
        tree_free(tree);
        return status;
    }
    *out = tree;
    return 0;
}

static void release_entry(struct entry *entry)
{
    struct node *node = entry->node;
    if (node && node->named == entry)
        node->named = NULL;
    if (entry->is_charged)
        account_give(&entry->directory->tree->account, ENTRY_CHARGE + entry->name_size);
    directory_drop(entry);
    if (node && node_is_directory(node))
        node->own = NULL;
    node_put(node);
}

/* From the leaves up, without a stack: a tree may be deep. */
void tree_free(struct tree *tree)
{
    struct node *node = tree ? tree->root : NULL;
    while (node) {
        struct entry *entry = node->directory.first;
        struct entry *own = node->own;
        if (entry && entry->node && node_is_directory(entry->node) &&
            entry->node->directory.first) {
            node = entry->node;
        } else if (entry) {
            release_entry(entry);
        } else {
            node = own ? own->directory : NULL;
        }
    }
    if (tree)
        node_put(tree->root);
    libos_free(tree);
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_special_directory(const struct node *directory)
{
    return directory->special && directory->special->lookup;
}

/* The directory's entry of this name, NULL when there is none. */
static int find(struct node *directory, struct span name, struct entry **out)
{
    *out = NULL;
    if (!node_is_directory(directory))
        return -ENOTDIR;
    int status = tree_load(directory);
    if (status == 0)
        *out = directory_find(&directory->directory, name);
    return status;
}

int tree_lookup(struct node *directory, struct span name, struct node **out)
{
    struct entry *entry;
    struct node *node = NULL;
    *out = NULL;
    if (is_special_directory(directory)) {
        int status = directory->special->lookup(directory, name, out);
        if (status != -ENOENT)
            return status;
    }
    int status = find(directory, name, &entry);
    if (status == 0)
        status = entry ? tree_node_of(entry, &node) : -ENOENT;
    if (status != 0)
        return status;
    if (!node_is_directory(node))
        node->named = entry;
    *out = node_get(node);
    return 0;
}

/* A new name for a node, which is taken on success. */
static int attach(struct node *directory, struct span name, struct node *node)
{
    struct account *account = &directory->tree->account;
    struct entry *entry;
    if (!account_take(account, ENTRY_CHARGE + name.size))
        return -ENOSPC;
    int status = directory_add(directory, name, &entry);
    if (status < 0) {
        account_give(account, ENTRY_CHARGE + name.size);
        return status;
    }
    entry->is_charged = true;
    entry->node = node;
    entry->type = (uint8_t)(node->mode >> 12);
    if (node_is_directory(node)) {
        node->own = entry;
        directory->directory.directories++;
    } else {
        node->named = entry;
    }
    node_touch(directory);
    return 0;
}

/* Whether a name can be made here. */
static int check_free(struct node *directory, struct span name)
{
    struct entry *entry;
    int status = find(directory, name, &entry);
    if (status != 0)
        return status;
    if (entry)
        return -EEXIST;
    if (directory->directory.is_removed)
        return -ENOENT;
    return is_special_directory(directory) ? -ENOENT : 0;
}

int tree_create(struct node *directory, struct span name, const struct node_new *what,
                struct node **out)
{
    struct node *node;
    int status = check_free(directory, name);
    if (status == 0)
        status = node_new(directory->tree, what, &node);
    if (status != 0)
        return status;
    node->links = 1;
    status = attach(directory, name, node);
    if (status < 0)
        node_put(node);
    else if (out)
        *out = node_get(node);
    return status;
}

int tree_link(struct node *directory, struct span name, struct node *node)
{
    if (node_is_directory(node))
        return -EPERM;
    if (node->tree != directory->tree)
        return -EXDEV;
    if (node->links >= LINKS_MAX)
        return -EMLINK;
    int status = check_free(directory, name);
    if (status == 0)
        status = attach(directory, name, node);
    if (status != 0)
        return status;
    (void)node_get(node);
    node->links++;
    node_touch_status(node);
    return 0;
}

/* One name less: what the node itself is told. */
static void unlinked(struct node *node)
{
    node_touch_status(node);
    if (node_is_directory(node))
        node->directory.is_removed = true;
    if (node->links > 0)
        node->links--;
}

/* Whether what stands there may go. */
static int check_removable(struct node *node)
{
    if (node->mounted)
        return -EBUSY;
    if (!node_is_directory(node))
        return 0;
    int status = tree_load(node);
    if (status == 0 && node->directory.count > 0)
        status = -ENOTEMPTY;
    return status;
}

int tree_remove(struct node *directory, struct span name, bool is_directory)
{
    struct entry *entry;
    struct node *node = NULL;
    int status = find(directory, name, &entry);
    if (status == 0)
        status = entry ? tree_node_of(entry, &node) : -ENOENT;
    if (status != 0)
        return status;
    if (is_directory != node_is_directory(node))
        return is_directory ? -ENOTDIR : -EISDIR;
    status = check_removable(node);
    if (status != 0)
        return status;
    directory->directory.directories -= is_directory;
    unlinked(node);
    release_entry(entry);
    node_touch(directory);
    return 0;
}

struct node *tree_parent(const struct node *directory)
{
    return directory->own ? directory->own->directory : directory->tree->root;
}

struct span tree_name(const struct node *directory)
{
    if (!directory->own)
        return span_of("", 0);
    return span_of(directory->own->name, directory->own->name_size);
}

bool tree_is_below(const struct node *directory, const struct node *ancestor)
{
    while (directory != ancestor && directory->own)
        directory = directory->own->directory;
    return directory == ancestor;
}

int tree_list(struct node *directory, uint64_t position, tree_emit emit, void *arg)
{
    int status = find(directory, span_of("", 0), &(struct entry *){NULL});
    if (status == 0 && position == 0)
        status = emit(arg, span_of_text("."), directory->number, EXT4_DIR, 1);
    if (status == 0 && position <= 1)
        status = emit(arg, span_of_text(".."), tree_parent(directory)->number, EXT4_DIR, 2);
    struct entry *entry = directory->directory.first;
    for (; status == 0 && entry; entry = entry->next) {
        if (entry->position < position)
            continue;
        const struct lower *lower = entry->lowers.items;
        uint64_t number = entry->node ? entry->node->number
                                      : (uint64_t)(lower->layer + 1) << 32 | lower->inode;
        status = emit(arg, span_of(entry->name, entry->name_size), number, entry->type,
                      entry->position + 1);
    }
    if (status == 0 && directory->special && directory->special->list)
        status = directory->special->list(directory, position, emit, arg);
    return status;
}

/* --- rename ----------------------------------------------------------------------------------- */

struct move {
    struct entry *from, *to; /* `to` is NULL where the name is new */
    struct node *node, *target;
    struct node *directory; /* where to */
};

/* What Linux refuses, in its order (fs/namei.c, vfs_rename). */
static int check_move(const struct move *move, unsigned flags)
{
    bool is_directory = node_is_directory(move->node);
    if (is_directory && tree_is_below(move->directory, move->node))
        return -EINVAL;
    if (!move->target) {
        if (flags & TREE_EXCHANGE)
            return -ENOENT;
        return move->directory->directory.is_removed ? -ENOENT : 0;
    }
    if (flags & TREE_NOREPLACE)
        return -EEXIST;
    bool over_directory = node_is_directory(move->target);
    if (over_directory && tree_is_below(move->from->directory, move->target))
        return flags & TREE_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    if (flags & TREE_EXCHANGE)
        return 0;
    if (is_directory != over_directory)
        return is_directory ? -ENOTDIR : -EISDIR;
    return check_removable(move->target);
}

/* Puts a node where another is named. */
static void put_node(struct entry *entry, struct node *node)
{
    bool was_directory = entry->type == EXT4_DIR, is_directory = node_is_directory(node);
    entry->node = node;
    entry->type = (uint8_t)(node->mode >> 12);
    if (is_directory)
        node->own = entry;
    else
        node->named = entry;
    struct directory *directory = &entry->directory->directory;
    directory->directories = directory->directories + is_directory - was_directory;
}

static int carry_out(struct move *move, struct span new_name, unsigned flags)
{
    struct node *old = move->from->directory;
    if (flags & TREE_EXCHANGE && move->to) {
        put_node(move->to, move->node);
        put_node(move->from, move->target);
        node_touch_status(move->target);
    } else {
        int status = 0;
        if (move->to)
            put_node(move->to, node_get(move->node));
        else if ((status = attach(move->directory, new_name, node_get(move->node))) < 0)
            node_put(move->node);
        if (status < 0)
            return status;
        struct entry *own = move->node->own;
        old->directory.directories -= node_is_directory(move->node);
        release_entry(move->from);
        move->node->own = own;
        if (move->target) {
            if (node_is_directory(move->target))
                move->target->own = NULL;
            else if (move->target->named == move->to)
                move->target->named = NULL;
            unlinked(move->target);
            node_put(move->target);
        }
    }
    node_touch(old);
    node_touch(move->directory);
    node_touch_status(move->node);
    return 0;
}

int tree_rename(struct node *from, struct span name, struct node *to, struct span new_name,
                unsigned flags)
{
    struct move move = {.directory = to};
    if (from->tree != to->tree)
        return -EXDEV;
    if (flags & ~(TREE_NOREPLACE | TREE_EXCHANGE) || flags == (TREE_NOREPLACE | TREE_EXCHANGE))
        return -EINVAL;
    int status = find(from, name, &move.from);
    if (status == 0)
        status = find(to, new_name, &move.to);
    if (status == 0)
        status = move.from ? tree_node_of(move.from, &move.node) : -ENOENT;
    if (status == 0 && move.to)
        status = tree_node_of(move.to, &move.target);
    if (status == 0 && (move.node->mounted || (move.target && move.target->mounted)))
        status = -EBUSY;
    if (status != 0)
        return status;
    if (move.node == move.target) /* two names of one file: nothing happens */
        return flags & TREE_NOREPLACE ? -EEXIST : 0;
    status = check_move(&move, flags);
    return status < 0 ? status : carry_out(&move, new_name, flags);
}
