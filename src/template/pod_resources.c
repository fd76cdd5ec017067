/* Resources of a container: what it asks for, and what it may take. */
#include "template/pod_read.h"

#include "template/quantity.h"

static int read_quantity(const json_t *list, const char *key, bool units, uint64_t *out,
                         struct error *err)
{
    const json_t *value = json_object_get(list, key);
    char number[32];
    const char *text = json_string_value(value);
    if (!value)
        return 0;
    if (json_is_integer(value) || json_is_real(value)) {
        (void)snprintf(number, sizeof number, "%.9g", json_number_value(value));
        text = number;
    }
    if (!text)
        return error_set(err, ERROR_INVALID, "%s: expected a quantity, found %s", key,
                         json_kind(value));
    int status = units ? quantity_parse_units(text, out, err) : quantity_parse(text, out, err);
    return status < 0 ? error_context(err, "%s", key) : 0;
}

static int read_list(const struct pod_reader *reader, const json_t *resources, const char *key,
                     uint64_t *cpu, uint64_t *memory, struct error *err)
{
    static const struct pod_field fields[] = {
        {"cpu", NULL}, {"memory", NULL}, {"ephemeral-storage", NULL}, {0}};
    json_t *list;
    if (json_find_object(resources, key, &list, err) < 0)
        return -1;
    if (!list)
        return 0;
    if (pod_check_fields(reader, list, fields, err) < 0 ||
        read_quantity(list, "cpu", false, cpu, err) < 0 ||
        read_quantity(list, "memory", true, memory, err) < 0)
        return error_context(err, "resources: %s", key);
    return 0;
}

int pod_read_resources(const struct pod_reader *reader, const json_t *container,
                       struct pod_resources *out, struct error *err)
{
    static const struct pod_field fields[] = {
        {"limits", NULL}, {"requests", NULL}, {"claims", "devices cannot be had"}, {0}};
    json_t *resources;
    if (reader->reading == POD_CONFCOM)
        return 0;
    if (json_find_object(container, "resources", &resources, err) < 0)
        return -1;
    if (!resources)
        return 0;
    if (pod_check_fields(reader, resources, fields, err) < 0)
        return error_context(err, "resources");
    if (read_list(reader, resources, "limits", &out->cpu_limit, &out->memory_limit, err) < 0)
        return -1;
    return read_list(reader, resources, "requests", &out->cpu_request, &out->memory_request, err);
}
