/* Another master key: all that is sealed opens by it afterwards, however often it was begun. */
#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "service/audit.h"
#include "service/reseal.h"

#define RECORDS 150 /* more than are listed at a time */

static char folder[256];
static struct database *store;
static struct vault *before, *now, *stranger;
static struct config config;

static struct vault *open_vault(const char *name)
{
    bool made;
    TEXT_AUTO path = text_format("%s/%s", folder, name);
    return vault_open_file(path, &made, NULL);
}

static int open_all(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-reseal-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    TEXT_AUTO path = text_format("%s/store", folder);
    store = database_open(path, NULL);
    before = open_vault("before");
    now = open_vault("now");
    stranger = open_vault("stranger");
    static const char text[] = "state: s\ntenants: [{name: acme, issuer: \"https://acme\"}]\n";
    return store && before && now && stranger ? config_read(span_of_text(text), "/", &config, NULL)
                                              : -1;
}

static int close_all(void **state)
{
    (void)state;
    config_fini(&config);
    vault_close(before);
    vault_close(now);
    vault_close(stranger);
    database_close(store);
    return remove_tree(folder);
}

static void put(const struct vault *vault, const char *tenant, const char *kind, const char *name)
{
    struct error err = {0};
    uint64_t revision = DATABASE_ABSENT;
    struct database_key place = {tenant, kind, name};
    BUF_AUTO sealed = BUF_WITH_LIMIT(1000);
    check_ok(vault_seal(vault, &place, span_of_text(name), &sealed, &err), &err);
    check_ok(database_put(store, &place, buf_span(&sealed), &revision, &err), &err);
}

/* The record opens by this vault, and says its name. */
static void opens(const struct vault *vault, const char *tenant, const char *kind, const char *name)
{
    struct error err = {0};
    uint64_t revision;
    struct database_key place = {tenant, kind, name};
    BUF_AUTO sealed = BUF_WITH_LIMIT(1000), plain = BUF_WITH_LIMIT(1000);
    check_ok(database_get(store, &place, &sealed, &revision, &err), &err);
    assert_true(vault_has_sealed(vault, buf_span(&sealed)));
    check_ok(vault_unseal(vault, &place, buf_span(&sealed), &plain, &err), &err);
    assert_string_equal(buf_text(&plain), name);
}

static size_t run(struct error *err)
{
    size_t count = 0;
    check_ok(reseal(store, &config, before, now, &count, err), err);
    return count;
}

static void all_that_is_sealed_opens_by_the_new_key(void **state)
{
    (void)state;
    struct error err = {0};
    json_auto_t *detail = json_object();
    struct audit_record record = {1, "gone", "release", true, detail};
    char name[16];
    put(before, CONFIG_OWN_TENANT, "signing-keys", "tokens");
    put(before, "gone", "resource", "a/b/c"); /* of a tenant that only the log remembers */
    check_ok(audit_append(store, &record, 1, &err), &err);
    for (int i = 0; i < RECORDS; i++) {
        (void)snprintf(name, sizeof name, "key-%d", i);
        put(i % 3 == 0 ? now : before, "acme", "key-version", name); /* a third was done before */
    }
    assert_int_equal(run(&err), 2 + RECORDS - RECORDS / 3);
    assert_int_equal(run(&err), 0);
    opens(now, CONFIG_OWN_TENANT, "signing-keys", "tokens");
    opens(now, "gone", "resource", "a/b/c");
    for (int i = 0; i < RECORDS; i++) {
        (void)snprintf(name, sizeof name, "key-%d", i);
        opens(now, "acme", "key-version", name);
    }
}

static void refuses_what_neither_key_sealed(void **state)
{
    (void)state;
    struct error err = {0};
    size_t count = 0;
    put(before, "acme", "key", "a");
    put(stranger, "acme", "key", "b");
    put(before, "acme", "key", "c");
    check_refused(reseal(store, &config, before, now, &count, &err), &err, "\"b\"");
    assert_int_equal(count, 1);
    opens(now, "acme", "key", "a");
    opens(stranger, "acme", "key", "b");
    opens(before, "acme", "key", "c");
    BUF_AUTO out = BUF_WITH_LIMIT(100);
    struct database_key place = {"acme", "policy", "x"};
    check_error(vault_seal(now, &place, span_of_text("x"), &out, &err), &err, ERROR_USAGE);
}

int main(void)
{
#define WITH_A_STORE(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(all_that_is_sealed_opens_by_the_new_key),
        WITH_A_STORE(refuses_what_neither_key_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
