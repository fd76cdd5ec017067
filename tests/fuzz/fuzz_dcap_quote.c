/* A quote: all parts of what is accepted lie inside it, one after the other. */
#include "fuzz.h"

#include "evidence/dcap_quote.h"

/* Advances `end` over a part that must begin there or after, within the bytes. */
static void follow(struct span bytes, struct span part, size_t *end)
{
    size_t at = (size_t)(part.data - bytes.data);
    fuzz_require(at >= *end && at <= bytes.size && part.size <= bytes.size - at);
    *end = at + part.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dcap_quote quote;
    size_t end = 0;
    struct span bytes = span_of(data, size);
    if (dcap_quote_parse(bytes, &quote, NULL) < 0)
        return 0;
    follow(bytes, quote.report, &end);
    fuzz_require(quote.signed_bytes.data == data && quote.signed_bytes.size == end);
    const struct span parts[] = {quote.signature,    quote.attestation_key,
                                 quote.qe_report,    quote.qe_signature,
                                 quote.qe_auth_data, quote.certification_data};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        follow(bytes, parts[i], &end);
    fuzz_require(quote.trailing.size == size - end);
    fuzz_require(quote.report.size == dcap_body_size(quote.body));
    fuzz_require(dcap_quote_get(&quote, DCAP_REPORT_DATA).size == 64);
    (void)dcap_report_check_reserved(quote.body, quote.report, NULL);
    return 0;
}
