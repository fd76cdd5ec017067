#include "policy/policy.h"

#include <search.h>
#include <stdlib.h>

#include "policy/load.h"

static int by_pattern(const void *a, const void *b)
{
    return strcmp(((const struct regex_entry *)a)->pattern,
                  ((const struct regex_entry *)b)->pattern);
}

const struct regex *policy_intern_regex(struct policy *policy, const char *pattern)
{
    const struct regex_entry wanted = {.pattern = pattern};
    struct regex_entry *const *found = tfind(&wanted, &policy->regexes, by_pattern);
    if (found)
        return (*found)->regex;
    struct regex_entry *entry = arena_take(&policy->arena, 1, sizeof *entry);
    if (!entry)
        return NULL;
    *entry = (struct regex_entry){pattern, regex_new(pattern)};
    if (!entry->regex || !tsearch(entry, &policy->regexes, by_pattern)) {
        regex_free(entry->regex);
        return NULL;
    }
    return entry->regex;
}

static void free_regex(void *entry)
{
    regex_free(((struct regex_entry *)entry)->regex);
}

/* {"allowed": true}, as the reference's policies for tests have it. */
struct allow_all {
    bool allowed, stdio;
};

static int refuse_list(struct decoder *decoder, const struct value *value,
                       const struct field *field, void *out)
{
    (void)field;
    (void)out;
    return value->kind == VALUE_NULL
               ? 0
               : error_set(decoder->err, ERROR_INVALID, "hand-written lists are not read");
}

static const struct field allow_all_fields[] = {
    {"allowed", field_bool, offsetof(struct allow_all, allowed)},
    {"allow_stdio_access", field_bool, offsetof(struct allow_all, stdio), .optional = true},
    {"env_list", refuse_list, .optional = true},
    {"caps_list", refuse_list, .optional = true},
    {0}};

static int load_allow_all(struct policy *policy, const struct rego_statement *statement,
                          enum policy_point point, unsigned int flags, struct error *err)
{
    struct decoder decoder = {.err = err};
    struct allow_all all = {0};
    if (fields_read(&decoder, &statement->value, allow_all_fields, &all) < 0)
        return -1;
    if (!all.allowed)
        return error_set(err, ERROR_INVALID, "expected data.framework.%s or {\"allowed\": true}",
                         statement->name);
    if (!(flags & POLICY_ALLOW_ALL))
        return error_set(err, ERROR_REFUSED,
                         "allows everything at this point; that must be asked for explicitly "
                         "(--insecure-allow-all)");
    policy->points[point] = RULE_ALLOW_ALL;
    policy->point_stdio[point] = all.stdio;
    return 0;
}

static int load_point(struct policy *policy, const struct rego_statement *statement,
                      unsigned int flags, struct error *err)
{
    enum policy_point point;
    if (!policy_point_of_name(statement->name, &point))
        return error_set(err, ERROR_INVALID, "line %u: \"%s\" is not known", statement->line,
                         statement->name);
    if (statement->kind == REGO_ALIAS) {
        policy->points[point] = RULE_FRAMEWORK;
        return 0;
    }
    if (load_allow_all(policy, statement, point, flags, err) < 0)
        return error_context(err, "line %u: %s", statement->line, statement->name);
    return 0;
}

static int load_points(struct policy *policy, const struct rego_module *module, unsigned int flags,
                       struct error *err)
{
    for (size_t i = 0; i < module->count; i++) {
        const struct rego_statement *statement = &module->statements[i];
        if (statement->kind == REGO_REASON || load_is_definition(statement->name, LOAD_POLICY))
            continue;
        if (load_point(policy, statement, flags, err) < 0)
            return -1;
    }
    return 0;
}

/* Packages that are the framework's own, or that a policy's tools keep for themselves. */
static bool is_reserved(const char *package)
{
    static const char *const reserved[] = {"framework", "api",  "policy",
                                           "metadata",  "data", "input"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strcmp(reserved[i], package) == 0)
            return true;
    }
    return false;
}

static int load_fragment_module(struct policy *fragment, struct rego_module *module,
                                const struct load_fragment *how, struct error *err)
{
    const struct policy *names = how->names;
    if (is_reserved(module->package))
        return error_set(err, ERROR_REFUSED, "the package \"%s\" is reserved", module->package);
    for (size_t i = 0; i < module->count; i++) {
        if (!load_is_definition(module->statements[i].name, LOAD_FRAGMENT))
            return error_set(err, ERROR_INVALID, "line %u: \"%s\" has no place in a fragment",
                             module->statements[i].line, module->statements[i].name);
    }
    memcpy((void *)fragment->capability_names, (const void *)names->capability_names,
           sizeof names->capability_names);
    memcpy(fragment->capability_order, names->capability_order, sizeof names->capability_order);
    fragment->capability_name_count = names->capability_name_count;
    if (!how->parameters)
        return load_definitions(fragment, module, LOAD_HEAD, err);
    return parameters_fill(module, how->parameters, &fragment->arena, err) < 0
               ? -1
               : load_definitions(fragment, module, LOAD_FRAGMENT, err);
}

static int load_policy_module(struct policy *policy, const struct rego_module *module,
                              unsigned int flags, struct error *err)
{
    if (strcmp(module->package, "policy") != 0)
        return error_set(err, ERROR_INVALID, "the package is \"%s\", not \"policy\"",
                         module->package);
    if (load_definitions(policy, module, LOAD_POLICY, err) < 0)
        return -1;
    /* The reference knows the flag since framework 0.2.2. */
    if (!policy->framework.has ||
        version_compare(policy->framework.number, VERSION_OF(0, 2, 2)) < 0)
        policy->allow_capability_dropping = false;
    return load_points(policy, module, flags, err);
}

int load_text_of_module(struct span text, const struct load_fragment *fragment, unsigned int flags,
                        struct policy **out, struct error *err)
{
    struct rego_module module;
    POLICY_AUTO policy = calloc(1, sizeof *policy);
    *out = NULL;
    if (!policy)
        return error_memory(err);
    policy->arena.limit = REGO_MEMORY_MAX;
    policy->api.text = policy->framework.text = "";
    if (rego_read(text, &policy->arena, &module, err) < 0)
        return -1;
    int result = fragment ? load_fragment_module(policy, &module, fragment, err)
                          : load_policy_module(policy, &module, flags, err);
    rego_module_fini(&module);
    if (result == 0) {
        *out = policy;
        policy = NULL;
    }
    return result;
}

int policy_parse(struct span text, unsigned int flags, struct policy **out, struct error *err)
{
    struct error own = {0};
    struct error *report = err ? err : &own;
    return load_text_of_module(text, NULL, flags, out, report) < 0 ? error_context(report, "policy")
                                                                   : 0;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    tdestroy(policy->regexes, free_regex);
    arena_fini(&policy->arena);
    free(policy);
}

void policy_cleanup(struct policy **policy)
{
    policy_free(*policy);
    *policy = NULL;
}
