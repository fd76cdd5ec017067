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

/* Digits are looked at by the block: each byte at each place of texts of each length. */
static void tells_digits_from_all_other_bytes_wherever_they_stand(void **state)
{
    (void)state;
    static const char others[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t text[40];
    for (size_t at = 0; at < sizeof text; at++) {
        for (unsigned int byte = 0; byte < 256; byte++) {
            struct error err;
            BUF_AUTO out = BUF_WITH_LIMIT(64);
            BUF_AUTO again = BUF_WITH_LIMIT(64);
            bool is_digit = byte != 0 && (strchr(others, (int)byte) || byte == '-' || byte == '_');
            memset(text, 'Q', sizeof text);
            text[at] = (uint8_t)byte;
            for (size_t size = at / 4 * 4 + 4; size <= sizeof text; size += 4) {
                buf_truncate(&out, 0);
                buf_truncate(&again, 0);
                int result = base64url_decode(span_of(text, size), &out, &err);
                assert_int_equal(result, is_digit ? 0 : -1);
                if (!is_digit)
                    continue;
                check_ok(base64url_encode(buf_span(&out), &again, &err), &err);
                assert_memory_equal(again.data, text, size);
                assert_int_equal(again.size, size);
            }
        }
    }
}

static void decodes_texts_of_each_length(void **state)
{
    (void)state;
    uint8_t bytes[70];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct error err;
        BUF_AUTO text = BUF_WITH_LIMIT(128);
        BUF_AUTO out = BUF_WITH_LIMIT(128);
        check_ok(base64url_encode(span_of(bytes, size), &text, &err), &err);
        check_ok(base64url_decode(buf_span(&text), &out, &err), &err);
        assert_true(span_equal(buf_span(&out), span_of(bytes, size)));
        if (size % 3 == 0)
            continue;
        text.data[text.size - 1]++; /* bits that nothing stands for */
        buf_truncate(&out, 0);
        check_refused(base64url_decode(buf_span(&text), &out, &err), &err, "unused bits");
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
        cmocka_unit_test(tells_digits_from_all_other_bytes_wherever_they_stand),
        cmocka_unit_test(decodes_texts_of_each_length),
        cmocka_unit_test(refuses_a_zero_byte),
        cmocka_unit_test(refuses_more_than_the_buffer_may_hold),
        cmocka_unit_test(fills_a_buffer_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
