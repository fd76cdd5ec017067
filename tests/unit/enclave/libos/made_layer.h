/* Layers for tests of the library OS: built by src/layer, then held in memory as the host's disk.
 */
#ifndef CAISSON_TESTS_MADE_LAYER_H
#define CAISSON_TESTS_MADE_LAYER_H

#include "../../tarball.h"
#include "enclave/libos/files/ext4.h"
#include "enclave/libos/files/verity.h"
#include "layer/layer.h"

struct made_layer {
    uint8_t *disk;
    uint64_t size;
    uint64_t data_blocks;
    uint8_t root[LAYER_DIGEST_SIZE];
    uint64_t reads; /* by the source, so far */
};

/* Ends the archive and builds it. made_layer_fini() gives it up. */
void made_layer_init(struct made_layer *layer, struct buf *tar);
void made_layer_fini(struct made_layer *layer);

/* The disk, as its host gives it. */
struct verity_source made_layer_source(struct made_layer *layer);

/* The file system by itself, unchecked. */
struct ext4_source made_layer_ext4(struct made_layer *layer);

/* A file, with everything about it that a tar can say: `entry` gives the rest. */
struct tarball_more {
    uint64_t uid, gid;
    unsigned major, minor;
};
void tarball_add_more(struct buf *tar, struct tarball_entry entry, struct tarball_more more);

#endif
