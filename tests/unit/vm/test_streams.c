/* The container's streams and signals through monitor and client, with the guest played by
 * fake_qemu.c; and what is left when one of the processes goes. */
#include "machine_fixture.h"

#include <pthread.h>

#include "evidence/bundle.h"
#include "format/channel.h"

char *fake_qemu;
struct processor shared_processor;

#define MUCH (4UL * 1024 * 1024)

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 >> 3);
}

/* Reads a pipe to its end in a thread; the first read may wait. */
struct reader {
    int fd;
    long wait_ms;
    size_t count;
    size_t wrong;
};

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    uint8_t piece[8192];
    ssize_t got;
    pause_ms(reader->wait_ms);
    while ((got = read(reader->fd, piece, sizeof piece)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            reader->wrong += piece[i] != pattern(reader->count + (size_t)i);
        reader->count += (size_t)got;
    }
    return NULL;
}

/* --- output ----------------------------------------------------------------------------------- */

static void loses_nothing_to_a_reader_that_is_late(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    struct client_exit end;
    int ends[2];
    pthread_t thread;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct reader reader = {.fd = ends[0], .wait_ms = SOON_MS};
    CLIENT_AUTO connection = start_machine(fixture, "output-4194304");
    struct client_streams streams = {.in = -1, .out = ends[1], .error = ends[1]};
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    check_ok(client_attach(connection, &streams, &end, &err), &err);
    (void)close(ends[1]);
    (void)pthread_join(thread, NULL);
    (void)close(ends[0]);
    assert_int_equal(end.code, 0);
    assert_int_equal(reader.count, MUCH);
    assert_int_equal(reader.wrong, 0);
}

/* The bytes of memory that the monitor has. */
static size_t resident_of(pid_t pid)
{
    BUF_AUTO text = BUF_WITH_LIMIT(4096);
    TEXT_AUTO path = text_format("/proc/%d/statm", (int)pid);
    assert_int_equal(file_read(path, &text, NULL), 0);
    const char *second = strchr(buf_text(&text), ' ');
    assert_non_null(second);
    return strtoul(second, NULL, 10) * 4096;
}

/* The owner is there, and does not attach: the guest is held back, and nothing grows. */
static void holds_a_guest_back_whose_output_nobody_takes(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct error err = {0};
    struct stat status;
    CLIENT_AUTO connection = start_machine(fixture, "output-400000000");
    check_ok(client_wait_started(connection, &err), &err);
    check_ok(record_read(NAME, &record, &err), &err);
    pause_ms(100);
    size_t before = resident_of(record.monitor);
    pause_ms(SOON_MS);
    assert_true(resident_of(record.monitor) < before + MUCH);
    TEXT_AUTO log = path_in(fixture, "run/" NAME "/log");
    assert_int_equal(stat(log, &status), 0);
    assert_true(status.st_size < 4 * CHANNEL_WINDOW);
}

static void ends_what_writes_to_a_pipe_that_was_closed(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    struct client_exit end;
    int ends[2];
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[0]);
    CLIENT_AUTO connection = start_machine(fixture, "output-400000000");
    struct client_streams streams = {.in = -1, .out = ends[1], .error = ends[1]};
    check_refused(client_attach(connection, &streams, &end, &err), &err, "output");
    (void)close(ends[1]);
    client_cleanup(&connection);
    wait_for_monitors();
    RECORD_AUTO record = {0};
    read_end(&record);
}

/* --- input ------------------------------------------------------------------------------------ */

static void carries_input_past_the_first_window(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    struct client_exit end;
    int ends[2];
    pthread_t thread;
    char name[] = "/tmp/caisson-input-XXXXXX";
    FD_AUTO input = mkostemp(name, O_CLOEXEC);
    assert_true(input >= 0);
    (void)unlink(name);
    uint8_t *bytes = malloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        bytes[i] = pattern(i);
    check_ok(fd_write_all(input, span_of(bytes, MUCH), &err), &err);
    free(bytes);
    (void)lseek(input, 0, SEEK_SET);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct reader reader = {.fd = ends[0]};
    fixture->config.process.input = true;
    CLIENT_AUTO connection = start_machine(fixture, "echo");
    struct client_streams streams = {.in = input, .out = ends[1], .error = ends[1]};
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    check_ok(client_attach(connection, &streams, &end, &err), &err);
    (void)close(ends[1]);
    (void)pthread_join(thread, NULL);
    (void)close(ends[0]);
    assert_int_equal(reader.count, MUCH);
    assert_int_equal(reader.wrong, 0);
}

/* --- signals and stops -------------------------------------------------------------------------
 */

/* Sends this process a signal after a while: as a user at the terminal does. */
static void *send_signals(void *argument)
{
    const int *signals = argument;
    for (int tries = 0; tries < LONG_MS / 10; tries++) {
        RECORD_AUTO record = {0};
        if (record_read(NAME, &record, NULL) == 0 && record.status == RECORD_RUNNING)
            break;
        pause_ms(10);
    }
    for (; *signals; signals++) {
        pause_ms(SOON_MS);
        (void)kill(getpid(), *signals);
    }
    return NULL;
}

static struct client_exit end_by_signals(struct machine_fixture *fixture, const char *life,
                                         int *signals)
{
    pthread_t thread;
    CLIENT_AUTO connection = start_machine(fixture, life);
    assert_int_equal(pthread_create(&thread, NULL, send_signals, signals), 0);
    struct client_exit end = end_of(connection);
    (void)pthread_join(thread, NULL);
    return end;
}

static void hands_signals_on(void **state)
{
    int signals[] = {SIGINT, 0};
    struct client_exit end = end_by_signals(*state, "idle", signals);
    assert_int_equal(end.code, 128 + SIGINT);
    assert_int_equal(end.signal, SIGINT);
}

static void hands_a_signal_on_twice(void **state)
{
    int signals[] = {SIGUSR1, SIGUSR1, SIGTERM, SIGTERM, 0};
    struct machine_fixture *fixture = *state;
    pthread_t thread;
    CLIENT_AUTO connection = start_machine(fixture, "stubborn");
    assert_int_equal(pthread_create(&thread, NULL, send_signals, signals), 0);
    RECORD_AUTO record = {0};
    struct error err = {0};
    struct client_exit end;
    FD_AUTO null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct client_streams streams = {.in = -1, .out = null, .error = null};
    (void)signal(SIGALRM, SIG_DFL);
    pid_t other = fork();
    if (other == 0) {
        /* The one who ends it, long after the signals: they have not. */
        pause_ms(6 * SOON_MS);
        CLIENT_AUTO stopper = client_connect(NAME, NULL);
        _exit(stopper && client_stop(stopper, 0, &end, NULL) == 0 ? 0 : 1);
    }
    check_ok(client_attach(connection, &streams, &end, &err), &err);
    int status;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(end.code, 137);
    check_ok(record_read(NAME, &record, &err), &err);
    assert_string_equal(record.failure, "stopped");
}

static void stops_where_the_policy_refuses_the_signal(void **state)
{
    int signals[] = {SIGINT, 0};
    struct client_exit end = end_by_signals(*state, "deny", signals);
    assert_int_equal(end.code, 137);
    check_holds(end.failure.text, "denied by signal_container_process");
}

static void stops_after_the_time_is_over(void **state)
{
    static const char *const lives[] = {"stubborn", "dumb"};
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    fixture->config.owned = false;
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        RECORD_AUTO record = {0};
        struct client_exit end;
        CLIENT_AUTO connection = start_machine(fixture, lives[i]);
        check_ok(client_wait_started(connection, &err), &err);
        client_cleanup(&connection);
        connection = client_connect(NAME, &err);
        assert_non_null(connection);
        check_ok(client_stop(connection, SOON_MS, &end, &err), &err);
        assert_int_equal(end.code, 137);
        client_cleanup(&connection);
        wait_for_monitors();
        read_end(&record);
        check_holds(record.failure, "did not end by itself in time");
        assert_null(client_connect(NAME, &err));
        assert_int_equal(err.code, ERROR_REFUSED);
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void asks_with_the_images_own_signal(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    struct client_exit end;
    fixture->config.stop_signal = SIGQUIT;
    CLIENT_AUTO connection = start_machine(fixture, "idle");
    check_ok(client_wait_started(connection, &err), &err);
    check_ok(client_stop(connection, LONG_MS, &end, &err), &err);
    assert_int_equal(end.signal, SIGQUIT);
}

static void a_machine_that_ends_answers_who_waits(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    BUF_AUTO evidence = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    fixture->config.owned = false;
    CLIENT_AUTO connection = start_machine(fixture, "dumb-attest");
    check_ok(client_wait_started(connection, &err), &err);
    pid_t other = fork();
    if (other == 0) {
        struct client_exit end;
        pause_ms(SOON_MS);
        CLIENT_AUTO stopper = client_connect(NAME, NULL);
        _exit(stopper && client_stop(stopper, 0, &end, NULL) == 0 ? 0 : 1);
    }
    check_refused(client_attest(connection, "00ff", LONG_MS, &evidence, &err), &err,
                  "ended before");
    int status;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
}

static void waits_no_longer_than_it_may_for_evidence(void **state)
{
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    struct client_exit end;
    BUF_AUTO evidence = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    CLIENT_AUTO connection = start_machine(fixture, "dumb-attest");
    check_ok(client_wait_started(connection, &err), &err);
    check_error(client_attest(connection, "00ff", SOON_MS, &evidence, &err), &err,
                ERROR_UNAVAILABLE);
    check_holds(err.text, "the guest does not answer");
    assert_int_equal(evidence.size, 0);
    /* The machine lives, and the connection is of use. */
    check_ok(client_stop(connection, 0, &end, &err), &err);
    assert_int_equal(end.failure.code, ERROR_NONE);
}

/* --- who goes, and who stays --------------------------------------------------------------------
 */

static void an_owned_machine_ends_with_its_owner(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct error err = {0};
    CLIENT_AUTO connection = start_machine(fixture, "idle");
    check_ok(client_wait_started(connection, &err), &err);
    client_cleanup(&connection);
    wait_for_monitors();
    read_end(&record);
    check_holds(record.failure, "has gone");
}

static void another_lives_on_once_it_runs(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct error err = {0};
    struct client_exit end;
    fixture->config.owned = false;
    CLIENT_AUTO connection = start_machine(fixture, "idle");
    check_ok(client_wait_started(connection, &err), &err);
    client_cleanup(&connection);
    pause_ms(SOON_MS);
    check_ok(record_read(NAME, &record, &err), &err);
    assert_int_equal(record.status, RECORD_RUNNING);
    connection = client_connect(NAME, &err);
    assert_non_null(connection);
    check_ok(client_stop(connection, LONG_MS, &end, &err), &err);
    assert_int_equal(end.signal, SIGTERM);
}

static void any_ends_with_its_owner_while_it_boots(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    fixture->config.owned = false;
    CLIENT_AUTO connection = start_machine(fixture, "mute");
    pause_ms(SOON_MS);
    client_cleanup(&connection);
    wait_for_monitors();
    read_end(&record);
}

/* The only child of a process, or 0. */
static pid_t child_of(pid_t pid)
{
    BUF_AUTO text = BUF_WITH_LIMIT(4096);
    TEXT_AUTO path = text_format("/proc/%d/task/%d/children", (int)pid, (int)pid);
    if (file_read(path, &text, NULL) < 0)
        return 0;
    return (pid_t)strtol(buf_text(&text), NULL, 10);
}

/* Whether the process is gone, or will be within a second. */
static bool is_gone(pid_t pid)
{
    for (int tries = 0; tries < 100; tries++) {
        if (kill(pid, 0) < 0)
            return true;
        BUF_AUTO text = BUF_WITH_LIMIT(4096);
        TEXT_AUTO path = text_format("/proc/%d/stat", (int)pid);
        if (file_read(path, &text, NULL) < 0 || strstr(buf_text(&text), ") Z "))
            return true;
        pause_ms(10);
    }
    return false;
}

static void leaves_no_qemu_behind_when_it_is_killed(void **state)
{
    static const struct {
        int signal;
        const char *words;
    } cases[] = {{SIGKILL, "was killed"}, {SIGTERM, "told to end"}};
    struct machine_fixture *fixture = *state;
    struct error err = {0};
    fixture->config.owned = false;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RECORD_AUTO record = {0};
        RECORD_AUTO after = {0};
        CLIENT_AUTO connection = start_machine(fixture, "idle");
        check_ok(client_wait_started(connection, &err), &err);
        check_ok(record_read(NAME, &record, &err), &err);
        pid_t qemu = child_of(record.monitor);
        assert_true(qemu > 0);
        assert_int_equal(kill(record.monitor, cases[i].signal), 0);
        client_cleanup(&connection);
        wait_for_monitors();
        assert_true(is_gone(qemu));
        read_end(&after);
        assert_int_equal(after.exit_code, 137);
        check_holds(after.failure, cases[i].words);
        check_ok(record_remove(NAME, &err), &err);
    }
}

static void says_that_the_monitor_has_gone(void **state)
{
    struct machine_fixture *fixture = *state;
    RECORD_AUTO record = {0};
    struct error err = {0};
    struct client_exit end;
    FD_AUTO null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct client_streams streams = {.in = -1, .out = null, .error = null};
    CLIENT_AUTO connection = start_machine(fixture, "idle");
    check_ok(client_wait_started(connection, &err), &err);
    check_ok(record_read(NAME, &record, &err), &err);
    assert_int_equal(kill(record.monitor, SIGKILL), 0);
    check_refused(client_attach(connection, &streams, &end, &err), &err, "monitor");
}

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, machine_set_up, machine_tear_down)

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(loses_nothing_to_a_reader_that_is_late),
        STREAM_TEST(holds_a_guest_back_whose_output_nobody_takes),
        STREAM_TEST(ends_what_writes_to_a_pipe_that_was_closed),
        STREAM_TEST(carries_input_past_the_first_window),
        STREAM_TEST(hands_signals_on),
        STREAM_TEST(hands_a_signal_on_twice),
        STREAM_TEST(stops_where_the_policy_refuses_the_signal),
        STREAM_TEST(stops_after_the_time_is_over),
        STREAM_TEST(asks_with_the_images_own_signal),
        STREAM_TEST(a_machine_that_ends_answers_who_waits),
        STREAM_TEST(waits_no_longer_than_it_may_for_evidence),
        STREAM_TEST(an_owned_machine_ends_with_its_owner),
        STREAM_TEST(another_lives_on_once_it_runs),
        STREAM_TEST(any_ends_with_its_owner_while_it_boots),
        STREAM_TEST(leaves_no_qemu_behind_when_it_is_killed),
        STREAM_TEST(says_that_the_monitor_has_gone),
    };
    assert_int_equal(argc, 2);
    return run_machine_tests("streams", tests, sizeof tests / sizeof *tests, argv[1]);
}
