/* The gate's part about processes in containers, first and further ones: starting them, signals,
 * terminals, stopping and counting them. */
#include <stdio.h>
#include <stdlib.h>

#include "guest/answer.h"
#include "guest/gate_internal.h"
#include "guest/sandbox.h"

#define PROCESSES (GATE_CONTAINERS_MAX + GATE_PROCESSES_MAX)

/* --- the processes ---------------------------------------------------------------------------- */

struct gate_process *gate_find_process(struct gate *gate, const char *id, uint64_t number)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        struct gate_process *each = &gate->processes[i];
        if (each->container && each->number == number && strcmp(each->container->id, id) == 0)
            return each;
    }
    return NULL;
}

static struct gate_process *free_process(struct gate *gate)
{
    for (size_t i = GATE_CONTAINERS_MAX; i < PROCESSES; i++) {
        if (!gate->processes[i].container)
            return &gate->processes[i];
    }
    return NULL;
}

bool gate_has_process(const struct gate *gate, const struct gate_container *container)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        if (gate->processes[i].container == container)
            return true;
    }
    return false;
}

static bool is_running(const struct gate_process *process)
{
    return process && process->running;
}

static void forget_process(struct gate_process *process)
{
    free(process->args);
    *process = (struct gate_process){0};
}

void gate_forget_processes(struct gate *gate)
{
    for (size_t i = 0; i < PROCESSES; i++)
        forget_process(&gate->processes[i]);
}

/* --- starting --------------------------------------------------------------------------------- */

static enum channel_direction direction_of(size_t standard)
{
    return standard == 0 ? CHANNEL_RECEIVE : CHANNEL_SEND;
}

/* Ends the guest's side of a process's streams; what still comes in is dropped. */
static void close_outputs(struct gate *gate, const uint32_t standard[3])
{
    for (size_t i = 1; i < 3; i++) {
        if (standard[i] != 0)
            (void)channel_close(&gate->channel, standard[i], NULL);
    }
}

/* Opens all, or none of which the host would see anything. */
static int open_standard(struct gate *gate, const uint32_t standard[3], struct error *err)
{
    for (size_t i = 0; i < 3; i++) {
        if (standard[i] != 0 && channel_open(&gate->channel, standard[i], direction_of(i), err) < 0)
            return -1;
    }
    return 0;
}

/* Room for what the policy is told of a user. */
struct identities {
    char user_id[16];
    char group_ids[1 + USER_GROUPS_MAX][16];
    struct policy_identity groups[1 + USER_GROUPS_MAX];
    char umask[8];
};

static struct policy_identity identity_of(const struct user_identity *identity, char text[16])
{
    (void)snprintf(text, 16, "%u", identity->id);
    return (struct policy_identity){.id = text, .name = identity->name};
}

/* The request as the policy sees it. */
static struct policy_process policy_process_of(const struct request_process *args,
                                               const struct user *user, struct identities *ids)
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
        .read_only_root = args->read_only_root,
        .seccomp_sha256 = args->seccomp_sha256,
        .mounts = args->mounts,
        .mount_count = args->mount_count,
        .rlimits = args->rlimits,
        .sysctls = args->sysctls,
    };
}

/* What is started: the request, less what the decision leaves out. */
static struct spec spec_of(const struct request_process *args,
                           const struct gate_container *container, const struct user *user,
                           const struct policy_decision *decision)
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
        .rlimits = args->rlimits,
        .sysctls = args->sysctls,
        .hostname = args->hostname && *args->hostname ? args->hostname : container->id,
        .limits = args->limits,
    };
}

/* The arguments outlive the request: a signal is decided by them. */
static int copy_args(struct policy_list from, struct gate_process *process, struct error *err)
{
    size_t size = from.count * sizeof(char *);
    for (size_t i = 0; i < from.count; i++)
        size += strlen(from.items[i]) + 1;
    process->args = malloc(size);
    if (!process->args)
        return error_memory(err);
    char *text = (char *)(process->args + from.count);
    for (size_t i = 0; i < from.count; i++) {
        process->args[i] = text;
        text = stpcpy(text, from.items[i]) + 1;
    }
    process->arg_count = from.count;
    return 0;
}

static struct policy_list args_of(const struct gate_process *process)
{
    return (struct policy_list){.items = (const char *const *)process->args,
                                .count = process->arg_count};
}

/* Ends one that did not come to run. Of a container's first process the overlay is taken away, and
 * the id is used up, since the policy has seen it start. */
static void undo_process(struct gate *gate, struct gate_process *process)
{
    struct gate_container *container = process->container;
    close_outputs(gate, process->standard);
    if (process->number == 0) {
        policy_container_exited(gate->state, container->id, GATE_CODE_NOT_STARTED);
        gate_undo_container(gate, container);
    }
    forget_process(process);
}

/* Allowed: hands it to the machine, with the streams that the policy lets it have. */
static int launch(struct gate *gate, const struct request *request, struct gate_process *process,
                  const struct spec *spec, bool stdio, struct error *err)
{
    const uint32_t *standard = request->args.process.standard;
    struct error why;
    process->terminal = spec->terminal;
    if (!stdio)
        close_outputs(gate, standard);
    else
        memcpy(process->standard, standard, sizeof process->standard);
    if (copy_args(spec->args, process, &why) < 0 ||
        gate->ops->start(gate->machine, spec, process->number, process->standard, &why) < 0) {
        undo_process(gate, process);
        return gate_refuse_failed(gate, request, &why, err);
    }
    process->container->state = CONTAINER_STARTED;
    gate->waiting++;
    return 0;
}

/* Asks the policy. `asked` is what the process will be in its place. */
static int decide(struct gate *gate, const struct request *request, struct gate_process *place,
                  struct gate_process asked, struct error *err)
{
    const struct request_process *args = &request->args.process;
    POLICY_DECISION_AUTO decision = {0};
    struct identities ids;
    struct user user;
    struct error why;
    if (gate->ops->find_user(gate->machine, args, &user, &why) < 0) {
        close_outputs(gate, args->standard);
        return gate_refuse_failed(gate, request, &why, err);
    }
    struct policy_process process = policy_process_of(args, &user, &ids);
    if (asked.number == 0 ? !policy_create_container(gate->state, &process, &decision)
                          : !policy_exec_in_container(gate->state, &process, &decision)) {
        close_outputs(gate, args->standard);
        return gate_deny(gate, request, &decision, err);
    }
    struct spec spec = spec_of(args, asked.container, &user, &decision);
    spec.group = policy_get_group(gate->policy);
    spec.attestation = policy_get_attestation(gate->policy);
    spec.policy = buf_span(&gate->text);
    spec.row = policy_row_of(gate->state, args->id);
    *place = asked;
    return launch(gate, request, place, &spec, decision.stdio, err);
}

int gate_handle_start(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_process *args = &request->args.process;
    const bool first = request->op == REQUEST_CREATE_CONTAINER;
    struct gate_container *container = gate_find_container(gate, args->id);
    struct error why;
    if (open_standard(gate, args->standard, &why) < 0)
        return error_set(err, ERROR_PROTOCOL, "request %llu: %s", (unsigned long long)request->id,
                         why.text);
    bool ready = first ? gate_is_in(container, CONTAINER_OVERLAY)
                       : is_running(gate_find_process(gate, args->id, 0));
    struct gate_process *place = first && ready ? &gate->processes[container - gate->containers]
                                                : free_process(gate);
    if (ready && !gate->paused && place)
        return decide(
            gate, request, place,
            (struct gate_process){
                .container = container, .number = first ? 0 : request->id, .request = request->id},
            err);
    close_outputs(gate, args->standard);
    return gate_refuse_order(gate, request,
                             gate->paused ? "the containers are paused"
                             : ready      ? "too many processes in one machine"
                             : !first     ? "no such container is running"
                             : container  ? "this container has been created already"
                                          : "no overlay is mounted for this container",
                             err);
}

/* --- what came of it -------------------------------------------------------------------------- */

/* One that has been asked for, and is in this state. NULL with `err`. */
static struct gate_process *expect_process(struct gate *gate, const struct gate_process_name *name,
                                           bool running, struct error *err)
{
    struct gate_process *process = gate_find_process(gate, name->id, name->process);
    if (process && process->running == running)
        return process;
    (void)error_set(err, ERROR_INVALID, "no process %llu of the container %s %s",
                    (unsigned long long)name->process, name->id, running ? "runs" : "starts");
    return NULL;
}

int gate_created(struct gate *gate, const struct gate_process_name *name, int64_t pid,
                 struct error *err)
{
    struct gate_process *process = expect_process(gate, name, false, err);
    char result[64];
    if (!process)
        return -1;
    process->running = true;
    gate->waiting--;
    (void)snprintf(result, sizeof result,
                   process->number ? "{\"pid\":%lld,\"process\":%llu}" : "{\"pid\":%lld}",
                   (long long)pid, (unsigned long long)process->number);
    return answer_ok(&gate->channel, process->request, result, err);
}

int gate_create_failed(struct gate *gate, const struct gate_process_name *name,
                       const struct error *why, struct error *err)
{
    struct gate_process *process = expect_process(gate, name, false, err);
    if (!process)
        return -1;
    uint64_t request = process->request;
    undo_process(gate, process);
    gate->waiting--;
    return answer_refused(&gate->channel, request, ANSWER_FAILED, NULL, why->text, err);
}

int gate_exited(struct gate *gate, const struct gate_process_name *name, unsigned int code,
                unsigned int number, struct error *err)
{
    struct gate_process *process = expect_process(gate, name, true, err);
    BUF_AUTO message = BUF_WITH_LIMIT(1024);
    if (!process)
        return -1;
    if (process->number == 0) {
        process->container->state = CONTAINER_EXITED;
        policy_container_exited(gate->state, name->id, code);
    }
    forget_process(process);
    if (buf_printf(&message, err,
                   "{\"event\":\"exited\",\"id\":\"%s\",\"process\":%llu,\"code\":%u,"
                   "\"signal\":%u}",
                   name->id, (unsigned long long)name->process, code, number) < 0)
        return -1;
    return channel_send_control(&gate->channel, buf_span(&message), err);
}

/* --- running processes ------------------------------------------------------------------------ */

int gate_handle_signal(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_signal *args = &request->args.signal;
    const struct gate_process *process = gate_find_process(gate, args->id, args->process);
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!is_running(process))
        return gate_refuse_order(gate, request, "no such process is running", err);
    if (!policy_signal_container_process(gate->state, args->id, args->signal, process->number == 0,
                                         args_of(process), &decision))
        return gate_deny(gate, request, &decision, err);
    return gate_tell(gate, request,
                     gate->ops->signal(gate->machine, args->id, args->process, args->signal, &why),
                     &why, err);
}

int gate_handle_resize(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_resize *args = &request->args.resize;
    const struct gate_process *process = gate_find_process(gate, args->id, args->process);
    struct error why;
    if (!is_running(process) || !process->terminal)
        return gate_refuse_order(gate, request, "no such process runs with a terminal", err);
    return gate_tell(
        gate, request,
        gate->ops->resize(gate->machine, args->id, args->process, args->rows, args->columns, &why),
        &why, err);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* All containers or none: a host can stop the whole machine, but not one part of a workload while
 * the rest goes on. So there is nothing here for a policy to decide. */
static int set_paused(struct gate *gate, const struct request *request, bool paused,
                      struct error *err)
{
    struct error why;
    if (gate->paused == paused)
        return gate_refuse_order(
            gate, request,
            paused ? "the containers are paused already" : "the containers are not paused", err);
    if (gate->ops->freeze(gate->machine, paused, &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    gate->paused = paused;
    return gate_done(gate, request, err);
}

int gate_handle_pause(struct gate *gate, const struct request *request, struct error *err)
{
    return set_paused(gate, request, true, err);
}

int gate_handle_unpause(struct gate *gate, const struct request *request, struct error *err)
{
    return set_paused(gate, request, false, err);
}

/* Answers with what `ask` appends between `before` and "}". */
static int tell_properties(struct gate *gate, const struct request *request, const char *before,
                           int (*ask)(void *, const char *, struct buf *, struct error *),
                           struct error *err)
{
    const char *id = request->args.object.name;
    BUF_AUTO result = BUF_WITH_LIMIT(CHANNEL_PAYLOAD_MAX - 256);
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!is_running(gate_find_process(gate, id, 0)))
        return gate_refuse_order(gate, request, "no such container is running", err);
    if (!policy_plain_point(gate->state, POLICY_GET_PROPERTIES, &decision))
        return gate_deny(gate, request, &decision, err);
    if (buf_append_text(&result, before, &why) < 0 || ask(gate->machine, id, &result, &why) < 0 ||
        buf_append_text(&result, "}", &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    return answer_ok(&gate->channel, request->id, buf_text(&result), err);
}

int gate_handle_usage(struct gate *gate, const struct request *request, struct error *err)
{
    return tell_properties(gate, request, "{", gate->ops->usage, err);
}

int gate_handle_processes(struct gate *gate, const struct request *request, struct error *err)
{
    return tell_properties(gate, request, "{\"processes\":", gate->ops->processes, err);
}
