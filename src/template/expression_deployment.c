/* Functions of the template and its deployment: what the caller can tell is told; what only a
 * deployment knows is refused by name. */
#include <strings.h>

#include "template/expression_parts.h"

#define ANY EXPRESSION_ARGUMENTS_MAX

static json_t *run_parameters(const struct call *call, struct error *err)
{
    const char *name;
    if (call_text(call, 0, &name, err) < 0)
        return NULL;
    return call->scope->parameter(call->scope->context, name, err);
}

static json_t *run_variables(const struct call *call, struct error *err)
{
    const char *name;
    if (call_text(call, 0, &name, err) < 0)
        return NULL;
    return call->scope->variable(call->scope->context, name, err);
}

/* copyIndex(), copyIndex(offset), copyIndex(name), copyIndex(name, offset). */
static json_t *run_copy_index(const struct call *call, struct error *err)
{
    bool named = call->count > 0 && json_is_string(call->items[0]);
    const struct expression_loop *loop = call->scope->loops;
    json_int_t offset = 0;
    json_int_t index;
    if (call->count > named && call_number(call, named, &offset, err) < 0)
        return NULL;
    while (loop && named && strcasecmp(loop->name, json_string_value(call->items[0])) != 0)
        loop = loop->outer;
    if (!loop || call->count > (named ? 2U : 1U))
        return NOTHING(
            error_set(err, ERROR_INVALID, "copyIndex(): no such copy loop is under way"));
    if (__builtin_add_overflow(loop->index, offset, &index))
        return NOTHING(error_set(err, ERROR_INVALID, "copyIndex(): no such number"));
    return call_make(call, json_integer(index), err);
}

/* What is not known is left out: asking for it is then an error that says how to tell it. */
static json_t *run_resource_group(const struct call *call, struct error *err)
{
    const struct expression_facts *facts = &call->scope->facts;
    json_t *out = call_make(call, json_object(), err);
    int status = out ? 0 : -1;
    if (status == 0 && facts->location)
        status = json_object_set_new(out, "location", json_string(facts->location));
    if (status == 0 && facts->resource_group)
        status = json_object_set_new(out, "name", json_string(facts->resource_group));
    if (status == 0 && facts->resource_group && facts->subscription)
        status = json_object_set_new(out, "id",
                                     json_sprintf("/subscriptions/%s/resourceGroups/%s",
                                                  facts->subscription, facts->resource_group));
    return status == 0 ? out : NOTHING(error_memory(err));
}

static json_t *run_subscription(const struct call *call, struct error *err)
{
    const struct expression_facts *facts = &call->scope->facts;
    json_t *out = call_make(call, json_object(), err);
    int status = out ? 0 : -1;
    if (status == 0 && facts->subscription)
        status = json_object_set_new(out, "subscriptionId", json_string(facts->subscription));
    if (status == 0 && facts->subscription)
        status = json_object_set_new(out, "id",
                                     json_sprintf("/subscriptions/%s", facts->subscription));
    return status == 0 ? out : NOTHING(error_memory(err));
}

/* "Type/sub" and its names, one a part of the type behind the provider. */
static int append_resource(const struct call *call, size_t at, struct buf *out, struct error *err)
{
    const char *type, *name;
    if (call_text(call, at, &type, err) < 0)
        return -1;
    const char *part = strchr(type, '/');
    if (buf_printf(out, err, "/providers/%.*s", (int)(part - type), type) < 0)
        return -1;
    while (part) {
        const char *next = strchr(part + 1, '/');
        int len = (int)(next ? next - part : (ptrdiff_t)strlen(part));
        if (++at == call->count)
            return error_set(err, ERROR_INVALID, "resourceId(): a name is missing");
        if (call_text(call, at, &name, err) < 0 ||
            buf_printf(out, err, "%.*s/%s", len, part, name) < 0)
            return -1;
        part = next;
    }
    return at + 1 == call->count
               ? 0
               : error_set(err, ERROR_INVALID, "resourceId(): more names than its type has parts");
}

/* resourceId([subscription,] [group,] type, name…) */
static json_t *run_resource_id(const struct call *call, struct error *err)
{
    BUF_AUTO out = BUF_WITH_LIMIT(EXPRESSION_VALUE_MAX);
    const char *subscription = call->scope->facts.subscription;
    const char *group = call->scope->facts.resource_group;
    size_t at = 0;
    const char *text = NULL;
    for (; at < call->count; at++) {
        if (call_text(call, at, &text, err) < 0)
            return NULL;
        if (strchr(text, '/'))
            break;
    }
    if (at > 2 || at == call->count)
        return NOTHING(error_set(err, ERROR_INVALID, "resourceId(): no type, as Provider/type"));
    if (at > 0)
        group = json_string_value(call->items[at - 1]);
    if (at > 1)
        subscription = json_string_value(call->items[0]);
    if (!subscription || !group)
        return (void)error_set(err, ERROR_UNAVAILABLE,
                               "resourceId() depends on the deployment; --subscription and "
                               "--resource-group tell it"),
               NULL;
    if (buf_printf(&out, err, "/subscriptions/%s/resourceGroups/%s", subscription, group) < 0 ||
        append_resource(call, at, &out, err) < 0)
        return NULL;
    return call_make_text(call, buf_span(&out), err);
}

static json_t *run_unknowable(const struct call *call, struct error *err)
{
    (void)error_set(err, ERROR_UNAVAILABLE, "%s() is known to the deployment only", call->name);
    return NULL;
}

static json_t *run_random(const struct call *call, struct error *err)
{
    (void)error_set(err, ERROR_UNAVAILABLE,
                    "%s() is computed by the deployment; a policy needs the value: make it a "
                    "parameter",
                    call->name);
    return NULL;
}

const struct function expression_deployment_functions[] = {
    {"parameters", 1, 1, run_parameters},
    {"variables", 1, 1, run_variables},
    {"copyIndex", 0, 2, run_copy_index},
    {"resourceGroup", 0, 0, run_resource_group},
    {"subscription", 0, 0, run_subscription},
    {"resourceId", 2, ANY, run_resource_id},
    {"guid", 1, ANY, run_random},
    {"uniqueString", 1, ANY, run_random},
    {"newGuid", 0, 0, run_random},
    {"utcNow", 0, 1, run_random},
    {"reference", 1, ANY, run_unknowable},
    {"deployment", 0, 0, run_unknowable},
    {"environment", 0, 0, run_unknowable},
    {"tenant", 0, 0, run_unknowable},
    {"managementGroup", 0, 0, run_unknowable},
    {"listKeys", 1, ANY, run_unknowable},
    {"listSecrets", 1, ANY, run_unknowable},
    {"listCredentials", 1, ANY, run_unknowable},
    {"listAccountSas", 1, ANY, run_unknowable},
    {"listServiceSas", 1, ANY, run_unknowable},
    {"list", 1, ANY, run_unknowable},
    {"subscriptionResourceId", 2, ANY, run_unknowable},
    {"tenantResourceId", 2, ANY, run_unknowable},
    {"extensionResourceId", 3, ANY, run_unknowable},
    {"pickZones", 3, ANY, run_unknowable},
    {0},
};
