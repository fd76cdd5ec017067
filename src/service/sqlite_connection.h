/*
 * A connection to the store's SQLite file, with the statements that its back-end knows: for one
 * thread at a time, which holds its mutex. Only service/database_sqlite.c uses it.
 */
#ifndef CAISSON_SERVICE_SQLITE_CONNECTION_H
#define CAISSON_SERVICE_SQLITE_CONNECTION_H

#include <pthread.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "service/database.h"

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_GET,
    SQL_NEXT_REVISION,
    SQL_INSERT,
    SQL_UPDATE,
    SQL_REMOVE,
    SQL_LIST,
    SQL_LAST_ENTRY,
    SQL_APPEND,
    SQL_READ,
    SQL_LIST_LOGS,
    SQL_STATEMENTS,
};

struct sqlite_connection {
    pthread_mutex_t mutex; /* for all that follows */
    const char *path;      /* borrowed */
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS];
};

/* Opens the file, which is there; one to write makes the tables where it is empty. ERROR_REFUSED
 * for a file of anything else. The caller closes it, also after a failure; a zeroed one, too. */
int sqlite_connection_open(struct sqlite_connection *connection, const char *path, bool to_read,
                           struct error *err);
void sqlite_connection_close(struct sqlite_connection *connection);

/* Sets what SQLite says of its last failure; -1. */
int sqlite_error(struct sqlite_connection *connection, struct error *err);

/* Runs a statement that gives no row and has no arguments. */
int sqlite_run(struct sqlite_connection *connection, enum statement which, struct error *err);

/* Makes a statement ready for its next use. */
void sqlite_end(sqlite3_stmt *statement);

/* Arguments, from place 1 on; the bytes are borrowed until the statement ends. */
bool sqlite_bind_key(sqlite3_stmt *statement, const struct database_key *key); /* at 1, 2, 3 */
bool sqlite_bind_name(sqlite3_stmt *statement, int place, const char *text);
bool sqlite_bind_number(sqlite3_stmt *statement, int place, uint64_t number);
bool sqlite_bind_bytes(sqlite3_stmt *statement, int place, struct span bytes);

/* A column of the present row, until the next step. */
struct span sqlite_bytes(sqlite3_stmt *statement, int column);

#endif
