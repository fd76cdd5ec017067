/* A machine of several containers from its start to its end: the monitor as it is, the guest played
 * by fake_group.c. What the plan alone decides is in test_group.c. */
#include "group_fixture.h"

#include <event2/event.h>

#include "vm/container_log.h"

char *fake_qemu;
struct processor shared_processor;

/* --- a clock that runs faster -------------------------------------------------------------------
 */

static int speed = 1; /* of the monitors that are started while it says so */

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __real_event_add(struct event *event, const struct timeval *timeout);
int __wrap_event_add(struct event *event, const struct timeval *timeout);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    int status = __real_clock_gettime(clock, out);
    if (status < 0 || clock != CLOCK_MONOTONIC || speed == 1)
        return status;
    int64_t ms = ((int64_t)out->tv_sec * 1000 + out->tv_nsec / 1000000) * speed;
    *out = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    return status;
}

int __wrap_event_add(struct event *event, const struct timeval *timeout)
{
    if (!timeout || speed == 1)
        return __real_event_add(event, timeout);
    int64_t us = ((int64_t)timeout->tv_sec * 1000000 + timeout->tv_usec) / speed;
    const struct timeval sooner = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    return __real_event_add(event, &sooner);
}

static struct client_connection *start_fast(struct machine_fixture *fixture, int how_fast)
{
    fixture->config.boot_timeout_ms = LONG_MS * (uint32_t)how_fast;
    speed = how_fast;
    struct client_connection *connection = start_machine(fixture, "group");
    speed = 1;
    return connection;
}

/* --- the order -------------------------------------------------------------------------------- */

static void starts_init_members_one_by_one_and_then_the_others(void **state)
{
    static const char *const lines[] = {
        "set_policy -",
        "mount_overlay end-0a",
        "create_container end-0a",
        "shutdown_container end-0a",
        "unmount_overlay end-0a",
        "mount_overlay end-0b",
        "create_container end-0b",
        "shutdown_container end-0b",
        "unmount_overlay end-0b",
        "create_container ok-x",
        "create_container ok-y",
        "signal_container_process ok-x 15",
        "signal_container_process ok-y 10",
    };
    /* Init members come first wherever they stand. */
    struct vm_member members[] = {
        {.plan = {.name = "ok-x"}},
        {.plan = {.name = "end-0a", .init = true}},
        {.plan = {.name = "ok-y"}, .stop_signal = SIGUSR1},
        {.plan = {.name = "end-0b", .init = true, .restart = POLICY_RESTART_ALWAYS}},
    };
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 4);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_standing("ok-y", "running ready 0 0");
    await_standing("end-0a", "exited ready 0 0");
    RECORD_AUTO record = {0};
    struct error err = {0};
    check_ok(record_read(NAME, &record, &err), &err);
    assert_true(record.ready);
    struct client_exit end = stop(connection);
    assert_int_equal(end.code, 143);
    check_order(fixture, lines, sizeof lines / sizeof *lines);
    assert_int_equal(count_of(fixture, "create_container end-0b"), 1);
}

static void starts_nothing_after_an_init_member_that_has_failed(void **state)
{
    struct vm_member members[] = {
        {.plan = {.name = "end-0", .init = true, .restart = POLICY_RESTART_NEVER}},
        {.plan = {.name = "end-3", .init = true, .restart = POLICY_RESTART_NEVER}},
        {.plan = {.name = "ok", .restart = POLICY_RESTART_NEVER}},
    };
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 3);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    struct client_exit end = end_of_group(connection);
    assert_int_equal(end.code, 3);
    assert_int_equal(end.failure.code, ERROR_NONE);
    assert_int_equal(count_of(fixture, "create_container end-3"), 1);
    assert_int_equal(count_of(fixture, "create_container ok"), 0);
}

/* --- restarts --------------------------------------------------------------------------------- */

static void ends_by_itself_when_nothing_is_started_again(void **state)
{
    struct vm_member members[] = {
        {.plan = {.name = "end-0", .restart = POLICY_RESTART_ON_FAILURE}},
        {.plan = {.name = "end-4", .restart = POLICY_RESTART_NEVER}},
        {.plan = {.name = "end-5", .restart = POLICY_RESTART_ALWAYS, .restarts_max = 1}},
    };
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 3);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    assert_int_equal(end_of_group(connection).code, 4);
    assert_int_equal(count_of(fixture, "create_container end-0"), 1);
    assert_int_equal(count_of(fixture, "create_container end-0.1"), 0);
    assert_int_equal(count_of(fixture, "create_container end-4.1"), 0);
    assert_int_equal(count_of(fixture, "create_container end-5.1"), 1);
    assert_int_equal(count_of(fixture, "create_container end-5.2"), 0);
}

static void starts_again_under_another_id_and_on_another_overlay(void **state)
{
    static const char *const lines[] = {
        "create_container once-3",   "shutdown_container once-3",
        "unmount_overlay once-3",    "mount_overlay once-3.1",
        "create_container once-3.1", "signal_container_process once-3.1 15",
    };
    struct vm_member members[] = {
        {.plan = {.name = "once-3", .restart = POLICY_RESTART_ON_FAILURE}}};
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_standing("once-3", "running ready 1 3");
    assert_int_equal(stop(connection).code, 143);
    check_order(fixture, lines, sizeof lines / sizeof *lines);
}

/* 0 s, 10 s, 20 s: through the monitor's own timer, by a clock that is fifty times as fast. */
static void waits_longer_before_each_start(void **state)
{
    enum { SPEED = 50, ROUNDING_MS = 5 };
    struct vm_member members[] = {{.plan = {.name = "end-1", .restart = POLICY_RESTART_ALWAYS}}};
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_fast(fixture, SPEED);
    await_standing("end-1", "waiting not-ready 1 1");
    await_line(fixture, "create_container end-1.3", 1);
    int64_t second = time_of(fixture, "create_container end-1.1", 0);
    int64_t third = time_of(fixture, "create_container end-1.2", 0);
    int64_t fourth = time_of(fixture, "create_container end-1.3", 0);
    assert_true(third - second >= GROUP_BACKOFF_MS / SPEED - ROUNDING_MS);
    assert_true(fourth - third >= 2 * GROUP_BACKOFF_MS / SPEED - ROUNDING_MS);
    /* One that waits is not started any more, and there is nobody to be asked to end. */
    assert_int_equal(stop(connection).code, 1);
    assert_int_equal(count_of(fixture, "signal_container_process end-1.3 15"), 0);
}

/* --- probes ----------------------------------------------------------------------------------- */

static struct vm_member probed(const char *name, enum group_probe kind, struct vm_probe probe)
{
    struct vm_member member = {.plan = {.name = name, .restart = POLICY_RESTART_NEVER}};
    member.plan.grace_ms = LONG_MS;
    member.plan.probes[kind] = (struct group_probe_plan){
        .period_ms = 10, .successes = 1, .failures = 2};
    member.probes[kind] = probe;
    return member;
}

static struct vm_probe by_tcp(uint16_t port)
{
    return (struct vm_probe){.kind = VM_PROBE_TCP, .timeout_ms = LONG_MS, .port = port};
}

static struct vm_probe by_exec(char *const *command, uint32_t timeout_ms)
{
    return (struct vm_probe){.kind = VM_PROBE_EXEC, .timeout_ms = timeout_ms, .command = command};
}

static void ends_what_fails_its_probe(void **state)
{
    static char *const fails[] = {"/end-1", NULL};
    static char *const refused[] = {"/refused", NULL};
    static char *const mute[] = {"/mute", NULL};
    static char *const hangs[] = {"/hang", NULL};
    static char *const nameless[] = {"/nameless", NULL};
    const struct {
        struct vm_probe probe;
        const char *asked;
    } cases[] = {
        {by_tcp(2), "probe_port -"}, /* closed */
        {by_tcp(3), "probe_port -"}, /* an answer that is none */
        {by_tcp(4), "probe_port -"}, /* refused */
        {(struct vm_probe){.kind = VM_PROBE_TCP, .timeout_ms = 30, .port = 5}, "probe_port -"},
        {by_exec(fails, LONG_MS), "exec_in_container ok /end-1"},
        {by_exec(refused, LONG_MS), "exec_in_container ok /refused"},
        {by_exec(mute, 30), "exec_in_container ok /mute"},
        {by_exec(hangs, 30), "exec_in_container ok /hang"},
        {by_exec(nameless, 30), "exec_in_container ok /nameless"},
    };
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        enum group_probe kind = i % 2 ? GROUP_LIVENESS : GROUP_STARTUP;
        struct vm_member members[] = {probed("ok", kind, cases[i / 2].probe)};
        form_group(fixture, members, 1);
        CLIENT_AUTO connection = start_machine(fixture, "group");
        assert_int_equal(end_of_group(connection).code, 143);
        client_cleanup(&connection);
        wait_for_monitors();
        assert_int_equal(count_of(fixture, cases[i / 2].asked), 2);
        assert_int_equal(count_of(fixture, "signal_container_process ok 15"), 1);
        TEXT_AUTO log = path_in(fixture, "log");
        assert_int_equal(unlink(log), 0);
        check_ok(record_remove(NAME, &err), &err);
    }
}

/* What takes too long is killed, and its end told for nothing. */
static void kills_the_process_of_a_probe_that_takes_too_long(void **state)
{
    static char *const hangs[] = {"/hang", NULL};
    struct vm_member members[] = {probed("ok", GROUP_READINESS, by_exec(hangs, 30))};
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_line(fixture, "signal_container_process ok 9", 2);
    await_line(fixture, "exec_in_container ok /hang", 3);
    await_standing("ok", "running not-ready 0 0");
    assert_int_equal(stop(connection).code, 143);
}

/* What inspect and, of a hook, logs tell of it. */
static void check_failure(const char *name, const char *words, bool logged)
{
    struct error err = {0};
    RECORD_AUTO record = {0};
    struct container_log_reader reader;
    bool more;
    char *text = NULL;
    size_t size;
    check_ok(record_read(NAME, &record, &err), &err);
    const json_t *first = json_array_get(record.containers, 0);
    const char *failure = json_string_value(json_object_get(first, "last_failure"));
    if (!failure || !text_starts_with(failure, words))
        fail_msg("\"%s\"", failure ? failure : "");
    TEXT_AUTO folder = NULL;
    check_ok(record_folder(NAME, &folder, &err), &err);
    check_ok(container_log_reader_open(folder, name, &reader, &err), &err);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    check_ok(container_log_read(&reader, out, out, &more, &err), &err);
    container_log_reader_close(&reader);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strstr(text, failure) != NULL, logged);
    free(text);
}

static struct vm_member hooked(const char *name, enum group_probe kind, char *const *command)
{
    struct vm_member member = {.plan = {.name = name, .restart = POLICY_RESTART_NEVER}};
    member.plan.grace_ms = LONG_MS;
    member.plan.post_start = kind == GROUP_POST_START;
    member.plan.pre_stop = kind == GROUP_PRE_STOP;
    member.probes[kind] = by_exec(command, 0);
    return member;
}

static void ends_what_fails_after_its_start(void **state)
{
    static char *const fails[] = {"/end-1", NULL};
    static char *const refused[] = {"/refused", NULL};
    static char *const *const commands[] = {fails, refused};
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    for (size_t i = 0; i < 2; i++) {
        struct vm_member members[] = {hooked("ok", GROUP_POST_START, commands[i]),
                                      {.plan = {.name = "end-0", .restart = POLICY_RESTART_NEVER}}};
        TEXT_AUTO asked = text_format("exec_in_container ok %s", commands[i][0]);
        const char *const lines[] = {"create_container ok", asked,
                                     "signal_container_process ok 15"};
        form_group(fixture, members, 2);
        CLIENT_AUTO connection = start_machine(fixture, "group");
        assert_int_equal(end_of_group(connection).code, 143);
        client_cleanup(&connection);
        wait_for_monitors();
        check_order(fixture, lines, 3);
        assert_int_equal(count_of(fixture, asked), 1);
        check_failure("ok", i == 0 ? "postStart failed: exit code 1" : "postStart failed: ", true);
        TEXT_AUTO log = path_in(fixture, "log");
        assert_int_equal(unlink(log), 0);
        check_ok(record_remove(NAME, &err), &err);
    }
}

/* Whatever becomes of it, the member is asked to end afterwards. */
static void runs_the_hook_before_a_member_is_asked_to_end(void **state)
{
    static char *const fails[] = {"/end-1", NULL};
    static const char *const lines[] = {"create_container ok", "exec_in_container ok /end-1",
                                        "signal_container_process ok 15"};
    struct vm_member members[] = {hooked("ok", GROUP_PRE_STOP, fails)};
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_standing("ok", "running ready 0 0");
    assert_int_equal(stop(connection).code, 143);
    check_order(fixture, lines, 3);
}

static void ends_what_cannot_be_asked_by_http(void **state)
{
    struct vm_probe probe = {.kind = VM_PROBE_HTTP, .timeout_ms = LONG_MS};
    probe.http = (struct http_probe_plan){
        .port = 1, .path = "/", .host = "", .timeout_ms = LONG_MS};
    struct vm_member members[] = {probed("ok", GROUP_LIVENESS, probe)};
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    assert_int_equal(end_of_group(connection).code, 143);
}

static void kills_what_does_not_end_when_asked(void **state)
{
    static const char *const lines[] = {"signal_container_process deaf 15",
                                        "signal_container_process deaf 9",
                                        "shutdown_container deaf"};
    struct vm_member members[] = {probed("deaf", GROUP_LIVENESS, by_tcp(2))};
    members[0].plan.grace_ms = 20;
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    assert_int_equal(end_of_group(connection).code, 137);
    check_order(fixture, lines, 3);
}

static void starts_again_what_a_probe_has_ended(void **state)
{
    struct vm_member members[] = {probed("ok", GROUP_LIVENESS, by_tcp(2))};
    members[0].plan.restart = POLICY_RESTART_ALWAYS;
    members[0].plan.restarts_max = 1;
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    assert_int_equal(end_of_group(connection).code, 143);
    assert_int_equal(count_of(fixture, "signal_container_process ok 15"), 1);
    assert_int_equal(count_of(fixture, "signal_container_process ok.1 15"), 1);
}

static void is_ready_when_its_probes_say_so(void **state)
{
    static char *const well[] = {"/end-0", NULL};
    struct vm_member members[] = {
        probed("ok-a", GROUP_READINESS, by_exec(well, LONG_MS)),
        probed("ok-b", GROUP_READINESS, by_tcp(1)),
        probed("ok-c", GROUP_READINESS, by_tcp(2)),
    };
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 3);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_standing("ok-a", "running ready 0 0");
    await_standing("ok-b", "running ready 0 0");
    await_line(fixture, "exec_in_container ok-a /end-0", 5);
    await_standing("ok-c", "running not-ready 0 0"); /* not ready is no reason to end it */
    RECORD_AUTO record = {0};
    struct error err = {0};
    check_ok(record_read(NAME, &record, &err), &err);
    assert_false(record.ready);
    assert_int_equal(stop(connection).code, 143);
}

static void asks_for_nothing_else_until_it_has_started_up(void **state)
{
    static char *const starting[] = {"/end-1", NULL};
    static char *const living[] = {"/end-2", NULL};
    struct vm_member members[] = {probed("ok", GROUP_STARTUP, by_exec(starting, LONG_MS))};
    members[0].plan.probes[GROUP_STARTUP].failures = 5;
    members[0].plan.probes[GROUP_LIVENESS] = (struct group_probe_plan){
        .period_ms = 1, .successes = 1, .failures = 1};
    members[0].probes[GROUP_LIVENESS] = by_exec(living, LONG_MS);
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    assert_int_equal(end_of_group(connection).code, 143);
    assert_int_equal(count_of(fixture, "exec_in_container ok /end-1"), 5);
    assert_int_equal(count_of(fixture, "exec_in_container ok /end-2"), 0);
}

/* --- a guest that talks nonsense
 * ------------------------------------------------------------------ */

static void ends_with_the_reason_when_a_container_is_refused(void **state)
{
    struct vm_member members[] = {{.plan = {.name = "ok"}}, {.plan = {.name = "refused"}}};
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 2);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    struct client_exit end = end_of_group(connection);
    assert_int_equal(end.failure.code, ERROR_REFUSED);
    check_holds(end.failure.text, "container refused: ");
    check_holds(end.failure.text, "because of the test");
}

static void ends_what_does_not_start_in_time(void **state)
{
    struct vm_member members[] = {{.plan = {.name = "mute"}}};
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 1);
    fixture->config.boot_timeout_ms = SOON_MS;
    CLIENT_AUTO connection = start_machine(fixture, "group");
    struct client_exit end = end_of_group(connection);
    assert_int_equal(end.failure.code, ERROR_UNAVAILABLE);
    check_holds(end.failure.text, "did not start in time");
}

static void passes_over_ends_of_what_does_not_run(void **state)
{
    struct vm_member members[] = {
        {.plan = {.name = "ghosts", .restart = POLICY_RESTART_ALWAYS}},
        {.plan = {.name = "twice-2", .restart = POLICY_RESTART_NEVER}},
    };
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 2);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_standing("ghosts", "running ready 0 0");
    await_standing("twice-2", "exited not-ready 0 2");
    assert_int_equal(stop(connection).code, 143);
    assert_int_equal(count_of(fixture, "shutdown_container twice-2"), 1);
}

static void takes_an_end_before_the_start_for_an_end(void **state)
{
    struct vm_member members[] = {
        {.plan = {.name = "ok", .restart = POLICY_RESTART_NEVER}},
        {.plan = {.name = "early-6", .restart = POLICY_RESTART_NEVER}},
    };
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 2);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_standing("early-6", "exited not-ready 0 6");
    assert_int_equal(stop(connection).code, 143);
}

static void ends_when_the_guest_answers_twice_or_in_another_form(void **state)
{
    static const char *const names[] = {"again", "seven"};
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct vm_member members[] = {{.plan = {.name = names[i]}}};
        form_group(fixture, members, 1);
        CLIENT_AUTO connection = start_machine(fixture, "group");
        struct client_exit end = end_of_group(connection);
        assert_int_equal(end.failure.code, ERROR_PROTOCOL);
        client_cleanup(&connection);
        wait_for_monitors();
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void ask(const char *op, json_t *args, enum error_code wanted)
{
    struct error err = {0};
    json_t *answer = NULL;
    CLIENT_AUTO connection = client_connect(NAME, &err);
    check_ok(connection ? 0 : -1, &err);
    int status = client_query(connection, op, args, &answer, &err);
    json_decref(answer);
    if (wanted == ERROR_NONE)
        check_ok(status, &err);
    assert_int_equal(status < 0 ? err.code : ERROR_NONE, wanted);
}

static bool is_paused(void)
{
    RECORD_AUTO record = {0};
    struct error err = {0};
    check_ok(record_read(NAME, &record, &err), &err);
    return record.paused;
}

/* The guest of this test dies of a start or a probe while it is paused. */
static void starts_and_probes_nothing_while_it_is_paused(void **state)
{
    static char *const probe[] = {"/end-0", NULL};
    struct vm_member members[] = {
        {.plan = {.name = "ok", .restart = POLICY_RESTART_ALWAYS}},
        {.plan = {.name = "ok-probed",
                  .probes = {[GROUP_LIVENESS] = {.period_ms = 10, .successes = 1, .failures = 1}}},
         .probes = {[GROUP_LIVENESS] = {.kind = VM_PROBE_EXEC, .command = probe}}},
    };
    struct machine_fixture *fixture = *state;
    form_group(fixture, members, 2);
    CLIENT_AUTO connection = start_machine(fixture, "group");
    await_line(fixture, "exec_in_container ok-probed /end-0", 2);
    ask("unpause", json_object(), ERROR_REFUSED);
    assert_false(is_paused());
    ask("pause", json_object(), ERROR_NONE);
    assert_true(is_paused());
    ask("pause", json_object(), ERROR_REFUSED);
    assert_true(is_paused());
    int asked = count_of(fixture, "exec_in_container ok-probed /end-0");
    ask("signal", json_pack("{s:s, s:i}", "container", "ok", "signal", SIGKILL), ERROR_NONE);
    await_standing("ok", "waiting not-ready 0 137");
    assert_int_equal(count_of(fixture, "create_container ok.1"), 0);
    assert_int_equal(count_of(fixture, "exec_in_container ok-probed /end-0"), asked);
    ask("unpause", json_object(), ERROR_NONE);
    assert_false(is_paused());
    await_standing("ok", "running ready 1 137");
    await_line(fixture, "exec_in_container ok-probed /end-0", asked + 1);
    assert_int_equal(stop(connection).code, 143);
}

int main(int argc, char *argv[])
{
#define test(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)
    const struct CMUnitTest tests[] = {
        test(starts_init_members_one_by_one_and_then_the_others),
        test(starts_nothing_after_an_init_member_that_has_failed),
        test(ends_by_itself_when_nothing_is_started_again),
        test(starts_again_under_another_id_and_on_another_overlay),
        test(waits_longer_before_each_start),
        test(ends_what_fails_its_probe),
        test(kills_the_process_of_a_probe_that_takes_too_long),
        test(ends_what_fails_after_its_start),
        test(runs_the_hook_before_a_member_is_asked_to_end),
        test(ends_what_cannot_be_asked_by_http),
        test(kills_what_does_not_end_when_asked),
        test(starts_again_what_a_probe_has_ended),
        test(is_ready_when_its_probes_say_so),
        test(asks_for_nothing_else_until_it_has_started_up),
        test(ends_with_the_reason_when_a_container_is_refused),
        test(ends_what_does_not_start_in_time),
        test(passes_over_ends_of_what_does_not_run),
        test(takes_an_end_before_the_start_for_an_end),
        test(ends_when_the_guest_answers_twice_or_in_another_form),
        test(starts_and_probes_nothing_while_it_is_paused),
    };
    assert_int_equal(argc, 2);
    return run_machine_tests("monitor_group", tests, sizeof tests / sizeof *tests, argv[1]);
}
