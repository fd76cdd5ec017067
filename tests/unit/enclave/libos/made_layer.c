#include "made_layer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../check.h"

void made_layer_init(struct made_layer *layer, struct buf *tar)
{
    struct error err = {0};
    struct layer_result result;
    *layer = (struct made_layer){0};
    tarball_end(tar);
    struct tarball_source from = {buf_span(tar), 1 << 20};
    struct layer_source source = {tarball_read, &from};
    int fd = memfd_create("layer", MFD_CLOEXEC);
    assert_true(fd >= 0);
    check_ok(layer_build(&source, NULL, fd, &result, &err), &err);
    layer->size = result.disk_size;
    layer->data_blocks = result.ext4_size / VERITY_BLOCK_SIZE;
    memcpy(layer->root, result.root_hash, sizeof layer->root);
    layer->disk = malloc(layer->size);
    assert_non_null(layer->disk);
    assert_int_equal(pread(fd, layer->disk, layer->size, 0), layer->size);
    (void)close(fd);
}

void made_layer_fini(struct made_layer *layer)
{
    free(layer->disk);
}

static int read_blocks(void *arg, uint64_t block, size_t count, uint8_t *out)
{
    struct made_layer *layer = arg;
    layer->reads++;
    if (block > layer->size / VERITY_BLOCK_SIZE || count > layer->size / VERITY_BLOCK_SIZE - block)
        return -ENXIO;
    memcpy(out, layer->disk + block * VERITY_BLOCK_SIZE, count * VERITY_BLOCK_SIZE);
    return 0;
}

struct verity_source made_layer_source(struct made_layer *layer)
{
    return (struct verity_source){read_blocks, layer};
}

static int read_part(void *arg, uint64_t block, size_t offset, size_t size, void *out)
{
    struct made_layer *layer = arg;
    layer->reads++;
    assert_true(block < layer->data_blocks && offset + size <= VERITY_BLOCK_SIZE);
    memcpy(out, layer->disk + block * VERITY_BLOCK_SIZE + offset, size);
    return 0;
}

static int read_whole(void *arg, uint64_t block, size_t count, void *out)
{
    struct made_layer *layer = arg;
    layer->reads++;
    assert_true(count > 0 && block < layer->data_blocks && count <= layer->data_blocks - block);
    memcpy(out, layer->disk + block * VERITY_BLOCK_SIZE, count * VERITY_BLOCK_SIZE);
    return 0;
}

struct ext4_source made_layer_ext4(struct made_layer *layer)
{
    return (struct ext4_source){read_part, read_whole, layer, layer->data_blocks};
}

void tarball_add_more(struct buf *tar, struct tarball_entry entry, struct tarball_more more)
{
    size_t start = tar->size;
    tarball_add(tar, entry);
    uint8_t *header = tar->data + start;
    tarball_octal(header + 108, 8, more.uid);
    tarball_octal(header + 116, 8, more.gid);
    tarball_octal(header + 329, 8, more.major);
    tarball_octal(header + 337, 8, more.minor);
    tarball_checksum(header);
}
