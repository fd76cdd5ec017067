/*
 * A running container: its first process, and the pumps between its standard streams and the
 * channel. Everything is non-blocking; the owner's loop collects what to wait for and hands back
 * what is ready.
 *
 * Theory of operation: the process is started with the container's ends of three pipes, or it makes
 * a terminal and hands that over (start.h). Until it has told how that went there is nothing to
 * pump. The container has ended once the process is reaped and all its output has been handed to
 * the channel.
 */
#ifndef CAISSON_GUEST_CONTAINER_H
#define CAISSON_GUEST_CONTAINER_H

#include <poll.h>
#include <sys/types.h>

#include "format/channel.h"
#include "guest/request.h"
#include "guest/start.h"

#define CONTAINER_POLLS 3 /* descriptors that one container may wait for */

struct container_output {
    uint32_t stream;
    int fd; /* -1 for none, or at its end */
};

struct container_input {
    uint32_t stream;
    int fd;
    struct buf pending; /* came on the channel and is not written yet */
    bool ended;         /* nothing more comes */
};

struct container {
    char id[REQUEST_CONTAINER_MAX + 1]; /* "" for a free slot */
    pid_t pid;                          /* the first process */
    bool reaped;
    int status;                  /* of waitpid(), once reaped */
    int outcome;                 /* while it starts, else -1 */
    int terminal;                /* the terminal's master, kept for its size */
    struct syscallfilter filter; /* every process of the container has it */
    struct rlimits rlimits;      /* and these */
    struct container_input input;
    struct container_output outputs[2];
};

void container_init(struct container *container);

/* Kills nothing; closes and frees. The container is a free slot again. */
void container_fini(struct container *container);

/* Starts it, with three streams that are open on the channel (0 for none). On failure nothing is
 * left. */
int container_start(struct container *container, const struct spec *spec,
                    const uint32_t standard[3], struct error *err);

/* For one that has an outcome to wait for: START_GOES_ON, or how it came out. What failed is to be
 * finished by the caller. */
enum start_state container_poll_start(struct container *container, struct error *err);

/* Fills in what to wait for; returns how many, at most CONTAINER_POLLS. */
size_t container_collect(const struct container *container, const struct channel *channel,
                         struct pollfd polls[CONTAINER_POLLS]);

/* Moves what can be moved. An error is the channel's. */
int container_pump(struct container *container, struct channel *channel, struct error *err);

/* Bytes from the channel, or their end. */
void container_take_input(struct container *container, struct span bytes);
void container_end_input(struct container *container);

/* The first process is reaped and all output is with the channel. */
bool container_has_ended(const struct container *container);

int container_resize(struct container *container, unsigned int rows, unsigned int columns,
                     struct error *err);

#endif
