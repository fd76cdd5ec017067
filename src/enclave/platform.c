#include "enclave/platform.h"

#include <stdlib.h>

#include "base/secret.h"
#include "enclave/platform_parts.h"
#include "evidence/dcap_verify.h"
#include "evidence/trusted_root.h"
#include "os/private_dir.h"

#define QE_NAME   PLATFORM_BANNER " quoting component"
#define QE_SIGNER PLATFORM_BANNER " quoting component's signer"
#define QE_FLAGS  (SGX_INIT | SGX_MODE64 | SGX_PROVISION_KEY) /* as Intel's quoting enclave */

static_assert(DCAP_SGX_SIZE == SGX_REPORT_BODY_SIZE, "one body");

struct platform {
    uint8_t fuse[SGX_KEY_SIZE];
    struct private_key *pck;
    struct private_key *attestation; /* new at each start; the PCK vouches for it in each quote */
    struct buf chain;                /* PEM, ended by a zero byte */
    struct buf collateral;
};

/* A digest that is no enclave's. */
static void name(const char *what, uint8_t digest[SHA256_SIZE])
{
    sha256_digest(span_of_text(what), digest);
}

void platform_target(struct sgx_targetinfo *target)
{
    *target = (struct sgx_targetinfo){.attributes = {.flags = QE_FLAGS, .xfrm = SGX_XFRM_LEGACY}};
    name(QE_NAME, target->mrenclave);
}

static void put(uint8_t report[DCAP_SGX_SIZE], enum dcap_field field, const void *value)
{
    struct span bytes = span_of(report, DCAP_SGX_SIZE);
    struct span at = dcap_report_get(DCAP_BODY_SGX, bytes, field);
    memcpy(report + (at.data - report), value, at.size);
}

void platform_write_qe_report(uint8_t report[DCAP_SGX_SIZE])
{
    static const uint16_t product = PLATFORM_QE_PRODUCT;
    static const uint16_t svn = PLATFORM_QE_SVN;
    uint8_t cpu_svn[16];
    uint8_t signer[SHA256_SIZE];
    struct sgx_targetinfo self;
    platform_target(&self);
    name(QE_SIGNER, signer);
    memset(cpu_svn, MODEL_CPU_SVN, sizeof cpu_svn);
    memset(report, 0, DCAP_SGX_SIZE);
    put(report, DCAP_CPUSVN, cpu_svn);
    put(report, DCAP_ATTRIBUTES, &self.attributes);
    put(report, DCAP_MRENCLAVE, self.mrenclave);
    put(report, DCAP_MRSIGNER, signer);
    put(report, DCAP_ISVPRODID, &product);
    put(report, DCAP_ISVSVN, &svn);
}

/* Quotes a body that has been checked. */
static int quote_body(const struct platform *platform, const uint8_t body[SGX_REPORT_BODY_SIZE],
                      struct buf *quote, struct error *err)
{
    struct dcap_quoting quoting = {
        .version = DCAP_VERSION_MIN,
        .body = DCAP_BODY_SGX,
        .qe_svn = PLATFORM_QE_SVN,
        .pce_svn = PLATFORM_PCE_SVN,
        .vendor = dcap_vendor_intel,
        .report = span_of(body, SGX_REPORT_BODY_SIZE),
        .attestation = platform->attestation,
        .pck = platform->pck,
        .qe_auth_data = span_of_text(PLATFORM_BANNER),
        .certification_type = DCAP_CERTIFICATION_PCK_CHAIN,
        .certification_data = buf_span(&platform->chain),
    };
    platform_write_qe_report(quoting.qe_report);
    return dcap_quote_write(&quoting, quote, err);
}

int platform_quote(const struct platform *platform, const struct sgx_report *report,
                   struct buf *quote, struct error *err)
{
    struct sgx_targetinfo target;
    platform_target(&target);
    if (model_report_check(platform->fuse, &target, report, err) < 0)
        return error_context(err, PLATFORM_BANNER);
    return quote_body(platform, report->body, quote, err);
}

static int read_fuse(struct platform *platform, const char *dir, struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf fuse = BUF_WITH_LIMIT(SGX_KEY_SIZE);
    if (private_dir_read_key(dir, PLATFORM_FILE_FUSE, &fuse, err) < 0)
        return -1;
    if (fuse.size != SGX_KEY_SIZE)
        return error_set(err, ERROR_INVALID, PLATFORM_FILE_FUSE " has %zu bytes instead of %d",
                         fuse.size, SGX_KEY_SIZE);
    memcpy(platform->fuse, fuse.data, SGX_KEY_SIZE);
    return 0;
}

static int read_pck(struct platform *platform, const char *dir, struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf key = BUF_WITH_LIMIT(PLATFORM_FILE_MAX);
    if (private_dir_read_key(dir, PLATFORM_FILE_KEY, &key, err) < 0 ||
        private_dir_read(dir, PLATFORM_FILE_CHAIN, &platform->chain, err) < 0 ||
        buf_append_byte(&platform->chain, 0, err) < 0)
        return -1;
    platform->pck = private_key_from_pem(buf_span(&key), err);
    return platform->pck ? 0 : error_context(err, PLATFORM_FILE_KEY);
}

static int read_root(const char *dir, struct trusted_root *root, struct error *err)
{
    BUF_AUTO pem = BUF_WITH_LIMIT(PLATFORM_FILE_MAX);
    if (private_dir_read(dir, PLATFORM_FILE_ROOT, &pem, err) < 0)
        return -1;
    if (trusted_root_read(buf_span(&pem), root, NULL, err) < 0)
        return error_context(err, PLATFORM_FILE_ROOT);
    return root->simulated
               ? 0
               : error_set(err, ERROR_INVALID, PLATFORM_FILE_ROOT " is no simulated root");
}

/* Whether the files belong together is asked of those for whom they are made: a quote by these keys
 * must be accepted by this collateral under this root. */
static int try_out(const struct platform *platform, const struct trusted_root *root,
                   struct error *err)
{
    static const struct dcap_appraisal any;
    const struct dcap_options options = {
        .time = PLATFORM_NOT_BEFORE, .roots = root, .root_count = 1};
    struct dcap_result result;
    struct dcap_parts parts;
    uint8_t body[DCAP_SGX_SIZE];
    BUF_AUTO quote = BUF_WITH_LIMIT(DCAP_QUOTE_SIZE_MAX);
    platform_write_qe_report(body);
    int outcome = dcap_parts_parse(platform_collateral(platform), &parts, err);
    if (outcome < 0)
        (void)error_context(err, PLATFORM_FILE_COLLATERAL);
    else
        outcome = quote_body(platform, body, &quote, err);
    if (outcome == 0 &&
        dcap_verify(buf_span(&quote), &parts, &options, &any, &result) != VERDICT_ACCEPTED) {
        const struct check *failure = checks_first_failure(&result.checks);
        outcome = error_set(err, ERROR_INVALID, "its own quote is refused by %s (%.300s)",
                            failure ? failure->rule->name : "none", failure ? failure->found : "");
    }
    dcap_parts_fini(&parts);
    return outcome;
}

static int load(struct platform *platform, const char *dir, struct error *err)
{
    struct trusted_root root;
    platform->attestation = private_key_new_p256(err);
    if (!platform->attestation || read_fuse(platform, dir, err) < 0 ||
        read_pck(platform, dir, err) < 0 || read_root(dir, &root, err) < 0 ||
        private_dir_read(dir, PLATFORM_FILE_COLLATERAL, &platform->collateral, err) < 0)
        return -1;
    return try_out(platform, &root, err);
}

static struct platform *new_platform(struct error *err)
{
    struct platform *platform = calloc(1, sizeof *platform);
    if (!platform) {
        (void)error_memory(err);
        return NULL;
    }
    buf_init(&platform->chain, PLATFORM_FILE_MAX);
    buf_init(&platform->collateral, PLATFORM_FILE_MAX);
    return platform;
}

struct platform *platform_of(const uint8_t fuse[SGX_KEY_SIZE], struct span key, struct span chain,
                             struct error *err)
{
    struct platform *platform = new_platform(err);
    if (!platform)
        return NULL;
    memcpy(platform->fuse, fuse, sizeof platform->fuse);
    platform->attestation = private_key_new_p256(err);
    if (platform->attestation && buf_append(&platform->chain, chain, err) == 0 &&
        buf_append_byte(&platform->chain, 0, err) == 0)
        platform->pck = private_key_from_pem(key, err);
    if (platform->pck)
        return platform;
    platform_close(platform);
    return NULL;
}

struct platform *platform_open(const char *dir, struct error *err)
{
    struct error why = {0};
    if (private_dir_prepare(dir, err) < 0 ||
        private_dir_make_once(dir, PLATFORM_FILE_COLLATERAL, platform_make, err) < 0) {
        (void)error_context(err, "the platform of " PLATFORM_BANNER);
        return NULL;
    }
    struct platform *platform = new_platform(err);
    if (!platform)
        return NULL;
    if (load(platform, dir, &why) == 0)
        return platform;
    platform_close(platform);
    (void)error_set(err, why.code,
                    "the platform of " PLATFORM_BANNER " in %s is damaged: %.600s; remove the "
                    "folder to have a new one made (quotes of the old one then need its "
                    "old " PLATFORM_FILE_ROOT ", and what was sealed on it is lost)",
                    dir, why.text);
    return NULL;
}

void platform_close(struct platform *platform)
{
    if (!platform)
        return;
    private_key_free(platform->pck);
    private_key_free(platform->attestation);
    buf_fini(&platform->chain);
    buf_fini(&platform->collateral);
    secret_wipe(platform, sizeof *platform);
    free(platform);
}

void platform_cleanup(struct platform **platform)
{
    platform_close(*platform);
}

const uint8_t *platform_fuse(const struct platform *platform)
{
    return platform->fuse;
}

struct span platform_collateral(const struct platform *platform)
{
    return buf_span(&platform->collateral);
}
