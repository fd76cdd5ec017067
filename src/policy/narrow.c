#include "policy/narrow.h"

#include <stdio.h>

/* Whether the process agrees with the container in one thing; where it does not, and `explain` is
 * given, the denial says so. */
typedef bool check(struct asker *asker, const struct policy_container *container, bool explain);

const char *container_label(struct asker *asker, const struct policy_container *container)
{
    char *out = asker->quotes.text[asker->quotes.next++ % 8];
    const size_t size = sizeof asker->quotes.text[0];
    if (container->external)
        (void)snprintf(out, size, "external process #%zu", container->index);
    else if (container->name[0])
        (void)snprintf(out, size, "container %.74s", quote(&asker->quotes, container->name));
    else
        (void)snprintf(out, size, "container #%zu", container->index);
    return out;
}

static bool ok_no_new_privileges(struct asker *asker, const struct policy_container *container,
                                 bool explain)
{
    return !container->no_new_privileges || asker->process->no_new_privileges ||
           (explain && deny(asker->decision, "no_new_privileges is off, %s wants it on",
                            container_label(asker, container)));
}

static bool explain_group(struct asker *asker, const struct policy_container *container)
{
    const struct user_rule *rule = &container->user;
    for (size_t i = 0; i < asker->process->group_count; i++) {
        const struct policy_identity *group = &asker->process->groups[i];
        bool found = false;
        for (size_t j = 0; j < rule->group_count && !found; j++)
            found = match_identity(&rule->groups[j], group, asker->state->regex);
        if (!found)
            return deny(asker->decision, "group %s (id %s) is in none of group_idnames of %s",
                        quote(&asker->quotes, group->name), quote(&asker->quotes, group->id),
                        container_label(asker, container));
    }
    return deny(asker->decision, "the user disagrees with %s", container_label(asker, container));
}

static bool explain_user(struct asker *asker, const struct policy_container *container)
{
    const struct policy_process *process = asker->process;
    const struct user_rule *rule = &container->user;
    if (strcmp(rule->umask, process->umask) != 0)
        return deny(asker->decision, "umask is %s, the policy has %s (%s)",
                    quote(&asker->quotes, process->umask), quote(&asker->quotes, rule->umask),
                    container_label(asker, container));
    if (!match_identity(&rule->user, &process->user, asker->state->regex))
        return deny(asker->decision, "user is %s (id %s), the policy has %s (%s)",
                    quote(&asker->quotes, process->user.name),
                    quote(&asker->quotes, process->user.id),
                    quote(&asker->quotes, rule->user.pattern), container_label(asker, container));
    return explain_group(asker, container);
}

static bool ok_user(struct asker *asker, const struct policy_container *container, bool explain)
{
    return match_user(&container->user, asker->process, asker->state->regex) ||
           (explain && explain_user(asker, container));
}

static bool ok_privileged(struct asker *asker, const struct policy_container *container,
                          bool explain)
{
    return !asker->process->privileged || container->allow_elevated ||
           (explain && deny(asker->decision, "privileged is on, %s has allow_elevated off",
                            container_label(asker, container)));
}

static bool ok_cwd(struct asker *asker, const struct policy_container *container, bool explain)
{
    return strcmp(container->working_dir, asker->process->cwd) == 0 ||
           (explain &&
            deny(asker->decision, "cwd is %s, the policy has %s (%s)",
                 quote(&asker->quotes, asker->process->cwd),
                 quote(&asker->quotes, container->working_dir), container_label(asker, container)));
}

static bool explain_list(struct asker *asker, struct policy_list rule,
                         const struct policy_container *container)
{
    struct policy_list args = asker->process->args;
    size_t i = 0;
    while (i < rule.count && i < args.count && strcmp(rule.items[i], args.items[i]) == 0)
        i++;
    if (i < rule.count && i < args.count)
        return deny(asker->decision, "argv[%zu] is %s, the policy has %s (%s)", i,
                    quote(&asker->quotes, args.items[i]), quote(&asker->quotes, rule.items[i]),
                    container_label(asker, container));
    if (i < args.count)
        return deny(asker->decision, "argv[%zu] is %s, the policy has only %zu arguments (%s)", i,
                    quote(&asker->quotes, args.items[i]), rule.count,
                    container_label(asker, container));
    return deny(asker->decision, "argv has %zu arguments, the policy has %zu; %s is missing (%s)",
                args.count, rule.count, quote(&asker->quotes, rule.items[i]),
                container_label(asker, container));
}

static bool ok_command(struct asker *asker, const struct policy_container *container, bool explain)
{
    if (container->has_command && match_list(container->command, asker->process->args))
        return true;
    if (explain && !container->has_command)
        return deny(asker->decision, "%s has the command null, which nothing equals",
                    container_label(asker, container));
    return explain && explain_list(asker, container->command, container);
}

static const struct mount_rule *rule_of_destination(const struct policy_container *container,
                                                    const char *destination)
{
    for (size_t i = 0; i < container->mount_count; i++) {
        if (strcmp(container->mounts[i].destination, destination) == 0)
            return &container->mounts[i];
    }
    return NULL;
}

static bool explain_mount(struct asker *asker, const struct policy_container *container,
                          const struct policy_mount *mount)
{
    const struct mount_rule *rule = rule_of_destination(container, mount->destination);
    if (!rule)
        return deny(asker->decision, "mount on %s from %s is not in the policy (%s)",
                    quote(&asker->quotes, mount->destination), quote(&asker->quotes, mount->source),
                    container_label(asker, container));
    if (strcmp(rule->type, mount->type) != 0)
        return deny(asker->decision, "mount on %s has the type %s, the policy has %s (%s)",
                    quote(&asker->quotes, mount->destination), quote(&asker->quotes, mount->type),
                    quote(&asker->quotes, rule->type), container_label(asker, container));
    return deny(asker->decision,
                "mount on %s: source %s or its options disagree with the policy's %s (%s)",
                quote(&asker->quotes, mount->destination), quote(&asker->quotes, mount->source),
                quote(&asker->quotes, rule->source), container_label(asker, container));
}

static bool ok_mounts(struct asker *asker, const struct policy_container *container, bool explain)
{
    for (size_t i = 0; i < asker->process->mount_count; i++) {
        const struct policy_mount *mount = &asker->process->mounts[i];
        if (!match_any_mount(asker->state, asker->process, container, mount))
            return explain && explain_mount(asker, container, mount);
    }
    return true;
}

static bool ok_seccomp(struct asker *asker, const struct policy_container *container, bool explain)
{
    return strcmp(container->seccomp_sha256, asker->process->seccomp_sha256) == 0 ||
           (explain && deny(asker->decision, "seccomp profile is %s, the policy has %s (%s)",
                            quote(&asker->quotes, asker->process->seccomp_sha256),
                            quote(&asker->quotes, container->seccomp_sha256),
                            container_label(asker, container)));
}

static bool ok_read_only_root(struct asker *asker, const struct policy_container *container,
                              bool explain)
{
    return !container->read_only_root || asker->process->read_only_root ||
           (explain && deny(asker->decision, "the root is writable, %s wants it read-only",
                            container_label(asker, container)));
}

/* All of the policy's and no others: one that is left out may matter as much as one more. */
static bool ok_settings(struct asker *asker, const struct policy_container *container, bool explain)
{
    const struct policy_process *process = asker->process;
    const struct {
        const char *what, *why;
        struct policy_list list, other;
    } sides[] = {{"rlimit", "is not in the policy", process->rlimits, container->rlimits},
                 {"rlimit", "of the policy is missing", container->rlimits, process->rlimits},
                 {"sysctl", "is not in the policy", process->sysctls, container->sysctls},
                 {"sysctl", "of the policy is missing", container->sysctls, process->sysctls}};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        const char *lacking = match_find_lacking(sides[i].list, sides[i].other);
        if (lacking)
            return explain && deny(asker->decision, "%s %s %s (%s)", sides[i].what,
                                   quote(&asker->quotes, lacking), sides[i].why,
                                   container_label(asker, container));
    }
    return true;
}

static bool ok_exec(struct asker *asker, const struct policy_container *container, bool explain)
{
    struct policy_list args = asker->process->args;
    for (size_t i = 0; i < container->exec_count; i++) {
        if (match_list(container->exec[i].command, args))
            return true;
    }
    if (explain && container->exec_count == 1)
        return explain_list(asker, container->exec[0].command, container);
    return explain &&
           deny(asker->decision, "%s with %zu arguments is none of the %zu exec_processes of %s",
                quote(&asker->quotes, args.count ? args.items[0] : ""), args.count,
                container->exec_count, container_label(asker, container));
}

/* Keeps the candidates that pass every check. Where none does, the one that came furthest explains.
 */
static bool narrow(struct asker *asker, check *const *checks, size_t count)
{
    const struct policy_container **candidates = asker->state->candidates;
    const struct policy_container *nearest = NULL;
    size_t furthest = 0;
    size_t kept = 0;
    for (size_t i = 0; i < asker->count; i++) {
        const struct policy_container *container = candidates[i];
        size_t passed = 0;
        while (passed < count && checks[passed](asker, container, false))
            passed++;
        if (passed == count)
            candidates[kept++] = container;
        else if (!nearest || passed > furthest)
            nearest = container;
        furthest = nearest == container && passed < count ? passed : furthest;
    }
    asker->count = kept;
    return kept > 0 || !nearest ? kept > 0 : checks[furthest](asker, nearest, true);
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

bool narrow_to_create(struct asker *asker)
{
    static check *const checks[] = {
        ok_no_new_privileges, ok_user,           ok_privileged, ok_cwd, ok_command, ok_mounts,
        ok_seccomp,           ok_read_only_root, ok_settings};
    return narrow(asker, checks, COUNT_OF(checks));
}

bool narrow_to_exec(struct asker *asker)
{
    static check *const checks[] = {ok_cwd, ok_no_new_privileges, ok_user, ok_exec};
    return narrow(asker, checks, COUNT_OF(checks));
}

bool narrow_to_external(struct asker *asker)
{
    static check *const checks[] = {ok_cwd, ok_command};
    return narrow(asker, checks, COUNT_OF(checks));
}

bool narrow_by_stdio(struct asker *asker)
{
    const struct policy_container **candidates = asker->state->candidates;
    for (size_t i = 1; i < asker->count; i++) {
        if (candidates[i]->stdio != candidates[0]->stdio)
            return deny(asker->decision, "%s and %s differ only in allow_stdio_access",
                        container_label(asker, candidates[0]),
                        container_label(asker, candidates[i]));
    }
    asker->decision->stdio = candidates[0]->stdio;
    return true;
}
