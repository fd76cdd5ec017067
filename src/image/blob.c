#include "image/blob.h"

#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "os/fd.h"

/* A blob on its way into the store. */
struct download {
    const struct blob_target *target;
    struct client *client;
    const struct oci_descriptor *blob;
    struct store_partial partial;
    uint64_t at; /* bytes that are there */
};

static void report(const struct download *download, bool cached)
{
    const struct image_observer *observer = download->target->observer;
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
        status = client_get(download->client, what, NULL, &download->at, &sink, &response, err);
    if (status == 0 && download->at != download->blob->size)
        status = error_set(err, ERROR_REFUSED, "%llu bytes came, the image says %llu",
                           (unsigned long long)download->at,
                           (unsigned long long)download->blob->size);
    if (status == 0)
        return store_commit(download->target->store, &download->partial, err);
    /* Bytes that the registry may send again are worth keeping; others might be wrong. */
    bool keep = download->at > 0 && err && err->code == ERROR_UNAVAILABLE;
    store_abandon(&download->partial, keep);
    return -1;
}

/* 1 when bytes of an earlier pull turned out wrong and it is worth another try. */
static int fetch_once(const struct blob_target *target, struct client *client,
                      const struct oci_descriptor *blob, struct error *err)
{
    struct download download = {.target = target, .client = client, .blob = blob};
    char name[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&blob->digest, name);
    int there = store_begin(target->store, &blob->digest, blob->size, &download.partial, err);
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

int blob_fetch(const struct blob_target *target, struct client *client,
               const struct oci_descriptor *blob, struct error *err)
{
    int status = fetch_once(target, client, blob, err);
    return status == 1 ? fetch_once(target, client, blob, err) : status;
}
