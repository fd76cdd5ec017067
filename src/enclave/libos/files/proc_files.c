/* What /proc says of a process' files: open ones, its folder, its root, its program, mounts. */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/proc.h"
#include "enclave/libos/files/special.h"
#include "enclave/libos/files/tree_parts.h"
#include "enclave/libos/files/walk.h"
#include "enclave/libos/processes/process.h"

static struct process *alive(const struct pseudo_key *key)
{
    struct process *process = process_find(key->process);
    return process && process->state == PROCESS_ALIVE ? process : NULL;
}

static struct file *file_of(const struct pseudo_key *key)
{
    const struct process *process = alive(key);
    return process ? file_table_get(&process->vfs.files, key->number) : NULL;
}

static int next_file(const struct pseudo_key *key, int number)
{
    const struct process *process = alive(key);
    size_t count = process ? process->vfs.files.count : 0;
    for (size_t i = (size_t)number + 1; i < count; i++) {
        if (file_table_get(&process->vfs.files, (int)i))
            return (int)i;
    }
    return -1;
}

/* --- open files ------------------------------------------------------------------------------- */

static int give(struct pseudo_text *text, char out[PSEUDO_LINK_MAX])
{
    pseudo_add(text, "", 1);
    int status = text->failed || text->size > PSEUDO_LINK_MAX ? -ENAMETOOLONG : 0;
    if (status == 0)
        memcpy(out, text->bytes, text->size);
    pseudo_text_fini(text);
    return status;
}

/* As proc(5) has it: a path, "pipe:[7]", "anon_inode:[eventfd]". */
static int link_file(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX])
{
    struct pseudo_text text = {0};
    const struct file *file = file_of(key);
    if (!file)
        return -ENOENT;
    const char *name = file->kind->name ? file->kind->name : "pipe";
    if (file->node && file->path)
        pseudo_print(&text, "%s%s", file->path, file->node->links == 0 ? " (deleted)" : "");
    else if (name[0] == '[')
        pseudo_print(&text, "anon_inode:%s", name);
    else
        pseudo_print(&text, "%s:[%lu]", name, file->number);
    return give(&text, out);
}

/* A node that stands for an open file without a name: opening it opens the same thing again. */
static int open_again(struct node *node, struct file *file)
{
    const struct file *from = node->special_arg;
    int status = from->kind->open_again ? from->kind->open_again(from, file) : -ENXIO;
    if (status < 0)
        return status;
    file->number = from->number;
    node_put(file->node); /* the one that it came by is not to stay open for it */
    file->node = NULL;
    return 0;
}

static void release_again(struct node *node)
{
    file_put(node->special_arg);
}

static const struct special again = {.open = open_again, .release = release_again};

static int make_again(struct file *file, const struct process *process, struct node **out)
{
    unsigned type = file->kind->name ? file->kind->type : EXT4_FIFO;
    const struct node_new what = {.mode = (uint16_t)(type << 12 | 0600),
                                  .uid = process->vfs.creds.uid,
                                  .gid = process->vfs.creds.gid};
    int status = node_new(process->vfs.root->tree, &what, out);
    if (status < 0)
        return status;
    (*out)->number = file->number;
    (*out)->special = &again;
    (*out)->special_arg = file_get(file);
    return 0;
}

static int follow_file(const struct pseudo_key *key, struct node **out)
{
    struct file *file = file_of(key);
    if (!file)
        return -ENOENT;
    if (!file->node)
        return make_again(file, alive(key), out);
    *out = node_get(file->node);
    return 0;
}

static const struct pseudo_entry file_link = {
    .name = "", .mode = EXT4_LINK << 12 | 0700, .link = link_file, .follow = follow_file};
const struct pseudo_numbers proc_open_files = {.next = next_file, .entry = &file_link};

static void add_octal(struct pseudo_text *out, unsigned long number)
{
    for (int shift = 30; shift > 0; shift -= 3) {
        if (number >> shift)
            pseudo_print(out, "%lu", number >> shift & 7);
    }
    pseudo_print(out, "%lu\n", number & 7);
}

static int text_file(const struct pseudo_key *key, struct pseudo_text *out)
{
    const struct file *file = file_of(key);
    const struct process *process = alive(key);
    if (!file)
        return -ENOENT;
    bool closes = file_is_cloexec(&process->vfs.files, key->number) > 0;
    pseudo_print(out, "pos:\t%lu\nflags:\t0", file->kind->is_stream ? 0UL : file->offset);
    add_octal(out, file->flags | O_LARGEFILE | (closes ? O_CLOEXEC : 0));
    pseudo_print(out, "mnt_id:\t%lu\nino:\t%lu\n",
                 file->node ? (unsigned long)file->node->tree->device : 0UL,
                 file->node ? file->node->number : file->number);
    if (file->kind->tell)
        file->kind->tell(file, out);
    return 0;
}

static const struct pseudo_entry file_facts = {
    .name = "", .mode = PROC_FILE(0400), .text = text_file};
const struct pseudo_numbers proc_file_facts = {.next = next_file, .entry = &file_facts};

/* --- folders and the program ------------------------------------------------------------------ */

static int link_directory(const struct pseudo_key *key, const struct node *directory,
                          char out[PSEUDO_LINK_MAX])
{
    char text[PSEUDO_LINK_MAX];
    const struct process *process = alive(key);
    if (!process)
        return -ESRCH;
    int start = walk_directory_path(&process->vfs, directory, text, sizeof text - 1);
    if (start < 0)
        return -ENAMETOOLONG;
    memcpy(out, text + start, sizeof text - 1 - (size_t)start);
    out[sizeof text - 1 - (size_t)start] = 0;
    return 0;
}

int proc_link_folder(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX])
{
    const struct process *process = alive(key);
    return process ? link_directory(key, process->vfs.cwd, out) : -ENOENT;
}

int proc_link_root(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX])
{
    const struct process *process = alive(key);
    return process ? link_directory(key, process->vfs.root, out) : -ENOENT;
}

int proc_link_program(const struct pseudo_key *key, char out[PSEUDO_LINK_MAX])
{
    const struct process *process = alive(key);
    const char *path = process ? process->told.path : NULL;
    size_t size = path ? strlen(path) + 1 : 0;
    if (!path || size > PSEUDO_LINK_MAX)
        return path ? -ENAMETOOLONG : -ENOENT;
    memcpy(out, path, size);
    return 0;
}

static int give_node(struct node *node, struct node **out)
{
    if (!node)
        return -ENOENT;
    *out = node_get(node);
    return 0;
}

int proc_follow_folder(const struct pseudo_key *key, struct node **out)
{
    const struct process *process = alive(key);
    return give_node(process ? process->vfs.cwd : NULL, out);
}

int proc_follow_root(const struct pseudo_key *key, struct node **out)
{
    const struct process *process = alive(key);
    return give_node(process ? process->vfs.root : NULL, out);
}

int proc_follow_program(const struct pseudo_key *key, struct node **out)
{
    const struct process *process = alive(key);
    return give_node(process ? process->told.file : NULL, out);
}

/* --- mounts ----------------------------------------------------------------------------------- */

static struct {
    const char *path;
    const struct tree *tree;
} mounts[PROC_MOUNTS_MAX];
static size_t mount_count;

void proc_note_mount(const char *path, const struct tree *tree)
{
    if (mount_count == PROC_MOUNTS_MAX)
        return;
    mounts[mount_count].path = path;
    mounts[mount_count++].tree = tree;
}

static void add_options(struct pseudo_text *out, const struct tree *tree)
{
    pseudo_print(out, "%s%s%s%s,relatime", tree->flags & TREE_READ_ONLY ? "ro" : "rw",
                 tree->flags & TREE_NO_SETUID ? ",nosuid" : "",
                 tree->flags & TREE_NO_DEVICES ? ",nodev" : "",
                 tree->flags & TREE_NO_EXECUTE ? ",noexec" : "");
}

int proc_text_mounts(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    for (size_t i = 0; i < mount_count; i++) {
        const char *kind = mounts[i].tree->kind;
        pseudo_print(out, "%s %s %s ", kind, mounts[i].path, kind);
        add_options(out, mounts[i].tree);
        pseudo_print(out, " 0 0\n");
    }
    return 0;
}

int proc_text_mount_facts(const struct pseudo_key *key, struct pseudo_text *out)
{
    (void)key;
    for (size_t i = 0; i < mount_count; i++) {
        unsigned long device = mounts[i].tree->device;
        const char *kind = mounts[i].tree->kind;
        pseudo_print(out, "%lu %lu 0:%lu / %s ", device, i == 0 ? 0UL : 1UL, device,
                     mounts[i].path);
        add_options(out, mounts[i].tree);
        pseudo_print(out, " - %s %s %s\n", kind, kind,
                     mounts[i].tree->flags & TREE_READ_ONLY ? "ro" : "rw");
    }
    return 0;
}

/* --- limits ----------------------------------------------------------------------------------- */

#define LIMIT_WIDTH 20

/* Behind so many spaces, and with spaces behind it. */
static void add_limit(struct pseudo_text *out, size_t before, uint64_t limit)
{
    size_t start = out->size + before;
    while (before-- > 0)
        pseudo_add(out, " ", 1);
    if (limit == UINT64_MAX)
        pseudo_print(out, "unlimited");
    else
        pseudo_print(out, "%lu", limit);
    while (!out->failed && out->size < start + LIMIT_WIDTH)
        pseudo_add(out, " ", 1);
}

/* proc(5), /proc/[pid]/limits, in the order of the kernel's numbers. */
int proc_text_limits(const struct pseudo_key *key, struct pseudo_text *out)
{
    static const char *const names[LIMITS][2] = {
        {"cpu time", "seconds"},    {"file size", "bytes"},      {"data size", "bytes"},
        {"stack size", "bytes"},    {"core file size", "bytes"}, {"resident set", "bytes"},
        {"processes", "processes"}, {"open files", "files"},     {"locked memory", "bytes"},
        {"address space", "bytes"}, {"file locks", "locks"},     {"pending signals", "signals"},
        {"msgqueue size", "bytes"}, {"nice priority", ""},       {"realtime priority", ""},
        {"realtime timeout", "us"}};
    const struct process *process = alive(key);
    if (!process)
        return -ESRCH;
    pseudo_print(out, "%s%s",
                 "Limit                     Soft Limit           Hard Limit           ",
                 "Units     \n");
    for (size_t i = 0; i < LIMITS; i++) {
        const struct limit *limit = &process->limits.values[i];
        pseudo_print(out, "Max %s", names[i][0]);
        add_limit(out, 22 - strlen(names[i][0]), limit->now);
        add_limit(out, 21 - LIMIT_WIDTH, limit->most);
        pseudo_print(out, " %s\n", names[i][1]);
    }
    return 0;
}
