/* The body of an attest request, by its first byte of a kind: what is read is within its limits,
 * and evidence that a fuzzer makes is refused with a reason. */
#include "fuzz.h"

#include "service/maa_claims.h"

static void verify(const struct maa_request *request)
{
    static int (*const verifiers[MAA_KIND_COUNT])(const struct maa_request *,
                                                  const struct maa_trust *, struct maa_result *,
                                                  struct error *) = {
        [MAA_SEV_SNP] = maa_verify_snp,       [MAA_SGX] = maa_verify_dcap,
        [MAA_OPEN_ENCLAVE] = maa_verify_dcap, [MAA_TDX] = maa_verify_dcap,
        [MAA_AZURE_GUEST] = maa_verify_hcl,
    };
    static struct maa_result result;
    static struct maa_trust trust = {.time = INT64_C(1780272000)};
    if (!trust.chains) {
        trust.chains = snp_chains_new(NULL, 0, NULL);
        trust.collaterals = collaterals_open(NULL, NULL, 0, NULL);
    }
    struct error err = {0};
    result = (struct maa_result){0};
    if (!verifiers[request->kind])
        return;
    fuzz_require(verifiers[request->kind](request, &trust, &result, &err) < 0);
    fuzz_require(!result.claims && err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MAA_REQUEST_AUTO request = {0};
    if (size == 0)
        return 0;
    enum maa_kind kind = data[0] % MAA_KIND_COUNT;
    if (maa_request_read(kind, span_of(data + 1, size - 1), &request, NULL) < 0)
        return 0;
    fuzz_require(request.evidence.size > 0 && request.evidence.size <= MAA_EVIDENCE_MAX);
    fuzz_require(!request.nonce || json_is_string(request.nonce) || json_is_integer(request.nonce));
    verify(&request);
    return 0;
}
