#include "guest/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "os/file.h"

#define PORTS          "/sys/class/virtio-ports"
#define WAIT_ROUNDS    10000
#define NANOSECONDS_MS 1000000

static bool has_name(const char *port, const char *name)
{
    BUF_AUTO text = BUF_WITH_LIMIT(256);
    TEXT_AUTO path = text_format("%s/%s/name", PORTS, port);
    if (!path || file_read(path, &text, NULL) < 0)
        return false;
    if (text.size > 0 && text.data[text.size - 1] == '\n')
        text.size--;
    return span_equal_text(buf_span(&text), name);
}

/* Returns the open port, -1 where there is none yet. */
static int try_open(const char *name)
{
    DIR *dir = opendir(PORTS);
    struct dirent *entry;
    int fd = -1;
    while (fd < 0 && dir && (entry = readdir(dir))) {
        TEXT_AUTO path = text_format("/dev/%s", entry->d_name);
        if (entry->d_name[0] != '.' && path && has_name(entry->d_name, name))
            fd = open(path, O_RDWR | O_CLOEXEC);
    }
    if (dir)
        (void)closedir(dir);
    return fd;
}

static void pause_ms(void)
{
    const struct timespec pause = {.tv_nsec = NANOSECONDS_MS};
    (void)nanosleep(&pause, NULL);
}

int port_open(const char *name, struct error *err)
{
    for (int i = 0; i < WAIT_ROUNDS; i++) {
        int fd = try_open(name);
        if (fd >= 0)
            return fd;
        pause_ms();
    }
    return error_set(err, ERROR_NOT_FOUND, "no virtio port %s came up", name);
}

int port_wait_for_host(int fd, struct error *err)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
            return error_system(err, errno, "cannot wait for the host");
        if (!(poll_fd.revents & POLLHUP))
            return 0;
        pause_ms();
    }
}
