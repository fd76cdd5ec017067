/* `caisson verify aci`: the security context of a container group on Azure Container Instances. */
#include "base/hex.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/snp_claims.h"
#include "cli/snp_evidence.h"
#include "cli/uvm_options.h"
#include "cli/verdict.h"
#include "evidence/aci.h"
#include "evidence/thim.h"
#include "os/file.h"

#define POLICY_MAX       (4 * 1024 * 1024)
#define RUNTIME_DATA_MAX (1024 * 1024)

#define FILE_REPORT    "report"
#define FILE_HOST      "host-amd-cert-base64"
#define FILE_REFERENCE "reference-info-base64"
#define FILE_POLICY    "security-policy-base64"

static const struct option_rule options[] = {
    {.name = "report",
     .operand = "FILE",
     .help = "The report, 1184 bytes or their base64 (default: DIR/" FILE_REPORT ")"},
    {.name = "policy", .operand = "FILE", .help = "Your policy, which the guest must enforce"},
    {.name = "runtime-data",
     .operand = "FILE",
     .help = "What must have been hashed into REPORT_DATA"},
    UVM_OPTIONS,
    {.name = "root",
     .operand = "FILE",
     .help = "The root, trusted besides AMD's because you say so"},
    {.name = "trust-simulated",
     .operand = "DIR",
     .help = "Accept evidence of the simulated processor in DIR, which proves nothing"},
    {.name = "crl", .operand = "FILE", .help = "The root's revocation list, in DER"},
    {.name = "require-crl", .help = "Refuse without a revocation list"},
    {.name = "allow-stale-crl", .help = "Accept a revocation list past its time"},
    {.name = "at", .operand = "TIME", .help = "Verify as of 2026-06-01T00:00:00Z (default: now)"},
    {.name = "appraise",
     .operand = "FILE",
     .help = "What the machine must be, as docs/verify.md has it"},
    {.name = "json", .help = "Print JSON"},
    {.name = "html", .operand = "FILE", .help = "Write the verdict as a page with a picture, too"},
    {0}};

/* All that lies in files, decoded. */
struct inputs {
    struct snp_evidence_files snp; /* its certificates stay empty: the directory has them */
    struct buf host;
    struct buf reference;
    struct buf policy;
    struct buf own_policy;
    struct buf runtime_data;
};

static void inputs_init(struct inputs *inputs)
{
    snp_evidence_init(&inputs->snp);
    buf_init(&inputs->host, THIM_SIZE_MAX);
    buf_init(&inputs->reference, COSE_SIZE_MAX);
    buf_init(&inputs->policy, POLICY_MAX);
    buf_init(&inputs->own_policy, POLICY_MAX);
    buf_init(&inputs->runtime_data, RUNTIME_DATA_MAX);
}

static void inputs_fini(struct inputs *inputs)
{
    snp_evidence_fini(&inputs->snp);
    buf_fini(&inputs->host);
    buf_fini(&inputs->reference);
    buf_fini(&inputs->policy);
    buf_fini(&inputs->own_policy);
    buf_fini(&inputs->runtime_data);
}
#define INPUTS_AUTO __attribute__((cleanup(inputs_fini))) struct inputs

static int read_encoded(const char *dir, const char *name, struct buf *out, struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", dir, name);
    return path ? uvm_options_read_base64(path, out, err) : error_memory(err);
}

/* Raw bytes have one size that base64 of them has not. */
static int read_report(const char *path, struct buf *report, struct error *err)
{
    if (file_read(path, report, err) < 0)
        return error_context(err, "the report, which --report names");
    if (report->size == SNP_REPORT_SIZE)
        return 0;
    buf_fini(report);
    return uvm_options_read_base64(path, report, err);
}

/* Empty files would stand for "not given". */
static int read_given(const char *path, struct buf *out, struct error *err)
{
    if (!path)
        return 0;
    if (file_read(path, out, err) < 0)
        return -1;
    return out->size > 0 ? 0 : error_set(err, ERROR_INVALID, "%s is empty", path);
}

static int read_inputs(const struct args *args, struct inputs *inputs, struct error *err)
{
    const char *dir = args_operands(args)[0];
    TEXT_AUTO beside = text_format("%s/" FILE_REPORT, dir);
    if (!beside)
        return error_memory(err);
    const char *report = args_has(args, "report") ? args_get(args, "report") : beside;
    if (read_encoded(dir, FILE_HOST, &inputs->host, err) < 0 ||
        read_encoded(dir, FILE_REFERENCE, &inputs->reference, err) < 0 ||
        read_encoded(dir, FILE_POLICY, &inputs->policy, err) < 0 ||
        read_report(report, &inputs->snp.report, err) < 0 ||
        read_given(args_get(args, "policy"), &inputs->own_policy, err) < 0 ||
        read_given(args_get(args, "runtime-data"), &inputs->runtime_data, err) < 0)
        return -1;
    return snp_evidence_read_trust(&inputs->snp, args, err);
}

static json_t *claims_of(const struct aci_result *result)
{
    char policy[2 * SHA256_SIZE + 1];
    hex_encode(span_of(result->policy_digest, SHA256_SIZE), policy);
    json_auto_t *claims = snp_claims_json(&result->snp);
    json_auto_t *own = json_pack("{s:s, s:o}", "policy_sha256", policy, "endorsement",
                                 uvm_options_json(&result->endorsement));
    bool whole = claims && own && json_object_update(claims, own) == 0;
    return whole ? json_incref(claims) : NULL;
}

static int append_note(const struct aci_result *result, struct buf *note, struct error *err)
{
    char digits[2 * SHA256_SIZE + 1];
    hex_encode(span_of(result->policy_digest, SHA256_SIZE), digits);
    if (buf_printf(note, err, "policy in the directory: SHA-256 %s\n", digits) < 0)
        return -1;
    return uvm_options_note(&result->endorsement, note, err);
}

static int print(const struct aci_result *result, enum verdict verdict, const struct args *args,
                 struct error *err)
{
    BUF_AUTO note = BUF_WITH_LIMIT(8192);
    char measurement[2 * SNP_MEASUREMENT_SIZE + 1];
    char policy[2 * SHA256_SIZE + 1];
    json_auto_t *claims = claims_of(result);
    if (!claims)
        return error_memory(err);
    if (append_note(result, &note, err) < 0)
        return -1;
    hex_encode(span_of(result->snp.report.measurement, SNP_MEASUREMENT_SIZE), measurement);
    hex_encode(span_of(result->policy_digest, SHA256_SIZE), policy);
    const struct verdict_box boxes[] = {
        {"Root of trust", result->snp.product ? result->snp.product : "unknown",
         "host_certificates certificates root root_signature intermediate_signature "
         "leaf_signature revocation validity"},
        {"Report", "signed by the processor",
         "report_format reserved_fields signature signing_key reported_tcb host_tcb chip_id debug "
         "migration_agent vmpl current_tcb committed_tcb launch_tcb"},
        {"Endorsement", result->endorsement.feed,
         "uvm_format uvm_certificates uvm_chain uvm_validity uvm_identity uvm_issuer uvm_feed "
         "uvm_signature uvm_payload uvm_svn"},
        {"What booted", measurement, "measurement uvm_measurement"},
        {"What it enforces", policy, "host_data policy expected_policy"},
        {"Whom it answers", "REPORT_DATA", "report_data runtime_data"},
    };
    const struct verdict_view view = {
        .checks = &result->snp.checks,
        .verdict = verdict,
        .simulated = result->snp.simulated,
        .kind = "ACI security context",
        .note = buf_text(&note),
        .claims = claims,
        .boxes = boxes,
        .box_count = sizeof boxes / sizeof *boxes,
        .page = args_get(args, "html"),
    };
    return verdict_print(&view, args, err);
}

static int run(const struct args *args, struct error *err)
{
    INPUTS_AUTO inputs;
    struct aci_result result;
    struct aci_expectation expectation = {0};
    inputs_init(&inputs);
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "verify aci wants one security-context directory");
    if (read_inputs(args, &inputs, err) < 0 ||
        uvm_options_read(args, inputs.snp.options.time, &expectation.uvm, err) < 0)
        return -1;
    expectation.chain = inputs.snp.options;
    expectation.snp = inputs.snp.appraisal.appraisal;
    expectation.policy = buf_span(&inputs.own_policy);
    const struct aci_evidence evidence = {
        .report = buf_span(&inputs.snp.report),
        .host_certificates = buf_span(&inputs.host),
        .reference_info = buf_span(&inputs.reference),
        .policy = buf_span(&inputs.policy),
        .runtime_data = buf_span(&inputs.runtime_data),
    };
    enum verdict verdict = aci_verify(&evidence, &expectation, &result);
    return print(&result, verdict, args, err);
}

const struct command command_verify_aci = {
    .name = "verify aci",
    .operands = "DIR",
    .summary = "Check the security context of an ACI container group, and tell why it is refused",
    .description =
        "DIR is what the container finds in its security-context directory: " FILE_HOST
        ", " FILE_REFERENCE " and " FILE_POLICY
        "; the report that was asked of its processor lies beside them as " FILE_REPORT
        ", or is named by --report. Checked are the host's certificates up to AMD's root, the "
        "report's signature, the SHA-256 of the policy with HOST_DATA, the endorsement of the "
        "guest and its measurement with MEASUREMENT, and with --runtime-data REPORT_DATA.\n\n"
        "All of DIR is the host's word: compare the policy with yours by --policy, and have your "
        "nonce or key in the runtime data. What is given nothing to compare with is printed as "
        "skipped.\n\n"
        "The endorser's certificates live for about a year: --endorsed-at says at which time they "
        "must be valid, as `caisson verify uvm --help` tells.\n\n"
        "The exit status is 0 for an accepted context, 1 for a refused one, 2 for wrong usage, 3 "
        "when a file can't be read.",
    .options = options,
    .run = run,
};
