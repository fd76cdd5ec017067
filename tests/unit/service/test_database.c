/* The store: what it keeps, what it refuses, who waits for whom, and what kill -9 cannot take. */
#include "../check.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../remove_tree.h"
#include "base/text.h"
#include "os/fd.h"
#include "service/database.h"

static char folder[256], path[300];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-store-XXXXXX", base ? base : "/tmp");
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

static struct database *open_store(void)
{
    struct error err = {0};
    struct database *store = database_open(path, &err);
    if (!store)
        fail_msg("%s", err.text);
    return store;
}

static const struct database_key key = {"acme", "key", "db"};

static void keeps_records_with_their_revision(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = open_store();
    uint64_t revision = DATABASE_ABSENT, read = 0;
    BUF_AUTO value = BUF_WITH_LIMIT(100);
    check_error(database_get(store, &key, &value, &read, &err), &err, ERROR_NOT_FOUND);
    check_ok(database_put(store, &key, span_of("a\0b", 3), &revision, &err), &err);
    database_close(store);
    store = open_store();
    check_ok(database_get(store, &key, &value, &read, &err), &err);
    assert_int_equal(read, revision);
    assert_true(span_equal(buf_span(&value), span_of("a\0b", 3)));
    check_ok(database_put(store, &key, span_of("", 0), &revision, &err), &err);
    assert_true(revision != read);
    buf_truncate(&value, 0);
    check_ok(database_get(store, &key, &value, &read, &err), &err);
    assert_int_equal(value.size, 0);
}

static void refuses_a_change_of_what_was_not_read(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = open_store();
    uint64_t first = DATABASE_ABSENT, again = DATABASE_ABSENT, old;
    check_ok(database_put(store, &key, span_of_text("1"), &first, &err), &err);
    check_error(database_put(store, &key, span_of_text("2"), &again, &err), &err, ERROR_REFUSED);
    assert_int_equal(again, DATABASE_ABSENT);
    old = first;
    check_ok(database_put(store, &key, span_of_text("3"), &first, &err), &err);
    check_error(database_put(store, &key, span_of_text("4"), &old, &err), &err, ERROR_REFUSED);
    check_error(database_remove(store, &key, old, &err), &err, ERROR_REFUSED);
    check_ok(database_remove(store, &key, first, &err), &err);
    check_error(database_remove(store, &key, first, &err), &err, ERROR_REFUSED);
    /* One that was removed and made again is another, whoever still knows the old revision. */
    again = DATABASE_ABSENT;
    check_ok(database_put(store, &key, span_of_text("5"), &again, &err), &err);
    check_error(database_put(store, &key, span_of_text("6"), &first, &err), &err, ERROR_REFUSED);
    BUF_AUTO value = BUF_WITH_LIMIT(100);
    check_ok(database_get(store, &key, &value, &again, &err), &err);
    assert_string_equal(buf_text(&value), "5");
}

static void refuses_names_and_values_beyond_its_limits(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = open_store();
    uint64_t revision = DATABASE_ABSENT;
    char long_name[DATABASE_NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name);
    long_name[DATABASE_NAME_MAX + 1] = '\0';
    const struct database_key bad[] = {
        {"", "key", "db"},        {"acme", "", "db"},      {"acme", "key", ""},
        {"acme", "key", "a\nb"},  {"acme", "key", "\xff"}, {"acme", "key", long_name},
        {long_name, "key", "db"}, {"acme", "key", "\x7f"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (database_put(store, &bad[i], span_of_text("1"), &revision, &err) == 0)
            fail_msg("%zu was taken", i);
    }
    long_name[DATABASE_NAME_MAX] = '\0';
    struct database_key longest = {"acme", "key", long_name};
    check_ok(database_put(store, &longest, span_of_text("1"), &revision, &err), &err);
    uint8_t *big = calloc(1, DATABASE_VALUE_MAX + 1);
    assert_non_null(big);
    check_error(
        database_put(store, &longest, span_of(big, DATABASE_VALUE_MAX + 1), &revision, &err), &err,
        ERROR_LIMIT);
    check_ok(database_put(store, &longest, span_of(big, DATABASE_VALUE_MAX), &revision, &err),
             &err);
    free(big);
}

static int join_names(void *context, const char *name, struct error *err)
{
    return buf_printf(context, err, "%s ", name);
}

static int stop_listing(void *context, const char *name, struct error *err)
{
    (void)context;
    return error_set(err, ERROR_INVALID, "enough at %s", name);
}

static void lists_a_tenants_names_in_pages(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = open_store();
    static const char *const names[] = {"b", "a", "c", "d"};
    for (size_t i = 0; i < 4; i++) {
        uint64_t revision = DATABASE_ABSENT, other = DATABASE_ABSENT;
        struct database_key mine = {"acme", "key", names[i]},
                            theirs = {"umbrella", "key", "theirs"};
        check_ok(database_put(store, &mine, span_of_text("1"), &revision, &err), &err);
        if (i == 0)
            check_ok(database_put(store, &theirs, span_of_text("1"), &other, &err), &err);
    }
    BUF_AUTO seen = BUF_WITH_LIMIT(100);
    check_ok(database_list(store, "acme", "key", "", 3, join_names, &seen, &err), &err);
    assert_string_equal(buf_text(&seen), "a b c ");
    check_ok(database_list(store, "acme", "key", "c", 3, join_names, &seen, &err), &err);
    assert_string_equal(buf_text(&seen), "a b c d ");
    check_ok(database_list(store, "acme", "policy", "", 3, join_names, &seen, &err), &err);
    assert_string_equal(buf_text(&seen), "a b c d ");
    check_error(database_list(store, "acme", "key", "", 3, stop_listing, NULL, &err), &err,
                ERROR_INVALID);
    check_error(
        database_list(store, "acme", "key", "", DATABASE_PAGE_MAX + 1, join_names, &seen, &err),
        &err, ERROR_LIMIT);
}

/* An entry that holds the number and the bytes of the one before it. */
static int make_entry(void *context, const struct database_entry *last, struct buf *out,
                      struct error *err)
{
    if (strcmp(context, "fails") == 0)
        return error_set(err, ERROR_INVALID, "no entry");
    return buf_printf(out, err, "%s after %llu %.*s", (const char *)context,
                      (unsigned long long)last->number, (int)last->bytes.size > 1 ? 1 : 0,
                      (const char *)last->bytes.data);
}

static int join_entries(void *context, const struct database_entry *entry, struct error *err)
{
    return buf_printf(context, err, "%llu: %.*s\n", (unsigned long long)entry->number,
                      (int)entry->bytes.size, (const char *)entry->bytes.data);
}

static void appends_all_entries_or_none(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = open_store();
    char a[] = "a", b[] = "b", fails[] = "fails";
    struct database_draft two[] = {{"acme", make_entry, a}, {"umbrella", make_entry, b}};
    struct database_draft broken[] = {{"acme", make_entry, a}, {"acme", make_entry, fails}};
    check_ok(database_append(store, two, 2, &err), &err);
    check_error(database_append(store, broken, 2, &err), &err, ERROR_INVALID);
    check_ok(database_append(store, two, 1, &err), &err);
    uint64_t last = 9;
    check_ok(database_last(store, "acme", &last, &err), &err);
    assert_int_equal(last, 2);
    check_ok(database_last(store, "nobody", &last, &err), &err);
    assert_int_equal(last, 0);
    check_error(database_last(store, "", &last, &err), &err, ERROR_INVALID);
    BUF_AUTO seen = BUF_WITH_LIMIT(1000);
    check_ok(database_read(store, "acme", 1, 10, join_entries, &seen, &err), &err);
    check_ok(database_read(store, "umbrella", 1, 10, join_entries, &seen, &err), &err);
    assert_string_equal(buf_text(&seen), "1: a after 0 \n2: a after 1 a\n1: b after 0 \n");
    buf_truncate(&seen, 0);
    check_ok(database_list_logs(store, "", 10, join_names, &seen, &err), &err);
    check_ok(database_list_logs(store, "acme", 10, join_names, &seen, &err), &err);
    assert_string_equal(buf_text(&seen), "acme umbrella umbrella ");
    buf_truncate(&seen, 0);
    check_ok(database_read(store, "acme", 2, 10, join_entries, &seen, &err), &err);
    assert_string_equal(buf_text(&seen), "2: a after 1 a\n");
}

static void log_refuses_to_be_changed_even_by_sql(void **state)
{
    (void)state;
    struct error err = {0};
    struct database *store = open_store();
    char a[] = "a";
    struct database_draft one = {"acme", make_entry, a};
    check_ok(database_append(store, &one, 1, &err), &err);
    database_close(store);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "DELETE FROM log", NULL, NULL, NULL), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "UPDATE log SET bytes = x'00'", NULL, NULL, NULL),
                         SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void second_process_is_refused(void **state)
{
    (void)state;
    struct database *store = open_store();
    TEXT_AUTO link = text_format("%s/hard", folder);
    assert_non_null(link);
    assert_int_equal(symlink(path, link), 0);
    pid_t child = fork();
    if (child == 0) {
        struct error err = {0};
        bool refused = !database_open(path, &err) && err.code == ERROR_REFUSED;
        bool by_link = !database_open(link, NULL);
        _exit(refused && by_link ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    database_close(store);
}

static void reader_sees_what_the_owner_writes_and_changes_nothing(void **state)
{
    (void)state;
    struct error err = {0};
    assert_null(database_open_to_read(path, &err));
    DATABASE_AUTO store = open_store();
    DATABASE_AUTO reader = database_open_to_read(path, &err);
    assert_non_null(reader);
    uint64_t revision = DATABASE_ABSENT, other = DATABASE_ABSENT;
    check_ok(database_put(store, &key, span_of_text("1"), &revision, &err), &err);
    BUF_AUTO value = BUF_WITH_LIMIT(100);
    check_ok(database_get(reader, &key, &value, &revision, &err), &err);
    assert_string_equal(buf_text(&value), "1");
    struct database_key later = {"acme", "key", "later"};
    check_error(database_put(reader, &later, span_of_text("1"), &other, &err), &err,
                ERROR_UNAVAILABLE);
    check_error(database_remove(reader, &key, revision, &err), &err, ERROR_UNAVAILABLE);
}

static int write_bytes(size_t offset, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "r+b");
    if (!file)
        file = fopen(path, "wb");
    bool ok = file && fseek(file, (long)offset, SEEK_SET) == 0 &&
              fwrite(bytes, 1, size, file) == size;
    return file && fclose(file) == 0 && ok ? 0 : -1;
}

static void refuses_files_that_are_no_store(void **state)
{
    (void)state;
    struct error err = {0};
    static const char text[] = "this is not a database, but it is long enough to be looked at";
    assert_int_equal(write_bytes(0, text, sizeof text), 0);
    assert_null(database_open(path, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    assert_int_equal(unlink(path), 0);

    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE other (x)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_null(database_open(path, &err));
    assert_int_equal(err.code, ERROR_REFUSED);
    assert_int_equal(unlink(path), 0);

    database_close(open_store());
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_null(database_open(path, &err));
    assert_non_null(strstr(err.text, "version 2"));

    TEXT_AUTO none = text_format("%s/none/store", folder);
    assert_null(database_open(none, &err));
    assert_int_equal(err.code, ERROR_SYSTEM);
}

static void only_its_owner_may_read_the_file(void **state)
{
    (void)state;
    DATABASE_AUTO store = open_store();
    uint64_t revision = DATABASE_ABSENT;
    struct error err = {0};
    check_ok(database_put(store, &key, span_of_text("1"), &revision, &err), &err);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        TEXT_AUTO name = text_format("%s%s", path, ends[i]);
        struct stat status;
        assert_int_equal(stat(name, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
}

static void backup_is_a_store_with_the_same_records(void **state)
{
    (void)state;
    struct error err = {0};
    struct database *store = open_store();
    uint64_t revision = DATABASE_ABSENT, read = 0;
    char a[] = "a";
    struct database_draft one = {"acme", make_entry, a};
    check_ok(database_put(store, &key, span_of_text("kept"), &revision, &err), &err);
    check_ok(database_append(store, &one, 1, &err), &err);
    TEXT_AUTO copy = text_format("%s/copy", folder);
    check_ok(database_backup(store, copy, &err), &err);
    check_error(database_backup(store, copy, &err), &err, ERROR_SYSTEM);
    struct database_key later = {"acme", "key", "later"};
    uint64_t other = DATABASE_ABSENT;
    check_ok(database_put(store, &later, span_of_text("2"), &other, &err), &err);
    database_close(store);

    struct stat status;
    assert_int_equal(stat(copy, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    store = database_open(copy, &err);
    assert_non_null(store);
    BUF_AUTO value = BUF_WITH_LIMIT(100);
    check_ok(database_get(store, &key, &value, &read, &err), &err);
    assert_string_equal(buf_text(&value), "kept");
    assert_int_equal(read, revision);
    check_error(database_get(store, &later, &value, &read, &err), &err, ERROR_NOT_FOUND);
    BUF_AUTO seen = BUF_WITH_LIMIT(100);
    check_ok(database_read(store, "acme", 1, 10, join_entries, &seen, &err), &err);
    assert_string_equal(buf_text(&seen), "1: a after 0 \n");
    database_close(store);
}

/* Writes records and entries for ever, and removes each other record again; says each number once
 * it is acknowledged. */
static void write_until_killed(int out)
{
    struct database *store = database_open(path, NULL);
    char a[] = "a";
    struct database_draft one = {"acme", make_entry, a};
    for (uint64_t number = 0; store; number++) {
        uint64_t revision = DATABASE_ABSENT;
        char name[64];
        (void)snprintf(name, sizeof name, "%d-%llu", (int)getpid(), (unsigned long long)number);
        struct database_key own = {"acme", "key", name};
        if (database_put(store, &own, span_of_text(name), &revision, NULL) < 0 ||
            database_append(store, &one, 1, NULL) < 0 ||
            (number % 2 && database_remove(store, &own, revision, NULL) < 0) ||
            write(out, &number, sizeof number) != sizeof number)
            break;
    }
    _exit(1);
}

static void check_all_there(struct database *store, pid_t writer, uint64_t count)
{
    struct error err = {0};
    for (uint64_t number = 0; number < count; number++) {
        char name[64];
        uint64_t revision = 0;
        (void)snprintf(name, sizeof name, "%d-%llu", (int)writer, (unsigned long long)number);
        struct database_key own = {"acme", "key", name};
        BUF_AUTO value = BUF_WITH_LIMIT(100);
        if (number % 2) {
            check_error(database_get(store, &own, &value, &revision, &err), &err, ERROR_NOT_FOUND);
        } else {
            check_ok(database_get(store, &own, &value, &revision, &err), &err);
            assert_string_equal(buf_text(&value), name);
        }
    }
}

static int count_entry(void *context, const struct database_entry *entry, struct error *err)
{
    uint64_t *count = context;
    if (entry->number != ++*count)
        return error_set(err, ERROR_INVALID, "entry %llu is missing", (unsigned long long)*count);
    return 0;
}

/* Each round kills a writer at another moment after its acknowledgements. */
static void kill_takes_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    struct error err = {0};
    uint64_t acknowledged = 0;
    for (unsigned int round = 0; round < 25; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(ends[1]);
        (void)close(ends[1]);
        uint64_t number = 0, count = 0;
        for (unsigned int i = 0; i <= round; i++)
            assert_int_equal(read(ends[0], &number, sizeof number), sizeof number);
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(ends[0], &number, sizeof number) == sizeof number)
            continue;
        (void)close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        DATABASE_AUTO store = open_store();
        check_all_there(store, child, number + 1);
        acknowledged += number + 1;
        check_ok(database_read(store, "acme", 1, DATABASE_PAGE_MAX, count_entry, &count, &err),
                 &err);
        assert_true(count >= acknowledged || count == DATABASE_PAGE_MAX);
    }
}

/* --- several threads ----------------------------------------------------------------------- */

struct reader {
    struct database *store;
    char value[16];
    uint64_t last, names;
    struct error err;
};

static int count_name(void *context, const char *name, struct error *err)
{
    (void)err;
    *(uint64_t *)context += strcmp(name, key.name) == 0;
    return 0;
}

static void *read_all(void *argument)
{
    struct reader *reader = argument;
    uint64_t revision;
    BUF_AUTO value = BUF_WITH_LIMIT(sizeof reader->value - 1);
    if (database_get(reader->store, &key, &value, &revision, &reader->err) < 0 ||
        database_last(reader->store, "acme", &reader->last, &reader->err) < 0 ||
        database_list(reader->store, "acme", "key", "", 10, count_name, &reader->names,
                      &reader->err) < 0)
        return NULL;
    (void)snprintf(reader->value, sizeof reader->value, "%s", buf_text(&value));
    return NULL;
}

/* In the middle of a change, which waits until another thread has read. */
static int make_once_read(void *context, const struct database_entry *last, struct buf *out,
                          struct error *err)
{
    pthread_t thread;
    (void)last;
    if (pthread_create(&thread, NULL, read_all, context) != 0 || pthread_join(thread, NULL) != 0)
        return error_set(err, ERROR_UNAVAILABLE, "no thread");
    return buf_append_text(out, "entry", err);
}

static void who_reads_waits_for_no_change(void **state)
{
    (void)state;
    struct error err = {0};
    DATABASE_AUTO store = open_store();
    uint64_t revision = DATABASE_ABSENT;
    struct reader during = {.store = store}, after = {.store = store};
    const struct database_draft draft = {"acme", make_once_read, &during};
    check_ok(database_put(store, &key, span_of_text("before"), &revision, &err), &err);
    check_ok(database_append(store, &draft, 1, &err), &err);
    assert_string_equal(during.err.text, "");
    assert_string_equal(during.value, "before");
    assert_int_equal(during.last, 0);
    assert_int_equal(during.names, 1);
    check_ok(database_put(store, &key, span_of_text("after"), &revision, &err), &err);
    (void)read_all(&after);
    assert_string_equal(after.value, "after");
    assert_int_equal(after.last, 1);
}

#define THREADS 8 /* more than there are connections */
#define CHANGES 10

/* Changes a record of its own, and reads each change back. */
static void *change_and_read(void *argument)
{
    struct reader *own = argument;
    const struct database_key mine = {"acme", "key", own->value};
    uint64_t revision = DATABASE_ABSENT, read;
    for (uint64_t i = 0; i < CHANGES; i++) {
        BUF_AUTO value = BUF_WITH_LIMIT(sizeof i);
        if (database_put(own->store, &mine, span_of(&i, sizeof i), &revision, &own->err) < 0 ||
            database_get(own->store, &mine, &value, &read, &own->err) < 0)
            return NULL;
        own->names += read == revision && span_equal(buf_span(&value), span_of(&i, sizeof i));
    }
    return NULL;
}

static void who_was_told_of_a_change_reads_it(void **state)
{
    (void)state;
    DATABASE_AUTO store = open_store();
    pthread_t threads[THREADS];
    struct reader own[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        own[i].store = store;
        (void)snprintf(own[i].value, sizeof own[i].value, "of thread %zu", i);
        assert_int_equal(pthread_create(&threads[i], NULL, change_and_read, &own[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_string_equal(own[i].err.text, "");
        assert_int_equal(own[i].names, CHANGES);
    }
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(keeps_records_with_their_revision),
        IN_A_FOLDER(refuses_a_change_of_what_was_not_read),
        IN_A_FOLDER(refuses_names_and_values_beyond_its_limits),
        IN_A_FOLDER(lists_a_tenants_names_in_pages),
        IN_A_FOLDER(appends_all_entries_or_none),
        IN_A_FOLDER(log_refuses_to_be_changed_even_by_sql),
        IN_A_FOLDER(second_process_is_refused),
        IN_A_FOLDER(reader_sees_what_the_owner_writes_and_changes_nothing),
        IN_A_FOLDER(refuses_files_that_are_no_store),
        IN_A_FOLDER(only_its_owner_may_read_the_file),
        IN_A_FOLDER(backup_is_a_store_with_the_same_records),
        IN_A_FOLDER(who_reads_waits_for_no_change),
        IN_A_FOLDER(who_was_told_of_a_change_reads_it),
        IN_A_FOLDER(kill_takes_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
