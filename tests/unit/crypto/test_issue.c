/* A small P-256 authority: what it issues is what certificate.h accepts, and nothing beside it. */
#include "../check.h"

#include "crypto/certificate.h"
#include "crypto/issue.h"

#define NOW INT64_C(1780272000)

static struct error err;
static struct private_key *root_key;
static struct private_key *leaf_key;
static struct certificate *root;
static struct certificate *leaf;

static struct certificate *issue(const char *subject, uint64_t serial,
                                 const struct private_key *key)
{
    const struct issue_request request = {.subject = subject,
                                          .issuer = "A root",
                                          .serial = serial,
                                          .not_before = NOW - 10,
                                          .not_after = NOW + 10,
                                          .is_ca = serial == 1};
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    check_ok(certificate_issue(&request, key, root_key, &der, &err), &err);
    return certificate_from_der(buf_span(&der), &err);
}

static struct crl *issue_crl(const char *issuer, const struct private_key *key, uint64_t serial)
{
    const struct issue_crl_request request = {.issuer = issuer,
                                              .this_update = NOW - 10,
                                              .next_update = NOW + 10,
                                              .serials = &serial,
                                              .serial_count = serial != 0};
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    check_ok(crl_issue(&request, key, &der, &err), &err);
    return crl_from_der(buf_span(&der), &err);
}

static int make(void **state)
{
    (void)state;
    root_key = private_key_new_p256(&err);
    leaf_key = private_key_new_p256(&err);
    root = issue("A root", 1, root_key);
    leaf = issue("A leaf", 2, leaf_key);
    return root && leaf ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    certificate_free(root);
    certificate_free(leaf);
    private_key_free(root_key);
    private_key_free(leaf_key);
    return 0;
}

static void a_p256_key_signs_certificates_by_ecdsa(void **state)
{
    (void)state;
    check_ok(certificate_check_ca(root, &err), &err);
    check_ok(certificate_check_signed(root, root, SIGNED_ECDSA_P256_SHA256, &err), &err);
    check_ok(certificate_check_signed(leaf, root, SIGNED_ECDSA_P256_SHA256, &err), &err);
    check_refused(certificate_check_signed(leaf, root, SIGNED_PSS_SHA384, &err), &err,
                  "RSASSA-PSS");
    check_refused(certificate_check_signed(leaf, leaf, SIGNED_ECDSA_P256_SHA256, &err), &err,
                  "another issuer");
    check_error(certificate_check_ca(leaf, &err), &err, ERROR_REFUSED);
}

static void another_key_of_the_same_name_did_not_sign(void **state)
{
    (void)state;
    struct certificate *impostor = issue("A root", 3, leaf_key);
    check_refused(certificate_check_signed(leaf, impostor, SIGNED_ECDSA_P256_SHA256, &err), &err,
                  "does not hold");
    certificate_free(impostor);
}

static void the_certificate_s_key_checks_raw_signatures(void **state)
{
    (void)state;
    uint8_t digest[SHA256_SIZE] = {7};
    uint8_t signature[P256_SIGNATURE_SIZE];
    check_ok(private_key_sign_p256(leaf_key, digest, signature, &err), &err);
    check_ok(certificate_check_ecdsa_p256(leaf, digest, signature, &err), &err);
    check_error(certificate_check_ecdsa_p256(root, digest, signature, &err), &err, ERROR_REFUSED);
    digest[0] = 8;
    check_error(certificate_check_ecdsa_p256(leaf, digest, signature, &err), &err, ERROR_REFUSED);
}

static void a_key_on_another_curve_is_named(void **state)
{
    (void)state;
    const uint8_t digest[SHA256_SIZE] = {0};
    const uint8_t signature[P256_SIGNATURE_SIZE] = {0};
    PRIVATE_KEY_AUTO *wide = private_key_new_p384(&err);
    struct certificate *certificate = issue("A wide leaf", 4, wide);
    check_refused(certificate_check_ecdsa_p256(certificate, digest, signature, &err), &err,
                  "P-256");
    certificate_free(certificate);
}

static void a_list_names_what_is_revoked(void **state)
{
    (void)state;
    CRL_AUTO *crl = issue_crl("A root", root_key, 2);
    check_ok(crl_check_signed(crl, root, SIGNED_ECDSA_P256_SHA256, &err), &err);
    assert_true(crl_lists(crl, leaf));
    assert_false(crl_lists(crl, root));
    assert_true(crl_current_at(crl, NOW));
    assert_false(crl_current_at(crl, NOW - 11));
    assert_false(crl_current_at(crl, NOW + 11));
}

static void a_list_of_another_issuer_or_key_is_refused(void **state)
{
    (void)state;
    CRL_AUTO *other_name = issue_crl("Another root", root_key, 0);
    CRL_AUTO *other_key = issue_crl("A root", leaf_key, 0);
    check_refused(crl_check_signed(other_name, root, SIGNED_ECDSA_P256_SHA256, &err), &err,
                  "another issuer");
    check_refused(crl_check_signed(other_key, root, SIGNED_ECDSA_P256_SHA256, &err), &err,
                  "does not hold");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_p256_key_signs_certificates_by_ecdsa),
        cmocka_unit_test(another_key_of_the_same_name_did_not_sign),
        cmocka_unit_test(the_certificate_s_key_checks_raw_signatures),
        cmocka_unit_test(a_key_on_another_curve_is_named),
        cmocka_unit_test(a_list_names_what_is_revoked),
        cmocka_unit_test(a_list_of_another_issuer_or_key_is_refused),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
