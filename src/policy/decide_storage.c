/* Points about devices, overlays, scratch space and plan9 mounts. */
#include <stdlib.h>

#include "base/text.h"
#include "policy/decide.h"

static bool is_hash(const char *text)
{
    return strspn(text, "0123456789abcdef") == 64 && text[64] == '\0';
}

/* /run/mounts/scsi/m[0-9]+ */
static bool is_device_target(const char *target)
{
    static const char prefix[] = "/run/mounts/scsi/m";
    if (!text_starts_with(target, prefix))
        return false;
    const char *digits = target + sizeof prefix - 1;
    size_t size = strspn(digits, "0123456789");
    return size >= 1 && size <= 9 && digits[size] == '\0';
}

/* /run/gcs/c/[0-9a-fA-F]{64} */
static bool is_scratch_target(const char *target)
{
    static const char prefix[] = "/run/gcs/c/";
    if (!text_starts_with(target, prefix))
        return false;
    const char *id = target + sizeof prefix - 1;
    return strspn(id, "0123456789abcdefABCDEF") == 64 && id[64] == '\0';
}

/* The container that has this hash as a layer. */
static bool module_has_layer(const struct policy *policy, const char *root_hash)
{
    for (size_t i = 0; policy && i < policy->container_count; i++) {
        struct policy_list layers = policy->containers[i].layers;
        for (size_t j = 0; j < layers.count; j++) {
            if (strcmp(layers.items[j], root_hash) == 0)
                return true;
        }
    }
    return false;
}

static bool has_layer(const struct policy_state *state, const char *root_hash)
{
    for (size_t i = 0; i <= state->fragment_count; i++) {
        if (module_has_layer(state_module(state, i, INCLUDE_CONTAINERS), root_hash))
            return true;
    }
    return false;
}

static bool add_device(struct policy_state *state, const char *target, const char *root_hash,
                       struct policy_decision *decision)
{
    if (state->device_count == STATE_ROWS_MAX)
        return deny(decision, "%d devices are mounted already", STATE_ROWS_MAX);
    struct device device = {.target = strdup(target),
                            .root_hash = root_hash ? strdup(root_hash) : NULL};
    if (!device.target || (root_hash && !device.root_hash)) {
        free(device.target);
        free(device.root_hash);
        return deny(decision, "no memory is left");
    }
    state->devices[state->device_count++] = device;
    return allow(decision);
}

bool policy_mount_device(struct policy_state *state, const char *target, const char *root_hash,
                         struct policy_decision *decision)
{
    struct quotes quotes = {0};
    enum answer answer = decision_start(state, POLICY_MOUNT_DEVICE, decision);
    if (answer == ANSWER_DENY)
        return false;
    if (!is_device_target(target))
        return deny(decision, "target %s is not /run/mounts/scsi/m<number>",
                    quote(&quotes, target));
    if (!is_hash(root_hash))
        return deny(decision, "root hash %s is not 64 lower-case hex digits",
                    quote(&quotes, root_hash));
    if (state_find_device(state, target))
        return deny(decision, "a device is mounted at %s already", quote(&quotes, target));
    if (answer == ANSWER_DECIDE && !has_layer(state, root_hash))
        return deny(decision, "root hash %s is no layer of any container of the policy",
                    quote(&quotes, root_hash));
    return add_device(state, target, root_hash, decision);
}

/* `layers` topmost first against the policy's, base first. Returns how many agree from the base up.
 */
static size_t agreeing_layers(struct policy_state *state, struct policy_list rule,
                              struct policy_list layers)
{
    size_t agreed = 0;
    while (agreed < rule.count && agreed < layers.count) {
        const struct device *device = state_find_device(state,
                                                        layers.items[layers.count - 1 - agreed]);
        if (!device || !device->root_hash || strcmp(device->root_hash, rule.items[agreed]) != 0)
            break;
        agreed++;
    }
    return agreed;
}

/* Adds the containers of a module (or NULL) that have these layers to the `count` candidates. */
static size_t add_matches(struct policy_state *state, const struct policy *policy,
                          struct policy_list layers, size_t count,
                          const struct policy_container **nearest, size_t *furthest)
{
    for (size_t i = 0; policy && i < policy->container_count; i++) {
        const struct policy_container *container = &policy->containers[i];
        size_t agreed = agreeing_layers(state, container->layers, layers);
        if (agreed == container->layers.count && agreed == layers.count)
            state->candidates[count++] = container;
        if (!*nearest || agreed > *furthest) {
            *nearest = container;
            *furthest = agreed;
        }
    }
    return count;
}

/* Collects the containers with these layers; *nearest agrees with the most. */
static size_t find_matches(struct policy_state *state, struct policy_list layers,
                           const struct policy_container **nearest, size_t *furthest)
{
    const struct policy *policy = state->policy;
    size_t count = 0;
    *nearest = NULL;
    *furthest = 0;
    /* A framework newer than this one may mean other things by the same words. */
    if (!policy->has_framework || version_compare(policy->framework, POLICY_FRAMEWORK) > 0)
        return 0;
    for (size_t i = 0; i <= state->fragment_count; i++)
        count = add_matches(state, state_module(state, i, INCLUDE_CONTAINERS), layers, count,
                            nearest, furthest);
    return count;
}

static bool explain_overlay(struct policy_state *state, struct policy_list layers,
                            const struct policy_container *nearest, size_t agreed,
                            struct policy_decision *decision)
{
    struct quotes quotes = {0};
    const struct policy *policy = state->policy;
    if (!policy->has_framework)
        return deny(decision, "the policy has no framework_version");
    if (!nearest)
        return deny(decision, "the policy's framework_version %s has no container for this guest",
                    policy->framework_text);
    if (agreed == nearest->layers.count || agreed == layers.count)
        return deny(decision, "%zu layers are given, the nearest container %s has %zu",
                    layers.count, quote(&quotes, nearest->name), nearest->layers.count);
    const char *target = layers.items[layers.count - 1 - agreed];
    const struct device *device = state_find_device(state, target);
    if (!device)
        return deny(decision, "layer %zu from the base: no device is mounted at %s", agreed,
                    quote(&quotes, target));
    return deny(decision, "layer %zu from the base is %s, the policy has %s (container %s)", agreed,
                quote(&quotes, device->root_hash ? device->root_hash : "writable"),
                quote(&quotes, nearest->layers.items[agreed]), quote(&quotes, nearest->name));
}

/* Copies what the overlay is made of; on failure nothing is left. */
static int copy_overlay(struct live_container *out, struct policy_list layers, const char *target,
                        const struct policy_state *state, size_t matches)
{
    out->target = strdup(target);
    out->layers = calloc(layers.count + 1, sizeof *out->layers);
    out->matches = calloc(matches + 1, sizeof(const struct policy_container *));
    bool good = out->target && out->layers && out->matches;
    for (size_t i = 0; good && i < layers.count; i++) {
        out->layers[out->layer_count] = strdup(layers.items[i]);
        good = out->layers[out->layer_count++] != NULL;
    }
    if (good) {
        memcpy((void *)out->matches, (const void *)state->candidates,
               matches * sizeof *out->matches);
        out->match_count = matches;
        return 0;
    }
    state_clear_overlay(out);
    state_clear_matches(out);
    return -1;
}

static bool add_overlay(struct policy_state *state, const char *container_id,
                        struct policy_list layers, const char *target, size_t matches,
                        struct policy_decision *decision)
{
    struct live_container fresh = {.id = strdup(container_id)};
    if (!fresh.id || copy_overlay(&fresh, layers, target, state, matches) < 0) {
        free(fresh.id);
        return deny(decision, "no memory is left");
    }
    state->containers[state->container_count++] = fresh;
    return allow(decision);
}

bool policy_mount_overlay(struct policy_state *state, const char *container_id,
                          struct policy_list layers, const char *target,
                          struct policy_decision *decision)
{
    struct quotes quotes = {0};
    const struct policy_container *nearest;
    size_t furthest;
    enum answer answer = decision_start(state, POLICY_MOUNT_OVERLAY, decision);
    if (answer == ANSWER_DENY)
        return false;
    if (!state_good_id(container_id))
        return deny(decision, "container id %s is not 1 to 64 characters of [a-zA-Z0-9_.-]",
                    quote(&quotes, container_id));
    if (strlen(target) > STATE_TEXT_MAX || layers.count > STATE_ROWS_MAX)
        return deny(decision, "the target or the list of layers is too long");
    if (state_find_container(state, container_id))
        return deny(decision, "container id %s has been used already",
                    quote(&quotes, container_id));
    if (state->container_count == STATE_ROWS_MAX)
        return deny(decision, "%d container ids have been used", STATE_ROWS_MAX);
    if (state_find_overlay(state, target))
        return deny(decision, "an overlay is mounted at %s already", quote(&quotes, target));
    size_t count = find_matches(state, layers, &nearest, &furthest);
    if (count == 0 && answer == ANSWER_DECIDE)
        return explain_overlay(state, layers, nearest, furthest, decision);
    decision->container = count > 0 ? state->candidates[0] : NULL;
    return add_overlay(state, container_id, layers, target, count, decision);
}

static bool unmount_device(struct policy_state *state, const char *target, enum answer answer,
                           struct policy_decision *decision)
{
    struct quotes quotes = {0};
    bool wants_writable = decision->point == POLICY_RW_UNMOUNT_DEVICE;
    struct device *device = state_find_device(state, target);
    const struct live_container *user = state_device_user(state, target);
    if (user)
        return deny(decision, "the device at %s is a layer of container %s, whose root is mounted",
                    quote(&quotes, target), quote(&quotes, user->id));
    if (!device)
        return answer == ANSWER_ALLOW
                   ? allow(decision)
                   : deny(decision, "no device is mounted at %s", quote(&quotes, target));
    if (wants_writable != !device->root_hash)
        return deny(decision, "the device at %s is %s", quote(&quotes, target),
                    device->root_hash ? "read-only" : "writable");
    state_remove_device(state, device);
    return allow(decision);
}

/* Once its root is gone a container that was not started can never be: nothing is below it. */
static bool unmount_overlay(struct policy_state *state, const char *target, enum answer answer,
                            struct policy_decision *decision)
{
    struct quotes quotes = {0};
    struct live_container *container = state_find_overlay(state, target);
    if (!container)
        return answer == ANSWER_ALLOW
                   ? allow(decision)
                   : deny(decision, "no overlay is mounted at %s", quote(&quotes, target));
    if (container->started && container->matches)
        return deny(decision, "container %s at %s has not been shut down",
                    quote(&quotes, container->id), quote(&quotes, target));
    state_clear_overlay(container);
    if (container->matches)
        container->match_count = 0;
    return allow(decision);
}

static size_t find_scratch(const struct policy_state *state, const char *target)
{
    size_t i = 0;
    while (i < state->scratch_count && strcmp(state->scratches[i], target) != 0)
        i++;
    return i;
}

void policy_forget_scratch(struct policy_state *state, const char *target)
{
    size_t at = find_scratch(state, target);
    if (at == state->scratch_count)
        return;
    free(state->scratches[at]);
    state->scratches[at] = state->scratches[--state->scratch_count];
}

static bool unmount_scratch(struct policy_state *state, const char *target, enum answer answer,
                            struct policy_decision *decision)
{
    struct quotes quotes = {0};
    if (find_scratch(state, target) == state->scratch_count)
        return answer == ANSWER_ALLOW
                   ? allow(decision)
                   : deny(decision, "no scratch space is mounted at %s", quote(&quotes, target));
    policy_forget_scratch(state, target);
    return allow(decision);
}

static struct plan9_mount *find_plan9(struct policy_state *state, const char *target)
{
    for (size_t i = 0; i < state->plan9_count; i++) {
        if (strcmp(state->plan9s[i].target, target) == 0)
            return &state->plan9s[i];
    }
    return NULL;
}

/* /run/gcs/c/<id>/mounts/m[0-9]+ of a container that has an overlay; its id, or NULL. */
static const char *plan9_container(const struct policy_state *state, const char *target)
{
    static const char prefix[] = "/run/gcs/c/";
    if (!text_starts_with(target, prefix))
        return NULL;
    for (size_t i = 0; i < state->container_count; i++) {
        const struct live_container *container = &state->containers[i];
        const char *rest = target + sizeof prefix - 1;
        if (!container->matches || !text_starts_with(rest, container->id))
            continue;
        rest += strlen(container->id);
        if (!text_starts_with(rest, "/mounts/m"))
            continue;
        rest += strlen("/mounts/m");
        if (*rest && rest[strspn(rest, "0123456789")] == '\0')
            return container->id;
    }
    return NULL;
}

static bool mount_plan9(struct policy_state *state, const char *target, enum answer answer,
                        struct policy_decision *decision)
{
    struct quotes quotes = {0};
    const char *id = plan9_container(state, target);
    if (answer == ANSWER_ALLOW && (!id || find_plan9(state, target)))
        return allow(decision);
    if (find_plan9(state, target))
        return deny(decision, "%s is mounted already", quote(&quotes, target));
    if (!id)
        return deny(decision, "%s is not /run/gcs/c/<container>/mounts/m<number>",
                    quote(&quotes, target));
    if (state->plan9_count == STATE_ROWS_MAX)
        return deny(decision, "%d plan9 mounts are there already", STATE_ROWS_MAX);
    struct plan9_mount mount = {.target = strdup(target), .container_id = strdup(id)};
    if (!mount.target || !mount.container_id) {
        free(mount.target);
        free(mount.container_id);
        return deny(decision, "no memory is left");
    }
    state->plan9s[state->plan9_count++] = mount;
    return allow(decision);
}

static bool unmount_plan9(struct policy_state *state, const char *target, enum answer answer,
                          struct policy_decision *decision)
{
    struct quotes quotes = {0};
    struct plan9_mount *mount = find_plan9(state, target);
    if (!mount)
        return answer == ANSWER_ALLOW
                   ? allow(decision)
                   : deny(decision, "nothing is mounted at %s", quote(&quotes, target));
    free(mount->target);
    free(mount->container_id);
    *mount = state->plan9s[--state->plan9_count];
    return allow(decision);
}

bool policy_path_point(struct policy_state *state, enum policy_point point, const char *target,
                       struct policy_decision *decision)
{
    enum answer answer = decision_start(state, point, decision);
    if (answer == ANSWER_DENY)
        return false;
    if (strlen(target) > STATE_TEXT_MAX)
        return deny(decision, "the path is longer than %d bytes", STATE_TEXT_MAX);
    switch (point) {
    case POLICY_UNMOUNT_DEVICE:
    case POLICY_RW_UNMOUNT_DEVICE:
        return unmount_device(state, target, answer, decision);
    case POLICY_UNMOUNT_OVERLAY:
        return unmount_overlay(state, target, answer, decision);
    case POLICY_SCRATCH_UNMOUNT:
        return unmount_scratch(state, target, answer, decision);
    case POLICY_PLAN9_MOUNT:
        return mount_plan9(state, target, answer, decision);
    case POLICY_PLAN9_UNMOUNT:
        return unmount_plan9(state, target, answer, decision);
    default:
        return deny(decision, "it is not a point about a path");
    }
}

static bool mount_scratch(struct policy_state *state, const struct policy_scratch *scratch,
                          enum answer answer, struct policy_decision *decision)
{
    struct quotes quotes = {0};
    bool mounted = find_scratch(state, scratch->target) < state->scratch_count;
    if (mounted)
        return answer == ANSWER_ALLOW ? allow(decision)
                                      : deny(decision, "scratch space is mounted at %s already",
                                             quote(&quotes, scratch->target));
    if (answer == ANSWER_DECIDE && !scratch->encrypted && !state->policy->allow_unencrypted_scratch)
        return deny(decision,
                    "it is not encrypted, and the policy has allow_unencrypted_scratch off");
    if (state->scratch_count == STATE_ROWS_MAX)
        return deny(decision, "%d scratch mounts are there already", STATE_ROWS_MAX);
    char *copy = strdup(scratch->target);
    if (!copy)
        return deny(decision, "no memory is left");
    state->scratches[state->scratch_count++] = copy;
    return allow(decision);
}

static bool mount_writable(struct policy_state *state, const struct policy_scratch *scratch,
                           struct policy_decision *decision)
{
    struct quotes quotes = {0};
    if (state_find_device(state, scratch->target))
        return deny(decision, "a device is mounted at %s already", quote(&quotes, scratch->target));
    if (!scratch->encrypted && !state->policy->allow_unencrypted_scratch)
        return deny(decision,
                    "it is not encrypted, and the policy has allow_unencrypted_scratch off");
    if (!scratch->ensure_filesystem)
        return deny(decision, "ensure_filesystem is off: the host would choose what is on it");
    if (strcmp(scratch->filesystem, "ext4") != 0 && strcmp(scratch->filesystem, "xfs") != 0)
        return deny(decision, "file system %s is neither ext4 nor xfs",
                    quote(&quotes, scratch->filesystem));
    if (!is_scratch_target(scratch->target))
        return deny(decision, "target %s is not /run/gcs/c/<64 hex digits>",
                    quote(&quotes, scratch->target));
    return add_device(state, scratch->target, NULL, decision);
}

bool policy_scratch_point(struct policy_state *state, enum policy_point point,
                          const struct policy_scratch *scratch, struct policy_decision *decision)
{
    enum answer answer = decision_start(state, point, decision);
    if (answer == ANSWER_DENY)
        return false;
    if (strlen(scratch->target) > STATE_TEXT_MAX)
        return deny(decision, "the path is longer than %d bytes", STATE_TEXT_MAX);
    if (point == POLICY_SCRATCH_MOUNT)
        return mount_scratch(state, scratch, answer, decision);
    if (point == POLICY_RW_MOUNT_DEVICE)
        return mount_writable(state, scratch, decision);
    return deny(decision, "it is not a point about scratch space");
}
