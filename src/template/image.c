#include "template/image.h"

const char *const *template_join(struct policy_list a, struct policy_list b, struct arena *arena)
{
    const char **items = arena_take(arena, a.count + b.count, sizeof *items);
    if (!items)
        return NULL;
    if (a.count > 0)
        memcpy((void *)items, (const void *)a.items, a.count * sizeof *items);
    if (b.count > 0)
        memcpy((void *)(items + a.count), (const void *)b.items, b.count * sizeof *items);
    return items;
}

static int add_command(struct policy_draft_container *draft, const struct template_image *image,
                       struct arena *arena, struct error *err)
{
    if (draft->has_command && draft->command.count > 0)
        return 0;
    size_t count = image->entrypoint.count + image->cmd.count;
    const char *const *items = template_join(image->entrypoint, image->cmd, arena);
    if (!items)
        return error_memory(err);
    draft->command = (struct policy_list){items, count};
    draft->has_command = count > 0;
    return 0;
}

static int add_user(struct policy_draft_container *draft, const struct template_image *image,
                    struct arena *arena, struct error *err)
{
    if (draft->user.strategy || draft->group.strategy || !*image->user)
        return 0;
    char *room = arena_take(arena, POLICY_USER_MAX, 1);
    return room ? policy_draft_user(image->user, room, draft, err) : error_memory(err);
}

static void add_folder(struct policy_draft_container *draft, const struct template_image *image)
{
    if (!draft->working_dir || !*draft->working_dir)
        draft->working_dir = image->working_dir;
}

int template_add_image(struct policy_draft_container *draft, const struct template_image *image,
                       struct arena *arena, struct error *err)
{
    if (add_command(draft, image, arena, err) < 0 || add_user(draft, image, arena, err) < 0)
        return -1;
    add_folder(draft, image);
    draft->image_env = image->env;
    draft->layers = image->layers;
    draft->stop_signal = image->stop_signal;
    return 0;
}

void template_add_sidecar_image(struct policy_draft_container *draft,
                                const struct template_image *image)
{
    add_folder(draft, image);
    draft->platform = POLICY_PLATFORM_NONE;
    draft->layers = image->layers;
    draft->stop_signal = "";
    draft->has_command = true; /* confcom writes [] for these, not null */
}

bool template_is_sidecar(const char *reference)
{
    static const char *const names[] = {
        "mcr.microsoft.com/aci/msi-atlas-adapter",
        "mcr.microsoft.com/aci/atlas-mount-azure-file-volume",
        "mcr.microsoft.com/aci/atlas-mount-secrets-volume",
        "mcr.microsoft.com/aci/atlas-netstats",
        "mcr.microsoft.com/aci/atlas-mount-resolv-conf",
        "mcr.microsoft.com/aci/atlas-mount-gitrepo-volume",
        "mcr.microsoft.com/aci/sc-proxy",
        "mcr.microsoft.com/aci/vk-metrics-sidecar",
        "mcr.microsoft.com/aci/configmaps-adapter-linux",
        "k8s.gcr.io/pause",
    };
    size_t size = strcspn(reference, ":");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == size && strncmp(names[i], reference, size) == 0)
            return true;
    }
    return false;
}
