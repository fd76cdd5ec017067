#include "template/arm.h"

#include <strings.h>

#include "template/arm_parts.h"

static const struct json_limits limits = {TEMPLATE_SIZE_MAX, TEMPLATE_DEPTH_MAX};

static int read_parameters(struct arm *arm, struct span text, struct error *err)
{
    if (text.size == 0)
        return 0;
    json_t *document = json_parse_object(text, &limits, err);
    if (!document || !template_keep(arm->reader.groups, document, err))
        return -1;
    arm->given = arm_member(document, "parameters");
    if (!json_is_object(arm->given))
        return error_set(err, ERROR_INVALID, "\"parameters\": expected an object, found %s",
                         json_kind(arm->given));
    return arm_check_given(arm, err);
}

/* An object of the template, as it stands. */
static int find_part(json_t *document, const char *key, json_t **out, struct error *err)
{
    *out = arm_member(document, key);
    if (json_is_null(*out))
        *out = NULL;
    if (*out && !json_is_object(*out))
        return error_set(err, ERROR_INVALID, "\"%s\": expected an object, found %s", key,
                         json_kind(*out));
    return 0;
}

static bool is_group(json_t *resource)
{
    const char *type = json_string_value(arm_member(resource, "type"));
    return type && (strcasecmp(type, "Microsoft.ContainerInstance/containerGroups") == 0 ||
                    strcasecmp(type, "Microsoft.ContainerInstance/containerGroupProfiles") == 0);
}

/* The name is for messages: one that cannot be known is shown as it stands. */
static const char *name_of(const struct arm *arm, json_t *resource)
{
    const char *name;
    if (template_find_text(&arm->reader, resource, "name", &name, NULL) < 0)
        name = json_string_value(arm_member(resource, "name"));
    return name ? name : "";
}

static int read_resource(struct arm *arm, json_t *resource, size_t place, struct error *err)
{
    struct template_group *group = template_add_group(arm->reader.groups, err);
    if (!group)
        return -1;
    group->name = name_of(arm, resource);
    group->place = place;
    if (arm_read_group(arm, resource, group, err) < 0)
        return error_context(err, "container group \"%.64s\"", group->name);
    return 0;
}

/* A resource with a copy loop stands for several. */
static int read_loop(struct arm *arm, json_t *resource, json_t *loop, struct error *err)
{
    const char *name;
    json_t *count;
    struct expression_loop round = {.outer = arm->scope.loops};
    if (template_get_text(&arm->reader, loop, "name", &name, err) < 0 ||
        template_find(&arm->reader, loop, "count", &count, err) < 0)
        return error_context(err, "copy");
    if (!json_is_integer(count) || json_integer_value(count) < 0 ||
        json_integer_value(count) > EXPRESSION_LOOP_MAX)
        return error_set(err, ERROR_INVALID, "copy loop \"%.64s\": a count from 0 to %d", name,
                         EXPRESSION_LOOP_MAX);
    round.name = name;
    arm->scope.loops = &round;
    int status = 0;
    for (; status == 0 && round.index < json_integer_value(count); round.index++)
        status = read_resource(arm, resource, TEMPLATE_NO_PLACE, err);
    arm->scope.loops = round.outer;
    return status;
}

static int read_evaluated(struct arm *arm, json_t *resource, size_t place, struct error *err)
{
    json_t *loop = arm_member(resource, "copy");
    bool deployed = true;
    if (template_find_bool(&arm->reader, resource, "condition", &deployed, err) < 0)
        return -1;
    if (!deployed)
        return 0;
    return json_is_object(loop) ? read_loop(arm, resource, loop, err)
                                : read_resource(arm, resource, place, err);
}

static int read_one(struct arm *arm, json_t *resource, size_t place, struct error *err)
{
    if (!json_is_object(resource) || !is_group(resource))
        return 0;
    return arm->options->exact ? read_resource(arm, resource, place, err)
                               : read_evaluated(arm, resource, place, err);
}

/* A list, or, since language version 2.0, an object by symbolic name. */
static int read_resources(struct arm *arm, struct error *err)
{
    json_t *resources = arm_member(arm->document, "resources");
    size_t before = arm->reader.groups->count;
    size_t place = 0;
    const char *key;
    json_t *resource;
    if (!json_is_array(resources) && (arm->options->exact || !json_is_object(resources)))
        return error_set(err, ERROR_INVALID, "\"resources\": expected an array, found %s",
                         json_kind(resources));
    json_array_foreach (resources, place, resource) {
        if (read_one(arm, resource, place, err) < 0)
            return -1;
    }
    json_object_foreach (resources, key, resource) {
        if (read_one(arm, resource, place++, err) < 0)
            return -1;
    }
    if (arm->reader.groups->count == before)
        return error_set(err, ERROR_INVALID,
                         "no resource is of type Microsoft.ContainerInstance/containerGroups or "
                         "containerGroupProfiles, or none is deployed");
    return 0;
}

static int read_document(struct arm *arm, struct span parameters, struct error *err)
{
    if (find_part(arm->document, "parameters", &arm->parameters, err) < 0 ||
        find_part(arm->document, "variables", &arm->variables, err) < 0)
        return -1;
    if (read_parameters(arm, parameters, err) < 0)
        return error_context(err, "parameter file");
    return read_resources(arm, err);
}

int template_read_arm(struct span text, struct span parameters,
                      struct template_arm_options *options, struct template_groups *groups,
                      struct error *err)
{
    struct arm arm = {.reader = {.groups = groups}, .options = options};
    json_t *document = json_parse_object(text, &limits, err);
    if (!document || !template_keep(groups, document, err))
        return -1;
    arm.document = document;
    if (options->exact) {
        arm.reader.replace = arm_exact_text;
        arm.reader.context = &arm;
    } else if (arm_evaluate_init(&arm, err) < 0) {
        return -1;
    }
    int status = read_document(&arm, parameters, err);
    arm_evaluate_fini(&arm);
    return status;
}
