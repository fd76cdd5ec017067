/* Puts a policy into the text of a template, and leaves the rest of the text as it is. */
#include "template/arm_parts.h"
#include "template/json_place.h"

#define CONFIDENTIAL "confidentialComputeProperties"
#define POLICY       "ccePolicy"

static const struct json_limits limits = {TEMPLATE_SIZE_MAX, TEMPLATE_DEPTH_MAX};

/* What is written, where, and what it replaces. */
struct edit {
    struct json_place place;
    const char *before, *after; /* of the policy */
};

static bool find_edit(struct span text, size_t group, struct edit *out)
{
    struct json_place root, resources, resource, properties, confidential;
    if (!json_place_root(text, &root) || !json_place_member(text, root, "resources", &resources) ||
        !json_place_element(text, resources, group, &resource) ||
        !json_place_member(text, resource, "properties", &properties))
        return false;
    bool there = json_place_member(text, properties, CONFIDENTIAL, &confidential);
    *out = (struct edit){.before = "\"", .after = "\""};
    if (there && json_place_member(text, confidential, POLICY, &out->place))
        return true;
    /* A new member goes behind the opening brace. */
    const struct json_place *object = there ? &confidential : &properties;
    if (text.data[object->start] != '{')
        return false;
    bool empty = strspn((const char *)text.data + object->start + 1, " \t\r\n") ==
                 object->end - object->start - 2;
    out->place = (struct json_place){object->start + 1, object->start + 1};
    out->before = there ? "\"" POLICY "\": \"" : "\"" CONFIDENTIAL "\": {\"" POLICY "\": \"";
    out->after = there ? empty ? "\"" : "\", " : "\"}, ";
    return true;
}

static json_t *object_of(json_t *parent, const char *key)
{
    json_t *value = arm_member(parent, key);
    if (!value && json_object_set_new(parent, key, json_object()) == 0)
        value = json_object_get(parent, key);
    return value;
}

/* The same done to the parsed document: what the new text has to mean. */
static int set_policy(json_t *document, size_t group, const char *policy)
{
    json_t *resources = arm_member(document, "resources");
    json_t *resource = json_array_get(resources, group);
    void *at = json_object_iter(resources);
    for (size_t i = 0; at && i < group; i++)
        at = json_object_iter_next(resources, at);
    if (at)
        resource = json_object_iter_value(at);
    json_t *confidential = object_of(arm_member(resource, "properties"), CONFIDENTIAL);
    json_t *old = arm_member(confidential, POLICY);
    const char *key = POLICY;
    for (void *each = json_object_iter(confidential); each;
         each = json_object_iter_next(confidential, each)) {
        if (old && json_object_iter_value(each) == old)
            key = json_object_iter_key(each);
    }
    return json_object_set_new(confidential, key, json_string(policy));
}

static int check_meaning(struct span before, struct span after, size_t group, const char *policy,
                         struct error *err)
{
    json_auto_t *wanted = json_parse_object(before, &limits, err);
    json_auto_t *made = wanted ? json_parse_object(after, &limits, err) : NULL;
    if (!made)
        return -1;
    if (set_policy(wanted, group, policy) < 0 || !json_equal(wanted, made))
        return error_set(err, ERROR_INVALID,
                         "the policy cannot be put into this template: write \"ccePolicy\" without "
                         "escapes, once");
    return 0;
}

int template_write_arm(struct span text, size_t place, const char *policy, struct buf *out,
                       struct error *err)
{
    struct edit edit;
    if (place == TEMPLATE_NO_PLACE)
        return error_set(err, ERROR_INVALID,
                         "a copy loop makes this container group: it has no place of its own for "
                         "a policy");
    if (!find_edit(text, place, &edit))
        return error_set(err, ERROR_INVALID, "there is no place for a policy in this template");
    size_t tail = text.size - edit.place.end;
    if (buf_append(out, span_of(text.data, edit.place.start), err) < 0 ||
        buf_append_text(out, edit.before, err) < 0 || buf_append_text(out, policy, err) < 0 ||
        buf_append_text(out, edit.after, err) < 0 ||
        buf_append(out, span_of(text.data + edit.place.end, tail), err) < 0)
        return -1;
    return check_meaning(text, buf_span(out), place, policy, err);
}
