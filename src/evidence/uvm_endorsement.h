/*
 * Endorsements of utility VMs: a COSE_Sign1 message (format/cose.h) in which whoever builds a guest
 * says which launch MEASUREMENT it has, with a security version (svn). On confidential ACI it comes
 * as "reference info" beside the report.
 *
 * Whom to believe is the caller's to say: an issuer, as a did:x509 identity (evidence/did_x509.h),
 * and a feed. Where the caller names none, it is what Microsoft publishes for ACI's SEV-SNP guests.
 *
 * Two payloads are known:
 *   - JSON ("application/json") with x-ms-sevsnpvm-launchmeasurement in hexadecimal and the svn as
 *     x-ms-sevsnpvm-guestsvn (text) or x-ms-sevsnpvm-guestsvn-int;
 *   - a hash envelope (payload hash algorithm SHA-384): the 48 bytes of the measurement; the svn is
 * in the header's claims.
 *
 * When a signer's certificate must be valid. It lives for about a year, an endorsement longer, so a
 * caller has the choice of what the chain's dates are checked against:
 *   - `time`: all of the chain must be valid then;
 *   - `at_signing_time`: the time that the signed header itself gives. That is the signer's word: a
 *     key that is stolen after its certificate ran out can date its work back. The default is not
 *     to take it.
 * The RFC 3161 timestamp and the receipts in the unprotected header are not verified here and
 * decide nothing.
 */
#ifndef CAISSON_EVIDENCE_UVM_ENDORSEMENT_H
#define CAISSON_EVIDENCE_UVM_ENDORSEMENT_H

#include "evidence/checks.h"
#include "evidence/snp_report.h"

/* The issuer and the feed of the guests that run confidential containers on ACI. */
#define UVM_ISSUER                                                                                 \
    "did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2"
#define UVM_FEED "ContainerPlat-AMD-UVM"

#define UVM_MEASUREMENT_SIZE 48
#define UVM_PAYLOAD_MAX      65536
#define UVM_TEXT_SIZE        512 /* issuer and feed as they are shown, cut where longer */

struct uvm_expectation {
    int64_t time; /* seconds since 1970 */
    bool at_signing_time;
    const char *issuer; /* NULL: UVM_ISSUER */
    const char *feed;   /* NULL: UVM_FEED */
    uint64_t minimum_svn;
    const uint8_t *measurement; /* the report's, UVM_MEASUREMENT_SIZE bytes; NULL: none at hand */
};

struct uvm_endorsement {
    char issuer[UVM_TEXT_SIZE];
    char feed[UVM_TEXT_SIZE];
    uint8_t measurement[UVM_MEASUREMENT_SIZE]; /* zero where the payload could not be read */
    uint64_t svn;
    int64_t signing_time;
    bool has_signing_time;
    size_t receipt_count;
    bool has_timestamp;
};

/* Adds all checks of the message to `checks` and says what it holds in `endorsement`; what is there
 * is to be believed only when none of the checks failed. Does not complete the list. */
void uvm_endorsement_check(struct span cose, const struct uvm_expectation *expectation,
                           struct uvm_endorsement *endorsement, struct checks *checks);

/* As uvm_endorsement_check(), alone: fills an empty list and returns its verdict. */
enum verdict uvm_endorsement_verify(struct span cose, const struct uvm_expectation *expectation,
                                    struct uvm_endorsement *endorsement, struct checks *checks);

#endif
