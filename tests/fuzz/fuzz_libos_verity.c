/* A verity disk under a host that changes what it gives from one read to the next: no byte ever
 * comes out but what the root hash names. */
#include "fuzz.h"

#include "enclave/libos/alloc.h"
#include "enclave/libos/files/verity.h"

#define BLOCKS 3

void *libos_alloc(size_t size)
{
    return malloc(size);
}

void libos_free(void *memory)
{
    free(memory);
}

/* Three blocks of data and their one block of digests behind the superblock. */
static uint8_t good[BLOCKS + 2][VERITY_BLOCK_SIZE];
static uint8_t root[SHA256_SIZE];

struct host {
    const uint8_t *data;
    size_t size;
};

static void make(void)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        memset(good[i], (int)i + 1, VERITY_BLOCK_SIZE);
        verity_block_digest(good[i], good[BLOCKS + 1] + i * SHA256_SIZE);
    }
    verity_block_digest(good[BLOCKS + 1], root);
}

/* Each read takes two bytes of the input: whether and where to lie. */
static int read_block(struct host *host, uint64_t block, uint8_t out[VERITY_BLOCK_SIZE])
{
    fuzz_require(block < BLOCKS + 2 && block != BLOCKS);
    memcpy(out, good[block], VERITY_BLOCK_SIZE);
    if (host->size < 3)
        return 0;
    unsigned how = host->data[0], where = host->data[1] | (unsigned)host->data[2] << 8;
    host->data += 3;
    host->size -= 3;
    if (how == 255)
        return -5;
    if (how & 1)
        out[where % VERITY_BLOCK_SIZE] ^= (uint8_t)(how | 1);
    if (how & 2)
        memcpy(out, good[where % (BLOCKS + 2)], VERITY_BLOCK_SIZE);
    return 0;
}

static int read_blocks(void *arg, uint64_t block, size_t count, uint8_t *out)
{
    int status = 0;
    fuzz_require(count >= 1 && count <= VERITY_RUN);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = read_block(arg, block + i, out + i * VERITY_BLOCK_SIZE);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host = {data, size};
    struct verity_source source = {read_blocks, &host};
    struct verity_disk *disk;
    if (root[0] == 0 && root[1] == 0)
        make();
    fuzz_require(verity_disk_new(&source, BLOCKS, root, 0, &disk) == 0);
    for (unsigned i = 0; i < 32; i++) {
        static uint8_t all[BLOCKS * VERITY_BLOCK_SIZE];
        uint8_t block[VERITY_BLOCK_SIZE];
        if (verity_disk_read(disk, i % BLOCKS, 0, sizeof block, block) == 0)
            fuzz_require(memcmp(block, good[i % BLOCKS], sizeof block) == 0);
        if (i % 4 == 3 && verity_disk_read_whole(disk, 0, BLOCKS, all) == 0)
            fuzz_require(memcmp(all, good, sizeof all) == 0);
    }
    verity_disk_free(disk);
    return 0;
}
