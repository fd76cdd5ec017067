#include "../check.h"

#include "../vectors.h"
#include "base/base64.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "format/seccomp_json.h"

static const struct json_limits limits = {.size = SECCOMP_PROFILE_MAX, .depth = 8};

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *value = json_parse(span_of_text(text), &limits, &err);
    if (!value)
        fail_msg("%s: %s", text, err.text);
    return value;
}

static void writes(const char *text, const char *expected)
{
    struct error err = {0};
    json_auto_t *profile = parse(text);
    BUF_AUTO out = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    check_ok(seccomp_write_json(profile, &out, &err), &err);
    assert_string_equal(buf_text(&out), expected);
}

static void writes_keys_in_the_specifications_order(void **state)
{
    (void)state;
    writes("{ \"syscalls\": [ {\"args\": [{\"op\": \"SCMP_CMP_EQ\", \"valueTwo\": 3, \"value\": 2, "
           "\"index\": 1}], "
           "\"errnoRet\": 38, \"action\": \"SCMP_ACT_ERRNO\", \"names\": [\"b\", \"a\"]} ], "
           "\"flags\": [\"F\"], "
           "\"architectures\": [\"A\"], \"defaultErrnoRet\": 1, \"defaultAction\": "
           "\"SCMP_ACT_KILL\" }",
           "{\"defaultAction\":\"SCMP_ACT_KILL\",\"defaultErrnoRet\":1,\"architectures\":[\"A\"],"
           "\"flags\":[\"F\"],"
           "\"syscalls\":[{\"names\":[\"b\",\"a\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38,"
           "\"args\":[{\"index\":1,\"value\":2,\"valueTwo\":3,\"op\":\"SCMP_CMP_EQ\"}]}]}");
}

static void writes_defaults_for_what_is_absent(void **state)
{
    (void)state;
    writes("{}", "{\"defaultAction\":\"\"}");
    writes("{\"syscalls\":[]}", "{\"defaultAction\":\"\",\"syscalls\":[]}");
    writes("{\"syscalls\":[{}]}",
           "{\"defaultAction\":\"\",\"syscalls\":[{\"names\":[],\"action\":\"\"}]}");
    writes("{\"syscalls\":[{\"args\":[{}]}]}",
           "{\"defaultAction\":\"\",\"syscalls\":[{\"names\":[],\"action\":\"\",\"args\":[{"
           "\"index\":0,\"value\":0,\"op\":\"\"}]}]}");
}

static void leaves_unknown_keys_out_where_it_writes(void **state)
{
    (void)state;
    writes("{\"comment\":1,\"defaultAction\":\"X\",\"archMap\":[],\"syscalls\":[{\"names\":[\"a\"],"
           "\"includes\":{},\"action\":\"Y\"}]}",
           "{\"defaultAction\":\"X\",\"syscalls\":[{\"names\":[\"a\"],\"action\":\"Y\"}]}");
}

static void keeps_to_the_buffers_limit(void **state)
{
    (void)state;
    struct error err = {0};
    json_auto_t *profile = parse("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
                                 "\"a\"],\"action\":\"X\"}]}");
    for (size_t limit = 0; limit < 80; limit++) {
        BUF_AUTO out = BUF_WITH_LIMIT(limit);
        if (seccomp_write_json(profile, &out, &err) == 0)
            assert_int_equal(out.size, 76);
        assert_true(out.size <= limit);
    }
}

static void digest_of(const char *vector, char hex[2 * SHA256_SIZE + 1])
{
    struct error err = {0};
    BUF_AUTO file = BUF_WITH_LIMIT((size_t)1 << 20);
    BUF_AUTO text = BUF_WITH_LIMIT((size_t)1 << 20);
    BUF_AUTO out = BUF_WITH_LIMIT(SECCOMP_PROFILE_MAX);
    uint8_t digest[SHA256_SIZE];
    vectors_read(vector, &file);
    const char *at = strstr(buf_text(&file), "\"seccompProfile\"");
    assert_non_null(at);
    at = strchr(at + strlen("\"seccompProfile\""), '"') + 1;
    check_ok(base64_decode(span_of(at, strcspn(at, "\"")), &text, &err), &err);
    const struct json_limits wide = {.size = (size_t)1 << 20, .depth = 8};
    json_auto_t *profile = json_parse_object(buf_span(&text), &wide, &err);
    assert_non_null(profile);
    check_ok(seccomp_write_json(profile, &out, &err), &err);
    sha256_digest(buf_span(&out), digest);
    hex_encode(span_of(digest, sizeof digest), hex);
}

/* The policies that `az confcom` wrote for these templates hold the digest. */
static void agrees_with_confcom(void **state)
{
    (void)state;
    static const char *const folders[] = {
        "confcom/t-arm-PolicyGeneratingSecurityContext-arm_json2-3963-s0-13",
        "confcom/t-arm-PolicyGeneratingSecurityContextSeccompProfileEdgeCases-arm_json-5294-s1-13",
        "confcom/t-arm-PolicyGeneratingSecurityContextSeccompProfileEdgeCases-arm_json-5294-s3-13",
        "confcom/o-security-privileged-23",
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char name[256];
        char hex[2 * SHA256_SIZE + 1];
        (void)snprintf(name, sizeof name, "%s/arm_template.json", folders[i]);
        vectors_need(name);
        digest_of(name, hex);
        (void)snprintf(name, sizeof name, "%s/expected.rego", folders[i]);
        BUF_AUTO policy = BUF_WITH_LIMIT((size_t)1 << 20);
        vectors_read(name, &policy);
        if (!strstr(buf_text(&policy), hex))
            fail_msg("%s: no %s", name, hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_keys_in_the_specifications_order),
        cmocka_unit_test(writes_defaults_for_what_is_absent),
        cmocka_unit_test(leaves_unknown_keys_out_where_it_writes),
        cmocka_unit_test(keeps_to_the_buffers_limit),
        cmocka_unit_test(agrees_with_confcom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
