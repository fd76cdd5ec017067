#include "image/registry.h"

#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "image/client.h"
#include "os/fd.h"

#define MANIFEST_TYPES                                                                             \
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "        \
    "application/vnd.docker.distribution.manifest.list.v2+json, "                                  \
    "application/vnd.docker.distribution.manifest.v2+json"

struct pull {
    struct store *store;
    struct client *client;
    const struct reference *reference;
    const struct image_observer *observer;
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

/* A blob on its way into the store. */
struct download {
    const struct pull *pull;
    const struct oci_descriptor *blob;
    struct store_partial partial;
    uint64_t at; /* bytes that are there */
};

static void report(const struct download *download, bool cached)
{
    const struct image_observer *observer = download->pull->observer;
    if (observer->report)
        observer->report(observer->context, IMAGE_STEP_DOWNLOAD, &download->blob->digest,
                         cached ? download->blob->size : download->at, download->blob->size,
                         cached);
}

static int start_blob(void *arg, const struct http_response *response, struct error *err)
{
    struct download *download = arg;
    uint64_t start = response->status == 206 ? response->range_start : 0;
    if (response->status == 206 && (!response->has_range || start != download->at))
        return error_set(err, ERROR_PROTOCOL, "bytes from %llu were asked for, and others came",
                         (unsigned long long)download->at);
    download->at = start;
    if (ftruncate(download->partial.fd, (off_t)start) < 0)
        return error_system(err, errno, "cannot resize %s", download->partial.path);
    return 0;
}

static int take_blob(void *arg, struct span bytes, struct error *err)
{
    struct download *download = arg;
    if (bytes.size > download->blob->size - download->at)
        return error_set(err, ERROR_REFUSED, "more bytes than the %llu that the image says",
                         (unsigned long long)download->blob->size);
    if (fd_pwrite_all(download->partial.fd, bytes, (off_t)download->at, err) < 0)
        return error_context(err, "%s", download->partial.path);
    download->at += bytes.size;
    /* The last report, with done == total, follows once the blob has its name. */
    if (download->at < download->blob->size)
        report(download, false);
    return 0;
}

/* Fetches what is missing and ends the partial. */
static int fill(struct download *download, const char *name, struct error *err)
{
    struct http_response response;
    const struct http_sink sink = {.start = start_blob, .write = take_blob, .arg = download};
    TEXT_AUTO what = text_format("blobs/%s", name);
    int status = what ? 0 : error_memory(err);
    if (status == 0 && download->at < download->blob->size)
        status = client_get(download->pull->client, what, NULL, &download->at, &sink, &response,
                            err);
    if (status == 0 && download->at != download->blob->size)
        status = error_set(err, ERROR_REFUSED, "%llu bytes came, the image says %llu",
                           (unsigned long long)download->at,
                           (unsigned long long)download->blob->size);
    if (status == 0)
        return store_commit(download->pull->store, &download->partial, err);
    /* Bytes that the registry may send again are worth keeping; others might be wrong. */
    bool keep = download->at > 0 && err && err->code == ERROR_UNAVAILABLE;
    store_abandon(&download->partial, keep);
    return -1;
}

/* 1 when bytes of an earlier pull turned out wrong and it is worth another try. */
static int get_blob_once(const struct pull *pull, const struct oci_descriptor *blob,
                         struct error *err)
{
    struct download download = {.pull = pull, .blob = blob};
    char name[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&blob->digest, name);
    int there = store_begin(pull->store, &blob->digest, blob->size, &download.partial, err);
    if (there != 0) {
        if (there > 0)
            report(&download, true);
        return there > 0 ? 0 : -1;
    }
    bool resumed = download.partial.size > 0 && download.partial.size <= blob->size;
    download.at = resumed ? download.partial.size : 0;
    struct error problem = {0};
    if (fill(&download, name, &problem) == 0) {
        report(&download, false);
        return 0;
    }
    if (resumed && problem.code == ERROR_REFUSED)
        return 1;
    return error_set(err, problem.code, "blob %s: %s", name, problem.text);
}

static int get_blob(const struct pull *pull, const struct oci_descriptor *blob, struct error *err)
{
    int status = get_blob_once(pull, blob, err);
    return status == 1 ? get_blob_once(pull, blob, err) : status;
}

static int get_image(const struct pull *pull, struct oci_digest *digest, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(OCI_DOCUMENT_SIZE_MAX);
    OCI_MANIFEST_AUTO manifest = {0};
    if (get_manifest(pull, digest, &text, err) < 0 ||
        oci_manifest_parse(buf_span(&text), &manifest, err) < 0 ||
        get_blob(pull, &manifest.config, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest.count; i++) {
        if (get_blob(pull, &manifest.layers[i], err) < 0)
            return -1;
    }
    return store_put_blob(pull->store, digest, buf_span(&text), err);
}

static int pull_from(struct pull *pull, struct http *http, const struct endpoint *endpoint,
                     struct oci_digest *digest, struct error *err)
{
    const struct reference *reference = pull->reference;
    pull->client = client_new(http, endpoint, reference->host, reference->path, err);
    if (!pull->client)
        return -1;
    int status = get_image(pull, digest, err);
    client_free(pull->client);
    return status;
}

/* Whether another endpoint may do better. */
static bool is_local_fault(const struct error *problem)
{
    return problem->code == ERROR_SYSTEM || problem->code == ERROR_MEMORY;
}

static int pull_from_any(struct pull *pull, struct http *http, const struct endpoint *endpoints,
                         size_t count, struct oci_digest *digest, struct error *err)
{
    struct error problem = {0};
    BUF_AUTO before = BUF_WITH_LIMIT(ERROR_TEXT_SIZE / 2);
    for (size_t i = 0; i < count; i++) {
        if (pull_from(pull, http, &endpoints[i], digest, &problem) == 0)
            return 0;
        if (is_local_fault(&problem))
            break;
        if (i + 1 < count)
            (void)buf_printf(&before, NULL, "; mirror %.64s: %.160s", endpoints[i].host,
                             problem.text);
    }
    return error_set(err, problem.code, "%s%s", problem.text, buf_text(&before));
}

int registry_pull(struct store *store, const struct reference *reference,
                  const struct image_options *options, struct oci_digest *manifest,
                  struct error *err)
{
    struct endpoint endpoints[ENDPOINTS_MAX];
    size_t count;
    struct pull pull = {.store = store, .reference = reference, .observer = &options->observer};
    REGISTRIES_AUTO registries = registries_open(err);
    if (!registries ||
        registries_endpoints(registries, reference->host, endpoints, &count, err) < 0)
        return -1;
    struct http *http = http_new(registries, options->tls_ca, err);
    if (!http)
        return -1;
    int status = pull_from_any(&pull, http, endpoints, count, manifest, err);
    http_free(http);
    return status;
}
