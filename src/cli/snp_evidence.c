#include "cli/snp_evidence.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/text.h"
#include "cli/snp_claims.h"
#include "cli/trust.h"
#include "cli/verdict.h"
#include "os/file.h"

void snp_evidence_init(struct snp_evidence_files *files)
{
    memset(files, 0, sizeof *files);
    buf_init(&files->report, SNP_EVIDENCE_FILE_MAX);
    buf_init(&files->crl, CRL_DER_MAX);
    snp_certificates_init(&files->certificates);
}

void snp_evidence_fini(struct snp_evidence_files *files)
{
    buf_fini(&files->report);
    buf_fini(&files->crl);
    snp_certificates_fini(&files->certificates);
    snp_appraisal_file_fini(&files->appraisal);
}

int snp_evidence_add_certificates(struct snp_evidence_files *files, const char *path,
                                  struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (snp_certificates_add(&files->certificates, buf_span(&bytes), err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static struct trusted_root *next_root(struct snp_evidence_files *files)
{
    files->options.roots = files->roots;
    return &files->roots[files->options.root_count++];
}

int snp_evidence_add_root(struct snp_evidence_files *files, const char *path, struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    if (trust_read_root(path, next_root(files), &der, err) < 0)
        return -1;
    return snp_certificates_add_der(&files->certificates, buf_span(&der), err);
}

int snp_evidence_add_simulated(struct snp_evidence_files *files, const char *dir, struct error *err)
{
    return trust_read_simulated(dir, TRUST_SIMULATED_SNP, next_root(files), err);
}

int snp_evidence_set_crl(struct snp_evidence_files *files, const char *path, struct error *err)
{
    if (file_read(path, &files->crl, err) < 0)
        return -1;
    if (files->crl.size == 0)
        return error_set(err, ERROR_INVALID, "%s is empty", path);
    files->options.crl = buf_span(&files->crl);
    return 0;
}

int snp_evidence_set_appraisal(struct snp_evidence_files *files, const char *path,
                               struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(SNP_APPRAISAL_FILE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (snp_appraisal_file_parse(buf_span(&text), &files->appraisal, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

int snp_evidence_read_roots(struct snp_evidence_files *files, const struct args *args,
                            struct error *err)
{
    const char *root = args_get(args, "root");
    const char *simulated = args_get(args, "trust-simulated");
    const char *crl = args_get(args, "crl");
    files->options.require_crl = args_has(args, "require-crl");
    files->options.allow_stale_crl = args_has(args, "allow-stale-crl");
    if ((root && snp_evidence_add_root(files, root, err) < 0) ||
        (simulated && snp_evidence_add_simulated(files, simulated, err) < 0) ||
        (crl && snp_evidence_set_crl(files, crl, err) < 0))
        return -1;
    return trust_read_time(args_get(args, "at"), &files->options.time, err);
}

int snp_evidence_read_trust(struct snp_evidence_files *files, const struct args *args,
                            struct error *err)
{
    const char *appraise = args_get(args, "appraise");
    if (snp_evidence_read_roots(files, args, err) < 0)
        return -1;
    return appraise ? snp_evidence_set_appraisal(files, appraise, err) : 0;
}

/* What nobody asked for, nobody knows: the report's own words are shown beside. */
static int append_unasked(const struct snp_result *result, struct buf *note, struct error *err)
{
    const struct snp_report *report = &result->report;
    const struct {
        const char *check;
        struct span bytes;
    } values[] = {
        {"measurement", span_of(report->measurement, sizeof report->measurement)},
        {"host_data", span_of(report->host_data, sizeof report->host_data)},
        {"report_data", span_of(report->report_data, sizeof report->report_data)},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char hex[2 * sizeof report->report_data + 1];
        if (checks_find(&result->checks, values[i].check))
            continue;
        hex_encode(values[i].bytes, hex);
        if (buf_printf(note, err, "not compared: %-12s %s\n", values[i].check, hex) < 0)
            return -1;
    }
    return 0;
}

static int append_note(const struct snp_result *result, struct buf *note, struct error *err)
{
    const struct snp_report *report = &result->report;
    if (buf_printf(note, err, "report: version %u, %s, guest policy 0x%llx, platform 0x%llx\n",
                   report->version, result->product ? result->product : "unknown processor",
                   (unsigned long long)report->policy,
                   (unsigned long long)report->platform_info) < 0)
        return -1;
    return append_unasked(result, note, err);
}

#define BOX_COUNT 6

/* The picture's texts; the boxes borrow them. */
struct picture {
    char names[SNP_CHAIN_LENGTH][CERTIFICATE_NAME_MAX + 1];
    char measurement[2 * SNP_MEASUREMENT_SIZE + 1];
    char host_data[2 * SHA256_SIZE + 1];
    struct verdict_box boxes[BOX_COUNT];
};

static void draw(const struct span chain[SNP_CHAIN_LENGTH], const struct snp_report *report,
                 struct picture *picture)
{
    *picture = (struct picture){0};
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++) {
        CERTIFICATE_AUTO *certificate = certificate_from_der(chain[i], NULL);
        if (certificate)
            (void)text_copy(picture->names[i], sizeof picture->names[i],
                            certificate_name(certificate));
    }
    hex_encode(span_of(report->measurement, SNP_MEASUREMENT_SIZE), picture->measurement);
    hex_encode(span_of(report->host_data, SHA256_SIZE), picture->host_data);
    const struct verdict_box boxes[BOX_COUNT] = {
        {"Root of trust", picture->names[2], "root root_signature"},
        {"Intermediate", picture->names[1],
         "intermediate_signature revocation certificate_names validity"},
        {"The processor's key", picture->names[0],
         "leaf_signature leaf_extensions signing_key product reported_tcb chip_id "
         "allowed_chip_id"},
        {"Report", "signed by the processor",
         "signature report_format reserved_fields guest_policy debug migration_agent vmpl "
         "current_tcb committed_tcb launch_tcb minimum_reported_tcb minimum_committed_tcb "
         "minimum_launch_tcb minimum_firmware minimum_abi policy_bits platform_bits "
         "launch_mitigations current_mitigations"},
        {"What booted", picture->measurement,
         "measurement guest_svn family_id image_id id_key_digest author_key_digest"},
        {"What the host gave it", picture->host_data, "host_data report_data"},
    };
    memcpy(picture->boxes, boxes, sizeof boxes);
}

static int print(const struct snp_result *result, const struct span chain[SNP_CHAIN_LENGTH],
                 enum verdict verdict, const struct args *args, struct error *err)
{
    struct picture picture;
    BUF_AUTO note = BUF_WITH_LIMIT(4096);
    json_auto_t *claims = snp_claims_json(result);
    if (!claims)
        return error_memory(err);
    if (append_note(result, &note, err) < 0)
        return -1;
    draw(chain, &result->report, &picture);
    const struct verdict_view view = {
        .checks = &result->checks,
        .verdict = verdict,
        .simulated = result->simulated,
        .kind = "SEV-SNP report",
        .note = result->report.version ? buf_text(&note) : NULL,
        .claims = claims,
        .boxes = picture.boxes,
        .box_count = BOX_COUNT,
        .page = args_get(args, "html"),
    };
    return verdict_print(&view, args, err);
}

int snp_evidence_judge(struct snp_evidence_files *files, const struct args *args, struct error *err)
{
    struct span chain[SNP_CHAIN_LENGTH];
    struct snp_result result;
    if (snp_certificates_order(&files->certificates, chain, err) < 0)
        return -1;
    const struct snp_evidence evidence = {buf_span(&files->report), chain, SNP_CHAIN_LENGTH};
    enum verdict verdict = snp_verify(&evidence, &files->options, &files->appraisal.appraisal,
                                      &result);
    return print(&result, chain, verdict, args, err);
}
