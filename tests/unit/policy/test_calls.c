/* Lists of calls: how they are read, and how they are answered. */
#include "../check.h"

#include "policy/calls.h"

#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* The beginning of a list: the container's layer, and its root. */
#define MOUNTED                                                                                    \
    "[{\"Op\":\"mount_device\",\"Target\":\"/run/mounts/scsi/m0\",\"Hash\":\"" HASH                \
    "\",\"Note\":\"first\"},{\"Op\":\"mount_overlay\",\"ContainerID\":\"c\",\"Layers\":["          \
    "\"/run/mounts/scsi/m0\"],\"Target\":\"/c\",\"Note\":\"\"},"

static const char text[] =
    "package policy\napi_version := \"0.10.0\"\nframework_version := \"0.2.2\"\n"
    "containers := [{\"command\":[\"a\"],\"env_rules\":[{\"pattern\":\"[AB]=.*\",\"strategy\":"
    "\"re2\"}],\"layers\":[\"" HASH "\"],\"mounts\":[],\"exec_processes\":[],\"signals\":[],"
    "\"allow_elevated\":false,\"allow_stdio_access\":true,\"working_dir\":\"/\","
    "\"no_new_privileges\":false,\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"],\"effective\":[],"
    "\"inheritable\":[],\"permitted\":[\"CAP_KILL\",\"CAP_CHOWN\"],\"ambient\":[]},\"user\":{"
    "\"user_idname\":{\"pattern\":\"root\",\"strategy\":\"name\"},\"group_idnames\":[],"
    "\"umask\":\"0022\"}}]\nallow_capability_dropping := true\n"
    "allow_environment_variable_dropping := true\n"
    "mount_device := data.framework.mount_device\n"
    "mount_overlay := data.framework.mount_overlay\n"
    "create_container := data.framework.create_container\n"
    "exec_in_container := data.framework.exec_in_container\n"
    "signal_container_process := data.framework.signal_container_process\n";

static struct policy *policy;
static struct policy_state *machine;

static int setup(void **state)
{
    (void)state;
    return policy_parse(span_of_text(text), POLICY_STRICT, &policy, NULL) < 0 ||
                   policy_state_new(policy, &machine, NULL) < 0
               ? -1
               : 0;
}

static int teardown(void **state)
{
    (void)state;
    policy_state_free(machine);
    policy_cleanup(&policy);
    return 0;
}

/* Plays the list and collects the answers; -1 with `err` at the first malformed call. */
static int play_all(const char *list, struct buf *out, struct error *err)
{
    POLICY_CALLS_AUTO calls = NULL;
    POLICY_DECISION_AUTO decision = {0};
    if (policy_calls_parse(span_of_text(list), &calls, err) < 0)
        return -1;
    for (size_t i = 0; i < policy_calls_count(calls); i++) {
        if (policy_calls_play(calls, i, machine, &decision, err) < 0 ||
            policy_calls_answer(calls, i, &decision, out, err) < 0)
            return -1;
    }
    return 0;
}

static void check_bad(const char *list, const char *words)
{
    struct error err;
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    check_refused(play_all(list, &out, &err), &err, words);
}

static void refuses_malformed_lists(void **state)
{
    (void)state;
    check_bad("", "JSON");
    check_bad("[", "JSON");
    check_bad("[] []", "JSON");
    check_bad("{}", "an array");
    check_bad("[1]", "call 0: expected an object");
    check_bad("[{}]", "\"Op\"");
    check_bad("[{\"Op\":1}]", "\"Op\"");
    check_bad("[{\"Op\":\"launch\"}]", "no enforcement point");
    check_bad("[{\"Op\":\"dump_stacks\",\"Op\":\"dump_stacks\"}]", "JSON");
    check_bad("[{\"Op\":\"dump_stacks\",\"op\":\"x\"}]", "\"op\"");
}

static void refuses_malformed_members(void **state)
{
    (void)state;
    check_bad("[{\"Op\":\"dump_stacks\"},{\"Op\":\"mount_device\",\"Hash\":1}]", "call 1");
    check_bad("[{\"Op\":\"mount_overlay\",\"Layers\":\"x\"}]", "\"Layers\"");
    check_bad("[{\"Op\":\"create_container\",\"Env\":[1]}]", "Env");
    check_bad("[{\"Op\":\"create_container\",\"User\":[]}]", "\"User\"");
    check_bad("[{\"Op\":\"create_container\",\"Groups\":[{\"id\":\"0\"}]}]", "\"Groups\"");
    check_bad("[{\"Op\":\"create_container\",\"Caps\":{\"all\":[]}}]", "all");
    check_bad("[{\"Op\":\"create_container\",\"Mounts\":[{\"dest\":\"/\"}]}]", "\"Mounts\"");
    check_bad("[{\"Op\":\"create_container\",\"NNP\":\"true\"}]", "\"NNP\"");
    check_bad("[{\"Op\":\"signal_container_process\",\"Signal\":\"9\"}]", "\"Signal\"");
    check_bad("[{\"Op\":\"signal_container_process\",\"Init\":1}]", "\"Init\"");
    check_bad("[{\"Op\":\"scratch_mount\",\"Encrypted\":1}]", "\"Encrypted\"");
}

/* A value with a zero byte is none that a rule lists, and comes back as it was. */
static void keeps_zero_bytes_apart(void **state)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    check_ok(play_all("[{\"Op\":\"mount_device\",\"Target\":\"/run/mounts/scsi/m0\\u0000\","
                      "\"Hash\":\"" HASH "\"},{\"Op\":\"mount_device\",\"Target\":"
                      "\"/run/mounts/scsi/m0\",\"Hash\":\"" HASH "\\u0000\"}]",
                      &out, &err),
             &err);
    assert_null(strstr(buf_text(&out), "\"allowed\":true"));
    buf_fini(&out);
    out = (struct buf)BUF_WITH_LIMIT(1 << 20);
    check_ok(play_all(MOUNTED "{\"Op\":\"create_container\",\"ContainerID\":\"c\",\"Args\":[\"a\"],"
                              "\"Env\":[\"A=\\u00001\",\"C=\\u0000\"],\"Cwd\":\"/\",\"Caps\":{"
                              "\"bounding\":[\"CAP_CHOWN\"],\"permitted\":[\"CAP_KILL\","
                              "\"CAP_CHOWN\"]}}]",
                      &out, &err),
             &err);
    assert_non_null(strstr(buf_text(&out), "\"env_kept\":[\"A=\\u00001\"],"));
}

/* One state for all calls; lists in order, nothing that was dropped, a note only where there is
 * one.
 */
static void answers_as_the_reference_writes(void **state)
{
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    check_ok(
        play_all(MOUNTED
                 "{\"Op\":\"create_container\",\"ContainerID\":\"c\",\"Args\":[\"a\"],"
                 "\"Env\":[\"B=2\",\"C=3\",\"A=1\",\"B=2\"],\"Cwd\":\"/\",\"User\":null,"
                 "\"SandboxContainer\":true,\"Caps\":{\"bounding\":[\"CAP_MKNOD\",\"CAP_CHOWN\"],"
                 "\"permitted\":[\"CAP_KILL\",\"CAP_CHOWN\"]}},"
                 "{\"Op\":\"signal_container_process\",\"ContainerID\":\"c\",\"Signal\":1,"
                 "\"Init\":true},"
                 "{\"Op\":\"exec_in_container\",\"ContainerID\":\"c\",\"Args\":[\"b\"]}]",
                 &out, &err),
        &err);
    assert_string_equal(
        buf_text(&out),
        "{\"i\":0,\"op\":\"mount_device\",\"note\":\"first\",\"allowed\":true}\n"
        "{\"i\":1,\"op\":\"mount_overlay\",\"allowed\":true}\n"
        "{\"i\":2,\"op\":\"create_container\",\"allowed\":true,\"env_kept\":[\"A=1\",\"B=2\"],"
        "\"caps_kept\":{\"bounding\":[\"CAP_CHOWN\"],\"permitted\":[\"CAP_CHOWN\",\"CAP_KILL\"]},"
        "\"stdio\":true}\n"
        "{\"i\":3,\"op\":\"signal_container_process\",\"allowed\":false,\"errors\":["
        "\"signal_container_process: signal 1 is not in the policy for the first process of "
        "container \\\"c\\\"\"]}\n"
        "{\"i\":4,\"op\":\"exec_in_container\",\"allowed\":false,\"errors\":["
        "\"exec_in_container: cwd is \\\"\\\", the policy has \\\"/\\\" (container #0)\"]}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_malformed_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_malformed_members, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_zero_bytes_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_as_the_reference_writes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
