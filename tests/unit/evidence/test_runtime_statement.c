#include "../check.h"

#include "base/hex.h"
#include "evidence/enclave_mark.h"
#include "evidence/runtime_statement.h"

static struct error err;

static const struct runtime_data sample = {
    .nonce = {0x00, 0xab, 0x10}, .nonce_size = 3, .demanded = 3, .running = 2, .done = 1};

static void check_same(const struct runtime_data *a, const struct runtime_data *b)
{
    assert_int_equal(a->nonce_size, b->nonce_size);
    assert_memory_equal(a->nonce, b->nonce, a->nonce_size);
    assert_int_equal(a->demanded, b->demanded);
    assert_int_equal(a->running, b->running);
    assert_int_equal(a->done, b->done);
    assert_int_equal(a->fragment_count, b->fragment_count);
    for (size_t i = 0; i < a->fragment_count; i++) {
        assert_string_equal(a->fragments[i].issuer, b->fragments[i].issuer);
        assert_string_equal(a->fragments[i].feed, b->fragments[i].feed);
        assert_string_equal(a->fragments[i].svn, b->fragments[i].svn);
        assert_memory_equal(a->fragments[i].digest, b->fragments[i].digest, SHA256_SIZE);
    }
}

static void refuses(struct span text)
{
    RUNTIME_STATEMENT_AUTO statement;
    check_error(runtime_statement_read(text, &statement, &err), &err, ERROR_INVALID);
    assert_int_equal(statement.data.nonce_size, 0);
    assert_int_equal(statement.data.fragment_count, 0);
}

static void makes_canonical_text(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    check_ok(runtime_data_write(&sample, &out, &err), &err);
    assert_string_equal(buf_text(&out),
                        "{\"caisson\":\"evidence-2\",\"nonce\":\"00ab10\",\"containers\":{"
                        "\"demanded\":3,\"running\":2,\"done\":1}}");

    RUNTIME_STATEMENT_AUTO back;
    check_ok(runtime_statement_read(buf_span(&out), &back, &err), &err);
    check_same(&back.data, &sample);
}

static void takes_the_largest_values(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    struct runtime_data data = {.nonce = {1},
                                .nonce_size = RUNTIME_DATA_NONCE_MAX,
                                .demanded = RUNTIME_DATA_COUNT_MAX,
                                .running = RUNTIME_DATA_COUNT_MAX};
    RUNTIME_STATEMENT_AUTO back;
    check_ok(runtime_data_write(&data, &out, &err), &err);
    check_ok(runtime_statement_read(buf_span(&out), &back, &err), &err);
    check_same(&back.data, &data);
}

static const uint8_t digest[SHA256_SIZE] = {0xd1, [31] = 0x9e};
#define DIGEST "d1" ZEROS "9e"
#define ZEROS  "000000000000000000000000000000000000000000000000000000000000"

static void names_the_fragments_in_their_order(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    static const struct runtime_fragment fragments[] = {
        {"did:x509:0:sha256:a::eku:1.2", "registry.example/side", "5", digest},
        {"i", "a \"b\" \\ \n\x01 \xc3\xa9", "1.2.0", digest},
    };
    struct runtime_data data = sample;
    RUNTIME_STATEMENT_AUTO back;
    data.fragments = fragments;
    data.fragment_count = 2;
    check_ok(runtime_data_write(&data, &out, &err), &err);
    assert_string_equal(
        buf_text(&out),
        "{\"caisson\":\"evidence-2\",\"nonce\":\"00ab10\",\"containers\":{"
        "\"demanded\":3,\"running\":2,\"done\":1},\"fragments\":["
        "{\"issuer\":\"did:x509:0:sha256:a::eku:1.2\",\"feed\":\"registry.example/side\","
        "\"svn\":\"5\",\"sha256\":\"" DIGEST "\"},"
        "{\"issuer\":\"i\",\"feed\":\"a \\\"b\\\" \\\\ \\n\\u0001 \xc3\xa9\","
        "\"svn\":\"1.2.0\",\"sha256\":\"" DIGEST "\"}]}");
    check_ok(runtime_statement_read(buf_span(&out), &back, &err), &err);
    check_same(&back.data, &data);
    for (size_t cut = 0; cut < out.size; cut++)
        refuses(span_of(out.data, cut));
}

static void refuses_fragments_that_do_not_fit(void **state)
{
    (void)state;
    static char feed[RUNTIME_DATA_SIZE_MAX];
    memset(feed, 'f', sizeof feed - 1);
    const struct runtime_fragment fragment = {"i", feed, "5", digest};
    struct runtime_data data = sample;
    BUF_AUTO out = BUF_WITH_LIMIT(RUNTIME_DATA_SIZE_MAX);
    data.fragments = &fragment;
    data.fragment_count = 1;
    check_error(runtime_data_write(&data, &out, &err), &err, ERROR_LIMIT);
    assert_non_null(strstr(err.text, "1 fragments do not fit"));
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

static void an_enclaves_report_data_says_so_in_its_second_half(void **state)
{
    uint8_t data[REPORT_DATA_SIZE], plain[REPORT_DATA_SIZE];
    (void)state;
    runtime_data_report_data(span_of_text("abc"), plain);
    memcpy(data, plain, sizeof data);
    assert_false(enclave_mark_is_in(data));
    enclave_mark_set(data);
    assert_true(enclave_mark_is_in(data));
    assert_memory_equal(data, plain, 32);
    assert_memory_equal(data + 32, "caisson evidence of this enclave", 32);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] ^= 1;
        assert_int_equal(enclave_mark_is_in(data), i < 32);
        data[i] ^= 1;
    }
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
    RUNTIME_STATEMENT_AUTO statement;
    check_ok(runtime_statement_read(span_of_text(TEXT("00", COUNTS)), &statement, &err), &err);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        refuses(span_of_text(refused[i]));
}

#define WITH(rows)                                                                                 \
    "{\"caisson\":\"evidence-2\",\"nonce\":\"00\",\"containers\":{" COUNTS "},\"fragments\":" rows \
    "}"
#define ROW(issuer, feed, svn, digest)                                                             \
    "{\"issuer\":" issuer ",\"feed\":" feed ",\"svn\":" svn ",\"sha256\":" digest "}"
#define GOOD ROW("\"i\"", "\"f\"", "\"5\"", "\"" DIGEST "\"")

static void refuses_fragments_in_another_form(void **state)
{
    (void)state;
    static const char *const refused[] = {
        WITH("[]"),
        WITH("null"),
        WITH("{}"),
        WITH("[null]"),
        WITH("[[]]"),
        WITH("[{}]"),
        WITH("[" GOOD "] "),
        WITH("[ " GOOD "]"),
        WITH("[" GOOD ",]"),
        WITH("[" ROW("\"i\"", "\"f\"", "5", "\"" DIGEST "\"") "]"),
        WITH("[" ROW("1", "\"f\"", "\"5\"", "\"" DIGEST "\"") "]"),
        WITH("[" ROW("\"i\"", "\"\\u0066\"", "\"5\"", "\"" DIGEST "\"") "]"),
        WITH("[" ROW("\"i\"", "\"f\\u0000\"", "\"5\"", "\"" DIGEST "\"") "]"),
        WITH("[" ROW("\"i\"", "\"f\"", "\"5\"", "\"D1" ZEROS "9e\"") "]"),
        WITH("[" ROW("\"i\"", "\"f\"", "\"5\"", "\"d1" ZEROS "\"") "]"),
        WITH("[" ROW("\"i\"", "\"f\"", "\"5\"", "\"" DIGEST "\",\"keys\":[]") "]"),
        WITH("[{\"feed\":\"f\",\"issuer\":\"i\",\"svn\":\"5\",\"sha256\":\"" DIGEST "\"}]"),
        "{\"caisson\":\"evidence-2\",\"nonce\":\"00\",\"fragments\":[" GOOD
        "],\"containers\":{" COUNTS "}}",
    };
    RUNTIME_STATEMENT_AUTO statement;
    check_ok(runtime_statement_read(span_of_text(WITH("[" GOOD "]")), &statement, &err), &err);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        refuses(span_of_text(refused[i]));
}

static void refuses_more_fragments_than_a_machine_loads(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(65536);
    check_ok(buf_append_text(&out,
                             "{\"caisson\":\"evidence-2\",\"nonce\":\"00\",\"containers\":{" COUNTS
                             "},\"fragments\":[" GOOD,
                             &err),
             &err);
    for (int i = 1; i <= RUNTIME_DATA_FRAGMENTS_MAX; i++)
        check_ok(buf_append_text(&out, "," GOOD, &err), &err);
    check_ok(buf_append_text(&out, "]}", &err), &err);
    assert_true(out.size < RUNTIME_DATA_SIZE_MAX);
    refuses(buf_span(&out));
}

static void refuses_every_truncation_and_what_is_too_long(void **state)
{
    (void)state;
    BUF_AUTO out = BUF_WITH_LIMIT(1024);
    struct runtime_data data = {.nonce_size = RUNTIME_DATA_NONCE_MAX};
    check_ok(runtime_data_write(&data, &out, &err), &err);
    for (size_t cut = 0; cut < out.size; cut++)
        refuses(span_of(out.data, cut));

    BUF_AUTO longer = BUF_WITH_LIMIT(1024);
    check_ok(buf_printf(&longer, &err, "{\"caisson\":\"evidence-2\",\"nonce\":\"00%.*s",
                        (int)(out.size - 33), out.data + 33),
             &err);
    refuses(buf_span(&longer));
    check_ok(buf_append_text(&out, "\0", &err), &err);
    refuses(span_of(out.data, out.size + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_canonical_text),
        cmocka_unit_test(takes_the_largest_values),
        cmocka_unit_test(names_the_fragments_in_their_order),
        cmocka_unit_test(refuses_fragments_that_do_not_fit),
        cmocka_unit_test(is_whole_when_all_run_or_are_done),
        cmocka_unit_test(report_data_is_digest_and_zeros),
        cmocka_unit_test(an_enclaves_report_data_says_so_in_its_second_half),
        cmocka_unit_test(refuses_to_write_values_out_of_bounds),
        cmocka_unit_test(refuses_text_that_only_means_the_same),
        cmocka_unit_test(refuses_fragments_in_another_form),
        cmocka_unit_test(refuses_more_fragments_than_a_machine_loads),
        cmocka_unit_test(refuses_every_truncation_and_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
