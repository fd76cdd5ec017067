/* A session is its owner's, its tenant's, for its time, and its nonce for once. */
#include "../check.h"

#include <stdio.h>
#include <string.h>

#include "service/kbs_sessions.h"

#define NOW INT64_C(1780272000)

static const struct kbs_hello hello = {.tee = "snp", .hash = KBS_SHA256};

static struct kbs_sessions *sessions;

static int set_up(void **state)
{
    (void)state;
    sessions = kbs_sessions_new(NULL);
    return sessions ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    kbs_sessions_free(sessions);
    return 0;
}

static void begin(const char *peer, int64_t now, struct kbs_session *out)
{
    struct error err = {0};
    check_ok(kbs_sessions_begin(sessions, "acme", peer, &hello, now, out, &err), &err);
}

static void a_nonce_is_taken_once(void **state)
{
    (void)state;
    struct error err = {0};
    struct kbs_session made, taken;
    BUF_AUTO token = BUF_WITH_LIMIT(100);
    begin("192.0.2.1", NOW, &made);
    struct span id = span_of_text(made.id);
    assert_int_equal(strlen(made.id), 32);
    assert_int_equal(strlen(made.nonce), 44);
    check_error(kbs_sessions_get_token(sessions, "acme", id, NOW, &token, &err), &err,
                ERROR_NOT_FOUND);
    check_error(kbs_sessions_put_token(sessions, "acme", id, NOW, span_of_text("t"), &err), &err,
                ERROR_NOT_FOUND);
    check_ok(kbs_sessions_take(sessions, "acme", id, NOW, &taken, &err), &err);
    assert_memory_equal(&taken, &made, sizeof made);
    check_error(kbs_sessions_take(sessions, "acme", id, NOW, &taken, &err), &err, ERROR_NOT_FOUND);
    check_ok(kbs_sessions_put_token(sessions, "acme", id, NOW, span_of_text("token"), &err), &err);
    check_ok(kbs_sessions_get_token(sessions, "acme", id, NOW, &token, &err), &err);
    assert_string_equal(buf_text(&token), "token");
    check_error(kbs_sessions_take(sessions, "acme", id, NOW, &taken, &err), &err, ERROR_NOT_FOUND);
    check_error(kbs_sessions_put_token(sessions, "acme", id, NOW, span_of_text("t"), &err), &err,
                ERROR_NOT_FOUND);
}

static void another_tenant_or_id_finds_nothing(void **state)
{
    (void)state;
    struct error err;
    struct kbs_session made, taken;
    begin("192.0.2.1", NOW, &made);
    const char *const ids[] = {"", "0", "00000000000000000000000000000000"};
    for (size_t i = 0; i < 3; i++)
        check_error(kbs_sessions_take(sessions, "acme", span_of_text(ids[i]), NOW, &taken, &err),
                    &err, ERROR_NOT_FOUND);
    check_error(kbs_sessions_take(sessions, "other", span_of_text(made.id), NOW, &taken, &err),
                &err, ERROR_NOT_FOUND);
    check_error(kbs_sessions_take(sessions, "acme", span_of(made.id, 31), NOW, &taken, &err), &err,
                ERROR_NOT_FOUND);
    assert_int_equal(kbs_sessions_take(sessions, "acme", span_of_text(made.id), NOW, &taken, NULL),
                     0);
}

static void ends_with_its_time(void **state)
{
    (void)state;
    struct error err;
    struct kbs_session made, taken;
    BUF_AUTO token = BUF_WITH_LIMIT(100);
    int64_t later = NOW + KBS_SESSION_LIFE;
    begin("192.0.2.1", NOW, &made);
    struct span id = span_of_text(made.id);
    check_error(kbs_sessions_take(sessions, "acme", id, later, &taken, &err), &err,
                ERROR_NOT_FOUND);
    check_ok(kbs_sessions_take(sessions, "acme", id, later - 1, &taken, &err), &err);
    check_ok(kbs_sessions_put_token(sessions, "acme", id, later - 1, span_of_text("t"), &err),
             &err);
    check_ok(kbs_sessions_get_token(sessions, "acme", id, later + 100, &token, &err), &err);
    check_error(
        kbs_sessions_get_token(sessions, "acme", id, later - 1 + KBS_SESSION_LIFE, &token, &err),
        &err, ERROR_NOT_FOUND);
}

/* One client's too many are no other's, and room comes back. */
static void bounds_one_client_and_all(void **state)
{
    (void)state;
    struct error err;
    struct kbs_session made;
    char peer[32];
    for (size_t i = 0; i < KBS_SESSIONS_EACH_MAX; i++)
        begin("192.0.2.1", NOW, &made);
    check_error(kbs_sessions_begin(sessions, "acme", "192.0.2.1", &hello, NOW, &made, &err), &err,
                ERROR_LIMIT);
    for (size_t i = KBS_SESSIONS_EACH_MAX; i < KBS_SESSIONS_MAX; i++) {
        (void)snprintf(peer, sizeof peer, "192.0.3.%zu", i % 256);
        begin(peer, NOW + 1, &made);
    }
    check_error(kbs_sessions_begin(sessions, "acme", "192.0.2.2", &hello, NOW + 1, &made, &err),
                &err, ERROR_LIMIT);
    begin("192.0.2.2", NOW + KBS_SESSION_LIFE, &made);
    begin("192.0.2.1", NOW + KBS_SESSION_LIFE, &made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_nonce_is_taken_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_tenant_or_id_finds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_with_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounds_one_client_and_all, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
