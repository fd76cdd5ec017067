#include "../check.h"

#include <stdlib.h>
#include <time.h>

#include "policy/regex.h"

static bool matches(const char *pattern, const char *subject)
{
    struct regex *regex = regex_new(pattern);
    struct regex_scratch *scratch = regex_scratch_new();
    bool result = regex_match(regex, span_of_text(subject), scratch);
    regex_scratch_free(scratch);
    regex_free(regex);
    return result;
}

static void matches_whole_subjects(void **state)
{
    static const char *const good[][2] = {
        {"", ""},
        {"a", "a"},
        {"^a$", "a"},
        {"a|b", "b"},
        {"^B=.$|C", "C"},
        {"T(E)?MP=.+", "TMP=x"},
        {"T(E)?MP=.+", "TEMP=x"},
        {"(?i)(FABRIC)_.+=.+", "fabric_x=1"},
        {"[A-Z0-9_]+_PORT_[0-9]+_TCP=.+", "X_PORT_1_TCP=y"},
        {"a{2,3}", "aaa"},
        {"a{", "a{"},
        {"x{,3}", "x{,3}"},
        {"a{2}?", "aa"},
        {"[]a]+", "]a"},
        {"[^]]", "x"},
        {"[a-]", "-"},
        {"[\\w.-]+", "a.b-c"},
        {"[\\s\\S]+", "a\nb\vc"},
        {"\\d+\\.\\d+", "1.22"},
        {"\\Qa.b\\E", "a.b"},
        {"\\x41\\x{42}\\103", "ABC"},
        {"(?P<n>a)(?:b)", "ab"},
        {"(?s:.)", "\n"},
        {"\\pL+", "\xc3\xa9\xe4\xb8\xad"},
        {"[[:alpha:]]+", "abc"},
        {"\xc3\xa9+", "\xc3\xa9\xc3\xa9"},
        {".", "\xc3\xa9"},
        {"a #b", "a #b"},
        {"\\Aab\\z", "ab"},
        {"\\bab\\b", "ab"},
        {".+", "\xf4\x8f\xbf\xbf"},
        {"A=.+", "A=b=\t\r"},
        {"/tmp/.+", "/tmp/\xc3\xa9"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!matches(good[i][0], good[i][1]))
            fail_msg("\"%s\" does not match \"%s\"", good[i][0], good[i][1]);
    }
}

static void refuses_parts_of_subjects(void **state)
{
    static const char *const bad[][2] = {
        {"a", "ab"},
        {"a", "ba"},
        {"a", "a\n"},
        {"a$", "a\n"},
        {"a|b", "ax"},
        {"a|b", "xb"},
        {"100|200", "1200"},
        {"svc|root", "svcx"},
        {"^B=.$|C", "xC"},
        {"a\\$", "a$x"},
        {"(?m)^a$", "a\nb"},
        {".", "\n"},
        {".+", "a\nb"},
        {"\\s", "\v"},
        {"HOSTNAME=.+", "HOSTNAME="},
        {"abc?", "a"},
        {"", "x"},
        {"a", ""},
        {".", "\xff"},
        {"[^a]+", "b\xff"},
        {"A=.+", "A="},
        {"A=.+", "B=c"},
        {"A=.+", "xA=c"},
        {"A=.+", "A=c\n"},
        {"A=.+", "A=\n"},
        {"A=.+", "A=c\xff"},
        {"A=.+", "A=\xed\xa0\x80"},
        {"A=.+", "A=\xc0\x80"},
        {"A=.+", "A=\xf4\x90\x80\x80"},
        {"A=.+|C", "C="},
        {"A=.+b", "A=c"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (matches(bad[i][0], bad[i][1]))
            fail_msg("\"%s\" matches \"%s\"", bad[i][0], bad[i][1]);
    }
}

/* What RE2 refuses, and the few kinds that are not carried over, match nothing at all. */
static void refuses_what_re2_has_not(void **state)
{
    static const char *const bad[] = {
        "(",
        ")",
        "(a",
        "a)",
        "[a",
        "[",
        "[]",
        "[^",
        "a**",
        "a+*",
        "a\?\?\?",
        "*a",
        "+",
        "?",
        "a|*",
        "(*a)",
        "(*UTF)a",
        "(*ACCEPT)",
        "(?=a)a",
        "(?!b)a",
        "(?<=a)b",
        "(?<!a)b",
        "(?>a)",
        "(?|a)",
        "(?#a)a",
        "(?R)",
        "(?1)",
        "(?P=n)",
        "(?P>n)",
        "(?x)a",
        "(?J)a",
        "(?)a",
        "(?-)a",
        "(?i-)a",
        "(?i--s)a",
        "(?^)a",
        "(a)\\1",
        "\\8",
        "\\k<n>",
        "\\g1",
        "\\C",
        "\\K",
        "\\G",
        "\\R",
        "\\X",
        "\\N",
        "\\h",
        "\\H",
        "\\V",
        "\\Z",
        "\\e",
        "\\cA",
        "\\o{7}",
        "\\i",
        "\\",
        "a\\",
        "\\Qa",
        "\\Q\\E",
        "\\x",
        "\\xg0",
        "\\x{}",
        "\\x{110000}",
        "\\x{d800}",
        "\\x{41",
        "\\p",
        "\\pX",
        "\\p{Greek}",
        "\\p{L&}",
        "\\p{^L}",
        "\\p{Any}",
        "\\p{L",
        "[\\p{Xan}]",
        "[b-a]",
        "[a-\\d]",
        "[[:foo:]]",
        "[\\b]",
        "[\\",
        "a{1001}",
        "a{2,1}",
        "(a{100}){11}",
        "((a{10}){10}){11}",
        "(?P<n>a)(?P<n>b)",
        "(?P<>a)",
        "(?P<n-m>a)",
        "(?<n>a)(?P<n>b)",
        "\xff",
        "a\xc3",
        "^*",
        "(?i)[\\W]",
        "(?i)\\pL",
        "\\\xc3\xa9",
    };
    struct regex_scratch *scratch = regex_scratch_new();
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct regex *regex = regex_new(bad[i]);
        if (!regex_problem(regex))
            fail_msg("\"%s\" is taken for valid", bad[i]);
        assert_true(regex_problem(regex)[0] != '\0');
        assert_false(regex_match(regex, span_of_text("a"), scratch));
        assert_false(regex_match(regex, span_of_text(""), scratch));
        assert_false(regex_match(regex, span_of_text(bad[i]), scratch));
        regex_free(regex);
    }
    regex_scratch_free(scratch);
}

static void refuses_patterns_and_subjects_that_are_too_long(void **state)
{
    char *text = malloc(REGEX_SUBJECT_MAX + 2);
    struct regex_scratch *scratch = regex_scratch_new();
    (void)state;
    memset(text, 'a', REGEX_SUBJECT_MAX + 1);
    text[REGEX_PATTERN_MAX + 1] = '\0';
    struct regex *regex = regex_new(text);
    assert_non_null(regex_problem(regex));
    regex_free(regex);
    text[REGEX_PATTERN_MAX + 1] = 'a';
    regex = regex_new(".+");
    assert_true(regex_match(regex, span_of(text, REGEX_SUBJECT_MAX), scratch));
    assert_false(regex_match(regex, span_of(text, REGEX_SUBJECT_MAX + 1), scratch));
    regex_free(regex);
    regex_scratch_free(scratch);
    free(text);
}

/* Patterns on which a backtracking matcher takes exponential time. */
static void gives_up_on_hostile_patterns(void **state)
{
    static const char *const hostile[] = {
        "(a+)+b",         "(a*)*b",   "(a|a)*b",    "(a|aa)+b", "(.*)*x", "((a{1,30}){1,30})b",
        "(a?){30}a{30}b", "(.+.+)+b", "([a-z]+)*1", "(a+a+)+b",
    };
    char subject[4096];
    struct regex_scratch *scratch = regex_scratch_new();
    clock_t start = clock();
    (void)state;
    memset(subject, 'a', sizeof subject);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct regex *regex = regex_new(hostile[i]);
        regex_scratch_reset(scratch);
        for (size_t j = 0; j < 1000; j++)
            assert_false(regex_match(regex, span_of(subject, sizeof subject), scratch));
        regex_free(regex);
    }
    regex_scratch_free(scratch);
    /* Ten decisions; without limits one of them would outlast the machine. */
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

static void forgets_strikes_at_the_next_decision(void **state)
{
    char subject[64];
    struct regex *hostile = regex_new("(a+)+b");
    struct regex *good = regex_new("a+");
    struct regex_scratch *scratch = regex_scratch_new();
    struct span span = span_of(subject, sizeof subject);
    (void)state;
    memset(subject, 'a', sizeof subject);
    for (unsigned int i = 0; i < REGEX_STRIKES; i++)
        assert_false(regex_match(hostile, span, scratch));
    assert_false(regex_match(good, span, scratch));
    regex_scratch_reset(scratch);
    assert_true(regex_match(good, span, scratch));
    regex_scratch_free(scratch);
    regex_free(good);
    regex_free(hostile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_whole_subjects),
        cmocka_unit_test(refuses_parts_of_subjects),
        cmocka_unit_test(refuses_what_re2_has_not),
        cmocka_unit_test(refuses_patterns_and_subjects_that_are_too_long),
        cmocka_unit_test(gives_up_on_hostile_patterns),
        cmocka_unit_test(forgets_strikes_at_the_next_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
