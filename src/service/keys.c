/* Azure Key Vault's interface: keys are made, shown, changed and deleted, by administrators. */
#include "base/base64.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "service/key_answer.h"
#include "service/key_make.h"
#include "service/keys_parts.h"

/* --- notes ------------------------------------------------------------------------------------ */

/* The rule by its hash, so that the log says which one held when. */
static int hash_rule(const struct key_rule *rule, struct buf *out, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    if (rule->text.size == 0)
        return 0;
    sha256_digest(buf_span(&rule->text), digest);
    return base64url_encode(span_of(digest, sizeof digest), out, err);
}

/* What was changed, or not: `err` is NULL where it was. */
static void note(const struct call *call, const char *event, const struct key_version *key,
                 const struct error *err, struct server_answer *answer)
{
    BUF_AUTO hash = BUF_WITH_LIMIT(64);
    TEXT_AUTO kid = key->version[0] ? key_id(call->tenant->issuer, key) : NULL;
    bool hashed = hash_rule(&key->rule, &hash, NULL) == 0;
    json_t *detail = json_pack("{s:s, s:s?, s:s, s:s?, s:s?}", "name", key->name, "key", kid,
                               "peer", call->request->peer, "reason", err ? err->text : NULL,
                               "release-policy", hash.size > 0 ? buf_text(&hash) : NULL);
    if (!hashed) {
        json_decref(detail);
        detail = NULL;
    }
    service_note(call, event, err == NULL, detail, answer);
}

/* Answers with the key, or with the error, and notes either. */
static void answer_change(const struct call *call, const char *event, int result,
                          const struct key_version *key, const struct error *err,
                          struct server_answer *answer)
{
    if (result < 0)
        keys_answer_error(answer, err);
    else
        keys_answer(answer, key_to_json(call->tenant->issuer, key));
    note(call, event, key, result < 0 ? err : NULL, answer);
}

/* --- create and import ------------------------------------------------------------------------ */

typedef int read_request(struct span body, struct key_request *out, struct error *err);

static int add(const struct call *call, read_request *read, struct key_version *key,
               struct error *err)
{
    struct key_store store = keys_of(call);
    KEY_REQUEST_AUTO request;
    key_request_init(&request);
    if (read(call->request->body, &request, err) < 0 || key_make(&request, call->now, key, err) < 0)
        return -1;
    return key_store_add(&store, key, err);
}

static void add_and_answer(const struct call *call, const char *event, const struct key_path *path,
                           read_request *read, struct server_answer *answer)
{
    struct error err = {0};
    KEY_VERSION_AUTO key;
    key_version_init(&key);
    memcpy(key.name, path->name, sizeof key.name);
    int result = add(call, read, &key, &err);
    answer_change(call, event, result, &key, &err, answer);
}

void keys_post(const struct call *call, struct server_answer *answer)
{
    struct key_path path;
    if (!keys_check_api_version(call, answer) || !key_path_read(call, &path, answer))
        return;
    if (strcmp(path.verb, "release") == 0)
        keys_release(call, &path, answer);
    else if (keys_begin(call, "create", false, &path, answer))
        add_and_answer(call, "key-create", &path, key_request_read_create, answer);
}

void keys_put(const struct call *call, struct server_answer *answer)
{
    struct key_path path;
    if (keys_begin(call, "", false, &path, answer))
        add_and_answer(call, "key-import", &path, key_request_read_import, answer);
}

/* --- change ----------------------------------------------------------------------------------- */

static int update(const struct call *call, const char *version, struct key_version *key,
                  struct error *err)
{
    struct key_store store = keys_of(call);
    KEY_REQUEST_AUTO request;
    key_request_init(&request);
    if (key_request_read_update(call->request->body, &request, err) < 0)
        return -1;
    TEXT_AUTO name = text_format("%s", key->name);
    if (!name)
        return error_memory(err);
    if (key_store_read(&store, name, version, key, err) < 0 ||
        key_change(&request.settings, call->now, key, err) < 0)
        return -1;
    return key_store_write(&store, key, err);
}

void keys_patch(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct key_path path;
    KEY_VERSION_AUTO key;
    key_version_init(&key);
    if (!keys_begin(call, "", true, &path, answer))
        return;
    memcpy(key.name, path.name, sizeof key.name);
    int result = update(call, key_path_version(&path), &key, &err);
    answer_change(call, "key-update", result, &key, &err, answer);
}

/* --- delete, recover, purge ------------------------------------------------------------------- */

/* Does one of the three by name, and notes it. */
static void change_name(const struct call *call, const char *event, const char *name, int result,
                        const struct error *err, struct server_answer *answer)
{
    KEY_VERSION_AUTO key;
    key_version_init(&key);
    (void)text_copy(key.name, sizeof key.name, name);
    if (result < 0)
        keys_answer_error(answer, err);
    else if (strcmp(event, "key-purge") == 0)
        answer->status = HTTP_NO_CONTENT;
    else
        keys_show(call, name, answer);
    note(call, event, &key, result < 0 ? err : NULL, answer);
}

void keys_delete(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct key_path path;
    struct key_store store = keys_of(call);
    if (!keys_begin(call, "", false, &path, answer))
        return;
    int result = key_store_delete(&store, path.name, call->now, &err);
    change_name(call, "key-delete", path.name, result, &err, answer);
}

void deleted_keys_delete(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct key_path path;
    struct key_store store = keys_of(call);
    if (!keys_begin(call, "", false, &path, answer))
        return;
    int result = key_store_purge(&store, path.name, &err);
    change_name(call, "key-purge", path.name, result, &err, answer);
}

void deleted_keys_post(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    struct key_path path;
    struct key_store store = keys_of(call);
    if (!keys_begin(call, "recover", false, &path, answer))
        return;
    int result = key_store_recover(&store, path.name, &err);
    change_name(call, "key-recover", path.name, result, &err, answer);
}
