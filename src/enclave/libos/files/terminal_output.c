/* What terminals show: bytes of programs and echoes, as c_oflag has them. */
#include <asm/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/terminal_parts.h"

#define TAB    8
#define DELETE 0x7F

static size_t room(const struct terminal *terminal)
{
    return TERMINAL_OUTPUT - terminal->shows;
}

static void put(struct terminal *terminal, uint8_t byte)
{
    terminal->output[(terminal->shown + terminal->shows) % TERMINAL_OUTPUT] = byte;
    terminal->shows++;
}

static void put_tab(struct terminal *terminal)
{
    unsigned width = TAB - terminal->column % TAB;
    terminal->column += width;
    if ((terminal->termios.c_oflag & TABDLY) != XTABS) {
        put(terminal, '\t');
        return;
    }
    for (unsigned i = 0; i < width; i++)
        put(terminal, ' ');
}

static void put_line_end(struct terminal *terminal)
{
    if (terminal->termios.c_oflag & ONLCR)
        put(terminal, '\r');
    if (terminal->termios.c_oflag & (ONLCR | ONLRET))
        terminal->column = 0;
    put(terminal, '\n');
}

static void put_return(struct terminal *terminal)
{
    tcflag_t how = terminal->termios.c_oflag;
    if (how & ONOCR && terminal->column == 0)
        return;
    if (how & OCRNL) {
        put(terminal, '\n');
        terminal->column = how & ONLRET ? 0 : terminal->column;
        return;
    }
    put(terminal, '\r');
    terminal->column = 0;
}

static bool is_continued(const struct terminal *terminal, uint8_t byte)
{
    return terminal->termios.c_iflag & IUTF8 && (byte & 0xC0) == 0x80;
}

/* With OPOST. There is room for TERMINAL_STEP bytes. */
static void put_processed(struct terminal *terminal, uint8_t byte)
{
    switch (byte) {
    case '\n':
        put_line_end(terminal);
        return;
    case '\r':
        put_return(terminal);
        return;
    case '\t':
        put_tab(terminal);
        return;
    case '\b':
        terminal->column -= terminal->column > 0;
        put(terminal, byte);
        return;
    default:
        if (terminal->termios.c_oflag & OLCUC && byte >= 'a' && byte <= 'z')
            byte = (uint8_t)(byte - 'a' + 'A');
        terminal->column += byte >= ' ' && byte != DELETE && !is_continued(terminal, byte);
        put(terminal, byte);
    }
}

static void put_one(struct terminal *terminal, uint8_t byte)
{
    if (terminal->termios.c_oflag & OPOST)
        put_processed(terminal, byte);
    else
        put(terminal, byte);
}

bool terminal_shows(const struct terminal *terminal)
{
    return !terminal->is_stopped && room(terminal) >= TERMINAL_ECHO + TERMINAL_STEP;
}

int64_t terminal_show(struct terminal *terminal, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size && terminal_shows(terminal))
        put_one(terminal, bytes[done++]);
    if (done > 0)
        terminal_changed(terminal, true);
    return done > 0 || size == 0 ? (int64_t)done : -EAGAIN;
}

size_t terminal_take_shown(struct terminal *terminal, uint8_t *out, size_t size)
{
    size = size < terminal->shows ? size : terminal->shows;
    for (size_t i = 0; i < size; i++)
        out[i] = terminal->output[(terminal->shown + i) % TERMINAL_OUTPUT];
    terminal->shown = (terminal->shown + size) % TERMINAL_OUTPUT;
    terminal->shows -= size;
    if (size > 0)
        terminal_changed(terminal, false);
    return size;
}

void terminal_flush_output(struct terminal *terminal)
{
    terminal->shown = terminal->shows = 0;
    terminal_changed(terminal, false);
}

/* --- echoes ----------------------------------------------------------------------------------- */

void terminal_echo_plain(struct terminal *terminal, uint8_t byte)
{
    if (room(terminal) < TERMINAL_STEP)
        return;
    put_one(terminal, byte);
    terminal_changed(terminal, true);
}

void terminal_echo(struct terminal *terminal, uint8_t byte)
{
    bool is_control = (byte < ' ' && byte != '\t') || byte == DELETE;
    if (is_control && terminal_has(terminal, ECHOCTL)) {
        terminal_echo_plain(terminal, '^');
        byte ^= 0x40;
    }
    terminal_echo_plain(terminal, byte);
}
