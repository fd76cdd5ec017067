/* The gate's part about layers, overlays and containers. */
#include <signal.h>
#include <stdio.h>

#include "base/text.h"
#include "guest/answer.h"
#include "guest/gate_internal.h"
#include "guest/sandbox.h"

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

/* Takes back what was done for a container that did not come to run. */
static void undo_container(struct gate *gate, struct gate_container *container)
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

/* --- creating --------------------------------------------------------------------------------- */

static enum channel_direction direction_of(size_t standard)
{
    return standard == 0 ? CHANNEL_RECEIVE : CHANNEL_SEND;
}

/* Ends the guest's side of a container's streams; what still comes in is dropped. */
void gate_close_outputs(struct gate *gate, const uint32_t standard[3])
{
    for (size_t i = 1; i < 3; i++) {
        if (standard[i] != 0)
            (void)channel_close(&gate->channel, standard[i], NULL);
    }
}

/* Opens all, or none of which the host would see anything. */
int gate_open_standard(struct gate *gate, const uint32_t standard[3], struct error *err)
{
    for (size_t i = 0; i < 3; i++) {
        if (standard[i] != 0 && channel_open(&gate->channel, standard[i], direction_of(i), err) < 0)
            return -1;
    }
    return 0;
}

static struct policy_identity identity_of(const struct user_identity *identity, char text[16])
{
    (void)snprintf(text, 16, "%u", identity->id);
    return (struct policy_identity){.id = text, .name = identity->name};
}

/* The request as the policy sees it. */
struct policy_process gate_policy_process(const struct request_process *args,
                                          const struct user *user, struct gate_identities *ids)
{
    for (size_t i = 0; i < user->group_count; i++)
        ids->groups[i] = identity_of(&user->groups[i], ids->group_ids[i]);
    (void)snprintf(ids->umask, sizeof ids->umask, "%04o", args->umask & 0777U);
    return (struct policy_process){
        .container_id = args->id,
        .sandbox_id = SANDBOX_ID,
        .args = args->args,
        .env = args->env,
        .cwd = args->cwd,
        .user = identity_of(&user->user, ids->user_id),
        .groups = ids->groups,
        .group_count = user->group_count,
        .umask = ids->umask,
        .no_new_privileges = args->no_new_privileges,
        .capabilities = args->capabilities,
        .privileged = args->privileged,
        .seccomp_sha256 = args->seccomp_sha256,
        .mounts = args->mounts,
        .mount_count = args->mount_count,
    };
}

/* What is started: the request, less what the decision leaves out. */
struct spec gate_spec(const struct request_process *args, const struct gate_container *container,
                      const struct user *user, const struct policy_decision *decision)
{
    return (struct spec){
        .id = container->id,
        .root = container->root,
        .args = args->args,
        .env = decision->env_kept,
        .cwd = args->cwd,
        .user = user,
        .umask = args->umask,
        .capabilities = decision->caps_kept,
        .no_new_privileges = args->no_new_privileges,
        .privileged = args->privileged,
        .read_only_root = args->read_only_root,
        .terminal = args->terminal && decision->stdio,
        .rows = args->rows,
        .columns = args->columns,
        .mounts = args->mounts,
        .mount_count = args->mount_count,
        .seccomp = args->seccomp,
        .rlimits = &args->rlimits,
        .sysctls = &args->sysctls,
        .hostname = args->hostname && *args->hostname ? args->hostname : container->id,
        .limits = args->limits,
    };
}

/* Allowed: hands it to the machine, with the streams that the policy lets it have. */
static int launch(struct gate *gate, const struct request *request,
                  struct gate_container *container, const struct spec *spec, bool stdio,
                  struct error *err)
{
    static const uint32_t none[3] = {0};
    const uint32_t *standard = request->args.process.standard;
    struct error why;
    if (!stdio) {
        gate_close_outputs(gate, standard);
        standard = none;
    }
    memcpy(container->standard, standard, sizeof container->standard);
    if (gate->ops->create(gate->machine, spec, standard, &why) < 0) {
        gate_close_outputs(gate, standard);
        policy_container_exited(gate->state, container->id, GATE_CODE_NOT_STARTED);
        undo_container(gate, container);
        return gate_refuse_failed(gate, request, &why, err);
    }
    container->state = CONTAINER_CREATING;
    container->terminal = spec->terminal;
    container->request = request->id;
    gate->waiting++;
    return 0;
}

static int decide_create(struct gate *gate, const struct request *request,
                         struct gate_container *container, struct error *err)
{
    const struct request_process *args = &request->args.process;
    POLICY_DECISION_AUTO decision = {0};
    struct gate_identities ids;
    struct user user;
    struct error why;
    if (gate->ops->find_user(gate->machine, args, &user, &why) < 0) {
        gate_close_outputs(gate, args->standard);
        return gate_refuse_failed(gate, request, &why, err);
    }
    struct policy_process process = gate_policy_process(args, &user, &ids);
    if (!policy_create_container(gate->state, &process, &decision)) {
        gate_close_outputs(gate, args->standard);
        return gate_deny(gate, request, &decision, err);
    }
    struct spec spec = gate_spec(args, container, &user, &decision);
    spec.group = policy_get_group(gate->policy);
    return launch(gate, request, container, &spec, decision.stdio, err);
}

int gate_handle_create_container(struct gate *gate, const struct request *request,
                                 struct error *err)
{
    const struct request_process *args = &request->args.process;
    struct gate_container *container = gate_find_container(gate, args->id);
    struct error why;
    if (gate_open_standard(gate, args->standard, &why) < 0)
        return error_set(err, ERROR_PROTOCOL, "request %llu: %s", (unsigned long long)request->id,
                         why.text);
    if (gate_is_in(container, CONTAINER_OVERLAY) && !gate->paused)
        return decide_create(gate, request, container, err);
    gate_close_outputs(gate, args->standard);
    return gate_refuse_order(gate, request,
                             !container     ? "no overlay is mounted for this container"
                             : gate->paused ? "the containers are paused"
                                            : "this container has been created already",
                             err);
}

/* --- what came of it -------------------------------------------------------------------------- */

int gate_created(struct gate *gate, const struct gate_process_name *name, int64_t pid,
                 struct error *err)
{
    struct gate_container *container = gate_find_container(gate, name->id);
    char result[64];
    if (name->process)
        return gate_process_started(gate, name, pid, err);
    if (!gate_is_in(container, CONTAINER_CREATING))
        return error_set(err, ERROR_INVALID, "no container %s is being created", name->id);
    container->state = CONTAINER_RUNNING;
    gate->waiting--;
    (void)snprintf(result, sizeof result, "{\"pid\":%lld}", (long long)pid);
    return answer_ok(&gate->channel, container->request, result, err);
}

int gate_create_failed(struct gate *gate, const struct gate_process_name *name,
                       const struct error *why, struct error *err)
{
    struct gate_container *container = gate_find_container(gate, name->id);
    if (name->process)
        return gate_process_failed(gate, name, why, err);
    if (!gate_is_in(container, CONTAINER_CREATING))
        return error_set(err, ERROR_INVALID, "no container %s is being created", name->id);
    uint64_t request = container->request;
    gate_close_outputs(gate, container->standard);
    policy_container_exited(gate->state, name->id, GATE_CODE_NOT_STARTED);
    undo_container(gate, container);
    gate->waiting--;
    return answer_refused(&gate->channel, request, ANSWER_FAILED, NULL, why->text, err);
}

int gate_exited(struct gate *gate, const struct gate_process_name *name, unsigned int code,
                unsigned int number, struct error *err)
{
    struct gate_container *container = gate_find_container(gate, name->id);
    BUF_AUTO message = BUF_WITH_LIMIT(1024);
    if (name->process) {
        if (gate_process_ended(gate, name, err) < 0)
            return -1;
    } else {
        if (!gate_is_in(container, CONTAINER_RUNNING))
            return error_set(err, ERROR_INVALID, "no container %s runs", name->id);
        container->state = CONTAINER_EXITED;
        policy_container_exited(gate->state, name->id, code);
    }
    if (buf_printf(&message, err,
                   "{\"event\":\"exited\",\"id\":\"%s\",\"process\":%llu,\"code\":%u,"
                   "\"signal\":%u}",
                   name->id, (unsigned long long)name->process, code, number) < 0)
        return -1;
    return channel_send_control(&gate->channel, buf_span(&message), err);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* What has ended already needs no signal: the policy has been told, which is what remains. */
int gate_handle_shutdown(struct gate *gate, const struct request *request, struct error *err)
{
    const char *id = request->args.object.name;
    const struct gate_container *container = gate_find_container(gate, id);
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!container || gate_is_in(container, CONTAINER_CREATING))
        return gate_refuse_order(gate, request, "no such container is there, or it starts", err);
    if (!policy_shutdown_container(gate->state, id, &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate_is_in(container, CONTAINER_RUNNING) &&
        gate->ops->signal(gate->machine, id, 0, SIGKILL, &why) < 0 && why.code != ERROR_NOT_FOUND)
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
    return removed < 0 ? gate_refuse_failed(gate, request, &why, err)
                       : gate_done(gate, request, err);
}

/* Where it fails the place stays taken, since the kernel mounts nothing there. */
int gate_handle_unmount_device(struct gate *gate, const struct request *request, struct error *err)
{
    const char *target = request->args.object.name;
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!policy_unmount_device(gate->state, target, &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate->ops->unmount_device(gate->machine, target, &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    return gate_done(gate, request, err);
}
