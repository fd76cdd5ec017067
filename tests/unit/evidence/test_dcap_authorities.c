/* Whom a PCK certificate comes from: chains that the root's owner, or somebody else, might make. */
#include "../check.h"

#include <stdlib.h>

#include "dcap_fake.h"
#include "evidence/dcap_verify.h"
#include "evidence/pck_write.h"

static struct dcap_fake fake;
static struct private_key *stranger;
static struct dcap_result result;
static struct error err;

static void expect_refused(const char *name, const char *of)
{
    const struct check *failure = checks_first_failure(&result.checks);
    if (!failure || strcmp(failure->rule->name, name) != 0)
        fail_msg("%s: refused by %s (%s) instead of %s", of, failure ? failure->rule->name : "none",
                 failure ? failure->found : "", name);
    assert_int_equal(checks_verdict(&result.checks), VERDICT_REFUSED);
}

/* A PCK CA and a PCK certificate besides those of the collateral. */
struct other {
    const char *ca_name;
    const struct private_key *ca_key;
    const struct private_key *ca_signer;
    uint64_t ca_serial;
    bool no_extension;
    uint64_t pck_serial;
};

static void append(const struct issue_request *request, const struct private_key *key,
                   const struct private_key *signer, struct buf *pem)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    check_ok(certificate_issue(request, key, signer, &der, &err), &err);
    check_ok(certificate_der_to_pem(buf_span(&der), pem, &err), &err);
}

/* The chain of such a CA, under the root of the collateral, for the platform's own key. */
static void make_chain(const struct other *other, struct buf *pem)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    check_ok(pck_write(&fake.pck, &bytes, &err), &err);
    const struct issue_extension extension = {PCK_EXTENSION_OID, buf_span(&bytes)};
    const struct issue_request leaf = {.subject = fake.names[FAKE_PCK],
                                       .issuer = other->ca_name,
                                       .serial = other->pck_serial,
                                       .not_before = FAKE_NOW - FAKE_DAY,
                                       .not_after = FAKE_NOW + FAKE_DAY,
                                       .extensions = &extension,
                                       .extension_count = !other->no_extension};
    const struct issue_request ca = {.subject = other->ca_name,
                                     .issuer = fake.names[FAKE_ROOT],
                                     .serial = other->ca_serial,
                                     .not_before = FAKE_NOW - FAKE_DAY,
                                     .not_after = FAKE_NOW + FAKE_DAY,
                                     .is_ca = true};
    append(&leaf, fake.keys[FAKE_PCK], other->ca_key, pem);
    append(&ca, other->ca_key, other->ca_signer, pem);
    check_ok(certificate_der_to_pem(buf_span(&fake.certificates[FAKE_ROOT]), pem, &err), &err);
}

static void verify(const struct other *other)
{
    static const struct dcap_appraisal strictest;
    BUF_AUTO pem = BUF_WITH_LIMIT(DCAP_CHAIN_SIZE_MAX);
    dcap_fake_make(&fake);
    make_chain(other, &pem);
    fake.parts.pck_certificate_chain = buf_span(&pem);
    (void)dcap_verify(buf_span(&fake.quote), &fake.parts, &fake.options, &strictest, &result);
}

/* What is accepted: each test changes one thing. */
static struct other start(void)
{
    dcap_fake_reset(&fake, DCAP_BODY_TD10);
    return (struct other){.ca_name = fake.names[FAKE_CA],
                          .ca_key = fake.keys[FAKE_CA],
                          .ca_signer = fake.keys[FAKE_ROOT],
                          .ca_serial = 9,
                          .pck_serial = 10};
}

static void accepts_another_certificate_of_the_same_authority(void **state)
{
    (void)state;
    struct other other = start();
    verify(&other);
    assert_null(checks_first_failure(&result.checks));
    assert_int_equal(checks_verdict(&result.checks), VERDICT_ACCEPTED);
}

static void refuses_an_authority_that_the_root_revoked(void **state)
{
    (void)state;
    struct other other = start();
    fake.root_crl_serial = 9;
    verify(&other);
    expect_refused("pck_revocation", "a revoked authority in the chain");
}

static void refuses_a_revoked_leaf_of_it(void **state)
{
    (void)state;
    struct other other = start();
    fake.pck_crl_serial = 10;
    verify(&other);
    expect_refused("pck_revocation", "a revoked leaf");
}

/* The list at hand says nothing of another authority's certificates. */
static void refuses_an_authority_that_the_list_is_not_of(void **state)
{
    (void)state;
    struct other other = start();
    other.ca_name = "Intel SGX PCK Processor CA";
    verify(&other);
    expect_refused("pck_revocation", "another authority by name");
    other = start();
    other.ca_key = stranger;
    verify(&other);
    expect_refused("pck_revocation", "another authority by key");
}

static void refuses_an_authority_that_the_root_did_not_sign(void **state)
{
    (void)state;
    struct other other = start();
    other.ca_key = stranger;
    other.ca_signer = stranger;
    verify(&other);
    expect_refused("pck_chain", "an authority of its own making");
    other.ca_key = fake.keys[FAKE_CA];
    verify(&other);
    expect_refused("pck_chain", "a stranger's signature");
}

static void refuses_a_leaf_without_the_sgx_extension(void **state)
{
    (void)state;
    struct other other = start();
    other.no_extension = true;
    verify(&other);
    expect_refused("pck_extension", "no extension");
    assert_null(checks_find(&result.checks, "tcb_status"));
}

/* A quote by a platform under a root of its own, with collateral under the trusted one. */
static void refuses_a_chain_under_another_root(void **state)
{
    (void)state;
    static const struct dcap_appraisal strictest;
    struct dcap_fake *forger = calloc(1, sizeof *forger);
    assert_non_null(forger);
    dcap_fake_init(forger);
    dcap_fake_reset(forger, DCAP_BODY_SGX);
    dcap_fake_make(forger);
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    assert_int_equal(
        dcap_verify(buf_span(&forger->quote), &fake.parts, &fake.options, &strictest, &result),
        VERDICT_REFUSED);
    expect_refused("pck_chain", "another root");
    assert_int_equal(checks_find(&result.checks, "pck_revocation")->result, CHECK_FAILED);
    /* Nor does it help to bring the root that is trusted: it did not sign. */
    BUF_AUTO pem = BUF_WITH_LIMIT(DCAP_CHAIN_SIZE_MAX);
    static const enum fake_key keys[] = {FAKE_PCK, FAKE_CA};
    for (size_t i = 0; i < 2; i++)
        check_ok(certificate_der_to_pem(buf_span(&forger->certificates[keys[i]]), &pem, &err),
                 &err);
    check_ok(certificate_der_to_pem(buf_span(&fake.certificates[FAKE_ROOT]), &pem, &err), &err);
    fake.parts.pck_certificate_chain = buf_span(&pem);
    assert_int_equal(
        dcap_verify(buf_span(&forger->quote), &fake.parts, &fake.options, &strictest, &result),
        VERDICT_REFUSED);
    expect_refused("pck_chain", "the trusted root over another's chain");
    dcap_fake_fini(forger);
    free(forger);
}

/* Another platform's certificate, as good as it is, does not sign for this quoting enclave. */
static void refuses_the_certificate_of_another_platform(void **state)
{
    (void)state;
    static const struct dcap_appraisal strictest;
    BUF_AUTO pem = BUF_WITH_LIMIT(DCAP_CHAIN_SIZE_MAX);
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    struct private_key *own = fake.keys[FAKE_PCK];
    fake.keys[FAKE_PCK] = stranger;
    struct other other = start();
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    make_chain(&other, &pem);
    fake.keys[FAKE_PCK] = own;
    fake.parts.pck_certificate_chain = buf_span(&pem);
    assert_int_equal(
        dcap_verify(buf_span(&fake.quote), &fake.parts, &fake.options, &strictest, &result),
        VERDICT_REFUSED);
    expect_refused("qe_report_signature", "another platform");
}

static int make_keys(void **state)
{
    (void)state;
    dcap_fake_init(&fake);
    stranger = private_key_new_p256(&err);
    return stranger ? 0 : -1;
}

static int drop_keys(void **state)
{
    (void)state;
    dcap_fake_fini(&fake);
    private_key_free(stranger);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_another_certificate_of_the_same_authority),
        cmocka_unit_test(refuses_an_authority_that_the_root_revoked),
        cmocka_unit_test(refuses_a_revoked_leaf_of_it),
        cmocka_unit_test(refuses_an_authority_that_the_list_is_not_of),
        cmocka_unit_test(refuses_an_authority_that_the_root_did_not_sign),
        cmocka_unit_test(refuses_a_leaf_without_the_sgx_extension),
        cmocka_unit_test(refuses_a_chain_under_another_root),
        cmocka_unit_test(refuses_the_certificate_of_another_platform),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
