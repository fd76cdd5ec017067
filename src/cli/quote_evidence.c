#include "cli/quote_evidence.h"

#include "cli/quote_claims.h"
#include "cli/trust.h"
#include "os/file.h"

#define ROOT_FILE "root.pem"

void quote_evidence_init(struct quote_evidence_files *files)
{
    memset(files, 0, sizeof *files);
    buf_init(&files->quote, QUOTE_FILE_MAX);
}

void quote_evidence_fini(struct quote_evidence_files *files)
{
    buf_fini(&files->quote);
    dcap_parts_fini(&files->parts);
}

int quote_evidence_set_collateral(struct quote_evidence_files *files, const char *path,
                                  struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (text.size == 0)
        return error_set(err, ERROR_INVALID, "%s is empty", path);
    if (dcap_parts_parse(buf_span(&text), &files->parts, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

int quote_evidence_set_appraisal(struct quote_evidence_files *files, const char *path,
                                 struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(DCAP_APPRAISAL_SIZE_MAX);
    if (file_read(path, &text, err) < 0)
        return -1;
    if (dcap_appraisal_parse(buf_span(&text), &files->appraisal, err) < 0)
        return error_context(err, "%s", path);
    return 0;
}

static struct trusted_root *next_root(struct quote_evidence_files *files)
{
    files->options.roots = files->roots;
    return &files->roots[files->options.root_count++];
}

int quote_evidence_add_simulated(struct quote_evidence_files *files, const char *dir,
                                 struct error *err)
{
    return trust_read_simulated(dir, ROOT_FILE, next_root(files), err);
}

int quote_evidence_read_trust(struct quote_evidence_files *files, const struct args *args,
                              struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    const char *root = args_get(args, "root");
    const char *simulated = args_get(args, "trust-simulated");
    const char *appraise = args_get(args, "appraise");
    if ((root && trust_read_root(root, next_root(files), &der, err) < 0) ||
        (simulated && quote_evidence_add_simulated(files, simulated, err) < 0) ||
        (appraise && quote_evidence_set_appraisal(files, appraise, err) < 0))
        return -1;
    return trust_read_time(args_get(args, "at"), &files->options.time, err);
}

int quote_evidence_print(const struct dcap_result *result, enum verdict verdict, const char *kind,
                         const struct args *args, struct error *err)
{
    struct quote_picture picture;
    BUF_AUTO note = BUF_WITH_LIMIT(65536);
    json_auto_t *claims = quote_claims_json(result);
    if (!claims)
        return error_memory(err);
    if (quote_claims_note(result, &note, err) < 0)
        return -1;
    quote_claims_draw(result, &picture);
    const struct verdict_view view = {
        .checks = &result->checks,
        .verdict = verdict,
        .simulated = result->simulated,
        .kind = kind,
        .note = note.size > 0 ? buf_text(&note) : NULL,
        .claims = claims,
        .boxes = picture.boxes,
        .box_count = QUOTE_BOX_COUNT,
        .page = args_get(args, "html"),
    };
    return verdict_print(&view, args, err);
}

int quote_evidence_judge(const struct quote_evidence_files *files, const struct args *args,
                         struct error *err)
{
    struct dcap_result result;
    enum verdict verdict = dcap_verify(buf_span(&files->quote), &files->parts, &files->options,
                                       &files->appraisal, &result);
    const char *kind = result.quote.version == 0            ? "quote"
                       : dcap_body_is_td(result.quote.body) ? "TDX quote"
                                                            : "SGX quote";
    return quote_evidence_print(&result, verdict, kind, args, err);
}
