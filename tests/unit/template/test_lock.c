#include "../check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "format/oci.h"
#include "template/lock.h"

#define HASH   "243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58"
#define LAYERS "\"layers\":[\"" HASH "\"]"

static void reads_images(void **state)
{
    static const char text[] =
        "{\"r.example:5000/a\": {\"config\": {}, " LAYERS "},"
        " \"b:latest\": {\"config\": {\"Env\": [\"A=1\", \"B=\"], \"Entrypoint\": [\"/e\"],"
        " \"Cmd\": null, \"WorkingDir\": \"/w\", \"User\": \"7:8\", \"StopSignal\": "
        "\"SIGQUIT\"}, " LAYERS "}}";
    struct error err = {0};
    IMAGE_LOCK_AUTO lock = NULL;
    (void)state;
    check_ok(image_lock_parse(span_of_text(text), &lock, &err), &err);
    assert_int_equal(image_lock_count(lock), 2);
    assert_string_equal(image_lock_reference(lock, 0), "r.example:5000/a");
    const struct template_image *a = image_lock_at(lock, 0);
    const struct template_image *b = image_lock_find(lock, "b", &err);
    assert_non_null(b);
    assert_ptr_equal(image_lock_find(lock, "r.example:5000/a", &err), a);
    assert_string_equal(a->working_dir, "");
    assert_int_equal(a->env.count, 0);
    assert_int_equal(b->env.count, 2);
    assert_string_equal(b->env.items[1], "B=");
    assert_string_equal(b->entrypoint.items[0], "/e");
    assert_int_equal(b->cmd.count, 0);
    assert_string_equal(b->user, "7:8");
    assert_string_equal(b->stop_signal, "SIGQUIT");
    assert_string_equal(b->layers.items[0], HASH);
}

static void finds_no_other_image(void **state)
{
    static const char text[] = "{\"b:latest\": {\"config\": {}, " LAYERS "}}";
    static const char *const others[] = {"",   "b:1", ("b@sha256:" HASH),
                                         "b:", "bb",  "b:latest:latest"};
    struct error err = {0};
    IMAGE_LOCK_AUTO lock = NULL;
    (void)state;
    check_ok(image_lock_parse(span_of_text(text), &lock, &err), &err);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(image_lock_find(lock, others[i], &err));
        assert_int_equal(err.code, ERROR_NOT_FOUND);
    }
}

static void refuses_what_is_no_lock(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "JSON"},
        {"[]", "expected an object"},
        {"{\"a\": {\"config\": {}, " LAYERS "}} x", "JSON"},
        {"{\"a\": {\"config\": {}, " LAYERS "}, \"a\": {\"config\": {}, " LAYERS "}}", "JSON"},
        {"{\"\": {\"config\": {}, " LAYERS "}}", "without reference"},
        {"{\"a\": 1}", "image \"a\": expected an object, found an integer"},
        {"{\"a\": {" LAYERS "}}", "\"config\" is missing"},
        {"{\"a\": {\"config\": {}}}", "0 layers"},
        {"{\"a\": {\"config\": {}, \"layers\": []}}", "0 layers"},
        {"{\"a\": {\"config\": {}, \"layers\": \"" HASH "\"}}", "expected an array"},
        {"{\"a\": {\"config\": {}, \"layers\": [1]}}", "layers[0]"},
        {"{\"a\": {\"config\": {}, \"layers\": [\"sha256:" HASH "\"]}}", "not a root hash"},
        {"{\"a\": {\"config\": {}, \"layers\": "
         "[\"243E1B3CE08093F2F0D9CD6A9EAFDE8737F64FEC105ED59C346D30"
         "9FBE760B58\"]}}",
         "not a root hash"},
        {"{\"a\": {\"config\": {}, " LAYERS ", \"x\": 1}}", "key \"x\" is unknown"},
        {"{\"a\": {\"config\": {\"env\": []}, " LAYERS "}}", "key \"env\" is unknown"},
        {"{\"a\": {\"config\": {\"Env\": {}}, " LAYERS "}}", "Env: expected an array"},
        {"{\"a\": {\"config\": {\"Env\": [\"A\"]}, " LAYERS "}}", "not NAME=value"},
        {"{\"a\": {\"config\": {\"Env\": [\"=A\"]}, " LAYERS "}}", "not NAME=value"},
        {"{\"a\": {\"config\": {\"Cmd\": [null]}, " LAYERS "}}", "Cmd[0]"},
        {"{\"a\": {\"config\": {\"Cmd\": [\"a\\u0000b\"]}, " LAYERS "}}", "JSON"},
        {"{\"a\": {\"config\": {\"User\": 7}, " LAYERS "}}", "expected a string"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        struct image_lock *lock = NULL;
        check_refused(image_lock_parse(span_of_text(bad[i].text), &lock, &err), &err, bad[i].why);
        assert_null(lock);
    }
}

static void refuses_too_much(void **state)
{
    struct error err = {0};
    struct image_lock *lock = NULL;
    BUF_AUTO text = BUF_WITH_LIMIT(IMAGE_LOCK_SIZE_MAX);
    (void)state;
    check_ok(buf_append_text(&text, "{", &err), &err);
    for (int i = 0; i <= IMAGE_LOCK_MAX; i++)
        check_ok(buf_printf(&text, &err, "%s\"i%d\":{\"config\":{}," LAYERS "}", i ? "," : "", i),
                 &err);
    check_ok(buf_append_text(&text, "}", &err), &err);
    check_error(image_lock_parse(buf_span(&text), &lock, &err), &err, ERROR_LIMIT);
    buf_truncate(&text, 0);
    check_ok(buf_append_text(&text, "{\"a\":{" LAYERS ",\"config\":{\"Cmd\":[\"\"", &err), &err);
    for (int i = 0; i < OCI_TEXTS_MAX; i++)
        check_ok(buf_append_text(&text, ",\"\"", &err), &err);
    check_ok(buf_append_text(&text, "]}}}", &err), &err);
    check_error(image_lock_parse(buf_span(&text), &lock, &err), &err, ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_images),
        cmocka_unit_test(finds_no_other_image),
        cmocka_unit_test(refuses_what_is_no_lock),
        cmocka_unit_test(refuses_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
