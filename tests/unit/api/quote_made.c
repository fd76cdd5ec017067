#include "quote_made.h"

struct dcap_fake fake;
struct caisson_result *result;
struct caisson_root root;
struct caisson_check check;
struct caisson_collateral *collateral;

int start(void **state)
{
    (void)state;
    dcap_fake_init(&fake);
    result = caisson_result_new();
    return result ? 0 : -1;
}

int end(void **state)
{
    (void)state;
    caisson_result_free(result);
    dcap_fake_fini(&fake);
    return 0;
}

int drop(void **state)
{
    (void)state;
    caisson_collateral_free(collateral);
    collateral = NULL;
    return 0;
}

struct caisson_bytes bytes_of(struct span bytes)
{
    return (struct caisson_bytes){bytes.data, bytes.size};
}

struct caisson_collateral_input pieces(void)
{
    const struct dcap_parts *parts = &fake.parts;
    struct caisson_collateral_input input = CAISSON_INIT(input);
    memcpy(root.sha256, fake.root.digest, sizeof root.sha256);
    root.simulated = fake.root.simulated;
    input.pck_crl_issuer_chain = bytes_of(parts->pck_crl_issuer_chain);
    input.root_ca_crl = bytes_of(parts->root_ca_crl);
    input.pck_crl = bytes_of(parts->pck_crl);
    input.tcb_info_issuer_chain = bytes_of(parts->tcb_info_issuer_chain);
    input.tcb_info = bytes_of(parts->tcb_info);
    input.tcb_info_signature = (struct caisson_bytes){parts->tcb_info_signature, 64};
    input.qe_identity_issuer_chain = bytes_of(parts->qe_identity_issuer_chain);
    input.qe_identity = bytes_of(parts->qe_identity);
    input.qe_identity_signature = (struct caisson_bytes){parts->qe_identity_signature, 64};
    input.time = FAKE_NOW;
    input.roots = &root;
    input.root_count = 1;
    return input;
}

/* Makes what was changed since dcap_fake_reset(), and takes its collateral. */
void make(void)
{
    dcap_fake_make(&fake);
    const struct caisson_collateral_input input = pieces();
    collateral = caisson_collateral_new(&input, result);
    assert_non_null(collateral);
    assert_int_equal(caisson_result_verdict(result), CAISSON_ACCEPTED);
}

void make_fresh(enum dcap_body body)
{
    dcap_fake_reset(&fake, body);
    make();
}

struct caisson_quote_input make_input(void)
{
    struct caisson_quote_input input = CAISSON_INIT(input);
    input.quote = bytes_of(buf_span(&fake.quote));
    input.collateral = collateral;
    return input;
}

void check_accepted(const struct caisson_quote_input *input)
{
    if (caisson_verify_quote(input, result) != CAISSON_ACCEPTED)
        fail_msg("refused by %s: %s %s",
                 caisson_result_get_failure(result, &check) ? check.name : "nothing", check.found,
                 caisson_result_error(result));
}

void check_refused_by(const struct caisson_quote_input *input, const char *name)
{
    struct caisson_quote_claims claims;
    assert_int_equal(caisson_verify_quote(input, result), CAISSON_REFUSED);
    assert_int_equal(caisson_result_verdict(result), CAISSON_REFUSED);
    assert_true(caisson_result_get_failure(result, &check));
    assert_string_equal(check.name, name);
    assert_true(*check.section && *check.remedy && *check.expected);
    assert_false(caisson_result_get_quote(result, &claims));
    assert_null(caisson_result_get_advisory(result, 0));
}
