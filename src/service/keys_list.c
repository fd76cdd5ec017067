/* Azure Key Vault's interface: keys as administrators see them, one by one and in lists. */
#include <stdlib.h>

#include "base/text.h"
#include "service/key_answer.h"
#include "service/keys_parts.h"

#define PAGE_MAX 25 /* items of a list's page, as Azure Key Vault has it */

static struct key_index *new_index(struct error *err)
{
    struct key_index *index = calloc(1, sizeof *index);
    if (!index)
        (void)error_memory(err);
    return index;
}

/* --- one -------------------------------------------------------------------------------------- */

typedef json_t *write_key(const char *issuer, const struct key_version *key);

/* Takes `object`; adds what is said of a deleted key. */
static json_t *finish(json_t *object, const char *issuer, const char *name,
                      const struct key_index *index, struct error *err)
{
    if (object && (index->deleted == 0 || key_add_deletion(object, issuer, name, index->deleted)))
        return object;
    json_decref(object);
    (void)error_memory(err);
    return NULL;
}

/* The newest version in the JSON of `write`, deleted keys with what is said of them. NULL with the
 * error. */
static json_t *newest(const struct call *call, const char *name, const struct key_index *index,
                      write_key *write, struct error *err)
{
    const char *issuer = call->tenant->issuer;
    struct key_store store = keys_of(call);
    KEY_VERSION_AUTO key;
    key_version_init(&key);
    if (key_store_read_version(&store, name, index->versions[index->count - 1], &key, err) < 0)
        return NULL;
    return finish(write(issuer, &key), issuer, name, index, err);
}

static void show(const struct call *call, const char *name, bool only_deleted,
                 struct server_answer *answer)
{
    struct error err = {0};
    struct key_store store = keys_of(call);
    struct key_index *index = new_index(&err);
    json_t *object = NULL;
    if (index && key_store_find(&store, name, index, &err) == 0) {
        if (only_deleted && index->deleted == 0)
            (void)error_set(&err, ERROR_NOT_FOUND, "the key \"%s\" is not deleted", name);
        else
            object = newest(call, name, index, key_to_json, &err);
    }
    free(index);
    if (object)
        keys_answer(answer, object);
    else
        keys_answer_error(answer, &err);
}

void keys_show(const struct call *call, const char *name, struct server_answer *answer)
{
    show(call, name, false, answer);
}

static void show_version(const struct call *call, const struct key_path *path,
                         struct server_answer *answer)
{
    struct error err = {0};
    struct key_store store = keys_of(call);
    KEY_VERSION_AUTO key;
    key_version_init(&key);
    if (key_store_read(&store, path->name, key_path_version(path), &key, &err) < 0)
        keys_answer_error(answer, &err);
    else
        keys_answer(answer, key_to_json(call->tenant->issuer, &key));
}

/* --- pages ------------------------------------------------------------------------------------ */

/* What a list's query says: up to `count` items behind `after`. */
struct page {
    struct buf after;
    uint64_t count;
};

static int read_page(const struct call *call, struct page *out, struct error *err)
{
    struct error own = {0};
    struct span query = call->request->http->query;
    BUF_AUTO count = BUF_WITH_LIMIT(32);
    *out = (struct page){.after = BUF_WITH_LIMIT(KEY_NAME_MAX), .count = PAGE_MAX};
    if (http_query_find(query, "$skiptoken", &out->after, &own) < 0 && own.code != ERROR_NOT_FOUND)
        return error_set(err, own.code, "%s", own.text);
    if (http_query_find(query, "maxresults", &count, &own) < 0)
        return own.code == ERROR_NOT_FOUND ? 0 : error_set(err, own.code, "%s", own.text);
    if (!text_to_u64(buf_text(&count), PAGE_MAX, &out->count) || out->count == 0)
        return error_set(err, ERROR_INVALID, "maxresults is \"%s\"; 1 to %d are taken",
                         buf_text(&count), PAGE_MAX);
    return 0;
}

/* {"value":[…],"nextLink":…}; `last` is what the page ended with, NULL where nothing follows. Takes
 * `items`. */
static void answer_page(const struct call *call, json_t *items, const char *last, uint64_t count,
                        struct server_answer *answer)
{
    TEXT_AUTO link = last ? text_format("%s%s?api-version=7.4&%%24skiptoken=%s&maxresults=%llu",
                                        call->tenant->issuer, call->request->path, last,
                                        (unsigned long long)count)
                          : NULL;
    bool good = items && (link || !last);
    json_t *value = good ? json_pack("{s:O, s:s?}", "value", items, "nextLink", link) : NULL;
    json_decref(items);
    keys_answer(answer, value);
}

/* --- names ------------------------------------------------------------------------------------ */

struct names {
    char at[PAGE_MAX + 1][KEY_NAME_MAX + 1];
    size_t count;
};

static int keep_name(void *context, const char *name, struct error *err)
{
    struct names *names = context;
    (void)err;
    (void)text_copy(names->at[names->count++], KEY_NAME_MAX + 1, name);
    return 0;
}

/* Adds a key to a list where it is one of those that are asked for. */
static int add_name(const struct call *call, const char *name, bool deleted, json_t *items,
                    struct error *err)
{
    struct error own = {0};
    struct key_store store = keys_of(call);
    struct key_index *index = new_index(&own);
    json_t *item = NULL;
    bool wanted = index && key_store_find(&store, name, index, &own) == 0 &&
                  (index->deleted != 0) == deleted;
    if (wanted)
        item = newest(call, name, index, key_item_to_json, &own);
    free(index);
    if (own.code != ERROR_NONE && own.code != ERROR_NOT_FOUND) /* it may be gone meanwhile */
        return error_set(err, own.code, "%s", own.text);
    return item && json_array_append_new(items, item) < 0 ? error_memory(err) : 0;
}

static void list_names(const struct call *call, bool deleted, struct server_answer *answer)
{
    struct error err = {0};
    struct page page = {0};
    struct key_store store = keys_of(call);
    struct names *names = calloc(1, sizeof *names);
    json_t *items = json_array();
    int result = names && items ? read_page(call, &page, &err) : error_memory(&err);
    if (result == 0)
        result = key_store_list(&store, buf_text(&page.after), page.count + 1, keep_name, names,
                                &err);
    for (size_t i = 0; result == 0 && i < names->count && i < page.count; i++)
        result = add_name(call, names->at[i], deleted, items, &err);
    if (result == 0) {
        answer_page(call, items, names->count > page.count ? names->at[page.count - 1] : NULL,
                    page.count, answer);
    } else {
        keys_answer_error(answer, &err);
        json_decref(items);
    }
    buf_fini(&page.after);
    free(names);
}

/* --- versions --------------------------------------------------------------------------------- */

static int add_versions(const struct call *call, const char *name, const struct key_index *index,
                        size_t from, size_t to, json_t *items, struct error *err)
{
    struct key_store store = keys_of(call);
    for (size_t i = from; i < to; i++) {
        KEY_VERSION_AUTO key;
        key_version_init(&key);
        if (key_store_read_version(&store, name, index->versions[i], &key, err) < 0)
            return -1;
        if (json_array_append_new(items, key_item_to_json(call->tenant->issuer, &key)) < 0)
            return error_memory(err);
    }
    return 0;
}

/* The place behind a version; the first where it is "". */
static size_t place_after(const struct key_index *index, const char *version)
{
    for (size_t i = 0; i < index->count; i++) {
        if (strcmp(index->versions[i], version) == 0)
            return i + 1;
    }
    return 0;
}

static int find_live(const struct call *call, const char *name, struct key_index *index,
                     struct error *err)
{
    struct key_store store = keys_of(call);
    if (key_store_find(&store, name, index, err) < 0)
        return -1;
    return index->deleted == 0 ? 0
                               : error_set(err, ERROR_NOT_FOUND, "the key \"%s\" is deleted", name);
}

static void list_versions(const struct call *call, const char *name, struct server_answer *answer)
{
    struct error err = {0};
    struct page page = {0};
    struct key_index *index = new_index(&err);
    json_t *items = json_array();
    size_t from = 0, to = 0;
    int result = index && items ? read_page(call, &page, &err) : -1;
    if (result == 0)
        result = find_live(call, name, index, &err);
    if (result == 0) {
        from = place_after(index, buf_text(&page.after));
        to = index->count - from > page.count ? from + page.count : index->count;
        result = add_versions(call, name, index, from, to, items, &err);
    }
    if (result == 0) {
        answer_page(call, items, to < index->count ? index->versions[to - 1] : NULL, page.count,
                    answer);
    } else {
        keys_answer_error(answer, &err);
        json_decref(items);
    }
    buf_fini(&page.after);
    free(index);
}

/* --- routes ----------------------------------------------------------------------------------- */

void keys_list(const struct call *call, struct server_answer *answer)
{
    if (keys_check_api_version(call, answer) && service_check_administrator(call, answer))
        list_names(call, false, answer);
}

void deleted_keys_list(const struct call *call, struct server_answer *answer)
{
    if (keys_check_api_version(call, answer) && service_check_administrator(call, answer))
        list_names(call, true, answer);
}

void keys_get(const struct call *call, struct server_answer *answer)
{
    struct key_path path;
    if (!keys_check_api_version(call, answer) || !key_path_read(call, &path, answer))
        return;
    bool of_versions = strcmp(path.verb, "versions") == 0;
    if (!keys_begin(call, of_versions ? "versions" : "", !of_versions, &path, answer))
        return;
    if (of_versions)
        list_versions(call, path.name, answer);
    else
        show_version(call, &path, answer);
}

void deleted_keys_get(const struct call *call, struct server_answer *answer)
{
    struct key_path path;
    if (keys_begin(call, "", false, &path, answer))
        show(call, path.name, true, answer);
}
