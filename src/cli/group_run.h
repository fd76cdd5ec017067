/*
 * `caisson run --group`: a Kubernetes manifest as a machine of several containers. Policy and
 * requests come from the same reading of the manifest and the same images, so that they cannot
 * differ.
 */
#ifndef CAISSON_CLI_GROUP_RUN_H
#define CAISSON_CLI_GROUP_RUN_H

#include "cli/args.h"
#include "image/image.h"
#include "vm/machine.h"

struct group_run;

struct group_inputs {
    const char *manifest;    /* path */
    const char *workload;    /* the one of this name; NULL for the only one */
    const char *lock;        /* an image lock that the policy is made from; NULL for the images */
    const struct args *args; /* for the policy's secrets */
    const char *folder;      /* where disks of values as files may be made */
    bool network;
    struct image_options images;
};

/* Reads the manifest and gets its images. Appends the policy to `policy` where that is empty. The
 * caller calls group_run_free(*out) either way. */
int group_run_make(const struct group_inputs *inputs, struct buf *policy, struct group_run **out,
                   struct error *err);

/* Fills in what is to run: containers, disks, ports behind those that are there (`ports` has room
 * for PORTS_MAX), host name, memory where it is 0. All of it is borrowed. */
int group_run_configure(const struct group_run *run, struct port_rule *ports,
                        struct vm_config *config, struct error *err);

/* Frees, and removes the disks that were made for this run: the machine has opened them when it has
 * started. */
void group_run_free(struct group_run *run);

#endif
