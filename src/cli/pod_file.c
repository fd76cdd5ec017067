#include "cli/pod_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/text.h"
#include "cli/seccomp_profile.h"
#include "format/yaml_put.h"
#include "layer/layer.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/output.h"
#include "template/virtual_node.h"

#define PROFILE_MAX ((size_t)1 << 20)  /* bytes of a seccomp profile */
#define WRITTEN_MAX ((size_t)64 << 20) /* bytes of a manifest with its policies */

static const struct yaml_limits written = {
    .size = WRITTEN_MAX, .depth = POD_DEPTH_MAX + POD_PLACE_STEPS, .nodes = 2 * POD_NODES_MAX};

int pod_file_read(const char *path, enum pod_reading reading, struct pods *pods,
                  struct pod_manifest *file, struct error *err)
{
    static const struct yaml_limits limits = {
        .size = POD_TEXT_MAX, .depth = POD_DEPTH_MAX, .nodes = POD_NODES_MAX};
    BUF_AUTO text = BUF_WITH_LIMIT(POD_TEXT_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    json_auto_t *documents = yaml_read(buf_span(&text), &limits, err);
    if (!documents || pods_read(documents, reading, pods, err) < 0)
        return error_context(err, "%s", path);
    if (file) {
        *file = (struct pod_manifest){path, text};
        text = (struct buf)BUF_WITH_LIMIT(0);
    }
    return 0;
}

void pod_manifest_fini(struct pod_manifest *file)
{
    buf_fini(&file->text);
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
    if (!path) {
        json_t *usual = seccomp_profile_default(capabilities);
        if (!usual)
            (void)error_memory(err);
        return usual;
    }
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

int pod_file_annotate(struct pod_manifest *file, const struct pods *pods, size_t index,
                      struct span policy, struct error *err)
{
    BUF_AUTO value = BUF_WITH_LIMIT(2 * policy.size + 4);
    BUF_AUTO text = BUF_WITH_LIMIT(WRITTEN_MAX);
    struct pod_place place;
    struct yaml_step steps[POD_PLACE_STEPS + 3];
    pod_find_place(pods, index, &place);
    for (size_t i = 0; i < place.count; i++)
        steps[i] = (struct yaml_step){place.keys[i], place.indices[i]};
    steps[place.count] = (struct yaml_step){.key = "metadata"};
    steps[place.count + 1] = (struct yaml_step){.key = "annotations"};
    steps[place.count + 2] = (struct yaml_step){.key = TEMPLATE_POLICY_ANNOTATION};
    const struct yaml_way way = {place.document, steps, place.count + 3};
    if (base64_encode(policy, &value, err) < 0)
        return -1;
    if (yaml_put(buf_span(&file->text), &written, &way, buf_text(&value), &text, err) < 0)
        return error_context(err, "%s: the annotation of %s \"%.64s\"", file->path,
                             pods->items[index].kind, pods->items[index].name);
    struct buf old = file->text;
    file->text = text;
    text = old; /* released on return */
    return 0;
}

int pod_file_write(const struct pod_manifest *file, struct error *err)
{
    struct stat status;
    mode_t mode = stat(file->path, &status) == 0 ? status.st_mode & 0777 : 0644;
    return output_write(file->path, buf_span(&file->text), mode, err);
}
