#include "cli/group_confine.h"

static json_t *texts_json(struct policy_list list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list.count; i++)
        (void)json_array_append_new(array, json_string(list.items[i]));
    return array;
}

/* Of a container that is not privileged. */
static json_t *capabilities_json(const struct policy_draft_container *draft, struct error *err)
{
    const char *names[POLICY_DRAFT_CAPABILITIES_MAX];
    struct policy_list list;
    if (policy_draft_capabilities(draft, names, &list, err) < 0)
        return NULL;
    json_t *set = texts_json(list);
    return json_pack("{s:O, s:O, s:o, s:[], s:[]}", "bounding", set, "effective", set, "permitted",
                     set, "inheritable", "ambient");
}

static void add_groups(json_t *out, const struct policy_draft_container *draft)
{
    if (draft->group_count == 0)
        return;
    json_t *groups = json_array();
    for (size_t i = 0; i < draft->group_count; i++)
        (void)json_array_append_new(groups, json_string(draft->groups[i].pattern));
    (void)json_object_set_new(out, "groups", groups);
}

/* Without limits the guest need not turn its controllers on. */
static void add_limits(json_t *out, const struct pod_resources *resources)
{
    if (resources->memory_limit == 0 && resources->cpu_limit == 0)
        return;
    json_t *limits = json_object();
    if (resources->memory_limit > 0)
        (void)json_object_set_new(limits, "memory",
                                  json_integer((json_int_t)resources->memory_limit));
    if (resources->cpu_limit > 0)
        (void)json_object_set_new(limits, "cpu", json_integer((json_int_t)resources->cpu_limit));
    (void)json_object_set_new(out, "limits", limits);
}

json_t *group_confine(const struct pod_container *container,
                      const struct template_container *template,
                      const struct policy_draft_container *draft, struct error *err)
{
    if (draft->privileged) {
        (void)error_set(err, ERROR_REFUSED,
                        "privileged: it would hand the container the machine's kernel, which "
                        "guards the policy");
        return NULL;
    }
    json_t *capabilities = capabilities_json(draft, err);
    if (!capabilities)
        return NULL;
    json_t *out = json_pack("{s:o, s:O*}", "capabilities", capabilities, "seccomp",
                            template->seccomp);
    if (!out) {
        (void)error_memory(err);
        return NULL;
    }
    add_groups(out, draft);
    if (draft->sysctls.count > 0)
        (void)json_object_set_new(out, "sysctls", texts_json(draft->sysctls));
    add_limits(out, &container->resources);
    return out;
}
