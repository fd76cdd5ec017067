#include "evidence/bundle.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "format/json.h"

#define FORMAT_VERSION 1
#define DEPTH_MAX      3

static const char *const tee_names[] = {
    [BUNDLE_TEE_SIMULATED] = "simulated",
    [BUNDLE_TEE_SNP] = "sev-snp",
    [BUNDLE_TEE_SGX_SIMULATED] = "sgx-simulated",
    [BUNDLE_TEE_SGX] = "sgx",
};

_Static_assert(sizeof tee_names / sizeof *tee_names == BUNDLE_TEE_COUNT, "a TEE has no name");

const char *bundle_tee_name(enum bundle_tee tee)
{
    return tee_names[tee];
}

bool bundle_tee_by_name(const char *name, enum bundle_tee *tee)
{
    for (int i = 0; i < BUNDLE_TEE_COUNT; i++) {
        if (strcmp(tee_names[i], name) == 0) {
            *tee = (enum bundle_tee)i;
            return true;
        }
    }
    return false;
}

bool bundle_is_of_enclave(const struct bundle *bundle)
{
    return bundle->tee == BUNDLE_TEE_SGX_SIMULATED || bundle->tee == BUNDLE_TEE_SGX;
}

void bundle_init(struct bundle *bundle)
{
    memset(bundle, 0, sizeof *bundle);
    buf_init(&bundle->report, BUNDLE_REPORT_MAX);
    buf_init(&bundle->runtime_data, BUNDLE_RUNTIME_DATA_MAX);
    buf_init(&bundle->policy, BUNDLE_POLICY_MAX);
    for (int i = 0; i < BUNDLE_CERTIFICATES_MAX; i++)
        buf_init(&bundle->certificates[i], CERTIFICATE_DER_MAX);
}

void bundle_fini(struct bundle *bundle)
{
    buf_fini(&bundle->report);
    buf_fini(&bundle->runtime_data);
    buf_fini(&bundle->policy);
    for (int i = 0; i < BUNDLE_CERTIFICATES_MAX; i++)
        buf_fini(&bundle->certificates[i]);
    bundle->certificate_count = 0;
}

static int read_bytes(const json_t *object, const char *key, struct buf *out, struct error *err)
{
    const char *text;
    if (json_get_text(object, key, &text, err) < 0)
        return -1;
    if (base64_decode(span_of_text(text), out, err) < 0)
        return error_context(err, "%s", key);
    return 0;
}

static int read_digest(const json_t *object, const char *key, uint8_t out[SHA256_SIZE],
                       struct error *err)
{
    const char *text;
    if (json_get_text(object, key, &text, err) < 0)
        return -1;
    if (!hex_decode(span_of_text(text), out, SHA256_SIZE))
        return error_set(err, ERROR_INVALID, "%s is not a SHA-256 in hexadecimal", key);
    return 0;
}

static int read_guest(const json_t *object, struct bundle *bundle, struct error *err)
{
    static const char *const known[] = {"kernel", "initrd", "cmdline", "vcpus", NULL};
    const char *cmdline;
    uint64_t vcpus;
    if (json_check_keys(object, known, err) < 0 ||
        read_digest(object, "kernel", bundle->kernel, err) < 0 ||
        read_digest(object, "initrd", bundle->initrd, err) < 0 ||
        json_get_text(object, "cmdline", &cmdline, err) < 0 ||
        json_get_u64(object, "vcpus", BUNDLE_VCPUS_MAX, &vcpus, err) < 0)
        return -1;
    if (!text_copy(bundle->cmdline, sizeof bundle->cmdline, cmdline))
        return error_set(err, ERROR_LIMIT, "cmdline has %zu bytes; at most %d are allowed",
                         strlen(cmdline), BUNDLE_CMDLINE_SIZE - 1);
    if (vcpus == 0)
        return error_set(err, ERROR_INVALID, "vcpus is 0");
    bundle->vcpus = (uint32_t)vcpus;
    return 0;
}

/* Appends the DER bytes of the one certificate that `pem` holds. */
static int add_certificate(struct bundle *bundle, struct span *pem, struct error *err)
{
    if (bundle->certificate_count == BUNDLE_CERTIFICATES_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d certificates", BUNDLE_CERTIFICATES_MAX);
    struct buf *der = &bundle->certificates[bundle->certificate_count];
    if (certificate_pem_next(pem, der, err) < 0)
        return -1;
    bundle->certificate_count++;
    return 0;
}

static int read_certificates(const json_t *array, struct bundle *bundle, struct error *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text;
        if (json_text_at(array, i, "certificates", &text, err) < 0)
            return -1;
        struct span pem = span_of_text(text);
        if (add_certificate(bundle, &pem, err) < 0)
            return error_context(err, "certificates[%zu]", i);
        if (pem.size != 0)
            return error_set(err, ERROR_INVALID,
                             "certificates[%zu] holds more than one certificate", i);
    }
    return 0;
}

int bundle_set_certificates(struct bundle *bundle, struct span pem, struct error *err)
{
    while (pem.size > 0) {
        if (add_certificate(bundle, &pem, err) < 0)
            return -1;
    }
    return 0;
}

static int read_head(const json_t *document, struct bundle *bundle, struct error *err)
{
    static const char *const known[] = {"caisson_evidence", "tee",    "report", "certificates",
                                        "runtime_data",     "policy", "guest",  NULL};
    uint64_t version;
    const char *tee;
    if (json_get_u64(document, "caisson_evidence", UINT32_MAX, &version, err) < 0)
        return -1;
    if (version != FORMAT_VERSION)
        return error_set(err, ERROR_INVALID, "caisson_evidence is %llu; %d is known",
                         (unsigned long long)version, FORMAT_VERSION);
    if (json_check_keys(document, known, err) < 0 || json_get_text(document, "tee", &tee, err) < 0)
        return -1;
    if (!bundle_tee_by_name(tee, &bundle->tee))
        return error_set(err, ERROR_INVALID,
                         "tee is none of simulated, sev-snp, sgx-simulated and sgx");
    return 0;
}

/* What a bundle of an enclave does not have. */
static int refuse_rest(const json_t *document, struct error *err)
{
    static const char *const known[] = {"caisson_evidence", "tee",    "report",
                                        "runtime_data",     "policy", NULL};
    return json_check_keys(document, known, err);
}

static int read_document(const json_t *document, struct bundle *bundle, struct error *err)
{
    json_t *certificates;
    json_t *guest;
    if (read_head(document, bundle, err) < 0 ||
        read_bytes(document, "report", &bundle->report, err) < 0 ||
        read_bytes(document, "runtime_data", &bundle->runtime_data, err) < 0 ||
        read_bytes(document, "policy", &bundle->policy, err) < 0)
        return -1;
    if (bundle_is_of_enclave(bundle))
        return refuse_rest(document, err);
    if (json_get_array(document, "certificates", &certificates, err) < 0 ||
        read_certificates(certificates, bundle, err) < 0 ||
        json_get_object(document, "guest", &guest, err) < 0)
        return -1;
    if (read_guest(guest, bundle, err) < 0)
        return error_context(err, "guest");
    return 0;
}

int bundle_parse(struct span text, struct bundle *bundle, struct error *err)
{
    const struct json_limits limits = {BUNDLE_SIZE_MAX, DEPTH_MAX};
    json_auto_t *document = json_parse_object(text, &limits, err);
    if (!document || read_document(document, bundle, err) < 0)
        return error_context(err, "the evidence bundle");
    return 0;
}

static int write_bytes(struct buf *out, const char *key, const struct buf *bytes, struct error *err)
{
    if (buf_printf(out, err, ",\n\"%s\":\"", key) < 0 ||
        base64_encode(buf_span(bytes), out, err) < 0)
        return -1;
    return buf_append_byte(out, '"', err);
}

static int write_certificates(const struct bundle *bundle, struct buf *out, struct error *err)
{
    if (buf_append_text(out, ",\n\"certificates\":[", err) < 0)
        return -1;
    for (size_t i = 0; i < bundle->certificate_count; i++) {
        BUF_AUTO pem = BUF_WITH_LIMIT(2 * CERTIFICATE_DER_MAX);
        if (certificate_der_to_pem(buf_span(&bundle->certificates[i]), &pem, err) < 0 ||
            (i > 0 && buf_append_text(out, ",\n", err) < 0) ||
            json_append_string(out, buf_span(&pem), err) < 0)
            return -1;
    }
    return buf_append_byte(out, ']', err);
}

static int write_guest(const struct bundle *bundle, struct buf *out, struct error *err)
{
    char kernel[2 * SHA256_SIZE + 1];
    char initrd[2 * SHA256_SIZE + 1];
    hex_encode(span_of(bundle->kernel, SHA256_SIZE), kernel);
    hex_encode(span_of(bundle->initrd, SHA256_SIZE), initrd);
    if (buf_printf(out, err, ",\n\"guest\":{\"kernel\":\"%s\",\"initrd\":\"%s\",\"cmdline\":",
                   kernel, initrd) < 0 ||
        json_append_string(out, span_of_text(bundle->cmdline), err) < 0)
        return -1;
    return buf_printf(out, err, ",\"vcpus\":%u}", bundle->vcpus);
}

int bundle_write(const struct bundle *bundle, struct buf *out, struct error *err)
{
    bool has_guest = !bundle_is_of_enclave(bundle);
    if (buf_printf(out, err, "{\"caisson_evidence\":%d,\n\"tee\":\"%s\"", FORMAT_VERSION,
                   bundle_tee_name(bundle->tee)) < 0 ||
        write_bytes(out, "report", &bundle->report, err) < 0 ||
        (has_guest && write_certificates(bundle, out, err) < 0) ||
        write_bytes(out, "runtime_data", &bundle->runtime_data, err) < 0 ||
        write_bytes(out, "policy", &bundle->policy, err) < 0 ||
        (has_guest && write_guest(bundle, out, err) < 0))
        return -1;
    return buf_append_text(out, "}\n", err);
}
