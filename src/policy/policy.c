#include "policy/policy.h"

#include <stdlib.h>

#include "policy/load.h"

#define ARENA_LIMIT ((size_t)64 << 20) /* a policy of 4 MiB takes less than a third of it */

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a; the policy's author is no adversary */
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static struct regex_entry *find_entry(struct regex_entry *table, size_t capacity,
                                      const char *pattern)
{
    size_t at = (size_t)hash_of(pattern) & (capacity - 1);
    while (table[at].pattern && strcmp(table[at].pattern, pattern) != 0)
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

/* At most half of the table is used. */
static int grow_regexes(struct policy *policy)
{
    size_t capacity = policy->regex_capacity ? policy->regex_capacity * 2 : 64;
    struct regex_entry *table = calloc(capacity, sizeof *table);
    if (!table)
        return -1;
    for (size_t i = 0; i < policy->regex_capacity; i++) {
        if (policy->regexes[i].pattern)
            *find_entry(table, capacity, policy->regexes[i].pattern) = policy->regexes[i];
    }
    free(policy->regexes);
    policy->regexes = table;
    policy->regex_capacity = capacity;
    return 0;
}

const struct regex *policy_intern_regex(struct policy *policy, const char *pattern)
{
    if (policy->regex_count * 2 >= policy->regex_capacity && grow_regexes(policy) < 0)
        return NULL;
    struct regex_entry *entry = find_entry(policy->regexes, policy->regex_capacity, pattern);
    if (entry->pattern)
        return entry->regex;
    const char *copy = arena_text(&policy->arena, pattern);
    struct regex *regex = copy ? regex_new(copy) : NULL;
    if (!regex)
        return NULL;
    *entry = (struct regex_entry){copy, regex};
    policy->regex_count++;
    return regex;
}

static int load_version(struct loader *loader, const json_t *value, const char **text,
                        struct version *version, bool *has)
{
    if (!json_is_string(value))
        return error_set(loader->err, ERROR_INVALID, "expected a string, found %s",
                         json_kind(value));
    if (!version_parse(json_string_value(value), version))
        return error_set(loader->err, ERROR_INVALID, "\"%.32s\" is not a version like 0.10.0",
                         json_string_value(value));
    if (*has)
        return error_set(loader->err, ERROR_INVALID, "is given by its old and its new name");
    *has = true;
    *text = arena_text(&loader->policy->arena, json_string_value(value));
    return *text ? 0 : error_memory(loader->err);
}

static int load_api(struct loader *loader, const json_t *value)
{
    struct policy *policy = loader->policy;
    return load_version(loader, value, &policy->api_text, &policy->api, &policy->has_api);
}

static int load_framework(struct loader *loader, const json_t *value)
{
    struct policy *policy = loader->policy;
    return load_version(loader, value, &policy->framework_text, &policy->framework,
                        &policy->has_framework);
}

static int accept_array(struct loader *loader, const json_t *value)
{
    if (json_is_array(value) || json_is_object(value))
        return 0;
    return error_set(loader->err, ERROR_INVALID, "expected an array, found %s", json_kind(value));
}

static int accept_bool(struct loader *loader, const json_t *value)
{
    if (json_is_boolean(value))
        return 0;
    return error_set(loader->err, ERROR_INVALID, "expected true or false, found %s",
                     json_kind(value));
}

static int load_svn(struct loader *loader, const json_t *value)
{
    char number[32];
    struct policy *policy = loader->policy;
    if (!json_is_string(value) && !json_is_integer(value))
        return error_set(loader->err, ERROR_INVALID, "expected a number or a string, found %s",
                         json_kind(value));
    (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    policy->svn_text = arena_text(&policy->arena,
                                  json_is_string(value) ? json_string_value(value) : number);
    return policy->svn_text ? 0 : error_memory(loader->err);
}

enum place { IN_POLICY = 1U << 0, IN_FRAGMENT = 1U << 1, IN_BOTH = 3 };

/* What a policy may define, in the order in which it is read: the framework's version decides how
 * the rest is understood. */
static const struct {
    const char *name;
    enum place place;
    int (*load)(struct loader *loader, const json_t *value);
    size_t flag; /* offset of a bool, where `load` is NULL */
} definitions[] = {
    {"api_version", IN_POLICY, load_api, 0},
    {"api_svn", IN_POLICY, load_api, 0},
    {"framework_version", IN_BOTH, load_framework, 0},
    {"framework_svn", IN_BOTH, load_framework, 0},
    {"svn", IN_FRAGMENT, load_svn, 0},
    {"fragments", IN_BOTH, load_fragments, 0},
    {"containers", IN_BOTH, load_containers, 0},
    {"external_processes", IN_BOTH, load_externals, 0},
    {"platform_rules", IN_BOTH, load_platform_rules, 0},
    {"caisson_group", IN_POLICY, load_group, 0},
    {"transparency_trust_lists", IN_BOTH, accept_array, 0},
    {"allow_properties_access", IN_POLICY, NULL, offsetof(struct policy, allow_properties_access)},
    {"allow_dump_stacks", IN_POLICY, NULL, offsetof(struct policy, allow_dump_stacks)},
    {"allow_runtime_logging", IN_POLICY, NULL, offsetof(struct policy, allow_runtime_logging)},
    {"allow_environment_variable_dropping", IN_POLICY, NULL,
     offsetof(struct policy, allow_environment_variable_dropping)},
    {"allow_unencrypted_scratch", IN_POLICY, NULL,
     offsetof(struct policy, allow_unencrypted_scratch)},
    {"allow_capability_dropping", IN_POLICY, NULL,
     offsetof(struct policy, allow_capability_dropping)},
    {"allow_host_network", IN_POLICY, NULL, offsetof(struct policy, allow_host_network)},
    {"allow_log_provider_dropping", IN_POLICY, accept_bool, 0},
};

#define DEFINITION_COUNT (sizeof definitions / sizeof *definitions)

static int load_flag(struct loader *loader, const json_t *value, size_t offset)
{
    if (accept_bool(loader, value) < 0)
        return -1;
    *(bool *)((char *)loader->policy + offset) = json_is_true(value);
    return 0;
}

static int load_definitions(struct loader *loader, const struct rego_module *module,
                            enum place place)
{
    for (size_t i = 0; i < DEFINITION_COUNT; i++) {
        const struct rego_statement *found = rego_find(module, definitions[i].name);
        if (!found || !(definitions[i].place & place))
            continue;
        if (found->kind != REGO_JSON)
            return error_set(loader->err, ERROR_INVALID, "line %u: %s must be a value", found->line,
                             found->name);
        int result = definitions[i].load ? definitions[i].load(loader, found->value)
                                         : load_flag(loader, found->value, definitions[i].flag);
        if (result < 0)
            return error_context(loader->err, "line %u: %s", found->line, found->name);
    }
    return 0;
}

static bool is_definition(const char *name, enum place place)
{
    for (size_t i = 0; i < DEFINITION_COUNT; i++) {
        if (strcmp(definitions[i].name, name) == 0)
            return definitions[i].place & place;
    }
    return false;
}

/* {"allowed": true}, as the reference's policies for tests have it: nothing is dropped then. */
static int load_allow_all(struct loader *loader, const struct rego_statement *statement,
                          enum policy_point point, unsigned int flags)
{
    static const char *const known[] = {"allowed", "env_list", "caps_list", "allow_stdio_access",
                                        NULL};
    const json_t *value = statement->value;
    struct policy *policy = loader->policy;
    if (!json_is_object(value) || !json_is_true(json_object_get(value, "allowed")))
        return error_set(loader->err, ERROR_INVALID,
                         "expected data.framework.%s or {\"allowed\": true}", statement->name);
    if (json_check_keys(value, known, loader->err) < 0 ||
        json_find_bool(value, "allow_stdio_access", &policy->point_stdio[point], loader->err) < 0)
        return -1;
    const json_t *env = json_object_get(value, "env_list");
    const json_t *caps = json_object_get(value, "caps_list");
    if ((env && !json_is_null(env)) || (caps && !json_is_null(caps)))
        return error_set(loader->err, ERROR_INVALID, "hand-written lists are not read");
    if (!(flags & POLICY_ALLOW_ALL))
        return error_set(loader->err, ERROR_REFUSED,
                         "allows everything at this point; that must be asked for explicitly "
                         "(--insecure-allow-all)");
    policy->points[point] = RULE_ALLOW_ALL;
    return 0;
}

static int load_point(struct loader *loader, const struct rego_statement *statement,
                      unsigned int flags)
{
    enum policy_point point;
    if (!policy_point_of_name(statement->name, &point))
        return error_set(loader->err, ERROR_INVALID, "line %u: \"%s\" is not known",
                         statement->line, statement->name);
    if (statement->kind == REGO_ALIAS) {
        loader->policy->points[point] = RULE_FRAMEWORK;
        return 0;
    }
    if (load_allow_all(loader, statement, point, flags) < 0)
        return error_context(loader->err, "line %u: %s", statement->line, statement->name);
    return 0;
}

static int load_points(struct loader *loader, const struct rego_module *module, unsigned int flags)
{
    for (size_t i = 0; i < module->count; i++) {
        const struct rego_statement *statement = &module->statements[i];
        if (statement->kind == REGO_REASON || is_definition(statement->name, IN_POLICY))
            continue;
        if (load_point(loader, statement, flags) < 0)
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

static int load_fragment_module(struct policy *fragment, const struct rego_module *module,
                                const struct policy *names, struct error *err)
{
    struct loader loader = {.policy = fragment, .err = err};
    if (is_reserved(module->package))
        return error_set(err, ERROR_REFUSED, "the package \"%s\" is reserved", module->package);
    for (size_t i = 0; i < module->count; i++) {
        if (!is_definition(module->statements[i].name, IN_FRAGMENT))
            return error_set(err, ERROR_INVALID, "line %u: \"%s\" has no place in a fragment",
                             module->statements[i].line, module->statements[i].name);
    }
    memcpy((void *)fragment->capability_names, (const void *)names->capability_names,
           sizeof names->capability_names);
    memcpy(fragment->capability_order, names->capability_order, sizeof names->capability_order);
    fragment->capability_name_count = names->capability_name_count;
    return load_definitions(&loader, module, IN_FRAGMENT);
}

static int load_policy_module(struct policy *policy, const struct rego_module *module,
                              unsigned int flags, struct error *err)
{
    struct loader loader = {.policy = policy, .err = err};
    if (strcmp(module->package, "policy") != 0)
        return error_set(err, ERROR_INVALID, "the package is \"%s\", not \"policy\"",
                         module->package);
    if (load_definitions(&loader, module, IN_POLICY) < 0)
        return -1;
    if (!rego_find(module, "containers") && load_capability_names(&loader, NULL) < 0)
        return -1;
    /* The reference knows the flag since framework 0.2.2. */
    if (!policy->has_framework || version_compare(policy->framework, VERSION_OF(0, 2, 2)) < 0)
        policy->allow_capability_dropping = false;
    return load_points(&loader, module, flags);
}

int load_text_of_module(struct span text, const struct policy *names, unsigned int flags,
                        struct policy **out, struct error *err)
{
    struct rego_module module;
    *out = NULL;
    if (rego_read(text, &module, err) < 0)
        return -1;
    struct policy *policy = calloc(1, sizeof *policy);
    if (!policy) {
        rego_module_fini(&module);
        return error_memory(err);
    }
    policy->arena.limit = ARENA_LIMIT;
    policy->api_text = policy->framework_text = "";
    int result = names ? load_fragment_module(policy, &module, names, err)
                       : load_policy_module(policy, &module, flags, err);
    rego_module_fini(&module);
    if (result < 0)
        policy_free(policy);
    else
        *out = policy;
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
    for (size_t i = 0; i < policy->regex_capacity; i++)
        regex_free(policy->regexes[i].regex);
    free(policy->regexes);
    arena_fini(&policy->arena);
    free(policy);
}

void policy_cleanup(struct policy **policy)
{
    policy_free(*policy);
    *policy = NULL;
}
