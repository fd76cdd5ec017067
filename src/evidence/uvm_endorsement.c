#include "evidence/uvm_endorsement.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"
#include "evidence/uvm_chain.h"
#include "format/cose.h"
#include "format/json.h"
#include "format/timestamp.h"

#define KEY_MEASUREMENT "x-ms-sevsnpvm-launchmeasurement"
#define KEY_SVN         "x-ms-sevsnpvm-guestsvn"
#define KEY_SVN_INT     "x-ms-sevsnpvm-guestsvn-int"

#define JSON_TYPE  "application/json"
#define BYTES_TYPE "application/octet-stream"

static const struct check_rule rule_format = {
    "uvm_format", "RFC 9052, section 4.2",
    "this is not one COSE_Sign1 message with its payload: give the reference info's bytes"};
static const struct check_rule rule_algorithm = {
    "uvm_algorithm", "RFC 9053, section 2; RFC 8230",
    "the message is signed by an algorithm that is not accepted here"};
static const struct check_rule rule_signature = {
    "uvm_signature", "RFC 9052, section 4.4",
    "the endorsement was changed, or another key signed it: fetch it again"};
static const struct check_rule rule_thumbprint = {
    "uvm_thumbprint", "RFC 9360, section 2 (x5t)",
    "the header names another signer than its chain has"};
static const struct check_rule rule_issuer = {
    "uvm_issuer", "did:x509, section DID Syntax; docs/evidence.md",
    "somebody else signed this endorsement: name the issuer that you trust by --issuer"};
static const struct check_rule rule_feed = {
    "uvm_feed", "docs/evidence.md",
    "this endorsement is for another kind of guest: name the feed that you want by --feed"};
static const struct check_rule rule_payload = {
    "uvm_payload", "docs/evidence.md",
    "the signed payload does not say which measurement it endorses"};
static const struct check_rule rule_svn = {
    "uvm_svn", "docs/evidence.md",
    "this guest is older than you accept: run a newer one, or lower --minimum-svn knowingly"};
static const struct check_rule rule_measurement = {
    "uvm_measurement", "AMD 56860, section 7.3 (MEASUREMENT)",
    "another guest was launched than the one that is endorsed"};

static void copy_text(struct span text, char *out, size_t size)
{
    (void)snprintf(out, size, "%.*s", (int)(text.size < size ? text.size : size - 1),
                   text.size > 0 ? (const char *)text.data : "");
    text_make_printable(out);
}

static bool check_algorithm(const struct cose_sign1 *message, enum signature_scheme *scheme,
                            struct checks *checks)
{
    char found[CHECK_TEXT_SIZE];
    const char *name = cose_algorithm_name(message->algorithm);
    (void)snprintf(found, sizeof found, "%" PRId64 " (%s)", message->algorithm,
                   name ? name : "unknown");
    if (cose_signer_scheme(message, scheme))
        return checks_add(checks, &rule_algorithm, CHECK_PASSED, "PS* or ES*", found);
    return checks_add(checks, &rule_algorithm, CHECK_FAILED,
                      "one of PS256, PS384, PS512, ES256, ES384, ES512", found);
}

static void check_signature(const struct cose_signer *signer, const struct cose_sign1 *message,
                            enum signature_scheme scheme, struct checks *checks)
{
    struct error err = {0};
    bool good = cose_signer_check_signature(signer, message, scheme, &err) == 0;
    (void)checks_judge(checks, &rule_signature, good,
                       "by the first certificate's key, over protected header and payload",
                       good ? "good" : err.text);
}

static void check_thumbprint(const struct cose_sign1 *message, struct checks *checks)
{
    uint8_t digest[SHA256_SIZE];
    if (message->x5t_algorithm == 0) {
        (void)checks_add(checks, &rule_thumbprint, CHECK_SKIPPED, "the leaf's", "there is none");
        return;
    }
    if (message->x5t_algorithm != COSE_SHA256) {
        (void)checks_add(checks, &rule_thumbprint, CHECK_FAILED, "a SHA-256", "by another hash");
        return;
    }
    sha256_digest(message->x5chain[0], digest);
    (void)checks_compare(checks, &rule_thumbprint, span_of(digest, sizeof digest), message->x5t);
}

/* Compared whole: two identities that differ in a byte are two. */
static void check_text(const struct check_rule *rule, const char *expected, struct span found,
                       struct checks *checks)
{
    char text[CHECK_TEXT_SIZE];
    copy_text(found, text, sizeof text);
    (void)checks_judge(checks, rule, span_equal_text(found, expected), expected,
                       found.size > 0 ? text : "none");
}

/* Text and number may both be there, and the header may have its own: they must agree. */
static int read_json_svn(const json_t *payload, const struct cose_sign1 *message, uint64_t *svn,
                         struct error *err)
{
    const char *text = NULL;
    uint64_t number = UINT64_MAX;
    if (json_find_text(payload, KEY_SVN, &text, err) < 0 ||
        json_find_u64(payload, KEY_SVN_INT, INT64_MAX, &number, err) < 0)
        return -1;
    if (!text && number == UINT64_MAX)
        return error_set(err, ERROR_INVALID,
                         "the payload has neither " KEY_SVN " nor " KEY_SVN_INT);
    if (text && !text_to_u64(text, INT64_MAX, svn))
        return error_set(err, ERROR_INVALID, KEY_SVN " is \"%s\", not a number", text);
    if (text && number != UINT64_MAX && number != *svn)
        return error_set(err, ERROR_INVALID,
                         KEY_SVN " is %" PRIu64 ", but " KEY_SVN_INT " is %" PRIu64, *svn, number);
    if (!text)
        *svn = number;
    if (message->has_svn && message->svn != *svn)
        return error_set(err, ERROR_INVALID,
                         "the payload's svn is %" PRIu64 ", the header's %" PRIu64, *svn,
                         message->svn);
    return 0;
}

static int read_json(const struct cose_sign1 *message, struct uvm_endorsement *endorsement,
                     struct error *err)
{
    static const struct json_limits limits = {UVM_PAYLOAD_MAX, 4};
    const char *digits = NULL;
    json_auto_t *payload = json_parse_object(message->payload, &limits, err);
    if (!payload || json_get_text(payload, KEY_MEASUREMENT, &digits, err) < 0 ||
        read_json_svn(payload, message, &endorsement->svn, err) < 0)
        return -1;
    if (!hex_decode(span_of_text(digits), endorsement->measurement, UVM_MEASUREMENT_SIZE)) {
        memset(endorsement->measurement, 0, UVM_MEASUREMENT_SIZE);
        return error_set(err, ERROR_INVALID, KEY_MEASUREMENT " is not %d bytes in hexadecimal",
                         UVM_MEASUREMENT_SIZE);
    }
    return 0;
}

static int read_envelope(const struct cose_sign1 *message, struct uvm_endorsement *endorsement,
                         struct error *err)
{
    if (message->payload_hash_algorithm != COSE_SHA384 ||
        message->payload.size != UVM_MEASUREMENT_SIZE)
        return error_set(err, ERROR_INVALID,
                         "the hash envelope has %zu bytes by algorithm %" PRId64
                         ", not %d bytes by %d (SHA-384)",
                         message->payload.size, message->payload_hash_algorithm,
                         UVM_MEASUREMENT_SIZE, COSE_SHA384);
    if (message->content_type.size > 0 ||
        !span_equal_text(message->preimage_content_type, BYTES_TYPE))
        return error_set(err, ERROR_INVALID,
                         "the hash envelope is not that of " BYTES_TYPE " (label 259)");
    if (!message->has_svn)
        return error_set(err, ERROR_INVALID, "the header's claims have no svn");
    memcpy(endorsement->measurement, message->payload.data, UVM_MEASUREMENT_SIZE);
    endorsement->svn = message->svn;
    return 0;
}

static int read_payload(const struct cose_sign1 *message, struct uvm_endorsement *endorsement,
                        struct error *err)
{
    if (message->is_hash_envelope)
        return read_envelope(message, endorsement, err);
    if (!span_equal_text(message->content_type, JSON_TYPE))
        return error_set(err, ERROR_INVALID,
                         "the payload is neither " JSON_TYPE " nor a hash envelope");
    return read_json(message, endorsement, err);
}

static void check_svn(const struct uvm_endorsement *endorsement, uint64_t minimum,
                      struct checks *checks)
{
    char expected[CHECK_TEXT_SIZE];
    char found[CHECK_TEXT_SIZE];
    (void)snprintf(expected, sizeof expected, "at least %" PRIu64, minimum);
    (void)snprintf(found, sizeof found, "%" PRIu64, endorsement->svn);
    (void)checks_judge(checks, &rule_svn, endorsement->svn >= minimum, expected, found);
}

static void check_payload(const struct cose_sign1 *message,
                          const struct uvm_expectation *expectation,
                          struct uvm_endorsement *endorsement, struct checks *checks)
{
    struct error err = {0};
    char digits[2 * UVM_MEASUREMENT_SIZE + 1];
    static const char expected[] = "a launch measurement and its svn";
    if (read_payload(message, endorsement, &err) < 0) {
        (void)checks_add(checks, &rule_payload, CHECK_FAILED, expected, err.text);
        return;
    }
    const struct span endorsed = span_of(endorsement->measurement, UVM_MEASUREMENT_SIZE);
    hex_encode(endorsed, digits);
    (void)checks_add(checks, &rule_payload, CHECK_PASSED, expected, digits);
    check_svn(endorsement, expectation->minimum_svn, checks);
    if (expectation->measurement)
        (void)checks_compare(checks, &rule_measurement, endorsed,
                             span_of(expectation->measurement, UVM_MEASUREMENT_SIZE));
    else
        (void)checks_add(checks, &rule_measurement, CHECK_SKIPPED, digits,
                         "no report's measurement was given to compare with");
}

static void describe(const struct cose_sign1 *message, struct uvm_endorsement *endorsement)
{
    copy_text(message->issuer, endorsement->issuer, sizeof endorsement->issuer);
    copy_text(message->feed, endorsement->feed, sizeof endorsement->feed);
    endorsement->has_signing_time = message->has_signing_time;
    endorsement->signing_time = message->signing_time;
    endorsement->receipt_count = message->receipt_count;
    endorsement->has_timestamp = message->timestamp.size > 0;
}

static void check_message(const struct cose_sign1 *message,
                          const struct uvm_expectation *expectation,
                          struct uvm_endorsement *endorsement, struct checks *checks)
{
    const char *issuer = expectation->issuer ? expectation->issuer : UVM_ISSUER;
    enum signature_scheme scheme = 0;
    struct cose_signer signer;
    bool known = check_algorithm(message, &scheme, checks);
    if (uvm_chain_check(&signer, message, issuer, expectation, checks)) {
        check_thumbprint(message, checks);
        if (known)
            check_signature(&signer, message, scheme, checks);
    }
    cose_signer_fini(&signer);
    check_text(&rule_issuer, issuer, message->issuer, checks);
    check_text(&rule_feed, expectation->feed ? expectation->feed : UVM_FEED, message->feed, checks);
    check_payload(message, expectation, endorsement, checks);
}

void uvm_endorsement_check(struct span cose, const struct uvm_expectation *expectation,
                           struct uvm_endorsement *endorsement, struct checks *checks)
{
    struct cose_sign1 message;
    struct error err = {0};
    char found[CHECK_TEXT_SIZE];
    *endorsement = (struct uvm_endorsement){0};
    if (cose_parse(cose, &message, &err) < 0) {
        (void)checks_add(checks, &rule_format, CHECK_FAILED, "one COSE_Sign1 message", err.text);
        return;
    }
    (void)snprintf(found, sizeof found, "%zu bytes, %s", cose.size,
                   message.is_hash_envelope ? "a hash envelope" : "with the payload itself");
    (void)checks_add(checks, &rule_format, CHECK_PASSED, "one COSE_Sign1 message", found);
    describe(&message, endorsement);
    check_message(&message, expectation, endorsement, checks);
}

enum verdict uvm_endorsement_verify(struct span cose, const struct uvm_expectation *expectation,
                                    struct uvm_endorsement *endorsement, struct checks *checks)
{
    checks_init(checks);
    uvm_endorsement_check(cose, expectation, endorsement, checks);
    checks_complete(checks);
    return checks_verdict(checks);
}
