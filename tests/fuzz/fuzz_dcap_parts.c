/* The collateral of DCAP quotes in one document: what can be read is checked, and nothing that a
 * fuzzer makes leads to a root of Intel's. */
#include "fuzz.h"

#include "evidence/dcap_collateral.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dcap_options options = {.time = 1780272000};
    static struct checks checks;
    struct dcap_parts parts;
    if (dcap_parts_parse(span_of(data, size), &parts, NULL) == 0) {
        fuzz_require(parts.tcb_info.size <= TCB_INFO_SIZE_MAX);
        fuzz_require(parts.root_ca_crl.size > 0 && parts.root_ca_crl.size <= CRL_DER_MAX);
        checks_init(&checks);
        DCAP_COLLATERAL_AUTO *collateral = dcap_collateral_new(&parts, &options, &checks);
        fuzz_require(!collateral || !collateral->trusted);
        fuzz_require(checks_first_failure(&checks) && !checks.overflow);
    }
    dcap_parts_fini(&parts);
    return 0;
}
