/* Processes beside the containers' first: client and monitor as they are, the guest played by
 * fake_group.c. */
#include "group_fixture.h"

char *fake_qemu;
struct processor shared_processor;

static struct vm_member members[2];

static struct client_connection *start_two(struct machine_fixture *fixture)
{
    struct error err = {0};
    members[0] = (struct vm_member){.plan = {.name = "ok-a", .restart = POLICY_RESTART_NEVER}};
    members[1] = (struct vm_member){.plan = {.name = "end-0", .restart = POLICY_RESTART_NEVER}};
    form_group(fixture, members, 2);
    struct client_connection *connection = start_machine(fixture, "group");
    check_ok(client_wait_started(connection, &err), &err);
    await_standing("end-0", "exited ready 0 0");
    await_standing("ok-a", "running ready 0 0");
    return connection;
}

/* Starts `how` in a container, on a connection of its own; `in` and `out` may be -1. */
static int run_exec(const char *container, char *how, int in, int out, bool detach,
                    struct client_exit *end, struct error *err)
{
    char *const args[] = {how, NULL};
    const struct client_exec exec = {
        .container = container, .args = args, .cwd = "", .user = "", .detach = detach};
    FD_AUTO null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const struct client_streams streams = {.in = in, .out = out < 0 ? null : out, .error = null};
    CLIENT_AUTO connection = client_connect(NAME, err);
    return connection ? client_exec(connection, &exec, &streams, end, err) : -1;
}

static void check_exec_ends(char *how, unsigned int code)
{
    struct error err = {0};
    struct client_exit end = {0};
    check_ok(run_exec("ok-a", how, -1, -1, false, &end, &err), &err);
    assert_int_equal(end.code, code);
    assert_int_equal(end.failure.code, ERROR_NONE);
}

static void gives_the_code_of_the_process(void **state)
{
    CLIENT_AUTO owner = start_two(*state);
    check_exec_ends("/end-0", 0);
    check_exec_ends("/end-7", 7);
    check_exec_ends("/write-300000", 0);
    assert_int_equal(stop(owner).code, 143);
}

static void carries_input_and_output(void **state)
{
    CLIENT_AUTO owner = start_two(*state);
    struct error err = {0};
    struct client_exit end = {0};
    int in[2];
    int out[2];
    char back[6] = "";
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(write(in[1], "hello", 5), 5);
    (void)close(in[1]);
    check_ok(run_exec("ok-a", "/echo", in[0], out[1], false, &end, &err), &err);
    (void)close(in[0]);
    (void)close(out[1]);
    assert_int_equal(read(out[0], back, 5), 5);
    (void)close(out[0]);
    assert_string_equal(back, "hello");
    assert_int_equal(end.code, 0);
    assert_int_equal(stop(owner).code, 143);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void check_exec_refused(const char *container, char *how, enum error_code code,
                               const char *words)
{
    struct error err = {0};
    struct client_exit end = {0};
    assert_int_equal(run_exec(container, how, -1, -1, false, &end, &err), -1);
    if (err.code != code || !strstr(err.text, words))
        fail_msg("%s: code %d: \"%s\" does not hold \"%s\"", how, (int)err.code, err.text, words);
}

static void hands_on_the_guests_refusal(void **state)
{
    CLIENT_AUTO owner = start_two(*state);
    /* More often than there are places: each is given back. */
    for (int i = 0; i < 20; i++)
        check_exec_refused("ok-a", "/refused", ERROR_REFUSED, "because of the test");
    check_exec_ends("/end-7", 7);
    assert_int_equal(stop(owner).code, 143);
}

static void refuses_containers_that_do_not_run(void **state)
{
    CLIENT_AUTO owner = start_two(*state);
    check_exec_refused("end-0", "/end-0", ERROR_NOT_FOUND, "no container \"end-0\" of a runs");
    check_exec_refused("other", "/end-0", ERROR_NOT_FOUND, "no container \"other\"");
    check_exec_refused("", "/end-0", ERROR_NOT_FOUND, "is a group");
    assert_int_equal(stop(owner).code, 143);
    TEXT_AUTO log = read_log(*state);
    assert_null(strstr(log, "exec_in_container"));
}

static void refuses_before_a_container_runs(void **state)
{
    struct machine_fixture *fixture = *state;
    members[0] = (struct vm_member){.plan = {.name = "mute"}};
    form_group(fixture, members, 1);
    CLIENT_AUTO owner = start_machine(fixture, "group");
    await_line(fixture, "create_container mute", 1);
    check_exec_refused("mute", "/end-0", ERROR_REFUSED, "does not run");
    (void)stop(owner);
}

static void refuses_more_than_it_has_places_for(void **state)
{
    struct error err = {0};
    struct client_exit end;
    CLIENT_AUTO owner = start_two(*state);
    for (int i = 0; i < 16; i++)
        check_ok(run_exec("ok-a", "/idle", -1, -1, true, &end, &err), &err);
    check_exec_refused("ok-a", "/end-0", ERROR_LIMIT, "16 processes run");
    assert_int_equal(stop(owner).code, 143);
}

/* The words of a request that is in order. */
static json_t *good_wish(void)
{
    return json_pack("{s:s, s:[s], s:[], s:s, s:s, s:b, s:b, s:i, s:i}", "container", "ok-a",
                     "args", "/idle", "env", "cwd", "", "user", "", "input", false, "terminal",
                     false, "rows", 0, "columns", 0);
}

static void refuses_a_second_process_on_one_connection(void **state)
{
    struct error err = {0};
    json_t *answer = NULL;
    CLIENT_AUTO owner = start_two(*state);
    CLIENT_AUTO connection = client_connect(NAME, &err);
    check_ok(client_query(connection, "exec", good_wish(), &answer, &err), &err);
    json_decref(answer);
    check_refused(client_query(connection, "exec", good_wish(), &answer, &err), &err,
                  "carries a process already");
    assert_int_equal(stop(owner).code, 143);
}

static void refuses_requests_that_are_not_in_order(void **state)
{
    static const char *const keys[] = {"container", "args",     "env",  "cwd",    "user",
                                       "input",     "terminal", "rows", "columns"};
    struct error err = {0};
    json_t *answer = NULL;
    CLIENT_AUTO owner = start_two(*state);
    CLIENT_AUTO connection = client_connect(NAME, &err);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *without = good_wish();
        json_t *null = good_wish();
        assert_int_equal(json_object_del(without, keys[i]), 0);
        assert_int_equal(json_object_set_new(null, keys[i], json_null()), 0);
        check_refused(client_query(connection, "exec", without, &answer, &err), &err, keys[i]);
        check_refused(client_query(connection, "exec", null, &answer, &err), &err, keys[i]);
    }
    json_t *large = good_wish();
    assert_int_equal(json_object_set_new(large, "rows", json_integer(65536)), 0);
    check_refused(client_query(connection, "exec", large, &answer, &err), &err, "rows");
    /* Nothing of it is left: the connection can still carry one. */
    check_ok(client_query(connection, "exec", good_wish(), &answer, &err), &err);
    json_decref(answer);
    assert_int_equal(stop(owner).code, 143);
}

/* --- clients that go ----------------------------------------------------------------------------
 */

/* A client in a process of its own, which is killed once the guest was asked. */
static void vanish(struct machine_fixture *fixture, char *how, int in, int out)
{
    TEXT_AUTO line = text_format("exec_in_container ok-a %s", how);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct error err = {0};
        struct client_exit end = {0};
        (void)run_exec("ok-a", how, in, out, false, &end, &err);
        _exit(1);
    }
    await_line(fixture, line, 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* It would wait for ever for room: nobody reads the pipe, and the monitor holds little. */
static void drops_the_output_of_a_client_that_has_gone(void **state)
{
    struct machine_fixture *fixture = *state;
    int out[2];
    CLIENT_AUTO owner = start_two(fixture);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    vanish(fixture, "/write-3000000", -1, out[1]);
    await_line(fixture, "written ok-a", 1);
    (void)close(out[0]);
    (void)close(out[1]);
    check_exec_ends("/end-7", 7);
    assert_int_equal(stop(owner).code, 143);
}

static void ends_the_input_of_a_client_that_has_gone(void **state)
{
    struct machine_fixture *fixture = *state;
    int in[2];
    CLIENT_AUTO owner = start_two(fixture);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    vanish(fixture, "/echo", in[0], -1);
    await_line(fixture, "input-ended ok-a", 1);
    (void)close(in[0]);
    (void)close(in[1]);
    check_exec_ends("/end-7", 7);
    assert_int_equal(stop(owner).code, 143);
}

/* Gone before the guest has answered: its place is kept for that answer, which finds nobody. */
static void forgets_a_client_that_has_gone_before_the_answer(void **state)
{
    struct machine_fixture *fixture = *state;
    CLIENT_AUTO owner = start_two(fixture);
    vanish(fixture, "/mute", -1, -1);
    for (int i = 0; i < 20; i++)
        check_exec_refused("ok-a", "/refused", ERROR_REFUSED, "because of the test");
    check_exec_ends("/end-7", 7);
    assert_int_equal(stop(owner).code, 143);
}

static void tells_the_client_when_the_machine_ends(void **state)
{
    struct machine_fixture *fixture = *state;
    CLIENT_AUTO owner = start_two(fixture);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct error err = {0};
        struct client_exit end = {0};
        _exit(run_exec("ok-a", "/idle", -1, -1, false, &end, &err) < 0 ? 1 : (int)end.code);
    }
    await_line(fixture, "exec_in_container ok-a /idle", 1);
    assert_int_equal(stop(owner).code, 143);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 0);
}

/* --- a guest that talks nonsense
 * ------------------------------------------------------------------ */

/* Which process that is nobody knows: the machine ends. */
static void ends_the_machine_of_an_answer_without_a_process(void **state)
{
    static char *const how[] = {"/nameless", "/negative"};
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        struct error err = {0};
        struct client_exit end = {0};
        CLIENT_AUTO owner = start_two(*state);
        (void)run_exec("ok-a", how[i], -1, -1, false, &end, &err);
        end = end_of_group(owner);
        assert_int_equal(end.failure.code, ERROR_PROTOCOL);
        check_holds(end.failure.text, "exec_in_container");
        check_holds(end.failure.text, "process");
        client_cleanup(&owner);
        wait_for_monitors();
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void waits_for_the_end_that_comes_after_the_answer(void **state)
{
    CLIENT_AUTO owner = start_two(*state);
    check_exec_ends("/early", 3);
    assert_int_equal(stop(owner).code, 143);
}

int main(int argc, char *argv[])
{
#define test(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)
    const struct CMUnitTest tests[] = {
        test(gives_the_code_of_the_process),
        test(carries_input_and_output),
        test(hands_on_the_guests_refusal),
        test(refuses_containers_that_do_not_run),
        test(refuses_before_a_container_runs),
        test(refuses_more_than_it_has_places_for),
        test(refuses_a_second_process_on_one_connection),
        test(refuses_requests_that_are_not_in_order),
        test(drops_the_output_of_a_client_that_has_gone),
        test(ends_the_input_of_a_client_that_has_gone),
        test(forgets_a_client_that_has_gone_before_the_answer),
        test(tells_the_client_when_the_machine_ends),
        test(ends_the_machine_of_an_answer_without_a_process),
        test(waits_for_the_end_that_comes_after_the_answer),
    };
    assert_int_equal(argc, 2);
    return run_machine_tests("monitor_exec", tests, sizeof tests / sizeof *tests, argv[1]);
}
