#include "../check.h"

#include "base/hex.h"
#include "evidence/runtime_data.h"

static struct error err;

static const struct runtime_data sample = {
    .nonce = {0x00, 0xab, 0x10}, .nonce_size = 3, .demanded = 3, .running = 2, .done = 1};

static void makes_canonical_text(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    check_ok(runtime_data_write(&sample, &out, &err), &err);
    assert_string_equal(buf_text(&out),
                        "{\"caisson\":\"evidence-2\",\"nonce\":\"00ab10\",\"containers\":{"
                        "\"demanded\":3,\"running\":2,\"done\":1}}");

    struct runtime_data back;
    check_ok(runtime_data_read(buf_span(&out), &back, &err), &err);
    assert_memory_equal(&back, &sample, sizeof back);
}

static void takes_the_largest_values(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    struct runtime_data data = {.nonce = {1},
                                .nonce_size = RUNTIME_DATA_NONCE_MAX,
                                .demanded = RUNTIME_DATA_COUNT_MAX,
                                .running = RUNTIME_DATA_COUNT_MAX};
    struct runtime_data back;
    check_ok(runtime_data_write(&data, &out, &err), &err);
    check_ok(runtime_data_read(buf_span(&out), &back, &err), &err);
    assert_memory_equal(&back, &data, sizeof back);
}

static void is_whole_when_all_run_or_are_done(void **state)
{
    (void)state;
    assert_true(runtime_data_is_whole(&sample));
    assert_true(runtime_data_is_whole(&(struct runtime_data){.demanded = 1, .done = 1}));
    assert_false(runtime_data_is_whole(&(struct runtime_data){.demanded = 3, .running = 2}));
    assert_false(runtime_data_is_whole(&(struct runtime_data){.demanded = 1}));
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

static void refuses_to_write_values_out_of_bounds(void **state)
{
    (void)state;
    static const struct runtime_data refused[] = {
        {.nonce_size = 0},
        {.nonce_size = RUNTIME_DATA_NONCE_MAX + 1},
        {.nonce_size = 1, .demanded = RUNTIME_DATA_COUNT_MAX + 1},
        {.nonce_size = 1, .demanded = 1, .running = 2},
        {.nonce_size = 1, .demanded = 1, .running = 1, .done = 1},
        {.nonce_size = 1, .demanded = 1, .running = UINT32_MAX, .done = 2},
    };
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(runtime_data_write(&refused[i], &out, &err), &err, ERROR_INVALID);
    assert_int_equal(out.size, 0);
}

#define TEXT(nonce, counts)                                                                        \
    "{\"caisson\":\"evidence-2\",\"nonce\":\"" nonce "\",\"containers\":{" counts "}}"
#define COUNTS "\"demanded\":1,\"running\":1,\"done\":0"

static void refuses_text_that_only_means_the_same(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "{}",
        "{\"caisson\":\"evidence-1\",\"nonce\":\"00\"}",
        "{\"caisson\":\"evidence-2\",\"nonce\":\"00\"}",
        TEXT("", COUNTS),
        TEXT("0", COUNTS),
        TEXT("AB", COUNTS),
        TEXT("zz", COUNTS),
        TEXT("00", COUNTS) "\n",
        " " TEXT("00", COUNTS),
        TEXT("00\\\",\\\"keys\\\":[]", COUNTS),
        TEXT("00\",\"keys\":\"", COUNTS),
        TEXT("00", "\"demanded\":1, \"running\":1,\"done\":0"),
        TEXT("00", "\"demanded\":01,\"running\":1,\"done\":0"),
        TEXT("00", "\"demanded\":+1,\"running\":1,\"done\":0"),
        TEXT("00", "\"demanded\":1,\"running\":-1,\"done\":0"),
        TEXT("00", "\"demanded\":1,\"running\":1,\"done\":1"),
        TEXT("00", "\"demanded\":100000,\"running\":1,\"done\":0"),
        TEXT("00", "\"demanded\":4294967297,\"running\":1,\"done\":0"),
        TEXT("00", "\"running\":1,\"demanded\":1,\"done\":0"),
        TEXT("00", COUNTS ",\"keys\":[]"),
    };
    struct runtime_data data;
    check_ok(runtime_data_read(span_of_text(TEXT("00", COUNTS)), &data, &err), &err);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_error(runtime_data_read(span_of_text(refused[i]), &data, &err), &err, ERROR_INVALID);
}

static void refuses_every_truncation_and_what_is_too_long(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    struct runtime_data data = {.nonce_size = RUNTIME_DATA_NONCE_MAX};
    check_ok(runtime_data_write(&data, &out, &err), &err);
    for (size_t cut = 0; cut < out.size; cut++)
        check_error(runtime_data_read(span_of(out.data, cut), &data, &err), &err, ERROR_INVALID);

    BUF_AUTO longer = BUF_WITH_LIMIT(1024);
    check_ok(buf_printf(&longer, &err, "{\"caisson\":\"evidence-2\",\"nonce\":\"00%.*s",
                        (int)(out.size - 33), out.data + 33),
             &err);
    check_error(runtime_data_read(buf_span(&longer), &data, &err), &err, ERROR_INVALID);
    check_ok(buf_append_text(&out, "\0", &err), &err);
    check_error(runtime_data_read(span_of(out.data, out.size + 1), &data, &err), &err,
                ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_canonical_text),
        cmocka_unit_test(takes_the_largest_values),
        cmocka_unit_test(is_whole_when_all_run_or_are_done),
        cmocka_unit_test(report_data_is_digest_and_zeros),
        cmocka_unit_test(refuses_to_write_values_out_of_bounds),
        cmocka_unit_test(refuses_text_that_only_means_the_same),
        cmocka_unit_test(refuses_every_truncation_and_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
