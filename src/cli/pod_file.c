#include "cli/pod_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/text.h"
#include "cli/seccomp_profile.h"
#include "format/yaml.h"
#include "layer/layer.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"
#include "template/virtual_node.h"

#define PROFILE_MAX ((size_t)1 << 20) /* bytes of a seccomp profile */

int pod_file_read(const char *path, enum pod_reading reading, struct pods *pods, struct error *err)
{
    static const struct yaml_limits limits = {
        .size = POD_TEXT_MAX, .depth = POD_DEPTH_MAX, .nodes = POD_NODES_MAX};
    BUF_AUTO text = BUF_WITH_LIMIT(POD_TEXT_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    json_auto_t *documents = yaml_read(buf_span(&text), &limits, err);
    if (!documents || pods_read(documents, reading, pods, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static int read_span(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    (void)err;
    struct span *rest = arg;
    *got = rest->size < size ? rest->size : size;
    if (*got > 0)
        memcpy(out, rest->data, *got);
    *rest = span_of(rest->data + *got, rest->size - *got);
    return 0;
}

int pod_file_hash_layer(void *context, struct span tar, char hex[65], struct error *err)
{
    (void)context;
    const struct layer_source source = {.read = read_span, .arg = &tar};
    struct layer_result result;
    if (layer_hash(&source, NULL, &result, err) < 0)
        return error_context(err, "the layer of values as files");
    hex_encode(span_of(result.root_hash, sizeof result.root_hash), hex);
    return 0;
}

json_t *pod_file_profile(const char *manifest, const char *path, uint64_t capabilities,
                         struct error *err)
{
    const char *slash = strrchr(manifest, '/');
    BUF_AUTO text = BUF_WITH_LIMIT(PROFILE_MAX);
    json_t *out = NULL;
    TEXT_AUTO folder = text_format("%.*s", slash ? (int)(slash - manifest) + 1 : 1,
                                   slash ? manifest : ".");
    if (!folder) {
        (void)error_memory(err);
        return NULL;
    }
    FD_AUTO dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    FD_AUTO fd = dir < 0 ? -1 : fd_open_resolved(dir, path, O_RDONLY, RESOLVE_BENEATH);
    if (fd < 0) {
        (void)error_system(err, errno, "cannot open it in %s, the manifest's folder", folder);
        return NULL;
    }
    if (fd_read_to_end(fd, &text, err) < 0 ||
        seccomp_profile_parse(buf_span(&text), capabilities, &out, err) < 0)
        return NULL;
    return out;
}

/* The member, an object, made where it is not there. */
static json_t *object_in(json_t *object, const char *key)
{
    json_t *member = json_object_get(object, key);
    if (!member && json_object_set_new(object, key, json_object()) == 0)
        member = json_object_get(object, key);
    return member;
}

int pod_file_annotate(struct pods *pods, size_t index, struct span policy, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(2 * policy.size + 4);
    json_t *template = pod_template(pods, index);
    json_t *annotations = object_in(object_in(template, "metadata"), "annotations");
    if (base64_encode(policy, &text, err) < 0)
        return -1;
    if (json_object_set_new(annotations, TEMPLATE_POLICY_ANNOTATION, json_string(buf_text(&text))) <
        0)
        return error_memory(err);
    return 0;
}

int pod_file_write(const char *path, const struct pods *pods, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT((size_t)64 << 20);
    if (yaml_write(pods->documents, &text, err) < 0)
        return error_context(err, "%s", path);
    return output_write(path, buf_span(&text), 0644, err);
}
