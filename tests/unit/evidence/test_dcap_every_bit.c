/*
 * Quotes that are accepted, real ones and those of a platform of this test's own, with one bit
 * changed or cut short, and their collateral in the same way: none may be accepted. The unit tests
 * change every bit of what is signed in two real quotes, and a part of the rest; called with "all"
 * and a pattern of the tests' names, those tests change every bit.
 */
#include "../check.h"
#include "../vectors.h"

#include "dcap_fake.h"
#include "dcap_vectors.h"

static struct dcap_result result;
static bool all;

static const struct {
    int vector;
    bool every_bit;
    struct dcap_appraisal appraisal;
} accepted[] = {
    {VECTOR_SGX, true, {.accepted_statuses = 1U << TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED}},
    {VECTOR_TDX_DEBUG, true, {.allow_debug = true}},
    {VECTOR_SGX_DEBUG, false, {.allow_debug = true, .accepted_statuses = 1U << TCB_OUT_OF_DATE}},
};
static const enum dcap_body bodies[] = {DCAP_BODY_SGX, DCAP_BODY_TD10, DCAP_BODY_TD15};

/* One case: `bytes` are the quote, to be changed and put back. */
struct subject {
    const char *name;
    struct span quote;
    uint8_t *bytes;
    size_t signed_size; /* what lies before the certification data */
    const struct dcap_collateral *collateral;
    const struct dcap_collateral *cached; /* with the platform's chain: cheaper */
    const struct dcap_appraisal *appraisal;
};

static enum verdict verify_by(const struct subject *subject,
                              const struct dcap_collateral *collateral, size_t size)
{
    return dcap_verify_quote(span_of(subject->bytes, size), collateral, subject->appraisal,
                             &result);
}

static void flip_bits(const struct subject *subject, bool every_bit)
{
    size_t signed_bits = 8 * subject->signed_size;
    size_t size = subject->quote.size;
    size_t step = all || every_bit ? 1 : 9;
    assert_int_equal(verify_by(subject, subject->collateral, size), VERDICT_ACCEPTED);
    assert_int_equal(verify_by(subject, subject->cached, size), VERDICT_ACCEPTED);
    for (size_t at = 0; at < 8 * size; at += at < signed_bits ? step : all ? 1 : 9) {
        subject->bytes[at / 8] ^= (uint8_t)(1U << (at % 8));
        if (verify_by(subject, at < signed_bits ? subject->cached : subject->collateral, size) !=
            VERDICT_REFUSED)
            fail_msg("%s: bit %zu of byte %zu may be flipped", subject->name, at % 8, at / 8);
        assert_non_null(checks_first_failure(&result.checks));
        subject->bytes[at / 8] ^= (uint8_t)(1U << (at % 8));
    }
    assert_int_equal(verify_by(subject, subject->collateral, size), VERDICT_ACCEPTED);
}

static void cut_short(const struct subject *subject, bool every_bit)
{
    (void)every_bit;
    for (size_t size = 0; size < subject->quote.size; size++) {
        assert_int_equal(verify_by(subject, subject->collateral, size), VERDICT_REFUSED);
        assert_string_equal(checks_first_failure(&result.checks)->rule->name, "quote_format");
    }
}

static struct dcap_collateral *collateral_of(const struct dcap_parts *parts,
                                             const struct dcap_options *options)
{
    struct checks checks;
    checks_init(&checks);
    struct dcap_collateral *collateral = dcap_collateral_new(parts, options, &checks);
    assert_true(collateral && collateral->trusted);
    return collateral;
}

static void run(struct subject *subject, const struct dcap_parts *parts,
                const struct dcap_options *options, bool every_bit,
                void (*work)(const struct subject *, bool))
{
    struct dcap_parts with_chain = *parts;
    struct dcap_quote quote;
    assert_int_equal(dcap_quote_parse(subject->quote, &quote, NULL), 0);
    with_chain.pck_certificate_chain = quote.certification_data;
    DCAP_COLLATERAL_AUTO *collateral = collateral_of(parts, options);
    DCAP_COLLATERAL_AUTO *cached = collateral_of(&with_chain, options);
    subject->collateral = collateral;
    subject->cached = cached;
    subject->signed_size = (size_t)(quote.certification_data.data - subject->quote.data) - 6;
    work(subject, every_bit);
}

static void run_vectors(void (*work)(const struct subject *, bool))
{
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        struct dcap_loaded loaded;
        dcap_vector_load(&dcap_vectors[accepted[i].vector], &loaded);
        struct subject subject = {dcap_vectors[accepted[i].vector].name, buf_span(&loaded.quote),
                                  loaded.quote.data, .appraisal = &accepted[i].appraisal};
        run(&subject, &loaded.parts, &loaded.options, accepted[i].every_bit, work);
        dcap_vector_unload(&loaded);
    }
}

static void run_fakes(void (*work)(const struct subject *, bool))
{
    static const struct dcap_appraisal appraisal;
    static struct dcap_fake fake;
    dcap_fake_init(&fake);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        dcap_fake_reset(&fake, bodies[i]);
        dcap_fake_make(&fake);
        struct subject subject = {"made here", buf_span(&fake.quote), fake.quote.data,
                                  .appraisal = &appraisal};
        run(&subject, &fake.parts, &fake.options, false, work);
    }
    dcap_fake_fini(&fake);
}

static void refuses_a_real_quote_with_any_bit_changed(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    run_vectors(flip_bits);
}

static void refuses_a_real_quote_cut_at_any_byte(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    run_vectors(cut_short);
}

static void refuses_a_made_quote_with_any_bit_changed(void **state)
{
    (void)state;
    run_fakes(flip_bits);
}

static void refuses_a_made_quote_cut_at_any_byte(void **state)
{
    (void)state;
    run_fakes(cut_short);
}

/* The part, copied; each `step`-th bit flipped, or cut to each `step`-th size. */
static void change_part(const struct dcap_parts *whole, size_t offset, bool cut, size_t step,
                        const struct dcap_options *options)
{
    struct dcap_parts parts = *whole;
    struct span *part = (struct span *)(void *)((char *)&parts + offset);
    uint8_t *copy = malloc(part->size);
    assert_non_null(copy);
    memcpy(copy, part->data, part->size);
    size_t end = part->size;
    part->data = copy;
    while (cut && copy[end - 1] == '\n') /* a chain is whole without it */
        end--;
    end *= cut ? 1 : 8;
    for (size_t at = 0; at < end; at += step) {
        struct checks checks;
        checks_init(&checks);
        if (cut)
            part->size = at;
        else
            copy[at / 8] ^= (uint8_t)(1U << (at % 8));
        DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&parts, options, &checks);
        if ((collateral && collateral->trusted) || !checks_first_failure(&checks))
            fail_msg("part at %zu: %zu may change", offset, at);
        if (!cut)
            copy[at / 8] ^= (uint8_t)(1U << (at % 8));
    }
    free(copy);
}

static void refuses_collateral_with_any_bit_changed(void **state)
{
    (void)state;
    vectors_need("attest/dcap");
    static const size_t offsets[] = {offsetof(struct dcap_parts, pck_crl_issuer_chain),
                                     offsetof(struct dcap_parts, root_ca_crl),
                                     offsetof(struct dcap_parts, pck_crl),
                                     offsetof(struct dcap_parts, tcb_info_issuer_chain),
                                     offsetof(struct dcap_parts, tcb_info),
                                     offsetof(struct dcap_parts, qe_identity_issuer_chain),
                                     offsetof(struct dcap_parts, qe_identity)};
    struct dcap_loaded loaded;
    dcap_vector_load(&dcap_vectors[VECTOR_SGX], &loaded);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        change_part(&loaded.parts, offsets[i], false, all ? 1 : 131, &loaded.options);
        change_part(&loaded.parts, offsets[i], true, all ? 1 : 37, &loaded.options);
    }
    dcap_vector_unload(&loaded);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_real_quote_with_any_bit_changed),
        cmocka_unit_test(refuses_a_real_quote_cut_at_any_byte),
        cmocka_unit_test(refuses_a_made_quote_with_any_bit_changed),
        cmocka_unit_test(refuses_a_made_quote_cut_at_any_byte),
        cmocka_unit_test(refuses_collateral_with_any_bit_changed),
    };
    all = argc == 3 && strcmp(argv[1], "all") == 0;
    if (all)
        cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
