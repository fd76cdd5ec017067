/* `caisson verify sgx` and `caisson verify tdx`: a DCAP quote, judged by collateral of Intel's. */
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/quote_evidence.h"
#include "os/file.h"

static const struct option_rule options[] = {
    {.name = "quote", .operand = "FILE", .help = "The quote, as the quoting enclave made it"},
    {.name = "collateral",
     .operand = "FILE",
     .help = "What Intel says of the platform: TCB info, QE identity, lists and chains, in JSON"},
    {.name = "root",
     .operand = "FILE",
     .help = "The root, trusted besides Intel's because you say so"},
    {.name = "trust-simulated",
     .operand = "DIR",
     .help = "Accept evidence of the simulated platform in DIR, which proves nothing"},
    {.name = "at", .operand = "TIME", .help = "Verify as of 2026-06-01T00:00:00Z (default: now)"},
    {.name = "appraise", .operand = "FILE", .help = "What it must be, as docs/verify.md has it"},
    {.name = "json", .help = "Print JSON"},
    {.name = "html", .operand = "FILE", .help = "Write the verdict as a page with a picture, too"},
    {0}};

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

static int verify(const struct args *args, enum dcap_tee tee, struct error *err)
{
    QUOTE_EVIDENCE_AUTO files;
    quote_evidence_init(&files);
    if (check_usage(args, tee, err) < 0 || quote_evidence_read_trust(&files, args, err) < 0 ||
        set_tee(&files.appraisal, tee, err) < 0 ||
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
        "MRSIGNER and the like are then printed and not compared.\n\n" DESCRIPTION_OF_COLLATERAL,
    .options = options,
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
    .options = options,
    .run = run_tdx,
};
