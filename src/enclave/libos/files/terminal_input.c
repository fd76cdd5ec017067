/* What is typed at terminals: made lines, signals and echoes of, as c_iflag and c_lflag have it. */
#include <asm/errno.h>
#include <asm/signal.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/clock.h"
#include "enclave/libos/files/terminal_parts.h"
#include "enclave/libos/threads/wait.h"

#define TAB       8
#define BELL      7
#define DELETE    0x7F
#define TENTH     UINT64_C(100000000)  /* nanoseconds: VTIME's unit */
#define LINE_LAST (TERMINAL_INPUT - 1) /* bytes: then there is room for a line's end alone */

static size_t place(const struct terminal *terminal, size_t i)
{
    return (terminal->start + i) % TERMINAL_INPUT;
}

/* Whether the byte is that of this name; a name whose byte is 0 has none. */
static bool is(const struct terminal *terminal, unsigned name, uint8_t byte)
{
    return byte != 0 && terminal->termios.c_cc[name] == byte;
}

/* --- the ring --------------------------------------------------------------------------------- */

static void append(struct terminal *terminal, uint8_t byte, bool is_end)
{
    size_t at = place(terminal, terminal->used);
    terminal->input[at] = byte;
    terminal->marks[at] = is_end;
    terminal->used++;
    if (is_end)
        terminal->lines = terminal->used;
}

/* What there is no room for is told by a bell. */
static bool has_room(struct terminal *terminal, bool is_end)
{
    size_t most = terminal_has(terminal, ICANON) && !is_end ? LINE_LAST : TERMINAL_INPUT;
    if (terminal->used < most)
        return true;
    if (terminal->termios.c_iflag & IMAXBEL)
        terminal_echo_plain(terminal, BELL);
    return false;
}

/* A line is shown from where it is begun. */
static void note_begin(struct terminal *terminal)
{
    if (terminal->used == terminal->lines)
        terminal->begins = terminal->column;
}

static void echo_typed(struct terminal *terminal, uint8_t byte)
{
    if (!terminal_has(terminal, ECHO))
        return;
    note_begin(terminal);
    terminal_echo(terminal, byte);
}

static void take_plain(struct terminal *terminal, uint8_t byte)
{
    if (!has_room(terminal, false))
        return;
    echo_typed(terminal, byte);
    append(terminal, byte, false);
}

void terminal_flush_input(struct terminal *terminal)
{
    terminal->start = terminal->used = terminal->lines = 0;
    terminal->is_literal = false;
    terminal->due = 0;
    terminal_changed(terminal, true);
}

/* --- editing a line --------------------------------------------------------------------------- */

static bool is_continued(const struct terminal *terminal, uint8_t byte)
{
    return terminal->termios.c_iflag & IUTF8 && (byte & 0xC0) == 0x80;
}

static unsigned width_of(const struct terminal *terminal, uint8_t byte, unsigned column)
{
    if (byte == '\t')
        return TAB - column % TAB;
    if (byte < ' ' || byte == DELETE)
        return terminal_has(terminal, ECHOCTL) ? 2 : 0;
    return !is_continued(terminal, byte);
}

/* Where the line that is edited ends on the screen. */
static unsigned column_of_end(const struct terminal *terminal)
{
    unsigned column = terminal->begins;
    for (size_t i = terminal->lines; i < terminal->used; i++)
        column += width_of(terminal, terminal->input[place(terminal, i)], column);
    return column;
}

static void erase_columns(struct terminal *terminal, unsigned count, bool is_blank)
{
    for (unsigned i = 0; i < count; i++) {
        terminal_echo_plain(terminal, '\b');
        if (is_blank) {
            terminal_echo_plain(terminal, ' ');
            terminal_echo_plain(terminal, '\b');
        }
    }
}

/* The last byte of the line, and with it what follows it of a character in UTF-8. */
static void drop_last(struct terminal *terminal, bool is_shown)
{
    uint8_t byte = terminal->input[place(terminal, terminal->used - 1)];
    while (is_continued(terminal, byte) && terminal->used - 1 > terminal->lines) {
        terminal->used--;
        byte = terminal->input[place(terminal, terminal->used - 1)];
    }
    terminal->used--;
    if (!is_shown)
        return;
    unsigned column = column_of_end(terminal);
    erase_columns(terminal, width_of(terminal, byte, column), byte != '\t');
}

static bool is_of_word(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
}

static bool has_line(const struct terminal *terminal)
{
    return terminal->used > terminal->lines;
}

static uint8_t last(const struct terminal *terminal)
{
    return terminal->input[place(terminal, terminal->used - 1)];
}

static void erase_word(struct terminal *terminal, bool is_shown)
{
    while (has_line(terminal) && !is_of_word(last(terminal)))
        drop_last(terminal, is_shown);
    while (has_line(terminal) && is_of_word(last(terminal)))
        drop_last(terminal, is_shown);
}

static void erase_line(struct terminal *terminal, uint8_t byte)
{
    const unsigned all = ECHOK | ECHOKE | ECHOE;
    bool is_shown = (terminal->termios.c_lflag & all) == all && terminal_has(terminal, ECHO);
    while (has_line(terminal))
        drop_last(terminal, is_shown);
    if (is_shown || !terminal_has(terminal, ECHO))
        return;
    terminal_echo(terminal, byte);
    if (terminal_has(terminal, ECHOK))
        terminal_echo_plain(terminal, '\n');
}

/* VERASE, VWERASE. Without ECHOE the byte itself is shown. */
static void erase(struct terminal *terminal, uint8_t byte, bool is_word)
{
    bool is_echoed = terminal_has(terminal, ECHO) && has_line(terminal);
    bool is_shown = is_echoed && terminal_has(terminal, ECHOE);
    if (is_word)
        erase_word(terminal, is_shown);
    else if (has_line(terminal))
        drop_last(terminal, is_shown);
    if (is_echoed && !is_shown)
        terminal_echo(terminal, byte);
}

static void show_again(struct terminal *terminal, uint8_t byte)
{
    terminal_echo(terminal, byte);
    terminal_echo_plain(terminal, '\n');
    terminal->begins = terminal->column;
    for (size_t i = terminal->lines; i < terminal->used; i++)
        terminal_echo(terminal, terminal->input[place(terminal, i)]);
}

static void end_line(struct terminal *terminal, uint8_t byte)
{
    if (has_room(terminal, true))
        append(terminal, byte, true);
}

/* What ends the line. */
static bool take_end(struct terminal *terminal, uint8_t byte)
{
    if (byte == '\n') {
        if (terminal_has(terminal, ECHO | ECHONL) && terminal->used < TERMINAL_INPUT)
            terminal_echo_plain(terminal, byte);
        end_line(terminal, byte);
        return true;
    }
    if (is(terminal, VEOF, byte)) {
        end_line(terminal, 0);
        return true;
    }
    if (!is(terminal, VEOL, byte) && !(is(terminal, VEOL2, byte) && terminal_has(terminal, IEXTEN)))
        return false;
    echo_typed(terminal, byte);
    end_line(terminal, byte);
    return true;
}

/* What edits it. */
static bool take_edit(struct terminal *terminal, uint8_t byte)
{
    bool is_extended = terminal_has(terminal, IEXTEN);
    if (is(terminal, VERASE, byte)) {
        erase(terminal, byte, false);
        return true;
    }
    if (is(terminal, VKILL, byte)) {
        erase_line(terminal, byte);
        return true;
    }
    if (is_extended && is(terminal, VWERASE, byte)) {
        erase(terminal, byte, true);
        return true;
    }
    if (is_extended && is(terminal, VLNEXT, byte)) {
        terminal->is_literal = true;
        if (terminal_has(terminal, ECHO) && terminal_has(terminal, ECHOCTL)) {
            note_begin(terminal);
            terminal_echo_plain(terminal, '^');
            terminal_echo_plain(terminal, '\b');
        }
        return true;
    }
    if (!is_extended || !is(terminal, VREPRINT, byte) || !terminal_has(terminal, ECHO))
        return false;
    show_again(terminal, byte);
    return true;
}

/* --- each byte -------------------------------------------------------------------------------- */

/* VSTOP, VSTART. */
static bool take_flow(struct terminal *terminal, uint8_t byte)
{
    if (!(terminal->termios.c_iflag & IXON) ||
        (!is(terminal, VSTOP, byte) && !is(terminal, VSTART, byte)))
        return false;
    terminal->is_stopped = !is(terminal, VSTART, byte);
    terminal_changed(terminal, false);
    return true;
}

static bool take_signal(struct terminal *terminal, uint8_t byte)
{
    static const struct {
        unsigned name;
        int number;
    } all[] = {{VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!terminal_has(terminal, ISIG) || !is(terminal, all[i].name, byte))
            continue;
        terminal_signal(terminal, all[i].number);
        if (!terminal_has(terminal, NOFLSH))
            terminal_flush_input(terminal);
        if (terminal->termios.c_iflag & IXON)
            terminal->is_stopped = false;
        if (terminal_has(terminal, ECHO))
            terminal_echo(terminal, byte);
        return true;
    }
    return false;
}

/* False for one that goes nowhere. */
static bool map(const struct terminal *terminal, uint8_t *byte)
{
    tcflag_t how = terminal->termios.c_iflag;
    if (*byte == '\r') {
        if (how & IGNCR)
            return false;
        *byte = how & ICRNL ? '\n' : '\r';
    } else if (*byte == '\n' && how & INLCR) {
        *byte = '\r';
    }
    return true;
}

static void take(struct terminal *terminal, uint8_t byte)
{
    tcflag_t how = terminal->termios.c_iflag;
    if (how & ISTRIP)
        byte &= 0x7F;
    if (how & IUCLC && terminal_has(terminal, IEXTEN) && byte >= 'A' && byte <= 'Z')
        byte = (uint8_t)(byte - 'A' + 'a');
    if (terminal->is_literal) {
        terminal->is_literal = false;
        take_plain(terminal, byte);
        return;
    }
    if (take_flow(terminal, byte) || take_signal(terminal, byte))
        return;
    if (terminal->is_stopped && how & IXON && how & IXANY)
        terminal->is_stopped = false;
    if (!map(terminal, &byte))
        return;
    if (terminal_has(terminal, ICANON) && (take_edit(terminal, byte) || take_end(terminal, byte)))
        return;
    take_plain(terminal, byte);
}

/* A line without an end takes all that comes, so that it can be edited. */
bool terminal_takes(const struct terminal *terminal)
{
    return terminal->used < LINE_LAST || (terminal_has(terminal, ICANON) && terminal->lines == 0);
}

int64_t terminal_type(struct terminal *terminal, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size && terminal_takes(terminal))
        take(terminal, bytes[done++]);
    if (done > 0 && terminal->termios.c_cc[VMIN] > 0 && terminal->termios.c_cc[VTIME] > 0)
        terminal->due = wait_deadline(terminal->termios.c_cc[VTIME] * TENTH);
    if (done > 0)
        terminal_changed(terminal, false);
    return done > 0 || size == 0 ? (int64_t)done : -EAGAIN;
}

/* --- reading ---------------------------------------------------------------------------------- */

size_t terminal_readable(const struct terminal *terminal)
{
    return terminal_has(terminal, ICANON) ? terminal->lines : terminal->used;
}

bool terminal_is_ready(const struct terminal *terminal)
{
    const cc_t *all = terminal->termios.c_cc;
    if (terminal_has(terminal, ICANON))
        return terminal->lines > 0;
    return terminal->used > 0 && (all[VTIME] > 0 || terminal->used >= all[VMIN]);
}

static uint8_t pop(struct terminal *terminal)
{
    uint8_t byte = terminal->input[terminal->start];
    terminal->start = place(terminal, 1);
    terminal->used--;
    terminal->lines -= terminal->lines > 0;
    return byte;
}

/* A mark without a byte. */
static bool is_end_alone(const struct terminal *terminal)
{
    return terminal->marks[terminal->start] && terminal->input[terminal->start] == 0;
}

/* Of one line; its end goes with the last of its bytes, if it is none itself. */
static size_t read_line(struct terminal *terminal, uint8_t *out, size_t size)
{
    size_t done = 0;
    while (done < size && !is_end_alone(terminal)) {
        bool is_end = terminal->marks[terminal->start];
        out[done++] = pop(terminal);
        if (is_end || terminal->lines == 0)
            return done;
    }
    if (is_end_alone(terminal))
        (void)pop(terminal);
    return done;
}

static size_t read_bytes(struct terminal *terminal, uint8_t *out, size_t size)
{
    size_t done = 0;
    while (done < size && terminal->used > 0)
        out[done++] = pop(terminal);
    terminal->due = 0;
    return done;
}

/* VMIN and VTIME: whether there is nothing more to wait for. */
static bool is_enough(struct terminal *terminal, size_t size)
{
    const cc_t *all = terminal->termios.c_cc;
    size_t least = all[VMIN] < size ? all[VMIN] : size;
    if (terminal->used >= (least > 0 ? least : 1) || (all[VMIN] == 0 && all[VTIME] == 0))
        return true;
    if (all[VTIME] == 0)
        return false;
    if (all[VMIN] == 0 && terminal->due == 0)
        terminal->due = wait_deadline(all[VTIME] * TENTH);
    return (all[VMIN] == 0 || terminal->used > 0) && terminal->due != 0 &&
           clock_now(DOOR_CLOCK_MONOTONIC) >= terminal->due;
}

int64_t terminal_read(struct terminal *terminal, uint8_t *out, size_t size, bool waits)
{
    size_t got;
    if (size == 0)
        return 0;
    if (terminal_has(terminal, ICANON)) {
        if (terminal->lines == 0)
            return -EAGAIN;
        got = read_line(terminal, out, size);
    } else {
        if (!is_enough(terminal, size) && (waits || terminal->used == 0))
            return -EAGAIN;
        got = read_bytes(terminal, out, size);
    }
    terminal_changed(terminal, true); /* who types has room */
    return (int64_t)got;
}

/* What is there already can be read at once, as a line without an end, or as its bytes. */
void terminal_change_input(struct terminal *terminal, const struct termios *before)
{
    bool was_lines = before->c_lflag & ICANON;
    terminal->due = 0;
    if (was_lines == terminal_has(terminal, ICANON))
        return;
    memset(terminal->marks, 0, sizeof terminal->marks);
    terminal->is_literal = false;
    terminal->lines = was_lines ? 0 : terminal->used;
    if (terminal->lines > 0 && terminal->input[place(terminal, terminal->used - 1)] != 0)
        terminal->marks[place(terminal, terminal->used - 1)] = 1;
    terminal_changed(terminal, false);
}
