#include "vm/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

#define READ_PIECE  16384
#define TAIL_LOOK   8192 /* bytes at the end in which a kernel's last words are looked for */
#define TAIL_PIECES 64   /* a pipe's worth: a guest that writes on and on is not waited for */

static void keep(struct console *console, struct span bytes)
{
    if (console->size + bytes.size > CONSOLE_MAX) {
        if (ftruncate(console->file_fd, 0) < 0)
            return;
        console->size = 0;
    }
    /* A full disk loses the console, never the machine. */
    if (fd_write_all(console->file_fd, bytes, NULL) == 0)
        console->size += bytes.size;
}

/* One piece of what waits; false when nothing does. */
static bool read_piece(struct console *console)
{
    uint8_t piece[READ_PIECE];
    ssize_t got = read(console->pipe_fd, piece, sizeof piece);
    if (got > 0)
        keep(console, span_of(piece, (size_t)got));
    return got > 0;
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    (void)read_piece(argument);
}

int console_open(struct console *console, struct event_base *base, const char *folder,
                 struct error *err)
{
    int ends[2];
    TEXT_AUTO path = text_format("%s/console", folder);
    *console = CONSOLE_NONE;
    if (!path)
        return error_memory(err);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_system(err, errno, "pipe");
    console->pipe_fd = ends[0];
    console->guest_fd = ends[1];
    if (fd_set_nonblocking(console->pipe_fd, err) < 0)
        return -1;
    console->file_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (console->file_fd < 0)
        return error_system(err, errno, "cannot open %s", path);
    console->readable = event_new(base, console->pipe_fd, EV_READ | EV_PERSIST, on_readable,
                                  console);
    return console->readable && event_add(console->readable, NULL) == 0 ? 0 : error_memory(err);
}

void console_close(struct console *console)
{
    for (int i = 0; console->file_fd >= 0 && i < TAIL_PIECES && read_piece(console); i++)
        continue;
    if (console->readable)
        event_free(console->readable);
    console->readable = NULL;
    fd_close(&console->pipe_fd);
    fd_close(&console->guest_fd);
    fd_close(&console->file_fd);
}

/* The end of the text; or what a kernel says as it dies, with the line before, in which it says
 * why. The trace behind it helps nobody here. */
static struct span last_words(struct span text)
{
    static const char panic[] = "Kernel panic";
    const uint8_t *from = memmem(text.data, text.size, panic, sizeof panic - 1);
    if (!from) {
        size_t size = text.size < CONSOLE_TAIL_SIZE - 1 ? text.size : CONSOLE_TAIL_SIZE - 1;
        return span_of(text.data + text.size - size, size);
    }
    const uint8_t *end = memchr(from, '\n', (size_t)(text.data + text.size - from));
    size_t size = (size_t)((end ? end : text.data + text.size) - text.data);
    for (int i = 0; from && i < 2; i++)
        from = memrchr(text.data, '\n', (size_t)(from - text.data));
    size_t start = from ? (size_t)(from + 1 - text.data) : 0;
    return span_of(text.data + start, size - start);
}

void console_tail(struct console *console, char out[CONSOLE_TAIL_SIZE])
{
    uint8_t text[TAIL_LOOK];
    size_t got = 0;
    out[0] = '\0';
    if (console->file_fd < 0)
        return;
    for (int i = 0; i < TAIL_PIECES && read_piece(console); i++)
        continue;
    off_t size = lseek(console->file_fd, 0, SEEK_END);
    off_t start = size > TAIL_LOOK ? size - TAIL_LOOK : 0;
    (void)fd_pread_full(console->file_fd, text, sizeof text, start, &got, NULL);
    struct span words = last_words(span_of(text, got));
    size_t room = words.size < CONSOLE_TAIL_SIZE - 1 ? words.size : CONSOLE_TAIL_SIZE - 1;
    memcpy(out, words.data, room);
    out[room] = '\0';
}
