#include "format/oci.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/text.h"
#include "format/json.h"
#include "format/oci_json.h"

#define DIGEST_PREFIX   "sha256:"
#define PLATFORMS_SHOWN 512 /* bytes of a list in a message */

int oci_digest_parse(const char *text, struct oci_digest *out, struct error *err)
{
    const char *digits = text + strlen(DIGEST_PREFIX);
    bool sound = text_starts_with(text, DIGEST_PREFIX) &&
                 strspn(digits, "0123456789abcdef") == strlen(digits) &&
                 hex_decode(span_of_text(digits), out->bytes, sizeof out->bytes);
    if (!sound)
        return error_set(err, ERROR_INVALID,
                         "digest \"%.160s\" is not sha256: and 64 lower-case hexadecimal digits",
                         text);
    return 0;
}

void oci_digest_text(const struct oci_digest *digest, char out[OCI_DIGEST_TEXT_SIZE])
{
    memcpy(out, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    hex_encode(span_of(digest->bytes, sizeof digest->bytes), out + strlen(DIGEST_PREFIX));
}

bool oci_digest_equal(const struct oci_digest *a, const struct oci_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void oci_digest_of(struct span bytes, struct oci_digest *out)
{
    sha256_digest(bytes, out->bytes);
}

static const struct {
    const char *media_type;
    enum oci_kind kind;
} kinds[] = {
    {"application/vnd.oci.image.index.v1+json", OCI_KIND_INDEX},
    {"application/vnd.docker.distribution.manifest.list.v2+json", OCI_KIND_INDEX},
    {"application/vnd.oci.image.manifest.v1+json", OCI_KIND_MANIFEST},
    {"application/vnd.docker.distribution.manifest.v2+json", OCI_KIND_MANIFEST},
    {"application/vnd.oci.image.config.v1+json", OCI_KIND_CONFIG},
    {"application/vnd.docker.container.image.v1+json", OCI_KIND_CONFIG},
    {"application/vnd.oci.image.layer.v1.tar", OCI_KIND_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+gzip", OCI_KIND_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+zstd", OCI_KIND_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar", OCI_KIND_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", OCI_KIND_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", OCI_KIND_LAYER},
};

enum oci_kind oci_kind_of(const char *media_type)
{
    for (size_t i = 0; media_type && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(media_type, kinds[i].media_type) == 0)
            return kinds[i].kind;
    }
    return OCI_KIND_OTHER;
}

static void drop_null_in_object(json_t *object)
{
    const char *key;
    json_t *member;
    void *next;
    json_object_foreach_safe(object, next, key, member)
    {
        if (json_is_null(member))
            (void)json_object_del(object, key);
        else
            oci_drop_null(member);
    }
}

void oci_drop_null(json_t *value)
{
    size_t index;
    json_t *element;
    if (json_is_object(value))
        drop_null_in_object(value);
    json_array_foreach (value, index, element)
        oci_drop_null(element);
}

json_t *oci_document(struct span text, struct error *err)
{
    static const struct json_limits limits = {.size = OCI_DOCUMENT_SIZE_MAX, .depth = 32};
    json_t *document = json_parse_object(text, &limits, err);
    if (document)
        oci_drop_null(document);
    return document;
}

int oci_take_text(const json_t *object, const char *key, const char *fallback, char **out,
                  struct error *err)
{
    const char *text;
    if (json_find_text(object, key, &text, err) < 0)
        return -1;
    if (!text)
        text = fallback;
    *out = text ? text_dup_span(span_of_text(text)) : NULL;
    return text && !*out ? error_memory(err) : 0;
}

/* The kind that the members show; an index and a manifest at once is an attack (CVE-2021-41190). */
static int kind_by_members(const json_t *document, enum oci_kind *out, struct error *err)
{
    bool index = json_object_get(document, "manifests") != NULL;
    bool manifest = json_object_get(document, "layers") || json_object_get(document, "config");
    *out = index ? OCI_KIND_INDEX : manifest ? OCI_KIND_MANIFEST : OCI_KIND_OTHER;
    if (index && manifest)
        return error_set(err, ERROR_INVALID,
                         "the document has \"manifests\" and \"layers\" or \"config\": it could be "
                         "read as an index and as a manifest");
    if (json_object_get(document, "fsLayers") || json_object_get(document, "signatures"))
        return error_set(err, ERROR_INVALID,
                         "Docker's image manifest schema 1 is not supported: push the image again "
                         "with a current tool");
    return 0;
}

int oci_kind_of_document(struct span text, const char *media_type, enum oci_kind *out,
                         struct error *err)
{
    json_auto_t *document = oci_document(text, err);
    const char *own = NULL;
    *out = OCI_KIND_OTHER;
    if (!document || kind_by_members(document, out, err) < 0 ||
        json_find_text(document, "mediaType", &own, err) < 0)
        return -1;
    if (*out == OCI_KIND_OTHER)
        return error_set(err, ERROR_INVALID, "the document is no image manifest and no index");
    if (own && oci_kind_of(own) != *out)
        return error_set(err, ERROR_INVALID, "media type \"%.128s\" does not fit the document",
                         own);
    bool claimed = oci_kind_of(media_type) != OCI_KIND_OTHER;
    if (claimed && (oci_kind_of(media_type) != *out || (own && strcmp(own, media_type) != 0)))
        return error_set(err, ERROR_INVALID,
                         "the document came as \"%.128s\", and is not of that type", media_type);
    return 0;
}

static void descriptor_fini(struct oci_descriptor *descriptor)
{
    free(descriptor->media_type);
    free(descriptor->architecture);
    free(descriptor->os);
    free(descriptor->variant);
    free(descriptor->ref_name);
    *descriptor = (struct oci_descriptor){0};
}

static int parse_platform(const json_t *object, struct oci_descriptor *out, struct error *err)
{
    json_t *platform;
    json_t *annotations;
    if (json_find_object(object, "platform", &platform, err) < 0 ||
        json_find_object(object, "annotations", &annotations, err) < 0)
        return -1;
    if (platform && (oci_take_text(platform, "architecture", NULL, &out->architecture, err) < 0 ||
                     oci_take_text(platform, "os", NULL, &out->os, err) < 0 ||
                     oci_take_text(platform, "variant", NULL, &out->variant, err) < 0))
        return -1;
    return annotations ? oci_take_text(annotations, "org.opencontainers.image.ref.name", NULL,
                                       &out->ref_name, err)
                       : 0;
}

/* On failure too, `out` is to be ended by descriptor_fini(). */
static int parse_descriptor(const json_t *object, uint64_t size_max, struct oci_descriptor *out,
                            struct error *err)
{
    const char *text;
    if (!json_is_object(object))
        return error_set(err, ERROR_INVALID, "expected a descriptor object, found %s",
                         json_kind(object));
    if (json_get_text(object, "mediaType", &text, err) < 0 ||
        oci_take_text(object, "mediaType", NULL, &out->media_type, err) < 0 ||
        json_get_text(object, "digest", &text, err) < 0 ||
        oci_digest_parse(text, &out->digest, err) < 0 ||
        json_get_u64(object, "size", size_max, &out->size, err) < 0)
        return -1;
    return parse_platform(object, out, err);
}

/* Parses `array` into a new list; on failure too, the list is the caller's to free. */
static int parse_descriptors(const json_t *array, size_t max, uint64_t size_max,
                             struct oci_descriptor **list, size_t *count, struct error *err)
{
    size_t total = json_array_size(array);
    if (total > max)
        return error_set(err, ERROR_LIMIT, "%zu entries; at most %zu are accepted", total, max);
    *list = calloc(total ? total : 1, sizeof **list);
    if (!*list)
        return error_memory(err);
    for (*count = 0; *count < total;) {
        size_t at = (*count)++;
        if (parse_descriptor(json_array_get(array, at), size_max, &(*list)[at], err) < 0)
            return error_context(err, "entry %zu", at);
    }
    return 0;
}

static void descriptors_fini(struct oci_descriptor *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        descriptor_fini(&list[i]);
    free(list);
}

static int check_version(const json_t *document, struct error *err)
{
    uint64_t version;
    if (json_get_u64(document, "schemaVersion", UINT32_MAX, &version, err) < 0)
        return -1;
    if (version != 2)
        return error_set(err, ERROR_INVALID, "schemaVersion %llu; only 2 is supported",
                         (unsigned long long)version);
    return 0;
}

int oci_index_parse(struct span text, struct oci_index *out, struct error *err)
{
    *out = (struct oci_index){0};
    json_auto_t *document = oci_document(text, err);
    json_t *array;
    if (!document || check_version(document, err) < 0 ||
        json_get_array(document, "manifests", &array, err) < 0)
        return error_context(err, "image index");
    if (parse_descriptors(array, OCI_MANIFESTS_MAX, OCI_DOCUMENT_SIZE_MAX, &out->manifests,
                          &out->count, err) < 0) {
        oci_index_fini(out);
        return error_context(err, "image index: manifests");
    }
    return 0;
}

void oci_index_fini(struct oci_index *index)
{
    descriptors_fini(index->manifests, index->count);
    *index = (struct oci_index){0};
}

static bool is_runnable(const struct oci_descriptor *descriptor)
{
    enum oci_kind kind = oci_kind_of(descriptor->media_type);
    return kind == OCI_KIND_MANIFEST || kind == OCI_KIND_INDEX;
}

static bool is_platform(const struct oci_descriptor *descriptor)
{
    return descriptor->os && strcmp(descriptor->os, "linux") == 0 && descriptor->architecture &&
           strcmp(descriptor->architecture, "amd64") == 0;
}

static int no_platform(const struct oci_index *index, struct error *err)
{
    BUF_AUTO list = BUF_WITH_LIMIT(PLATFORMS_SHOWN);
    for (size_t i = 0; i < index->count; i++) {
        const struct oci_descriptor *at = &index->manifests[i];
        if (at->os && at->architecture && strcmp(at->os, "unknown") != 0)
            (void)buf_printf(&list, NULL, "%s%.32s/%.32s", list.size ? ", " : "", at->os,
                             at->architecture);
    }
    return error_set(err, ERROR_NOT_FOUND, "the image has no linux/amd64 variant; it has: %s",
                     list.size ? buf_text(&list) : "none that names its platform");
}

int oci_index_select(const struct oci_index *index, const struct oci_descriptor **out,
                     struct error *err)
{
    const struct oci_descriptor *exact = NULL;
    const struct oci_descriptor *variant = NULL;
    for (size_t i = index->count; i-- > 0;) {
        const struct oci_descriptor *at = &index->manifests[i];
        if (is_runnable(at) && is_platform(at))
            *(at->variant && *at->variant ? &variant : &exact) = at;
    }
    *out = exact ? exact : variant;
    if (!*out && index->count == 1 && is_runnable(index->manifests) && !index->manifests->os &&
        !index->manifests->architecture)
        *out = index->manifests;
    return *out ? 0 : no_platform(index, err);
}

static int check_layer(const struct oci_descriptor *layer, struct error *err)
{
    const char *type = layer->media_type;
    if (strstr(type, ".foreign.") || strstr(type, "nondistributable"))
        return error_set(err, ERROR_REFUSED,
                         "a foreign layer (\"%.96s\"), whose bytes lie outside the registry, is "
                         "not supported",
                         type);
    if (text_ends_with(type, "+encrypted"))
        return error_set(err, ERROR_REFUSED,
                         "an encrypted layer (\"%.96s\") is not supported: decrypt the image first",
                         type);
    if (oci_kind_of(type) != OCI_KIND_LAYER)
        return error_set(err, ERROR_INVALID, "media type \"%.128s\" is no container layer", type);
    if (layer->size == 0)
        return error_set(err, ERROR_INVALID, "a layer of 0 bytes");
    return 0;
}

static int check_manifest(const struct oci_manifest *manifest, struct error *err)
{
    if (oci_kind_of(manifest->config.media_type) != OCI_KIND_CONFIG)
        return error_set(err, ERROR_INVALID,
                         "config of type \"%.128s\": this is no container image",
                         manifest->config.media_type);
    if (manifest->count == 0)
        return error_set(err, ERROR_INVALID, "the image has no layers");
    for (size_t i = 0; i < manifest->count; i++) {
        if (check_layer(&manifest->layers[i], err) < 0)
            return error_context(err, "layer %zu", i);
    }
    return 0;
}

static int parse_manifest(const json_t *document, struct oci_manifest *out, struct error *err)
{
    json_t *config;
    json_t *layers;
    if (check_version(document, err) < 0 || json_get_object(document, "config", &config, err) < 0 ||
        json_get_array(document, "layers", &layers, err) < 0)
        return -1;
    if (parse_descriptor(config, OCI_DOCUMENT_SIZE_MAX, &out->config, err) < 0)
        return error_context(err, "config");
    if (parse_descriptors(layers, OCI_LAYERS_MAX, OCI_BLOB_SIZE_MAX, &out->layers, &out->count,
                          err) < 0)
        return error_context(err, "layers");
    return check_manifest(out, err);
}

int oci_manifest_parse(struct span text, struct oci_manifest *out, struct error *err)
{
    *out = (struct oci_manifest){0};
    json_auto_t *document = oci_document(text, err);
    if (document && parse_manifest(document, out, err) == 0)
        return 0;
    oci_manifest_fini(out);
    return error_context(err, "image manifest");
}

void oci_manifest_fini(struct oci_manifest *manifest)
{
    descriptor_fini(&manifest->config);
    descriptors_fini(manifest->layers, manifest->count);
    *manifest = (struct oci_manifest){0};
}
