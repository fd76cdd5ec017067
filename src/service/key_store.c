#include "service/key_store.h"

#include <stdlib.h>

#include "base/text.h"

#define KEY     "key"
#define VERSION "key-version"
#define TRIES   8 /* against others that change a key at the same time */

static int missing(const char *name, struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "there is no key \"%s\"", name);
}

/* --- sealed records --------------------------------------------------------------------------- */

static int get(const struct key_store *store, const struct database_key *place, struct buf *plain,
               uint64_t *revision, struct error *err)
{
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (database_get(store->database, place, &sealed, revision, err) < 0)
        return -1;
    return vault_unseal(store->vault, place, buf_span(&sealed), plain, err);
}

static int put(const struct key_store *store, const struct database_key *place, struct span plain,
               uint64_t *revision, struct error *err)
{
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (vault_seal(store->vault, place, plain, &sealed, err) < 0)
        return -1;
    return database_put(store->database, place, buf_span(&sealed), revision, err);
}

/* --- the index -------------------------------------------------------------------------------- */

static int write_index(const struct key_store *store, const char *name, struct key_index *index,
                       struct error *err)
{
    struct database_key place = {store->tenant, KEY, name};
    BUF_AUTO text = BUF_WITH_LIMIT(DATABASE_VALUE_MAX / 2);
    json_t *versions = json_array();
    json_auto_t *document = json_pack("{s:o, s:I, s:b}", "versions", versions, "deleted",
                                      (json_int_t)index->deleted, "purged", index->purged);
    if (!document)
        return error_memory(err);
    for (size_t i = 0; i < index->count; i++) {
        if (json_array_append_new(versions, json_string(index->versions[i])) < 0)
            return error_memory(err);
    }
    if (json_append(document, &text, err) < 0)
        return -1;
    return put(store, &place, buf_span(&text), &index->revision, err);
}

static int read_index(struct span text, struct key_index *out, struct error *err)
{
    static const struct json_limits limits = {.size = DATABASE_VALUE_MAX, .depth = 2};
    json_t *versions;
    json_auto_t *document = json_parse_object(text, &limits, err);
    if (!document || json_get_array(document, "versions", &versions, err) < 0 ||
        json_get_i64(document, "deleted", &out->deleted, err) < 0 ||
        json_get_bool(document, "purged", &out->purged, err) < 0)
        return -1;
    if (json_array_size(versions) == 0 || json_array_size(versions) > KEY_VERSIONS_MAX)
        return error_set(err, ERROR_INVALID, "it has %zu versions", json_array_size(versions));
    for (size_t i = 0; i < json_array_size(versions); i++) {
        const char *version;
        if (json_text_at(versions, i, "versions", &version, err) < 0)
            return -1;
        if (!text_copy(out->versions[out->count++], KEY_VERSION_LEN + 1, version))
            return error_set(err, ERROR_INVALID, "it has a version \"%.40s\"", version);
    }
    return 0;
}

int key_store_find(const struct key_store *store, const char *name, struct key_index *out,
                   struct error *err)
{
    struct database_key place = {store->tenant, KEY, name};
    BUF_AUTO text = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    struct error own = {0};
    out->count = 0;
    out->revision = DATABASE_ABSENT;
    if (!key_name_is_good(name))
        return missing(name, err);
    if (get(store, &place, &text, &out->revision, &own) < 0)
        return own.code == ERROR_NOT_FOUND ? missing(name, err)
                                           : error_set(err, own.code, "%s", own.text);
    return read_index(buf_span(&text), out, err) < 0 ? error_context(err, "key \"%s\"", name) : 0;
}

/* As above, of one that is not deleted. */
static int find_live(const struct key_store *store, const char *name, struct key_index *out,
                     struct error *err)
{
    if (key_store_find(store, name, out, err) < 0)
        return -1;
    return out->deleted == 0 ? 0 : missing(name, err);
}

static int find_deleted(const struct key_store *store, const char *name, struct key_index *out,
                        struct error *err)
{
    if (key_store_find(store, name, out, err) < 0)
        return -1;
    return out->deleted != 0
               ? 0
               : error_set(err, ERROR_NOT_FOUND, "the key \"%s\" is not deleted", name);
}

/* An index is large for a stack. */
static void index_cleanup(struct key_index **index)
{
    free(*index);
}
#define INDEX_AUTO __attribute__((cleanup(index_cleanup))) struct key_index *

/* --- versions --------------------------------------------------------------------------------- */

int key_store_read_version(const struct key_store *store, const char *name, const char *version,
                           struct key_version *out, struct error *err)
{
    TEXT_AUTO full = text_format("%s/%s", name, version);
    struct database_key place = {store->tenant, VERSION, full};
    struct buf plain = BUF_WITH_LIMIT(KEY_VERSION_BYTES + KEY_DER_MAX);
    if (!full || !text_copy(out->name, sizeof out->name, name) ||
        !text_copy(out->version, sizeof out->version, version))
        return error_memory(err);
    int result = get(store, &place, &plain, &out->revision, err);
    if (result == 0)
        result = key_version_read(buf_span(&plain), out, err);
    buf_fini_secret(&plain);
    return result;
}

static bool has_version(const struct key_index *index, const char *version)
{
    for (size_t i = 0; i < index->count; i++) {
        if (strcmp(index->versions[i], version) == 0)
            return true;
    }
    return false;
}

int key_store_read(const struct key_store *store, const char *name, const char *version,
                   struct key_version *out, struct error *err)
{
    INDEX_AUTO index = calloc(1, sizeof *index);
    if (!index)
        return error_memory(err);
    if (find_live(store, name, index, err) < 0)
        return -1;
    if (!version)
        version = index->versions[index->count - 1];
    else if (!has_version(index, version))
        return error_set(err, ERROR_NOT_FOUND, "the key \"%s\" has no version \"%.40s\"", name,
                         version);
    return key_store_read_version(store, name, version, out, err);
}

int key_store_write(const struct key_store *store, struct key_version *key, struct error *err)
{
    TEXT_AUTO full = text_format("%s/%s", key->name, key->version);
    struct database_key place = {store->tenant, VERSION, full};
    struct buf plain = BUF_WITH_LIMIT(KEY_VERSION_BYTES + KEY_DER_MAX);
    if (!full)
        return error_memory(err);
    int result = key_version_write(key, &plain, err);
    if (result == 0)
        result = put(store, &place, buf_span(&plain), &key->revision, err);
    buf_fini_secret(&plain);
    return result;
}

/* --- changes of a key ------------------------------------------------------------------------- */

/* The index with one version more, under a name that may be new. */
static int extend(const struct key_store *store, const struct key_version *key,
                  struct key_index *index, struct error *err)
{
    struct error own = {0};
    *index = (struct key_index){0};
    if (key_store_find(store, key->name, index, &own) < 0 && own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    if (index->deleted != 0)
        return error_set(err, ERROR_REFUSED,
                         "the key \"%s\" is deleted: recover it, or purge it first", key->name);
    if (index->count == KEY_VERSIONS_MAX)
        return error_set(err, ERROR_LIMIT, "the key \"%s\" has %d versions, and takes no more",
                         key->name, KEY_VERSIONS_MAX);
    return text_copy(index->versions[index->count++], KEY_VERSION_LEN + 1, key->version)
               ? 0
               : error_memory(err);
}

/* Somebody else may add a version at the same time: then it is tried again. */
static int name_version(const struct key_store *store, const struct key_version *key,
                        struct error *err)
{
    INDEX_AUTO index = calloc(1, sizeof *index);
    if (!index)
        return error_memory(err);
    for (int i = 0; i < TRIES; i++) {
        struct error own = {0};
        if (extend(store, key, index, err) < 0)
            return -1;
        if (write_index(store, key->name, index, &own) == 0)
            return 0;
        (void)error_set(err, own.code, "%s", own.text);
        if (own.code != ERROR_REFUSED)
            return -1;
    }
    return -1;
}

int key_store_add(const struct key_store *store, struct key_version *key, struct error *err)
{
    if (!key_name_is_good(key->name))
        return error_set(err, ERROR_INVALID, "a key's name has 1 to %d letters, digits and dashes",
                         KEY_NAME_MAX);
    key->revision = DATABASE_ABSENT;
    if (key_store_write(store, key, err) < 0)
        return -1;
    if (name_version(store, key, err) == 0)
        return 0;
    TEXT_AUTO full = text_format("%s/%s", key->name, key->version);
    struct database_key place = {store->tenant, VERSION, full};
    if (full)
        (void)database_remove(store->database, &place, key->revision, NULL);
    return -1;
}

int key_store_delete(const struct key_store *store, const char *name, int64_t now,
                     struct error *err)
{
    INDEX_AUTO index = calloc(1, sizeof *index);
    if (!index)
        return error_memory(err);
    if (find_live(store, name, index, err) < 0)
        return -1;
    index->deleted = now;
    return write_index(store, name, index, err);
}

int key_store_recover(const struct key_store *store, const char *name, struct error *err)
{
    INDEX_AUTO index = calloc(1, sizeof *index);
    if (!index)
        return error_memory(err);
    if (find_deleted(store, name, index, err) < 0)
        return -1;
    if (index->purged)
        return error_set(err, ERROR_REFUSED, "the key \"%s\" is being purged: purge it again",
                         name);
    index->deleted = 0;
    return write_index(store, name, index, err);
}

/* --- purge ------------------------------------------------------------------------------------ */

/* The first record that follows, if it is a version of this key. */
struct search {
    const char *prefix;
    char *found;
};

static int visit_version(void *context, const char *name, struct error *err)
{
    struct search *search = context;
    if (!text_starts_with(name, search->prefix))
        return 0;
    search->found = text_format("%s", name);
    return search->found ? 0 : error_memory(err);
}

static int remove_record(const struct key_store *store, const struct database_key *place,
                         struct error *err)
{
    uint64_t revision;
    BUF_AUTO sealed = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    if (database_get(store->database, place, &sealed, &revision, err) < 0)
        return -1;
    return database_remove(store->database, place, revision, err);
}

/* All versions, those too that a crash left without a name. */
static int remove_versions(const struct key_store *store, const char *name, struct error *err)
{
    TEXT_AUTO prefix = text_format("%s/", name);
    if (!prefix)
        return error_memory(err);
    for (;;) {
        struct search search = {.prefix = prefix};
        if (database_list(store->database, store->tenant, VERSION, prefix, 1, visit_version,
                          &search, err) < 0)
            return -1;
        if (!search.found)
            return 0;
        struct database_key place = {store->tenant, VERSION, search.found};
        int result = remove_record(store, &place, err);
        free(search.found);
        if (result < 0)
            return -1;
    }
}

int key_store_purge(const struct key_store *store, const char *name, struct error *err)
{
    struct database_key place = {store->tenant, KEY, name};
    INDEX_AUTO index = calloc(1, sizeof *index);
    if (!index)
        return error_memory(err);
    if (find_deleted(store, name, index, err) < 0)
        return -1;
    index->purged = true;
    if (write_index(store, name, index, err) < 0 || remove_versions(store, name, err) < 0)
        return -1;
    return database_remove(store->database, &place, index->revision, err);
}

/* --- list ------------------------------------------------------------------------------------- */

int key_store_list(const struct key_store *store, const char *after, size_t count,
                   database_visit_name *visit, void *context, struct error *err)
{
    return database_list(store->database, store->tenant, KEY, after, count, visit, context, err);
}
