/*
 * What the service must not lose: records and a log that only grows, behind one interface. A
 * back-end is a table of functions (service/database_backend.h); SQLite is the one there is.
 *
 * A record is bytes under a tenant, a kind and a name. It has a revision, which each change makes
 * another: who writes says which one was read, so that two writers never lose each other's change.
 * What a function acknowledges is on the disk: neither kill -9 nor a power cut takes it back.
 *
 * A store serves any number of threads, and one process: a second one is refused.
 */
#ifndef CAISSON_SERVICE_DATABASE_H
#define CAISSON_SERVICE_DATABASE_H

#include "base/buf.h"

#define DATABASE_NAME_MAX  255 /* bytes of a tenant, a kind, a name; each at least one */
#define DATABASE_VALUE_MAX ((size_t)1 << 20)  /* bytes of a record */
#define DATABASE_ENTRY_MAX ((size_t)64 << 10) /* bytes of an entry of the log */
#define DATABASE_PAGE_MAX  1000               /* records or entries that one call gives */

struct database;

struct database_key {
    const char *tenant, *kind, *name; /* UTF-8 without control characters */
};

#define DATABASE_ABSENT 0 /* the revision of a record that is not there */

/* Opens the store in the SQLite file `path` and makes it, mode 0600, where there is none. NULL with
 * ERROR_REFUSED where another process has it open, or the file is no store of this version. */
struct database *database_open(const char *path, struct error *err);

/* As database_open(), of one that is there, only to read: beside the process that has it open, too.
 */
struct database *database_open_to_read(const char *path, struct error *err);

/* Closes it; NULL is nothing. */
void database_close(struct database *store);
#define DATABASE_AUTO __attribute__((cleanup(database_cleanup))) struct database *
void database_cleanup(struct database **store);

/* Appends the record's bytes to `value` and sets its revision. ERROR_NOT_FOUND, and
 * DATABASE_ABSENT, where it is not there. */
int database_get(struct database *store, const struct database_key *key, struct buf *value,
                 uint64_t *revision, struct error *err);

/* Writes the record where its revision is `*revision`, which becomes the new one. ERROR_REFUSED
 * where it is another: nothing is changed then. */
int database_put(struct database *store, const struct database_key *key, struct span value,
                 uint64_t *revision, struct error *err);

/* Removes the record where its revision is `revision`; else as database_put(). */
int database_remove(struct database *store, const struct database_key *key, uint64_t revision,
                    struct error *err);

/* Called with each name, in the order of its bytes; a result other than 0 ends the listing. */
typedef int database_visit_name(void *context, const char *name, struct error *err);

/* Visits up to `count` (at most DATABASE_PAGE_MAX) names of a kind that follow `after` ("" for the
 * first). It must not call the store. */
int database_list(struct database *store, const char *tenant, const char *kind, const char *after,
                  size_t count, database_visit_name *visit, void *context, struct error *err);

/* An entry of a tenant's log. Numbers begin with 1 and have no gaps. */
struct database_entry {
    uint64_t number;
    struct span bytes;
};

/* Given the tenant's last entry (number 0 where there is none), makes the bytes of the next. */
typedef int database_make_entry(void *context, const struct database_entry *last, struct buf *out,
                                struct error *err);

/* An entry to be. */
struct database_draft {
    const char *tenant;
    database_make_entry *make; /* must not call the store */
    void *context;
};

/* Appends entries to their tenants' logs, all or none. */
int database_append(struct database *store, const struct database_draft *drafts, size_t count,
                    struct error *err);

typedef int database_visit_entry(void *context, const struct database_entry *entry,
                                 struct error *err);

/* Visits up to `count` (at most DATABASE_PAGE_MAX) entries of a tenant from number `first` on, in
 * their order. It must not call the store. */
int database_read(struct database *store, const char *tenant, uint64_t first, size_t count,
                  database_visit_entry *visit, void *context, struct error *err);

/* The number of a tenant's last entry; 0 where there is none. */
int database_last(struct database *store, const char *tenant, uint64_t *number, struct error *err);

/* Visits up to `count` (at most DATABASE_PAGE_MAX) tenants that have a log and follow `after` (""
 * for the first). It must not call the store. */
int database_list_logs(struct database *store, const char *after, size_t count,
                       database_visit_name *visit, void *context, struct error *err);

/* Writes a copy of the store as it is now to `path`, which must not exist. Others may go on. */
int database_backup(struct database *store, const char *path, struct error *err);

#endif
