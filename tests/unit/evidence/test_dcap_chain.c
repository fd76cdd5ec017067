/* Chains in PEM, in the orders in which writers have them. */
#include "../check.h"

#include <stdlib.h>

#include "../made.h"
#include "dcap_fake.h"

static struct dcap_fake fake;
static struct error err;

#define PEM_MAX 65536

/* Appends the certificates of these keys. */
static void append(struct buf *pem, const enum fake_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_ok(certificate_der_to_pem(buf_span(&fake.certificates[keys[i]]), pem, &err), &err);
}

static void check_order(const enum fake_key *keys, size_t count)
{
    static const char *const names[] = {"Intel SGX PCK Certificate", "Intel SGX PCK Platform CA",
                                        "Intel SGX Root CA"};
    struct dcap_chain chain;
    BUF_AUTO pem = BUF_WITH_LIMIT(PEM_MAX);
    append(&pem, keys, count);
    check_ok(dcap_chain_read(buf_span(&pem), count, NULL, &chain, &err), &err);
    assert_int_equal(chain.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(certificate_name(chain.items[i]), names[i + 3 - count]);
    check_ok(dcap_chain_check_links(&chain, NULL, &err), &err);
    check_ok(
        dcap_chain_check_names(&chain, count == 3 ? DCAP_ROLE_PCK : DCAP_ROLE_PCK_CA, false, &err),
        &err);
    check_refused(dcap_chain_check_names(&chain, DCAP_ROLE_TCB_SIGNING, false, &err), &err,
                  "certificate 1 is called");
    check_refused(dcap_chain_check_names(&chain, DCAP_ROLE_PCK, true, &err), &err, "is called");
    dcap_chain_fini(&chain);
}

static void the_root_may_be_anywhere(void **state)
{
    (void)state;
    check_order((const enum fake_key[]){FAKE_PCK, FAKE_CA, FAKE_ROOT}, 3);
    check_order((const enum fake_key[]){FAKE_PCK, FAKE_ROOT, FAKE_CA}, 3);
    check_order((const enum fake_key[]){FAKE_ROOT, FAKE_CA, FAKE_PCK}, 3);
    check_order((const enum fake_key[]){FAKE_CA, FAKE_ROOT}, 2);
    check_order((const enum fake_key[]){FAKE_ROOT, FAKE_CA}, 2);
}

static void other_orders_do_not_hold(void **state)
{
    (void)state;
    static const enum fake_key orders[][3] = {
        {FAKE_CA, FAKE_PCK, FAKE_ROOT},     {FAKE_ROOT, FAKE_PCK, FAKE_CA},
        {FAKE_CA, FAKE_ROOT, FAKE_PCK},     {FAKE_PCK, FAKE_PCK, FAKE_ROOT},
        {FAKE_PCK, FAKE_CA, FAKE_CA},       {FAKE_ROOT, FAKE_ROOT, FAKE_ROOT},
        {FAKE_PCK, FAKE_SIGNING, FAKE_ROOT}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct dcap_chain chain;
        BUF_AUTO pem = BUF_WITH_LIMIT(PEM_MAX);
        append(&pem, orders[i], 3);
        check_ok(dcap_chain_read(buf_span(&pem), 3, NULL, &chain, &err), &err);
        check_error(dcap_chain_check_names(&chain, DCAP_ROLE_PCK, false, &err), &err,
                    ERROR_REFUSED);
        dcap_chain_fini(&chain);
    }
}

static void reads_as_many_as_are_wanted(void **state)
{
    (void)state;
    struct dcap_chain chain;
    struct span pem = buf_span(&fake.pck_chain);
    check_refused(dcap_chain_read(pem, 2, NULL, &chain, &err), &err, "more than 2");
    dcap_chain_fini(&chain);
    check_refused(dcap_chain_read(buf_span(&fake.pck_ca_chain), 3, NULL, &chain, &err), &err,
                  "2 certificates instead of 3");
    dcap_chain_fini(&chain);
    check_refused(dcap_chain_read(span_of(NULL, 0), 2, NULL, &chain, &err), &err, "0 certificates");
    dcap_chain_fini(&chain);
    check_refused(dcap_chain_read(span_of("\0\0\0", 3), 2, NULL, &chain, &err), &err,
                  "0 certificates");
    dcap_chain_fini(&chain);
    for (size_t size = 0; size + 1 < pem.size; size++) {
        assert_int_equal(dcap_chain_read(span_of(pem.data, size), 3, NULL, &chain, &err), -1);
        dcap_chain_fini(&chain);
    }
}

static void borrows_what_is_known_byte_for_byte(void **state)
{
    (void)state;
    struct dcap_chain known;
    struct dcap_chain chain;
    check_ok(dcap_chain_read(buf_span(&fake.pck_ca_chain), 2, NULL, &known, &err), &err);
    static const enum fake_key orders[][3] = {{FAKE_PCK, FAKE_CA, FAKE_ROOT},
                                              {FAKE_PCK, FAKE_ROOT, FAKE_CA},
                                              {FAKE_ROOT, FAKE_CA, FAKE_PCK}};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        BUF_AUTO pem = BUF_WITH_LIMIT(PEM_MAX);
        append(&pem, orders[i], 3);
        check_ok(dcap_chain_read(buf_span(&pem), 3, &known, &chain, &err), &err);
        assert_true(chain.items[1] == known.items[0] && chain.items[2] == known.items[1]);
        assert_true(!chain.borrowed[0] && chain.borrowed[1] && chain.borrowed[2]);
        check_ok(dcap_chain_check_links(&chain, NULL, &err), &err);
        dcap_chain_fini(&chain);
    }
    check_ok(dcap_chain_read(buf_span(&fake.signing_chain), 2, &known, &chain, &err), &err);
    assert_true(chain.items[0] != known.items[0] && chain.items[1] == known.items[1]);
    dcap_chain_fini(&chain);
    check_ok(dcap_chain_check_links(&known, NULL, &err), &err); /* still there */
    dcap_chain_fini(&known);
}

static void zeros_end_a_chain_and_nothing_else_does(void **state)
{
    (void)state;
    struct dcap_chain chain;
    BUF_AUTO pem = BUF_WITH_LIMIT(PEM_MAX);
    check_ok(buf_append(&pem, buf_span(&fake.pck_chain), &err), &err);
    check_ok(buf_append_zero(&pem, 3, &err), &err);
    check_ok(dcap_chain_read(buf_span(&pem), 3, NULL, &chain, &err), &err);
    dcap_chain_fini(&chain);
    check_ok(buf_append_text(&pem, "x", &err), &err);
    check_error(dcap_chain_read(buf_span(&pem), 3, NULL, &chain, &err), &err, ERROR_INVALID);
    dcap_chain_fini(&chain);
}

static void all_must_be_valid(void **state)
{
    (void)state;
    struct dcap_chain chain;
    check_ok(dcap_chain_read(buf_span(&fake.pck_chain), 3, NULL, &chain, &err), &err);
    check_ok(dcap_chain_check_validity(&chain, FAKE_NOW - 100 * FAKE_DAY, &err), &err);
    check_ok(dcap_chain_check_validity(&chain, FAKE_NOW + 100 * FAKE_DAY, &err), &err);
    check_refused(dcap_chain_check_validity(&chain, FAKE_NOW - 100 * FAKE_DAY - 1, &err), &err,
                  "Root CA is valid from");
    check_refused(dcap_chain_check_validity(&chain, FAKE_NOW + 100 * FAKE_DAY + 1, &err), &err,
                  "Root CA is valid from");
    dcap_chain_fini(&chain);
}

static void trusts_roots_by_their_digest(void **state)
{
    (void)state;
    struct dcap_chain chain;
    struct trusted_root roots[2] = {{.simulated = false}, fake.root};
    check_ok(dcap_chain_read(buf_span(&fake.pck_chain), 3, NULL, &chain, &err), &err);
    assert_int_equal(dcap_chain_trust(&chain, NULL, 0), DCAP_UNTRUSTED);
    assert_int_equal(dcap_chain_trust(&chain, roots, 1), DCAP_UNTRUSTED);
    assert_int_equal(dcap_chain_trust(&chain, roots, 2), DCAP_TRUSTED);
    roots[1].simulated = true;
    assert_int_equal(dcap_chain_trust(&chain, roots, 2), DCAP_UNTRUSTED);
    roots[1].simulated = false;
    roots[1].digest[31] ^= 1;
    assert_int_equal(dcap_chain_trust(&chain, roots, 2), DCAP_UNTRUSTED);
    dcap_chain_fini(&chain);
}

static void read_pck(struct dcap_chain *chain)
{
    check_ok(dcap_chain_read(buf_span(&fake.pck_chain), 3, NULL, chain, &err), &err);
}

static void checks_no_end_twice(void **state)
{
    (void)state;
    struct dcap_chain checked;
    struct dcap_chain chain;
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    check_ok(dcap_chain_read(buf_span(&fake.pck_ca_chain), 2, NULL, &checked, &err), &err);
    read_pck(&chain);
    check_ok(dcap_chain_check_links(&chain, &checked, &err), &err);
    dcap_chain_fini(&chain);
    /* What stands before that end is checked all the same. */
    fake.issuers[FAKE_PCK] = FAKE_ROOT;
    dcap_fake_make(&fake);
    read_pck(&chain);
    check_error(dcap_chain_check_links(&chain, &checked, &err), &err, ERROR_REFUSED);
    dcap_chain_fini(&chain);
    /* Another end is none that was checked: here a CA that the root did not sign. */
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    fake.issuers[FAKE_CA] = FAKE_CA;
    dcap_fake_make(&fake);
    read_pck(&chain);
    check_error(dcap_chain_check_links(&chain, &checked, &err), &err, ERROR_REFUSED);
    dcap_chain_fini(&chain);
    dcap_chain_fini(&checked);
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
}

static void refuses_a_critical_extension_that_nobody_knows(void **state)
{
    (void)state;
    struct dcap_chain chain;
    BUF_AUTO pem = BUF_WITH_LIMIT(PEM_MAX);
    const struct made_certificate root = {.subject = "CN=Intel SGX Root CA",
                                          .issuer = "CN=Intel SGX Root CA",
                                          .constraints = "critical,CA:TRUE",
                                          .key_usage = "critical,keyCertSign"};
    const struct made_certificate leaf = {.subject = "CN=Intel SGX TCB Signing",
                                          .issuer = "CN=Intel SGX Root CA",
                                          .other = "1.2.840.113741.1.13.99"};
    EVP_PKEY *key = made_key("P-256");
    for (int i = 0; i < 2; i++) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        made_issue(i ? &root : &leaf, key, key, "SHA256", &der);
        check_ok(certificate_der_to_pem(buf_span(&der), &pem, &err), &err);
    }
    check_ok(dcap_chain_read(buf_span(&pem), 2, NULL, &chain, &err), &err);
    check_refused(dcap_chain_check_links(&chain, NULL, &err), &err, "1.2.840.113741.1.13.99");
    dcap_chain_fini(&chain);
    EVP_PKEY_free(key);
}

static void refuses_other_curves_and_hashes(void **state)
{
    (void)state;
    static const char *const kinds[][2] = {
        {"P-384", "SHA384"}, {"P-256", "SHA384"}, {"P-384", "SHA256"}, {"RSA", "SHA256"}};
    const struct made_certificate root = {.subject = "CN=Intel SGX Root CA",
                                          .issuer = "CN=Intel SGX Root CA",
                                          .constraints = "critical,CA:TRUE",
                                          .key_usage = "critical,keyCertSign"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct dcap_chain chain;
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        BUF_AUTO pem = BUF_WITH_LIMIT(PEM_MAX);
        EVP_PKEY *key = made_key(kinds[i][0]);
        made_issue(&root, key, key, kinds[i][1], &der);
        check_ok(certificate_der_to_pem(buf_span(&der), &pem, &err), &err);
        check_ok(dcap_chain_read(buf_span(&pem), 1, NULL, &chain, &err), &err);
        check_error(dcap_chain_check_links(&chain, NULL, &err), &err, ERROR_REFUSED);
        dcap_chain_fini(&chain);
        EVP_PKEY_free(key);
    }
}

static int make(void **state)
{
    (void)state;
    dcap_fake_init(&fake);
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    dcap_fake_fini(&fake);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_may_be_anywhere),
        cmocka_unit_test(other_orders_do_not_hold),
        cmocka_unit_test(reads_as_many_as_are_wanted),
        cmocka_unit_test(borrows_what_is_known_byte_for_byte),
        cmocka_unit_test(zeros_end_a_chain_and_nothing_else_does),
        cmocka_unit_test(all_must_be_valid),
        cmocka_unit_test(trusts_roots_by_their_digest),
        cmocka_unit_test(checks_no_end_twice),
        cmocka_unit_test(refuses_a_critical_extension_that_nobody_knows),
        cmocka_unit_test(refuses_other_curves_and_hashes),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
