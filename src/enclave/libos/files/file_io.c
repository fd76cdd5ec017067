/* What is done with one open file. */
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/file.h"
#include "enclave/libos/files/notify.h"

#define SIZE_MOST 0x7ffff000U /* MAX_RW_COUNT: more is cut */

enum { WHENCE_SET, WHENCE_CUR, WHENCE_END, WHENCE_DATA, WHENCE_HOLE };

static bool may(const struct file *file, unsigned other)
{
    return !(file->flags & O_PATH) && (file->flags & O_ACCMODE) != other;
}

int64_t file_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    bool here = offset == FILE_HERE;
    if (!may(file, O_WRONLY))
        return -EBADF;
    if (!here && file->kind->is_stream)
        return -ESPIPE;
    if (!here && offset > INT64_MAX)
        return -EINVAL;
    if (!file->kind->read)
        return -EINVAL;
    int64_t got = file->kind->read(file, here ? file->offset : offset, out,
                                   size < SIZE_MOST ? size : SIZE_MOST);
    if (got > 0 && here && !file->kind->is_stream)
        file->offset += (uint64_t)got;
    if (got > 0)
        notify(file->node, IN_ACCESS);
    return got;
}

int64_t file_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    bool here = offset == FILE_HERE;
    if (!may(file, O_RDONLY))
        return -EBADF;
    if (!here && file->kind->is_stream)
        return -ESPIPE;
    if (!here && offset > INT64_MAX)
        return -EINVAL;
    if (!file->kind->write)
        return -EINVAL;
    if (file->flags & O_APPEND && file->node && !file->kind->is_stream) {
        offset = file->node->size; /* for pwrite too, as Linux does (its manual page, BUGS) */
        if (here)
            file->offset = offset;
    } else if (here) {
        offset = file->offset;
    }
    int64_t put = file->kind->write(file, offset, bytes, size < SIZE_MOST ? size : SIZE_MOST);
    if (put > 0 && here && !file->kind->is_stream)
        file->offset = offset + (uint64_t)put;
    if (put > 0)
        notify(file->node, IN_MODIFY);
    return put;
}

int64_t file_seek(struct file *file, int64_t offset, unsigned whence)
{
    int64_t base = 0, size = file->node ? (int64_t)file->node->size : 0, to;
    if (file->flags & O_PATH)
        return -EBADF;
    if (file->kind->is_stream)
        return -ESPIPE;
    switch (whence) {
    case WHENCE_SET:
        break;
    case WHENCE_CUR:
        base = (int64_t)file->offset;
        break;
    case WHENCE_END:
        base = size;
        break;
    case WHENCE_DATA: /* all is data up to the one hole at the end, as lseek(2) allows */
    case WHENCE_HOLE:
        if (offset < 0 || offset >= size)
            return -ENXIO;
        file->offset = (uint64_t)(whence == WHENCE_DATA ? offset : size);
        return (int64_t)file->offset;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, offset, &to))
        return -EOVERFLOW;
    if (to < 0)
        return -EINVAL;
    file->offset = (uint64_t)to;
    return to;
}

static int tell_modified(struct node *node, int status)
{
    if (status == 0)
        notify(node, IN_MODIFY);
    return status;
}

int file_truncate(struct file *file, uint64_t size)
{
    if (!may(file, O_RDONLY))
        return file->flags & O_PATH ? -EBADF : -EINVAL;
    if (size > INT64_MAX || file->kind != &file_plain)
        return -EINVAL;
    return tell_modified(file->node, node_truncate(file->node, size));
}

int file_allocate(struct file *file, unsigned mode, int64_t offset, int64_t size)
{
    const unsigned hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    int64_t end;
    if (offset < 0 || size <= 0)
        return -EINVAL;
    if (mode != 0 && mode != FALLOC_FL_KEEP_SIZE && mode != hole)
        return -EOPNOTSUPP;
    if (!may(file, O_RDONLY))
        return -EBADF;
    if (file->kind->is_stream)
        return -ESPIPE;
    if (file->kind != &file_plain)
        return -ENODEV;
    if (__builtin_add_overflow(offset, size, &end))
        return -EFBIG;
    if (file->node->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ||
        (file->node->seals & F_SEAL_GROW && mode == 0 && (uint64_t)end > file->node->size))
        return -EPERM;
    if (mode == hole)
        return tell_modified(file->node, node_clear(file->node, (uint64_t)offset, (uint64_t)size));
    int status = node_allocate(file->node, (uint64_t)offset, (uint64_t)size);
    if (status == 0 && mode == 0 && (uint64_t)end > file->node->size)
        status = node_truncate(file->node, (uint64_t)end);
    return tell_modified(file->node, status);
}

/* --- plain files ------------------------------------------------------------------------------ */

static int64_t plain_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    return node_read(file->node, offset, out, size);
}

/* Who writes to a program takes its setuid bit away, and setgid where the group may run it. */
static int64_t plain_write(struct file *file, uint64_t offset, const void *bytes, size_t size)
{
    struct node *node = file->node;
    uint64_t end;
    bool grows = __builtin_add_overflow(offset, size, &end) || end > node->size;
    if (node->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) || (grows && node->seals & F_SEAL_GROW))
        return -EPERM;
    int64_t put = node_write(node, offset, bytes, size);
    if (put > 0 && !file->keeps_setuid) {
        node->mode = (uint16_t)(node->mode & ~04000);
        if (node->mode & 0010)
            node->mode = (uint16_t)(node->mode & ~02000);
    }
    return put;
}

const struct file_kind file_plain = {.read = plain_read, .write = plain_write};

/* --- directories ------------------------------------------------------------------------------ */

static int64_t directory_read(struct file *file, uint64_t offset, void *out, size_t size)
{
    (void)file;
    (void)offset;
    (void)out;
    (void)size;
    return -EISDIR;
}

const struct file_kind file_directory = {.read = directory_read};

#define DIRENT_HEAD 19 /* inode, position, size, type; then the name and a zero byte */

struct listing {
    uint8_t *out;
    size_t size, used;
    uint64_t position;
};

static void put_le(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

/* -EAGAIN ends the listing: no room is left for this one. */
static int put_entry(void *arg, struct span name, uint64_t number, unsigned type, uint64_t next)
{
    struct listing *listing = arg;
    size_t size = (DIRENT_HEAD + name.size + 1 + 7) & ~(size_t)7;
    if (size > listing->size - listing->used)
        return listing->used > 0 ? -EAGAIN : -EINVAL;
    uint8_t *entry = listing->out + listing->used;
    memset(entry, 0, size);
    put_le(entry, number, 8);
    put_le(entry + 8, next, 8);
    put_le(entry + 16, size, 2);
    entry[18] = (uint8_t)type;
    memcpy(entry + DIRENT_HEAD, name.data, name.size);
    listing->used += size;
    listing->position = next;
    return 0;
}

int file_list(struct file *file, void *out, size_t size)
{
    struct listing listing = {.out = out, .size = size, .position = file->offset};
    if (!may(file, O_WRONLY))
        return -EBADF;
    if (file->kind != &file_directory)
        return -ENOTDIR;
    if (listing.size > SIZE_MOST)
        listing.size = SIZE_MOST;
    int status = tree_list(file->node, file->offset, put_entry, &listing);
    if (status < 0 && (status != -EAGAIN || listing.used == 0))
        return status;
    file->offset = listing.position;
    notify(file->node, IN_ACCESS);
    return (int)listing.used;
}
