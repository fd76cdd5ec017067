#include "policy/capabilities.h"
#include "policy/load.h"

/* The order stays sorted, so that each is found by halving. */
static int add_name(struct decoder *decoder, const char *name)
{
    struct policy *policy = policy_of(decoder);
    size_t at = policy->capability_name_count;
    if (policy_capability_bit(policy, name) >= 0)
        return 0;
    if (at == CAPABILITY_NAMES_MAX)
        return error_set(decoder->err, ERROR_LIMIT, "more than %d capability names",
                         CAPABILITY_NAMES_MAX);
    size_t bit = policy->capability_name_count++;
    policy->capability_names[bit] = name;
    for (; at > 0 && strcmp(policy->capability_names[policy->capability_order[at - 1]], name) > 0;
         at--)
        policy->capability_order[at] = policy->capability_order[at - 1];
    policy->capability_order[at] = (uint8_t)bit;
    return 0;
}

/* The bits of these names, which get one where they have none. */
static int add_names(struct decoder *decoder, const char *const *names, size_t count,
                     uint64_t *mask)
{
    for (size_t i = 0; i < count; i++) {
        if (add_name(decoder, names[i]) < 0)
            return -1;
        *mask |= UINT64_C(1) << policy_capability_bit(policy_of(decoder), names[i]);
    }
    return 0;
}

int load_capability_names(struct decoder *decoder)
{
    struct policy *policy = policy_of(decoder);
    if (add_names(decoder, policy_privileged_capability_names, policy_privileged_capability_count,
                  &policy->privileged_capabilities) < 0)
        return -1;
    return add_names(decoder, policy_default_capability_names, policy_default_capability_count,
                     &policy->default_capabilities);
}

/* Null leaves the defaults. */
int load_capabilities(struct decoder *decoder, const struct value *value, const struct field *field,
                      void *out)
{
    struct policy_container *container = out;
    struct policy_capabilities sets = {0};
    container->has_capabilities = value->kind != VALUE_NULL;
    if (!container->has_capabilities)
        return 0;
    if (policy_capabilities_read(decoder, value, field, &sets) < 0)
        return -1;
    for (int i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        struct capability_list *set = &container->capabilities[i];
        set->count = sets.sets[i].count;
        if (add_names(decoder, sets.sets[i].items, set->count, &set->mask) < 0)
            return -1;
    }
    return 0;
}
