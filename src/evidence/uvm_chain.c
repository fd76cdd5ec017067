#include "evidence/uvm_chain.h"

#include <stdio.h>

#include "crypto/certificate_match.h"
#include "evidence/did_x509.h"
#include "format/timestamp.h"

#define CHAIN_MIN 2 /* a leaf, and an authority that can be pinned */

#define ACCEPTED                                                                                   \
    (SIGNED_RSA_SHA256 | SIGNED_RSA_SHA384 | SIGNED_RSA_SHA512 | SIGNED_ECDSA_P256_SHA256 |        \
     SIGNED_ECDSA_P384_SHA384)

static const struct check_rule rule_certificates = {
    "uvm_certificates", "RFC 9360, section 2 (x5chain)",
    "the endorsement does not carry its signer's certificates, leaf first"};
static const struct check_rule rule_chain = {
    "uvm_chain", "RFC 5280, section 6.1",
    "the certificates do not lead from the signer to an authority: fetch the endorsement again"};
static const struct check_rule rule_validity = {"uvm_validity", "RFC 5280, section 4.1.2.5",
                                                "the signer's certificates are not valid at this "
                                                "time: fetch a newer endorsement, or say at which "
                                                "time you accept them (--endorsed-at)"};
static const struct check_rule rule_identity = {
    "uvm_identity", "did:x509, section Predicate validation model",
    "the signer is not whom the trusted issuer names: another authority, or another kind of leaf"};

static bool read_certificates(struct uvm_chain *chain, const struct cose_sign1 *message,
                              struct checks *checks)
{
    struct error err = {0};
    char text[CHECK_TEXT_SIZE];
    static const char expected[] = "2 to 8 X.509 certificates";
    (void)snprintf(text, sizeof text, "%zu", message->x5chain_count);
    if (message->x5chain_count < CHAIN_MIN)
        return checks_add(checks, &rule_certificates, CHECK_FAILED, expected, text);
    for (; chain->count < message->x5chain_count; chain->count++) {
        chain->certificates[chain->count] = certificate_from_der(message->x5chain[chain->count],
                                                                 &err);
        if (!chain->certificates[chain->count])
            return checks_add(checks, &rule_certificates, CHECK_FAILED, expected, err.text);
    }
    (void)snprintf(text, sizeof text, "%zu, from %s to %s", chain->count,
                   certificate_name(chain->certificates[0]),
                   certificate_name(chain->certificates[chain->count - 1]));
    return checks_add(checks, &rule_certificates, CHECK_PASSED, expected, text);
}

/* An authority at place i (the leaf has 0), which has i-1 others below it. */
static int check_authority(const struct uvm_chain *chain, const struct cose_sign1 *message,
                           size_t i, struct error *err)
{
    const struct certificate *authority = chain->certificates[i];
    if (certificate_check_ca(authority, err) < 0 ||
        certificate_check_critical(authority, err) < 0 ||
        certificate_check_path_length(message->x5chain[i], i - 1, err) < 0)
        return -1;
    return certificate_check_signed(chain->certificates[i - 1], authority, ACCEPTED, err);
}

static int check_links(const struct uvm_chain *chain, const struct cose_sign1 *message,
                       struct error *err)
{
    if (certificate_check_signer(message->x5chain[0], err) < 0 ||
        certificate_check_critical(chain->certificates[0], err) < 0)
        return -1;
    for (size_t i = 1; i < chain->count; i++) {
        if (check_authority(chain, message, i, err) < 0)
            return -1;
    }
    return 0;
}

/* The first certificate that is not valid at this time, or the leaf. */
static const struct certificate *find_invalid(const struct uvm_chain *chain, int64_t time,
                                              bool *valid)
{
    for (size_t i = 0; i < chain->count; i++) {
        *valid = certificate_valid_at(chain->certificates[i], time);
        if (!*valid)
            return chain->certificates[i];
    }
    return chain->certificates[0];
}

static void check_validity(const struct uvm_chain *chain, const struct cose_sign1 *message,
                           const struct uvm_expectation *expectation, struct checks *checks)
{
    char when[TIMESTAMP_SIZE];
    char validity[64];
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    bool valid = false;
    bool by_signer = expectation->at_signing_time;
    if (by_signer && !message->has_signing_time) {
        (void)checks_add(checks, &rule_validity, CHECK_FAILED, "a signing time in the header",
                         "there is none");
        return;
    }
    int64_t time = by_signer ? message->signing_time : expectation->time;
    const struct certificate *certificate = find_invalid(chain, time, &valid);
    timestamp_write(time, when);
    certificate_validity(certificate, validity);
    (void)snprintf(expected, sizeof expected, "all valid at %s%s", when,
                   by_signer ? ", which is the signer's own word" : "");
    (void)snprintf(found, sizeof found, "%s from %s%s", certificate_name(certificate), validity,
                   by_signer ? " (when it says that it signed)" : "");
    (void)checks_judge(checks, &rule_validity, valid, expected, found);
}

/* The issuer that is resolved is the caller's; the message's own is compared with it elsewhere. */
static void check_identity(const struct cose_sign1 *message, const char *issuer,
                           struct checks *checks)
{
    struct did_x509 did;
    struct error err = {0};
    int outcome = did_x509_parse(span_of_text(issuer), &did, &err);
    if (outcome == 0)
        outcome = did_x509_resolve(&did, message->x5chain, message->x5chain_count, &err);
    (void)checks_add_outcome(checks, &rule_identity, outcome, issuer, "good", &err);
}

bool uvm_chain_check(struct uvm_chain *chain, const struct cose_sign1 *message, const char *issuer,
                     const struct uvm_expectation *expectation, struct checks *checks)
{
    struct error err = {0};
    *chain = (struct uvm_chain){0};
    if (!read_certificates(chain, message, checks))
        return false;
    (void)checks_add_outcome(checks, &rule_chain, check_links(chain, message, &err),
                             "each issued by the next, an authority, by RSA or ECDSA with SHA-2",
                             "good", &err);
    check_validity(chain, message, expectation, checks);
    check_identity(message, issuer, checks);
    return true;
}

void uvm_chain_fini(struct uvm_chain *chain)
{
    for (size_t i = 0; i < COSE_CHAIN_MAX; i++)
        certificate_free(chain->certificates[i]);
}
