/*
 * Other programs: started without a shell, with exactly the descriptors, environment and folder
 * that they are given, and ended with the process that started them where that is asked for.
 */
#ifndef CAISSON_OS_PROCESS_H
#define CAISSON_OS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/span.h"

#define PROCESS_KEEP_MAX 300

/* A user and a group, and no others. */
struct process_user {
    uid_t uid;
    gid_t gid;
};

struct process_spec {
    const char *const *argv; /* argv[0] is looked up in PATH when it holds no slash */
    const char *const *env;  /* NULL for an environment of PATH alone */
    int standard[3];         /* what becomes 0, 1, 2; -1 for /dev/null */
    const int *keep;         /* other descriptors that the program gets, by the same numbers */
    size_t keep_count;
    const char *folder;   /* its working directory, or NULL for / */
    bool die_with_parent; /* SIGKILL when the thread that starts it ends */
    bool no_new_privileges;
    const struct process_user *user; /* what it runs as, without capabilities; NULL for this one */
};

/*
 * Starts the program. *pid is the caller's to wait for. An error tells what could not be done in
 * the child too: ERROR_UNAVAILABLE when there is no such program.
 */
int process_start(const struct process_spec *spec, pid_t *pid, struct error *err);

/* Whether this process could start another as that user: it has the right to, and its user
 * namespace knows the numbers. */
bool process_can_become(const struct process_user *user);

/* A descriptor that becomes readable when the process ends; close-on-exec. -1 with `err`. */
int process_watch(pid_t pid, struct error *err);

/* Waits and gives the status as waitpid() does. */
int process_wait(pid_t pid, int *status, struct error *err);

#define PROCESS_INPUT_MAX 4096 /* bytes: what a pipe takes at once (PIPE_BUF) */

struct process_exchange {
    const char *const *argv;
    const char *const *env; /* NULL for an environment of PATH alone */
    struct span input;      /* its standard input, at most PROCESS_INPUT_MAX bytes */
    int timeout_ms;
};

/* Runs the program to its end, with its standard output in `out`, whose limit bounds it (it may be
 * a secret: nothing else keeps a copy). *status is as waitpid() gives it. A time-out is
 * ERROR_UNAVAILABLE and ends the program. */
struct buf;
int process_exchange(const struct process_exchange *exchange, struct buf *out, int *status,
                     struct error *err);

/* The same without input; an exit status that is not 0 is an error. */
int process_output(const char *const *argv, int timeout_ms, struct buf *out, struct error *err);

#endif
