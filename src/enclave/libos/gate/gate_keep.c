/* What a request says of the container's first process, copied: it is needed again when the secrets
 * have come, and the request is gone by then. */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "enclave/libos/gate/gate_parts.h"

/* One block of memory: the strings lie behind the pointers. */
static int copy_list(struct policy_list from, struct policy_list *out, struct error *err)
{
    size_t size = from.count * sizeof(char *);
    *out = (struct policy_list){NULL, 0};
    if (from.count == 0)
        return 0;
    for (size_t i = 0; i < from.count; i++)
        size += strlen(from.items[i]) + 1;
    char **items = malloc(size);
    if (!items)
        return error_memory(err);
    char *text = (char *)(items + from.count);
    for (size_t i = 0; i < from.count; i++) {
        items[i] = text;
        text = stpcpy(text, from.items[i]) + 1;
    }
    *out = (struct policy_list){(const char *const *)items, from.count};
    return 0;
}

/* Variables may be secrets. */
static void free_list(struct policy_list *list)
{
    char **items = (char **)(uintptr_t)list->items;
    if (!items)
        return;
    const char *last = items[list->count - 1];
    secret_wipe(items, (size_t)(last + strlen(last) - (const char *)items));
    free(items);
    *list = (struct policy_list){NULL, 0};
}

static int copy_capabilities(const struct policy_capabilities *from,
                             struct policy_capabilities *out, struct error *err)
{
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++) {
        if (copy_list(from->sets[i], &out->sets[i], err) < 0)
            return -1;
    }
    return 0;
}

int gate_keep_spec(const struct spec *spec, struct gate_kept *out, struct error *err)
{
    out->user = *spec->user;
    out->cwd = strdup(spec->cwd);
    out->input = BUF_WITH_LIMIT(CHANNEL_WINDOW);
    out->spec = (struct spec){.cwd = out->cwd,
                              .user = &out->user,
                              .umask = spec->umask,
                              .read_only_root = spec->read_only_root,
                              .attestation = spec->attestation,
                              .row = spec->row};
    if (!out->cwd)
        return error_memory(err);
    if (copy_list(spec->args, &out->spec.args, err) < 0 ||
        copy_list(spec->env, &out->spec.env, err) < 0)
        return -1;
    return copy_capabilities(&spec->capabilities, &out->spec.capabilities, err);
}

void gate_kept_fini(struct gate_kept *kept)
{
    free_list(&kept->spec.args);
    free_list(&kept->spec.env);
    for (size_t i = 0; i < POLICY_CAPABILITY_SETS; i++)
        free_list(&kept->spec.capabilities.sets[i]);
    free(kept->cwd);
    buf_fini(&kept->input);
    *kept = (struct gate_kept){.input_ended = false};
}

int gate_keep_variable(struct gate_kept *kept, const char *name, struct span value,
                       struct error *err)
{
    struct policy_list *env = &kept->spec.env;
    struct policy_list longer;
    size_t size = strlen(name) + 1 + value.size + 1;
    char *text = calloc(1, size);
    const char **items = calloc(env->count + 1, sizeof *items);
    int status = text && items ? 0 : error_memory(err);
    if (status == 0) {
        memcpy(stpcpy(stpcpy(text, name), "="), value.data, value.size);
        if (env->count > 0)
            memcpy(items, env->items, env->count * sizeof *items);
        items[env->count] = text;
        status = copy_list((struct policy_list){items, env->count + 1}, &longer, err);
    }
    if (status == 0) {
        free_list(env);
        *env = longer;
    }
    if (text)
        secret_wipe(text, size);
    free(text);
    free(items);
    return status;
}
