/* A group's life with a clock of the test's own: order, restarts, back-off, probes. */
#include "../check.h"

#include "vm/group.h"

#define MEMBERS(...)                                                                               \
    static const struct group_member_plan plan[] = {__VA_ARGS__};                                  \
    struct group group;                                                                            \
    group_init(&group, plan, sizeof plan / sizeof *plan)

/* Nothing is to be done now; the next look is at this time (-1: not before something happens). */
static void expect_rest(struct group *group, int64_t now_ms, int64_t wanted_wake)
{
    struct group_action action;
    int64_t wake;
    if (group_next(group, now_ms, &action, &wake))
        fail_msg("at %lld there is an action %d of member %zu", (long long)now_ms, action.kind,
                 action.member);
    assert_int_equal(wake, wanted_wake);
}

static void expect_action(struct group *group, int64_t now_ms, enum group_action_kind kind,
                          size_t member)
{
    struct group_action action;
    int64_t wake;
    if (!group_next(group, now_ms, &action, &wake))
        fail_msg("at %lld there is nothing to do", (long long)now_ms);
    assert_int_equal(action.kind, kind);
    assert_int_equal(action.member, member);
}

static void expect_probe(struct group *group, int64_t now_ms, size_t member, enum group_probe probe)
{
    struct group_action action;
    int64_t wake;
    assert_true(group_next(group, now_ms, &action, &wake));
    assert_int_equal(action.kind, GROUP_PROBE);
    assert_int_equal(action.member, member);
    assert_int_equal(action.probe, probe);
}

static void start(struct group *group, int64_t now_ms, size_t member)
{
    expect_action(group, now_ms, GROUP_START, member);
    group_started(group, member, now_ms);
}

static void expect_id(const struct group *group, size_t member, const char *wanted)
{
    char id[65];
    group_member_id(group, member, id);
    assert_string_equal(id, wanted);
}

static void runs_init_members_one_by_one_then_the_others(void **state)
{
    (void)state;
    MEMBERS({.name = "web"}, {.name = "db"}, {.name = "a", .init = true},
            {.name = "b", .init = true});
    expect_action(&group, 0, GROUP_START, 2);
    expect_rest(&group, 0, -1);
    group_started(&group, 2, 1);
    expect_rest(&group, 1, -1);
    assert_false(group_is_ready(&group));
    group_exited(&group, 2, 0, 2);
    start(&group, 2, 3);
    expect_rest(&group, 2, -1);
    group_exited(&group, 3, 0, 3);
    expect_action(&group, 3, GROUP_START, 0);
    expect_rest(&group, 3, -1); /* the next one waits for this one's start */
    group_started(&group, 0, 4);
    assert_false(group_is_ready(&group));
    start(&group, 4, 1);
    assert_true(group_is_ready(&group));
    expect_rest(&group, 4, -1);
    assert_false(group_has_ended(&group));
}

static void an_init_member_that_fails_for_good_ends_the_group(void **state)
{
    (void)state;
    MEMBERS({.name = "web", .restart = POLICY_RESTART_NEVER},
            {.name = "a", .init = true, .restart = POLICY_RESTART_NEVER});
    start(&group, 0, 1);
    group_exited(&group, 1, 7, 1);
    expect_rest(&group, 1, -1);
    assert_true(group_has_ended(&group));
    assert_int_equal(group_exit_code(&group), 7);
    assert_false(group_is_ready(&group));
}

static void an_init_member_is_tried_again(void **state)
{
    (void)state;
    MEMBERS({.name = "web"}, {.name = "a", .init = true});
    start(&group, 0, 1);
    group_exited(&group, 1, 7, 1);
    assert_false(group_has_ended(&group));
    expect_action(&group, 1, GROUP_START, 1);
    expect_id(&group, 1, "a.1");
    group_started(&group, 1, 2);
    group_exited(&group, 1, 0, 3);
    start(&group, 3, 0);
    expect_id(&group, 0, "web");
}

static void restarts_at_once_then_ever_later(void **state)
{
    static const int64_t waits[] = {0, 10000, 20000, 40000, 80000, 160000, 300000, 300000};
    int64_t now = 5;
    (void)state;
    MEMBERS({.name = "web"});
    start(&group, now, 0);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        now += 100;
        group_exited(&group, 0, 0, now); /* Always: a good end, too */
        if (waits[i] > 0) {
            expect_rest(&group, now, now + waits[i]);
            expect_rest(&group, now + waits[i] - 1, now + waits[i]);
        }
        now += waits[i];
        start(&group, now, 0);
    }
    expect_id(&group, 0, "web.8");
    /* After a long time without an end it is as new. */
    now += GROUP_BACKOFF_CALM_MS;
    group_exited(&group, 0, 1, now);
    start(&group, now, 0);
    now += GROUP_BACKOFF_CALM_MS - 1;
    group_exited(&group, 0, 1, now);
    expect_rest(&group, now, now + GROUP_BACKOFF_MS);
}

static void restarts_only_as_the_policy_says(void **state)
{
    (void)state;
    MEMBERS({.name = "job", .restart = POLICY_RESTART_ON_FAILURE},
            {.name = "once", .restart = POLICY_RESTART_NEVER},
            {.name = "twice", .restart = POLICY_RESTART_ON_FAILURE, .restarts_max = 1});
    start(&group, 0, 0);
    start(&group, 0, 1);
    start(&group, 0, 2);
    group_exited(&group, 0, 1, 1);
    start(&group, 1, 0);
    group_exited(&group, 0, 0, 2);
    group_exited(&group, 1, 3, 2);
    expect_rest(&group, 2, -1);
    assert_false(group_has_ended(&group));
    group_exited(&group, 2, 4, 3);
    start(&group, 3, 2);
    group_exited(&group, 2, 5, 4);
    expect_rest(&group, 4, -1);
    assert_true(group_has_ended(&group));
    assert_int_equal(group_exit_code(&group), 3);
}

static void a_group_that_ends_well_is_ready_and_exits_with_0(void **state)
{
    (void)state;
    MEMBERS({.name = "job", .restart = POLICY_RESTART_NEVER});
    start(&group, 0, 0);
    group_exited(&group, 0, 0, 1);
    assert_true(group_has_ended(&group));
    assert_true(group_is_ready(&group));
    assert_int_equal(group_exit_code(&group), 0);
}

#define READINESS                                                                                  \
    [GROUP_READINESS] = {.delay_ms = 100, .period_ms = 1000, .successes = 2, .failures = 2}

static void readiness_comes_and_goes(void **state)
{
    (void)state;
    MEMBERS({.name = "web", .probes = {READINESS}});
    start(&group, 0, 0);
    expect_rest(&group, 0, 100);
    expect_probe(&group, 100, 0, GROUP_READINESS);
    expect_rest(&group, 5000, -1); /* one at a time: the outcome is awaited */
    group_probed(&group, 0, GROUP_READINESS, true, 5000);
    assert_false(group_is_ready(&group));
    expect_rest(&group, 5000, 6000);
    expect_probe(&group, 6000, 0, GROUP_READINESS);
    group_probed(&group, 0, GROUP_READINESS, true, 6000);
    assert_true(group_is_ready(&group));
    expect_probe(&group, 7000, 0, GROUP_READINESS);
    group_probed(&group, 0, GROUP_READINESS, false, 7000);
    assert_true(group_is_ready(&group));
    expect_probe(&group, 8000, 0, GROUP_READINESS);
    group_probed(&group, 0, GROUP_READINESS, false, 8000);
    assert_false(group_is_ready(&group));
    expect_rest(&group, 8000, 9000); /* it goes on running */
}

static void a_member_starts_up_before_it_is_probed_otherwise(void **state)
{
    (void)state;
    MEMBERS({.name = "web",
             .probes = {[GROUP_STARTUP] = {.period_ms = 10, .successes = 1, .failures = 3},
                        READINESS,
                        [GROUP_LIVENESS] = {.period_ms = 500, .successes = 1, .failures = 1}}});
    start(&group, 0, 0);
    expect_probe(&group, 0, 0, GROUP_STARTUP);
    expect_rest(&group, 200, -1);
    group_probed(&group, 0, GROUP_STARTUP, false, 200);
    expect_probe(&group, 210, 0, GROUP_STARTUP);
    group_probed(&group, 0, GROUP_STARTUP, true, 210);
    assert_false(group_is_ready(&group));
    expect_probe(&group, 210, 0, GROUP_READINESS);
    expect_probe(&group, 210, 0, GROUP_LIVENESS);
    expect_rest(&group, 210, -1);
}

static void a_failed_startup_or_liveness_ends_and_restarts(void **state)
{
    (void)state;
    MEMBERS({.name = "web",
             .grace_ms = 300,
             .probes = {[GROUP_LIVENESS] = {.period_ms = 50, .successes = 1, .failures = 2}}});
    start(&group, 0, 0);
    expect_probe(&group, 0, 0, GROUP_LIVENESS);
    group_probed(&group, 0, GROUP_LIVENESS, false, 0);
    expect_probe(&group, 50, 0, GROUP_LIVENESS);
    group_probed(&group, 0, GROUP_LIVENESS, false, 60);
    assert_false(group_is_ready(&group));
    expect_action(&group, 60, GROUP_TERMINATE, 0);
    expect_rest(&group, 60, 361);
    expect_action(&group, 361, GROUP_KILL, 0);
    expect_rest(&group, 361, 662);
    group_exited(&group, 0, 137, 400);
    start(&group, 400, 0);
    /* The new one is probed from the beginning. */
    expect_probe(&group, 400, 0, GROUP_LIVENESS);
    group_probed(&group, 0, GROUP_LIVENESS, false, 400);
    expect_rest(&group, 400, 450);
}

static void an_outcome_that_comes_too_late_is_passed_over(void **state)
{
    (void)state;
    MEMBERS({.name = "web",
             .probes = {[GROUP_LIVENESS] = {.period_ms = 50, .successes = 1, .failures = 1}}});
    start(&group, 0, 0);
    expect_probe(&group, 0, 0, GROUP_LIVENESS);
    group_exited(&group, 0, 1, 5);
    group_probed(&group, 0, GROUP_LIVENESS, false, 6);
    start(&group, 6, 0);
    group_probed(&group, 0, GROUP_LIVENESS, false, 7);
    expect_probe(&group, 7, 0, GROUP_LIVENESS);
    group_started(&group, 0, 8); /* said twice */
    group_exited(&group, 0, 1, 9);
    group_exited(&group, 0, 2, 9);
    assert_int_equal(group.members[0].code, 1);
}

static void a_stopped_group_starts_nothing_more(void **state)
{
    (void)state;
    MEMBERS({.name = "web"}, {.name = "db"});
    start(&group, 0, 0);
    group_stop(&group);
    expect_rest(&group, 0, -1);
    assert_false(group_has_ended(&group));
    group_exited(&group, 0, 143, 1);
    expect_rest(&group, 1000000, -1);
    assert_true(group_has_ended(&group));
    assert_int_equal(group_exit_code(&group), 143);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_init_members_one_by_one_then_the_others),
        cmocka_unit_test(an_init_member_that_fails_for_good_ends_the_group),
        cmocka_unit_test(an_init_member_is_tried_again),
        cmocka_unit_test(restarts_at_once_then_ever_later),
        cmocka_unit_test(restarts_only_as_the_policy_says),
        cmocka_unit_test(a_group_that_ends_well_is_ready_and_exits_with_0),
        cmocka_unit_test(readiness_comes_and_goes),
        cmocka_unit_test(a_member_starts_up_before_it_is_probed_otherwise),
        cmocka_unit_test(a_failed_startup_or_liveness_ends_and_restarts),
        cmocka_unit_test(an_outcome_that_comes_too_late_is_passed_over),
        cmocka_unit_test(a_stopped_group_starts_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
