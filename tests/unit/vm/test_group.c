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
    expect_action(&group, 0, GROUP_TERMINATE, 0);
    expect_rest(&group, 0, 1);
    assert_false(group_has_ended(&group));
    group_exited(&group, 0, 143, 1);
    expect_rest(&group, 1000000, -1);
    assert_true(group_has_ended(&group));
    assert_int_equal(group_exit_code(&group), 143);
}

static void a_sidecar_is_started_up_before_what_follows_and_ended_after_it(void **state)
{
    (void)state;
    MEMBERS({.name = "job", .restart = POLICY_RESTART_NEVER, .grace_ms = 50},
            {.name = "proxy",
             .init = true,
             .sidecar = true,
             .restart = POLICY_RESTART_NEVER,
             .grace_ms = 50,
             .probes = {[GROUP_STARTUP] = {.period_ms = 10, .successes = 1, .failures = 3}}},
            {.name = "init", .init = true, .restart = POLICY_RESTART_NEVER},
            {.name = "log", .init = true, .sidecar = true, .restart = POLICY_RESTART_NEVER});
    start(&group, 0, 1);
    expect_probe(&group, 0, 1, GROUP_STARTUP);
    expect_rest(&group, 0, -1); /* it runs, and has not started up */
    group_probed(&group, 1, GROUP_STARTUP, true, 5);
    start(&group, 5, 2);
    expect_rest(&group, 5, -1);
    /* Whatever the group's word, it is started again; nobody waits for that. */
    group_exited(&group, 1, 0, 6);
    expect_action(&group, 6, GROUP_START, 1);
    group_exited(&group, 2, 0, 6);
    expect_rest(&group, 6, -1);
    group_started(&group, 1, 7);
    expect_probe(&group, 7, 1, GROUP_STARTUP);
    group_probed(&group, 1, GROUP_STARTUP, true, 7);
    start(&group, 7, 3);
    start(&group, 7, 0);
    assert_true(group_is_ready(&group));
    group_exited(&group, 0, 4, 8);
    assert_false(group_has_ended(&group));
    expect_action(&group, 8, GROUP_TERMINATE, 3); /* the last one first */
    expect_rest(&group, 8, 9);
    group_exited(&group, 3, 143, 8);
    expect_action(&group, 8, GROUP_TERMINATE, 1);
    expect_rest(&group, 8, 59);
    expect_action(&group, 59, GROUP_KILL, 1);
    group_exited(&group, 1, 137, 60);
    expect_rest(&group, 60, -1);
    assert_true(group_has_ended(&group));
    assert_int_equal(group_exit_code(&group), 4); /* not the sidecars' */
}

static void sidecars_end_where_an_init_member_fails_for_good(void **state)
{
    (void)state;
    MEMBERS({.name = "web", .restart = POLICY_RESTART_NEVER},
            {.name = "proxy", .init = true, .sidecar = true, .restart = POLICY_RESTART_NEVER},
            {.name = "init", .init = true, .restart = POLICY_RESTART_NEVER});
    start(&group, 0, 1);
    start(&group, 0, 2);
    group_exited(&group, 2, 3, 1);
    assert_false(group_has_ended(&group));
    expect_action(&group, 1, GROUP_TERMINATE, 1);
    group_exited(&group, 1, 0, 2);
    expect_rest(&group, 2, -1);
    assert_true(group_has_ended(&group));
    assert_int_equal(group_exit_code(&group), 3);
}

static void a_stopped_groups_sidecars_end_after_the_others(void **state)
{
    (void)state;
    MEMBERS({.name = "web", .grace_ms = 1000},
            {.name = "proxy", .init = true, .sidecar = true, .grace_ms = 1000});
    start(&group, 0, 1);
    start(&group, 0, 0);
    group_stop(&group);
    expect_action(&group, 1, GROUP_TERMINATE, 0);
    expect_rest(&group, 1, 1002);
    group_exited(&group, 1, 1, 5); /* one that ends before is not started again */
    expect_rest(&group, 5, 1002);
    group_exited(&group, 0, 143, 6);
    expect_rest(&group, 6, -1);
    assert_true(group_has_ended(&group));
}

static void nothing_follows_before_the_hook_after_a_start_has_ended_well(void **state)
{
    (void)state;
    MEMBERS({.name = "web",
             .post_start = true,
             .grace_ms = 100,
             .probes = {[GROUP_LIVENESS] = {.period_ms = 50, .successes = 1, .failures = 1}}},
            {.name = "db"});
    start(&group, 0, 0);
    expect_probe(&group, 0, 0, GROUP_POST_START);
    expect_rest(&group, 500, -1);
    assert_false(group_is_ready(&group));
    group_hooked(&group, 0, GROUP_PRE_STOP, true, 500); /* nobody asked */
    expect_rest(&group, 500, -1);
    group_hooked(&group, 0, GROUP_POST_START, false, 500);
    expect_action(&group, 500, GROUP_TERMINATE, 0);
    group_exited(&group, 0, 143, 510);
    start(&group, 510, 0);
    group_hooked(&group, 0, GROUP_POST_START, true,
                 510); /* of the one before: it was not asked yet */
    expect_probe(&group, 510, 0, GROUP_POST_START);
    group_hooked(&group, 0, GROUP_POST_START, true, 600);
    expect_probe(&group, 600, 0, GROUP_LIVENESS);
    group_probed(&group, 0, GROUP_LIVENESS, true, 600);
    start(&group, 600, 1);
    assert_true(group_is_ready(&group));
}

static void the_hook_before_an_end_takes_of_its_time(void **state)
{
    (void)state;
    MEMBERS({.name = "web", .pre_stop = true, .grace_ms = 5000},
            {.name = "db", .pre_stop = true, .grace_ms = 5000});
    start(&group, 0, 0);
    start(&group, 0, 1);
    group_stop(&group);
    expect_probe(&group, 0, 0, GROUP_PRE_STOP);
    expect_probe(&group, 0, 1, GROUP_PRE_STOP);
    expect_rest(&group, 0, 5001);
    group_hooked(&group, 0, GROUP_PRE_STOP, false, 100);
    expect_action(&group, 100, GROUP_TERMINATE, 0);
    expect_rest(&group, 100, 5001);
    group_exited(&group, 0, 0, 200);
    /* The other's hook does not end: it is asked all the same, and killed soon. */
    expect_action(&group, 5001, GROUP_TERMINATE, 1);
    group_hooked(&group, 1, GROUP_PRE_STOP, true, 5002);
    expect_rest(&group, 5002, 5001 + GROUP_LATE_MS);
    expect_action(&group, 5001 + GROUP_LATE_MS, GROUP_KILL, 1);
    group_exited(&group, 1, 137, 8000);
    assert_true(group_has_ended(&group));
}

static void a_failed_probe_has_its_own_grace(void **state)
{
    (void)state;
    MEMBERS({.name = "web",
             .grace_ms = 5000,
             .probes = {[GROUP_LIVENESS] = {
                            .period_ms = 50, .successes = 1, .failures = 1, .grace_ms = 10}}});
    start(&group, 0, 0);
    expect_probe(&group, 0, 0, GROUP_LIVENESS);
    group_probed(&group, 0, GROUP_LIVENESS, false, 0);
    expect_action(&group, 0, GROUP_TERMINATE, 0);
    expect_rest(&group, 0, 11);
    expect_action(&group, 11, GROUP_KILL, 0);
}

/* What is frozen neither answers nor is started: that is no failure of its own. */
static void a_paused_group_is_neither_probed_nor_started(void **state)
{
    (void)state;
    MEMBERS({.name = "web",
             .post_start = true,
             .restart = POLICY_RESTART_ALWAYS,
             .probes = {[GROUP_LIVENESS] = {.period_ms = 50, .successes = 1, .failures = 1}}});
    start(&group, 0, 0);
    group_pause(&group, true);
    expect_rest(&group, 0, -1);
    group_pause(&group, false);
    expect_probe(&group, 10, 0, GROUP_POST_START);
    group_hooked(&group, 0, GROUP_POST_START, true, 10);
    expect_probe(&group, 10, 0, GROUP_LIVENESS);
    group_pause(&group, true);
    group_probed(&group, 0, GROUP_LIVENESS, false, 20);
    expect_rest(&group, 1000, -1);
    group_pause(&group, false);
    expect_probe(&group, 1000, 0, GROUP_LIVENESS);
    group_probed(&group, 0, GROUP_LIVENESS, true, 1000);
    group_pause(&group, true);
    group_exited(&group, 0, 137, 1010);
    expect_rest(&group, 1010, -1);
    assert_false(group_has_ended(&group));
    group_pause(&group, false);
    expect_action(&group, 1010, GROUP_START, 0);
}

static void a_paused_group_can_be_stopped(void **state)
{
    (void)state;
    MEMBERS({.name = "web", .grace_ms = 100}, {.name = "db", .restart = POLICY_RESTART_ALWAYS});
    start(&group, 0, 0);
    start(&group, 0, 1);
    group_pause(&group, true);
    group_exited(&group, 1, 1, 10);
    group_stop(&group);
    expect_action(&group, 10, GROUP_TERMINATE, 0);
    expect_action(&group, 111, GROUP_KILL, 0);
    group_exited(&group, 0, 137, 112);
    assert_true(group_has_ended(&group));
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
        cmocka_unit_test(a_sidecar_is_started_up_before_what_follows_and_ended_after_it),
        cmocka_unit_test(sidecars_end_where_an_init_member_fails_for_good),
        cmocka_unit_test(a_stopped_groups_sidecars_end_after_the_others),
        cmocka_unit_test(nothing_follows_before_the_hook_after_a_start_has_ended_well),
        cmocka_unit_test(the_hook_before_an_end_takes_of_its_time),
        cmocka_unit_test(a_failed_probe_has_its_own_grace),
        cmocka_unit_test(a_paused_group_is_neither_probed_nor_started),
        cmocka_unit_test(a_paused_group_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
