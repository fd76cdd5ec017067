/* The library OS' files in an enclave of the model: a layer's file is read there, and a host that
 * lies is found out. The argument is the image (tests/enclave/reader.c). */
#include "../../../check.h"

#include <errno.h>

#include "../../../../enclave/reader.h"
#include "../../probe_enclave.h"
#include "../made_layer.h"
#include "enclave/model_keys.h"

static const char *image;
static struct probe_enclave reader;
static struct made_layer layer;
static struct reader_question question;
static char large[6001];

static int prepare(void **state)
{
    static const uint8_t fuse[MODEL_FUSE_SIZE] = {1};
    BUF_AUTO tar = BUF_WITH_LIMIT(1 << 20);
    (void)state;
    model_set_fuse(fuse);
    for (size_t i = 0; i < sizeof large - 1; i++)
        large[i] = (char)('a' + i / 7 % 26);
    tarball_add(&tar, (struct tarball_entry){.name = "dir/file", .contents = large});
    tarball_add(&tar,
                (struct tarball_entry){.name = "dir/link", .type = '2', .link = "../dir/file"});
    tarball_add(&tar, (struct tarball_entry){.name = "dir/.wh.gone"});
    made_layer_init(&layer, &tar);
    probe_init(&reader, image);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    probe_fini(&reader);
    made_layer_fini(&layer);
    return 0;
}

/* In a new enclave: what reading the file answers. */
static int64_t ask(const char *path)
{
    question = (struct reader_question){
        .disk = (uint64_t)layer.disk, .size = layer.size, .data_blocks = layer.data_blocks};
    memcpy(question.root, layer.root, sizeof question.root);
    (void)snprintf(question.path, sizeof question.path, "%s", path);
    probe_load(&reader);
    return (int64_t)probe_ask(&reader, 0, (enum probe_order)READER_READ, (uint64_t)&question, 0, 0);
}

static void reads_a_file_of_a_layer(void **state)
{
    (void)state;
    assert_int_equal(ask("/dir/file"), sizeof large - 1);
    assert_memory_equal(question.out, large, sizeof large - 1);
    assert_int_equal(ask("dir/./link"), sizeof large - 1);
    assert_int_equal(ask("/dir/none"), -ENOENT);
    assert_int_equal(ask("/dir/gone"), -ENOENT);
    assert_int_equal(ask("/dir"), -EISDIR);
}

static void refuses_every_block_that_is_changed(void **state)
{
    unsigned refused = 0;
    (void)state;
    for (uint64_t block = 0; block < layer.size / VERITY_BLOCK_SIZE; block++) {
        uint8_t *byte = layer.disk + block * VERITY_BLOCK_SIZE + 77 * block % VERITY_BLOCK_SIZE;
        *byte ^= 0x10;
        int64_t got = ask("/dir/link");
        *byte ^= 0x10;
        refused += got != sizeof large - 1; /* others are blocks that nobody needed for it */
        assert_true(got == -EIO || got == VERITY_BLOCK_SIZE || got == sizeof large - 1);
        assert_memory_equal(question.out, large,
                            got > 0 ? (size_t)got : 0); /* what came is right */
    }
    assert_in_range(refused, 6, layer.size / VERITY_BLOCK_SIZE);
}

static void refuses_another_root(void **state)
{
    (void)state;
    layer.root[31] ^= 1;
    assert_int_equal(ask("/dir/file"), -EIO);
    layer.root[31] ^= 1;
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file_of_a_layer),
        cmocka_unit_test(refuses_every_block_that_is_changed),
        cmocka_unit_test(refuses_another_root),
    };
    if (argc != 2)
        return 2;
    image = argv[1];
    return cmocka_run_group_tests(tests, prepare, finish);
}
