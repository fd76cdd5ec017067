/* An evidence bundle: what is read is refused by the verifier, or can be written and read again. */
#include "fuzz.h"

#include "evidence/bundle_verify.h"

static struct snp_result result;

static void verify(const struct bundle *bundle)
{
    static const uint8_t measurement[1][SNP_MEASUREMENT_SIZE] = {{1}};
    const struct bundle_expectation expectation = {.chain = {.time = 1780272000},
                                                   .nonce = span_of("n", 1),
                                                   .policy = span_of("p", 1),
                                                   .cmdline = "c",
                                                   .measurements = measurement,
                                                   .measurement_count = 1};
    fuzz_require(bundle_verify(bundle, &expectation, &result) == VERDICT_REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BUNDLE_AUTO bundle;
    BUNDLE_AUTO again;
    BUF_AUTO text = BUF_WITH_LIMIT(2 * BUNDLE_SIZE_MAX);
    bundle_init(&bundle);
    bundle_init(&again);
    if (bundle_parse(span_of(data, size), &bundle, NULL) < 0)
        return 0;
    verify(&bundle);
    fuzz_require(bundle_write(&bundle, &text, NULL) == 0);
    fuzz_require(bundle_parse(buf_span(&text), &again, NULL) == 0);
    fuzz_require(span_equal(buf_span(&bundle.report), buf_span(&again.report)));
    fuzz_require(bundle.certificate_count == again.certificate_count);
    return 0;
}
