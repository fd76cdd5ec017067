/* Parameters of fragments: which values go in, what they then allow, and what is refused. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/state.h"

#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define CONTAINER(command, env)                                                                    \
    "{\"command\":" command ",\"env_rules\":[" env "],\"layers\":[\"" HASH "\"],\"mounts\":[],"    \
    "\"exec_processes\":[],\"signals\":[],\"allow_elevated\":false,\"allow_stdio_access\":true,"   \
    "\"working_dir\":\"/\",\"no_new_privileges\":false,\"seccomp_profile_sha256\":\"\","           \
    "\"capabilities\":{\"bounding\":[],\"effective\":[],\"inheritable\":[],\"permitted\":[],"      \
    "\"ambient\":[]},\"user\":{\"user_idname\":{\"pattern\":\"\",\"strategy\":\"any\"},"           \
    "\"group_idnames\":[],\"umask\":\"0022\"}}"

#define RULE(name, value, strategy)                                                                \
    "{\"name\":\"" name "\",\"name_strategy\":\"string\",\"value\":" value                         \
    ",\"value_strategy\":" strategy "}"

#define ROW(feed, svn, more)                                                                       \
    "{\"issuer\":\"i\",\"feed\":\"" feed "\",\"minimum_svn\":" svn                                 \
    ",\"includes\":[\"containers\",\"fragments\"]" more "}"
#define WITH(parameters) ",\"parameters\":" parameters

#define POLICY(rows)                                                                               \
    "package policy\napi_version := \"0.11.0\"\nframework_version := \"0.5.0\"\nfragments := "     \
    "[" rows "]\ncontainers := []\nload_fragment := data.framework.load_fragment\n"                \
    "mount_device := data.framework.mount_device\n"                                                \
    "mount_overlay := data.framework.mount_overlay\n"                                              \
    "create_container := data.framework.create_container\n"

#define FRAGMENT(api, rest)                                                                        \
    "package side\nsvn := \"3\"\nframework_version := \"0.5.0\"\nparameters_api := {" api "}"      \
    "\n" rest

/* Its one variable is what a parameter says: any that is not empty by default. */
#define MODE                                                                                       \
    FRAGMENT("\"mode\":{\"default\":{\"value\":\".+\",\"value_strategy\":\"re2\"}}",               \
             "containers := [" CONTAINER("[\"side\"]",                                             \
                                         RULE("MODE", "parameter(\"mode\").value",                 \
                                              "parameter(\"mode\").value_strategy")) "]\n")

#define MODE_IS(value) "{\"mode\":{\"value\":" value ",\"value_strategy\":\"string\"}}"

struct machine {
    struct policy *policy;
    struct policy_state *state;
    struct policy_decision decision;
    unsigned int ids;
};

static void start(struct machine *machine, const char *text)
{
    struct error err = {0};
    *machine = (struct machine){0};
    check_ok(policy_parse(span_of_text(text), POLICY_STRICT, &machine->policy, &err), &err);
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

static void check_loaded(struct machine *machine, const char *feed, const char *text)
{
    if (!load(machine, feed, text))
        fail_msg("%s", machine->decision.reason);
}

/* Refused with these words, and nothing of it is in force. */
static void check_denied(struct machine *machine, const char *text, const char *words)
{
    size_t count = machine->state->fragment_count;
    size_t bytes = machine->state->fragment_bytes;
    if (load(machine, "f", text) || !strstr(machine->decision.reason, words))
        fail_msg("\"%s\" does not hold \"%s\"", machine->decision.reason, words);
    assert_int_equal(machine->state->fragment_count, count);
    assert_int_equal(machine->state->fragment_bytes, bytes);
}

/* Whether a new container of the fragment's layer may start so. */
static bool runs(struct machine *machine, const char *command, struct policy_list env)
{
    char id[16], root[16];
    static const char *const layers[] = {"/run/mounts/scsi/m0"};
    const struct policy_process process = {
        .container_id = id,
        .sandbox_id = id,
        .args = {&command, 1},
        .env = env,
        .cwd = "/",
        .user = {"0", "root"},
        .umask = "0022",
        .seccomp_sha256 = "",
    };
    (void)snprintf(id, sizeof id, "c%u", machine->ids);
    (void)snprintf(root, sizeof root, "/c%u", machine->ids);
    if (machine->ids++ == 0)
        assert_true(policy_mount_device(machine->state, layers[0], HASH, &machine->decision));
    assert_true(policy_mount_overlay(machine->state, id, (struct policy_list){layers, 1}, root,
                                     &machine->decision));
    return policy_create_container(machine->state, &process, &machine->decision);
}

static bool runs_with(struct machine *machine, const char *variable)
{
    return runs(machine, "side", (struct policy_list){&variable, 1});
}

static void puts_a_rows_values_into_the_text(void **state)
{
    static const char *const refused[] = {"MODE=slow", "MODE=fas.", "MODE=", "MODE", "OTHER=fast"};
    struct machine machine;
    (void)state;
    start(&machine, POLICY(ROW("f", "1", WITH(MODE_IS("\"fast\"")))));
    check_loaded(&machine, "f", MODE);
    assert_true(runs_with(&machine, "MODE=fast"));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(runs_with(&machine, refused[i]));
    stop(&machine);
}

static void tries_each_of_several_rows(void **state)
{
    struct machine machine;
    (void)state;
    start(&machine, POLICY(ROW("f", "1", WITH(MODE_IS("\"fast\""))) "," ROW(
                        "f", "1", WITH(MODE_IS("\"slow\"")))));
    check_loaded(&machine, "f", MODE);
    assert_true(runs_with(&machine, "MODE=fast"));
    assert_true(runs_with(&machine, "MODE=slow"));
    assert_false(runs_with(&machine, "MODE=fas"));
    assert_int_equal(policy_fragment_count(machine.state), 1); /* it is one fragment */
    check_loaded(&machine, "f", MODE);
    assert_int_equal(machine.state->fragment_count, 2);
    stop(&machine);
}

static void takes_defaults_where_a_row_gives_nothing(void **state)
{
    static const char *const rows[] = {POLICY(ROW("f", "1", WITH("{}"))),
                                       POLICY(ROW("f", "1", ""))};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct machine machine;
        start(&machine, rows[i]);
        check_loaded(&machine, "f", MODE);
        assert_true(runs_with(&machine, "MODE=anything"));
        assert_false(runs_with(&machine, "MODE="));
        assert_false(runs_with(&machine, "OTHER=x"));
        stop(&machine);
    }
}

static void takes_values_letter_for_letter(void **state)
{
    struct machine machine;
    (void)state;
    start(
        &machine,
        POLICY(ROW("f", "1", WITH(MODE_IS("\"!@#$%^&*( )[]{};'\\\\:\\\"|,./<>?\\n\\t\\u0001\"")))));
    check_loaded(&machine, "f", MODE);
    assert_true(runs_with(&machine, "MODE=!@#$%^&*( )[]{};'\\:\"|,./<>?\n\t\x01"));
    assert_false(runs_with(&machine, "MODE=!@#$%^&*( )[]{};'\\:\"|,./<>?\n\t\x01\n"));
    stop(&machine);
    start(&machine, POLICY(ROW("f", "1", WITH(MODE_IS("\"\"")))));
    check_loaded(&machine, "f", MODE);
    assert_true(runs_with(&machine, "MODE="));
    assert_false(runs_with(&machine, "MODE= "));
    stop(&machine);
}

/* Several values of one row belong together. */
static void keeps_the_values_of_rows_apart(void **state)
{
    static const char text[] = FRAGMENT(
        "\"a\":{},\"b\":{\"default\":\"b0\"}",
        "containers := [" CONTAINER("[\"side\"]",
                                    RULE("A", "parameter(\"a\")", "\"string\"") "," RULE(
                                        "B", "parameter(\"b\")", "\"string\"")) "]\n");
    static const struct {
        const char *env[2];
        bool runs;
    } cases[] = {
        {{"A=a1", "B=b1"}, true},  {{"A=a2", "B=b2"}, true},  {{"A=a3", "B=b0"}, true},
        {{"A=a1", "B=b2"}, false}, {{"A=a2", "B=b1"}, false}, {{"A=a3", "B=b1"}, false},
        {{"A=a1", "B=b0"}, false}, {{"A=", "B=b0"}, false},
    };
    struct machine machine;
    (void)state;
    start(&machine,
          POLICY(ROW("f", "1", WITH("{\"a\":\"a1\",\"b\":\"b1\"}")) "," ROW(
              "f", "1", WITH("{\"a\":\"a2\",\"b\":\"b2\"}")) "," ROW("f", "1",
                                                                     WITH("{\"a\":\"a3\"}"))));
    check_loaded(&machine, "f", text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(runs(&machine, "side", (struct policy_list){cases[i].env, 2}),
                         cases[i].runs);
    stop(&machine);
}

/* Two fragments may call different things by one name. */
static void keeps_fragments_apart(void **state)
{
    struct machine machine;
    (void)state;
    start(&machine, POLICY(ROW("f", "1", WITH(MODE_IS("\"fast\""))) "," ROW(
                        "g", "1", WITH("{\"mode\":[\"other\"]}"))));
    check_loaded(&machine, "f", MODE);
    check_loaded(
        &machine, "g",
        FRAGMENT("\"mode\":{}", "containers := [" CONTAINER("parameter(\"mode\")", "") "]\n"));
    assert_true(runs_with(&machine, "MODE=fast"));
    assert_true(runs(&machine, "other", (struct policy_list){0}));
    assert_false(runs_with(&machine, "MODE=other"));
    stop(&machine);
}

static void takes_lists_and_whole_rows(void **state)
{
    static const char command[] = FRAGMENT(
        "\"command\":{\"default\":[\"init\"]}",
        "containers := [" CONTAINER("parameter(\"command\")", "") "]\n");
    static const char rows[] = FRAGMENT("\"rows\":{}", "containers := parameter(\"rows\")\n");
    struct machine machine;
    (void)state;
    start(&machine, POLICY(ROW("f", "1", WITH("{\"command\":[\"mine\"]}"))));
    check_loaded(&machine, "f", command);
    assert_true(runs(&machine, "mine", (struct policy_list){0}));
    assert_false(runs(&machine, "init", (struct policy_list){0}));
    stop(&machine);
    start(&machine, POLICY(ROW("f", "1", "")));
    check_loaded(&machine, "f", command);
    assert_true(runs(&machine, "init", (struct policy_list){0}));
    stop(&machine);
    start(&machine, POLICY(ROW("f", "1", WITH("{\"rows\":[" CONTAINER("[\"whole\"]", "") "]}"))));
    check_loaded(&machine, "f", rows);
    assert_true(runs(&machine, "whole", (struct policy_list){0}));
    stop(&machine);
}

#define OUTER(feed)                                                                                \
    FRAGMENT(                                                                                      \
        "\"outer\":{\"default\":\"o0\"}",                                                          \
        "fragments := [" ROW(                                                                      \
            feed, "1",                                                                             \
            WITH("{\"a\":parameter(\"outer\"),\"b\":\"b1\"}")) "," ROW(feed, "1",                  \
                                                                       WITH("{\"a\":parameter("    \
                                                                            "\"outer\"),\"b\":"    \
                                                                            "\"b2\"}")) "]\n")
#define INNER                                                                                      \
    FRAGMENT("\"a\":{},\"b\":{\"default\":\"b0\"}",                                                \
             "containers := [" CONTAINER("[\"side\"]",                                             \
                                         RULE("A", "parameter(\"a\")", "\"string\"") "," RULE(     \
                                             "B", "parameter(\"b\")", "\"string\"")) "]\n")

/* A fragment gives parameters to another one, out of those that it was given itself. */
static void hands_parameters_on(void **state)
{
    static const char *const good[][2] = {
        {"A=o0", "B=b1"}, {"A=o0", "B=b2"}, {"A=o1", "B=b1"}, {"A=o1", "B=b2"}};
    static const char *const bad[][2] = {{"A=o2", "B=b1"}, {"A=o1", "B=b0"}, {"A=o0", "B=b3"}};
    struct machine machine;
    (void)state;
    start(&machine,
          POLICY(ROW("f", "1", WITH("{}")) "," ROW("f", "1", WITH("{\"outer\":\"o1\"}"))));
    assert_false(load(&machine, "inner", INNER));
    check_loaded(&machine, "f", OUTER("inner"));
    check_loaded(&machine, "inner", INNER);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(runs(&machine, "side", (struct policy_list){good[i], 2}));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(runs(&machine, "side", (struct policy_list){bad[i], 2}));
    assert_int_equal(policy_fragment_count(machine.state), 2);
    stop(&machine);
}

/* What a fragment's rows say counts only where its own row includes them: else whoever signs one
 * fragment could widen another's. */
static void takes_no_parameters_from_rows_that_are_not_included(void **state)
{
    struct machine machine;
    (void)state;
    start(&machine,
          POLICY(ROW(
              "f", "1",
              WITH(MODE_IS(
                  "\"fast\""))) ","
                                "{\"issuer\":\"i\",\"feed\":\"g\",\"minimum_svn\":1,\"includes\":["
                                "\"containers\"]}"));
    check_loaded(&machine, "g",
                 "package other\nsvn := 1\nframework_version := \"0.5.0\"\n"
                 "fragments := [" ROW("f", "1", WITH(MODE_IS("\"slow\""))) "]\n");
    check_loaded(&machine, "f", MODE);
    assert_true(runs_with(&machine, "MODE=fast"));
    assert_false(runs_with(&machine, "MODE=slow"));
    stop(&machine);
}

/* Values are those of rows that let the fragment in. */
static void takes_no_parameters_from_rows_that_want_a_higher_svn(void **state)
{
    struct machine machine;
    (void)state;
    start(&machine, POLICY(ROW("f", "1", WITH(MODE_IS("\"fast\""))) "," ROW(
                        "f", "9", WITH("{\"news\":\"x\"}"))));
    check_loaded(&machine, "f", MODE);
    assert_true(runs_with(&machine, "MODE=fast"));
    assert_false(runs_with(&machine, "MODE=slow"));
    stop(&machine);
    start(&machine, POLICY(ROW("f", "9", WITH(MODE_IS("\"fast\""))) "," ROW("f", "1", "")));
    check_denied(&machine, MODE, "another row gives parameters");
    stop(&machine);
}

static void refuses_values_that_do_not_fit(void **state)
{
    struct machine machine;
    static const struct {
        const char *policy, *fragment, *words;
    } cases[] = {
        {POLICY(ROW("f", "1", WITH("{\"mod\":1}"))), MODE, "the parameter \"mod\""},
        {POLICY(ROW("f", "1", WITH("{\"mode\":1}"))), MODE, "parameter(\"mode\").value"},
        {POLICY(ROW("f", "1", WITH("{\"mode\":null}"))), MODE, "parameter(\"mode\").value"},
        {POLICY(ROW("f", "1", WITH("{\"mode\":{\"value\":\"x\"}}"))), MODE, "value_strategy"},
        {POLICY(ROW("f", "1", WITH(MODE_IS("1")))), MODE, "expected a string, found an integer"},
        {POLICY(ROW("f", "1", WITH("{\"mode\":{\"value\":\"x\",\"value_strategy\":\"?\"}}"))), MODE,
         "strategy \"?\""},
        {POLICY(ROW("f", "1", "")), FRAGMENT("", "containers := parameter(\"x\")\n"),
         "line 5: parameter(\"x\") has neither a value nor a default"},
        {POLICY(ROW("f", "1", "")), FRAGMENT("\"x\":{}", "containers := parameter(\"x\")\n"),
         "neither a value"},
        {POLICY(ROW("f", "1", WITH("{}")) "," ROW("f", "1", WITH("{\"mode\":1}"))), MODE,
         "parameter(\"mode\").value"},
        {POLICY("{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,\"includes\":[\"namespace\"],"
                "\"parameters\":{}},{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,"
                "\"includes\":[\"namespace\"],\"parameters\":{\"mode\":{}}}"),
         MODE, "a namespace cannot"},
        {POLICY("{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,\"includes\":[\"containers\"]},"
                "{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,\"includes\":[\"containers\","
                "\"namespace\"]}"),
         MODE, "two rules"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(&machine, cases[i].policy);
        check_denied(&machine, cases[i].fragment, cases[i].words);
        stop(&machine);
    }
}

static void refuses_malformed_texts(void **state)
{
    struct machine machine;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {FRAGMENT("\"x\":1", ""), "expected an object"},
        {FRAGMENT("\"x\":{\"type\":\"string\"}", ""), "only \"default\" is known"},
        {FRAGMENT("\"x\":{\"default\":1,\"type\":\"string\"}", ""), "only \"default\" is known"},
        {FRAGMENT("\"x\":{\"default\":parameter(\"y\")},\"y\":{\"default\":1}", ""), "line 4"},
        {"package side\nsvn := parameter(\"x\")\n", "line 2"},
        {"package side\nsvn := 1\nframework_version := parameter(\"x\")\n", "line 3"},
        {"package side\nsvn := 1\nparameters_api := []\n", "line 3"},
        {FRAGMENT("", "containers := parameter(x)\n"), "not an expression"},
        {FRAGMENT("", "containers := parameter(\"x\"\n"), "line 5"},
        {FRAGMENT("", "containers := parameter(\"x\" )\n"), "line 5"},
        {FRAGMENT("", "containers := parameter(\"x\").\n"), "neither a value"},
        {FRAGMENT("", "containers := parameter(\"x\").a.b\n"), "line 5"},
        {FRAGMENT("", "containers := parameter(\"x\")[0]\n"), "line 5"},
        {FRAGMENT("", "containers := [parameter(\"x\") | true]\n"), "line 5"},
        {FRAGMENT("", "containers := parameter (\"x\")\n"), "line 5"},
        {FRAGMENT("", "parameter(\"x\") := 1\n"), "line 5"},
        {FRAGMENT("", "parameter := 1\n"), "no place in a fragment"},
        {FRAGMENT("", "__fragment_parameters := {}\n"), "no place in a fragment"},
        {FRAGMENT("\"x\":{\"default\":\"i\"}",
                  "fragments := [{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":1,"
                  "\"includes\":[],\"parameters\":parameter(\"x\")}]\n"),
         "expected an object"},
    };
    (void)state;
    start(&machine, POLICY(ROW("f", "1", "")));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_denied(&machine, cases[i].text, cases[i].words);
    stop(&machine);
}

/* A policy is nobody's fragment. */
static void refuses_policies_with_parameters(void **state)
{
    static const char *const texts[] = {
        POLICY(ROW("f", "1", WITH("{\"x\":parameter(\"x\")}"))),
        POLICY(ROW("f", "1", WITH("null"))),
        POLICY(ROW("f", "1", WITH("[]"))),
        POLICY("") "parameters_api := {}\n",
    };
    struct policy *policy;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_error(policy_parse(span_of_text(texts[i]), POLICY_STRICT, &policy, &err), &err,
                    ERROR_INVALID);
}

/* Each fragment hands twice of what it got to the next: values end where a row's size ends. */
static void bounds_what_parameters_grow_to(void **state)
{
    struct machine machine;
    char text[2048];
    int loaded = 0;
    (void)state;
    start(&machine, POLICY(ROW("0", "1", "")));
    for (; loaded < STATE_FRAGMENTS_MAX; loaded++) {
        char feed[8];
        (void)snprintf(feed, sizeof feed, "%d", loaded);
        (void)snprintf(text, sizeof text,
                       FRAGMENT("\"x\":{\"default\":\"0123456789\"}",
                                "fragments := [{\"issuer\":\"i\",\"feed\":\"%d\",\"minimum_svn\":1,"
                                "\"includes\":[\"fragments\"],\"parameters\":{\"x\":["
                                "parameter(\"x\"),parameter(\"x\")]}}]\n"),
                       loaded + 1);
        if (!load(&machine, feed, text))
            break;
    }
    assert_in_range(loaded, 8, 14);
    stop(&machine);
}

static void bounds_places(void **state)
{
    static char text[256 * 1024];
    struct machine machine;
    size_t size = (size_t)snprintf(text, sizeof text, "%s",
                                   FRAGMENT("\"x\":{\"default\":\"y\"}", "containers := ["));
    (void)state;
    for (int i = 0; i < 5000; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "parameter(\"x\"),");
    (void)snprintf(text + size, sizeof text - size, "]\n");
    start(&machine, POLICY(ROW("f", "1", "")));
    check_denied(&machine, text, "more than 4096 places");
    stop(&machine);
}

/* Rows of one call are loaded all or not at all. */
static void loads_nothing_where_one_rows_values_do_not_fit(void **state)
{
    struct machine machine;
    (void)state;
    start(&machine, POLICY(ROW("f", "1", WITH(MODE_IS("\"fast\""))) "," ROW(
                        "f", "1", WITH(MODE_IS("2"))) "," ROW("g", "1", "")));
    check_denied(&machine, MODE, "expected a string");
    assert_int_equal(policy_fragment_count(machine.state), 0);
    check_loaded(&machine, "g", MODE); /* the state still takes others */
    assert_int_equal(policy_fragment_count(machine.state), 1);
    stop(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_a_rows_values_into_the_text),
        cmocka_unit_test(tries_each_of_several_rows),
        cmocka_unit_test(takes_defaults_where_a_row_gives_nothing),
        cmocka_unit_test(takes_values_letter_for_letter),
        cmocka_unit_test(keeps_the_values_of_rows_apart),
        cmocka_unit_test(keeps_fragments_apart),
        cmocka_unit_test(takes_lists_and_whole_rows),
        cmocka_unit_test(hands_parameters_on),
        cmocka_unit_test(takes_no_parameters_from_rows_that_are_not_included),
        cmocka_unit_test(takes_no_parameters_from_rows_that_want_a_higher_svn),
        cmocka_unit_test(refuses_values_that_do_not_fit),
        cmocka_unit_test(refuses_malformed_texts),
        cmocka_unit_test(refuses_policies_with_parameters),
        cmocka_unit_test(bounds_what_parameters_grow_to),
        cmocka_unit_test(bounds_places),
        cmocka_unit_test(loads_nothing_where_one_rows_values_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
