/*
 * A quote and its collateral: u32 size of the collateral's JSON, the JSON, the quote. The root that
 * the collateral names is trusted, so that seeds are accepted and what the fuzzer makes of them
 * comes as far as it can.
 */
#include "fuzz.h"

#include "base/cursor.h"
#include "evidence/dcap_verify.h"

static bool find_root(const struct dcap_parts *parts, struct trusted_root *root)
{
    struct dcap_chain chain;
    bool found = dcap_chain_read(parts->pck_crl_issuer_chain, 2, NULL, &chain, NULL) == 0;
    if (found)
        certificate_digest(dcap_chain_root(&chain), root->digest);
    dcap_chain_fini(&chain);
    return found;
}

static void verify(struct span quote, const struct dcap_parts *parts,
                   const struct trusted_root *root)
{
    static const struct dcap_appraisal strict;
    static struct dcap_result result;
    const struct dcap_options options = {.time = 1780272000, .roots = root, .root_count = 1};
    enum verdict verdict = dcap_verify(quote, parts, &options, &strict, &result);
    fuzz_require(!result.checks.overflow);
    fuzz_require((verdict == VERDICT_ACCEPTED) ==
                 (result.checks.complete && !checks_first_failure(&result.checks)));
    if (verdict != VERDICT_ACCEPTED)
        return;
    fuzz_require(result.claims.status == TCB_UP_TO_DATE);
    fuzz_require(result.quote.qe_report.size == DCAP_SGX_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor = cursor_of(span_of(data, size));
    struct dcap_parts parts;
    struct trusted_root root = {.simulated = false};
    struct span json;
    uint32_t json_size;
    if (!cursor_le32(&cursor, &json_size) || !cursor_read(&cursor, json_size, &json))
        return 0;
    if (dcap_parts_parse(json, &parts, NULL) == 0 && find_root(&parts, &root))
        verify(cursor.rest, &parts, &root);
    dcap_parts_fini(&parts);
    return 0;
}
