#include "../check.h"
#include "../made.h"

#include "crypto/certificate_match.h"

static struct error err;
static EVP_PKEY *key;

static int make_key(void **state)
{
    (void)state;
    key = made_key("P-256");
    return 0;
}

static int free_key(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

static const struct made_certificate plain = {
    .subject = "CN=Some One/O=A & B/2.5.4.5=serial",
    .issuer = "CN=Some One",
    .constraints = "critical,CA:FALSE",
    .key_usage = "critical,digitalSignature",
    .eku = "1.2.3.4,codeSigning",
    .san = "email:bob@example.com,DNS:example.com,URI:https://example.com/a"};

static void make(const struct made_certificate *wanted, struct buf *der)
{
    buf_init(der, 65536);
    made_issue(wanted, key, key, "SHA256", der);
}

static void finds_what_is_there(void **state)
{
    (void)state;
    BUF_AUTO der;
    make(&plain, &der);
    struct span leaf = buf_span(&der);
    check_ok(certificate_match_eku(leaf, "1.2.3.4", &err), &err);
    check_ok(certificate_match_eku(leaf, "1.3.6.1.5.5.7.3.3", &err), &err);
    check_ok(certificate_match_subject(leaf, "CN", span_of_text("Some One"), &err), &err);
    check_ok(certificate_match_subject(leaf, "O", span_of_text("A & B"), &err), &err);
    check_ok(certificate_match_subject(leaf, "2.5.4.5", span_of_text("serial"), &err), &err);
    check_ok(certificate_match_san(leaf, SAN_EMAIL, span_of_text("bob@example.com"), &err), &err);
    check_ok(certificate_match_san(leaf, SAN_DNS, span_of_text("example.com"), &err), &err);
    check_ok(certificate_match_san(leaf, SAN_URI, span_of_text("https://example.com/a"), &err),
             &err);
    check_ok(certificate_check_signer(leaf, &err), &err);
}

static void refuses_what_is_not_there(void **state)
{
    (void)state;
    BUF_AUTO der;
    make(&plain, &der);
    struct span leaf = buf_span(&der);
    check_error(certificate_match_eku(leaf, "1.2.3.5", &err), &err, ERROR_REFUSED);
    check_error(certificate_match_eku(leaf, "1.2.3", &err), &err, ERROR_REFUSED);
    check_error(certificate_match_eku(leaf, "codeSigning", &err), &err, ERROR_REFUSED);
    check_error(certificate_match_eku(leaf, "", &err), &err, ERROR_REFUSED);
    check_error(certificate_match_subject(leaf, "CN", span_of_text("Some"), &err), &err,
                ERROR_REFUSED);
    check_error(certificate_match_subject(leaf, "CN", span_of("Some One\0", 9), &err), &err,
                ERROR_REFUSED);
    check_error(certificate_match_subject(leaf, "OU", span_of_text(""), &err), &err, ERROR_REFUSED);
    check_error(certificate_match_subject(leaf, "commonName", span_of_text("Some One"), &err), &err,
                ERROR_REFUSED);
    check_error(certificate_match_san(leaf, SAN_DNS, span_of_text("bob@example.com"), &err), &err,
                ERROR_REFUSED);
    check_error(certificate_match_san(leaf, SAN_URI, span_of_text("https://example.com/"), &err),
                &err, ERROR_REFUSED);
}

static void an_attribute_that_is_there_twice_matches_nothing(void **state)
{
    (void)state;
    struct made_certificate wanted = plain;
    BUF_AUTO der;
    wanted.subject = "CN=Some One/CN=Another";
    make(&wanted, &der);
    check_error(certificate_match_subject(buf_span(&der), "CN", span_of_text("Some One"), &err),
                &err, ERROR_REFUSED);
    check_error(certificate_match_subject(buf_span(&der), "CN", span_of_text("Another"), &err),
                &err, ERROR_REFUSED);
}

static void without_extensions_nothing_matches(void **state)
{
    (void)state;
    const struct made_certificate bare = {.subject = "CN=x", .issuer = "CN=y"};
    BUF_AUTO der;
    make(&bare, &der);
    check_error(certificate_match_eku(buf_span(&der), "1.2.3.4", &err), &err, ERROR_REFUSED);
    check_error(certificate_match_san(buf_span(&der), SAN_DNS, span_of_text(""), &err), &err,
                ERROR_REFUSED);
    check_ok(certificate_check_signer(buf_span(&der), &err), &err);
    check_ok(certificate_check_path_length(buf_span(&der), 7, &err), &err);
}

static void refuses_signers_that_may_not_sign(void **state)
{
    (void)state;
    static const struct {
        const char *constraints;
        const char *key_usage;
    } refused[] = {{"critical,CA:TRUE", "critical,digitalSignature"},
                   {"CA:TRUE", NULL},
                   {"critical,CA:FALSE", "critical,keyEncipherment"},
                   {NULL, "keyAgreement"},
                   {NULL, "keyCertSign,digitalSignature"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct made_certificate wanted = plain;
        BUF_AUTO der;
        wanted.constraints = refused[i].constraints;
        wanted.key_usage = refused[i].key_usage;
        make(&wanted, &der);
        check_error(certificate_check_signer(buf_span(&der), &err), &err, ERROR_REFUSED);
    }
}

static void a_path_is_as_long_as_its_authority_allows(void **state)
{
    (void)state;
    struct made_certificate wanted = plain;
    BUF_AUTO der;
    wanted.constraints = "critical,CA:TRUE,pathlen:1";
    wanted.key_usage = "keyCertSign";
    make(&wanted, &der);
    check_ok(certificate_check_path_length(buf_span(&der), 0, &err), &err);
    check_ok(certificate_check_path_length(buf_span(&der), 1, &err), &err);
    check_error(certificate_check_path_length(buf_span(&der), 2, &err), &err, ERROR_REFUSED);
}

static void refuses_what_is_no_certificate(void **state)
{
    (void)state;
    struct span text = span_of_text("certificate");
    check_error(certificate_match_eku(text, "1.2", &err), &err, ERROR_INVALID);
    check_error(certificate_match_subject(text, "CN", text, &err), &err, ERROR_INVALID);
    check_error(certificate_match_san(text, SAN_DNS, text, &err), &err, ERROR_INVALID);
    check_error(certificate_check_signer(text, &err), &err, ERROR_INVALID);
    check_error(certificate_check_path_length(span_of(NULL, 0), 0, &err), &err, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_there),
        cmocka_unit_test(refuses_what_is_not_there),
        cmocka_unit_test(an_attribute_that_is_there_twice_matches_nothing),
        cmocka_unit_test(without_extensions_nothing_matches),
        cmocka_unit_test(refuses_signers_that_may_not_sign),
        cmocka_unit_test(a_path_is_as_long_as_its_authority_allows),
        cmocka_unit_test(refuses_what_is_no_certificate),
    };
    return cmocka_run_group_tests(tests, make_key, free_key);
}
