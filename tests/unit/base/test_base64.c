#include "../check.h"

#include "base/base64.h"

/* RFC 4648 section 10. */
static const struct {
    const char *plain;
    const char *encoded;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void agrees_with_the_rfc(void **state)
{
    (void)state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        BUF_AUTO encoded = BUF_WITH_LIMIT(64);
        BUF_AUTO decoded = BUF_WITH_LIMIT(64);
        check_ok(base64_encode(span_of_text(vectors[i].plain), &encoded, &err), &err);
        assert_string_equal(buf_text(&encoded), vectors[i].encoded);
        check_ok(base64_decode(span_of_text(vectors[i].encoded), &decoded, &err), &err);
        assert_string_equal(buf_text(&decoded), vectors[i].plain);
    }
}

static void uses_the_url_alphabet_without_padding(void **state)
{
    (void)state;
    struct error err = {0};
    const uint8_t bytes[] = {0xfb, 0xff, 0xfe, 0xff};
    BUF_AUTO standard = BUF_WITH_LIMIT(64);
    BUF_AUTO url = BUF_WITH_LIMIT(64);
    BUF_AUTO decoded = BUF_WITH_LIMIT(64);
    check_ok(base64_encode(span_of(bytes, sizeof bytes), &standard, &err), &err);
    assert_string_equal(buf_text(&standard), "+//+/w==");
    check_ok(base64url_encode(span_of(bytes, sizeof bytes), &url, &err), &err);
    assert_string_equal(buf_text(&url), "-__-_w");
    check_ok(base64url_decode(buf_span(&url), &decoded, &err), &err);
    assert_true(span_equal(buf_span(&decoded), span_of(bytes, sizeof bytes)));
}

static void refuses_what_is_not_canonical(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "Z",        "Zg",       "Zg=",       "Zg===",    "=",    "==",       "====",
        "Z===",     "Zh==",     "Zm9=",      "Zm9v ",    " Zm9", "Zm9v\n",   "Zm\n9",
        "Zm9v====", "Zg==Zg==", "Zg=a",      "Z=g=",     "-_-_", "Zm9vYmF*", "Zm9v\xc3\xa9zz",
        "Zm9vZm9",  "Zm9vZg=",  "Zm9vZm9v=", "Zm9vZh==",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct error err;
        BUF_AUTO out = BUF_WITH_LIMIT(64);
        check_ok(buf_append_text(&out, "kept", &err), &err);
        check_error(base64_decode(span_of_text(refused[i]), &out, &err), &err, ERROR_INVALID);
        assert_string_equal(buf_text(&out), "kept");
    }
}

static void refuses_padding_and_the_other_alphabet_in_url_form(void **state)
{
    (void)state;
    static const char *const refused[] = {"Zg==", "Zm8=", "+//+", "Z", "Zm9vY", "Zh", "Zm9"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct error err;
        BUF_AUTO out = BUF_WITH_LIMIT(64);
        check_error(base64url_decode(span_of_text(refused[i]), &out, &err), &err, ERROR_INVALID);
    }
}

static void refuses_a_zero_byte(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO out = BUF_WITH_LIMIT(64);
    check_refused(base64_decode(span_of("Zm\0v", 4), &out, &err), &err, "offset 2");
}

static void refuses_more_than_the_buffer_may_hold(void **state)
{
    (void)state;
    struct error err;
    BUF_AUTO out = BUF_WITH_LIMIT(5);
    check_error(base64_decode(span_of_text("Zm9vYmFy"), &out, &err), &err, ERROR_LIMIT);
    check_error(base64_encode(span_of_text("foob"), &out, &err), &err, ERROR_LIMIT);
    assert_int_equal(out.size, 0);
}

static void fills_a_buffer_to_the_byte(void **state)
{
    (void)state;
    struct error err = {0};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        BUF_AUTO decoded = BUF_WITH_LIMIT(strlen(vectors[i].plain));
        BUF_AUTO encoded = BUF_WITH_LIMIT(strlen(vectors[i].encoded));
        check_ok(base64_decode(span_of_text(vectors[i].encoded), &decoded, &err), &err);
        check_ok(base64_encode(buf_span(&decoded), &encoded, &err), &err);
    }
    BUF_AUTO url = BUF_WITH_LIMIT(2);
    check_ok(base64url_encode(span_of_text("f"), &url, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_rfc),
        cmocka_unit_test(uses_the_url_alphabet_without_padding),
        cmocka_unit_test(refuses_what_is_not_canonical),
        cmocka_unit_test(refuses_padding_and_the_other_alphabet_in_url_form),
        cmocka_unit_test(refuses_a_zero_byte),
        cmocka_unit_test(refuses_more_than_the_buffer_may_hold),
        cmocka_unit_test(fills_a_buffer_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
