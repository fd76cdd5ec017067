/*
 * Makes what machines on Azure hand out, of machines that never ran, under the simulated processor
 * and under signers of its own: for tests of who reads it.
 *
 * usage: make_azure PSP_DIR DIR      DIR, which exists, gets
 *     aci/{report,host-amd-cert-base64,reference-info-base64,security-policy-base64}
 *     issuer runtime.json policy       what the first three bind
 *     hcl.bin hcl-td.bin chain.pem     HCL reports around SEV-SNP and TDX, certificates
 *     td/{quote,collateral.json,root.pem}  a quote of the second, and of other trust domains:
 *     td-other/… td-debug/… td-sgx/…       with another MRTD, under debugging, an enclave
 *     quote.bin quote.sig pcrs.bin     a quote of PCRs 0 and 7 with the nonce "nonce"
 */
#include <stdio.h>

#include "../unit/evidence/dcap_fake.h"
#include "../unit/made_azure.h"

#include "base/base64.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "evidence/runtime_data.h"
#include "format/json.h"
#include "os/file.h"
#include "os/output.h"
#include "vm/psp.h"

#define POLICY  "package policy\n"
#define RUNTIME "{\"keys\":[]}"
#define PCRS    0x81U

static const char *folder;

static int put(const char *name, struct span bytes, struct error *err)
{
    TEXT_AUTO path = text_format("%s/%s", folder, name);
    return path ? output_write(path, bytes, 0644, err) : error_memory(err);
}

static int put_base64(const char *name, struct span bytes, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(1024 * 1024);
    return base64_encode(bytes, &text, err) < 0 ? -1 : put(name, buf_span(&text), err);
}

/* A report of a machine of this launch for this runtime data. */
static int report(const char *psp_dir, const struct psp_launch *launch, struct span runtime_data,
                  struct buf *out, struct error *err)
{
    uint8_t request[PSP_REQUEST_SIZE] = {0};
    uint8_t answer[PSP_ANSWER_SIZE];
    PSP_AUTO *psp = psp_open(psp_dir, err);
    runtime_data_report_data(runtime_data, request);
    if (!psp || psp_launch(psp, launch, err) < 0 ||
        psp_answer(psp, span_of(request, sizeof request), answer, err) < 0)
        return -1;
    return buf_append(out, span_of(answer + 8, PSP_ANSWER_SIZE - 8), err);
}

static int make_host(const char *psp_dir, struct error *err)
{
    PSP_AUTO *psp = psp_open(psp_dir, err);
    if (!psp)
        return -1;
    const char *chain = psp_certificates(psp);
    const char *second = strstr(chain + 1, "-----BEGIN");
    TEXT_AUTO leaf = text_dup_span(span_of(chain, (size_t)(second - chain)));
    json_auto_t *document = json_pack("{s:s, s:s, s:s}", "vcekCert", leaf, "certificateChain",
                                      second, "cacheControl", "86400");
    BUF_AUTO text = BUF_WITH_LIMIT(65536);
    if (!document || json_append(document, &text, err) < 0 ||
        put("chain.pem", span_of_text(chain), err) < 0)
        return -1;
    return put_base64("aci/host-amd-cert-base64", buf_span(&text), err);
}

static int make_endorsement(struct span measurement, struct error *err)
{
    struct made_chain chain;
    struct span signers[MADE_CHAIN_LENGTH];
    BUF_AUTO issuer = BUF_WITH_LIMIT(4096);
    BUF_AUTO cose = BUF_WITH_LIMIT(65536);
    made_chain_init(&chain);
    made_chain_issue(&chain);
    for (int i = 0; i < MADE_CHAIN_LENGTH; i++)
        signers[i] = buf_span(&chain.ders[i]);
    made_did(signers[2], &issuer);
    const struct made_message message = {.shape = MADE_HASH_ENVELOPE,
                                         .algorithm = COSE_ES384,
                                         .issuer = buf_text(&issuer),
                                         .feed = MADE_FEED,
                                         .svn = 7,
                                         .signing_time = MADE_NOW,
                                         .content_type = "application/octet-stream",
                                         .chain = signers,
                                         .chain_count = MADE_CHAIN_LENGTH,
                                         .payload = measurement};
    made_cose(&message, chain.keys[0], SIGNATURE_ES384, &cose);
    made_chain_fini(&chain);
    if (put("issuer", buf_span(&issuer), err) < 0)
        return -1;
    return put_base64("aci/reference-info-base64", buf_span(&cose), err);
}

static int make_aci(const char *psp_dir, struct error *err)
{
    struct psp_launch launch = {.policy = PSP_POLICY_DEFAULT, .measurement = {1, 2, 3}};
    BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
    sha256_digest(span_of_text(POLICY), launch.host_data);
    if (report(psp_dir, &launch, span_of_text(RUNTIME), &bytes, err) < 0 ||
        put("aci/report", buf_span(&bytes), err) < 0 ||
        put("policy", span_of_text(POLICY), err) < 0 ||
        put("runtime.json", span_of_text(RUNTIME), err) < 0 ||
        put_base64("aci/security-policy-base64", span_of_text(POLICY), err) < 0 ||
        make_host(psp_dir, err) < 0)
        return -1;
    return make_endorsement(span_of(launch.measurement, sizeof launch.measurement), err);
}

static int put_td(const char *name, const struct dcap_fake *fake, struct error *err)
{
    BUF_AUTO collateral = BUF_WITH_LIMIT(DCAP_COLLATERAL_SIZE_MAX);
    BUF_AUTO root = BUF_WITH_LIMIT(CERTIFICATE_DER_MAX);
    TEXT_AUTO dir = text_format("%s/%s", folder, name);
    TEXT_AUTO quote_name = text_format("%s/quote", name);
    TEXT_AUTO collateral_name = text_format("%s/collateral.json", name);
    TEXT_AUTO root_name = text_format("%s/root.pem", name);
    if (!dir || !quote_name || !collateral_name || !root_name)
        return error_memory(err);
    dcap_fake_collateral(fake, &collateral);
    if (dir_make_all(dir, 0755, err) < 0 ||
        certificate_der_to_pem(buf_span(&fake->certificates[FAKE_ROOT]), &root, err) < 0 ||
        put(quote_name, buf_span(&fake->quote), err) < 0 ||
        put(collateral_name, buf_span(&collateral), err) < 0)
        return -1;
    return put(root_name, buf_span(&root), err);
}

/* MRTD and REPORT_DATA lie at 528 and 128 of a TDREPORT. */
static int make_td_quotes(const uint8_t tdreport[HCL_TDREPORT_SIZE], struct error *err)
{
    static const char *const names[] = {"td", "td-other", "td-debug", "td-sgx"};
    struct dcap_fake fake;
    int outcome = 0;
    dcap_fake_init(&fake);
    for (size_t i = 0; outcome == 0 && i < sizeof names / sizeof *names; i++) {
        bool is_td = strcmp(names[i], "td-sgx") != 0;
        dcap_fake_reset(&fake, is_td ? DCAP_BODY_TD15 : DCAP_BODY_SGX);
        memcpy(dcap_fake_field(&fake, DCAP_REPORT_DATA), tdreport + 128, 64);
        if (is_td)
            memcpy(dcap_fake_field(&fake, DCAP_MRTD), tdreport + 528, 48);
        if (strcmp(names[i], "td-other") == 0)
            dcap_fake_field(&fake, DCAP_MRTD)[0] ^= 1;
        if (strcmp(names[i], "td-debug") == 0)
            dcap_fake_field(&fake, DCAP_TDATTRIBUTES)[0] |= 1;
        dcap_fake_make(&fake);
        outcome = put_td(names[i], &fake, err);
    }
    dcap_fake_fini(&fake);
    return outcome;
}

static int make_td(struct span claims, struct error *err)
{
    uint8_t tdreport[HCL_TDREPORT_SIZE];
    BUF_AUTO frame = BUF_WITH_LIMIT(65536);
    made_tdreport(claims, tdreport);
    made_hcl(HCL_TDX, span_of(tdreport, sizeof tdreport), claims, &frame);
    if (put("hcl-td.bin", buf_span(&frame), err) < 0)
        return -1;
    return make_td_quotes(tdreport, err);
}

static int make_quote(EVP_PKEY *key, struct error *err)
{
    static const uint8_t values[2 * TPM_PCR_SIZE] = {7};
    BUF_AUTO quote = BUF_WITH_LIMIT(4096);
    BUF_AUTO signature = BUF_WITH_LIMIT(4096);
    made_quote(span_of_text("nonce"), PCRS, span_of(values, sizeof values), &quote);
    made_sign(key, SIGNATURE_RS256, buf_span(&quote), &signature);
    if (put("quote.bin", buf_span(&quote), err) < 0 ||
        put("quote.sig", buf_span(&signature), err) < 0)
        return -1;
    return put("pcrs.bin", span_of(values, sizeof values), err);
}

static int make_hcl(const char *psp_dir, EVP_PKEY *key, struct error *err)
{
    const struct psp_launch launch = {.policy = PSP_POLICY_DEFAULT};
    BUF_AUTO claims = BUF_WITH_LIMIT(65536);
    BUF_AUTO bytes = BUF_WITH_LIMIT(65536);
    BUF_AUTO frame = BUF_WITH_LIMIT(65536);
    made_claims(key, &claims);
    if (report(psp_dir, &launch, buf_span(&claims), &bytes, err) < 0)
        return -1;
    made_hcl(HCL_SNP, buf_span(&bytes), buf_span(&claims), &frame);
    if (put("hcl.bin", buf_span(&frame), err) < 0 || make_td(buf_span(&claims), err) < 0)
        return -1;
    return make_quote(key, err);
}

static int make(const char *psp_dir, struct error *err)
{
    TEXT_AUTO aci = text_format("%s/aci", folder);
    if (!aci || dir_make_all(aci, 0755, err) < 0 || make_aci(psp_dir, err) < 0)
        return -1;
    EVP_PKEY *key = made_key("RSA");
    int outcome = make_hcl(psp_dir, key, err);
    EVP_PKEY_free(key);
    return outcome;
}

int main(int argc, char *argv[])
{
    struct error err = {0};
    if (argc != 3) {
        (void)fprintf(stderr, "usage: make_azure PSP_DIR DIR\n");
        return 2;
    }
    folder = argv[2];
    if (make(argv[1], &err) < 0) {
        (void)fprintf(stderr, "make_azure: %s\n", err.text);
        return 1;
    }
    return 0;
}
