#include "enclave/libos/files/walk.h"

#include <linux/errno.h>
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/special.h"

#define LINKS_MAX 40

/* A walk under way. What is left of the path is in `rest`, which lies in the caller's path or, once
 * a link has been followed, in `buffer`. */
struct way {
    struct vfs *vfs;
    struct walk *walk;
    unsigned flags;
    struct node *root;  /* what "/" and ".." end at; borrowed */
    struct node *start; /* borrowed */
    const char *rest;
    char *buffer; /* 2 * WALK_PATH_MAX bytes, or NULL */
    unsigned links;
};

int walk_start(struct vfs *vfs, int at, struct node **out)
{
    *out = vfs->cwd;
    if (at == AT_FDCWD)
        return 0;
    struct file *file = file_table_get(&vfs->files, at);
    if (!file)
        return -EBADF;
    *out = file->node;
    return file->node ? 0 : -ENOTDIR;
}

static bool is_directory(const struct node *node)
{
    return node->mode >> 12 == EXT4_DIR;
}

/* Goes to a node, whose reference it takes. */
static void go(struct walk *walk, struct node *node)
{
    node_put(walk->walked);
    walk->walked = node;
}

/* Down through all that is mounted here. */
static int enter_mounts(struct way *way)
{
    while (way->walk->walked->mounted) {
        if (way->flags & WALK_NO_XDEV)
            return -EXDEV;
        go(way->walk, node_get(way->walk->walked->mounted->root));
    }
    return 0;
}

static int go_up(struct way *way)
{
    struct node *node = way->walk->walked;
    if (node == way->start && way->flags & WALK_BENEATH)
        return -EXDEV;
    while (node != way->root && node == node->tree->root && node->tree->mounted_on) {
        if (way->flags & WALK_NO_XDEV)
            return -EXDEV;
        node = node->tree->mounted_on;
    }
    if (node != way->root)
        node = tree_parent(node);
    go(way->walk, node_get(node));
    return enter_mounts(way);
}

static int go_to_root(struct way *way)
{
    if (way->flags & WALK_BENEATH)
        return -EXDEV;
    if (way->flags & WALK_NO_XDEV && way->walk->walked->tree != way->root->tree)
        return -EXDEV;
    go(way->walk, node_get(way->root));
    return 0;
}

/* To where a link of /proc leads without a path, whose text is kept: 1 for a link as any other. */
static int jump(struct way *way, struct node *link)
{
    struct walk *walk = way->walk;
    struct node *node;
    int status = link->special && link->special->follow ? link->special->follow(link, &node) : 1;
    if (status != 0)
        return status;
    if (way->flags & (WALK_NO_MAGIC | WALK_BENEATH | WALK_IN_ROOT)) {
        node_put(node);
        return way->flags & WALK_NO_MAGIC ? -ELOOP : -EXDEV;
    }
    libos_free(walk->path);
    walk->path = alloc_zeroed(1, WALK_PATH_MAX);
    if (walk->path)
        (void)node_read_link(link, walk->path, WALK_PATH_MAX - 1);
    go(walk, node);
    return walk->path ? 0 : -ENOMEM;
}

/* Puts a link's target in front of what is left. */
static int follow(struct way *way, struct node *link)
{
    char target[WALK_PATH_MAX];
    if (way->flags & WALK_NO_SYMLINKS || ++way->links > LINKS_MAX)
        return -ELOOP;
    int status = jump(way, link);
    if (status <= 0)
        return status;
    int size = node_read_link(link, target, sizeof target - 1);
    if (size <= 0)
        return size < 0 ? size : -ENOENT;
    size_t left = strlen(way->rest);
    if (!way->buffer && !(way->buffer = libos_alloc(2 * WALK_PATH_MAX)))
        return -ENOMEM;
    if ((size_t)size + left + 2 > 2 * WALK_PATH_MAX)
        return -ENAMETOOLONG;
    memmove(way->buffer + size, way->rest, left + 1);
    memcpy(way->buffer, target, (size_t)size);
    way->rest = way->buffer;
    return *way->rest == '/' ? go_to_root(way) : 0;
}

/* Takes the next component off; its size, 0 at the end. */
static size_t take(struct way *way, const char **name)
{
    while (*way->rest == '/')
        way->rest++;
    *name = way->rest;
    size_t size = strcspn(way->rest, "/");
    way->rest += size;
    return size;
}

static bool only_slashes(const char *rest)
{
    return rest[strspn(rest, "/")] == 0;
}

/* Keeps what the last component is. */
static void note_last(struct walk *walk, const char *name, size_t size)
{
    node_put(walk->directory);
    walk->directory = NULL;
    walk->last = size == 0                                       ? WALK_ROOT
                 : size == 1 && name[0] == '.'                   ? WALK_DOT
                 : size == 2 && name[0] == '.' && name[1] == '.' ? WALK_DOTDOT
                                                                 : WALK_NAME;
    if (walk->last != WALK_NAME)
        return;
    memcpy(walk->name, name, size);
    walk->name_size = (uint8_t)size;
    walk->directory = node_get(walk->walked);
}

/* One component. 1 when the walk ends with a name that is not there. */
static int step(struct way *way, const char *name, size_t size)
{
    struct walk *walk = way->walk;
    struct node *next;
    if (!is_directory(walk->walked))
        return -ENOTDIR;
    int status = access_node(&way->vfs->creds, walk->walked, ACCESS_EXECUTE);
    if (status < 0)
        return status;
    if (size > EXT4_NAME_MAX)
        return -ENAMETOOLONG;
    bool is_last = only_slashes(way->rest);
    if (is_last) {
        note_last(walk, name, size);
        walk->is_directory = walk->is_directory || *way->rest == '/';
    }
    if (size == 1 && name[0] == '.')
        return 0;
    if (size == 2 && name[0] == '.' && name[1] == '.')
        return go_up(way);
    status = tree_lookup(walk->walked, span_of(name, size), &next);
    if (status == -ENOENT && is_last && way->flags & WALK_NEW)
        return 1;
    if (status < 0)
        return status;
    if (next->mode >> 12 == EXT4_LINK &&
        !(is_last && way->flags & WALK_NOFOLLOW && *way->rest != '/')) {
        status = follow(way, next);
        node_put(next);
        if (status == 0 && only_slashes(way->rest))
            note_last(walk, "", 0);
        return status;
    }
    go(walk, next);
    return enter_mounts(way);
}

static int walk_all(struct way *way)
{
    const char *name;
    size_t size;
    int status = *way->rest == '/' ? go_to_root(way) : 0;
    note_last(way->walk, "", 0);
    while (status == 0 && (size = take(way, &name)) > 0)
        status = step(way, name, size);
    if (status < 0)
        return status;
    if (status == 1)
        return 0;
    way->walk->node = node_get(way->walk->walked);
    return way->walk->is_directory && !is_directory(way->walk->node) ? -ENOTDIR : 0;
}

int walk_path(struct vfs *vfs, int at, const char *path, unsigned flags, struct walk *walk)
{
    struct way way = {.vfs = vfs, .walk = walk, .flags = flags, .rest = path, .root = vfs->root};
    *walk = (struct walk){.last = WALK_ROOT};
    if (strnlen(path, WALK_PATH_MAX) == WALK_PATH_MAX)
        return -ENAMETOOLONG;
    if (*path == 0 && !(flags & WALK_EMPTY))
        return -ENOENT;
    way.start = vfs->cwd;
    int status = 0;
    if (*path != '/' || flags & (WALK_IN_ROOT | WALK_BENEATH))
        status = walk_start(vfs, at, &way.start);
    if (status == 0 && *path != 0 && !is_directory(way.start))
        status = -ENOTDIR;
    if (status < 0)
        return status;
    if (flags & WALK_IN_ROOT)
        way.root = way.start;
    walk->walked = node_get(way.start);
    status = walk_all(&way);
    libos_free(way.buffer);
    if (status < 0)
        walk_fini(walk);
    return status;
}

void walk_fini(struct walk *walk)
{
    node_put(walk->node);
    node_put(walk->directory);
    node_put(walk->walked);
    libos_free(walk->path);
    *walk = (struct walk){.last = WALK_ROOT};
}

/* --- and back --------------------------------------------------------------------------------- */

/* Puts bytes in front of what is there. */
static bool put_before(char *out, size_t *start, struct span bytes)
{
    if (bytes.size > *start)
        return false;
    *start -= bytes.size;
    memcpy(out + *start, bytes.data, bytes.size);
    return true;
}

int walk_directory_path(const struct vfs *vfs, const struct node *directory, char *out, size_t size)
{
    size_t start = size;
    bool fits = true;
    while (fits && directory != vfs->root) {
        if (directory->own) {
            fits = put_before(out, &start, tree_name(directory)) &&
                   put_before(out, &start, span_of("/", 1));
            directory = tree_parent(directory);
        } else if (directory->tree->mounted_on) {
            directory = directory->tree->mounted_on;
        } else {
            fits = put_before(out, &start, span_of_text("(unreachable)"));
            break;
        }
    }
    if (fits && start == size)
        fits = put_before(out, &start, span_of("/", 1));
    return fits ? (int)start : -ERANGE;
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = libos_alloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

char *walk_whole_path(struct vfs *vfs, const struct walk *walk)
{
    char text[WALK_PATH_MAX];
    const struct node *directory = walk->directory ? walk->directory : walk->node;
    bool is_root_of_name = walk->node && is_directory(walk->node);
    if (is_root_of_name)
        directory = walk->node;
    if (!directory)
        return NULL;
    if (walk->path && walk->node && !walk->directory && !is_root_of_name)
        return copy_text(walk->path);
    int start = is_directory(directory) ? walk_directory_path(vfs, directory, text, sizeof text)
                                        : (int)sizeof text;
    if (start < 0)
        start = (int)sizeof text;
    struct span front = span_of(text + start, sizeof text - (size_t)start);
    struct span name = is_root_of_name ? span_of("", 0) : walk_name(walk);
    if (name.size > 0 && front.size == 1)
        front.size = 0;
    size_t slash = name.size > 0;
    char *path = alloc_zeroed(1, front.size + slash + name.size + 1);
    if (!path)
        return NULL;
    memcpy(path, front.data, front.size);
    if (slash)
        path[front.size] = '/';
    memcpy(path + front.size + slash, name.data, name.size);
    return path;
}
