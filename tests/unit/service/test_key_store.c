/* Keys in the store: what is acknowledged is there, of its tenant alone, and sealed; what a crash
 * may leave is nobody's. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "service/key_make.h"
#include "service/key_store.h"

#define NOW INT64_C(1780272000)

static char folder[256];
static struct key_store acme, other;

static int open_all(void **state)
{
    (void)state;
    bool made;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-keys-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    TEXT_AUTO path = text_format("%s/store", folder);
    TEXT_AUTO key = text_format("%s/master", folder);
    acme = (struct key_store){database_open(path, NULL), vault_open_file(key, &made, NULL), "acme"};
    other = acme;
    other.tenant = "other";
    return acme.database && acme.vault ? 0 : -1;
}

static int close_all(void **state)
{
    (void)state;
    database_close(acme.database);
    vault_close((struct vault *)(uintptr_t)acme.vault);
    return remove_tree(folder);
}

static void make(const struct key_store *store, const char *name, struct key_version *key)
{
    struct error err = {0};
    KEY_REQUEST_AUTO request;
    key_request_init(&request);
    check_ok(key_request_read_create(span_of_text("{\"kty\":\"oct\",\"tags\":{\"a\":\"b\"}}"),
                                     &request, &err),
             &err);
    key_version_init(key);
    (void)text_copy(key->name, sizeof key->name, name);
    check_ok(key_make(&request, NOW, key, &err), &err);
    check_ok(key_store_add(store, key, &err), &err);
}

static void comes_back_as_it_was_put(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_VERSION_AUTO first, second, got, newest;
    make(&acme, "db", &first);
    make(&acme, "db", &second);
    key_version_init(&got);
    key_version_init(&newest);
    check_ok(key_store_read(&acme, "db", first.version, &got, &err), &err);
    assert_true(span_equal(buf_span(&got.secret), buf_span(&first.secret)));
    assert_int_equal(got.secret.size, 32);
    assert_true(json_equal(got.tags, first.tags) && json_equal(got.operations, first.operations));
    assert_int_equal(got.created, NOW);
    assert_true(got.attributes.enabled && !got.attributes.exportable);
    check_ok(key_store_read(&acme, "db", NULL, &newest, &err), &err);
    assert_string_equal(newest.version, second.version);
    assert_false(span_equal(buf_span(&newest.secret), buf_span(&got.secret)));
    got.attributes.enabled = false;
    check_ok(key_store_write(&acme, &got, &err), &err);
    check_error(key_store_write(&acme, &first, &err), &err, ERROR_REFUSED);
}

static void is_its_tenants_alone(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_VERSION_AUTO key, got;
    key_version_init(&got);
    make(&acme, "db", &key);
    static const char *const names[] = {"d", "DB", "db-", "", "db/x", "../db", "a_b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_error(key_store_read(&acme, names[i], NULL, &got, &err), &err, ERROR_NOT_FOUND);
    check_error(key_store_read(&other, "db", NULL, &got, &err), &err, ERROR_NOT_FOUND);
    check_error(key_store_read(&acme, "db", "x", &got, &err), &err, ERROR_NOT_FOUND);
    check_error(key_store_delete(&other, "db", NOW, &err), &err, ERROR_NOT_FOUND);
    /* A record that somebody copies to another tenant opens nothing there. */
    static const char *const kinds[] = {"key", "key-version"};
    TEXT_AUTO full = text_format("db/%s", key.version);
    for (size_t i = 0; i < 2; i++) {
        uint64_t revision;
        BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
        struct database_key place = {"acme", kinds[i], i == 0 ? "db" : full};
        check_ok(database_get(acme.database, &place, &sealed, &revision, &err), &err);
        place.tenant = "other";
        revision = DATABASE_ABSENT;
        check_ok(database_put(acme.database, &place, buf_span(&sealed), &revision, &err), &err);
    }
    check_error(key_store_read(&other, "db", NULL, &got, &err), &err, ERROR_REFUSED);
    check_error(key_store_read_version(&other, "db", key.version, &got, &err), &err, ERROR_REFUSED);
}

static int count_name(void *context, const char *name, struct error *err)
{
    (void)name;
    (void)err;
    ++*(int *)context;
    return 0;
}

static int count_records(const char *kind)
{
    struct error err = {0};
    int count = 0;
    check_ok(database_list(acme.database, "acme", kind, "", 100, count_name, &count, &err), &err);
    return count;
}

static void deleting_recovering_and_purging_have_an_order(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_VERSION_AUTO key, more, got;
    key_version_init(&got);
    make(&acme, "db", &key);
    make(&acme, "db-2", &more);
    check_error(key_store_recover(&acme, "db", &err), &err, ERROR_NOT_FOUND);
    check_error(key_store_purge(&acme, "db", &err), &err, ERROR_NOT_FOUND);
    check_ok(key_store_delete(&acme, "db", NOW, &err), &err);
    check_error(key_store_delete(&acme, "db", NOW, &err), &err, ERROR_NOT_FOUND);
    check_error(key_store_read(&acme, "db", NULL, &got, &err), &err, ERROR_NOT_FOUND);
    check_error(key_store_read(&acme, "db", key.version, &got, &err), &err, ERROR_NOT_FOUND);
    check_error(key_store_add(&acme, &key, &err), &err, ERROR_REFUSED);
    check_ok(key_store_recover(&acme, "db", &err), &err);
    check_ok(key_store_read(&acme, "db", key.version, &got, &err), &err);
    check_ok(key_store_delete(&acme, "db", NOW, &err), &err);
    /* A version that a crash left without a name goes with the rest; another key's stay. */
    TEXT_AUTO stray = text_format("db/%032d", 0);
    struct database_key place = {"acme", "key-version", stray};
    uint64_t revision = DATABASE_ABSENT;
    check_ok(database_put(acme.database, &place, span_of_text("x"), &revision, &err), &err);
    check_ok(key_store_purge(&acme, "db", &err), &err);
    assert_int_equal(count_records("key"), 1);
    assert_int_equal(count_records("key-version"), 1);
    check_error(key_store_recover(&acme, "db", &err), &err, ERROR_NOT_FOUND);
    KEY_VERSION_AUTO again;
    make(&acme, "db", &again);
}

static void a_version_without_a_name_is_nobodys(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_VERSION_AUTO key, got;
    key_version_init(&got);
    make(&acme, "db", &key);
    (void)memset(key.version, 'a', KEY_VERSION_LEN); /* as before a crash */
    key.revision = DATABASE_ABSENT;
    check_ok(key_store_write(&acme, &key, &err), &err);
    check_error(key_store_read(&acme, "db", key.version, &got, &err), &err, ERROR_NOT_FOUND);
}

static void a_change_keeps_what_goes_together(void **state)
{
    (void)state;
    static const struct {
        const char *body, *said;
    } cases[] = {
        {"{\"attributes\":{\"exportable\":true}}", "fixed"},
        {"{\"attributes\":{\"exp\":10,\"nbf\":20}}", "exp is not after nbf"},
        {"{\"release_policy\":{\"immutable\":true}}", "data is missing"},
        {"{\"release_policy\":{\"data\":"
         "\"eyJ2ZXJzaW9uIjoiMS4wLjAiLCJhbnlPZiI6W3siYXV0aG9yaXR5IjoiYSIsImFsbE9mIjpbeyJjbGFpbSI6Im"
         "MiLCJlcXVhbHMiOiJ2In1dfV19\"}}",
         "exportable"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        KEY_VERSION_AUTO key;
        KEY_REQUEST_AUTO request;
        TEXT_AUTO name = text_format("db-%zu", i);
        make(&acme, name, &key);
        key_request_init(&request);
        check_ok(key_request_read_update(span_of_text(cases[i].body), &request, &err), &err);
        check_refused(key_change(&request.settings, NOW, &key, &err), &err, cases[i].said);
    }
}

static void only_a_key_that_may_be_used_is(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_VERSION_AUTO key;
    make(&acme, "db", &key);
    key.attributes.exportable = true;
    check_error(key_version_check_usable(&key, NOW, &err), &err, ERROR_REFUSED);
    check_ok(buf_append_text(&key.rule.text, "{}", &err), &err);
    check_ok(key_version_check_usable(&key, NOW, &err), &err);
    static const struct {
        bool disabled;
        int64_t not_before, expires;
        const char *said; /* NULL: usable */
    } cases[] = {
        {true, 0, 0, "disabled"},       {false, NOW + 1, 0, "not valid before"},
        {false, NOW, NOW + 1, NULL},    {false, 0, NOW, "expired at 2026-06-01T00:00:00Z"},
        {false, 0, NOW - 1, "expired"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        key.attributes.enabled = !cases[i].disabled;
        key.attributes.not_before = cases[i].not_before;
        key.attributes.expires = cases[i].expires;
        if (cases[i].said)
            check_refused(key_version_check_usable(&key, NOW, &err), &err, cases[i].said);
        else
            check_ok(key_version_check_usable(&key, NOW, &err), &err);
    }
}

static void refuses_a_record_that_is_cut(void **state)
{
    (void)state;
    struct error err = {0};
    KEY_VERSION_AUTO key;
    BUF_AUTO bytes = BUF_WITH_LIMIT(KEY_VERSION_BYTES);
    make(&acme, "db", &key);
    check_ok(key_version_write(&key, &bytes, &err), &err);
    for (size_t size = 0; size < bytes.size - 32; size++) {
        KEY_VERSION_AUTO got;
        key_version_init(&got);
        check_error(key_version_read(span_of(bytes.data, size), &got, &err), &err, ERROR_INVALID);
        assert_int_equal(got.secret.size, 0);
    }
}

int main(void)
{
#define WITH_A_STORE(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(comes_back_as_it_was_put),
        WITH_A_STORE(is_its_tenants_alone),
        WITH_A_STORE(deleting_recovering_and_purging_have_an_order),
        WITH_A_STORE(a_version_without_a_name_is_nobodys),
        WITH_A_STORE(a_change_keeps_what_goes_together),
        WITH_A_STORE(only_a_key_that_may_be_used_is),
        WITH_A_STORE(refuses_a_record_that_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
