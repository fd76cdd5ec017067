/* The gate's operations on containers that run: more processes, signals, properties, the end. */
#include "gate_world.h"

#define SAYS "\"terminal\":false,\"stdin\":11,\"stdout\":12,\"stderr\":13"
#define TOOL "[\"/bin/tool\",\"-x\"]"

/* Asks for a process in the container; its number is world->id. */
static void exec_as(struct world *world, const char *args, const char *changed, const char *rest)
{
    char text[4096];
    (void)snprintf(
        text, sizeof text,
        "{\"id\":\"c1\",\"args\":%s,\"env\":[\"A=1\",\"B=2\"],%s,\"user\":\"\",\"umask\":18,"
        "\"capabilities\":{\"bounding\":" CAPS ",\"effective\":" CAPS
        ",\"inheritable\":[],\"permitted\":" CAPS ",\"ambient\":[]},"
        "\"no_new_privileges\":false,\"rows\":24,\"columns\":80,%s}",
        args, changed, rest);
    ask(world, "exec_in_container", text);
}

static struct gate_process_name name_of(uint64_t process)
{
    return (struct gate_process_name){.id = "c1", .process = process};
}

/* Runs the tool; returns its number. */
static uint64_t run_tool(struct world *world)
{
    run(world);
    exec_as(world, TOOL, "\"cwd\":\"/\"", SAYS);
    struct gate_process_name name = name_of(world->id);
    check_ok(gate_created(&world->gate, &name, 43, &world->err), &world->err);
    collect(world);
    expect(world, "\"ok\":true,\"result\":{\"pid\":43,\"process\":");
    return name.process;
}

/* --- starting --------------------------------------------------------------------------------- */

static void executes_what_the_policy_describes(void **state)
{
    struct world *world = *state;
    uint64_t number = run_tool(world);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "exec:c1/%llu//bin/tool", (unsigned long long)number);
    assert_non_null(strstr(world->machine.done, expected));
    assert_int_equal(world->machine.exec_standard[0], 11);
    assert_int_equal(world->machine.exec_standard[2], 13);
}

static void hands_the_policy_over_as_it_was_set(void **state)
{
    struct world *world = *state;
    run(world);
    assert_true(span_equal_text(world->machine.policy, fake_policy()));
}

static void hands_over_no_part_of_a_policy_that_is_too_long(void **state)
{
    struct world *world = *state;
    static char longer[EXCHANGE_POLICY_MAX + 2];
    memset(longer, '\n', sizeof longer - 1);
    memcpy(longer, fake_policy(), strlen(fake_policy()));
    fake_machine_init(&world->machine, longer);
    send_policy(world, longer, strlen(longer), 9);
    expect(world, "\"ok\":true");
    assert_int_equal(world->gate.text.size, 0);
}

static void denies_another_program_and_closes_its_streams(void **state)
{
    struct world *world = *state;
    static const char *const others[] = {"[\"/bin/tool\"]", "[\"/bin/tool\",\"-x\",\"\"]",
                                         "[\"/bin/app\",\"go\"]", "[\"tool\",\"-x\"]"};
    run(world);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        world->closed = 0;
        exec_as(world, others[i], "\"cwd\":\"/\"", SAYS);
        expect(world, "\"code\":\"denied\",\"point\":\"exec_in_container\"");
        assert_int_equal(world->closed, 0x3000U);
        check_ok(frame(world, 4, 11, NULL, 0), &world->err);
    }
    assert_null(strstr(world->machine.done, "exec:"));
}

static void denies_another_folder(void **state)
{
    struct world *world = *state;
    run(world);
    exec_as(world, TOOL, "\"cwd\":\"/tmp\"", SAYS);
    expect(world, "\"code\":\"denied\",\"point\":\"exec_in_container\"");
    expect(world, "cwd is");
}

static void refuses_to_execute_in_what_does_not_run(void **state)
{
    struct world *world = *state;
    mount_all(world);
    exec_as(world, TOOL, "\"cwd\":\"/\"", SAYS);
    expect(world, "\"code\":\"order\"");
    create(world, GOOD, STREAMS);
    exec_as(world, TOOL, "\"cwd\":\"/\"",
            "\"terminal\":false,\"stdin\":0,\"stdout\":0,\"stderr\":0");
    expect(world, "\"code\":\"order\"");
    check_ok(gate_created(&world->gate, &first, 42, &world->err), &world->err);
    check_ok(gate_exited(&world->gate, &first, 0, 0, &world->err), &world->err);
    exec_as(world, TOOL, "\"cwd\":\"/\"",
            "\"terminal\":false,\"stdin\":0,\"stdout\":0,\"stderr\":0");
    expect(world, "\"code\":\"order\"");
    assert_null(strstr(world->machine.done, "exec:"));
}

static void refuses_to_execute_before_the_policy(void **state)
{
    struct world *world = *state;
    exec_as(world, TOOL, "\"cwd\":\"/\"", SAYS);
    expect(world, "\"code\":\"order\"");
    assert_string_equal(world->machine.done, "");
}

static void refuses_malformed_executions(void **state)
{
    struct world *world = *state;
    static const char *const rests[] = {SAYS ",\"privileged\":true",
                                        SAYS ",\"mounts\":[]",
                                        SAYS ",\"hostname\":\"x\"",
                                        SAYS ",\"limits\":{}",
                                        SAYS ",\"read_only_root\":true",
                                        "\"terminal\":false,\"stdin\":0,\"stdout\":0",
                                        "\"terminal\":true,\"stdin\":0,\"stdout\":5,\"stderr\":6"};
    run(world);
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
        exec_as(world, TOOL, "\"cwd\":\"/\"", rests[i]);
        expect(world, "\"code\":\"invalid\"");
    }
    exec_as(world, "[]", "\"cwd\":\"/\"", SAYS);
    expect(world, "\"code\":\"invalid\"");
    exec_as(world, TOOL, "\"cwd\":\"x\"", SAYS);
    expect(world, "\"code\":\"invalid\"");
    assert_null(strstr(world->machine.done, "exec:"));
}

static void tells_why_a_process_did_not_start(void **state)
{
    struct world *world = *state;
    struct error why;
    run(world);
    exec_as(world, TOOL, "\"cwd\":\"/\"", SAYS);
    struct gate_process_name name = name_of(world->id);
    (void)error_set(&why, ERROR_SYSTEM, "no such program");
    world->closed = 0;
    check_ok(gate_create_failed(&world->gate, &name, &why, &world->err), &world->err);
    collect(world);
    expect(world, "\"code\":\"failed\",\"reason\":\"no such program\"");
    assert_int_equal(world->closed, 0x3000U);
    assert_null(strstr(world->machine.done, "remove_overlay"));
    assert_int_equal(gate_exited(&world->gate, &name, 0, 0, &world->err), -1);
}

static void takes_an_end_of_nothing_that_runs_for_an_error(void **state)
{
    struct world *world = *state;
    uint64_t number = run_tool(world);
    struct gate_process_name name = name_of(number + 1);
    assert_int_equal(gate_exited(&world->gate, &name, 0, 0, &world->err), -1);
    assert_int_equal(gate_created(&world->gate, &name, 1, &world->err), -1);
    name.process = number;
    check_ok(gate_exited(&world->gate, &name, 3, 0, &world->err), &world->err);
    assert_int_equal(gate_exited(&world->gate, &name, 3, 0, &world->err), -1);
}

static void bounds_the_processes(void **state)
{
    struct world *world = *state;
    run(world);
    for (unsigned int i = 0; i < GATE_PROCESSES_MAX; i++) {
        exec_as(world, TOOL, "\"cwd\":\"/\"",
                "\"terminal\":false,\"stdin\":0,\"stdout\":0,\"stderr\":0");
        struct gate_process_name name = name_of(world->id);
        check_ok(gate_created(&world->gate, &name, 50, &world->err), &world->err);
    }
    exec_as(world, TOOL, "\"cwd\":\"/\"", SAYS);
    expect(world, "\"code\":\"order\"");
    expect(world, "too many processes");
}

/* --- signals and terminals -------------------------------------------------------------------- */

static void signals_a_process_as_its_rule_allows(void **state)
{
    struct world *world = *state;
    uint64_t number = run_tool(world);
    char args[128], done[64];
    (void)snprintf(args, sizeof args, "{\"id\":\"c1\",\"process\":%llu,\"signal\":10}",
                   (unsigned long long)number);
    ask(world, "signal_container_process", args);
    expect(world, "\"ok\":true");
    (void)snprintf(done, sizeof done, "signal:c1/%llu/10", (unsigned long long)number);
    assert_non_null(strstr(world->machine.done, done));
    /* 15 is the first process's, 10 is not. */
    (void)snprintf(args, sizeof args, "{\"id\":\"c1\",\"process\":%llu,\"signal\":15}",
                   (unsigned long long)number);
    ask(world, "signal_container_process", args);
    expect(world, "\"code\":\"denied\"");
    ask(world, "signal_container_process", "{\"id\":\"c1\",\"process\":0,\"signal\":10}");
    expect(world, "\"code\":\"denied\"");
    ask(world, "signal_container_process", "{\"id\":\"c1\",\"process\":999,\"signal\":10}");
    expect(world, "\"code\":\"order\"");
    (void)snprintf(args, sizeof args, "{\"id\":\"c2\",\"process\":%llu,\"signal\":10}",
                   (unsigned long long)number);
    ask(world, "signal_container_process", args);
    expect(world, "\"code\":\"order\"");
}

static void resizes_a_processs_own_terminal(void **state)
{
    struct world *world = *state;
    char args[128];
    run(world);
    exec_as(world, TOOL, "\"cwd\":\"/\"",
            "\"terminal\":true,\"stdin\":11,\"stdout\":12,\"stderr\":0");
    struct gate_process_name name = name_of(world->id);
    (void)snprintf(args, sizeof args, "{\"id\":\"c1\",\"process\":%llu,\"rows\":9,\"columns\":8}",
                   (unsigned long long)name.process);
    ask(world, "resize_terminal", args);
    expect(world, "\"code\":\"order\""); /* it has not started */
    world->id++;
    check_ok(gate_created(&world->gate, &name, 43, &world->err), &world->err);
    ask(world, "resize_terminal", args);
    expect(world, "\"ok\":true");
    ask(world, "resize_terminal", "{\"id\":\"c1\",\"rows\":9,\"columns\":8}");
    expect(world, "\"code\":\"order\""); /* the first has none */
}

static void tells_which_process_has_ended(void **state)
{
    struct world *world = *state;
    uint64_t number = run_tool(world);
    struct gate_process_name name = name_of(number);
    char expected[128];
    check_ok(gate_exited(&world->gate, &name, 3, 0, &world->err), &world->err);
    collect(world);
    (void)snprintf(expected, sizeof expected,
                   "{\"event\":\"exited\",\"id\":\"c1\",\"process\":%llu,\"code\":3,\"signal\":0}",
                   (unsigned long long)number);
    expect(world, expected);
    ask(world, "signal_container_process", "{\"id\":\"c1\",\"signal\":15}");
    expect(world, "\"ok\":true"); /* the first runs on */
}

/* --- pause ------------------------------------------------------------------------------------ */

static void pauses_all_and_starts_nothing_meanwhile(void **state)
{
    struct world *world = *state;
    run(world);
    ask(world, "unpause", "{}");
    expect(world, "\"code\":\"order\"");
    ask(world, "pause", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"invalid\"");
    ask(world, "pause", "{}");
    expect(world, "\"ok\":true");
    ask(world, "pause", "{}");
    expect(world, "\"code\":\"order\"");
    exec_as(world, TOOL, "\"cwd\":\"/\"", SAYS);
    expect(world, "\"code\":\"order\"");
    ask(world, "unpause", "{}");
    expect(world, "\"ok\":true");
    assert_non_null(strstr(world->machine.done, "freeze:1 freeze:0"));
    assert_null(strstr(world->machine.done, "exec:"));
}

static void stays_as_it_was_when_pausing_fails(void **state)
{
    struct world *world = *state;
    run(world);
    world->machine.fail = "freeze";
    ask(world, "pause", "{}");
    expect(world, "\"code\":\"failed\"");
    world->machine.fail = NULL;
    ask(world, "pause", "{}");
    expect(world, "\"ok\":true");
}

/* --- properties ------------------------------------------------------------------------------- */

static void tells_properties_of_what_runs(void **state)
{
    struct world *world = *state;
    mount_all(world);
    ask(world, "get_usage", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"order\"");
    create(world, GOOD, STREAMS);
    check_ok(gate_created(&world->gate, &first, 42, &world->err), &world->err);
    ask(world, "get_usage", "{\"id\":\"c1\"}");
    expect(world, "\"result\":{\"memory\":7}");
    ask(world, "list_processes", "{\"id\":\"c1\"}");
    expect(world, "\"result\":{\"processes\":[{\"pid\":1}]}");
    ask(world, "list_processes", "{\"id\":\"c2\"}");
    expect(world, "\"code\":\"order\"");
    ask(world, "list_processes", "{}");
    expect(world, "\"code\":\"invalid\"");
    world->machine.fail = "usage";
    ask(world, "get_usage", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"failed\"");
}

/* --- the end ---------------------------------------------------------------------------------- */

static void shuts_down_and_takes_everything_away(void **state)
{
    struct world *world = *state;
    run(world);
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"order\"");
    ask(world, "unmount_device", "{\"target\":\"/run/mounts/scsi/m0\"}");
    expect(world, "\"code\":\"denied\",\"point\":\"unmount_device\"");
    ask(world, "shutdown_container", "{\"id\":\"c1\"}");
    expect(world, "\"ok\":true");
    assert_non_null(strstr(world->machine.done, "signal:c1/0/9"));
    exec_as(world, TOOL, "\"cwd\":\"/\"", SAYS); /* it has not ended yet */
    expect(world, "\"code\":\"denied\",\"point\":\"exec_in_container\"");
    check_ok(gate_exited(&world->gate, &first, 137, 9, &world->err), &world->err);
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"ok\":true");
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"order\"");
    ask(world, "unmount_device", "{\"target\":\"/run/mounts/scsi/m0\"}");
    expect(world, "\"ok\":true");
    ask(world, "unmount_device", "{\"target\":\"/run/mounts/scsi/m0\"}");
    expect(world, "\"code\":\"denied\"");
    ask(world, "mount_overlay", OVERLAY);
    expect(world, "\"code\":\"denied\""); /* the id is used up, and a layer is gone */
    assert_non_null(
        strstr(world->machine.done, "remove_overlay:c1 unmount_device:/run/mounts/scsi/m0 "));
}

static void keeps_a_root_in_which_a_process_is_left(void **state)
{
    struct world *world = *state;
    uint64_t number = run_tool(world);
    struct gate_process_name name = name_of(number);
    ask(world, "shutdown_container", "{\"id\":\"c1\"}");
    check_ok(gate_exited(&world->gate, &first, 137, 9, &world->err), &world->err);
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"order\"");
    check_ok(gate_exited(&world->gate, &name, 137, 9, &world->err), &world->err);
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"ok\":true");
}

static void keeps_a_root_that_was_not_shut_down(void **state)
{
    struct world *world = *state;
    run(world);
    check_ok(gate_exited(&world->gate, &first, 0, 0, &world->err), &world->err);
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"denied\",\"point\":\"unmount_overlay\"");
    assert_null(strstr(world->machine.done, "remove_overlay"));
    ask(world, "shutdown_container", "{\"id\":\"c1\"}");
    expect(world, "\"ok\":true");
    assert_null(strstr(world->machine.done, "signal:")); /* nothing runs */
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"ok\":true");
}

static void refuses_to_end_what_is_not_there(void **state)
{
    struct world *world = *state;
    open_gate(world);
    ask(world, "shutdown_container", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"order\"");
    ask(world, "unmount_overlay", "{\"id\":\"c1\"}");
    expect(world, "\"code\":\"order\"");
    ask(world, "unmount_device", "{\"target\":\"/run/mounts/scsi/m7\"}");
    expect(world, "\"code\":\"denied\"");
    ask(world, "unmount_device", "{\"target\":\"/etc\"}");
    expect(world, "\"code\":\"invalid\"");
    ask(world, "unmount_overlay", "{\"id\":\"../c1\"}");
    expect(world, "\"code\":\"invalid\"");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(executes_what_the_policy_describes),
        test(hands_the_policy_over_as_it_was_set),
        test(hands_over_no_part_of_a_policy_that_is_too_long),
        test(denies_another_program_and_closes_its_streams),
        test(denies_another_folder),
        test(refuses_to_execute_in_what_does_not_run),
        test(refuses_to_execute_before_the_policy),
        test(refuses_malformed_executions),
        test(tells_why_a_process_did_not_start),
        test(takes_an_end_of_nothing_that_runs_for_an_error),
        test(bounds_the_processes),
        test(signals_a_process_as_its_rule_allows),
        test(resizes_a_processs_own_terminal),
        test(tells_which_process_has_ended),
        test(pauses_all_and_starts_nothing_meanwhile),
        test(stays_as_it_was_when_pausing_fails),
        test(tells_properties_of_what_runs),
        test(shuts_down_and_takes_everything_away),
        test(keeps_a_root_in_which_a_process_is_left),
        test(keeps_a_root_that_was_not_shut_down),
        test(refuses_to_end_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
