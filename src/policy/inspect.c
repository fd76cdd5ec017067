/* What a policy says, for tools: the guest decides by it and asks none of this, and does not link
 * it. */
#include "policy/load.h"
#include "policy/state.h"

int policy_parse_fragment(struct span text, const char *parameters, struct policy **out,
                          struct error *err)
{
    static const struct policy none;
    const struct load_fragment how = {&none, parameters};
    struct error own = {0};
    struct error *report = err ? err : &own;
    return load_text_of_fragment(text, &how, out, report) < 0 ? error_context(report, "fragment")
                                                              : 0;
}

bool policy_allows_all(const struct policy *policy)
{
    for (size_t i = 0; i < POLICY_POINT_COUNT; i++) {
        if (policy->points[i] == RULE_ALLOW_ALL)
            return true;
    }
    return false;
}

const char *policy_api_version(const struct policy *policy)
{
    return policy->api.text;
}

const char *policy_svn(const struct policy *policy)
{
    return policy->svn_text;
}

const char *policy_framework_version(const struct policy *policy)
{
    return policy->framework.text;
}

size_t policy_container_count(const struct policy *policy)
{
    return policy->container_count;
}

const struct policy_container *policy_container_at(const struct policy *policy, size_t index)
{
    return &policy->containers[index];
}

const char *policy_container_name(const struct policy_container *container)
{
    return container->name;
}

struct policy_list policy_container_command(const struct policy_container *container)
{
    return container->command;
}

struct policy_list policy_container_layers(const struct policy_container *container)
{
    return container->layers;
}

const char *policy_container_working_dir(const struct policy_container *container)
{
    return container->working_dir;
}

bool policy_container_stdio(const struct policy_container *container)
{
    return container->stdio;
}

bool policy_container_elevated(const struct policy_container *container)
{
    return container->allow_elevated;
}

bool policy_container_no_new_privileges(const struct policy_container *container)
{
    return container->no_new_privileges;
}
