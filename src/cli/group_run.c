#include "cli/group_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/group_plan.h"
#include "cli/pod_file.h"
#include "cli/secret_options.h"
#include "cli/workload_images.h"
#include "layer/layer.h"
#include "os/fd.h"
#include "policy/policy.h"

struct group_run {
    const char *manifest; /* path */
    struct pods pods;
    struct template_groups groups;
    struct workload_images images;
    struct workload_images locked; /* with a lock: what the policy is made from */
    struct group_plan plan;
    const struct pod *pod;
    const struct template_group *group;
};

static const struct template_form form = {.generation = POLICY_GENERATION_DEFAULT};

/* The one that is named, or the only one. */
static int choose(struct group_run *run, const char *name, struct error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < run->groups.count; i++) {
        if (name && strcmp(run->groups.groups[i].name, name) != 0)
            continue;
        run->group = &run->groups.groups[i];
        found++;
    }
    if (found != 1)
        return error_set(err, found ? ERROR_USAGE : ERROR_NOT_FOUND,
                         "the manifest has %zu workloads%s%.64s; name one with --workload", found,
                         name ? " called " : "", name ? name : "");
    run->pod = &run->pods.items[run->group->place];
    return 0;
}

/* A layer's disk is made when the policy's reader asks for its root hash. */
static int make_layer(void *context, struct span tar, char hex[65], struct error *err)
{
    struct group_run *run = context;
    return group_plan_add_layer(&run->plan, tar, hex, err);
}

static json_t *read_profile(void *context, const char *path, uint64_t capabilities,
                            struct error *err)
{
    const struct group_run *run = context;
    return pod_file_profile(run->manifest, path, capabilities, err);
}

static int read_manifest(const struct group_inputs *inputs, struct group_run *run,
                         struct error *err)
{
    const struct template_pod_options options = {
        .reading = POD_STRICT, .layer = make_layer, .profile = read_profile, .context = run};
    if (template_groups_init(&run->groups, err) < 0 ||
        pod_file_read(inputs->manifest, POD_STRICT, &run->pods, NULL, err) < 0)
        return -1;
    if (template_read_pods(&run->pods, &options, &run->groups, err) < 0 ||
        choose(run, inputs->workload, err) < 0)
        return error_context(err, "%s", inputs->manifest);
    return 0;
}

static int make_policy(const struct group_inputs *inputs, struct group_run *run, struct buf *policy,
                       struct error *err)
{
    struct template_form made = form;
    SECRET_OPTIONS_AUTO secrets;
    bool attests;
    if (secret_options_read_group(inputs->args, run->group, &secrets, &attests, err) < 0)
        return -1;
    if (policy->size > 0)
        return attests ? secret_options_refuse(err) : 0;
    made.attestation = attests ? &secrets.attestation : NULL;
    if (inputs->lock && workload_images_init(&run->locked, inputs->lock, &inputs->images, err) < 0)
        return -1;
    const struct template_images source = workload_images_source(inputs->lock ? &run->locked
                                                                              : &run->images);
    return template_policy(&run->groups, run->group, &made, &source, policy, err);
}

int group_run_make(const struct group_inputs *inputs, struct buf *policy, struct group_run **out,
                   struct error *err)
{
    struct group_run *run = *out = calloc(1, sizeof *run);
    if (!run)
        return error_memory(err);
    run->manifest = inputs->manifest;
    group_plan_init(&run->plan, inputs->folder);
    if (workload_images_init(&run->images, NULL, &inputs->images, err) < 0 ||
        read_manifest(inputs, run, err) < 0 || make_policy(inputs, run, policy, err) < 0)
        return -1;
    const struct template_images source = workload_images_source(&run->images);
    const struct policy_draft_container *drafts = template_drafts(&run->groups, run->group, &form,
                                                                  &source, err);
    if (!drafts)
        return -1;
    const struct group_source what = {.pod = run->pod,
                                      .group = run->group,
                                      .drafts = drafts,
                                      .images = &run->images,
                                      .network = inputs->network};
    return group_plan_make(&run->plan, &what, err);
}

int group_run_configure(const struct group_run *run, struct port_rule *ports,
                        struct vm_config *config, struct error *err)
{
    const struct group_plan *plan = &run->plan;
    size_t count = config->port_count;
    if (count + plan->port_count + plan->probe_port_count > PORTS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d ports, those for http probes among them",
                         PORTS_MAX);
    memcpy(ports + count, plan->ports, (plan->port_count + plan->probe_port_count) * sizeof *ports);
    config->ports = ports;
    config->port_count += plan->port_count;
    config->probe_port_count = plan->probe_port_count;
    config->members = plan->members;
    config->member_count = plan->member_count;
    config->disks = plan->disks;
    config->disk_count = plan->disk_count;
    config->image = plan->title;
    config->process = (struct vm_process){
        .args = plan->names, .cwd = "/", .user = "", .hostname = plan->hostname};
    return 0;
}

void group_run_free(struct group_run *run)
{
    if (!run)
        return;
    group_plan_fini(&run->plan);
    workload_images_fini(&run->locked);
    workload_images_fini(&run->images);
    template_groups_fini(&run->groups);
    pods_fini(&run->pods);
    free(run);
}
