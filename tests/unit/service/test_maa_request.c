/* Bodies of attest requests: as real clients write them, and as nobody should. */
#include "../check.h"

#include "service/maa_request.h"

static int read_text(enum maa_kind kind, const char *text, struct maa_request *out,
                     struct error *err)
{
    return maa_request_read(kind, span_of_text(text), out, err);
}

static void reads_what_clients_send(void **state)
{
    (void)state;
    struct error err = {0};
    MAA_REQUEST_AUTO request;
    check_ok(
        read_text(MAA_SEV_SNP,
                  "{\"report\":\"YWI=\",\"runtimeData\":{\"data\":\"eyJhIjoxfQ==\",\"dataType\":"
                  "\"JSON\"},\"initTimeData\":{\"data\":\"eA\",\"dataType\":\"Binary\"},"
                  "\"nonce\":3413764049005270139,\"draftPolicyForAttestation\":\"version=1.0;\","
                  "\"other\":[1]}",
                  &request, &err),
        &err);
    assert_string_equal(buf_text(&request.evidence), "ab");
    assert_true(request.runtime.is_there && request.runtime.is_json);
    assert_string_equal(buf_text(&request.runtime.bytes), "{\"a\":1}");
    assert_true(request.init.is_there && !request.init.is_json);
    assert_string_equal(buf_text(&request.init.bytes), "x");
    assert_true(json_integer_value(request.nonce) == 3413764049005270139);
    assert_string_equal(buf_text(&request.draft_policy), "version=1.0;");
}

static void takes_each_kind_by_its_member(void **state)
{
    (void)state;
    static const struct {
        enum maa_kind kind;
        const char *body;
    } cases[] = {
        {MAA_SEV_SNP, "{\"report\":\"YQ\"}"}, {MAA_OPEN_ENCLAVE, "{\"report\":\"YQ\"}"},
        {MAA_SGX, "{\"quote\":\"YQ\"}"},      {MAA_TDX, "{\"quote\":\"YQ\"}"},
        {MAA_TPM, "{\"data\":\"YQ\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        MAA_REQUEST_AUTO request;
        check_ok(read_text(cases[i].kind, cases[i].body, &request, &err), &err);
        assert_string_equal(buf_text(&request.evidence), "a");
        assert_null(request.nonce);
    }
}

static void knows_kinds_in_any_case(void **state)
{
    (void)state;
    enum maa_kind kind;
    assert_true(maa_kind_find(span_of_text("SevSnpVM"), &kind));
    assert_int_equal(kind, MAA_SEV_SNP);
    assert_true(maa_kind_find(span_of_text("sgxenclave"), &kind));
    assert_int_equal(kind, MAA_SGX);
    assert_false(maa_kind_find(span_of_text("SevSnp"), &kind));
    assert_false(maa_kind_find(span_of_text(""), &kind));
    assert_string_equal(maa_kind_name(MAA_TDX), "TdxVm");
}

static void refuses_what_is_malformed_and_names_it(void **state)
{
    (void)state;
    static const struct {
        const char *body, *said;
    } cases[] = {
        {"", "the request"},
        {"[]", "the request"},
        {"{\"report\":\"YQ\"", "the request"},
        {"{\"report\":\"YQ\"} x", "the request"},
        {"{\"report\":\"YQ\",\"report\":\"YQ\"}", "duplicate"},
        {"{\"report\":\"YQ\",\"x\":\"\xff\"}", "the request"},
        {"{}", "report"},
        {"{\"quote\":\"YQ\"}", "report"},
        {"{\"report\":1}", "report"},
        {"{\"report\":\"\"}", "report is empty"},
        {"{\"report\":\"===\"}", "report"},
        {"{\"report\":\"Y\"}", "report"},
        {"{\"report\":\"Y+/=\"}", "report"},
        {"{\"report\":\"YQ\",\"nonce\":1.5}", "no integer"},
        {"{\"report\":\"YQ\",\"nonce\":{}}", "nonce"},
        {"{\"report\":\"YQ\",\"nonce\":\"a\\u0000b\"}", "the request"},
        {"{\"report\":\"YQ\",\"nonce\":18446744073709551616}", "the request"},
        {"{\"report\":\"YQ\",\"other\":1e5}", "no integer"},
        {"{\"report\":\"YQ\",\"runtimeData\":null}", "found null"},
        {"{\"report\":\"YQ\",\"runtimeData\":\"YQ\"}", "runtimeData"},
        {"{\"report\":\"YQ\",\"runtimeData\":{}}", "data"},
        {"{\"report\":\"YQ\",\"runtimeData\":{\"data\":\"YQ\",\"dataType\":\"Text\"}}", "\"Text\""},
        {"{\"report\":\"YQ\",\"runtimeData\":{\"data\":\"YQ\",\"dataType\":\"JSON\"}}",
         "runtimeData: data"},
        {"{\"report\":\"YQ\",\"initTimeData\":{\"data\":\"e30g\",\"dataType\":2}}", "dataType"},
        {"{\"report\":\"YQ\",\"draftPolicyForAttestation\":7}", "draftPolicy"},
        {"{\"report\":\"YQ\",\"x\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", "the request"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        MAA_REQUEST_AUTO request;
        check_refused(read_text(MAA_SEV_SNP, cases[i].body, &request, &err), &err, cases[i].said);
    }
}

static void refuses_more_values_than_any_client_sends(void **state)
{
    (void)state;
    struct error err = {0};
    MAA_REQUEST_AUTO request;
    BUF_AUTO body = BUF_WITH_LIMIT(1 << 20);
    check_ok(buf_append_text(&body, "{\"report\":\"YQ\",\"other\":[0", &err), &err);
    for (size_t i = 0; i < 100000; i++)
        check_ok(buf_append_text(&body, ",0", &err), &err);
    check_ok(buf_append_text(&body, "]}", &err), &err);
    check_refused(maa_request_read(MAA_SEV_SNP, buf_span(&body), &request, &err), &err, "memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_clients_send),
        cmocka_unit_test(takes_each_kind_by_its_member),
        cmocka_unit_test(knows_kinds_in_any_case),
        cmocka_unit_test(refuses_what_is_malformed_and_names_it),
        cmocka_unit_test(refuses_more_values_than_any_client_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
