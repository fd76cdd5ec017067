/* The reference's answers, where they can be had: every archive, refusals included. */
#include <sys/mman.h>

#include "../check.h"
#include "../vectors.h"

#include "base/hex.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "layer/layer.h"

/* Streams that are damaged behind the tar's end, or truncated where the reference doesn't look. It
 * takes them; Caisson refuses. */
static const char *const stricter[] = {"116-", "118-", "138-", "139-", "140-"};

static bool is_stricter(const char *name)
{
    for (size_t i = 0; i < sizeof stricter / sizeof *stricter; i++) {
        if (text_starts_with(name, stricter[i]))
            return true;
    }
    return false;
}

static int read_file(void *arg, void *out, size_t size, size_t *got, struct error *err)
{
    (void)err;
    *got = fread(out, 1, size, arg);
    return 0;
}

/* Writes the root hash in hexadecimal, or "ERROR". */
static void convert(const char *path, char out[65])
{
    struct layer_result result;
    struct error err = {0};
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    struct layer_source source = {read_file, file};
    if (layer_hash(&source, NULL, &result, &err) == 0) {
        hex_encode(span_of(result.root_hash, sizeof result.root_hash), out);
    } else {
        assert_true(err.text[0] != '\0');
        (void)snprintf(out, 65, "ERROR");
    }
    (void)fclose(file);
}

/* Ends the line's first word and returns what follows it. */
static char *split_word(char *line)
{
    char *end = strpbrk(line, " \n");
    if (!end)
        return line + strlen(line);
    *end = '\0';
    return end + 1;
}

/* A line is "HASH NAME", "ERROR NAME: TEXT" or "NAME ERROR TEXT". */
static bool split_line(char *line, const char **name, const char **expected)
{
    char *second = split_word(line);
    (void)split_word(second);
    bool name_first = strcmp(second, "ERROR") == 0;
    *name = name_first ? line : second;
    *expected = name_first ? second : line;
    char *colon = strchr(second, ':');
    if (colon)
        *colon = '\0';
    return *second != '\0';
}

static void check_folder(const char *folder, unsigned least)
{
    char list[200], line[4096];
    unsigned count = 0, wrong = 0;
    (void)snprintf(list, sizeof list, "%s/ROOTHASHES.txt", folder);
    vectors_need(list);
    FILE *file = fopen(vectors_path(list), "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        const char *name, *expected;
        char path[400], seen[65];
        if (!split_line(line, &name, &expected))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        if (access(vectors_path(path), R_OK) != 0)
            continue; /* some are too large to be kept */
        convert(vectors_path(path), seen);
        count++;
        if (strcmp(seen, is_stricter(name) ? "ERROR" : expected) != 0) {
            print_message("# %s: %s instead of %s\n", name, seen, expected);
            wrong++;
        }
    }
    (void)fclose(file);
    assert_int_equal(wrong, 0);
    assert_true(count >= least);
}

static void agrees_with_the_first_set(void **state)
{
    (void)state;
    check_folder("layers", 21);
}

static void agrees_with_the_second_set(void **state)
{
    (void)state;
    check_folder("layers/more", 185);
}

/* The SHA-256 of the ext4 that layer_build() writes, in hexadecimal. */
static void build(const char *path, uint64_t size, char out[65])
{
    struct layer_result result;
    struct error err = {0};
    uint8_t digest[SHA256_SIZE];
    FILE *file = fopen(path, "rbe");
    int fd = memfd_create("disk", MFD_CLOEXEC);
    assert_true(file && fd >= 0);
    struct layer_source source = {read_file, file};
    check_ok(layer_build(&source, NULL, fd, &result, &err), &err);
    assert_int_equal(result.ext4_size, size);
    uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    sha256_digest(span_of(bytes, size), digest);
    hex_encode(span_of(digest, sizeof digest), out);
    (void)munmap(bytes, size);
    (void)close(fd);
    (void)fclose(file);
}

#define IMAGE_MAX (UINT64_C(4) << 20) /* larger ones take too long for a unit test */

static void builds_the_images_of_the_second_set(void **state)
{
    (void)state;
    char line[4096], path[400], seen[65];
    unsigned count = 0, wrong = 0;
    vectors_need("layers/more/IMAGES.txt");
    FILE *file = fopen(vectors_path("layers/more/IMAGES.txt"), "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        uint64_t size;
        char *text = split_word(line), *name = split_word(text);
        (void)split_word(name);
        if (is_stricter(name) || !text_to_u64(text, IMAGE_MAX, &size))
            continue;
        (void)snprintf(path, sizeof path, "layers/more/%s", name);
        build(vectors_path(path), size, seen);
        count++;
        if (strcmp(seen, line) != 0) {
            print_message("# %s: another ext4\n", name);
            wrong++;
        }
    }
    (void)fclose(file);
    assert_int_equal(wrong, 0);
    assert_true(count >= 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_first_set),
        cmocka_unit_test(agrees_with_the_second_set),
        cmocka_unit_test(builds_the_images_of_the_second_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
