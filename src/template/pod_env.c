/* A container's variables. */
#include "template/pod_read.h"

#include <stdlib.h>

#include "base/text.h"

struct env {
    const struct pod_reader *reader;
    const json_t *container;
    struct pod_container *out;
    struct pod_variable *items; /* room for POD_LIST_MAX */
};

static int check_name(const char *name, struct error *err)
{
    if (*name && !strchr(name, '='))
        return 0;
    return error_set(err, ERROR_INVALID, "\"%.64s\" is no name of a variable", name);
}

static struct pod_variable *find(const struct env *env, const char *name)
{
    for (size_t i = 0; i < env->out->env_count; i++) {
        if (strcmp(env->items[i].name, name) == 0)
            return &env->items[i];
    }
    return NULL;
}

static int add(struct env *env, const struct pod_variable *variable, struct error *err)
{
    if (env->out->env_count == POD_LIST_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d variables", POD_LIST_MAX);
    if (variable->value && strlen(variable->value) > POD_VALUE_MAX)
        return error_set(err, ERROR_LIMIT, "the value is longer than %d bytes", POD_VALUE_MAX);
    env->items[env->out->env_count++] = *variable;
    return 0;
}

/* The value of a key of a ConfigMap or Secret as text; NULL where object or key is absent. */
static int data_text(const struct env *env, struct pod_variable *variable, const json_t *object,
                     struct error *err)
{
    struct span bytes;
    variable->value = NULL;
    int found = object ? pod_data_value(env->reader, object, variable->key, &bytes, err) : 0;
    if (found <= 0)
        return found;
    char *text = pod_room(env->reader, bytes.size + 1, 1, err);
    if (!text)
        return -1;
    if (memchr(bytes.data, '\0', bytes.size) || !text_is_utf8(bytes))
        return error_set(err, ERROR_INVALID,
                         "%s: the value is not text without zero bytes, as a variable must be",
                         variable->key);
    memcpy(text, bytes.data, bytes.size);
    variable->value = text;
    return 0;
}

/* configMapKeyRef and secretKeyRef. */
static int read_key_ref(struct env *env, const json_t *reference, struct pod_variable *variable,
                        struct error *err)
{
    const char *kind = variable->source == POD_SECRET ? "Secret" : "ConfigMap";
    static const struct pod_field fields[] = {
        {"name", NULL}, {"key", NULL}, {"optional", NULL}, {0}};
    if (pod_check_fields(env->reader, reference, fields, err) < 0 ||
        pod_get_text(reference, "name", &variable->object, err) < 0 ||
        pod_get_text(reference, "key", &variable->key, err) < 0 ||
        json_find_bool(reference, "optional", &variable->optional, err) < 0 ||
        data_text(env, variable, pod_find_data(env->reader, kind, variable->object), err) < 0)
        return -1;
    if (variable->value || variable->optional || env->reader->reading == POD_CONFCOM)
        return 0;
    return error_set(err, ERROR_NOT_FOUND,
                     "no %s \"%.64s\" with key \"%.64s\" in the manifest: add the document to it",
                     kind, variable->object, variable->key);
}

static int read_field_ref(const struct env *env, const json_t *reference,
                          struct pod_variable *variable, struct error *err)
{
    static const struct pod_field fields[] = {{"fieldPath", NULL}, {"apiVersion", NULL}, {0}};
    if (pod_check_fields(env->reader, reference, fields, err) < 0 ||
        pod_get_text(reference, "fieldPath", &variable->key, err) < 0)
        return -1;
    return pod_field_value(env->reader, variable->key, &variable->value, err);
}

static int read_resource_ref(const struct env *env, const json_t *reference,
                             struct pod_variable *variable, struct error *err)
{
    static const struct pod_field fields[] = {
        {"resource", NULL}, {"containerName", NULL}, {"divisor", NULL}, {0}};
    if (pod_check_fields(env->reader, reference, fields, err) < 0 ||
        pod_get_text(reference, "resource", &variable->key, err) < 0 ||
        pod_find_text(reference, "containerName", &variable->object, err) < 0)
        return -1;
    return pod_resource_value(env->reader, reference, env->container, &variable->value, err);
}

static int read_value_from(struct env *env, const json_t *from, struct pod_variable *variable,
                           struct error *err)
{
    static const struct {
        const char *name;
        enum pod_source source;
    } kinds[] = {{"configMapKeyRef", POD_CONFIG_MAP},
                 {"secretKeyRef", POD_SECRET},
                 {"fieldRef", POD_FIELD},
                 {"resourceFieldRef", POD_RESOURCE}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        json_t *reference;
        if (json_find_object(from, kinds[i].name, &reference, err) < 0)
            return -1;
        if (!reference)
            continue;
        variable->source = kinds[i].source;
        if (json_object_size(from) > 1)
            return error_set(err, ERROR_INVALID, "valueFrom names more than one source");
        return kinds[i].source == POD_FIELD      ? read_field_ref(env, reference, variable, err)
               : kinds[i].source == POD_RESOURCE ? read_resource_ref(env, reference, variable, err)
                                                 : read_key_ref(env, reference, variable, err);
    }
    return error_set(err, ERROR_INVALID, "valueFrom is empty, or of a kind that is unknown");
}

static int read_variable(struct env *env, const json_t *object, struct pod_variable *variable,
                         struct error *err)
{
    static const struct pod_field fields[] = {
        {"name", NULL}, {"value", NULL}, {"valueFrom", NULL}, {0}};
    const struct pod_reader *reader = env->reader;
    json_t *from;
    *variable = (struct pod_variable){.object = "", .key = "", .value = ""};
    if (pod_check_fields(reader, object, fields, err) < 0 ||
        pod_get_text(object, "name", &variable->name, err) < 0)
        return -1;
    if (check_name(variable->name, err) < 0 ||
        json_find_object(object, "valueFrom", &from, err) < 0 ||
        pod_find_text(object, "value", &variable->value, err) < 0)
        return error_context(err, "%.64s", variable->name);
    if (from && *variable->value)
        return error_set(err, ERROR_INVALID, "%.64s: value and valueFrom", variable->name);
    int status = 0;
    if (from)
        status = read_value_from(env, from, variable, err);
    else if (reader->reading == POD_STRICT)
        status = pod_expand(reader, env->out, env->out->env_count, variable->value,
                            &variable->value, err);
    return status < 0 ? error_context(err, "%.64s", variable->name) : 0;
}

/* One that the manifest leaves out: an optional key that is absent, a limit that is not set. With
 * POD_STRICT the latter is the node's, and known only there. */
static bool is_left_out(const struct env *env, const struct pod_variable *variable)
{
    if (variable->value)
        return false;
    if (variable->source == POD_RESOURCE)
        return env->reader->reading == POD_CONFCOM;
    return env->reader->reading == POD_STRICT && variable->source != POD_FIELD;
}

/* A variable of `env` wins over one of envFrom; two of `env` are refused: the policy would have to
 * allow both. */
static int add_own(struct env *env, const struct pod_variable *variable, size_t inherited,
                   struct error *err)
{
    struct pod_variable *old = env->reader->reading == POD_STRICT ? find(env, variable->name)
                                                                  : NULL;
    if (!old)
        return add(env, variable, err);
    if ((size_t)(old - env->items) >= inherited)
        return error_set(err, ERROR_INVALID, "variable \"%.64s\" is set twice", variable->name);
    *old = *variable;
    return 0;
}

static int add_from(struct env *env, const json_t *object, const char *prefix,
                    enum pod_source source, const char *name, struct error *err)
{
    struct policy_list keys;
    if (pod_data_keys(env->reader, object, &keys, err) < 0)
        return -1;
    for (size_t i = 0; i < keys.count; i++) {
        struct pod_variable variable = {.source = source, .object = name, .key = keys.items[i]};
        variable.name = pod_format(env->reader, err, "%s%s", prefix, keys.items[i]);
        if (!variable.name || check_name(variable.name, err) < 0 ||
            data_text(env, &variable, object, err) < 0)
            return -1;
        struct pod_variable *old = find(env, variable.name);
        if (old)
            *old = variable;
        else if (add(env, &variable, err) < 0)
            return -1;
    }
    return 0;
}

static int read_from(struct env *env, const json_t *object, struct error *err)
{
    static const struct pod_field fields[] = {
        {"prefix", NULL}, {"configMapRef", NULL}, {"secretRef", NULL}, {0}};
    const char *prefix, *name;
    json_t *map, *secret;
    bool optional = false;
    if (pod_check_fields(env->reader, object, fields, err) < 0 ||
        pod_find_text(object, "prefix", &prefix, err) < 0 ||
        json_find_object(object, "configMapRef", &map, err) < 0 ||
        json_find_object(object, "secretRef", &secret, err) < 0)
        return -1;
    if (!map == !secret)
        return error_set(err, ERROR_INVALID, "name either configMapRef or secretRef");
    const json_t *reference = map ? map : secret;
    const char *kind = map ? "ConfigMap" : "Secret";
    if (pod_get_text(reference, "name", &name, err) < 0 ||
        json_find_bool(reference, "optional", &optional, err) < 0)
        return -1;
    const json_t *data = pod_find_data(env->reader, kind, name);
    if (!data)
        return optional ? 0
                        : error_set(err, ERROR_NOT_FOUND,
                                    "no %s \"%.64s\" in the manifest: add the document to it", kind,
                                    name);
    return add_from(env, data, prefix, map ? POD_CONFIG_MAP : POD_SECRET, name, err);
}

static int read_env_from(struct env *env, struct error *err)
{
    json_t *array;
    size_t count;
    if (pod_find_list(env->container, "envFrom", &array, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        json_t *object;
        if (pod_object_at(array, i, &object, err) < 0 || read_from(env, object, err) < 0)
            return error_context(err, "envFrom");
    }
    return 0;
}

int pod_read_env(const struct pod_reader *reader, const json_t *container,
                 struct pod_container *out, struct error *err)
{
    struct env env = {.reader = reader, .container = container, .out = out};
    json_t *array;
    size_t count;
    env.items = pod_room(reader, POD_LIST_MAX, sizeof *env.items, err);
    if (!env.items)
        return -1;
    out->env = env.items;
    if ((reader->reading == POD_STRICT && read_env_from(&env, err) < 0) ||
        pod_find_list(container, "env", &array, &count, err) < 0)
        return -1;
    size_t inherited = out->env_count;
    for (size_t i = 0; i < count; i++) {
        json_t *object;
        struct pod_variable variable;
        if (pod_object_at(array, i, &object, err) < 0 ||
            read_variable(&env, object, &variable, err) < 0 ||
            (!is_left_out(&env, &variable) && add_own(&env, &variable, inherited, err) < 0))
            return error_context(err, "env");
    }
    return 0;
}
