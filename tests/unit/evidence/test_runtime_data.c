#include "../check.h"

#include "base/hex.h"
#include "evidence/runtime_data.h"

static struct error err;

static void makes_canonical_text(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    const uint8_t nonce[] = {0x00, 0xab, 0x10};
    check_ok(runtime_data_from_nonce(span_of(nonce, sizeof nonce), &out, &err), &err);
    assert_string_equal(buf_text(&out), "{\"caisson\":\"evidence-1\",\"nonce\":\"00ab10\"}");

    uint8_t back[RUNTIME_DATA_NONCE_MAX];
    size_t size = 0;
    check_ok(runtime_data_to_nonce(buf_span(&out), back, &size, &err), &err);
    assert_int_equal(size, sizeof nonce);
    assert_memory_equal(back, nonce, sizeof nonce);
}

static void takes_the_largest_nonce(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX] = {1};
    check_ok(runtime_data_from_nonce(span_of(nonce, sizeof nonce), &out, &err), &err);
    uint8_t back[RUNTIME_DATA_NONCE_MAX];
    size_t size = 0;
    check_ok(runtime_data_to_nonce(buf_span(&out), back, &size, &err), &err);
    assert_int_equal(size, sizeof nonce);
}

static void report_data_is_digest_and_zeros(void **state)
{
    (void)state;
    uint8_t data[REPORT_DATA_SIZE];
    runtime_data_report_data(span_of_text("abc"), data);
    char text[2 * REPORT_DATA_SIZE + 1];
    hex_encode(span_of(data, sizeof data), text);
    /* FIPS 180-2 appendix B.1 */
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
                              "0000000000000000000000000000000000000000000000000000000000000000");
}

static void refuses_nonce_of_another_size(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX + 1] = {0};
    check_error(runtime_data_from_nonce(span_of(nonce, 0), &out, &err), &err, ERROR_INVALID);
    check_error(runtime_data_from_nonce(span_of(nonce, sizeof nonce), &out, &err), &err,
                ERROR_INVALID);
    assert_int_equal(out.size, 0);
}

static void refuses_text_that_only_means_the_same(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "{}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"\"}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"0\"}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"AB\"}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"zz\"}",
        "{\"caisson\":\"evidence-1\", \"nonce\":\"00\"}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"00\"}\n",
        "{\"caisson\":\"evidence-2\",\"nonce\":\"00\"}",
        "{\"nonce\":\"00\",\"caisson\":\"evidence-1\"}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"00\",\"keys\":[]}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"00\\\",\\\"keys\\\":[]\"}",
    };
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX];
    size_t size;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(runtime_data_to_nonce(span_of_text(refused[i]), nonce, &size, &err), &err,
                    ERROR_INVALID);
}

static void refuses_every_truncation_and_a_nonce_too_long(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX] = {0};
    size_t size;
    check_ok(runtime_data_from_nonce(span_of(nonce, sizeof nonce), &out, &err), &err);
    for (size_t cut = 0; cut < out.size; cut++)
        check_error(runtime_data_to_nonce(span_of(out.data, cut), nonce, &size, &err), &err,
                    ERROR_INVALID);

    BUF_AUTO longer = BUF_WITH_LIMIT(1024);
    check_ok(buf_printf(&longer, &err, "{\"caisson\":\"evidence-1\",\"nonce\":\"00%.*s",
                        (int)(out.size - 33), out.data + 33),
             &err);
    check_error(runtime_data_to_nonce(buf_span(&longer), nonce, &size, &err), &err, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_canonical_text),
        cmocka_unit_test(takes_the_largest_nonce),
        cmocka_unit_test(report_data_is_digest_and_zeros),
        cmocka_unit_test(refuses_nonce_of_another_size),
        cmocka_unit_test(refuses_text_that_only_means_the_same),
        cmocka_unit_test(refuses_every_truncation_and_a_nonce_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
