/* What an attestation says as an attestation result (EAR), whatever interface asked for it. */
#include "format/json.h"
#include "service/ear.h"
#include "service/maa_attestation.h"

int attestation_write_ear(struct attestation *attestation, const json_t *runtime,
                          const struct snp_report *report, int64_t life, struct buf *out,
                          struct error *err)
{
    if (attestation_take_id(attestation, err) < 0)
        return -1;
    json_auto_t *issued = claims_to_json(&attestation->decision.issued, err);
    if (!issued)
        return -1;
    struct ear_subject subject = {.issuer = attestation->call->tenant->issuer,
                                  .id = attestation->id,
                                  .now = attestation->call->now,
                                  .life = life,
                                  .simulated = attestation->result.simulated,
                                  .policy_id = attestation->policy->hash,
                                  .claims = attestation->result.claims,
                                  .issued = issued,
                                  .runtime = runtime,
                                  .report = report};
    json_auto_t *claims = ear_claims(&subject, err);
    return claims ? json_append(claims, out, err) : -1;
}

int attestation_sign_ear(const struct call *call, struct span payload, struct buf *out,
                         struct error *err)
{
    json_auto_t *header = json_object();
    if (!header)
        return error_memory(err);
    return signing_sign(call->service->signing, SIGNATURE_ES256, header, payload, call->now, out,
                        err);
}
