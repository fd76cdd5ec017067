#include "../check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/commands.h"

#define TEXT_SIZE 65536

static char output[TEXT_SIZE];    /* what the last run wrote to standard output */
static char complaint[TEXT_SIZE]; /* and to standard error */

static int redirect(int fd, FILE *file)
{
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    assert_true(kept >= 0);
    assert_true(dup2(fileno(file), fd) == fd);
    return kept;
}

static void restore(int fd, int kept, FILE *file, char *text)
{
    assert_true(dup2(kept, fd) == fd);
    (void)close(kept);
    rewind(file);
    text[fread(text, 1, TEXT_SIZE - 1, file)] = '\0';
    (void)fclose(file);
}

/* Runs `caisson` with the words, NULL-terminated, and gives its exit status. */
static int run_words(char *argv[])
{
    int argc = 0;
    while (argv[argc])
        argc++;
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    assert_true(out && err);
    (void)fflush(stdout);
    (void)fflush(stderr);
    int kept_out = redirect(STDOUT_FILENO, out);
    int kept_err = redirect(STDERR_FILENO, err);
    int status = command_main(argc, argv);
    (void)fflush(stdout);
    (void)fflush(stderr);
    restore(STDERR_FILENO, kept_err, err, complaint);
    restore(STDOUT_FILENO, kept_out, out, output);
    return status;
}

#define RUN(...) run_words((char *[]){"caisson", __VA_ARGS__ __VA_OPT__(, ) NULL})

static void prints_its_version(void **state)
{
    (void)state;
    assert_int_equal(RUN("version"), EXIT_OK);
    assert_string_equal(output, "caisson " CAISSON_VERSION "\n");
    assert_int_equal(RUN("--version"), EXIT_OK);
    assert_string_equal(output, "caisson " CAISSON_VERSION "\n");
}

static void prints_help_where_asked(void **state)
{
    (void)state;
    assert_int_equal(RUN("--help"), EXIT_OK);
    assert_non_null(strstr(output, "version"));
    assert_null(strstr(output, "__manual"));
    assert_int_equal(RUN("version", "--help"), EXIT_OK);
    assert_non_null(strstr(output, "--json"));
    assert_int_equal(RUN("help", "version"), EXIT_OK);
    assert_non_null(strstr(output, "--json"));
    assert_string_equal(complaint, "");
}

static void refuses_wrong_words_as_usage(void **state)
{
    (void)state;
    assert_int_equal(RUN(), EXIT_USAGE);
    assert_string_equal(output, "");
    assert_int_equal(RUN("versio"), EXIT_USAGE);
    assert_non_null(strstr(complaint, "versio"));
    assert_int_equal(RUN(""), EXIT_USAGE);
    assert_int_equal(RUN("--nonsense"), EXIT_USAGE);
    assert_int_equal(RUN("help", "nonsense"), EXIT_USAGE);
    assert_int_equal(RUN("version", "--nonsense"), EXIT_USAGE);
    assert_non_null(strstr(complaint, "caisson version --help"));
    assert_string_equal(output, "");
}

static void gives_each_error_its_exit_status(void **state)
{
    (void)state;
    static const enum exit_status expected[] = {
        [ERROR_NONE] = EXIT_ENVIRONMENT, /* failing without a word is no success */
        [ERROR_INVALID] = EXIT_REFUSED,         [ERROR_LIMIT] = EXIT_REFUSED,
        [ERROR_REFUSED] = EXIT_REFUSED,         [ERROR_USAGE] = EXIT_USAGE,
        [ERROR_NOT_FOUND] = EXIT_ENVIRONMENT,   [ERROR_SYSTEM] = EXIT_ENVIRONMENT,
        [ERROR_MEMORY] = EXIT_ENVIRONMENT,      [ERROR_PROTOCOL] = EXIT_ENVIRONMENT,
        [ERROR_UNAVAILABLE] = EXIT_ENVIRONMENT,
    };
    for (size_t code = 0; code < sizeof expected / sizeof *expected; code++) {
        struct error err = {.code = (enum error_code)code};
        assert_int_equal(command_status(&err), expected[code]);
    }
}

/* The tables are what help and manual are made of: they must read well. */

static void names_each_command_once(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        assert_non_null(commands[i]->run);
        assert_non_null(commands[i]->options);
        assert_non_null(commands[i]->operands);
        assert_non_null(commands[i]->description);
        assert_true(strlen(commands[i]->summary) > 0);
        assert_true(commands[i]->summary[strlen(commands[i]->summary) - 1] != '.');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(commands[i]->name, commands[k]->name);
    }
}

static void check_rule(const struct command *command, const struct option_rule *rule)
{
    const char *text = rule->refusal ? rule->refusal : rule->help;
    if (strcmp(rule->name, "help") == 0 || (text && text[strlen(text) - 1] == '.') ||
        (text && strchr(text, '\n')))
        fail_msg("caisson %s --%s: \"%s\"", command->name, rule->name, text ? text : "");
    for (const struct option_rule *other = command->options; other != rule; other++) {
        if (strcmp(other->name, rule->name) == 0 || (rule->letter && other->letter == rule->letter))
            fail_msg("caisson %s: --%s and --%s clash", command->name, other->name, rule->name);
    }
}

static void has_clean_tables_of_options(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        for (const struct option_rule *rule = commands[i]->options; rule->name; rule++)
            check_rule(commands[i], rule);
    }
}

/* The page's text with the escapes of man(7) for dashes removed. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && from[1] == '-')
            from++;
        *to++ = *from;
    }
    *to = '\0';
}

static void writes_every_option_into_the_manual(void **state)
{
    (void)state;
    for (size_t i = 0; commands[i]; i++) {
        if (commands[i]->hidden)
            continue;
        assert_int_equal(run_words((char *[]){"caisson", "__manual",
                                              (char *)(uintptr_t)commands[i]->name, NULL}),
                         EXIT_OK);
        unescape(output);
        assert_non_null(strstr(output, commands[i]->summary));
        for (const struct option_rule *rule = commands[i]->options; rule->name; rule++) {
            char heading[128];
            (void)snprintf(heading, sizeof heading, "\\fB--%s\\fR", rule->name);
            if ((rule->help || rule->refusal) && !strstr(output, heading))
                fail_msg("the page of \"%s\" lacks --%s", commands[i]->name, rule->name);
        }
    }
    assert_int_equal(RUN("__manual", "nonsense"), EXIT_ENVIRONMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_its_version),
        cmocka_unit_test(prints_help_where_asked),
        cmocka_unit_test(refuses_wrong_words_as_usage),
        cmocka_unit_test(gives_each_error_its_exit_status),
        cmocka_unit_test(names_each_command_once),
        cmocka_unit_test(has_clean_tables_of_options),
        cmocka_unit_test(writes_every_option_into_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
