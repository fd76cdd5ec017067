#include "service/own_evidence.h"

#include "base/base64.h"
#include "base/text.h"
#include "format/der.h"
#include "format/json.h"
#include "service/maa_claims.h"

#define ANSWER_MAX ((size_t)512 << 10)
#define RECORD_MAX CERTIFICATE_DER_MAX
#define SPKI_MAX   1024 /* bytes: an RSA key of 4096 bits has 550 */

/* The indicator of a conceptual message that is evidence (RFC 9999, the section on records). */
#define EVIDENCE "4"

/* The agent's answer, decoded. */
struct answer {
    struct buf report, chain;
    struct snp_certificates certificates;
};

static void answer_fini(struct answer *answer)
{
    buf_fini(&answer->report);
    buf_fini(&answer->chain);
    snp_certificates_fini(&answer->certificates);
}
#define ANSWER_AUTO __attribute__((cleanup(answer_fini))) struct answer

static int ask(const struct own_evidence *own, struct span spki, struct buf *out, struct error *err)
{
    BUF_AUTO body = BUF_WITH_LIMIT(4 * SPKI_MAX);
    TEXT_AUTO url = text_format("%s/attest/combined", own->url);
    if (!url)
        return error_memory(err);
    if (buf_append_text(&body, "{\"runtime_data\":\"", err) < 0 ||
        base64_encode(spki, &body, err) < 0 || buf_append_text(&body, "\"}", err) < 0)
        return -1;
    return own->post(url, buf_span(&body), out, err);
}

static int get_bytes(const json_t *object, const char *key, struct buf *out, struct error *err)
{
    const char *text;
    if (json_get_text(object, key, &text, err) < 0)
        return -1;
    return base64_decode(span_of_text(text), out, err) < 0 ? error_context(err, "%s", key) : 0;
}

static int read_answer(struct span text, struct answer *out, struct error *err)
{
    static const struct json_limits limits = {.size = ANSWER_MAX, .depth = 4};
    json_auto_t *object = json_parse_object(text, &limits, err);
    if (!object || get_bytes(object, "evidence", &out->report, err) < 0 ||
        get_bytes(object, "endorsements", &out->chain, err) < 0)
        return -1;
    return snp_certificates_add(&out->certificates, buf_span(&out->chain), err) < 0
               ? error_context(err, "endorsements")
               : 0;
}

static int verify(const struct own_evidence *own, const struct answer *answer, struct span spki,
                  int64_t now, struct error *err)
{
    uint8_t report_data[64] = {0};
    struct snp_appraisal appraisal;
    struct snp_result snp;
    maa_open_report(&appraisal);
    sha256_digest(spki, report_data);
    appraisal.report_data = report_data;
    appraisal.allow_debug = false; /* who may look into the machine has the key, too */
    if (snp_chains_verify(own->chains, &answer->certificates, buf_span(&answer->report), now,
                          &appraisal, &snp, err) < 0)
        return -1;
    return checks_verdict(&snp.checks) == VERDICT_ACCEPTED ? 0 : maa_refuse(&snp.checks, err);
}

/* The three certificates that count, whatever the agent's answer held besides and in what form. */
static int write_chain(const struct snp_certificates *certificates, struct buf *out,
                       struct error *err)
{
    struct span ders[SNP_CHAIN_LENGTH];
    BUF_AUTO pem = BUF_WITH_LIMIT(RECORD_MAX);
    if (snp_certificates_order(certificates, ders, err) < 0)
        return -1;
    for (size_t i = 0; i < SNP_CHAIN_LENGTH; i++) {
        if (certificate_der_to_pem(ders[i], &pem, err) < 0)
            return -1;
    }
    return base64url_encode(buf_span(&pem), out, err);
}

static int write_evidence(const struct answer *answer, struct buf *out, struct error *err)
{
    if (buf_append_text(out, "{\"SnpReport\":\"", err) < 0 ||
        base64url_encode(buf_span(&answer->report), out, err) < 0 ||
        buf_append_text(out, "\",\"VcekCertChain\":\"", err) < 0 ||
        write_chain(&answer->certificates, out, err) < 0)
        return -1;
    return buf_append_text(out, "\"}", err);
}

static int write_record(const struct answer *answer, struct buf *out, struct error *err)
{
    BUF_AUTO evidence = BUF_WITH_LIMIT(RECORD_MAX);
    BUF_AUTO record = BUF_WITH_LIMIT(RECORD_MAX);
    if (write_evidence(answer, &evidence, err) < 0 ||
        buf_append_text(&record, "[\"" OWN_EVIDENCE_TYPE "\",\"", err) < 0 ||
        base64url_encode(buf_span(&evidence), &record, err) < 0 ||
        buf_append_text(&record, "\"," EVIDENCE "]", err) < 0)
        return -1;
    return der_write(DER_UTF8_STRING, buf_span(&record), out, err);
}

int own_evidence_make(const struct own_evidence *own, struct span spki, int64_t now,
                      struct buf *out, struct error *err)
{
    BUF_AUTO text = BUF_WITH_LIMIT(ANSWER_MAX);
    ANSWER_AUTO answer = {.report = BUF_WITH_LIMIT(SNP_REPORT_SIZE),
                          .chain = BUF_WITH_LIMIT(SNP_CERTIFICATES_SIZE_MAX)};
    snp_certificates_init(&answer.certificates);
    if (ask(own, spki, &text, err) < 0 || read_answer(buf_span(&text), &answer, err) < 0 ||
        verify(own, &answer, spki, now, err) < 0 || write_record(&answer, out, err) < 0)
        return error_context(err, "the service's own evidence, of %s", own->url);
    return 0;
}
