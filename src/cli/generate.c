#include "cli/generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

#define LAYERS_MAX 512 /* of one image */

/* Lists of texts that one policy borrows. */
struct parts {
    struct policy_draft_rule *own_env;
    const char **image_env;
    const char **layers;
    char (*hashes)[2 * SHA256_SIZE + 1];
    char user[POLICY_USER_MAX];
    struct policy_list *execs;
    char **exec_texts;
    const char ***exec_words;
    size_t exec_count;
};

static void parts_fini(struct parts *parts)
{
    free(parts->own_env);
    free((void *)parts->image_env);
    free((void *)parts->layers);
    free(parts->hashes);
    for (size_t i = 0; i < parts->exec_count; i++) {
        free((void *)parts->exec_words[i]);
        free(parts->exec_texts[i]);
    }
    free(parts->execs);
    free(parts->exec_texts);
    free((void *)parts->exec_words);
}

static size_t count_of(char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static bool is_image_variable(const struct image *image, const char *variable)
{
    for (size_t i = 0; i < image->config.env.count; i++) {
        if (strcmp(image->config.env.items[i], variable) == 0)
            return true;
    }
    return false;
}

/* confcom lists the caller's variables first, then the image's. */
static int split_env(struct parts *parts, const struct image *image,
                     const struct workload *workload, struct policy_draft_container *draft,
                     struct error *err)
{
    size_t count = count_of(workload->env);
    parts->own_env = calloc(count + 1, sizeof *parts->own_env);
    parts->image_env = calloc(count + 1, sizeof *parts->image_env);
    if (!parts->own_env || !parts->image_env)
        return error_memory(err);
    draft->env = parts->own_env;
    draft->image_env.items = parts->image_env;
    for (size_t i = 0; i < count; i++) {
        if (is_image_variable(image, workload->env[i]))
            parts->image_env[draft->image_env.count++] = workload->env[i];
        else
            parts->own_env[draft->env_count++].text = workload->env[i];
    }
    return 0;
}

static int list_layers(struct parts *parts, const struct image *image,
                       const struct image_disk *disks, struct policy_draft_container *draft,
                       struct error *err)
{
    size_t count = image->layer_count;
    if (count > LAYERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu layers; a policy lists at most %d", count,
                         LAYERS_MAX);
    parts->layers = calloc(count + 1, sizeof *parts->layers);
    parts->hashes = calloc(count + 1, sizeof *parts->hashes);
    if (!parts->layers || !parts->hashes)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        hex_encode(span_of(disks[i].root_hash, SHA256_SIZE), parts->hashes[i]);
        parts->layers[i] = parts->hashes[i];
    }
    draft->layers = (struct policy_list){parts->layers, count};
    return 0;
}

/* A command's words, in `text`, which is cut up. The array is the caller's; NULL for want of
 * memory.
 */
static const char **split_words(char *text, size_t *count)
{
    const char **words = calloc(strlen(text) / 2 + 1, sizeof *words);
    *count = 0;
    for (char *word; words && (word = strsep(&text, " "));) {
        if (*word)
            words[(*count)++] = word;
    }
    return words;
}

static int list_execs(struct parts *parts, const struct workload *workload,
                      struct policy_draft_container *draft, struct error *err)
{
    size_t count = count_of(workload->execs);
    parts->execs = calloc(count + 1, sizeof *parts->execs);
    parts->exec_texts = calloc(count + 1, sizeof *parts->exec_texts);
    parts->exec_words = calloc(count + 1, sizeof *parts->exec_words);
    if (!parts->execs || !parts->exec_texts || !parts->exec_words)
        return error_memory(err);
    parts->exec_count = count;
    for (size_t i = 0; i < count; i++) {
        size_t words = 0;
        char *text = parts->exec_texts[i] = strdup(workload->execs[i]);
        parts->exec_words[i] = text ? split_words(text, &words) : NULL;
        if (!parts->exec_words[i])
            return error_memory(err);
        parts->execs[i] = (struct policy_list){parts->exec_words[i], words};
    }
    draft->exec_processes = parts->execs;
    draft->exec_count = count;
    return 0;
}

static int write_policy(struct parts *parts, const struct image *image,
                        const struct image_disk *disks, const struct workload *workload,
                        struct policy_draft *draft, struct buf *out, struct error *err)
{
    struct policy_draft_container container = {
        .id = image->reference,
        .name = image->reference,
        .has_command = true,
        .command = {(const char *const *)workload->args, count_of(workload->args)},
        .working_dir = workload->cwd,
        .stop_signal = image->config.stop_signal,
    };
    confinement_describe(&workload->confinement, &container);
    if (split_env(parts, image, workload, &container, err) < 0 ||
        list_layers(parts, image, disks, &container, err) < 0 ||
        list_execs(parts, workload, &container, err) < 0 ||
        policy_draft_user(workload->user, parts->user, &container, err) < 0)
        return -1;
    draft->containers = &container;
    draft->container_count = 1;
    int status = policy_generate(draft, out, err);
    draft->containers = NULL;
    draft->container_count = 0;
    return status;
}

int generate_policy(const struct image *image, const struct image_disk *disks,
                    const struct workload *workload, enum policy_generation generation,
                    struct buf *out, struct error *err)
{
    struct parts parts = {0};
    struct policy_draft draft = {.generation = generation, .attestation = workload->attestation};
    int result = write_policy(&parts, image, disks, workload, &draft, out, err);
    parts_fini(&parts);
    return result;
}

int generate_policy_of_image(const struct image *image, const struct image_options *options,
                             const struct workload *workload, struct buf *out, struct error *err)
{
    struct image_disk *disks = image_disks(image, options, err);
    if (!disks)
        return -1;
    int result = generate_policy(image, disks, workload, POLICY_GENERATION_DEFAULT, out, err);
    image_disks_free(disks, image->layer_count);
    return result;
}
