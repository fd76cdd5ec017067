/*
 * Terminals: pairs of a master (/dev/ptmx) and slaves (/dev/pts/N) with Linux' line discipline
 * between them (termios(3), N_TTY), and whose controlling terminal a pair is.
 *
 * What is written to the master is typed: it is echoed, edited and made lines, or signals to the
 * group in the foreground, and read from the slave. What is written to the slave is read from the
 * master. When the master is closed, the slaves hang up. None of it waits, as in pipe.h.
 *
 * Other than Linux: there is no packet mode, and TIOCSTI is not there.
 */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_TERMINAL_H
#define CAISSON_ENCLAVE_LIBOS_FILES_TERMINAL_H

#include "enclave/libos/files/file.h"

#define TERMINAL_MAJOR 136 /* of slaves; the minor is N */
#define TERMINALS_MAX  64

struct process;

/* Adds to /dev a terminal's nodes, tty and a link ptmx to pts; fills an empty tmpfs as /dev/pts:
 * ptmx, and from then on a node for each slave. Who opens one gets the controlling terminal, a new
 * pair's master, or the slave; and, without O_NOCTTY in the file's flags, that as its controlling
 * terminal where open(2) says so. -ENOSPC, -ENOMEM, -EIO for what is locked or not there, -ENXIO
 * without a controlling terminal. */
int terminal_make_devices(struct tree *dev);
int terminal_make_folder(struct tree *tree);

/* For who sets one up from outside: a pair that is not locked, both open for reading and writing,
 * and the slave is this process' controlling terminal. -ENOSPC, -ENOMEM: *master is NULL. */
struct terminal_start {
    uint32_t uid; /* whose it is */
    uint16_t rows, columns;
};
int terminal_new(struct process *process, const struct terminal_start *start, struct file **master,
                 struct file **slave);
/* Of a master: as TIOCSWINSZ. */
void terminal_resize(struct file *master, unsigned rows, unsigned columns);

/* The process ends, or has become the leader of another session. */
void terminal_leave(struct process *process);

/* What /proc tells of its controlling terminal: the device's number and the group in the
 * foreground; 0 and -1 without one. */
void terminal_tell(const struct process *process, int *device, int *group);

/* What ioctl(2) of terminals takes: nothing but a number, or so many bytes in, out or both. NULL
 * for a request that no terminal has. */
struct terminal_request {
    uint32_t number;
    bool is_in, is_out;
    uint16_t size;
};
const struct terminal_request *terminal_request_find(uint32_t number);
#define TERMINAL_REQUEST_MAX 64 /* bytes */

#endif
