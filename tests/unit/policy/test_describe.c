/* A policy in words: what may run, each weak point marked, no value of a variable. */
#include "../check.h"

#include "policy/describe.h"
#include "sample.h"

#define MARK "  WEAK          "

static void describe(const char *text, unsigned int flags, struct buf *out)
{
    struct error err = {0};
    struct policy *policy = NULL;
    check_ok(policy_parse(span_of_text(text), flags, &policy, &err), &err);
    check_ok(policy_describe(policy, out, &err), &err);
    policy_free(policy);
}

static size_t count_of(const char *text, const char *words)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static void tells_who_may_run_what(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    describe(SAMPLE, POLICY_STRICT, &out);
    assert_string_equal(
        buf_text(&out),
        "api 0.10.0, framework 0.2.3\n"
        "container #0 \"web\"\n"
        "  command       \"/bin/web\" \"-p\" \"80\"\n"
        "  working dir   \"/srv\"\n"
        "  user          name \"web\"\n"
        "  group         any\n"
        "  layers        2\n"
        "  variable      \"MODE\", required\n"
        "  variable      \"PORT\", regex\n"
        "  variable      \"A\", regex\n"
        "  mount         \"/data\" from \"sandbox:///tmp/atlas/emptydir/.+\": \"rbind\" "
        "\"rshared\" \"rw\"\n"
        "  exec          \"/bin/check\"\n"
        "  signals       10 9 15\n"
        "  stdio         leaves the machine\n" MARK
        "a variable's rule has \"|\": ACI matches its parts unanchored, Caisson whole\n"
        "container #1 \"job\"\n"
        "  command       \"/bin/job\"\n"
        "  working dir   \"/\"\n"
        "  user          any\n"
        "  group         any\n"
        "  layers        1\n"
        "  signals       9 15\n"
        "  stdio         stays inside\n" MARK "may run privileged\n" MARK
        "any user may be chosen by the host, root included\n");
}

#define CONTAINER(variables, exec, elevated, user, strategy)                                       \
    "{\"name\":\"x\",\"command\":[\"/x\"],\"env_rules\":[" variables "],\"layers\":[\"" HASH_A     \
    "\"],\"mounts\":[],\"exec_processes\":[" exec "],\"signals\":[],\"allow_elevated\":" elevated  \
    ",\"allow_stdio_access\":true,\"no_new_privileges\":true,\"working_dir\":\"/\","               \
    "\"seccomp_profile_sha256\":\"\",\"capabilities\":null," SAMPLE_USER(user, strategy) "}"
#define POLICY_OF(fragments, container, rest)                                                      \
    SAMPLE_HEAD "fragments := [" fragments "]\n\ncontainers := [" container "]\n\n" rest
#define ONE(variables, exec, elevated, user, strategy)                                             \
    POLICY_OF("", CONTAINER(variables, exec, elevated, user, strategy), SAMPLE_TAIL)
#define SOUND             CONTAINER("", "", "false", "1", "id")
#define EXEC(words)       "{\"command\":[" words "],\"signals\":[]}"
#define VARIABLE(pattern) "{\"pattern\":\"" pattern "\",\"strategy\":\"re2\",\"required\":false}"
#define ROW(rest)                                                                                  \
    "{\"issuer\":\"i\",\"feed\":\"f\",\"minimum_svn\":\"1\",\"includes\":[\"containers\"]" rest "}"

/* Each weak point is marked once where it is, and nothing else is marked. */
static void marks_what_is_weak(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        unsigned int flags;
        const char *words;
    } weak[] = {
        {ONE("", "", "true", "1", "id"), POLICY_STRICT, "may run privileged"},
        {ONE("", "", "false", "", "any"), POLICY_STRICT, "any user may be chosen by the host"},
        {ONE("", "", "false", "a|root", "re2"), POLICY_STRICT, "the user's rule has \"|\""},
        {ONE(VARIABLE("A=x|B=y"), "", "false", "1", "id"), POLICY_STRICT,
         "a variable's rule has \"|\""},
        {ONE(VARIABLE("A=(?=x)"), "", "false", "1", "id"), POLICY_STRICT,
         "a variable's rule matches nothing"},
        {ONE("", EXEC("\"/bin/sh\""), "false", "1", "id"), POLICY_STRICT,
         "a shell may be executed"},
        {ONE("", EXEC("\"bash\""), "false", "1", "id"), POLICY_STRICT, "a shell may be executed"},
        {POLICY_OF(ROW(",\"required_receipts\":[\"l\"]"), SOUND, SAMPLE_TAIL), POLICY_STRICT,
         "required_receipts are not verified here"},
        {POLICY_OF("", SOUND, "allow_unencrypted_scratch := true\n" SAMPLE_POINTS), POLICY_STRICT,
         "scratch space need not be encrypted"},
        {POLICY_OF("", SOUND, "allow_dump_stacks := true\n" SAMPLE_POINTS), POLICY_STRICT,
         "the host may read stacks or logs"},
        {POLICY_OF("", SOUND, "allow_runtime_logging := true\n" SAMPLE_POINTS), POLICY_STRICT,
         "the host may read stacks or logs"},
        {POLICY_OF("", SOUND, "exec_external := {\"allowed\": true}\n"), POLICY_ALLOW_ALL,
         "exec_external allows EVERYTHING"},
    };
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
        describe(weak[i].policy, weak[i].flags, &out);
        if (count_of(buf_text(&out), weak[i].words) != 1 || count_of(buf_text(&out), "WEAK") != 1)
            fail_msg("case %zu, %s:\n%s", i, weak[i].words, buf_text(&out));
    }
}

static void marks_nothing_that_is_not(void **state)
{
    (void)state;
    static const char *const sound[] = {
        POLICY_OF(ROW(""), SOUND, SAMPLE_TAIL),
        ONE("", EXEC("\"/bin/sh\",\"-c\",\"date\""), "false", "1", "id"),
        ONE("", EXEC("\"/bin/finish\""), "false", "1", "id"),
        ONE(VARIABLE("A=(x|y)"), "", "false", "1", "id"),
        ONE(VARIABLE("A=[|]\\\\|"), "", "false", "1", "id"),
    };
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
        describe(sound[i], POLICY_STRICT, &out);
        assert_null(strstr(buf_text(&out), "WEAK"));
    }
}

static void keeps_values_back(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    describe(POLICY_OF(ROW(",\"parameters\":{\"KEY\":\"s3cret\"}"),
                       CONTAINER(VARIABLE("A=s3cret.*") ",{\"pattern\":\"B=s3cret\",\"strategy\":"
                                                        "\"string\",\"required\":true}",
                                 "", "false", "1", "id"),
                       SAMPLE_TAIL),
             POLICY_STRICT, &out);
    assert_non_null(strstr(buf_text(&out), "parameter     \"KEY\"\n"));
    assert_non_null(strstr(buf_text(&out), "variable      \"A\", regex\n"));
    assert_non_null(strstr(buf_text(&out), "variable      \"B\", required\n"));
    assert_null(strstr(buf_text(&out), "s3cret"));
}

/* Names come from whoever wrote the policy: no byte of theirs reaches the terminal as control. */
static void shows_names_quoted(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    describe(ONE("", EXEC("\"/a\\u001b[2J\\nWEAK\""), "false", "1", "id"), POLICY_STRICT, &out);
    assert_null(strchr(buf_text(&out), '\x1b'));
    assert_null(strstr(buf_text(&out), "\nWEAK"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_who_may_run_what),    cmocka_unit_test(marks_what_is_weak),
        cmocka_unit_test(marks_nothing_that_is_not), cmocka_unit_test(keeps_values_back),
        cmocka_unit_test(shows_names_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
