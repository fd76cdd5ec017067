#include "service/database_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

/*
 * One connection, which threads take in turn: what they ask takes microseconds, but for the sync at
 * the end of a change, which the disk would not do twice at a time either.
 *
 * The file's own flock keeps a second process out. SQLite locks with fcntl, which does not see it;
 * but closing any descriptor of the file drops those locks, so this one is closed after SQLite.
 */

#define APPLICATION_ID 0x43414953 /* "CAIS": PRAGMA application_id */
#define SCHEMA_VERSION 1          /* PRAGMA user_version */

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    GET,
    NEXT_REVISION,
    INSERT,
    UPDATE,
    REMOVE,
    LIST,
    LAST_ENTRY,
    APPEND,
    READ,
    LIST_LOGS,
    STATEMENTS,
};

static const char *const statement_text[] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [GET] = "SELECT value, revision FROM record WHERE tenant = ?1 AND kind = ?2 AND name = ?3",
    [NEXT_REVISION] = "UPDATE revision SET last = last + 1 RETURNING last",
    [INSERT] = "INSERT INTO record (tenant, kind, name, value, revision)"
               " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    [UPDATE] = "UPDATE record SET value = ?4, revision = ?5"
               " WHERE tenant = ?1 AND kind = ?2 AND name = ?3 AND revision = ?6",
    [REMOVE] = "DELETE FROM record WHERE tenant = ?1 AND kind = ?2 AND name = ?3 AND revision = ?4",
    [LIST] = "SELECT name FROM record WHERE tenant = ?1 AND kind = ?2 AND name > ?3"
             " ORDER BY name LIMIT ?4",
    [LAST_ENTRY] = "SELECT number, bytes FROM log WHERE tenant = ?1 ORDER BY number DESC LIMIT 1",
    [APPEND] = "INSERT INTO log (tenant, number, bytes) VALUES (?1, ?2, ?3)",
    [READ] = "SELECT number, bytes FROM log WHERE tenant = ?1 AND number >= ?2"
             " ORDER BY number LIMIT ?3",
    [LIST_LOGS] = "SELECT DISTINCT tenant FROM log WHERE tenant > ?1 ORDER BY tenant LIMIT ?2",
};
_Static_assert(sizeof statement_text / sizeof statement_text[0] == STATEMENTS, "one text each");

/* The triggers keep the log a log, whoever writes to the file through SQLite. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "PRAGMA application_id = 1128352083;" /* APPLICATION_ID */
    "PRAGMA user_version = 1;"
    "CREATE TABLE record (tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
    " value BLOB NOT NULL, revision INTEGER NOT NULL,"
    " PRIMARY KEY (tenant, kind, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE revision (last INTEGER NOT NULL) STRICT;"
    "INSERT INTO revision VALUES (0);"
    "CREATE TABLE log (tenant TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " PRIMARY KEY (tenant, number)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER log_keeps BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log only grows');"
    " END;"
    "CREATE TRIGGER log_stays BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log only grows');"
    " END;"
    "COMMIT;";

struct sqlite_store {
    int fd; /* holds the lock */
    char *path;
    pthread_mutex_t mutex; /* for all that follows */
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
};

static int sqlite_error(struct sqlite_store *store, struct error *err)
{
    int code = sqlite3_errcode(store->db) & 0xff;
    const char *text = sqlite3_errmsg(store->db);
    if (code == SQLITE_NOMEM)
        return error_memory(err);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return error_set(err, ERROR_INVALID,
                         "the store %s is damaged: %s; put a backup in its place", store->path,
                         text);
    return error_set(err, ERROR_UNAVAILABLE, "the store %s: %s", store->path, text);
}

static sqlite3_stmt *statement_of(struct sqlite_store *store, enum statement which)
{
    return store->statements[which];
}

/* Makes the statement ready for its next use. */
static void statement_end(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement); /* repeats the error of the last step, which was seen */
    (void)sqlite3_clear_bindings(statement);
}

/* Runs a statement that gives no row. */
static int run(struct sqlite_store *store, enum statement which, struct error *err)
{
    sqlite3_stmt *statement = statement_of(store, which);
    int result = sqlite3_step(statement);
    if (result != SQLITE_DONE)
        (void)sqlite_error(store, err);
    statement_end(statement);
    return result == SQLITE_DONE ? 0 : -1;
}

static bool bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    return sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC) == SQLITE_OK;
}

static bool bind_number(sqlite3_stmt *statement, int place, uint64_t number)
{
    return number <= INT64_MAX &&
           sqlite3_bind_int64(statement, place, (sqlite3_int64)number) == SQLITE_OK;
}

static bool bind_bytes(sqlite3_stmt *statement, int place, struct span bytes)
{
    if (bytes.size == 0)
        return sqlite3_bind_zeroblob(statement, place, 0) == SQLITE_OK;
    return sqlite3_bind_blob64(statement, place, bytes.data, bytes.size, SQLITE_STATIC) ==
           SQLITE_OK;
}

static bool bind_key(sqlite3_stmt *statement, const struct database_key *key)
{
    return bind_text(statement, 1, key->tenant) && bind_text(statement, 2, key->kind) &&
           bind_text(statement, 3, key->name);
}

static struct span column_bytes(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);
    return span_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

/* Every change is a transaction; what fails in it leaves nothing behind. */
static int begin(struct sqlite_store *store, struct error *err)
{
    return run(store, BEGIN, err);
}

static int end(struct sqlite_store *store, int result, struct error *err)
{
    if (result == 0 && run(store, COMMIT, err) == 0)
        return 0;
    if (!sqlite3_get_autocommit(store->db))
        (void)run(store, ROLLBACK, NULL);
    return -1;
}

static int get(void *state, const struct database_key *key, struct buf *value, uint64_t *revision,
               struct error *err)
{
    struct sqlite_store *store = state;
    (void)pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *statement = statement_of(store, GET);
    int result = -1, step = bind_key(statement, key) ? sqlite3_step(statement) : SQLITE_ERROR;
    if (step == SQLITE_ROW) {
        result = buf_append(value, column_bytes(statement, 0), err);
        *revision = (uint64_t)sqlite3_column_int64(statement, 1);
    } else if (step == SQLITE_DONE) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no %s \"%s\"", key->kind, key->name);
    } else {
        (void)sqlite_error(store, err);
    }
    statement_end(statement);
    (void)pthread_mutex_unlock(&store->mutex);
    return result;
}

/* A number that no record had before, so that a revision stands for one content only. */
static int next_revision(struct sqlite_store *store, uint64_t *out, struct error *err)
{
    sqlite3_stmt *statement = statement_of(store, NEXT_REVISION);
    int result = -1;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *out = (uint64_t)sqlite3_column_int64(statement, 0);
        result = sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_error(store, err);
    } else {
        (void)sqlite_error(store, err);
    }
    statement_end(statement);
    return result;
}

/* What a change that found another revision is told. */
static int other_revision(const struct database_key *key, struct error *err)
{
    return error_set(err, ERROR_REFUSED, "%s \"%s\" was changed meanwhile; read it again",
                     key->kind, key->name);
}

/* Ends a statement that changes one record; `bound`: its arguments are in place. */
static int change(struct sqlite_store *store, sqlite3_stmt *statement, bool bound,
                  const struct database_key *key, struct error *err)
{
    int result = -1;
    if (!bound || sqlite3_step(statement) != SQLITE_DONE)
        (void)sqlite_error(store, err);
    else if (sqlite3_changes(store->db) != 1)
        (void)other_revision(key, err);
    else
        result = 0;
    statement_end(statement);
    return result;
}

static int put_record(struct sqlite_store *store, const struct database_key *key, struct span value,
                      uint64_t *revision, struct error *err)
{
    uint64_t next = 0;
    if (next_revision(store, &next, err) < 0)
        return -1;
    sqlite3_stmt *statement = statement_of(store, *revision == DATABASE_ABSENT ? INSERT : UPDATE);
    bool bound = bind_key(statement, key) && bind_bytes(statement, 4, value) &&
                 bind_number(statement, 5, next);
    if (*revision != DATABASE_ABSENT)
        bound = bound && bind_number(statement, 6, *revision);
    if (change(store, statement, bound, key, err) < 0)
        return -1;
    *revision = next;
    return 0;
}

static int put(void *state, const struct database_key *key, struct span value, uint64_t *revision,
               struct error *err)
{
    struct sqlite_store *store = state;
    uint64_t next = *revision;
    (void)pthread_mutex_lock(&store->mutex);
    int result = begin(store, err);
    if (result == 0)
        result = end(store, put_record(store, key, value, &next, err), err);
    (void)pthread_mutex_unlock(&store->mutex);
    if (result == 0)
        *revision = next;
    return result;
}

static int remove_record(void *state, const struct database_key *key, uint64_t revision,
                         struct error *err)
{
    struct sqlite_store *store = state;
    (void)pthread_mutex_lock(&store->mutex);
    int result = begin(store, err);
    if (result == 0) {
        sqlite3_stmt *statement = statement_of(store, REMOVE);
        bool bound = bind_key(statement, key) && bind_number(statement, 4, revision);
        result = end(store, change(store, statement, bound, key, err), err);
    }
    (void)pthread_mutex_unlock(&store->mutex);
    return result;
}

/* Visits the names that a statement gives; `bound`: its arguments are in place. */
static int visit_names(struct sqlite_store *store, sqlite3_stmt *statement, bool bound,
                       database_visit_name *visit, void *context, struct error *err)
{
    int result = 0, step = SQLITE_ERROR;
    while (bound && result == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
        result = visit(context, (const char *)sqlite3_column_text(statement, 0), err);
    if (result == 0 && step != SQLITE_DONE)
        result = sqlite_error(store, err);
    statement_end(statement);
    return result;
}

static int list(void *state, const char *tenant, const char *kind, const char *after, size_t count,
                database_visit_name *visit, void *context, struct error *err)
{
    struct sqlite_store *store = state;
    (void)pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *statement = statement_of(store, LIST);
    bool bound = bind_text(statement, 1, tenant) && bind_text(statement, 2, kind) &&
                 bind_text(statement, 3, after) && bind_number(statement, 4, count);
    int result = visit_names(store, statement, bound, visit, context, err);
    (void)pthread_mutex_unlock(&store->mutex);
    return result;
}

static int list_logs(void *state, const char *after, size_t count, database_visit_name *visit,
                     void *context, struct error *err)
{
    struct sqlite_store *store = state;
    (void)pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *statement = statement_of(store, LIST_LOGS);
    bool bound = bind_text(statement, 1, after) && bind_number(statement, 2, count);
    int result = visit_names(store, statement, bound, visit, context, err);
    (void)pthread_mutex_unlock(&store->mutex);
    return result;
}

/* The last entry of a tenant's log, its bytes in `bytes`. Number 0 where the log is empty. */
static int last_entry(struct sqlite_store *store, const char *tenant, struct database_entry *entry,
                      struct buf *bytes, struct error *err)
{
    *entry = (struct database_entry){0};
    sqlite3_stmt *statement = statement_of(store, LAST_ENTRY);
    int step = bind_text(statement, 1, tenant) ? sqlite3_step(statement) : SQLITE_ERROR;
    int result = step == SQLITE_DONE ? 0 : -1;
    if (step == SQLITE_ROW) {
        entry->number = (uint64_t)sqlite3_column_int64(statement, 0);
        result = buf_append(bytes, column_bytes(statement, 1), err);
    } else if (step != SQLITE_DONE) {
        (void)sqlite_error(store, err);
    }
    statement_end(statement);
    entry->bytes = buf_span(bytes);
    return result;
}

static int append_entry(struct sqlite_store *store, const struct database_draft *draft,
                        struct error *err)
{
    BUF_AUTO last_bytes = BUF_WITH_LIMIT(DATABASE_ENTRY_MAX);
    BUF_AUTO bytes = BUF_WITH_LIMIT(DATABASE_ENTRY_MAX);
    struct database_entry last;
    if (last_entry(store, draft->tenant, &last, &last_bytes, err) < 0 ||
        draft->make(draft->context, &last, &bytes, err) < 0)
        return -1;
    sqlite3_stmt *statement = statement_of(store, APPEND);
    bool bound = bind_text(statement, 1, draft->tenant) &&
                 bind_number(statement, 2, last.number + 1) &&
                 bind_bytes(statement, 3, buf_span(&bytes));
    int result = bound && sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_error(store, err);
    statement_end(statement);
    return result;
}

static int append(void *state, const struct database_draft *drafts, size_t count, struct error *err)
{
    struct sqlite_store *store = state;
    (void)pthread_mutex_lock(&store->mutex);
    int result = begin(store, err), appended = result;
    for (size_t i = 0; i < count && appended == 0; i++)
        appended = append_entry(store, &drafts[i], err);
    if (result == 0)
        result = end(store, appended, err);
    (void)pthread_mutex_unlock(&store->mutex);
    return result;
}

static int read_entries(void *state, const char *tenant, uint64_t first, size_t count,
                        database_visit_entry *visit, void *context, struct error *err)
{
    struct sqlite_store *store = state;
    (void)pthread_mutex_lock(&store->mutex);
    sqlite3_stmt *statement = statement_of(store, READ);
    bool bound = bind_text(statement, 1, tenant) && bind_number(statement, 2, first) &&
                 bind_number(statement, 3, count);
    int result = 0, step = SQLITE_ERROR;
    while (bound && result == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct database_entry entry = {(uint64_t)sqlite3_column_int64(statement, 0),
                                       column_bytes(statement, 1)};
        result = visit(context, &entry, err);
    }
    if (result == 0 && step != SQLITE_DONE)
        result = sqlite_error(store, err);
    statement_end(statement);
    (void)pthread_mutex_unlock(&store->mutex);
    return result;
}

static int last_number(void *state, const char *tenant, uint64_t *number, struct error *err)
{
    struct sqlite_store *store = state;
    struct database_entry last;
    BUF_AUTO bytes = BUF_WITH_LIMIT(DATABASE_ENTRY_MAX);
    (void)pthread_mutex_lock(&store->mutex);
    int result = last_entry(store, tenant, &last, &bytes, err);
    (void)pthread_mutex_unlock(&store->mutex);
    *number = last.number;
    return result;
}

/* By a connection of its own, so that others wait for nothing. SQLite takes an empty file. */
static int backup(void *state, const char *path, struct error *err)
{
    struct sqlite_store *store = state;
    FD_AUTO fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_system(err, errno, "cannot make the backup %s", path);
    struct sqlite_store own = {.path = store->path};
    sqlite3_stmt *statement = NULL;
    int result = -1;
    if (sqlite3_open_v2(store->path, &own.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(own.db, "VACUUM INTO ?1", -1, &statement, NULL) != SQLITE_OK ||
        !bind_text(statement, 1, path) || sqlite3_step(statement) != SQLITE_DONE)
        (void)sqlite_error(&own, err);
    else if (fsync(fd) < 0)
        (void)error_system(err, errno, "%s", path);
    else
        result = 0;
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(own.db);
    if (result < 0)
        (void)unlink(path);
    return result;
}

static void close_store(void *state)
{
    struct sqlite_store *store = state;
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(store->statements[i]);
    (void)sqlite3_close(store->db);
    (void)pthread_mutex_destroy(&store->mutex);
    fd_close(&store->fd);
    free(store->path);
    free(store);
}

const struct database_backend database_sqlite = {
    .close = close_store,
    .get = get,
    .put = put,
    .remove = remove_record,
    .list = list,
    .append = append,
    .read = read_entries,
    .last = last_number,
    .list_logs = list_logs,
    .backup = backup,
};

static int execute(struct sqlite_store *store, const char *text, struct error *err)
{
    if (sqlite3_exec(store->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(store, err);
    return 0;
}

static int pragma_number(struct sqlite_store *store, const char *text, int64_t *out,
                         struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = -1;
    if (sqlite3_prepare_v2(store->db, text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
        result = 0;
    } else {
        (void)sqlite_error(store, err);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

/* Makes the tables where the file is new; refuses a file of anything else. */
static int check_schema(struct sqlite_store *store, bool to_read, struct error *err)
{
    int64_t id = 0, version = 0, pages = 0;
    if (pragma_number(store, "PRAGMA application_id", &id, err) < 0 ||
        pragma_number(store, "PRAGMA user_version", &version, err) < 0 ||
        pragma_number(store, "PRAGMA page_count", &pages, err) < 0)
        return -1;
    if (pages == 0 && !to_read)
        return execute(store, schema, err);
    if (id != APPLICATION_ID)
        return error_set(err, ERROR_REFUSED, "%s is a database of something else", store->path);
    if (version != SCHEMA_VERSION)
        return error_set(err, ERROR_REFUSED,
                         "the store %s has version %lld; this program knows version %d",
                         store->path, (long long)version, SCHEMA_VERSION);
    return 0;
}

static int open_database(struct sqlite_store *store, bool to_read, struct error *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | (to_read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
        return sqlite_error(store, err);
    /* What was changed by hand must not run as code; what is acknowledged must be on the disk. */
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (execute(store, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;", err) < 0 ||
        check_schema(store, to_read, err) < 0)
        return -1;
    if (!to_read &&
        execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", err) < 0)
        return -1;
    for (size_t i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(store->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK)
            return sqlite_error(store, err);
    }
    return 0;
}

/* The new file's name is on the disk before anything is said to be in it. */
static int sync_folder(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    TEXT_AUTO folder = slash ? text_format("%.*s/", (int)(slash - path), path) : text_format(".");
    if (!folder)
        return error_memory(err);
    FD_AUTO fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return error_system(err, errno, "the folder %s", folder);
    return 0;
}

static int take_file(struct sqlite_store *store, struct error *err)
{
    store->fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->fd < 0)
        return error_system(err, errno, "cannot open the store %s", store->path);
    if (flock(store->fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? error_set(err, ERROR_REFUSED, "the store %s is open in another process",
                               store->path)
                   : error_system(err, errno, "cannot lock the store %s", store->path);
    return sync_folder(store->path, err);
}

void *database_sqlite_open(const char *path, bool to_read, struct error *err)
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    if (!store || pthread_mutex_init(&store->mutex, NULL) != 0) {
        free(store);
        (void)error_memory(err);
        return NULL;
    }
    store->fd = -1;
    store->path = text_format("%s", path);
    if (!store->path) {
        (void)error_memory(err);
    } else if ((to_read || take_file(store, err) == 0) && open_database(store, to_read, err) == 0) {
        return store;
    }
    close_store(store);
    return NULL;
}
