/*
 * The table of processes: number 1, whose threads run in the first enclave, and all others. It is
 * the first enclave's, and all of it is under the lock (threads/lock.h). Who runs for a process has
 * thread->process: its own threads, and those that stand for threads of another enclave. In such an
 * enclave the table has its one process, with nothing but the number.
 *
 * Whoever waits for children waits in process_changes. When number 1 ends, all end (finish.h).
 */
#ifndef CAISSON_ENCLAVE_LIBOS_PROCESSES_PROCESS_H
#define CAISSON_ENCLAVE_LIBOS_PROCESSES_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enclave/libos/files/vfs.h"
#include "enclave/libos/processes/identity.h"
#include "enclave/libos/processes/limits.h"
#include "enclave/libos/processes/told.h"
#include "enclave/libos/threads/wait.h"

#define PROCESSES_MAX 256 /* those that have ended and were not waited for count */
#define PROCESS_FIRST 1   /* its number; what remains of others becomes its children */

#define PROCESS_SECRET_SIZE 32 /* bytes */

enum process_state {
    PROCESS_FREE,
    PROCESS_ALIVE,
    PROCESS_ENDING, /* no call is made for it any more, but for those that are being made */
    PROCESS_ENDED,  /* it has a status that its parent may ask for, and nothing else */
};

enum process_news { PROCESS_NO_NEWS, PROCESS_STOPPED, PROCESS_CONTINUED };

struct process {
    enum process_state state;
    int number;             /* getpid(2) */
    int group, session;     /* numbers */
    struct process *parent; /* NULL: number 1's, and of who was started from outside */
    int exit_signal;        /* that the parent gets at its end; 0: none */
    int death_signal;       /* that it gets at its parent's (PR_SET_PDEATHSIG); 0: none */
    uint32_t status;        /* as wait(2) tells it, when it has ended */
    bool has_executed;      /* since it was made: its parent may not change its group */
    bool keeps_orphans;     /* PR_SET_CHILD_SUBREAPER */
    bool has_no_terminal;   /* it has given up its session's (TIOCNOTTY) */
    bool is_apart;          /* of the library OS' own: no other process sees it */
    bool is_undumpable;    /* PR_SET_DUMPABLE, until it executes: kept and told, and nothing else */
    bool ignores_children; /* SIG_IGN for SIGCHLD: they leave no status; */
    bool ignores_stops;    /* SA_NOCLDSTOP, likewise */
    bool forgets_children; /* SA_NOCLDWAIT: nor do they, until it executes a program */
    int stopped_by;        /* a signal, while it stands still; 0: it goes on */
    enum process_news news; /* of that, which its parent has not waited for */
    bool is_halted;         /* in the enclave where it runs: its threads are to stand (stop.h) */
    uint64_t serial;        /* no other process of this enclave's table has or had it */
    bool is_watched;        /* some pidfd is of it: who waits for files hears of its end */
    uint64_t watched;       /* signals that some signalfd of it may be waited for: a bit each */
    int nice;               /* -20 to 19; kept and told, and nothing else */
    uint32_t personality;   /* of the one that runs in this enclave: likewise */
    struct vfs vfs;         /* its creds are the identity's */
    struct identity identity;
    struct told told; /* of its program */
    struct limits limits;
    struct attested *attested;           /* files/attestation.h; NULL until it writes there */
    uint8_t secret[PROCESS_SECRET_SIZE]; /* whoever speaks for it over a wire knows it */

    /* Sends it a signal where it runs; NULL: here, as this enclave's process. */
    int (*post)(struct process *process, const struct signal_info *info);
    void *post_to;
    struct line *line; /* line.h; NULL: it has no enclave of its own */
    uint64_t carried; /* signals to it that were sent to the enclave in which it is for a while; and
                         there, those that have come */
    void (*has_ended)(struct process *process); /* of who was started from outside: in the place of
                                                   a parent that hears of it */
};

/* Number 1, which process_begin() makes. Without the lock until the program runs. */
void process_begin(void);
struct process *process_first(void);

/* The process for which this thread runs. */
struct process *process_self(void);

/* Alive or ended; NULL for none, or where the process of this thread cannot see it. */
struct process *process_find(int number);
/* Whoever has this number, for who knows its secret. */
struct process *process_find_any(int number);
/* Whether it is there for this one, which may be NULL. */
bool process_sees(const struct process *self, const struct process *other);
struct process *process_at(size_t index); /* below PROCESSES_MAX, free ones too */
size_t process_index(const struct process *process);

/* Itself, or the process in whose enclave it is for a while (persona.h). */
struct process *process_of_enclave(struct process *process);

/* A new number, which no thread, process, group or session has. */
int process_new_number(void);

/* A child, with copies of all that a process has, a number and a secret. It is another who runs it.
 * -EAGAIN when there are as many as there may be, -ENOMEM. */
int process_new(struct process *parent, int exit_signal, struct process **out);

/* One that was started from outside, beside number 1: nobody's child, in a session of its own. It
 * has copies of what is in this vfs, no identity but root's without capabilities, no limits, and
 * `has_ended`, which process_end() calls. Likewise. */
int process_new_outsider(const struct vfs *vfs, void (*has_ended)(struct process *process),
                         struct process **out);

/* In a child's enclave: what the first one has made, with nothing but its number. NULL when there
 * is no room. */
struct process *process_note(int number);

/* It never ran: nobody hears of it. */
void process_cancel(struct process *process);

/* It has begun another program: files that are closed then are closed, and capabilities are what
 * execve(2) leaves. */
void process_execute(struct process *process);

/* After a change of its identity or of its files: these ask by it, and their locks are its. */
void process_identify(struct process *process);

/* It has come to this (a status as wait(2) tells it). What is its own goes, its children become
 * others', its parent hears of it. Not for number 1. */
void process_end(struct process *process, uint32_t status);
/* The status that a result means (door_calls.h). */
uint32_t process_status(uint64_t result);

/* It stands still by this signal, or with 0 goes on: its parent hears of it. */
void process_stop(struct process *process, int number);

/* wait4(2): a child that has come to something, of those that `who` means: -1 any, 0 of the
 * parent's group, a number, or a group's negative. `options` are waitid(2)'s WEXITED, WSTOPPED and
 * WCONTINUED, at least one of them, and __WCLONE and __WALL. 0, *out NULL when nothing has become
 * of any of them; -ECHILD when there are none. */
int process_find_changed(const struct process *parent, int who, unsigned options,
                         struct process **out);
/* It was waited for. */
void process_forget(struct process *process);
extern struct wait_queue process_changes;

/* To a process that is there; one that has ended takes no notice. As signal_send(). */
int process_signal(struct process *process, const struct signal_info *info);
/* Likewise, all of a set: a bit each. */
void process_signal_all(struct process *process, uint64_t signals);

/* kill(2), with this information; a number of 0 asks whether there is one. -ESRCH, -EPERM. */
int process_kill(struct process *from, int whom, const struct signal_info *info);

/* Whether nobody in its session outside of its group could have it go on (setpgid(2)). */
bool process_is_orphaned(const struct process *process);
/* One that has lost this parent, or has ended and was its child: a group that nobody could have go
 * on any more, and in which somebody stands still, gets SIGHUP and SIGCONT. */
void process_lose_parent(const struct process *process, const struct process *parent);

/* setpgid(2), setsid(2): 0 or the session; as they answer. */
int process_set_group(struct process *self, int number, int group);
int process_set_session(struct process *self);

#endif
