/*
 * A container layer as a disk: tar (plain, gzip or zstd) → ext4 → dm-verity, in one pass.
 *
 * The bytes are those of the reference converter (hcsshim's ext4/tar2ext4 and ext4/dmverity with
 * whiteouts converted and a maximum of 128 GiB): the root hash that a policy lists for a layer is
 * the one that layer_hash() gives. The same pass yields the digests by which an image names the
 * layer: that of the blob as stored, and the diff_id, that of the tar inside.
 *
 * Either the whole stream is sound, or the call fails: damage after the tar's end is refused too.
 */
#ifndef CAISSON_LAYER_LAYER_H
#define CAISSON_LAYER_LAYER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYER_DIGEST_SIZE 32

/* Where the blob comes from. The callback runs in a thread of the conversion, never in two at
 * once. It stores 1..size bytes at `out` and their number in *got; *got = 0 means the end. */
struct layer_source {
    int (*read)(void *arg, void *out, size_t size, size_t *got, struct error *err);
    void *arg;
};

struct layer_options {
    /* Called now and then from the caller's own thread with the bytes of the blob read so far. A
     * negative result stops the conversion with ERROR_REFUSED. May be NULL. */
    int (*progress)(void *arg, uint64_t blob_bytes);
    void *progress_arg;
    uint64_t disk_limit;     /* bytes of ext4; 0 = LAYER_DISK_LIMIT, which is also the most */
    uint64_t metadata_limit; /* bytes of memory for names and inodes; 0 = LAYER_METADATA_LIMIT */
    bool vhd;                /* layer_build only: end the disk with a fixed VHD footer */
};

#define LAYER_DISK_LIMIT     (UINT64_C(128) << 30)
#define LAYER_METADATA_LIMIT (UINT64_C(512) << 20)

struct layer_result {
    uint8_t root_hash[LAYER_DIGEST_SIZE];   /* of the dm-verity tree: what a policy lists */
    uint8_t diff_id[LAYER_DIGEST_SIZE];     /* SHA-256 of the tar */
    uint8_t blob_digest[LAYER_DIGEST_SIZE]; /* SHA-256 of the bytes that the source gave */
    uint64_t blob_size;
    uint64_t tar_size;
    uint64_t ext4_size; /* where the verity superblock stands: veritysetup's --hash-offset */
    uint64_t disk_size; /* of ext4, superblock, tree and footer */
};

/* Computes what layer_build() would, and writes nothing. `options` may be NULL. */
int layer_hash(const struct layer_source *source, const struct layer_options *options,
               struct layer_result *result, struct error *err);

/* Writes the disk to out_fd: a regular file opened O_RDWR, which is emptied first. On failure its
 * contents are undefined: give it a name only afterwards. The verity superblock follows the ext4
 * at result->ext4_size, its UUID and the footer's derive from the root hash, so that the same layer
 * always gives the same bytes. Data blocks of zeros are left as holes. */
int layer_build(const struct layer_source *source, const struct layer_options *options, int out_fd,
                struct layer_result *result, struct error *err);

#endif
