/* What the files of terminals share: terminal.c (pairs and their files), terminal_input.c (what is
 * typed), terminal_output.c (what is shown), terminal_control.c (settings), terminal_session.c
 * (whose they are). */
#ifndef CAISSON_ENCLAVE_LIBOS_FILES_TERMINAL_PARTS_H
#define CAISSON_ENCLAVE_LIBOS_FILES_TERMINAL_PARTS_H

#include <asm/termbits.h>
#include <asm/termios.h>

#include "enclave/libos/files/terminal.h"

#define TERMINAL_INPUT  4096  /* bytes that are typed and not read; a line has one less */
#define TERMINAL_OUTPUT 16384 /* bytes that are shown and not read */
#define TERMINAL_ECHO   1024  /* of these, for echoes alone */
#define TERMINAL_STEP   8     /* bytes that one may become */

/* An open file of a slave: file->state. */
struct terminal_slave {
    struct terminal *terminal;
    struct file *file;
    struct terminal_slave *next;
};

struct terminal {
    uint32_t number;
    struct file *master; /* NULL: it is closed, and the slaves have hung up */
    struct terminal_slave *slaves;
    bool had_slaves; /* since the master was opened */
    bool is_locked;
    bool is_stopped; /* by VSTOP, or TCXONC */
    struct termios termios;
    struct winsize size;
    int session, group; /* numbers; 0: nobody's */

    /* Typed, a ring. `lines` bytes of it can be read where lines are made; a byte with a mark ends
     * one, and a zero with a mark ends it without being there (VEOF). */
    uint8_t input[TERMINAL_INPUT];
    uint8_t marks[TERMINAL_INPUT];
    size_t start, used, lines;
    bool is_literal; /* the next byte is what it is (VLNEXT) */
    uint64_t due;    /* by VTIME: when a read that waits ends; 0: none does */
    unsigned begins; /* the column where the line that is edited begins */

    uint8_t output[TERMINAL_OUTPUT]; /* a ring */
    size_t shown, shows;             /* where it begins, and how many */
    unsigned column;
};

static inline bool terminal_has(const struct terminal *terminal, unsigned local)
{
    return (terminal->termios.c_lflag & local) != 0;
}

/* terminal.c. The open files of one side may have become ready. */
void terminal_changed(struct terminal *terminal, bool is_master);
/* The pair of any of its files. */
struct terminal *terminal_of(const struct file *file);
bool terminal_is_master(const struct file *file);
struct terminal *terminal_at(size_t number); /* NULL for none */

/* terminal_input.c. Bytes that were taken, or -EAGAIN. */
int64_t terminal_type(struct terminal *terminal, const uint8_t *bytes, size_t size);
bool terminal_takes(const struct terminal *terminal);
/* As read(2), but for the group of who reads. `waits`: it may be answered -EAGAIN. */
int64_t terminal_read(struct terminal *terminal, uint8_t *out, size_t size, bool waits);
size_t terminal_readable(const struct terminal *terminal);
bool terminal_is_ready(const struct terminal *terminal);
void terminal_flush_input(struct terminal *terminal);
/* The settings are others than these were. */
void terminal_change_input(struct terminal *terminal, const struct termios *before);

/* terminal_output.c. Bytes that were taken, or -EAGAIN. */
int64_t terminal_show(struct terminal *terminal, const uint8_t *bytes, size_t size);
bool terminal_shows(const struct terminal *terminal); /* whether it takes some */
size_t terminal_take_shown(struct terminal *terminal, uint8_t *out, size_t size);
void terminal_flush_output(struct terminal *terminal);
/* A byte that was typed, as ECHO and ECHOCTL have it; and one as it is shown by programs. What has
 * no room is left out. */
void terminal_echo(struct terminal *terminal, uint8_t byte);
void terminal_echo_plain(struct terminal *terminal, uint8_t byte);

/* terminal_control.c. As file_kind's. */
int terminal_control(struct file *file, unsigned request, void *argument);
void terminal_set_size(struct terminal *terminal, const struct winsize *size);
void terminal_settings_init(struct termios *out);

/* terminal_session.c */
void terminal_signal(const struct terminal *terminal, int number);
/* The one that controls this thread's process; NULL for none. */
struct terminal *terminal_own(void);
/* A session's leader without a terminal that opens one. */
void terminal_offer(struct terminal *terminal);
void terminal_give(struct terminal *terminal, const struct process *process);
void terminal_hang_up(struct terminal *terminal);
/* What who is in the background is about to do, and is not to by this signal (SIGTTIN to read,
 * SIGTTOU to write or to change something): 0 where it may, -EINTR when its group has been sent the
 * signal, -EIO. */
int terminal_check(const struct terminal *terminal, int number);
int terminal_control_session(struct terminal *terminal, unsigned request, void *argument,
                             bool is_master);

#endif
