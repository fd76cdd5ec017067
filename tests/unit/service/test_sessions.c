/* Sessions of the page: who is let in, for how long, and who is not. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "service/sessions.h"

#define NOW 1000

static struct sessions *sessions;

static int open_sessions(void **state)
{
    struct error err = {0};
    (void)state;
    sessions = sessions_new(&err);
    return sessions ? 0 : -1;
}

static int close_sessions(void **state)
{
    (void)state;
    sessions_free(sessions);
    return 0;
}

static void make(enum session_kind kind, const char *tenant, int64_t life,
                 char word[SESSION_WORD_SIZE])
{
    struct error err = {0};
    struct session session = {.name = "admin", .expires = NOW + life};
    (void)snprintf(session.tenant, sizeof session.tenant, "%s", tenant);
    check_ok(sessions_make(sessions, kind, &session, NOW, word, &err), &err);
    assert_int_equal(strlen(word), SESSION_WORD_SIZE - 1);
}

static bool is_open(const char *word, const char *tenant, int64_t now)
{
    struct session out;
    return sessions_find(sessions, span_of_text(word), tenant, now, &out) &&
           strcmp(out.name, "admin") == 0;
}

static void lets_in_who_has_the_word_until_it_ends(void **state)
{
    (void)state;
    char word[SESSION_WORD_SIZE], other[SESSION_WORD_SIZE];
    make(SESSION_OPEN, "acme", 10, word);
    make(SESSION_OPEN, "acme", 10, other);
    assert_string_not_equal(word, other);
    assert_true(is_open(word, "acme", NOW));
    assert_true(is_open(word, "acme", NOW + 9));
    assert_false(is_open(word, "acme", NOW + 10));
    assert_false(is_open(word, "other", NOW));
    assert_false(is_open("", "acme", NOW));
    sessions_end(sessions, span_of_text(word));
    assert_false(is_open(word, "acme", NOW));
    assert_true(is_open(other, "acme", NOW));
}

static void a_code_is_good_once_and_no_session(void **state)
{
    (void)state;
    struct session out;
    char code[SESSION_WORD_SIZE], late[SESSION_WORD_SIZE], word[SESSION_WORD_SIZE];
    make(SESSION_CODE, "acme", 10, code);
    make(SESSION_CODE, "acme", 10, late);
    make(SESSION_OPEN, "acme", 10, word);
    assert_false(is_open(code, "acme", NOW));
    assert_false(sessions_take_code(sessions, span_of_text(code), "other", NOW, &out));
    assert_false(sessions_take_code(sessions, span_of_text(word), "acme", NOW, &out));
    assert_true(sessions_take_code(sessions, span_of_text(code), "acme", NOW, &out));
    assert_string_equal(out.name, "admin");
    assert_false(sessions_take_code(sessions, span_of_text(code), "acme", NOW, &out));
    assert_false(sessions_take_code(sessions, span_of_text(late), "acme", NOW + 10, &out));
}

static void one_too_many_ends_the_tenants_oldest(void **state)
{
    (void)state;
    char words[SESSIONS_EACH_MAX + 1][SESSION_WORD_SIZE], other[SESSION_WORD_SIZE];
    make(SESSION_OPEN, "other", 10, other);
    for (size_t i = 0; i <= SESSIONS_EACH_MAX; i++)
        make(SESSION_OPEN, "acme", 10, words[i]);
    assert_false(is_open(words[0], "acme", NOW));
    for (size_t i = 1; i <= SESSIONS_EACH_MAX; i++)
        assert_true(is_open(words[i], "acme", NOW));
    assert_true(is_open(other, "other", NOW));
}

static void who_was_vouched_for_by_settings_of_before_is_out(void **state)
{
    (void)state;
    struct error err = {0};
    char word[SESSION_WORD_SIZE], certified[SESSION_WORD_SIZE], later[SESSION_WORD_SIZE];
    struct session by_certificate = {
        .tenant = "acme", .name = "admin", .certificate = {1}, .expires = NOW + 10};
    struct session by_token = {.tenant = "acme", .name = "admin", .expires = NOW + 10};
    make(SESSION_OPEN, "acme", 10, word);
    check_ok(sessions_make(sessions, SESSION_OPEN, &by_certificate, NOW, certified, &err), &err);
    by_token.generation = 1;
    check_ok(sessions_make(sessions, SESSION_OPEN, &by_token, NOW, later, &err), &err);
    sessions_end_without_certificate(sessions, 1);
    assert_false(is_open(word, "acme", NOW));
    assert_true(is_open(certified, "acme", NOW));
    assert_true(is_open(later, "acme", NOW));
    /* A request that began before the reload and ends after it. */
    by_token.generation = 0;
    check_refused(sessions_make(sessions, SESSION_OPEN, &by_token, NOW, word, &err), &err,
                  "sign in again");
    check_refused(sessions_make(sessions, SESSION_CODE, &by_token, NOW, word, &err), &err,
                  "sign in again");
    check_ok(sessions_make(sessions, SESSION_CODE, &by_certificate, NOW, word, &err), &err);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_sessions, close_sessions)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lets_in_who_has_the_word_until_it_ends),
        CASE(a_code_is_good_once_and_no_session),
        CASE(one_too_many_ends_the_tenants_oldest),
        CASE(who_was_vouched_for_by_settings_of_before_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
