/*
 * Where further enclaves of a container come from: a process that is forked before the host makes
 * threads and is confined, and forks a host for each.
 *
 * Theory of operation: the nursery has what the first host has (image, signature, policy's digest,
 * the layers' memory), and waits for orders. A child's host is forked, makes its own enclave, says
 * where it lies, and waits until it is wanted. One such is kept ready once the first was asked for.
 * A child's host opens nothing: its sockets to the first are halves of pairs, whose other halves it
 * sends over a socket that all have (arrivals). The nursery is killed when the first host ends, and
 * children's hosts when the nursery does, whatever ends it.
 */
#ifndef CAISSON_ENCLAVE_HOST_NURSERY_H
#define CAISSON_ENCLAVE_HOST_NURSERY_H

#include "enclave/host.h"

/* How one more is made. All is borrowed, and read in other processes too. */
struct host_recipe {
    const struct driver *driver;
    const struct enclave_image *image;
    const uint8_t *sigstruct; /* SIGSTRUCT_SIZE bytes */
    const struct enclave_options *options;
    int (*confine_nursery)(struct error *err); /* what each may do from then on; NULL for all: */
    int (*confine_child)(struct error *err);   /* once its enclave is made */
};

struct host_nursery {
    int orders;    /* to the nursery, SOCK_SEQPACKET; in a child's host until it has dialled */
    int arrivals;  /* the first host's end, where sockets arrive; where a child's host sends them */
    int kept;      /* the other end of it, kept by the first host so that it never ends; or -1 */
    uint64_t base; /* where the first enclave lies; set before the first order */
};

/* Forks the nursery. For a process of one thread, before its own enclave is made; `run` is for the
 * children's hosts. Both are the caller's, and stay. */
int host_nursery_begin(const struct host_recipe *recipe, const struct enclave_host_run *run,
                       struct host_nursery *out, struct error *err);
void host_nursery_end(struct host_nursery *nursery);

/* Has one more enclave start, at the first one's base. 0, or a negative errno. */
int host_nursery_order(const struct host_nursery *nursery);

/* A child's: a new socket of its own, whose other end is sent; or a negative errno. Waits for
 * nothing. */
int host_nursery_dial(struct host_nursery *nursery);
/* The first host's: the next socket that has arrived, or a negative errno (-EAGAIN: none; -ECHILD:
 * one of those that were ordered has ended before it could dial). */
int host_nursery_arrive(const struct host_nursery *nursery);

#endif
