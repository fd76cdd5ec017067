/* Certificates of a simulated processor, as they stand among the seeds of the fuzz target. */
#include "../check.h"

#include <stdio.h>

#include "crypto/certificate.h"
#include "crypto/issue.h"

static struct error err;
static struct buf ders[3]; /* VCEK, ASK, ARK */
static struct certificate *chain[3];

static void read_seed(const char *name, struct buf *out)
{
    char path[4096];
    uint8_t bytes[8192];
    (void)snprintf(path, sizeof path, "%s/tests/fuzz/corpus/snp_chain/%s", CAISSON_SOURCE_ROOT,
                   name);
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    buf_init(out, CERTIFICATE_DER_MAX + 1);
    check_ok(buf_append(out, span_of(bytes, size), &err), &err);
}

static int read_chain(void **state)
{
    (void)state;
    static const char *const names[3] = {"vcek", "ask", "ark"};
    for (int i = 0; i < 3; i++) {
        read_seed(names[i], &ders[i]);
        chain[i] = certificate_from_der(buf_span(&ders[i]), &err);
        assert_non_null(chain[i]);
    }
    return 0;
}

static int free_chain(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        certificate_free(chain[i]);
        buf_fini(&ders[i]);
    }
    return 0;
}

static void reads_name_validity_and_extensions(void **state)
{
    (void)state;
    char validity[64];
    struct span value;
    assert_string_equal(certificate_name(chain[0]), "SEV-SIMULATED-VCEK");
    certificate_validity(chain[0], validity);
    assert_string_equal(validity, "2020-01-01T00:00:00Z to 2049-12-31T23:59:59Z");
    assert_true(certificate_extension(chain[0], "1.3.6.1.4.1.3704.1.3.8", &value));
    assert_memory_equal(value.data, "\x02\x02\x00\xdb", 4);
    assert_false(certificate_extension(chain[0], "1.3.6.1.4.1.3704.1.3.9", &value));
    assert_false(certificate_extension(chain[0], "no oid", &value));
    assert_true(certificate_valid_at(chain[0], INT64_C(1577836800)));
    assert_false(certificate_valid_at(chain[0], INT64_C(1577836799)));
    assert_true(certificate_valid_at(chain[0], INT64_C(2524607999)));
    assert_false(certificate_valid_at(chain[0], INT64_C(2524608000)));
}

static void accepts_the_signatures_of_the_named_issuers_alone(void **state)
{
    (void)state;
    check_ok(certificate_check_signed(chain[0], chain[1], SIGNED_PSS_SHA384, &err), &err);
    check_ok(certificate_check_signed(chain[1], chain[2], SIGNED_PSS_SHA384, &err), &err);
    check_ok(certificate_check_signed(chain[2], chain[2], SIGNED_PSS_SHA384, &err), &err);
    check_refused(certificate_check_signed(chain[0], chain[2], SIGNED_PSS_SHA384, &err), &err,
                  "another issuer");
    check_refused(certificate_check_signed(chain[0], chain[0], SIGNED_PSS_SHA384, &err), &err,
                  "another issuer");
    check_refused(certificate_check_signed(chain[2], chain[1], SIGNED_PSS_SHA384, &err), &err,
                  "another issuer");
}

static void only_authorities_may_sign(void **state)
{
    (void)state;
    check_ok(certificate_check_ca(chain[2], &err), &err);
    check_ok(certificate_check_ca(chain[1], &err), &err);
    check_error(certificate_check_ca(chain[0], &err), &err, ERROR_REFUSED);
    for (int i = 0; i < 3; i++)
        check_ok(certificate_check_critical(chain[i], &err), &err);
}

static void refuses_every_truncation_and_trailing_bytes(void **state)
{
    (void)state;
    for (size_t size = 0; size < ders[0].size; size++) {
        err = (struct error){0};
        assert_null(certificate_from_der(span_of(ders[0].data, size), &err));
        assert_int_equal(err.code, ERROR_INVALID);
    }
    BUF_AUTO longer = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    check_ok(buf_append(&longer, buf_span(&ders[0]), &err), &err);
    check_ok(buf_append_byte(&longer, 0, &err), &err);
    assert_null(certificate_from_der(buf_span(&longer), &err));
    static const uint8_t large[CERTIFICATE_DER_MAX + 1];
    assert_null(certificate_from_der(span_of(large, sizeof large), &err));
}

static void refuses_a_scheme_that_the_caller_does_not_accept(void **state)
{
    (void)state;
    check_refused(certificate_check_signed(chain[0], chain[1], SIGNED_ECDSA_P256_SHA256, &err),
                  &err, "not signed by ECDSA on P-256");
    check_refused(certificate_check_signed(chain[0], chain[1],
                                           SIGNED_RSA_SHA384 | SIGNED_ECDSA_P384_SHA384, &err),
                  &err, "not accepted here");
    check_refused(certificate_check_signed(chain[0], chain[1], 0, &err), &err, "not accepted here");
}

static void refuses_a_changed_signature(void **state)
{
    (void)state;
    BUF_AUTO changed = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    check_ok(buf_append(&changed, buf_span(&ders[0]), &err), &err);
    changed.data[changed.size - 1] ^= 1;
    CERTIFICATE_AUTO *leaf = certificate_from_der(buf_span(&changed), &err);
    assert_non_null(leaf);
    check_refused(certificate_check_signed(leaf, chain[1], SIGNED_PSS_SHA384, &err), &err,
                  "does not hold");
}

static void goes_through_pem_and_back(void **state)
{
    (void)state;
    BUF_AUTO pem = BUF_WITH_LIMIT(65536);
    for (int i = 0; i < 3; i++)
        check_ok(certificate_der_to_pem(buf_span(&ders[i]), &pem, &err), &err);
    struct span rest = buf_span(&pem);
    for (int i = 0; i < 3; i++) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        check_ok(certificate_pem_next(&rest, &der, &err), &err);
        assert_true(span_equal(buf_span(&der), buf_span(&ders[i])));
    }
    assert_int_equal(rest.size, 0);
}

static void refuses_text_that_is_not_pem(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "x",
        " -----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE----",
        "-----BEGIN CERTIFICATE-----\nAA C\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4\n\nAAEC\n-----END CERTIFICATE-----\n",
        "-----BEGIN X509 CRL-----\nAAEC\n-----END X509 CRL-----\n",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        struct span pem = span_of_text(refused[i]);
        check_error(certificate_pem_next(&pem, &der, &err), &err, ERROR_INVALID);
    }
}

static void refuses_lists_that_are_none(void **state)
{
    (void)state;
    assert_null(crl_from_der(span_of(NULL, 0), &err));
    assert_null(crl_from_der(buf_span(&ders[0]), &err));
    assert_int_equal(err.code, ERROR_INVALID);
}

static void keys_go_through_pem_and_sign(void **state)
{
    (void)state;
    __attribute__((cleanup(buf_fini_secret))) struct buf pem = BUF_WITH_LIMIT(8192);
    PRIVATE_KEY_AUTO *key = private_key_new_p384(&err);
    check_ok(private_key_to_pem(key, &pem, &err), &err);
    PRIVATE_KEY_AUTO *again = private_key_from_pem(buf_span(&pem), &err);
    assert_non_null(again);
    uint8_t digest[SHA384_SIZE] = {1};
    uint8_t r[P384_SIZE];
    uint8_t s[P384_SIZE];
    check_ok(private_key_sign_p384(again, digest, r, s, &err), &err);
    /* It is nobody's key here: the leaf's must refuse what it signs. */
    assert_false(private_key_matches(again, chain[0]));
    check_error(certificate_check_ecdsa_p384(chain[0], digest, r, s, &err), &err, ERROR_REFUSED);
    check_refused(certificate_check_ecdsa_p384(chain[1], digest, r, s, &err), &err, "P-384");
}

static void refuses_keys_that_are_none(void **state)
{
    (void)state;
    assert_null(private_key_from_pem(span_of(NULL, 0), &err));
    assert_null(private_key_from_pem(span_of_text("-----BEGIN PRIVATE KEY-----\n"), &err));
    assert_int_equal(err.code, ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_name_validity_and_extensions),
        cmocka_unit_test(accepts_the_signatures_of_the_named_issuers_alone),
        cmocka_unit_test(only_authorities_may_sign),
        cmocka_unit_test(refuses_every_truncation_and_trailing_bytes),
        cmocka_unit_test(refuses_a_scheme_that_the_caller_does_not_accept),
        cmocka_unit_test(refuses_a_changed_signature),
        cmocka_unit_test(goes_through_pem_and_back),
        cmocka_unit_test(refuses_text_that_is_not_pem),
        cmocka_unit_test(refuses_lists_that_are_none),
        cmocka_unit_test(keys_go_through_pem_and_sign),
        cmocka_unit_test(refuses_keys_that_are_none),
    };
    return cmocka_run_group_tests(tests, read_chain, free_chain);
}
