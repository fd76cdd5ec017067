/*
 * The keys of a tenant, in the store. A key is a name with versions, the newest last:
 *
 *     kind "key",         name NAME:          JSON {"versions":["<hex>",…],"deleted":0}
 *     kind "key-version", name NAME/VERSION:  service/key_version.h
 *
 * Both are sealed by the vault for their place, so that nobody without the master key reads a key,
 * or changes a rule. A version is written before the key names it: one that a crash left without a
 * name is reachable by nobody, and goes with the key's purge.
 *
 * A deleted key releases nothing; it comes back by recover, and is gone after purge.
 */
#ifndef CAISSON_SERVICE_KEY_STORE_H
#define CAISSON_SERVICE_KEY_STORE_H

#include "service/database.h"
#include "service/key_version.h"
#include "service/vault.h"

#define KEY_VERSIONS_MAX 256 /* of a key */

/* Whose keys: borrowed. */
struct key_store {
    struct database *database;
    const struct vault *vault;
    const char *tenant;
};

/* What a name stands for. */
struct key_index {
    char versions[KEY_VERSIONS_MAX][KEY_VERSION_LEN + 1]; /* from the oldest to the newest */
    size_t count;
    int64_t deleted;   /* seconds since 1970; 0: it is not */
    bool purged;       /* what is left of it is going */
    uint64_t revision; /* of its record; DATABASE_ABSENT: there is none */
};

/* Reads what a name stands for, deleted or not. ERROR_NOT_FOUND. */
int key_store_find(const struct key_store *store, const char *name, struct key_index *out,
                   struct error *err);

/* Reads a version (NULL: the newest) of a key that is not deleted into what key_version_init()
 * prepared. ERROR_NOT_FOUND. */
int key_store_read(const struct key_store *store, const char *name, const char *version,
                   struct key_version *out, struct error *err);

/* As above by an index that was read; deleted keys too. */
int key_store_read_version(const struct key_store *store, const char *name, const char *version,
                           struct key_version *out, struct error *err);

/* Adds a version, the newest from now on. ERROR_REFUSED where the name is of a deleted key,
 * ERROR_LIMIT. */
int key_store_add(const struct key_store *store, struct key_version *key, struct error *err);

/* Writes a version that was read and changed; ERROR_REFUSED where somebody else did meanwhile. */
int key_store_write(const struct key_store *store, struct key_version *key, struct error *err);

/* ERROR_NOT_FOUND for a key that is not there, or not deleted where it has to be. */
int key_store_delete(const struct key_store *store, const char *name, int64_t now,
                     struct error *err);
int key_store_recover(const struct key_store *store, const char *name, struct error *err);
int key_store_purge(const struct key_store *store, const char *name, struct error *err);

/* Up to `count` (at most DATABASE_PAGE_MAX) names that follow `after`, deleted or not. */
int key_store_list(const struct key_store *store, const char *after, size_t count,
                   database_visit_name *visit, void *context, struct error *err);

#endif
