#include "agent/context.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "evidence/certificate_table.h"
#include "format/json_string.h"
#include "format/security_context.h"

#define REPORTED_TCB_AT 0x180              /* AMD 56860, table 23 */
#define DOCUMENT_MAX    ((size_t)48 << 10) /* in base64 it is no larger than a secret */

const char *context_name(const char *resource)
{
    static const char before[] = SECURITY_CONTEXT_RESOURCE;
    return text_starts_with(resource, before) ? resource + sizeof before - 1 : NULL;
}

void context_tcb(struct span report, char hex[CONTEXT_TCB_SIZE])
{
    uint8_t big[8];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = report.data[REPORTED_TCB_AT + sizeof big - 1 - i];
    hex_encode(span_of(big, sizeof big), hex);
}

/* `count` certificates in PEM, as one text; those that are not there are left out. */
static int put_pem(const char *before, const struct span *certificates, size_t count,
                   struct buf *out, struct error *err)
{
    BUF_AUTO pem = BUF_WITH_LIMIT(DOCUMENT_MAX);
    for (size_t i = 0; i < count; i++) {
        if (certificates[i].size > 0 && certificate_der_to_pem(certificates[i], &pem, err) < 0)
            return -1;
    }
    return buf_append_text(out, before, err) < 0 ? -1
                                                 : json_append_string(out, buf_span(&pem), err);
}

/* As Azure's hosts write it, "THIM": evidence/thim.h. */
static int put_document(struct span report, const struct span found[CERTIFICATE_TABLE_PLACES],
                        struct buf *out, struct error *err)
{
    char tcb[CONTEXT_TCB_SIZE];
    context_tcb(report, tcb);
    if (put_pem("{\"vcekCert\":", found, 1, out, err) < 0 ||
        buf_printf(out, err, ",\"tcbm\":\"%s\"", tcb) < 0 ||
        put_pem(",\"certificateChain\":", found + 1, CERTIFICATE_TABLE_PLACES - 1, out, err) < 0)
        return -1;
    return buf_append_text(out, ",\"cacheControl\":\"0\"}", err);
}

/* The report is asked for its certificates and its TCB, and goes nowhere. */
static int put_certificates(enum exchange_tee tee, int starter, struct buf *out, struct error *err)
{
    BUF_AUTO report = BUF_WITH_LIMIT(EXCHANGE_REPORT_SIZE);
    BUF_AUTO table = BUF_WITH_LIMIT(EXCHANGE_MESSAGE_MAX);
    BUF_AUTO document = BUF_WITH_LIMIT(DOCUMENT_MAX);
    struct span found[CERTIFICATE_TABLE_PLACES] = {{0}};
    if (tee != EXCHANGE_SNP)
        return 0; /* an enclave's are in its quotes */
    if (link_report(starter, EXCHANGE_SHA256, span_of_text(SECURITY_CONTEXT_CERTIFICATES), &report,
                    &table, err) < 0 ||
        (table.size > 0 && certificate_table_read(buf_span(&table), found, err) < 0))
        return -1;
    if (found[0].size == 0)
        return 0;
    if (put_document(buf_span(&report), found, &document, err) < 0)
        return -1;
    return base64_encode(buf_span(&document), out, err);
}

static int put_policy(struct span policy, struct buf *out, struct error *err)
{
    if (policy.size == 0)
        return error_set(err, ERROR_LIMIT,
                         "the policy has more than the %zu bytes that a container can be given",
                         EXCHANGE_POLICY_MAX);
    return base64_encode(policy, out, err);
}

int context_bring(const struct agent_config *config, int starter, const char *name, struct buf *out,
                  struct error *err)
{
    int result = strcmp(name, SECURITY_CONTEXT_POLICY) == 0 ? put_policy(config->policy, out, err)
                 : strcmp(name, SECURITY_CONTEXT_CERTIFICATES) == 0
                     ? put_certificates(config->tee, starter, out, err)
                 : text_starts_with(name, SECURITY_CONTEXT_PREFIX)
                     ? buf_printf(out, err, "/%s", name)
                     : error_set(err, ERROR_NOT_FOUND, "there is no %.80s", name);
    return result < 0 ? error_context(err, "the container's security context") : 0;
}
