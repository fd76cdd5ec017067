/* The gate's part about layers, overlays and containers as what has a root. */
#include <signal.h>
#include <stdio.h>

#include "base/text.h"
#include "guest/answer.h"
#include "guest/gate_internal.h"

/* --- containers ------------------------------------------------------------------------------- */

struct gate_container *gate_find_container(struct gate *gate, const char *id)
{
    for (size_t i = 0; i < GATE_CONTAINERS_MAX; i++) {
        struct gate_container *each = &gate->containers[i];
        if (each->state != CONTAINER_FREE && strcmp(each->id, id) == 0)
            return each;
    }
    return NULL;
}

static struct gate_container *free_container(struct gate *gate)
{
    for (size_t i = 0; i < GATE_CONTAINERS_MAX; i++) {
        if (gate->containers[i].state == CONTAINER_FREE)
            return &gate->containers[i];
    }
    return NULL;
}

bool gate_is_in(const struct gate_container *container, enum gate_container_state state)
{
    return container && container->state == state;
}

bool gate_any_container(const struct gate *gate)
{
    for (size_t i = 0; i < GATE_CONTAINERS_MAX; i++) {
        if (gate->containers[i].state != CONTAINER_FREE)
            return true;
    }
    return false;
}

void gate_undo_container(struct gate *gate, struct gate_container *container)
{
    (void)gate->ops->remove_overlay(gate->machine, container->id, NULL);
    policy_forget_overlay(gate->state, container->id);
    *container = (struct gate_container){0};
}
/* --- layers and overlays ---------------------------------------------------------------------- */

int gate_handle_mount_device(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_mount_device *args = &request->args.mount_device;
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!policy_mount_device(gate->state, args->target, args->root_hash, &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate->ops->mount_device(gate->machine, args, &why) < 0) {
        policy_forget_device(gate->state, args->target);
        return gate_refuse_failed(gate, request, &why, err);
    }
    return gate_done(gate, request, err);
}

/* The disk is encrypted whatever the policy would let be, so this is what it is asked. */
int gate_handle_scratch_mount(struct gate *gate, const struct request *request, struct error *err)
{
    const struct policy_scratch scratch = {
        .target = GATE_SCRATCH, .filesystem = "btrfs", .encrypted = true};
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (gate->has_scratch)
        return gate_refuse_order(gate, request, "the scratch disk is mounted once", err);
    if (!policy_mount_scratch(gate->state, &scratch, &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate->ops->scratch_mount(gate->machine, &request->args.scratch_mount, &why) < 0) {
        policy_forget_scratch(gate->state, GATE_SCRATCH);
        return gate_refuse_failed(gate, request, &why, err);
    }
    gate->has_scratch = true;
    return gate_done(gate, request, err);
}

int gate_handle_mount_overlay(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_mount_overlay *args = &request->args.mount_overlay;
    struct gate_container *container = free_container(gate);
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (gate_find_container(gate, args->id))
        return gate_refuse_order(gate, request, "a container of this id is there already", err);
    if (!container)
        return gate_refuse_order(gate, request, "too many containers in one machine", err);
    struct gate_container made = {.state = CONTAINER_OVERLAY};
    (void)text_copy(made.id, sizeof made.id, args->id);
    (void)snprintf(made.root, sizeof made.root, "/run/gcs/c/%s/rootfs", made.id);
    if (!policy_mount_overlay(gate->state, args->id, args->layers, made.root, &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate->ops->mount_overlay(gate->machine, args->id, args->layers, &why) < 0) {
        policy_forget_overlay(gate->state, args->id);
        return gate_refuse_failed(gate, request, &why, err);
    }
    *container = made;
    return gate_done(gate, request, err);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* What has ended already needs no signal: the policy has been told, which is what remains. */
int gate_handle_shutdown(struct gate *gate, const struct request *request, struct error *err)
{
    const char *id = request->args.object.name;
    const struct gate_process *first = gate_find_process(gate, id, 0);
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!gate_find_container(gate, id) || (first && !first->running))
        return gate_refuse_order(gate, request, "no such container is there, or it starts", err);
    if (!policy_shutdown_container(gate->state, id, &decision))
        return gate_deny(gate, request, &decision, err);
    if (first && gate->ops->signal(gate->machine, id, 0, SIGKILL, &why) < 0 &&
        why.code != ERROR_NOT_FOUND)
        return gate_refuse_failed(gate, request, &why, err);
    return gate_done(gate, request, err);
}

/* Its slot is free again; the policy knows that the id is used up. */
int gate_handle_unmount_overlay(struct gate *gate, const struct request *request, struct error *err)
{
    struct gate_container *container = gate_find_container(gate, request->args.object.name);
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if ((!gate_is_in(container, CONTAINER_OVERLAY) && !gate_is_in(container, CONTAINER_EXITED)) ||
        gate_has_process(gate, container))
        return gate_refuse_order(gate, request, "no such container is there, or it runs", err);
    if (!policy_unmount_overlay(gate->state, container->root, &decision))
        return gate_deny(gate, request, &decision, err);
    int removed = gate->ops->remove_overlay(gate->machine, container->id, &why);
    *container = (struct gate_container){0};
    return gate_tell(gate, request, removed, &why, err);
}

/* Where it fails the place stays taken, since the kernel mounts nothing there. */
int gate_handle_unmount_device(struct gate *gate, const struct request *request, struct error *err)
{
    const char *target = request->args.object.name;
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!policy_unmount_device(gate->state, target, &decision))
        return gate_deny(gate, request, &decision, err);
    return gate_tell(gate, request, gate->ops->unmount_device(gate->machine, target, &why), &why,
                     err);
}
