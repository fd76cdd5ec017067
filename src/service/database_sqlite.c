#include "service/database_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"
#include "service/sqlite_connection.h"

/*
 * One connection writes, which threads take in turn: the disk would not do two syncs at a time
 * either. Others read, each for one thread at a time, beside it and beside each other (SQLite's
 * write-ahead log): who reads sees all that was acknowledged before, and waits for no sync.
 *
 * The file's own flock keeps a second process out. SQLite locks with fcntl, which does not see it;
 * but closing any descriptor of the file drops those locks, so this one is closed after SQLite.
 */

#define READERS 4

struct sqlite_store {
    char *path;
    int fd; /* holds the lock; -1 where it is only read */
    struct sqlite_connection writer;
    struct sqlite_connection readers[READERS];
    unsigned reader_count; /* 0 where it is only read: by `writer`, which then cannot write */
    atomic_uint turn;
};

static struct sqlite_connection *take_writer(struct sqlite_store *store)
{
    (void)pthread_mutex_lock(&store->writer.mutex);
    return &store->writer;
}

/* One that nobody uses, else the one whose turn it is. */
static struct sqlite_connection *take_reader(struct sqlite_store *store)
{
    const unsigned count = store->reader_count, first = atomic_fetch_add(&store->turn, 1);
    for (unsigned i = 0; i < count; i++) {
        struct sqlite_connection *each = &store->readers[(first + i) % count];
        if (pthread_mutex_trylock(&each->mutex) == 0)
            return each;
    }
    struct sqlite_connection *connection = count ? &store->readers[first % count] : &store->writer;
    (void)pthread_mutex_lock(&connection->mutex);
    return connection;
}

static void give_back(struct sqlite_connection *connection)
{
    (void)pthread_mutex_unlock(&connection->mutex);
}

/* Every change is a transaction; what fails in it leaves nothing behind. */
static int begin(struct sqlite_connection *connection, struct error *err)
{
    return sqlite_run(connection, SQL_BEGIN, err);
}

static int end(struct sqlite_connection *connection, int result, struct error *err)
{
    if (result == 0 && sqlite_run(connection, SQL_COMMIT, err) == 0)
        return 0;
    if (!sqlite3_get_autocommit(connection->db))
        (void)sqlite_run(connection, SQL_ROLLBACK, NULL);
    return -1;
}

static int get(void *state, const struct database_key *key, struct buf *value, uint64_t *revision,
               struct error *err)
{
    struct sqlite_connection *connection = take_reader(state);
    sqlite3_stmt *statement = connection->statements[SQL_GET];
    int result = -1,
        step = sqlite_bind_key(statement, key) ? sqlite3_step(statement) : SQLITE_ERROR;
    if (step == SQLITE_ROW) {
        result = buf_append(value, sqlite_bytes(statement, 0), err);
        *revision = (uint64_t)sqlite3_column_int64(statement, 1);
    } else if (step == SQLITE_DONE) {
        (void)error_set(err, ERROR_NOT_FOUND, "there is no %s \"%s\"", key->kind, key->name);
    } else {
        (void)sqlite_error(connection, err);
    }
    sqlite_end(statement);
    give_back(connection);
    return result;
}

/* A number that no record had before, so that a revision stands for one content only. */
static int next_revision(struct sqlite_connection *connection, uint64_t *out, struct error *err)
{
    sqlite3_stmt *statement = connection->statements[SQL_NEXT_REVISION];
    int result = -1;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        *out = (uint64_t)sqlite3_column_int64(statement, 0);
        result = sqlite3_step(statement) == SQLITE_DONE ? 0 : sqlite_error(connection, err);
    } else {
        (void)sqlite_error(connection, err);
    }
    sqlite_end(statement);
    return result;
}

/* What a change that found another revision is told. */
static int other_revision(const struct database_key *key, struct error *err)
{
    return error_set(err, ERROR_REFUSED, "%s \"%s\" was changed meanwhile; read it again",
                     key->kind, key->name);
}

/* Ends a statement that changes one record; `bound`: its arguments are in place. */
static int change(struct sqlite_connection *connection, sqlite3_stmt *statement, bool bound,
                  const struct database_key *key, struct error *err)
{
    int result = -1;
    if (!bound || sqlite3_step(statement) != SQLITE_DONE)
        (void)sqlite_error(connection, err);
    else if (sqlite3_changes(connection->db) != 1)
        (void)other_revision(key, err);
    else
        result = 0;
    sqlite_end(statement);
    return result;
}

static int put_record(struct sqlite_connection *connection, const struct database_key *key,
                      struct span value, uint64_t *revision, struct error *err)
{
    uint64_t next = 0;
    if (next_revision(connection, &next, err) < 0)
        return -1;
    sqlite3_stmt *statement =
        connection->statements[*revision == DATABASE_ABSENT ? SQL_INSERT : SQL_UPDATE];
    bool bound = sqlite_bind_key(statement, key) && sqlite_bind_bytes(statement, 4, value) &&
                 sqlite_bind_number(statement, 5, next);
    if (*revision != DATABASE_ABSENT)
        bound = bound && sqlite_bind_number(statement, 6, *revision);
    if (change(connection, statement, bound, key, err) < 0)
        return -1;
    *revision = next;
    return 0;
}

static int put(void *state, const struct database_key *key, struct span value, uint64_t *revision,
               struct error *err)
{
    struct sqlite_connection *connection = take_writer(state);
    uint64_t next = *revision;
    int result = begin(connection, err);
    if (result == 0)
        result = end(connection, put_record(connection, key, value, &next, err), err);
    give_back(connection);
    if (result == 0)
        *revision = next;
    return result;
}

static int remove_record(void *state, const struct database_key *key, uint64_t revision,
                         struct error *err)
{
    struct sqlite_connection *connection = take_writer(state);
    int result = begin(connection, err);
    if (result == 0) {
        sqlite3_stmt *statement = connection->statements[SQL_REMOVE];
        bool bound = sqlite_bind_key(statement, key) && sqlite_bind_number(statement, 4, revision);
        result = end(connection, change(connection, statement, bound, key, err), err);
    }
    give_back(connection);
    return result;
}

/* Visits the names that a statement gives; `bound`: its arguments are in place. */
static int visit_names(struct sqlite_connection *connection, sqlite3_stmt *statement, bool bound,
                       database_visit_name *visit, void *context, struct error *err)
{
    int result = 0, step = SQLITE_ERROR;
    while (bound && result == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
        result = visit(context, (const char *)sqlite3_column_text(statement, 0), err);
    if (result == 0 && step != SQLITE_DONE)
        result = sqlite_error(connection, err);
    sqlite_end(statement);
    return result;
}

static int list(void *state, const char *tenant, const char *kind, const char *after, size_t count,
                database_visit_name *visit, void *context, struct error *err)
{
    struct sqlite_connection *connection = take_reader(state);
    sqlite3_stmt *statement = connection->statements[SQL_LIST];
    bool bound = sqlite_bind_name(statement, 1, tenant) && sqlite_bind_name(statement, 2, kind) &&
                 sqlite_bind_name(statement, 3, after) && sqlite_bind_number(statement, 4, count);
    int result = visit_names(connection, statement, bound, visit, context, err);
    give_back(connection);
    return result;
}

static int list_logs(void *state, const char *after, size_t count, database_visit_name *visit,
                     void *context, struct error *err)
{
    struct sqlite_connection *connection = take_reader(state);
    sqlite3_stmt *statement = connection->statements[SQL_LIST_LOGS];
    bool bound = sqlite_bind_name(statement, 1, after) && sqlite_bind_number(statement, 2, count);
    int result = visit_names(connection, statement, bound, visit, context, err);
    give_back(connection);
    return result;
}

/* The last entry of a tenant's log, its bytes in `bytes`. Number 0 where the log is empty. */
static int last_entry(struct sqlite_connection *connection, const char *tenant,
                      struct database_entry *entry, struct buf *bytes, struct error *err)
{
    *entry = (struct database_entry){0};
    sqlite3_stmt *statement = connection->statements[SQL_LAST_ENTRY];
    int step = sqlite_bind_name(statement, 1, tenant) ? sqlite3_step(statement) : SQLITE_ERROR;
    int result = step == SQLITE_DONE ? 0 : -1;
    if (step == SQLITE_ROW) {
        entry->number = (uint64_t)sqlite3_column_int64(statement, 0);
        result = buf_append(bytes, sqlite_bytes(statement, 1), err);
    } else if (step != SQLITE_DONE) {
        (void)sqlite_error(connection, err);
    }
    sqlite_end(statement);
    entry->bytes = buf_span(bytes);
    return result;
}

static int append_entry(struct sqlite_connection *connection, const struct database_draft *draft,
                        struct error *err)
{
    BUF_AUTO last_bytes = BUF_WITH_LIMIT(DATABASE_ENTRY_MAX);
    BUF_AUTO bytes = BUF_WITH_LIMIT(DATABASE_ENTRY_MAX);
    struct database_entry last;
    if (last_entry(connection, draft->tenant, &last, &last_bytes, err) < 0 ||
        draft->make(draft->context, &last, &bytes, err) < 0)
        return -1;
    sqlite3_stmt *statement = connection->statements[SQL_APPEND];
    bool bound = sqlite_bind_name(statement, 1, draft->tenant) &&
                 sqlite_bind_number(statement, 2, last.number + 1) &&
                 sqlite_bind_bytes(statement, 3, buf_span(&bytes));
    int result = bound && sqlite3_step(statement) == SQLITE_DONE ? 0
                                                                 : sqlite_error(connection, err);
    sqlite_end(statement);
    return result;
}

static int append(void *state, const struct database_draft *drafts, size_t count, struct error *err)
{
    struct sqlite_connection *connection = take_writer(state);
    int result = begin(connection, err), appended = result;
    for (size_t i = 0; i < count && appended == 0; i++)
        appended = append_entry(connection, &drafts[i], err);
    if (result == 0)
        result = end(connection, appended, err);
    give_back(connection);
    return result;
}

static int read_entries(void *state, const char *tenant, uint64_t first, size_t count,
                        database_visit_entry *visit, void *context, struct error *err)
{
    struct sqlite_connection *connection = take_reader(state);
    sqlite3_stmt *statement = connection->statements[SQL_READ];
    bool bound = sqlite_bind_name(statement, 1, tenant) &&
                 sqlite_bind_number(statement, 2, first) && sqlite_bind_number(statement, 3, count);
    int result = 0, step = SQLITE_ERROR;
    while (bound && result == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct database_entry entry = {(uint64_t)sqlite3_column_int64(statement, 0),
                                       sqlite_bytes(statement, 1)};
        result = visit(context, &entry, err);
    }
    if (result == 0 && step != SQLITE_DONE)
        result = sqlite_error(connection, err);
    sqlite_end(statement);
    give_back(connection);
    return result;
}

static int last_number(void *state, const char *tenant, uint64_t *number, struct error *err)
{
    struct sqlite_connection *connection = take_reader(state);
    struct database_entry last;
    BUF_AUTO bytes = BUF_WITH_LIMIT(DATABASE_ENTRY_MAX);
    int result = last_entry(connection, tenant, &last, &bytes, err);
    give_back(connection);
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
    struct sqlite_connection own = {.path = store->path};
    sqlite3_stmt *statement = NULL;
    int result = -1;
    if (sqlite3_open_v2(store->path, &own.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(own.db, "VACUUM INTO ?1", -1, &statement, NULL) != SQLITE_OK ||
        !sqlite_bind_name(statement, 1, path) || sqlite3_step(statement) != SQLITE_DONE)
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

/* The writer last: it folds the log of changes into the file. */
static void close_store(void *state)
{
    struct sqlite_store *store = state;
    for (unsigned i = 0; i < store->reader_count; i++)
        sqlite_connection_close(&store->readers[i]);
    sqlite_connection_close(&store->writer);
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

static int open_readers(struct sqlite_store *store, struct error *err)
{
    for (; store->reader_count < READERS; store->reader_count++) {
        struct sqlite_connection *reader = &store->readers[store->reader_count];
        if (sqlite_connection_open(reader, store->path, true, err) < 0) {
            sqlite_connection_close(reader);
            return -1;
        }
    }
    return 0;
}

static int open_store(struct sqlite_store *store, bool to_read, struct error *err)
{
    if (!to_read && take_file(store, err) < 0)
        return -1;
    if (sqlite_connection_open(&store->writer, store->path, to_read, err) < 0)
        return -1;
    return to_read ? 0 : open_readers(store, err);
}

void *database_sqlite_open(const char *path, bool to_read, struct error *err)
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    if (!store) {
        (void)error_memory(err);
        return NULL;
    }
    store->fd = -1;
    store->path = text_format("%s", path);
    if (!store->path)
        (void)error_memory(err);
    else if (open_store(store, to_read, err) == 0)
        return store;
    close_store(store);
    return NULL;
}
