/* What an attestation agent answers the service: evidence that a fuzzer makes is never shown. */
#include "fuzz.h"

#include "service/own_evidence.h"

static struct span answer;

static int post(const char *url, struct span body, struct buf *out, struct error *err)
{
    (void)url;
    (void)body;
    return buf_append(out, answer, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct snp_chains *chains;
    if (!chains)
        chains = snp_chains_new(NULL, 0, NULL);
    struct own_evidence own = {.url = "http://127.0.0.1:8080", .post = post, .chains = chains};
    struct error err = {0};
    BUF_AUTO out = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    answer = span_of(data, size);
    fuzz_require(own_evidence_make(&own, span_of_text("a key"), INT64_C(1780272000), &out, &err) <
                 0);
    fuzz_require(out.size == 0 && err.text[0]);
    return 0;
}
