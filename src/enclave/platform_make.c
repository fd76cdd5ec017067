/* Makes the platform of simulated SGX, once: keys, certificates, lists, TCB info, QE identity. */
#include "base/hex.h"
#include "crypto/random.h"
#include "enclave/platform_parts.h"
#include "evidence/dcap_collateral.h"
#include "evidence/pck_write.h"
#include "format/timestamp.h"
#include "os/private_dir.h"

#define DOCUMENT_MAX 8192

enum holder { ROOT, CA, PCK, SIGNING, HOLDER_COUNT };
static const char *const names[HOLDER_COUNT] = {
    [ROOT] = PLATFORM_BANNER " Root CA",
    [CA] = PLATFORM_BANNER " PCK Platform CA",
    [PCK] = PLATFORM_BANNER " PCK Certificate",
    [SIGNING] = PLATFORM_BANNER " TCB Signing",
};

/* Six letters where a processor has its family, model, stepping and customer. */
static const uint8_t fmspc[PCK_FMSPC_SIZE] = {'S', 'I', 'M', 'U', 'L', 'A'};

struct making {
    struct private_key *keys[HOLDER_COUNT];
    struct buf pem[HOLDER_COUNT];
    struct buf lists[2]; /* the root's and the CA's, in DER */
    struct buf pck_chain;
    struct buf pck_ca_chain;
    struct buf signing_chain;
    struct buf tcb_info;
    struct buf qe_identity;
};

static int init(struct making *making, struct error *err)
{
    *making = (struct making){.tcb_info = BUF_WITH_LIMIT(DOCUMENT_MAX),
                              .qe_identity = BUF_WITH_LIMIT(DOCUMENT_MAX),
                              .pck_chain = BUF_WITH_LIMIT(PLATFORM_FILE_MAX),
                              .pck_ca_chain = BUF_WITH_LIMIT(PLATFORM_FILE_MAX),
                              .signing_chain = BUF_WITH_LIMIT(PLATFORM_FILE_MAX)};
    buf_init(&making->lists[0], PLATFORM_FILE_MAX);
    buf_init(&making->lists[1], PLATFORM_FILE_MAX);
    for (size_t i = 0; i < HOLDER_COUNT; i++) {
        buf_init(&making->pem[i], PLATFORM_FILE_MAX);
        making->keys[i] = private_key_new_p256(err);
        if (!making->keys[i])
            return -1;
    }
    return 0;
}

static void fini(struct making *making)
{
    struct buf *const all[] = {&making->lists[0],     &making->lists[1], &making->pck_chain,
                               &making->pck_ca_chain, &making->tcb_info, &making->qe_identity,
                               &making->signing_chain};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_fini(all[i]);
    for (size_t i = 0; i < HOLDER_COUNT; i++) {
        buf_fini(&making->pem[i]);
        private_key_free(making->keys[i]);
    }
}

/* What the PCK certificate says: the versions that the TCB info calls up to date. */
static int describe(struct pck *pck, struct error *err)
{
    *pck = (struct pck){.pcesvn = PLATFORM_PCE_SVN, .type = PCK_SCALABLE, .has_instance = true};
    pck->dynamic_platform = PCK_NO;
    pck->cached_keys = PCK_NO;
    pck->smt = PCK_YES;
    memset(pck->components, MODEL_CPU_SVN, sizeof pck->components);
    memset(pck->cpusvn, MODEL_CPU_SVN, sizeof pck->cpusvn);
    memcpy(pck->fmspc, fmspc, sizeof fmspc);
    return random_bytes(pck->ppid, sizeof pck->ppid, err) < 0
               ? -1
               : random_bytes(pck->instance, sizeof pck->instance, err);
}

static int issue(struct making *making, enum holder holder, struct span extension,
                 struct error *err)
{
    BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    const struct issue_extension of_platform = {PCK_EXTENSION_OID, extension};
    enum holder issuer = holder == PCK ? CA : ROOT;
    const struct issue_request request = {
        .subject = names[holder],
        .issuer = names[issuer],
        .serial = (uint64_t)holder + 1,
        .not_before = PLATFORM_NOT_BEFORE,
        .not_after = PLATFORM_NOT_AFTER,
        .is_ca = holder == ROOT || holder == CA,
        .extensions = &of_platform,
        .extension_count = holder == PCK,
    };
    if (certificate_issue(&request, making->keys[holder], making->keys[issuer], &der, err) < 0)
        return -1;
    return certificate_der_to_pem(buf_span(&der), &making->pem[holder], err);
}

/* An empty list: nothing of a platform's own making is revoked. */
static int list(struct making *making, enum holder issuer, struct buf *out, struct error *err)
{
    const struct issue_crl_request request = {.issuer = names[issuer],
                                              .this_update = PLATFORM_NOT_BEFORE,
                                              .next_update = PLATFORM_NOT_AFTER};
    return crl_issue(&request, making->keys[issuer], out, err);
}

/* The holder's certificate and those above it. */
static int chain(struct making *making, enum holder holder, struct buf *out, struct error *err)
{
    if (buf_append(out, buf_span(&making->pem[holder]), err) < 0)
        return -1;
    if (holder == PCK && buf_append(out, buf_span(&making->pem[CA]), err) < 0)
        return -1;
    return buf_append(out, buf_span(&making->pem[ROOT]), err);
}

static int certify(struct making *making, struct error *err)
{
    struct pck pck;
    BUF_AUTO extension = BUF_WITH_LIMIT(DOCUMENT_MAX);
    if (describe(&pck, err) < 0 || pck_write(&pck, &extension, err) < 0)
        return -1;
    for (enum holder holder = ROOT; holder < HOLDER_COUNT; holder++) {
        if (issue(making, holder, buf_span(&extension), err) < 0)
            return -1;
    }
    if (list(making, ROOT, &making->lists[0], err) < 0 ||
        list(making, CA, &making->lists[1], err) < 0)
        return -1;
    if (chain(making, PCK, &making->pck_chain, err) < 0 ||
        chain(making, CA, &making->pck_ca_chain, err) < 0)
        return -1;
    return chain(making, SIGNING, &making->signing_chain, err);
}

/* What both documents begin with. */
static int put_head(struct buf *out, const char *id, int version, struct error *err)
{
    char from[TIMESTAMP_SIZE];
    char to[TIMESTAMP_SIZE];
    timestamp_write(PLATFORM_NOT_BEFORE, from);
    timestamp_write(PLATFORM_NOT_AFTER, to);
    return buf_printf(out, err,
                      "{\"id\":\"%s\",\"version\":%d,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
                      "\"tcbEvaluationDataNumber\":%d,",
                      id, version, from, to, PLATFORM_EVALUATION);
}

/* The one level, and the end of the document. */
static int put_level(struct buf *out, struct error *err)
{
    char date[TIMESTAMP_SIZE];
    timestamp_write(PLATFORM_NOT_BEFORE, date);
    return buf_printf(out, err, "},\"tcbDate\":\"%s\",\"tcbStatus\":\"UpToDate\"}]}", date);
}

/* Intel SGX and Intel TDX services API, version 4, "Get TCB Info". */
static int write_tcb_info(struct making *making, struct error *err)
{
    struct buf *out = &making->tcb_info;
    char hex[2 * sizeof fmspc + 1];
    hex_encode(span_of(fmspc, sizeof fmspc), hex);
    if (put_head(out, "SGX", 3, err) < 0 ||
        buf_printf(out, err,
                   "\"fmspc\":\"%s\",\"pceId\":\"0000\",\"tcbType\":0,"
                   "\"tcbLevels\":[{\"tcb\":{\"sgxtcbcomponents\":[",
                   hex) < 0)
        return -1;
    for (int i = 0; i < TCB_COMPONENT_COUNT; i++) {
        if (buf_printf(out, err, "%s{\"svn\":%d}", i ? "," : "", MODEL_CPU_SVN) < 0)
            return -1;
    }
    if (buf_printf(out, err, "],\"pcesvn\":%d", PLATFORM_PCE_SVN) < 0)
        return -1;
    return put_level(out, err);
}

/* The same, "Get Quoting Enclave Identity": what platform_write_qe_report() writes. */
static int write_qe_identity(struct making *making, struct error *err)
{
    uint8_t report[DCAP_SGX_SIZE];
    char attributes[2 * QE_ATTRIBUTES_SIZE + 1];
    char mrsigner[2 * SHA256_SIZE + 1];
    struct buf *out = &making->qe_identity;
    platform_write_qe_report(report);
    struct span bytes = span_of(report, sizeof report);
    hex_encode(dcap_report_get(DCAP_BODY_SGX, bytes, DCAP_ATTRIBUTES), attributes);
    hex_encode(dcap_report_get(DCAP_BODY_SGX, bytes, DCAP_MRSIGNER), mrsigner);
    if (put_head(out, "QE", 2, err) < 0 ||
        buf_printf(out, err,
                   "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
                   "\"attributes\":\"%s\",\"attributesMask\":\"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF\","
                   "\"mrsigner\":\"%s\",\"isvprodid\":%d,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%d",
                   attributes, mrsigner, PLATFORM_QE_PRODUCT, PLATFORM_QE_SVN) < 0)
        return -1;
    return put_level(out, err);
}

static int sign(const struct making *making, const struct buf *document,
                uint8_t signature[P256_SIGNATURE_SIZE], struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(buf_span(document), digest);
    return private_key_sign_p256(making->keys[SIGNING], digest, signature, err);
}

static int write_collateral(struct making *making, struct buf *json, struct error *err)
{
    if (write_tcb_info(making, err) < 0 || write_qe_identity(making, err) < 0)
        return -1;
    struct dcap_parts parts = {
        .pck_crl_issuer_chain = buf_span(&making->pck_ca_chain),
        .root_ca_crl = buf_span(&making->lists[0]),
        .pck_crl = buf_span(&making->lists[1]),
        .tcb_info_issuer_chain = buf_span(&making->signing_chain),
        .tcb_info = buf_span(&making->tcb_info),
        .qe_identity_issuer_chain = buf_span(&making->signing_chain),
        .qe_identity = buf_span(&making->qe_identity),
    };
    if (sign(making, &making->tcb_info, parts.tcb_info_signature, err) < 0 ||
        sign(making, &making->qe_identity, parts.qe_identity_signature, err) < 0)
        return -1;
    return dcap_parts_write(&parts, json, err);
}

/* The two secrets. */
static int write_keys(const struct making *making, const char *dir, struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf fuse = BUF_WITH_LIMIT(SGX_KEY_SIZE);
    __attribute__((cleanup(buf_fini_secret))) struct buf key = BUF_WITH_LIMIT(PLATFORM_FILE_MAX);
    if (buf_append_zero(&fuse, SGX_KEY_SIZE, err) < 0 ||
        random_bytes(fuse.data, fuse.size, err) < 0 ||
        private_key_to_pem(making->keys[PCK], &key, err) < 0 ||
        private_dir_write(dir, PLATFORM_FILE_FUSE, buf_span(&fuse), err) < 0)
        return -1;
    return private_dir_write(dir, PLATFORM_FILE_KEY, buf_span(&key), err);
}

int platform_make(const char *dir, struct error *err)
{
    __attribute__((cleanup(fini))) struct making making;
    BUF_AUTO collateral = BUF_WITH_LIMIT(PLATFORM_FILE_MAX);
    if (init(&making, err) < 0 || certify(&making, err) < 0 ||
        write_collateral(&making, &collateral, err) < 0 || write_keys(&making, dir, err) < 0)
        return -1;
    if (private_dir_write(dir, PLATFORM_FILE_CHAIN, buf_span(&making.pck_chain), err) < 0 ||
        private_dir_write(dir, PLATFORM_FILE_ROOT, buf_span(&making.pem[ROOT]), err) < 0)
        return -1;
    return private_dir_write(dir, PLATFORM_FILE_COLLATERAL, buf_span(&collateral), err);
}
