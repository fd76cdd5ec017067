/* `caisson verify sgx` and `caisson verify tdx`: a DCAP quote, judged by collateral of Intel's. */
#include "base/hex.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/enclave_file.h"
#include "cli/policy_file.h"
#include "cli/quote_evidence.h"
#include "evidence/bundle.h"
#include "evidence/runtime_data.h"
#include "os/file.h"

#define OPTIONS_OF_BOTH                                                                            \
    {.name = "quote", .operand = "FILE", .help = "The quote, as the quoting enclave made it"},     \
        {.name = "collateral",                                                                     \
         .operand = "FILE",                                                                        \
         .help =                                                                                   \
             "What Intel says of the platform: TCB info, QE identity, lists and chains, in JSON"}, \
        {.name = "root",                                                                           \
         .operand = "FILE",                                                                        \
         .help = "The root, trusted besides Intel's because you say so"},                          \
        {.name = "trust-simulated",                                                                \
         .operand = "DIR",                                                                         \
         .help = "Accept evidence of the simulated platform in DIR, which proves nothing"},        \
        {.name = "at",                                                                             \
         .operand = "TIME",                                                                        \
         .help = "Verify as of 2026-06-01T00:00:00Z (default: now)"},                              \
        {.name = "appraise",                                                                       \
         .operand = "FILE",                                                                        \
         .help = "What it must be, as docs/verify.md has it"},                                     \
        {.name = "json", .help = "Print JSON"},                                                    \
    {                                                                                              \
        .name = "html", .operand = "FILE",                                                         \
        .help = "Write the verdict as a page with a picture, too"                                  \
    }

static const struct option_rule sgx_options[] = {
    OPTIONS_OF_BOTH,
    {.name = "enclave", .operand = "IMAGE", .help = "The enclave image that must run: MRENCLAVE"},
    {.name = "policy", .operand = "FILE", .help = "The policy that it must enforce: CONFIGID"},
    POLICY_ALLOW_ALL_OPTION,
    {.name = "nonce",
     .operand = "HEX",
     .help = "The nonce that it was asked with, up to 64 bytes: REPORT_DATA, filled up by zeros"},
    {0}};

static const struct option_rule tdx_options[] = {OPTIONS_OF_BOTH, {0}};

static const char *const words[] = {[DCAP_SGX] = "sgx", [DCAP_TDX] = "tdx"};

static int check_usage(const struct args *args, enum dcap_tee tee, struct error *err)
{
    if (args_operand_count(args) != 0 || !args_has(args, "quote") || !args_has(args, "collateral"))
        return error_set(err, ERROR_USAGE,
                         "verify %s wants --quote FILE and --collateral FILE, and no operand",
                         words[tee]);
    return 0;
}

/* The command's own word and the file's must be one. */
static int set_tee(struct dcap_appraisal *appraisal, enum dcap_tee tee, struct error *err)
{
    if (appraisal->tee != DCAP_ANY_TEE && appraisal->tee != tee)
        return error_set(err, ERROR_USAGE, "the appraisal wants \"tee\": \"%s\"; use verify %s",
                         words[appraisal->tee], words[appraisal->tee]);
    appraisal->tee = tee;
    return 0;
}

/* What an option demands of a field: filled up by zeros. The appraisal may not say it too. */
static int want(struct dcap_appraisal *appraisal, enum dcap_field field, const char *option,
                struct span value, struct error *err)
{
    struct dcap_wanted *wanted = &appraisal->wanted[field];
    if (wanted->count > 0)
        return error_set(err, ERROR_USAGE, "--%s and the appraisal's \"%s\": only one can say it",
                         option, dcap_field_name(field));
    *wanted = (struct dcap_wanted){.count = 1};
    memcpy(wanted->values[0], value.data, value.size);
    return 0;
}

static int want_enclave(const struct args *args, struct dcap_appraisal *appraisal,
                        struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(ENCLAVE_FILE_LIMIT);
    struct enclave_image image;
    uint8_t mrenclave[SHA256_SIZE];
    const char *path = args_get(args, "enclave");
    if (!path)
        return 0;
    if (enclave_file_read(path, &bytes, &image, mrenclave, err) < 0)
        return -1;
    return want(appraisal, DCAP_MRENCLAVE, "enclave", span_of(mrenclave, sizeof mrenclave), err);
}

static int want_policy(const struct args *args, struct dcap_appraisal *appraisal, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(BUNDLE_POLICY_MAX);
    struct policy *policy;
    bool allows_all;
    uint8_t digest[SHA256_SIZE];
    const char *path = args_get(args, "policy");
    if (!path)
        return 0;
    int outcome = policy_file_read_expected(args, path, &text, &policy, &allows_all, err);
    policy_free(policy);
    if (outcome < 0)
        return -1;
    sha256_digest(buf_span(&text), digest);
    return want(appraisal, DCAP_CONFIGID, "policy", span_of(digest, sizeof digest), err);
}

static int want_nonce(const struct args *args, struct dcap_appraisal *appraisal, struct error *err)
{
    uint8_t nonce[REPORT_DATA_SIZE];
    const char *text = args_get(args, "nonce");
    size_t size = text ? strlen(text) / 2 : 0;
    if (!text)
        return 0;
    if (size == 0 || size > sizeof nonce || !hex_decode(span_of_text(text), nonce, size))
        return error_set(err, ERROR_USAGE, "--nonce wants 1 to %zu bytes in hexadecimal",
                         sizeof nonce);
    return want(appraisal, DCAP_REPORT_DATA, "nonce", span_of(nonce, size), err);
}

static int verify(const struct args *args, enum dcap_tee tee, struct error *err)
{
    QUOTE_EVIDENCE_AUTO files;
    quote_evidence_init(&files);
    if (check_usage(args, tee, err) < 0 || quote_evidence_read_trust(&files, args, err) < 0 ||
        set_tee(&files.appraisal, tee, err) < 0 ||
        (tee == DCAP_SGX && (want_enclave(args, &files.appraisal, err) < 0 ||
                             want_policy(args, &files.appraisal, err) < 0 ||
                             want_nonce(args, &files.appraisal, err) < 0)) ||
        file_read(args_get(args, "quote"), &files.quote, err) < 0 ||
        quote_evidence_set_collateral(&files, args_get(args, "collateral"), err) < 0)
        return -1;
    return quote_evidence_judge(&files, args, err);
}

static int run_sgx(const struct args *args, struct error *err)
{
    return verify(args, DCAP_SGX, err);
}

static int run_tdx(const struct args *args, struct error *err)
{
    return verify(args, DCAP_TDX, err);
}

#define DESCRIPTION_OF_COLLATERAL                                                                  \
    "The collateral is one JSON object with the keys pck_crl_issuer_chain, root_ca_crl, pck_crl, " \
    "tcb_info_issuer_chain, tcb_info, tcb_info_signature, qe_identity_issuer_chain, qe_identity, " \
    "qe_identity_signature and, for a quote without its own, pck_certificate_chain: chains in "    \
    "PEM, the two documents as the very texts that Intel signed, lists and signatures in "         \
    "hexadecimal. It is the host's word until its signatures have led to Intel's root, and it "    \
    "counts in its own time alone: --at judges a quote that you kept.\n\n"                         \
    "A platform is accepted when Intel calls it UpToDate. \"accepted_statuses\" of the appraisal " \
    "lets others pass; the advisories are printed in either case.\n\n"                             \
    "The exit status is 0 for an accepted quote, 1 for a refused one, 2 for wrong usage, 3 when "  \
    "a file can't be read."

const struct command command_verify_sgx = {
    .name = "verify sgx",
    .operands = "",
    .summary = "Check the quote of an SGX enclave, and tell why it is refused",
    .description =
        "Checks the collateral, the chain of the platform's PCK certificate up to Intel's root, "
        "both signatures, the quoting enclave, the platform's TCB status, and what --appraise asks "
        "for. Without --appraise any enclave is accepted that can't be debugged; MRENCLAVE, "
        "MRSIGNER and the like are then printed and not compared. Of an enclave of Caisson's, say "
        "which image it runs (--enclave), which policy it enforces (--policy: its SHA-256 is "
        "CONFIGID) and what it was asked (--nonce).\n\n" DESCRIPTION_OF_COLLATERAL,
    .options = sgx_options,
    .run = run_sgx,
};

const struct command command_verify_tdx = {
    .name = "verify tdx",
    .operands = "",
    .summary = "Check the quote of a TDX trust domain, and tell why it is refused",
    .description =
        "Checks the collateral, the chain of the platform's PCK certificate up to Intel's root, "
        "both signatures, the quoting enclave, the TDX module, the platform's TCB status, and what "
        "--appraise asks for. Without --appraise any trust domain is accepted that can't be "
        "debugged or migrated and has SEPT_VE_DISABLE on; MRTD, the RTMRs and the like are then "
        "printed and not compared.\n\n" DESCRIPTION_OF_COLLATERAL,
    .options = tdx_options,
    .run = run_tdx,
};
