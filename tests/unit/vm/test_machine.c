/* A machine from its start to its end: monitor and client as they are, QEMU and the guest played by
 * fake_qemu.c, which does as the name says by which it is called. */
#include "machine_fixture.h"

char *fake_qemu;
struct processor shared_processor;

/* --- how it ends ------------------------------------------------------------------------------ */

static void exits_with_the_containers_code(void **state)
{
    static const struct {
        const char *life;
        unsigned int code;
        unsigned int signal;
    } cases[] = {
        {"exit-0", 0, 0},     {"exit-42", 42, 0},     {"exit-255", 255, 0},
        {"signal-9", 137, 9}, {"signal-15", 143, 15},
    };
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RECORD_AUTO record = {0};
        CLIENT_AUTO connection = start_machine(fixture, cases[i].life);
        struct client_exit end = end_of(connection);
        assert_int_equal(end.code, cases[i].code);
        assert_int_equal(end.signal, cases[i].signal);
        assert_int_equal(end.failure.code, ERROR_NONE);
        client_cleanup(&connection);
        wait_for_monitors();
        read_end(&record);
        assert_int_equal(record.exit_code, cases[i].code);
        assert_string_equal(record.failure, "");
        assert_true(record.started > 0);
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void says_which_step_the_guest_refused(void **state)
{
    static const char *const lives[] = {"refuse-set_policy", "refuse-mount_device",
                                        "refuse-scratch_mount", "refuse-mount_overlay",
                                        "refuse-create_container"};
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    write_in(fixture, "parts", "parts");
    fixture->config.scratch_folder = fixture->folder;
    fixture->config.scratch_size = MACHINE_SCRATCH_MIN;
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        RECORD_AUTO record = {0};
        CLIENT_AUTO connection = start_machine(fixture, lives[i]);
        struct client_exit end = end_of(connection);
        assert_int_equal(end.failure.code, ERROR_REFUSED);
        check_holds(end.failure.text, "denied by here: because of the test");
        client_cleanup(&connection);
        wait_for_monitors();
        read_end(&record);
        check_holds(record.failure, "because of the test");
        assert_int_equal(record.started, 0);
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void names_a_qemu_that_is_not_there(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    int fd;
    fixture->config.qemu_program = "/no/such/qemu";
    check_ok(machine_start(&fixture->config, &fd, &err), &err);
    CLIENT_AUTO connection = client_open(fd, &err);
    check_refused(client_wait_started(connection, &err), &err, "/no/such/qemu is not installed");
}

static void names_the_folder_in_which_no_scratch_can_be(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    int fd;
    write_in(fixture, "parts", "parts");
    fixture->config.scratch_folder = "/no/such/folder";
    fixture->config.scratch_size = MACHINE_SCRATCH_MIN;
    check_ok(machine_start(&fixture->config, &fd, &err), &err);
    CLIENT_AUTO connection = client_open(fd, &err);
    check_refused(client_wait_started(connection, &err), &err,
                  "cannot make a scratch disk in /no/such/folder");
}

static void names_a_file_that_is_not_there(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct vm_disk missing = {.path = "/no/such/disk"};
    fixture->config.disks = &missing;
    CLIENT_AUTO connection = start_machine(fixture, "exit-0");
    struct client_exit end = end_of(connection);
    assert_int_equal(end.failure.code, ERROR_NOT_FOUND);
    check_holds(end.failure.text, "/no/such/disk");
    client_cleanup(&connection);
    wait_for_monitors();
    read_end(&record);
    assert_int_equal(runs_of(fixture), 0);
}

static void starts_qemu_again_that_ends_before_the_guest_speaks(void **state)
{
    struct machine_fixture *fixture = *state;
    CLIENT_AUTO connection = start_machine(fixture, "die-first");
    struct client_exit end = end_of(connection);
    assert_int_equal(end.failure.code, ERROR_NONE);
    assert_int_equal(end.code, 0);
    assert_int_equal(runs_of(fixture), 2);
}

static void gives_up_after_the_third_qemu(void **state)
{
    struct machine_fixture *fixture = *state;
    CLIENT_AUTO connection = start_machine(fixture, "die-before");
    struct client_exit end = end_of(connection);
    assert_int_equal(end.failure.code, ERROR_UNAVAILABLE);
    check_holds(end.failure.text, "before the guest came up");
    check_holds(end.failure.text, "the fake QEMU dies");
    assert_int_equal(runs_of(fixture), 3);
}

static void asks_for_more_memory_where_there_is_little(void **state)
{
    struct machine_fixture *fixture = *state;
    fixture->config.memory_mib = QEMU_MEMORY_MIN;
    CLIENT_AUTO connection = start_machine(fixture, "die-before");
    check_holds(end_of(connection).failure.text, "--memory");
}

static void does_not_start_again_what_has_spoken(void **state)
{
    static const char *const lives[] = {"die-hello", "die-later"};
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        CLIENT_AUTO connection = start_machine(fixture, lives[i]);
        struct client_exit end = end_of(connection);
        check_holds(end.failure.text, "ended by itself");
        assert_int_equal(runs_of(fixture), (long)i + 1);
        client_cleanup(&connection);
        wait_for_monitors();
        check_ok(record_remove(NAME, &err), &err);
    }
}

/* --- a guest that keeps to no rule -------------------------------------------------------------
 */

static void ends_the_machine_of_a_guest_that_breaks_the_protocol(void **state)
{
    static const struct {
        const char *life;
        const char *words;
    } cases[] = {
        {"malformed", "the guest's message"},
        {"oversized", "2147483647"},
        {"unasked-99", "was not asked"},
        {"unasked-1", "was not asked"},

        {"stream-77", "77"},
        {"hello-twice", "greets twice"},
        {"event", "\"reboot\""},
        {"other-tee", "\"sev-snp\""},
        {"exit-early", "has not started"},
        {"exit-256", "code"},
        {"signal-65", ""},
    };
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RECORD_AUTO record = {0};
        CLIENT_AUTO connection = start_machine(fixture, cases[i].life);
        struct client_exit end = end_of(connection);
        if (end.failure.code == ERROR_NONE)
            fail_msg("%s goes unpunished", cases[i].life);
        check_holds(end.failure.text, cases[i].words);
        assert_int_equal(end.code, 137);
        client_cleanup(&connection);
        wait_for_monitors();
        read_end(&record);
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void ends_the_machine_of_a_guest_that_sends_past_its_credit(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct error err = {0};
    CLIENT_AUTO connection = start_machine(fixture, "flood-2");
    check_ok(client_wait_started(connection, &err), &err);
    for (int tries = 0; tries < 1000 && record.status != RECORD_EXITED; tries++) {
        pause_ms(10);
        record_fini(&record);
        check_ok(record_read(NAME, &record, &err), &err);
    }
    assert_int_equal(record.status, RECORD_EXITED);
    check_holds(record.failure, "credit");
}

static void waits_no_longer_than_it_may_for_a_guest(void **state)
{
    static const struct {
        const char *life;
        const char *words;
    } cases[] = {{"silent", "did not come up in time"}, {"mute", "did not start in time"}};
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    fixture->config.boot_timeout_ms = SOON_MS;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLIENT_AUTO connection = start_machine(fixture, cases[i].life);
        struct client_exit end = end_of(connection);
        check_holds(end.failure.text, cases[i].words);
        client_cleanup(&connection);
        wait_for_monitors();
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void keeps_the_console_of_a_talkative_guest_small(void **state)
{
    struct machine_fixture *fixture = *state;
    struct stat status;
    CLIENT_AUTO connection = start_machine(fixture, "console"); /* 3 MiB */
    assert_int_equal(end_of(connection).failure.code, ERROR_NONE);
    client_cleanup(&connection);
    wait_for_monitors();
    TEXT_AUTO path = path_in(fixture, "run/" NAME "/console");
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size > 0 && status.st_size <= 1024 * 1024);
}

/* --- names
 * ---------------------------------------------------------------------------------------- */

static void refuses_a_name_that_is_in_use(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    int fd;
    CLIENT_AUTO connection = start_machine(fixture, "idle");
    check_ok(client_wait_started(connection, &err), &err);
    check_refused(machine_start(&fixture->config, &fd, &err), &err, "caisson rm " NAME);
    check_refused(record_remove(NAME, &err), &err, "stop it first");
    client_cleanup(&connection); /* the owner has gone: so has the machine */
    wait_for_monitors();
    check_refused(machine_start(&fixture->config, &fd, &err), &err, "in use");
    check_ok(record_remove(NAME, &err), &err);
    connection = start_machine(fixture, "exit-7");
    assert_int_equal(end_of(connection).code, 7);
}

static void forgets_a_machine_that_is_to_be_removed(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct error err = {0};
    fixture->config.auto_remove = true;
    CLIENT_AUTO connection = start_machine(fixture, "exit-3");
    assert_int_equal(end_of(connection).code, 3);
    client_cleanup(&connection);
    wait_for_monitors();
    check_error(record_read(NAME, &record, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_what_json_cannot_carry(void **state)
{
    static char *const bad[] = {"app", "caf\xe9", NULL};
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct error err = {0};
    int fd;
    fixture->config.process.args = bad;
    check_refused(machine_start(&fixture->config, &fd, &err), &err, "argument 2");
    fixture->config.process.args = fixture->config.process.env;
    fixture->config.process.env = bad;
    check_refused(machine_start(&fixture->config, &fd, &err), &err, "variable 2");
    check_error(record_read(NAME, &record, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_a_path_that_no_socket_takes(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    TEXT_AUTO deep = text_format("%s/%0100d", fixture->folder, 0);
    assert_int_equal(setenv("CAISSON_RUN", deep, 1), 0);
    CLIENT_AUTO connection = start_machine(fixture, "exit-0");
    check_refused(client_wait_started(connection, &err), &err, "CAISSON_RUN");
}

#define MACHINE_TEST(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        MACHINE_TEST(exits_with_the_containers_code),
        MACHINE_TEST(says_which_step_the_guest_refused),
        MACHINE_TEST(names_a_qemu_that_is_not_there),
        MACHINE_TEST(names_a_file_that_is_not_there),
        MACHINE_TEST(names_the_folder_in_which_no_scratch_can_be),
        MACHINE_TEST(starts_qemu_again_that_ends_before_the_guest_speaks),
        MACHINE_TEST(gives_up_after_the_third_qemu),
        MACHINE_TEST(asks_for_more_memory_where_there_is_little),
        MACHINE_TEST(does_not_start_again_what_has_spoken),
        MACHINE_TEST(ends_the_machine_of_a_guest_that_breaks_the_protocol),
        MACHINE_TEST(ends_the_machine_of_a_guest_that_sends_past_its_credit),
        MACHINE_TEST(waits_no_longer_than_it_may_for_a_guest),
        MACHINE_TEST(keeps_the_console_of_a_talkative_guest_small),
        MACHINE_TEST(refuses_a_name_that_is_in_use),
        MACHINE_TEST(forgets_a_machine_that_is_to_be_removed),
        MACHINE_TEST(refuses_what_json_cannot_carry),
        MACHINE_TEST(refuses_a_path_that_no_socket_takes),
    };
    assert_int_equal(argc, 2);
    return run_machine_tests("machine", tests, sizeof tests / sizeof *tests, argv[1]);
}
