#include "../check.h"

#include <stdlib.h>

#include "template/lock.h"
#include "template/lock_write.h"

#define HASH  "243e1b3ce08093f2f0d9cd6a9eafde8737f64fec105ed59c346d309fbe760b58"
#define OTHER "1132c3583f12b654b09904fea1794ce5c16f2125940e5783bda42a3197c6d654"

static const char *const env[] = {"A=1", "B=\xc3\xa4\"\n"};
static const char *const cmd[] = {"run", ""};
static const char *const layers[] = {HASH, OTHER};

static struct template_image image(void)
{
    return (struct template_image){
        .env = {env, 2},
        .cmd = {cmd, 2},
        .working_dir = "/srv",
        .user = "7",
        .stop_signal = "",
        .layers = {layers, 2},
    };
}

static void writes_what_is_read_back(void **state)
{
    (void)state;
    struct error err = {0};
    const struct template_image from = image();
    json_auto_t *lock = json_object();
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
    BUF_AUTO diff = BUF_WITH_LIMIT(1 << 16);
    IMAGE_LOCK_AUTO read_back = NULL;
    check_ok(image_lock_add(lock, "z:1", &from, &err), &err);
    check_ok(image_lock_add(lock, "a:1", &from, &err), &err);
    check_ok(image_lock_add(lock, "z:1", &from, &err), &err);
    check_ok(image_lock_write(lock, &text, &err), &err);
    check_ok(image_lock_parse(buf_span(&text), &read_back, &err), &err);
    assert_int_equal(image_lock_count(read_back), 2);
    assert_string_equal(image_lock_reference(read_back, 0), "z:1");
    check_ok(image_lock_diff("z:1", &from, image_lock_at(read_back, 0), &diff, &err), &err);
    assert_int_equal(diff.size, 0);
}

static void tells_each_difference(void **state)
{
    (void)state;
    static const char *const other_env[] = {"A=2", "B=\xc3\xa4\"\n", "C="};
    static const char *const other_layers[] = {HASH};
    struct error err = {0};
    const struct template_image old = image();
    struct template_image now = image();
    BUF_AUTO diff = BUF_WITH_LIMIT(1 << 16);
    now.env = (struct policy_list){other_env, 3};
    now.cmd = (struct policy_list){0};
    now.user = "";
    now.layers = (struct policy_list){other_layers, 1};
    check_ok(image_lock_diff("i", &old, &now, &diff, &err), &err);
    assert_string_equal(buf_text(&diff), "i: Env[0]: \"A=1\" -> \"A=2\"\n"
                                         "i: Env[2]: nothing -> \"C=\"\n"
                                         "i: Cmd[0]: \"run\" -> nothing\n"
                                         "i: Cmd[1]: \"\" -> nothing\n"
                                         "i: User: \"7\" -> \"\"\n"
                                         "i: layers[1]: \"" OTHER "\" -> nothing\n");
}

static void refuses_one_name_for_two_images(void **state)
{
    (void)state;
    struct error err = {0};
    const struct template_image from = image();
    struct template_image other = image();
    json_auto_t *lock = json_object();
    other.user = "8";
    check_ok(image_lock_add(lock, "i", &from, &err), &err);
    check_error(image_lock_add(lock, "i", &other, &err), &err, ERROR_INVALID);
}

static void refuses_text_that_is_not_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"A=\xff"};
    struct error err;
    struct template_image other = image();
    const struct template_image good = image();
    json_auto_t *lock = json_object();
    check_error(image_lock_add(lock, "\xff", &good, &err), &err, ERROR_INVALID);
    other.env = (struct policy_list){bad, 1};
    check_error(image_lock_add(lock, "i", &other, &err), &err, ERROR_INVALID);
    other = image();
    other.user = "\xff";
    check_error(image_lock_add(lock, "i", &other, &err), &err, ERROR_INVALID);
    assert_int_equal(json_object_size(lock), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_is_read_back),
        cmocka_unit_test(tells_each_difference),
        cmocka_unit_test(refuses_one_name_for_two_images),
        cmocka_unit_test(refuses_text_that_is_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
