#include "policy/state.h"

#include <stdlib.h>

const struct policy *state_module(const struct policy_state *state, size_t index,
                                  enum fragment_include kind)
{
    if (index == 0)
        return state->policy;
    const struct state_fragment *fragment = &state->fragments[index - 1];
    return fragment->includes & (unsigned int)kind ? fragment->module : NULL;
}

bool state_reserve(struct policy_state *state)
{
    size_t rows = 1;
    for (size_t i = 0; i <= state->fragment_count; i++) {
        const struct policy *module = state_module(state, i, INCLUDE_ALL);
        rows += module ? module->container_count + module->external_count : 0;
    }
    void *candidates = reallocarray((void *)state->candidates, rows, sizeof *state->candidates);
    if (candidates)
        state->candidates = candidates;
    void *scores = reallocarray(state->scores, rows, sizeof *state->scores);
    if (scores)
        state->scores = scores;
    return candidates && scores;
}

int policy_state_new(const struct policy *policy, struct policy_state **out, struct error *err)
{
    struct policy_state *state = calloc(1, sizeof *state);
    *out = NULL;
    if (!state)
        return error_memory(err);
    state->policy = state->names = policy;
    buf_init(&state->identities, POLICY_IDENTITIES_MAX);
    state->regex = regex_scratch_new();
    if (!state->regex || !state_reserve(state)) {
        policy_state_free(state);
        return error_memory(err);
    }
    *out = state;
    return 0;
}

void state_clear_fragment(struct state_fragment *fragment)
{
    policy_free(fragment->module);
    free((void *)(uintptr_t)fragment->identity.issuer);
    free((void *)(uintptr_t)fragment->identity.feed);
    free((void *)(uintptr_t)fragment->identity.svn);
}

void policy_state_free(struct policy_state *state)
{
    if (!state)
        return;
    while (state->device_count > 0)
        state_remove_device(state, &state->devices[state->device_count - 1]);
    for (size_t i = 0; i < state->container_count; i++) {
        state_clear_overlay(&state->containers[i]);
        state_clear_matches(&state->containers[i]);
        free(state->containers[i].id);
    }
    for (size_t i = 0; i < state->scratch_count; i++)
        free(state->scratches[i]);
    for (size_t i = 0; i < state->plan9_count; i++) {
        free(state->plan9s[i].target);
        free(state->plan9s[i].container_id);
    }
    for (size_t i = 0; i < state->fragment_count; i++)
        state_clear_fragment(&state->fragments[i]);
    buf_fini(&state->identities);
    regex_scratch_free(state->regex);
    free((void *)state->candidates);
    free(state->scores);
    free(state);
}

struct device *state_find_device(struct policy_state *state, const char *target)
{
    for (size_t i = 0; i < state->device_count; i++) {
        if (strcmp(state->devices[i].target, target) == 0)
            return &state->devices[i];
    }
    return NULL;
}

struct live_container *state_find_container(struct policy_state *state, const char *id)
{
    for (size_t i = 0; i < state->container_count; i++) {
        if (strcmp(state->containers[i].id, id) == 0)
            return &state->containers[i];
    }
    return NULL;
}

struct live_container *state_find_overlay(struct policy_state *state, const char *target)
{
    for (size_t i = 0; i < state->container_count; i++) {
        struct live_container *container = &state->containers[i];
        if (container->target && strcmp(container->target, target) == 0)
            return container;
    }
    return NULL;
}

const struct live_container *state_device_user(const struct policy_state *state, const char *target)
{
    for (size_t i = 0; i < state->container_count; i++) {
        const struct live_container *container = &state->containers[i];
        for (size_t j = 0; container->target && j < container->layer_count; j++) {
            if (strcmp(container->layers[j], target) == 0)
                return container;
        }
    }
    return NULL;
}

bool state_good_id(const char *id)
{
    size_t size = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return size >= 1 && size <= 64 && id[size] == '\0' && id[0] != '.';
}

void state_remove_device(struct policy_state *state, struct device *device)
{
    free(device->target);
    free(device->root_hash);
    *device = state->devices[--state->device_count];
}

void state_clear_overlay(struct live_container *container)
{
    for (size_t i = 0; i < container->layer_count; i++)
        free(container->layers[i]);
    free((void *)container->layers);
    free(container->target);
    container->layers = NULL;
    container->layer_count = 0;
    container->target = NULL;
}

void state_clear_matches(struct live_container *container)
{
    free((void *)container->matches);
    container->matches = NULL;
    container->match_count = 0;
}

void policy_forget_device(struct policy_state *state, const char *target)
{
    struct device *device = state_find_device(state, target);
    if (device && !state_device_user(state, target))
        state_remove_device(state, device);
}

void policy_forget_overlay(struct policy_state *state, const char *container_id)
{
    struct live_container *container = state_find_container(state, container_id);
    if (!container)
        return;
    state_clear_overlay(container);
    state_clear_matches(container);
    if (container->started)
        return;
    free(container->id);
    *container = state->containers[--state->container_count];
}
