#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

/* Runs with standard error in a file, and gives what came there. */
static void capture(char *out, size_t size, void write_lines(void))
{
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fflush(stderr);
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    assert_true(kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    write_lines();
    (void)fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    rewind(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

static void write_levels(void)
{
    log_open("name", LOG_LEVEL_WARNING);
    log_error("one %d", 1);
    log_warning("two");
    log_info("three");
    log_debug("four");
}

static void drops_lines_above_its_level(void **state)
{
    (void)state;
    char text[256];
    capture(text, sizeof text, write_levels);
    assert_string_equal(text, "name: one 1\nname: two\n");
}

static void write_hostile(void)
{
    log_open("name", LOG_LEVEL_INFO);
    log_info("a\nname: forged\r\x1b[31m\xff");
}

static void keeps_a_line_one_line(void **state)
{
    (void)state;
    char text[256];
    capture(text, sizeof text, write_hostile);
    assert_string_equal(text, "name: a name: forged  [31m?\n");
}

static void write_long(void)
{
    log_info("%05000d", 1);
}

static void cuts_a_long_line(void **state)
{
    (void)state;
    char text[8192];
    capture(text, sizeof text, write_long);
    assert_true(strlen(text) < 2100);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_lines_above_its_level),
        cmocka_unit_test(keeps_a_line_one_line),
        cmocka_unit_test(cuts_a_long_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
