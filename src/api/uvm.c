/* Endorsements of utility VMs, exported. */
#include "api/result.h"

_Static_assert(UVM_MEASUREMENT_SIZE == 48, "as the header says");

enum caisson_verdict caisson_verify_uvm(const struct caisson_uvm_input *input,
                                        struct caisson_result *result)
{
    struct caisson_uvm_input in;
    result_reset(result);
    if (input_take(&in, sizeof in, input, "caisson_uvm_input", &result->error) < 0)
        return CAISSON_REFUSED;
    const struct uvm_expectation expectation = {.time = in.time,
                                                .at_signing_time = in.at_signing_time,
                                                .issuer = in.issuer,
                                                .feed = in.feed,
                                                .minimum_svn = in.minimum_svn,
                                                .measurement = in.measurement};
    result->kind = RESULT_UVM;
    result->verdict = uvm_endorsement_verify(span_of_bytes(in.cose), &expectation, &result->of.uvm,
                                             &result->checks);
    return caisson_result_verdict(result);
}

bool caisson_result_get_uvm(const struct caisson_result *result, struct caisson_uvm_claims *out)
{
    const struct uvm_endorsement *endorsement = result->kind == RESULT_ACI
                                                    ? &result->of.aci.endorsement
                                                    : &result->of.uvm;
    if ((result->kind != RESULT_UVM && result->kind != RESULT_ACI) ||
        result->verdict != VERDICT_ACCEPTED)
        return false;
    *out = (struct caisson_uvm_claims){
        .issuer = endorsement->issuer,
        .feed = endorsement->feed,
        .svn = endorsement->svn,
        .measurement = endorsement->measurement,
        .signing_time = endorsement->has_signing_time ? endorsement->signing_time : 0};
    return true;
}
