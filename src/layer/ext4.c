/*
 * Theory of operation
 *
 * The disk grows from front to back. Nine blocks in front are left open for superblock and group
 * descriptors, which ext4_close() fills in. Then come, for each file in turn, a block of extended
 * attributes if they don't fit the inode, the contents, and a block of extents for a file of more
 * than 512 MiB. An inode whose contents are on the disk is final. Any other may be replaced, and
 * keeps its number and its block of attributes, which is then written anew in place: these blocks
 * are announced to the disk as changeable.
 */
#include "layer/ext4.h"

#include <stdlib.h>

#define TIME_MIN (-INT64_C(0x80000000))
#define TIME_MAX INT64_C(0x37fffffff)

/* What a path leads to. */
struct place {
    uint32_t directory;
    struct span name; /* in it; empty for the root */
    uint32_t entry;   /* 0 when there is none */
    uint32_t inode;
};

uint64_t ext4_time(int64_t sec, int32_t nsec)
{
    if (sec < TIME_MIN)
        return 0x80000000;
    if (sec > TIME_MAX)
        return (uint64_t)TIME_MAX;
    return (uint64_t)sec | (uint64_t)nsec << 34;
}

/* What the reference makes of a stored time when it reads it back and stores it again. */
static uint64_t time_again(uint64_t time)
{
    if (time == 0)
        return 0;
    int64_t sec = (int64_t)(time & 0x3ffffffff);
    if (sec > 0x7fffffff && sec < 0x100000000)
        sec -= 0x100000000;
    uint64_t nsec = time >> 34;
    if (nsec >= 1000000000) {
        sec++;
        nsec -= 1000000000;
    }
    return ext4_time(sec, (int32_t)nsec);
}

static bool is_directory(const struct ext4 *fs, uint32_t inode)
{
    return ext4_type(nodes_inode(&fs->nodes, inode)->mode) == EXT4_DIR;
}

static int refuse(struct span path, const char *why, struct error *err)
{
    char text[PATH_PRINT_SIZE];
    return error_set(err, ERROR_INVALID, "%s: %s", path_print(path, text), why);
}

static struct xattr_keep *take_keep(struct ext4 *fs, struct inode *inode, struct error *err)
{
    if (inode->xattrs)
        return inode->xattrs;
    if (nodes_charge(&fs->nodes, sizeof *inode->xattrs, err) < 0)
        return NULL;
    inode->xattrs = calloc(1, sizeof *inode->xattrs);
    if (!inode->xattrs)
        (void)error_memory(err);
    return inode->xattrs;
}

/* Writes the block of attributes, in the place of the former one if there is. */
static int write_xattr_block(struct ext4 *fs, struct inode *inode, bool may_change,
                             const uint8_t block[XATTR_BLOCK_SIZE], struct error *err)
{
    if (inode->xattr_block != 0) {
        if (disk_change(fs->disk, inode->xattr_block, block, err) < 0)
            return -1;
    } else {
        inode->xattr_block = disk_block(fs->disk);
        int status = may_change ? disk_write_changeable(fs->disk, block, err)
                                : disk_write(fs->disk, span_of(block, XATTR_BLOCK_SIZE), err);
        if (status < 0)
            return -1;
    }
    if (!may_change) /* final: nobody will read it back */
        return 0;
    struct xattr_keep *keep = take_keep(fs, inode, err);
    if (!keep)
        return -1;
    if (!keep->block) {
        if (nodes_charge(&fs->nodes, XATTR_BLOCK_SIZE, err) < 0)
            return -1;
        keep->block = malloc(XATTR_BLOCK_SIZE);
        if (!keep->block)
            return error_memory(err);
    }
    memcpy(keep->block, block, XATTR_BLOCK_SIZE);
    return 0;
}

/* Stores the file's attributes. Those that the inode held before stay, unless given anew; those in
 * its block go. */
static int put_xattrs(struct ext4 *fs, struct inode *inode, const struct ext4_file *file,
                      bool may_change, struct error *err)
{
    uint8_t in_inode[XATTR_INODE_SIZE], block[XATTR_BLOCK_SIZE];
    bool has_inline, has_block;
    struct xattr_set *set = &fs->attributes, *old = &fs->old_attributes;
    if (file->xattr_count == 0 && !inode->xattrs)
        return 0;
    old->count = old->names_size = 0;
    if (xattr_set_fill(set, file->xattrs, file->xattr_count, err) < 0 ||
        xattr_set_read_inode(old, inode->xattrs, err) < 0 || xattr_set_merge(set, old, err) < 0 ||
        xattr_encode(set, in_inode, &has_inline, block, &has_block, err) < 0)
        return -1;
    if (has_inline || inode->xattrs) {
        struct xattr_keep *keep = take_keep(fs, inode, err);
        if (!keep)
            return -1;
        keep->has_inline = has_inline;
        memcpy(keep->in_inode, in_inode, sizeof in_inode);
    }
    if (!has_block && inode->xattr_block == 0)
        return 0;
    return write_xattr_block(fs, inode, may_change, block, err);
}

static int start_file(struct ext4 *fs, uint32_t number, struct error *err)
{
    struct inode *inode = nodes_inode(&fs->nodes, number);
    uint64_t room = fs->disk->limit - fs->disk->position;
    if (inode->size > room)
        return error_set(err, ERROR_LIMIT, "a file of %llu bytes; the disk has room for %llu more",
                         (unsigned long long)inode->size, (unsigned long long)room);
    uint64_t blocks = (inode->size + EXT4_BLOCK_SIZE - 1) / EXT4_BLOCK_SIZE;
    if (blocks > EXT4_FILE_BLOCKS_MAX)
        return error_set(err, ERROR_LIMIT, "a file of %llu bytes; at most %llu",
                         (unsigned long long)inode->size,
                         (unsigned long long)EXT4_FILE_BLOCKS_MAX * EXT4_BLOCK_SIZE);
    inode->start_block = disk_block(fs->disk);
    inode->blocks = (uint32_t)blocks;
    fs->file = number;
    fs->file_left = inode->size;
    return 0;
}

static int put_symlink(struct ext4 *fs, uint32_t number, struct span target, struct error *err)
{
    struct inode *inode = nodes_inode(&fs->nodes, number);
    if (target.size <= EXT4_SHORT_SYMLINK)
        return nodes_add_text(&fs->nodes, target, &inode->text, err);
    if (start_file(fs, number, err) < 0 || ext4_write(fs, target, err) < 0)
        return -1;
    return ext4_finish_file(fs, err);
}

/* Fills a new inode, or one that is replaced. */
static int fill_inode(struct ext4 *fs, uint32_t number, const struct ext4_file *file,
                      struct error *err)
{
    struct inode *inode = nodes_inode(&fs->nodes, number);
    unsigned type = ext4_type(file->mode);
    if (inode->blocks > 0)
        return error_set(err, ERROR_INVALID,
                         "an earlier entry of this name has contents, which can't be replaced");
    uint64_t size = type == EXT4_FILE ? file->size : type == EXT4_LINK ? file->target.size : 0;
    bool has_blocks = size > (type == EXT4_LINK ? EXT4_SHORT_SYMLINK : 0);
    inode->mode = type == EXT4_LINK ? file->mode | 0777 : file->mode;
    inode->uid = file->uid;
    inode->gid = file->gid;
    inode->device = file->device;
    inode->atime = file->atime;
    inode->ctime = file->ctime;
    inode->mtime = file->mtime;
    inode->size = size;
    if (put_xattrs(fs, inode, file, !has_blocks, err) < 0)
        return -1;
    if (type == EXT4_LINK)
        return put_symlink(fs, number, file->target, err);
    return has_blocks ? start_file(fs, number, err) : 0;
}

static int add_directory(struct ext4 *fs, uint32_t parent, struct span name, uint32_t number,
                         struct error *err)
{
    nodes_inode(&fs->nodes, number)->links++; /* itself */
    nodes_inode(&fs->nodes, parent)->links++; /* its ".." */
    return nodes_add_entry(&fs->nodes, parent, name, number, err);
}

static int check_name(struct span name, struct span path, struct error *err)
{
    if (name.size > NODES_NAME_MAX)
        return refuse(path, "a name of more than 255 bytes", err);
    if (name.size > 0 && memchr(name.data, 0, name.size))
        return refuse(path, "a name with a zero byte", err);
    return 0;
}

/* Makes an entry for which there is none, and its inode. */
static int add_file(struct ext4 *fs, uint32_t directory, struct span name,
                    const struct ext4_file *file, struct error *err)
{
    uint32_t number;
    bool is_dir = ext4_type(file->mode) == EXT4_DIR;
    if (is_dir && nodes_inode(&fs->nodes, directory)->links >= EXT4_LINKS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d directories in one", EXT4_LINKS_MAX - 2);
    if (nodes_add_inode(&fs->nodes, &number, err) < 0 || fill_inode(fs, number, file, err) < 0)
        return -1;
    nodes_inode(&fs->nodes, number)->links++;
    if (is_dir)
        return add_directory(fs, directory, name, number, err);
    return nodes_add_entry(&fs->nodes, directory, name, number, err);
}

/* A directory that the archive does not name (before it is needed) is like the one above it. */
static int add_parent(struct ext4 *fs, uint32_t directory, struct span name, struct error *err)
{
    const struct inode *like = nodes_inode(&fs->nodes, directory);
    struct ext4_file file = {
        .mode = like->mode,
        .uid = like->uid,
        .gid = like->gid,
        .atime = time_again(like->atime),
        .ctime = time_again(like->ctime),
        .mtime = time_again(like->mtime),
    };
    return add_file(fs, directory, name, &file, err);
}

/* Follows the path in its plain form, which stays in fs->path. With `make`, missing directories on
 * the way are made. */
static int find_place(struct ext4 *fs, struct span path, bool make, struct place *out,
                      struct error *err)
{
    if (path_clean(path, &fs->path, err) < 0)
        return -1;
    struct span rest = buf_span(&fs->path);
    *out = (struct place){.directory = NODES_ROOT, .inode = NODES_ROOT};
    while (rest.size > 0) {
        out->directory = out->inode;
        out->name = path_take(&rest);
        if (check_name(out->name, path, err) < 0)
            return -1;
        if (!is_directory(fs, out->directory))
            return refuse(path, "the path leads through something that is no directory", err);
        out->entry = nodes_find(&fs->nodes, out->directory, out->name);
        if (out->entry == 0 && rest.size > 0) {
            if (!make)
                return refuse(path, "no such path", err);
            if (add_parent(fs, out->directory, out->name, err) < 0)
                return error_context(err, "making the directories above");
            out->entry = nodes_find(&fs->nodes, out->directory, out->name);
        }
        out->inode = out->entry == 0 ? 0 : nodes_entry(&fs->nodes, out->entry)->inode;
    }
    return 0;
}

int ext4_make_parents(struct ext4 *fs, struct span path, struct error *err)
{
    struct place place;
    size_t leaf;
    if (path_clean(path, &fs->path, err) < 0)
        return -1;
    leaf = path_leaf(buf_span(&fs->path));
    if (leaf == 0)
        return 0;
    /* "a/b/" of "a/b/c": what is missing of it is made, what is there may be anything. */
    BUF_AUTO parents = BUF_WITH_LIMIT(PATH_LIMIT);
    if (buf_append(&parents, span_of(fs->path.data, leaf - 1), err) < 0 ||
        find_place(fs, buf_span(&parents), true, &place, err) < 0)
        return -1;
    return place.inode == 0 ? add_parent(fs, place.directory, place.name, err) : 0;
}

/* Puts a file in the place of another. One with further names keeps its inode for them. */
static int replace(struct ext4 *fs, const struct place *place, const struct ext4_file *file,
                   struct error *err)
{
    struct inode *old = nodes_inode(&fs->nodes, place->inode);
    bool was_dir = ext4_type(old->mode) == EXT4_DIR, is_dir = ext4_type(file->mode) == EXT4_DIR;
    if (was_dir != is_dir)
        return error_set(err, ERROR_INVALID,
                         was_dir ? "a directory can't be replaced by a file"
                                 : "a file can't be replaced by a directory");
    if (was_dir || old->links < 2)
        return fill_inode(fs, place->inode, file, err);
    uint32_t number;
    if (nodes_add_inode(&fs->nodes, &number, err) < 0 || fill_inode(fs, number, file, err) < 0)
        return -1;
    old->links--;
    nodes_inode(&fs->nodes, number)->links++;
    nodes_entry(&fs->nodes, place->entry)->inode = number;
    return 0;
}

static int create_at(struct ext4 *fs, const struct place *place, const struct ext4_file *file,
                     struct error *err)
{
    if (place->inode != 0)
        return replace(fs, place, file, err);
    return add_file(fs, place->directory, place->name, file, err);
}

int ext4_create(struct ext4 *fs, struct span path, const struct ext4_file *file, struct error *err)
{
    struct place place;
    char text[PATH_PRINT_SIZE];
    if (find_place(fs, path, true, &place, err) < 0)
        return -1;
    if (create_at(fs, &place, file, err) < 0)
        return error_context(err, "%s", path_print(path, text));
    return 0;
}

int ext4_write(struct ext4 *fs, struct span bytes, struct error *err)
{
    if (bytes.size > fs->file_left)
        return error_set(err, ERROR_INVALID, "a file has more contents than it states");
    fs->file_left -= bytes.size;
    return disk_write(fs->disk, bytes, err);
}

int ext4_write_zero(struct ext4 *fs, uint64_t size, struct error *err)
{
    if (size > fs->file_left)
        return error_set(err, ERROR_INVALID, "a file has more contents than it states");
    fs->file_left -= size;
    return disk_write_zero(fs->disk, size, err);
}

int ext4_finish_file(struct ext4 *fs, struct error *err)
{
    if (fs->file == 0)
        return 0;
    const struct inode *inode = nodes_inode(&fs->nodes, fs->file);
    if (fs->file_left > 0)
        return error_set(err, ERROR_INVALID, "a file has less contents than it states");
    fs->file = 0;
    if (disk_align(fs->disk, err) < 0)
        return -1;
    if (!ext4_needs_extent_block(inode->blocks))
        return 0;
    uint8_t block[EXT4_BLOCK_SIZE];
    ext4_encode_extent_block(inode->start_block, inode->blocks, block);
    return disk_write(fs->disk, span_of(block, sizeof block), err);
}

int ext4_link(struct ext4 *fs, struct span target, struct span path, struct error *err)
{
    struct place from, to;
    if (find_place(fs, path, true, &to, err) < 0)
        return -1;
    if (to.inode != 0 &&
        (is_directory(fs, to.inode) || nodes_inode(&fs->nodes, to.inode)->links < 2))
        return refuse(path, "a hard link can't replace a directory, or a file's only name", err);
    /* The name outlives fs->path, which the target's takes. */
    uint8_t name[NODES_NAME_MAX];
    size_t name_size = to.name.size;
    if (name_size > 0)
        memcpy(name, to.name.data, name_size);
    if (find_place(fs, target, false, &from, err) < 0)
        return -1;
    if (from.inode == 0)
        return refuse(target, "the hard link's target is no earlier entry of this layer", err);
    if (is_directory(fs, from.inode))
        return refuse(path, "a hard link to a directory", err);
    struct inode *file = nodes_inode(&fs->nodes, from.inode);
    if (to.inode != from.inode && file->links >= EXT4_LINKS_MAX)
        return refuse(path, "more than 65000 names for one file", err);
    file->links++;
    if (to.inode == 0)
        return nodes_add_entry(&fs->nodes, to.directory, span_of(name, name_size), from.inode, err);
    nodes_inode(&fs->nodes, to.inode)->links--;
    nodes_entry(&fs->nodes, to.entry)->inode = from.inode;
    return 0;
}

/* All attributes of the inode, with one more, in fs->attributes. Reading them back, the reference
 * loses "system.data". */
static int collect_xattrs(struct ext4 *fs, const struct inode *inode, const struct tar_xattr *more,
                          struct tar_xattr out[2 * XATTR_MAX], size_t *count, struct error *err)
{
    struct xattr_set *set = &fs->attributes;
    set->count = set->names_size = 0;
    if (xattr_set_read_block(set, inode->xattrs, err) < 0 ||
        xattr_set_read_inode(set, inode->xattrs, err) < 0)
        return -1;
    if (inode->xattrs && inode->xattrs->has_inline)
        xattr_set_remove(set, span_of_text("system.data"));
    if (xattr_set_put(set, more->name, more->value, err) < 0)
        return -1;
    memcpy(out, set->items, set->count * sizeof *out);
    *count = set->count;
    return 0;
}

/* Makes the inode anew from what it is, as the reference does, with what that loses. The items'
 * names lie in fs->attributes and their values in the inode's own: neither is overwritten before
 * the new ones are encoded. */
static int remake(struct ext4 *fs, const struct place *place, const struct tar_xattr *xattr,
                  struct error *err)
{
    const struct inode *inode = nodes_inode(&fs->nodes, place->inode);
    struct tar_xattr items[2 * XATTR_MAX];
    size_t count;
    if (inode->blocks > 0)
        return error_set(err, ERROR_INVALID, "an opaque mark on a file with contents");
    if (collect_xattrs(fs, inode, xattr, items, &count, err) < 0)
        return -1;
    struct ext4_file file = {
        .mode = inode->mode,
        .uid = inode->uid,
        .gid = inode->gid,
        .device = inode->device,
        .atime = time_again(inode->atime),
        .ctime = time_again(inode->ctime),
        .mtime = time_again(inode->mtime),
        .xattrs = items,
        .xattr_count = count,
    };
    if (ext4_type(inode->mode) == EXT4_LINK && inode->size > 0)
        file.target = span_of(nodes_text(&fs->nodes, inode->text), inode->size);
    return create_at(fs, place, &file, err);
}

int ext4_add_xattr(struct ext4 *fs, struct span path, const struct tar_xattr *xattr,
                   struct error *err)
{
    struct place place;
    char text[PATH_PRINT_SIZE];
    if (find_place(fs, path, false, &place, err) < 0)
        return -1;
    if (place.inode == 0)
        return refuse(path, "no such directory to mark as opaque", err);
    if (remake(fs, &place, xattr, err) < 0)
        return error_context(err, "%s", path_print(path, text));
    return 0;
}

static int make_root(struct ext4 *fs, struct error *err)
{
    uint32_t number;
    for (uint32_t i = 1; i < NODES_FIRST; i++) { /* the reserved numbers; most stay unused */
        if (nodes_add_inode(&fs->nodes, &number, err) < 0)
            return -1;
    }
    struct inode *root = nodes_inode(&fs->nodes, NODES_ROOT);
    root->mode = EXT4_DIR << 12 | 0755;
    root->links = 2;
    /* e2fsck wants it to be there. */
    struct ext4_file lost_found = {.mode = EXT4_DIR << 12 | 0700};
    return ext4_create(fs, span_of_text("lost+found"), &lost_found, err);
}

int ext4_init(struct ext4 *fs, struct disk *disk, uint64_t memory_limit, struct error *err)
{
    static const uint8_t zeros[EXT4_BLOCK_SIZE];
    *fs = (struct ext4){.disk = disk, .path = BUF_WITH_LIMIT(PATH_LIMIT)};
    if (nodes_init(&fs->nodes, memory_limit, err) < 0)
        return -1;
    for (int i = 0; i < EXT4_FRONT_BLOCKS; i++) {
        if (disk_write_changeable(disk, zeros, err) < 0)
            return -1;
    }
    return make_root(fs, err);
}

void ext4_fini(struct ext4 *fs)
{
    nodes_fini(&fs->nodes);
    buf_fini(&fs->path);
}
