#include "evidence/dcap_collateral.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "format/timestamp.h"

#define PCK_PROFILE "Intel, SGX PCK Certificate and CRL Profile Specification, section "
#define SERVICES    "Intel SGX and Intel TDX services API, version 4, "
#define AGAIN       "fetch the collateral again"

static const struct check_rule rule_pck_ca = {
    "pck_crl_issuer_chain", PCK_PROFILE "1.2",
    "the PCK CA's certificate and the root, of those who signed the PCK revocation list: " AGAIN};
static const struct check_rule rule_tcb_signing = {
    "tcb_info_issuer_chain", SERVICES "get TCB info",
    "the TCB signing certificate and the root: " AGAIN};
static const struct check_rule rule_qe_signing = {
    "qe_identity_issuer_chain", SERVICES "get QE identity",
    "the TCB signing certificate and the root: " AGAIN};
static const struct check_rule rule_root = {
    "collateral_root", PCK_PROFILE "1.1; docs/evidence.md",
    "this collateral ends in a root that nobody here trusts; --root names one besides Intel's"};
static const struct check_rule rule_validity = {"collateral_validity", "RFC 5280, section 4.1.2.5",
                                                "a certificate is not valid at this time; " AGAIN
                                                ", or give the time of the quote"};
static const struct check_rule rule_root_crl = {
    "root_ca_crl", PCK_PROFILE "1.4",
    "the root's revocation list must be its own, and current at this time: " AGAIN};
static const struct check_rule rule_authorities = {
    "authority_revocation", PCK_PROFILE "1.4",
    "an authority was revoked: nothing that it signed can be trusted"};
static const struct check_rule rule_pck_crl = {
    "pck_crl", PCK_PROFILE "1.4",
    "the PCK revocation list must be its issuer's, and current at this time: " AGAIN};
static const struct check_rule rule_tcb_info_signature = {
    "tcb_info_signature", SERVICES "get TCB info (the bytes as they came)",
    "the TCB info was changed, or is another's: " AGAIN ", byte for byte"};
static const struct check_rule rule_tcb_info = {
    "tcb_info", SERVICES "get TCB info",
    "only TCB info of versions 2 and 3, as Intel writes it, is known"};
static const struct check_rule rule_tcb_info_dates = {
    "tcb_info_dates", SERVICES "get TCB info (issueDate, nextUpdate)",
    "the TCB info is not current at this time: " AGAIN ", or give the time of the quote"};
static const struct check_rule rule_qe_identity_signature = {
    "qe_identity_signature", SERVICES "get QE identity (the bytes as they came)",
    "the identity was changed, or is another's: " AGAIN ", byte for byte"};
static const struct check_rule rule_qe_identity = {
    "qe_identity", SERVICES "get QE identity",
    "only identities of version 2, as Intel writes them, are known"};
static const struct check_rule rule_qe_identity_dates = {
    "qe_identity_dates", SERVICES "get QE identity (issueDate, nextUpdate)",
    "the identity is not current at this time: " AGAIN ", or give the time of the quote"};

static const struct check_rule rule_platform = {
    "pck_certificate_chain", PCK_PROFILE "1.2",
    "the PCK certificate, the PCK CA's and the root, of one platform: " AGAIN};

/* Everything of `checks` from here on is of this collateral. */
struct work {
    struct dcap_collateral *collateral;
    const struct dcap_parts *parts;
    const struct dcap_options *options;
    struct checks *checks;
};

static bool read_chain(const struct work *work, const struct check_rule *rule, struct span pem,
                       const struct dcap_chain *known, struct dcap_chain *chain)
{
    struct error err = {0};
    if (dcap_chain_read(pem, 2, known, chain, &err) == 0)
        return true;
    return checks_add(work->checks, rule, CHECK_FAILED, "2 certificates in PEM", err.text);
}

static bool read_chains(const struct work *work)
{
    struct dcap_collateral *collateral = work->collateral;
    const struct dcap_parts *parts = work->parts;
    return read_chain(work, &rule_pck_ca, parts->pck_crl_issuer_chain, NULL, &collateral->pck_ca) &&
           read_chain(work, &rule_tcb_signing, parts->tcb_info_issuer_chain, &collateral->pck_ca,
                      &collateral->tcb_signing) &&
           read_chain(work, &rule_qe_signing, parts->qe_identity_issuer_chain,
                      &collateral->tcb_signing, &collateral->qe_signing);
}

static bool read_crl(const struct work *work, const struct check_rule *rule, struct span der,
                     struct crl **crl)
{
    struct error err = {0};
    *crl = crl_from_der(der, &err);
    return *crl || checks_add(work->checks, rule, CHECK_FAILED, "a list in DER", err.text);
}

static bool read_platform(const struct work *work)
{
    struct error err = {0};
    struct dcap_platform *platform = calloc(1, sizeof *platform);
    work->collateral->platform = platform;
    if (platform && dcap_platform_read(work->parts->pck_certificate_chain, work->collateral,
                                       platform, &err) == 0)
        return true;
    return checks_add(work->checks, &rule_platform, CHECK_FAILED, "3 certificates in PEM",
                      platform ? err.text : "no memory is left");
}

static bool read_pieces(const struct work *work)
{
    struct error err = {0};
    struct dcap_collateral *collateral = work->collateral;
    const struct dcap_parts *parts = work->parts;
    if (!read_chains(work) ||
        !read_crl(work, &rule_root_crl, parts->root_ca_crl, &collateral->root_crl) ||
        !read_crl(work, &rule_pck_crl, parts->pck_crl, &collateral->pck_crl))
        return false;
    if (tcb_info_parse(parts->tcb_info, &collateral->tcb_info, &err) < 0)
        return checks_add(work->checks, &rule_tcb_info, CHECK_FAILED, "version 2 or 3", err.text);
    if (qe_identity_parse(parts->qe_identity, &collateral->qe_identity, &err) < 0)
        return checks_add(work->checks, &rule_qe_identity, CHECK_FAILED, "version 2", err.text);
    return parts->pck_certificate_chain.size == 0 || read_platform(work);
}

/* All three chains must end in one root, by its key: no root vouches for another, and the list of
 * the first speaks of what that root issued. *root is the one that fails, else the first. */
static enum dcap_trust trust_roots(const struct work *work, const struct certificate **root)
{
    const struct dcap_chain *chains[] = {&work->collateral->pck_ca, &work->collateral->tcb_signing,
                                         &work->collateral->qe_signing};
    const struct dcap_options *options = work->options;
    enum dcap_trust trust = dcap_chain_trust(chains[0], options->roots, options->root_count);
    *root = dcap_chain_root(chains[0]);
    for (size_t i = 1; trust != DCAP_UNTRUSTED && i < sizeof chains / sizeof *chains; i++) {
        const struct certificate *other = dcap_chain_root(chains[i]);
        if (span_equal(certificate_public_key(other), certificate_public_key(*root)) &&
            dcap_chain_trust(chains[i], options->roots, options->root_count) == trust)
            continue;
        trust = DCAP_UNTRUSTED;
        *root = other;
    }
    return trust;
}

static void check_roots(const struct work *work)
{
    char found[CHECK_TEXT_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    uint8_t digest[SHA256_SIZE];
    const struct certificate *root;
    enum dcap_trust trust = trust_roots(work, &root);
    certificate_digest(root, digest);
    hex_encode(span_of(digest, sizeof digest), hex);
    (void)snprintf(found, sizeof found, "%s, SHA-256 %s", certificate_name(root), hex);
    work->collateral->simulated = trust == DCAP_TRUSTED_SIMULATED;
    (void)checks_judge(work->checks, &rule_root, trust != DCAP_UNTRUSTED,
                       "Intel's SGX Root CA, or one that the caller trusts", found);
}

/* `checked` passed this before, or is NULL. */
static bool check_chain(const struct work *work, const struct check_rule *rule,
                        const struct dcap_chain *chain, enum dcap_role role,
                        const struct dcap_chain *checked)
{
    struct error err = {0};
    char found[CHECK_TEXT_SIZE];
    int outcome = dcap_chain_check_names(chain, role, work->collateral->simulated, &err);
    if (outcome == 0)
        outcome = dcap_chain_check_links(chain, checked, &err);
    if (outcome == 0 && role == DCAP_ROLE_PCK_CA) /* it issues PCK certificates, after all */
        outcome = certificate_check_ca(chain->items[0], &err);
    (void)snprintf(found, sizeof found, "%s, %s", certificate_name(chain->items[0]),
                   certificate_name(chain->items[1]));
    return checks_add_outcome(work->checks, rule, outcome,
                              role == DCAP_ROLE_PCK_CA
                                  ? "SGX PCK Platform or Processor CA, signed by the SGX Root CA"
                                  : "SGX TCB Signing, signed by the SGX Root CA",
                              found, &err);
}

static void check_chains(const struct work *work)
{
    const struct dcap_chain *pck_ca = &work->collateral->pck_ca;
    const struct dcap_chain *tcb = &work->collateral->tcb_signing;
    const struct dcap_chain *qe = &work->collateral->qe_signing;
    bool good = check_chain(work, &rule_pck_ca, pck_ca, DCAP_ROLE_PCK_CA, NULL);
    good = check_chain(work, &rule_tcb_signing, tcb, DCAP_ROLE_TCB_SIGNING, good ? pck_ca : NULL);
    (void)check_chain(work, &rule_qe_signing, qe, DCAP_ROLE_TCB_SIGNING, good ? tcb : NULL);
}

static void check_validity(const struct work *work)
{
    const struct dcap_collateral *collateral = work->collateral;
    char expected[CHECK_TEXT_SIZE];
    char when[TIMESTAMP_SIZE];
    struct error err = {0};
    int outcome = dcap_chain_check_validity(&collateral->pck_ca, collateral->time, &err);
    if (outcome == 0)
        outcome = dcap_chain_check_validity(&collateral->tcb_signing, collateral->time, &err);
    if (outcome == 0)
        outcome = dcap_chain_check_validity(&collateral->qe_signing, collateral->time, &err);
    timestamp_write(collateral->time, when);
    (void)snprintf(expected, sizeof expected, "all valid at %s", when);
    (void)checks_add_outcome(work->checks, &rule_validity, outcome, expected, "all valid", &err);
}

static void check_crl(const struct work *work, const struct check_rule *rule, const struct crl *crl,
                      const struct certificate *issuer)
{
    struct error err = {0};
    int outcome = crl_check_signed(crl, issuer, DCAP_SIGNED_BY, &err);
    if (outcome == 0 && !crl_current_at(crl, work->collateral->time))
        outcome = error_set(&err, ERROR_REFUSED, "the list is not current at this time");
    (void)checks_add_outcome(work->checks, rule, outcome, "signed by its issuer, and current",
                             certificate_name(issuer), &err);
}

static void check_crls(const struct work *work)
{
    const struct dcap_collateral *collateral = work->collateral;
    const struct certificate *authorities[] = {collateral->pck_ca.items[0],
                                               collateral->tcb_signing.items[0],
                                               collateral->qe_signing.items[0]};
    const char *revoked = NULL;
    check_crl(work, &rule_root_crl, collateral->root_crl, dcap_chain_root(&collateral->pck_ca));
    check_crl(work, &rule_pck_crl, collateral->pck_crl, collateral->pck_ca.items[0]);
    for (size_t i = 0; !revoked && i < sizeof authorities / sizeof *authorities; i++) {
        if (crl_lists(collateral->root_crl, authorities[i]))
            revoked = certificate_name(authorities[i]);
    }
    (void)checks_add(work->checks, &rule_authorities, revoked ? CHECK_FAILED : CHECK_PASSED,
                     "none is on the root's list", revoked ? revoked : "none");
}

static void check_signature(const struct work *work, const struct check_rule *rule,
                            const struct certificate *signer, struct span document,
                            const uint8_t signature[P256_SIGNATURE_SIZE])
{
    struct error err = {0};
    uint8_t digest[SHA256_SIZE];
    sha256_digest(document, digest);
    int outcome = certificate_check_ecdsa_p256(signer, digest, signature, &err);
    (void)checks_add_outcome(work->checks, rule, outcome, "by the TCB signing key", "good", &err);
}

static void check_dates(const struct work *work, const struct check_rule *rule, int64_t from,
                        int64_t to)
{
    char when[TIMESTAMP_SIZE];
    char text[TIMESTAMP_SIZE];
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    int64_t time = work->collateral->time;
    timestamp_write(time, when);
    (void)snprintf(expected, sizeof expected, "current at %s", when);
    timestamp_write(from, when);
    timestamp_write(to, text);
    (void)snprintf(found, sizeof found, "from %s to %s", when, text);
    (void)checks_judge(work->checks, rule, from <= time && time <= to, expected, found);
}

static void check_documents(const struct work *work)
{
    const struct dcap_collateral *collateral = work->collateral;
    const struct tcb_info *info = &collateral->tcb_info;
    const struct qe_identity *identity = &collateral->qe_identity;
    char found[CHECK_TEXT_SIZE];
    check_signature(work, &rule_tcb_info_signature, collateral->tcb_signing.items[0],
                    work->parts->tcb_info, work->parts->tcb_info_signature);
    (void)snprintf(found, sizeof found, "%s, version %u, %zu levels, evaluation %u",
                   info->is_tdx ? "TDX" : "SGX", info->version, info->level_count,
                   info->evaluation_number);
    (void)checks_add(work->checks, &rule_tcb_info, CHECK_PASSED, "version 2 or 3", found);
    check_dates(work, &rule_tcb_info_dates, info->issue_date, info->next_update);
    check_signature(work, &rule_qe_identity_signature, collateral->qe_signing.items[0],
                    work->parts->qe_identity, work->parts->qe_identity_signature);
    (void)snprintf(found, sizeof found, "%s, version 2, %zu levels, evaluation %u",
                   identity->is_td ? "TD_QE" : "QE", identity->levels.count,
                   identity->evaluation_number);
    (void)checks_add(work->checks, &rule_qe_identity, CHECK_PASSED, "version 2", found);
    check_dates(work, &rule_qe_identity_dates, identity->issue_date, identity->next_update);
}

static bool none_failed(const struct checks *checks, size_t from)
{
    for (size_t i = from; i < checks->count; i++) {
        if (checks->items[i].result == CHECK_FAILED)
            return false;
    }
    return !checks->overflow;
}

struct dcap_collateral *dcap_collateral_new(const struct dcap_parts *parts,
                                            const struct dcap_options *options,
                                            struct checks *checks)
{
    struct dcap_collateral *collateral = calloc(1, sizeof *collateral);
    const struct work work = {collateral, parts, options, checks};
    size_t first = checks->count;
    if (!collateral) {
        (void)checks_add(checks, &rule_pck_ca, CHECK_FAILED, "memory for it", "none is left");
        return NULL;
    }
    collateral->time = options->time;
    if (!read_pieces(&work)) {
        dcap_collateral_free(collateral);
        return NULL;
    }
    check_roots(&work);
    check_chains(&work);
    check_validity(&work);
    check_crls(&work);
    check_documents(&work);
    collateral->trusted = none_failed(checks, first);
    if (collateral->platform)
        dcap_platform_check(collateral->platform, collateral);
    return collateral;
}

void dcap_collateral_free(struct dcap_collateral *collateral)
{
    if (!collateral)
        return;
    dcap_chain_fini(&collateral->pck_ca);
    dcap_chain_fini(&collateral->tcb_signing);
    dcap_chain_fini(&collateral->qe_signing);
    crl_free(collateral->root_crl);
    crl_free(collateral->pck_crl);
    tcb_info_fini(&collateral->tcb_info);
    qe_identity_fini(&collateral->qe_identity);
    if (collateral->platform)
        dcap_platform_fini(collateral->platform);
    free(collateral->platform);
    free(collateral);
}

void dcap_collateral_cleanup(struct dcap_collateral **collateral)
{
    dcap_collateral_free(*collateral);
}
