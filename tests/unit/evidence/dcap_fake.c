#include "dcap_fake.h"

#include <stdio.h>
#include <stdlib.h>

#include "evidence/dcap_quote_write.h"
#include "evidence/pck_write.h"

#define EXTENSION_MAX 1024
#define QUOTE_MAX     (2 * DCAP_QUOTE_SIZE_MAX)

static void must(int result, const struct error *err)
{
    if (result == 0)
        return;
    (void)fprintf(stderr, "dcap_fake: %s\n", err->text);
    abort();
}

static struct error problem;
#define MUST(call) must((call), &problem)

void dcap_fake_init(struct dcap_fake *fake)
{
    memset(fake, 0, sizeof *fake);
    for (int i = 0; i < FAKE_KEY_COUNT; i++) {
        fake->keys[i] = private_key_new_p256(&problem);
        must(fake->keys[i] ? 0 : -1, &problem);
        buf_init(&fake->certificates[i], CERTIFICATE_DER_MAX);
    }
    struct buf *const rest[] = {&fake->pck_ca_chain, &fake->signing_chain, &fake->pck_chain,
                                &fake->root_crl,     &fake->pck_crl,       &fake->quote};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        buf_init(rest[i], QUOTE_MAX);
}

static void forget(struct dcap_fake *fake)
{
    for (int i = 0; i < FAKE_KEY_COUNT; i++)
        buf_fini(&fake->certificates[i]);
    buf_fini(&fake->pck_ca_chain);
    buf_fini(&fake->signing_chain);
    buf_fini(&fake->pck_chain);
    buf_fini(&fake->root_crl);
    buf_fini(&fake->pck_crl);
    buf_fini(&fake->quote);
}

void dcap_fake_fini(struct dcap_fake *fake)
{
    forget(fake);
    for (int i = 0; i < FAKE_KEY_COUNT; i++)
        private_key_free(fake->keys[i]);
}

static void append_components(struct buf *text, const char *key, unsigned svn)
{
    MUST(buf_printf(text, &problem, "\"%s\":[", key));
    for (int i = 0; i < TCB_COMPONENT_COUNT; i++)
        MUST(buf_printf(text, &problem, "%s{\"svn\":%u}", i ? "," : "", svn));
    MUST(buf_append_text(text, "]", &problem));
}

static void append_level(struct buf *text, bool is_tdx, unsigned svn, const char *rest)
{
    MUST(buf_append_text(text, "{\"tcb\":{", &problem));
    append_components(text, "sgxtcbcomponents", svn);
    MUST(buf_printf(text, &problem, ",\"pcesvn\":%u", svn));
    if (is_tdx) {
        MUST(buf_append_text(text, ",", &problem));
        append_components(text, "tdxtcbcomponents", svn);
    }
    MUST(buf_printf(text, &problem, "},%s}", rest));
}

#define MODULE                                                                                     \
    "\"mrsigner\":\"" ZEROS_48 "\",\"attributes\":\"0000000000000000\","                           \
    "\"attributesMask\":\"FFFFFFFFFFFFFFFF\""
#define ZEROS_48                                                                                   \
    "000000000000000000000000000000000000000000000000"                                             \
    "000000000000000000000000000000000000000000000000"

/* Levels from component 5, 3 and 1 on: UpToDate, OutOfDate, Revoked. */
static void write_tcb_info(struct dcap_fake *fake, bool is_tdx)
{
    BUF_AUTO text = BUF_WITH_LIMIT(FAKE_TEXT_SIZE - 1);
    MUST(buf_printf(&text, &problem,
                    "{\"id\":\"%s\",\"version\":3,\"issueDate\":\"2026-05-20T00:00:00Z\","
                    "\"nextUpdate\":\"2026-06-19T00:00:00Z\",\"fmspc\":\"00A067110000\","
                    "\"pceId\":\"0000\",\"tcbType\":0,\"tcbEvaluationDataNumber\":17,",
                    is_tdx ? "TDX" : "SGX"));
    if (is_tdx)
        MUST(buf_append_text(
            &text,
            "\"tdxModule\":{" MODULE "},\"tdxModuleIdentities\":[{\"id\":\"TDX_01\"," MODULE
            ",\"tcbLevels\":[{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2026-02-01T00:00:00Z\","
            "\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"isvsvn\":3},\"tcbDate\":"
            "\"2025-02-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":["
            "\"INTEL-SA-00002\"]}]}],",
            &problem));
    MUST(buf_append_text(&text, "\"tcbLevels\":[", &problem));
    append_level(&text, is_tdx, 5,
                 "\"tcbDate\":\"2026-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"");
    MUST(buf_append_text(&text, ",", &problem));
    append_level(&text, is_tdx, 3,
                 "\"tcbDate\":\"2025-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
                 "\"advisoryIDs\":[\"INTEL-SA-00001\",\"INTEL-SA-00002\"]");
    MUST(buf_append_text(&text, ",", &problem));
    append_level(&text, is_tdx, 1,
                 "\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"");
    MUST(buf_append_text(&text, "]}", &problem));
    memcpy(fake->tcb_info, text.data, text.size + 1);
}

static void write_qe_identity(struct dcap_fake *fake, bool is_td)
{
    (void)snprintf(
        fake->qe_identity, sizeof fake->qe_identity,
        "{\"id\":\"%s\",\"version\":2,\"issueDate\":\"2026-05-21T00:00:00Z\",\"nextUpdate\":"
        "\"2026-06-20T00:00:00Z\",\"tcbEvaluationDataNumber\":17,\"miscselect\":\"00000000\","
        "\"miscselectMask\":\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\","
        "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":"
        "\"5151515151515151515151515151515151515151515151515151515151515151\",\"isvprodid\":%d,"
        "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":8},\"tcbDate\":\"2026-03-01T00:00:00Z\","
        "\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"isvsvn\":6},\"tcbDate\":"
        "\"2025-03-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":["
        "\"INTEL-SA-00003\"]}]}",
        is_td ? "TD_QE" : "QE", is_td ? 2 : 1);
}

uint8_t *dcap_fake_field(struct dcap_fake *fake, enum dcap_field field)
{
    struct span bytes = dcap_report_get(fake->body,
                                        span_of(fake->report, dcap_body_size(fake->body)), field);
    if (bytes.size == 0)
        abort();
    return fake->report + (bytes.data - fake->report);
}

static void reset_reports(struct dcap_fake *fake, bool is_td)
{
    memset(fake->report, 0, sizeof fake->report);
    memset(fake->qe_report, 0, sizeof fake->qe_report);
    memset(fake->qe_auth_data, 0xA5, sizeof fake->qe_auth_data);
    memset(dcap_fake_field(fake, DCAP_REPORT_DATA), 0x77, 64);
    if (is_td) {
        memset(dcap_fake_field(fake, DCAP_MRTD), 0x11, 48);
        memset(dcap_fake_field(fake, DCAP_TEE_TCB_SVN), 5, 16);
        dcap_fake_field(fake, DCAP_TEE_TCB_SVN)[1] = 1;
        dcap_fake_field(fake, DCAP_TDATTRIBUTES)[3] = 0x10; /* SEPT_VE_DISABLE */
        dcap_fake_field(fake, DCAP_XFAM)[0] = 0xE7;
    } else {
        memset(dcap_fake_field(fake, DCAP_MRENCLAVE), 0x11, 32);
        memset(dcap_fake_field(fake, DCAP_MRSIGNER), 0x22, 32);
        dcap_fake_field(fake, DCAP_ATTRIBUTES)[0] = 0x05; /* INIT, MODE64BIT */
        dcap_fake_field(fake, DCAP_ISVPRODID)[0] = 3;
        dcap_fake_field(fake, DCAP_ISVSVN)[0] = 7;
    }
    fake->qe_report[48] = 0x15;              /* ATTRIBUTES */
    memset(fake->qe_report + 128, 0x51, 32); /* MRSIGNER */
    fake->qe_report[256] = is_td ? 2 : 1;    /* ISVPRODID */
    fake->qe_report[258] = 8;                /* ISVSVN */
}

static void reset_platform(struct dcap_fake *fake)
{
    static const uint8_t fmspc[PCK_FMSPC_SIZE] = {0x00, 0xA0, 0x67, 0x11, 0x00, 0x00};
    fake->pck = (struct pck){.pcesvn = 5, .type = PCK_SCALABLE, .has_instance = true};
    fake->pck.dynamic_platform = PCK_NO;
    fake->pck.cached_keys = PCK_YES;
    fake->pck.smt = PCK_YES;
    memset(fake->pck.components, 5, sizeof fake->pck.components);
    memset(fake->pck.ppid, 0x99, sizeof fake->pck.ppid);
    memcpy(fake->pck.fmspc, fmspc, sizeof fmspc);
    memcpy(fake->vendor, dcap_vendor_intel, sizeof fake->vendor);
}

static void reset_certificates(struct dcap_fake *fake)
{
    static const char *const names[FAKE_KEY_COUNT] = {
        [FAKE_ROOT] = "Intel SGX Root CA",
        [FAKE_CA] = "Intel SGX PCK Platform CA",
        [FAKE_PCK] = "Intel SGX PCK Certificate",
        [FAKE_SIGNING] = "Intel SGX TCB Signing",
    };
    for (int i = 0; i < FAKE_KEY_COUNT; i++) {
        fake->names[i] = names[i];
        fake->issuers[i] = i == FAKE_PCK ? FAKE_CA : FAKE_ROOT;
        fake->not_before[i] = FAKE_NOW - 100 * FAKE_DAY;
        fake->not_after[i] = FAKE_NOW + 100 * FAKE_DAY;
        fake->is_ca[i] = i == FAKE_ROOT || i == FAKE_CA;
    }
    fake->root_crl_serial = 77;
    fake->pck_crl_serial = 77;
    fake->root_crl_key = FAKE_ROOT;
    fake->pck_crl_key = FAKE_CA;
    fake->crl_from = FAKE_NOW - 10 * FAKE_DAY;
    fake->crl_to = FAKE_NOW + 10 * FAKE_DAY;
    fake->pck_crl_issuer = NULL; /* as the CA is called */
}

void dcap_fake_reset(struct dcap_fake *fake, enum dcap_body body)
{
    bool is_td = dcap_body_is_td(body);
    fake->body = body;
    fake->version = body == DCAP_BODY_SGX ? 3 : body == DCAP_BODY_TD10 ? 4 : 5;
    fake->certification_type = DCAP_CERTIFICATION_PCK_CHAIN;
    fake->has_extension = true;
    reset_certificates(fake);
    reset_platform(fake);
    reset_reports(fake, is_td);
    write_tcb_info(fake, is_td);
    write_qe_identity(fake, is_td);
}

void dcap_fake_replace(char text[FAKE_TEXT_SIZE], const char *old, const char *new)
{
    char *at = strstr(text, old);
    size_t old_size = strlen(old);
    size_t new_size = strlen(new);
    if (!at || strlen(text) - old_size + new_size >= FAKE_TEXT_SIZE)
        abort();
    memmove(at + new_size, at + old_size, strlen(at + old_size) + 1);
    memcpy(at, new, new_size);
}

static void issue(struct dcap_fake *fake, enum fake_key which)
{
    BUF_AUTO der = BUF_WITH_LIMIT(EXTENSION_MAX);
    MUST(pck_write(&fake->pck, &der, &problem));
    const struct issue_extension extension = {PCK_EXTENSION_OID, buf_span(&der)};
    const struct issue_request request = {
        .subject = fake->names[which],
        .issuer = fake->names[fake->issuers[which]],
        .serial = (uint64_t)which + 1,
        .not_before = fake->not_before[which],
        .not_after = fake->not_after[which],
        .is_ca = fake->is_ca[which],
        .extensions = &extension,
        .extension_count = which == FAKE_PCK && fake->has_extension,
    };
    MUST(certificate_issue(&request, fake->keys[which], fake->keys[fake->issuers[which]],
                           &fake->certificates[which], &problem));
}

static void append_pem(const struct dcap_fake *fake, enum fake_key which, struct buf *pem)
{
    MUST(certificate_der_to_pem(buf_span(&fake->certificates[which]), pem, &problem));
}

static void make_pki(struct dcap_fake *fake)
{
    const struct issue_crl_request root_list = {fake->names[FAKE_ROOT], fake->crl_from,
                                                fake->crl_to, &fake->root_crl_serial,
                                                fake->root_crl_serial != 0};
    const struct issue_crl_request pck_list = {
        fake->pck_crl_issuer ? fake->pck_crl_issuer : fake->names[FAKE_CA], fake->crl_from,
        fake->crl_to, &fake->pck_crl_serial, fake->pck_crl_serial != 0};
    for (enum fake_key i = FAKE_ROOT; i < FAKE_ATTESTATION; i++)
        issue(fake, i);
    append_pem(fake, FAKE_CA, &fake->pck_ca_chain);
    append_pem(fake, FAKE_ROOT, &fake->pck_ca_chain);
    append_pem(fake, FAKE_SIGNING, &fake->signing_chain);
    append_pem(fake, FAKE_ROOT, &fake->signing_chain);
    append_pem(fake, FAKE_PCK, &fake->pck_chain);
    append_pem(fake, FAKE_CA, &fake->pck_chain);
    append_pem(fake, FAKE_ROOT, &fake->pck_chain);
    MUST(crl_issue(&root_list, fake->keys[fake->root_crl_key], &fake->root_crl, &problem));
    MUST(crl_issue(&pck_list, fake->keys[fake->pck_crl_key], &fake->pck_crl, &problem));
    sha256_digest(buf_span(&fake->certificates[FAKE_ROOT]), fake->root.digest);
    fake->root.simulated = strstr(fake->names[FAKE_ROOT], "SIMULATED") != NULL;
}

static void sign(const struct dcap_fake *fake, enum fake_key key, struct span bytes,
                 uint8_t signature[P256_SIGNATURE_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    sha256_digest(bytes, digest);
    MUST(private_key_sign_p256(fake->keys[key], digest, signature, &problem));
}

static void make_quote(struct dcap_fake *fake)
{
    BUF_AUTO chain = BUF_WITH_LIMIT(QUOTE_MAX);
    MUST(buf_append(&chain, buf_span(&fake->pck_chain), &problem));
    MUST(buf_append_byte(&chain, 0, &problem));
    struct dcap_quoting quoting = {
        .version = fake->version,
        .body = fake->body,
        .vendor = fake->vendor,
        .report = span_of(fake->report, dcap_body_size(fake->body)),
        .attestation = fake->keys[FAKE_ATTESTATION],
        .pck = fake->keys[FAKE_PCK],
        .qe_auth_data = span_of(fake->qe_auth_data, sizeof fake->qe_auth_data),
        .certification_type = fake->certification_type,
        .certification_data = buf_span(&chain),
    };
    memcpy(quoting.qe_report, fake->qe_report, sizeof quoting.qe_report);
    MUST(dcap_quote_write(&quoting, &fake->quote, &problem));
}

void dcap_fake_make(struct dcap_fake *fake)
{
    forget(fake);
    make_pki(fake);
    make_quote(fake);
    fake->parts = (struct dcap_parts){
        .pck_crl_issuer_chain = buf_span(&fake->pck_ca_chain),
        .root_ca_crl = buf_span(&fake->root_crl),
        .pck_crl = buf_span(&fake->pck_crl),
        .tcb_info_issuer_chain = buf_span(&fake->signing_chain),
        .tcb_info = span_of_text(fake->tcb_info),
        .qe_identity_issuer_chain = buf_span(&fake->signing_chain),
        .qe_identity = span_of_text(fake->qe_identity),
    };
    sign(fake, FAKE_SIGNING, fake->parts.tcb_info, fake->parts.tcb_info_signature);
    sign(fake, FAKE_SIGNING, fake->parts.qe_identity, fake->parts.qe_identity_signature);
    fake->options = (struct dcap_options){.time = FAKE_NOW, .roots = &fake->root, .root_count = 1};
}

void dcap_fake_collateral(const struct dcap_fake *fake, struct buf *json)
{
    MUST(dcap_parts_write(&fake->parts, json, &problem));
}
