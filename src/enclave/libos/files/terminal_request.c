/* Which requests of ioctl(2) are terminals', and what they carry (ioctl_tty(2)). */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>

#include "enclave/libos/files/terminal.h"

const struct terminal_request *terminal_request_find(uint32_t number)
{
    static const struct terminal_request all[] = {
        {TCGETS, false, true, sizeof(struct termios)},
        {TCSETS, true, false, sizeof(struct termios)},
        {TCSETSW, true, false, sizeof(struct termios)},
        {TCSETSF, true, false, sizeof(struct termios)},
        {TCGETS2, false, true, sizeof(struct termios2)},
        {TCSETS2, true, false, sizeof(struct termios2)},
        {TCSETSW2, true, false, sizeof(struct termios2)},
        {TCSETSF2, true, false, sizeof(struct termios2)},
        {TCSBRK, false, false, 0},
        {TCSBRKP, false, false, 0},
        {TCXONC, false, false, 0},
        {TCFLSH, false, false, 0},
        {TIOCEXCL, false, false, 0},
        {TIOCNXCL, false, false, 0},
        {TIOCSCTTY, false, false, 0},
        {TIOCNOTTY, false, false, 0},
        {TIOCGPGRP, false, true, sizeof(int)},
        {TIOCSPGRP, true, false, sizeof(int)},
        {TIOCGSID, false, true, sizeof(int)},
        {TIOCOUTQ, false, true, sizeof(int)},
        {TIOCGWINSZ, false, true, sizeof(struct winsize)},
        {TIOCSWINSZ, true, false, sizeof(struct winsize)},
        {TIOCGETD, false, true, sizeof(int)},
        {TIOCGPTN, false, true, sizeof(unsigned)},
        {TIOCSPTLCK, true, false, sizeof(int)},
        {TIOCGPTLCK, false, true, sizeof(int)},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].number == number)
            return &all[i];
    }
    return NULL;
}

_Static_assert(sizeof(struct termios2) <= TERMINAL_REQUEST_MAX, "room for every request");
