/*
 * Evidence on its way through the service: read, verified, decided on by the tenant's policy, and
 * what a token would then say. It changes nothing: a token, and its note in the audit log, are
 * made by whoever asked for one (service/maa.c).
 */
#ifndef CAISSON_SERVICE_MAA_ATTESTATION_H
#define CAISSON_SERVICE_MAA_ATTESTATION_H

#include "rules/rules.h"
#include "service/maa_token.h"
#include "service/policies.h"
#include "service/service_parts.h"

#define ATTESTATION_ID_SIZE 32                /* bytes of randomness */
#define ATTESTATION_MAX     ((size_t)2 << 20) /* bytes of a token's payload */

struct attestation {
    const struct call *call;
    struct maa_request request;
    struct maa_result result;
    struct rules_result decision;
    const struct tenant_policy *policy; /* that decides: the tenant's, or the one to be tried */
    bool is_draft; /* the client's own policy: the token proves nothing, and is not signed */
    char id[2 * ATTESTATION_ID_SIZE + 1];
};

/* One of evidence of this kind; its checks are too much for a stack. NULL where memory runs out. */
struct attestation *attestation_new(const struct call *call, enum maa_kind kind);
void attestation_free(struct attestation *attestation);
void attestation_cleanup(struct attestation **attestation);
#define ATTESTATION_AUTO __attribute__((cleanup(attestation_cleanup))) struct attestation

/* Once maa_request_read() has filled the request: fills the result. */
int attestation_verify(struct attestation *attestation, struct error *err);

/* Asks the policy about what was verified: fills policy and decision. ERROR_REFUSED with the rule's
 * line where it does not permit; a policy that fails denies. */
int attestation_decide(struct attestation *attestation, struct error *err);

/* Gives it an id that nobody guesses: what the audit log and the token call it. */
int attestation_take_id(struct attestation *attestation, struct error *err);

/* Adds those of the claims named in `kept` that there are, for the audit log. Takes `detail`: it is
 * returned, or NULL where memory runs out; NULL gives NULL. */
json_t *attestation_keep_claims(const struct attestation *attestation, json_t *detail,
                                const char *const kept[], size_t count);

/* Appends the claims of the token, as JSON. */
int attestation_write_payload(struct attestation *attestation, struct buf *out, struct error *err);

/* The same as an attestation result (service/ear.h), valid for `life` seconds: `runtime` is what
 * REPORT_DATA binds, `report` the SNP report, each NULL where it is not at hand. */
int attestation_write_ear(struct attestation *attestation, const json_t *runtime,
                          const struct snp_report *report, int64_t life, struct buf *out,
                          struct error *err);

/* Appends the token of such a payload: signed by ES256, with the key in its header. */
int attestation_sign_ear(const struct call *call, struct span payload, struct buf *out,
                         struct error *err);

#endif
