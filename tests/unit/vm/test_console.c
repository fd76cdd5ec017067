/* What a failure quotes of a machine's console. */
#include "../check.h"
#include "../remove_tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/fd.h"
#include "vm/console.h"

static char folder[64];
static struct event_base *base;
static struct console console;

static int setup(void **state)
{
    struct error err = {0};
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/caisson-console-XXXXXX");
    base = event_base_new();
    if (!mkdtemp(folder) || !base)
        return -1;
    return console_open(&console, base, folder, &err);
}

static int teardown(void **state)
{
    (void)state;
    console_close(&console);
    event_base_free(base);
    return remove_tree(folder);
}

static const char *tail_after(const char *text)
{
    static char tail[CONSOLE_TAIL_SIZE];
    struct error err = {0};
    check_ok(fd_write_all(console.guest_fd, span_of_text(text), &err), &err);
    console_tail(&console, tail);
    return tail;
}

static void quotes_the_end(void **state)
{
    (void)state;
    char text[1000];
    assert_string_equal(tail_after(""), "");
    assert_string_equal(tail_after("one\n"), "one\n");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text + sizeof text - 5, "last", 4);
    const char *tail = tail_after(text);
    assert_int_equal(strlen(tail), CONSOLE_TAIL_SIZE - 1);
    assert_string_equal(tail + strlen(tail) - 4, "last");
}

static void quotes_why_a_kernel_died_and_not_its_trace(void **state)
{
    (void)state;
    assert_string_equal(tail_after("boot\n[ 1] verity: block 7 is corrupted\n"
                                   "[ 1] Kernel panic - not syncing: device corrupted\n"
                                   "[ 1] Call Trace:\n[ 1]  panic+0x344/0x3a0\n"),
                        "[ 1] verity: block 7 is corrupted\n"
                        "[ 1] Kernel panic - not syncing: device corrupted");
}

static void quotes_a_panic_that_is_all_there_is(void **state)
{
    (void)state;
    assert_string_equal(tail_after("Kernel panic"), "Kernel panic");
}

static void bounds_what_a_guest_says_before_its_panic(void **state)
{
    (void)state;
    char text[9000];
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 14, "\nKernel panic", 14);
    assert_int_equal(strlen(tail_after(text)), CONSOLE_TAIL_SIZE - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(quotes_the_end),
        TEST(quotes_why_a_kernel_died_and_not_its_trace),
        TEST(quotes_a_panic_that_is_all_there_is),
        TEST(bounds_what_a_guest_says_before_its_panic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
