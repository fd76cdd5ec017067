#include "../check.h"

#include <signal.h>

#include "image/disk.h"
#include "image/image.h"
#include "scratch.h"

#define FILE_SIZE 3000000 /* bytes of the one file in the layer */

/* A ustar header for a file of `size` bytes (POSIX.1-2008 pax). */
static void write_header(uint8_t header[512], const char *name, unsigned size)
{
    unsigned sum = 0;
    char *text = (char *)header;
    memset(header, 0, 512);
    (void)snprintf(text, 100, "%s", name);
    (void)snprintf(text + 100, 8, "%07o", 0644U);
    (void)snprintf(text + 108, 8, "%07o", 0U);
    (void)snprintf(text + 116, 8, "%07o", 0U);
    (void)snprintf(text + 124, 12, "%011o", size);
    (void)snprintf(text + 136, 12, "%011o", 0U);
    memcpy(text + 156, "0", 1);
    memcpy(text + 257, "ustar\00000", 8);
    memset(text + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += header[i];
    (void)snprintf(text + 148, 7, "%06o", sum);
}

static void append_member(struct buf *tar, const char *name, struct span bytes)
{
    struct error err = {0};
    uint8_t header[512];
    write_header(header, name, (unsigned)bytes.size);
    check_ok(buf_append(tar, span_of(header, 512), &err), &err);
    check_ok(buf_append(tar, bytes, &err), &err);
    check_ok(buf_append_zero(tar, (512 - bytes.size % 512) % 512, &err), &err);
}

static void make_layer(struct buf *tar)
{
    struct error err = {0};
    uint8_t *file = malloc(FILE_SIZE);
    for (size_t i = 0; i < FILE_SIZE; i++)
        file[i] = (uint8_t)(i * 2654435761U >> 13);
    append_member(tar, "file", span_of(file, FILE_SIZE));
    check_ok(buf_append_zero(tar, 1024, &err), &err);
    free(file);
}

/* What may be wrong in the layout that is written. */
struct fault {
    const char *file; /* "layer", "config", "manifest", "index", "marker": its bytes become … */
    const char *bytes;
    bool second_diff_id;
    bool wrong_diff_id;
};

static void write_blob(const char *bytes, size_t size, char digest[OCI_DIGEST_TEXT_SIZE],
                       const char *instead)
{
    struct oci_digest value;
    oci_digest_of(span_of(bytes, size), &value);
    oci_digest_text(&value, digest);
    TEXT_AUTO name = text_format("layout/blobs/sha256/%s", digest + 7);
    scratch_put(name, instead ? span_of_text(instead) : span_of(bytes, size));
}

static const char *instead_of(const struct fault *fault, const char *file)
{
    return fault->file && strcmp(fault->file, file) == 0 ? fault->bytes : NULL;
}

static void write_layout(const struct fault *fault)
{
    char layer[OCI_DIGEST_TEXT_SIZE];
    char config[OCI_DIGEST_TEXT_SIZE];
    char manifest[OCI_DIGEST_TEXT_SIZE];
    BUF_AUTO tar = BUF_WITH_LIMIT(2 * FILE_SIZE);
    make_layer(&tar);
    write_blob((const char *)tar.data, tar.size, layer, instead_of(fault, "layer"));
    const char *diff_id = fault->wrong_diff_id
                              ? "sha256:00000000000000000000000000000000000000000000000000000000"
                                "00000000"
                              : layer;
    TEXT_AUTO text = text_format(
        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":"
        "[\"%s\"%s%s%s]}}",
        diff_id, fault->second_diff_id ? ",\"" : "", fault->second_diff_id ? layer : "",
        fault->second_diff_id ? "\"" : "");
    write_blob(text, strlen(text), config, instead_of(fault, "config"));
    TEXT_AUTO document = text_format(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
        "vnd.oci.image.config.v1+json\","
        "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"application/"
        "vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}]}",
        config, strlen(text), layer, tar.size);
    write_blob(document, strlen(document), manifest, instead_of(fault, "manifest"));
    TEXT_AUTO index = text_format(
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/"
        "vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":{"
        "\"org.opencontainers.image.ref.name\":\"v1\"}}]}",
        manifest, strlen(document));
    const char *other = instead_of(fault, "index");
    const char *marker = instead_of(fault, "marker");
    scratch_put("layout/index.json", span_of_text(other ? other : index));
    scratch_put("layout/oci-layout",
                span_of_text(marker ? marker : "{\"imageLayoutVersion\":\"1.0.0\"}"));
}

static int use_layout(const char *tag, const struct image_options *options,
                      uint8_t root_hash[SHA256_SIZE], struct error *err)
{
    STORE_AUTO store = open_store();
    TEXT_AUTO reference = text_format("oci:%s/layout%s", scratch, tag);
    IMAGE_AUTO image = image_resolve(store, reference, options, err);
    struct image_disk *disks = image ? image_disks(image, options, err) : NULL;
    if (disks)
        memcpy(root_hash, disks[0].root_hash, SHA256_SIZE);
    image_disks_free(disks, image ? image->layer_count : 0);
    return disks ? 0 : -1;
}

static void makes_disks_of_a_layout(void **state)
{
    (void)state;
    struct error err = {0};
    uint8_t first[SHA256_SIZE];
    uint8_t again[SHA256_SIZE];
    write_layout(&(struct fault){0});
    check_ok(use_layout("", NULL, first, &err), &err);
    check_ok(use_layout(":v1", NULL, again, &err), &err);
    assert_memory_equal(first, again, SHA256_SIZE);
    assert_int_equal(scratch_count("store/disks"), 2);
    assert_int_equal(scratch_count("store/blobs/sha256"), 0);
    assert_int_equal(scratch_count("store/partial"), 0);
}

static void refuses_faulty_layouts(void **state)
{
    (void)state;
    static const struct {
        struct fault fault;
        const char *tag;
        const char *words;
    } cases[] = {
        {{.file = "layer", .bytes = "x"}, "", "1 bytes, the image says"},
        {{.file = "config", .bytes = "{}"}, "", "2 bytes, the image says"},
        {{.file = "manifest", .bytes = ""}, "", "0 bytes, the image says"},
        {{.file = "index", .bytes = "{\"schemaVersion\":2,\"manifests\":[]}"},
         "",
         "holds no image"},
        {{.file = "index", .bytes = "[]"}, "", "expected an object"},
        {{.file = "marker", .bytes = "{\"imageLayoutVersion\":\"2.0.0\"}"}, "", "version"},
        {{.file = "marker", .bytes = "{}"}, "", "imageLayoutVersion"},
        {{.second_diff_id = true}, "", "1 layers and 2 diff_ids"},
        {{.wrong_diff_id = true}, "", "diff_id"},
        {{0}, ":v2", "it has: v1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        uint8_t root_hash[SHA256_SIZE];
        write_layout(&cases[i].fault);
        check_refused(use_layout(cases[i].tag, NULL, root_hash, &err), &err, cases[i].words);
        assert_int_equal(scratch_count("store/disks"), 0);
        assert_int_equal(scratch_count("store/partial"), 0);
    }
}

static void refuses_a_layer_with_a_flipped_bit(void **state)
{
    (void)state;
    struct error err;
    uint8_t root_hash[SHA256_SIZE];
    write_layout(&(struct fault){0});
    BUF_AUTO tar = BUF_WITH_LIMIT(2 * FILE_SIZE);
    make_layer(&tar);
    struct oci_digest digest;
    char text[OCI_DIGEST_TEXT_SIZE];
    oci_digest_of(buf_span(&tar), &digest);
    oci_digest_text(&digest, text);
    tar.data[tar.size / 2] ^= 1;
    TEXT_AUTO name = text_format("layout/blobs/sha256/%s", text + 7);
    scratch_put(name, buf_span(&tar));
    check_refused(use_layout("", NULL, root_hash, &err), &err, "the layer's digest");
    assert_int_equal(scratch_count("store/disks"), 0);
}

static void die(void *context, enum image_step step, const struct oci_digest *blob, uint64_t done,
                uint64_t total, bool cached)
{
    (void)context;
    (void)step;
    (void)blob;
    (void)cached;
    (void)done;
    (void)total;
    (void)kill(getpid(), SIGKILL);
}

static void empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
    }
    (void)closedir(folder);
}

static void a_killed_conversion_leaves_no_disk_that_is_used(void **state)
{
    (void)state;
    struct error err = {0};
    uint8_t root_hash[SHA256_SIZE];
    uint8_t again[SHA256_SIZE];
    write_layout(&(struct fault){0});
    pid_t child = fork();
    if (child == 0) {
        const struct image_options deadly = {.observer = {.report = die}};
        (void)use_layout("", &deadly, root_hash, &err);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    check_ok(use_layout("", NULL, root_hash, &err), &err);
    assert_int_equal(scratch_count("store/partial"), 0);
    TEXT_AUTO disks = text_format("%s/store/disks", scratch);
    empty_folder(disks);
    check_ok(use_layout("", NULL, again, &err), &err);
    assert_memory_equal(root_hash, again, SHA256_SIZE);
}

static void refuses_without_network_what_is_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *reference;
        const char *words;
    } cases[] = {
        {"example.invalid/x", "never"},     {"Bad Name", "image name"},
        {"oci:", "path is missing"},        {"oci:/nowhere/at/all", "cannot open"},
        {"./nowhere", "cannot open"},       {"docker-archive:/dev/null", "no regular file"},
        {"oci-archive:/etc/passwd", "tar"}, {"oci:/etc/passwd", "tar"},
    };
    STORE_AUTO store = open_store();
    const struct image_options never = {.pull = IMAGE_PULL_NEVER};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        assert_null(image_resolve(store, cases[i].reference, &never, &err));
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s: %s", cases[i].reference, err.text);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(makes_disks_of_a_layout),
        test(refuses_faulty_layouts),
        test(refuses_a_layer_with_a_flipped_bit),
        test(a_killed_conversion_leaves_no_disk_that_is_used),
        test(refuses_without_network_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
