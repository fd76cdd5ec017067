#include "cli/verify_enclave.h"

#include "base/hex.h"
#include "base/text.h"
#include "cli/enclave_file.h"
#include "cli/policy_file.h"
#include "cli/quote_evidence.h"
#include "cli/trust.h"
#include "cli/verify_fragments.h"
#include "evidence/bundle_verify_enclave.h"
#include "evidence/runtime_data.h"

/* All that the command line names, read. */
struct inputs {
    struct quote_evidence_files files; /* collateral, roots and time; no quote */
    struct buf policy;
    struct policy *model;
    bool allows_all;
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX];
    struct verify_fragments fragments;
    struct enclave_expectation expectation;
};

static void inputs_fini(struct inputs *inputs)
{
    quote_evidence_fini(&inputs->files);
    buf_fini(&inputs->policy);
    policy_free(inputs->model);
    verify_fragments_fini(&inputs->fragments);
}

static int check_usage(const struct args *args, struct error *err)
{
    static const char *const needed[] = {"nonce", "policy", "enclave"};
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "verify wants one evidence file");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!args_has(args, needed[i]))
            return error_set(err, ERROR_USAGE,
                             "the evidence is an enclave's; verify wants --%s: what you don't "
                             "compare, you don't know",
                             needed[i]);
    }
    if (!args_has(args, "collateral") && !args_has(args, "trust-simulated"))
        return error_set(err, ERROR_USAGE,
                         "the evidence is an enclave's; verify wants --collateral FILE: what Intel "
                         "says of the platform");
    return args_has(args, "guest")
               ? error_set(err, ERROR_USAGE, "--guest: an enclave has no guest; say --enclave")
               : 0;
}

static int read_nonce(const struct args *args, struct inputs *inputs, struct error *err)
{
    const char *text = args_get(args, "nonce");
    size_t size = strlen(text) / 2;
    if (size == 0 || size > sizeof inputs->nonce ||
        !hex_decode(span_of_text(text), inputs->nonce, size))
        return error_set(err, ERROR_USAGE, "--nonce wants 1 to %d bytes in hexadecimal",
                         RUNTIME_DATA_NONCE_MAX);
    inputs->expectation.nonce = span_of(inputs->nonce, size);
    return 0;
}

/* MRENCLAVE as it is published, or the image from which it follows. */
static int read_enclave(const struct args *args, uint8_t mrenclave[SHA256_SIZE], struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(ENCLAVE_FILE_LIMIT);
    struct enclave_image image;
    const char *enclave = args_get(args, "enclave");
    if (hex_decode(span_of_text(enclave), mrenclave, SHA256_SIZE))
        return 0;
    return enclave_file_read(enclave, &bytes, &image, mrenclave, err);
}

/* The simulated platform's collateral lies beside its root. */
static int read_collateral(const struct args *args, struct inputs *inputs, struct error *err)
{
    const char *simulated = args_get(args, "trust-simulated");
    const char *path = args_get(args, "collateral");
    TEXT_AUTO beside = text_format("%s/collateral.json", simulated ? simulated : "");
    if (!beside)
        return error_memory(err);
    if (simulated && quote_evidence_add_simulated(&inputs->files, simulated, err) < 0)
        return -1;
    return quote_evidence_set_collateral(&inputs->files, path ? path : beside, err);
}

static int read_inputs(const struct args *args, struct inputs *inputs, struct error *err)
{
    struct enclave_expectation *expectation = &inputs->expectation;
    if (check_usage(args, err) < 0 || read_nonce(args, inputs, err) < 0 ||
        read_enclave(args, expectation->mrenclave, err) < 0 ||
        trust_read_time(args_get(args, "at"), &inputs->files.options.time, err) < 0 ||
        verify_fragments_read(args, &inputs->fragments, err) < 0 ||
        policy_file_read_expected(args, args_get(args, "policy"), &inputs->policy, &inputs->model,
                                  &inputs->allows_all, err) < 0 ||
        read_collateral(args, inputs, err) < 0)
        return -1;
    expectation->collateral = &inputs->files.parts;
    expectation->options = &inputs->files.options;
    expectation->policy = buf_span(&inputs->policy);
    expectation->partial = args_has(args, "partial");
    expectation->fragments = inputs->fragments.demands;
    return 0;
}

int verify_enclave(const struct args *args, const struct bundle *bundle, struct error *err)
{
    __attribute__((cleanup(inputs_fini))) struct inputs inputs = {
        .policy = BUF_WITH_LIMIT(BUNDLE_POLICY_MAX)};
    struct dcap_result result;
    quote_evidence_init(&inputs.files);
    if (read_inputs(args, &inputs, err) < 0)
        return -1;
    enum verdict verdict = bundle_verify_enclave(bundle, &inputs.expectation, &result);
    return quote_evidence_print(
        &result, verdict,
        inputs.allows_all ? "evidence bundle (ALLOW-ALL policy)" : "evidence bundle", args, err);
}
