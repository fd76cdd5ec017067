#include "evidence/snp_chain.h"

#include <stdio.h>

#include "base/hex.h"
#include "format/timestamp.h"

#define SIMULATED "SIMULATED"

enum { LEAF, INTERMEDIATE, ROOT };

static const struct check_rule rule_certificates = {
    "certificates", "AMD 57230, section 1.4",
    "give the leaf, the intermediate and the root certificate, in this order"};
static const struct check_rule rule_root = {
    "root", "AMD 57230, section 1.4; docs/evidence.md",
    "this chain ends in a root that nobody here trusts; one of your own must be named (--root), a "
    "simulated one as such (--trust-simulated)"};
static const struct check_rule rule_root_signature = {
    "root_signature", "AMD 57230, section 1.4", "the root certificate is damaged; fetch it again"};
static const struct check_rule rule_intermediate_signature = {
    "intermediate_signature", "AMD 57230, section 1.4",
    "the intermediate was not issued by this root; fetch the chain again"};
static const struct check_rule rule_leaf_signature = {
    "leaf_signature", "AMD 57230, section 3",
    "the leaf was not issued by this intermediate; fetch it again for the report's chip and "
    "REPORTED_TCB"};
static const struct check_rule rule_validity = {
    "validity", "RFC 5280, section 4.1.2.5",
    "a certificate is not valid at this time; fetch it again, or give the time of the report"};
static const struct check_rule rule_extensions = {
    "certificate_extensions", "RFC 5280, section 4.2",
    "a certificate demands what this verifier does not know; it is not one of AMD's known kinds"};
static const struct check_rule rule_crl = {
    "revocation", "AMD 57230, section 4.2",
    "fetch the product's revocation list again; a revoked intermediate can't be trusted"};
static const struct check_rule rule_names = {
    "certificate_names", "AMD 57230, section 3",
    "the three certificates must be of one product and one kind of key"};

static bool read_certificates(struct snp_chain *chain, const struct span *certificates,
                              size_t count, struct checks *checks)
{
    char text[CHECK_TEXT_SIZE];
    struct error err = {0};
    (void)snprintf(text, sizeof text, "%zu", count);
    if (count != SNP_CHAIN_LENGTH)
        return checks_add(checks, &rule_certificates, CHECK_FAILED, "3", text);
    for (size_t i = 0; i < count; i++) {
        chain->certificates[i] = certificate_from_der(certificates[i], &err);
        if (!chain->certificates[i])
            return checks_add(checks, &rule_certificates, CHECK_FAILED, "X.509", err.text);
    }
    (void)snprintf(text, sizeof text, "%s, %s, %s", certificate_name(chain->certificates[LEAF]),
                   certificate_name(chain->certificates[INTERMEDIATE]),
                   certificate_name(chain->certificates[ROOT]));
    return checks_add(checks, &rule_certificates, CHECK_PASSED, "3 X.509 certificates", text);
}

static const struct trusted_root *find_root(const struct snp_chain_options *options,
                                            const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < options->root_count; i++) {
        if (memcmp(options->roots[i].digest, digest, SHA256_SIZE) == 0)
            return &options->roots[i];
    }
    return NULL;
}

/* A root is trusted when it is AMD's or the caller named it. One that calls itself simulated must
 * have been named as simulated, and the other way round: neither may pass for the other. */
static void check_root(struct snp_chain *chain, const struct snp_chain_options *options,
                       struct checks *checks)
{
    uint8_t digest[SHA256_SIZE];
    char digest_text[2 * SHA256_SIZE + 1];
    char found[CHECK_TEXT_SIZE];
    const char *name = certificate_name(chain->certificates[ROOT]);
    certificate_digest(chain->certificates[ROOT], digest);
    hex_encode(span_of(digest, sizeof digest), digest_text);

    bool says_simulated = strstr(name, SIMULATED) != NULL;
    const struct trusted_root *named = find_root(options, digest);
    bool is_amds = snp_product_has_root(digest_text);
    (void)snprintf(found, sizeof found, "%s, SHA-256 %s%s", name, digest_text,
                   named && !is_amds ? ", which the caller named" : "");
    chain->simulated = named && named->simulated && says_simulated;
    bool trusted = named ? named->simulated == says_simulated : is_amds;
    (void)checks_judge(checks, &rule_root, trusted,
                       options->root_count > 0 ? "one of AMD's roots, or one that the caller named"
                                               : "one of AMD's roots (Milan, Genoa, Turin)",
                       found);
}

static void check_signatures(const struct snp_chain *chain, struct checks *checks)
{
    static const char *const expected = "RSASSA-PSS with SHA-384, by the issuer that is named";
    const struct certificate *leaf = chain->certificates[LEAF];
    const struct certificate *middle = chain->certificates[INTERMEDIATE];
    const struct certificate *root = chain->certificates[ROOT];
    struct error err = {0};
    int outcome = certificate_check_ca(root, &err);
    if (outcome == 0)
        outcome = certificate_check_signed(root, root, SIGNED_PSS_SHA384, &err);
    (void)checks_add_outcome(checks, &rule_root_signature, outcome, expected, "good", &err);
    outcome = certificate_check_ca(middle, &err);
    if (outcome == 0)
        outcome = certificate_check_signed(middle, root, SIGNED_PSS_SHA384, &err);
    (void)checks_add_outcome(checks, &rule_intermediate_signature, outcome, expected, "good", &err);
    outcome = certificate_check_signed(leaf, middle, SIGNED_PSS_SHA384, &err);
    (void)checks_add_outcome(checks, &rule_leaf_signature, outcome, expected, "good", &err);
}

static void check_validity(const struct snp_chain *chain, int64_t time, struct checks *checks)
{
    char when[TIMESTAMP_SIZE];
    char expected[CHECK_TEXT_SIZE];
    char validity[64];
    char found[CHECK_TEXT_SIZE];
    timestamp_write(time, when);
    (void)snprintf(expected, sizeof expected, "valid at %s", when);
    for (int i = ROOT; i >= LEAF; i--) {
        const struct certificate *certificate = chain->certificates[i];
        bool valid = certificate_valid_at(certificate, time);
        if (valid && i != LEAF)
            continue;
        certificate_validity(certificate, validity);
        (void)snprintf(found, sizeof found, "%s from %s", certificate_name(certificate), validity);
        (void)checks_judge(checks, &rule_validity, valid, expected, found);
        return;
    }
}

static void check_critical(const struct snp_chain *chain, struct checks *checks)
{
    struct error err = {0};
    int outcome = 0;
    for (int i = LEAF; outcome == 0 && i <= ROOT; i++)
        outcome = certificate_check_critical(chain->certificates[i], &err);
    (void)checks_add_outcome(checks, &rule_extensions, outcome, "no unknown critical extension",
                             "good", &err);
}

/* Reads the list into chain->crl. The root's list speaks of what the root issued; the serials of
 * leaves (always 0) belong to another issuer. */
static int read_crl(struct snp_chain *chain, struct span der, struct error *err)
{
    chain->crl = crl_from_der(der, err);
    if (!chain->crl ||
        crl_check_signed(chain->crl, chain->certificates[ROOT], SIGNED_PSS_SHA384, err) < 0)
        return -1;
    if (crl_lists(chain->crl, chain->certificates[INTERMEDIATE]))
        return error_set(err, ERROR_REFUSED, "the intermediate is revoked");
    return 0;
}

#define CRL_EXPECTED "a current list, signed by the root, without the intermediate"

static void add_revocation(const struct snp_chain *chain, const struct snp_chain_options *options,
                           struct checks *checks)
{
    if (!chain->crl) {
        (void)checks_add(checks, &rule_crl, options->require_crl ? CHECK_FAILED : CHECK_SKIPPED,
                         CRL_EXPECTED, "no revocation list was given");
        return;
    }
    bool current = crl_current_at(chain->crl, options->time);
    (void)checks_judge(checks, &rule_crl, current || options->allow_stale_crl, CRL_EXPECTED,
                       current ? "not revoked"
                       : options->allow_stale_crl
                           ? "not revoked; the list is not current, which is allowed"
                           : "the list is not current at this time");
}

static void check_crl(struct snp_chain *chain, const struct snp_chain_options *options,
                      struct checks *checks)
{
    struct error err = {0};
    if (options->crl.size > 0 && read_crl(chain, options->crl, &err) < 0)
        (void)checks_add(checks, &rule_crl, CHECK_FAILED, CRL_EXPECTED, err.text);
    else
        add_revocation(chain, options, checks);
}

/* SEV-VCEK under SEV-{Product} or SEV-VLEK under SEV-VLEK-{Product}, under ARK-{Product}. */
static void check_names(struct snp_chain *chain, struct checks *checks)
{
    const char *leaf = certificate_name(chain->certificates[LEAF]);
    const char *product = chain->leaf.product ? chain->leaf.product->name : "?";
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    if (chain->simulated)
        (void)snprintf(expected, sizeof expected,
                       "SEV-SIMULATED-VCEK, SEV-SIMULATED, ARK-SIMULATED");
    else if (chain->leaf.is_vlek)
        (void)snprintf(expected, sizeof expected, "SEV-VLEK, SEV-VLEK-%s, ARK-%s", product,
                       product);
    else
        (void)snprintf(expected, sizeof expected, "SEV-VCEK, SEV-%s, ARK-%s", product, product);
    (void)snprintf(found, sizeof found, "%s, %s, %s", leaf,
                   certificate_name(chain->certificates[INTERMEDIATE]),
                   certificate_name(chain->certificates[ROOT]));
    (void)checks_judge(checks, &rule_names, strcmp(expected, found) == 0, expected, found);
}

bool snp_chain_check(struct snp_chain *chain, const struct span *certificates, size_t count,
                     const struct snp_chain_options *options, struct checks *checks)
{
    memset(chain, 0, sizeof *chain);
    if (!read_certificates(chain, certificates, count, checks))
        return false;
    check_root(chain, options, checks);
    check_signatures(chain, checks);
    check_validity(chain, options->time, checks);
    check_critical(chain, checks);
    check_crl(chain, options, checks);
    snp_leaf_check(chain->certificates[LEAF], &chain->leaf, checks);
    check_names(chain, checks);
    return true;
}

void snp_chain_recheck(const struct snp_chain *chain, const struct check *made, size_t count,
                       const struct snp_chain_options *options, struct checks *checks)
{
    for (size_t i = 0; i < count; i++) {
        if (made[i].rule == &rule_validity)
            check_validity(chain, options->time, checks);
        else if (made[i].rule == &rule_crl)
            add_revocation(chain, options, checks);
        else
            (void)checks_add(checks, made[i].rule, made[i].result, made[i].expected, made[i].found);
    }
}

void snp_chain_fini(struct snp_chain *chain)
{
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++)
        certificate_free(chain->certificates[i]);
    crl_free(chain->crl);
    memset(chain, 0, sizeof *chain);
}
