/* Fragments: whose are taken, what of them counts, and what is refused. */
#include "../check.h"

#include <stdio.h>

#include "policy/policy.h"
#include "policy/state.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define RULE(issuer, feed, svn, includes)                                                          \
    "{\"issuer\":\"" issuer "\",\"feed\":\"" feed "\",\"minimum_svn\":" svn                        \
    ",\"includes\":[" includes "]}"

#define CONTAINER(hash, capability)                                                                \
    "{\"command\":[\"side\"],\"env_rules\":[],\"layers\":[\"" hash "\"],\"mounts\":[],"            \
    "\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,\"allow_stdio_access\":true,"   \
    "\"working_dir\":\"/\",\"no_new_privileges\":false,\"seccomp_profile_sha256\":\"\","           \
    "\"capabilities\":{\"bounding\":[\"" capability "\"],\"effective\":[],\"inheritable\":[],"     \
    "\"permitted\":[],\"ambient\":[]},\"user\":{\"user_idname\":{\"pattern\":\"\",\"strategy\":"   \
    "\"any\"},\"group_idnames\":[],\"umask\":\"0022\"}}"

#define POLICY(fragments)                                                                          \
    "package policy\napi_version := \"0.11.0\"\nframework_version := \"0.5.0\"\nfragments := "     \
    "[" fragments "]\ncontainers := [" CONTAINER(                                                  \
        HASH_B, "CAP_CHOWN") "]\n"                                                                 \
                             "allow_capability_dropping := true\n"                                 \
                             "load_fragment := data.framework.load_fragment\n"                     \
                             "mount_device := data.framework.mount_device\n"                       \
                             "mount_overlay := data.framework.mount_overlay\n"                     \
                             "create_container := data.framework.create_container\n"               \
                             "exec_external := data.framework.exec_external\n"

#define RULES                                                                                      \
    RULE("i", "f", "\"2\"", "\"containers\",\"fragments\"")                                        \
    "," RULE("i", "versions", "\"1.2.0\"", "\"containers\"") "," RULE("i", "bad", "\"x\"", "")

#define FRAGMENT(svn, rest)                                                                        \
    "package side\nsvn := " svn                                                                    \
    "\nframework_version := \"0.2.3\"\ncontainers := [" CONTAINER(HASH_A, "CAP_MINE") "]\n" rest

#define GROUP                                                                                      \
    "caisson_group := {\"init\":[],\"containers\":[0],\"restart\":\"Never\",\"empty_dirs\":[],"    \
    "\"shared_pid\":false,\"shared_ipc\":false}\n"

struct machine {
    struct policy *policy;
    struct policy_state *state;
    struct policy_decision decision;
};

static void start(struct machine *machine, const char *text)
{
    struct error err = {0};
    *machine = (struct machine){0};
    check_ok(policy_parse(span_of_text(text), POLICY_ALLOW_ALL, &machine->policy, &err), &err);
    check_ok(policy_state_new(machine->policy, &machine->state, &err), &err);
}

static void stop(struct machine *machine)
{
    policy_decision_fini(&machine->decision);
    policy_state_free(machine->state);
    policy_free(machine->policy);
}

static bool load(struct machine *machine, const char *feed, const char *text)
{
    const struct policy_fragment fragment = {
        .issuer = "i", .feed = feed, .text = span_of_text(text)};
    return policy_load_fragment(machine->state, &fragment, &machine->decision);
}

static bool mount(struct machine *machine, const char *target, const char *hash)
{
    return policy_mount_device(machine->state, target, hash, &machine->decision);
}

/* Refused with these words, and nothing is left of it. */
static void check_denied(struct machine *machine, const struct policy_fragment *fragment,
                         const char *words)
{
    bool loaded = policy_load_fragment(machine->state, fragment, &machine->decision);
    if (loaded || !strstr(machine->decision.reason, words))
        fail_msg("\"%s\" does not hold \"%s\"", machine->decision.reason, words);
    assert_int_equal(machine->decision.point, POLICY_LOAD_FRAGMENT);
    assert_int_equal(policy_fragment_count(machine->state), 0);
    assert_false(mount(machine, "/run/mounts/scsi/m9", HASH_A));
}

static void refuses_other_signers_feeds_and_versions(void **state)
{
    struct machine machine;
    const struct span good = span_of_text(FRAGMENT("\"5\"", ""));
    const struct {
        struct policy_fragment fragment;
        const char *words;
    } cases[] = {
        {{"", "f", false, 0, good}, "issuer \"\""},
        {{"I", "f", false, 0, good}, "issuer \"I\""},
        {{"ii", "f", false, 0, good}, "issuer \"ii\""},
        {{"i", "F", false, 0, good}, "feed \"F\""},
        {{"i", "", false, 0, good}, "feed \"\""},
        {{"i", "f", true, 6, good}, "6 in the header and \"5\" in the text"},
        {{"i", "f", false, 0, span_of_text(FRAGMENT("\"1\"", ""))}, "is lower"},
        {{"i", "f", false, 0, span_of_text(FRAGMENT("0", ""))}, "is lower"},
        {{"i", "f", false, 0, span_of_text(FRAGMENT("-5", ""))}, "no number"},
        {{"i", "f", false, 0, span_of_text(FRAGMENT("\"5a\"", ""))}, "no number"},
        {{"i", "f", false, 0, span_of_text(FRAGMENT("\"\"", ""))}, "no number"},
        {{"i", "f", false, 0, span_of_text(FRAGMENT("\"5.0.0\"", ""))}, "different kinds"},
        {{"i", "f", true, 5, span_of_text(FRAGMENT("\"5.0.0\"", ""))}, "in the header"},
        {{"i", "versions", false, 0, good}, "different kinds"},
        {{"i", "versions", false, 0, span_of_text(FRAGMENT("\"1.1.9\"", ""))}, "is lower"},
        {{"i", "bad", false, 0, good}, "minimum_svn is no number"},
    };
    (void)state;
    start(&machine, POLICY(RULES));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_denied(&machine, &cases[i].fragment, cases[i].words);
    stop(&machine);
}

static void refuses_malformed_texts(void **state)
{
    struct machine machine;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "first line"},
        {"# c\npackage side\nsvn := 5\n", "first line"},
        {"\npackage side\n", "first line"},
        {"package a.b\nsvn := 5\n", "line 1"},
        {"package framework\nsvn := 5\n", "reserved"},
        {"package api\n", "reserved"},
        {"package policy\n", "reserved"},
        {"package metadata\n", "reserved"},
        {"package side\nsvn := \n", "line 2"},
        {"package side\nsvn := []\n", "line 2: svn"},
        {"package side\nsvn := 5\n", "no framework_version"},
        {"package side\nframework_version := \"0.2.3\"\n", "an svn neither"},
        {"package side\nsvn := 5\nframework_version := \"9.0.0\"\n", "newer"},
        {FRAGMENT("5", "api_version := \"0.10.0\"\n"), "no place in a fragment"},
        {FRAGMENT("5", "allow_dump_stacks := true\n"), "no place in a fragment"},
        {FRAGMENT("5", "mount_device := data.framework.mount_device\n"), "no place"},
        {FRAGMENT("5", "mount_device := {\"allowed\": true}\n"), "no place"},
        {FRAGMENT("5", "reason := data.framework.reason\n"), "no place"},
        {FRAGMENT("5", "other := [1 | 1]\n"), "line"},
        {FRAGMENT("5", "fragments := [{\"issuer\":\"i\"}]\n"), "feed"},
        {FRAGMENT("5", "parameters := {\"mode\":{\"default\":\"fast\"}}\n"), "line 5"},
        {FRAGMENT("5", "fragments := [" RULE("i", "g", "1", "\"x\"") "]\n"), "\"x\" is unknown"},
    };
    (void)state;
    start(&machine, POLICY(RULES));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct policy_fragment fragment = {
            .issuer = "i", .feed = "f", .text = span_of_text(cases[i].text)};
        check_denied(&machine, &fragment, cases[i].words);
    }
    stop(&machine);
}

static void refuses_where_the_policy_is_silent(void **state)
{
    struct machine machine;
    static const struct {
        const char *policy;
        const char *words;
    } cases[] = {
        {POLICY(""), "issuer"},
        {POLICY(RULE("i", "f", "1", "\"containers\"") "," RULE("i", "f", "1", "\"fragments\"")),
         "two rules"},
        {POLICY("{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,\"includes\":[\"containers\"],"
                "\"required_receipts\":[\"ledger\"]}"),
         "required_receipts"},
        {POLICY("{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,\"includes\":[\"containers\"],"
                "\"parameters\":{\"mode\":\"fast\"}}"),
         "the parameter \"mode\""},
        {"package policy\napi_version := \"0.8.0\"\nframework_version := \"0.2.3\"\n"
         "load_fragment := data.framework.load_fragment\n",
         "older than this point"},
        {"package policy\napi_version := \"0.9.0\"\nframework_version := \"0.2.3\"\n",
         "does not define"},
        {"package policy\napi_version := \"0.9.0\"\n"
         "load_fragment := data.framework.load_fragment\n",
         "framework_version"},
        {"package policy\napi_version := \"0.9.0\"\nframework_version := \"0.6.0\"\n"
         "load_fragment := data.framework.load_fragment\n",
         "framework_version"},
        {"package policy\nframework_version := \"0.2.3\"\n", "api_version"},
    };
    const struct policy_fragment fragment = {
        .issuer = "i", .feed = "f", .text = span_of_text(FRAGMENT("5", ""))};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(&machine, cases[i].policy);
        check_denied(&machine, &fragment, cases[i].words);
        stop(&machine);
    }
}

/* Nothing that is asked for is no demand. */
static void takes_empty_receipts_and_parameters(void **state)
{
    static const char *const empty[] = {"\"required_receipts\":[]", "\"parameters\":{}",
                                        "\"required_receipts\":[],\"parameters\":{}"};
    char policy[4096];
    (void)state;
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        struct machine machine;
        (void)snprintf(policy, sizeof policy,
                       POLICY("{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,\"includes\":["
                              "\"containers\"],%s}"),
                       empty[i]);
        start(&machine, policy);
        assert_true(load(&machine, "f", FRAGMENT("5", "")));
        stop(&machine);
    }
}

/* Of what a fragment has, only that counts which its rule includes. */
static void takes_only_what_is_included(void **state)
{
    struct machine machine;
    static const char *const parts[] = {
        "\"fragments\"",      "\"external_processes\"",       "\"namespace\"",
        "\"platform_rules\"", "\"transparency_trust_lists\"", ""};
    char policy[4096];
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        (void)snprintf(policy, sizeof policy, POLICY(RULE("i", "f", "1", "%s")), parts[i]);
        start(&machine, policy);
        assert_true(load(&machine, "f", FRAGMENT("5", "")));
        assert_false(mount(&machine, "/run/mounts/scsi/m0", HASH_A));
        assert_true(mount(&machine, "/run/mounts/scsi/m0", HASH_B));
        stop(&machine);
    }
}

static bool create(struct machine *machine, const char *const *capabilities, size_t count,
                   const char *const *env, size_t env_count)
{
    static const char *const args[] = {"side"};
    const struct policy_process process = {
        .container_id = "c",
        .sandbox_id = "c",
        .args = {args, 1},
        .env = {env, env_count},
        .cwd = "/",
        .user = {"0", "root"},
        .umask = "0022",
        .seccomp_sha256 = "",
        .capabilities = {{{capabilities, count}}},
    };
    return policy_create_container(machine->state, &process, &machine->decision);
}

static void stack(struct machine *machine)
{
    static const char *const layers[] = {"/run/mounts/scsi/m0"};
    assert_true(mount(machine, "/run/mounts/scsi/m0", HASH_A));
    assert_true(policy_mount_overlay(machine->state, "c", (struct policy_list){layers, 1}, "/c",
                                     &machine->decision));
}

/* A capability that only the fragment knows is neither lost nor another's. */
static void decides_about_containers_of_fragments(void **state)
{
    static const char *const caps[] = {"CAP_CHOWN", "CAP_MINE", "CAP_OTHER"};
    struct machine machine;
    (void)state;
    start(&machine, POLICY(RULES));
    assert_true(load(&machine, "f", FRAGMENT("\"2\"", "")));
    assert_int_equal(policy_fragment_count(machine.state), 1);
    assert_string_equal(policy_fragment_at(machine.state, 0)->feed, "f");
    assert_string_equal(policy_fragment_at(machine.state, 0)->svn, "2");
    stack(&machine);
    assert_false(create(&machine, caps, 1, NULL, 0));
    assert_non_null(strstr(machine.decision.reason, "CAP_MINE is missing"));
    assert_true(create(&machine, caps, 3, NULL, 0));
    assert_int_equal(machine.decision.caps_kept.sets[POLICY_BOUNDING].count, 1);
    assert_string_equal(machine.decision.caps_kept.sets[POLICY_BOUNDING].items[0], "CAP_MINE");
    stop(&machine);
}

/* A group says which rows of the policy belong together: a fragment's row of the same number is
 * none of them. */
static void keeps_containers_of_fragments_out_of_a_group(void **state)
{
    static const char *const caps[] = {"CAP_MINE"};
    struct machine machine;
    (void)state;
    start(&machine, POLICY(RULES) GROUP);
    assert_true(load(&machine, "f", FRAGMENT("5", "")));
    stack(&machine);
    assert_false(create(&machine, caps, 1, NULL, 0));
    assert_non_null(strstr(machine.decision.reason, "not of the group"));
    stop(&machine);
}

static void takes_versions_and_the_header_alone(void **state)
{
    struct machine machine;
    const struct policy_fragment header = {
        "i", "f", true, 2,
        span_of_text("package side\nframework_version := \"0.2.3\"\ncontainers := []\n")};
    (void)state;
    start(&machine, POLICY(RULES));
    assert_true(load(&machine, "versions", FRAGMENT("\"1.10.0\"", "")));
    assert_true(policy_load_fragment(machine.state, &header, &machine.decision));
    stop(&machine);
}

/* A fragment lets another one in where its rule includes fragments, and only then. */
static void follows_fragments_of_fragments(void **state)
{
    static const char outer[] = "package outer\nsvn := 5\nframework_version := \"0.2.3\"\n"
                                "fragments := [" RULE("i", "inner", "1", "\"containers\"") "]\n";
    struct machine machine;
    (void)state;
    start(&machine, POLICY(RULES));
    assert_false(load(&machine, "inner", FRAGMENT("5", "")));
    assert_true(load(&machine, "f", outer));
    assert_true(load(&machine, "inner", FRAGMENT("5", "")));
    assert_true(mount(&machine, "/run/mounts/scsi/m0", HASH_A));
    stop(&machine);
    start(&machine, POLICY(RULE("i", "f", "1", "\"containers\"")));
    assert_true(load(&machine, "f", outer));
    assert_false(load(&machine, "inner", FRAGMENT("5", "")));
    stop(&machine);
}

static void takes_external_processes_and_platform_rules(void **state)
{
    static const char text[] =
        "package side\nsvn := 5\nframework_version := \"0.5.0\"\ncontainers := [" CONTAINER(
            HASH_A, "CAP_CHOWN") "]\nexternal_processes := [{\"command\":[\"tool\"],\"env_rules\":"
                                 "[],\"working_dir\":\"/\",\"allow_stdio_access\":false}]\n"
                                 "platform_rules := [{\"env_rules\":[{\"pattern\":\"P=1\","
                                 "\"strategy\":\"string\",\"required\":true}],\"mounts\":[]}]\n";
    static const char *const args[] = {"tool"};
    static const char *const env[] = {"P=1"};
    static const char *const caps[] = {"CAP_CHOWN"};
    const struct policy_process tool = {.args = {args, 1}, .cwd = "/", .umask = "0022"};
    struct machine machine;
    (void)state;
    start(&machine,
          POLICY(RULE("i", "f", "1", "\"containers\",\"external_processes\",\"platform_rules\"")));
    assert_false(policy_exec_external(machine.state, &tool, &machine.decision));
    assert_true(load(&machine, "f", text));
    assert_true(policy_exec_external(machine.state, &tool, &machine.decision));
    stack(&machine);
    assert_false(create(&machine, caps, 1, NULL, 0));
    assert_non_null(strstr(machine.decision.reason, "\"P\" is missing"));
    assert_true(create(&machine, caps, 1, env, 1));
    stop(&machine);
}

static void loads_one_fragment_once(void **state)
{
    struct machine machine;
    (void)state;
    start(&machine, POLICY(RULES));
    for (int i = 0; i < 3; i++)
        assert_true(load(&machine, "f", FRAGMENT("5", "")));
    assert_int_equal(policy_fragment_count(machine.state), 1);
    assert_true(load(&machine, "f", FRAGMENT("6", "")));
    assert_int_equal(policy_fragment_count(machine.state), 2);
    assert_string_equal(policy_fragment_at(machine.state, 0)->svn, "5");
    assert_string_equal(policy_fragment_at(machine.state, 1)->svn, "6");
    stop(&machine);
}

static void bounds_how_many_are_loaded(void **state)
{
    struct machine machine;
    char text[256];
    (void)state;
    start(&machine, POLICY(RULES));
    for (int i = 0; i < STATE_FRAGMENTS_MAX; i++) {
        (void)snprintf(text, sizeof text,
                       "package side\nsvn := %d\nframework_version := \"0.2.3\"\n", 100 + i);
        assert_true(load(&machine, "f", text));
    }
    assert_false(load(&machine, "f", FRAGMENT("5", "")));
    assert_non_null(strstr(machine.decision.reason, "at most"));
    assert_false(mount(&machine, "/run/mounts/scsi/m0", HASH_A));
    stop(&machine);
}

/* Evidence names every fragment: one whose name would not fit is not loaded. */
static void bounds_the_names_of_what_is_loaded(void **state)
{
    static char policy[65536], feed[4096];
    struct machine machine;
    (void)state;
    memset(feed, 'f', 3000);
    (void)snprintf(policy, sizeof policy,
                   POLICY(RULE("i", "%s", "1", "\"containers\"") "," RULE("i", "f", "1", "")),
                   feed);
    start(&machine, policy);
    assert_true(load(&machine, feed, FRAGMENT("1", "")));
    assert_true(load(&machine, feed, FRAGMENT("2", "")));
    assert_true(load(&machine, feed, FRAGMENT("3", "")));
    assert_false(load(&machine, feed, FRAGMENT("4", "")));
    assert_non_null(strstr(machine.decision.reason, "would not fit into evidence"));
    assert_int_equal(policy_fragment_count(machine.state), 3);
    assert_true(load(&machine, "f", FRAGMENT("4", "")));
    stop(&machine);
}

/* {"allowed": true} says nothing about what a fragment would include. */
static void loads_nothing_under_a_policy_that_allows_all(void **state)
{
    struct machine machine;
    (void)state;
    start(&machine, "package policy\napi_version := \"0.10.0\"\nframework_version := \"0.2.3\"\n"
                    "load_fragment := {\"allowed\": true}\n");
    assert_true(load(&machine, "any", "not even text of a fragment"));
    assert_int_equal(policy_fragment_count(machine.state), 0);
    stop(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_other_signers_feeds_and_versions),
        cmocka_unit_test(refuses_malformed_texts),
        cmocka_unit_test(refuses_where_the_policy_is_silent),
        cmocka_unit_test(takes_empty_receipts_and_parameters),
        cmocka_unit_test(takes_only_what_is_included),
        cmocka_unit_test(decides_about_containers_of_fragments),
        cmocka_unit_test(keeps_containers_of_fragments_out_of_a_group),
        cmocka_unit_test(takes_versions_and_the_header_alone),
        cmocka_unit_test(follows_fragments_of_fragments),
        cmocka_unit_test(takes_external_processes_and_platform_rules),
        cmocka_unit_test(loads_one_fragment_once),
        cmocka_unit_test(bounds_how_many_are_loaded),
        cmocka_unit_test(bounds_the_names_of_what_is_loaded),
        cmocka_unit_test(loads_nothing_under_a_policy_that_allows_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
