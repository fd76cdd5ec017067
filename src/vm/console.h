/*
 * What the guest's kernel, QEMU and passt print: kept in the machine's folder for people, and
 * quoted when a start fails. It comes from a guest that may be hostile, through a pipe, so that the
 * file stays bounded: past CONSOLE_MAX bytes it begins anew.
 */
#ifndef CAISSON_VM_CONSOLE_H
#define CAISSON_VM_CONSOLE_H

#include <event2/event.h>
#include <stdint.h>

#include "base/error.h"

#define CONSOLE_MAX       ((uint64_t)1024 * 1024)
#define CONSOLE_TAIL_SIZE 401 /* what a failure quotes, with its zero byte */

struct console {
    int pipe_fd;
    int guest_fd; /* where programs write */
    int file_fd;
    uint64_t size;
    struct event *readable;
};

#define CONSOLE_NONE ((struct console){.pipe_fd = -1, .guest_fd = -1, .file_fd = -1})

/* Opens NAME/console. console_close() is due either way; it may be called twice. */
int console_open(struct console *console, struct event_base *base, const char *folder,
                 struct error *err);
void console_close(struct console *console);

/* The last bytes that were written, those that wait in the pipe included; "" for none. Of a kernel
 * that has ended in a panic, the line that says so and the one before it. */
void console_tail(struct console *console, char out[CONSOLE_TAIL_SIZE]);

#endif
