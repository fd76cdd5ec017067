#include "os/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static int saved_fd = -1;

bool terminal_is(int fd)
{
    return isatty(fd) == 1;
}

int terminal_make_raw(int fd, struct error *err)
{
    struct termios raw;
    if (tcgetattr(fd, &raw) < 0)
        return error_system(err, errno, "cannot read the terminal's settings");
    if (saved_fd < 0 && atexit(terminal_restore) != 0)
        return error_memory(err);
    saved = raw;
    saved_fd = fd;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSANOW, &raw) < 0)
        return error_system(err, errno, "cannot change the terminal's settings");
    return 0;
}

void terminal_restore(void)
{
    if (saved_fd >= 0)
        (void)tcsetattr(saved_fd, TCSANOW, &saved);
}

bool terminal_size(int fd, unsigned int *rows, unsigned int *columns)
{
    struct winsize size;
    *rows = 24;
    *columns = 80;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return false;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return true;
}
