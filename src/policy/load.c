#include "policy/load.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#define ROWS_MAX 4096 /* of an array of the policy */

/* --- containers ------------------------------------------------------------------------------- */

/* Null is a command that no process matches. */
static int load_command(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out)
{
    struct policy_container *container = out;
    container->has_command = value->kind != VALUE_NULL;
    return container->has_command ? policy_list_read(decoder, value, field, out) : 0;
}

static const struct field exec_fields[] = {
    {"command", policy_list_read, offsetof(struct exec_rule, command)},
    {"signals", load_signals, offsetof(struct exec_rule, signals),
     .count = offsetof(struct exec_rule, signal_count)},
    {0}};

static int load_exec(struct decoder *decoder, const struct value *value, void *row)
{
    return fields_read(decoder, value, exec_fields, row);
}

/* Caisson's own members hold in every version: other readers pass over them. */
static const struct field container_fields[] = {
    {"id", field_text, offsetof(struct policy_container, name), .optional = true},
    {"name", field_text, offsetof(struct policy_container, name), .optional = true}, /* rather */
    {"command", load_command, offsetof(struct policy_container, command)},
    {"env_rules", field_rows,
     FIELD_ROWS(struct policy_container, env_rules, env_rule_count, load_env_rule,
                struct env_rule)},
    {"working_dir", field_text, offsetof(struct policy_container, working_dir)},
    {"allow_stdio_access", field_bool, offsetof(struct policy_container, stdio)},
    {"layers", policy_list_read, offsetof(struct policy_container, layers)},
    {"mounts", field_rows,
     FIELD_ROWS(struct policy_container, mounts, mount_count, load_mount, struct mount_rule)},
    {"exec_processes", field_rows,
     FIELD_ROWS(struct policy_container, exec, exec_count, load_exec, struct exec_rule)},
    {"signals", load_container_signals, offsetof(struct policy_container, signals),
     .count = offsetof(struct policy_container, signal_count)},
    {"allow_elevated", field_bool, offsetof(struct policy_container, allow_elevated)},
    {"no_new_privileges", field_bool, offsetof(struct policy_container, no_new_privileges),
     .since = LOAD_SINCE(2, 0)},
    {"user", load_user, offsetof(struct policy_container, user), .since = LOAD_SINCE(2, 1)},
    {"capabilities", load_capabilities, .since = LOAD_SINCE(2, 2)},
    {"seccomp_profile_sha256", field_text, offsetof(struct policy_container, seccomp_sha256),
     .since = LOAD_SINCE(2, 3)},
    {"caisson_read_only_root", field_bool, offsetof(struct policy_container, read_only_root), true},
    {"caisson_rlimits", policy_list_read, offsetof(struct policy_container, rlimits), true,
     .max = POLICY_SETTINGS_MAX},
    {"caisson_sysctls", policy_list_read, offsetof(struct policy_container, sysctls), true,
     .max = POLICY_SETTINGS_MAX},
    {0}};

static int load_container(struct decoder *decoder, const struct value *value, void *row)
{
    static const struct matcher any = {.strategy = STRATEGY_ANY, .pattern = ""};
    struct policy_container *out = row;
    *out = (struct policy_container){
        .index = decoder->index,
        .name = "",
        .seccomp_sha256 = "",
        .user = {.user = any, .groups = &any, .group_count = 1, .umask = "0022"}};
    return fields_read(decoder, value, container_fields, out);
}

static const struct field external_fields[] = {
    {"command", load_command, offsetof(struct policy_container, command)},
    {"env_rules", field_rows,
     FIELD_ROWS(struct policy_container, env_rules, env_rule_count, load_env_rule,
                struct env_rule)},
    {"working_dir", field_text, offsetof(struct policy_container, working_dir)},
    {"allow_stdio_access", field_bool, offsetof(struct policy_container, stdio)},
    {0}};

static int load_external(struct decoder *decoder, const struct value *value, void *row)
{
    struct policy_container *out = row;
    *out = (struct policy_container){.index = decoder->index, .external = true, .name = ""};
    return fields_read(decoder, value, external_fields, out);
}

/* --- fragments -------------------------------------------------------------------------------- */

/* A number or a text. */
static int load_svn(struct decoder *decoder, const struct value *value, const struct field *field,
                    void *out)
{
    char number[32];
    if (value->kind != VALUE_INTEGER)
        return field_text(decoder, value, field, out);
    (void)snprintf(number, sizeof number, "%" PRId64, value->number);
    const char *text = arena_text(decoder->arena, number);
    *(const char **)field_at(field, out) = text;
    return text ? 0 : error_memory(decoder->err);
}

/* What the fragment adds. */
static int load_includes(struct decoder *decoder, const struct value *value,
                         const struct field *field, void *out)
{
    static const struct {
        const char *name;
        unsigned int include;
    } known[] = {{"containers", INCLUDE_CONTAINERS},
                 {"fragments", INCLUDE_FRAGMENTS},
                 {"external_processes", INCLUDE_EXTERNALS},
                 {"platform_rules", INCLUDE_PLATFORM},
                 {"namespace", INCLUDE_NAMESPACE}, /* only hand-written rules could use it */
                 /* Lists of trust are denied. */
                 {"transparency_trust_lists", 0}};
    static const struct field list = {.key = "includes"};
    struct policy_list names;
    if (policy_list_read(decoder, value, &list, &names) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        size_t at = 0;
        while (at < sizeof known / sizeof *known && strcmp(known[at].name, names.items[i]) != 0)
            at++;
        if (at == sizeof known / sizeof *known)
            return error_set(decoder->err, ERROR_INVALID, "includes: \"%.32s\" is unknown",
                             names.items[i]);
        *(unsigned int *)field_at(field, out) |= known[at].include;
    }
    return 0;
}

/* What it must bring besides. */
static int load_receipts(struct decoder *decoder, const struct value *value,
                         const struct field *field, void *out)
{
    *(bool *)field_at(field, out) = value->count > 0;
    return value->kind == VALUE_ARRAY ? 0 : field_refuse(decoder, value, "an array");
}

static const struct field fragment_fields[] = {
    {"issuer", field_text, offsetof(struct fragment_rule, issuer)},
    {"feed", field_text, offsetof(struct fragment_rule, feed)},
    {"minimum_svn", load_svn, offsetof(struct fragment_rule, minimum_svn)},
    {"includes", load_includes, offsetof(struct fragment_rule, includes)},
    {"parameters", load_parameters, offsetof(struct fragment_rule, parameters), .optional = true},
    {"required_receipts", load_receipts, offsetof(struct fragment_rule, needs_receipts),
     .optional = true},
    {0}};

static int load_fragment(struct decoder *decoder, const struct value *value, void *row)
{
    return fields_read(decoder, value, fragment_fields, row);
}

/* --- rules for all ---------------------------------------------------------------------------- */

static const struct field platform_fields[] = {
    {"env_rules", field_rows,
     FIELD_ROWS(struct platform_rules, env_rules, env_rule_count, load_env_rule, struct env_rule)},
    {"mounts", field_rows,
     FIELD_ROWS(struct platform_rules, mounts, mount_count, load_mount, struct mount_rule)},
    {0}};

static int load_platform_row(struct decoder *decoder, const struct value *value, void *row)
{
    return fields_read(decoder, value, platform_fields, row);
}

struct platform_rows {
    const struct platform_rules *items;
    size_t count;
};

/* All rows together hold for every container: they become one list. */
static int load_platform(struct decoder *decoder, const struct value *value,
                         const struct field *field, void *out)
{
    static const struct field rows_field = {
        .key = "platform_rules",
        .max = ROWS_MAX,
        FIELD_ROWS(struct platform_rows, items, count, load_platform_row, struct platform_rules)};
    struct platform_rules *all = field_at(field, out);
    struct platform_rows rows;
    size_t envs = 0, mounts = 0;
    if (decoder->version < LOAD_SINCE(5, 0))
        return error_set(decoder->err, ERROR_INVALID, "needs framework_version 0.5.0");
    if (field_rows(decoder, value, &rows_field, &rows) < 0)
        return -1;
    for (size_t i = 0; i < rows.count; i++) {
        envs += rows.items[i].env_rule_count;
        mounts += rows.items[i].mount_count;
    }
    struct env_rule *env_rules = arena_take(decoder->arena, envs, sizeof *env_rules);
    struct mount_rule *mount_rules = arena_take(decoder->arena, mounts, sizeof *mount_rules);
    if (!env_rules || !mount_rules)
        return error_memory(decoder->err);
    for (size_t i = 0; i < rows.count; i++) {
        for (size_t j = 0; j < rows.items[i].env_rule_count; j++)
            env_rules[all->env_rule_count++] = rows.items[i].env_rules[j];
        for (size_t j = 0; j < rows.items[i].mount_count; j++)
            mount_rules[all->mount_count++] = rows.items[i].mounts[j];
    }
    all->env_rules = env_rules;
    all->mounts = mount_rules;
    return 0;
}

/* --- the statements --------------------------------------------------------------------------- */

static int load_version(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out)
{
    struct policy_version *version = field_at(field, out);
    if (value->kind != VALUE_TEXT)
        return field_refuse(decoder, value, "a string");
    if (!version_parse(value->text, &version->number))
        return error_set(decoder->err, ERROR_INVALID, "\"%.32s\" is not a version like 0.10.0",
                         value->text);
    if (version->has)
        return error_set(decoder->err, ERROR_INVALID, "is given by its old and its new name");
    version->has = true;
    version->text = value->text;
    return 0;
}

/* The framework's version as LOAD_SINCE() counts: without one, all of it holds. */
static unsigned int since_of(const struct policy_version *framework)
{
    const uint32_t *parts = framework->number.parts;
    if (!framework->has || parts[0] > 0 || parts[1] > 999)
        return UINT_MAX;
    return LOAD_SINCE(parts[1], parts[2] < 1000 ? parts[2] : 999U);
}

/* Read, and asked by nothing here: a list of them is denied by name. */
static int accept_lists(struct decoder *decoder, const struct value *value,
                        const struct field *field, void *out)
{
    (void)field;
    (void)out;
    return value->kind == VALUE_ARRAY || value->kind == VALUE_OBJECT
               ? 0
               : field_refuse(decoder, value, "an array");
}

#define FLAG(place, name)                                                                          \
    {                                                                                              \
        place,                                                                                     \
        {                                                                                          \
#name, field_bool, offsetof(struct policy, name)                                       \
        }                                                                                          \
    }

/* What a policy may define, in the order in which it is read: the framework's version decides how
 * the rest is understood. */
static const struct {
    unsigned int places;
    struct field field;
} definitions[] = {
    {LOAD_POLICY, {"api_version", load_version, offsetof(struct policy, api)}},
    {LOAD_POLICY, {"api_svn", load_version, offsetof(struct policy, api)}},
    {LOAD_ALL, {"framework_version", load_version, offsetof(struct policy, framework)}},
    {LOAD_ALL, {"framework_svn", load_version, offsetof(struct policy, framework)}},
    {LOAD_HEAD | LOAD_FRAGMENT, {"svn", load_svn, offsetof(struct policy, svn_text)}},
    {LOAD_HEAD | LOAD_FRAGMENT, {"parameters_api", load_parameters_api}},
    {LOAD_BOTH,
     {"fragments", field_rows, .max = ROWS_MAX,
      FIELD_ROWS(struct policy, fragments, fragment_count, load_fragment, struct fragment_rule)}},
    {LOAD_BOTH,
     {"containers", field_rows, .max = ROWS_MAX,
      FIELD_ROWS(struct policy, containers, container_count, load_container,
                 struct policy_container)}},
    {LOAD_BOTH,
     {"external_processes", field_rows, .max = ROWS_MAX,
      FIELD_ROWS(struct policy, externals, external_count, load_external,
                 struct policy_container)}},
    {LOAD_BOTH, {"platform_rules", load_platform, offsetof(struct policy, platform)}},
    {LOAD_POLICY, {"caisson_group", load_group}},
    {LOAD_POLICY, {"caisson_attestation", load_attestation}},
    {LOAD_BOTH, {"transparency_trust_lists", accept_lists}},
    FLAG(LOAD_POLICY, allow_properties_access),
    FLAG(LOAD_POLICY, allow_dump_stacks),
    FLAG(LOAD_POLICY, allow_runtime_logging),
    FLAG(LOAD_POLICY, allow_environment_variable_dropping),
    FLAG(LOAD_POLICY, allow_unencrypted_scratch),
    FLAG(LOAD_POLICY, allow_capability_dropping),
    FLAG(LOAD_POLICY, allow_host_network),
    FLAG(LOAD_POLICY, allow_log_provider_dropping),
};

#define DEFINITION_COUNT (sizeof definitions / sizeof *definitions)

int load_definitions(struct policy *policy, const struct rego_module *module, enum load_place place,
                     struct error *err)
{
    struct decoder decoder = {.arena = &policy->arena, .context = policy, .err = err};
    if (load_capability_names(&decoder) < 0)
        return -1;
    for (size_t i = 0; i < DEFINITION_COUNT; i++) {
        const struct field *field = &definitions[i].field;
        const struct rego_statement *found = rego_find(module, field->key);
        if (!found || !(definitions[i].places & place))
            continue;
        if (found->kind != REGO_JSON)
            return error_set(err, ERROR_INVALID, "line %u: %s must be a value", found->line,
                             found->name);
        decoder.version = since_of(&policy->framework);
        if (field->read(&decoder, &found->value, field, policy) < 0)
            return error_context(err, "line %u: %s", found->line, found->name);
    }
    return 0;
}

bool load_is_definition(const char *name, enum load_place place)
{
    for (size_t i = 0; i < DEFINITION_COUNT; i++) {
        if (strcmp(definitions[i].field.key, name) == 0)
            return definitions[i].places & place;
    }
    return false;
}
