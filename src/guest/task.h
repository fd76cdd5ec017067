/*
 * A running process of a container's: its first, or one that was started in it later; and the pumps
 * between its standard streams and the channel. Everything is non-blocking; the owner's loop
 * collects what to wait for and hands back what is ready.
 *
 * Theory of operation: the process is started with its ends of three pipes, or it makes a terminal
 * and hands that over (start.h, join.h). Until it has told how that went there is nothing to pump.
 * The task has ended once the process is reaped and all its output has been handed to the channel.
 */
#ifndef CAISSON_GUEST_TASK_H
#define CAISSON_GUEST_TASK_H

#include <poll.h>
#include <sys/types.h>

#include "format/channel.h"
#include "guest/request.h"
#include "guest/start.h"

#define TASK_POLLS 3 /* descriptors that one task may wait for */

struct task_output {
    uint32_t stream;
    int fd; /* -1 for none, or at its end */
};

struct task_input {
    uint32_t stream;
    int fd;
    struct buf pending; /* came on the channel and is not written yet */
    bool ended;         /* nothing more comes */
};

struct task {
    char id[REQUEST_CONTAINER_MAX + 1]; /* the container's; "" for a free slot */
    uint64_t process;                   /* 0 for its first */
    pid_t pid;                          /* 0 until it is known */
    bool reaped;
    int status;                  /* of waitpid(), once reaped */
    int outcome;                 /* while it starts, else -1 */
    int terminal;                /* the terminal's master, kept for its size */
    struct syscallfilter filter; /* of a first process: every process of the container has it */
    struct rlimits rlimits;      /* and these */
    struct task_input input;
    struct task_output outputs[2];
};

void task_init(struct task *task);

/* Kills nothing; closes and frees. The task is a free slot again. */
void task_fini(struct task *task);

/* Starts a process with three streams that are open on the channel (0 for none): the container's
 * first, or with `first` another one beside that. On failure nothing is left. */
int task_start(struct task *task, const struct spec *spec, const struct task *first,
               const uint32_t standard[3], struct error *err);

/* For one that has an outcome to wait for: START_GOES_ON, or how it came out. What failed is to be
 * finished by the caller. */
enum start_state task_poll_start(struct task *task, struct error *err);

/* Looks whether its process has ended. False while nobody knows which process that is. */
bool task_reap(struct task *task);

/* Fills in what to wait for; returns how many, at most TASK_POLLS. */
size_t task_collect(const struct task *task, const struct channel *channel,
                    struct pollfd polls[TASK_POLLS]);

/* Moves what can be moved. An error is the channel's. */
int task_pump(struct task *task, struct channel *channel, struct error *err);

/* Bytes from the channel, or their end. */
void task_take_input(struct task *task, struct span bytes);
void task_end_input(struct task *task);

/* The process is reaped and all output is with the channel. */
bool task_has_ended(const struct task *task);

int task_resize(struct task *task, unsigned int rows, unsigned int columns, struct error *err);

#endif
