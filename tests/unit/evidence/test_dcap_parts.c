/* The JSON document that holds all of the collateral. */
#include "../check.h"

#include <stdlib.h>

#include "dcap_fake.h"

static struct dcap_fake fake;

static void reads_its_own_json(void **state)
{
    (void)state;
    struct error err = {0};
    BUF_AUTO json = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    struct dcap_parts parts;
    struct checks checks;
    dcap_fake_reset(&fake, DCAP_BODY_TD15);
    dcap_fake_make(&fake);
    dcap_fake_collateral(&fake, &json);
    check_ok(dcap_parts_parse(buf_span(&json), &parts, &err), &err);
    checks_init(&checks);
    DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&parts, &fake.options, &checks);
    assert_true(collateral && collateral->trusted);
    dcap_parts_fini(&parts);
}

static void refuses_json_that_is_not_all_and_only_the_parts(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "pck_crl_issuer_chain",     "root_ca_crl", "pck_crl",
        "tcb_info_issuer_chain",    "tcb_info",    "tcb_info_signature",
        "qe_identity_issuer_chain", "qe_identity", "qe_identity_signature"};
    struct error err = {0};
    BUF_AUTO json = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    struct dcap_parts parts;
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    dcap_fake_collateral(&fake, &json);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_auto_t *document = json_loadb((const char *)json.data, json.size, 0, NULL);
        BUF_AUTO text = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
        assert_int_equal(json_object_set_new(document, keys[i], json_integer(1)), 0);
        check_ok(json_append(document, &text, &err), &err);
        check_refused(dcap_parts_parse(buf_span(&text), &parts, &err), &err, keys[i]);
        dcap_parts_fini(&parts);
        assert_int_equal(json_object_del(document, keys[i]), 0);
        buf_truncate(&text, 0);
        check_ok(json_append(document, &text, &err), &err);
        check_refused(dcap_parts_parse(buf_span(&text), &parts, &err), &err, keys[i]);
        dcap_parts_fini(&parts);
    }
    check_refused(dcap_parts_parse(span_of_text("{\"more\":1}"), &parts, &err), &err, "more");
    dcap_parts_fini(&parts);
    check_error(dcap_parts_parse(span_of_text("[]"), &parts, &err), &err, ERROR_INVALID);
    dcap_parts_fini(&parts);
}

static int make_keys(void **state)
{
    (void)state;
    dcap_fake_init(&fake);
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    dcap_fake_fini(&fake);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_its_own_json),
        cmocka_unit_test(refuses_json_that_is_not_all_and_only_the_parts),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
