#include "service/database.h"

#include <stdlib.h>

#include "base/text.h"
#include "service/database_backend.h"

static struct database *open_sqlite(const char *path, bool to_read, struct error *err)
{
    struct database *store = calloc(1, sizeof *store);
    if (!store) {
        (void)error_memory(err);
        return NULL;
    }
    store->backend = &database_sqlite;
    store->state = database_sqlite_open(path, to_read, err);
    if (!store->state) {
        free(store);
        return NULL;
    }
    return store;
}

struct database *database_open(const char *path, struct error *err)
{
    return open_sqlite(path, false, err);
}

struct database *database_open_to_read(const char *path, struct error *err)
{
    return open_sqlite(path, true, err);
}

void database_close(struct database *store)
{
    if (!store)
        return;
    store->backend->close(store->state);
    free(store);
}

void database_cleanup(struct database **store)
{
    database_close(*store);
}

static int check_name(const char *what, const char *name, struct error *err)
{
    size_t len = strlen(name);
    if (len == 0)
        return error_set(err, ERROR_INVALID, "the %s is empty", what);
    if (len > DATABASE_NAME_MAX)
        return error_set(err, ERROR_LIMIT, "the %s has %zu bytes; at most %d are kept", what, len,
                         DATABASE_NAME_MAX);
    if (!text_is_utf8(span_of(name, len)))
        return error_set(err, ERROR_INVALID, "the %s is not UTF-8", what);
    for (const char *at = name; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return error_set(err, ERROR_INVALID, "the %s \"%s\" holds a control character", what,
                             name);
    }
    return 0;
}

static int check_key(const struct database_key *key, struct error *err)
{
    if (check_name("tenant", key->tenant, err) < 0 || check_name("kind", key->kind, err) < 0)
        return -1;
    return check_name("name", key->name, err);
}

static int check_page(size_t count, struct error *err)
{
    if (count > DATABASE_PAGE_MAX)
        return error_set(err, ERROR_LIMIT, "%zu were asked for; at most %d come at a time", count,
                         DATABASE_PAGE_MAX);
    return 0;
}

int database_get(struct database *store, const struct database_key *key, struct buf *value,
                 uint64_t *revision, struct error *err)
{
    *revision = DATABASE_ABSENT;
    if (check_key(key, err) < 0)
        return -1;
    return store->backend->get(store->state, key, value, revision, err);
}

int database_put(struct database *store, const struct database_key *key, struct span value,
                 uint64_t *revision, struct error *err)
{
    if (check_key(key, err) < 0)
        return -1;
    if (value.size > DATABASE_VALUE_MAX)
        return error_set(err, ERROR_LIMIT, "%s \"%s\" has %zu bytes; at most %zu are kept",
                         key->kind, key->name, value.size, DATABASE_VALUE_MAX);
    return store->backend->put(store->state, key, value, revision, err);
}

int database_remove(struct database *store, const struct database_key *key, uint64_t revision,
                    struct error *err)
{
    if (check_key(key, err) < 0)
        return -1;
    return store->backend->remove(store->state, key, revision, err);
}

int database_list(struct database *store, const char *tenant, const char *kind, const char *after,
                  size_t count, database_visit_name *visit, void *context, struct error *err)
{
    if (check_name("tenant", tenant, err) < 0 || check_name("kind", kind, err) < 0 ||
        check_page(count, err) < 0)
        return -1;
    return store->backend->list(store->state, tenant, kind, after, count, visit, context, err);
}

int database_append(struct database *store, const struct database_draft *drafts, size_t count,
                    struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (check_name("tenant", drafts[i].tenant, err) < 0)
            return -1;
    }
    return store->backend->append(store->state, drafts, count, err);
}

int database_read(struct database *store, const char *tenant, uint64_t first, size_t count,
                  database_visit_entry *visit, void *context, struct error *err)
{
    if (check_name("tenant", tenant, err) < 0 || check_page(count, err) < 0)
        return -1;
    return store->backend->read(store->state, tenant, first, count, visit, context, err);
}

int database_last(struct database *store, const char *tenant, uint64_t *number, struct error *err)
{
    if (check_name("tenant", tenant, err) < 0)
        return -1;
    return store->backend->last(store->state, tenant, number, err);
}

int database_list_logs(struct database *store, const char *after, size_t count,
                       database_visit_name *visit, void *context, struct error *err)
{
    if (check_page(count, err) < 0)
        return -1;
    return store->backend->list_logs(store->state, after, count, visit, context, err);
}

int database_backup(struct database *store, const char *path, struct error *err)
{
    return store->backend->backup(store->state, path, err);
}
