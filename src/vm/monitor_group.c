/* A machine of several containers: carries out what the plan (vm/group.h) says, and tells it what
 * has come of it. Output goes to the containers' logs; nobody attaches. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vm/monitor_state.h"

#define STREAMS_FROM 256 /* two of each member: its output and its errors */
#define FAILURE_SIZE 320

struct member;

/* A probe or a hook. */
struct member_probe {
    struct member *member;
    enum group_probe kind;
    struct http_probe *http; /* NULL while none is under way */
    uint64_t process;        /* of exec, which is awaited; 0 while none is */
    bool tcp;                /* an answer about a port is awaited */
    unsigned int late;       /* answers about ports that nobody awaits any more come first */
    struct event *timeout;   /* of exec, tcp and sleep */
};

/* What a member has outside of the plan. */
struct member {
    struct monitor *monitor;
    size_t index;
    char id[65]; /* of its container now */
    struct container_log *log;
    char failure[FAILURE_SIZE]; /* the last one of a hook or probe; "" for none */
    struct member_probe probes[GROUP_ASKED];
};

struct monitor_group {
    struct group plan;
    struct group_member_plan plans[MACHINE_MEMBERS_MAX];
    struct member members[MACHINE_MEMBERS_MAX];
    struct event *timer; /* when the plan is to be asked again */
    bool stopping;
};

static void pump(struct monitor *monitor);

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const struct vm_member *config_of(const struct member *member)
{
    return &member->monitor->config->members[member->index];
}

static struct group *plan_of(const struct member *member)
{
    return &member->monitor->group->plan;
}

/* --- the record ------------------------------------------------------------------------------- */

static json_t *member_json(const struct member *member)
{
    const struct vm_member *config = config_of(member);
    const struct group_member *state = &plan_of(member)->members[member->index];
    const char *failure = *member->failure ? member->failure : NULL;
    return json_pack("{s:s, s:s, s:b, s:s, s:b, s:i, s:i, s:s*}", "name", config->plan.name,
                     "image", config->image, "init", config->plan.init, "status",
                     group_phase_name(state->phase), "ready",
                     group_member_is_ready(plan_of(member), member->index), "restarts",
                     state->starts > 1 ? (int)state->starts - 1 : 0, "exit_code", (int)state->code,
                     "last_failure", failure);
}

/* Written only when something of it has changed. */
static void write_record(struct monitor *monitor)
{
    struct monitor_group *group = monitor->group;
    struct record *record = monitor->record;
    json_t *containers = json_array();
    bool ready = group_is_ready(&group->plan);
    for (size_t i = 0; containers && i < group->plan.count; i++)
        (void)json_array_append_new(containers, member_json(&group->members[i]));
    if (!containers || (ready == record->ready && json_equal(containers, record->containers))) {
        json_decref(containers);
        return;
    }
    json_decref(record->containers);
    record->containers = containers;
    record->ready = ready;
    (void)record_write(monitor->folder, record, NULL);
}

/* --- starting and ending ---------------------------------------------------------------------- */

static void on_created(void *argument, const json_t *result, const struct error *refusal)
{
    struct member *member = argument;
    struct monitor *monitor = member->monitor;
    struct error err = {0};
    if (!result) {
        (void)error_set(&err, refusal->code, "container %s: %s", config_of(member)->plan.name,
                        refusal->text);
        monitor_end(monitor, &err);
        return;
    }
    group_started(plan_of(member), member->index, now_ms());
    monitor_run_begins(monitor);
    if (monitor->group->stopping)
        (void)session_request(monitor->session, "signal_container_process",
                              json_pack("{s:s, s:i}", "id", member->id, "signal", SIGKILL), NULL,
                              NULL, NULL);
    pump(monitor);
}

/* What was asked of the container before this one is of no interest any more. */
static void forget_asked(struct member *member)
{
    for (size_t i = 0; i < GROUP_ASKED; i++) {
        struct member_probe *probe = &member->probes[i];
        http_probe_cancel(probe->http);
        probe->http = NULL;
        probe->process = 0;
        probe->late += probe->tcp;
        probe->tcp = false;
        (void)event_del(probe->timeout);
    }
}

static int start_member(struct member *member, struct error *err)
{
    const struct vm_member *config = config_of(member);
    struct monitor *monitor = member->monitor;
    uint32_t first = STREAMS_FROM + 2 * (uint32_t)member->index;
    forget_asked(member);
    group_member_id(plan_of(member), member->index, member->id);
    if (session_open_output(monitor->session, first, err) < 0 ||
        session_open_output(monitor->session, first + 1, err) < 0)
        return -1;
    const struct start_container container = {
        .id = member->id,
        .process = &config->process,
        .layers = config->layers,
        .layer_count = config->layer_count,
        .mounts = config->mounts,
        .mount_count = config->mount_count,
        .streams = {0, first, first + 1},
    };
    return start_queue_container(monitor, &container, on_created, member, err);
}

static void signal_member(struct member *member, int number)
{
    (void)session_request(member->monitor->session, "signal_container_process",
                          json_pack("{s:s, s:i}", "id", member->id, "signal", number), NULL, NULL,
                          NULL);
}

/* Takes its overlay away: its next start has a new one. What is refused is in nobody's way but that
 * of later starts, whose own refusal then says so. */
static void clean_up(struct member *member)
{
    struct guest_session *session = member->monitor->session;
    (void)session_request(session, "shutdown_container", json_pack("{s:s}", "id", member->id), NULL,
                          NULL, NULL);
    (void)session_request(session, "unmount_overlay", json_pack("{s:s}", "id", member->id), NULL,
                          NULL, NULL);
}

static uint32_t stop_signal(const struct vm_member *config)
{
    return config->stop_signal ? config->stop_signal : SIGTERM;
}

void monitor_group_stop(struct monitor *monitor)
{
    struct monitor_group *group = monitor->group;
    group->stopping = true;
    group_stop(&group->plan);
    pump(monitor);
}

void monitor_group_pause(struct monitor *monitor, bool paused)
{
    group_pause(&monitor->group->plan, paused);
    pump(monitor);
}

/* --- probes and hooks ------------------------------------------------------------------------- */

/* A hook runs once, and what it said is lost: its failure stands in the container's log, too. */
static void remember(const struct member_probe *probe, const char *why)
{
    static const char *const names[GROUP_ASKED] = {
        [GROUP_STARTUP] = "startupProbe",   [GROUP_READINESS] = "readinessProbe",
        [GROUP_LIVENESS] = "livenessProbe", [GROUP_POST_START] = "postStart",
        [GROUP_PRE_STOP] = "preStop",
    };
    struct member *member = probe->member;
    char line[FAILURE_SIZE + 16];
    (void)snprintf(member->failure, sizeof member->failure, "%s failed: %.256s", names[probe->kind],
                   why);
    (void)snprintf(line, sizeof line, "caisson: %s\n", member->failure);
    if (probe->kind >= GROUP_PROBES)
        container_log_write(member->log, 2, span_of_text(line));
}

/* `why` it has failed; NULL where it has not. */
static void note(const struct member_probe *probe, const char *why)
{
    const struct member *member = probe->member;
    bool good = !why;
    if (why)
        remember(probe, why);
    if (probe->kind < GROUP_PROBES)
        group_probed(plan_of(member), member->index, probe->kind, good, now_ms());
    else
        group_hooked(plan_of(member), member->index, probe->kind, good, now_ms());
}

static void tell(struct member_probe *probe, const char *why)
{
    note(probe, why);
    pump(probe->member->monitor);
}

static void on_http(void *argument, bool good)
{
    struct member_probe *probe = argument;
    probe->http = NULL;
    tell(probe, good ? NULL : "no good answer by HTTP");
}

static void on_tcp(void *argument, const json_t *result, const struct error *refusal)
{
    struct member_probe *probe = argument;
    bool open = json_is_true(json_object_get(result, "open"));
    if (probe->late > 0) {
        probe->late--;
        return;
    }
    probe->tcp = false;
    (void)event_del(probe->timeout);
    tell(probe, open ? NULL : result ? "the port is closed" : refusal->text);
}

/* Its end is of no interest any more, but it has to come: where the policy lets it be killed. */
static void on_timeout(evutil_socket_t fd, short what, void *argument)
{
    struct member_probe *probe = argument;
    const struct member *member = probe->member;
    enum vm_probe_kind kind = config_of(member)->probes[probe->kind].kind;
    (void)fd;
    (void)what;
    if (kind == VM_PROBE_EXEC)
        (void)session_request(member->monitor->session, "signal_container_process",
                              json_pack("{s:s, s:I, s:i}", "id", member->id, "process",
                                        (json_int_t)probe->process, "signal", SIGKILL),
                              NULL, NULL, NULL);
    probe->process = 0;
    probe->late += probe->tcp;
    probe->tcp = false;
    tell(probe, kind == VM_PROBE_SLEEP ? NULL : "it took too long");
}

static void on_exec(void *argument, const json_t *result, const struct error *refusal)
{
    struct member_probe *probe = argument;
    if (result || probe->process == 0)
        return;
    probe->process = 0;
    (void)event_del(probe->timeout);
    tell(probe, refusal->text);
}

static int start_timer(struct member_probe *probe, const struct vm_probe *config)
{
    struct timeval timeout = {.tv_sec = config->timeout_ms / 1000,
                              .tv_usec = (suseconds_t)(config->timeout_ms % 1000) * 1000};
    return evtimer_add(probe->timeout, &timeout);
}

static int start_exec(struct member_probe *probe, const struct vm_probe *config)
{
    struct member *member = probe->member;
    struct guest_session *session = member->monitor->session;
    json_t *args = start_exec_json(member->id, &config_of(member)->process, config->command);
    if (session_request(session, "exec_in_container", args, on_exec, probe, NULL) < 0)
        return -1;
    probe->process = session_last_id(session);
    return config->timeout_ms ? start_timer(probe, config) : 0;
}

/* A process that was started for a probe has ended. */
static bool probe_exited(struct monitor *monitor, uint64_t process, unsigned int code)
{
    for (size_t i = 0; i < monitor->group->plan.count; i++) {
        for (size_t j = 0; j < GROUP_ASKED; j++) {
            struct member_probe *probe = &monitor->group->members[i].probes[j];
            if (process == 0 || probe->process != process)
                continue;
            char why[32];
            (void)snprintf(why, sizeof why, "exit code %u", code);
            probe->process = 0;
            (void)event_del(probe->timeout);
            tell(probe, code == 0 ? NULL : why);
            return true;
        }
    }
    return false;
}

static int start_tcp(struct member_probe *probe, const struct vm_probe *config)
{
    if (session_request(probe->member->monitor->session, "probe_port",
                        json_pack("{s:i}", "port", (int)config->port), on_tcp, probe, NULL) < 0)
        return -1;
    probe->tcp = true;
    return config->timeout_ms ? start_timer(probe, config) : 0;
}

/* What cannot be asked has failed: the plan hears of it in its own time. */
static void start_probe(struct member_probe *probe)
{
    struct monitor *monitor = probe->member->monitor;
    const struct vm_probe *config = &config_of(probe->member)->probes[probe->kind];
    int asked = -1;
    if (config->kind == VM_PROBE_HTTP) {
        http_probe_cancel(probe->http); /* of the container before this one */
        probe->http = http_probe_start(monitor->base, &config->http, on_http, probe, NULL);
        asked = probe->http ? 0 : -1;
    } else if (config->kind == VM_PROBE_TCP) {
        asked = start_tcp(probe, config);
    } else if (config->kind == VM_PROBE_SLEEP) {
        asked = start_timer(probe, config);
    } else {
        asked = start_exec(probe, config);
    }
    if (asked < 0)
        note(probe, "it could not be asked");
}

/* --- the plan --------------------------------------------------------------------------------- */

static void carry_out(struct monitor *monitor, const struct group_action *action)
{
    struct member *member = &monitor->group->members[action->member];
    struct error err = {0};
    switch (action->kind) {
    case GROUP_START:
        if (start_member(member, &err) < 0)
            monitor_end(monitor, &err);
        break;
    case GROUP_PROBE:
        start_probe(&member->probes[action->probe]);
        break;
    case GROUP_TERMINATE:
        signal_member(member, (int)stop_signal(config_of(member)));
        break;
    case GROUP_KILL:
        signal_member(member, SIGKILL);
        break;
    }
}

static void pump(struct monitor *monitor)
{
    struct monitor_group *group = monitor->group;
    struct group_action action;
    int64_t wake_ms = -1;
    while (monitor->phase != MONITOR_ENDED && group_next(&group->plan, now_ms(), &action, &wake_ms))
        carry_out(monitor, &action);
    if (monitor->phase == MONITOR_ENDED)
        return;
    write_record(monitor);
    if (group_has_ended(&group->plan)) {
        monitor->exit_code = group_exit_code(&group->plan);
        monitor_end(monitor, NULL);
        return;
    }
    int64_t wait_ms = wake_ms - now_ms();
    struct timeval wait = {.tv_sec = wait_ms > 0 ? wait_ms / 1000 : 0,
                           .tv_usec = wait_ms > 0 ? wait_ms % 1000 * 1000 : 0};
    if (wake_ms >= 0)
        (void)evtimer_add(group->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct monitor *monitor = argument;
    (void)fd;
    (void)what;
    pump(monitor);
}

const struct vm_process *monitor_group_find(const struct monitor *monitor, const char *name,
                                            const char **id)
{
    const struct monitor_group *group = monitor->group;
    for (size_t i = 0; group && i < group->plan.count; i++) {
        enum group_phase phase = group->plan.members[i].phase;
        if (strcmp(group->plans[i].name, name) != 0 ||
            (phase != GROUP_RUNNING && phase != GROUP_POSTING && phase != GROUP_ENDING))
            continue;
        *id = group->members[i].id;
        return &monitor->config->members[i].process;
    }
    return NULL;
}

/* --- what the guest tells --------------------------------------------------------------------- */

void monitor_group_output(struct monitor *monitor, uint32_t stream, struct span bytes)
{
    size_t index = (stream - STREAMS_FROM) / 2;
    if (stream >= STREAMS_FROM && index < monitor->group->plan.count)
        container_log_write(monitor->group->members[index].log, (stream - STREAMS_FROM) % 2 ? 2 : 1,
                            bytes);
    session_grant(monitor->session, stream, bytes.size);
}

void monitor_group_exited(struct monitor *monitor, const struct session_exit *exit)
{
    struct monitor_group *group = monitor->group;
    unsigned int code = exit->signal ? 128 + exit->signal : exit->code;
    if (probe_exited(monitor, exit->process, code))
        return;
    for (size_t i = 0; i < group->plan.count && exit->process == 0; i++) {
        enum group_phase phase = group->plan.members[i].phase;
        if (strcmp(group->members[i].id, exit->id) != 0 || phase == GROUP_WAITING ||
            phase == GROUP_ENDED)
            continue;
        group_exited(&group->plan, i, code, now_ms());
        clean_up(&group->members[i]);
        pump(monitor);
        return;
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_members(struct monitor *monitor, struct error *err)
{
    struct monitor_group *group = monitor->group;
    for (size_t i = 0; i < monitor->config->member_count; i++) {
        struct member *member = &group->members[i];
        group->plans[i] = monitor->config->members[i].plan;
        member->monitor = monitor;
        member->index = i;
        for (size_t j = 0; j < GROUP_ASKED; j++) {
            struct member_probe *probe = &member->probes[j];
            *probe = (struct member_probe){.member = member, .kind = (enum group_probe)j};
            probe->timeout = evtimer_new(monitor->base, on_timeout, probe);
            if (!probe->timeout)
                return error_memory(err);
        }
        if (container_log_open(monitor->folder, group->plans[i].name, &member->log, err) < 0)
            return -1;
    }
    return 0;
}

int monitor_group_begin(struct monitor *monitor, struct error *err)
{
    monitor_group_end(monitor); /* a boot that is tried again begins anew */
    monitor->group = calloc(1, sizeof *monitor->group);
    if (!monitor->group)
        return error_memory(err);
    monitor->group->timer = evtimer_new(monitor->base, on_timer, monitor);
    if (!monitor->group->timer)
        return error_memory(err);
    if (open_members(monitor, err) < 0)
        return -1;
    group_init(&monitor->group->plan, monitor->group->plans, monitor->config->member_count);
    pump(monitor);
    return 0;
}

void monitor_group_end(struct monitor *monitor)
{
    struct monitor_group *group = monitor->group;
    if (!group)
        return;
    for (size_t i = 0; i < MACHINE_MEMBERS_MAX; i++) {
        for (size_t j = 0; j < GROUP_ASKED; j++) {
            http_probe_cancel(group->members[i].probes[j].http);
            if (group->members[i].probes[j].timeout)
                event_free(group->members[i].probes[j].timeout);
        }
        container_log_close(group->members[i].log);
    }
    if (group->timer)
        event_free(group->timer);
    free(group);
    monitor->group = NULL;
}
