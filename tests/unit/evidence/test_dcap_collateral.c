/* Collateral under a root of this test's own. Every refusal is one change to something that is
 * accepted, and must be told by the check that is meant for it. */
#include "../check.h"

#include <stdlib.h>

#include "base/hex.h"
#include "dcap_fake.h"

static struct dcap_fake fake;
static struct checks checks;

static bool is_trusted(void)
{
    checks_init(&checks);
    DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&fake.parts, &fake.options, &checks);
    assert_true(collateral || checks_first_failure(&checks));
    assert_true(!collateral || collateral->trusted == !checks_first_failure(&checks));
    return collateral && collateral->trusted;
}

static void expect_accepted(void)
{
    if (is_trusted())
        return;
    const struct check *failure = checks_first_failure(&checks);
    fail_msg("refused by %s: %s", failure ? failure->rule->name : "nothing",
             failure ? failure->found : "");
}

/* Refused, and first by this check. */
static void expect_refused(const char *name, const char *of)
{
    if (is_trusted())
        fail_msg("%s: accepted", of);
    const struct check *failure = checks_first_failure(&checks);
    if (strcmp(failure->rule->name, name) != 0)
        fail_msg("%s: refused by %s (%s) instead of %s", of, failure->rule->name, failure->found,
                 name);
    assert_true(failure->found[0] != '\0' && failure->expected[0] != '\0');
}

static void accepts_what_is_whole(void **state)
{
    (void)state;
    static const enum dcap_body bodies[] = {DCAP_BODY_SGX, DCAP_BODY_TD10, DCAP_BODY_TD15};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        dcap_fake_reset(&fake, bodies[i]);
        dcap_fake_make(&fake);
        expect_accepted();
    }
}

static void reads_chains_that_begin_with_the_root(void **state)
{
    (void)state;
    BUF_AUTO reversed = BUF_WITH_LIMIT(FAKE_TEXT_SIZE);
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    check_ok(certificate_der_to_pem(buf_span(&fake.certificates[FAKE_ROOT]), &reversed, NULL),
             (&(struct error){0}));
    check_ok(certificate_der_to_pem(buf_span(&fake.certificates[FAKE_SIGNING]), &reversed, NULL),
             (&(struct error){0}));
    fake.parts.tcb_info_issuer_chain = buf_span(&reversed);
    expect_accepted();
}

/* One change before all is signed: what is wrong is wrong in earnest. */
struct change {
    const char *of;
    const char *check;
    enum dcap_body body;
    void (*apply)(void);
};

#define CHANGE(name, statement)                                                                    \
    static void name(void)                                                                         \
    {                                                                                              \
        statement;                                                                                 \
    }

CHANGE(root_expired, fake.not_after[FAKE_ROOT] = FAKE_NOW - 1)
CHANGE(ca_not_yet, fake.not_before[FAKE_CA] = FAKE_NOW + 1)
CHANGE(signing_expired, fake.not_after[FAKE_SIGNING] = FAKE_NOW - 1)
CHANGE(root_no_ca, fake.is_ca[FAKE_ROOT] = false)
CHANGE(ca_no_ca, fake.is_ca[FAKE_CA] = false)
CHANGE(ca_self_issued, fake.issuers[FAKE_CA] = FAKE_CA)
CHANGE(ca_misnamed, fake.names[FAKE_CA] = "Intel SGX PCK Certificate")
CHANGE(signing_misnamed, fake.names[FAKE_SIGNING] = "Intel SGX PCK Platform CA")
CHANGE(root_misnamed, fake.names[FAKE_ROOT] = "Intel SGX Boot CA")
CHANGE(signing_of_ca, fake.issuers[FAKE_SIGNING] = FAKE_CA)
CHANGE(root_crl_old, fake.crl_to = FAKE_NOW - 1)
CHANGE(root_crl_early, fake.crl_from = FAKE_NOW + 1)
CHANGE(root_crl_forged, fake.root_crl_key = FAKE_CA)
CHANGE(pck_crl_forged, fake.pck_crl_key = FAKE_ROOT)
CHANGE(pck_crl_of_another, fake.pck_crl_issuer = "Intel SGX PCK Processor CA")
CHANGE(ca_revoked, fake.root_crl_serial = FAKE_SERIAL_CA)
CHANGE(signing_revoked, fake.root_crl_serial = FAKE_SERIAL_SIGNING)
CHANGE(info_early, dcap_fake_replace(fake.tcb_info, "2026-05-20", "2026-06-02"))
CHANGE(info_late, dcap_fake_replace(fake.tcb_info, "2026-06-19", "2026-05-31"))
CHANGE(identity_early, dcap_fake_replace(fake.qe_identity, "2026-05-21", "2026-06-02"))
CHANGE(identity_late, dcap_fake_replace(fake.qe_identity, "2026-06-20", "2026-05-31"))
CHANGE(info_version, dcap_fake_replace(fake.tcb_info, "\"version\":3", "\"version\":4"))
CHANGE(identity_version, dcap_fake_replace(fake.qe_identity, "\"version\":2", "\"version\":1"))
CHANGE(identity_of_qve, dcap_fake_replace(fake.qe_identity, "\"QE\"", "\"QVE\""))

#define SGX  DCAP_BODY_SGX
#define TD10 DCAP_BODY_TD10
#define TD15 DCAP_BODY_TD15

static const struct change changes[] = {
    {"an expired root", "collateral_validity", SGX, root_expired},
    {"a PCK CA not yet valid", "collateral_validity", SGX, ca_not_yet},
    {"an expired TCB signing certificate", "collateral_validity", TD10, signing_expired},
    {"a root that is no authority", "pck_crl_issuer_chain", SGX, root_no_ca},
    {"a PCK CA that is no authority", "pck_crl_issuer_chain", SGX, ca_no_ca},
    {"a PCK CA that issued itself", "pck_crl_issuer_chain", SGX, ca_self_issued},
    {"a PCK CA of another name", "pck_crl_issuer_chain", SGX, ca_misnamed},
    {"a TCB signer of another name", "tcb_info_issuer_chain", SGX, signing_misnamed},
    {"a root of another name", "pck_crl_issuer_chain", SGX, root_misnamed},
    {"a TCB signer of the PCK CA", "tcb_info_issuer_chain", SGX, signing_of_ca},
    {"lists past their nextUpdate", "root_ca_crl", SGX, root_crl_old},
    {"lists before their thisUpdate", "root_ca_crl", SGX, root_crl_early},
    {"a root list by another key", "root_ca_crl", SGX, root_crl_forged},
    {"a PCK list by another key", "pck_crl", SGX, pck_crl_forged},
    {"a PCK list of another issuer", "pck_crl", SGX, pck_crl_of_another},
    {"a revoked PCK CA", "authority_revocation", SGX, ca_revoked},
    {"a revoked TCB signer", "authority_revocation", TD10, signing_revoked},
    {"TCB info from the future", "tcb_info_dates", SGX, info_early},
    {"TCB info of the past", "tcb_info_dates", TD15, info_late},
    {"an identity from the future", "qe_identity_dates", SGX, identity_early},
    {"an identity of the past", "qe_identity_dates", TD10, identity_late},
    {"TCB info of another version", "tcb_info", SGX, info_version},
    {"an identity of another version", "qe_identity", SGX, identity_version},
    {"the quote verification enclave's identity", "qe_identity", SGX, identity_of_qve},
};

static void refuses_what_is_wrong_by_its_own_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        dcap_fake_reset(&fake, changes[i].body);
        changes[i].apply();
        dcap_fake_make(&fake);
        expect_refused(changes[i].check, changes[i].of);
    }
}

/* One change to what was signed. */
CHANGE(flip_info_signature, fake.parts.tcb_info_signature[40] ^= 1)
CHANGE(flip_identity_signature, fake.parts.qe_identity_signature[3] ^= 1)
CHANGE(swap_documents, fake.parts.qe_identity = fake.parts.tcb_info)
CHANGE(edit_identity, dcap_fake_replace(fake.qe_identity, "\"isvprodid\":1", "\"isvprodid\":2"))
CHANGE(no_crl, fake.parts.root_ca_crl = span_of(NULL, 0))
CHANGE(swap_crls, fake.parts.pck_crl = fake.parts.root_ca_crl)
CHANGE(short_chain, fake.parts.tcb_info_issuer_chain.size /= 2)
CHANGE(long_chain, fake.parts.qe_identity_issuer_chain = buf_span(&fake.pck_chain))
CHANGE(swap_chains, fake.parts.tcb_info_issuer_chain = buf_span(&fake.pck_ca_chain))
CHANGE(no_root_named, fake.options.root_count = 0)

static void refuses_what_was_tampered_with_by_its_own_check(void **state)
{
    (void)state;
    static const struct change tampers[] = {
        {"another signature of the TCB info", "tcb_info_signature", SGX, flip_info_signature},
        {"another signature of the identity", "qe_identity_signature", SGX,
         flip_identity_signature},
        {"an identity that is TCB info", "qe_identity", SGX, swap_documents},
        {"an edited identity", "qe_identity_signature", SGX, edit_identity},
        {"no root list", "root_ca_crl", SGX, no_crl},
        {"the root's list twice", "pck_crl", SGX, swap_crls},
        {"half a chain", "tcb_info_issuer_chain", SGX, short_chain},
        {"three certificates for two", "qe_identity_issuer_chain", SGX, long_chain},
        {"the PCK CA as TCB signer", "tcb_info_issuer_chain", SGX, swap_chains},
        {"a root that nobody named", "collateral_root", SGX, no_root_named},
    };
    for (size_t i = 0; i < sizeof tampers / sizeof *tampers; i++) {
        dcap_fake_reset(&fake, tampers[i].body);
        dcap_fake_make(&fake);
        tampers[i].apply();
        expect_refused(tampers[i].check, tampers[i].of);
    }
}

static void an_edited_status_breaks_the_signature(void **state)
{
    (void)state;
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    char *at = strstr(fake.tcb_info, "\"OutOfDate\"");
    assert_non_null(at);
    memcpy(at, "\"UpToDate\" ", 11);
    expect_refused("tcb_info_signature", "edited");
}

static void a_simulated_root_counts_only_when_named_as_such(void **state)
{
    (void)state;
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    fake.names[FAKE_ROOT] = "SIMULATED SGX Root CA";
    fake.names[FAKE_CA] = "SIMULATED SGX PCK Platform CA";
    fake.names[FAKE_PCK] = "SIMULATED SGX PCK Certificate";
    fake.names[FAKE_SIGNING] = "SIMULATED SGX TCB Signing";
    dcap_fake_make(&fake);
    expect_accepted();
    fake.root.simulated = false;
    expect_refused("collateral_root", "named as a real one");
    fake.options.root_count = 0;
    expect_refused("collateral_root", "not named");
    dcap_fake_reset(&fake, DCAP_BODY_SGX);
    dcap_fake_make(&fake);
    fake.root.simulated = true;
    expect_refused("collateral_root", "a real one named as simulated");
}

/* A copy of the span in the heap with one bit flipped: refused, whatever the bit. */
static void flip_bits(struct span *part, size_t step)
{
    struct span whole = *part;
    uint8_t *copy = malloc(whole.size);
    assert_non_null(copy);
    memcpy(copy, whole.data, whole.size);
    *part = span_of(copy, whole.size);
    for (size_t at = 0; at < 8 * whole.size; at += step) {
        checks_init(&checks);
        copy[at / 8] ^= (uint8_t)(1U << (at % 8));
        struct dcap_collateral *collateral = dcap_collateral_new(&fake.parts, &fake.options,
                                                                 &checks);
        assert_true(!collateral || !collateral->trusted);
        assert_non_null(checks_first_failure(&checks));
        dcap_collateral_free(collateral);
        copy[at / 8] ^= (uint8_t)(1U << (at % 8));
    }
    *part = whole;
    free(copy);
}

static void refuses_flipped_bits_of_the_collateral(void **state)
{
    (void)state;
    dcap_fake_reset(&fake, DCAP_BODY_TD10);
    dcap_fake_make(&fake);
    /* A bit of every third byte, another each time: all of them take minutes. */
    flip_bits(&fake.parts.root_ca_crl, 25);
    flip_bits(&fake.parts.pck_crl, 25);
    flip_bits(&fake.parts.tcb_info, 25);
    flip_bits(&fake.parts.qe_identity, 25);
    flip_bits(&fake.parts.pck_crl_issuer_chain, 25);
    flip_bits(&fake.parts.tcb_info_issuer_chain, 25);
}

/* Each of the three chains must end in the same key, whatever the caller trusts; the root that is
 * told is the one that does not fit. */
static void refuses_chains_of_two_trusted_roots(void **state)
{
    (void)state;
    char hex[2 * SHA256_SIZE + 1];
    struct trusted_root roots[2];
    struct dcap_fake *other = calloc(1, sizeof *other);
    assert_non_null(other);
    dcap_fake_init(other);
    dcap_fake_reset(other, DCAP_BODY_SGX);
    dcap_fake_make(other);
    hex_encode(span_of(other->root.digest, SHA256_SIZE), hex);
    for (int i = 0; i < 2; i++) {
        dcap_fake_reset(&fake, DCAP_BODY_SGX);
        dcap_fake_make(&fake);
        roots[0] = fake.root;
        roots[1] = other->root;
        fake.options.roots = roots;
        fake.options.root_count = 2;
        expect_accepted();
        struct span *chain = i == 0 ? &fake.parts.tcb_info_issuer_chain
                                    : &fake.parts.qe_identity_issuer_chain;
        *chain = other->parts.tcb_info_issuer_chain;
        expect_refused("collateral_root", "a signer under another trusted root");
        assert_non_null(strstr(checks_first_failure(&checks)->found, hex));
    }
    dcap_fake_fini(other);
    free(other);
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
        cmocka_unit_test(accepts_what_is_whole),
        cmocka_unit_test(reads_chains_that_begin_with_the_root),
        cmocka_unit_test(refuses_what_is_wrong_by_its_own_check),
        cmocka_unit_test(refuses_what_was_tampered_with_by_its_own_check),
        cmocka_unit_test(an_edited_status_breaks_the_signature),
        cmocka_unit_test(a_simulated_root_counts_only_when_named_as_such),
        cmocka_unit_test(refuses_chains_of_two_trusted_roots),
        cmocka_unit_test(refuses_flipped_bits_of_the_collateral),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
