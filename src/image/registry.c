#include "image/registry.h"

#include "base/text.h"

#define MANIFEST_TYPES                                                                             \
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "        \
    "application/vnd.docker.distribution.manifest.list.v2+json, "                                  \
    "application/vnd.docker.distribution.manifest.v2+json"

struct pull {
    struct blob_target target;
    struct client *client;
    const struct reference *reference;
    const struct registry_sink *sink;
    bool sink_failed;
};

static int start_document(void *arg, const struct http_response *response, struct error *err)
{
    (void)err;
    (void)response;
    buf_fini(arg); /* a try that broke off has left something */
    return 0;
}

static int take_document(void *arg, struct span bytes, struct error *err)
{
    return buf_append(arg, bytes, err);
}

/* Gets a manifest or index by tag or digest; `wanted` (or NULL) is the digest that it must have. */
static int get_document(const struct pull *pull, const char *name, const struct oci_digest *wanted,
                        struct oci_digest *digest, enum oci_kind *kind, struct buf *out,
                        struct error *err)
{
    struct http_response response;
    const struct http_sink sink = {.start = start_document, .write = take_document, .arg = out};
    TEXT_AUTO what = text_format("manifests/%s", name);
    if (!what)
        return error_memory(err);
    if (client_get(pull->client, what, MANIFEST_TYPES, NULL, &sink, &response, err) < 0)
        return -1;
    oci_digest_of(buf_span(out), digest);
    if (wanted && !oci_digest_equal(digest, wanted)) {
        char found[OCI_DIGEST_TEXT_SIZE];
        oci_digest_text(digest, found);
        return error_set(err, ERROR_REFUSED, "manifest %s: the bytes that came have digest %s",
                         name, found);
    }
    return oci_kind_of_document(buf_span(out), response.media_type, kind, err);
}

/* Replaces the index in `text` by the manifest for our platform. */
static int get_platform(const struct pull *pull, struct oci_digest *digest, struct buf *text,
                        struct error *err)
{
    OCI_INDEX_AUTO index = {0};
    const struct oci_descriptor *chosen;
    char name[OCI_DIGEST_TEXT_SIZE];
    enum oci_kind kind;
    if (oci_index_parse(buf_span(text), &index, err) < 0 ||
        oci_index_select(&index, &chosen, err) < 0)
        return -1;
    oci_digest_text(&chosen->digest, name);
    if (get_document(pull, name, &chosen->digest, digest, &kind, text, err) < 0)
        return -1;
    if (text->size != chosen->size)
        return error_set(err, ERROR_REFUSED, "manifest %s has %zu bytes, the index says %llu", name,
                         text->size, (unsigned long long)chosen->size);
    if (kind != OCI_KIND_MANIFEST)
        return error_set(err, ERROR_INVALID, "the index names another index for linux/amd64");
    return 0;
}

static int get_manifest(const struct pull *pull, struct oci_digest *digest, struct buf *text,
                        struct error *err)
{
    const struct reference *reference = pull->reference;
    char name[OCI_DIGEST_TEXT_SIZE] = "";
    enum oci_kind kind;
    if (reference->has_digest)
        oci_digest_text(&reference->digest, name);
    if (get_document(pull, reference->has_digest ? name : reference->tag,
                     reference->has_digest ? &reference->digest : NULL, digest, &kind, text,
                     err) < 0)
        return -1;
    return kind == OCI_KIND_INDEX ? get_platform(pull, digest, text, err) : 0;
}

static int get_image(struct pull *pull, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    OCI_MANIFEST_AUTO manifest = {0};
    struct oci_digest digest;
    const struct registry_sink *sink = pull->sink;
    if (get_manifest(pull, &digest, &text, err) < 0 ||
        oci_manifest_parse(buf_span(&text), &manifest, err) < 0 ||
        blob_fetch(&pull->target, pull->client, &manifest.config, err) < 0 ||
        store_put_blob(pull->target.store, &digest, buf_span(&text), err) < 0)
        return -1;
    pull->sink_failed = sink->documents(sink->arg, &digest, err) < 0;
    if (pull->sink_failed)
        return -1;
    return fetch_layers(&pull->target, pull->client, &manifest, &sink->layers, &pull->sink_failed,
                        err);
}

static int pull_from(struct pull *pull, struct http *http, const struct endpoint *endpoint,
                     struct error *err)
{
    const struct reference *reference = pull->reference;
    pull->client = client_new(http, endpoint, reference->host, reference->path, err);
    if (!pull->client)
        return -1;
    int status = get_image(pull, err);
    client_free(pull->client);
    return status;
}

/* Whether no other endpoint can do better. */
static bool is_final(const struct pull *pull, const struct error *problem)
{
    return pull->sink_failed || problem->code == ERROR_SYSTEM || problem->code == ERROR_MEMORY;
}

static int pull_from_any(struct pull *pull, struct http *http, const struct endpoint *endpoints,
                         size_t count, struct error *err)
{
    struct error problem = {0};
    BUF_AUTO before = BUF_WITH_LIMIT(ERROR_TEXT_SIZE / 2);
    for (size_t i = 0; i < count; i++) {
        if (pull_from(pull, http, &endpoints[i], &problem) == 0)
            return 0;
        if (is_final(pull, &problem))
            break;
        if (i + 1 < count)
            (void)buf_printf(&before, NULL, "; mirror %.64s: %.160s", endpoints[i].host,
                             problem.text);
    }
    return error_set(err, problem.code, "%s%s", problem.text, buf_text(&before));
}

int registry_pull(struct store *store, const struct reference *reference,
                  const struct image_options *options, const struct registry_sink *sink,
                  struct error *err)
{
    struct endpoint endpoints[ENDPOINTS_MAX];
    size_t count;
    struct pull pull = {.target = {.store = store, .observer = &options->observer},
                        .reference = reference,
                        .sink = sink};
    REGISTRIES_AUTO registries = registries_open(err);
    if (!registries ||
        registries_endpoints(registries, reference->host, endpoints, &count, err) < 0)
        return -1;
    struct http *http = http_new(registries, options->tls_ca, err);
    if (!http)
        return -1;
    int status = pull_from_any(&pull, http, endpoints, count, err);
    http_free(http);
    return status;
}
