/*
 * A running container: crun, which starts it and goes, its first process, and the pumps between its
 * standard streams and the channel. Everything is non-blocking; the owner's loop collects what to
 * wait for and hands back what is ready.
 *
 * Theory of operation: `crun run --detach` is started with the container's ends of three pipes (or,
 * for a terminal, with a socket over which it sends the terminal). When it has exited well, the
 * first process is a child of this one (which must be PID 1 or a subreaper). The container has
 * ended once that process is reaped and all its output has been handed to the channel.
 */
#ifndef CAISSON_GUEST_CONTAINER_H
#define CAISSON_GUEST_CONTAINER_H

#include <poll.h>
#include <sys/types.h>

#include "format/channel.h"
#include "guest/request.h"

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
    pid_t runtime;                      /* crun while it starts the container, else 0 */
    pid_t pid;                          /* the first process, 0 before */
    bool reaped;
    int status;        /* of waitpid(), once reaped */
    int listener;      /* for the terminal that crun sends */
    int terminal;      /* the terminal's master, kept for its size */
    bool has_terminal; /* asked for */
    unsigned int rows, columns;
    struct container_input input;
    struct container_output outputs[2];
};

struct container_start {
    int runtime; /* of container_open_runtime() */
    const char *id;
    const char *folder; /* holds bundle/config.json; pid, log and console are made in it */
    bool terminal;
    unsigned int rows, columns;
    const uint32_t *standard; /* three streams, open on the channel */
};

/*
 * crun, sealed in memory, for as long as the machine runs: -1, or a descriptor that is the
 * caller's. The file is removed. A crun that is not sealed seals itself and starts again, each
 * time, lest a container overwrite it by /proc/self/exe (CVE-2019-5736).
 */
int container_open_runtime(struct error *err);

void container_init(struct container *container);

/* Kills nothing; closes and frees. The container is a free slot again. */
void container_fini(struct container *container);

/* Starts crun. On failure nothing is left. */
int container_start(struct container *container, const struct container_start *start,
                    struct error *err);

/* crun has ended with this status: finds the first process and takes the terminal. An error carries
 * crun's own words. */
int container_started(struct container *container, const char *folder, int status,
                      struct error *err);

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
