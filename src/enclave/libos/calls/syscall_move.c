/* Bytes from one file to another without the program's memory: sendfile, copy_file_range, splice.
 */
#include <linux/fcntl.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/calls/syscall_parts.h"
#include "enclave/libos/files/pipe.h"

#define PART         16384U      /* bytes at once */
#define MOVED_MOST   0x7ffff000U /* MAX_RW_COUNT: more is cut */
#define SPLICE_KNOWN 15U         /* SPLICE_F_*: only advice, but for NONBLOCK, which files heed */

/* One side: where it reads or writes. FILE_HERE is the file's own place. */
struct side {
    struct file *file;
    uint64_t offset;
    uint64_t at; /* where the program keeps the offset, 0 for nowhere */
};

static int take_side(uint64_t number, uint64_t at, struct side *out)
{
    *out = (struct side){.file = syscall_file(number), .offset = FILE_HERE, .at = at};
    if (!out->file || out->file->flags & O_PATH)
        return -EBADF;
    if (at == 0)
        return 0;
    if (!can_write(at, sizeof out->offset))
        return -EFAULT;
    if (out->file->kind->is_stream)
        return -ESPIPE;
    memcpy(&out->offset, (const void *)at, sizeof out->offset);
    return (int64_t)out->offset < 0 ? -EINVAL : 0;
}

/* Goes on by what was moved. */
static void advance(struct side *side, uint64_t size)
{
    if (side->offset != FILE_HERE)
        side->offset += size;
    else if (!side->file->kind->is_stream)
        side->file->offset += size;
}

static void give_offset(const struct side *side)
{
    if (side->at != 0)
        memcpy((void *)side->at, &side->offset, sizeof side->offset);
}

/* Bytes that are to go, which stay where they are until they have gone. */
static int64_t look(const struct side *from, void *out, size_t size)
{
    uint64_t here = from->offset == FILE_HERE ? from->file->offset : from->offset;
    if (from->file->kind->is_stream)
        return pipe_look(from->file, out, size);
    return file_read(from->file, here, out, size);
}

static int64_t move_part(struct side *from, struct side *to, uint8_t *bytes, size_t size)
{
    int64_t got = look(from, bytes, size < PART ? size : PART);
    if (got <= 0)
        return got;
    int64_t put = file_write(to->file, to->offset, bytes, (size_t)got);
    if (put <= 0)
        return put;
    if (from->file->kind->is_stream)
        (void)file_read(from->file, FILE_HERE, bytes, (size_t)put);
    advance(from, (uint64_t)put);
    if (to->offset != FILE_HERE)
        to->offset += (uint64_t)put;
    return put;
}

static uint64_t move(struct side *from, struct side *to, uint64_t size)
{
    uint64_t done = 0;
    int64_t put = 0;
    uint8_t *bytes = libos_alloc(PART);
    if (!bytes)
        return SYSCALL_ERROR(ENOMEM);
    if (size > MOVED_MOST)
        size = MOVED_MOST;
    while (done < size && (put = move_part(from, to, bytes, size - done)) > 0)
        done += (uint64_t)put;
    libos_free(bytes);
    give_offset(from);
    give_offset(to);
    return done > 0 ? done : (uint64_t)put;
}

uint64_t syscall_sendfile(struct program_frame *frame)
{
    struct side from, to;
    int status = take_side(frame->rsi, frame->rdx, &from);
    if (status == 0)
        status = take_side(frame->rdi, 0, &to);
    if (status == 0 && (from.file->kind->is_stream || to.file->flags & O_APPEND))
        status = -EINVAL;
    return status < 0 ? (uint64_t)status : move(&from, &to, frame->r10);
}

static bool overlap(const struct side *from, const struct side *to, uint64_t size)
{
    uint64_t a = from->offset == FILE_HERE ? from->file->offset : from->offset;
    uint64_t b = to->offset == FILE_HERE ? to->file->offset : to->offset;
    return from->file->node == to->file->node && (a < b ? b - a : a - b) < size;
}

/* fs/read_write.c, generic_copy_file_checks(). */
static int check_copy(const struct side *from, const struct side *to, uint64_t size)
{
    if (from->file->kind == &file_directory || to->file->kind == &file_directory)
        return -EISDIR;
    if (from->file->kind != &file_plain || to->file->kind != &file_plain)
        return -EINVAL;
    if ((from->file->flags & O_ACCMODE) == O_WRONLY || (to->file->flags & O_ACCMODE) == O_RDONLY ||
        to->file->flags & O_APPEND)
        return -EBADF;
    return overlap(from, to, size) ? -EINVAL : 0;
}

uint64_t syscall_copy_file_range(struct program_frame *frame)
{
    struct side from, to;
    if (frame->r9 != 0)
        return SYSCALL_ERROR(EINVAL);
    int status = take_side(frame->rdi, frame->rsi, &from);
    if (status == 0)
        status = take_side(frame->rdx, frame->r10, &to);
    if (status == 0)
        status = check_copy(&from, &to, frame->r8);
    return status < 0 ? (uint64_t)status : move(&from, &to, frame->r8);
}

/* At least one end is a pipe, and what is read from may be read twice. */
uint64_t syscall_splice(struct program_frame *frame)
{
    struct side from, to;
    if (frame->r9 & ~(uint64_t)SPLICE_KNOWN)
        return SYSCALL_ERROR(EINVAL);
    int status = take_side(frame->rdi, frame->rsi, &from);
    if (status == 0)
        status = take_side(frame->rdx, frame->r10, &to);
    if (status < 0)
        return (uint64_t)status;
    bool is_from = pipe_is(from.file), is_to = pipe_is(to.file);
    if ((!is_from && !is_to) || (!is_from && from.file->kind->is_stream) ||
        to.file->flags & O_APPEND || pipe_are_one(from.file, to.file))
        return SYSCALL_ERROR(EINVAL);
    return move(&from, &to, frame->r8 < PART ? frame->r8 : PART);
}
