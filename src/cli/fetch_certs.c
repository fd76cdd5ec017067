/*
 * `caisson fetch-certs`: the certificates that a report needs, from AMD's key distribution service
 * or from a cloud's THIM endpoint.
 *
 * What a service sends is checked before it is kept or given on: the signatures of the chain, and
 * that the leaf is the report's. Whether the root is to be trusted is left to `verify`.
 */
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/fetch.h"
#include "cli/fetch_cache.h"
#include "evidence/snp_certificates.h"
#include "evidence/snp_kds.h"
#include "os/file.h"
#include "os/output.h"

#define THIM_URL        "http://169.254.169.254"
#define THIM_PATH       "/metadata/THIM/amd/certification"
#define THIM_HEADER     "Metadata: true"
#define TIME_LIMIT      30 /* seconds */
#define TIME_LIMIT_MAX  600
#define REPORT_FILE_MAX 65536
#define URL_MAX         1024

static const struct option_rule options[] = {
    {.name = "report", .operand = "FILE", .help = "The report whose certificates are wanted"},
    {.name = "product",
     .operand = "NAME",
     .help = "Milan, Genoa or Turin, for a report that does not say"},
    {.name = "url",
     .operand = "URL",
     .help = "The service (default: " SNP_KDS_URL ", with --thim " THIM_URL ")"},
    {.name = "thim", .help = "Ask a cloud's THIM endpoint, from inside its machine"},
    {.name = "output",
     .letter = 'o',
     .operand = "FILE",
     .help = "Write the chain to FILE, not to the output"},
    {.name = "crl", .operand = "FILE", .help = "Fetch the root's revocation list, too, into FILE"},
    {.name = "cache", .operand = "DIR", .help = "Where certificates are kept"},
    {.name = "offline", .help = "Take what is kept, and ask no service"},
    {.name = "tls-ca", .operand = "FILE", .help = "An authority to trust for https"},
    {.name = "timeout", .operand = "SECONDS", .help = "How long one try may take (30)"},
    {0}};

/* What is being fetched, and what came. */
struct job {
    struct snp_report report;
    bool has_report;
    const struct snp_product *product;
    bool is_vlek;
    const char *base;
    struct fetch_options fetch;
    char *cache; /* NULL: keeps nothing */
    bool offline;
    struct snp_certificates certificates;
    struct span chain[SNP_CHAIN_LENGTH]; /* of `certificates` */
};

static void job_fini(struct job *job)
{
    text_free(&job->cache);
    snp_certificates_fini(&job->certificates);
}

/* A document and where it comes from. */
struct document {
    char url[URL_MAX];
    struct buf bytes;
    bool from_cache;
};

static int set_url(const struct job *job, const struct buf *path, struct document *document,
                   struct error *err)
{
    size_t len = strlen(job->base);
    while (len > 0 && job->base[len - 1] == '/')
        len--;
    int written = snprintf(document->url, URL_MAX, "%.*s%s", (int)len, job->base, buf_text(path));
    if (written < 0 || written >= URL_MAX)
        return error_set(err, ERROR_USAGE, "--url is longer than %d characters", URL_MAX / 2);
    return 0;
}

static int get(const struct job *job, struct document *document, bool fresh, struct error *err)
{
    buf_truncate(&document->bytes, 0);
    document->from_cache = !fresh && job->cache &&
                           fetch_cache_read(job->cache, document->url, &document->bytes);
    if (document->from_cache)
        return 0;
    if (job->offline)
        return error_set(err, ERROR_NOT_FOUND, "%.400s is not kept, and --offline asks nobody",
                         document->url);
    return fetch_document(document->url, &job->fetch, &document->bytes, err);
}

static int keep(const struct job *job, const struct document *document, struct error *err)
{
    if (document->from_cache || !job->cache)
        return 0;
    return fetch_cache_write(job->cache, document->url, buf_span(&document->bytes), err);
}

/* The leaf must be the report's own: the key of its chip, at its REPORTED_TCB. */
static int check_leaf(const struct job *job, const struct snp_leaf *leaf, struct error *err)
{
    const struct snp_report *report = &job->report;
    if (!job->has_report)
        return 0;
    if (leaf->is_vlek != job->is_vlek)
        return error_set(err, ERROR_REFUSED, "the leaf is a %s, and the report was signed by a %s",
                         leaf->is_vlek ? "VLEK" : "VCEK", job->is_vlek ? "VLEK" : "VCEK");
    if (memcmp(leaf->tcb, report->reported_tcb, SNP_TCB_SIZE) != 0)
        return error_set(err, ERROR_REFUSED, "the leaf is of another TCB than the report's");
    if (!leaf->is_vlek && !span_equal(leaf->hwid, span_of(report->chip_id, leaf->hwid.size)))
        return error_set(err, ERROR_REFUSED, "the leaf is of another chip than the report's");
    return 0;
}

/* All but trust in the root and the time: those are verify's, which is told both. */
static int check_chain(struct job *job, struct error *err)
{
    const struct snp_chain_options chain_options = {.time = (int64_t)time(NULL)};
    struct checks checks;
    struct snp_chain chain;
    checks_init(&checks);
    if (snp_certificates_order(&job->certificates, job->chain, err) < 0)
        return -1;
    (void)snp_chain_check(&chain, job->chain, SNP_CHAIN_LENGTH, &chain_options, &checks);
    int status = 0;
    for (size_t i = 0; status == 0 && i < checks.count; i++) {
        const struct check *check = &checks.items[i];
        bool verifys = strcmp(check->rule->name, "root") == 0 ||
                       strcmp(check->rule->name, "validity") == 0;
        if (check->result == CHECK_FAILED && !verifys)
            status = error_set(err, ERROR_REFUSED, "what came is no chain of AMD's form (%s: %s)",
                               check->rule->name, check->found);
    }
    if (status == 0)
        status = check_leaf(job, &chain.leaf, err);
    snp_chain_fini(&chain);
    return status;
}

static int get_both(const struct job *job, struct document documents[2], bool fresh,
                    struct error *err)
{
    for (int i = 0; i < 2; i++) {
        if (get(job, &documents[i], fresh, err) < 0)
            return -1;
    }
    return 0;
}

static int check_both(struct job *job, const struct document documents[2], struct error *err)
{
    snp_certificates_fini(&job->certificates);
    snp_certificates_init(&job->certificates);
    for (int i = 0; i < 2; i++) {
        if (snp_certificates_add(&job->certificates, buf_span(&documents[i].bytes), err) < 0)
            return error_context(err, "%.300s", documents[i].url);
    }
    return check_chain(job, err);
}

/* What is kept may be damaged or put there by somebody: then all is fetched anew. */
static int get_kds(struct job *job, struct document documents[2], struct error *err)
{
    if (get_both(job, documents, false, err) < 0)
        return -1;
    if (check_both(job, documents, err) < 0) {
        bool kept = documents[0].from_cache || documents[1].from_cache;
        if (!kept || job->offline)
            return -1;
        log_error("what is kept is not good (%s): all is fetched anew", err->text);
        if (get_both(job, documents, true, err) < 0 || check_both(job, documents, err) < 0)
            return -1;
    }
    for (int i = 0; i < 2; i++) {
        if (keep(job, &documents[i], err) < 0)
            return -1;
    }
    return 0;
}

static int fetch_kds(struct job *job, struct error *err)
{
    struct document documents[2] = {{.bytes = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX)},
                                    {.bytes = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX)}};
    BUF_AUTO leaf = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
    BUF_AUTO chain = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
    int status = -1;
    if (snp_kds_leaf(&job->report, job->product, &leaf, err) == 0 &&
        snp_kds_chain(job->product, job->is_vlek, &chain, err) == 0 &&
        set_url(job, &leaf, &documents[0], err) == 0 &&
        set_url(job, &chain, &documents[1], err) == 0)
        status = get_kds(job, documents, err);
    buf_fini(&documents[0].bytes);
    buf_fini(&documents[1].bytes);
    return status;
}

/* Never from what is kept: what the endpoint says changes with the machine's firmware. */
static int fetch_thim(struct job *job, struct error *err)
{
    struct document document = {.bytes = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX)};
    BUF_AUTO path = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
    if (buf_append_text(&path, THIM_PATH, err) < 0 || set_url(job, &path, &document, err) < 0)
        return -1;
    int status = fetch_document(document.url, &job->fetch, &document.bytes, err);
    if (status == 0 &&
        (snp_certificates_add(&job->certificates, buf_span(&document.bytes), err) < 0 ||
         check_chain(job, err) < 0))
        status = error_context(err, "%.300s", document.url);
    buf_fini(&document.bytes);
    return status;
}

static int check_crl(const struct job *job, struct span der, struct error *err)
{
    CERTIFICATE_AUTO *root = certificate_from_der(job->chain[SNP_CHAIN_LENGTH - 1], err);
    CRL_AUTO *crl = root ? crl_from_der(der, err) : NULL;
    return crl ? crl_check_signed(crl, root, SIGNED_PSS_SHA384, err) : -1;
}

/* A revocation list ages: the service is asked each time, and what is kept serves without it. */
static int get_crl(const struct job *job, struct document *document, struct error *err)
{
    if (get(job, document, !job->offline, err) < 0) {
        buf_truncate(&document->bytes, 0);
        if (job->offline || !job->cache ||
            !fetch_cache_read(job->cache, document->url, &document->bytes))
            return -1;
        log_error("%s; the revocation list that is kept is taken", err->text);
        document->from_cache = true;
    }
    if (check_crl(job, buf_span(&document->bytes), err) < 0)
        return error_context(err, "%.300s", document->url);
    return keep(job, document, err);
}

static int fetch_crl(const struct job *job, const char *output, struct error *err)
{
    struct document document = {.bytes = BUF_WITH_LIMIT(CRL_DER_MAX)};
    BUF_AUTO path = BUF_WITH_LIMIT(SNP_KDS_PATH_MAX);
    if (snp_kds_crl(job->product, job->is_vlek, &path, err) < 0 ||
        set_url(job, &path, &document, err) < 0)
        return -1;
    int status = get_crl(job, &document, err);
    if (status == 0)
        status = output_write(output, buf_span(&document.bytes), 0644, err);
    buf_fini(&document.bytes);
    return status;
}

static int write_chain(const struct job *job, const char *output, struct error *err)
{
    BUF_AUTO pem = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX);
    for (int i = 0; i < SNP_CHAIN_LENGTH; i++) {
        if (certificate_der_to_pem(job->chain[i], &pem, err) < 0)
            return -1;
    }
    if (output)
        return output_write(output, buf_span(&pem), 0644, err);
    (void)fwrite(pem.data, 1, pem.size, stdout);
    return 0;
}

static int read_report(const char *path, struct job *job, struct error *err)
{
    BUF_AUTO bytes = BUF_WITH_LIMIT(REPORT_FILE_MAX);
    if (file_read(path, &bytes, err) < 0)
        return -1;
    if (snp_report_parse(buf_span(&bytes), &job->report, err) < 0)
        return error_context(err, "%s", path);
    job->has_report = true;
    job->is_vlek = snp_report_signing_key(&job->report) == SNP_SIGNING_VLEK;
    return 0;
}

static int find_product(const struct args *args, struct job *job, struct error *err)
{
    const char *name = args_get(args, "product");
    if (name) {
        job->product = snp_product_by_name(span_of_text(name));
        return job->product ? 0
                            : error_set(err, ERROR_USAGE,
                                        "--product wants Milan, Genoa or Turin, not %s", name);
    }
    if (args_has(args, "thim"))
        return 0;
    job->product = snp_kds_product(&job->report, err);
    return job->product ? 0 : -1;
}

static int read_time_limit(const struct args *args, struct job *job, struct error *err)
{
    uint64_t seconds = TIME_LIMIT;
    const char *text = args_get(args, "timeout");
    if (text && (!text_to_u64(text, TIME_LIMIT_MAX, &seconds) || seconds == 0))
        return error_set(err, ERROR_USAGE, "--timeout wants 1 to %d seconds, not %s",
                         TIME_LIMIT_MAX, text);
    job->fetch.time_limit = (unsigned)seconds;
    return 0;
}

static int check_usage(const struct args *args, struct error *err)
{
    bool thim = args_has(args, "thim");
    if (args_operand_count(args) != 0)
        return error_set(err, ERROR_USAGE, "fetch-certs wants no operand");
    if (!thim && !args_has(args, "report"))
        return error_set(err, ERROR_USAGE,
                         "fetch-certs wants --report FILE, or --thim inside a cloud's machine");
    if (thim && (args_has(args, "crl") || args_has(args, "offline")))
        return error_set(err, ERROR_USAGE,
                         "a THIM endpoint has no revocation list, and nothing of it is kept");
    return 0;
}

static int prepare(const struct args *args, struct job *job, struct error *err)
{
    const char *report = args_get(args, "report");
    bool thim = args_has(args, "thim");
    job->base = args_get(args, "url");
    if (!job->base)
        job->base = thim ? THIM_URL : SNP_KDS_URL;
    job->offline = args_has(args, "offline");
    job->fetch.tls_ca = args_get(args, "tls-ca");
    job->fetch.header = thim ? THIM_HEADER : NULL;
    job->fetch.link_local = thim;
    if (check_usage(args, err) < 0 || read_time_limit(args, job, err) < 0 ||
        (report && read_report(report, job, err) < 0) || find_product(args, job, err) < 0)
        return -1;
    return thim ? 0 : fetch_cache_folder(args_get(args, "cache"), &job->cache, err);
}

static int run(const struct args *args, struct error *err)
{
    __attribute__((cleanup(job_fini))) struct job job = {.has_report = false};
    const char *crl = args_get(args, "crl");
    snp_certificates_init(&job.certificates);
    if (prepare(args, &job, err) < 0 ||
        (args_has(args, "thim") ? fetch_thim(&job, err) : fetch_kds(&job, err)) < 0 ||
        (crl && fetch_crl(&job, crl, err) < 0) ||
        write_chain(&job, args_get(args, "output"), err) < 0)
        return -1;
    return EXIT_OK;
}

const struct command command_fetch_certs = {
    .name = "fetch-certs",
    .operands = "",
    .summary = "Get the certificates that a report needs, from AMD or from a cloud",
    .description =
        "Asks AMD's key distribution service for the VCEK of the report's chip and REPORTED_TCB, "
        "and for the chain above it; with --thim, a cloud's endpoint inside the machine. The "
        "result is a PEM text, leaf first, for `verify snp --certs`.\n\n"
        "What comes is kept once its signatures hold and the leaf is the report's; the next time "
        "nobody is asked. A service that says later is asked again, up to five times, as late as "
        "it says. Only https is spoken, but to this very machine and to a cloud's 169.254.169.254. "
        "Whether the root is to be trusted is for `verify snp` to say.\n\n"
        "The exit status is 0, 1 when the report or what came is refused, 2 for wrong usage, 3 "
        "when the service can't be reached, keeps saying later or has no such certificate.",
    .options = options,
    .run = run,
};
