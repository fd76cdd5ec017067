/* Points about what a machine mounts: layers, the roots made of them, scratch space. */
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

bool decide_add_device(struct policy_state *state, const char *target, const char *root_hash,
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
    return decide_add_device(state, target, root_hash, decision);
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
    if (!state_knows_framework(policy))
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
    if (!policy->framework.has)
        return deny(decision, "the policy has no framework_version");
    if (!nearest)
        return deny(decision, "the policy's framework_version %s has no container for this guest",
                    policy->framework.text);
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

bool decide_unmount_device(struct policy_state *state, enum policy_point point, const char *target,
                           struct policy_decision *decision)
{
    struct quotes quotes = {0};
    bool wants_writable = point == POLICY_RW_UNMOUNT_DEVICE;
    enum answer answer = decision_start_path(state, point, target, decision);
    if (answer == ANSWER_DENY)
        return false;
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

bool policy_unmount_device(struct policy_state *state, const char *target,
                           struct policy_decision *decision)
{
    return decide_unmount_device(state, POLICY_UNMOUNT_DEVICE, target, decision);
}

/* Once its root is gone a container that was not started can never be: nothing is below it. */
bool policy_unmount_overlay(struct policy_state *state, const char *target,
                            struct policy_decision *decision)
{
    struct quotes quotes = {0};
    enum answer answer = decision_start_path(state, POLICY_UNMOUNT_OVERLAY, target, decision);
    if (answer == ANSWER_DENY)
        return false;
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

size_t decide_find_scratch(const struct policy_state *state, const char *target)
{
    size_t i = 0;
    while (i < state->scratch_count && strcmp(state->scratches[i], target) != 0)
        i++;
    return i;
}

void policy_forget_scratch(struct policy_state *state, const char *target)
{
    size_t at = decide_find_scratch(state, target);
    if (at == state->scratch_count)
        return;
    free(state->scratches[at]);
    state->scratches[at] = state->scratches[--state->scratch_count];
}

bool policy_mount_scratch(struct policy_state *state, const struct policy_scratch *scratch,
                          struct policy_decision *decision)
{
    struct quotes quotes = {0};
    enum answer answer = decision_start_path(state, POLICY_SCRATCH_MOUNT, scratch->target,
                                             decision);
    if (answer == ANSWER_DENY)
        return false;
    if (decide_find_scratch(state, scratch->target) < state->scratch_count)
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
