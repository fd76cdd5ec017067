/*
 * Theory of operation
 *
 * Three threads. The unpacker reads the blob and inflates it into a relay. The digester hashes the
 * blob and the tar that comes out (the diff_id), both at once. The caller's own thread reads the
 * tar, lays out the ext4, hashes its blocks and writes them. Unpacking takes nearly half of the
 * time, so that two cores are enough for all three.
 *
 * When the tar ends the caller's thread reads on to the end of the stream, so that damage behind it
 * is found and the digests cover everything.
 */
#include "layer/layer.h"

#include <stdlib.h>

#include "crypto/sha256_pair.h"
#include "layer/convert.h"
#include "layer/relay.h"
#include "layer/unpack.h"

enum { READER_TAR, READER_DIGEST };

struct job {
    const struct layer_options *options;
    struct unpack unpack;
    struct relay relay;
    struct sha256 diff_id;
    struct sha256 blob; /* not fed for a plain tar */
    uint64_t tar_size;
    uint64_t reported; /* blob bytes at the last progress report */
};

static void *run_unpacker(void *arg)
{
    struct job *job = arg;
    struct error err = {0};
    int status = 0;
    bool more = true;
    while (status == 0 && more) {
        struct unpack_piece *piece = relay_reserve(&job->relay);
        if (!piece)
            return NULL;
        status = unpack_read(&job->unpack, piece, &more, &err);
        if (status == 0)
            relay_commit(&job->relay);
    }
    relay_end(&job->relay, status < 0 ? &err : NULL);
    return NULL;
}

static void *run_digester(void *arg)
{
    struct job *job = arg;
    const struct unpack_piece *piece;
    while (relay_next(&job->relay, READER_DIGEST, &piece, NULL) == 0 && piece)
        sha256_update_pair(&job->diff_id, span_of(piece->tar, piece->tar_size), &job->blob,
                           span_of(piece->blob, piece->blob_size));
    return NULL;
}

static int report(struct job *job, struct error *err)
{
    const struct layer_options *options = job->options;
    if (!options->progress)
        return 0;
    uint64_t bytes = atomic_load(&job->unpack.blob_size);
    if (bytes == job->reported)
        return 0;
    job->reported = bytes;
    if (options->progress(options->progress_arg, bytes) < 0)
        return error_set(err, ERROR_REFUSED, "the conversion was stopped");
    return 0;
}

static int next_tar_bytes(void *arg, struct span *out, struct error *err)
{
    struct job *job = arg;
    const struct unpack_piece *piece;
    do {
        if (relay_next(&job->relay, READER_TAR, &piece, err) < 0)
            return -1;
    } while (piece && piece->tar_size == 0);
    *out = piece ? span_of(piece->tar, piece->tar_size) : (struct span){0};
    job->tar_size += out->size;
    return report(job, err);
}

static int drain(struct job *job, struct error *err)
{
    struct span bytes;
    do {
        if (next_tar_bytes(job, &bytes, err) < 0)
            return -1;
    } while (bytes.size > 0);
    return 0;
}

static int convert(struct job *job, struct disk *disk, struct error *err)
{
    uint64_t memory = job->options->metadata_limit;
    struct tar_reader tar;
    struct ext4 *fs = calloc(1, sizeof *fs);
    if (!fs)
        return error_memory(err);
    tar_init(&tar, (struct tar_source){next_tar_bytes, job});
    int status = ext4_init(fs, disk, memory ? memory : LAYER_METADATA_LIMIT, err);
    if (status == 0)
        status = convert_tar(&tar, fs, err);
    tar_fini(&tar);
    if (status == 0)
        status = drain(job, err);
    if (status == 0)
        status = ext4_close(fs, err);
    ext4_fini(fs);
    free(fs);
    return status;
}

/* Runs the threads around convert(). */
static int run(struct job *job, struct disk *disk, struct error *err)
{
    pthread_t unpacker, digester;
    int sys = pthread_create(&unpacker, NULL, run_unpacker, job);
    if (sys != 0)
        return error_system(err, sys, "starting a thread");
    sys = pthread_create(&digester, NULL, run_digester, job);
    int status = sys == 0 ? convert(job, disk, err) : error_system(err, sys, "starting a thread");
    if (status < 0)
        relay_stop(&job->relay);
    (void)pthread_join(unpacker, NULL);
    if (sys == 0)
        (void)pthread_join(digester, NULL);
    return status;
}

static int finish(struct job *job, struct disk *disk, struct layer_result *result,
                  struct error *err)
{
    result->ext4_size = disk->position;
    result->tar_size = job->tar_size;
    result->blob_size = atomic_load(&job->unpack.blob_size);
    sha256_final(&job->diff_id, result->diff_id);
    if (job->unpack.kind == UNPACK_PLAIN)
        memcpy(result->blob_digest, result->diff_id, sizeof result->blob_digest);
    else
        sha256_final(&job->blob, result->blob_digest);
    return disk_finish(disk, job->options->vhd && disk->fd >= 0, result->root_hash,
                       &result->disk_size, err);
}

static int run_job(struct job *job, const struct layer_source *source, int fd,
                   struct layer_result *result, struct error *err)
{
    uint64_t limit = job->options->disk_limit;
    struct disk disk;
    if (limit == 0 || limit > LAYER_DISK_LIMIT)
        limit = LAYER_DISK_LIMIT;
    sha256_init(&job->diff_id);
    sha256_init(&job->blob);
    int status = disk_init(&disk, fd, limit, err);
    if (status == 0)
        status = unpack_init(&job->unpack, source, err);
    if (status == 0)
        status = relay_init(&job->relay, 2, err);
    if (status == 0)
        status = run(job, &disk, err);
    if (status == 0)
        status = finish(job, &disk, result, err);
    relay_fini(&job->relay);
    unpack_fini(&job->unpack);
    disk_fini(&disk);
    return status;
}

static int make(const struct layer_source *source, const struct layer_options *options, int fd,
                struct layer_result *result, struct error *err)
{
    static const struct layer_options defaults;
    *result = (struct layer_result){0};
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return error_memory(err);
    job->options = options ? options : &defaults;
    int status = run_job(job, source, fd, result, err);
    free(job);
    return status;
}

int layer_hash(const struct layer_source *source, const struct layer_options *options,
               struct layer_result *result, struct error *err)
{
    return make(source, options, -1, result, err);
}

int layer_build(const struct layer_source *source, const struct layer_options *options, int out_fd,
                struct layer_result *result, struct error *err)
{
    if (out_fd < 0)
        return error_set(err, ERROR_USAGE, "a disk needs a file to be written to");
    return make(source, options, out_fd, result, err);
}
