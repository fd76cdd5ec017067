#include "service/sqlite_connection.h"

#define APPLICATION_ID 0x43414953 /* "CAIS": PRAGMA application_id */
#define SCHEMA_VERSION 1          /* PRAGMA user_version */

static const char *const statement_text[] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_GET] = "SELECT value, revision FROM record WHERE tenant = ?1 AND kind = ?2 AND name = ?3",
    [SQL_NEXT_REVISION] = "UPDATE revision SET last = last + 1 RETURNING last",
    [SQL_INSERT] = "INSERT INTO record (tenant, kind, name, value, revision)"
                   " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    [SQL_UPDATE] = "UPDATE record SET value = ?4, revision = ?5"
                   " WHERE tenant = ?1 AND kind = ?2 AND name = ?3 AND revision = ?6",
    [SQL_REMOVE] =
        "DELETE FROM record WHERE tenant = ?1 AND kind = ?2 AND name = ?3 AND revision = ?4",
    [SQL_LIST] = "SELECT name FROM record WHERE tenant = ?1 AND kind = ?2 AND name > ?3"
                 " ORDER BY name LIMIT ?4",
    [SQL_LAST_ENTRY] =
        "SELECT number, bytes FROM log WHERE tenant = ?1 ORDER BY number DESC LIMIT 1",
    [SQL_APPEND] = "INSERT INTO log (tenant, number, bytes) VALUES (?1, ?2, ?3)",
    [SQL_READ] = "SELECT number, bytes FROM log WHERE tenant = ?1 AND number >= ?2"
                 " ORDER BY number LIMIT ?3",
    [SQL_LIST_LOGS] = "SELECT DISTINCT tenant FROM log WHERE tenant > ?1 ORDER BY tenant LIMIT ?2",
};
_Static_assert(sizeof statement_text / sizeof statement_text[0] == SQL_STATEMENTS, "one text each");

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

int sqlite_error(struct sqlite_connection *connection, struct error *err)
{
    int code = sqlite3_errcode(connection->db) & 0xff;
    const char *text = sqlite3_errmsg(connection->db);
    if (code == SQLITE_NOMEM)
        return error_memory(err);
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return error_set(err, ERROR_INVALID,
                         "the store %s is damaged: %s; put a backup in its place", connection->path,
                         text);
    return error_set(err, ERROR_UNAVAILABLE, "the store %s: %s", connection->path, text);
}

void sqlite_end(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement); /* repeats the error of the last step, which was seen */
    (void)sqlite3_clear_bindings(statement);
}

int sqlite_run(struct sqlite_connection *connection, enum statement which, struct error *err)
{
    sqlite3_stmt *statement = connection->statements[which];
    int result = sqlite3_step(statement);
    if (result != SQLITE_DONE)
        (void)sqlite_error(connection, err);
    sqlite_end(statement);
    return result == SQLITE_DONE ? 0 : -1;
}

bool sqlite_bind_name(sqlite3_stmt *statement, int place, const char *text)
{
    return sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC) == SQLITE_OK;
}

bool sqlite_bind_number(sqlite3_stmt *statement, int place, uint64_t number)
{
    return number <= INT64_MAX &&
           sqlite3_bind_int64(statement, place, (sqlite3_int64)number) == SQLITE_OK;
}

bool sqlite_bind_bytes(sqlite3_stmt *statement, int place, struct span bytes)
{
    if (bytes.size == 0)
        return sqlite3_bind_zeroblob(statement, place, 0) == SQLITE_OK;
    return sqlite3_bind_blob64(statement, place, bytes.data, bytes.size, SQLITE_STATIC) ==
           SQLITE_OK;
}

bool sqlite_bind_key(sqlite3_stmt *statement, const struct database_key *key)
{
    return sqlite_bind_name(statement, 1, key->tenant) &&
           sqlite_bind_name(statement, 2, key->kind) && sqlite_bind_name(statement, 3, key->name);
}

struct span sqlite_bytes(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);
    return span_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

static int execute(struct sqlite_connection *connection, const char *text, struct error *err)
{
    if (sqlite3_exec(connection->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(connection, err);
    return 0;
}

static int pragma_number(struct sqlite_connection *connection, const char *text, int64_t *out,
                         struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = -1;
    if (sqlite3_prepare_v2(connection->db, text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
        result = 0;
    } else {
        (void)sqlite_error(connection, err);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

/* Makes the tables where the file is new; refuses a file of anything else. */
static int check_schema(struct sqlite_connection *connection, bool to_read, struct error *err)
{
    int64_t id = 0, version = 0, pages = 0;
    if (pragma_number(connection, "PRAGMA application_id", &id, err) < 0 ||
        pragma_number(connection, "PRAGMA user_version", &version, err) < 0 ||
        pragma_number(connection, "PRAGMA page_count", &pages, err) < 0)
        return -1;
    if (pages == 0 && !to_read)
        return execute(connection, schema, err);
    if (id != APPLICATION_ID)
        return error_set(err, ERROR_REFUSED, "%s is a database of something else",
                         connection->path);
    if (version != SCHEMA_VERSION)
        return error_set(err, ERROR_REFUSED,
                         "the store %s has version %lld; this program knows version %d",
                         connection->path, (long long)version, SCHEMA_VERSION);
    return 0;
}

int sqlite_connection_open(struct sqlite_connection *connection, const char *path, bool to_read,
                           struct error *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | (to_read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    *connection = (struct sqlite_connection){.mutex = PTHREAD_MUTEX_INITIALIZER, .path = path};
    if (sqlite3_open_v2(path, &connection->db, flags, NULL) != SQLITE_OK)
        return sqlite_error(connection, err);
    /* What was changed by hand must not run as code; what is acknowledged must be on the disk. */
    (void)sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (execute(connection, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;", err) < 0 ||
        check_schema(connection, to_read, err) < 0)
        return -1;
    if (!to_read &&
        execute(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", err) < 0)
        return -1;
    for (size_t i = 0; i < SQL_STATEMENTS; i++) {
        if (sqlite3_prepare_v3(connection->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &connection->statements[i], NULL) != SQLITE_OK)
            return sqlite_error(connection, err);
    }
    return 0;
}

void sqlite_connection_close(struct sqlite_connection *connection)
{
    for (size_t i = 0; i < SQL_STATEMENTS; i++)
        (void)sqlite3_finalize(connection->statements[i]);
    (void)sqlite3_close(connection->db);
    if (connection->path)
        (void)pthread_mutex_destroy(&connection->mutex);
    *connection = (struct sqlite_connection){0};
}
