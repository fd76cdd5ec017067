/* The service's own evidence: each new signing key's certificate holds a report that binds the key,
 * and where there is none, or one that does not hold, there is no key. The processor is the tests'
 * own. */
#include "../evidence/synthetic.h"

#include <stdio.h>
#include <stdlib.h>

#include "../remove_tree.h"
#include "base/base64.h"
#include "base/text.h"
#include "format/der.h"
#include "format/json.h"
#include "service/maa_request.h"
#include "service/signing.h"
#include "service/signing_certificate.h"

static struct error err;
static struct synthetic machine;
static struct synthetic_issued issued;
static struct own_evidence own;
static char folder[256];
static struct database *store;
static struct vault *vault;

/* What the agent does; a test changes it. */
static struct {
    unsigned asked;
    bool fails, forgets, binds_other, changes, repeats;
    const char *says; /* in place of an answer */
} agent;

static const struct json_limits limits = {.size = 1 << 20, .depth = 8};

static int append_base64(const char *name, struct span bytes, struct buf *out)
{
    check_ok(buf_printf(out, &err, "%s\"%s\":\"", out->size > 1 ? "," : "", name), &err);
    check_ok(base64_encode(bytes, out, &err), &err);
    return buf_append_text(out, "\"", &err);
}

static void sign_for(struct span body, uint8_t report[SNP_REPORT_SIZE])
{
    BUF_AUTO spki = BUF_WITH_LIMIT(4096);
    json_auto_t *request = json_parse_object(body, &limits, &err);
    const char *text = json_string_value(json_object_get(request, "runtime_data"));
    assert_non_null(text);
    check_ok(base64_decode(span_of_text(text), &spki, &err), &err);
    memset(machine.report.report_data, 0, sizeof machine.report.report_data);
    sha256_digest(buf_span(&spki), machine.report.report_data);
    machine.report.report_data[40] = agent.binds_other;
    synthetic_sign(&machine.report, report);
    report[0x90] ^= agent.changes;
}

static int post(const char *url, struct span body, struct buf *out, struct error *error)
{
    uint8_t report[SNP_REPORT_SIZE];
    BUF_AUTO chain = BUF_WITH_LIMIT(1 << 17);
    agent.asked++;
    assert_string_equal(url, "http://127.0.0.1:8080/attest/combined");
    if (agent.fails)
        return error_set(error, ERROR_UNAVAILABLE, "nobody answers");
    if (agent.says)
        return buf_append_text(out, agent.says, error);
    sign_for(body, report);
    for (int i = 0; i < SNP_CHAIN_LENGTH * (agent.repeats ? 4 : 1); i++)
        check_ok(certificate_der_to_pem(issued.chain[i % SNP_CHAIN_LENGTH], &chain, &err), &err);
    check_ok(buf_append_text(out, "{", &err), &err);
    check_ok(append_base64("evidence", span_of(report, sizeof report), out), &err);
    if (!agent.forgets)
        check_ok(append_base64("endorsements", buf_span(&chain), out), &err);
    return buf_append_text(out, "}", error);
}

static int begin(void **state)
{
    (void)state;
    bool made;
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/caisson-own-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    TEXT_AUTO path = text_format("%s/store", folder);
    TEXT_AUTO key = text_format("%s/master", folder);
    store = database_open(path, NULL);
    vault = vault_open_file(key, &made, NULL);
    memset(&agent, 0, sizeof agent);
    synthetic_milan(&machine);
    synthetic_issue(&machine, &issued);
    own = (struct own_evidence){.url = "http://127.0.0.1:8080",
                                .post = post,
                                .chains = snp_chains_new(&issued.root, 1, NULL)};
    return store && vault && own.chains ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    database_close(store);
    vault_close(vault);
    snp_chains_free(own.chains);
    synthetic_fini(&issued);
    return remove_tree(folder);
}

static json_t *published(const struct own_evidence *evidence, int64_t now)
{
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 20);
    struct signing *signing = signing_open(store, vault, evidence, now, &err);
    if (!signing)
        fail_msg("%s", err.text);
    check_ok(signing_append_keys(signing, &text, &err), &err);
    signing_close(signing);
    json_t *set = json_parse_object(buf_span(&text), &limits, &err);
    assert_non_null(set);
    return set;
}

/* The evidence in a published key's certificate; false where it holds none. */
static bool find_evidence(const json_t *key, struct buf *spki, struct buf *evidence)
{
    JWK_AUTO read;
    struct span value;
    json_auto_t *copy = json_deep_copy(key);
    jwk_init(&read);
    check_ok(jwk_read(copy, &read, &err), &err);
    check_ok(public_key_to_spki(read.public_key, spki, &err), &err);
    CERTIFICATE_AUTO *certificate = certificate_from_der(buf_span(&read.chain.ders[0]), &err);
    assert_non_null(certificate);
    if (!certificate_extension(certificate, OWN_EVIDENCE_OID, &value))
        return false;
    check_ok(buf_append(evidence, value, &err), &err);
    return true;
}

/* The evidence of a conceptual message: DER, JSON, base64url, JSON. */
static json_t *unwrap(struct span message)
{
    struct span record;
    BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
    struct cursor cursor = cursor_of(message);
    assert_true(der_read(&cursor, DER_UTF8_STRING, &record) && cursor_at_end(&cursor));
    json_auto_t *array = json_parse(record, &limits, &err);
    assert_true(json_is_array(array) && json_array_size(array) == 3);
    assert_string_equal(json_string_value(json_array_get(array, 0)), OWN_EVIDENCE_TYPE);
    assert_int_equal(json_integer_value(json_array_get(array, 2)), 4);
    const char *value = json_string_value(json_array_get(array, 1));
    check_ok(base64url_decode(span_of_text(value), &text, &err), &err);
    json_t *evidence = json_parse_object(buf_span(&text), &limits, &err);
    assert_non_null(evidence);
    return evidence;
}

static void each_new_keys_certificate_holds_a_report_that_binds_it(void **state)
{
    (void)state;
    json_auto_t *set = published(&own, SYNTHETIC_NOW);
    const json_t *keys = json_object_get(set, "keys");
    assert_int_equal(json_array_size(keys), 3);
    assert_int_equal(agent.asked, 3);
    for (size_t i = 0; i < 3; i++) {
        uint8_t digest[SHA256_SIZE];
        BUF_AUTO spki = BUF_WITH_LIMIT(4096);
        BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
        BUF_AUTO report = BUF_WITH_LIMIT(SNP_REPORT_SIZE);
        assert_true(find_evidence(json_array_get(keys, i), &spki, &text));
        json_auto_t *evidence = unwrap(buf_span(&text));
        const char *encoded = json_string_value(json_object_get(evidence, "SnpReport"));
        assert_non_null(encoded);
        check_ok(maa_decode(span_of_text(encoded), &report, &err), &err);
        sha256_digest(buf_span(&spki), digest);
        assert_memory_equal(report.data + 0x50, digest, sizeof digest);
        assert_non_null(json_object_get(evidence, "VcekCertChain"));
    }
}

/* AMD's certificates have 1,683 bytes at most, their leaves 1,360; what the agent says twice, or
 * has besides, takes no place. */
static void the_largest_evidence_that_there_is_fits(void **state)
{
    (void)state;
    static const uint8_t padding[SYNTHETIC_BYTES_MAX];
    size_t size = 0;
    synthetic_add(&machine, "1.2.3.4.1", padding, sizeof padding);
    synthetic_fini(&issued);
    synthetic_issue(&machine, &issued);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        size += issued.chain[i].size;
    assert_in_range(size, 2 * 1683 + 1360, 5200);
    agent.repeats = true;
    snp_chains_free(own.chains);
    own.chains = snp_chains_new(&issued.root, 1, NULL);
    json_auto_t *set = published(&own, SYNTHETIC_NOW);
    for (size_t i = 0; i < 3; i++) {
        BUF_AUTO spki = BUF_WITH_LIMIT(4096);
        BUF_AUTO text = BUF_WITH_LIMIT(1 << 16);
        BUF_AUTO chain = BUF_WITH_LIMIT(1 << 16);
        assert_true(find_evidence(json_array_get(json_object_get(set, "keys"), i), &spki, &text));
        json_auto_t *evidence = unwrap(buf_span(&text));
        const char *encoded = json_string_value(json_object_get(evidence, "VcekCertChain"));
        assert_non_null(encoded);
        check_ok(maa_decode(span_of_text(encoded), &chain, &err), &err);
        struct span rest = buf_span(&chain);
        for (int k = 0; k < SNP_CHAIN_LENGTH; k++) {
            BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
            check_ok(certificate_pem_next(&rest, &der, &err), &err);
            assert_true(span_equal(buf_span(&der), issued.chain[k]));
        }
        assert_int_equal(rest.size, 0);
    }
}

static void keys_that_have_it_are_kept(void **state)
{
    (void)state;
    json_auto_t *before = published(&own, SYNTHETIC_NOW);
    json_auto_t *after = published(&own, SYNTHETIC_NOW + 1);
    assert_true(json_equal(before, after));
    assert_int_equal(agent.asked, 3);
}

static void sign(struct signing *signing, const json_t *set, size_t count)
{
    json_auto_t *header = json_object();
    BUF_AUTO token = BUF_WITH_LIMIT(1 << 16);
    JWS_AUTO jws = {0};
    check_ok(signing_sign(signing, SIGNATURE_RS256, header, span_of_text("{}"), SYNTHETIC_NOW + 1,
                          &token, &err),
             &err);
    check_ok(jws_read(buf_span(&token), &jws, &err), &err);
    for (size_t i = 0; i < count; i++) {
        const json_t *key = json_array_get(json_object_get(set, "keys"), i);
        assert_string_not_equal(json_string_value(json_object_get(key, "kid")),
                                json_string_value(json_object_get(jws.header, "kid")));
    }
}

static void a_key_that_was_made_without_signs_no_more_and_stays_published(void **state)
{
    (void)state;
    json_auto_t *before = published(NULL, SYNTHETIC_NOW);
    BUF_AUTO spki = BUF_WITH_LIMIT(4096);
    BUF_AUTO none = BUF_WITH_LIMIT(4096);
    assert_false(find_evidence(json_array_get(json_object_get(before, "keys"), 0), &spki, &none));
    struct signing *signing = signing_open(store, vault, &own, SYNTHETIC_NOW + 1, &err);
    assert_non_null(signing);
    sign(signing, before, 3);
    signing_close(signing);
    json_auto_t *after = published(&own, SYNTHETIC_NOW + 2);
    assert_int_equal(json_array_size(json_object_get(after, "keys")), 6);
    assert_int_equal(agent.asked, 3);
}

static void check_no_keys(enum error_code code, const char *words)
{
    BUF_AUTO value = BUF_WITH_LIMIT(DATABASE_VALUE_MAX);
    struct database_key place = {"service", "signing-keys", "tokens"};
    uint64_t revision;
    err = (struct error){0};
    assert_null(signing_open(store, vault, &own, SYNTHETIC_NOW, &err));
    if (err.code != code || !strstr(err.text, words))
        fail_msg("\"%s\" does not hold \"%s\"", err.text, words);
    check_error(database_get(store, &place, &value, &revision, &err), &err, ERROR_NOT_FOUND);
}

static void without_evidence_there_is_no_key(void **state)
{
    (void)state;
    agent.fails = true;
    check_no_keys(ERROR_UNAVAILABLE, "nobody answers");
    agent.fails = false;
    agent.forgets = true;
    check_no_keys(ERROR_INVALID, "endorsements");
    static const char *const wrong[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"evidence\":7}",
                                        "{\"evidence\":\"A-\"}",
                                        "{\"evidence\":\"\",\"endorsements\":\"\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        agent.says = wrong[i];
        check_no_keys(ERROR_INVALID, "own evidence");
    }
}

static void refuses_evidence_that_others_would_refuse(void **state)
{
    (void)state;
    agent.binds_other = true;
    check_no_keys(ERROR_REFUSED, "report_data");
    agent.binds_other = false;
    agent.changes = true;
    check_no_keys(ERROR_REFUSED, "signature");
    agent.changes = false;
    machine.report.vmpl = 1;
    check_no_keys(ERROR_REFUSED, "vmpl");
    machine.report.vmpl = 0;
    machine.report.policy |= SNP_POLICY_DEBUG;
    check_no_keys(ERROR_REFUSED, "debug");
    machine.report.policy &= ~(uint64_t)SNP_POLICY_DEBUG;
    snp_chains_free(own.chains);
    own.chains = snp_chains_new(NULL, 0, &err);
    check_no_keys(ERROR_REFUSED, "root");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_new_keys_certificate_holds_a_report_that_binds_it),
        TEST(the_largest_evidence_that_there_is_fits),
        TEST(keys_that_have_it_are_kept),
        TEST(a_key_that_was_made_without_signs_no_more_and_stays_published),
        TEST(without_evidence_there_is_no_key),
        TEST(refuses_evidence_that_others_would_refuse),
    };
    return cmocka_run_group_tests(tests, synthetic_start, synthetic_end);
}
