/* The gate's part about processes in containers: starting more of them, signals, terminals,
 * stopping and counting them. */
#include <stdio.h>
#include <stdlib.h>

#include "guest/answer.h"
#include "guest/gate_internal.h"

/* --- the processes beside the first ----------------------------------------------------------- */

static struct gate_process *find_process(struct gate *gate, const char *id, uint64_t number)
{
    for (size_t i = 0; number && i < GATE_PROCESSES_MAX; i++) {
        struct gate_process *each = &gate->processes[i];
        if (each->number == number && strcmp(each->container->id, id) == 0)
            return each;
    }
    return NULL;
}

static struct gate_process *free_process(struct gate *gate)
{
    for (size_t i = 0; i < GATE_PROCESSES_MAX; i++) {
        if (gate->processes[i].number == 0)
            return &gate->processes[i];
    }
    return NULL;
}

bool gate_has_process(const struct gate *gate, const struct gate_container *container)
{
    for (size_t i = 0; i < GATE_PROCESSES_MAX; i++) {
        if (gate->processes[i].number && gate->processes[i].container == container)
            return true;
    }
    return false;
}

static void forget_process(struct gate_process *process)
{
    free(process->args);
    *process = (struct gate_process){0};
}

void gate_forget_processes(struct gate *gate)
{
    for (size_t i = 0; i < GATE_PROCESSES_MAX; i++)
        forget_process(&gate->processes[i]);
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

/* Allowed: hands it to the machine, with the streams that the policy lets it have. */
static int launch(struct gate *gate, const struct request *request, struct gate_process *process,
                  const struct spec *spec, bool stdio, struct error *err)
{
    const uint32_t *standard = request->args.process.standard;
    struct error why;
    if (!stdio)
        gate_close_outputs(gate, standard);
    else
        memcpy(process->standard, standard, sizeof process->standard);
    if (copy_args(spec->args, process, &why) < 0 ||
        gate->ops->exec(gate->machine, spec, request->id, process->standard, &why) < 0) {
        gate_close_outputs(gate, process->standard);
        forget_process(process);
        return gate_refuse_failed(gate, request, &why, err);
    }
    process->number = request->id;
    process->terminal = spec->terminal;
    gate->waiting++;
    return 0;
}

static int decide_exec(struct gate *gate, const struct request *request,
                       struct gate_process *process, struct error *err)
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
    struct policy_process asked = gate_policy_process(args, &user, &ids);
    if (!policy_exec_in_container(gate->state, &asked, &decision)) {
        gate_close_outputs(gate, args->standard);
        return gate_deny(gate, request, &decision, err);
    }
    struct spec spec = gate_spec(args, process->container, &user, &decision);
    return launch(gate, request, process, &spec, decision.stdio, err);
}

int gate_handle_exec(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_process *args = &request->args.process;
    struct gate_container *container = gate_find_container(gate, args->id);
    struct gate_process *process = free_process(gate);
    struct error why;
    if (gate_open_standard(gate, args->standard, &why) < 0)
        return error_set(err, ERROR_PROTOCOL, "request %llu: %s", (unsigned long long)request->id,
                         why.text);
    if (gate_is_in(container, CONTAINER_RUNNING) && !gate->paused && process) {
        process->container = container;
        return decide_exec(gate, request, process, err);
    }
    gate_close_outputs(gate, args->standard);
    return gate_refuse_order(gate, request,
                             gate->paused ? "the containers are paused"
                             : process    ? "no such container is running"
                                          : "too many processes in one machine",
                             err);
}

/* --- what came of it -------------------------------------------------------------------------- */

/* One that has been asked for, and is in this state. NULL with `err`. */
static struct gate_process *expect_process(struct gate *gate, const struct gate_process_name *name,
                                           bool running, struct error *err)
{
    struct gate_process *process = find_process(gate, name->id, name->process);
    if (process && process->running == running)
        return process;
    (void)error_set(err, ERROR_INVALID, "no process %llu of the container %s %s",
                    (unsigned long long)name->process, name->id, running ? "runs" : "starts");
    return NULL;
}

int gate_process_started(struct gate *gate, const struct gate_process_name *name, int64_t pid,
                         struct error *err)
{
    struct gate_process *process = expect_process(gate, name, false, err);
    char result[64];
    if (!process)
        return -1;
    process->running = true;
    gate->waiting--;
    (void)snprintf(result, sizeof result, "{\"pid\":%lld,\"process\":%llu}", (long long)pid,
                   (unsigned long long)name->process);
    return answer_ok(&gate->channel, name->process, result, err);
}

int gate_process_failed(struct gate *gate, const struct gate_process_name *name,
                        const struct error *why, struct error *err)
{
    struct gate_process *process = expect_process(gate, name, false, err);
    if (!process)
        return -1;
    gate_close_outputs(gate, process->standard);
    forget_process(process);
    gate->waiting--;
    return answer_refused(&gate->channel, name->process, ANSWER_FAILED, NULL, why->text, err);
}

int gate_process_ended(struct gate *gate, const struct gate_process_name *name, struct error *err)
{
    struct gate_process *process = expect_process(gate, name, true, err);
    if (!process)
        return -1;
    forget_process(process);
    return 0;
}

/* --- running processes ------------------------------------------------------------------------ */

/* Whether it runs; *process is NULL for a container's first. */
static bool is_running(struct gate *gate, const char *id, uint64_t number,
                       const struct gate_process **process)
{
    *process = find_process(gate, id, number);
    if (number)
        return *process && (*process)->running;
    return gate_is_in(gate_find_container(gate, id), CONTAINER_RUNNING);
}

int gate_handle_signal(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_signal *args = &request->args.signal;
    const struct gate_process *process;
    POLICY_DECISION_AUTO decision = {0};
    struct error why;
    if (!is_running(gate, args->id, args->process, &process))
        return gate_refuse_order(gate, request, "no such process is running", err);
    if (!policy_signal_container_process(gate->state, args->id, args->signal, !process,
                                         process ? args_of(process) : (struct policy_list){0},
                                         &decision))
        return gate_deny(gate, request, &decision, err);
    if (gate->ops->signal(gate->machine, args->id, args->process, args->signal, &why) < 0)
        return gate_refuse_failed(gate, request, &why, err);
    return gate_done(gate, request, err);
}

int gate_handle_resize(struct gate *gate, const struct request *request, struct error *err)
{
    const struct request_resize *args = &request->args.resize;
    const struct gate_process *process;
    struct error why;
    bool running = is_running(gate, args->id, args->process, &process);
    if (!running || !(process ? process->terminal : gate_find_container(gate, args->id)->terminal))
        return gate_refuse_order(gate, request, "no such process runs with a terminal", err);
    if (gate->ops->resize(gate->machine, args->id, args->process, args->rows, args->columns, &why) <
        0)
        return gate_refuse_failed(gate, request, &why, err);
    return gate_done(gate, request, err);
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
    if (!gate_is_in(gate_find_container(gate, id), CONTAINER_RUNNING))
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
