/* What a back-end of the store offers; service/store.c checks what goes into it. */
#ifndef CAISSON_SERVICE_DATABASE_BACKEND_H
#define CAISSON_SERVICE_DATABASE_BACKEND_H

#include "service/database.h"

/* As the functions of service/database.h, with arguments that hold to its limits. Any number of
 * threads may call. */
struct database_backend {
    void (*close)(void *state);
    int (*get)(void *state, const struct database_key *key, struct buf *value, uint64_t *revision,
               struct error *err);
    int (*put)(void *state, const struct database_key *key, struct span value, uint64_t *revision,
               struct error *err);
    int (*remove)(void *state, const struct database_key *key, uint64_t revision,
                  struct error *err);
    int (*list)(void *state, const char *tenant, const char *kind, const char *after, size_t count,
                database_visit_name *visit, void *context, struct error *err);
    int (*append)(void *state, const struct database_draft *drafts, size_t count,
                  struct error *err);
    int (*read)(void *state, const char *tenant, uint64_t first, size_t count,
                database_visit_entry *visit, void *context, struct error *err);
    int (*last)(void *state, const char *tenant, uint64_t *number, struct error *err);
    int (*list_logs)(void *state, const char *after, size_t count, database_visit_name *visit,
                     void *context, struct error *err);
    int (*backup)(void *state, const char *path, struct error *err);
};

struct database {
    const struct database_backend *backend;
    void *state; /* the back-end's */
};

/* The back-end of a SQLite file: see database_open(). The result is the caller's, who calls close.
 */
extern const struct database_backend database_sqlite;
void *database_sqlite_open(const char *path, bool to_read, struct error *err);

#endif
