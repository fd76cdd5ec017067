/*
 * From a pod to what the monitor is told to run: containers with their disks and mounts, probes,
 * ports. The drafts are those that the policy is made from.
 */
#ifndef CAISSON_CLI_GROUP_PLAN_H
#define CAISSON_CLI_GROUP_PLAN_H

#include "cli/workload_images.h"
#include "template/group.h"
#include "template/pod.h"
#include "vm/machine.h"

struct group_source {
    const struct pod *pod;
    const struct template_group *group;
    const struct policy_draft_container *drafts; /* with their images: one a container of the pod */
    struct workload_images *images;              /* resolved */
    bool network;
};

struct group_plan {
    struct arena arena;
    const char *folder;
    const char *title; /* "Pod web", for people */
    const char *hostname;
    char **names; /* of the containers, NULL-terminated */
    struct vm_member *members;
    size_t member_count;
    json_t *confinements;  /* what the processes' point into */
    struct vm_disk *disks; /* each layer once, whoever has it */
    size_t disk_count;
    size_t made_count;                 /* the first so many were made for this run */
    struct port_rule ports[PORTS_MAX]; /* the published ones, then those for probes */
    size_t port_count;
    size_t probe_port_count;
};

void group_plan_init(struct group_plan *plan, const char *folder);
/* Removes the disks that were made. */
void group_plan_fini(struct group_plan *plan);

/* Makes a disk of a layer's tar, in the folder; its root hash in hex. */
int group_plan_add_layer(struct group_plan *plan, struct span tar, char hex[65], struct error *err);

/* ERROR_REFUSED for what a pod may ask for and this project does not do. */
int group_plan_make(struct group_plan *plan, const struct group_source *source, struct error *err);

#endif
