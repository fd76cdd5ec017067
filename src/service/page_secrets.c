/* The keys and resources of a tenant as the page shows them: each with its rule, and whether claims
 * would release it. No secret of either is read. */
#include <stdlib.h>

#include "base/text.h"
#include "service/kbs_resources.h"
#include "service/key_answer.h"
#include "service/keys_parts.h"
#include "service/page_parts.h"

static int keep_name(void *context, const char *name, struct error *err)
{
    return json_array_append_new(context, json_string(name)) < 0 ? error_memory(err) : 0;
}

/* --- resources -------------------------------------------------------------------------------- */

static struct kbs_resources resources_of(const struct call *call)
{
    return (struct kbs_resources){call->service->store, call->service->vault, call->tenant->name};
}

/* Writes an item of the list; `context` is the caller's. NULL with the error. */
typedef json_t *write_item(const struct call *call, const char *name, const void *context,
                           struct error *err);

/* The first DATABASE_PAGE_MAX of the tenant's resources, each as `write` has it. */
static json_t *list_resources(const struct call *call, write_item *write, const void *context,
                              struct error *err)
{
    struct kbs_resources resources = resources_of(call);
    json_auto_t *names = json_array(), *list = json_array();
    if (!names || !list) {
        (void)error_memory(err);
        return NULL;
    }
    if (kbs_resource_list(&resources, "", keep_name, names, err) < 0)
        return NULL;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (json_array_append_new(list, write(call, name, context, err)) < 0)
            return NULL;
    }
    return json_incref(list);
}

struct token {
    const char *issuer;
    const json_t *claims;
};

static json_t *write_preview(const struct call *call, const char *name, const void *context,
                             struct error *err)
{
    const struct token *token = context;
    struct kbs_resources resources = resources_of(call);
    struct error why = {0};
    int checked = kbs_rule_check(&resources, name, token->issuer, token->claims, &why);
    json_t *item = json_pack("{s:s, s:b, s:s?}", "name", name, "released", checked == 0, "reason",
                             checked == 0 ? NULL : why.text);
    if (!item)
        (void)error_memory(err);
    return item;
}

json_t *page_preview_resources(const struct call *call, const char *issuer, const json_t *claims,
                               struct error *err)
{
    struct token token = {issuer, claims};
    return list_resources(call, write_preview, &token, err);
}

/* {"name", "rule": text, or null where there is none} */
static json_t *write_resource(const struct call *call, const char *name, const void *context,
                              struct error *err)
{
    struct kbs_resources resources = resources_of(call);
    BUF_AUTO rule = BUF_WITH_LIMIT(RELEASE_POLICY_SIZE_MAX);
    struct error own = {0};
    (void)context;
    if (kbs_rule_get(&resources, name, &rule, &own) < 0 && own.code != ERROR_NOT_FOUND) {
        (void)error_set(err, own.code, "%s", own.text);
        return NULL;
    }
    json_t *item = json_pack("{s:s, s:s?}", "name", name, "rule",
                             rule.size > 0 ? buf_text(&rule) : NULL);
    if (!item)
        (void)error_memory(err);
    return item;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* The newest version of a key that is not deleted. */
static int add_key(const struct call *call, const char *name, json_t *list, struct error *err)
{
    struct key_store store = keys_of(call);
    struct error own = {0};
    KEY_VERSION_AUTO key;
    key_version_init(&key);
    if (key_store_read(&store, name, NULL, &key, &own) < 0)
        return own.code == ERROR_NOT_FOUND ? 0 : error_set(err, own.code, "%s", own.text);
    json_t *item = key_to_json(call->tenant->issuer, &key);
    if (item && json_object_set_new(item, "name", json_string(name)) == 0)
        return json_array_append_new(list, item) < 0 ? error_memory(err) : 0;
    json_decref(item);
    return error_memory(err);
}

static json_t *list_keys(const struct call *call, struct error *err)
{
    struct key_store store = keys_of(call);
    json_auto_t *names = json_array(), *list = json_array();
    if (!names || !list) {
        (void)error_memory(err);
        return NULL;
    }
    if (key_store_list(&store, "", DATABASE_PAGE_MAX, keep_name, names, err) < 0)
        return NULL;
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (add_key(call, json_string_value(json_array_get(names, i)), list, err) < 0)
            return NULL;
    }
    return json_incref(list);
}

/* GET /api/secrets: {"keys": as Azure Key Vault shows each, with "name"; "resources": […]}. */
void page_secrets(const struct call *call, struct server_answer *answer)
{
    struct error err = {0};
    if (!service_check_administrator(call, answer))
        return;
    json_auto_t *keys = list_keys(call, &err);
    json_auto_t *resources = keys ? list_resources(call, write_resource, NULL, &err) : NULL;
    json_auto_t *value = resources ? json_pack("{s:O, s:O}", "keys", keys, "resources", resources)
                                   : NULL;
    if (value)
        answer_json(answer, HTTP_OK, value);
    else
        answer_error(answer, HTTP_SERVER_ERROR, NULL, err.code ? err.text : "out of memory");
}
