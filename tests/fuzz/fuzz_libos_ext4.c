/* The library OS' reader of a layer's ext4, with verity left out: the input is laid over a disk
 * that src/layer made, in runs of {block, offset in it, size, bytes}; then all that is there is
 * read. */
#include "fuzz.h"

#include "enclave/libos/files/ext4.h"
#include "layer/layer.h"

#include <sys/mman.h>
#include <unistd.h>

#define BLOCKS_MAX 64

static uint8_t made[BLOCKS_MAX * EXT4_BLOCK_SIZE];
static uint8_t disk[sizeof made];
static uint64_t blocks;

/* A tar of a directory, a file and a link, as bytes of ustar headers. */
static int next(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    static const struct {
        const char *name, *type, *link, *sum;
    } entries[] = {{"d/", "5", "", ""}, {"d/f", "0", "", ""}, {"d/l", "2", "f", ""}};
    static uint8_t tar[5 * 512];
    size_t *at = arg;
    (void)err;
    for (size_t i = 0; *at == 0 && i < 3; i++) {
        uint8_t *header = tar + i * 512;
        unsigned sum = 0;
        memcpy(header, entries[i].name, strlen(entries[i].name));
        memcpy(header + 100, "0000755\0000000000\0000000000\00000000000000\00000000000000", 48);
        memset(header + 148, ' ', 8);
        header[156] = (uint8_t)entries[i].type[0];
        memcpy(header + 157, entries[i].link, strlen(entries[i].link));
        memcpy(header + 257, "ustar\00000", 8);
        for (size_t j = 0; j < 512; j++)
            sum += header[j];
        for (size_t j = 6; j-- > 0; sum >>= 3)
            header[148 + j] = (uint8_t)('0' + (sum & 7));
        header[154] = 0;
    }
    *got = sizeof tar - *at < size ? sizeof tar - *at : size;
    memcpy(out, tar + *at, *got);
    *at += *got;
    return 0;
}

static void make(void)
{
    struct layer_result result;
    size_t at = 0;
    struct layer_source source = {next, &at};
    int fd = memfd_create("layer", MFD_CLOEXEC);
    fuzz_require(fd >= 0 && layer_build(&source, NULL, fd, &result, NULL) == 0);
    fuzz_require(result.ext4_size <= sizeof made);
    fuzz_require(pread(fd, made, result.ext4_size, 0) == (ssize_t)result.ext4_size);
    (void)close(fd);
    blocks = result.ext4_size / EXT4_BLOCK_SIZE;
}

static int read_part(void *arg, uint64_t block, size_t offset, size_t size, void *out)
{
    (void)arg;
    fuzz_require(block < blocks && offset <= EXT4_BLOCK_SIZE && size <= EXT4_BLOCK_SIZE - offset);
    memcpy(out, disk + block * EXT4_BLOCK_SIZE + offset, size);
    return 0;
}

static int read_whole(void *arg, uint64_t block, size_t count, void *out)
{
    (void)arg;
    fuzz_require(count > 0 && block < blocks && count <= blocks - block);
    memcpy(out, disk + block * EXT4_BLOCK_SIZE, count * EXT4_BLOCK_SIZE);
    return 0;
}

struct tour {
    const struct ext4_reader *reader;
    int depth;
    int left;
};

static int copy(void *arg, struct span name, struct span value)
{
    uint8_t bytes[EXT4_BLOCK_SIZE];
    (void)arg;
    fuzz_require(name.size > 0 && name.size <= sizeof bytes && value.size <= sizeof bytes);
    memcpy(bytes, name.data, name.size);
    if (value.size > 0)
        memcpy(bytes, value.data, value.size);
    return 0;
}

static int visit(void *arg, struct span name, uint32_t number, unsigned type)
{
    (void)type;
    struct tour *tour = arg;
    struct ext4_inode inode;
    char bytes[EXT4_LONG_SYMLINK];
    fuzz_require(name.size > 0 && name.size <= EXT4_NAME_MAX && !memchr(name.data, '/', name.size));
    if (tour->left-- == 0)
        return -1;
    if (ext4_read_inode(tour->reader, number, &inode) < 0)
        return 0;
    (void)ext4_read_xattrs(tour->reader, &inode, copy, NULL);
    int64_t got = ext4_read_file(tour->reader, &inode, 0, bytes, sizeof bytes);
    fuzz_require(got <= (int64_t)sizeof bytes && (got < 0 || (uint64_t)got <= inode.size));
    (void)ext4_read_link(tour->reader, &inode, bytes, sizeof bytes);
    if (tour->depth < 4) {
        tour->depth++;
        (void)ext4_read_directory(tour->reader, &inode, visit, tour);
        tour->depth--;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (blocks == 0)
        make();
    memcpy(disk, made, sizeof disk);
    while (size > 4) {
        size_t at = data[0] % blocks * EXT4_BLOCK_SIZE +
                    ((size_t)data[1] | (size_t)data[2] << 8) % EXT4_BLOCK_SIZE;
        size_t part = data[3] < size - 4 ? data[3] : size - 4;
        if (part > sizeof disk - at)
            part = sizeof disk - at;
        memcpy(disk + at, data + 4, part);
        data += 4 + part;
        size -= 4 + part;
    }
    struct ext4_source source = {read_part, read_whole, NULL, blocks};
    struct ext4_reader reader;
    struct tour tour = {.reader = &reader, .left = 200};
    if (ext4_reader_open(&reader, &source) == 0)
        (void)visit(&tour, span_of_text("root"), EXT4_ROOT, 0);
    return 0;
}
