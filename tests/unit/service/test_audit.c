/* The audit log's chain: what was appended verifies, and every change of it is found. */
#include "../check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "service/audit.h"

#define ENTRIES 1100 /* more than one page of the store */

static char folder[256], path[300];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-audit-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/store", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return remove_tree(folder);
}

/* Appends `count` entries for a tenant; returns the open store. */
static struct database *write_log(const char *tenant, size_t count)
{
    struct error err = {0};
    struct database *store = database_open(path, &err);
    struct audit_record *records = calloc(count, sizeof *records);
    json_t *detail = json_pack("{s:s}", "key", "db");
    assert_non_null(store);
    for (size_t i = 0; i < count; i++)
        records[i] = (struct audit_record){1780272000 + (int64_t)i, tenant, "release", i % 2 == 0,
                                           detail};
    check_ok(audit_append(store, records, count, &err), &err);
    json_decref(detail);
    free(records);
    return store;
}

static void what_was_appended_verifies(void **state)
{
    (void)state;
    struct error err = {0};
    database_close(write_log("acme", ENTRIES));
    DATABASE_AUTO store = write_log("umbrella", 3);
    struct audit_chain chain, other;
    check_ok(audit_verify(store, "acme", &chain, &err), &err);
    assert_int_equal(chain.count, ENTRIES);
    check_ok(audit_verify(store, "umbrella", &other, &err), &err);
    assert_int_equal(other.count, 3);
    assert_memory_not_equal(chain.head, other.head, sizeof chain.head);
    check_ok(audit_verify(store, "nobody", &other, &err), &err);
    assert_int_equal(other.count, 0);
}

static int keep_line(void *context, const struct database_entry *entry, struct error *err)
{
    return buf_append(context, entry->bytes, err);
}

static void first_line_is_the_documented_one(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = write_log("acme", 1);
    BUF_AUTO line = BUF_WITH_LIMIT(DATABASE_ENTRY_MAX);
    check_ok(database_read(store, "acme", 1, 1, keep_line, &line, &err), &err);
    assert_string_equal(
        buf_text(&line),
        "{\"number\":1,\"time\":\"2026-06-01T00:00:00Z\",\"tenant\":\"acme\",\"event\":\"release\","
        "\"allowed\":true,\"detail\":{\"key\":\"db\"},\"previous\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}");
}

static const char no_triggers[] = "DROP TRIGGER log_keeps; DROP TRIGGER log_stays;";

/* Who owns the file can drop the triggers; the chain still tells. */
static void every_change_of_the_file_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *said;
    } changes[] = {
        {"UPDATE log SET bytes = CAST(replace(CAST(bytes AS TEXT), 'true', 'false') AS BLOB)"
         " WHERE number = 3",
         "entry 4: it follows an entry with the hash"},
        {"DELETE FROM log WHERE number = 3", "entry 3: it has number 4"},
        {"DELETE FROM log WHERE number = 1", "entry 1: it has number 2"},
        {"UPDATE log SET number = 9 WHERE number = 2", "entry 2: it has number 3"},
        {"UPDATE log SET bytes = (SELECT bytes FROM log WHERE number = 4) WHERE number = 3",
         "entry 3: it has number 4"},
        {"UPDATE log SET tenant = 'umbrella'", "it is of tenant \"acme\""},
        {"UPDATE log SET bytes = x'7b7d' WHERE number = 2", "entry 2: key \"number\""},
        {"UPDATE log SET bytes = x'00' WHERE number = 2", "entry 2: "},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct error err = {0};
        struct audit_chain chain;
        database_close(write_log("acme", 5));
        sqlite3 *db = NULL;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, no_triggers, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, changes[i].sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        struct database *store = database_open_to_read(path, &err);
        assert_non_null(store);
        const char *tenant = strstr(changes[i].sql, "umbrella") ? "umbrella" : "acme";
        check_refused(audit_verify(store, tenant, &chain, &err), &err, changes[i].said);
        database_close(store);
        assert_int_equal(unlink(path), 0);
    }
}

/* A cut end can't be seen from inside: the head is another than the one that was kept. */
static void a_cut_end_shows_in_the_head(void **state)
{
    (void)state;
    struct error err = {0};
    struct audit_chain four, five;
    DATABASE_AUTO store = write_log("acme", 4);
    check_ok(audit_verify(store, "acme", &four, &err), &err);
    database_close(store);
    store = write_log("acme", 1);
    check_ok(audit_verify(store, "acme", &five, &err), &err);
    assert_int_equal(five.count, 5);
    assert_memory_not_equal(four.head, five.head, sizeof four.head);
}

static void an_entry_that_is_too_large_appends_nothing(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = write_log("acme", 1);
    TEXT_AUTO large = malloc(DATABASE_ENTRY_MAX + 1);
    assert_non_null(large);
    memset(large, 'x', DATABASE_ENTRY_MAX);
    large[DATABASE_ENTRY_MAX] = '\0';
    json_t *small_detail = json_pack("{}"), *detail = json_pack("{s:s}", "text", large);
    struct audit_record records[] = {{0, "acme", "attest", true, small_detail},
                                     {0, "acme", "attest", true, detail}};
    struct audit_chain chain;
    check_error(audit_append(store, records, 2, &err), &err, ERROR_LIMIT);
    check_ok(audit_verify(store, "acme", &chain, &err), &err);
    assert_int_equal(chain.count, 1);
    json_decref(detail);
    json_decref(small_detail);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_was_appended_verifies),
        IN_A_FOLDER(first_line_is_the_documented_one),
        IN_A_FOLDER(every_change_of_the_file_is_found),
        IN_A_FOLDER(a_cut_end_shows_in_the_head),
        IN_A_FOLDER(an_entry_that_is_too_large_appends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
