#include "policy/capabilities.h"
#include "policy/load.h"

/* The order stays sorted, so that each is found by halving. */
static int add_name(struct loader *loader, const char *name)
{
    struct policy *policy = loader->policy;
    size_t at = policy->capability_name_count;
    if (policy_capability_bit(policy, name) >= 0)
        return 0;
    if (at == CAPABILITY_NAMES_MAX)
        return error_set(loader->err, ERROR_LIMIT, "more than %d capability names",
                         CAPABILITY_NAMES_MAX);
    const char *copy = arena_text(&policy->arena, name);
    if (!copy)
        return error_memory(loader->err);
    size_t bit = policy->capability_name_count++;
    policy->capability_names[bit] = copy;
    for (; at > 0 && strcmp(policy->capability_names[policy->capability_order[at - 1]], copy) > 0;
         at--)
        policy->capability_order[at] = policy->capability_order[at - 1];
    policy->capability_order[at] = (uint8_t)bit;
    return 0;
}

static int add_list(struct loader *loader, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name;
        if (json_text_at(list, i, "capabilities", &name, loader->err) < 0 ||
            add_name(loader, name) < 0)
            return -1;
    }
    return 0;
}

static int add_container(struct loader *loader, const json_t *container)
{
    const json_t *sets = json_object_get(container, "capabilities");
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (add_list(loader, json_object_get(sets, policy_capability_set_names[i])) < 0)
            return -1;
    }
    return 0;
}

static uint64_t mask_of(const struct policy *policy, const char *const *names, size_t count)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i++)
        mask |= UINT64_C(1) << policy_capability_bit(policy, names[i]);
    return mask;
}

int load_capability_names(struct loader *loader, const json_t *containers)
{
    struct policy *policy = loader->policy;
    for (size_t i = 0; i < policy_privileged_capability_count; i++) {
        if (add_name(loader, policy_privileged_capability_names[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < json_array_size(containers); i++) {
        if (add_container(loader, json_array_get(containers, i)) < 0)
            return -1;
    }
    policy->default_capabilities = mask_of(policy, policy_default_capability_names,
                                           policy_default_capability_count);
    policy->privileged_capabilities = mask_of(policy, policy_privileged_capability_names,
                                              policy_privileged_capability_count);
    return 0;
}

int load_capabilities(struct loader *loader, const json_t *object, struct policy_container *out)
{
    static const char *const known[] = {"bounding",  "effective", "inheritable",
                                        "permitted", "ambient",   NULL};
    json_t *sets;
    out->has_capabilities = !json_is_null(json_object_get(object, "capabilities"));
    if (!out->has_capabilities)
        return 0;
    if (json_get_object(object, "capabilities", &sets, loader->err) < 0)
        return -1;
    if (json_check_keys(sets, known, loader->err) < 0)
        return error_context(loader->err, "capabilities");
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        json_t *list;
        struct capability_list *set = &out->capabilities[i];
        if (json_get_array(sets, policy_capability_set_names[i], &list, loader->err) < 0)
            return error_context(loader->err, "capabilities");
        set->count = json_array_size(list);
        for (size_t j = 0; j < set->count; j++) {
            const char *name = json_string_value(json_array_get(list, j));
            set->mask |= UINT64_C(1) << policy_capability_bit(loader->policy, name);
        }
    }
    return 0;
}
