/* First lines of every kind; what no interpreter can be read from is no program. */
#include "../../../check.h"

#include <errno.h>
#include <string.h>

#include "../heap.h"
#include "enclave/libos/alloc.h"
#include "enclave/libos/program/script.h"

static int read_line(const char *line, struct script *script)
{
    return script_read((const uint8_t *)line, strlen(line), script);
}

static void reads_the_interpreter_and_one_argument(void **state)
{
    static const struct {
        const char *line, *interpreter, *argument;
    } lines[] = {
        {"#!/bin/sh\n", "/bin/sh", ""},
        {"#! \t/bin/sh \t\nexit\n", "/bin/sh", ""},
        {"#!/bin/sh -e\n", "/bin/sh", "-e"},
        {"#!/bin/sh \t-e  -x \n", "/bin/sh", "-e  -x"}, /* one, with what is in it */
        {"#!/bin/sh", "/bin/sh", ""},                   /* the file's end ends the line */
        {"#!/bin/sh -e", "/bin/sh", "-e"},
        {"#!sh\n", "sh", ""},
    };
    struct script script;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(read_line(lines[i].line, &script), 1);
        assert_string_equal(script.interpreter, lines[i].interpreter);
        assert_string_equal(script.argument, lines[i].argument);
    }
}

static void refuses_lines_without_an_interpreter(void **state)
{
    static const char *const lines[] = {"#!\n", "#!", "#! \t \n/bin/sh\n", "#!   "};
    struct script script;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(read_line(lines[i], &script), -ENOEXEC);
}

static void takes_other_files_for_no_scripts(void **state)
{
    struct script script;
    (void)state;
    assert_int_equal(read_line("", &script), 0);
    assert_int_equal(read_line("#", &script), 0);
    assert_int_equal(read_line(" #!/bin/sh\n", &script), 0);
    assert_int_equal(read_line("\x7f"
                               "ELF",
                               &script),
                     0);
}

/* A name that may go on behind what is looked at is none; an argument is cut. */
static void knows_256_bytes(void **state)
{
    char line[400];
    struct script script;
    (void)state;
    memset(line, 'a', sizeof line);
    memcpy(line, "#!/", 3);
    assert_int_equal(script_read((uint8_t *)line, sizeof line, &script), -ENOEXEC);
    line[254] = '\n';
    assert_int_equal(script_read((uint8_t *)line, sizeof line, &script), 1);
    assert_int_equal(strlen(script.interpreter), 252);
    line[254] = 'a';
    line[255] = '\n';
    assert_int_equal(script_read((uint8_t *)line, sizeof line, &script), 1);
    assert_int_equal(strlen(script.interpreter), 253);
    line[255] = 'a';
    line[256] = '\n';
    assert_int_equal(script_read((uint8_t *)line, sizeof line, &script), -ENOEXEC);
    line[10] = ' ';
    assert_int_equal(script_read((uint8_t *)line, sizeof line, &script), 1);
    assert_int_equal(strlen(script.argument), 244);
    for (size_t size = 2; size < sizeof line; size++)
        assert_int_equal(script_read((uint8_t *)line, size, &script), size > 2 ? 1 : -ENOEXEC);
}

#define WORDS(text, count)                                                                         \
    {                                                                                              \
        .texts = (text), .size = sizeof(text), .arguments = (count)                                \
    }

static void puts_itself_before_the_arguments(void **state)
{
    const struct program_words words = WORDS("./s\0s\0one\0A=1", 2);
    const struct script plain = {"/bin/sh", ""};
    const struct script more = {"/bin/env", "-i sh"};
    struct program_words out;
    (void)state;
    assert_int_equal(script_words(&plain, "./s", &words, &out), 0);
    assert_int_equal(out.arguments, 3);
    assert_int_equal(out.size, sizeof "./s\0/bin/sh\0./s\0one\0A=1");
    assert_memory_equal(out.texts, "./s\0/bin/sh\0./s\0one\0A=1", out.size);
    struct program_words second;
    assert_int_equal(script_words(&more, "/bin/sh", &out, &second), 0);
    assert_int_equal(second.arguments, 5);
    assert_memory_equal(second.texts, "./s\0/bin/env\0-i sh\0/bin/sh\0./s\0one\0A=1", second.size);
    libos_free((void *)(uintptr_t)out.texts);
    libos_free((void *)(uintptr_t)second.texts);
}

static void refuses_words_that_are_not_there(void **state)
{
    const struct program_words none[] = {
        WORDS("./s\0A=1", 0), {"./s", 3, 1}, {"./s\0s", 5, 1}, {"", 0, 1}};
    const struct script script = {"/bin/sh", ""};
    struct program_words out;
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(script_words(&script, "./s", &none[i], &out), -EINVAL);
    const struct program_words words = WORDS("./s\0s", 1);
    heap_left = 0;
    assert_int_equal(script_words(&script, "./s", &words, &out), -ENOMEM);
    heap_left = SIZE_MAX;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_interpreter_and_one_argument),
        cmocka_unit_test(refuses_lines_without_an_interpreter),
        cmocka_unit_test(takes_other_files_for_no_scripts),
        cmocka_unit_test(knows_256_bytes),
        cmocka_unit_test(puts_itself_before_the_arguments),
        cmocka_unit_test(refuses_words_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
