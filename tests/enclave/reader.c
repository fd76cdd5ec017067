/* An enclave that reads a file of a layer that the host holds: the library OS' files, as an image
 * links them. For tests. */
#include "reader.h"

#include <linux/errno.h>
#include <linux/fcntl.h>

#include "enclave/inside/enclave.h"
#include "enclave/libos/alloc.h"
#include "enclave/libos/files/verity.h"
#include "enclave/libos/files/vfs.h"

ENCLAVE_NOTE(1, 1, 2, 0x20000, 0);

#define CACHE_BLOCKS 16

/* One question an enclave: nothing is given back. */
static _Alignas(16) uint8_t arena[512 << 10];
static size_t arena_used;

void *libos_alloc(size_t size)
{
    size_t whole = (size + 15) & ~(size_t)15;
    if (whole < size || whole > sizeof arena - arena_used)
        return NULL;
    arena_used += whole;
    return arena + arena_used - whole;
}

void libos_free(void *memory)
{
    (void)memory;
}

bool enclave_exception(struct sgx_gprs *state, const struct sgx_exinfo *fault)
{
    (void)state;
    (void)fault;
    return false;
}

static struct reader_question question;

/* The disk lies in the host's memory, outside as a whole. */
static int read_blocks(void *arg, uint64_t block, size_t count, uint8_t *out)
{
    uint64_t blocks = question.size / VERITY_BLOCK_SIZE;
    (void)arg;
    if (block > blocks || count > blocks - block)
        return -ENXIO;
    memcpy(out, (const uint8_t *)question.disk + block * VERITY_BLOCK_SIZE,
           count * VERITY_BLOCK_SIZE);
    return 0;
}

static int read_part(void *arg, uint64_t block, size_t offset, size_t size, void *out)
{
    return verity_disk_read(arg, block, offset, size, out);
}

static int read_whole(void *arg, uint64_t block, size_t count, void *out)
{
    return verity_disk_read_whole(arg, block, count, out);
}

static void now(void *arg, struct file_time *out)
{
    (void)arg;
    *out = (struct file_time){0, 0};
}

static int mount(struct vfs *vfs)
{
    static struct ext4_reader layer;
    struct verity_source source = {read_blocks, NULL};
    struct verity_disk *disk;
    int status = verity_disk_new(&source, question.data_blocks, question.root, CACHE_BLOCKS, &disk);
    if (status < 0)
        return status;
    struct ext4_source blocks = {read_part, read_whole, disk, verity_disk_blocks(disk)};
    status = ext4_reader_open(&layer, &blocks);
    if (status < 0)
        return status;
    struct tree_options options = {
        .limit = 64 << 10, .clock = {now, NULL}, .layers = &layer, .layer_count = 1};
    struct tree *tree;
    status = tree_new(&options, &tree);
    if (status == 0)
        vfs_init(vfs, tree, options.clock);
    return status;
}

static int64_t answer(void)
{
    static struct vfs vfs;
    int status = mount(&vfs);
    if (status == 0)
        status = vfs_open(&vfs, AT_FDCWD, question.path, O_RDONLY, 0, 0);
    if (status < 0)
        return status;
    return file_read(file_table_get(&vfs.files, status), FILE_HERE, question.out,
                     sizeof question.out);
}

uint64_t enclave_main(const uint64_t arguments[4])
{
    uint64_t from = arguments[1];
    if (!enclave_is_outside(from, sizeof question))
        return (uint64_t)-EFAULT;
    memcpy(&question, (const void *)from, sizeof question);
    question.path[sizeof question.path - 1] = 0;
    if (!enclave_is_outside(question.disk, question.size))
        return (uint64_t)-EFAULT;
    int64_t got = answer();
    if (got > 0)
        memcpy(((struct reader_question *)from)->out, question.out, (size_t)got);
    return (uint64_t)got;
}
