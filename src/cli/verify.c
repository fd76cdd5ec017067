#include <stdlib.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/policy_file.h"
#include "cli/quote_evidence.h"
#include "cli/snp_evidence.h"
#include "cli/trust.h"
#include "cli/verdict.h"
#include "cli/verify_enclave.h"
#include "cli/verify_fragments.h"
#include "cli/verify_services.h"
#include "evidence/bundle_verify.h"
#include "evidence/evidence_kind.h"
#include "evidence/runtime_statement.h"
#include "measure/manifest.h"
#include "os/file.h"

static const struct option_rule options[] = {
    {.name = "nonce", .operand = "HEX", .help = "The nonce that the evidence was asked with"},
    {.name = "policy", .operand = "FILE", .help = "The policy that the machine must enforce"},
    {.name = "guest", .operand = "MANIFEST", .help = "The manifest of the guest that must run"},
    {.name = "enclave",
     .operand = "IMAGE",
     .help = "Of a container in an enclave, the image that must run, or its MRENCLAVE in hex"},
    {.name = "collateral", .operand = "FILE", .help = "Of such a one, what Intel says (JSON)"},
    POLICY_ALLOW_ALL_OPTION,
    {.name = "partial",
     .help = "Accept a machine that does not run all of the policy's containers"},
    {.name = "fragment",
     .operand = "feed=FEED,…",
     .help = "A fragment that must be loaded; also issuer=DID, min-svn=N, sha256=HEX",
     .repeats = true},
    {.name = "no-other-fragments", .help = "Refuse fragments that no --fragment names"},
    {.name = "trust-simulated",
     .operand = "DIR",
     .help = "Accept evidence of the simulated processor in DIR, which proves nothing"},
    {.name = "at", .operand = "TIME", .help = "Verify as of 2026-06-01T00:00:00Z (default: now)"},
    {.name = "json", .help = "Print JSON"},
    {.name = "html", .operand = "FILE", .help = "Write the verdict as a page with a picture, too"},
    {0}};

/* All that the command line names, read. */
struct inputs {
    struct bundle bundle;
    struct buf policy;
    struct policy *model; /* what it says; NULL where it is none of ours */
    struct manifest manifest;
    struct manifest_measurements list;
    uint8_t (*digests)[SNP_MEASUREMENT_SIZE];
    uint8_t nonce[RUNTIME_DATA_NONCE_MAX];
    struct verify_fragments fragments;
    struct trusted_root root;
    bool allows_all; /* the policy, at some point */
    bool recomputed; /* the launch digests; else they are the manifest's */
    struct bundle_expectation expectation;
};

static void inputs_fini(struct inputs *inputs)
{
    bundle_fini(&inputs->bundle);
    buf_fini(&inputs->policy);
    policy_free(inputs->model);
    manifest_fini(&inputs->manifest);
    manifest_measurements_fini(&inputs->list);
    verify_fragments_fini(&inputs->fragments);
    free(inputs->digests);
}

static int read_bundle(const char *path, struct span text, struct inputs *inputs, struct error *err)
{
    if (bundle_parse(text, &inputs->bundle, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static int read_nonce(const char *text, struct inputs *inputs, struct error *err)
{
    size_t size = strlen(text) / 2;
    if (size == 0 || size > RUNTIME_DATA_NONCE_MAX ||
        !hex_decode(span_of_text(text), inputs->nonce, size))
        return error_set(err, ERROR_USAGE, "--nonce wants 1 to %d bytes in hexadecimal",
                         RUNTIME_DATA_NONCE_MAX);
    inputs->expectation.nonce = span_of(inputs->nonce, size);
    return 0;
}

/* Simulated machines are measured anew from the manifest's digests; an SEV-SNP machine's digest
 * needs the firmware's bytes, so there the manifest's list is taken at its word. */
static int expect_measurements(struct inputs *inputs, struct error *err)
{
    const char *tee = bundle_tee_name(inputs->bundle.tee);
    inputs->recomputed = inputs->bundle.tee == BUNDLE_TEE_SIMULATED;
    int outcome = inputs->recomputed
                      ? manifest_measure_simulated(&inputs->manifest, &inputs->list, err)
                      : manifest_list(&inputs->manifest, tee, &inputs->list, err);
    if (outcome < 0)
        return -1;
    inputs->digests = calloc(inputs->list.count, sizeof *inputs->digests);
    if (!inputs->digests)
        return error_memory(err);
    for (size_t i = 0; i < inputs->list.count; i++)
        memcpy(inputs->digests[i], inputs->list.items[i].digest, SNP_MEASUREMENT_SIZE);
    inputs->expectation.measurements = (const uint8_t(*)[SNP_MEASUREMENT_SIZE])inputs->digests;
    inputs->expectation.measurement_count = inputs->list.count;
    return 0;
}

static int read_guest(const char *path, struct inputs *inputs, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(MANIFEST_SIZE_MAX);
    struct bundle_expectation *expectation = &inputs->expectation;
    const char *tee = bundle_tee_name(inputs->bundle.tee);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (manifest_parse(buf_span(&text), &inputs->manifest, err) < 0 ||
        manifest_file(&inputs->manifest, manifest_kernel_name(tee), expectation->kernel, err) < 0 ||
        manifest_file(&inputs->manifest, "initrd", expectation->initrd, err) < 0 ||
        manifest_cmdline(&inputs->manifest, tee, &expectation->cmdline, err) < 0)
        return error_context(err, "%s", path);
    return expect_measurements(inputs, err);
}

static int check_usage(const struct args *args, struct error *err)
{
    static const char *const needed[] = {"nonce", "policy", "guest"};
    if (args_operand_count(args) != 1)
        return error_set(err, ERROR_USAGE, "verify wants one evidence file");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!args_has(args, needed[i]))
            return error_set(err, ERROR_USAGE,
                             "verify wants --%s: what you don't compare, you don't know",
                             needed[i]);
    }
    return 0;
}

static int read_inputs(const struct args *args, struct inputs *inputs, struct error *err)
{
    const char *trusted = args_get(args, "trust-simulated");
    buf_init(&inputs->policy, BUNDLE_POLICY_MAX);
    inputs->expectation.partial = args_has(args, "partial");
    if (check_usage(args, err) < 0 || read_nonce(args_get(args, "nonce"), inputs, err) < 0 ||
        trust_read_time(args_get(args, "at"), &inputs->expectation.chain.time, err) < 0 ||
        verify_fragments_read(args, &inputs->fragments, err) < 0 ||
        policy_file_read_expected(args, args_get(args, "policy"), &inputs->policy, &inputs->model,
                                  &inputs->allows_all, err) < 0 ||
        read_guest(args_get(args, "guest"), inputs, err) < 0)
        return -1;
    inputs->expectation.policy = buf_span(&inputs->policy);
    inputs->expectation.fragments = inputs->fragments.demands;
    if (!trusted)
        return 0;
    inputs->expectation.chain.roots = &inputs->root;
    inputs->expectation.chain.root_count = 1;
    return trust_read_simulated(trusted, TRUST_SIMULATED_SNP, &inputs->root, err);
}

/* The machine whose launch digest the report holds, or NULL. */
static const struct manifest_measurement *find_machine(const struct inputs *inputs,
                                                       const struct snp_report *report)
{
    for (size_t i = 0; i < inputs->list.count; i++) {
        if (memcmp(inputs->list.items[i].digest, report->measurement, SNP_MEASUREMENT_SIZE) == 0)
            return &inputs->list.items[i];
    }
    return NULL;
}

static const char *source_of(const struct inputs *inputs)
{
    return inputs->recomputed ? "computed here from the manifest's kernel, initrd and command line"
                              : "the manifest's list";
}

static const struct policy_attestation *attestation_of(const struct inputs *inputs)
{
    return inputs->model ? policy_get_attestation(inputs->model) : NULL;
}

/* What is told beside the checks. */
static int append_note(const struct inputs *inputs, const struct manifest_measurement *machine,
                       const struct runtime_data *data, struct buf *note, struct error *err)
{
    if (inputs->allows_all &&
        buf_printf(note, err, "ALLOW-ALL: the policy lets the host do what it likes\n") < 0)
        return -1;
    if (buf_printf(note, err, "launch digests expected: %s\n", source_of(inputs)) < 0)
        return -1;
    if (machine && buf_printf(note, err, "machine: %s, %u CPU%s\n", machine->vcpu_type,
                              machine->vcpus, machine->vcpus == 1 ? "" : "s") < 0)
        return -1;
    if (verify_services_note(attestation_of(inputs), note, err) < 0)
        return -1;
    return verify_fragments_note(data, note, err);
}

static json_t *claims_of(const struct inputs *inputs, const struct manifest_measurement *machine,
                         const struct runtime_data *data)
{
    json_t *claims = json_pack("{s:s, s:s, s:o*, s:o*}", "tee", bundle_tee_name(inputs->bundle.tee),
                               "measurements_from", inputs->recomputed ? "computed" : "manifest",
                               "fragments", verify_fragments_claims(data), "services",
                               verify_services_claims(attestation_of(inputs)));
    if (claims && inputs->allows_all)
        (void)json_object_set_new(claims, "allow_all", json_true());
    if (claims && machine)
        (void)json_object_set_new(claims, "vcpus", json_integer(machine->vcpus));
    return claims;
}

#define BOX_COUNT 7

/* The picture's texts; the boxes borrow them. */
struct picture {
    char names[3][CERTIFICATE_NAME_MAX + 1]; /* leaf, intermediate, root */
    char measurement[2 * SNP_MEASUREMENT_SIZE + 1];
    char host_data[2 * SHA256_SIZE + 1];
    char nonce[2 * RUNTIME_DATA_NONCE_MAX + 1];
    struct verdict_box boxes[BOX_COUNT];
};

static void draw(const struct inputs *inputs, const struct snp_report *report,
                 struct picture *picture)
{
    *picture = (struct picture){0};
    for (size_t i = 0; i < 3 && i < inputs->bundle.certificate_count; i++) {
        CERTIFICATE_AUTO *certificate = certificate_from_der(
            buf_span(&inputs->bundle.certificates[i]), NULL);
        if (certificate)
            (void)text_copy(picture->names[i], sizeof picture->names[i],
                            certificate_name(certificate));
    }
    hex_encode(span_of(report->measurement, SNP_MEASUREMENT_SIZE), picture->measurement);
    hex_encode(span_of(report->host_data, SHA256_SIZE), picture->host_data);
    hex_encode(inputs->expectation.nonce, picture->nonce);
    const struct verdict_box boxes[BOX_COUNT] = {
        {"Root of trust", picture->names[2], "root root_signature"},
        {"Intermediate", picture->names[1],
         "intermediate_signature revocation certificate_names validity"},
        {"The processor's key", picture->names[0],
         "leaf_signature leaf_extensions signing_key product reported_tcb chip_id"},
        {"Report", "signed by the processor",
         "signature report_format reserved_fields guest_policy debug migration_agent vmpl "
         "current_tcb committed_tcb launch_tcb"},
        {"What booted", picture->measurement,
         "measurement guest_kernel guest_initrd guest_cmdline"},
        {"The policy it enforces", picture->host_data, "host_data policy containers fragments"},
        {"Your nonce", picture->nonce, "report_data nonce"},
    };
    memcpy(picture->boxes, boxes, sizeof boxes);
}

static int print(const struct inputs *inputs, const struct snp_result *result, enum verdict verdict,
                 const struct args *args, struct error *err)
{
    const struct manifest_measurement *machine = find_machine(inputs, &result->report);
    BUF_AUTO note = BUF_WITH_LIMIT(65536);
    RUNTIME_STATEMENT_AUTO said;
    (void)runtime_statement_read(buf_span(&inputs->bundle.runtime_data), &said, NULL);
    json_auto_t *claims = claims_of(inputs, machine, &said.data);
    if (!claims)
        return error_memory(err);
    if (append_note(inputs, machine, &said.data, &note, err) < 0)
        return -1;
    struct picture picture;
    draw(inputs, &result->report, &picture);
    const struct verdict_view view = {
        .checks = &result->checks,
        .verdict = verdict,
        .simulated = result->simulated || inputs->bundle.tee == BUNDLE_TEE_SIMULATED,
        .kind = "evidence bundle",
        .note = buf_text(&note),
        .claims = claims,
        .boxes = picture.boxes,
        .box_count = BOX_COUNT,
        .page = args_get(args, "html"),
    };
    return verdict_print(&view, args, err);
}

static int verify_bundle(const struct args *args, struct span text, struct error *err)
{
    __attribute__((cleanup(inputs_fini))) struct inputs inputs = {0};
    struct snp_result result;
    bundle_init(&inputs.bundle);
    if (read_bundle(args_operands(args)[0], text, &inputs, err) < 0)
        return -1;
    if (bundle_is_of_enclave(&inputs.bundle))
        return verify_enclave(args, &inputs.bundle, err);
    if (read_inputs(args, &inputs, err) < 0)
        return -1;
    enum verdict verdict = bundle_verify(&inputs.bundle, &inputs.expectation, &result);
    return print(&inputs, &result, verdict, args, err);
}

/* A bare report or quote has no nonce, policy or guest around it: who compares those says so
 * elsewhere. */
static int check_bare_usage(const struct args *args, enum evidence_kind kind, const char *command,
                            struct error *err)
{
    static const char *const others[] = {"nonce", "policy", "guest", "fragment",
                                         "no-other-fragments"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (args_has(args, others[i]))
            return error_set(err, ERROR_USAGE,
                             "%s is %s, no bundle: --%s can't be compared; say what it must hold "
                             "by caisson verify %s --appraise",
                             args_operands(args)[0], evidence_kind_name(kind), others[i], command);
    }
    return 0;
}

static int check_report_usage(const struct args *args, struct error *err)
{
    if (check_bare_usage(args, EVIDENCE_SNP_REPORT, "snp", err) < 0)
        return -1;
    if (args_operand_count(args) < 2)
        return error_set(err, ERROR_USAGE,
                         "%s is an SEV-SNP report; name its certificates after it, or use caisson "
                         "verify snp (caisson fetch-certs gets them from AMD)",
                         args_operands(args)[0]);
    return 0;
}

static int verify_report(const struct args *args, struct span report, struct error *err)
{
    SNP_EVIDENCE_AUTO files;
    const char *trusted = args_get(args, "trust-simulated");
    snp_evidence_init(&files);
    if (check_report_usage(args, err) < 0 || buf_append(&files.report, report, err) < 0 ||
        trust_read_time(args_get(args, "at"), &files.options.time, err) < 0 ||
        (trusted && snp_evidence_add_simulated(&files, trusted, err) < 0))
        return -1;
    for (size_t i = 1; i < args_operand_count(args); i++) {
        if (snp_evidence_add_certificates(&files, args_operands(args)[i], err) < 0)
            return -1;
    }
    return snp_evidence_judge(&files, args, err);
}

static int verify_quote(const struct args *args, enum evidence_kind kind, struct span quote,
                        struct error *err)
{
    QUOTE_EVIDENCE_AUTO files;
    const char *command = kind == EVIDENCE_SGX_QUOTE ? "sgx" : "tdx";
    const char *trusted = args_get(args, "trust-simulated");
    quote_evidence_init(&files);
    if (check_bare_usage(args, kind, command, err) < 0)
        return -1;
    if (args_operand_count(args) != 2)
        return error_set(err, ERROR_USAGE,
                         "%s is %s; name the one file with its collateral after it, or use "
                         "caisson verify %s --quote FILE --collateral FILE",
                         args_operands(args)[0], evidence_kind_name(kind), command);
    if (buf_append(&files.quote, quote, err) < 0 ||
        trust_read_time(args_get(args, "at"), &files.options.time, err) < 0 ||
        (trusted && quote_evidence_add_simulated(&files, trusted, err) < 0) ||
        quote_evidence_set_collateral(&files, args_operands(args)[1], err) < 0)
        return -1;
    return quote_evidence_judge(&files, args, err);
}

/* Kinds whose own commands want companions that are not named here. */
static int point_elsewhere(const char *path, enum evidence_kind kind, struct error *err)
{
    static const char *const commands_for[EVIDENCE_KIND_COUNT] = {
        [EVIDENCE_HCL_REPORT] = "caisson verify hcl --report FILE",
        [EVIDENCE_COSE] = "caisson verify uvm --cose FILE",
        [EVIDENCE_CERTIFICATES] = "caisson verify snp --report FILE --certs FILE",
    };
    if (commands_for[kind])
        return error_set(err, ERROR_USAGE, "%s is %s; use %s", path, evidence_kind_name(kind),
                         commands_for[kind]);
    return error_set(err, ERROR_INVALID, "%s is %s: neither a bundle nor a report or quote", path,
                     evidence_kind_name(kind));
}

static int run(const struct args *args, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(BUNDLE_SIZE_MAX);
    if (args_operand_count(args) == 0)
        return error_set(err, ERROR_USAGE, "verify wants an evidence file");
    const char *path = args_operands(args)[0];
    if (file_read(path, &bytes, err) < 0)
        return -1;
    enum evidence_kind kind = evidence_kind_of(buf_span(&bytes));
    if (kind == EVIDENCE_BUNDLE)
        return verify_bundle(args, buf_span(&bytes), err);
    if (kind == EVIDENCE_SNP_REPORT)
        return verify_report(args, buf_span(&bytes), err);
    if (kind == EVIDENCE_SGX_QUOTE || kind == EVIDENCE_TDX_QUOTE)
        return verify_quote(args, kind, buf_span(&bytes), err);
    return point_elsewhere(path, kind, err);
}

const struct command command_verify = {
    .name = "verify",
    .operands = "FILE [CERTIFICATES…|COLLATERAL]",
    .summary = "Check evidence of a machine against what you know, and tell why it is refused",
    .description =
        "Reads an evidence bundle as `caisson attest` writes it, and compares: the certificates "
        "with AMD's roots, the report's signature, the nonce, the SHA-256 of the policy with "
        "HOST_DATA, and the launch digest with the guest's manifest. All containers of the policy "
        "must "
        "run, or have ended as they may. Every check is printed with "
        "its value; the first that failed decides, and says what to do.\n\n"
        "Of a container in an enclave the bundle has a quote: --enclave takes the place of --guest "
        "(MRENCLAVE), CONFIGID that of HOST_DATA, and --collateral is needed, unless "
        "--trust-simulated names the platform's folder, where it lies.\n\n"
        "Fragments of the policy that the machine has loaded are listed, each with its feed, svn, "
        "SHA-256 and issuer. The policy says whom it takes them from; what must be there besides, "
        "and at which svn, --fragment says, and --no-other-fragments refuses the rest.\n\n"
        "An SEV-SNP report by itself is verified too, when its certificates are named after it, "
        "and a quote of SGX or TDX when its collateral is. Evidence of other kinds is recognised, "
        "and the command for it is named.\n\n"
        "Evidence of a simulated machine is refused unless --trust-simulated names the folder with "
        "its processor's root (ark.pem; root.pem for a quote, and for an enclave). All output then "
        "says SIMULATED.\n\n"
        "The exit status is 0 for accepted evidence, 1 for refused, 2 for wrong usage, 3 when a "
        "file can't be read.",
    .options = options,
    .run = run,
};
