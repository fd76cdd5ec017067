/* Values of parameters and variables, and what a policy reads, with expressions evaluated. */
#include <strings.h>

#include "template/arm_parts.h"

static bool has_type(const json_t *value, const char *type)
{
    if (strcasecmp(type, "string") == 0 || strcasecmp(type, "securestring") == 0)
        return json_is_string(value);
    if (strcasecmp(type, "int") == 0)
        return json_is_integer(value);
    if (strcasecmp(type, "bool") == 0)
        return json_is_boolean(value);
    if (strcasecmp(type, "array") == 0)
        return json_is_array(value);
    return json_is_object(value); /* object, secureobject */
}

static bool is_allowed(json_t *declared, const json_t *value)
{
    json_t *allowed = arm_member(declared, "allowedValues");
    if (!json_is_array(allowed))
        return true;
    for (size_t i = 0; i < json_array_size(allowed); i++) {
        if (json_equal(json_array_get(allowed, i), value))
            return true;
    }
    return false;
}

/* No value stands in a message: parameters may be secret. */
static int check_parameter(const char *name, json_t *declared, json_t *value, struct error *err)
{
    static const char *const types[] = {"string", "securestring", "int",         "bool",
                                        "array",  "object",       "secureobject"};
    const char *type = json_string_value(arm_member(declared, "type"));
    bool known = false;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        known = known || strcasecmp(type, types[i]) == 0;
    if (!known)
        return error_set(err, ERROR_INVALID, "parameter \"%.64s\" has no type that is known", name);
    if (!json_is_null(value) && !has_type(value, type))
        return error_set(err, ERROR_INVALID, "parameter \"%.64s\" is %s, not of type %s", name,
                         json_kind(value), type);
    if (!is_allowed(declared, value))
        return error_set(err, ERROR_INVALID, "the value of parameter \"%.64s\" is not allowed",
                         name);
    return 0;
}

/* From the file as it stands, or the default, whose expressions are evaluated. */
static json_t *parameter_value(struct arm *arm, const char *name, json_t *declared,
                               struct error *err)
{
    json_t *given = arm_member(arm->given, name);
    json_t *fallback = arm_member(declared, "defaultValue");
    if (given && arm_member(given, "value"))
        return arm_member(given, "value");
    if (given)
        return (void)error_set(err, ERROR_UNAVAILABLE,
                               "the parameter file has no value for \"%.64s\"; one in a key vault "
                               "is known to the deployment only",
                               name),
               NULL;
    if (!fallback)
        return (void)error_set(err, ERROR_UNAVAILABLE,
                               "parameter \"%.64s\" has no value; give it by --parameters", name),
               NULL;
    return expression_evaluate_all(&arm->scope, fallback, err);
}

/* Each is evaluated once. */
static json_t *cached(struct arm *arm, json_t *cache, const char *name,
                      json_t *(*make)(struct arm *, const char *, struct error *),
                      struct error *err)
{
    json_t *value = json_object_get(cache, name);
    if (value)
        return value;
    value = make(arm, name, err);
    if (value && json_object_set(cache, name, value) < 0)
        return NOTHING(error_memory(err));
    return value;
}

static json_t *make_parameter(struct arm *arm, const char *name, struct error *err)
{
    json_t *declared = arm_member(arm->parameters, name);
    if (!json_is_object(declared))
        return NOTHING(
            error_set(err, ERROR_INVALID, "parameter \"%.64s\" is not in the template", name));
    json_t *value = parameter_value(arm, name, declared, err);
    return value && check_parameter(name, declared, value, err) == 0 ? value : NULL;
}

/* One that a copy loop makes stands under "copy" instead. */
static json_t *make_variable(struct arm *arm, const char *name, struct error *err)
{
    json_t *value = arm_member(arm->variables, name);
    json_t *loops = json_object_get(arm->variables, "copy");
    for (size_t i = 0; !value && i < json_array_size(loops); i++) {
        json_t *loop = json_array_get(loops, i);
        const char *own = json_string_value(json_object_get(loop, "name"));
        if (!own || strcasecmp(own, name) != 0)
            continue;
        json_t *only = expression_keep(&arm->scope, json_pack("{s:[O]}", "copy", loop), err);
        json_t *made = only ? expression_evaluate_all(&arm->scope, only, err) : NULL;
        return made ? json_object_get(made, own) : NULL;
    }
    if (!value)
        return NOTHING(
            error_set(err, ERROR_INVALID, "variable \"%.64s\" is not in the template", name));
    return expression_evaluate_all(&arm->scope, value, err);
}

static json_t *find_parameter(void *context, const char *name, struct error *err)
{
    struct arm *arm = context;
    return cached(arm, arm->parameter_values, name, make_parameter, err);
}

static json_t *find_variable(void *context, const char *name, struct error *err)
{
    struct arm *arm = context;
    return cached(arm, arm->variable_values, name, make_variable, err);
}

/* What a template_reader finds: texts inside what an expression made are final. */
static json_t *resolve(void *context, json_t *value, struct error *err)
{
    struct arm *arm = context;
    if (json_is_object(value))
        return expression_unroll(&arm->scope, value, err);
    if (!json_is_string(value))
        return value;
    json_t *made = expression_evaluate(&arm->scope, value, err);
    if (made && (json_is_array(made) || json_is_object(made)))
        return expression_protect(&arm->scope, made, err);
    return made;
}

int arm_evaluate_init(struct arm *arm, struct error *err)
{
    arm->scope = (struct expression_scope){
        .parameter = find_parameter,
        .variable = find_variable,
        .context = arm,
        .facts = arm->options->facts,
        .arena = {.limit = EXPRESSION_BYTES_MAX},
        .kept = template_keep(arm->reader.groups, json_array(), err),
    };
    arm->parameter_values = template_keep(arm->reader.groups, json_object(), err);
    arm->variable_values = template_keep(arm->reader.groups, json_object(), err);
    arm->reader.resolve = resolve;
    arm->reader.context = arm;
    return arm->scope.kept && arm->parameter_values && arm->variable_values ? 0 : -1;
}

void arm_evaluate_fini(struct arm *arm)
{
    arena_fini(&arm->scope.arena);
}
