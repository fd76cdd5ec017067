#include <stdlib.h>

#include "base/text.h"
#include "format/oci.h"
#include "format/oci_json.h"

static void texts_fini(struct oci_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct oci_texts){0};
}

/* Room for `count` strings and the NULL after them. */
static int texts_init(struct oci_texts *texts, size_t count, const char *name, struct error *err)
{
    if (count > OCI_TEXTS_MAX)
        return error_set(err, ERROR_LIMIT, "key \"%s\": %zu entries; at most %d are accepted", name,
                         count, OCI_TEXTS_MAX);
    if (count == 0)
        return 0;
    texts->items = calloc(count + 1, sizeof *texts->items);
    return texts->items ? 0 : error_memory(err);
}

static int texts_add(struct oci_texts *texts, char *text, struct error *err)
{
    if (!text)
        return error_memory(err);
    texts->items[texts->count++] = text;
    return 0;
}

static int take_array(const json_t *object, const char *key, struct oci_texts *out,
                      struct error *err)
{
    json_t *array;
    if (json_find_array(object, key, &array, err) < 0 ||
        texts_init(out, json_array_size(array), key, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text;
        if (json_text_at(array, i, key, &text, err) < 0 ||
            texts_add(out, text_format("%s", text), err) < 0)
            return -1;
    }
    return 0;
}

/* The keys of an object whose values are empty objects: ExposedPorts, Volumes. */
static int take_keys(const json_t *object, const char *key, struct oci_texts *out,
                     struct error *err)
{
    json_t *set;
    if (json_find_object(object, key, &set, err) < 0 ||
        texts_init(out, json_object_size(set), key, err) < 0)
        return -1;
    for (void *at = json_object_iter(set); at; at = json_object_iter_next(set, at)) {
        if (texts_add(out, text_format("%s", json_object_iter_key(at)), err) < 0)
            return -1;
    }
    return 0;
}

static int take_labels(const json_t *object, struct oci_texts *out, struct error *err)
{
    json_t *labels;
    if (json_find_object(object, "Labels", &labels, err) < 0 ||
        texts_init(out, json_object_size(labels), "Labels", err) < 0)
        return -1;
    for (void *at = json_object_iter(labels); at; at = json_object_iter_next(labels, at)) {
        const char *key = json_object_iter_key(at);
        const char *value;
        if (json_get_text(labels, key, &value, err) < 0)
            return error_context(err, "key \"Labels\"");
        if (texts_add(out, text_format("%s=%s", key, value), err) < 0)
            return -1;
    }
    return 0;
}

static int check_env(const struct oci_texts *env, struct error *err)
{
    for (size_t i = 0; i < env->count; i++) {
        const char *equals = strchr(env->items[i], '=');
        if (!equals || equals == env->items[i])
            return error_set(err, ERROR_INVALID, "key \"Env\": \"%.128s\" is not NAME=value",
                             env->items[i]);
    }
    return 0;
}

/* Relative paths would mean what the runtime makes of them. */
static int check_working_dir(const char *path, struct error *err)
{
    if (*path == '\0' || *path == '/')
        return 0;
    return error_set(err, ERROR_INVALID, "key \"WorkingDir\": \"%.128s\" is no absolute path",
                     path);
}

static int parse_process(const json_t *object, struct oci_config *out, struct error *err)
{
    if (take_array(object, "Env", &out->env, err) < 0 ||
        take_array(object, "Entrypoint", &out->entrypoint, err) < 0 ||
        take_array(object, "Cmd", &out->cmd, err) < 0 ||
        take_keys(object, "ExposedPorts", &out->exposed_ports, err) < 0 ||
        take_keys(object, "Volumes", &out->volumes, err) < 0 ||
        take_labels(object, &out->labels, err) < 0 ||
        oci_take_text(object, "User", "", &out->user, err) < 0 ||
        oci_take_text(object, "WorkingDir", "", &out->working_dir, err) < 0 ||
        oci_take_text(object, "StopSignal", "", &out->stop_signal, err) < 0)
        return -1;
    if (check_env(&out->env, err) < 0)
        return -1;
    return check_working_dir(out->working_dir, err);
}

static int parse_diff_ids(const json_t *rootfs, struct oci_config *out, struct error *err)
{
    const char *type;
    json_t *array;
    if (json_get_text(rootfs, "type", &type, err) < 0 ||
        json_get_array(rootfs, "diff_ids", &array, err) < 0)
        return -1;
    if (strcmp(type, "layers") != 0)
        return error_set(err, ERROR_INVALID, "rootfs of type \"%.64s\"; expected \"layers\"", type);
    size_t count = json_array_size(array);
    if (count == 0 || count > OCI_LAYERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu diff_ids; 1 to %d are accepted", count,
                         OCI_LAYERS_MAX);
    out->diff_ids = calloc(count, sizeof *out->diff_ids);
    if (!out->diff_ids)
        return error_memory(err);
    for (; out->diff_id_count < count; out->diff_id_count++) {
        const char *text;
        if (json_text_at(array, out->diff_id_count, "diff_ids", &text, err) < 0 ||
            oci_digest_parse(text, &out->diff_ids[out->diff_id_count], err) < 0)
            return -1;
    }
    return 0;
}

static int parse_config(const json_t *document, struct oci_config *out, struct error *err)
{
    const char *text;
    json_t *process;
    json_t *rootfs;
    if (json_get_text(document, "os", &text, err) < 0 ||
        json_get_text(document, "architecture", &text, err) < 0 ||
        oci_take_text(document, "os", NULL, &out->os, err) < 0 ||
        oci_take_text(document, "architecture", NULL, &out->architecture, err) < 0)
        return -1;
    if (strcmp(out->os, "linux") != 0 || strcmp(out->architecture, "amd64") != 0)
        return error_set(err, ERROR_REFUSED, "the image is for %.64s/%.64s, not for linux/amd64",
                         out->os, out->architecture);
    json_auto_t *none = json_object();
    if (json_find_object(document, "config", &process, err) < 0 ||
        parse_process(process ? process : none, out, err) < 0 ||
        json_get_object(document, "rootfs", &rootfs, err) < 0)
        return -1;
    return parse_diff_ids(rootfs, out, err);
}

int oci_config_parse(struct span text, struct oci_config *out, struct error *err)
{
    *out = (struct oci_config){0};
    json_auto_t *document = oci_document(text, err);
    if (document && parse_config(document, out, err) == 0)
        return 0;
    oci_config_fini(out);
    return error_context(err, "image config");
}

void oci_config_fini(struct oci_config *config)
{
    texts_fini(&config->env);
    texts_fini(&config->entrypoint);
    texts_fini(&config->cmd);
    texts_fini(&config->exposed_ports);
    texts_fini(&config->volumes);
    texts_fini(&config->labels);
    free(config->architecture);
    free(config->os);
    free(config->user);
    free(config->working_dir);
    free(config->stop_signal);
    free(config->diff_ids);
    *config = (struct oci_config){0};
}

static int parse_saved_image(const json_t *entry, struct oci_saved_image *out, struct error *err)
{
    const char *text;
    if (!json_is_object(entry))
        return error_set(err, ERROR_INVALID, "expected an object, found %s", json_kind(entry));
    if (json_get_text(entry, "Config", &text, err) < 0 ||
        oci_take_text(entry, "Config", NULL, &out->config, err) < 0 ||
        take_array(entry, "RepoTags", &out->tags, err) < 0 ||
        take_array(entry, "Layers", &out->layers, err) < 0)
        return -1;
    if (out->layers.count == 0 || out->layers.count > OCI_LAYERS_MAX)
        return error_set(err, ERROR_LIMIT, "%zu layers; 1 to %d are accepted", out->layers.count,
                         OCI_LAYERS_MAX);
    return 0;
}

static int parse_saved(json_t *array, struct oci_saved *out, struct error *err)
{
    size_t total = json_array_size(array);
    if (!json_is_array(array) || total == 0 || total > OCI_MANIFESTS_MAX)
        return error_set(err, ERROR_INVALID, "expected an array of 1 to %d images",
                         OCI_MANIFESTS_MAX);
    oci_drop_null(array);
    out->images = calloc(total, sizeof *out->images);
    if (!out->images)
        return error_memory(err);
    while (out->count < total) {
        size_t at = out->count++;
        if (parse_saved_image(json_array_get(array, at), &out->images[at], err) < 0)
            return error_context(err, "image %zu", at);
    }
    return 0;
}

int oci_saved_parse(struct span text, struct oci_saved *out, struct error *err)
{
    static const struct json_limits limits = {.size = OCI_DOCUMENT_SIZE_MAX, .depth = 32};
    *out = (struct oci_saved){0};
    json_auto_t *array = json_parse(text, &limits, err);
    if (array && parse_saved(array, out, err) == 0)
        return 0;
    oci_saved_fini(out);
    return error_context(err, "manifest.json");
}

void oci_saved_fini(struct oci_saved *saved)
{
    for (size_t i = 0; i < saved->count; i++) {
        free(saved->images[i].config);
        texts_fini(&saved->images[i].tags);
        texts_fini(&saved->images[i].layers);
    }
    free(saved->images);
    *saved = (struct oci_saved){0};
}
