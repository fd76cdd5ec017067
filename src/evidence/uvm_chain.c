#include "evidence/uvm_chain.h"

#include <stdio.h>

#include "format/timestamp.h"

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

static bool read_certificates(struct cose_signer *signer, const struct cose_sign1 *message,
                              struct checks *checks)
{
    struct error err = {0};
    char text[CHECK_TEXT_SIZE];
    static const char expected[] = "2 to 8 X.509 certificates";
    if (cose_signer_read(signer, message, &err) < 0)
        return checks_add(checks, &rule_certificates, CHECK_FAILED, expected, err.text);
    (void)snprintf(text, sizeof text, "%zu, from %s to %s", signer->count,
                   certificate_name(signer->certificates[0]),
                   certificate_name(signer->certificates[signer->count - 1]));
    return checks_add(checks, &rule_certificates, CHECK_PASSED, expected, text);
}

/* The first certificate that is not valid at this time, or the leaf. */
static const struct certificate *find_invalid(const struct cose_signer *signer, int64_t time,
                                              bool *valid)
{
    for (size_t i = 0; i < signer->count; i++) {
        *valid = certificate_valid_at(signer->certificates[i], time);
        if (!*valid)
            return signer->certificates[i];
    }
    return signer->certificates[0];
}

static void check_validity(const struct cose_signer *signer, const struct cose_sign1 *message,
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
    const struct certificate *certificate = find_invalid(signer, time, &valid);
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
    struct error err = {0};
    int outcome = cose_signer_check_issuer(message, span_of_text(issuer), &err);
    (void)checks_add_outcome(checks, &rule_identity, outcome, issuer, "good", &err);
}

bool uvm_chain_check(struct cose_signer *signer, const struct cose_sign1 *message,
                     const char *issuer, const struct uvm_expectation *expectation,
                     struct checks *checks)
{
    struct error err = {0};
    if (!read_certificates(signer, message, checks))
        return false;
    (void)checks_add_outcome(checks, &rule_chain, cose_signer_check_links(signer, message, &err),
                             "each issued by the next, an authority, by RSA or ECDSA with SHA-2",
                             "good", &err);
    check_validity(signer, message, expectation, checks);
    check_identity(message, issuer, checks);
    return true;
}
