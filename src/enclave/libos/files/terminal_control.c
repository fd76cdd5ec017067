/* Settings of terminals: ioctl_tty(2). */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/errno.h>

#include "enclave/libos/bytes.h"
#include "enclave/libos/files/terminal_parts.h"

#define CONTROL(letter) ((letter)&0x1F)

/* As Linux gives them to a new pair (tty_std_termios, drivers/tty/pty.c). */
void terminal_settings_init(struct termios *out)
{
    *out = (struct termios){
        .c_iflag = ICRNL | IXON,
        .c_oflag = OPOST | ONLCR,
        .c_cflag = B38400 | CS8 | CREAD,
        .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .c_cc = {[VINTR] = CONTROL('C'),
                 [VQUIT] = CONTROL('\\'),
                 [VERASE] = 0x7F,
                 [VKILL] = CONTROL('U'),
                 [VEOF] = CONTROL('D'),
                 [VMIN] = 1,
                 [VSTART] = CONTROL('Q'),
                 [VSTOP] = CONTROL('S'),
                 [VSUSP] = CONTROL('Z'),
                 [VREPRINT] = CONTROL('R'),
                 [VDISCARD] = CONTROL('O'),
                 [VWERASE] = CONTROL('W'),
                 [VLNEXT] = CONTROL('V')}};
}

/* --- settings --------------------------------------------------------------------------------- */

static void settings_changed(struct terminal *terminal, const struct termios *before)
{
    if (!(terminal->termios.c_iflag & IXON))
        terminal->is_stopped = false;
    terminal_change_input(terminal, before);
    terminal_changed(terminal, false);
    terminal_changed(terminal, true);
}

static int set_settings(struct terminal *terminal, const void *from, size_t size, bool flushes)
{
    const struct termios before = terminal->termios;
    if (flushes)
        terminal_flush_input(terminal);
    memcpy(&terminal->termios, from, size);
    /* A pair has no line: what is about one stays (drivers/tty/pty.c, pty_set_termios()). */
    terminal->termios.c_cflag = (terminal->termios.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 |
                                CREAD;
    terminal->termios.c_line = 0;
    settings_changed(terminal, &before);
    return 0;
}

static int get_settings2(const struct terminal *terminal, struct termios2 *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out, &terminal->termios, sizeof terminal->termios);
    out->c_ispeed = out->c_ospeed = 38400;
    return 0;
}

static int control_settings(struct terminal *terminal, unsigned request, void *argument)
{
    switch (request) {
    case TCGETS:
        memcpy(argument, &terminal->termios, sizeof terminal->termios);
        return 0;
    case TCGETS2:
        return get_settings2(terminal, argument);
    default: /* both have the same beginning */
        return set_settings(terminal, argument, sizeof terminal->termios,
                            request == TCSETSF || request == TCSETSF2);
    }
}

/* --- sizes, flow and queues ------------------------------------------------------------------- */

void terminal_set_size(struct terminal *terminal, const struct winsize *size)
{
    if (memcmp(&terminal->size, size, sizeof *size) == 0)
        return;
    terminal->size = *size;
    terminal_signal(terminal, SIGWINCH);
}

static int control_flow(struct terminal *terminal, uintptr_t what)
{
    if (what > TCION)
        return -EINVAL;
    if (what <= TCOON)
        terminal->is_stopped = what == TCOOFF;
    terminal_changed(terminal, false);
    return 0;
}

/* Of a master its input is what the slave shows. */
static int flush(struct terminal *terminal, uintptr_t what, bool is_master)
{
    if (what > TCIOFLUSH)
        return -EINVAL;
    if (what != TCIFLUSH)
        is_master ? terminal_flush_input(terminal) : terminal_flush_output(terminal);
    if (what != TCOFLUSH)
        is_master ? terminal_flush_output(terminal) : terminal_flush_input(terminal);
    return 0;
}

static int tell_left(const struct terminal *terminal, bool is_master, int *out)
{
    *out = (int)(is_master ? terminal->shows : terminal_readable(terminal));
    return 0;
}

static int tell(int value, int *out)
{
    *out = value;
    return 0;
}

static int control_size(struct terminal *terminal, unsigned request, void *argument)
{
    if (request == TIOCSWINSZ)
        terminal_set_size(terminal, argument);
    else
        memcpy(argument, &terminal->size, sizeof terminal->size);
    return 0;
}

/* --- of masters alone ------------------------------------------------------------------------- */

static int control_master(struct terminal *terminal, unsigned request, void *argument)
{
    switch (request) {
    case TIOCGPTN:
        return tell((int)terminal->number, argument);
    case TIOCGPTLCK:
        return tell(terminal->is_locked, argument);
    default: /* TIOCSPTLCK */
        terminal->is_locked = *(const int *)argument != 0;
        return 0;
    }
}

/* What nobody does from the background. Of a master's requests the settings alone are the slave's.
 */
static bool is_change(unsigned request, bool is_master)
{
    switch (request) {
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return true;
    case TCSBRK:
    case TCSBRKP:
    case TCXONC:
    case TCFLSH:
        return !is_master;
    default:
        return false;
    }
}

int terminal_control(struct file *file, unsigned request, void *argument)
{
    struct terminal *terminal = terminal_of(file);
    bool is_master = terminal_is_master(file);
    if (!terminal->master)
        return request == TIOCSPGRP ? -ENOTTY : -EIO;
    int status = is_change(request, is_master) ? terminal_check(terminal, SIGTTOU) : 0;
    if (status < 0)
        return status;
    switch (request) {
    case TIOCGPTN:
    case TIOCSPTLCK:
    case TIOCGPTLCK:
        return is_master ? control_master(terminal, request, argument) : -ENOTTY;
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
        return terminal_control_session(terminal, request, argument, is_master);
    case TIOCGWINSZ:
    case TIOCSWINSZ:
        return control_size(terminal, request, argument);
    case TCXONC:
        return is_master ? 0 : control_flow(terminal, (uintptr_t)argument);
    case TCFLSH:
        return flush(terminal, (uintptr_t)argument, is_master);
    case FIONREAD:
        return tell_left(terminal, is_master, argument);
    case TIOCOUTQ:
    case TIOCGETD:
        return tell(0, argument);
    case TCSBRK:
    case TCSBRKP:
    case TIOCEXCL:
    case TIOCNXCL:
        return 0; /* what is shown is there at once; nobody is kept from opening one */
    default:
        return terminal_request_find(request) ? control_settings(terminal, request, argument)
                                              : -ENOTTY;
    }
}
