#include "policy/describe.h"

#include "policy/capabilities.h"
#include "policy/model.h"
#include "policy/reason.h"
#include "policy/rego.h"

/* A writer whose first error stops it. */
struct page {
    struct buf *out;
    struct error *err;
    struct quotes quotes;
    bool failed;
};

#define LINE(page, ...)                                                                            \
    ((page)->failed = (page)->failed || buf_printf((page)->out, (page)->err, __VA_ARGS__) < 0)

static void describe_words(struct page *page, struct policy_list list)
{
    for (size_t i = 0; i < list.count; i++)
        LINE(page, " %s", quote(&page->quotes, list.items[i]));
    LINE(page, "\n");
}

static void describe_matcher(struct page *page, const char *what, const struct matcher *matcher)
{
    static const char *const words[] = {
        [STRATEGY_NEVER] = "nothing matches",
        [STRATEGY_STRING] = "exactly",
        [STRATEGY_RE2] = "the name matches the regex",
        [STRATEGY_ANY] = "any",
        [STRATEGY_ID] = "id",
        [STRATEGY_NAME] = "name",
    };
    LINE(page, "  %-13s %s", what, words[matcher->strategy]);
    if (matcher->strategy != STRATEGY_ANY)
        LINE(page, " %s", quote(&page->quotes, matcher->pattern));
    LINE(page, "\n");
}

static void describe_env(struct page *page, const struct env_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct env_rule *rule = &rules[i];
        const char *name = rule->in_parts ? quote(&page->quotes, rule->all.pattern)
                                          : quote_name(&page->quotes, rule->all.pattern);
        bool regex = rule->all.strategy == STRATEGY_RE2;
        LINE(page, "  variable      %s%s%s\n", name, regex ? ", regex" : "",
             rule->required ? ", required" : "");
    }
}

static void describe_mounts(struct page *page, const struct mount_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        LINE(page, "  mount         %s from %s:", quote(&page->quotes, rules[i].destination),
             quote(&page->quotes, rules[i].source));
        describe_words(page, rules[i].options);
    }
}

static void describe_signals(struct page *page, const struct policy_container *container)
{
    LINE(page, "  signals      ");
    for (size_t i = 0; i < container->signal_count; i++)
        LINE(page, " %u", container->signals[i]);
    LINE(page, "\n");
}

/* "|" outside of any group or class. */
static bool has_loose_alternation(const char *pattern)
{
    int depth = 0;
    for (const char *at = pattern; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '(' || *at == '[')
            depth++;
        else if (*at == ')' || *at == ']')
            depth--;
        else if (*at == '|' && depth == 0)
            return true;
    }
    return false;
}

static void describe_regex(struct page *page, const char *where, const struct matcher *matcher)
{
    if (matcher->strategy != STRATEGY_RE2)
        return;
    if (regex_problem(matcher->regex))
        LINE(page, "  WEAK          %s matches nothing: the regex %s\n", where,
             regex_problem(matcher->regex));
    else if (has_loose_alternation(matcher->pattern))
        LINE(page,
             "  WEAK          %s has \"|\": ACI matches its parts unanchored, Caisson whole\n",
             where);
}

/* A shell without words reads its commands from whoever started it. */
static bool is_shell(struct policy_list command)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ash", "zsh", "ksh"};
    if (command.count != 1)
        return false;
    const char *slash = strrchr(command.items[0], '/');
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(slash ? slash + 1 : command.items[0], shells[i]) == 0)
            return true;
    }
    return false;
}

static void describe_weak(struct page *page, const struct policy_container *container)
{
    if (container->allow_elevated)
        LINE(page, "  WEAK          may run privileged\n");
    if (!container->has_command)
        LINE(page, "  WEAK          has no command, so that it can never start\n");
    if (container->user.user.strategy == STRATEGY_ANY)
        LINE(page, "  WEAK          any user may be chosen by the host, root included\n");
    for (size_t i = 0; i < container->exec_count; i++) {
        if (is_shell(container->exec[i].command))
            LINE(page,
                 "  WEAK          a shell may be executed: the host can run anything by it\n");
    }
    for (size_t i = 0; i < container->env_rule_count; i++) {
        describe_regex(page, "a variable's rule", &container->env_rules[i].all);
        describe_regex(page, "a variable's rule", &container->env_rules[i].value);
    }
    describe_regex(page, "the user's rule", &container->user.user);
    for (size_t i = 0; i < container->user.group_count; i++)
        describe_regex(page, "a group's rule", &container->user.groups[i]);
}

static void describe_settings(struct page *page, const struct policy_container *container)
{
    if (container->read_only_root)
        LINE(page, "  root          read-only\n");
    for (size_t i = 0; i < container->rlimits.count; i++)
        LINE(page, "  limit         %s\n", quote(&page->quotes, container->rlimits.items[i]));
    for (size_t i = 0; i < container->sysctls.count; i++)
        LINE(page, "  sysctl        %s\n", quote(&page->quotes, container->sysctls.items[i]));
}

static void describe_container(struct page *page, const struct policy_container *container)
{
    LINE(page, "container #%zu %s\n  command      ", container->index,
         quote(&page->quotes, container->name));
    describe_words(page, container->command);
    LINE(page, "  working dir   %s\n", quote(&page->quotes, container->working_dir));
    describe_matcher(page, "user", &container->user.user);
    for (size_t i = 0; i < container->user.group_count; i++)
        describe_matcher(page, "group", &container->user.groups[i]);
    LINE(page, "  layers        %zu\n", container->layers.count);
    if (*container->seccomp_sha256)
        LINE(page, "  seccomp       the profile with the digest %s\n",
             quote(&page->quotes, container->seccomp_sha256));
    describe_settings(page, container);
    describe_env(page, container->env_rules, container->env_rule_count);
    describe_mounts(page, container->mounts, container->mount_count);
    for (size_t i = 0; i < container->exec_count; i++) {
        LINE(page, "  exec         ");
        describe_words(page, container->exec[i].command);
    }
    describe_signals(page, container);
    LINE(page, "  stdio         %s\n", container->stdio ? "leaves the machine" : "stays inside");
    describe_weak(page, container);
}

/* The names of what a row gives: values are not for summaries. */
static void describe_parameters(struct page *page, const char *text)
{
    struct value object;
    struct arena arena = {.limit = REGO_MEMORY_MAX};
    page->failed = page->failed || value_read_object(span_of_text(text), REGO_DEPTH_MAX, &arena,
                                                     &object, page->err) < 0;
    for (const struct value *each = page->failed ? NULL : object.first; each; each = each->next)
        LINE(page, "  parameter     %s\n", quote(&page->quotes, each->key));
    arena_fini(&arena);
}

/* Whoever signs may add these: a row is as strong as the signer's key. */
static void describe_fragment(struct page *page, const struct fragment_rule *rule)
{
    static const struct {
        unsigned int include;
        const char *name;
    } parts[] = {{INCLUDE_CONTAINERS, "containers"},
                 {INCLUDE_FRAGMENTS, "further fragments"},
                 {INCLUDE_EXTERNALS, "processes in the guest"},
                 {INCLUDE_PLATFORM, "rules for all containers"},
                 {INCLUDE_NAMESPACE, "its namespace, which nothing here uses"}};
    LINE(page,
         "fragment from %s, feed %s, from svn %s on, may add:", quote(&page->quotes, rule->issuer),
         quote(&page->quotes, rule->feed), quote(&page->quotes, rule->minimum_svn));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (rule->includes & parts[i].include)
            LINE(page, " %s;", parts[i].name);
    }
    LINE(page, "%s\n", rule->includes ? "" : " nothing");
    if (rule->needs_receipts)
        LINE(page, "  WEAK          required_receipts are not verified here: it is never loaded\n");
    if (rule->parameters)
        describe_parameters(page, rule->parameters);
}

static void describe_points(struct page *page, const struct policy *policy)
{
    for (unsigned int i = 0; i < POLICY_POINT_COUNT; i++) {
        if (policy->points[i] == RULE_ALLOW_ALL)
            LINE(page, "WEAK: %s allows EVERYTHING\n", policy_point_name((enum policy_point)i));
    }
    if (policy->allow_unencrypted_scratch)
        LINE(page, "WEAK: scratch space need not be encrypted\n");
    if (policy->allow_dump_stacks || policy->allow_runtime_logging)
        LINE(page, "WEAK: the host may read stacks or logs of the guest\n");
    for (size_t i = 0; i < policy->fragment_count; i++)
        describe_fragment(page, &policy->fragments[i]);
}

static void describe_rows(struct page *page, const struct policy *policy, const char *what,
                          struct policy_rows rows)
{
    for (size_t i = 0; i < rows.count; i++)
        LINE(page, "  %-13s %s\n", what,
             quote(&page->quotes, policy->containers[rows.items[i]].name));
}

static void describe_group(struct page *page, const struct policy *policy)
{
    const struct policy_group *group = &policy->group;
    LINE(page, "group: all of these containers, in this order\n");
    describe_rows(page, policy, "first, alone", group->init);
    describe_rows(page, policy, "sidecar", group->sidecars);
    describe_rows(page, policy, "container", group->containers);
    LINE(page, "  restart       %s\n", policy_restart_names[group->restart]);
    LINE(page, "  shared        network%s%s\n", group->shared_ipc ? ", IPC" : "",
         group->shared_pid ? ", processes" : "");
    for (size_t i = 0; i < group->empty_dir_count; i++)
        LINE(page, "  empty folder  %s%s%s\n", group->empty_dirs[i].name,
             group->empty_dirs[i].memory ? ", in memory" : "",
             group->empty_dirs[i].size ? ", of a limited size" : "");
}

static void describe_secret(struct page *page, const struct policy *policy,
                            const struct policy_secret *secret)
{
    LINE(page, "  secret        %s from %s for %s: ", quote(&page->quotes, secret->resource),
         quote(&page->quotes, policy->attestation.services[secret->service].url),
         quote(&page->quotes, policy->containers[secret->container].name));
    if (secret->variable)
        LINE(page, "variable %s\n", quote(&page->quotes, secret->variable));
    else
        LINE(page, "file %s, mode %03o, owner %u\n", quote(&page->quotes, secret->path),
             secret->mode, secret->owner);
}

static void describe_attestation(struct page *page, const struct policy *policy)
{
    const struct policy_attestation *attestation = &policy->attestation;
    LINE(page, "attestation: the machine proves itself to these services, and to no other\n");
    for (size_t i = 0; i < attestation->service_count; i++)
        LINE(page, "  service       %s\n", quote(&page->quotes, attestation->services[i].url));
    for (size_t i = 0; i < attestation->secret_count; i++)
        describe_secret(page, policy, &attestation->secrets[i]);
    if (attestation->api)
        LINE(page,
             "  asks          every container may get evidence, tokens, keys and resources\n");
}

int policy_describe(const struct policy *policy, struct buf *out, struct error *err)
{
    struct page page = {.out = out, .err = err};
    LINE(&page, "api %s, framework %s\n", *policy->api.text ? policy->api.text : "none",
         *policy->framework.text ? policy->framework.text : "none");
    describe_points(&page, policy);
    for (size_t i = 0; i < policy->container_count; i++)
        describe_container(&page, &policy->containers[i]);
    if (policy->has_group)
        describe_group(&page, policy);
    if (policy->has_attestation)
        describe_attestation(&page, policy);
    for (size_t i = 0; i < policy->external_count; i++) {
        LINE(&page, "in the guest itself:");
        describe_words(&page, policy->externals[i].command);
    }
    return page.failed ? -1 : 0;
}

static void describe_default(struct page *page, const struct value *parameter)
{
    const struct value *value = value_member(parameter, "default");
    LINE(page, "parameter %s, %s", quote(&page->quotes, parameter->key),
         value ? "by default " : "without a default: the policy's row gives it");
    page->failed = page->failed || (value && value_append(value, page->out, page->err) < 0);
    LINE(page, "\n");
}

int policy_describe_parameters(struct span text, struct buf *out, struct error *err)
{
    struct rego_module module;
    struct page page = {.out = out, .err = err};
    struct arena texts = {.limit = REGO_MEMORY_MAX};
    if (rego_read(text, &texts, &module, err) < 0) {
        arena_fini(&texts);
        return -1;
    }
    const struct rego_statement *api = rego_find(&module, "parameters_api");
    const struct value *each = api && api->value.kind == VALUE_OBJECT ? api->value.first : NULL;
    for (; each; each = each->next)
        describe_default(&page, each);
    rego_module_fini(&module);
    arena_fini(&texts);
    return page.failed ? -1 : 0;
}
