#include "cli/seccomp_profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/json.h"
#include "format/seccomp_json.h"
#include "os/file.h"
#include "policy/capabilities.h"

#define FILE_MAX     ((size_t)1 << 20)
#define ARCHITECTURE "SCMP_ARCH_X86_64"
#define PROCESSOR    "amd64"
#define KERNEL_MAJOR 6 /* the guest's is at least 6.12 */
#define KERNEL_MINOR 12

/* --- which rules hold ------------------------------------------------------------------------- */

static bool has_text(const json_t *array, const char *text)
{
    size_t i;
    const json_t *value;
    json_array_foreach (array, i, value) {
        const char *each = json_string_value(value);
        if (each && strcmp(each, text) == 0)
            return true;
    }
    return false;
}

/* How many of the named capabilities the container has. */
static size_t count_held(const json_t *names, uint64_t capabilities)
{
    size_t count = 0;
    size_t i;
    const json_t *value;
    json_array_foreach (names, i, value) {
        const char *name = json_string_value(value);
        int number = name ? policy_capability_number(name) : -1;
        count += number >= 0 && capabilities >> number & 1;
    }
    return count;
}

/* "4.8": whether the guest's kernel is that old or newer. */
static int find_kernel(const json_t *condition, bool *is_there, bool *is_reached, struct error *err)
{
    const char *text;
    if (json_find_text(condition, "minKernel", &text, err) < 0)
        return -1;
    *is_there = text != NULL;
    *is_reached = true;
    if (!text)
        return 0;
    char *end;
    unsigned long major = strtoul(text, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, &end, 10) : 0;
    if (end == text || *end)
        return error_set(err, ERROR_INVALID, "minKernel: \"%.32s\" is no version", text);
    *is_reached = major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor <= KERNEL_MINOR);
    return 0;
}

struct condition {
    json_t *object; /* NULL where there is none */
    json_t *capabilities, *processors;
    bool names_kernel, reaches_kernel;
};

static int find_condition(const json_t *rule, const char *key, struct condition *out,
                          struct error *err)
{
    static const char *const keys[] = {"caps", "arches", "minKernel", NULL};
    *out = (struct condition){.reaches_kernel = true};
    if (json_find_object(rule, key, &out->object, err) < 0)
        return -1;
    if (!out->object)
        return 0;
    if (json_check_keys(out->object, keys, err) < 0 ||
        json_find_array(out->object, "caps", &out->capabilities, err) < 0 ||
        json_find_array(out->object, "arches", &out->processors, err) < 0)
        return error_context(err, "%s", key);
    return find_kernel(out->object, &out->names_kernel, &out->reaches_kernel, err);
}

/* Docker's order: what excludes a rule, then what it needs. */
static int holds(const json_t *rule, uint64_t capabilities, bool *out, struct error *err)
{
    struct condition excludes;
    struct condition includes;
    if (find_condition(rule, "excludes", &excludes, err) < 0 ||
        find_condition(rule, "includes", &includes, err) < 0)
        return -1;
    bool is_excluded = has_text(excludes.processors, PROCESSOR) ||
                       count_held(excludes.capabilities, capabilities) > 0 ||
                       (excludes.names_kernel && excludes.reaches_kernel);
    bool is_included =
        (json_array_size(includes.processors) == 0 || has_text(includes.processors, PROCESSOR)) &&
        count_held(includes.capabilities, capabilities) == json_array_size(includes.capabilities) &&
        includes.reaches_kernel;
    *out = !is_excluded && is_included;
    return 0;
}

/* --- from Docker's form to the specification's ------------------------------------------------ */

/* "errno" says in a word what "errnoRet" says. */
static int drop_notes(json_t *object, const char *word, const char *number, struct error *err)
{
    if (json_object_get(object, word) && !json_object_get(object, number))
        return error_set(err, ERROR_INVALID, "key \"%s\": give the number as \"%s\"", word, number);
    (void)json_object_del(object, word);
    (void)json_object_del(object, "comment");
    return 0;
}

/* "name" is the older word for one of "names". */
static int settle_name(json_t *rule, struct error *err)
{
    const char *name;
    if (json_find_text(rule, "name", &name, err) < 0)
        return -1;
    if (!name)
        return 0;
    if (json_object_get(rule, "names"))
        return error_set(err, ERROR_INVALID, "both \"name\" and \"names\"");
    if (json_object_set_new(rule, "names", json_pack("[s]", name)) < 0)
        return error_memory(err);
    (void)json_object_del(rule, "name");
    return 0;
}

static int settle_rules(json_t *profile, uint64_t capabilities, struct error *err)
{
    json_t *rules;
    if (json_find_array(profile, "syscalls", &rules, err) < 0)
        return -1;
    for (size_t i = 0, place = 0; i < json_array_size(rules); place++) {
        json_t *rule = json_array_get(rules, i);
        bool keep;
        if (holds(rule, capabilities, &keep, err) < 0 ||
            drop_notes(rule, "errno", "errnoRet", err) < 0 || settle_name(rule, err) < 0)
            return error_context(err, "syscalls[%zu]", place);
        if (json_is_null(json_object_get(rule, "args"))) /* as Go writes what is absent */
            (void)json_object_del(rule, "args");
        (void)json_object_del(rule, "includes");
        (void)json_object_del(rule, "excludes");
        if (keep)
            i++;
        else
            (void)json_array_remove(rules, i);
    }
    return 0;
}

/* The map's entry for this processor, with what else it runs. */
static int settle_architectures(json_t *profile, struct error *err)
{
    json_t *map;
    json_t *list = NULL;
    if (json_find_array(profile, "archMap", &map, err) < 0)
        return -1;
    if (map && json_object_get(profile, "architectures"))
        return error_set(err, ERROR_INVALID, "both \"archMap\" and \"architectures\"");
    for (size_t i = 0; i < json_array_size(map); i++) {
        const json_t *entry = json_array_get(map, i);
        const char *name = json_string_value(json_object_get(entry, "architecture"));
        if (name && strcmp(name, ARCHITECTURE) == 0 && !list) {
            list = json_pack("[s]", name);
            (void)json_array_extend(list, json_object_get(entry, "subArchitectures"));
        }
    }
    (void)json_object_del(profile, "archMap");
    if (list && json_object_set_new(profile, "architectures", list) < 0)
        return error_memory(err);
    return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

/* What is written says what the profile says, or the profile has keys of neither form. */
static int check_whole(const json_t *profile, struct error *err)
{
    static const struct json_limits limits = {SECCOMP_PROFILE_MAX, 8};
    BUF_AUTO written = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    if (seccomp_write_json(profile, &written, err) < 0)
        return -1;
    json_auto_t *again = json_parse_object(buf_span(&written), &limits, err);
    if (!again)
        return -1;
    if (!json_equal(again, profile))
        return error_set(err, ERROR_INVALID,
                         "not a profile: a key is unknown, or one is missing of defaultAction, "
                         "syscalls[names, action, args[index, value, op]]");
    return 0;
}

static int settle(json_t *profile, uint64_t capabilities, struct error *err)
{
    if (drop_notes(profile, "defaultErrno", "defaultErrnoRet", err) < 0 ||
        settle_architectures(profile, err) < 0 || settle_rules(profile, capabilities, err) < 0)
        return -1;
    return check_whole(profile, err);
}

int seccomp_profile_parse(struct span text, uint64_t capabilities, json_t **out, struct error *err)
{
    static const struct json_limits limits = {FILE_MAX, 8};
    json_auto_t *profile = json_parse_object(text, &limits, err);
    if (!profile || settle(profile, capabilities, err) < 0)
        return -1;
    *out = json_incref(profile);
    return 0;
}

int seccomp_profile_read(const char *path, uint64_t capabilities, json_t **out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(FILE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (seccomp_profile_parse(buf_span(&text), capabilities, out, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}
