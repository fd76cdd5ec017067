#include "../check.h"

#include <signal.h>

#include "image/store.h"
#include "os/output.h"
#include "scratch.h"

static struct oci_digest digest_of(const char *text)
{
    struct oci_digest digest;
    oci_digest_of(span_of_text(text), &digest);
    return digest;
}

static void put_file(struct store_partial *partial, const char *text)
{
    struct error err = {0};
    check_ok(fd_pwrite_all(partial->fd, span_of_text(text), 0, &err), &err);
}

static void keeps_documents_by_digest(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO store = open_store();
    const struct oci_digest digest = digest_of("document");
    assert_false(store_has_blob(store, &digest, 0));
    check_ok(store_put_blob(store, &digest, span_of_text("document"), &err), &err);
    assert_true(store_has_blob(store, &digest, 8));
    assert_false(store_has_blob(store, &digest, 9));
    BUF_AUTO text = BUF_WITH_LIMIT(8);
    check_ok(store_read_blob(store, &digest, &text, &err), &err);
    assert_string_equal(buf_text(&text), "document");
}

static void refuses_documents_of_another_digest(void **state)
{
    (void)state;
    struct error err;
    STORE_AUTO store = open_store();
    const struct oci_digest digest = digest_of("document");
    check_error(store_put_blob(store, &digest, span_of_text("Document"), &err), &err,
                ERROR_REFUSED);
    assert_false(store_has_blob(store, &digest, 0));
    BUF_AUTO text = BUF_WITH_LIMIT(100);
    check_error(store_read_blob(store, &digest, &text, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_and_removes_a_damaged_document(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO store = open_store();
    const struct oci_digest digest = digest_of("document");
    check_ok(store_put_blob(store, &digest, span_of_text("document"), &err), &err);
    TEXT_AUTO path = store_blob_path(store, &digest);
    check_ok(output_write(path, span_of_text("documenT"), 0600, &err), &err);
    BUF_AUTO text = BUF_WITH_LIMIT(100);
    check_refused(store_read_blob(store, &digest, &text, &err), &err, "damaged");
    assert_false(store_has_blob(store, &digest, 0));
}

static void names_a_download_only_when_it_is_right(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO store = open_store();
    const struct oci_digest digest = digest_of("layer");
    struct store_partial partial;
    assert_int_equal(store_begin(store, &digest, 5, &partial, &err), 0);
    assert_int_equal(partial.size, 0);
    put_file(&partial, "wrong");
    check_error(store_commit(store, &partial, &err), &err, ERROR_REFUSED);
    assert_false(store_has_blob(store, &digest, 0));
    assert_int_equal(scratch_count("store/partial"), 0);
    assert_int_equal(store_begin(store, &digest, 5, &partial, &err), 0);
    assert_int_equal(partial.size, 0);
    put_file(&partial, "layer");
    check_ok(store_commit(store, &partial, &err), &err);
    assert_true(store_has_blob(store, &digest, 5));
    assert_int_equal(store_begin(store, &digest, 5, &partial, &err), 1);
    assert_int_equal(scratch_count("store/partial"), 0);
}

static void fetches_a_blob_of_another_size_again(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO store = open_store();
    const struct oci_digest digest = digest_of("layer");
    TEXT_AUTO path = store_blob_path(store, &digest);
    check_ok(output_write(path, span_of_text("lay"), 0600, &err), &err);
    struct store_partial partial;
    assert_int_equal(store_begin(store, &digest, 5, &partial, &err), 0);
    put_file(&partial, "layer");
    check_ok(store_commit(store, &partial, &err), &err);
    assert_true(store_has_blob(store, &digest, 5));
}

static void goes_on_where_a_killed_writer_was(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO store = open_store();
    const struct oci_digest digest = digest_of("0123456789");
    struct store_partial partial;
    pid_t child = fork();
    if (child == 0) {
        if (store_begin(store, &digest, 10, &partial, &err) == 0 &&
            fd_pwrite_all(partial.fd, span_of_text("01234"), 0, &err) == 0)
            (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_false(store_has_blob(store, &digest, 0));
    assert_int_equal(store_begin(store, &digest, 10, &partial, &err), 0);
    assert_int_equal(partial.size, 5);
    check_ok(fd_pwrite_all(partial.fd, span_of_text("56789"), 5, &err), &err);
    check_ok(store_commit(store, &partial, &err), &err);
    assert_true(store_has_blob(store, &digest, 10));
}

/* One of many writers: 0 when it wrote the blob, 1 when it found it. */
static int write_blob(const struct oci_digest *digest)
{
    struct error err = {0};
    struct store_partial partial;
    STORE_AUTO store = open_store();
    int there = store_begin(store, digest, 10, &partial, &err);
    if (there != 0)
        return there > 0 ? 1 : 2;
    for (off_t i = 0; i < 10; i++) {
        if (fd_pwrite_all(partial.fd, span_of(&"0123456789"[i], 1), i, &err) < 0)
            return 2;
        (void)usleep(1000);
    }
    return store_commit(store, &partial, &err) < 0 ? 2 : 0;
}

static void one_of_many_writers_writes(void **state)
{
    (void)state;
    const struct oci_digest digest = digest_of("0123456789");
    pid_t children[12];
    size_t outcomes[3] = {0};
    for (size_t i = 0; i < 12; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(write_blob(&digest));
    }
    for (size_t i = 0; i < 12; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 3);
        outcomes[WEXITSTATUS(status)]++;
    }
    assert_int_equal(outcomes[0], 1);
    assert_int_equal(outcomes[1], 11);
    assert_int_equal(scratch_count("store/partial"), 0);
}

static void lists_names_in_order(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO store = open_store();
    char b[] = "b.io/x:1";
    char a[] = "a.io/x:1";
    const struct store_entry entries[] = {
        {.name = b, .manifest = digest_of("m"), .size = 7, .pulled = 100},
        {.name = a, .manifest = digest_of("n"), .size = 8, .pulled = 200},
    };
    struct store_entry *list;
    size_t count;
    check_ok(store_put_name(store, &entries[0], &err), &err);
    check_ok(store_put_name(store, &entries[1], &err), &err);
    check_ok(store_put_name(store, &entries[1], &err), &err);
    check_ok(store_list(store, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, a);
    assert_int_equal(list[0].size, 8);
    assert_true(oci_digest_equal(&list[1].manifest, &entries[0].manifest));
    store_entries_free(list, count);
    struct store_entry entry;
    check_error(store_get_name(store, "c.io/x:1", &entry, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_a_damaged_name(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "{}",
        "{\"name\":\"x\",\"manifest\":\"sha256:00\",\"size\":1,\"pulled\":1}",
        "{\"name\":\"other\",\"manifest\":\"sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000\",\"size\":1,\"pulled\":"
        "1}",
    };
    STORE_AUTO store = open_store();
    const struct oci_digest digest = digest_of("x");
    char text[OCI_DIGEST_TEXT_SIZE];
    oci_digest_text(&digest, text);
    TEXT_AUTO name = text_format("store/images/%s.json", text + 7);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct store_entry entry;
        TEXT_AUTO path = scratch_write(name, span_of_text(cases[i]));
        check_refused(store_get_name(store, "x", &entry, &err), &err, path);
    }
}

#define HEX_CONFIG "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","

/* Stores an image of two layers, the first of which is "shared"; names it. */
static void put_image(struct store *store, const char *name, const char *second)
{
    struct error err = {0};
    char digests[4][OCI_DIGEST_TEXT_SIZE];
    const struct oci_digest layers[] = {digest_of("shared"), digest_of(second)};
    oci_digest_text(&layers[0], digests[0]);
    oci_digest_text(&layers[1], digests[1]);
    TEXT_AUTO config = text_format(HEX_CONFIG "\"diff_ids\":[\"%s\",\"%s\"]}}", digests[0],
                                   digests[1]);
    const struct oci_digest config_digest = digest_of(config);
    oci_digest_text(&config_digest, digests[2]);
    TEXT_AUTO manifest = text_format(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
        "vnd.oci.image.config.v1+json\","
        "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"application/"
        "vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":6},{\"mediaType\":\"application/"
        "vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":1}]}",
        digests[2], strlen(config), digests[0], digests[1]);
    TEXT_AUTO own_name = text_format("%s", name);
    const struct store_entry entry = {.name = own_name, .manifest = digest_of(manifest)};
    check_ok(store_put_blob(store, &layers[0], span_of_text("shared"), &err), &err);
    check_ok(store_put_blob(store, &layers[1], span_of_text(second), &err), &err);
    check_ok(store_put_blob(store, &config_digest, span_of_text(config), &err), &err);
    check_ok(store_put_blob(store, &entry.manifest, span_of_text(manifest), &err), &err);
    check_ok(store_put_name(store, &entry, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        TEXT_AUTO disk = text_format("store/disks/%s.disk", digests[i] + 7);
        TEXT_AUTO written = scratch_write(disk, span_of_text("disk"));
        assert_non_null(written);
    }
}

static void removes_what_no_name_needs(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO store = open_store();
    put_image(store, "a", "x");
    put_image(store, "b", "y");
    TEXT_AUTO stray = scratch_write("store/partial/0123", span_of_text("left by a killed pull"));
    assert_non_null(stray);
    assert_int_equal(scratch_count("store/blobs/sha256"), 7);
    struct store_freed freed;
    check_error(store_remove(store, "c", &freed, &err), &err, ERROR_NOT_FOUND);
    assert_int_equal(scratch_count("store/blobs/sha256"), 7);
    check_ok(store_remove(store, "a", &freed, &err), &err);
    assert_int_equal(freed.blobs, 3);
    assert_int_equal(freed.disks, 1);
    assert_int_equal(scratch_count("store/blobs/sha256"), 4);
    assert_int_equal(scratch_count("store/partial"), 0);
    const struct oci_digest shared = digest_of("shared");
    assert_true(store_has_blob(store, &shared, 6));
    check_ok(store_remove(store, "b", &freed, &err), &err);
    assert_int_equal(scratch_count("store/blobs/sha256"), 0);
    assert_int_equal(scratch_count("store/disks"), 0);
}

static void removal_waits_for_other_users(void **state)
{
    (void)state;
    struct error err = {0};
    STORE_AUTO mine = open_store();
    put_image(mine, "a", "x");
    pid_t child = fork();
    if (child == 0) {
        struct store_freed freed;
        store_cleanup(&mine); /* this copy of the descriptor; the lock stays with the other */
        struct store *own = open_store();
        _exit(store_remove(own, "a", &freed, &err) < 0);
    }
    int status;
    (void)usleep(200000);
    assert_int_equal(waitpid(child, &status, WNOHANG), 0);
    assert_int_equal(scratch_count("store/images"), 1);
    store_cleanup(&mine);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(scratch_count("store/images"), 0);
}

static void says_where_no_store_can_be(void **state)
{
    (void)state;
    struct error err = {0};
    TEXT_AUTO file = scratch_write("file", span_of_text("x"));
    TEXT_AUTO below = text_format("%s/store", file);
    assert_null(store_open(below, &err));
    assert_non_null(strstr(err.text, file));
}

#define test(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(keeps_documents_by_digest),
        test(refuses_documents_of_another_digest),
        test(refuses_and_removes_a_damaged_document),
        test(names_a_download_only_when_it_is_right),
        test(fetches_a_blob_of_another_size_again),
        test(goes_on_where_a_killed_writer_was),
        test(one_of_many_writers_writes),
        test(lists_names_in_order),
        test(refuses_a_damaged_name),
        test(removes_what_no_name_needs),
        test(removal_waits_for_other_users),
        test(says_where_no_store_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
