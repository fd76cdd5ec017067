#include "template/group.h"

#include <stdlib.h>

int template_groups_init(struct template_groups *groups, struct error *err)
{
    *groups = (struct template_groups){.arena = {.limit = TEMPLATE_ARENA_MAX}};
    groups->documents = json_array();
    return groups->documents ? 0 : error_memory(err);
}

struct template_group *template_add_group(struct template_groups *groups, struct error *err)
{
    if (groups->count == TEMPLATE_GROUPS_MAX) {
        (void)error_set(err, ERROR_LIMIT, "more than %d container groups", TEMPLATE_GROUPS_MAX);
        return NULL;
    }
    struct template_group *grown = reallocarray(groups->groups, groups->count + 1, sizeof *grown);
    if (!grown) {
        (void)error_memory(err);
        return NULL;
    }
    groups->groups = grown;
    grown[groups->count] = (struct template_group){.name = ""};
    return &grown[groups->count++];
}

void template_groups_fini(struct template_groups *groups)
{
    json_decref(groups->documents);
    free(groups->groups);
    arena_fini(&groups->arena);
    *groups = (struct template_groups){0};
}

json_t *template_keep(struct template_groups *groups, json_t *value, struct error *err)
{
    if (!value || json_array_append_new(groups->documents, value) < 0) {
        (void)error_memory(err);
        return NULL;
    }
    return value;
}

static int add_layers(struct policy_draft_container *draft, struct policy_list above,
                      struct arena *arena, struct error *err)
{
    if (above.count == 0)
        return 0;
    const char *const *layers = template_join(draft->layers, above, arena);
    if (!layers)
        return error_memory(err);
    draft->layers = (struct policy_list){layers, draft->layers.count + above.count};
    return 0;
}

static int add_args(struct policy_draft_container *draft, struct policy_list entrypoint,
                    struct policy_list args, struct arena *arena, struct error *err)
{
    if (args.count == 0 || draft->has_command)
        return 0;
    const char *const *items = template_join(entrypoint, args, arena);
    if (!items)
        return error_memory(err);
    draft->command = (struct policy_list){items, entrypoint.count + args.count};
    draft->has_command = true;
    return 0;
}

/* confcom leaves the user open where a group alone is given. */
static int add_image_user(const struct template_container *container,
                          const struct template_image *image, struct policy_draft_container *draft,
                          struct arena *arena, struct error *err)
{
    struct policy_draft_container both;
    if (!container->image_user || draft->user.strategy || !*image->user)
        return 0;
    char *room = arena_take(arena, POLICY_USER_MAX, 1);
    if (!room)
        return error_memory(err);
    if (policy_draft_user(image->user, room, &both, err) < 0)
        return -1;
    draft->user = both.user;
    return 0;
}

/* As a kubelet tells it: by the number alone. */
static int check_non_root(const struct policy_draft_identity *user, struct error *err)
{
    if (!user->strategy)
        return error_set(err, ERROR_REFUSED,
                         "runAsNonRoot: the image names no user, which is root; set runAsUser");
    if (strcmp(user->strategy, "id") != 0)
        return error_set(err, ERROR_REFUSED,
                         "runAsNonRoot: the image's user \"%.64s\" is a name, which does not tell; "
                         "set runAsUser",
                         user->pattern);
    if (user->pattern[strspn(user->pattern, "0")] == '\0')
        return error_set(err, ERROR_REFUSED, "runAsNonRoot: the image's user is root");
    return 0;
}

static int add_image(struct template_groups *groups, const struct template_container *container,
                     const struct template_image *image, struct policy_draft_container *draft,
                     struct error *err)
{
    bool sidecar = template_is_sidecar(container->image);
    struct policy_list entrypoint = {0};
    if (!sidecar)
        entrypoint = image->entrypoint;
    if (add_args(draft, entrypoint, container->args, &groups->arena, err) < 0)
        return -1;
    if (sidecar) {
        template_add_sidecar_image(draft, image);
        return 0;
    }
    if (template_add_image(draft, image, &groups->arena, err) < 0)
        return -1;
    if (add_image_user(container, image, draft, &groups->arena, err) < 0 ||
        (container->non_root && check_non_root(&draft->user, err) < 0))
        return -1;
    draft->has_command = draft->has_command || container->empty_command;
    return add_layers(draft, container->layers_above, &groups->arena, err);
}

static void omit_id(struct policy_draft_container *draft)
{
    if (draft->id && draft->name && strcmp(draft->id, draft->name) == 0)
        draft->name = NULL;
    draft->id = NULL;
}

const struct policy_draft_container *template_drafts(struct template_groups *groups,
                                                     const struct template_group *group,
                                                     const struct template_form *form,
                                                     const struct template_images *images,
                                                     struct error *err)
{
    struct policy_draft_container *drafts = arena_take(&groups->arena, group->container_count,
                                                       sizeof *drafts);
    if (!drafts) {
        (void)error_memory(err);
        return NULL;
    }
    for (size_t i = 0; i < group->container_count; i++) {
        const struct template_container *container = &group->containers[i];
        const struct template_image *image = images->find(images->context, container->image, err);
        drafts[i] = container->draft;
        if (!image || add_image(groups, container, image, &drafts[i], err) < 0) {
            (void)error_context(err, "container \"%.64s\"",
                                container->draft.name ? container->draft.name : container->image);
            return NULL;
        }
        if (form->omit_id)
            omit_id(&drafts[i]);
    }
    return drafts;
}

static size_t count_sidecars(const struct template_group *group)
{
    size_t count = 0;
    for (size_t i = 0; i < group->container_count; i++)
        count += template_is_sidecar(group->containers[i].image);
    return count;
}

int template_policy(struct template_groups *groups, const struct template_group *group,
                    const struct template_form *form, const struct template_images *images,
                    struct buf *out, struct error *err)
{
    struct policy_draft draft = {
        .generation = form->generation,
        .container_count = group->container_count,
        .group = group->word,
        .attestation = form->attestation,
        .fragments = group->fragments,
        .fragment_count = group->fragment_count,
        .own_fragments_first = group->own_fragments_first,
        .pretty = form->pretty,
        .debug = form->debug,
        .disable_stdio = form->disable_stdio,
        .exclude_default_fragments = group->exclude_default_fragments ||
                                     form->exclude_default_fragments,
        .infrastructure_svn = form->infrastructure_svn,
    };
    size_t sidecars = count_sidecars(group);
    draft.containers = template_drafts(groups, group, form, images, err);
    if (!draft.containers)
        return -1;
    /* confcom decides by the first image. */
    draft.infrastructure = sidecars > 0 && template_is_sidecar(group->containers[0].image);
    draft.no_pause = sidecars > 0 && sidecars == group->container_count;
    return policy_generate(&draft, out, err);
}
