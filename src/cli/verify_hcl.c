/* `caisson verify hcl`: the report of an Azure confidential VM, and a quote of its vTPM. */
#include "base/hex.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/quote_claims.h"
#include "cli/quote_evidence.h"
#include "cli/snp_claims.h"
#include "cli/snp_evidence.h"
#include "cli/verdict.h"
#include "evidence/hcl_verify.h"
#include "os/file.h"

static const struct option_rule options[] = {
    {.name = "report", .operand = "FILE", .help = "The HCL report, as the vTPM's index has it"},
    {.name = "certs",
     .operand = "FILE",
     .help = "Certificates in any order: PEM, DER, a host's certificate table, THIM's JSON",
     .repeats = true},
    {.name = "quote", .operand = "FILE", .help = "The vTPM's quote (TPMS_ATTEST)"},
    {.name = "signature",
     .operand = "FILE",
     .help = "The signature of the quote: TPMT_SIGNATURE, or RSA's bytes alone"},
    {.name = "nonce", .operand = "HEX", .help = "The nonce that the quote was asked with"},
    {.name = "pcrs",
     .operand = "FILE",
     .help = "The values of the PCRs that are quoted, one after the other"},
    {.name = "pcr", .operand = "N=HEX", .help = "What PCR N must be (SHA-256)", .repeats = true},
    {.name = "td-quote",
     .operand = "FILE",
     .help = "With TDX inside: Intel's quote of the same trust domain"},
    {.name = "collateral",
     .operand = "FILE",
     .help = "What that quote is judged by, as verify tdx has it"},
    {.name = "root",
     .operand = "FILE",
     .help = "The root, trusted besides AMD's and Intel's because you say so"},
    {.name = "trust-simulated",
     .operand = "DIR",
     .help = "Accept evidence of the simulated processor in DIR, which proves nothing"},
    {.name = "crl", .operand = "FILE", .help = "The root's revocation list, in DER"},
    {.name = "require-crl", .help = "Refuse without a revocation list"},
    {.name = "allow-stale-crl", .help = "Accept a revocation list past its time"},
    {.name = "at", .operand = "TIME", .help = "Verify as of 2026-06-01T00:00:00Z (default: now)"},
    {.name = "appraise",
     .operand = "FILE",
     .help = "What the machine must be, as docs/verify.md has it: an snp_appraisal, with TDX "
             "inside a dcap_appraisal"},
    {.name = "json", .help = "Print JSON"},
    {.name = "html", .operand = "FILE", .help = "Write the verdict as a page with a picture, too"},
    {0}};

struct inputs {
    struct snp_evidence_files snp; /* its report stays empty: the frame has it */
    struct quote_evidence_files td;
    enum hcl_kind kind; /* of the frame; 0 where it can't be read */
    struct buf frame;
    struct buf quote;
    struct buf signature;
    struct buf pcrs;
    uint8_t nonce[TPM_NONCE_MAX];
    struct tpm_pcr expected[TPM_PCR_COUNT];
    struct tpm_quote_expectation expectation;
};

static void inputs_init(struct inputs *inputs)
{
    *inputs = (struct inputs){.expectation.pcrs = NULL};
    snp_evidence_init(&inputs->snp);
    quote_evidence_init(&inputs->td);
    buf_init(&inputs->frame, HCL_SIZE_MAX);
    buf_init(&inputs->quote, TPM_QUOTE_MAX);
    buf_init(&inputs->signature, TPM_SIGNATURE_MAX);
    buf_init(&inputs->pcrs, (size_t)TPM_PCR_COUNT * TPM_PCR_SIZE);
}

static void inputs_fini(struct inputs *inputs)
{
    snp_evidence_fini(&inputs->snp);
    quote_evidence_fini(&inputs->td);
    buf_fini(&inputs->frame);
    buf_fini(&inputs->quote);
    buf_fini(&inputs->signature);
    buf_fini(&inputs->pcrs);
}
#define INPUTS_AUTO __attribute__((cleanup(inputs_fini))) struct inputs

static int read_certificates(const struct args *args, struct snp_evidence_files *files,
                             struct error *err)
{
    const char *path;
    for (size_t i = 0; (path = args_get_nth(args, "certs", i)); i++) {
        if (snp_evidence_add_certificates(files, path, err) < 0)
            return -1;
    }
    return 0;
}

static int read_nonce(const char *digits, struct inputs *inputs, struct error *err)
{
    if (!digits)
        return 0;
    size_t size = strlen(digits) / 2;
    if (size == 0 || size > TPM_NONCE_MAX || !hex_decode(span_of_text(digits), inputs->nonce, size))
        return error_set(err, ERROR_USAGE, "--nonce wants 1 to %d bytes in hexadecimal",
                         TPM_NONCE_MAX);
    inputs->expectation.nonce = span_of(inputs->nonce, size);
    return 0;
}

static int read_pcr(const char *text, struct tpm_pcr *pcr, struct error *err)
{
    char number[4];
    uint64_t index;
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : sizeof number;
    if (len < sizeof number) {
        memcpy(number, text, len);
        number[len] = '\0';
    }
    if (len >= sizeof number || !text_to_u64(number, TPM_PCR_COUNT - 1, &index) ||
        !hex_decode(span_of_text(equals + 1), pcr->value, TPM_PCR_SIZE))
        return error_set(err, ERROR_USAGE,
                         "--pcr wants N=HEX, N from 0 to %d and a SHA-256 in hexadecimal, not %s",
                         TPM_PCR_COUNT - 1, text);
    pcr->index = (unsigned)index;
    return 0;
}

static int read_pcrs(const struct args *args, struct inputs *inputs, struct error *err)
{
    const char *text;
    size_t count = 0;
    for (; (text = args_get_nth(args, "pcr", count)); count++) {
        if (count == TPM_PCR_COUNT)
            return error_set(err, ERROR_USAGE, "more than %d times --pcr", TPM_PCR_COUNT);
        if (read_pcr(text, &inputs->expected[count], err) < 0)
            return -1;
    }
    inputs->expectation.pcrs = inputs->expected;
    inputs->expectation.pcr_count = count;
    return 0;
}

static int read_given(const char *path, struct buf *out, struct error *err)
{
    if (!path)
        return 0;
    if (file_read(path, out, err) < 0)
        return -1;
    return out->size > 0 ? 0 : error_set(err, ERROR_INVALID, "%s is empty", path);
}

/* Which appraisal is wanted, and whether there can be a quote, depends on the frame. One that can't
 * be read is refused later, by a check. */
static int read_by_kind(const struct args *args, struct inputs *inputs, struct error *err)
{
    struct hcl_report report;
    const char *appraise = args_get(args, "appraise");
    const char *quote = args_get(args, "td-quote");
    if (hcl_parse(buf_span(&inputs->frame), &report, NULL) == 0)
        inputs->kind = report.kind;
    if (quote && inputs->kind == HCL_SNP)
        return error_set(err, ERROR_USAGE, "%s holds an SEV-SNP report: --td-quote is for TDX",
                         args_get(args, "report"));
    if (quote &&
        (read_given(quote, &inputs->td.quote, err) < 0 ||
         quote_evidence_set_collateral(&inputs->td, args_get(args, "collateral"), err) < 0))
        return -1;
    if (!appraise)
        return 0;
    return inputs->kind == HCL_TDX ? quote_evidence_set_appraisal(&inputs->td, appraise, err)
                                   : snp_evidence_set_appraisal(&inputs->snp, appraise, err);
}

static int read_inputs(const struct args *args, struct inputs *inputs, struct error *err)
{
    if (snp_evidence_read_roots(&inputs->snp, args, err) < 0 ||
        read_nonce(args_get(args, "nonce"), inputs, err) < 0 || read_pcrs(args, inputs, err) < 0 ||
        file_read(args_get(args, "report"), &inputs->frame, err) < 0 ||
        read_given(args_get(args, "quote"), &inputs->quote, err) < 0 ||
        read_given(args_get(args, "signature"), &inputs->signature, err) < 0 ||
        read_given(args_get(args, "pcrs"), &inputs->pcrs, err) < 0 ||
        read_by_kind(args, inputs, err) < 0)
        return -1;
    return read_certificates(args, &inputs->snp, err);
}

static int check_usage(const struct args *args, struct error *err)
{
    bool quote = args_has(args, "quote");
    if (args_operand_count(args) != 0 || !args_has(args, "report"))
        return error_set(err, ERROR_USAGE, "verify hcl wants --report FILE, and no operand");
    if (quote != args_has(args, "signature") || quote != args_has(args, "nonce"))
        return error_set(
            err, ERROR_USAGE,
            "--quote, --signature and --nonce go together: a quote is worth as much as "
            "the nonce that it answers");
    if (args_has(args, "td-quote") != args_has(args, "collateral"))
        return error_set(err, ERROR_USAGE, "--td-quote and --collateral go together");
    if (!quote && (args_has(args, "pcrs") || args_has(args, "pcr")))
        return error_set(err, ERROR_USAGE, "PCRs are known by a quote: give --quote");
    return 0;
}

static json_t *own_claims(const struct hcl_result *result)
{
    char user_data[2 * HCL_USER_DATA_SIZE + 1] = "";
    bool framed = result->report.hardware.size > 0;
    const char *hardware = result->report.kind == HCL_TDX ? "tdx" : "sev-snp";
    if (result->claims.has_user_data)
        hex_encode(span_of(result->claims.user_data, HCL_USER_DATA_SIZE), user_data);
    return json_pack("{s:s?, s:s, s:b, s:s, s:b, s:I}", "hardware", framed ? hardware : NULL,
                     "vm_id", result->claims.vm_id, "secure_boot", result->claims.secure_boot,
                     "user_data", user_data, "quoted", result->has_quote, "pcrs",
                     (json_int_t)result->quote.pcrs);
}

/* The frame's own, with those of the processor's report, or of the trust domain's quote (NULL for
 * none). */
static json_t *claims_of(const struct hcl_result *result, const struct dcap_result *td)
{
    json_auto_t *claims = own_claims(result);
    json_auto_t *hardware = td ? quote_claims_json(td) : snp_claims_json(&result->snp);
    bool whole = claims && hardware && json_object_update(claims, hardware) == 0;
    return whole ? json_incref(claims) : NULL;
}

static int append_note(const struct hcl_result *result, struct buf *note, struct error *err)
{
    if (result->claims.modulus_size == 0)
        return 0;
    return buf_printf(note, err, "machine: %s, secure boot %s, by the claims\n",
                      result->claims.vm_id[0] ? result->claims.vm_id : "without an id",
                      result->claims.secure_boot ? "on" : "off or not said");
}

#define BOX_COUNT 5

static void draw(const struct hcl_result *result, struct verdict_box out[BOX_COUNT])
{
    bool is_td = result->report.kind == HCL_TDX;
    const struct verdict_box boxes[BOX_COUNT] = {
        {"Root of trust", is_td ? "Intel" : "AMD",
         is_td ? "td_quote"
               : "certificates root root_signature intermediate_signature leaf_signature validity"},
        {"Report", "by the processor",
         is_td ? "tdreport"
               : "report_format reserved_fields signature signing_key reported_tcb chip_id debug "
                 "migration_agent vmpl current_tcb committed_tcb launch_tcb"},
        {"Runtime claims", result->claims.vm_id, "hcl_format hcl_claims_hash hcl_claims"},
        {"Quote", "by the vTPM", "tpm_quote tpm_quote_format tpm_quote_signature tpm_quote_nonce"},
        {"What booted", "PCRs", "tpm_pcr_digest tpm_pcrs"},
    };
    memcpy(out, boxes, sizeof boxes);
}

/* `td` is what the trust domain's quote says, or NULL. */
static int print(const struct hcl_result *result, const struct dcap_result *td,
                 enum verdict verdict, const struct args *args, struct error *err)
{
    struct quote_picture picture;
    struct verdict_box boxes[QUOTE_BOX_COUNT + BOX_COUNT];
    size_t before = td ? QUOTE_BOX_COUNT : 0;
    BUF_AUTO note = BUF_WITH_LIMIT(65536);
    json_auto_t *claims = claims_of(result, td);
    if (!claims)
        return error_memory(err);
    if (append_note(result, &note, err) < 0 || (td && quote_claims_note(td, &note, err) < 0))
        return -1;
    if (td) {
        quote_claims_draw(td, &picture);
        memcpy(boxes, picture.boxes, sizeof picture.boxes);
    }
    draw(result, boxes + before);
    const struct verdict_view view = {
        .checks = &result->snp.checks,
        .verdict = verdict,
        .simulated = result->snp.simulated,
        .kind = "HCL report of an Azure machine",
        .note = buf_text(&note),
        .claims = claims,
        .boxes = boxes,
        .box_count = before + BOX_COUNT,
        .page = args_get(args, "html"),
    };
    return verdict_print(&view, args, err);
}

static enum verdict verify_td(const struct inputs *inputs, struct dcap_result *result)
{
    const struct snp_chain_options *trust = &inputs->snp.options;
    const struct dcap_options of_all = {trust->time, trust->roots, trust->root_count};
    struct dcap_appraisal appraisal = inputs->td.appraisal;
    appraisal.tee = DCAP_TDX;
    return dcap_verify(buf_span(&inputs->td.quote), &inputs->td.parts, &of_all, &appraisal, result);
}

/* Certificates are put in order only where there is a report that they can be of. */
static int judge(const struct inputs *inputs, const struct args *args, struct error *err)
{
    struct hcl_result result;
    struct dcap_result td_result;
    struct hcl_td_quote td_quote;
    struct span chain[SNP_CHAIN_LENGTH] = {{0}};
    bool has_chain = inputs->kind == HCL_SNP && inputs->snp.certificates.count > 0;
    bool has_td = inputs->kind == HCL_TDX && inputs->td.quote.size > 0;
    if (has_chain && snp_certificates_order(&inputs->snp.certificates, chain, err) < 0)
        return -1;
    if (has_td)
        td_quote = hcl_td_quote_of(&td_result, verify_td(inputs, &td_result));
    const struct hcl_evidence evidence = {
        .report = buf_span(&inputs->frame),
        .certificates = chain,
        .certificate_count = has_chain ? SNP_CHAIN_LENGTH : 0,
        .td_quote = has_td ? &td_quote : NULL,
        .quote = {buf_span(&inputs->quote), buf_span(&inputs->signature), buf_span(&inputs->pcrs)}};
    const struct hcl_expectation expectation = {.chain = inputs->snp.options,
                                                .snp = inputs->snp.appraisal.appraisal,
                                                .quote = inputs->expectation};
    enum verdict verdict = hcl_verify(&evidence, &expectation, &result);
    return print(&result, has_td ? &td_result : NULL, verdict, args, err);
}

static int run(const struct args *args, struct error *err)
{
    INPUTS_AUTO inputs;
    inputs_init(&inputs);
    if (check_usage(args, err) < 0 || read_inputs(args, &inputs, err) < 0)
        return -1;
    return judge(&inputs, args, err);
}

const struct command command_verify_hcl = {
    .name = "verify hcl",
    .operands = "",
    .summary =
        "Check an Azure machine's HCL report and its vTPM's quote, and tell why it is refused",
    .description =
        "An Azure confidential VM keeps its processor's report in its vTPM (index 0x01400001), in "
        "a "
        "frame with runtime claims. Checked are the report as `verify snp` does, that it binds the "
        "claims, and with --quote a quote of the vTPM by the key that the claims name.\n\n"
        "The report is as old as the machine's start: only a quote with your nonce tells that the "
        "machine runs now, and only its PCRs tell what booted. Without them that is printed as "
        "skipped.\n\n"
        "With TDX inside, the frame holds a TDREPORT, which nobody but its processor can check: "
        "have it turned into a quote inside the machine, and give it by --td-quote with its "
        "--collateral. It is verified as `verify tdx` does, and must say the same as the TDREPORT. "
        "Without it the report is refused, with all that could be checked of it.\n\n"
        "The exit status is 0 for an accepted report, 1 for a refused one, 2 for wrong usage, 3 "
        "when a file can't be read.",
    .options = options,
    .run = run,
};
