/* What a container wrote comes back as it was: bytes, streams, order, through rotations. */
#include "../check.h"
#include "../remove_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "vm/container_log.h"

struct fixture {
    char folder[64];
    struct container_log *log;
    struct container_log_reader reader;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *tmp = getenv("TMPDIR");
    struct error err = {0};
    (void)snprintf(fixture->folder, sizeof fixture->folder, "%.32s/caisson-log-XXXXXX",
                   tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    check_ok(container_log_open(fixture->folder, NULL, &fixture->log, &err), &err);
    check_ok(container_log_reader_open(fixture->folder, NULL, &fixture->reader, &err), &err);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    container_log_reader_close(&fixture->reader);
    container_log_close(fixture->log);
    (void)remove_tree(fixture->folder);
    free(fixture);
    return 0;
}

/* Reads what is new; the caller frees both. */
static bool read_new(struct fixture *fixture, char **out, size_t *out_size, char **errors,
                     size_t *errors_size)
{
    struct error err = {0};
    bool more;
    FILE *out_file = open_memstream(out, out_size);
    FILE *errors_file = open_memstream(errors, errors_size);
    check_ok(container_log_read(&fixture->reader, out_file, errors_file, &more, &err), &err);
    (void)fclose(out_file);
    (void)fclose(errors_file);
    return more;
}

static void check_new(struct fixture *fixture, struct span expected_out, const char *expected_error)
{
    char *out;
    char *errors;
    size_t out_size;
    size_t errors_size;
    (void)read_new(fixture, &out, &out_size, &errors, &errors_size);
    assert_int_equal(out_size, expected_out.size);
    if (out_size)
        assert_memory_equal(out, expected_out.data, out_size);
    assert_string_equal(errors, expected_error);
    free(out);
    free(errors);
}

static void write_text(struct fixture *fixture, unsigned int stream, const char *text)
{
    container_log_write(fixture->log, stream, span_of_text(text));
}

static void gives_back_lines_by_stream(void **state)
{
    struct fixture *fixture = *state;
    write_text(fixture, 1, "one\ntwo\n");
    write_text(fixture, 2, "wrong\n");
    write_text(fixture, 1, "\n");
    check_new(fixture, span_of_text("one\ntwo\n\n"), "wrong\n");
    check_new(fixture, span_of_text(""), "");
}

static void joins_what_came_in_parts(void **state)
{
    struct fixture *fixture = *state;
    write_text(fixture, 1, "no ");
    check_new(fixture, span_of_text("no "), "");
    write_text(fixture, 2, "E");
    write_text(fixture, 1, "newline");
    check_new(fixture, span_of_text("newline"), "E");
}

static void keeps_every_byte(void **state)
{
    uint8_t bytes[4096];
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    container_log_write(fixture->log, 1, span_of(bytes, sizeof bytes));
    check_new(fixture, span_of(bytes, sizeof bytes), "");
}

static void takes_the_longest_line_and_the_most_lines(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *bytes = malloc(65536);
    memset(bytes, 'x', 65536);
    container_log_write(fixture->log, 1, span_of(bytes, 65536));
    check_new(fixture, span_of(bytes, 65536), "");
    memset(bytes, '\n', 65536);
    container_log_write(fixture->log, 1, span_of(bytes, 65536));
    check_new(fixture, span_of(bytes, 65536), "");
    free(bytes);
}

/* Writes `size` bytes whose every line says where it stands. */
static void write_numbers(struct fixture *fixture, size_t from, size_t to)
{
    char line[1024];
    memset(line, '.', sizeof line);
    line[sizeof line - 1] = '\n';
    for (size_t i = from; i < to; i++) {
        (void)snprintf(line, sizeof line, "%09zu", i);
        line[9] = '.';
        container_log_write(fixture->log, 1, span_of(line, sizeof line));
    }
}

/* The numbers of the lines that are new, which must follow each other. */
static size_t check_numbers(struct fixture *fixture, size_t from)
{
    char *out;
    char *errors;
    size_t out_size;
    size_t errors_size;
    (void)read_new(fixture, &out, &out_size, &errors, &errors_size);
    assert_int_equal(out_size % 1024, 0);
    for (size_t at = 0; at < out_size; at += 1024)
        assert_int_equal(strtoul(out + at, NULL, 10), from + at / 1024);
    free(out);
    free(errors);
    return from + out_size / 1024;
}

#define LINES_A_FILE (CONTAINER_LOG_MAX / 1100)

static void follows_through_a_rotation(void **state)
{
    struct fixture *fixture = *state;
    size_t next = 0;
    for (size_t i = 0; i < 5; i++) {
        write_numbers(fixture, i * LINES_A_FILE / 2, (i + 1) * LINES_A_FILE / 2);
        next = check_numbers(fixture, next);
        assert_int_equal(next, (i + 1) * LINES_A_FILE / 2);
    }
}

static void reads_what_was_written_before_a_rotation_and_after(void **state)
{
    struct fixture *fixture = *state;
    write_numbers(fixture, 0, 10);
    assert_int_equal(check_numbers(fixture, 0), 10);
    /* More than one file since then, but not two. */
    write_numbers(fixture, 10, LINES_A_FILE * 3 / 2);
    assert_int_equal(check_numbers(fixture, 10), LINES_A_FILE * 3 / 2);
}

static void stays_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    static const char *const leaves[] = {"log", "log.1"};
    write_numbers(fixture, 0, 4 * LINES_A_FILE);
    for (size_t i = 0; i < 2; i++) {
        TEXT_AUTO path = text_format("%s/%s", fixture->folder, leaves[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_true(status.st_size <= CONTAINER_LOG_MAX);
    }
}

static void refuses_a_line_that_no_monitor_wrote(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    bool more;
    char *bytes = malloc(200000);
    TEXT_AUTO path = text_format("%s/log", fixture->folder);
    memset(bytes, 'x', 200000);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, bytes, 200000), 200000);
    (void)close(fd);
    free(bytes);
    check_error(container_log_read(&fixture->reader, stdout, stderr, &more, &err), &err,
                ERROR_INVALID);
}

static void leaves_out_lines_without_a_stream(void **state)
{
    struct fixture *fixture = *state;
    TEXT_AUTO path = text_format("%s/log", fixture->folder);
    static const char text[] = "\nx\n \n2026 stdout\n2026 stdout F \n";
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    (void)close(fd);
    check_new(fixture, span_of_text("\n"), "");
}

static void reads_nothing_where_nothing_is(void **state)
{
    struct fixture *fixture = *state;
    TEXT_AUTO path = text_format("%s/log", fixture->folder);
    assert_int_equal(unlink(path), 0);
    check_new(fixture, span_of_text(""), "");
}

static void loses_log_and_nothing_else_where_it_cannot_be_opened(void **state)
{
    struct container_log *log = NULL;
    struct error err = {0};
    (void)state;
    check_error(container_log_open("/no/such/folder", NULL, &log, &err), &err, ERROR_SYSTEM);
    container_log_write(log, 1, span_of_text("x"));
    container_log_write(NULL, 1, span_of_text("x"));
    container_log_close(log);
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(gives_back_lines_by_stream),
        LOG_TEST(joins_what_came_in_parts),
        LOG_TEST(keeps_every_byte),
        LOG_TEST(takes_the_longest_line_and_the_most_lines),
        LOG_TEST(follows_through_a_rotation),
        LOG_TEST(reads_what_was_written_before_a_rotation_and_after),
        LOG_TEST(stays_bounded),
        LOG_TEST(refuses_a_line_that_no_monitor_wrote),
        LOG_TEST(leaves_out_lines_without_a_stream),
        LOG_TEST(reads_nothing_where_nothing_is),
        cmocka_unit_test(loses_log_and_nothing_else_where_it_cannot_be_opened),
    };
    return cmocka_run_group_tests_name("container_log", tests, NULL, NULL);
}
