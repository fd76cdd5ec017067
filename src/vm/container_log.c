#include "vm/container_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

#define LINE_MAX_SIZE                                                                              \
    (80 + 65536) /* what one call of container_log_write() may make of one line                    \
                  */
#define READ_PIECE 65536

struct container_log {
    int fd;
    uint64_t size;
    char *path;
    char *old_path;
};

static char *leaf_of(const char *container)
{
    return container ? text_format("log-%s", container) : text_format("log");
}

int container_log_open(const char *folder, const char *container, struct container_log **out,
                       struct error *err)
{
    TEXT_AUTO leaf = leaf_of(container);
    struct container_log *log = calloc(1, sizeof *log);
    *out = log;
    if (!log)
        return error_memory(err);
    log->fd = -1;
    log->path = leaf ? text_format("%s/%s", folder, leaf) : NULL;
    log->old_path = leaf ? text_format("%s/%s.1", folder, leaf) : NULL;
    if (!log->path || !log->old_path)
        return error_memory(err);
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return log->fd < 0 ? error_system(err, errno, "cannot open %s", log->path) : 0;
}

void container_log_close(struct container_log *log)
{
    if (!log)
        return;
    fd_close(&log->fd);
    free(log->path);
    free(log->old_path);
    free(log);
}

static void rotate(struct container_log *log)
{
    if (rename(log->path, log->old_path) < 0)
        return;
    fd_close(&log->fd);
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    log->size = 0;
}

static void write_prefix(struct buf *out, unsigned int stream, bool whole)
{
    struct timespec now;
    struct tm parts;
    char date[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (!gmtime_r(&now.tv_sec, &parts) ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        date[0] = '\0';
    (void)buf_printf(out, NULL, "%s.%09ldZ %s %c ", date, now.tv_nsec,
                     stream == 2 ? "stderr" : "stdout", whole ? 'F' : 'P');
}

void container_log_write(struct container_log *log, unsigned int stream, struct span bytes)
{
    BUF_AUTO text = BUF_WITH_LIMIT((size_t)4 * 1024 * 1024);
    if (!log || log->fd < 0)
        return;
    while (bytes.size > 0) {
        const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
        size_t size = end ? (size_t)(end - bytes.data) : bytes.size;
        write_prefix(&text, stream, end != NULL);
        (void)buf_append(&text, span_of(bytes.data, size), NULL);
        (void)buf_append_byte(&text, '\n', NULL);
        size += end ? 1 : 0;
        bytes = span_of(bytes.data + size, bytes.size - size);
    }
    if (log->size + text.size > CONTAINER_LOG_MAX)
        rotate(log);
    if (log->fd >= 0 && fd_write_all(log->fd, buf_span(&text), NULL) == 0)
        log->size += text.size;
}

int container_log_reader_open(const char *folder, const char *container,
                              struct container_log_reader *reader, struct error *err)
{
    *reader = (struct container_log_reader){.folder = text_format("%s", folder),
                                            .leaf = leaf_of(container),
                                            .fd = -1,
                                            .line = BUF_WITH_LIMIT(LINE_MAX_SIZE)};
    return reader->folder && reader->leaf ? 0 : error_memory(err);
}

void container_log_reader_close(struct container_log_reader *reader)
{
    free(reader->folder);
    free(reader->leaf);
    reader->folder = reader->leaf = NULL;
    fd_close(&reader->fd);
    buf_fini(&reader->line);
}

static int open_leaf(const struct container_log_reader *reader, const char *suffix)
{
    TEXT_AUTO path = text_format("%s/%s%s", reader->folder, reader->leaf, suffix);
    return path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
}

/* Writes a line's text where it belongs: "<time> <stream> <F|P> <text>". */
static void write_line(struct container_log_reader *reader, struct span line, FILE *out,
                       FILE *errors)
{
    const uint8_t *stream = memchr(line.data, ' ', line.size);
    size_t left = stream ? line.size - (size_t)(stream - line.data) : 0;
    if (left < 10)
        return;
    bool is_error = memcmp(stream, " stderr ", 8) == 0;
    FILE *to = is_error ? errors : out;
    if (reader->prefix && !reader->inside[is_error])
        (void)fputs(reader->prefix, to);
    reader->inside[is_error] = stream[8] != 'F';
    (void)fwrite(stream + 10, 1, left - 10, to);
    if (stream[8] == 'F')
        (void)fputc('\n', to);
}

static void write_lines(struct container_log_reader *reader, FILE *out, FILE *errors)
{
    size_t done = 0;
    for (;;) {
        const uint8_t *start = reader->line.data + done;
        const uint8_t *end = memchr(start, '\n', reader->line.size - done);
        if (!end)
            break;
        write_line(reader, span_of(start, (size_t)(end - start)), out, errors);
        done += (size_t)(end - start) + 1;
    }
    buf_consume(&reader->line, done);
}

static bool is_same(int a, int b)
{
    struct stat first;
    struct stat second;
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_ino == second.st_ino;
}

/* Whether the file has grown since its end was read. */
static bool has_more(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && lseek(fd, 0, SEEK_CUR) < status.st_size;
}

/* Moves on from a file at its end: from log.1 to log; and where the log was rotated, to the file
 * that followed the one that was read. False when there is nothing to move on to. */
static bool next_file(struct container_log_reader *reader)
{
    FD_AUTO current = -1;
    FD_AUTO old = -1;
    if (reader->fd < 0) {
        reader->fd = open_leaf(reader, ".1");
        if (reader->fd < 0)
            reader->fd = open_leaf(reader, "");
        return reader->fd >= 0;
    }
    current = open_leaf(reader, "");
    if (current < 0 || is_same(current, reader->fd))
        return false;
    /* It is not written to any more: but it may have been, after its end was read. */
    if (has_more(reader->fd))
        return true;
    old = open_leaf(reader, ".1");
    bool skipped = old >= 0 && !is_same(old, reader->fd);
    fd_close(&reader->fd);
    reader->fd = fd_take(skipped ? &old : &current);
    return true;
}

int container_log_read(struct container_log_reader *reader, FILE *out, FILE *errors, bool *more,
                       struct error *err)
{
    *more = false;
    if (reader->fd < 0 && !next_file(reader))
        return 0;
    for (;;) {
        size_t room = LINE_MAX_SIZE - reader->line.size;
        size_t got;
        if (room == 0)
            return error_set(err, ERROR_INVALID, "a line of the log is too long");
        if (buf_reserve(&reader->line, room < READ_PIECE ? room : READ_PIECE, err) < 0 ||
            fd_read_full(reader->fd, reader->line.data + reader->line.size,
                         room < READ_PIECE ? room : READ_PIECE, &got, err) < 0)
            return -1;
        if (got == 0 && !next_file(reader))
            return 0;
        reader->line.size += got;
        *more = *more || got > 0;
        if (reader->line.size > 0)
            write_lines(reader, out, errors);
    }
}
