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

static int read_resource(struct arm *arm, json_t *resource, size_t place, struct error *err)
{
    struct template_group *group = template_add_group(arm->reader.groups, err);
    if (!group)
        return -1;
    const char *name = json_string_value(arm_member(resource, "name"));
    group->name = name ? name : "";
    group->place = place;
    if (arm_read_group(arm, resource, group, err) < 0)
        return error_context(err, "container group \"%.64s\"", group->name);
    return 0;
}

static int read_resources(struct arm *arm, struct error *err)
{
    json_t *resources = arm_member(arm->document, "resources");
    size_t before = arm->reader.groups->count;
    if (!json_is_array(resources))
        return error_set(err, ERROR_INVALID, "\"resources\": expected an array, found %s",
                         json_kind(resources));
    for (size_t i = 0; i < json_array_size(resources); i++) {
        json_t *resource = json_array_get(resources, i);
        if (json_is_object(resource) && is_group(resource) &&
            read_resource(arm, resource, i, err) < 0)
            return -1;
    }
    if (arm->reader.groups->count == before)
        return error_set(err, ERROR_INVALID,
                         "no resource is of type Microsoft.ContainerInstance/containerGroups or "
                         "containerGroupProfiles");
    return 0;
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
    }
    if (find_part(document, "parameters", &arm.parameters, err) < 0 ||
        find_part(document, "variables", &arm.variables, err) < 0)
        return -1;
    if (read_parameters(&arm, parameters, err) < 0)
        return error_context(err, "parameter file");
    return read_resources(&arm, err);
}
