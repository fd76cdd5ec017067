#include "../check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/workload.h"

static const struct option_rule rules[] = {WORKLOAD_OPTIONS, {0}};

static char *image_env[] = {"PATH=/bin", "LANG=C", NULL};
static char *image_entrypoint[] = {"/entry", "-x", NULL};
static char *image_cmd[] = {"serve", NULL};
static char image_dir[] = "/data";
static char image_user[] = "redis";

static const struct oci_config image = {
    .env = {image_env, 2},
    .entrypoint = {image_entrypoint, 2},
    .cmd = {image_cmd, 1},
    .working_dir = image_dir,
    .user = image_user,
};

/* Parses the words (the first stands for the program), then fills a workload. */
static int make(struct workload *workload, const struct oci_config *config, char *words[],
                char *command[], struct error *err)
{
    int count = 0;
    while (words[count])
        count++;
    *workload = (struct workload){0};
    ARGS_AUTO args = args_parse(rules, false, count, words, err);
    return args ? workload_init(workload, config, args, command, err) : -1;
}

static void assert_list(char **list, const char *const expected[])
{
    size_t i = 0;
    for (; expected[i]; i++)
        assert_string_equal(list[i], expected[i]);
    assert_null(list[i]);
}

static void takes_all_from_the_image(void **state)
{
    (void)state;
    struct error err = {0};
    WORKLOAD_AUTO workload;
    check_ok(make(&workload, &image, (char *[]){"run", NULL}, NULL, &err), &err);
    assert_list(workload.args, (const char *const[]){"/entry", "-x", "serve", NULL});
    assert_list(workload.env, (const char *const[]){"PATH=/bin", "LANG=C", NULL});
    assert_string_equal(workload.cwd, "/data");
    assert_string_equal(workload.user, "redis");
}

static void lets_the_caller_override(void **state)
{
    (void)state;
    struct error err = {0};
    WORKLOAD_AUTO workload;
    char *words[] = {"run", "-e", "LANG=de", "-eX=a=b", "-w", "/tmp", "-u", "5:6", NULL};
    check_ok(make(&workload, &image, words, (char *[]){"bash", "-c", "ls", NULL}, &err), &err);
    assert_list(workload.args, (const char *const[]){"/entry", "-x", "bash", "-c", "ls", NULL});
    assert_list(workload.env, (const char *const[]){"PATH=/bin", "LANG=de", "X=a=b", NULL});
    assert_string_equal(workload.cwd, "/tmp");
    assert_string_equal(workload.user, "5:6");
    assert_true(workload_has_env(&workload, "X"));
    assert_false(workload_has_env(&workload, "LAN"));
}

static void an_entrypoint_drops_the_images_command(void **state)
{
    (void)state;
    struct error err = {0};
    WORKLOAD_AUTO a;
    check_ok(make(&a, &image, (char *[]){"run", "--entrypoint", "/sh", NULL}, NULL, &err), &err);
    assert_list(a.args, (const char *const[]){"/sh", NULL});
    WORKLOAD_AUTO b;
    char *command[] = {"ls", NULL};
    check_ok(make(&b, &image, (char *[]){"run", "--entrypoint=", NULL}, command, &err), &err);
    assert_list(b.args, (const char *const[]){"ls", NULL});
}

static void reads_variables_from_a_file_and_from_the_caller(void **state)
{
    (void)state;
    struct error err = {0};
    char path[] = "/tmp/caisson-env-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] =
        "# comment\n\nA=1 # kept\r\nB=x y\nWORKLOAD_TEST\nNOT_SET_ANYWHERE\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(setenv("WORKLOAD_TEST", "here", 1), 0);
    WORKLOAD_AUTO workload;
    char *words[] = {"run", "--env-file", path, "-e", "B=later", NULL};
    int status = make(&workload, &image, words, NULL, &err);
    assert_int_equal(unlink(path), 0);
    check_ok(status, &err);
    assert_list(workload.env, (const char *const[]){"PATH=/bin", "LANG=C", "A=1 # kept", "B=later",
                                                    "WORKLOAD_TEST=here", NULL});
}

static void refuses_what_cannot_be_run(void **state)
{
    (void)state;
    struct error err = {0};
    static const struct {
        char *words[4];
        const char *reason;
    } cases[] = {
        {{"run", "-e", "=x", NULL}, "is no variable"},
        {{"run", "-e", "", NULL}, "without a name"},
        {{"run", "-w", "tmp", NULL}, "not absolute"},
        {{"run", "--entrypoint", "", NULL}, "names no program"},
        {{"run", "--env-file", "/nonexistent/file", NULL}, "/nonexistent/file"},
        {{"run", "--nonsense", NULL, NULL}, "unknown option"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        WORKLOAD_AUTO workload;
        char *words[4];
        memcpy(words, cases[i].words, sizeof words);
        check_refused(make(&workload, &image, words, NULL, &err), &err, cases[i].reason);
    }
    static const struct oci_config empty = {0};
    WORKLOAD_AUTO workload;
    check_refused(make(&workload, &empty, (char *[]){"run", NULL}, NULL, &err), &err,
                  "names no program");
}

static void refuses_too_many_and_too_long_words(void **state)
{
    (void)state;
    struct error err = {0};
    char *command[WORKLOAD_WORDS_MAX + 2];
    for (size_t i = 0; i <= WORKLOAD_WORDS_MAX; i++)
        command[i] = (char *[]){"x"}[0];
    command[WORKLOAD_WORDS_MAX + 1] = NULL;
    WORKLOAD_AUTO workload;
    check_error(make(&workload, &image, (char *[]){"run", NULL}, command, &err), &err, ERROR_LIMIT);
    char *longest = malloc(WORKLOAD_TEXT_MAX + 1);
    assert_non_null(longest);
    memset(longest, 'x', WORKLOAD_TEXT_MAX);
    longest[WORKLOAD_TEXT_MAX] = '\0';
    WORKLOAD_AUTO other;
    int status = make(&other, &image, (char *[]){"run", NULL}, (char *[]){longest, NULL}, &err);
    free(longest);
    assert_int_equal(status, -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_from_the_image),
        cmocka_unit_test(lets_the_caller_override),
        cmocka_unit_test(an_entrypoint_drops_the_images_command),
        cmocka_unit_test(reads_variables_from_a_file_and_from_the_caller),
        cmocka_unit_test(refuses_what_cannot_be_run),
        cmocka_unit_test(refuses_too_many_and_too_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
