/*
 * Attestation results in the form of EAR (draft-ietf-rats-ear), with the members that Trustee's
 * tokens have, for whoever reads those: one submodule, cpu0, with its status, its vector of trust
 * and what was verified. Beside them stand the claims by the names of Microsoft's service, by which
 * rules are written here. Pure.
 *
 * The vector says what the service knows (draft-ietf-rats-ar4si, section 2.3): that the hardware is
 * genuine, or simulated and thus not recognized (97); that the configuration lets nobody debug; and
 * that the software is one that a trusted endorsement names. Where nothing endorses it that is 33:
 * which software may have a secret is for the rules to say.
 */
#ifndef CAISSON_SERVICE_EAR_H
#define CAISSON_SERVICE_EAR_H

#include <jansson.h>

#include "evidence/snp_report.h"

#define EAR_PROFILE "tag:github.com,2024:confidential-containers/Trustee"

struct ear_subject {
    const char *issuer;
    const char *id; /* jti */
    int64_t now;    /* seconds since 1970 */
    int64_t life;   /* seconds */
    bool simulated;
    const char *policy_id;           /* of the policy that permitted it */
    const json_t *claims;            /* of the evidence: x-ms-… */
    const json_t *issued;            /* by the policy; NULL: nothing */
    const json_t *runtime;           /* what REPORT_DATA binds; NULL: not shown */
    const struct snp_report *report; /* NULL: not at hand, or no SNP report */
};

/* The claims of the token; the caller's. NULL where memory ran out. */
json_t *ear_claims(const struct ear_subject *subject, struct error *err);

/* The key that a client bound to its evidence, of such claims; NULL where there is none. */
json_t *ear_find_key(const json_t *claims);

#endif
