#include "vm/psp.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "crypto/issue.h"
#include "crypto/random.h"
#include "evidence/snp_report.h"
#include "format/guid.h"
#include "os/private_dir.h"

/*
 * Theory of operation
 *
 * The files of a processor are written in this order: vcek.key, ark.pem, chain.pem
 * (os/private_dir.h). Where chain.pem is, the processor is complete.
 */
#define FILE_KEY   "vcek.key"
#define FILE_ARK   "ark.pem"
#define FILE_CHAIN "chain.pem"
#define FILE_MAX   65536

#define ARK_NAME  "ARK-SIMULATED"
#define ASK_NAME  "SEV-SIMULATED"
#define VCEK_NAME "SEV-SIMULATED-VCEK"
#define PRODUCT   "Milan-SIMULATED"

/* The years 2020 to 2049: the chain's age says nothing, so no machine's clock should refuse it. */
#define NOT_BEFORE INT64_C(1577836800)
#define NOT_AFTER  INT64_C(2524607999)

#define CHAIN_LENGTH 3
#define CHIP_ID_SIZE 64

/* A Milan processor: CPUID family 19h, model 1, and the security versions that the VCEK and every
 * report name (bootloader, TEE, SNP, microcode). */
#define CPUID_FAMILY   0x19
#define CPUID_MODEL    0x01
#define CPUID_STEPPING 0x01
#define SPL_BOOTLOADER 4
#define SPL_TEE        0
#define SPL_SNP        24
#define SPL_MICROCODE  0xDB
#define FIRMWARE_BUILD 21
#define FIRMWARE_MINOR 55
#define FIRMWARE_MAJOR 1
#define REPORT_VERSION 3
#define PLATFORM_SMT   1
#define STATUS_INVALID 0x16 /* INVALID_PARAM of the firmware ABI */
#define VMPL_MAX       3

struct psp {
    struct private_key *vcek;
    struct buf chain; /* PEM */
    uint8_t chip_id[CHIP_ID_SIZE];
    uint8_t report_id[32]; /* new for each launch */
    struct psp_launch launch;
    bool launched;
};

static const uint8_t tcb[8] = {SPL_BOOTLOADER, SPL_TEE, 0, 0, 0, 0, SPL_SNP, SPL_MICROCODE};

static int issue_root(const struct private_key *ark, struct buf *der, struct error *err)
{
    const struct issue_request request = {.subject = ARK_NAME,
                                          .issuer = ARK_NAME,
                                          .serial = 1,
                                          .not_before = NOT_BEFORE,
                                          .not_after = NOT_AFTER,
                                          .is_ca = true};
    return certificate_issue(&request, ark, ark, der, err);
}

static int issue_intermediate(const struct private_key *ask, const struct private_key *ark,
                              struct buf *der, struct error *err)
{
    const struct issue_request request = {.subject = ASK_NAME,
                                          .issuer = ARK_NAME,
                                          .serial = 2,
                                          .not_before = NOT_BEFORE,
                                          .not_after = NOT_AFTER,
                                          .is_ca = true};
    return certificate_issue(&request, ask, ark, der, err);
}

/* The extensions of a real VCEK (AMD 57230, section 3.1), in their real encodings. */
static int issue_leaf(const struct private_key *vcek, const struct private_key *ask,
                      const uint8_t chip_id[CHIP_ID_SIZE], struct buf *der, struct error *err)
{
    static const uint8_t zero[] = {0x02, 1, 0};
    static const uint8_t bootloader[] = {0x02, 1, SPL_BOOTLOADER};
    static const uint8_t tee[] = {0x02, 1, SPL_TEE};
    static const uint8_t snp[] = {0x02, 1, SPL_SNP};
    static const uint8_t microcode[] = {0x02, 2, 0, SPL_MICROCODE};
    static const char product[] = "\x16\x0f" PRODUCT; /* IA5String */
    const struct issue_extension extensions[] = {
        {"1.3.6.1.4.1.3704.1.1", span_of(zero, sizeof zero)},
        {"1.3.6.1.4.1.3704.1.2", span_of(product, sizeof product - 1)},
        {"1.3.6.1.4.1.3704.1.3.1", span_of(bootloader, sizeof bootloader)},
        {"1.3.6.1.4.1.3704.1.3.2", span_of(tee, sizeof tee)},
        {"1.3.6.1.4.1.3704.1.3.4", span_of(zero, sizeof zero)},
        {"1.3.6.1.4.1.3704.1.3.5", span_of(zero, sizeof zero)},
        {"1.3.6.1.4.1.3704.1.3.6", span_of(zero, sizeof zero)},
        {"1.3.6.1.4.1.3704.1.3.7", span_of(zero, sizeof zero)},
        {"1.3.6.1.4.1.3704.1.3.3", span_of(snp, sizeof snp)},
        {"1.3.6.1.4.1.3704.1.3.8", span_of(microcode, sizeof microcode)},
        {"1.3.6.1.4.1.3704.1.4", span_of(chip_id, CHIP_ID_SIZE)},
    };
    const struct issue_request request = {
        .subject = VCEK_NAME,
        .issuer = ASK_NAME,
        .serial = 0,
        .not_before = NOT_BEFORE,
        .not_after = NOT_AFTER,
        .extensions = extensions,
        .extension_count = sizeof extensions / sizeof *extensions};
    return certificate_issue(&request, vcek, ask, der, err);
}

/* Makes the chain, and writes key and root; the chain's text is left to the caller to write. */
static int make_chain(const char *dir, const struct private_key *vcek, struct buf *chain,
                      struct error *err)
{
    uint8_t chip_id[CHIP_ID_SIZE];
    PRIVATE_KEY_AUTO *ark = private_key_new_rsa4096(err);
    PRIVATE_KEY_AUTO *ask = ark ? private_key_new_rsa4096(err) : NULL;
    BUF_AUTO leaf = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    BUF_AUTO middle = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    BUF_AUTO root = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    BUF_AUTO root_pem = BUF_WITH_LIMIT(FILE_MAX);
    if (!ask || random_bytes(chip_id, sizeof chip_id, err) < 0 || issue_root(ark, &root, err) < 0 ||
        issue_intermediate(ask, ark, &middle, err) < 0 ||
        issue_leaf(vcek, ask, chip_id, &leaf, err) < 0)
        return -1;
    if (certificate_der_to_pem(buf_span(&leaf), chain, err) < 0 ||
        certificate_der_to_pem(buf_span(&middle), chain, err) < 0 ||
        certificate_der_to_pem(buf_span(&root), chain, err) < 0 ||
        certificate_der_to_pem(buf_span(&root), &root_pem, err) < 0)
        return -1;
    return private_dir_write(dir, FILE_ARK, buf_span(&root_pem), err);
}

static int make_processor(const char *dir, struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf key = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO chain = BUF_WITH_LIMIT(FILE_MAX);
    PRIVATE_KEY_AUTO *vcek = private_key_new_p384(err);
    if (!vcek || private_key_to_pem(vcek, &key, err) < 0 ||
        private_dir_write(dir, FILE_KEY, buf_span(&key), err) < 0 ||
        make_chain(dir, vcek, &chain, err) < 0)
        return -1;
    return private_dir_write(dir, FILE_CHAIN, buf_span(&chain), err);
}

/* Splits the chain's text; it must be VCEK, ASK and ARK and nothing else. */
static int read_chain(const struct psp *psp, struct certificate *chain[CHAIN_LENGTH],
                      struct buf *root, struct error *err)
{
    struct span pem = buf_span(&psp->chain);
    for (int i = 0; i < CHAIN_LENGTH; i++) {
        BUF_AUTO der = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
        if (certificate_pem_next(&pem, &der, err) < 0)
            return -1;
        chain[i] = certificate_from_der(buf_span(&der), err);
        if (!chain[i])
            return -1;
        if (i == CHAIN_LENGTH - 1 && certificate_der_to_pem(buf_span(&der), root, err) < 0)
            return -1;
    }
    if (pem.size != 0)
        return error_set(err, ERROR_INVALID, "it holds more than %d certificates", CHAIN_LENGTH);
    return 0;
}

static int check_chain(struct psp *psp, struct certificate *const chain[CHAIN_LENGTH],
                       struct error *err)
{
    struct span chip_id;
    if (strcmp(certificate_name(chain[0]), VCEK_NAME) != 0 ||
        !certificate_extension(chain[0], "1.3.6.1.4.1.3704.1.4", &chip_id) ||
        chip_id.size != CHIP_ID_SIZE)
        return error_set(err, ERROR_INVALID, "its first certificate is not a " VCEK_NAME);
    if (certificate_check_signed(chain[0], chain[1], SIGNED_PSS_SHA384, err) < 0 ||
        certificate_check_signed(chain[1], chain[2], SIGNED_PSS_SHA384, err) < 0 ||
        certificate_check_signed(chain[2], chain[2], SIGNED_PSS_SHA384, err) < 0)
        return -1;
    if (!private_key_matches(psp->vcek, chain[0]))
        return error_set(err, ERROR_INVALID, FILE_KEY " belongs to another certificate");
    memcpy(psp->chip_id, chip_id.data, CHIP_ID_SIZE);
    return 0;
}

static int check_root(const char *dir, const struct buf *root, struct error *err)
{
    BUF_AUTO ark = BUF_WITH_LIMIT(FILE_MAX);
    if (private_dir_read(dir, FILE_ARK, &ark, err) < 0)
        return -1;
    if (!span_equal(buf_span(&ark), buf_span(root)))
        return error_set(err, ERROR_INVALID, FILE_ARK " is not the root of " FILE_CHAIN);
    return 0;
}

static int load(struct psp *psp, const char *dir, struct error *err)
{
    __attribute__((cleanup(buf_fini_secret))) struct buf key = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO root = BUF_WITH_LIMIT(FILE_MAX);
    struct certificate *chain[CHAIN_LENGTH] = {NULL};
    if (private_dir_read_key(dir, FILE_KEY, &key, err) < 0 ||
        private_dir_read(dir, FILE_CHAIN, &psp->chain, err) < 0)
        return -1;
    psp->vcek = private_key_from_pem(buf_span(&key), err);
    if (!psp->vcek)
        return error_context(err, FILE_KEY);
    int result = read_chain(psp, chain, &root, err);
    if (result == 0)
        result = check_chain(psp, chain, err);
    for (int i = 0; i < CHAIN_LENGTH; i++)
        certificate_free(chain[i]);
    if (result < 0)
        return error_context(err, FILE_CHAIN);
    return check_root(dir, &root, err);
}

struct psp *psp_open(const char *dir, struct error *err)
{
    if (private_dir_prepare(dir, err) < 0 ||
        private_dir_make_once(dir, FILE_CHAIN, make_processor, err) < 0) {
        (void)error_context(err, "the simulated secure processor");
        return NULL;
    }
    struct psp *psp = calloc(1, sizeof *psp);
    if (!psp) {
        (void)error_memory(err);
        return NULL;
    }
    buf_init(&psp->chain, FILE_MAX);
    struct error why;
    if (load(psp, dir, &why) < 0) {
        psp_close(psp);
        (void)error_set(
            err, why.code,
            "the simulated secure processor in %s is damaged: %.600s; remove the "
            "folder to have a new one made (evidence of the old one then needs its old " FILE_ARK
            ")",
            dir, why.text);
        return NULL;
    }
    return psp;
}

void psp_close(struct psp *psp)
{
    if (!psp)
        return;
    private_key_free(psp->vcek);
    buf_fini(&psp->chain);
    free(psp);
}

void psp_cleanup(struct psp **psp)
{
    psp_close(*psp);
}

int psp_launch(struct psp *psp, const struct psp_launch *launch, struct error *err)
{
    if (psp->launched)
        return error_set(err, ERROR_INVALID,
                         "this simulated secure processor has launched its machine already");
    if (!(launch->policy & SNP_POLICY_ONE) || (launch->policy & SNP_POLICY_RESERVED))
        return error_set(err, ERROR_INVALID,
                         "the guest policy 0x%llx: bit 17 must be one, bits 26 and up zero",
                         (unsigned long long)launch->policy);
    if (random_bytes(psp->report_id, sizeof psp->report_id, err) < 0)
        return -1;
    psp->launch = *launch;
    psp->launched = true;
    return 0;
}

static void fill_report(const struct psp *psp, struct snp_report *report)
{
    *report = (struct snp_report){.version = REPORT_VERSION,
                                  .policy = psp->launch.policy,
                                  .signature_algorithm = SNP_ALGORITHM_ECDSA_P384_SHA384,
                                  .platform_info = PLATFORM_SMT,
                                  .cpuid_family = CPUID_FAMILY,
                                  .cpuid_model = CPUID_MODEL,
                                  .cpuid_stepping = CPUID_STEPPING,
                                  .current = {FIRMWARE_BUILD, FIRMWARE_MINOR, FIRMWARE_MAJOR},
                                  .committed = {FIRMWARE_BUILD, FIRMWARE_MINOR, FIRMWARE_MAJOR}};
    memcpy(report->measurement, psp->launch.measurement, sizeof report->measurement);
    memcpy(report->host_data, psp->launch.host_data, sizeof report->host_data);
    memcpy(report->report_id, psp->report_id, sizeof report->report_id);
    memset(report->report_id_ma, 0xFF, sizeof report->report_id_ma); /* no migration agent */
    memcpy(report->current_tcb, tcb, sizeof tcb);
    memcpy(report->reported_tcb, tcb, sizeof tcb);
    memcpy(report->committed_tcb, tcb, sizeof tcb);
    memcpy(report->launch_tcb, tcb, sizeof tcb);
    memcpy(report->chip_id, psp->chip_id, sizeof report->chip_id);
}

static void reverse(uint8_t *out, const uint8_t *big_endian)
{
    for (size_t i = 0; i < P384_SIZE; i++)
        out[i] = big_endian[P384_SIZE - 1 - i];
}

static int sign_report(const struct psp *psp, struct snp_report *report,
                       uint8_t out[SNP_REPORT_SIZE], struct error *err)
{
    uint8_t digest[SHA384_SIZE];
    uint8_t r[P384_SIZE];
    uint8_t s[P384_SIZE];
    snp_report_write(report, out);
    sha384_digest(span_of(out, SNP_SIGNED_SIZE), digest);
    if (private_key_sign_p384(psp->vcek, digest, r, s, err) < 0)
        return -1;
    reverse(report->signature_r, r);
    reverse(report->signature_s, s);
    snp_report_write(report, out);
    return 0;
}

static void put_le32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* report_data[64], vmpl u32, reserved[28]. */
static bool read_request(struct span request, struct snp_report *report)
{
    struct cursor cursor = cursor_of(request);
    struct span reserved;
    return cursor_copy(&cursor, report->report_data, sizeof report->report_data) &&
           cursor_le32(&cursor, &report->vmpl) && report->vmpl <= VMPL_MAX &&
           cursor_read(&cursor, 28, &reserved) && span_is_zero(reserved) && cursor_at_end(&cursor);
}

int psp_answer(struct psp *psp, struct span request, uint8_t answer[PSP_ANSWER_SIZE],
               struct error *err)
{
    memset(answer, 0, PSP_ANSWER_SIZE);
    if (!psp->launched)
        return error_set(err, ERROR_INVALID, "the guest asks for a report before it is launched");
    struct snp_report report;
    fill_report(psp, &report);
    if (!read_request(request, &report)) {
        put_le32(answer, STATUS_INVALID);
        return 0;
    }
    put_le32(answer + 4, SNP_REPORT_SIZE);
    return sign_report(psp, &report, answer + 8, err);
}

const char *psp_certificates(const struct psp *psp)
{
    return buf_text(&psp->chain);
}

/* GHCB specification, section 4.1.8.1: VCEK, ASK, ARK, and the entry of zeros that ends them. */
int psp_append_table(const struct psp *psp, struct buf *out, struct error *err)
{
    static const uint8_t guids[CHAIN_LENGTH + 1][GUID_SIZE] = {
        GUID(0x63da758d, 0xe664, 0x4564, 0xadc5, 0xf4b93be8accd),
        GUID(0x4ab7b379, 0xbbac, 0x4fe4, 0xa02f, 0x05aef327c782),
        GUID(0xc0b406a4, 0xa803, 0x4952, 0x9743, 0x3fb6014cd0ae),
    };
    struct span pem = buf_span(&psp->chain);
    BUF_AUTO ders = BUF_WITH_LIMIT(FILE_MAX);
    BUF_AUTO entries = BUF_WITH_LIMIT(FILE_MAX);
    for (int i = 0; i <= CHAIN_LENGTH; i++) {
        uint8_t place[8] = {0};
        size_t before = ders.size;
        if (i < CHAIN_LENGTH && certificate_pem_next(&pem, &ders, err) < 0)
            return -1;
        if (i < CHAIN_LENGTH)
            put_le32(place, (uint32_t)((CHAIN_LENGTH + 1) * (GUID_SIZE + sizeof place) + before));
        put_le32(place + 4, (uint32_t)(ders.size - before));
        if (buf_append(&entries, span_of(guids[i], GUID_SIZE), err) < 0 ||
            buf_append(&entries, span_of(place, sizeof place), err) < 0)
            return -1;
    }
    uint8_t size[4];
    put_le32(size, (uint32_t)(entries.size + ders.size));
    if (buf_append(out, span_of(size, sizeof size), err) < 0 ||
        buf_append(out, buf_span(&entries), err) < 0)
        return -1;
    return buf_append(out, buf_span(&ders), err);
}
