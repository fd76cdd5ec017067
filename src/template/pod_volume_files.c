#include "template/pod_volume_files.h"

#include <stdlib.h>

#include "template/virtual_node.h"

#define MODE_DEFAULT 0644

struct files {
    const struct pod_reader *reader;
    struct pod_file *items; /* room for POD_LIST_MAX */
    size_t count;
    unsigned int mode; /* of files that name none */
};

int pod_check_file_path(const char *path, struct error *err)
{
    for (const char *at = path;; at++) {
        size_t size = strcspn(at, "/");
        if (size == 0 || (size <= 2 && strncmp(at, "..", size) == 0))
            return error_set(err, ERROR_INVALID,
                             "path \"%.128s\" is not relative, without \"//\", \".\" and \"..\"",
                             path);
        /* What a layer's tar cannot hold as a file: a whiteout. */
        if (strncmp(at, ".wh.", 4) == 0)
            return error_set(err, ERROR_REFUSED,
                             "path \"%.128s\": names in layers do not start "
                             "with .wh.",
                             path);
        at += size;
        if (!*at)
            return 0;
    }
}

static int read_mode(const json_t *object, const char *key, unsigned int *out, struct error *err)
{
    uint64_t mode = *out;
    if (json_find_u64(object, key, 0777, &mode, err) < 0)
        return -1;
    *out = (unsigned int)mode;
    return 0;
}

static int add(struct files *files, const char *path, struct span content, unsigned int mode,
               struct error *err)
{
    if (pod_check_file_path(path, err) < 0)
        return -1;
    for (size_t i = 0; i < files->count; i++) {
        size_t size = strlen(files->items[i].path);
        size_t own = strlen(path);
        const char *longer = size < own ? path : files->items[i].path;
        size_t shorter = size < own ? size : own;
        if (strncmp(path, files->items[i].path, shorter) == 0 &&
            (longer[shorter] == '\0' || longer[shorter] == '/'))
            return error_set(err, ERROR_INVALID, "the file \"%.128s\" is there twice", path);
    }
    if (files->count == POD_LIST_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d files", POD_LIST_MAX);
    files->items[files->count++] = (struct pod_file){path, content, mode};
    return 0;
}

/* One of `items`: a key, and the path that its file gets. */
static int add_item(struct files *files, const json_t *item, const json_t *object, bool optional,
                    struct error *err)
{
    static const struct pod_field fields[] = {{"key", NULL}, {"path", NULL}, {"mode", NULL}, {0}};
    const char *key, *path;
    unsigned int mode = files->mode;
    struct span content = {0};
    if (pod_check_fields(files->reader, item, fields, err) < 0 ||
        pod_get_text(item, "key", &key, err) < 0 || pod_get_text(item, "path", &path, err) < 0 ||
        read_mode(item, "mode", &mode, err) < 0)
        return -1;
    int found = pod_data_value(files->reader, object, key, &content, err);
    if (found < 0 || (found == 0 && optional))
        return found;
    if (found == 0)
        return error_set(err, ERROR_NOT_FOUND, "there is no key \"%.64s\"", key);
    return add(files, path, content, mode, err);
}

static int add_all(struct files *files, const json_t *object, struct error *err)
{
    struct policy_list keys;
    if (pod_data_keys(files->reader, object, &keys, err) < 0)
        return -1;
    for (size_t i = 0; i < keys.count; i++) {
        struct span content = {0};
        if (pod_data_value(files->reader, object, keys.items[i], &content, err) < 0 ||
            add(files, keys.items[i], content, files->mode, err) < 0)
            return -1;
    }
    return 0;
}

/* configMap and secret; `name_key` is how the source calls its object. */
static int read_data(struct files *files, const json_t *source, const char *kind,
                     const char *name_key, struct error *err)
{
    const struct pod_field fields[] = {
        {name_key, NULL}, {"items", NULL}, {"optional", NULL}, {"defaultMode", NULL}, {0}};
    const char *name;
    json_t *items, *item;
    size_t count;
    bool optional = false;
    if (pod_check_fields(files->reader, source, fields, err) < 0 ||
        pod_get_text(source, name_key, &name, err) < 0 ||
        pod_find_list(source, "items", &items, &count, err) < 0 ||
        json_find_bool(source, "optional", &optional, err) < 0)
        return -1;
    const json_t *object = pod_find_data(files->reader, kind, name);
    if (!object && optional)
        return 0;
    if (!object)
        return error_set(err, ERROR_NOT_FOUND,
                         "no %s \"%.64s\" in the manifest: add the document to it", kind, name);
    if (!items)
        return add_all(files, object, err);
    for (size_t i = 0; i < count; i++) {
        if (pod_object_at(items, i, &item, err) < 0 ||
            add_item(files, item, object, optional, err) < 0)
            return error_context(err, "items");
    }
    return 0;
}

static bool needs_escape(char c)
{
    return c == '"' || c == '\\';
}

/* All labels or annotations, a line each, as the kubelet writes them: KEY="VALUE", sorted, with
 * Go's quoting of what it needs here. */
static int pair_lines(const struct pod_pair *pairs, size_t count, struct buf *out,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        /* The policy binds the file, and could not be in it. */
        if (strcmp(pairs[i].key, TEMPLATE_POLICY_ANNOTATION) == 0)
            continue;
        if (out->size > 0 && buf_append_byte(out, '\n', err) < 0)
            return -1;
        if (buf_append_text(out, pairs[i].key, err) < 0 || buf_append_text(out, "=\"", err) < 0)
            return -1;
        for (const char *at = pairs[i].value; *at; at++) {
            if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f)
                return error_set(err, ERROR_REFUSED,
                                 "%.64s has characters other than printable ASCII: name single "
                                 "ones, as in metadata.annotations['KEY']",
                                 pairs[i].key);
            if ((needs_escape(*at) && buf_append_byte(out, '\\', err) < 0) ||
                buf_append_byte(out, (uint8_t)*at, err) < 0)
                return -1;
        }
        if (buf_append_byte(out, '"', err) < 0)
            return -1;
    }
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct pod_pair *)a)->key, ((const struct pod_pair *)b)->key);
}

/* metadata.labels and metadata.annotations as a whole; *out stays NULL for another path. */
static int whole_value(const struct pod_reader *reader, const char *path, const char **out,
                       struct error *err)
{
    const struct pod *pod = reader->pod;
    bool labels = strcmp(path, "metadata.labels") == 0;
    if (!labels && strcmp(path, "metadata.annotations") != 0)
        return 0;
    if (strcmp(pod->kind, "Pod") != 0)
        return error_set(err, ERROR_REFUSED,
                         "%s: the controller of a %s adds its own; name single "
                         "ones, as in %s['KEY']",
                         path, pod->kind, path);
    size_t count = labels ? pod->label_count : pod->annotation_count;
    struct pod_pair *sorted = pod_room(reader, count, sizeof *sorted, err);
    BUF_AUTO text = BUF_WITH_LIMIT(POD_TEXT_MAX);
    if (!sorted)
        return -1;
    if (count > 0)
        memcpy(sorted, labels ? pod->labels : pod->annotations, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_key);
    if (pair_lines(sorted, count, &text, err) < 0)
        return -1;
    *out = pod_format(reader, err, "%s", buf_text(&text));
    return *out ? 0 : -1;
}

static int field_text(const struct pod_reader *reader, const json_t *reference, const char **out,
                      struct error *err)
{
    const char *path;
    *out = NULL;
    if (pod_get_text(reference, "fieldPath", &path, err) < 0 ||
        whole_value(reader, path, out, err) < 0 ||
        (!*out && pod_field_value(reader, path, out, err) < 0))
        return -1;
    return *out ? 0
                : error_set(err, ERROR_REFUSED,
                            "%.64s is known only when the pod runs, and a file's content must be "
                            "known before; take it as a variable",
                            path);
}

static int resource_text(const struct pod_reader *reader, const json_t *reference, const char **out,
                         struct error *err)
{
    static const json_t *const nobody = NULL;
    const char *name;
    if (pod_get_text(reference, "containerName", &name, err) < 0 ||
        pod_resource_value(reader, reference, nobody, out, err) < 0)
        return -1;
    return *out ? 0
                : error_set(err, ERROR_REFUSED,
                            "container \"%.64s\" sets no such resource, so it "
                            "is the node's, and not known before",
                            name);
}

static int add_downward(struct files *files, const json_t *item, struct error *err)
{
    static const struct pod_field fields[] = {
        {"path", NULL}, {"mode", NULL}, {"fieldRef", NULL}, {"resourceFieldRef", NULL}, {0}};
    const char *path, *text;
    unsigned int mode = files->mode;
    json_t *field, *resource;
    if (pod_check_fields(files->reader, item, fields, err) < 0 ||
        pod_get_text(item, "path", &path, err) < 0 || read_mode(item, "mode", &mode, err) < 0 ||
        json_find_object(item, "fieldRef", &field, err) < 0 ||
        json_find_object(item, "resourceFieldRef", &resource, err) < 0)
        return -1;
    if (!field == !resource)
        return error_set(err, ERROR_INVALID, "name either fieldRef or resourceFieldRef");
    int status = field ? field_text(files->reader, field, &text, err)
                       : resource_text(files->reader, resource, &text, err);
    return status < 0 ? -1 : add(files, path, span_of_text(text), mode, err);
}

static int read_downward(struct files *files, const json_t *source, struct error *err)
{
    static const struct pod_field fields[] = {{"items", NULL}, {"defaultMode", NULL}, {0}};
    json_t *items, *item;
    size_t count;
    if (pod_check_fields(files->reader, source, fields, err) < 0 ||
        pod_find_list(source, "items", &items, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (pod_object_at(items, i, &item, err) < 0 || add_downward(files, item, err) < 0)
            return error_context(err, "items");
    }
    return 0;
}

static int read_projection(struct files *files, const json_t *source, struct error *err)
{
    static const char tokens[] = "it is made when the pod runs, by a cluster that is not trusted";
    static const struct pod_field fields[] = {
        {"configMap", NULL},
        {"secret", NULL},
        {"downwardAPI", NULL},
        {"serviceAccountToken", tokens},
        {"clusterTrustBundle", tokens},
        {"podCertificate", tokens},
        {0},
    };
    json_t *part;
    if (pod_check_fields(files->reader, source, fields, err) < 0)
        return -1;
    if (json_object_size(source) != 1)
        return error_set(err, ERROR_INVALID, "a source names one kind");
    if ((part = json_object_get(source, "configMap")))
        return read_data(files, part, "ConfigMap", "name", err);
    if ((part = json_object_get(source, "secret")))
        return read_data(files, part, "Secret", "name", err);
    return read_downward(files, json_object_get(source, "downwardAPI"), err);
}

static int read_projected(struct files *files, const json_t *source, struct error *err)
{
    static const struct pod_field fields[] = {{"sources", NULL}, {"defaultMode", NULL}, {0}};
    json_t *sources, *object;
    size_t count;
    if (pod_check_fields(files->reader, source, fields, err) < 0 ||
        pod_find_list(source, "sources", &sources, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (pod_object_at(sources, i, &object, err) < 0 || read_projection(files, object, err) < 0)
            return error_context(err, "sources[%zu]", i);
    }
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct pod_file *)a)->path, ((const struct pod_file *)b)->path);
}

int pod_read_volume_files(const struct pod_reader *reader, const json_t *source,
                          struct pod_volume *out, struct error *err)
{
    struct files files = {.reader = reader, .mode = MODE_DEFAULT};
    int status;
    files.items = pod_room(reader, POD_LIST_MAX, sizeof *files.items, err);
    if (!files.items || read_mode(source, "defaultMode", &files.mode, err) < 0)
        return -1;
    if (strcmp(out->kind, "configMap") == 0)
        status = read_data(&files, source, "ConfigMap", "name", err);
    else if (strcmp(out->kind, "secret") == 0)
        status = read_data(&files, source, "Secret", "secretName", err);
    else if (strcmp(out->kind, "downwardAPI") == 0)
        status = read_downward(&files, source, err);
    else
        status = read_projected(&files, source, err);
    qsort(files.items, files.count, sizeof *files.items, by_path);
    out->type = POD_VOLUME_FILES;
    out->files = files.items;
    out->file_count = files.count;
    return status;
}
